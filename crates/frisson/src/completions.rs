//! `frisson completions SHELL`: a completion script on standard output.

use std::io::{ErrorKind, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Failure;

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "frisson", &mut script);
    match std::io::stdout().write_all(&script) {
        // Who has read enough may close the pipe.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the script cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
