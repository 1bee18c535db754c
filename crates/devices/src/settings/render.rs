//! The way back to a file. What has not changed stays as it was written, comments included.

use std::fmt;

use frisson_wire::Range;

use super::{DeviceSettings, FORMAT, Settings, kind_name};

/// How an entry stands in the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// As it was read; empty if it was not.
    text: String,
    /// Whether something in it was not understood.
    odd: bool,
    /// Whether it says something else by now.
    stale: bool,
}

impl Source {
    pub(super) fn new(text: &str, odd: bool) -> Self {
        Self { text: text.to_owned(), odd, stale: false }
    }

    /// That of an entry that is not in the file yet.
    pub(super) fn none() -> Self {
        Self { stale: true, ..Self::default() }
    }

    /// The entry has changed.
    pub(super) fn renew(&mut self) {
        self.stale = true;
    }

    /// What is kept of the text when the entry is written anew: its comments, and as comments everything if part of it would be lost.
    fn kept(&self) -> impl Iterator<Item = String> {
        let comments =
            self.text.lines().map(str::trim).filter(|line| line.starts_with('#')).map(str::to_owned);
        let odd = self.text.lines().filter(|line| self.odd && !line.trim().is_empty());
        let odd = odd.filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("#| {line}"));
        let head = self.odd.then(|| "# Part of this was not understood. It stood here as:".to_owned());
        comments.chain(head).chain(odd)
    }
}

impl Settings {
    /// The file. Entries that have not changed are as they were, with their comments; of one that has, comments on lines of their own are
    /// kept and stand at its top. Nothing that was not understood is lost, and nothing that was laid over is written.
    pub fn to_text(&self) -> String {
        let mut text = match self.preamble.as_str() {
            "" => format!(
                "# Settings of Frisson, written by it. docs/settings.md explains them.\nformat = {FORMAT}\n"
            ),
            preamble => preamble.to_owned(),
        };
        for entry in &self.entries {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            match &entry.device {
                Some(device) if entry.source.stale => {
                    if !text.ends_with("\n\n") {
                        text.push('\n');
                    }
                    for line in entry.source.kept() {
                        text.push_str(&line);
                        text.push('\n');
                    }
                    device.write(&mut text);
                }
                _ => text.push_str(&entry.source.text),
            }
        }
        text
    }
}

impl DeviceSettings {
    fn write(&self, text: &mut String) {
        let mut line = |key: &str, value: &str| {
            for part in [key, " = ", value, "\n"] {
                text.push_str(part);
            }
        };
        line("[[device]]\naddress", &quoted(&self.address));
        for (key, value) in [("protocol", &self.protocol), ("model", &self.model)] {
            if let Some(value) = value {
                line(key, &quoted(value));
            }
        }
        if let Some(index) = self.index {
            line("index", &index.to_string());
        }
        if let Some(name) = &self.name {
            line("name", &quoted(name));
        }
        for (key, is_set) in [("allow", self.allow), ("deny", self.deny)] {
            if is_set {
                line(key, "true");
            }
        }
        if let Some(gap) = self.gap {
            line("gap", &gap.as_millis().to_string());
        }
        for output in &self.outputs {
            line("\n[[device.output]]\nfeature", &output.feature.to_string());
            line("kind", &quoted(kind_name(output.kind)));
            if let Some(range) = output.range {
                line("range", &pair(range));
            }
            if let Some(range) = output.duration {
                line("ms", &pair(range));
            }
            for (key, is_set) in [("reverse", output.reverse), ("disabled", output.disabled)] {
                if is_set {
                    line(key, "true");
                }
            }
        }
    }
}

impl fmt::Display for DeviceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}, {}", self.address),
            None => f.write_str(&self.address),
        }
    }
}

fn pair<T: fmt::Display>(range: Range<T>) -> String {
    format!("[{}, {}]", range.min, range.max)
}

/// A string of TOML.
fn quoted(value: &str) -> String {
    let mut text = String::from('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            letter if letter.is_control() => text.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}
