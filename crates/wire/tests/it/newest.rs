//! Version 4 (`wire.md` 4.9 to 4.11).

use frisson_wire::{
    Dialect, Echo, ErrorCode, Event, Fault, InputAction, InputKind, InputRequest, Message, OutputCommand,
    OutputKind, Reading, Reply, Request, RssiSpelling, Scope, StopRequest,
};
use serde_json::json;

use crate::support::{B, L, N, OLD, V, code, command, decode_one, encode, id, outputs, world};

const V4: Dialect = Dialect::V4;

/// An `OutputCmd`, as far as to the hub: decoded, then checked against the device.
fn set(device: u32, feature: u32, command: &str) -> Result<OutputCommand, u8> {
    let text = format!(
        r#"[{{"OutputCmd":{{"Id":10,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{command}}}}}]"#
    );
    match decode_one(V4, &text) {
        Ok((10, Request::Output(request))) => {
            let [command] = request.commands.as_slice() else { panic!("{request:?}") };
            assert_eq!(request.device, device);
            let world = world();
            let profile = world.profiles.iter().find(|profile| profile.device().index == device).unwrap();
            profile.check(command).map(|()| *command).map_err(|fault| fault.code.number())
        }
        Err((10, code)) => Err(code),
        other => panic!("{text}: {other:?}"),
    }
}

fn input(device: u32, feature: u32, kind: &str, action: &str) -> Result<(), u8> {
    let text = format!(
        r#"[{{"InputCmd":{{"Id":10,"DeviceIndex":{device},"FeatureIndex":{feature},"Type":"{kind}","Command":"{action}"}}}}]"#
    );
    match decode_one(V4, &text) {
        Ok((10, Request::Input(request))) => {
            let world = world();
            let profile = world.profiles.iter().find(|profile| profile.device().index == device).unwrap();
            let checked = profile.check_input(request.feature, request.kind, request.action);
            checked.map_err(|fault| fault.code.number())
        }
        Err((10, code)) => Err(code),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn values_in_range_are_taken_w80() {
    for value in [10, 20, 0] {
        let expected = command(0, OutputKind::Vibrate, value);
        assert_eq!(set(V, 0, &format!(r#"{{"Vibrate":{{"Value":{value}}}}}"#)), Ok(expected));
    }
    assert_eq!(set(V, 0, r#"{"Vibrate":{"Value":10.0}}"#), Ok(command(0, OutputKind::Vibrate, 10)));
}

#[test]
fn values_out_of_range_are_device_faults_and_no_values_are_message_faults_w80() {
    for value in ["21", "-1", "2147483647", "-2147483648"] {
        assert_eq!(set(V, 0, &format!(r#"{{"Vibrate":{{"Value":{value}}}}}"#)), Err(4), "{value}");
    }
    for value in ["0.5", r#""5""#, "4294967296", "2147483648", "null", "{}", "true"] {
        assert_eq!(set(V, 0, &format!(r#"{{"Vibrate":{{"Value":{value}}}}}"#)), Err(3), "{value}");
    }
}

#[test]
fn outputs_are_told_apart_w81() {
    assert_eq!(set(V, 0, r#"{"Rotate":{"Value":1}}"#), Err(4));
    assert_eq!(set(V, 9, r#"{"Vibrate":{"Value":1}}"#), Err(4));
    for command in [
        r#"{"Frobnicate":{"Value":1}}"#,
        "{}",
        r#"{"Vibrate":{"Value":1},"Rotate":{"Value":1}}"#,
        r#"{"RotateWithDirection":{"Value":1,"Clockwise":true}}"#,
        r#"{"RotationWithDirection":{"Value":1,"Clockwise":true}}"#,
        r#"{"Inflate":{"Value":1}}"#,
        r#"{"LED":{"Value":1}}"#,
        r#"{"vibrate":{"Value":1}}"#,
        r#"{"Vibrate":{}}"#,
        r#"{"Vibrate":[1]}"#,
        r#"{"Vibrate":1}"#,
        r#""Vibrate""#,
        "null",
        "[]",
    ] {
        assert_eq!(set(V, 0, command), Err(3), "{command}");
    }
    let without_feature = r#"[{"OutputCmd":{"Id":10,"DeviceIndex":0,"Command":{"Vibrate":{"Value":1}}}}]"#;
    assert_eq!(code(V4, without_feature), 3);
}

#[test]
fn signed_and_positional_outputs_are_checked_w82() {
    assert_eq!(set(N, 1, r#"{"Rotate":{"Value":-10}}"#), Ok(command(1, OutputKind::Rotate, -10)));
    assert_eq!(set(N, 1, r#"{"Rotate":{"Value":-21}}"#), Err(4));
    assert_eq!(set(L, 0, r#"{"Position":{"Value":50}}"#), Ok(command(0, OutputKind::Position, 50)));
    assert_eq!(set(L, 0, r#"{"Position":{"Value":100000}}"#), Err(4));
}

#[test]
fn timed_positions_need_value_and_duration_w83() {
    let expected =
        OutputCommand { duration: Some(300), ..command(0, OutputKind::HwPositionWithDuration, 70) };
    assert_eq!(set(L, 0, r#"{"HwPositionWithDuration":{"Value":70,"Duration":300}}"#), Ok(expected));
    for body in [
        r#"{"Value":70}"#,
        r#"{"Position":70,"Duration":300}"#,
        r#"{"Value":70,"Duration":-1}"#,
        r#"{"Value":70,"Duration":0.5}"#,
        r#"{"Value":70,"Duration":null}"#,
        r#"{"Value":-1,"Duration":300}"#,
    ] {
        assert_eq!(set(L, 0, &format!(r#"{{"HwPositionWithDuration":{body}}}"#)), Err(3), "{body}");
    }
    assert_eq!(set(L, 0, r#"{"HwPositionWithDuration":{"Value":70,"Duration":10001}}"#), Err(4));
    assert_eq!(set(L, 0, r#"{"HwPositionWithDuration":{"Value":1000,"Duration":1}}"#), Err(4));
}

#[test]
fn a_value_may_be_an_array_of_one_w84() {
    assert_eq!(set(V, 0, r#"{"Vibrate":{"Value":[10]}}"#), Ok(command(0, OutputKind::Vibrate, 10)));
    for value in ["[10,11]", "[]", "[[10]]", r#"["10"]"#, "[0.5]"] {
        assert_eq!(set(V, 0, &format!(r#"{{"Vibrate":{{"Value":{value}}}}}"#)), Err(3), "{value}");
    }
}

#[test]
fn fields_of_outputs_that_are_not_known_are_ignored() {
    let text = r#"{"Vibrate":{"Duration":5,"Value":10,"More":[]}}"#;
    assert_eq!(set(V, 0, text), Ok(command(0, OutputKind::Vibrate, 10)));
}

#[test]
fn inputs_are_checked_w86() {
    assert_eq!(input(V, 1, "Battery", "Read"), Ok(()));
    assert_eq!(input(V, 1, "Battery", "read"), Ok(()));
    assert_eq!(input(V, 0, "Battery", "Read"), Err(4));
    assert_eq!(input(V, 1, "Pressure", "Read"), Err(4));
    assert_eq!(input(V, 9, "Battery", "Read"), Err(4));
    assert_eq!(input(V, 1, "Frob", "Read"), Err(3));
    assert_eq!(input(V, 1, "Depth", "Read"), Err(3));
    assert_eq!(input(V, 1, "Battery", "Poke"), Err(3));
    assert_eq!(input(V, 1, "Battery", "READ"), Err(3));
}

#[test]
fn a_reading_answers_its_read_w86() {
    let reading = Reading { device: V, feature: 1, kind: InputKind::Battery, value: 87 };
    let expected = json!([{"InputReading":
        {"Id": 10, "DeviceIndex": 0, "FeatureIndex": 1, "Reading": {"Battery": {"Value": 87}}}}]);
    let answer = Message::Reply(id(10), Reply::Reading(reading, Echo::default()));
    assert_eq!(encode(V4, &answer), [expected]);
}

#[test]
fn subscriptions_need_an_input_that_has_them_w87() {
    assert_eq!(input(V, 1, "Battery", "Subscribe"), Err(4));
    assert_eq!(input(V, 1, "Battery", "Unsubscribe"), Err(4));
    for action in ["Subscribe", "subscribe", "Unsubscribe", "unsubscribe"] {
        assert_eq!(input(B, 7, "Pressure", action), Ok(()));
    }
    assert_eq!(input(B, 7, "Pressure", "Read"), Err(4));
    let reading = Reading { device: B, feature: 7, kind: InputKind::Pressure, value: 1310 };
    let expected = json!([{"InputReading":
        {"Id": 0, "DeviceIndex": 3, "FeatureIndex": 7, "Reading": {"Pressure": {"Value": 1310}}}}]);
    assert_eq!(encode(V4, &Message::Event(Event::Reading(reading))), [expected]);
}

#[test]
fn a_reading_is_spelled_as_its_request() {
    for (name, spelling) in [("Rssi", RssiSpelling::Rssi), ("RSSI", RssiSpelling::Upper)] {
        let text = format!(
            r#"[{{"InputCmd":{{"Id":10,"DeviceIndex":0,"FeatureIndex":1,"Type":"{name}","Command":"Read"}}}}]"#
        );
        let Ok((_, Request::Input(request))) = decode_one(V4, &text) else { panic!() };
        let echo = Echo { spelling, sensor_index: 0 };
        let (kind, action) = (InputKind::Rssi, InputAction::Read);
        assert_eq!(request, InputRequest { device: 0, feature: 1, kind, action, echo });
        let reading = Reading { device: 0, feature: 1, kind, value: -48 };
        let frames = encode(V4, &Message::Reply(id(10), Reply::Reading(reading, request.echo)));
        assert_eq!(frames[0][0]["InputReading"]["Reading"], json!({name: {"Value": -48}}));
    }
}

#[test]
fn stops_have_a_scope_and_two_switches_w89() {
    let stop = |fields: &str| {
        let text = format!(r#"[{{"StopCmd":{{"Id":10{fields}}}}}]"#);
        match decode_one(V4, &text) {
            Ok((10, Request::Stop(stop))) => stop,
            other => panic!("{text}: {other:?}"),
        }
    };
    let all = StopRequest { scope: Scope::All, inputs: true, outputs: true };
    assert_eq!(stop(""), all);
    assert_eq!(stop(r#","DeviceIndex":3"#), StopRequest { scope: Scope::Device(3), ..all });
    let feature = Scope::Feature { device: 3, feature: 0 };
    assert_eq!(stop(r#","DeviceIndex":3,"FeatureIndex":0"#), StopRequest { scope: feature, ..all });
    assert_eq!(stop(r#","FeatureIndex":3"#), all);
    assert_eq!(stop(r#","DeviceIndex":null,"FeatureIndex":null,"Inputs":null,"Outputs":null"#), all);
    assert_eq!(stop(r#","Inputs":false"#), StopRequest { inputs: false, ..all });
    assert_eq!(stop(r#","Outputs":false"#), StopRequest { outputs: false, ..all });
    let neither = StopRequest { inputs: false, outputs: false, ..all };
    assert_eq!(stop(r#","Inputs":false,"Outputs":false"#), neither);
}

#[test]
fn unknown_features_are_found_by_the_profile_w89() {
    let profile = crate::support::canonical();
    assert_eq!(profile.check_feature(7), Ok(()));
    assert_eq!(profile.check_feature(8).unwrap_err().code, ErrorCode::Device);
}

#[test]
fn old_commands_are_unknown_in_version_4_and_new_ones_before_w90() {
    for name in ["StopAllDevices", "StopDeviceCmd", "ScalarCmd"] {
        let text = format!(r#"[{{"{name}":{{"Id":10,"DeviceIndex":0,"Scalars":[]}}}}]"#);
        assert_eq!(code(V4, &text), 3, "{name}");
    }
    for dialect in OLD {
        for name in ["OutputCmd", "InputCmd", "StopCmd", "Disconnect"] {
            assert_eq!(code(dialect, &format!(r#"[{{"{name}":{{"Id":10}}}}]"#)), 3, "{name}");
        }
    }
}

#[test]
fn disconnect_is_understood_w91() {
    assert_eq!(decode_one(V4, r#"[{"Disconnect":{"Id":15}}]"#), Ok((15, Request::Disconnect)));
}

#[test]
fn a_ping_timeout_is_an_event_of_code_2_in_every_version_w35() {
    for dialect in Dialect::ALL {
        let fault = Fault::new(ErrorCode::Ping, "no Ping within 2000 ms");
        let expected =
            json!([{"Error": {"Id": 0, "ErrorCode": 2, "ErrorMessage": "no Ping within 2000 ms"}}]);
        assert_eq!(encode(dialect, &Message::Event(Event::Error(fault))), [expected]);
    }
}

#[test]
fn faults_of_the_device_say_what_would_be_right() {
    let profile = crate::support::canonical();
    let text = |command| profile.check(&command).unwrap_err().message;
    let kind = OutputKind::HwPositionWithDuration;
    let timed = |duration| OutputCommand { duration, ..command(4, kind, 5) };
    for (command, said) in [
        (command(9, OutputKind::Vibrate, 1), "device 3 (Example Rabbit) has no feature with index 9"),
        (
            command(0, OutputKind::Led, 1),
            "feature 0 of device 3 (Example Rabbit) has no output Led, only Vibrate",
        ),
        (command(6, OutputKind::Led, 1), "feature 6 of device 3 (Example Rabbit) has no output Led"),
        (
            command(0, OutputKind::Vibrate, 21),
            "Vibrate of feature 0 of device 3 (Example Rabbit) takes values from 0 to 20, not 21",
        ),
        (
            timed(Some(10_001)),
            "HwPositionWithDuration of feature 4 of device 3 (Example Rabbit) takes durations from 0 to 10000 ms, not 10001",
        ),
        (timed(None), "HwPositionWithDuration of feature 4 of device 3 (Example Rabbit) needs a duration"),
    ] {
        assert_eq!(text(command), said);
    }
    let fault = profile.check_input(6, InputKind::Battery, InputAction::Subscribe).unwrap_err();
    assert_eq!(fault.message, "Battery of feature 6 of device 3 (Example Rabbit) cannot be subscribed to");
    let request = outputs(
        V4,
        r#"[{"OutputCmd":{"Id":10,"DeviceIndex":999,"FeatureIndex":0,"Command":{"Vibrate":{"Value":1}}}}]"#,
    );
    assert_eq!(request.device, 999);
}
