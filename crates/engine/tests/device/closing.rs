//! Close stops the device first.

use frisson_engine::device::{Command, Input, Report, Selection};

use crate::bench::*;

#[test]
fn close_stops_everything_first() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 10);
    bench.run(5);
    bench.command(Command::Close);
    bench.run(25);
    assert!(!bench.is_closed());
    bench.run(1);
    assert_eq!(bench.operations(), ["1 v0=10", "11 v0=0", "21 v1=0"]);
    assert_eq!(bench.reports(), [Report::Closed { stopped: true }]);
    assert!(bench.is_closed());
}

#[test]
fn close_with_nothing_to_stop_closes_at_once() {
    let mut bench = Bench::new(Plain::new(Vec::new()), settings(100));
    bench.command(Command::Close);
    assert_eq!(bench.reports(), [Report::Closed { stopped: true }]);
}

#[test]
fn close_gives_up_on_a_stop_that_is_not_written_in_time() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Hangs;
    bench.vibrate(0, 10);
    bench.run(10);
    bench.command(Command::Close);
    bench.run(1499);
    assert!(!bench.is_closed());
    bench.run(1);
    assert_eq!(bench.reports(), [Report::Closed { stopped: false }]);
    assert!(bench.is_closed());
}

#[test]
fn close_gives_up_on_a_stop_that_fails_three_times() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Fails(0);
    bench.command(Command::Close);
    bench.run(100);
    assert_eq!(bench.operations().len(), 3);
    assert_eq!(bench.reports().pop(), Some(Report::Closed { stopped: false }));
}

#[test]
fn close_tries_a_failed_stop_again() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.script.extend([Fate::Fails(0)]);
    bench.command(Command::Close);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 v0=0", "20 v0=0"]);
    assert_eq!(bench.reports().pop(), Some(Report::Closed { stopped: true }));
}

#[test]
fn after_close_no_command_is_taken() {
    let mut bench = Bench::new(sensing(), settings(0));
    bench.fate = Fate::Works(10);
    bench.command(Command::Close);
    bench.vibrate(0, 10);
    bench.read(1);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 v0=0"]);
    let refused = Report::Done(1, Err("the device is being closed".to_owned()));
    assert_eq!(bench.reports(), [refused, Report::Closed { stopped: true }]);
}

#[test]
fn close_answers_all_tickets() {
    let mut bench = Bench::new(sensing(), settings(0));
    bench.fate = Fate::Works(10);
    bench.read(1);
    bench.stop(2);
    bench.command(Command::Close);
    bench.run(100);
    let unread = Report::Done(1, Err("the device has been closed".to_owned()));
    assert_eq!(bench.reports(), [Report::Done(2, Ok(None)), unread, Report::Closed { stopped: true }]);
}

#[test]
fn a_loss_while_closing_is_a_loss() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Hangs;
    bench.command(Command::Close);
    bench.handle(Input::Lost("out of range".to_owned()));
    assert_eq!(bench.reports(), [Report::Gone("out of range".to_owned())]);
}

#[test]
fn close_does_not_take_a_smaller_stop_for_its_own() {
    let mut bench = Bench::new(motors(2), settings(0));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 10);
    bench.run(50);
    bench.forget();
    bench.command(Command::Stop { selection: Selection::Feature(1), ticket: None });
    bench.command(Command::Close);
    bench.run(100);
    assert_eq!(bench.operations(), ["50 v1=0", "60 v0=0", "70 v1=0"]);
}
