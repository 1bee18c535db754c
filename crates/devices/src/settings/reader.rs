//! TOML as the settings want it: typed access to known keys, and a message for everything that does not fit.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use frisson_program::language::{Diagnostic, Severity};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// More are not worth reading.
const MOST: usize = 50;

/// Collects what is wrong with a file.
#[derive(Debug)]
pub(super) struct Report<'t> {
    origin: Arc<str>,
    text: &'t str,
    /// Where the lines begin.
    lines: Vec<usize>,
    found: Vec<Diagnostic>,
    /// Where in the text something was found.
    places: Vec<usize>,
}

impl<'t> Report<'t> {
    pub(super) fn new(origin: &str, text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { origin: origin.into(), text, lines, found: Vec::new(), places: Vec::new() }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Notes that the file cannot be used.
    pub(super) fn fail(&mut self, at: usize, message: impl Into<String>, help: &str) {
        self.add(Severity::Error, at, message.into(), help);
    }

    /// Notes that something in the file does not count.
    pub(super) fn warn(&mut self, at: usize, message: impl Into<String>, help: &str) {
        self.add(Severity::Warning, at, message.into(), help);
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// Where a line begins, counted from 1.
    pub(super) fn start_of(&self, line: usize) -> usize {
        line.checked_sub(1).and_then(|before| self.lines.get(before)).copied().unwrap_or(0)
    }

    /// Whether something was found in this part of the text.
    pub(super) fn is_odd(&self, part: &Range<usize>) -> bool {
        self.places.iter().any(|at| part.contains(at))
    }

    /// All that was found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|one| (one.line, one.column));
        let more = self.found.len().saturating_sub(MOST);
        self.found.truncate(MOST);
        if more > 0 {
            self.found.push(Diagnostic {
                origin: self.origin,
                line: 0,
                column: 0,
                severity: Severity::Warning,
                message: format!("{more} more like these"),
                help: None,
            });
        }
        self.found
    }

    fn add(&mut self, severity: Severity, at: usize, message: String, help: &str) {
        let line = self.line(at);
        let column = self.text.get(self.start_of(line)..at).map_or(0, |before| before.chars().count()) + 1;
        let help = (!help.is_empty()).then(|| help.to_owned());
        self.places.push(at);
        self.found.push(Diagnostic { origin: self.origin.clone(), line, column, severity, message, help });
    }
}

/// A table whose keys have been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'t> {
    map: &'t DeTable<'t>,
    pub(super) at: usize,
}

impl<'t> Table<'t> {
    /// A table with these keys. Others are reported.
    pub(super) fn new(map: &'t DeTable<'t>, at: usize, known: &[&str], report: &mut Report<'_>) -> Self {
        for (key, _) in map.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let shown: String = key.get_ref().chars().take(40).collect();
            let help = format!("the keys here are {}", known.join(", "));
            report.warn(key.span().start, format!("the key `{shown}` is not known and has no effect"), &help);
        }
        Self { map, at }
    }

    /// A value as a table with these keys.
    pub(super) fn open(
        value: &'t Value<'t>,
        name: &str,
        known: &[&str],
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let at = value.span().start;
        match value.get_ref().as_table() {
            Some(map) => Some(Self::new(map, at, known, report)),
            None => {
                wrong_type(value, &format!("`{name}` is a table"), "", report);
                None
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Value<'t>> {
        self.map.get(key)
    }

    /// The place of a value, or else of the table.
    pub(super) fn place_of(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |value| value.span().start)
    }

    pub(super) fn text(&self, key: &str, report: &mut Report<'_>) -> Option<&'t str> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            wrong_type(value, &format!("`{key}` is a string"), "put it between quotation marks", report);
        }
        text
    }

    pub(super) fn flag(&self, key: &str, report: &mut Report<'_>) -> bool {
        let Some(value) = self.get(key) else { return false };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong_type(
                value,
                &format!("`{key}` is true or false"),
                "write it without quotation marks",
                report,
            );
        }
        flag.unwrap_or(false)
    }

    pub(super) fn number(
        &self,
        key: &str,
        allowed: RangeInclusive<i64>,
        report: &mut Report<'_>,
    ) -> Option<i64> {
        number(self.get(key)?, key, &allowed, report)
    }

    /// Two numbers, the lower one first.
    pub(super) fn pair(
        &self,
        key: &str,
        allowed: RangeInclusive<i64>,
        report: &mut Report<'_>,
    ) -> Option<(i64, i64)> {
        let value = self.get(key)?;
        let mut ends = value.get_ref().as_array().into_iter().flat_map(|array| array.iter());
        let (Some(low), Some(high), None) = (ends.next(), ends.next(), ends.next()) else {
            wrong_type(
                value,
                &format!("`{key}` is a list of two numbers"),
                &format!("e.g. {key} = [0, 12]"),
                report,
            );
            return None;
        };
        let low = number(low, key, &allowed, report);
        Some((low?, number(high, key, &allowed, report)?))
    }
}

fn number(
    value: &Value<'_>,
    key: &str,
    allowed: &RangeInclusive<i64>,
    report: &mut Report<'_>,
) -> Option<i64> {
    let Some(integer) = value.get_ref().as_integer() else {
        wrong_type(value, &format!("`{key}` is a whole number"), "", report);
        return None;
    };
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let fitting = number.filter(|number| allowed.contains(number));
    if fitting.is_none() {
        let message = format!("`{key}` lies between {} and {}", allowed.start(), allowed.end());
        report.warn(value.span().start, message, "");
    }
    fitting
}

fn wrong_type(value: &Value<'_>, wanted: &str, help: &str, report: &mut Report<'_>) {
    let is = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = match value.get_ref() {
        DeValue::Array(_) if wanted.contains("list") => wanted.to_owned(),
        _ => format!("{wanted}, not {is}"),
    };
    report.warn(value.span().start, message, help);
}
