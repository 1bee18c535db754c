//! What is wrong with a device file, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// More are not worth reading.
const MOST: usize = 50;

/// Longer messages are cut, in characters.
const LONGEST_MESSAGE: usize = 1000;

/// More are not worth keeping; the first in the file are not always the first that are found.
const MOST_KEPT: usize = 20 * MOST;

/// Further to the right, columns are counted in bytes, so that a file of one endless line does not take for ever.
const WIDEST: usize = 4096;

/// Whether a file can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but something in it has no effect.
    Warning,
}

/// Something that is wrong with a device file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub origin: Arc<str>,
    /// The line, from 1; 0 where there is none.
    pub line: usize,
    /// The character in the line, from 1; 0 where there is none.
    pub column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// A place in a file, as lines and characters from 1; 0 where there is none.
///
/// All places are equal: where something stands does not make it something else.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// What tells it from other places; `None` if it is none.
    pub(super) fn position(self) -> Option<(usize, usize)> {
        (self.line > 0).then_some((self.line, self.column))
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    origin: Arc<str>,
    text: &'a str,
    /// Where the lines begin.
    lines: Vec<usize>,
    found: Vec<Diagnostic>,
    failed: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(origin: &str, text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { origin: origin.into(), text, lines, found: Vec::new(), failed: false }
    }

    pub(super) fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// The source between two places.
    pub(super) fn source(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or("")
    }

    /// The line and column of a byte of the text.
    pub(super) fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|before| self.lines.get(before)).copied().unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or("");
        let column = if before.len() > WIDEST { before.len() } else { before.chars().count() };
        Place { line, column: column + 1 }
    }

    pub(super) fn error(&mut self, at: Place, message: impl Into<String>, help: Option<String>) {
        self.failed = true;
        self.add(Severity::Error, at, message.into(), help);
    }

    pub(super) fn warning(&mut self, at: Place, message: impl Into<String>, help: Option<String>) {
        self.add(Severity::Warning, at, message.into(), help);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether so much has been found that there is no use in looking on.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MOST_KEPT
    }

    /// All that was found, in the order of the file; errors first where there are too many.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|one| (one.severity, one.line, one.column));
        self.found.dedup();
        self.found.truncate(MOST);
        self.found.sort_by_key(|one| (one.line, one.column, one.severity));
        self.found
    }

    fn add(&mut self, severity: Severity, at: Place, message: String, help: Option<String>) {
        if !self.is_full() {
            let Place { line, column } = at;
            let (message, help) = (shortened(message), help.map(shortened));
            self.found.push(Diagnostic {
                origin: self.origin.clone(),
                line,
                column,
                severity,
                message,
                help,
            });
        }
    }
}

/// A message that people can read, however much of the file it quotes.
fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message,
    }
}

/// The word among `known` that somebody who wrote `word` may have meant.
pub(super) fn closest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > 40 {
        return None;
    }
    let allowed = 1 + word.len() / 4;
    known
        .map(|known| (distance(word, known), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// How many letters have to be put in, taken out or changed.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        let mut next = vec![left];
        for (other, above) in to.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(*other != letter)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let report = Report::new("a.toml", "ä = 1\nbcd");
        assert_eq!(report.place(0), Place { line: 1, column: 1 });
        assert_eq!(report.place(3), Place { line: 1, column: 3 });
        assert_eq!(report.place(7), Place { line: 2, column: 1 });
        assert_eq!(report.place(10), Place { line: 2, column: 4 });
    }

    #[test]
    fn the_closest_word_is_offered_and_a_distant_one_is_not() {
        let known = ["packets", "parts", "init"];
        assert_eq!(closest("packet", known.into_iter()), Some("packets"));
        assert_eq!(closest("pckets", known.into_iter()), Some("packets"));
        assert_eq!(closest("whatever", known.into_iter()), None);
    }

    #[test]
    fn a_diagnostic_names_file_line_column_and_fix() {
        let mut report = Report::new("a.toml", "x = 1");
        report.error(report.place(4), "no", Some("yes".to_owned()));
        let found = report.finish();
        assert_eq!(
            found.first().map(ToString::to_string),
            Some("a.toml:1:5: error: no\n  help: yes".to_owned())
        );
    }
}
