//! What can be read or heard.

use std::time::Duration;

use frisson_wire::InputKind;

use super::super::definition::{InputRule, Means, Target};
use super::super::names::{CaptureKind, Level, Names, output_index};
use super::super::pattern::Pattern;
use super::super::schema::{ASK, INPUT, INPUTS};
use super::Reader;
use super::models::input_name;
use super::node::{self, Table, Value};
use crate::Endpoint;

/// More entries are refused.
const MOST: usize = 32;

/// How long an answer is waited for where the file does not say.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What `battery = "ble"` reads.
pub(in super::super) const BATTERY: &str = "rxblebattery";

impl Reader<'_, '_> {
    pub(in super::super) fn inputs(&mut self, top: &Table<'_>) -> Vec<InputRule> {
        let mut rules = Vec::new();
        for table in top.tables("inputs", &INPUTS, MOST, self.report) {
            let at = self.indices(&table, "at");
            let variants = self.words(&table, "variant");
            let mut any = false;
            for kind in InputKind::ALL {
                let Some(value) = table.get(input_name(kind)) else { continue };
                any = true;
                let rule = self.input_rule(kind, value);
                rules.extend(rule.map(|rule| InputRule {
                    at: at.clone(),
                    variants: variants.clone(),
                    ..rule
                }));
            }
            if !any {
                let help = "e.g. battery = \"ble\"".to_owned();
                self.report.error(table.place(self.report), "no input is named", Some(help));
            }
        }
        rules
    }

    fn input_rule(&mut self, kind: InputKind, value: &Value<'_>) -> Option<InputRule> {
        let place = self.report.place(value.span().start);
        if value.get_ref().as_str().is_some() {
            return self.standard(kind, value);
        }
        let table = Table::open(value, &INPUT, self.report)?;
        let (means, is_text) = match table.one_of(&["read", "ask", "notify"], self.report)? {
            "read" => (Means::Read(self.endpoint(&table, "read")?), false),
            "notify" => (Means::Notify(self.endpoint(&table, "notify")?), false),
            _ => self.question(&table)?,
        };
        let names = Names { of_input: true, ..Names::default() };
        let outer = std::mem::replace(&mut self.names, names);
        let pattern = self.pattern(&table, is_text);
        let names = std::mem::replace(&mut self.names, outer);
        let (pattern, decode) = pattern?;
        let numbers = names.captures.iter().all(|capture| matches!(capture.kind, CaptureKind::Number(..)));
        let unnamed = names.captures.iter().filter(|capture| output_index(&capture.name).is_none()).count();
        if !numbers || names.captures.is_empty() || unnamed > 1 {
            let help = "one number is captured, e.g. {level} or {level:int}; or one per feature: {v0}, {v1}"
                .to_owned();
            self.report.error(place, "it is not clear what the value is", Some(help));
            return None;
        }
        if table.has("on_change") && !matches!(means, Means::Notify(_)) {
            table.refuse(&["on_change"], "read` or `ask", self.report);
        }
        if matches!(means, Means::Read(_)) {
            table.refuse(&["timeout"], "read", self.report);
        }
        Some(InputRule {
            kind,
            at: None,
            variants: Vec::new(),
            means,
            pattern,
            decode,
            map: self.map(&table),
            on_change: table.flag("on_change", self.report).unwrap_or(false),
            timeout: table.millis("timeout", 50..=4500, self.report).unwrap_or(TIMEOUT),
            captures: names.captures.into_iter().map(|capture| capture.name).collect(),
            place,
        })
    }

    /// The standard battery characteristic: its first byte is percent.
    fn standard(&mut self, kind: InputKind, value: &Value<'_>) -> Option<InputRule> {
        let place = self.report.place(value.span().start);
        let text = node::text(value, input_name(kind), self.report)?;
        if kind != InputKind::Battery || text.value != "ble" {
            let help =
                "battery = \"ble\" is the standard characteristic; everything else is a table".to_owned();
            self.report.error(place, "this says nothing", Some(help));
            return None;
        }
        let endpoint = Endpoint::new(BATTERY).ok().filter(|endpoint| self.names.endpoints.contains(endpoint));
        let Some(endpoint) = endpoint else {
            let help = format!("services.180f.{BATTERY} = \"2a19\"");
            self.report.error(place, format!("no service declares the endpoint `{BATTERY}`"), Some(help));
            return None;
        };
        Some(InputRule {
            kind,
            at: None,
            variants: Vec::new(),
            means: Means::Read(endpoint),
            pattern: Pattern::first_byte(),
            decode: None,
            map: None,
            on_change: false,
            timeout: TIMEOUT,
            captures: vec!["level".to_owned()],
            place,
        })
    }

    /// A question whose answer is a notification.
    fn question(&mut self, table: &Table<'_>) -> Option<(Means, bool)> {
        let ask = table.table("ask", &ASK, self.report)?;
        ask.refuse(&["every", "tries"], "ask` of an input", self.report);
        let write = self.write(&ask, "hex", Level::Setup)?;
        let on = match ask.has("on") {
            true => self.endpoint(&ask, "on")?,
            false => self.default_endpoint(Endpoint::RX, "on", &ask),
        };
        if !matches!(write.to, Target::Endpoint(_)) {
            let place = ask.place_of("to", self.report);
            self.report.error(place, "a question is written to one endpoint", None);
        }
        Some((Means::Ask(Box::new(write), on), ask.has("text")))
    }

    fn map(&mut self, table: &Table<'_>) -> Option<Vec<i64>> {
        table.has("map").then(|| {
            let values = table.values("map");
            let mut number = |value| node::number(value, "map", -0x7FFF_FFFF..=0x7FFF_FFFF, self.report);
            values.into_iter().take(256).filter_map(&mut number).collect()
        })
    }
}
