//! The ping watchdog (`wire.md` section 3).

mod hub_harness;

use frisson_engine::hub::{Close, Config, Input, Output};
use frisson_engine::session::Peer;
use frisson_wire::{Dialect, ErrorCode, Event, InputAction, InputKind, Message, Reply, Request};
use hub_harness::*;

#[test]
fn the_deadline_is_exact() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    assert!(bench.pass(499).is_empty());
    assert_eq!(bench.pass(1).close(session), Some(Close::PingTimeout));
    assert_eq!(Close::PingTimeout.code(), 1008);
}

#[test]
fn a_timeout_that_is_handled_too_early_does_nothing() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    bench.pass(499);
    assert!(bench.handle(Input::Timeout).is_empty());
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
}

#[test]
fn each_ping_moves_the_deadline_to_one_period_from_it() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    for _ in 0..15 {
        assert!(bench.pass(200).is_empty());
        bench.ok(session, Request::Ping);
    }
    assert!(bench.pass(499).is_empty());
    assert_eq!(bench.pass(1).close(session), Some(Close::PingTimeout));
}

#[test]
fn nothing_but_a_ping_moves_the_deadline() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    for _ in 0..3 {
        bench.pass(150);
        bench.ask(session, Request::DeviceList);
        bench.ok(session, vibrate(toy, 0, 5));
    }
    assert!(bench.pass(49).is_empty());
    assert!(!bench.pass(1).is_empty());
}

#[test]
fn a_ping_before_the_handshake_does_not_count() {
    let mut bench = Bench::pinged(500);
    let session = bench.connect(Peer::Values);
    bench.pass(400);
    assert_eq!(bench.refused(session, Request::Ping), ErrorCode::Init);
    assert!(bench.pass(3_000).is_empty());
    bench.ask(session, hello());
    assert!(bench.pass(499).is_empty());
    assert_eq!(bench.pass(1).close(session), Some(Close::PingTimeout));
}

#[test]
fn without_a_watchdog_a_ping_is_answered_and_silence_is_fine() {
    let mut bench = Bench::new();
    let session = bench.client();
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
    assert!(bench.pass(1_000_000).is_empty());
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
}

#[test]
fn on_a_timeout_comes_first_the_stop_then_the_error_then_the_close() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    let toy = bench.device("a", vec![vibrator(0, 20), bulb(1)]);
    bench.ok(session, vibrate(toy, 0, 5));
    bench.ok(session, input(toy, 1, InputKind::Pressure, InputAction::Subscribe));
    let seen = bench.pass(500);
    assert_eq!(seen.stops(toy).len(), 1);
    assert_eq!(seen.commands(toy).len(), 2, "the subscription ends too: {seen:?}");
    assert!(seen.messages(session).is_empty());
    let seen = bench.stopped(toy, &seen);
    let error = seen.position(|output| {
        matches!(output, Output::Message(_, Message::Event(Event::Error(fault))) if fault.code == ErrorCode::Ping)
    });
    let close = seen.position(|output| *output == Output::Close(session, Close::PingTimeout));
    assert!(error < close);
}

#[test]
fn a_device_that_does_not_stop_delays_the_error_by_less_than_50_ms() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    bench.ok(session, vibrate(toy, 0, 5));
    bench.pass(500);
    let seen = bench.pass(49);
    assert!(matches!(seen.events(session)[..], [Event::Error(fault)] if fault.code == ErrorCode::Ping));
    assert_eq!(seen.close(session), Some(Close::PingTimeout));
}

#[test]
fn a_session_that_timed_out_is_not_listened_to_any_more() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    bench.ok(session, vibrate(toy, 0, 5));
    bench.pass(500);
    let (_, seen) = bench.send(session, vibrate(toy, 0, 9));
    assert!(seen.is_empty(), "{seen:?}");
    let (_, seen) = bench.send(session, Request::Ping);
    assert!(seen.is_empty(), "{seen:?}");
    assert!(bench.handle(Input::Binary(session)).is_empty());
}

#[test]
fn the_error_has_code_2_and_id_0_in_every_version() {
    for dialect in Dialect::ALL {
        let mut bench = Bench::pinged(500);
        let session = bench.remote(dialect);
        let seen = bench.pass(500);
        let frames = seen.frames(session);
        assert!(frames.len() == 1 && frames[0].contains(r#""Id":0,"ErrorCode":2"#), "{dialect}: {frames:?}");
    }
}

#[test]
fn a_timeout_stops_only_what_that_session_drove() {
    let mut bench = Bench::pinged(500);
    let one = bench.client();
    bench.pass(100);
    let other = bench.client();
    let toy = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20)]);
    bench.ok(one, vibrate(toy, 0, 5));
    bench.ok(other, vibrate(toy, 1, 5));
    let seen = bench.pass(400);
    let selection = &seen.stops(toy)[0];
    assert!(selection.contains(0, frisson_wire::OutputKind::Vibrate));
    assert!(!selection.contains(1, frisson_wire::OutputKind::Vibrate));
    assert_eq!(bench.ask(other, Request::Ping), Reply::Ok);
}

#[test]
fn the_ping_of_one_session_does_not_keep_another() {
    let mut bench = Bench::pinged(500);
    let silent = bench.client();
    let other = bench.client();
    bench.pass(400);
    bench.ok(other, Request::Ping);
    let seen = bench.pass(100);
    assert_eq!(seen.close(silent), Some(Close::PingTimeout));
    assert_eq!(seen.close(other), None);
}

#[test]
fn the_client_is_told_the_time_that_it_is_held_to() {
    let config = Config { max_ping_time: std::time::Duration::from_micros(1_500), ..config() };
    let mut bench = Bench::with(config);
    let session = bench.connect(Peer::Values);
    let Reply::ServerInfo(info) = bench.ask(session, hello()) else { panic!("no handshake") };
    assert_eq!(info.max_ping_time_ms, 2);
    assert!(bench.pass(1).is_empty());
    assert!(!bench.pass(1).is_empty());
}

#[test]
fn a_session_has_one_timer_however_long_it_lives() {
    let mut bench = Bench::pinged(300);
    let session = bench.client();
    for _ in 0..200 {
        bench.pass(100);
        bench.ok(session, Request::Ping);
    }
    // One look per period, and not one more for the handshake.
    let mut looks = 0;
    for _ in 0..30 {
        let until = bench.now + ms(100);
        while let Some(due) = bench.hub.poll_timeout().filter(|due| *due <= until) {
            bench.now = due;
            assert!(bench.handle(Input::Timeout).is_empty());
            looks += 1;
        }
        bench.now = until;
        bench.ok(session, Request::Ping);
    }
    assert!(looks <= 16, "{looks} looks in 10 periods");
}
