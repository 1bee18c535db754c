//! When values are written: at once from idle, otherwise once per gap, and always the newest.

use std::time::Duration;

use crate::bench::*;

#[test]
fn without_a_gap_a_command_is_written_at_once() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.vibrate(0, 10);
    assert_eq!(bench.operations(), ["0 v0=10"]);
}

#[test]
fn with_a_gap_a_command_from_idle_is_written_after_the_settle() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.run(500);
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["501 v0=10"]);
}

#[test]
fn two_motors_set_in_one_breath_go_out_together() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.vibrate(1, 5);
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "1 v1=5"]);
}

#[test]
fn two_motors_that_share_a_packet_go_out_in_one() {
    let mut bench = Bench::new(Plain { packed: true, ..motors(2) }, settings(100));
    bench.vibrate(0, 10);
    bench.vibrate(1, 5);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10 v1=5"]);
}

#[test]
fn two_motors_set_in_one_breath_at_the_end_of_a_gap_go_out_together() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.vibrate(0, 1);
    bench.run(101);
    bench.forget();
    bench.vibrate(0, 2);
    bench.vibrate(1, 2);
    bench.run(50);
    assert_eq!(bench.operations(), ["102 v0=2", "102 v1=2"]);
}

#[test]
fn within_a_gap_only_the_newest_value_survives() {
    let mut bench = Bench::new(motors(1), settings(100));
    for value in 1..=10 {
        bench.vibrate(0, value);
        bench.run(9);
    }
    bench.run(500);
    assert_eq!(bench.operations(), ["1 v0=1", "101 v0=10"]);
}

#[test]
fn each_output_keeps_its_own_newest_value() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.vibrate(0, 1);
    bench.run(10);
    bench.vibrate(0, 2);
    bench.vibrate(1, 3);
    bench.vibrate(0, 4);
    bench.run(500);
    assert_eq!(bench.operations(), ["1 v0=1", "101 v0=4", "101 v1=3"]);
}

#[test]
fn the_gap_runs_from_when_the_first_packet_was_begun() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.fate = Fate::Works(30);
    bench.vibrate(0, 1);
    bench.vibrate(1, 1);
    bench.run(10);
    bench.vibrate(0, 2);
    bench.run(500);
    assert_eq!(bench.operations(), ["1 v0=1", "31 v1=1", "101 v0=2"]);
}

#[test]
fn the_program_knows_the_gap_better_than_the_bus() {
    let mut program = motors(1);
    program.description.gap = Some(Duration::from_millis(40));
    let mut bench = Bench::new(program, settings(100));
    bench.vibrate(0, 1);
    bench.run(5);
    bench.vibrate(0, 2);
    bench.run(100);
    assert_eq!(bench.operations(), ["1 v0=1", "41 v0=2"]);
}

#[test]
fn on_a_slow_link_only_the_newest_value_is_written_next() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Works(2000);
    for value in 1..=20 {
        bench.vibrate(0, value);
        bench.run(90);
    }
    bench.run(5000);
    assert_eq!(bench.operations(), ["1 v0=1", "2001 v0=20"]);
}

#[test]
fn a_flood_leaves_nothing_behind() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Works(2000);
    for value in 0..100_000 {
        bench.vibrate(0, value % 21);
    }
    bench.vibrate(0, 7);
    bench.run(10_000);
    assert_eq!(bench.operations(), ["1 v0=7"]);
    assert_eq!(bench.next_timeout(), None);
}

#[test]
fn a_value_that_changes_while_it_is_written_is_written_again() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Works(30);
    bench.vibrate(0, 1);
    bench.run(10);
    bench.vibrate(0, 2);
    bench.run(10);
    bench.vibrate(0, 3);
    bench.run(500);
    assert_eq!(bench.operations(), ["0 v0=1", "30 v0=3"]);
}

#[test]
fn the_first_zero_is_written() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.vibrate(0, 0);
    assert_eq!(bench.operations(), ["0 v0=0"]);
}

#[test]
fn a_repeated_value_is_not_written() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 5);
    bench.vibrate(0, 5);
    bench.run(100);
    bench.vibrate(0, 5);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 v0=5"]);
}

#[test]
fn a_repeated_value_is_written_after_it_was_something_else_in_between() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 5);
    bench.vibrate(0, 6);
    bench.vibrate(0, 5);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 v0=5", "10 v0=5"]);
}

#[test]
fn a_repeated_spray_is_written() {
    let program = Plain::new(vec![feature(0, vec![output(Spray, 0, 1)])]);
    let mut bench = Bench::new(program, settings(0));
    bench.set(0, Spray, 1);
    bench.run(100);
    bench.set(0, Spray, 1);
    assert_eq!(bench.operations(), ["0 s0=1", "100 s0=1"]);
}

#[test]
fn a_spray_is_not_repeated_by_what_shares_its_packet() {
    let outputs = vec![output(Vibrate, 0, 20), output(Spray, 0, 1)];
    let mut bench = Bench::new(Plain { packed: true, ..Plain::new(vec![feature(0, outputs)]) }, settings(0));
    bench.set(0, Spray, 1);
    bench.vibrate(0, 5);
    bench.run(100);
    bench.vibrate(0, 6);
    assert_eq!(bench.operations(), ["0 v0=0 s0=1", "0 v0=5 s0=0", "100 v0=6 s0=0"]);
}

#[test]
fn unknown_outputs_are_ignored() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.vibrate(9, 5);
    bench.set(0, Rotate, 5);
    bench.run(100);
    assert_eq!(bench.operations(), [""; 0]);
}

#[test]
fn values_out_of_range_are_clamped() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.vibrate(0, i32::MAX);
    bench.run(0);
    bench.vibrate(0, i32::MIN);
    assert_eq!(bench.operations(), ["0 v0=20", "0 v0=0"]);
}

#[test]
fn values_wait_for_operations_that_were_asked_for_before() {
    let mut bench = Bench::new(sensing(), settings(0));
    bench.fate = Fate::Works(10);
    bench.read(1);
    bench.vibrate(0, 5);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 read from rx", "10 v0=5"]);
}

#[test]
fn ticks_do_not_pile_up_on_a_slow_link() {
    let program = Plain { ticks: Some(Duration::from_millis(10)), ..motors(1) };
    let mut bench = Bench::new(program, settings(0));
    bench.fate = Fate::Works(100);
    bench.run(250);
    bench.vibrate(0, 5);
    bench.run(200);
    assert_eq!(bench.operations(), ["10 tick", "110 tick", "210 tick", "310 v0=5", "410 tick"]);
}

#[test]
fn ticks_and_values_take_turns_on_a_slow_link() {
    let program = Plain { ticks: Some(Duration::from_millis(10)), ..motors(1) };
    let mut bench = Bench::new(program, settings(0));
    bench.fate = Fate::Works(100);
    for value in 1..=20 {
        bench.vibrate(0, value);
        bench.run(20);
    }
    assert_eq!(bench.operations(), ["0 v0=1", "100 tick", "200 v0=10", "300 tick", "400 v0=15"]);
}

#[test]
fn a_program_that_never_rests_does_not_keep_values_waiting() {
    let program = Plain { ticks: Some(Duration::from_secs(60)), rampant: true, ..motors(1) };
    let mut bench = Bench::new(program, settings(0));
    bench.fate = Fate::Works(50);
    bench.run(60_000);
    bench.run(500);
    bench.forget();
    bench.vibrate(0, 5);
    bench.run(1500);
    assert!(bench.operations().iter().any(|operation| operation.ends_with("v0=5")));
}

#[test]
fn a_program_that_wants_no_sleep_is_woken_every_millisecond() {
    let mut bench = Bench::new(Plain { ticks: Some(Duration::ZERO), ..motors(1) }, settings(0));
    bench.run(3);
    assert_eq!(bench.operations(), ["1 tick", "2 tick", "3 tick"]);
}
