//! Device files from end to end: what is refused and how it is said, and what a device is sent.

mod checks;
mod greeting;
mod hostile;
mod inputs;
mod manual;
mod rendering;
mod values;

use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_wire::OutputKind;

use super::vectors::{Bench, notation};
use super::{Definition, Diagnostic, Subject, check, compile};
use crate::Endpoint;

const BLE: &str =
    "[[ble]]\nnames = [\"Device\"]\nservices.fff0 = { tx = \"fff1\", rx = \"fff2\", txmode = \"fff3\" }\n";

/// A device file with these tables and a test that tests nothing much.
fn file(tables: &str) -> String {
    let tests = if tables.contains("[[tests]]") { "" } else { "\n[[tests]]\nsteps = [{ wait = 1 }]\n" };
    format!("{BLE}{tables}{tests}")
}

/// One packet, one model with these features.
fn simple(packet: &str, features: &str) -> String {
    file(&format!("[[packets]]\n{packet}\n[[models]]\nname = \"One\"\nfeatures = [{features}]\n"))
}

fn sound(text: &str) -> Arc<Definition> {
    match compile(text, "device.toml") {
        Ok(definition) => Arc::new(definition),
        Err(found) => panic!("{}\n{text}", lines(&found)),
    }
}

fn lines(found: &[Diagnostic]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a file.
fn wrong(text: &str) -> String {
    match check(text, "device.toml", Instant::now()) {
        Ok(_) => panic!("this is sound:\n{text}"),
        Err(found) => lines(&found),
    }
}

/// A device on a bench, and what it is sent as tests write it.
struct Rig(Bench);

impl Rig {
    fn new(text: &str) -> Self {
        Self::of(text, Subject::default())
    }

    fn of(text: &str, subject: Subject) -> Self {
        let definition = sound(text);
        let available = match subject.available.is_empty() {
            true => definition.endpoints().to_vec(),
            false => subject.available,
        };
        Self(Bench::new(&definition, Subject { available, ..subject }, Instant::now()))
    }

    fn sent(&mut self) -> Vec<String> {
        self.0.take_operations().iter().map(|operation| notation(operation, false)).collect()
    }

    fn set(&mut self, feature: u32, value: i32) -> Vec<String> {
        self.set_all(&[(feature, value)])
    }

    fn set_all(&mut self, values: &[(u32, i32)]) -> Vec<String> {
        for (feature, value) in values {
            self.0.set(*feature, None, *value, Duration::ZERO).expect("a value in range");
        }
        self.0.flush();
        self.sent()
    }

    fn stroke(&mut self, feature: u32, value: i32, ms: u64) -> Vec<String> {
        let kind = Some(OutputKind::HwPositionWithDuration);
        self.0.set(feature, kind, value, Duration::from_millis(ms)).expect("a value in range");
        self.0.flush();
        self.sent()
    }

    fn wait(&mut self, ms: u64) -> Vec<String> {
        self.0.wait(Duration::from_millis(ms));
        self.sent()
    }

    fn stop(&mut self) -> Vec<String> {
        self.0.stop();
        self.sent()
    }

    fn hear(&mut self, endpoint: &str, bytes: &[u8]) -> Vec<String> {
        self.0.hear(Endpoint::new(endpoint).expect("an endpoint"), bytes).expect("somebody who listens");
        self.sent()
    }
}
