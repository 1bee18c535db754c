//! What happened, as a test that can be pasted into the file.

use frisson_program::Operation;
use frisson_program::language::vectors::{are_text, notation};

/// The steps of a test, in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// What the greeting did at once.
    pub(super) init: Vec<Operation>,
    /// What followed before the device was ready; `None` if it was at once.
    pub(super) script: Option<Vec<Step>>,
    pub(super) steps: Vec<Step>,
}

/// One step: what was done and what came of it.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// As it stands in the file: `set = [[0, 10]]`.
    pub(super) act: String,
    pub(super) sends: Vec<Operation>,
    /// Features and their values.
    pub(super) gives: Vec<(u32, i64)>,
    pub(super) notice: Option<String>,
    pub(super) fails: Option<String>,
}

impl Record {
    /// The test. `head` are the lines that say which device it is about.
    pub(super) fn text(&self, head: &[String]) -> String {
        let mut text = "[[tests]]\n".to_owned();
        for line in head {
            text.push_str(&format!("{line}\n"));
        }
        match &self.script {
            None if self.init.is_empty() => {}
            None => text.push_str(&format!("init = {}\n", list(&self.init))),
            Some(script) => {
                let first = Step { sends: self.init.clone(), ..Step::default() };
                steps("script", [&first].into_iter().chain(script), &mut text);
            }
        }
        steps("steps", &self.steps, &mut text);
        text
    }
}

fn steps<'s>(key: &str, steps: impl IntoIterator<Item = &'s Step>, text: &mut String) {
    let lines: Vec<_> = steps.into_iter().map(Step::text).filter(|line| line != "{  }").collect();
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("{key} = [\n"));
    for line in lines {
        text.push_str(&format!("  {line},\n"));
    }
    text.push_str("]\n");
}

impl Step {
    fn text(&self) -> String {
        let mut parts = Vec::new();
        if !self.act.is_empty() {
            parts.push(self.act.clone());
        }
        if !self.sends.is_empty() {
            parts.push(format!("sends = {}", list(&self.sends)));
        }
        if !self.gives.is_empty() {
            let gives: Vec<_> =
                self.gives.iter().map(|(feature, value)| format!("[{feature}, {value}]")).collect();
            parts.push(format!("gives = [{}]", gives.join(", ")));
        }
        if let Some(notice) = &self.notice {
            parts.push(format!("notice = {}", quoted(notice)));
        }
        if let Some(fails) = &self.fails {
            parts.push(format!("fails = {}", quoted(fails)));
        }
        format!("{{ {} }}", parts.join(", "))
    }
}

fn list(operations: &[Operation]) -> String {
    let all: Vec<_> = operations.iter().map(|operation| format!("\"{}\"", shown(operation))).collect();
    format!("[{}]", all.join(", "))
}

/// An operation as files write it, and as it can stand between quotation marks.
pub(super) fn shown(operation: &Operation) -> String {
    let is_plain = match operation {
        Operation::Write { bytes, .. } => !bytes.iter().any(|byte| matches!(byte, b'"' | b'\\')),
        _ => true,
    };
    notation(operation, is_plain && are_text([operation]))
}

/// A string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let text: String = text
        .chars()
        .flat_map(|letter| match letter {
            '"' | '\\' => vec!['\\', letter],
            letter if letter.is_control() => vec![' '],
            letter => vec![letter],
        })
        .collect();
    format!("\"{text}\"")
}
