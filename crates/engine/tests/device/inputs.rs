//! Reads and subscriptions.

use frisson_engine::device::{Command, Input, Report};
use frisson_program::Endpoint;
use frisson_wire::InputKind;

use crate::bench::*;

#[test]
fn a_read_is_answered_with_its_value() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.read(1);
    bench.run(0);
    assert_eq!(bench.operations(), ["0 read from rx"]);
    assert_eq!(bench.reports(), [Report::Done(1, Ok(Some(87)))]);
}

#[test]
fn reads_of_the_same_input_at_the_same_time_share_one() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.fate = Fate::Works(10);
    bench.read(1);
    bench.run(5);
    bench.read(2);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 read from rx"]);
    assert_eq!(bench.reports(), [Report::Done(1, Ok(Some(87))), Report::Done(2, Ok(Some(87)))]);
}

#[test]
fn a_read_after_another_has_ended_reads_anew() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.read(1);
    bench.run(5);
    bench.read(2);
    bench.run(5);
    assert_eq!(bench.operations(), ["0 read from rx", "5 read from rx"]);
}

#[test]
fn a_failed_read_says_why() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.script.extend([Fate::Fails(0)]);
    bench.read(1);
    bench.run(0);
    assert_eq!(bench.reports(), [Report::Done(1, Err("the link is bad".to_owned()))]);
}

#[test]
fn failed_reads_do_not_end_the_device() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.fate = Fate::Fails(0);
    for ticket in 0..10 {
        bench.read(ticket);
        bench.run(10);
    }
    assert!(!bench.is_closed());
}

#[test]
fn a_read_unanswered_for_five_seconds_has_failed() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.fate = Fate::Hangs;
    bench.read(1);
    bench.run(5000);
    assert!(matches!(&bench.reports()[..], [Report::Done(1, Err(_))]));
}

#[test]
fn an_input_that_the_device_lacks_cannot_be_read() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.command(Command::Read { feature: 0, kind: InputKind::Battery, ticket: 1 });
    assert_eq!(bench.reports(), [Report::Done(1, Err("feature 0 has no Battery".to_owned()))]);
}

#[test]
fn a_read_does_not_wait_for_the_gap() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.vibrate(0, 5);
    bench.run(10);
    bench.vibrate(0, 6);
    bench.read(1);
    bench.run(200);
    assert_eq!(bench.operations(), ["1 v0=5", "10 read from rx", "101 v0=6"]);
}

#[test]
fn too_many_reads_at_a_time_are_refused() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.fate = Fate::Hangs;
    for ticket in 0..2000 {
        bench.read(ticket);
    }
    let refused = bench.reports().iter().filter(|report| matches!(report, Report::Done(_, Err(_)))).count();
    assert_eq!(refused, 2000 - 1024);
}

#[test]
fn a_subscription_reports_what_the_device_says() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.command(Command::Listen { feature: 7, kind: InputKind::Pressure, on: true });
    bench.run(0);
    bench.handle(Input::Notified(Endpoint::RX, &[42]));
    bench.command(Command::Listen { feature: 7, kind: InputKind::Pressure, on: false });
    bench.run(0);
    assert_eq!(bench.operations(), ["0 subscribe to rx", "0 unsubscribe from rx"]);
    assert_eq!(bench.reports(), [Report::Reading(7, InputKind::Pressure, 42)]);
}

#[test]
fn a_subscription_that_fails_is_told() {
    let mut bench = Bench::new(sensing(), settings(100));
    bench.script.extend([Fate::Fails(0)]);
    bench.command(Command::Listen { feature: 7, kind: InputKind::Pressure, on: true });
    bench.run(0);
    let text = "subscribe to rx failed: the link is bad".to_owned();
    assert_eq!(bench.reports(), [Report::Notice(text)]);
}

#[test]
fn readings_of_inputs_that_the_device_lacks_are_dropped() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.handle(Input::Notified(Endpoint::RX, &[42]));
    assert_eq!(bench.reports(), []);
}

#[test]
fn a_read_that_a_stop_put_off_comes_before_what_was_asked_for_after_it() {
    let mut bench = Bench::new(Plain { answers: 1, ..sensing() }, settings(0));
    bench.script.extend([Fate::Hangs]);
    bench.read(1);
    bench.handle(Input::Notified(Endpoint::RX, &[42]));
    bench.stop(2);
    bench.run(10);
    assert_eq!(bench.operations(), ["0 read from rx", "0 v0=0", "0 read from rx", "0 answer"]);
}
