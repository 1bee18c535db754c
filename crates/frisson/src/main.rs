//! `frisson`: a Buttplug server that a person starts once and forgets.

mod buses;
mod cli;
mod completions;
mod connect;
mod device;
mod device_file;
mod doctor;
mod exit;
mod files;
mod http;
mod logging;
mod port_owner;
mod scan;
mod serve;
mod signals;
mod start;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for; everything else is wrong usage.
            let code = if error.use_stderr() { exit::USAGE } else { exit::ASKED };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let run = || match cli.command {
        Command::Serve(options) => serve::run(options),
        Command::Connect(options) => connect::run(options),
        Command::Scan(options) => scan::run(options),
        Command::Device(command) => device::run(command),
        Command::Doctor(options) => doctor::run(options),
        Command::Completions { shell } => completions::run(shell),
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => ExitCode::from(exit::ASKED),
        // The panic has told of itself.
        Err(_) => ExitCode::from(exit::FAILED),
        Ok(Err(error)) => {
            // What others said may be in it, and is no business of the terminal's; and who closed it is not told.
            let text = error.to_string().replace(|letter: char| letter.is_control(), " ");
            let _ = std::io::stderr().write_all(format!("frisson: {text}\n").as_bytes());
            ExitCode::from(error.code())
        }
    }
}
