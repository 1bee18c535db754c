//! The device language: one TOML file per protocol says how to find a device, how to greet it, what to write, what can be read, which
//! models there are, and carries its own proof.
//!
//! A [`File`] is compiled into a [`Definition`], which is immutable and shared; that makes a [`Program`](crate::Program) for each
//! connection. What loads has been checked for every value of every feature of every model. The manual is `docs/device-language.md`.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use frisson_program::language::{self, Subject, vectors::{Bench, notation}};
//!
//! let text = r#"
//! [[ble]]
//! names = ["Massage Demo"]
//! services.ff00.tx = "ff01"
//!
//! [[packets]]
//! hex = "{0xF1 + i} {v}"
//!
//! [[models]]
//! name = "Aneros Vivi"
//! features = [{ vibrate = 127, label = "Perineum" }, { vibrate = 127, label = "Internal" }]
//!
//! [[tests]]
//! steps = [{ set = [[0, 64]], sends = ["tx F1 40"] }]
//! "#;
//! let now = Instant::now();
//! let definition = Arc::new(language::check(text, "aneros.toml", now).map_err(|wrong| wrong[0].clone())?);
//! assert_eq!(definition.id(), "aneros");
//!
//! let subject = Subject { available: definition.endpoints().to_vec(), ..Subject::default() };
//! let mut bench = Bench::new(&definition, subject, now);
//! bench.set(1, None, 13, Duration::ZERO)?;
//! bench.flush();
//! let written: Vec<_> = bench.take_operations().iter().map(|operation| notation(operation, false)).collect();
//! assert_eq!(written, ["tx F2 0D"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod definition;
mod diagnostic;
mod expr;
mod file;
mod identifiers;
mod interpreter;
mod names;
mod native;
mod pattern;
mod read;
mod schema;
mod template;
pub mod vectors;

use std::sync::Arc;
use std::time::Instant;

pub use self::definition::{Addition, Definition, Model, ModelFeature};
use self::diagnostic::Place;
pub use self::diagnostic::{Diagnostic, Severity};
pub use self::file::{FORMAT, File};
pub use self::identifiers::{
    Ble, Identifiers, Manufacturer, Name, Parity, Serial, Service, Uuid, UuidError, conflicts,
};
pub use self::interpreter::Subject;
pub use self::schema::schema;

/// Compiles a file and runs its tests, in virtual time that begins at `now` (any time will do). `origin` is the file's path or name;
/// without folder and ending it is the protocol's id.
///
/// # Errors
/// Something is wrong; all that was found.
pub fn check(text: &str, origin: &str, now: Instant) -> Result<Definition, Vec<Diagnostic>> {
    let definition = Arc::new(compile(text, origin)?);
    // What a `code` does is not known here; its tests are run where it is.
    let failed = if definition.code().is_none() { vectors::run(&definition, now) } else { Vec::new() };
    if failed.is_empty() { Ok(Arc::unwrap_or_clone(definition)) } else { Err(failed) }
}

/// Checks everything about a file but the outcome of its tests.
///
/// # Errors
/// Something is wrong; all that was found.
pub fn compile(text: &str, origin: &str) -> Result<Definition, Vec<Diagnostic>> {
    File::parse(text, origin)?.compile()
}

#[cfg(test)]
mod tests;
