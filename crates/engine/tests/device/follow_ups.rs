//! Writes that a program wants some time after others.

use std::time::Duration;

use crate::bench::*;

fn pump() -> Plain {
    Plain { follow_up: Some(Duration::from_millis(300)), ..motors(1) }
}

#[test]
fn a_follow_up_comes_when_its_time_has_passed() {
    let mut bench = Bench::new(pump(), settings(0));
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "300 release"]);
}

#[test]
fn the_time_of_a_follow_up_runs_from_the_end_of_the_write() {
    let mut bench = Bench::new(pump(), settings(0));
    bench.fate = Fate::Works(500);
    bench.vibrate(0, 10);
    bench.run(2000);
    assert_eq!(bench.operations(), ["0 v0=10", "800 release"]);
}

#[test]
fn a_follow_up_takes_the_place_of_one_that_would_write_the_same() {
    let mut bench = Bench::new(pump(), settings(0));
    bench.vibrate(0, 10);
    bench.run(200);
    bench.vibrate(0, 11);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "200 v0=11", "500 release"]);
}

#[test]
fn a_stop_sends_follow_ups_at_once() {
    let mut bench = Bench::new(pump(), settings(0));
    bench.vibrate(0, 10);
    bench.run(100);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "100 v0=0", "100 release"]);
}

#[test]
fn a_stop_sends_the_follow_up_of_a_write_under_way() {
    let mut bench = Bench::new(pump(), settings(0));
    bench.fate = Fate::Works(50);
    bench.vibrate(0, 10);
    bench.run(10);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "50 v0=0", "100 release"]);
}

#[test]
fn a_follow_up_that_fails_is_tried_again() {
    let mut bench = Bench::new(pump(), settings(0));
    bench.script.extend([Fate::Works(0), Fate::Fails(0)]);
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "300 release", "320 release"]);
}

#[test]
fn a_follow_up_keeps_the_gap() {
    let mut bench = Bench::new(pump(), settings(100));
    bench.vibrate(0, 10);
    bench.run(250);
    bench.vibrate(0, 0);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "251 v0=0", "351 release"]);
}
