//! From an open link to a device that takes commands.

use std::time::Duration;

use frisson_engine::device::{Command, Input, Report, Selection};
use frisson_program::{Context, Endpoint, Program};

use crate::bench::*;

fn polite() -> Plain {
    Plain {
        greeting: vec![Greet::Write("hello"), Greet::Listen, Greet::Hear, Greet::Write("thanks")],
        ..motors(1)
    }
}

/// Runs a greeting up to the operation before which so many others have been carried out.
fn greet_until(steps: usize) -> Bench {
    let mut bench = Bench::greeting_on(Fate::Hangs, polite(), settings(0));
    for step in 0..steps {
        if step == 2 {
            bench.handle(Input::Notified(Endpoint::RX, b"yes"));
        } else {
            bench.handle(Input::Completed(Ok(Default::default())));
        }
    }
    bench
}

#[test]
fn operations_are_carried_out_one_by_one() {
    let mut bench = Bench::greeting_on(Fate::Works(10), polite(), settings(0));
    bench.run(20);
    bench.handle(Input::Notified(Endpoint::RX, b"yes"));
    bench.run(20);
    assert_eq!(bench.operations(), ["0 hello", "10 subscribe to rx", "20 thanks"]);
}

#[test]
fn ready_is_reported_when_the_last_operation_has_ended() {
    let mut bench = greet_until(3);
    assert_eq!(bench.reports(), [Report::Notice("say yes".to_owned())]);
    bench.handle(Input::Completed(Ok(Default::default())));
    let description = polite().description;
    assert_eq!(bench.reports(), [Report::Ready(Box::new(description))]);
}

/// Says that it is ready before it knows that its first packet has arrived.
struct Hasty(Plain);

impl Program for Hasty {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.write(Endpoint::TX, b"hello", true);
        cx.ready(self.0.description.clone());
    }

    fn render(&mut self, _: &[frisson_program::Change], _: &frisson_program::State, _: &mut Context<'_>) {}
}

fn hasty() -> (frisson_engine::device::DeviceMachine, std::time::Instant) {
    let now = std::time::Instant::now();
    (frisson_engine::device::DeviceMachine::new(now, Box::new(Hasty(motors(1))), settings(0)), now)
}

#[test]
fn what_was_asked_for_before_ready_is_done_before_ready() {
    use frisson_engine::device::Output;
    let (mut machine, now) = hasty();
    assert!(matches!(machine.poll_output(), Some(Output::Operate(_))));
    assert_eq!(machine.poll_output(), None);
    machine.handle(now, Input::Completed(Ok(Default::default())));
    assert!(matches!(machine.poll_output(), Some(Output::Report(Report::Ready(_)))));
}

#[test]
fn a_failure_of_what_was_asked_for_before_ready_refuses_the_device() {
    use frisson_engine::device::Output;
    let (mut machine, now) = hasty();
    machine.handle(now, Input::Completed(Err("no such endpoint".to_owned())));
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).skip(1).collect();
    let reason = "write to tx failed: no such endpoint".to_owned();
    assert_eq!(outputs, [Output::Report(Report::Refused(reason)), Output::Close]);
}

#[test]
fn a_failed_operation_refuses_the_device_with_its_reason() {
    for step in [0, 1, 3] {
        let mut bench = greet_until(step);
        bench.reports();
        bench.handle(Input::Completed(Err("the link is bad".to_owned())));
        let reports = bench.reports();
        assert!(
            matches!(&reports[..], [Report::Refused(reason)] if reason.ends_with("failed: the link is bad"))
        );
        assert!(bench.is_closed());
    }
}

#[test]
fn a_loss_at_any_step_refuses_the_device() {
    for step in 0..4 {
        let mut bench = greet_until(step);
        bench.reports();
        bench.handle(Input::Lost("out of range".to_owned()));
        assert_eq!(bench.reports(), [Report::Refused("out of range".to_owned())], "step {step}");
        assert!(bench.is_closed());
    }
}

#[test]
fn an_operation_unanswered_for_five_seconds_has_failed() {
    let mut bench = greet_until(0);
    bench.run(4999);
    assert!(!bench.is_closed());
    bench.run(1);
    let reason = "write to tx failed: no answer within 5 s".to_owned();
    assert_eq!(bench.reports(), [Report::Refused(reason)]);
}

#[test]
fn a_greeting_that_waits_for_ever_is_refused() {
    let mut bench = greet_until(2);
    bench.reports();
    bench.run(119_999);
    assert!(!bench.is_closed());
    bench.run(1);
    assert_eq!(bench.reports(), [Report::Refused("the greeting was not complete after 120 s".to_owned())]);
    assert!(bench.is_closed());
}

#[test]
fn commands_before_ready_are_refused_or_ignored() {
    let mut bench = greet_until(2);
    bench.reports();
    bench.vibrate(0, 10);
    bench.stop(1);
    bench.read(2);
    let refused = |ticket| Report::Done(ticket, Err("the device is not ready yet".to_owned()));
    assert_eq!(bench.reports(), [refused(1), refused(2)]);
    bench.operations();
    bench.fate = Fate::Works(0);
    bench.handle(Input::Notified(Endpoint::RX, b"yes"));
    bench.run(1000);
    assert_eq!(bench.operations(), ["0 thanks"]);
}

#[test]
fn limits_given_during_the_greeting_are_in_force_when_ready() {
    let mut bench = greet_until(3);
    bench.command(limited(vec![limit(0, Vibrate, 0, 5)]));
    bench.handle(Input::Completed(Ok(Default::default())));
    assert_eq!(bench.advertised()[0].outputs, [output(Vibrate, 0, 5)]);
}

#[test]
fn close_during_the_greeting_closes_at_once() {
    let mut bench = greet_until(1);
    bench.command(Command::Close);
    assert_eq!(bench.reports(), [Report::Closed { stopped: true }]);
    assert!(bench.is_closed());
}

#[test]
fn close_during_the_greeting_admits_that_a_stop_is_still_owed() {
    let mut bench =
        Bench::greeting(polite(), frisson_engine::device::Settings { stop_first: true, ..settings(0) });
    bench.command(Command::Close);
    assert_eq!(bench.reports(), [Report::Closed { stopped: false }]);
}

#[test]
fn stop_first_brings_everything_to_rest_before_anything_else() {
    let program = Plain { greeting: vec![Greet::Write("hello")], ..motors(2) };
    let settings = frisson_engine::device::Settings { stop_first: true, ..settings(50) };
    let mut bench = Bench::greeting_on(Fate::Works(10), program, settings);
    bench.run(200);
    assert_eq!(bench.operations(), ["0 hello", "10 v0=0", "20 v1=0"]);
}

#[test]
fn a_command_after_ready_waits_for_the_stop_that_comes_first() {
    let mut bench =
        Bench::greeting(motors(2), frisson_engine::device::Settings { stop_first: true, ..settings(50) });
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 10);
    bench.command(Command::Stop { selection: Selection::Feature(1), ticket: None });
    bench.run(200);
    assert_eq!(bench.operations(), ["0 v0=0", "0 v1=0", "10 v1=0", "60 v0=10"]);
}

#[test]
fn a_program_that_asks_without_end_is_refused() {
    struct Endless;
    impl Program for Endless {
        fn start(&mut self, cx: &mut Context<'_>) {
            for _ in 0..10_000 {
                cx.read(Endpoint::RX);
            }
        }
        fn render(&mut self, _: &[frisson_program::Change], _: &frisson_program::State, _: &mut Context<'_>) {
        }
    }
    let now = std::time::Instant::now();
    let mut machine = frisson_engine::device::DeviceMachine::new(now, Box::new(Endless), settings(0));
    let reason = "the program asks for too many operations at a time".to_owned();
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
    assert_eq!(
        outputs,
        [
            frisson_engine::device::Output::Report(Report::Refused(reason)),
            frisson_engine::device::Output::Close
        ]
    );
}

#[test]
fn a_tick_comes_when_it_was_asked_for() {
    let program = Plain { ticks: Some(Duration::from_millis(30)), ..motors(1) };
    let mut bench = Bench::new(program, settings(0));
    bench.run(70);
    assert_eq!(bench.operations(), ["30 tick", "60 tick"]);
}
