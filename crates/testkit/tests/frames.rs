//! What a transcript cannot say about frames: binary ones, very large ones, and what holds of every frame that is sent.

use frisson_testkit::wire::rules::check_server_frame;
use frisson_testkit::wire::{Dialect, OutputKind};
use frisson_testkit::{TestDevice, VirtualServer, output};

fn error_code(frame: &str) -> (u64, u64) {
    let frame: serde_json::Value = serde_json::from_str(frame).expect("JSON");
    let error = &frame[0]["Error"];
    (error["Id"].as_u64().expect("an id"), error["ErrorCode"].as_u64().expect("a code"))
}

fn device(address: &str) -> TestDevice {
    TestDevice::named(address).expect("a known device")
}

#[test]
fn w_12_a_binary_frame_is_an_error_and_the_session_goes_on() {
    for dialect in Dialect::ALL {
        let mut server = VirtualServer::default();
        server.open("app", dialect);
        server.send_binary("app");
        let frames = server.frames("app");
        assert_eq!(frames.iter().map(|frame| error_code(frame)).collect::<Vec<_>>(), [(0, 3)], "{dialect}");
        assert_eq!(server.ask("app", r#"[{"Ping":{"Id":5}}]"#), [r#"[{"Ok":{"Id":5}}]"#]);
    }
}

#[test]
fn w_12_a_binary_frame_before_the_handshake_does_not_prevent_it() {
    let mut server = VirtualServer::default();
    server.connect("app");
    server.send_binary("app");
    assert_eq!(error_code(&server.frames("app")[0]), (0, 3));
    let answers = server.ask("app", frisson_testkit::hello(Dialect::V2));
    assert!(answers[0].contains("ServerInfo"), "{answers:?}");
}

/// A bit of everything that this version can say, answers and events.
fn chat(dialect: Dialect) -> Vec<String> {
    let mut server = VirtualServer::default();
    server.open("app", dialect);
    let mut frames = Vec::new();
    for address in ["V", "E", "N", "B", "L", "T", "H", "S"] {
        server.plug(device(address));
    }
    server.unplug("E");
    frames.extend(server.frames("app"));
    let requests = [
        r#"{"Ping":{"Id":1}}"#,
        r#"{"RequestDeviceList":{"Id":2}}"#,
        r#"{"StartScanning":{"Id":3}}"#,
        r#"{"StopScanning":{"Id":4}}"#,
        r#"{"Test":{"Id":5,"TestString":"\"\\\u0000é"}}"#,
        r#"{"RequestLog":{"Id":6,"LogLevel":"Off"}}"#,
        r#"{"SingleMotorVibrateCmd":{"Id":7,"DeviceIndex":0,"Speed":1}}"#,
        r#"{"VibrateCmd":{"Id":8,"DeviceIndex":0,"Speeds":[{"Index":0,"Speed":1}]}}"#,
        r#"{"BatteryLevelCmd":{"Id":9,"DeviceIndex":0}}"#,
        r#"{"SensorReadCmd":{"Id":10,"DeviceIndex":0,"SensorIndex":0,"SensorType":"Battery"}}"#,
        r#"{"InputCmd":{"Id":11,"DeviceIndex":7,"FeatureIndex":1,"Type":"RSSI","Command":"Read"}}"#,
        r#"{"InputCmd":{"Id":12,"DeviceIndex":7,"FeatureIndex":2,"Type":"Button","Command":"Subscribe"}}"#,
        r#"{"StopAllDevices":{"Id":13}}"#,
        r#"{"StopCmd":{"Id":14}}"#,
    ];
    frames.extend(server.ask("app", &format!("[{}]", requests.join(","))));
    server.measure("S", 2, frisson_testkit::wire::InputKind::Button, 1);
    frames.extend(server.frames("app"));
    frames
}

#[test]
fn w_14_every_message_is_sent_in_a_frame_of_its_own() {
    for dialect in Dialect::ALL {
        let frames = chat(dialect);
        for frame in &frames {
            let frame: serde_json::Value = serde_json::from_str(frame).expect("JSON");
            let messages = frame.as_array().expect("an array");
            assert_eq!(messages.len(), 1, "{dialect}: {frame}");
            assert_eq!(messages[0].as_object().map(serde_json::Map::len), Some(1), "{dialect}: {frame}");
        }
        assert!(frames.len() >= 9 + 14, "{dialect}: {frames:?}");
    }
}

#[test]
fn w_16_every_frame_has_exactly_the_fields_of_its_version() {
    for dialect in Dialect::ALL {
        for frame in chat(dialect) {
            assert_eq!(check_server_frame(dialect, &frame), Ok(()), "{dialect}");
        }
    }
}

#[test]
fn a_signal_strength_is_spelled_as_in_the_request() {
    let mut server = VirtualServer::default();
    server.plug(device("S"));
    server.open("app", Dialect::V4);
    for word in ["Rssi", "RSSI"] {
        let request = format!(
            r#"[{{"InputCmd":{{"Id":2,"DeviceIndex":0,"FeatureIndex":1,"Type":"{word}","Command":"Read"}}}}]"#
        );
        let answer = format!(
            r#"[{{"InputReading":{{"Id":2,"DeviceIndex":0,"FeatureIndex":1,"Reading":{{"{word}":{{"Value":-60}}}}}}}}]"#
        );
        assert_eq!(server.ask("app", &request), [answer]);
    }
}

#[test]
fn a_frame_of_too_many_messages_is_one_error_and_none_of_it_is_done() {
    let mut server = VirtualServer::default();
    server.plug(device("V"));
    server.open("app", Dialect::V4);
    let command =
        r#"{"OutputCmd":{"Id":2,"DeviceIndex":0,"FeatureIndex":0,"Command":{"Vibrate":{"Value":9}}}}"#;
    let frames = server.ask("app", &format!("[{}]", [command; 1001].join(",")));
    assert_eq!(frames.iter().map(|frame| error_code(frame)).collect::<Vec<_>>(), [(0, 3)]);
    assert_eq!(server.hardware("V").log().len(), 0);
    assert_eq!(server.ask("app", &format!("[{}]", [command; 1000].join(","))).len(), 1000);
}

#[test]
fn a_frame_nested_too_deeply_is_one_error_and_none_of_it_is_done() {
    let mut server = VirtualServer::default();
    server.open("app", Dialect::V4);
    let nested = |depth: usize| {
        format!(r#"[{{"Ping":{{"Id":2,"x":{}1{}}}}}]"#, "[".repeat(depth - 3), "]".repeat(depth - 3))
    };
    assert_eq!(server.ask("app", &nested(32)), [r#"[{"Ok":{"Id":2}}]"#]);
    assert_eq!(error_code(&server.ask("app", &nested(33))[0]), (0, 3));
    assert_eq!(error_code(&server.ask("app", &nested(200_000))[0]), (0, 3));
}

#[test]
fn w_70_fractions_become_steps_as_the_vectors_say() {
    let scalar = [
        (20, "0", 0),
        (20, "1", 20),
        (20, "0.05", 1),
        (20, "0.051", 2),
        (20, "1e-7", 0),
        (3, "0.5", 2),
        (100, "0.28", 28),
        (100, "0.07", 7),
    ];
    for (steps, fraction, value) in scalar {
        let mut server = VirtualServer::default();
        server.plug(TestDevice::new("x", "X").with("", [output(OutputKind::Vibrate, 0, steps)]));
        server.open("one", Dialect::V1);
        server.open("three", Dialect::V3);
        let vibrate = format!(
            r#"[{{"VibrateCmd":{{"Id":2,"DeviceIndex":0,"Speeds":[{{"Index":0,"Speed":{fraction}}}]}}}}]"#
        );
        assert_eq!(server.ask("one", &vibrate), [r#"[{"Ok":{"Id":2}}]"#]);
        assert_eq!(
            server.hardware("x").value(0, OutputKind::Vibrate),
            value,
            "{steps} · {fraction}, VibrateCmd"
        );
        let reset = r#"[{"StopDeviceCmd":{"Id":3,"DeviceIndex":0}}]"#;
        assert_eq!(server.ask("three", reset), [r#"[{"Ok":{"Id":3}}]"#]);
        let scalar = format!(
            r#"[{{"ScalarCmd":{{"Id":4,"DeviceIndex":0,"Scalars":[{{"Index":0,"Scalar":{fraction},"ActuatorType":"Vibrate"}}]}}}}]"#
        );
        assert_eq!(server.ask("three", &scalar), [r#"[{"Ok":{"Id":4}}]"#]);
        assert_eq!(
            server.hardware("x").value(0, OutputKind::Vibrate),
            value,
            "{steps} · {fraction}, ScalarCmd"
        );
    }
    let linear = [(999, "0.3", 299), (100, "0.29", 29), (99, "1", 99), (99, "0", 0)];
    for (steps, fraction, value) in linear {
        let mut server = VirtualServer::default();
        server.plug(TestDevice::new("x", "X").with("", frisson_testkit::stroke(steps)));
        server.open("one", Dialect::V1);
        let request = format!(
            r#"[{{"LinearCmd":{{"Id":2,"DeviceIndex":0,"Vectors":[{{"Index":0,"Duration":7,"Position":{fraction}}}]}}}}]"#
        );
        assert_eq!(server.ask("one", &request), [r#"[{"Ok":{"Id":2}}]"#]);
        let told = server.hardware("x").told(0, OutputKind::HwPositionWithDuration).expect("a position");
        assert_eq!((told.value, told.duration), (value, 7), "{steps} · {fraction}");
    }
}

#[test]
fn w_57_the_time_of_a_launch_follows_from_way_and_speed() {
    for (position, previous, speed, duration) in [
        (99, 0, 99, 210),
        (99, 0, 50, 403),
        (50, 0, 20, 486),
        (95, 5, 90, 209),
        (30, 80, 60, 171),
        (0, 99, 1, 16582),
    ] {
        for dialect in [Dialect::V0, Dialect::V1] {
            let mut axis = output(OutputKind::HwPositionWithDuration, 0, 99);
            axis.duration = Some(frisson_testkit::wire::Range::new(0, 100_000));
            let mut server = VirtualServer::default();
            server.plug(TestDevice::new("x", "X").with("", [axis, output(OutputKind::Position, 0, 99)]));
            server.open("new", Dialect::V4);
            server.open("old", dialect);
            if previous > 0 {
                // Any command moves it, of whatever client.
                let set = format!(
                    r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":0,"FeatureIndex":0,"Command":{{"Position":{{"Value":{previous}}}}}}}}}]"#
                );
                assert_eq!(server.ask("new", &set), [r#"[{"Ok":{"Id":2}}]"#]);
            }
            let launch = format!(
                r#"[{{"FleshlightLaunchFW12Cmd":{{"Id":3,"DeviceIndex":0,"Position":{position},"Speed":{speed}}}}}]"#
            );
            assert_eq!(server.ask("old", &launch), [r#"[{"Ok":{"Id":3}}]"#]);
            let told = server.hardware("x").told(0, OutputKind::HwPositionWithDuration).expect("a position");
            assert_eq!((told.value, told.duration), (position, duration), "from {previous} at {speed}");
        }
    }
}
