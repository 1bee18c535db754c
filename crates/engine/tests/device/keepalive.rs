//! Devices that have to be fed.

use std::time::Duration;

use crate::bench::*;

fn hungry(every: u64) -> Plain {
    let mut program = motors(2);
    program.description.keepalive = Some(Duration::from_millis(every));
    program
}

#[test]
fn a_device_that_has_to_be_fed_gets_its_rest_packet_when_it_is_ready() {
    let mut bench = Bench::greeting(hungry(93), settings(75));
    assert_eq!(bench.operations(), ["0 v0=0"]);
    bench.run(10);
    assert_eq!(bench.operations(), ["0 v1=0"]);
}

#[test]
fn the_present_state_is_rendered_whenever_the_device_was_left_alone_so_long() {
    let mut bench = Bench::new(Plain { packed: true, ..hungry(93) }, settings(0));
    bench.run(40);
    bench.vibrate(0, 28);
    bench.run(200);
    assert_eq!(bench.operations(), ["40 v0=20 v1=0", "133 v0=20 v1=0", "226 v0=20 v1=0"]);
}

#[test]
fn a_stop_feeds_the_device() {
    let mut bench = Bench::new(Plain { packed: true, ..hungry(100) }, settings(0));
    bench.run(60);
    bench.stop(1);
    bench.run(110);
    assert_eq!(bench.operations(), ["60 v0=0 v1=0", "160 v0=0 v1=0"]);
}

#[test]
fn a_value_that_waits_for_the_gap_goes_out_when_the_keepalive_is_due() {
    let mut program = stroker();
    program.description.keepalive = Some(Duration::from_millis(50));
    let mut bench = Bench::new(program, settings(500));
    bench.run(20);
    bench.stroke(10, 0);
    bench.run(40);
    assert_eq!(bench.operations(), ["50 h4=10"]);
}

#[test]
fn the_first_zero_is_written_even_after_the_rest_packet() {
    let mut bench = Bench::new(hungry(1000), settings(0));
    bench.run(10);
    bench.vibrate(0, 0);
    assert_eq!(bench.operations(), ["10 v0=0"]);
}

#[test]
fn a_failed_keepalive_is_tried_again() {
    let mut bench = Bench::new(Plain { packed: true, ..hungry(100) }, settings(0));
    bench.script.extend([Fate::Fails(5)]);
    bench.run(150);
    assert_eq!(bench.operations(), ["100 v0=0 v1=0", "125 v0=0 v1=0"]);
}

#[test]
fn a_stop_drops_the_packets_of_a_keepalive() {
    let mut bench = Bench::new(hungry(100), settings(0));
    bench.vibrate(0, 9);
    bench.vibrate(1, 9);
    bench.run(50);
    bench.forget();
    bench.fate = Fate::Works(10);
    bench.run(55);
    bench.stop(1);
    bench.run(50);
    assert_eq!(bench.operations(), ["100 v0=9", "110 v0=0", "120 v1=0"]);
}

#[test]
fn positions_that_nobody_has_set_are_not_fed() {
    let mut program = stroker();
    program.description.keepalive = Some(Duration::from_millis(100));
    let mut bench = Bench::new(program, settings(0));
    bench.run(150);
    assert_eq!(bench.operations(), ["100 v0=0"]);
}

#[test]
fn a_position_is_fed_until_a_stop_leaves_the_device_where_it_is() {
    let mut program = stroker();
    program.description.keepalive = Some(Duration::from_millis(100));
    let mut bench = Bench::new(program, settings(0));
    bench.stroke(50, 0);
    bench.run(110);
    bench.stop(1);
    bench.run(110);
    let expected = ["0 h4=50", "100 v0=0", "100 h4=50", "110 v0=0", "210 v0=0"];
    assert_eq!(bench.operations(), expected);
}

#[test]
fn a_position_that_is_set_again_after_a_stop_is_fed_again() {
    let mut program = stroker();
    program.description.keepalive = Some(Duration::from_millis(100));
    let mut bench = Bench::new(program, settings(0));
    bench.stroke(50, 0);
    bench.stop(1);
    bench.stroke(60, 0);
    bench.run(110);
    assert_eq!(bench.operations(), ["0 h4=50", "0 v0=0", "0 h4=60", "100 v0=0", "100 h4=60"]);
}

#[test]
fn of_two_positions_of_one_axis_the_newer_one_is_fed() {
    let mut program = stroker();
    program.description.keepalive = Some(Duration::from_millis(100));
    let mut bench = Bench::new(program, settings(0));
    bench.stroke(50, 0);
    bench.run(10);
    bench.set(4, Position, 60);
    bench.run(110);
    assert_eq!(bench.operations(), ["0 h4=50", "10 p4=60", "110 v0=0", "110 p4=60"]);
}

#[test]
fn a_device_that_is_always_hungry_is_fed_every_millisecond() {
    let mut bench = Bench::new(Plain { packed: true, ..hungry(0) }, settings(0));
    bench.run(3);
    assert_eq!(bench.operations(), ["1 v0=0 v1=0", "2 v0=0 v1=0", "3 v0=0 v1=0"]);
}
