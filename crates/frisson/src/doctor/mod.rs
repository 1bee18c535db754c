//! `frisson doctor`: what of this machine can be used, what cannot, and what to do about it.
//!
//! Every check is a function over a [`Machine`], which may be a fixture, and adds to a [`Report`]. The checks look from the outside, as a
//! person would, and open no device.

mod archive;
mod bluetooth;
#[cfg(unix)]
mod dbus;
mod files;
mod gamepad;
mod hid;
mod machine;
mod permission;
mod ports;
mod processes;
mod redact;
mod report;
mod serial;
mod versions;

#[cfg(all(test, unix))]
mod tests;

use std::io::{self, Write};

use crate::cli::{Doctor, Format};
use crate::exit::Failure;

use self::files::Files;
use self::machine::Machine;
use self::report::Report;

/// Checks this machine, prints what was found, and writes the archive if one is wanted.
pub(crate) fn run(options: Doctor) -> Result<(), Failure> {
    let machine = Machine::here();
    let files = Files::load(options.places.settings.as_deref(), options.places.device_files.as_deref());
    let report = examine(&machine, &files);
    let text = match options.format {
        Format::Text => report.to_text(),
        Format::Json => report.to_json(),
    };
    // Who has read enough may close the pipe.
    let _ = io::stdout().write_all(text.as_bytes());
    if let Some(path) = &options.bundle {
        archive::write(path, options.overwrite, &archive::contents(&machine, &files, &report))?;
        if matches!(options.format, Format::Text) {
            let told = format!("The archive is {}. Look through it before you send it.\n", path.display());
            let _ = io::stdout().write_all(told.as_bytes());
        }
    }
    match report.problems() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 problem was found".to_owned())),
        count => Err(Failure::Failed(format!("{count} problems were found"))),
    }
}

/// All checks.
fn examine(machine: &Machine, files: &Files) -> Report {
    let mut report = Report::default();
    versions::check(machine, &mut report);
    bluetooth::check(machine, &mut report);
    serial::check(machine, &mut report);
    hid::check(machine, &files.catalogue(), &mut report);
    gamepad::check(machine, &mut report);
    ports::check(machine, &mut report);
    files::check(machine, files, &mut report);
    report
}
