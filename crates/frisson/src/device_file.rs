//! A device file of the user's: read, checked, and its tests run.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use frisson_devices::coded::{self, Setup};
use frisson_program::Program;
use frisson_program::language::{self, Definition, Diagnostic, Severity, Subject, vectors};

/// More of a file is not read; the checker refuses what is that long.
const LONGEST: u64 = 1024 * 1024 + 1;

/// Gives the protocol that a file extends.
pub(crate) type Bases<'b> = dyn Fn(&str) -> Option<Arc<Definition>> + 'b;

/// More files in a folder are not device files.
const MOST: usize = 2000;

/// The device files of a folder, in the order of their names.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // What is no file, such as a pipe, might never end.
        if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            paths.push(path);
        }
        if paths.len() > MOST {
            return Err(io::Error::other(format!("there are more than {MOST} files in it")));
        }
    }
    paths.sort();
    Ok(paths)
}

/// The text of a file; otherwise what is wrong with it.
pub(crate) fn read(path: &Path) -> Result<String, Vec<Diagnostic>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    let origin = path.display().to_string();
    match read {
        Ok(_) => text(bytes, &origin).map_err(|wrong| vec![wrong]),
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            Err(vec![wrong(&origin, 0, 0, message, Some("look at its permissions"))])
        }
    }
}

/// Bytes as text; otherwise where they are none.
pub(crate) fn text(bytes: Vec<u8>, origin: &str) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let before = String::from_utf8_lossy(valid);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        wrong(origin, line, column, "this is not UTF-8 text".to_owned(), Some("save the file as UTF-8"))
    })
}

/// Checks a file completely. `bases` gives the protocol that it may extend.
pub(crate) fn check(text: &str, origin: &str, bases: &Bases<'_>) -> Result<Definition, Vec<Diagnostic>> {
    let definition = Arc::new(compile(text, origin, bases)?);
    let failed = test(&definition);
    if failed.is_empty() { Ok(Arc::unwrap_or_clone(definition)) } else { Err(failed) }
}

/// Checks everything about a file but the outcome of its tests.
pub(crate) fn compile(text: &str, origin: &str, bases: &Bases<'_>) -> Result<Definition, Vec<Diagnostic>> {
    let file = language::File::parse(text, origin)?;
    let compiled = match file.extends() {
        None => file.compile(),
        Some(base) => match bases(base) {
            Some(base) => file.extend(&base),
            None => {
                let message = format!("the file extends `{base}`, and there is no such protocol");
                Err(vec![wrong(
                    origin,
                    1,
                    1,
                    message,
                    Some("`frisson device list` names those that there are"),
                )])
            }
        },
    };
    let mut found = Vec::from_iter(file.require_format());
    let definition = match compiled {
        Ok(definition) if found.is_empty() => definition,
        Ok(_) => return Err(found),
        Err(more) => {
            found.extend(more);
            return Err(found);
        }
    };
    match definition.code().filter(|code| !coded::codes().any(|known| known == *code)) {
        None => Ok(definition),
        Some(code) => {
            let help = format!("there are {}", coded::codes().collect::<Vec<_>>().join(", "));
            Err(vec![wrong(origin, 1, 1, format!("no program is called `{code}`"), Some(&help))])
        }
    }
}

/// Runs the tests of a file.
pub(crate) fn test(definition: &Arc<Definition>) -> Vec<Diagnostic> {
    vectors::run_with(definition, Instant::now(), &|subject| program(definition, subject))
}

/// What drives a device of this protocol in virtual time.
pub(crate) fn program(definition: &Arc<Definition>, subject: Subject) -> Box<dyn Program> {
    let coded =
        definition.code().and_then(|code| coded::program(code, Setup::of(definition, subject.clone(), 0)));
    coded.unwrap_or_else(|| definition.program(subject))
}

fn wrong(origin: &str, line: usize, column: usize, message: String, help: Option<&str>) -> Diagnostic {
    let help = help.map(str::to_owned);
    Diagnostic { origin: origin.into(), line, column, severity: Severity::Error, message, help }
}

#[cfg(test)]
mod tests {
    use frisson_server::Catalogue;

    use super::*;

    fn found(text: &str) -> String {
        let wrong = check(text, "mine.toml", &Catalogue::definition).expect_err("it is refused");
        wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_file_without_a_format_or_with_an_unknown_base_or_program_is_refused_with_a_way_out() {
        assert!(found("extends = \"teapot\"\n").contains("begin it with `format = 1`"));
        assert!(found("format = 1\nextends = \"teapot\"\n").contains("there is no such protocol"));
        let coded = "format = 1\ncode = \"teapot\"\n[[hid]]\nids = [{ vendor = 1, product = 2 }]\n[[models]]\nname = \"A\"\n\
                     features = [{ vibrate = 1 }]\n[[tests]]\nsteps = [{ stop = true }]\n";
        assert!(found(coded).contains("there are ankni, fluffer"), "{}", found(coded));
    }

    #[test]
    fn bytes_that_are_no_text_are_named_with_their_place() {
        let wrong = text(b"format = 1\n# \xff".to_vec(), "mine.toml").expect_err("no UTF-8");
        assert_eq!((wrong.line, wrong.column), (2, 3));
    }

    #[test]
    fn an_addition_to_a_protocol_that_is_rust_is_checked_with_its_program() {
        let text = "format = 1\nextends = \"ankni\"\n[[ble]]\nnames = [\"My Ankni\"]\n[[tests]]\nname = \"My Ankni\"\n\
                    script = [{ sends = [\"read generic0\"] }, { hears = \"generic0 01 A6 01 00 00 01 16\" }]\n";
        let checked = check(text, "mine.toml", &Catalogue::definition);
        let said =
            checked.as_ref().err().map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(checked.is_ok_and(|definition| definition.code() == Some("ankni")), "{said:?}");
    }
}
