//! The device files whose protocol is Rust: their own tests, run with that code.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use frisson_devices::coded::{self, Setup};
use frisson_program::language::{self, Subject, vectors};

#[test]
fn the_vectors_of_coded_protocols_hold() {
    let mut wrong = Vec::new();
    for code in coded::codes() {
        let path = format!("{}/data/{code}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).expect("every code has a file");
        let definition = match language::compile(&text, &path) {
            Ok(definition) => Arc::new(definition),
            Err(found) => {
                wrong.extend(found.iter().map(ToString::to_string));
                continue;
            }
        };
        assert_eq!(definition.code(), Some(code), "{path}");
        assert!(definition.tests() > 0, "{path} has no tests");
        wrong.extend(definition.warnings().iter().map(ToString::to_string));
        let make = |subject: Subject| {
            coded::program(code, Setup::of(&definition, subject, 0)).expect("every code has a program")
        };
        wrong.extend(vectors::run_with(&definition, Instant::now(), &make).iter().map(ToString::to_string));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
