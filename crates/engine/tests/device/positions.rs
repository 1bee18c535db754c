//! Positions: repeated, timed, ended by a stop, and never given a value by it.

use frisson_engine::device::{Command, Selection};

use crate::bench::*;

fn halting() -> Plain {
    Plain { halts: true, ..stroker() }
}

#[test]
fn a_repeated_position_is_written() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.set(4, Position, 50);
    bench.run(10);
    bench.set(4, Position, 50);
    assert_eq!(bench.operations(), ["0 p4=50", "10 p4=50"]);
}

#[test]
fn a_timed_position_carries_its_duration() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.stroke(70, 300);
    assert_eq!(bench.operations(), ["0 h4=70@300"]);
}

#[test]
fn only_timed_positions_have_a_duration() {
    let mut bench = Bench::new(stroker(), settings(0));
    let duration = std::time::Duration::from_secs(1);
    bench.command(Command::Set { feature: 4, kind: Position, value: 1, duration });
    assert_eq!(bench.operations(), ["0 p4=1"]);
}

#[test]
fn a_stop_gives_positions_no_value() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.stroke(70, 0);
    bench.run(10);
    bench.forget();
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["10 v0=0"]);
}

#[test]
fn a_stop_drops_a_position_that_waits() {
    let mut bench = Bench::new(stroker(), settings(100));
    bench.stroke(10, 0);
    bench.run(10);
    bench.stroke(90, 0);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 h4=10", "10 v0=0"]);
}

#[test]
fn a_position_that_a_stop_dropped_is_not_in_packets_that_follow() {
    let mut bench = Bench::new(Plain { packed: true, ..stroker() }, settings(100));
    bench.stroke(10, 0);
    bench.run(10);
    bench.stroke(90, 0);
    bench.stop(1);
    bench.run(200);
    bench.vibrate(0, 5);
    bench.run(200);
    let expected = ["1 v0=0 p4=0 h4=10", "10 v0=0 p4=10 h4=10", "211 v0=5 p4=10 h4=10"];
    assert_eq!(bench.operations(), expected);
}

#[test]
fn a_stop_ends_a_timed_move_that_is_under_way() {
    let mut bench = Bench::new(halting(), settings(0));
    bench.stroke(90, 1000);
    bench.run(400);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 h4=90@1000", "400 v0=0", "400 halt4"]);
}

#[test]
fn a_stop_after_a_timed_move_is_over_does_not_end_it_again() {
    let mut bench = Bench::new(halting(), settings(0));
    bench.stroke(90, 1000);
    bench.run(1000);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 h4=90@1000", "1000 v0=0"]);
}

#[test]
fn a_stop_ends_a_timed_move_whose_write_is_still_under_way() {
    let mut bench = Bench::new(halting(), settings(0));
    bench.fate = Fate::Works(100);
    bench.stroke(90, 1000);
    bench.run(50);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 h4=90@1000", "100 v0=0", "200 halt4"]);
}

#[test]
fn a_stop_of_another_feature_does_not_end_a_timed_move() {
    let mut bench = Bench::new(halting(), settings(0));
    bench.stroke(90, 1000);
    bench.run(400);
    bench.command(Command::Stop { selection: Selection::Feature(0), ticket: None });
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 h4=90@1000", "400 v0=0"]);
}

#[test]
fn a_move_that_was_ended_is_believed_to_be_where_it_was_by_then() {
    let mut bench = Bench::new(Plain { packed: true, ..halting() }, settings(0));
    bench.stroke(0, 0);
    bench.run(10);
    bench.stroke(80, 1000);
    bench.run(500);
    bench.stop(1);
    bench.run(10);
    bench.forget();
    bench.vibrate(0, 3);
    bench.run(10);
    assert_eq!(bench.operations(), ["520 v0=3 p4=80 h4=40@1000"]);
}

#[test]
fn the_end_of_a_move_is_tried_again_if_it_could_not_be_written() {
    let mut bench = Bench::new(halting(), settings(0));
    bench.stroke(90, 1000);
    bench.run(100);
    bench.script.extend([Fate::Works(0), Fate::Fails(0)]);
    bench.stop(1);
    bench.run(1000);
    let expected = ["0 h4=90@1000", "100 v0=0", "100 halt4", "120 v0=0", "120 halt4"];
    assert_eq!(bench.operations(), expected);
}

#[test]
fn of_two_commands_for_one_axis_the_newer_one_wins() {
    let mut bench = Bench::new(stroker(), settings(100));
    bench.stroke(90, 500);
    bench.set(4, Position, 10);
    bench.run(500);
    assert_eq!(bench.operations(), ["1 p4=10"]);
}

#[test]
fn an_older_command_for_the_same_axis_is_not_tried_again() {
    let mut bench = Bench::new(stroker(), settings(100));
    bench.script.extend([Fate::Fails(10)]);
    bench.stroke(90, 500);
    bench.run(5);
    bench.set(4, Position, 10);
    bench.run(500);
    assert_eq!(bench.operations(), ["1 h4=90@500", "111 p4=10"]);
}

#[test]
fn a_position_in_packets_that_a_stop_dropped_is_not_written_after_it() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.fate = Fate::Works(100);
    bench.command(Command::Stop { selection: Selection::Feature(0), ticket: None });
    bench.vibrate(0, 5);
    bench.stroke(90, 0);
    bench.run(150);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0", "100 v0=5", "200 v0=0"]);
}

#[test]
fn a_stop_falls_back_to_the_position_that_is_being_written() {
    let mut bench = Bench::new(Plain { packed: true, ..stroker() }, settings(0));
    bench.fate = Fate::Works(100);
    bench.stroke(10, 0);
    bench.run(50);
    bench.stroke(90, 0);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0 p4=0 h4=10", "100 v0=0 p4=10 h4=10"]);
}

#[test]
fn a_move_that_was_ended_is_not_ended_again() {
    let mut bench = Bench::new(halting(), settings(0));
    bench.stroke(90, 1000);
    bench.run(100);
    bench.stop(1);
    bench.run(100);
    bench.forget();
    bench.stop(2);
    bench.run(100);
    assert_eq!(bench.operations(), ["200 v0=0"]);
}
