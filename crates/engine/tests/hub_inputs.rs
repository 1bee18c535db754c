//! Reads and subscriptions.

mod hub_harness;

use frisson_engine::device::{Command, Report};
use frisson_engine::hub::{Input, Output};
use frisson_wire::{
    Dialect, Echo, ErrorCode, Event, InputAction, InputKind, InputRequest, Reading, Reply, Request,
    RssiSpelling, Scope,
};
use hub_harness::*;

const BATTERY: InputKind = InputKind::Battery;
const PRESSURE: InputKind = InputKind::Pressure;

fn read(toy: Unit) -> Request {
    input(toy, 0, BATTERY, InputAction::Read)
}

fn subscribe(toy: Unit) -> Request {
    input(toy, 1, PRESSURE, InputAction::Subscribe)
}

fn unsubscribe(toy: Unit) -> Request {
    input(toy, 1, PRESSURE, InputAction::Unsubscribe)
}

fn toy(bench: &mut Bench) -> Unit {
    bench.device("a", vec![battery(0), bulb(1), vibrator(2, 20)])
}

fn squeeze(bench: &mut Bench, toy: Unit, value: i64) -> Seen {
    bench.report(toy, Report::Reading(1, PRESSURE, value))
}

fn listens(seen: &Seen, toy: Unit) -> Vec<bool> {
    let commands = seen.commands(toy).into_iter();
    commands
        .filter_map(|command| match command {
            Command::Listen { feature: 1, kind: PRESSURE, on } => Some(on),
            _ => None,
        })
        .collect()
}

#[test]
fn a_read_is_answered_with_the_value_and_what_the_request_has_to_be_told_again() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    let echo = Echo { spelling: RssiSpelling::Upper, sensor_index: 4 };
    let request =
        InputRequest { device: toy.index, feature: 0, kind: BATTERY, action: InputAction::Read, echo };
    let (id, seen) = bench.send(session, Request::Input(request));
    assert!(seen.replies(session).is_empty());
    let seen = bench.report(toy, Report::Done(seen.ticket(toy), Ok(Some(87))));
    let reading = Reading { device: toy.index, feature: 0, kind: BATTERY, value: 87 };
    assert_eq!(seen.reply(session, id), Reply::Reading(reading, echo));
    assert!(bench.pass(10_000).is_empty());
}

#[test]
fn a_read_that_fails_says_why() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    let (id, seen) = bench.send(session, read(toy));
    let seen = bench.report(toy, Report::Done(seen.ticket(toy), Err("asleep".to_owned())));
    let Reply::Error(fault) = seen.reply(session, id) else { panic!("no error") };
    assert_eq!(fault.code, ErrorCode::Device);
    assert!(fault.message.contains("asleep"), "{fault}");
}

#[test]
fn a_read_that_is_not_answered_in_5_seconds_is_an_error_once() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    let (id, reading) = bench.send(session, read(toy));
    assert!(bench.pass(4_999).is_empty());
    assert_eq!(bench.pass(1).error(session, id), ErrorCode::Device);
    assert!(bench.report(toy, Report::Done(reading.ticket(toy), Ok(Some(87)))).is_empty());
}

#[test]
fn a_device_that_goes_away_makes_its_reads_errors() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    let (id, _) = bench.send(session, read(toy));
    assert_eq!(bench.gone(toy).error(session, id), ErrorCode::Device);
    assert_eq!(bench.hub.poll_timeout(), None);
}

#[test]
fn a_read_of_an_idle_device_that_goes_away_is_no_reason_to_stop_it_when_it_returns() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    bench.send(session, read(toy));
    bench.gone(toy);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn reads_of_several_clients_are_answered_each() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let (one, two) = (bench.client(), bench.client());
    let (first, reading_one) = bench.send(one, read(toy));
    let (second, reading_two) = bench.send(two, read(toy));
    let seen = bench.report(toy, Report::Done(reading_two.ticket(toy), Ok(Some(2))));
    assert!(matches!(seen.reply(two, second), Reply::Reading(Reading { value: 2, .. }, _)));
    assert!(seen.replies(one).is_empty());
    let seen = bench.report(toy, Report::Done(reading_one.ticket(toy), Ok(Some(1))));
    assert!(matches!(seen.reply(one, first), Reply::Reading(Reading { value: 1, .. }, _)));
}

#[test]
fn what_an_input_does_not_offer_is_refused() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let nobody = Unit { index: 9, ..toy };
    let session = bench.client();
    for request in [
        input(toy, 0, BATTERY, InputAction::Subscribe),
        input(toy, 0, BATTERY, InputAction::Unsubscribe),
        input(toy, 1, PRESSURE, InputAction::Read),
        input(toy, 1, BATTERY, InputAction::Read),
        input(toy, 2, BATTERY, InputAction::Read),
        input(toy, 9, BATTERY, InputAction::Read),
        read(nobody),
        subscribe(nobody),
    ] {
        assert_eq!(bench.refused(session, request.clone()), ErrorCode::Device, "{request:?}");
    }
}

#[test]
fn the_hardware_is_listened_to_from_the_first_subscription_to_the_end_of_the_last() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let (one, two) = (bench.client(), bench.client());
    assert_eq!(listens(&bench.ok(one, subscribe(toy)), toy), [true]);
    assert!(bench.ok(one, subscribe(toy)).commands(toy).is_empty());
    assert!(bench.ok(two, subscribe(toy)).commands(toy).is_empty());
    assert!(bench.ok(one, unsubscribe(toy)).commands(toy).is_empty());
    assert!(bench.ok(one, unsubscribe(toy)).commands(toy).is_empty());
    assert_eq!(listens(&bench.ok(two, unsubscribe(toy)), toy), [false]);
    assert_eq!(listens(&bench.ok(two, subscribe(toy)), toy), [true]);
}

#[test]
fn a_subscription_ends_with_its_session() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let (one, two) = (bench.client(), bench.client());
    bench.ok(one, subscribe(toy));
    bench.ok(two, subscribe(toy));
    assert!(listens(&bench.handle(Input::Disconnected(one)), toy).is_empty());
    let (_, seen) = bench.send(two, Request::Disconnect);
    assert_eq!(listens(&seen, toy), [false]);
}

#[test]
fn unsubscribing_without_a_subscription_is_fine() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    assert!(bench.ok(session, unsubscribe(toy)).commands(toy).is_empty());
}

#[test]
fn readings_reach_those_who_have_subscribed_and_nobody_else() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let (one, two) = (bench.client(), bench.client());
    let old = bench.remote(Dialect::V3);
    bench.ok(one, subscribe(toy));
    let seen = squeeze(&mut bench, toy, 42);
    assert_eq!(seen.events(one), [&reading(toy, 1, PRESSURE, 42)]);
    assert!(seen.messages(two).is_empty() && seen.frames(old).is_empty());
    bench.ok(one, unsubscribe(toy));
    assert!(squeeze(&mut bench, toy, 43).is_empty());
}

#[test]
fn a_repeated_subscription_gives_each_reading_once() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    bench.ok(session, subscribe(toy));
    bench.ok(session, subscribe(toy));
    assert_eq!(squeeze(&mut bench, toy, 1).events(session).len(), 1);
    bench.ok(session, unsubscribe(toy));
    assert!(squeeze(&mut bench, toy, 2).is_empty());
}

#[test]
fn a_reading_as_a_frame_is_marked_as_one_and_has_id_0() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.remote(Dialect::V4);
    bench.text(session, r#"[{"InputCmd": {"Id": 2, "DeviceIndex": 0, "FeatureIndex": 1, "Type": "Pressure", "Command": "Subscribe"}}]"#);
    let seen = squeeze(&mut bench, toy, 42);
    let [Output::Frame { frame, is_reading: true, .. }] = &seen.0[..] else { panic!("{seen:?}") };
    assert!(
        frame.contains(r#""InputReading""#) && frame.contains(r#""Id":0"#) && frame.contains("42"),
        "{frame}"
    );
}

#[test]
fn the_answer_to_a_read_is_not_marked_as_a_reading() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.remote(Dialect::V2);
    let seen = bench.handle(Input::Text(session, r#"[{"BatteryLevelCmd": {"Id": 2, "DeviceIndex": 0}}]"#));
    let seen = bench.report(toy, Report::Done(seen.ticket(toy), Ok(Some(50))));
    let [Output::Frame { frame, is_reading: false, .. }] = &seen.0[..] else { panic!("{seen:?}") };
    assert!(frame.contains("BatteryLevelReading") && frame.contains(r#""Id":2"#), "{frame}");
}

#[test]
fn versions_before_4_cannot_subscribe() {
    let subscribe = r#"[{"SensorSubscribeCmd": {"Id": 2, "DeviceIndex": 0, "SensorIndex": 0, "SensorType": "Pressure"}}]"#;
    for dialect in [Dialect::V0, Dialect::V1, Dialect::V2, Dialect::V3] {
        let mut bench = Bench::new();
        let toy = toy(&mut bench);
        let session = bench.remote(dialect);
        let seen = bench.handle(Input::Text(session, subscribe));
        assert!(
            seen.commands(toy).is_empty() && seen.frames(session)[0].contains("Error"),
            "{dialect}: {seen:?}"
        );
        assert!(squeeze(&mut bench, toy, 1).is_empty());
    }
}

#[test]
fn a_device_that_goes_away_ends_its_subscriptions() {
    let mut bench = Bench::new();
    let before = toy(&mut bench);
    let session = bench.client();
    bench.ok(session, subscribe(before));
    bench.gone(before);
    let after = toy(&mut bench);
    assert_eq!(after.index, before.index);
    assert!(squeeze(&mut bench, after, 1).is_empty());
    assert_eq!(listens(&bench.ok(session, subscribe(after)), after), [true]);
    assert_eq!(squeeze(&mut bench, after, 2).events(session).len(), 1);
}

#[test]
fn an_input_that_a_device_does_not_offer_any_longer_ends_its_subscriptions() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    bench.ok(session, subscribe(toy));
    let seen = bench.report(toy, Report::Redefined(Box::new(description(vec![battery(0)]))));
    assert_eq!(listens(&seen, toy), [false]);
    assert!(squeeze(&mut bench, toy, 1).is_empty());
    bench.report(toy, Report::Redefined(Box::new(description(vec![battery(0), bulb(1)]))));
    assert_eq!(listens(&bench.ok(session, subscribe(toy)), toy), [true]);
}

#[test]
fn a_subscription_outlives_a_change_of_the_device_that_leaves_its_input() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    bench.ok(session, subscribe(toy));
    let seen = bench.report(toy, Report::Redefined(Box::new(description(vec![bulb(1)]))));
    assert!(seen.commands(toy).is_empty());
    assert!(matches!(squeeze(&mut bench, toy, 1).events(session)[..], [Event::Reading(_)]));
}

#[test]
fn with_too_many_requests_waiting_a_read_is_refused() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    for at in 0..1024 {
        let request = if at % 2 == 0 { read(toy) } else { stop(Scope::Device(toy.index), false, true) };
        assert!(bench.send(session, request).1.replies(session).is_empty());
    }
    assert_eq!(bench.refused(session, read(toy)), ErrorCode::Device);
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
    let other = bench.client();
    assert!(bench.send(other, read(toy)).1.replies(other).is_empty());
}
