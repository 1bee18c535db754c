//! When things happen: pings, handshakes, stops, reads, the shutdown. In virtual time.

use std::time::Duration;

use frisson_testkit::wire::{Dialect, OutputKind};
use frisson_testkit::{Close, Receipt, Received, Setup, TestDevice, VirtualServer};

const RUN: &str =
    r#"[{"OutputCmd":{"Id":2,"DeviceIndex":0,"FeatureIndex":0,"Command":{"Vibrate":{"Value":20}}}}]"#;
const STOP: &str = r#"[{"StopCmd":{"Id":3}}]"#;
const PING: &str = r#"[{"Ping":{"Id":9}}]"#;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn device(address: &str) -> TestDevice {
    TestDevice::named(address).expect("a known device")
}

/// A server that wants a ping every 500 ms.
fn watching() -> VirtualServer {
    let mut setup = Setup::default();
    setup.config.max_ping_time = ms(500);
    VirtualServer::new(setup)
}

/// What to run `V` with in each version.
fn run(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V0 => r#"[{"SingleMotorVibrateCmd":{"Id":2,"DeviceIndex":0,"Speed":1}}]"#,
        Dialect::V1 | Dialect::V2 => {
            r#"[{"VibrateCmd":{"Id":2,"DeviceIndex":0,"Speeds":[{"Index":0,"Speed":1}]}}]"#
        }
        Dialect::V3 => {
            r#"[{"ScalarCmd":{"Id":2,"DeviceIndex":0,"Scalars":[{"Index":0,"Scalar":1,"ActuatorType":"Vibrate"}]}}]"#
        }
        Dialect::V4 => RUN,
    }
}

fn is_error(received: &Received, code: u32) -> bool {
    matches!(&received.what, Receipt::Frame(text) if text.contains(&format!(r#""ErrorCode":{code},"#)))
}

#[test]
fn w_31_nothing_is_said_unasked_after_the_handshake() {
    for dialect in Dialect::ALL {
        let mut server = VirtualServer::default();
        for address in ["V", "E", "N", "B", "L", "S"] {
            server.plug(device(address));
        }
        server.open("app", dialect);
        server.advance(ms(60_000));
        assert_eq!(server.received("app"), [], "{dialect}");
    }
}

#[test]
fn w_33_without_a_ping_time_silence_has_no_effect() {
    for dialect in Dialect::ALL {
        let mut server = VirtualServer::default();
        server.plug(device("V"));
        server.open("app", dialect);
        assert_eq!(server.ask("app", run(dialect)), [r#"[{"Ok":{"Id":2}}]"#]);
        server.advance(ms(3000));
        assert_eq!(server.received("app"), []);
        assert_eq!(server.hardware("V").value(0, OutputKind::Vibrate), 20);
        assert_eq!(server.ask("app", PING), [r#"[{"Ok":{"Id":9}}]"#]);
    }
}

#[test]
fn w_34_pings_in_time_keep_the_session() {
    for dialect in Dialect::ALL {
        let mut server = watching();
        server.open("app", dialect);
        for _ in 0..15 {
            server.advance(ms(200));
            assert_eq!(server.ask("app", PING), [r#"[{"Ok":{"Id":9}}]"#]);
        }
        assert_eq!(server.now(), ms(3000));
        assert!(server.is_connected("app"));
    }
}

#[test]
fn w_35_the_ping_deadline_is_exact_in_every_version() {
    for dialect in Dialect::ALL {
        let mut server = watching();
        server.advance(ms(77));
        server.open("app", dialect);
        server.advance(ms(10_000));
        let received = server.received("app");
        assert_eq!(received.len(), 2, "{dialect}: {received:?}");
        assert!(is_error(&received[0], 2), "{dialect}: {received:?}");
        assert_eq!(received[0].at, ms(577));
        assert_eq!((&received[1].what, received[1].at), (&Receipt::Closed(Close::PingTimeout), ms(577)));
    }
}

#[test]
fn w_36_the_deadline_counts_from_the_last_ping() {
    for last in [1, 250, 499] {
        let mut server = watching();
        server.open("app", Dialect::V3);
        server.advance(ms(last));
        assert_eq!(server.ask("app", PING), [r#"[{"Ok":{"Id":9}}]"#]);
        server.advance(ms(10_000));
        let received = server.received("app");
        assert_eq!(received.iter().map(|received| received.at).collect::<Vec<_>>(), [ms(last + 500); 2]);
    }
}

#[test]
fn w_37_only_pings_move_the_deadline() {
    for dialect in Dialect::ALL {
        let mut server = watching();
        server.plug(device("V"));
        server.open("app", dialect);
        for _ in 0..4 {
            server.ask("app", run(dialect));
            server.ask("app", r#"[{"RequestDeviceList":{"Id":3}}]"#);
            server.advance(ms(150));
        }
        let received = server.received("app");
        assert_eq!(received.len(), 2, "{dialect}: {received:?}");
        assert_eq!(received[0].at, ms(500));
    }
}

#[test]
fn pings_before_the_handshake_do_not_count() {
    let mut server = watching();
    server.connect("app");
    server.advance(ms(400));
    server.ask("app", PING);
    server.ask("app", frisson_testkit::hello(Dialect::V4));
    server.advance(ms(499));
    assert_eq!(server.received("app"), []);
    server.advance(ms(1));
    assert_eq!(server.received("app").len(), 2);
}

#[test]
fn w_38_a_running_device_is_at_rest_before_the_client_is_told() {
    for delay in [0, 10, 39] {
        for dialect in Dialect::ALL {
            let mut server = watching();
            server.plug(device("V"));
            server.open("app", dialect);
            server.ask("app", run(dialect));
            server.hardware_mut("V").faults.write_delay = ms(delay);
            server.advance(ms(550));
            let received = server.received("app");
            let write = server.hardware("V").log().last().expect("a write");
            assert_eq!(write.told[0].value, 0);
            assert_eq!(write.at, ms(500 + delay));
            assert!(write.order < received[0].order, "{dialect}: {write:?} {received:?}");
            assert!(is_error(&received[0], 2), "{dialect}: {received:?}");
            assert!(received[0].at <= ms(550));
        }
    }
}

#[test]
fn a_device_that_does_not_answer_does_not_hold_up_the_ping_timeout() {
    let mut server = watching();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.hardware_mut("V").faults.write_delay = ms(300);
    server.advance(ms(550));
    let received = server.received("app");
    assert_eq!(received.len(), 2, "{received:?}");
    assert!(received[0].at <= ms(550));
    server.advance(ms(300));
    assert!(server.hardware("V").is_at_rest());
}

#[test]
fn w_40_each_session_hears_of_the_end_of_its_own_scan() {
    let mut server =
        VirtualServer::new(Setup { scanning: frisson_testkit::Scanning::UntilStopped, ..Setup::default() });
    server.open("one", Dialect::V4);
    server.open("two", Dialect::V1);
    server.open("three", Dialect::V2);
    assert_eq!(server.ask("one", r#"[{"StartScanning":{"Id":2}}]"#), [r#"[{"Ok":{"Id":2}}]"#]);
    assert_eq!(server.ask("two", r#"[{"StartScanning":{"Id":2}}]"#), [r#"[{"Ok":{"Id":2}}]"#]);
    let finished = [r#"[{"Ok":{"Id":3}}]"#, r#"[{"ScanningFinished":{"Id":0}}]"#];
    assert_eq!(server.ask("one", r#"[{"StopScanning":{"Id":3}}]"#), finished);
    assert_eq!(server.frames("two"), [""; 0]);
    assert_eq!(server.ask("two", r#"[{"StopScanning":{"Id":3}}]"#), finished);
    assert_eq!(server.frames("one"), [""; 0]);
    assert_eq!(server.frames("three"), [""; 0]);
}

#[test]
fn w_32_a_connection_without_a_handshake_is_closed_on_time() {
    let mut server = VirtualServer::default();
    server.connect("app");
    server.advance(ms(9_999));
    assert_eq!(server.received("app"), []);
    server.advance(ms(1));
    let received = server.received("app");
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].what, Receipt::Closed(Close::NoHandshake));
}

#[test]
fn w_92_a_lost_client_leaves_nothing_running() {
    for dialect in Dialect::ALL {
        let mut server = VirtualServer::default();
        server.plug(device("V"));
        server.open("app", dialect);
        server.ask("app", run(dialect));
        server.advance(ms(1000));
        server.cut("app");
        let write = server.hardware("V").log().last().expect("a write");
        assert_eq!((write.at, write.told[0].value), (ms(1000), 0), "{dialect}");
    }
}

#[test]
fn w_92_also_within_the_gap_of_a_slow_device() {
    let mut server = VirtualServer::default();
    server.plug(TestDevice { gap: ms(500), ..device("V") });
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.advance(ms(10));
    server.cut("app");
    assert!(server.hardware("V").is_at_rest());
    assert_eq!(server.now(), ms(10));
}

#[test]
fn w_93_a_server_that_stops_brings_everything_to_rest_then_says_so() {
    for dialect in Dialect::ALL {
        let mut server = VirtualServer::default();
        server.plug(device("V"));
        server.plug(device("B"));
        server.open("app", dialect);
        server.open("idle", Dialect::V4);
        server.connect("greeting");
        server.ask("app", run(dialect));
        server.hardware_mut("V").faults.write_delay = ms(20);
        server.shut_down();
        server.advance(ms(20));
        assert!(server.hardware("V").is_at_rest());
        assert_eq!(server.unstopped(), Some(&[][..]), "{dialect}");
        let last = server.hardware("V").log().last().expect("a write").order;
        for client in ["app", "idle", "greeting"] {
            let received = server.received(client);
            let closed = received.last().expect("a close");
            assert_eq!(closed.what, Receipt::Closed(Close::ServerStops), "{dialect}: {client}");
            assert!(closed.order > last, "{dialect}: {client}");
        }
    }
}

#[test]
fn w_93_a_device_that_does_not_answer_is_named_after_two_seconds_at_most() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.hardware_mut("V").faults.silent = true;
    server.shut_down();
    server.advance(ms(2000));
    assert_eq!(server.unstopped(), Some(&["Vibrator".to_owned()][..]));
    assert!(!server.is_connected("app"));
}

#[test]
fn w_94_after_a_stop_no_older_value_is_written() {
    // Before the first write of a flush, while it is under way, within the gap, and just as the gap ends.
    for when in [0, 1, 15, 30, 100, 101, 150] {
        let mut server = VirtualServer::default();
        server.plug(TestDevice { gap: ms(100), ..device("E") });
        server.open("app", Dialect::V4);
        server.hardware_mut("E").faults.write_delay = ms(30);
        for value in 1..=20 {
            let command = |feature| {
                format!(
                    r#"{{"OutputCmd":{{"Id":2,"DeviceIndex":0,"FeatureIndex":{feature},"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}"#
                )
            };
            server.ask("app", &format!("[{},{}]", command(0), command(1)));
        }
        server.advance(ms(when));
        server.ask("app", STOP);
        server.advance(ms(5000));
        assert!(
            server.hardware("E").is_at_rest(),
            "stopped after {when} ms: {:?}",
            server.hardware("E").log()
        );
        let zero =
            server.hardware("E").log().iter().position(|write| write.told.iter().all(|told| told.value == 0));
        let after = &server.hardware("E").log()[zero.expect("a zero")..];
        assert!(
            after.iter().flat_map(|write| &write.told).all(|told| told.value == 0),
            "after {when} ms: {after:?}"
        );
    }
}

#[test]
fn the_answer_to_a_stop_comes_when_it_is_written() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.hardware_mut("V").faults.write_delay = ms(70);
    assert_eq!(server.ask("app", STOP), [""; 0]);
    // An answer that waits for hardware does not hold up others.
    assert_eq!(server.ask("app", PING), [r#"[{"Ok":{"Id":9}}]"#]);
    server.advance(ms(69));
    assert_eq!(server.received("app"), []);
    server.advance(ms(1));
    assert_eq!(server.frames("app"), [r#"[{"Ok":{"Id":3}}]"#]);
    assert!(server.hardware("V").is_at_rest());
}

#[test]
fn a_stop_that_is_not_written_within_a_second_is_an_error_and_stays_due() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.hardware_mut("V").faults.write_delay = ms(1500);
    server.ask("app", STOP);
    server.advance(ms(1000));
    let received = server.received("app");
    assert!(received.len() == 1 && is_error(&received[0], 4), "{received:?}");
    server.advance(ms(500));
    assert!(server.hardware("V").is_at_rest());
    assert_eq!(server.received("app"), []);
}

#[test]
fn w_86_hardware_that_does_not_answer_a_read_is_an_error_after_five_seconds() {
    let reads = [
        (Dialect::V2, r#"[{"BatteryLevelCmd":{"Id":5,"DeviceIndex":0}}]"#),
        (
            Dialect::V3,
            r#"[{"SensorReadCmd":{"Id":5,"DeviceIndex":0,"SensorIndex":0,"SensorType":"Battery"}}]"#,
        ),
        (
            Dialect::V4,
            r#"[{"InputCmd":{"Id":5,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#,
        ),
    ];
    for (dialect, read) in reads {
        let mut server = VirtualServer::default();
        server.plug(device("V"));
        server.open("app", dialect);
        server.hardware_mut("V").faults.silent = true;
        assert_eq!(server.ask("app", read), [""; 0]);
        server.advance(ms(4999));
        assert_eq!(server.received("app"), []);
        server.advance(ms(1));
        let received = server.received("app");
        assert!(received.len() == 1 && is_error(&received[0], 4), "{dialect}: {received:?}");
    }
}

#[test]
fn w_86_a_read_that_fails_is_an_error() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.hardware_mut("V").faults.fail_reads = 1;
    let read =
        r#"[{"InputCmd":{"Id":5,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#;
    server.send("app", read);
    let received = server.received("app");
    assert!(received.len() == 1 && is_error(&received[0], 4), "{received:?}");
    let answers = server.ask("app", read);
    assert!(answers.len() == 1 && answers[0].contains("InputReading"), "{answers:?}");
}

#[test]
fn a_command_in_flight_when_its_device_goes_ends_in_an_error() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.hardware_mut("V").faults.silent = true;
    server.ask("app", STOP);
    server.ask(
        "app",
        r#"[{"InputCmd":{"Id":5,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#,
    );
    server.unplug("V");
    let received = server.received("app");
    assert_eq!(received.len(), 3, "{received:?}");
    assert!(received[..2].iter().all(|received| is_error(received, 4)), "{received:?}");
}

#[test]
fn w_91_nothing_can_be_asked_while_a_disconnect_waits_for_the_device() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    server.ask("app", RUN);
    server.hardware_mut("V").faults.write_delay = ms(50);
    assert_eq!(server.ask("app", r#"[{"Disconnect":{"Id":4}}]"#), [""; 0]);
    server.send("app", PING);
    let received = server.received("app");
    assert!(received.len() == 1 && is_error(&received[0], 1), "{received:?}");
    server.advance(ms(50));
    let received = server.received("app");
    assert_eq!(received[0].what, Receipt::Frame(r#"[{"Ok":{"Id":4}}]"#.to_owned()));
    assert_eq!(received[1].what, Receipt::Closed(Close::Asked));
    assert!(server.hardware("V").is_at_rest());
}
