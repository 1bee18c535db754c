//! Writes that fail, and links that break.

use std::time::{Duration, Instant};

use frisson_engine::device::{Command, DeviceMachine, Input, Output, Report};
use frisson_program::{Change, Context, Endpoint, Operation, Program, State};

use crate::bench::*;

#[test]
fn a_failed_write_is_tried_again_after_the_gap() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.script.extend([Fate::Fails(10)]);
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "111 v0=10"]);
    let text = "write to tx failed: the link is bad (attempt 1 of 3)".to_owned();
    assert_eq!(bench.reports(), [Report::WriteFailed(text)]);
}

#[test]
fn without_a_gap_a_failed_write_is_tried_again_after_20_ms() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.script.extend([Fate::Fails(0)]);
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 v0=10", "20 v0=10"]);
}

#[test]
fn the_next_attempt_writes_the_newest_value() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.script.extend([Fate::Fails(10)]);
    bench.vibrate(0, 10);
    bench.run(50);
    bench.vibrate(0, 12);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "111 v0=12"]);
}

#[test]
fn a_failed_packet_drops_those_behind_it() {
    let mut bench = Bench::new(motors(3), settings(100));
    bench.script.extend([Fate::Works(0), Fate::Fails(0)]);
    for feature in 0..3 {
        bench.vibrate(feature, 10);
    }
    bench.run(1000);
    let expected = ["1 v0=10", "1 v1=10", "101 v0=10", "101 v1=10", "101 v2=10"];
    assert_eq!(bench.operations(), expected);
}

#[test]
fn three_failures_in_a_row_end_the_device() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Fails(0);
    bench.vibrate(0, 10);
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "101 v0=10", "201 v0=10"]);
    let reason = "3 writes in a row have failed, at last: write to tx failed: the link is bad".to_owned();
    assert_eq!(bench.reports().pop(), Some(Report::Gone(reason)));
    assert!(bench.is_closed());
}

#[test]
fn a_write_that_works_forgives_earlier_failures() {
    let mut bench = Bench::new(motors(1), settings(0));
    for value in 1..=6 {
        bench.script.extend([Fate::Fails(0), Fate::Fails(0), Fate::Works(0)]);
        bench.vibrate(0, value);
        bench.run(100);
    }
    assert!(!bench.is_closed());
}

#[test]
fn a_write_unanswered_for_five_seconds_has_failed_and_is_tried_again() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.script.extend([Fate::Hangs]);
    bench.vibrate(0, 10);
    bench.run(10_000);
    assert_eq!(bench.operations(), ["1 v0=10", "5101 v0=10"]);
    assert_eq!(bench.abandoned(), 1);
    let text = "write to tx failed: no answer within 5 s (attempt 1 of 3)".to_owned();
    assert_eq!(bench.reports(), [Report::WriteFailed(text)]);
}

#[test]
fn an_answer_that_comes_too_late_is_ignored() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.script.extend([Fate::Hangs]);
    bench.vibrate(0, 10);
    bench.run(5050);
    bench.handle(Input::Completed(Ok(Default::default())));
    bench.run(1000);
    assert_eq!(bench.operations(), ["1 v0=10", "5101 v0=10"]);
}

#[test]
fn a_loss_answers_all_tickets_then_says_goodbye() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.fate = Fate::Works(50);
    bench.vibrate(0, 10);
    bench.run(1);
    bench.stop(1);
    bench.read(2);
    bench.handle(Input::Lost("out of range".to_owned()));
    let reason = || "out of range".to_owned();
    let expected = [Report::Done(1, Err(reason())), Report::Done(2, Err(reason())), Report::Gone(reason())];
    assert_eq!(bench.reports(), expected);
    assert!(bench.is_closed());
}

#[test]
fn after_the_end_nothing_has_any_effect() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.handle(Input::Lost("out of range".to_owned()));
    bench.forget();
    bench.vibrate(0, 10);
    bench.stop(1);
    bench.command(Command::Close);
    bench.handle(Input::Completed(Ok(Default::default())));
    bench.handle(Input::Lost("again".to_owned()));
    bench.run(100_000);
    assert_eq!(bench.operations(), [""; 0]);
    assert_eq!(bench.reports(), []);
    assert_eq!(bench.next_timeout(), None);
}

#[test]
fn a_stop_with_nothing_to_write_does_not_forgive_failures() {
    let mut bench = Bench::new(Plain::new(vec![feature(4, vec![output(Position, 0, 99)])]), settings(0));
    bench.fate = Fate::Fails(0);
    for ticket in 0..3 {
        bench.set(4, Position, 10);
        bench.run(20);
        bench.stop(ticket);
    }
    assert!(bench.is_closed());
}

/// One motor, and a byte that is too small for it.
struct Misfit(Plain);

impl Program for Misfit {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.ready(self.0.description.clone());
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            match u8::try_from(change.value) {
                Ok(value @ ..=9) => cx.write(Endpoint::TX, &[b'0' + value], false),
                _ => cx.fail("the value does not fit"),
            }
        }
    }
}

#[test]
fn a_value_that_cannot_be_rendered_is_a_failed_write_of_that_value_only() {
    let start = Instant::now();
    let mut machine = DeviceMachine::new(start, Box::new(Misfit(motors(2))), settings(100));
    for (feature, value) in [(0, 10), (1, 5)] {
        let duration = Duration::ZERO;
        machine.handle(start, Input::Command(Command::Set { feature, kind: Vibrate, value, duration }));
    }
    machine.handle(start + Duration::from_millis(1), Input::Timeout);
    machine.handle(start + Duration::from_millis(1), Input::Completed(Ok(Default::default())));
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).skip(1).collect();
    let Some(Output::Operate(Operation::Write { bytes, .. })) = outputs.first() else {
        panic!("{outputs:?}")
    };
    assert_eq!(bytes.as_slice(), b"5");
    let text = "the value does not fit (attempt 1 of 3)".to_owned();
    assert_eq!(outputs[1..], [Output::Report(Report::WriteFailed(text))]);
}

#[test]
fn a_value_that_cannot_be_rendered_is_tried_three_times() {
    let mut now = Instant::now();
    let mut machine = DeviceMachine::new(now, Box::new(Misfit(motors(1))), settings(100));
    let duration = Duration::ZERO;
    machine.handle(now, Input::Command(Command::Set { feature: 0, kind: Vibrate, value: 10, duration }));
    let mut turns = 0;
    while let Some(at) = machine.poll_timeout() {
        now = at;
        turns += 1;
        machine.handle(now, Input::Timeout);
    }
    assert_eq!(turns, 3);
    let last: Vec<_> = std::iter::from_fn(|| machine.poll_output()).skip(4).collect();
    assert!(matches!(&last[..], [Output::Report(Report::Gone(_)), Output::Close]));
}

#[test]
fn a_failure_of_the_write_that_a_stop_waited_for_is_told() {
    let mut bench = Bench::new(motors(2), settings(0));
    bench.script.extend([Fate::Fails(10)]);
    bench.vibrate(0, 10);
    bench.vibrate(1, 10);
    bench.run(5);
    bench.stop(1);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 v0=10", "10 v0=0", "10 v1=0"]);
    let reports = bench.reports();
    assert!(matches!(&reports[..], [Report::WriteFailed(_), Report::Done(1, Ok(None))]), "{reports:?}");
}
