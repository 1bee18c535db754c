//! `frisson device check`: the complete check of device files, their tests included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frisson_program::language::{self, Definition, Diagnostic, Severity};
use frisson_server::Catalogue;
use serde::Serialize;

use super::{count, print};
use crate::cli::{Check, Format};
use crate::device_file;
use crate::exit::Failure;
use crate::files;

/// Longer lines of a file are not shown.
const WIDEST: usize = 160;

pub(super) fn run(options: &Check) -> Result<(), Failure> {
    let paths = paths(&options.files)?;
    let library = files::open_library(options.device_files.clone())?;
    let catalogue = library.catalogue();
    let mut all = check(&paths, &|id| catalogue.file(id));
    claims(&mut all);
    let text = match options.format {
        Format::Text => all.iter().map(Checked::text).collect::<String>(),
        Format::Json => json(&all)?,
    };
    print(&text)?;
    let broken = all.iter().filter(|checked| checked.definition.is_none()).count();
    match (broken, all.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::Usage("the file has errors and is not loaded".to_owned())),
        (broken, all) => {
            Err(Failure::Usage(format!("{broken} of {all} files have errors and are not loaded")))
        }
    }
}

/// The files that are meant: those that are named, and all device files of folders that are.
fn paths(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for path in named {
        let unreadable = |error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            let files = device_file::list(path).map_err(unreadable)?;
            if files.is_empty() {
                return Err(Failure::Usage(format!(
                    "the folder {} has no device files, *.toml",
                    path.display()
                )));
            }
            paths.extend(files);
        } else {
            paths.push(path.clone());
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    Ok(paths)
}

/// What came of one file.
struct Checked {
    path: PathBuf,
    text: String,
    definition: Option<Arc<Definition>>,
    found: Vec<Diagnostic>,
}

fn check(paths: &[PathBuf], bases: &device_file::Bases<'_>) -> Vec<Checked> {
    let mut read: Vec<_> = paths.iter().map(|path| (path, device_file::read(path))).collect();
    // Files may extend others that are checked with them.
    read.sort_by_key(|(path, text)| text.as_ref().is_ok_and(|text| extends(text, path)));
    let mut own: BTreeMap<String, Arc<Definition>> = BTreeMap::new();
    let mut all = Vec::new();
    for (path, text) in read {
        let origin = path.display().to_string();
        let checked = text.as_ref().map_err(Clone::clone).and_then(|text| {
            device_file::check(text, &origin, &|id| own.get(id).cloned().or_else(|| bases(id)))
        });
        let (definition, found) = match checked {
            Ok(definition) => {
                let definition = Arc::new(definition);
                own.insert(definition.id().to_owned(), Arc::clone(&definition));
                let found = definition.warnings().to_vec();
                (Some(definition), found)
            }
            Err(found) => (None, found),
        };
        all.push(Checked { path: path.clone(), text: text.unwrap_or_default(), definition, found });
    }
    all.sort_by_key(|checked| paths.iter().position(|path| *path == checked.path));
    all
}

fn extends(text: &str, path: &Path) -> bool {
    language::File::parse(text, &path.display().to_string()).is_ok_and(|file| file.extends().is_some())
}

/// Warns of files that claim the same devices.
fn claims(all: &mut [Checked]) {
    let whole = all.iter().filter_map(|checked| checked.definition.as_deref());
    let by_id: BTreeMap<&str, &Definition> = whole.map(|definition| (definition.id(), definition)).collect();
    let found = language::conflicts(&by_id.into_values().collect::<Vec<_>>());
    for mut one in found {
        one.severity = Severity::Warning;
        if let Some(checked) =
            all.iter_mut().find(|checked| checked.path.display().to_string() == *one.origin)
        {
            checked.found.push(one);
        }
    }
}

impl Checked {
    fn text(&self) -> String {
        let mut text: String = self.found.iter().map(|found| explain(found, &self.text)).collect();
        if let Some(definition) = &self.definition {
            let means = match self.is_addition() {
                true => format!("adds to protocol {}", definition.id()),
                false => format!("protocol {}", definition.id()),
            };
            let is_built_in = !self.is_addition() && Catalogue::protocols().any(|id| id == definition.id());
            let place = if is_built_in { ", in place of the built-in one" } else { "" };
            let (models, tests) = (definition.models().len(), definition.tests());
            text.push_str(&format!(
                "{}: sound: {means}{place}; {}, {} passed\n",
                self.path.display(),
                count(models, "model"),
                count(tests, "test")
            ));
        }
        text
    }

    fn is_addition(&self) -> bool {
        extends(&self.text, &self.path)
    }
}

/// What is wrong, the line it is in, and where.
fn explain(found: &Diagnostic, file: &str) -> String {
    let said = found.to_string();
    let (first, help) =
        said.split_once("\n  help: ").map_or((said.as_str(), None), |(first, help)| (first, Some(help)));
    let mut text = format!("{first}\n");
    let line = found.line.checked_sub(1).and_then(|line| file.lines().nth(line));
    if let Some(line) =
        line.filter(|line| found.column > 0 && !line.trim().is_empty() && line.chars().count() <= WIDEST)
    {
        let shown: String =
            line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let number = found.line.to_string();
        let gap = " ".repeat(number.len());
        text.push_str(&format!(
            "  {gap} |\n  {number} | {shown}\n  {gap} | {}^\n",
            " ".repeat(found.column - 1)
        ));
    }
    if let Some(help) = help {
        text.push_str(&format!("  help: {help}\n"));
    }
    text
}

#[derive(Serialize)]
struct Report<'c> {
    file: String,
    ok: bool,
    protocol: Option<&'c str>,
    models: usize,
    tests: usize,
    diagnostics: Vec<Line<'c>>,
}

#[derive(Serialize)]
struct Line<'c> {
    severity: &'c str,
    line: usize,
    column: usize,
    message: &'c str,
    help: Option<&'c str>,
}

/// One object: `{"files": […]}`.
fn json(all: &[Checked]) -> Result<String, Failure> {
    let reports: Vec<_> = all
        .iter()
        .map(|checked| Report {
            file: checked.path.display().to_string(),
            ok: checked.definition.is_some(),
            protocol: checked.definition.as_deref().map(Definition::id),
            models: checked.definition.as_ref().map_or(0, |definition| definition.models().len()),
            tests: checked.definition.as_ref().map_or(0, |definition| definition.tests()),
            diagnostics: checked.found.iter().map(Line::of).collect(),
        })
        .collect();
    let text = serde_json::to_string_pretty(&BTreeMap::from([("files", reports)]));
    text.map(|text| text + "\n").map_err(|error| Failure::Failed(error.to_string()))
}

impl<'c> Line<'c> {
    fn of(found: &'c Diagnostic) -> Self {
        let severity = match found.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (message, help) = (&found.message, found.help.as_deref());
        Self { severity, line: found.line, column: found.column, message, help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_shown_in_its_line_with_a_caret() {
        let text = "format = 1\n[[ble]]\nname = [\"My Toy\"]\n";
        let found = language::compile(text, "mine.toml").expect_err("it is wrong");
        let shown: String = found.iter().map(|found| explain(found, text)).collect();
        assert!(shown.contains("mine.toml:3:1: error:"), "{shown}");
        assert!(shown.contains("\n    |\n  3 | name = [\"My Toy\"]\n    | ^\n  help:"), "{shown}");
    }
}
