//! JSON as the import wants it: typed access to what is there, and a message for everything that does not fit.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use frisson_program::language::{Diagnostic, Severity};
use serde_json::Value;

/// More are not worth reading.
const MOST: usize = 50;

/// Collects what cannot be taken over.
#[derive(Debug)]
pub(super) struct Log {
    origin: Arc<str>,
    /// The device or protocol at hand.
    pub(super) about: String,
    found: Vec<Diagnostic>,
    more: usize,
}

impl Log {
    pub(super) fn new(origin: &str) -> Self {
        Self { origin: origin.into(), about: String::new(), found: Vec::new(), more: 0 }
    }

    pub(super) fn warn(&mut self, at: &Node<'_>, message: impl fmt::Display) {
        let about = &self.about;
        self.add(format!("{about}`{at}`: {message}"));
    }

    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        if let more @ 1.. = std::mem::take(&mut self.more) {
            self.found.truncate(MOST);
            self.push(format!("{more} more like these"));
        }
        self.found
    }

    fn add(&mut self, message: String) {
        if self.found.len() < MOST { self.push(message) } else { self.more += 1 }
    }

    fn push(&mut self, message: String) {
        let (origin, severity) = (self.origin.clone(), Severity::Warning);
        self.found.push(Diagnostic { origin, line: 0, column: 0, severity, message, help: None });
    }
}

/// A value of the file, and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Node<'j> {
    value: &'j Value,
    path: String,
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl<'j> Node<'j> {
    pub(super) fn root(value: &'j Value) -> Self {
        Self { value, path: String::new() }
    }

    fn below(&self, key: &str, value: &'j Value) -> Self {
        let key = short(key);
        let path = if self.path.is_empty() { key } else { format!("{}.{key}", self.path) };
        Self { value, path }
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }

    /// What stands under a key. `null` is as good as nothing.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(self.below(key, value))
    }

    /// The members of an object.
    pub(super) fn members(&self, log: &mut Log) -> Vec<(&'j str, Self)> {
        match self.value.as_object() {
            Some(map) => map.iter().map(|(key, value)| (key.as_str(), self.below(key, value))).collect(),
            None => {
                self.wrong("an object", log);
                Vec::new()
            }
        }
    }

    /// The items of a list.
    pub(super) fn items(&self, log: &mut Log) -> Vec<Self> {
        let Some(list) = self.value.as_array() else {
            self.wrong("a list", log);
            return Vec::new();
        };
        let items = list.iter().enumerate();
        items.map(|(at, value)| Self { value, path: format!("{}[{at}]", self.path) }).collect()
    }

    /// The items of the list under a key; none if there is no such key.
    pub(super) fn list(&self, key: &str, log: &mut Log) -> Vec<Self> {
        self.get(key).map(|node| node.items(log)).unwrap_or_default()
    }

    /// The strings of the list under a key, or the one that stands there.
    pub(super) fn texts(&self, key: &str, log: &mut Log) -> Vec<(String, Self)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let nodes = if node.value.is_string() { vec![node] } else { node.items(log) };
        nodes.into_iter().filter_map(|node| Some((node.as_text(log)?, node))).collect()
    }

    pub(super) fn text_if_any(&self) -> Option<&'j str> {
        self.value.as_str()
    }

    pub(super) fn as_text(&self, log: &mut Log) -> Option<String> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong("a string", log);
        }
        text.map(str::to_owned)
    }

    pub(super) fn text(&self, key: &str, log: &mut Log) -> Option<String> {
        self.get(key)?.as_text(log)
    }

    pub(super) fn flag(&self, key: &str, log: &mut Log) -> bool {
        let Some(node) = self.get(key) else { return false };
        let flag = node.value.as_bool();
        if flag.is_none() {
            node.wrong("true or false", log);
        }
        flag.unwrap_or(false)
    }

    pub(super) fn as_number(&self, allowed: &RangeInclusive<i64>, log: &mut Log) -> Option<i64> {
        let number = self.value.as_i64().filter(|number| allowed.contains(number));
        if number.is_none() {
            self.wrong(&format!("a whole number from {} to {}", allowed.start(), allowed.end()), log);
        }
        number
    }

    pub(super) fn number(&self, key: &str, allowed: RangeInclusive<i64>, log: &mut Log) -> Option<i64> {
        self.get(key)?.as_number(&allowed, log)
    }

    /// Two numbers, the lower one first.
    pub(super) fn as_pair(&self, allowed: &RangeInclusive<i64>, log: &mut Log) -> Option<(i64, i64)> {
        let ends = self.items(log);
        let [low, high] = ends.as_slice() else {
            if self.value.is_array() {
                self.wrong("a list of two numbers", log);
            }
            return None;
        };
        let (low, high) = (low.as_number(allowed, log)?, high.as_number(allowed, log)?);
        if low > high {
            log.warn(self, format!("[{low}, {high}] ends before it begins; it is left out"));
        }
        (low <= high).then_some((low, high))
    }

    fn wrong(&self, wanted: &str, log: &mut Log) {
        let is = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(is) => is.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("{:?}", short(text)),
            Value::Array(list) => format!("a list of {}", list.len()),
            Value::Object(_) => "an object".to_owned(),
        };
        log.warn(self, format!("{wanted} is expected, not {is}; it is left out"));
    }
}

/// A text as it can be shown.
pub(super) fn short(text: &str) -> String {
    let end = if text.chars().nth(60).is_some() { "…" } else { "" };
    text.chars()
        .take(60)
        .map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter })
        .chain(end.chars())
        .collect()
}
