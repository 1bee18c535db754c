//! What must hold of everything that Frisson reads from outside, whatever it is: one function per thing that is read.
//!
//! Each function takes any bytes and panics when a property does not hold. It tells what became of the input as an [`Outcome`], so that a
//! runner can keep inputs that lead somewhere new. The runner on stable Rust is the program `fuzz` of this crate; the targets for libFuzzer
//! stand in `fuzz/libfuzzer`.
//!
//! ```
//! use frisson_fuzz::{Outcome, TARGETS, expression};
//!
//! assert_eq!(expression(b"v + 0xF1 & 0x7F"), Outcome::Accepted);
//! assert!(matches!(expression(b"v +"), Outcome::Refused(_)));
//! assert!(TARGETS.iter().any(|target| target.name == "expression"));
//! ```

mod drive;
mod language;
pub mod mutate;
mod oracle;
mod outside;
pub mod seeds;

use std::hash::{DefaultHasher, Hash, Hasher};

pub use language::{expression, file, pattern, template};
pub use outside::{settings, user_config, wire};

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was taken, and everything held that has to hold then.
    Accepted,
    /// It was refused; alike for reasons that differ only in what they quote.
    Refused(u64),
}

impl Outcome {
    /// Refused for these reasons.
    fn refused<'a>(reasons: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = DefaultHasher::new();
        for reason in reasons.into_iter().take(2) {
            // What is quoted comes from the input.
            let plain =
                reason.split('`').step_by(2).flat_map(|part| part.split(|c: char| c.is_ascii_digit()));
            plain.for_each(|part| part.hash(&mut hasher));
        }
        Self::Refused(hasher.finish())
    }
}

/// Something that is read, and what it is tried with.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Whether it belongs to the device language.
    pub is_language: bool,
    /// Tries one input.
    pub run: fn(&[u8]) -> Outcome,
    /// Real inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Longer inputs are not generated, in bytes.
    pub longest: usize,
}

/// Everything that is tried.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "expression",
        is_language: true,
        run: expression,
        seeds: seeds::expressions,
        longest: 512,
    },
    Target { name: "template", is_language: true, run: template, seeds: seeds::templates, longest: 1024 },
    Target { name: "pattern", is_language: true, run: pattern, seeds: seeds::patterns, longest: 1024 },
    Target { name: "file", is_language: true, run: file, seeds: seeds::files, longest: 16 * 1024 },
    Target { name: "wire", is_language: false, run: wire, seeds: seeds::frames, longest: 4096 },
    Target { name: "settings", is_language: false, run: settings, seeds: seeds::settings, longest: 4096 },
    Target {
        name: "user-config",
        is_language: false,
        run: user_config,
        seeds: seeds::user_configs,
        longest: 4096,
    },
];
