//! Stops that clients ask for, and the emergency stop.

mod hub_harness;

use frisson_engine::device::{Command, Report, Selection};
use frisson_engine::hub::{Input, Note, Output};
use frisson_wire::{ErrorCode, InputAction, InputKind, Reply, Request, Scope};
use hub_harness::*;

fn toys(bench: &mut Bench) -> (Unit, Unit) {
    let features = || vec![vibrator(0, 20), bulb(1), vibrator(2, 20), bulb(3)];
    (bench.device("a", features()), bench.device("b", features()))
}

/// What a stop of this scope does for a session that has subscribed to everything: the outputs stopped and how many inputs ended of each
/// device.
fn effect(scope: Scope, inputs: bool, outputs: bool) -> [(Vec<Selection>, usize); 2] {
    let mut bench = Bench::new();
    let (one, two) = toys(&mut bench);
    let session = bench.client();
    for toy in [one, two] {
        for feature in [1, 3] {
            bench.ok(session, input(toy, feature, InputKind::Pressure, InputAction::Subscribe));
        }
    }
    let (id, mut seen) = bench.send(session, stop(scope, inputs, outputs));
    for toy in [one, two] {
        let mut done = bench.stopped(toy, &seen);
        seen.0.append(&mut done.0);
    }
    assert_eq!(seen.reply(session, id), Reply::Ok);
    [one, two].map(|toy| {
        let ended = seen.commands(toy).into_iter();
        (
            seen.stops(toy),
            ended.filter(|command| matches!(command, Command::Listen { on: false, .. })).count(),
        )
    })
}

#[test]
fn a_stop_of_everything() {
    let all = || vec![Selection::All];
    assert_eq!(effect(Scope::All, true, true), [(all(), 2), (all(), 2)]);
    assert_eq!(effect(Scope::All, false, true), [(all(), 0), (all(), 0)]);
    assert_eq!(effect(Scope::All, true, false), [(vec![], 2), (vec![], 2)]);
    assert_eq!(effect(Scope::All, false, false), [(vec![], 0), (vec![], 0)]);
}

#[test]
fn a_stop_of_a_device() {
    let all = || vec![Selection::All];
    assert_eq!(effect(Scope::Device(1), true, true), [(vec![], 0), (all(), 2)]);
    assert_eq!(effect(Scope::Device(1), false, true), [(vec![], 0), (all(), 0)]);
    assert_eq!(effect(Scope::Device(1), true, false), [(vec![], 0), (vec![], 2)]);
    assert_eq!(effect(Scope::Device(1), false, false), [(vec![], 0), (vec![], 0)]);
}

#[test]
fn a_stop_of_a_feature() {
    let scope = |feature| Scope::Feature { device: 0, feature };
    let only = |feature| vec![Selection::Feature(feature)];
    assert_eq!(effect(scope(2), true, true), [(only(2), 0), (vec![], 0)]);
    assert_eq!(effect(scope(3), true, true), [(only(3), 1), (vec![], 0)]);
    assert_eq!(effect(scope(2), false, true), [(only(2), 0), (vec![], 0)]);
    assert_eq!(effect(scope(3), true, false), [(vec![], 1), (vec![], 0)]);
    assert_eq!(effect(scope(3), false, false), [(vec![], 0), (vec![], 0)]);
}

#[test]
fn a_stop_of_what_is_not_there_is_refused_and_stops_nothing() {
    let mut bench = Bench::new();
    toys(&mut bench);
    let session = bench.client();
    for scope in
        [Scope::Device(9), Scope::Feature { device: 9, feature: 0 }, Scope::Feature { device: 0, feature: 9 }]
    {
        assert_eq!(bench.refused(session, stop(scope, true, true)), ErrorCode::Device);
        assert_eq!(bench.refused(session, stop(scope, false, false)), ErrorCode::Device);
    }
}

#[test]
fn a_stop_without_any_device_is_answered_at_once() {
    let mut bench = Bench::new();
    let session = bench.client();
    assert_eq!(bench.ask(session, stop_all()), Reply::Ok);
    assert_eq!(bench.hub.poll_timeout(), None);
}

#[test]
fn a_stop_leaves_the_subscriptions_of_others() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    let session = bench.client();
    let other = bench.client();
    bench.ok(other, input(toy, 1, InputKind::Pressure, InputAction::Subscribe));
    let (_, seen) = bench.send(session, stop_all());
    assert_eq!(seen.commands(toy).len(), 1);
    let seen = bench.report(toy, Report::Reading(1, InputKind::Pressure, 7));
    assert_eq!(seen.events(other), [&reading(toy, 1, InputKind::Pressure, 7)]);
}

#[test]
fn a_stop_reaches_what_another_client_drives() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    let driver = bench.client();
    let other = bench.client();
    bench.ok(driver, vibrate(toy, 0, 9));
    let (_, seen) = bench.send(other, stop_all());
    assert_eq!(seen.stops(toy), [Selection::All]);
}

#[test]
fn a_stop_is_answered_when_every_device_has_written_it() {
    let mut bench = Bench::new();
    let (one, two) = toys(&mut bench);
    let session = bench.client();
    let (id, seen) = bench.send(session, stop(Scope::All, false, true));
    assert!(seen.replies(session).is_empty());
    assert!(bench.stopped(one, &seen).is_empty());
    assert_eq!(bench.stopped(two, &seen).reply(session, id), Reply::Ok);
    assert!(bench.pass(10_000).is_empty());
}

#[test]
fn a_stop_that_is_not_written_in_a_second_is_an_error_once() {
    let mut bench = Bench::new();
    let (one, two) = toys(&mut bench);
    let session = bench.client();
    let (id, stopping) = bench.send(session, stop(Scope::All, false, true));
    bench.stopped(one, &stopping);
    assert!(bench.pass(999).is_empty());
    assert_eq!(bench.pass(1).error(session, id), ErrorCode::Device);
    assert!(bench.stopped(two, &stopping).is_empty());
    assert!(bench.pass(10_000).is_empty());
}

#[test]
fn a_stop_that_a_device_cannot_write_is_an_error() {
    let mut bench = Bench::new();
    let (one, two) = toys(&mut bench);
    let session = bench.client();
    let (id, seen) = bench.send(session, stop(Scope::All, false, true));
    assert!(bench.report(one, Report::Done(seen.ticket(one), Err("jammed".to_owned()))).is_empty());
    let seen = bench.stopped(two, &seen);
    assert_eq!(seen.error(session, id), ErrorCode::Device);
    let Reply::Error(fault) = seen.reply(session, id) else { panic!("no error") };
    assert!(fault.message.contains("device 0") && fault.message.contains("jammed"), "{fault}");
}

#[test]
fn a_device_that_goes_away_while_it_is_stopped_makes_the_stop_an_error() {
    let mut bench = Bench::new();
    let (one, two) = toys(&mut bench);
    let session = bench.client();
    let (id, seen) = bench.send(session, stop(Scope::All, false, true));
    bench.stopped(one, &seen);
    let seen = bench.gone(two);
    assert_eq!(seen.error(session, id), ErrorCode::Device);
    let answer =
        seen.position(|output| matches!(output, Output::Message(_, frisson_wire::Message::Reply(..))));
    let removed =
        seen.position(|output| matches!(output, Output::Message(_, frisson_wire::Message::Event(_))));
    assert!(answer < removed, "a command in flight ends before the device is gone");
}

#[test]
fn other_requests_are_answered_while_a_stop_waits() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    let session = bench.client();
    bench.send(session, stop_all());
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
    assert_eq!(bench.ok(session, vibrate(toy, 0, 4)).sets(toy).len(), 1);
}

#[test]
fn with_too_many_requests_waiting_a_stop_is_refused_and_made_nevertheless() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    let session = bench.client();
    let scope = Scope::Device(toy.index);
    let mut first = None;
    for _ in 0..1024 {
        let (id, seen) = bench.send(session, stop(scope, true, true));
        assert!(seen.replies(session).is_empty());
        first.get_or_insert((id, seen));
        bench.handle(Input::Credit(toy.id, 1));
    }
    let (id, seen) = bench.send(session, stop(scope, true, true));
    assert_eq!(seen.error(session, id), ErrorCode::Device);
    assert_eq!(seen.stops(toy), [Selection::All]);
    assert_eq!(bench.refused(session, stop(Scope::Device(9), true, true)), ErrorCode::Device);
    let other = bench.client();
    assert!(bench.send(other, stop(scope, true, true)).1.replies(other).is_empty(), "others are not held up");
    // Only stops wait: what needs no waiting is answered.
    assert_eq!(bench.ask(session, stop(scope, true, false)), Reply::Ok);
    let (id, seen) = first.unwrap();
    assert_eq!(bench.stopped(toy, &seen).reply(session, id), Reply::Ok);
    let (_, seen) = bench.send(session, stop(scope, true, true));
    assert!(seen.replies(session).is_empty(), "there is room for one more: {seen:?}");
}

#[test]
fn too_many_waiting_stops_all_end_after_their_second() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    let session = bench.client();
    for _ in 0..1024 {
        bench.send(session, stop(Scope::Device(toy.index), true, true));
    }
    let seen = bench.pass(1_000);
    assert_eq!(seen.replies(session).len(), 1024);
    assert_eq!(bench.hub.poll_timeout(), None);
    assert!(bench.send(session, stop(Scope::Device(toy.index), true, true)).1.replies(session).is_empty());
}

#[test]
fn an_emergency_stop_stops_everything_and_is_in_force_until_it_is_released() {
    let mut bench = Bench::new();
    let (one, two) = toys(&mut bench);
    let session = bench.client();
    bench.ok(session, vibrate(one, 0, 9));
    let seen = bench.handle(Input::EmergencyStop);
    assert_eq!((seen.stops(one), seen.stops(two)), (vec![Selection::All], vec![Selection::All]));
    assert_eq!(seen.notes(), [&Note::EmergencyStop(true)]);
    assert_eq!(bench.refused(session, vibrate(one, 0, 9)), ErrorCode::Device);
    assert_eq!(bench.refused(session, vibrate(one, 0, 0)), ErrorCode::Device);
    assert_eq!(bench.handle(Input::Release).notes(), [&Note::EmergencyStop(false)]);
    bench.ok(session, vibrate(one, 0, 9));
}

#[test]
fn an_emergency_stop_that_is_repeated_stops_again() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    bench.handle(Input::EmergencyStop);
    let seen = bench.handle(Input::EmergencyStop);
    assert_eq!(seen.stops(toy), [Selection::All]);
    assert!(seen.notes().is_empty());
    bench.handle(Input::Release);
    assert!(bench.handle(Input::Release).is_empty());
}

#[test]
fn an_emergency_stop_holds_for_devices_that_come_later() {
    let mut bench = Bench::new();
    let session = bench.client();
    bench.handle(Input::EmergencyStop);
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    assert_eq!(bench.refused(session, vibrate(toy, 0, 1)), ErrorCode::Device);
}

#[test]
fn an_emergency_stop_leaves_everything_but_outputs() {
    let mut bench = Bench::new();
    let (toy, _) = toys(&mut bench);
    let session = bench.client();
    bench.ok(session, input(toy, 1, InputKind::Pressure, InputAction::Subscribe));
    bench.handle(Input::EmergencyStop);
    assert_eq!(bench.report(toy, Report::Reading(1, InputKind::Pressure, 3)).events(session).len(), 1);
    let (id, seen) = bench.send(session, stop(Scope::Device(toy.index), false, true));
    assert_eq!(bench.stopped(toy, &seen).reply(session, id), Reply::Ok);
}
