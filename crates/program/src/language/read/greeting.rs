//! What happens between connecting and the first command: finding out the model, then the steps of the set-up.

use std::time::Duration;

use super::super::definition::{Act, Action, Answer, Arm, Condition, Identify, Rule, Source, Step, Target};
use super::super::expr::Binary;
use super::super::names::{CaptureKind, Level};
use super::super::native::Transform;
use super::super::pattern::Pattern;
use super::super::schema::{ARM, ASK, DO, IDENTIFY, INIT, MANUFACTURER};
use super::Reader;
use super::node::{self, Table, Text, entries};
use crate::Endpoint;

/// More ways to identify, steps, arms or acts are refused.
const MOST: usize = 64;

/// How long an answer is waited for where the file does not say.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No wait may be longer: a greeting as a whole has two minutes.
const LONGEST_WAIT: i64 = 110_000;

impl Reader<'_, '_> {
    pub(in super::super) fn identify(&mut self, top: &Table<'_>) -> Vec<Identify> {
        let tables = top.tables("identify", &IDENTIFY, MOST, self.report);
        tables.iter().filter_map(|table| self.way(table)).collect()
    }

    fn way(&mut self, table: &Table<'_>) -> Option<Identify> {
        let key = table.one_of(&["name", "manufacturer", "read", "ask"], self.report)?;
        let (source, pattern, decode) = match key {
            "name" => {
                table.refuse(&["expect", "expect_text", "decode"], "name", self.report);
                let text = table.text("name", self.report)?;
                (Source::Name, Pattern::parse(&text, true, &mut self.names, self.report)?, None)
            }
            "manufacturer" => {
                table.refuse(&["expect", "expect_text"], "manufacturer", self.report);
                let inner = table.table("manufacturer", &MANUFACTURER, self.report)?;
                inner.refuse(&["length"], "data` with captures", self.report);
                let company = self.company(&inner)?;
                let Some(text) = inner.text("data", self.report) else {
                    let help = "e.g. data = \"{model:u32be}\"".to_owned();
                    self.report.error(
                        inner.place(self.report),
                        "nothing is taken out of the data",
                        Some(help),
                    );
                    return None;
                };
                let pattern = Pattern::parse(&text, false, &mut self.names, self.report)?;
                (Source::Manufacturer(company), pattern, self.transform(table, "decode"))
            }
            "read" => {
                let target = self.target(table, "read")?;
                let (pattern, decode) = self.pattern(table, false)?;
                (Source::Read(target), pattern, decode)
            }
            _ => self.ask(table)?,
        };
        let rules = self.rules(table);
        let is = table.word("is", self.report);
        let yields = pattern.captures().any(|at| {
            self.names.captures.get(usize::from(at)).is_some_and(|capture| capture.name == "model")
        });
        if !yields && is.is_none() && rules.is_empty() {
            let help = "capture it as `{model}`, or say `is = \"KEY\"`".to_owned();
            self.report.error(table.place(self.report), "this does not say which model it is", Some(help));
        }
        Some(Identify { source, pattern, decode, rules, is })
    }

    fn ask(&mut self, table: &Table<'_>) -> Option<(Source, Pattern, Option<Transform>)> {
        let ask = table.table("ask", &ASK, self.report)?;
        let write = self.write(&ask, "hex", Level::Identify)?;
        let on = match ask.has("on") {
            true => self.target(&ask, "on")?,
            false => Target::Endpoint(self.default_endpoint(Endpoint::RX, "on", &ask)),
        };
        let (pattern, decode) = self.pattern(table, ask.has("text"))?;
        let every = ask.millis("every", 10..=10_000, self.report).unwrap_or(Duration::from_millis(500));
        let tries = ask.number("tries", 1..=100, self.report).and_then(|tries| u32::try_from(tries).ok());
        let tries = tries.unwrap_or(1);
        if every.saturating_mul(tries).as_millis() > u128::try_from(LONGEST_WAIT).unwrap_or(0) {
            let place = ask.place(self.report);
            self.report.error(place, format!("`every` times `tries` is more than {LONGEST_WAIT} ms"), None);
        }
        Some((Source::Ask { write, on, every, tries }, pattern, decode))
    }

    /// `rules = [{ model = "EI", firmware = ">=3", is = "EI-FW3" }]`
    fn rules(&mut self, table: &Table<'_>) -> Vec<Rule> {
        let values = table.values("rules");
        if values.len() > MOST {
            self.report.error(table.place_of("rules", self.report), format!("more than {MOST} rules"), None);
            return Vec::new();
        }
        let mut rules = Vec::new();
        for value in values {
            let mut conditions = Vec::new();
            let mut is = None;
            for (name, value) in entries(value, "rules", self.report).into_iter().take(MOST) {
                let Some(text) = node::text(value, &name.value, self.report) else { continue };
                match name.value.as_str() {
                    "is" => is = Some(text.value),
                    _ => conditions.extend(self.rule_condition(&name, &text)),
                }
            }
            match is {
                Some(is) => rules.push(Rule { conditions, is }),
                None => {
                    let place = self.report.place(value.span().start);
                    let help = "rules = [{ firmware = \">=3\", is = \"KEY\" }]".to_owned();
                    self.report.error(place, "the rule does not say which model it is", Some(help));
                }
            }
        }
        rules
    }

    fn rule_condition(&mut self, name: &Text, text: &Text) -> Option<(u8, Condition)> {
        let Some((capture, kind)) = self.names.find_capture(&name.value) else {
            let place = name.place(0, self.report);
            self.report.error(place, format!("nothing captures `{}`", name.value), None);
            return None;
        };
        let signs = [
            (">=", Binary::GreaterEqual),
            ("<=", Binary::LessEqual),
            (">", Binary::Greater),
            ("<", Binary::Less),
            ("=", Binary::Equal),
        ];
        let found = signs.iter().find_map(|(sign, operation)| {
            let rest = text.value.trim().strip_prefix(sign)?.trim();
            Some((*operation, rest.trim_start_matches('=').parse().ok()?))
        });
        let number = found.or_else(|| text.value.trim().parse().ok().map(|number| (Binary::Equal, number)));
        match (kind, number) {
            (CaptureKind::Number(..), Some((operation, number))) => {
                Some((capture, Condition::Compares(operation, number)))
            }
            (CaptureKind::Number(..), None) => {
                let help = format!("e.g. {} = \">=3\"", name.value);
                let place = text.place(0, self.report);
                self.report.error(place, format!("`{}` is a number", name.value), Some(help));
                None
            }
            _ => Some((capture, Condition::Is(text.value.clone()))),
        }
    }

    pub(in super::super) fn init(&mut self, top: &Table<'_>) -> Vec<Step> {
        self.knows_model = self.names.captures.iter().any(|capture| capture.name == "model");
        let tables = top.tables("init", &INIT, MOST, self.report);
        tables.iter().filter_map(|table| self.step(table)).collect()
    }

    fn step(&mut self, table: &Table<'_>) -> Option<Step> {
        let when = self.condition(table, "when", Level::SetupWhen).map(|(expr, _)| expr);
        let actions = ["write", "text", "read", "subscribe", "unsubscribe", "wait", "dialogue"];
        let alone = table.has("expect") || table.has("expect_text");
        let key = match actions.iter().any(|key| table.has(key)) {
            false if alone => "expect",
            _ => table.one_of(&actions, self.report)?,
        };
        if !matches!(key, "write" | "text") {
            table.refuse(&["to", "confirm", "encode"], key, self.report);
        }
        if !matches!(key, "write" | "text" | "read" | "expect") {
            table.refuse(&["expect", "expect_text", "decode", "on"], key, self.report);
        }
        let action = match key {
            "write" | "text" => {
                let write = self.write(table, "write", Level::Setup)?;
                let answer = if alone { Some(self.heard(table, key == "text")?) } else { None };
                Action::Write(write, answer)
            }
            "read" => {
                let target = self.target(table, "read")?;
                Action::Read(target, if alone { Some(self.pattern(table, false)?) } else { None })
            }
            "subscribe" => {
                self.listens = true;
                Action::Listen(self.target(table, key)?, true)
            }
            "unsubscribe" => Action::Listen(self.target(table, key)?, false),
            "wait" => Action::Wait(table.millis("wait", 1..=LONGEST_WAIT, self.report)?),
            "dialogue" => Action::Dialogue(self.arms(table)),
            _ => Action::Expect(self.heard(table, false)?),
        };
        self.check_captures(table);
        Some(Step {
            action,
            when,
            optional: table.flag("optional", self.report).unwrap_or(false),
            hint: table.word("hint", self.report),
            timeout: table.millis("timeout", 1..=LONGEST_WAIT, self.report).unwrap_or(TIMEOUT),
        })
    }

    /// An answer that comes as a notification, for which somebody has to listen.
    fn heard(&mut self, table: &Table<'_>, is_text: bool) -> Option<Answer> {
        if !self.listens {
            let help = "put [[init]] subscribe = \"rx\" before it".to_owned();
            let place = table.place(self.report);
            self.report.error(place, "an answer is awaited, but nothing is subscribed to", Some(help));
        }
        self.answer(table, is_text)
    }

    /// The key of the model is settled when the set-up begins.
    fn check_captures(&mut self, table: &Table<'_>) {
        let named = self.names.captures.iter().any(|capture| capture.name == "model");
        if named && !self.knows_model {
            self.knows_model = true;
            let help = "capture it in [[identify]], or give it another name here".to_owned();
            let message = "`{model}` is captured in [[init]], when the model has been found out";
            self.report.error(table.place(self.report), message, Some(help));
        }
    }

    fn arms(&mut self, table: &Table<'_>) -> Vec<Arm> {
        let tables = table.tables("dialogue", &ARM, MOST, self.report);
        let arms: Vec<_> = tables.iter().filter_map(|table| self.arm(table)).collect();
        if !arms.iter().any(|arm| arm.done) {
            let help = "the arm that ends it says `done = true`".to_owned();
            self.report.error(table.place_of("dialogue", self.report), "the dialogue never ends", Some(help));
        }
        arms
    }

    fn arm(&mut self, table: &Table<'_>) -> Option<Arm> {
        let answer = self.heard(table, false)?;
        let acts = table.tables("do", &DO, MOST, self.report);
        Some(Arm {
            answer,
            acts: acts.iter().filter_map(|act| self.act(act)).collect(),
            notice: table.word("notice", self.report),
            done: table.flag("done", self.report).unwrap_or(false),
        })
    }

    fn act(&mut self, table: &Table<'_>) -> Option<Act> {
        let key = table.one_of(&["write", "text", "subscribe", "unsubscribe"], self.report)?;
        match key {
            "write" | "text" => self.write(table, "write", Level::Setup).map(Act::Write),
            _ => {
                table.refuse(&["to", "confirm", "encode"], key, self.report);
                Some(Act::Listen(self.target(table, key)?, key == "subscribe"))
            }
        }
    }
}
