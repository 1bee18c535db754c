//! The way back to a file. What has not changed stays as it was written, comments included.

use std::fmt;

use frisson_wire::Range;

use super::{DeviceSettings, FORMAT, OutputSettings, Settings, kind_name};

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
    /// `behind` are comments behind a value which is no longer there.
    fn kept(&self, behind: Vec<Behind<'_>>) -> impl Iterator<Item = String> {
        let comments =
            self.text.lines().map(str::trim).filter(|line| line.starts_with('#')).map(str::to_owned);
        let behind: Vec<_> = behind.into_iter().map(|comment| comment.text.to_owned()).collect();
        let comments = comments.chain(behind);
        let odd = self.text.lines().filter(|line| self.odd && !line.trim().is_empty());
        let odd = odd.filter(|line| !line.trim_start().starts_with('#')).map(|line| format!("#| {line}"));
        let head = self.odd.then(|| "# Part of this was not understood. It stood here as:".to_owned());
        comments.chain(head).chain(odd)
    }

    /// The comments behind values.
    fn behind(&self) -> Vec<Behind<'_>> {
        let mut found = Vec::new();
        let mut section = Section::default();
        for line in self.text.lines().map(str::trim) {
            let (value, comment) = match comment_of(line) {
                Some(at) => line.split_at(at),
                None => (line, ""),
            };
            let (key, value) =
                value.split_once('=').map_or(("", ""), |(key, value)| (key.trim(), value.trim()));
            match key {
                "" if line.starts_with("[[device.output]]") => {
                    section = Section { is_output: true, ..Section::default() }
                }
                "feature" => section.feature = value.parse().ok(),
                "kind" => section.kind = Some(value.trim_matches(['"', '\''])),
                _ => {}
            }
            if !comment.is_empty() && !line.starts_with('#') {
                found.push(Behind { section, key, text: comment });
            }
        }
        found
    }
}

/// A comment behind a value.
#[derive(Debug, Clone, Copy)]
struct Behind<'t> {
    section: Section<'t>,
    key: &'t str,
    text: &'t str,
}

/// Which part of an entry a line is in, as far as it has been said by then.
#[derive(Debug, Clone, Copy, Default)]
struct Section<'t> {
    is_output: bool,
    feature: Option<u32>,
    kind: Option<&'t str>,
}

impl Section<'_> {
    /// Whether this is the part about the device, or about this output.
    fn is_of(&self, output: Option<&OutputSettings>) -> bool {
        match output {
            None => !self.is_output,
            Some(output) => {
                let same = self.feature.is_none_or(|feature| feature == output.feature);
                self.is_output && same && self.kind.is_none_or(|kind| kind == kind_name(output.kind))
            }
        }
    }
}

/// Where in a line the comment begins.
fn comment_of(line: &str) -> Option<usize> {
    let mut quote = None;
    let mut is_escaped = false;
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (Some('"'), '\\') if !is_escaped => {
                is_escaped = true;
                continue;
            }
            (Some(open), letter) if letter == open && !is_escaped => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '#') => return Some(at),
            _ => {}
        }
        is_escaped = false;
    }
    None
}

impl Settings {
    /// The file. Entries that have not changed are as they were, with their comments; of one that has, comments on lines of their own are
    /// kept and stand at its top, those behind a value stay behind it. Nothing that was not understood is lost, and nothing that was laid
    /// over is written.
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
                    let mut behind = entry.source.behind();
                    let body = device.write(&mut behind);
                    for line in entry.source.kept(behind) {
                        text.push_str(&line);
                        text.push('\n');
                    }
                    text.push_str(&body);
                }
                _ => text.push_str(&entry.source.text),
            }
        }
        text
    }
}

impl DeviceSettings {
    /// The entry, with the comments that stood behind its values; those are taken out of `behind`.
    fn write(&self, behind: &mut Vec<Behind<'_>>) -> String {
        let mut text = "[[device]]\n".to_owned();
        let names = [
            ("address", Some(&self.address)),
            ("protocol", self.protocol.as_ref()),
            ("model", self.model.as_ref()),
        ];
        let names = names.into_iter().filter_map(|(key, value)| Some((key, quoted(value?))));
        let index = self.index.map(|index| ("index", index.to_string()));
        let name = self.name.as_ref().map(|name| ("name", quoted(name)));
        let flags = [("allow", self.allow), ("deny", self.deny)];
        let gap = self.gap.map(|gap| ("gap", gap.as_millis().to_string()));
        let lines = names.chain(index).chain(name).chain(set(flags)).chain(gap);
        lines.for_each(|(key, value)| line(&mut text, None, key, &value, behind));
        for output in &self.outputs {
            text.push_str("\n[[device.output]]\n");
            let whose = [("feature", output.feature.to_string()), ("kind", quoted(kind_name(output.kind)))];
            let range = output.range.map(|range| ("range", pair(range)));
            let ms = output.duration.map(|range| ("ms", pair(range)));
            let flags = [("reverse", output.reverse), ("disabled", output.disabled)];
            let lines = whose.into_iter().chain(range).chain(ms).chain(set(flags));
            lines.for_each(|(key, value)| line(&mut text, Some(output), key, &value, behind));
        }
        text
    }
}

/// Those flags that are set.
fn set(flags: [(&'static str, bool); 2]) -> impl Iterator<Item = (&'static str, String)> {
    flags.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| (key, "true".to_owned()))
}

fn line(
    text: &mut String,
    output: Option<&OutputSettings>,
    key: &str,
    value: &str,
    behind: &mut Vec<Behind<'_>>,
) {
    text.push_str(&format!("{key} = {value}"));
    let found = behind.iter().position(|comment| comment.key == key && comment.section.is_of(output));
    if let Some(comment) = found.map(|at| behind.remove(at)) {
        text.push_str(&format!("  {}", comment.text));
    }
    text.push('\n');
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
