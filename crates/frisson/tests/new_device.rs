//! What `docs/new-device.md` has a reader do works, and gives what it shows.

mod support;

use std::fs;
use std::io::Write;
use std::process::Stdio;

use support::host::Host;
use support::websocket::Client;
use support::{Program, frisson};

const PAGE: &str = include_str!("../../../docs/new-device.md");

/// What stands in blocks of code of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let mut blocks = Vec::new();
    let mut rest = PAGE;
    while let Some((_, after)) = rest.split_once(&format!("\n```{language}\n")) {
        let (block, after) = after.split_once("```").expect("the end of the block");
        blocks.push(block);
        rest = after;
    }
    blocks
}

/// Runs a command of the page in a folder; gives all that it prints but its last line of failure.
fn said(folder: &tempfile::TempDir, command: &str, input: &str) -> String {
    let arguments: Vec<_> = command.split_whitespace().skip(1).collect();
    let mut command = frisson(&arguments);
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("is piped").write_all(input.as_bytes()).expect("it reads");
    let mut program = Program::new(child);
    program.wait();
    let all = format!("{}\n{}", program.out.text(), program.err.text());
    let lines = all.lines().filter(|line| !line.is_empty() && !line.starts_with("frisson: "));
    lines.collect::<Vec<_>>().join("\n")
}

/// A folder with the file of the page, with a mistake perhaps.
fn folder(mistake: &str, instead: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let file = blocks("toml")[0].replacen(mistake, instead, 1);
    fs::write(folder.path().join("example-wave.toml"), file).expect("is written");
    folder
}

#[test]
fn the_sessions_of_the_page_are_what_happens() {
    let sessions = blocks("console");
    let mistakes = [("", ""), ("names =", "name ="), ("{sum(0)}", "{sum(1)}"), ("", "")];
    assert_eq!(sessions.len(), mistakes.len());
    for (session, (mistake, instead)) in sessions.iter().zip(mistakes) {
        let (command, shown) = session.split_once('\n').expect("a command");
        let (typed, shown): (Vec<_>, Vec<_>) = shown.lines().partition(|line| line.starts_with("> "));
        let input: String = typed.iter().map(|line| format!("{}\n", line.trim_start_matches("> "))).collect();
        let command = command.strip_prefix("$ ").expect("a prompt");
        assert_eq!(said(&folder(mistake, instead), command, &input), shown.join("\n"), "{command}");
    }
}

#[test]
fn the_file_to_start_from_is_written_and_sound() {
    let command =
        blocks("sh").into_iter().flat_map(str::lines).find(|line| line.starts_with("frisson device new"));
    let folder = tempfile::tempdir().expect("a folder");
    said(&folder, command.expect("a command"), "");
    let checked = said(&folder, "frisson device check example-wave.toml", "");
    assert!(checked.starts_with("example-wave.toml: sound"), "{checked}");
}

#[test]
fn the_file_of_the_page_drives_its_device_as_it_was_recorded_without_a_restart() {
    let devices = tempfile::tempdir().expect("a folder");
    let path = devices.path().to_str().expect("UTF-8");
    let program = Program::serve(&["--virtual-hardware-port", "0", "--device-files", path]);
    fs::write(devices.path().join("example-wave.toml"), blocks("toml")[0]).expect("is written");
    program.err.wait_for("the file in force", |line| {
        line.contains("changed device files are in force").then_some(())
    });
    let mut host = Host::connect(&program);
    host.advertise_with("EX-WAVE-2", "fff0", "fff2");
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    assert_eq!(host.expect("ready")["name"], "Example Wave");
    for (value, bytes) in [(50, "a5010032d8"), (100, "a50100640a"), (0, "a5010000a6")] {
        client.set(0, "Vibrate", value);
        assert_eq!(host.write(), bytes);
    }
}
