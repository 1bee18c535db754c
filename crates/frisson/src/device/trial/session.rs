//! A device in virtual time that does what is typed, and tells what is written to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_program::language::vectors::Bench;
use frisson_program::language::{Definition, Subject};
use frisson_program::{Description, Endpoint, Operation};
use frisson_server::settings::kind_name;
use frisson_wire::OutputKind;

use super::command::{Command, HELP, Value};
use super::record::{Record, Step, quoted, shown};
use crate::cli::Assignment;
use crate::device::feature as in_short;
use crate::device_file;

/// A device at work.
pub(super) struct Session {
    bench: Bench,
    start: Instant,
    record: Record,
    /// The name that the device advertises, where the protocol has to find out its model by that.
    name: Option<String>,
    definition: Arc<Definition>,
    was_ready: bool,
    /// Why the greeting has failed.
    failed: Option<String>,
    /// The feature that was last asked for an input.
    asked: u32,
}

impl Session {
    pub(super) fn new(definition: &Arc<Definition>, subject: Subject) -> Self {
        let start = Instant::now();
        let name = subject.model.is_none().then(|| subject.name.clone());
        let bench = Bench::of(device_file::program(definition, subject), start);
        let (record, definition) = (Record::default(), Arc::clone(definition));
        Self { bench, start, record, name, definition, was_ready: false, failed: None, asked: 0 }
    }

    /// What happens when the device has just been connected.
    pub(super) fn begin(&mut self) -> String {
        let endpoints: Vec<_> = self.definition.endpoints().iter().map(Endpoint::to_string).collect();
        let proof = if self.definition.is_proven() { "" } else { ", unproven" };
        let mut text = format!(
            "{}{proof}, endpoints {}; `help` tells what can be typed\n",
            self.definition.id(),
            endpoints.join(", ")
        );
        let (step, said) = self.collect(String::new());
        text.push_str(&said);
        self.record.init = step.sends;
        if self.failed.is_none() && self.bench.description().is_none() {
            self.record.script = Some(Vec::new());
            text.push_str("the set-up is not over: say what the device answers with `device ENDPOINT BYTES`, or let time pass with `wait 1s`\n");
        }
        text.push_str(&self.greeted());
        text
    }

    /// Does what was typed, and says what came of it; otherwise a hint.
    pub(super) fn run(&mut self, command: Command) -> Result<String, String> {
        let mut text = String::new();
        let act = match command {
            Command::Nothing | Command::Quit => return Ok(text),
            Command::Help => return Ok(HELP.to_owned()),
            Command::Features => return self.ready().map(features),
            Command::Wait(time) => {
                self.bench.wait(time);
                format!("wait = {}", time.as_millis())
            }
            Command::Device(from, bytes) => {
                self.bench.hear(from, &bytes).map_err(|why| format!("{why}; the device has said nothing"))?;
                let operation = Operation::Write { endpoint: from, bytes, confirm: false };
                format!("hears = \"{}\"", shown(&operation))
            }
            Command::Set { feature, kind, value, time } => {
                text.push_str(&self.greet()?);
                self.set(feature, kind, value, time)?
            }
            Command::Stop => {
                text.push_str(&self.greet()?);
                self.bench.stop();
                "stop = true".to_owned()
            }
            Command::Read(feature, kind) => {
                text.push_str(&self.greet()?);
                let name = self.input(feature, kind)?;
                self.asked = feature;
                self.bench.read(feature, kind);
                format!("read = [{feature}, \"{name}\"]")
            }
            Command::Listen(feature, kind, on) => {
                text.push_str(&self.greet()?);
                let name = self.input(feature, kind)?;
                self.bench.listen(feature, kind, on);
                format!("{} = [{feature}, \"{name}\"]", if on { "listen" } else { "unlisten" })
            }
        };
        let was_ready = self.was_ready;
        let (step, said) = self.collect(act);
        let is_silent = said.is_empty();
        text.push_str(&said);
        self.keep(step, was_ready);
        let greeted = self.greeted();
        if is_silent && greeted.is_empty() {
            text.push_str(&format!("{}  nothing is written\n", self.clock(self.bench.now())));
        }
        text.push_str(&greeted);
        if let Some(endpoint) = self.bench.reading() {
            text.push_str(&format!("{endpoint} is being read: answer with `device {endpoint} BYTES`\n"));
        }
        Ok(text)
    }

    /// Sets an output of which the kind need not be named.
    pub(super) fn assign(&mut self, assignment: Assignment) -> Result<String, String> {
        let Assignment { feature, kind, value } = assignment;
        let text = self.greet()?;
        let description = self.ready()?;
        let found = description.features.iter().find(|known| known.index == feature);
        let kind = kind.or_else(|| found.and_then(|found| Some(found.outputs.first()?.kind)));
        let kind = kind.ok_or_else(|| {
            format!("feature {feature} has no output; there are:\n{}", features(description).trim_end())
        })?;
        let said = self.run(Command::Set { feature, kind, value: Value::Step(value), time: None })?;
        Ok(text + &said)
    }

    /// What happened as a test.
    pub(super) fn record(&self) -> String {
        let described = self.bench.description().map(|description| description.name.as_str());
        let named =
            |name: &&str| self.definition.models().iter().any(|model| model.name.as_deref() == Some(*name));
        let model = described.filter(named);
        let head = match (&self.name, model) {
            (Some(name), becomes) => {
                let becomes = becomes.map(|model| format!("becomes = {}", quoted(model)));
                [Some(format!("name = {}", quoted(name))), becomes].into_iter().flatten().collect()
            }
            (None, Some(model)) => vec![format!("model = {}", quoted(model))],
            (None, None) => Vec::new(),
        };
        self.record.text(&head)
    }

    /// Before anything can be set, the device has to be ready: lets the time pass that it takes if nothing is said to it.
    fn greet(&mut self) -> Result<String, String> {
        let mut text = String::new();
        if self.bench.description().is_none() && self.failed.is_none() {
            let before = self.bench.now();
            self.bench.greet();
            let time = self.bench.now().saturating_duration_since(before);
            let (step, said) = self.collect(format!("wait = {}", time.as_millis()));
            text.push_str(&said);
            self.keep(step, false);
            text.push_str(&self.greeted());
        }
        self.ready().map(|_| text)
    }

    fn ready(&self) -> Result<&Description, String> {
        self.bench.description().ok_or_else(|| match &self.failed {
            Some(why) => format!("the device could not be set up: {why}"),
            None => {
                "the device is not set up yet: say what it answers with `device ENDPOINT BYTES`".to_owned()
            }
        })
    }

    fn keep(&mut self, step: Step, was_ready: bool) {
        match &mut self.record.script {
            Some(script) if !was_ready => script.push(step),
            _ => self.record.steps.push(step),
        }
    }

    /// Tells once that the device is ready, or that it will never be.
    fn greeted(&mut self) -> String {
        if self.was_ready {
            return String::new();
        }
        match self.bench.description() {
            None => String::new(),
            Some(description) => {
                self.was_ready = true;
                format!("{} is ready\n{}", description.name, features(description))
            }
        }
    }

    fn set(
        &mut self,
        feature: u32,
        kind: OutputKind,
        value: Value,
        time: Option<Duration>,
    ) -> Result<String, String> {
        let description = self.ready()?;
        let found = description.features.iter().find(|known| known.index == feature);
        let output = found.and_then(|found| found.output(kind)).ok_or_else(|| {
            let mut hint = format!(
                "feature {feature} has no `{}`; there are:\n{}",
                kind_name(kind),
                features(description)
            );
            let has_stroke =
                found.is_some_and(|found| found.output(OutputKind::HwPositionWithDuration).is_some());
            if kind == OutputKind::Position && has_stroke {
                hint.push_str(&format!(
                    "say in which time it is to be reached: position {feature} 50 500ms\n"
                ));
            }
            hint.trim_end().to_owned()
        })?;
        let value = match value {
            Value::Step(step) => step,
            // `as` saturates; a share of the steps rounds as old clients' shares do.
            Value::Percent(share) => (f64::from(output.value.max) * share / 100.0).ceil() as i32,
        };
        let several = found.is_some_and(|found| found.outputs.len() > 1);
        if kind == OutputKind::HwPositionWithDuration && time.is_none() {
            return Err(format!("say in which time it is to be reached: position {feature} {value} 500ms"));
        }
        self.bench.set(feature, Some(kind), value, time.unwrap_or_default())?;
        self.bench.flush();
        let named = if several { format!(" \"{}\",", kind_name(kind)) } else { String::new() };
        let ms = time.map(|time| format!(", ms = {}", time.as_millis())).unwrap_or_default();
        Ok(format!("set = [[{feature},{named} {value}]]{ms}"))
    }

    /// The name of an input that the device has.
    fn input(&self, feature: u32, kind: frisson_wire::InputKind) -> Result<String, String> {
        let description = self.ready()?;
        let found = description.features.iter().find(|known| known.index == feature);
        match found.is_some_and(|found| found.input(kind).is_some()) {
            true => Ok(kind.name().to_ascii_lowercase()),
            false => Err(format!(
                "feature {feature} has no {}; there are:\n{}",
                kind.name().to_ascii_lowercase(),
                features(description).trim_end()
            )),
        }
    }

    /// All that has come of an act, for the record and for people.
    fn collect(&mut self, act: String) -> (Step, String) {
        let mut text = String::new();
        let mut step = Step { act, ..Step::default() };
        for (at, operation) in self.bench.take_dated_operations() {
            text.push_str(&format!("{}  {}\n", self.clock(at), line(&operation)));
            step.sends.push(operation);
        }
        let clock = self.clock(self.bench.now());
        for notice in self.bench.take_notices() {
            text.push_str(&format!("{clock}  the user is told: {notice}\n"));
            step.notice.get_or_insert(notice);
        }
        for answer in self.bench.take_answers() {
            match answer {
                Ok(value) => {
                    text.push_str(&format!("{clock}  feature {} is {value}\n", self.asked));
                    step.gives.push((self.asked, value));
                }
                Err(why) => {
                    text.push_str(&format!("{clock}  this cannot be read: {why}\n"));
                    step.fails.get_or_insert(why);
                }
            }
        }
        for (feature, kind, value) in self.bench.take_readings() {
            text.push_str(&format!(
                "{clock}  feature {feature} reports {} {value}\n",
                kind.name().to_ascii_lowercase()
            ));
            step.gives.push((feature, value));
        }
        for failure in self.bench.take_failures() {
            match self.bench.description() {
                Some(_) => text.push_str(&format!("{clock}  this fails: {failure}\n")),
                None => {
                    text.push_str(&format!("{clock}  the set-up fails: {failure}\n"));
                    self.failed.get_or_insert(failure.clone());
                }
            }
            step.fails.get_or_insert(failure);
        }
        (step, text)
    }

    fn clock(&self, at: Instant) -> String {
        format!("{:>7} ms", at.saturating_duration_since(self.start).as_millis())
    }
}

/// An operation for people: bytes, and beside them the text that they are.
fn line(operation: &Operation) -> String {
    let shown = shown(operation);
    match operation {
        Operation::Write { endpoint, bytes, confirm } => {
            let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            let mark = if *confirm { " with response" } else { "" };
            let text = shown.split_once('\'').map(|(_, text)| format!("   '{text}")).unwrap_or_default();
            format!("{endpoint}{mark}  {}{text}", hex.join(" "))
        }
        _ => shown,
    }
}

fn features(description: &Description) -> String {
    let lines = description.features.iter().map(|feature| {
        let label = Some(feature.description.as_str()).filter(|label| !label.is_empty());
        let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
        format!("  feature {}  {label}{}\n", feature.index, in_short(feature))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use frisson_program::language::vectors;
    use frisson_server::Catalogue;

    use super::*;

    fn session(id: &str, model: Option<&str>) -> Session {
        let definition = Catalogue::definition(id).expect("is built in");
        let subject = vectors::subject_of(&definition, model).expect("has such a model");
        let mut session = Session::new(&definition, subject);
        session.begin();
        session
    }

    fn play(session: &mut Session, lines: &str) -> String {
        let run = |line: &str| match line.parse() {
            Ok(command) => session.run(command).unwrap_or_else(|hint| hint + "\n"),
            Err(hint) => hint + "\n",
        };
        lines.lines().map(run).collect()
    }

    /// A copy of the protocol that has the record for its only proof.
    #[track_caller]
    fn prove(id: &str, record: &str) {
        let text = Catalogue::text(id).expect("is built in");
        let text = text.split("\n[[tests]]").next().expect("a beginning");
        let found =
            device_file::check(&format!("format = 1\n{text}\n{record}"), "mine.toml", &Catalogue::definition);
        assert!(found.is_ok(), "{}\n{record}", found.expect_err("it is wrong")[0]);
    }

    #[test]
    fn what_is_set_is_shown_with_its_time_and_endpoint() {
        let mut session = session("aneros", None);
        assert_eq!(play(&mut session, "vibrate 0 64"), "      0 ms  tx  F1 40\n");
        assert_eq!(play(&mut session, "wait 500ms"), "    500 ms  nothing is written\n");
        assert_eq!(
            play(&mut session, "vibrate 1 10%\nstop"),
            "    500 ms  tx  F2 0D\n    500 ms  tx  F1 00\n    500 ms  tx  F2 00\n"
        );
    }

    #[test]
    fn what_is_wrong_gets_a_hint_and_changes_nothing() {
        let mut session = session("aneros", None);
        assert!(play(&mut session, "vibrate 7 1").contains("feature 7 has no `vibrate`"));
        assert!(play(&mut session, "vibrate 0 128").contains("128 does not lie between 0 and 127"));
        assert!(play(&mut session, "device rx 01").contains("nothing reads `rx`"));
        assert!(play(&mut session, "read 0 battery").contains("feature 0 has no battery"));
        assert_eq!(play(&mut session, "vibrate 0 64"), "      0 ms  tx  F1 40\n");
    }

    #[test]
    fn a_record_is_a_test_that_holds() {
        for (id, model, lines) in [
            ("aneros", None, "vibrate 0 64\nvibrate 1 50%\nstop"),
            ("mysteryvibe", None, "vibrate 0 28\nwait 200ms\nstop\nwait 93"),
            (
                "lovense",
                Some("Lovense Nora"),
                "rotate 1 -20\nvibrate 0 5\nread 2 battery\ndevice rx '62;'\nstop",
            ),
            ("tcode-v03", None, "stroke 0 50 500ms\nwait 100ms\nstop"),
        ] {
            let mut session = session(id, model);
            play(&mut session, lines);
            prove(id, &session.record());
        }
    }

    #[test]
    fn a_set_up_that_waits_for_the_device_is_played_by_hand() {
        let mut session = session("lelo-f1sv2", None);
        assert!(
            play(&mut session, "device whitelist 00 00 00 00 00 00 00 00").contains("Tap the power button")
        );
        let said = play(
            &mut session,
            "device whitelist 11 22 33 44 55 66 77 88\ndevice whitelist 01 00 00 00 00 00 00 00",
        );
        assert!(said.contains("is ready"), "{said}");
        play(&mut session, "vibrate 0 50");
        prove("lelo-f1sv2", &session.record());
    }

    #[test]
    fn a_set_up_that_fails_says_why_and_nothing_can_be_set() {
        let mut session = session("lelo-f1sv2", None);
        let said = play(&mut session, "vibrate 0 50");
        assert!(said.contains("could not be set up"), "{said}");
    }
}
