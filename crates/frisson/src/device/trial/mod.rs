//! `frisson device try`: a device file at work without hardware. Commands come from standard input, time is virtual.

mod command;
mod record;
mod session;

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::Arc;

use frisson_program::language::{Definition, Subject, vectors};

use self::command::Command;
use self::session::Session;
use super::{complain, write};
use crate::cli::Try;
use crate::device_file;
use crate::exit::Failure;
use crate::files;

/// Longer lines are refused.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(options: Try) -> Result<(), Failure> {
    let definition = Arc::new(load(&options)?);
    complain(&device_file::test(&definition));
    let mut subject = vectors::subject_of(&definition, options.model.as_deref()).map_err(Failure::Usage)?;
    if let Some(name) = &options.name {
        subject = Subject { name: name.clone(), model: None, ..subject };
    }
    let mut session = Session::new(&definition, subject);
    let (mut output, mut errors) = (io::stdout(), io::stderr());
    let shown: &mut dyn Write = if options.trace { &mut errors } else { &mut output };
    let is_interactive = io::stdin().is_terminal();
    write(shown, &session.begin())?;
    for assignment in &options.set {
        write(shown, &session.assign(*assignment).map_err(Failure::Usage)?)?;
    }
    let mut input = io::stdin().lock();
    while options.set.is_empty() {
        if is_interactive {
            write(shown, "> ")?;
        }
        let mut line = Vec::new();
        let count = input.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        let count =
            count.map_err(|error| Failure::Failed(format!("standard input cannot be read: {error}")))?;
        if count == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&line);
        let said = match line.parse() {
            Ok(Command::Quit) => break,
            Ok(command) => session.run(command).unwrap_or_else(|hint| format!("{hint}\n")),
            Err(hint) => format!("{hint}\n"),
        };
        write(shown, &said)?;
    }
    match options.trace {
        true => write(&mut io::stdout(), &session.record()),
        false => Ok(()),
    }
}

/// The file, or the protocol of this id. Its tests need not be there yet, or hold.
fn load(options: &Try) -> Result<Definition, Failure> {
    let library = files::open_library(options.device_files.clone())?;
    let catalogue = library.catalogue();
    let path = options.file.as_path();
    let by_id = path.to_str().filter(|_| !path.exists()).and_then(|id| catalogue.file(id));
    if let Some(definition) = by_id {
        return Ok(Arc::unwrap_or_clone(definition));
    }
    let origin = path.display().to_string();
    let refused = |found: Vec<_>| {
        complain(&found);
        Failure::Usage(format!("{origin} cannot be tried before that is put right"))
    };
    let mut text = device_file::read(path).map_err(refused)?;
    if !text.lines().any(|line| line.trim_start().starts_with("[[tests]]")) {
        // Any test will do, and `wait` sends nothing before there is a keepalive.
        text.push_str("\n[[tests]]\nsteps = [{ wait = 0 }]\n");
    }
    device_file::compile(&text, &origin, &|id| catalogue.file(id)).map_err(refused)
}
