//! The Handy before firmware 4: the computed packets, and the end of moves.

use frisson_wire::OutputKind::HwPositionWithDuration as Stroke;

use super::bench::{Bench, feature, setup};

fn device(sleeps: bool) -> Bench {
    let mut setup = setup("The Handy", "tx firmware", vec![feature(0, Stroke, 0, 100)]);
    setup.sleeps = sleeps;
    Bench::new("thehandy", setup)
}

#[test]
fn positions_are_sent_as_computed() {
    let mut device = device(false);
    assert_eq!(device.log(), ["ready [The Handy]"]);
    let half = "tx! 0a 13 9a 19 10 08 02 1a 0c 10 f4 03 19 00 00 00 00 00 00 e0 3f";
    assert_eq!(device.go(0, Stroke, 50, 500), [half]);
    device.wait(500);
    assert_eq!(device.go(0, Stroke, 0, 1000), ["tx! 0a 0a 9a 19 07 08 02 1a 03 10 e8 07"]);
    device.wait(1000);
    let whole = "tx! 0a 13 9a 19 10 08 02 1a 0c 10 fa 01 19 00 00 00 00 00 00 f0 3f";
    assert_eq!(device.go(0, Stroke, 100, 250), [whole]);
}

#[test]
fn a_stop_sends_it_to_where_it_is() {
    let mut device = device(false);
    device.go(0, Stroke, 0, 100);
    device.wait(100);
    device.go(0, Stroke, 100, 1000);
    device.wait(500);
    let here = "tx! 0a 12 9a 19 0f 08 02 1a 0b 10 64 19 00 00 00 00 00 00 e0 3f";
    assert_eq!(device.stop(), [here, "stopped"]);
    device.wait(200);
    assert_eq!(device.stop(), ["stopped"], "it stands");
}

#[test]
fn the_first_move_is_not_ended_for_nobody_knows_where_it_began() {
    let mut device = device(false);
    device.go(0, Stroke, 100, 1000);
    device.wait(500);
    assert_eq!(device.stop(), ["stopped"]);
}

#[test]
fn a_move_that_was_not_written_is_none() {
    let mut device = device(false);
    device.go(0, Stroke, 10, 0);
    device.broken = true;
    device.go(0, Stroke, 100, 1000);
    assert_eq!(device.stop().last().map(String::as_str), Some("stopped"));
}

#[test]
fn on_a_link_that_sleeps_it_is_pinged() {
    let mut device = device(true);
    assert_eq!(device.log(), ["ready [The Handy]", "tx! 0a 06 b2 06 03 08 e7 07"]);
    assert_eq!(device.wait(5000), ["tx! 0a 06 b2 06 03 08 e7 07"]);
    assert_eq!(self::device(false).wait(60_000), ["ready [The Handy]"]);
}
