//! The end of everything.

mod hub_harness;

use frisson_engine::device::{Command, Report};
use frisson_engine::hub::{Close, Input, Output, ScanOrder, SessionId};
use frisson_engine::session::Peer;
use frisson_wire::{Dialect, ErrorCode, Event, InputAction, InputKind, Reply, Request};
use hub_harness::*;

fn closed(bench: &mut Bench, unit: Unit, stopped: bool) -> Seen {
    bench.report(unit, Report::Closed { stopped })
}

#[test]
fn without_devices_it_is_over_at_once() {
    let mut bench = Bench::new();
    let session = bench.client();
    let seen = bench.handle(Input::Shutdown);
    assert_eq!(seen.close(session), Some(Close::ServerStops));
    assert_eq!(seen.unstopped(), Some(&[][..]));
    assert_eq!(Close::ServerStops.code(), 1001);
    assert!(matches!(seen.0.last(), Some(Output::Finished { .. })));
}

#[test]
fn every_link_is_closed_first_and_then_every_session() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(), bench.remote(Dialect::V2));
    let (a, b) = (bench.device("a", vec![vibrator(0, 20)]), bench.device("b", vec![vibrator(0, 20)]));
    bench.ok(one, vibrate(a, 0, 9));
    let seen = bench.handle(Input::Shutdown);
    assert_eq!((seen.commands(a), seen.commands(b)), (vec![Command::Close], vec![Command::Close]));
    assert_eq!(seen.close(one), None);
    let seen = closed(&mut bench, a, true);
    assert_eq!((seen.close(one), seen.unstopped()), (None, None));
    let seen = closed(&mut bench, b, true);
    assert_eq!(seen.close(one), Some(Close::ServerStops));
    assert_eq!(seen.close(two), Some(Close::ServerStops));
    assert_eq!(seen.unstopped(), Some(&[][..]));
    assert_eq!(bench.hub.session_count(), 0);
}

#[test]
fn links_that_are_being_greeted_are_closed_too() {
    let mut bench = Bench::new();
    let id = bench.open("a");
    assert_eq!(bench.handle(Input::Shutdown).0, [Output::Device(id, Command::Close)]);
    let seen = bench.handle(Input::Device(id, Report::Closed { stopped: true }));
    assert_eq!(seen.unstopped(), Some(&[][..]));
}

#[test]
fn after_2_seconds_it_names_what_could_not_be_stopped() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    let b = bench.device("b", vec![vibrator(0, 20)]);
    bench.open("c");
    bench.handle(Input::Shutdown);
    closed(&mut bench, b, true);
    assert!(bench.pass(1_999).0.is_empty());
    let seen = bench.pass(1);
    assert_eq!(seen.unstopped(), Some(&["Toy".to_owned()][..]), "only what is known to be able to run");
    assert_eq!(seen.close(session), Some(Close::ServerStops));
    assert!(closed(&mut bench, a, true).unstopped().is_none(), "it ends once");
}

#[test]
fn a_device_that_could_not_be_stopped_is_named() {
    let mut bench = Bench::new();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    assert_eq!(closed(&mut bench, a, false).unstopped(), Some(&["Toy".to_owned()][..]));
}

#[test]
fn a_running_device_that_is_lost_before_its_stop_is_named() {
    for ended in [false, true] {
        let mut bench = Bench::new();
        let session = bench.client();
        let a = bench.device("a", vec![vibrator(0, 20)]);
        bench.ok(session, vibrate(a, 0, 3));
        bench.handle(Input::Shutdown);
        let seen = if ended { bench.handle(Input::DeviceEnded(a.id)) } else { bench.gone(a) };
        assert_eq!(seen.unstopped(), Some(&["Toy".to_owned()][..]));
    }
}

#[test]
fn a_device_at_rest_that_is_lost_is_not_named() {
    let mut bench = Bench::new();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    assert_eq!(bench.gone(a).unstopped(), Some(&[][..]));
}

#[test]
fn a_device_that_went_away_running_and_is_greeted_again_is_named_by_its_address() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    bench.ok(session, vibrate(a, 0, 3));
    bench.gone(a);
    let id = bench.open("a");
    bench.handle(Input::Shutdown);
    let seen = bench.handle(Input::Device(id, Report::Closed { stopped: false }));
    assert_eq!(seen.unstopped(), Some(&["a".to_owned()][..]));
}

#[test]
fn what_would_begin_something_is_refused() {
    let mut bench = Bench::new();
    let session = bench.client();
    bench.handle(Input::ScannerAdded(BUS));
    let a = bench.device("a", vec![vibrator(0, 20), battery(1), bulb(2)]);
    bench.ok(session, input(a, 2, InputKind::Pressure, InputAction::Subscribe));
    let greeting = bench.connect(Peer::Values);
    bench.handle(Input::Shutdown);
    for request in [
        vibrate(a, 0, 3),
        vibrate(a, 0, 0),
        vibrate(a, 7, 99),
        Request::StartScanning,
        input(a, 1, InputKind::Battery, InputAction::Read),
        input(a, 2, InputKind::Pressure, InputAction::Subscribe),
    ] {
        assert_eq!(bench.refused(session, request), ErrorCode::Unknown);
    }
    assert_eq!(bench.refused(greeting, hello()), ErrorCode::Unknown);
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
    assert_eq!(bench.ask(session, Request::StopScanning), Reply::Ok);
    assert_eq!(bench.ask(session, input(a, 2, InputKind::Pressure, InputAction::Unsubscribe)), Reply::Ok);
}

#[test]
fn a_stop_is_taken_until_the_end() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    let (id, seen) = bench.send(session, stop_all());
    assert_eq!(bench.stopped(a, &seen).reply(session, id), Reply::Ok);
}

#[test]
fn a_new_connection_is_turned_away() {
    let mut bench = Bench::new();
    bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    let session = SessionId(77);
    let seen = bench.handle(Input::Connected(session, Peer::Frames));
    assert_eq!(seen.0, [Output::Close(session, Close::ServerStops)]);
}

#[test]
fn a_device_that_connects_during_it_is_closed() {
    let mut bench = Bench::new();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    let (id, seen) = bench.open_seen("b");
    assert_eq!(seen.0, [Output::Device(id, Command::Close)]);
    assert_eq!(closed(&mut bench, a, true).unstopped(), None);
    let seen = bench.handle(Input::Device(id, Report::Closed { stopped: true }));
    assert_eq!(seen.unstopped(), Some(&[][..]));
}

#[test]
fn hardware_that_connects_anew_during_it_is_waited_for() {
    let mut bench = Bench::new();
    bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    let (id, seen) = bench.open_seen("a");
    assert_eq!(seen.unstopped(), None);
    assert!(seen.0.contains(&Output::Device(id, Command::Close)));
}

#[test]
fn values_that_wait_for_a_device_are_not_sent_after_its_end_was_asked_for() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    for _ in 0..64 {
        bench.ok(session, vibrate(a, 0, 3));
    }
    assert!(bench.ok(session, vibrate(a, 0, 4)).commands(a).is_empty());
    assert_eq!(bench.handle(Input::Shutdown).commands(a), [Command::Close]);
    assert!(bench.handle(Input::Credit(a.id, 64)).is_empty());
}

#[test]
fn scanning_ends_with_it() {
    let mut bench = Bench::new();
    let session = bench.client();
    bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::ScannerAdded(BUS));
    bench.ok(session, Request::StartScanning);
    assert_eq!(bench.handle(Input::Shutdown).scans(), [ScanOrder::Stop]);
    assert_eq!(bench.handle(Input::ScanEnded(BUS)).events(session), [&Event::ScanningFinished]);
}

#[test]
fn asking_for_it_twice_changes_nothing() {
    let mut bench = Bench::new();
    bench.device("a", vec![vibrator(0, 20)]);
    bench.handle(Input::Shutdown);
    bench.pass(1_500);
    assert!(bench.handle(Input::Shutdown).is_empty());
    assert!(bench.pass(500).unstopped().is_some());
    assert!(bench.handle(Input::Shutdown).is_empty());
    assert_eq!(bench.hub.poll_timeout(), None);
}

#[test]
fn a_client_that_leaves_during_it_does_not_hold_it_up() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20)]);
    bench.ok(session, vibrate(a, 0, 3));
    bench.handle(Input::Shutdown);
    bench.send(session, Request::Disconnect);
    bench.handle(Input::Disconnected(session));
    assert_eq!(closed(&mut bench, a, true).unstopped(), Some(&[][..]));
}
