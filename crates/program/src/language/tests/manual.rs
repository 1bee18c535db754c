//! The manual and the example say everything that there is to say.

use super::super::names::{VARIABLES, kind_name};
use super::super::native::{Native, Transform};
use super::super::schema;
use super::*;

const MANUAL: &str = include_str!("../../../../../docs/device-language.md");
const EXAMPLE: &str = include_str!("../../../../../docs/example-device.toml");

/// The part of the manual under a heading.
fn section(name: &str) -> Option<&'static str> {
    let heading = format!("\n### `{name}`\n");
    let (_, rest) = MANUAL.split_once(&heading)?;
    Some(rest.split("\n### ").next().unwrap_or(rest).split("\n## ").next().unwrap_or(rest))
}

fn has_word(text: &str, word: &str) -> bool {
    let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
    text.split(ends).any(|other| other == word)
}

#[test]
fn the_manual_names_every_key_under_its_table() {
    for (table, keys) in schema() {
        let section = section(table).unwrap_or_else(|| panic!("the manual has no heading `{table}`"));
        for key in keys {
            let named = section.split('`').skip(1).step_by(2).any(|code| has_word(code, key));
            assert!(named, "the manual does not name `{key}` under `{table}`");
        }
    }
}

#[test]
fn the_manual_has_no_heading_for_what_does_not_exist() {
    let known: Vec<_> = schema().map(|(table, _)| table).collect();
    for line in MANUAL.lines().filter_map(|line| line.strip_prefix("### `")) {
        let name = line.trim_end_matches('`');
        assert!(known.contains(&name), "there is no table `{name}`");
    }
}

#[test]
fn the_example_has_every_key() {
    for (table, keys) in schema() {
        for key in keys {
            assert!(has_word(EXAMPLE, key), "the example does not have `{key}` of `{table}`");
        }
    }
}

#[test]
fn the_example_loads_without_warnings_and_passes_its_tests() {
    match check(EXAMPLE, "example-device.toml", Instant::now()) {
        Ok(definition) => assert_eq!(lines(definition.warnings()), ""),
        Err(found) => panic!("{}", lines(&found)),
    }
}

#[test]
fn the_manual_names_every_word_of_expressions() {
    let words = VARIABLES.iter().map(|(name, _, _)| *name);
    let words = words.chain(Native::ALL.map(Native::name)).chain(Transform::ALL.map(Transform::name));
    let words = words.chain(OutputKind::ALL.map(kind_name));
    for word in words.chain(["abs", "min", "max", "clamp", "sum", "xor", "crc16_modbus", "there"]) {
        assert!(has_word(MANUAL, word), "the manual does not name `{word}`");
    }
}

#[test]
fn the_file_of_the_manual_loads_and_passes_its_tests() {
    let (_, rest) = MANUAL.split_once("```toml\n").expect("a file");
    let (text, _) = rest.split_once("```").expect("its end");
    match check(text, "aneros.toml", Instant::now()) {
        Ok(definition) => assert_eq!(lines(definition.warnings()), ""),
        Err(found) => panic!("{}", lines(&found)),
    }
}
