//! Devices that describe themselves: how their greeting is got, what they are told, and what they may say wrong.

use std::sync::Arc;

use frisson_wire::InputKind::{Battery, Button};
use frisson_wire::OutputKind::{HwPositionWithDuration, Vibrate};
use frisson_wire::dialect::self_described::Greeting;

use super::bench::{Bench, setup};
use crate::coded::self_described::SelfDescribed;

const GREETING: &str = r#"{"identifier":"demo","address":"1","version":1,"name":"Demo","gap":20,"keepalive":1000,"features":{
"0":{"FeatureIndex":0,"Output":{"Vibrate":{"Value":[0,100]}}},
"1":{"FeatureIndex":1,"Output":{"HwPositionWithDuration":{"Value":[0,99],"Duration":[0,5000]}}},
"2":{"FeatureIndex":2,"Input":{"Battery":{"Value":[[0,100]],"Command":["Read"]},"Button":{"Value":[[0,1]],"Command":["Subscribe"]}}}}}"#;
const ASKS: &str = "tx '{\"greeting\":1}\n'";
const FEEDS: &str = "tx '{\"keepalive\":true}\n'";

/// The greeting as a device on a serial port sends it: in one line.
fn greeting() -> String {
    GREETING.replace('\n', "")
}

/// A device on a serial port that has just been asked for the first time.
fn asked() -> Bench {
    let mut device = Bench::new("self-described", setup("", "tx rx", Vec::new()));
    device.text = true;
    assert_eq!(device.log(), ["subscribe rx", "tx 7b 22 67 72 65 65 74 69 6e 67 22 3a 31 7d 0a"]);
    device
}

fn serial() -> Bench {
    let mut device = asked();
    assert_eq!(device.hears("rx", format!("{}\r\n", greeting()).as_bytes()), ["ready Demo", FEEDS]);
    device.wait(20);
    device
}

#[test]
fn a_device_that_has_greeted_already_is_not_asked() {
    let greeting: Greeting = GREETING.parse().expect("a greeting");
    let description = Arc::new(greeting.description.expect("features"));
    let mut device = Bench::running(Box::new(SelfDescribed::new("demo", &description)));
    assert_eq!(device.log()[..2], ["subscribe rx", "ready Demo"]);
}

#[test]
fn a_greeting_may_come_in_pieces_and_behind_the_noise_of_a_start() {
    let mut device = asked();
    assert_eq!(device.hears("rx", b"ets Jun  8 2016\r\n\xff\xfe\r\nrst:0x1\r\n"), [""; 0]);
    let greeting = greeting();
    let (start, end) = greeting.as_bytes().split_at(100);
    assert_eq!(device.hears("rx", start), [""; 0]);
    assert_eq!(device.hears("rx", end), ["ready Demo", FEEDS]);
    // It was asked twice.
    assert_eq!(device.hears("rx", greeting.as_bytes()), [""; 0]);
}

#[test]
fn a_device_that_does_not_answer_is_asked_again_and_then_given_up() {
    let mut device = asked();
    assert_eq!(device.wait(1000), [ASKS]);
    let last = device.wait(10_000).pop();
    let refused = "refused the device did not answer {\"greeting\":1} with its greeting within 8 s";
    assert_eq!(last.as_deref(), Some(refused));
}

#[test]
fn a_greeting_that_cannot_be_used_is_refused_with_its_reason() {
    for (greeting, reason) in [
        (r#"{"identifier":"a","address":"1","version":1}"#, "refused the device does not describe itself"),
        (
            r#"{"identifier":"a"}"#,
            "refused the greeting of the device cannot be used: missing field `address`",
        ),
    ] {
        let said = asked().hears("rx", greeting.as_bytes());
        assert!(said.iter().any(|line| line.starts_with(reason)), "{said:?}");
    }
}

#[test]
fn each_output_is_one_line_and_a_stop_ends_a_move() {
    let mut device = serial();
    device.set(0, Vibrate, 50);
    assert_eq!(device.wait(20), ["tx '{\"feature\":0,\"output\":\"Vibrate\",\"value\":50}\n'"]);
    device.go(1, HwPositionWithDuration, 99, 500);
    let line = "tx '{\"feature\":1,\"output\":\"HwPositionWithDuration\",\"value\":99,\"duration\":500}\n'";
    assert_eq!(device.wait(20), [line]);
    let stopped = [
        "tx '{\"feature\":0,\"output\":\"Vibrate\",\"value\":0}\n'",
        "tx '{\"feature\":1,\"output\":\"HwPositionWithDuration\",\"stop\":true}\n'",
        "stopped",
    ];
    let mut said = device.stop();
    said.sort_by_key(|line| line == "stopped");
    said[..2].sort();
    assert_eq!(said, stopped);
}

#[test]
fn a_device_that_wants_it_hears_that_the_server_is_there() {
    let mut device = serial();
    assert_eq!(device.wait(3000), [FEEDS; 3]);
}

#[test]
fn a_reading_is_asked_for_and_answered() {
    let mut device = serial();
    assert_eq!(device.read_battery(2), ["tx '{\"feature\":2,\"input\":\"Battery\",\"command\":\"Read\"}\n'"]);
    let answer = br#"{"feature":2,"input":"Battery","value":87}"#;
    assert_eq!(device.hears("rx", answer), ["battery 87"]);
    for (answer, told) in [
        (r#"{"feature":2,"input":"Battery","value":101}"#, "error the device reports 101"),
        (r#"{"feature":2,"input":"Battery","error":"no cell"}"#, "error the device reports: no cell"),
    ] {
        device.wait(20);
        device.read_battery(2);
        let said = device.hears("rx", answer.as_bytes());
        assert!(said.len() == 1 && said[0].starts_with(told), "{said:?}");
    }
}

#[test]
fn a_reading_whose_question_cannot_be_written_fails() {
    let mut device = serial();
    device.broken = true;
    assert!(device.read_battery(2).contains(&"error broken".to_owned()));
}

#[test]
fn values_come_while_they_are_subscribed_to() {
    let mut device = serial();
    let pressed = b"{\"feature\":2,\"input\":\"Button\",\"value\":1}\n";
    assert_eq!(device.hears("rx", pressed), [""; 0]);
    let line = |word| format!("tx '{{\"feature\":2,\"input\":\"Button\",\"command\":\"{word}\"}}\n'");
    assert_eq!(device.listen(2, Button, true), [line("Subscribe")]);
    assert_eq!(device.hears("rx", pressed), ["Reading(2, Button, 1)"]);
    device.wait(20);
    assert_eq!(device.listen(2, Button, false), [line("Unsubscribe")]);
    assert_eq!(device.hears("rx", pressed), [""; 0]);
}

#[test]
fn what_a_device_complains_of_is_told_but_not_for_ever() {
    let mut device = serial();
    assert_eq!(device.hears("rx", b"{\"error\":\"too hot\"}\n"), ["notice The device says: too hot"]);
    let unknown = br#"{"feature":7,"input":"Battery","value":1}"#;
    assert_eq!(
        device.hears("rx", unknown),
        [format!("notice The device says: it has no feature 7 with the input {Battery}")]
    );
    let said: Vec<_> = (0..100).flat_map(|_| device.hears("rx", b"noise\n")).collect();
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn a_line_without_end_takes_no_more_room_and_the_next_one_counts() {
    let mut device = serial();
    let mut said = Vec::new();
    for _ in 0..100 {
        said.extend(device.hears("rx", &[b'x'; 1000]));
    }
    assert_eq!(said, ["notice The device says: a line of it is too long"]);
    said.clear();
    said.extend(device.hears("rx", b"xxx\n{\"error\":\"well\"}\n"));
    assert_eq!(said, ["notice The device says: well"]);
}
