//! `frisson device`: what Frisson knows of devices, the user's settings for them, and device files.

mod check;
mod known;
mod list;
mod new;
mod set;
mod show;
mod trial;

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use frisson_program::language::{Definition, Diagnostic};
use frisson_server::Catalogue;
use frisson_server::settings::kind_name;
use frisson_wire::{Feature, Output};

use crate::cli::{Device, LogFormat, LogLevel};
use crate::exit::Failure;
use crate::files::Library;
use crate::start;

/// Runs one of the commands.
pub(crate) fn run(command: Device) -> Result<(), Failure> {
    // What is wrong with the user's own device files is told on standard error.
    let _flush = start::log(LogLevel::Warn, LogFormat::Text)?;
    match command {
        Device::List(options) => list::run(options),
        Device::Show(options) => show::run(options),
        Device::Set(options) => set::run(options),
        Device::Check(options) => check::run(&options),
        Device::Try(options) => trial::run(options),
        Device::New(options) => new::run(options),
    }
}

/// Writes to standard output. What devices and files say may be in it, and does not get at the terminal.
fn print(text: &str) -> Result<(), Failure> {
    write(&mut io::stdout(), text)
}

fn write(to: &mut dyn Write, text: &str) -> Result<(), Failure> {
    let text = text.replace(|letter: char| letter.is_control() && letter != '\n', " ");
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        // Who has read enough may close the pipe.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the result cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// What is wrong with a file, for people.
fn complain(found: &[Diagnostic]) {
    for one in found {
        let _ = write(&mut io::stderr(), &format!("{one}\n"));
    }
}

/// All protocols: the user's own, and those that are built in, by their ids.
fn protocols(library: &Library) -> Vec<(Source, Arc<Definition>)> {
    let own: Vec<_> = library.protocols().cloned().collect();
    let built_in = Catalogue::protocols().filter(|id| own.iter().all(|own| own.id() != *id));
    let built_in = built_in.filter_map(|id| Some((Source::BuiltIn, Catalogue::definition(id)?)));
    let mut all: Vec<_> = built_in.collect();
    all.extend(own.into_iter().map(|own| (Source::File(own.origin().to_owned()), own)));
    all.sort_by(|(_, one), (_, other)| one.id().cmp(other.id()));
    all
}

/// Where a protocol comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    BuiltIn,
    File(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::File(path) => f.write_str(path),
        }
    }
}

fn proof(definition: &Definition) -> &'static str {
    if definition.is_proven() { "proven" } else { "unproven" }
}

/// An output and its steps: `vibrate 0..20`.
fn output(output: &Output) -> String {
    let range = output.value;
    let mut text = format!("{} {}..{}", kind_name(output.kind), range.min, range.max);
    if let Some(ms) = output.duration {
        text.push_str(&format!(" in {}..{} ms", ms.min, ms.max));
    }
    text
}

/// A feature: its outputs and inputs.
fn feature(feature: &Feature) -> String {
    let outputs = feature.outputs.iter().map(output);
    let inputs = feature.inputs.iter().map(|input| {
        let ranges = input.values.iter().map(|range| format!(" {}..{}", range.min, range.max));
        let how = match (input.read, input.subscribe) {
            (true, true) => "read, reported",
            (false, true) => "reported",
            _ => "read",
        };
        format!("{}{} ({how})", input.kind.name().to_ascii_lowercase(), ranges.collect::<String>())
    });
    outputs.chain(inputs).collect::<Vec<_>>().join(", ")
}

/// So many of something.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Rows as a table, each column as wide as it has to be.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
