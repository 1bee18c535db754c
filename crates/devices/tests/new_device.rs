//! The files that `docs/new-device.md` shows work, and say what was recorded.

use std::time::Instant;

use frisson_program::language;

const PAGE: &str = include_str!("../../../docs/new-device.md");

/// What stands in blocks of code of this language.
fn blocks(language: &str) -> Vec<String> {
    let page = PAGE.replace("\r\n", "\n");
    let fence = format!("```{language}\n");
    let mut blocks = Vec::new();
    let mut is_open = false;
    for line in page.split_inclusive('\n') {
        match (is_open, line.starts_with("```")) {
            (false, true) => {
                blocks.push((line == fence, String::new()));
                is_open = true;
            }
            (true, true) => is_open = false,
            (true, false) => blocks.last_mut().expect("an open block").1.push_str(line),
            (false, false) => {}
        }
    }
    assert!(!is_open, "a block has no end");
    blocks.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, text)| text).collect()
}

/// What the checker says of a file.
fn said(text: &str) -> String {
    match language::check(text, "example-wave.toml", Instant::now()) {
        Ok(definition) => definition.warnings().iter().map(|warning| format!("{warning}\n")).collect(),
        Err(found) => found.iter().map(|wrong| format!("{wrong}\n")).collect(),
    }
}

#[test]
fn every_file_of_the_page_loads_without_warnings_and_passes_its_tests() {
    let files = blocks("toml");
    assert_eq!(files.len(), 2);
    for file in files {
        assert_eq!(said(&file), "");
    }
}

#[test]
fn the_tests_of_the_file_are_the_recording_of_the_page() {
    let recorded = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | `A5 "));
    let recorded: Vec<_> =
        recorded.map(|(_, bytes)| format!("A5 {}", bytes.trim_end_matches("` |"))).collect();
    assert_eq!(recorded.len(), 5);
    let files = blocks("toml");
    let file = files.first().expect("a file");
    for bytes in recorded {
        assert!(file.contains(&format!("\"tx {bytes}\"")), "no test of the file sends {bytes}");
    }
}
