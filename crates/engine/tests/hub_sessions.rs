//! From connecting to closing.

mod hub_harness;

use frisson_engine::hub::{Close, Config, Input, Note, Output};
use frisson_engine::session::Peer;
use frisson_wire::{
    Dialect, ErrorCode, Event, Hello, InputAction, InputKind, OutputKind, Reply, Request, Scope,
};
use hub_harness::*;

#[test]
fn a_connection_without_a_handshake_is_closed_at_its_deadline() {
    let mut bench = Bench::new();
    let session = bench.connect(Peer::Frames);
    assert!(bench.pass(9_999).is_empty());
    let seen = bench.pass(1);
    assert_eq!(seen.0, [Output::Close(session, Close::NoHandshake)]);
    assert_eq!(bench.hub.session_count(), 0);
    assert_eq!(Close::NoHandshake.code(), 1008);
}

#[test]
fn a_handshake_lifts_its_deadline() {
    let mut bench = Bench::new();
    bench.client();
    assert_eq!(bench.hub.poll_timeout(), None);
    assert!(bench.pass(60_000).is_empty());
}

#[test]
fn messages_that_are_no_handshake_do_not_move_its_deadline() {
    let mut bench = Bench::new();
    let session = bench.connect(Peer::Frames);
    bench.pass(9_000);
    bench.text(session, r#"[{"Ping": {"Id": 1}}]"#);
    assert_eq!(bench.pass(1_000).close(session), Some(Close::NoHandshake));
}

#[test]
fn a_connection_without_a_handshake_does_not_hinder_others() {
    let mut bench = Bench::new();
    bench.connect(Peer::Frames);
    let other = bench.client();
    bench.pass(20_000);
    assert_eq!(bench.ask(other, Request::Ping), Reply::Ok);
}

#[test]
fn an_endless_time_for_the_handshake_is_possible() {
    let mut bench = Bench::with(Config {
        handshake_timeout: std::time::Duration::MAX,
        max_ping_time: ms(500),
        ..config()
    });
    let session = bench.connect(Peer::Values);
    bench.pass(60_000);
    assert!(matches!(bench.ask(session, hello()), Reply::ServerInfo(_)));
}

#[test]
fn a_request_before_the_handshake_is_refused_and_the_handshake_still_works() {
    for request in
        [Request::Ping, Request::DeviceList, Request::StartScanning, stop_all(), Request::Disconnect]
    {
        let mut bench = Bench::new();
        let session = bench.connect(Peer::Values);
        assert_eq!(bench.refused(session, request), ErrorCode::Init);
        assert!(matches!(bench.ask(session, hello()), Reply::ServerInfo(_)));
    }
}

#[test]
fn a_frame_before_the_handshake_is_refused_and_the_handshake_still_works() {
    let mut bench = Bench::new();
    let session = bench.connect(Peer::Frames);
    let frames = bench.text(session, r#"[{"RequestDeviceList": {"Id": 7}}]"#);
    assert!(frames.len() == 1 && frames[0].contains(r#""Id":7,"ErrorCode":1"#), "{frames:?}");
    assert!(bench.text(session, &greeting(Dialect::V2))[0].contains(r#""MessageVersion":2"#));
}

#[test]
fn a_second_handshake_is_refused_and_the_session_goes_on() {
    let mut bench = Bench::new();
    let session = bench.client();
    assert_eq!(bench.refused(session, hello()), ErrorCode::Init);
    assert_eq!(bench.ask(session, Request::Ping), Reply::Ok);
    let remote = bench.remote(Dialect::V3);
    let frames = bench.text(remote, &greeting(Dialect::V1));
    assert!(frames.len() == 1 && frames[0].contains(r#""Id":1,"ErrorCode":1"#), "{frames:?}");
    assert_eq!(bench.text(remote, r#"[{"Ping": {"Id": 2}}]"#), [r#"[{"Ok":{"Id":2}}]"#]);
}

#[test]
fn a_second_handshake_does_not_move_the_ping_deadline() {
    let mut bench = Bench::pinged(500);
    let session = bench.client();
    bench.pass(300);
    bench.refused(session, hello());
    assert_eq!(bench.pass(200).close(session), Some(Close::PingTimeout));
}

#[test]
fn a_version_that_is_too_new_is_refused_and_the_connection_closed() {
    let mut bench = Bench::new();
    let session = bench.connect(Peer::Frames);
    let hello = r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "", "ProtocolVersionMajor": 5, "ProtocolVersionMinor": 0}}, {"Ping": {"Id": 2}}]"#;
    let seen = bench.handle(Input::Text(session, hello));
    let frames = seen.frames(session);
    assert!(frames.len() == 1 && frames[0].contains(r#""ErrorCode":1"#), "{frames:?}");
    assert_eq!(seen.close(session), Some(Close::Version));
    assert_eq!(Close::Version.code(), 1002);
    assert_eq!(bench.hub.poll_timeout(), None);
}

#[test]
fn messages_that_share_a_frame_with_the_handshake_are_answered_after_it() {
    let mut bench = Bench::new();
    let session = bench.connect(Peer::Frames);
    let hello = greeting(Dialect::V4);
    let text = format!(
        r#"{}, {{"Ping": {{"Id": 2}}}}, {{"NoSuchMessage": {{"Id": 3}}}}]"#,
        &hello[..hello.len() - 1]
    );
    let frames = bench.text(session, &text);
    assert_eq!(frames.len(), 3, "{frames:?}");
    assert!(frames[0].contains("ServerInfo"));
    assert_eq!(frames[1], r#"[{"Ok":{"Id":2}}]"#);
    assert!(frames[2].contains(r#""Id":3,"ErrorCode":3"#));
}

#[test]
fn broken_and_binary_frames_are_answered_with_id_0_and_the_session_goes_on() {
    let mut bench = Bench::new();
    let session = bench.remote(Dialect::V1);
    for text in ["hello", "", r#"{"Ping": {"Id": 1}}"#, r#"[{"Ping": {"Id": 1}}"#] {
        let frames = bench.text(session, text);
        assert!(frames.len() == 1 && frames[0].contains(r#""Id":0,"ErrorCode":3"#), "{text}: {frames:?}");
    }
    let frames = bench.handle(Input::Binary(session)).frames(session);
    assert!(frames.len() == 1 && frames[0].contains(r#""Id":0,"ErrorCode":3"#), "{frames:?}");
    assert_eq!(bench.text(session, r#"[{"Ping": {"Id": 9}}]"#), [r#"[{"Ok":{"Id":9}}]"#]);
}

#[test]
fn two_requests_with_the_same_id_are_both_answered() {
    let mut bench = Bench::new();
    let session = bench.remote(Dialect::V4);
    let frames = bench.text(session, r#"[{"Ping": {"Id": 5}}, {"Ping": {"Id": 5}}]"#);
    assert_eq!(frames, [r#"[{"Ok":{"Id":5}}]"#; 2]);
}

#[test]
fn a_test_is_echoed_unless_it_is_the_word_for_an_error() {
    let mut bench = Bench::new();
    let session = bench.client();
    assert_eq!(bench.ask(session, Request::Test("knock".to_owned())), Reply::Test("knock".to_owned()));
    assert_eq!(bench.refused(session, Request::Test("Error".to_owned())), ErrorCode::Message);
}

#[test]
fn nothing_is_pushed_after_a_handshake_though_devices_are_there() {
    let mut bench = Bench::new();
    bench.device("a", vec![vibrator(0, 20)]);
    for dialect in Dialect::ALL {
        bench.remote(dialect);
    }
    assert!(bench.pass(10_000).is_empty());
}

#[test]
fn one_client_more_than_may_be_is_turned_away_until_one_leaves() {
    let mut bench = Bench::with(Config { max_sessions: 2, ..config() });
    let first = bench.client();
    bench.connect(Peer::Frames);
    let third = frisson_engine::hub::SessionId(100);
    let seen = bench.handle(Input::Connected(third, Peer::Frames));
    assert_eq!(seen.0, [Output::Close(third, Close::TooManyClients)]);
    assert_eq!(Close::TooManyClients.code(), 1013);
    assert!(bench.handle(Input::Text(third, "[]")).is_empty());
    assert!(bench.handle(Input::Disconnected(third)).is_empty());
    bench.handle(Input::Disconnected(first));
    bench.client();
    assert_eq!(bench.hub.session_count(), 2);
}

#[test]
fn disconnecting_without_running_devices_is_answered_and_closes_at_once() {
    let mut bench = Bench::new();
    bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    let (id, seen) = bench.send(session, Request::Disconnect);
    assert_eq!(seen.reply(session, id), Reply::Ok);
    assert_eq!(seen.0.last(), Some(&Output::Close(session, Close::Asked)));
    assert_eq!(Close::Asked.code(), 1000);
}

#[test]
fn disconnecting_is_answered_when_what_was_driven_has_been_stopped() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(toy, 0, 10));
    let (id, seen) = bench.send(session, Request::Disconnect);
    assert_eq!(seen.stops(toy).len(), 1);
    assert!(seen.messages(session).is_empty() && seen.close(session).is_none());
    let seen = bench.stopped(toy, &seen);
    assert_eq!(seen.reply(session, id), Reply::Ok);
    assert_eq!(seen.0.last(), Some(&Output::Close(session, Close::Asked)));
    assert_eq!(bench.hub.session_count(), 0);
}

#[test]
fn a_disconnect_whose_stop_is_not_written_is_an_error_and_closes_nevertheless() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(toy, 0, 10));
    let (id, _) = bench.send(session, Request::Disconnect);
    assert!(bench.pass(999).is_empty());
    let seen = bench.pass(1);
    assert_eq!(seen.error(session, id), ErrorCode::Device);
    assert_eq!(seen.close(session), Some(Close::Asked));
}

#[test]
fn a_request_after_a_disconnect_is_refused_as_long_as_the_connection_is_there() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(toy, 0, 10));
    bench.send(session, Request::Disconnect);
    for request in [Request::Ping, vibrate(toy, 0, 5), Request::Disconnect, stop_all(), hello()] {
        assert_eq!(bench.refused(session, request), ErrorCode::Init);
    }
    let remote = bench.remote(Dialect::V4);
    bench.text(remote, &format!(r#"[{{"OutputCmd": {{"Id": 1, "DeviceIndex": {}, "FeatureIndex": 0, "Command": {{"Vibrate": {{"Value": 3}}}}}}}}]"#, toy.index));
    let frames =
        bench.text(remote, r#"[{"Disconnect": {"Id": 2}}, {"Ping": {"Id": 3}}, {"Pong": {"Id": 4}}]"#);
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert!(frames[0].contains(r#""Id":3,"ErrorCode":1"#), "{frames:?}");
    assert!(frames[1].contains(r#""Id":4,"ErrorCode":3"#), "{frames:?}");
}

#[test]
fn the_end_of_a_session_is_noted_once() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(toy, 0, 10));
    let (_, mut seen) = bench.send(session, Request::Disconnect);
    seen.0.append(&mut bench.handle(Input::Disconnected(session)).0);
    seen.0.append(&mut bench.pass(10_000).0);
    let ends = seen.notes().into_iter().filter(|note| matches!(note, Note::SessionEnded(..)));
    assert_eq!(ends.collect::<Vec<_>>(), [&Note::SessionEnded(session, 1)]);
    assert!(seen.messages(session).is_empty());
}

#[test]
fn nothing_is_sent_to_a_session_that_is_gone() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), battery(1), bulb(2)]);
    let session = bench.client();
    bench.handle(Input::ScannerAdded(BUS));
    bench.ok(session, Request::StartScanning);
    bench.ok(session, input(toy, 2, InputKind::Pressure, InputAction::Subscribe));
    let (_, read) = bench.send(session, input(toy, 1, InputKind::Battery, InputAction::Read));
    let (_, stopping) = bench.send(session, stop(Scope::All, false, true));
    let mut seen = bench.handle(Input::Disconnected(session));
    seen.0.append(&mut bench.stopped(toy, &stopping).0);
    seen.0.append(&mut bench.stopped(toy, &read).0);
    seen.0
        .append(&mut bench.report(toy, frisson_engine::device::Report::Reading(2, InputKind::Pressure, 5)).0);
    seen.0.append(&mut bench.handle(Input::ScanEnded(BUS)).0);
    seen.0.append(&mut bench.gone(toy).0);
    seen.0.append(&mut bench.pass(10_000).0);
    seen.0.append(&mut bench.handle(Input::Request(session, frisson_wire::Id::MIN, Request::Ping)).0);
    seen.0.append(&mut bench.handle(Input::Text(session, "[]")).0);
    seen.0.append(&mut bench.handle(Input::Binary(session)).0);
    assert!(seen.messages(session).is_empty() && seen.frames(session).is_empty(), "{seen:?}");
    assert_eq!(bench.hub.poll_timeout(), None);
}

#[test]
fn the_version_that_was_agreed_on_is_noted() {
    let mut bench = Bench::new();
    let session = bench.connect(Peer::Values);
    let hello = Request::Hello(Hello { client_name: "Player".to_owned(), dialect: Dialect::NEWEST });
    let (_, seen) = bench.send(session, hello);
    assert_eq!(seen.notes(), [&Note::SessionOpened(session, "Player".to_owned(), Dialect::NEWEST)]);
}

#[test]
fn a_command_of_an_old_version_drives_all_it_names_or_nothing() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20)]);
    let session = bench.remote(Dialect::V3);
    let bad = r#"[{"VibrateCmd": {"Id": 2, "DeviceIndex": 0, "Speeds": [{"Index": 0, "Speed": 1}, {"Index": 7, "Speed": 1}]}}]"#;
    let seen = bench.handle(Input::Text(session, bad));
    assert!(seen.commands(toy).is_empty());
    assert!(seen.frames(session)[0].contains(r#""Id":2,"ErrorCode":4"#));
    let good = r#"[{"VibrateCmd": {"Id": 3, "DeviceIndex": 0, "Speeds": [{"Index": 0, "Speed": 1}, {"Index": 1, "Speed": 0.5}]}}]"#;
    let seen = bench.handle(Input::Text(session, good));
    assert_eq!(seen.sets(toy), [(0, OutputKind::Vibrate, 20), (1, OutputKind::Vibrate, 10)]);
}

#[test]
fn events_reach_every_session_that_has_begun_and_no_other() {
    let mut bench = Bench::new();
    let silent = bench.connect(Peer::Frames);
    let client = bench.client();
    let (_, seen) = bench.arrive("a", vec![vibrator(0, 20)]);
    assert!(matches!(seen.events(client)[..], [Event::Devices { .. }]));
    assert!(seen.frames(silent).is_empty());
}
