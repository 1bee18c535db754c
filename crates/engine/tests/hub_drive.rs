//! Who drives what, and what comes to rest when a client leaves.

mod hub_harness;

use std::time::Duration;

use frisson_engine::device::{Command, Selection};
use frisson_engine::hub::{Config, Input};
use frisson_wire::{Dialect, ErrorCode, OutputCommand, OutputKind, OutputRequest, Request, Scope};
use hub_harness::*;

const VIBRATE: OutputKind = OutputKind::Vibrate;

#[test]
fn a_command_goes_to_its_device_as_it_is() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), stroker(3)]);
    let session = bench.client();
    let seen = bench.ok(session, vibrate(toy, 0, 10));
    let wanted = Command::Set { feature: 0, kind: VIBRATE, value: 10, duration: Duration::ZERO };
    assert_eq!(seen.commands(toy), [wanted]);
    let seen = bench.ok(session, set(toy, 3, OutputKind::HwPositionWithDuration, 70));
    let wanted =
        Command::Set { feature: 3, kind: OutputKind::HwPositionWithDuration, value: 70, duration: ms(100) };
    assert_eq!(seen.commands(toy), [wanted]);
}

#[test]
fn a_duration_means_nothing_for_what_has_none() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    let command = OutputCommand { feature: 0, kind: VIBRATE, value: 1, duration: Some(700) };
    let request = OutputRequest { device: toy.index, commands: [command].into_iter().collect() };
    let seen = bench.ok(session, Request::Output(request));
    let wanted = Command::Set { feature: 0, kind: VIBRATE, value: 1, duration: Duration::ZERO };
    assert_eq!(seen.commands(toy), [wanted]);
}

#[test]
fn what_a_device_cannot_do_is_refused_and_nothing_is_sent() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), rotator(1), stroker(2)]);
    let nobody = Unit { index: 999, ..toy };
    let session = bench.client();
    for request in [
        vibrate(toy, 0, 21),
        vibrate(toy, 0, -1),
        set(toy, 1, OutputKind::Rotate, -21),
        set(toy, 2, OutputKind::Position, 101),
        vibrate(toy, 1, 5),
        vibrate(toy, 9, 5),
        vibrate(nobody, 0, 5),
    ] {
        assert_eq!(bench.refused(session, request.clone()), ErrorCode::Device, "{request:?}");
    }
    bench.ok(session, set(toy, 1, OutputKind::Rotate, -20));
}

#[test]
fn exactly_what_a_session_drove_is_stopped_when_it_ends() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20), stroker(2)]);
    let other = bench.device("b", vec![vibrator(0, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(toy, 1, 5));
    bench.ok(session, set(toy, 2, OutputKind::Position, 50));
    let seen = bench.handle(Input::Disconnected(session));
    let driven = vec![(1, VIBRATE), (2, OutputKind::Position)];
    assert_eq!(seen.stops(toy), [Selection::Outputs(driven)]);
    assert!(seen.commands(other).is_empty());
}

#[test]
fn a_session_that_drove_nothing_stops_nothing() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let driver = bench.client();
    let watcher = bench.client();
    bench.ok(driver, vibrate(toy, 0, 5));
    assert_eq!(bench.refused(watcher, vibrate(toy, 0, 99)), ErrorCode::Device);
    assert!(bench.handle(Input::Disconnected(watcher)).commands(toy).is_empty());
}

#[test]
fn the_last_to_command_drives_also_with_the_same_value() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let first = bench.client();
    let second = bench.client();
    bench.ok(first, vibrate(toy, 0, 5));
    bench.ok(second, vibrate(toy, 0, 5));
    assert!(bench.handle(Input::Disconnected(first)).commands(toy).is_empty());
    let seen = bench.handle(Input::Disconnected(second));
    assert_eq!(seen.stops(toy), [Selection::Outputs(vec![(0, VIBRATE)])]);
}

#[test]
fn each_output_has_its_own_driver() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20)]);
    let first = bench.client();
    let second = bench.client();
    bench.ok(first, vibrate(toy, 0, 5));
    bench.ok(first, vibrate(toy, 1, 5));
    bench.ok(second, vibrate(toy, 1, 9));
    let seen = bench.handle(Input::Disconnected(first));
    assert_eq!(seen.stops(toy), [Selection::Outputs(vec![(0, VIBRATE)])]);
}

#[test]
fn what_was_stopped_by_anybody_is_not_stopped_again_at_the_end() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let driver = bench.client();
    let other = bench.client();
    bench.ok(driver, vibrate(toy, 0, 5));
    let (_, seen) = bench.send(other, stop(Scope::Device(toy.index), false, true));
    bench.stopped(toy, &seen);
    assert!(bench.handle(Input::Disconnected(driver)).commands(toy).is_empty());
}

#[test]
fn what_is_driven_again_after_a_stop_is_stopped_at_the_end() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let driver = bench.client();
    bench.ok(driver, vibrate(toy, 0, 5));
    bench.send(driver, stop_all());
    bench.ok(driver, vibrate(toy, 0, 6));
    assert_eq!(bench.handle(Input::Disconnected(driver)).stops(toy).len(), 1);
}

#[test]
fn every_way_to_lose_a_client_ends_in_a_stop() {
    for dialect in Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::V0) {
        let mut bench = Bench::pinged(500);
        let toy = bench.device("a", vec![vibrator(0, 20)]);
        let session = bench.remote(dialect);
        let command = if dialect == Dialect::V4 {
            r#"[{"OutputCmd": {"Id": 2, "DeviceIndex": 0, "FeatureIndex": 0, "Command": {"Vibrate": {"Value": 5}}}}]"#
        } else {
            r#"[{"VibrateCmd": {"Id": 2, "DeviceIndex": 0, "Speeds": [{"Index": 0, "Speed": 0.25}]}}]"#
        };
        let drive = |bench: &mut Bench, session| {
            assert_eq!(bench.handle(Input::Text(session, command)).sets(toy), [(0, VIBRATE, 5)], "{dialect}");
        };
        drive(&mut bench, session);
        assert_eq!(bench.pass(500).stops(toy).len(), 1, "{dialect}: ping timeout");
        let session = bench.remote(dialect);
        drive(&mut bench, session);
        assert_eq!(
            bench.handle(Input::Disconnected(session)).stops(toy).len(),
            1,
            "{dialect}: connection lost"
        );
    }
}

#[test]
fn a_device_that_went_away_is_not_stopped_when_its_driver_ends() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(toy, 0, 5));
    bench.gone(toy);
    let back = bench.device("a", vec![vibrator(0, 20)]);
    assert_eq!(back.index, toy.index);
    assert!(bench.handle(Input::Disconnected(session)).commands(back).is_empty());
}

#[test]
fn with_exclusive_use_the_first_to_drive_keeps_an_output() {
    let mut bench = Bench::with(Config { exclusive: true, ..config() });
    let toy = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20)]);
    let first = bench.client();
    let second = bench.client();
    bench.ok(first, vibrate(toy, 0, 5));
    assert_eq!(bench.refused(second, vibrate(toy, 0, 6)), ErrorCode::Device);
    bench.ok(first, vibrate(toy, 0, 7));
    bench.ok(second, vibrate(toy, 1, 6));
}

#[test]
fn with_exclusive_use_a_position_belongs_to_its_driver_wherever_it_is() {
    let mut bench = Bench::with(Config { exclusive: true, ..config() });
    let toy = bench.device("a", vec![stroker(0)]);
    let first = bench.client();
    let second = bench.client();
    bench.ok(first, set(toy, 0, OutputKind::Position, 0));
    assert_eq!(bench.refused(second, set(toy, 0, OutputKind::Position, 5)), ErrorCode::Device);
}

#[test]
fn with_exclusive_use_an_output_is_free_once_it_is_at_rest_or_its_driver_gone() {
    let mut bench = Bench::with(Config { exclusive: true, ..config() });
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let first = bench.client();
    let second = bench.client();
    let third = bench.client();
    bench.ok(first, vibrate(toy, 0, 5));
    bench.ok(first, vibrate(toy, 0, 0));
    bench.ok(second, vibrate(toy, 0, 6));
    bench.handle(Input::Disconnected(second));
    bench.ok(third, vibrate(toy, 0, 7));
    bench.send(third, stop_all());
    bench.ok(first, vibrate(toy, 0, 8));
}

#[test]
fn with_exclusive_use_anybody_can_stop() {
    let mut bench = Bench::with(Config { exclusive: true, ..config() });
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let first = bench.client();
    let second = bench.client();
    bench.ok(first, vibrate(toy, 0, 5));
    let (id, seen) = bench.send(second, stop_all());
    assert_eq!(seen.stops(toy), [Selection::All]);
    assert_eq!(bench.stopped(toy, &seen).reply(second, id), frisson_wire::Reply::Ok);
    bench.ok(second, vibrate(toy, 0, 5));
}

#[test]
fn the_latest_position_by_anybody_is_what_old_versions_start_from() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![stroker(0)]);
    let new = bench.client();
    let old = bench.remote(Dialect::V0);
    bench.ok(new, set(toy, 0, OutputKind::Position, 100));
    let launch = r#"[{"FleshlightLaunchFW12Cmd": {"Id": 2, "DeviceIndex": 0, "Position": 99, "Speed": 50}}]"#;
    let seen = bench.handle(Input::Text(old, launch));
    assert!(seen.commands(toy).is_empty(), "it is there already: {seen:?}");
    assert_eq!(seen.frames(old), [r#"[{"Ok":{"Id":2}}]"#]);
}
