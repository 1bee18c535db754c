//! What the document about self-describing devices shows is what is understood and said.

use std::collections::BTreeSet;
use std::sync::Arc;

use frisson_devices::Catalogue;
use frisson_program::language::File;
use frisson_program::{Bus, Sighting};
use frisson_wire::dialect::self_described::{self as lines, Greeting, Line};
use frisson_wire::{InputAction, InputKind, OutputKind};

const DOCUMENT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/self-describing-devices.md"));

/// The blocks of code in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    DOCUMENT.split(&start).skip(1).filter_map(|block| block.split("```").next()).collect()
}

/// What stands first in the rows of the table with this head.
fn rows(head: &str) -> Vec<&'static str> {
    let table = DOCUMENT.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect()
}

#[test]
fn the_greeting_is_understood() {
    for greeting in blocks("json") {
        let greeting: Greeting = greeting.parse().expect(greeting);
        let description = greeting.description.expect("features");
        assert_eq!((description.gap_ms, description.keepalive_ms), (Some(20), Some(1000)));
        assert_eq!(description.features.len(), 3);
    }
    assert_eq!(blocks("json").len(), 1);
    let short = DOCUMENT.split('`').find(|code| code.starts_with(r#"{"identifier""#)).expect("a greeting");
    assert_eq!(short.parse::<Greeting>().map(|greeting| greeting.description), Ok(None));
}

#[test]
fn what_the_server_says_is_in_the_document_to_the_letter() {
    let stroke = OutputKind::HwPositionWithDuration;
    let said = [
        lines::output(0, OutputKind::Vibrate, 50, None),
        lines::output(1, stroke, 999, Some(500)),
        lines::halt(1, stroke),
        lines::input(2, InputKind::Battery, InputAction::Read),
        lines::KEEP_ALIVE.to_owned(),
        lines::ASK.to_owned(),
    ];
    assert_eq!(rows("the server says"), said);
}

#[test]
fn what_a_device_may_say_is_understood() {
    let said = rows("the device says");
    assert_eq!(said.len(), 3);
    for line in said {
        assert!(line.parse::<Line>().is_ok(), "{line}");
    }
}

#[test]
fn every_output_and_input_is_named() {
    let row = rows("field");
    assert!(row.contains(&"features"));
    let named: BTreeSet<_> = DOCUMENT.split('`').collect();
    for name in OutputKind::ALL.map(OutputKind::name).into_iter().chain(InputKind::ALL.map(InputKind::name)) {
        assert!(named.contains(name), "{name}");
    }
}

#[test]
fn the_device_files_find_their_devices() {
    let port = Sighting { port: Some("/dev/ttyUSB0".to_owned()), ..Sighting::new(Bus::Serial, "1", "") };
    let stroker = Sighting::new(Bus::WebSocket, "1", "MyStroker");
    let mut found = Vec::new();
    for text in blocks("toml") {
        let file = File::parse(text, "mine.toml").unwrap_or_else(|found| panic!("{}", found[0]));
        let base = Catalogue::definition(file.extends().expect("an addition")).expect("a protocol");
        let definition = file.extend(&base).unwrap_or_else(|found| panic!("{}", found[0]));
        let mut catalogue = Catalogue::built_in();
        catalogue.add(Arc::new(definition));
        let protocols =
            [&port, &stroker].map(|seen| catalogue.find(seen).map(|one| one.protocol().to_owned()));
        found.extend(protocols.into_iter().flatten());
    }
    assert_eq!(found, ["tcode-v03", "self-described"]);
}
