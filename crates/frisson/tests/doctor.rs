//! `frisson doctor` on the machine that runs the tests, whatever that has.

mod support;

use support::{Said, run};

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Whether the code is what the report says.
#[track_caller]
fn assert_code_fits(said: &Said, problems: usize) {
    assert_eq!(said.code, Some(i32::from(problems > 0)), "{}\n{}", said.out, said.err);
    assert_eq!(said.err.is_empty(), problems == 0, "{}", said.err);
}

#[test]
fn each_finding_is_a_line_and_the_code_says_whether_one_is_a_problem() {
    let said = run(&["doctor"]);
    let problems = said.out.lines().filter(|line| line.starts_with("problem ")).count();
    assert_code_fits(&said, problems);
    for topic in ["versions", "bluetooth", "serial", "hid", "gamepads", "ports", "files"] {
        assert!(said.out.contains(&format!(" {topic} ")), "{topic} is missing in:\n{}", said.out);
    }
}

#[test]
fn the_report_for_programs_is_one_object() {
    let said = run(&["doctor", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    let problems = findings.iter().filter(|finding| finding["status"] == "problem").count();
    assert_eq!(report["problems"], problems);
    assert_code_fits(&said, problems);
}

#[test]
fn settings_that_cannot_be_used_are_a_problem_with_their_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, "format = 99\n").expect("is written");
    let said = run(&["doctor", "--settings", text(&settings)]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("settings.toml:1:"), "{}", said.out);
    assert!(said.err.contains("found"), "{}", said.err);
}

#[test]
fn the_archive_is_written_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("doctor.tar");
    let said = run(&["doctor", "--bundle", text(&path)]);
    assert!(said.out.contains("Look through it before you send it"), "{}", said.out);
    let first = std::fs::read(&path).expect("is there");
    let again = run(&["doctor", "--bundle", text(&path)]);
    assert_eq!(again.code, Some(2), "{}", again.err);
    assert!(again.err.contains("--overwrite"), "{}", again.err);
    assert_eq!(std::fs::read(&path).expect("is there"), first);
}

#[test]
fn overwriting_without_an_archive_is_wrong_usage() {
    let said = run(&["doctor", "--overwrite"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("--bundle"), "{}", said.err);
}
