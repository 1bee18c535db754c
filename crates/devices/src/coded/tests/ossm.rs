//! OSSM: the computed script, its two modes, and stops.

use frisson_wire::OutputKind::{HwPositionWithDuration as Stroke, Oscillate};

use super::bench::{Bench, feature, setup};
use crate::coded::ossm::state;

const STROKE: &[u8] = br#"{"state":"strokeEngine.idle"}"#;
const STREAMING: &[u8] = br#"{"timestamp":17,"state":"streaming","speed":0}"#;
const MENU: &[u8] = br#"{"state":"menu.idle"}"#;
const LIMITS: [&str; 3] = ["txmode! 'false'", "tx! 'set:depth:100'", "tx! 'set:stroke:100'"];

fn device() -> Bench {
    let mut feature = feature(0, Oscillate, 0, 100);
    feature.outputs.extend(self::feature(0, Stroke, 0, 100).outputs);
    let mut device = Bench::new("ossm", setup("OSSM", "tx txmode rx", vec![feature]));
    device.text = true;
    assert_eq!(device.log(), ["subscribe rx", "ready [OSSM]"]);
    device
}

/// A device that was told to stroke and does.
fn stroking(speed: i32) -> Bench {
    let mut device = device();
    device.set(0, Oscillate, speed);
    device.hears("rx", STROKE);
    device.wait(10);
    device
}

/// A device that streams, at 0.
fn streaming() -> Bench {
    let mut device = device();
    device.go(0, Stroke, 0, 100);
    device.hears("rx", STREAMING);
    device.wait(1000);
    device
}

#[test]
fn strokes_go_through_the_menu_and_the_speed_is_told_again_when_it_is_there() {
    let mut device = device();
    assert_eq!(
        device.set(0, Oscillate, 40),
        ["tx! 'go:menu'", "tx! 'go:strokeEngine'", "tx! 'set:speed:40'"]
    );
    assert_eq!(device.hears("rx", MENU), [""; 0]);
    let mut log = device.hears("rx", STROKE);
    log.extend(device.wait(1));
    assert_eq!(log, [LIMITS[0], LIMITS[1], LIMITS[2], "tx! 'set:speed:40'"]);
    assert_eq!(device.hears("rx", br#"{"state":"strokeEngine.pattern"}"#), [""; 0]);
    assert_eq!(device.set(0, Oscillate, 60), ["tx! 'set:speed:60'"]);
    assert_eq!(device.stop(), ["tx! 'set:speed:0'", "stopped"]);
}

#[test]
fn positions_are_streamed() {
    let mut device = device();
    assert_eq!(device.go(0, Stroke, 50, 300), ["tx! 'go:menu'", "tx! 'go:streaming'", "tx! 'stream:50:300'"]);
    let mut log = device.hears("rx", STREAMING);
    log.extend(device.wait(1));
    assert_eq!(log, [LIMITS[0], LIMITS[1], LIMITS[2], "tx! 'set:speed:100'"]);
    assert_eq!(device.go(0, Stroke, 10, 200), ["tx! 'stream:10:200'"]);
}

#[test]
fn a_report_that_comes_before_the_confirmation_counts() {
    let mut device = device();
    device.latency = 10;
    device.set(0, Oscillate, 40);
    assert_eq!(device.wait(15), ["tx! 'go:strokeEngine'"]);
    device.hears("rx", STROKE);
    let log = device.wait(1000);
    assert_eq!(log, ["tx! 'set:speed:40'", LIMITS[0], LIMITS[1], LIMITS[2], "tx! 'set:speed:40'"]);
}

#[test]
fn a_mode_that_nobody_asked_for_is_left_alone() {
    let mut device = device();
    assert_eq!(device.hears("rx", STROKE), [""; 0]);
    assert_eq!(device.hears("tx", STREAMING), [""; 0], "only rx reports");
    assert_eq!(device.stop(), ["tx! 'set:speed:0'", "stopped"], "but it is stopped");
}

#[test]
fn a_stop_in_an_unknown_mode_sets_the_speed_and_nothing_else() {
    assert_eq!(device().stop(), ["tx! 'set:speed:0'", "stopped"]);
    let mut device = device();
    device.hears("rx", MENU);
    assert_eq!(device.stop(), ["stopped"]);
}

#[test]
fn after_a_stop_the_speed_of_before_is_not_told_again() {
    let mut device = device();
    device.latency = 10;
    device.set(0, Oscillate, 40);
    device.wait(100);
    device.hears("rx", STROKE);
    device.wait(15);
    device.stop();
    let log = device.wait(1000);
    assert_eq!(log, ["tx! 'set:speed:0'", "stopped", "tx! 'set:stroke:100'", "tx! 'set:speed:0'"]);
}

#[test]
fn a_stop_that_comes_before_the_speed_is_told_again_keeps_it_at_rest() {
    let mut device = device();
    device.latency = 10;
    device.set(0, Oscillate, 40);
    device.wait(100);
    device.hears("rx", STROKE);
    assert_eq!(device.wait(25).last().map(String::as_str), Some("tx! 'set:stroke:100'"));
    device.stop();
    assert_eq!(device.wait(1000), ["tx! 'set:speed:0'", "stopped"]);
}

#[test]
fn a_stop_overtakes_the_speed_that_is_told_again() {
    let mut device = device();
    device.latency = 10;
    device.set(0, Oscillate, 40);
    device.wait(100);
    device.hears("rx", STROKE);
    assert_eq!(device.wait(35).last().map(String::as_str), Some("tx! 'set:speed:40'"));
    device.stop();
    assert_eq!(device.wait(1000), ["tx! 'set:speed:0'", "stopped"]);
}

#[test]
fn a_stop_amid_the_switch_leaves_it_in_the_menu() {
    let mut device = device();
    device.latency = 10;
    device.hears("rx", MENU);
    device.set(0, Oscillate, 40);
    device.stop();
    assert_eq!(device.wait(1000), ["stopped"]);
    let log = device.set(0, Oscillate, 30);
    assert_eq!(log, ["tx! 'go:menu'"]);
}

#[test]
fn a_switch_that_a_stop_has_dropped_is_not_asked_for_any_longer() {
    let mut device = device();
    device.latency = 10;
    device.set(0, Oscillate, 40);
    device.stop();
    device.wait(1000);
    assert_eq!(device.hears("rx", STROKE), [""; 0], "somebody else has switched it");
}

#[test]
fn a_stop_amid_the_switch_from_strokes_ends_them() {
    let mut device = stroking(40);
    device.latency = 10;
    device.go(0, Stroke, 50, 300);
    device.stop();
    assert_eq!(device.wait(1000)[0], "tx! 'set:speed:0'");
}

#[test]
fn a_stop_ends_a_move_where_it_is() {
    let mut device = streaming();
    device.go(0, Stroke, 100, 1000);
    device.wait(400);
    assert_eq!(device.stop(), ["tx! 'stream:40:100'", "stopped"]);
    device.wait(1000);
    assert_eq!(device.stop(), ["stopped"], "it stands");
}

#[test]
fn a_stop_of_the_first_move_goes_to_the_menu() {
    let mut device = device();
    device.go(0, Stroke, 100, 1000);
    device.hears("rx", STREAMING);
    device.wait(400);
    assert_eq!(device.stop(), ["tx! 'go:menu'", "stopped"]);
    assert_eq!(device.go(0, Stroke, 0, 1000)[0], "tx! 'go:menu'", "it has to be switched again");
}

#[test]
fn a_mode_that_was_left_at_the_device_is_entered_again() {
    let mut device = stroking(40);
    device.hears("rx", MENU);
    assert_eq!(device.set(0, Oscillate, 50)[..2], ["tx! 'go:menu'", "tx! 'go:strokeEngine'"]);
}

#[test]
fn modes_are_switched_through_the_menu_and_back() {
    let mut device = stroking(40);
    let log = device.go(0, Stroke, 50, 300);
    assert_eq!(log, ["tx! 'go:menu'", "tx! 'go:streaming'", "tx! 'stream:50:300'"]);
    device.hears("rx", MENU);
    let mut log = device.hears("rx", STREAMING);
    log.extend(device.wait(1));
    assert_eq!(log.last().map(String::as_str), Some("tx! 'set:speed:100'"));
    assert_eq!(device.set(0, Oscillate, 0), [""; 0], "0 does not leave the streaming mode");
    let log = device.set(0, Oscillate, 20);
    assert_eq!(log, ["tx! 'go:menu'", "tx! 'go:strokeEngine'", "tx! 'set:speed:20'"]);
}

#[test]
fn without_rx_it_is_driven_blindly() {
    let mut device = Bench::new("ossm", setup("OSSM", "tx", vec![feature(0, Oscillate, 0, 100)]));
    device.text = true;
    assert_eq!(device.log(), ["ready [OSSM]"]);
    assert_eq!(device.set(0, Oscillate, 40).len(), 3);
}

#[test]
fn the_state_is_found_in_json() {
    let texts = [
        (r#"{"state":"a.b"}"#, Some("a.b")),
        (r#" { "x" : [ {"state":"no"} ], "y":"state", "state" : "yes" , "z":1}"#, Some("yes")),
        (r#"{"a":"\"state\":\"no\"","state":"yes"}"#, Some("yes")),
        (r#"{"state":7,"x":"no"}"#, None),
        (r#"["state","no"]"#, None),
        (r#"{"state":"open"#, None),
        (r#"{"state""#, None),
        ("", None),
    ];
    for (text, expected) in texts {
        assert_eq!(state(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(state(&[0xff, b'{']), None);
}
