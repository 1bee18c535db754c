//! The device language: expressions, templates, patterns, and whole files.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_program::language::{self, Definition, Diagnostic};
use frisson_program::{Endpoint, Operation};

use crate::oracle::Expression;
use crate::{Outcome, drive};

/// An expression, in the hole of a packet: accepted, it is rendered for every value of two motors, and to what it means.
pub fn expression(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Accepted };
    let packet = format!("hex = {}", quoted(&format!("{{{text}}}")));
    let file =
        device(&format!("[[packets]]\non = [\"vibrate\"]\n{packet}\n"), "{ vibrate = 20 }, { vibrate = 20 }");
    let definition = match compile(&file) {
        Ok(definition) => definition,
        Err(outcome) => return outcome,
    };
    let meaning = Expression::parse(text);
    let mut bench = drive::bench(&definition, None);
    bench.take_operations();
    let mut values = [0, 0];
    for step in 0_usize..63 {
        let (feature, value) =
            (step % 2, [1, 20, 0, 7, 19, 3, 10][step % 7] + i32::from(step > 40 && step % 5 == 0));
        let value = value.min(20);
        bench.set(u32::from(step % 2 == 1), None, value, Duration::ZERO).expect("a value in its range");
        bench.flush();
        let failures = bench.take_failures();
        assert!(failures.is_empty(), "was accepted, but fails for {value}: {failures:?}");
        let is_repeated = values[feature] == value && step > 1;
        values[feature] = value;
        let written = bench.take_operations();
        let Some(meaning) = &meaning else { continue };
        let [Operation::Write { bytes, .. }] = written.as_slice() else {
            assert!(written.is_empty() && is_repeated, "{written:?} for {values:?}");
            continue;
        };
        let expected =
            meaning.value(i64::from(value), i64::try_from(feature).unwrap_or(0), values.map(i64::from));
        let expected = expected.unwrap_or_else(|| panic!("was accepted, but has no value for {values:?}"));
        assert_eq!(
            bytes.iter().map(|byte| i64::from(*byte)).collect::<Vec<_>>(),
            [expected],
            "for {values:?}"
        );
    }
    Outcome::Accepted
}

/// A template of a packet, hex or text as its first letter says: accepted, it is rendered for the extremes of outputs of several kinds.
pub fn template(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Accepted };
    let (is_text, text) = match text.strip_prefix('t') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('h').unwrap_or(text)),
    };
    let key = if is_text { "text" } else { "hex" };
    let motors = if is_text { "text = \"{v},\"" } else { "hex = \"{v & 255}\"" };
    let tail = if is_text { "text = \"{top}\"" } else { "hex = \"{top} 00\"" };
    let tables = format!(
        "set.dev = 6\n[parts.motors]\neach = [\"vibrate\", \"rotate\"]\n{motors}\n[parts.tail]\ntimes = 3\n{tail}\n\
         [[packets]]\non = [\"vibrate\", \"rotate\", \"stroke\"]\n{key} = {}\n",
        quoted(text)
    );
    let features = "{ vibrate = 20 }, { rotate = [-99, 99] }, { stroke = 999, ms = [20, 5000] }";
    match compile(&device_with(&tables, features, "set.dev = 3\n")) {
        Ok(definition) => {
            drive::definition(&definition);
            Outcome::Accepted
        }
        Err(outcome) => outcome,
    }
}

/// A pattern, of bytes or text as its first letter says, and what a device says. An answer made after the pattern fits it.
pub fn pattern(data: &[u8]) -> Outcome {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (text, answer) = data.split_at(end);
    let Ok(text) = std::str::from_utf8(text) else { return Outcome::Accepted };
    let (is_text, text) = match text.strip_prefix('t') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('h').unwrap_or(text)),
    };
    let key = if is_text { "expect_text" } else { "expect" };
    let tables = format!(
        "[[init]]\nread = \"rx\"\n{key} = {}\ntimeout = 100\n[[packets]]\nhex = \"{{v}}\"\n",
        quoted(text)
    );
    let definition = match compile(&device(&tables, "{ vibrate = 20 }")) {
        Ok(definition) => definition,
        Err(outcome) => return outcome,
    };
    fits(&definition, answer.get(1..).unwrap_or_default());
    if let (false, Some(answer)) = (is_text, crate::oracle::answer(text)) {
        assert!(fits(&definition, &answer), "{answer:02X?} does not fit");
    }
    Outcome::Accepted
}

/// Whether a device that gives this answer is ready.
fn fits(definition: &Arc<Definition>, answer: &[u8]) -> bool {
    let mut bench = drive::bench(definition, None);
    let heard = bench.hear(Endpoint::RX, answer);
    heard.is_ok() && bench.description().is_some()
}

/// A device file: accepted, each of its devices works for the extremes of every feature.
pub fn file(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Accepted };
    match language::check(text, "device.toml", Instant::now()) {
        Ok(definition) if definition.code().is_none() => {
            drive::definition(&Arc::new(definition));
            Outcome::Accepted
        }
        Ok(_) => Outcome::Accepted,
        Err(wrong) => refused(text, &wrong),
    }
}

fn compile(text: &str) -> Result<Arc<Definition>, Outcome> {
    language::compile(text, "device.toml").map(Arc::new).map_err(|wrong| refused(text, &wrong))
}

/// What is wrong is said in bounds, and of a place that there is.
fn refused(text: &str, wrong: &[Diagnostic]) -> Outcome {
    assert!(!wrong.is_empty(), "refused without a reason");
    assert!(wrong.len() <= 1000, "{} reasons", wrong.len());
    let lines = text.split('\n').count();
    for one in wrong {
        assert!((1..=lines + 1).contains(&one.line) && one.column >= 1, "no such place: {one}");
        assert!(
            !one.message.is_empty() && one.message.len() <= 4096,
            "{} bytes of message",
            one.message.len()
        );
    }
    Outcome::refused(wrong.iter().map(|one| one.message.as_str()))
}

fn device(tables: &str, features: &str) -> String {
    device_with(tables, features, "")
}

fn device_with(tables: &str, features: &str, model: &str) -> String {
    let (top, tables) = match tables.split_once('\n') {
        Some((first, rest)) if first.starts_with("set.") => (first, rest),
        _ => ("", tables),
    };
    format!(
        "{top}\n[[ble]]\nnames = [\"Device\"]\nservices.fff0 = {{ tx = \"fff1\", rx = \"fff2\" }}\n{tables}\
         [[models]]\nname = \"One\"\n{model}features = [{features}]\n[[tests]]\nsteps = [{{ wait = 1 }}]\n"
    )
}

/// The text as a string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
