//! Plays the transcripts of `transcripts/`: the checklist of the wire contract, as files.

use std::fs;
use std::path::{Path, PathBuf};

use frisson_testkit::Transcript;
use frisson_testkit::wire::Dialect;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no transcripts in {}", folder.display());
    files
}

/// Plays all transcripts of a folder, and names those that do not hold.
fn play(folder: &str, play: impl Fn(&Transcript) -> Result<(), String>) {
    let mut broken = Vec::new();
    for file in files(folder) {
        let text = fs::read_to_string(&file).expect("a transcript");
        let result = match text.parse::<Transcript>() {
            Ok(transcript) => play(&transcript),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = result {
            broken.push(format!("{}: {error}", file.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn run(transcript: &Transcript) -> Result<(), String> {
    transcript.run().map(|_| ()).map_err(|mismatch| mismatch.to_string())
}

#[test]
fn handshakes() {
    play("handshake", run);
}

#[test]
fn what_holds_in_every_version() {
    for dialect in Dialect::ALL {
        play("all", |transcript| {
            transcript.run_in(dialect).map(|_| ()).map_err(|mismatch| format!("{dialect}: {mismatch}"))
        });
    }
}

#[test]
fn version_0() {
    play("v0", run);
}

#[test]
fn version_1() {
    play("v1", run);
}

#[test]
fn version_2() {
    play("v2", run);
}

#[test]
fn version_3() {
    play("v3", run);
}

#[test]
fn version_4() {
    play("v4", run);
}
