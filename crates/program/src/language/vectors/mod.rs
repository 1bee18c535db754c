//! A file's own proof: its tests, and a device in virtual time to run them on.

mod bench;
mod motion;
mod notation;
mod run;
pub(super) mod test;

pub use bench::Bench;
pub use notation::notation;
pub(super) use notation::{parse_heard, parse_operation};
pub use run::{run, run_with};
