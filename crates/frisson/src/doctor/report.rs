//! What was found, and how it is told.

use std::fmt::Write as _;

use serde::Serialize;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Topic {
    Versions,
    Bluetooth,
    Serial,
    Hid,
    Gamepads,
    Ports,
    Files,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::Bluetooth => "bluetooth",
            Self::Serial => "serial",
            Self::Hid => "hid",
            Self::Gamepads => "gamepads",
            Self::Ports => "ports",
            Self::Files => "files",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It can be used.
    Ok,
    /// It is not there, or it may cause trouble.
    Warning,
    /// It is there and cannot be used.
    Problem,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) topic: Topic,
    pub(super) status: Status,
    /// What is the case, and why.
    pub(super) what: String,
    /// What to do about it; may have several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
    /// Whether it quotes what stands in a file of the user's.
    #[serde(skip)]
    pub(super) quotes: bool,
}

/// All that was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    /// Names and numbers in it that say whose machine this is.
    pub(super) private: Vec<String>,
}

impl Report {
    /// Something that can be used.
    pub(super) fn ok(&mut self, topic: Topic, what: impl Into<String>) {
        self.add(topic, Status::Ok, what.into(), String::new());
    }

    /// Something that is missing or may cause trouble.
    pub(super) fn warning(&mut self, topic: Topic, what: impl Into<String>, fix: impl Into<String>) {
        self.add(topic, Status::Warning, what.into(), fix.into());
    }

    /// Something that is there and cannot be used.
    pub(super) fn problem(&mut self, topic: Topic, what: impl Into<String>, fix: impl Into<String>) {
        self.add(topic, Status::Problem, what.into(), fix.into());
    }

    /// A finding with its fix, which may be empty.
    pub(super) fn add(&mut self, topic: Topic, status: Status, what: String, fix: String) {
        let fix = Some(fix).filter(|fix| !fix.is_empty());
        self.findings.push(Finding { topic, status, what, fix, quotes: false });
    }

    /// The same for one that quotes what stands in a file of the user's.
    pub(super) fn quote(&mut self, topic: Topic, status: Status, what: String, fix: Option<String>) {
        self.findings.push(Finding { topic, status, what, fix, quotes: true });
    }

    /// How many problems there are.
    pub(super) fn problems(&self) -> usize {
        self.count(Status::Problem)
    }

    fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    /// For people: a line per finding, and what to do about it below.
    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let (status, topic) = (finding.status.name(), finding.topic.name());
            // Strings can be written to.
            let _ = writeln!(out, "{status:<8} {topic:<10} {}", printable(&finding.what));
            let lines = finding.fix.iter().flat_map(|fix| fix.lines()).enumerate();
            for (number, line) in lines {
                let mark = if number == 0 { "fix:" } else { "" };
                let _ = writeln!(out, "{:<19} {mark:<4} {}", "", printable(line));
            }
        }
        let (problems, warnings) = (self.count(Status::Problem), self.count(Status::Warning));
        let _ = writeln!(out, "\n{}, {}", plural(problems, "problem"), plural(warnings, "warning"));
        out
    }

    /// For programs: one object.
    pub(super) fn to_json(&self) -> String {
        let (problems, warnings) = (self.count(Status::Problem), self.count(Status::Warning));
        let told = Told { version: env!("CARGO_PKG_VERSION"), problems, warnings, findings: &self.findings };
        // Texts and numbers alone cannot fail to be written.
        serde_json::to_string_pretty(&told).unwrap_or_default() + "\n"
    }
}

/// The report for programs.
#[derive(Serialize)]
struct Told<'a> {
    version: &'a str,
    problems: usize,
    warnings: usize,
    findings: &'a [Finding],
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Text without what would do something to a terminal: devices choose their names themselves.
fn printable(text: &str) -> String {
    text.replace(|letter: char| letter.is_control(), " ")
}
