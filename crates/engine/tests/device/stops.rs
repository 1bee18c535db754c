//! A stop waits for nothing but the one write under way, and nothing older is written after it.

use std::time::Duration;

use frisson_engine::device::{Command, Report, Selection};
use frisson_wire::OutputKind;

use crate::bench::*;

fn stopped(ticket: u64) -> Report {
    Report::Done(ticket, Ok(None))
}

#[test]
fn a_stop_overtakes_the_gap_and_what_waits_for_it() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.vibrate(0, 10);
    bench.run(20);
    bench.vibrate(0, 15);
    bench.run(20);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "40 v0=0"]);
    assert_eq!(bench.reports(), [stopped(1)]);
}

#[test]
fn a_stop_overtakes_the_settle() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.vibrate(0, 10);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0"]);
}

#[test]
fn a_stop_is_written_even_if_everything_is_at_rest_already() {
    let mut bench = Bench::new(motors(2), settings(0));
    bench.stop(1);
    bench.run(10);
    bench.stop(2);
    bench.run(10);
    assert_eq!(bench.operations(), ["0 v0=0", "0 v1=0", "10 v0=0", "10 v1=0"]);
}

#[test]
fn a_stop_is_done_when_its_last_packet_is_written() {
    let mut bench = Bench::new(motors(2), settings(0));
    bench.fate = Fate::Works(10);
    bench.stop(1);
    bench.run(19);
    assert_eq!(bench.reports(), []);
    bench.run(1);
    assert_eq!(bench.reports(), [stopped(1)]);
}

#[test]
fn a_stop_with_nothing_to_write_is_done_at_once() {
    let mut bench = Bench::new(Plain::new(vec![feature(4, vec![output(Position, 0, 99)])]), settings(100));
    bench.stop(1);
    assert_eq!(bench.reports(), [stopped(1)]);
    assert_eq!(bench.operations(), [""; 0]);
}

#[test]
fn a_stop_of_an_unknown_feature_is_done_at_once() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.command(Command::Stop { selection: Selection::Feature(9), ticket: Some(1) });
    assert_eq!(bench.reports(), [stopped(1)]);
    assert_eq!(bench.operations(), [""; 0]);
}

#[test]
fn a_stop_waits_for_the_write_under_way() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Works(300);
    bench.vibrate(0, 10);
    bench.run(100);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "300 v0=0"]);
}

#[test]
fn a_stop_drops_the_packets_that_wait_behind_the_one_under_way() {
    let mut bench = Bench::new(motors(4), settings(0));
    bench.fate = Fate::Works(10);
    for feature in 0..4 {
        bench.vibrate(feature, 10);
    }
    bench.run(15);
    bench.operations();
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["20 v0=0", "30 v1=0", "40 v2=0", "50 v3=0"]);
}

#[test]
fn what_a_stop_has_dropped_of_others_is_written_after_it() {
    let mut bench = Bench::new(motors(3), settings(100));
    bench.fate = Fate::Works(10);
    for feature in 0..3 {
        bench.vibrate(feature, 10);
    }
    bench.run(5);
    bench.command(Command::Stop { selection: Selection::Feature(0), ticket: Some(1) });
    bench.run(1000);
    let expected = ["1 v0=10", "11 v0=0", "111 v1=10", "121 v2=10"];
    assert_eq!(bench.operations(), expected);
}

#[test]
fn a_stop_during_the_last_packet_does_not_repeat_it() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 10);
    bench.vibrate(1, 10);
    bench.run(15);
    bench.command(Command::Stop { selection: Selection::Feature(0), ticket: Some(1) });
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "11 v1=10", "21 v0=0"]);
}

#[test]
fn a_stop_stops_its_selection_only() {
    let outputs = vec![output(Vibrate, 0, 20), output(Rotate, -20, 20)];
    let mut bench = Bench::new(Plain::new(vec![feature(0, outputs)]), settings(0));
    bench.vibrate(0, 10);
    bench.set(0, Rotate, -5);
    bench.run(10);
    bench.forget();
    bench.command(Command::Stop {
        selection: Selection::Outputs(vec![(0, OutputKind::Rotate)]),
        ticket: None,
    });
    bench.run(10);
    assert_eq!(bench.operations(), ["10 r0=0"]);
}

#[test]
fn in_a_shared_packet_what_is_not_stopped_keeps_its_value() {
    let mut bench = Bench::new(Plain { packed: true, ..motors(2) }, settings(0));
    bench.vibrate(0, 10);
    bench.vibrate(1, 5);
    bench.run(10);
    bench.forget();
    bench.command(Command::Stop { selection: Selection::Feature(0), ticket: None });
    assert_eq!(bench.operations(), ["10 v0=0 v1=5"]);
}

#[test]
fn a_command_after_a_stop_is_written_a_gap_after_it() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 10);
    bench.run(5);
    bench.stop(1);
    bench.vibrate(0, 7);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "11 v0=0", "111 v0=7"]);
}

#[test]
fn a_command_after_a_stop_does_not_undo_a_stop_that_has_to_be_repeated() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.script.extend([Fate::Fails(10)]);
    bench.stop(1);
    bench.vibrate(0, 7);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0", "30 v0=0", "130 v0=7"]);
}

#[test]
fn a_stop_drops_commands_that_came_after_an_earlier_stop() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Works(10);
    bench.stop(1);
    bench.vibrate(0, 7);
    bench.stop(2);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0", "10 v0=0"]);
    assert_eq!(bench.reports(), [stopped(1), stopped(2)]);
}

#[test]
fn stops_that_come_while_one_is_written_become_one() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Works(100);
    for ticket in 0..50 {
        bench.stop(ticket);
    }
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0", "100 v0=0"]);
    assert_eq!(bench.reports(), (0..50).map(stopped).collect::<Vec<_>>());
}

#[test]
fn a_stop_puts_off_a_read_that_is_under_way() {
    let mut bench = Bench::new(sensing(), settings(0));
    bench.script.extend([Fate::Hangs]);
    bench.read(1);
    bench.run(100);
    bench.stop(2);
    assert_eq!(bench.abandoned(), 1);
    bench.run(10);
    assert_eq!(bench.operations(), ["0 read from rx", "100 v0=0", "100 read from rx"]);
    assert_eq!(bench.reports(), [stopped(2), Report::Done(1, Ok(Some(87)))]);
}

#[test]
fn a_stop_goes_before_reads_and_answers_that_wait() {
    let mut bench = Bench::new(Plain { answers: 3, ..sensing() }, settings(0));
    bench.fate = Fate::Works(10);
    bench.handle(frisson_engine::device::Input::Notified(frisson_program::Endpoint::RX, &[1]));
    bench.read(1);
    bench.stop(2);
    bench.run(100);
    let expected = ["0 answer", "10 v0=0", "20 answer", "30 answer", "40 read from rx"];
    assert_eq!(bench.operations(), expected);
}

#[test]
fn a_stop_drops_what_the_program_wanted_to_write_by_itself() {
    let program = Plain { ticks: Some(Duration::from_millis(1000)), rampant: true, ..motors(1) };
    let mut bench = Bench::new(program, settings(0));
    bench.fate = Fate::Works(15);
    bench.run(1020);
    bench.stop(1);
    bench.run(900);
    assert_eq!(bench.operations(), ["1000 tick", "1015 tick", "1030 v0=0"]);
}

#[test]
fn a_failed_stop_is_tried_again_before_the_gap_is_over() {
    let mut bench = Bench::new(motors(2), settings(500));
    bench.script.extend([Fate::Fails(5), Fate::Works(0), Fate::Fails(5)]);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0", "25 v0=0", "25 v1=0", "50 v0=0", "50 v1=0"]);
    let reports = bench.reports();
    assert!(matches!(
        &reports[..],
        [Report::WriteFailed(_), Report::WriteFailed(_), Report::Done(1, Ok(None))]
    ));
}

#[test]
fn a_stop_that_fails_three_times_ends_the_device_and_says_so() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Fails(0);
    bench.stop(1);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=0", "20 v0=0", "40 v0=0"]);
    let reports = bench.reports();
    assert!(matches!(&reports[3..], [Report::Done(1, Err(_)), Report::Gone(_)]));
    assert!(bench.is_closed());
}

#[test]
fn a_write_that_hangs_with_a_stop_due_ends_the_device() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Hangs;
    bench.vibrate(0, 10);
    bench.run(1000);
    bench.stop(1);
    bench.run(3999);
    assert!(!bench.is_closed());
    bench.run(1);
    let reason = "write to tx was not answered within 5 s, with a stop due".to_owned();
    assert_eq!(bench.reports(), [Report::Done(1, Err(reason.clone())), Report::Gone(reason)]);
    assert!(bench.is_closed());
}

#[test]
fn a_stop_that_hangs_ends_the_device() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Hangs;
    bench.stop(1);
    bench.run(5000);
    assert!(matches!(&bench.reports()[..], [Report::Done(1, Err(_)), Report::Gone(_)]));
}

#[test]
fn a_stop_after_a_failed_write_does_not_wait_for_its_retry() {
    let mut bench = Bench::new(motors(1), settings(500));
    bench.script.extend([Fate::Fails(0)]);
    bench.vibrate(0, 10);
    bench.run(10);
    bench.stop(1);
    bench.run(2000);
    assert_eq!(bench.operations(), ["1 v0=10", "10 v0=0"]);
}

#[test]
fn a_stop_leaves_nothing_to_be_done() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.vibrate(0, 10);
    bench.stop(1);
    bench.run(0);
    assert_eq!(bench.next_timeout(), None);
}
