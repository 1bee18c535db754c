//! Every number of the checklist in the wire contract (section 9) is held by a test or a transcript that names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files in which a number counts as held.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "txt") {
            found.push(path);
        }
    }
}

/// The numbers that a text names, as `W-63`, `w_63` or `w63`.
fn numbers(text: &str) -> BTreeSet<u32> {
    let bytes = text.as_bytes();
    let mut numbers = BTreeSet::new();
    for (at, _) in text.char_indices().filter(|(_, letter)| matches!(letter, 'w' | 'W')) {
        if at > 0 && bytes[at - 1].is_ascii_alphanumeric() {
            continue;
        }
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix(['-', '_']).unwrap_or(rest);
        let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let is_whole = !rest[digits..].starts_with(|letter: char| letter.is_ascii_alphanumeric());
        if let (true, Ok(number)) = (is_whole && digits == 2, rest[..digits].parse()) {
            numbers.insert(number);
        }
    }
    numbers
}

#[test]
fn numbers_are_found_however_they_are_written() {
    let text = "W-01 W_02 fn w_03_x() {} (w04) aw05 W-006 W-7 W-08a overview_09";
    assert_eq!(numbers(text), BTreeSet::from([1, 2, 3, 4]));
}

#[test]
fn every_number_is_held_by_a_test() {
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = testkit.parent().expect("crates/");
    let mut all = Vec::new();
    files(&testkit.join("transcripts"), &mut all);
    for entry in fs::read_dir(crates).expect("crates/") {
        let krate = entry.expect("an entry").path();
        for folder in
            ["tests", "src"].map(|folder| krate.join(folder)).iter().filter(|folder| folder.is_dir())
        {
            files(folder, &mut all);
        }
    }
    let this = testkit.join("tests/checklist.rs");
    let mut held: BTreeMap<u32, Vec<PathBuf>> = BTreeMap::new();
    for file in all.into_iter().filter(|file| *file != this) {
        for number in numbers(&fs::read_to_string(&file).expect("a text file")) {
            held.entry(number).or_default().push(file.clone());
        }
    }
    // What only a client can do is held where the client is.
    let client = crates.join("client");
    let missing: Vec<_> = (1..=99)
        .filter(|number| {
            let files = held.get(number).map(Vec::as_slice).unwrap_or_default();
            !files.iter().any(|file| *number < 95 || file.starts_with(&client))
        })
        .map(|number| format!("W-{number:02}"))
        .collect();
    assert!(missing.is_empty(), "held by no test: {}", missing.join(", "));
}
