//! From TOML to a definition. Each module reads the tables that it is named after.

mod buses;
mod greeting;
mod inputs;
pub(super) mod models;
pub(super) mod node;
mod packets;
mod proof;

use std::collections::BTreeMap;

use self::node::{Table, Text};
use super::definition::{Answer, Target, Write};
use super::diagnostic::{Report, closest};
use super::names::{Level, Names, list};
use super::native::Transform;
use super::pattern::Pattern;
use super::template::{Maker, Part, Template};
use crate::Endpoint;

/// Reads one file.
pub(super) struct Reader<'r, 't> {
    pub(super) report: &'r mut Report<'t>,
    pub(super) names: Names,
    /// What constants are in models that do not set them, in the order of the names.
    pub(super) defaults: Vec<Option<i64>>,
    parts: BTreeMap<String, Part>,
    /// Whether writes are confirmed that do not say.
    confirm: bool,
    /// Whether the file extends another one.
    pub(super) extends: bool,
    /// Whether an endpoint has been listened to by this step of the greeting.
    listens: bool,
    /// Whether something captures the key of the model.
    knows_model: bool,
    /// Whether `there` means something by this step of the greeting.
    there: bool,
}

impl<'r, 't> Reader<'r, 't> {
    pub(super) fn new(report: &'r mut Report<'t>, names: Names) -> Self {
        Self {
            report,
            names,
            defaults: Vec::new(),
            parts: BTreeMap::new(),
            confirm: false,
            extends: false,
            listens: false,
            knows_model: false,
            there: false,
        }
    }

    /// Whether somebody has seen the bytes work.
    pub(super) fn proof(&mut self, top: &Table<'_>) -> bool {
        let Some(text) = top.text("proof", self.report) else { return true };
        if text.value != "unproven" {
            let help = "without `proof`, the file claims that its bytes have been seen to work".to_owned();
            let place = text.place(0, self.report);
            self.report.error(place, "`proof` is \"unproven\" or is left out", Some(help));
        }
        false
    }

    /// How writes are made that do not say.
    pub(super) fn confirm(&mut self, top: &Table<'_>) {
        self.confirm = top.flag("confirm", self.report).unwrap_or(false);
    }

    /// A packet of `hex` or `text`, and how it is written.
    fn write(&mut self, table: &Table<'_>, hex: &'static str, level: Level) -> Option<Write> {
        let key = table.one_of(&[hex, "text"], self.report)?;
        let text = table.text(key, self.report)?;
        let template = self.template(&text, key == "text", level);
        let to = match table.has("to") {
            true => self.target(table, "to").unwrap_or(Target::Endpoint(Endpoint::TX)),
            false => Target::Endpoint(self.default_endpoint(Endpoint::TX, "to", table)),
        };
        Some(Write {
            template,
            to,
            confirm: table.flag("confirm", self.report).unwrap_or(self.confirm),
            encode: self.transform(table, "encode"),
        })
    }

    fn template(&mut self, text: &Text, is_text: bool, level: Level) -> Template {
        Maker { names: &self.names, parts: &self.parts, report: self.report }.template(text, is_text, level)
    }

    /// `tx`, or `whitelist | generic0` for the first that the device has, or `there`.
    fn target(&mut self, table: &Table<'_>, key: &str) -> Option<Target> {
        let text = table.text(key, self.report)?;
        if text.value.trim() == "there" {
            if !self.there {
                let place = text.place(0, self.report);
                let help =
                    "a step before has to choose, e.g. subscribe = \"whitelist | generic0\"".to_owned();
                self.report.error(place, "`there` means nothing yet", Some(help));
            }
            return Some(Target::There);
        }
        let names: Vec<_> = text.value.split('|').map(str::trim).collect();
        if names.len() > 8 {
            self.report.error(text.place(0, self.report), "more than 8 endpoints to choose from", None);
            return None;
        }
        let endpoints: Vec<_> = names.iter().filter_map(|name| self.declared(name, &text)).collect();
        match endpoints.as_slice() {
            [] => None,
            [only] if names.len() == 1 => Some(Target::Endpoint(*only)),
            _ => {
                self.there = true;
                Some(Target::First(endpoints.into()))
            }
        }
    }

    /// One endpoint.
    fn endpoint(&mut self, table: &Table<'_>, key: &str) -> Option<Endpoint> {
        let text = table.text(key, self.report)?;
        self.declared(text.value.trim(), &text)
    }

    fn declared(&mut self, name: &str, text: &Text) -> Option<Endpoint> {
        let known = self.names.endpoints.iter().find(|endpoint| endpoint.name() == name);
        if known.is_none() {
            let shown: String = name.chars().take(40).collect();
            let names = || self.names.endpoints.iter().map(Endpoint::name);
            let help = match closest(&shown, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("endpoints of this file: {}; declare others in `services`", list(names())),
            };
            let place = text.place(0, self.report);
            self.report.error(place, format!("no service declares the endpoint `{shown}`"), Some(help));
        }
        known.copied()
    }

    /// The endpoint that is meant where a key is left out.
    fn default_endpoint(&mut self, endpoint: Endpoint, key: &str, table: &Table<'_>) -> Endpoint {
        if !self.names.endpoints.contains(&endpoint) {
            let names = list(self.names.endpoints.iter().map(Endpoint::name));
            let message = format!("no service declares the endpoint `{endpoint}`");
            let help = format!("say which one is meant with `{key}`; endpoints of this file: {names}");
            self.report.error(table.place(self.report), message, Some(help));
        }
        endpoint
    }

    fn transform(&mut self, table: &Table<'_>, key: &str) -> Option<Transform> {
        let text = table.text(key, self.report)?;
        let known = Transform::named(&text.value);
        if known.is_none() {
            let names = list(Transform::ALL.iter().map(|transform| transform.name()));
            let shown: String = text.value.chars().take(40).collect();
            let place = text.place(0, self.report);
            self.report.error(
                place,
                format!("there is no transform `{shown}`"),
                Some(format!("transforms: {names}")),
            );
        }
        known
    }

    /// The pattern of `expect` (bytes, or text where the question is text) or `expect_text`.
    fn pattern(&mut self, table: &Table<'_>, text_by_default: bool) -> Option<(Pattern, Option<Transform>)> {
        let key = table.one_of(&["expect", "expect_text"], self.report)?;
        let text = table.text(key, self.report)?;
        let is_text = key == "expect_text" || text_by_default;
        let pattern = Pattern::parse(&text, is_text, &mut self.names, self.report)?;
        Some((pattern, self.transform(table, "decode")))
    }

    /// The pattern and where the answer comes from.
    fn answer(&mut self, table: &Table<'_>, text_by_default: bool) -> Option<Answer> {
        let on = if table.has("on") { self.target(table, "on")? } else { Target::Heard };
        let (pattern, decode) = self.pattern(table, text_by_default)?;
        Some(Answer { on, pattern, decode })
    }

    /// A list of feature indices.
    fn indices(&mut self, table: &Table<'_>, key: &str) -> Option<Vec<u32>> {
        table.has(key).then(|| {
            let values = table.values(key);
            let index =
                |value| node::number(value, key, 0..=255, self.report).and_then(|n| u32::try_from(n).ok());
            values.into_iter().filter_map(index).collect()
        })
    }

    fn words(&mut self, table: &Table<'_>, key: &str) -> Vec<String> {
        table.texts(key, self.report).into_iter().map(|text| text.value).collect()
    }
}
