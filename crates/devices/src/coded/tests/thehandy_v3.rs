//! The Handy from firmware 4: the computed packets, the greeting, and what the device says.

use frisson_wire::OutputKind::{HwPositionWithDuration as Stroke, Vibrate};

use super::bench::{Bench, bytes, feature, setup};
use crate::coded::thehandy_v3::{Said, model, said};

const ASKS_BATTERY: &str = "tx 08 01 12 05 10 01 b2 2c 00";
const ASKS_CAPABILITIES: &str = "tx 08 01 12 05 10 02 ca 2c 00";
const BATTERY: &str = "08 03 22 0b 08 01 b2 2c 06 0a 04 08 57 10 01";
const ERROR: &str = "08 03 22 0c 08 02 12 08 08 e8 07 12 03 62 61 64";

fn device(name: &str) -> Bench {
    let kind = if name.contains("hw1") { Vibrate } else { Stroke };
    Bench::new("thehandy-v3", setup(name, "tx rx", vec![feature(0, kind, 0, 100)]))
}

fn ready(name: &str) -> Bench {
    let mut device = device(name);
    device.hears("rx", &bytes(BATTERY));
    device.hears("rx", &bytes(ERROR));
    device
}

#[test]
fn it_asks_two_questions_and_an_error_is_an_answer() {
    let mut device = device("OHD_hw3_1234");
    assert_eq!(device.log(), ["subscribe rx", ASKS_BATTERY]);
    assert_eq!(device.hears("rx", &bytes(BATTERY)), [ASKS_CAPABILITIES]);
    assert_eq!(device.hears("rx", &bytes(ERROR)), ["ready [hw3]"]);
    assert_eq!(device.wait(20_000), [""; 0]);
}

#[test]
fn only_the_response_to_the_question_counts() {
    let mut device = device("OHD_hw3_1234");
    device.log();
    let changed = "08 04 2a 0b 10 05 8a 2c 06 0a 04 08 57 10 01";
    for other in [ERROR, changed, "", "ff", "08 03 22 ff", "08 03 22 02 08 07"] {
        assert_eq!(device.hears("rx", &bytes(other)), [""; 0], "{other}");
    }
    assert_eq!(device.hears("tx", &bytes(BATTERY)), [""; 0], "only rx answers");
    assert_eq!(device.hears("rx", &bytes(BATTERY)), [ASKS_CAPABILITIES]);
}

#[test]
fn silence_ends_the_greeting() {
    let mut device = device("OHD_hw3_1234");
    device.wait(4000);
    device.hears("rx", &bytes(BATTERY));
    assert_eq!(device.wait(4999), [""; 0]);
    let reason = "refused the device did not answer the question about its capabilities within 5 s";
    assert_eq!(device.wait(1), [reason]);
    let reason = "refused the device did not answer the question about its battery within 5 s";
    assert_eq!(self::device("OHD_hw3_1").wait(5000).last().map(String::as_str), Some(reason));
}

#[test]
fn the_model_stands_between_the_underscores() {
    for (name, key) in [("OHD_hw1_ab12", "hw1"), ("OHD_hw4_", "hw4"), ("OHD_hw3", ""), ("OHD", ""), ("", "")]
    {
        assert_eq!(model(name), key, "{name}");
    }
}

#[test]
fn positions_are_sent_as_computed() {
    let mut device = ready("OHD_hw4_1");
    assert_eq!(device.go(0, Stroke, 25, 1500), ["tx! 08 01 12 0b c2 2e 08 0d 00 00 80 3e 10 dc 0b"]);
    device.go(0, Stroke, 1, 10);
    device.go(0, Stroke, 2, 10);
    assert_eq!(device.go(0, Stroke, 100, 250), ["tx! 08 01 12 0d 10 03 c2 2e 08 0d 00 00 80 3f 10 fa 01"]);
    assert_eq!(device.go(0, Stroke, 0, 400), ["tx! 08 01 12 08 10 04 c2 2e 03 10 90 03"]);
}

#[test]
fn a_stop_ends_a_move() {
    let mut device = ready("OHD_hw4_1");
    for place in 1..=7 {
        device.go(0, Stroke, place, 1000);
    }
    assert_eq!(device.stop(), ["tx! 08 01 12 05 10 07 d2 2e 00", "stopped"]);
    device.wait(2000);
    assert_eq!(device.stop(), ["stopped"]);
}

#[test]
fn vibration_is_sent_as_computed() {
    let mut device = ready("OHD_hw1_1");
    for level in 1..=5 {
        device.set(0, Vibrate, level);
    }
    assert_eq!(device.set(0, Vibrate, 50), ["tx! 08 01 12 0c 10 05 a2 38 07 0d 00 00 00 3f 10 64"]);
    assert_eq!(device.stop(), ["tx! 08 01 12 05 10 06 aa 38 00", "stopped"]);
}

#[test]
fn its_troubles_are_passed_on_but_not_too_often() {
    let mut device = ready("OHD_hw4_1");
    let hot = bytes("08 04 2a 03 c2 3e 00");
    assert_eq!(device.hears("rx", &hot), ["notice The device is too hot: let it cool down."]);
    assert_eq!(device.hears("rx", &hot), [""; 0]);
    device.wait(10_000);
    let blocked = device.hears("rx", &bytes("08 04 2a 05 10 01 d2 3e 00"));
    assert_eq!(blocked, ["notice The device's slider is blocked."]);
    device.wait(10_000);
    assert_eq!(device.hears("rx", &bytes(ERROR)), ["notice The device reports an error: bad (code 1000)"]);
}

#[test]
fn responses_are_read_as_computed() {
    assert_eq!(said(&bytes(BATTERY)), Some(Said::Response(1, None)));
    assert_eq!(said(&bytes(ERROR)), Some(Said::Response(2, Some("bad (code 1000)".to_owned()))));
}

#[test]
fn on_a_link_that_sleeps_it_is_asked_something_harmless() {
    let mut setup = setup("OHD_hw4_1", "tx rx", vec![feature(0, Stroke, 0, 100)]);
    setup.sleeps = true;
    let mut device = Bench::new("thehandy-v3", setup);
    device.hears("rx", &bytes(BATTERY));
    let log = device.hears("rx", &bytes(ERROR));
    assert_eq!(log, ["ready [hw4]", "tx! 08 01 12 03 ca 2c 00"]);
    device.wait(5000 * 8);
    assert_eq!(device.wait(5000), ["tx! 08 01 12 05 10 09 ca 2c 00"]);
}
