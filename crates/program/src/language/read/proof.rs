//! The file's own proof.

use std::time::Duration;

use frisson_wire::{InputKind, OutputKind};

use super::super::diagnostic::Place;
use super::super::names::kind_named;
use super::super::schema::{MANUFACTURER, STEP, TEST};
use super::super::vectors::test::{Act, Step, Test};
use super::super::vectors::{parse_heard, parse_operation};
use super::Reader;
use super::models::input_name;
use super::node::{self, Table, Text, Value};

/// More tests are refused.
const MOST_TESTS: usize = 1000;

/// More steps of one test are refused.
const MOST_STEPS: usize = 200;

impl Reader<'_, '_> {
    pub(in super::super) fn tests(&mut self, top: &Table<'_>) -> Vec<Test> {
        let tables = top.tables("tests", &TEST, MOST_TESTS, self.report);
        if tables.is_empty() && !self.extends {
            let help = "e.g. [[tests]] steps = [{ set = [[0, 10]], sends = [\"tx 0A\"] }]".to_owned();
            let place = Place { line: 1, column: 1 };
            self.report.error(place, "the file has no `[[tests]]`: nothing shows that it works", Some(help));
        }
        tables.iter().map(|table| self.test(table)).collect()
    }

    fn test(&mut self, table: &Table<'_>) -> Test {
        if table.has("model") {
            table.refuse(&["name", "manufacturer"], "model", self.report);
        }
        let own = table.has("features").then(|| {
            table.refuse(&["model", "name", "manufacturer", "becomes"], "features", self.report);
            // No device can have this key.
            self.own_model(table, "\u{0}".to_owned())
        });
        if own.is_none() {
            for key in ["variant", "set"].iter().filter(|key| table.has(key)) {
                let help =
                    "they belong to a model that only the test has: features = [{ vibrate = 9 }]".to_owned();
                let place = table.place_of(key, self.report);
                self.report.error(place, format!("`{key}` has no meaning without `features`"), Some(help));
            }
        }
        if table.has("script") {
            table.refuse(&["init"], "script", self.report);
        }
        let manufacturer = table.tables("manufacturer", &MANUFACTURER, 16, self.report);
        let manufacturer = manufacturer.iter().filter_map(|one| {
            one.refuse(&["length"], "data` of a test", self.report);
            let company = self.company(one)?;
            let data = one.text("data", self.report)?;
            Some((company, self.plain_bytes(&data)?))
        });
        let manufacturer = manufacturer.collect();
        let has = table.has("has").then(|| {
            let texts = table.texts("has", self.report);
            texts.iter().filter_map(|text| self.declared(&text.value, text)).collect()
        });
        let script = table.tables("script", &STEP, MOST_STEPS, self.report);
        let steps = table.tables("steps", &STEP, MOST_STEPS, self.report);
        if steps.is_empty() && script.is_empty() {
            let help = "steps = [{ set = [[0, 10]], sends = [\"tx 0A\"] }]".to_owned();
            self.report.error(table.place(self.report), "the test tests nothing", Some(help));
        }
        Test {
            model: table.word("model", self.report),
            own,
            name: table.word("name", self.report),
            manufacturer,
            has,
            init: table.has("init").then(|| self.operations(table, "init")),
            script: table
                .has("script")
                .then(|| script.iter().filter_map(|step| self.test_step(step, true)).collect()),
            becomes: table.word("becomes", self.report),
            steps: steps.iter().filter_map(|step| self.test_step(step, false)).collect(),
            place: table.place(self.report),
        }
    }

    fn test_step(&mut self, table: &Table<'_>, greeting: bool) -> Option<Step> {
        let acts = ["set", "stop", "wait", "read", "listen", "unlisten"];
        if greeting {
            table.refuse(
                &["set", "ms", "stop", "read", "listen", "unlisten", "gives"],
                "script",
                self.report,
            );
        }
        let act = match acts.iter().any(|act| table.has(act)) {
            true => table.one_of(&acts, self.report)?,
            false => "",
        };
        if table.has("ms") && act != "set" {
            table.refuse(&["ms"], act, self.report);
        }
        let act = match act {
            "set" => {
                let duration = table.millis("ms", 0..=10_000_000, self.report);
                Act::Set(self.values_set(table), duration.unwrap_or(Duration::ZERO))
            }
            "stop" => {
                if table.flag("stop", self.report) == Some(false) {
                    self.report.error(table.place_of("stop", self.report), "`stop` is true", None);
                }
                Act::Stop
            }
            "wait" => Act::Wait(table.millis("wait", 0..=600_000, self.report)?),
            "read" => self.input_named(table, "read").map(|(feature, kind)| Act::Read(feature, kind))?,
            "" => Act::Nothing,
            key => self
                .input_named(table, key)
                .map(|(feature, kind)| Act::Listen(feature, kind, key == "listen"))?,
        };
        let heard = table.texts("hears", self.report);
        Some(Step {
            act,
            hears: heard.iter().filter_map(|text| self.notation(text, parse_heard)).collect(),
            sends: self.operations(table, "sends"),
            gives: self.gives(table),
            notice: table.word("notice", self.report),
            fails: table.word("fails", self.report),
            place: table.place(self.report),
        })
    }

    fn operations(&mut self, table: &Table<'_>, key: &str) -> Vec<crate::Operation> {
        let texts = table.texts(key, self.report);
        texts.iter().filter_map(|text| self.notation(text, parse_operation)).collect()
    }

    fn notation<T>(&mut self, text: &Text, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        parse(&text.value)
            .map_err(|message| self.report.error(text.place(0, self.report), message, None))
            .ok()
    }

    /// `set = [[0, 64], [1, "oscillate", 5]]`
    fn values_set(&mut self, table: &Table<'_>) -> Vec<(u32, Option<OutputKind>, i32)> {
        let mut all = Vec::new();
        for value in table.values("set") {
            let parts: Vec<&Value<'_>> = value.get_ref().as_array().into_iter().flatten().collect();
            let found = match parts.as_slice() {
                [feature, number] => self.value_set(feature, None, number),
                [feature, kind, number] => self.value_set(feature, Some(kind), number),
                _ => {
                    node::wrong_type(
                        value,
                        "`set` is a list of `[feature, value]` or `[feature, \"kind\", value]`",
                        self.report,
                    );
                    None
                }
            };
            all.extend(found);
        }
        all
    }

    fn value_set(
        &mut self,
        feature: &Value<'_>,
        kind: Option<&Value<'_>>,
        number: &Value<'_>,
    ) -> Option<(u32, Option<OutputKind>, i32)> {
        let feature = u32::try_from(node::number(feature, "set", 0..=255, self.report)?).ok()?;
        let kind = match kind {
            None => None,
            Some(value) => {
                let text = node::text(value, "set", self.report)?;
                let kind = kind_named(&text.value);
                if kind.is_none() {
                    let shown: String = text.value.chars().take(40).collect();
                    let place = text.place(0, self.report);
                    self.report.error(place, format!("there is no kind of output `{shown}`"), None);
                }
                Some(kind?)
            }
        };
        let number = node::number(number, "set", -0x7FFF_FFFF..=0x7FFF_FFFF, self.report)?;
        Some((feature, kind, i32::try_from(number).ok()?))
    }

    /// `"battery"` or `[2, "battery"]`
    fn input_named(&mut self, table: &Table<'_>, key: &str) -> Option<(Option<u32>, InputKind)> {
        let value = table.get(key)?;
        let parts: Vec<&Value<'_>> = value.get_ref().as_array().into_iter().flatten().collect();
        let (feature, name) = match parts.as_slice() {
            [feature, name] => (u32::try_from(node::number(feature, key, 0..=255, self.report)?).ok(), *name),
            _ => (None, value),
        };
        let text = node::text(name, key, self.report)?;
        let kind = InputKind::ALL.into_iter().find(|kind| input_name(*kind) == text.value);
        if kind.is_none() {
            let message = format!("`{key}` is \"battery\", \"pressure\", \"rssi\" or \"button\"");
            self.report.error(
                text.place(0, self.report),
                message,
                Some(format!("or e.g. {key} = [2, \"battery\"]")),
            );
        }
        Some((feature, kind?))
    }

    /// `62`, or `[[0, 120], [1, 340]]`
    fn gives(&mut self, table: &Table<'_>) -> Vec<(Option<u32>, i64)> {
        let mut all = Vec::new();
        let any = i64::MIN..=i64::MAX;
        for value in table.values("gives") {
            let parts: Vec<&Value<'_>> = value.get_ref().as_array().into_iter().flatten().collect();
            let found = match parts.as_slice() {
                [feature, number] => node::number(feature, "gives", 0..=255, self.report)
                    .and_then(|feature| u32::try_from(feature).ok())
                    .zip(node::number(number, "gives", any.clone(), self.report))
                    .map(|(feature, number)| (Some(feature), number)),
                _ => node::number(value, "gives", any.clone(), self.report).map(|number| (None, number)),
            };
            all.extend(found);
        }
        all
    }
}
