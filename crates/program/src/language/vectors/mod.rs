//! A file's own proof: its tests, and a device in virtual time to run them on.

mod bench;
mod motion;
mod notation;
mod run;
pub(super) mod test;

pub use bench::Bench;
pub(super) use notation::parse_operation;
pub use notation::{are_text, notation, parse_heard};
pub use run::{run, run_with, subject_of};
