//! Sensors and raw messages of versions 2 and 3 (`wire.md` 4.7, 4.8 and 6.10).

use frisson_wire::{
    Dialect, Echo, Event, InputAction, InputKind, InputRequest, Message, Reading, Reply, Request,
    RssiSpelling,
};
use serde_json::json;

use crate::support::{B, E, L, OLD, T, V, code, decode_one, encode, id};

use Dialect::{V0, V1, V2, V3, V4};

fn battery_level(device: u32) -> String {
    format!(r#"[{{"BatteryLevelCmd":{{"Id":10,"DeviceIndex":{device}}}}}]"#)
}

fn sensor(command: &str, device: u32, index: u32, kind: &str) -> String {
    format!(
        r#"[{{"{command}":{{"Id":10,"DeviceIndex":{device},"SensorIndex":{index},"SensorType":"{kind}"}}}}]"#
    )
}

fn read(device: u32, feature: u32, sensor_index: u32) -> Result<(u32, Request), (u32, u8)> {
    let echo = Echo { spelling: RssiSpelling::Rssi, sensor_index };
    let (kind, action) = (InputKind::Battery, InputAction::Read);
    Ok((10, Request::Input(InputRequest { device, feature, kind, action, echo })))
}

fn answer(reading: Reading, sensor_index: u32) -> Message {
    Message::Reply(id(10), Reply::Reading(reading, Echo { sensor_index, ..Echo::default() }))
}

fn battery(value: i64) -> Reading {
    Reading { device: V, feature: 1, kind: InputKind::Battery, value }
}

#[test]
fn battery_levels_are_for_version_2_w61() {
    for dialect in [V0, V1, V3, V4] {
        assert_eq!(code(dialect, &battery_level(V)), 3);
    }
}

#[test]
fn a_battery_level_is_a_fraction_w72() {
    assert_eq!(decode_one(V2, &battery_level(V)), read(V, 1, 0));
    assert_eq!(decode_one(V2, &battery_level(T)), read(T, 2, 0));
    assert_eq!(code(V2, &battery_level(L)), 4);
    assert_eq!(code(V2, &battery_level(999)), 4);
    let expected = json!([{"BatteryLevelReading": {"Id": 10, "DeviceIndex": 0, "BatteryLevel": 0.87}}]);
    assert_eq!(encode(V2, &answer(battery(87), 0)), [expected]);
}

#[test]
fn signal_strength_is_refused_w72() {
    assert_eq!(code(V2, r#"[{"RSSILevelCmd":{"Id":10,"DeviceIndex":0}}]"#), 4);
    assert_eq!(code(V2, r#"[{"RSSILevelCmd":{"Id":10}}]"#), 3);
    for dialect in [V0, V1, V3, V4] {
        assert_eq!(code(dialect, r#"[{"RSSILevelCmd":{"Id":10,"DeviceIndex":0}}]"#), 3);
    }
}

#[test]
fn sensor_readings_repeat_index_and_type_w73() {
    assert_eq!(decode_one(V3, &sensor("SensorReadCmd", V, 0, "Battery")), read(V, 1, 0));
    // With one battery any index is the one.
    assert_eq!(decode_one(V3, &sensor("SensorReadCmd", V, 4, "Battery")), read(V, 1, 4));
    let expected = json!([{"SensorReading":
        {"Id": 10, "DeviceIndex": 0, "SensorIndex": 4, "SensorType": "Battery", "Data": [87]}}]);
    assert_eq!(encode(V3, &answer(battery(87), 4)), [expected]);
}

#[test]
fn sensor_reads_are_checked_w73() {
    assert_eq!(code(V3, &sensor("SensorReadCmd", V, 0, "Pressure")), 4);
    assert_eq!(code(V3, &sensor("SensorReadCmd", V, 0, "RSSI")), 4);
    assert_eq!(code(V3, &sensor("SensorReadCmd", V, 0, "Frob")), 3);
    assert_eq!(code(V3, &sensor("SensorReadCmd", E, 0, "Battery")), 4);
    assert_eq!(code(V3, &sensor("SensorReadCmd", 999, 0, "Battery")), 4);
}

#[test]
fn with_several_batteries_the_index_counts() {
    assert_eq!(decode_one(V3, &sensor("SensorReadCmd", T, 1, "Battery")), read(T, 3, 1));
    assert_eq!(code(V3, &sensor("SensorReadCmd", T, 2, "Battery")), 4);
}

#[test]
fn subscriptions_of_version_3_are_refused_w74() {
    for command in ["SensorSubscribeCmd", "SensorUnsubscribeCmd"] {
        assert_eq!(code(V3, &sensor(command, B, 0, "Pressure")), 4);
        assert_eq!(code(V3, &sensor(command, B, 0, "Frob")), 3);
        for dialect in [V0, V1, V2, V4] {
            assert_eq!(code(dialect, &sensor(command, B, 0, "Pressure")), 3);
        }
    }
}

#[test]
fn raw_messages_are_refused_w75() {
    for (name, fields) in [
        ("RawWriteCmd", r#""Data":[1,255],"WriteWithResponse":false"#),
        ("RawReadCmd", r#""ExpectedLength":0,"WaitForData":false"#),
        ("RawReadCmd", r#""Length":0,"WaitForData":false"#),
        ("RawReadCmd", r#""ExpectedLength":0,"Timeout":100"#),
        ("RawReadCmd", r#""Length":4"#),
        ("RawSubscribeCmd", r#""More":0"#),
        ("RawUnsubscribeCmd", r#""More":0"#),
    ] {
        let text = format!(r#"[{{"{name}":{{"Id":10,"DeviceIndex":3,"Endpoint":"rx",{fields}}}}}]"#);
        for dialect in [V2, V3] {
            assert_eq!(code(dialect, &text), 4, "{text}");
        }
        for dialect in [V0, V1, V4] {
            assert_eq!(code(dialect, &text), 3, "{text}");
        }
    }
}

#[test]
fn malformed_raw_messages_are_message_faults_w75() {
    for (name, fields) in [
        ("RawWriteCmd", r#""Endpoint":"tx","Data":[],"WriteWithResponse":false"#),
        ("RawWriteCmd", r#""Endpoint":"tx","Data":[256],"WriteWithResponse":false"#),
        ("RawWriteCmd", r#""Endpoint":"tx","Data":[1]"#),
        ("RawReadCmd", r#""Endpoint":"tx""#),
        ("RawReadCmd", r#""ExpectedLength":1"#),
        ("RawSubscribeCmd", r#""Endpoint":7"#),
    ] {
        let text = format!(r#"[{{"{name}":{{"Id":10,"DeviceIndex":3,{fields}}}}}]"#);
        for dialect in [V2, V3] {
            assert_eq!(code(dialect, &text), 3, "{text}");
        }
    }
}

#[test]
fn other_readings_are_never_sent_to_old_versions() {
    for dialect in OLD {
        for kind in InputKind::ALL {
            let reading = Reading { device: B, feature: 7, kind, value: 1 };
            assert!(encode(dialect, &Message::Event(Event::Reading(reading))).is_empty());
            let answers = encode(dialect, &answer(reading, 0)).len();
            let known = kind == InputKind::Battery && dialect >= V2;
            assert_eq!(answers, usize::from(known), "{kind} in {dialect}");
        }
    }
}

#[test]
fn readings_that_strict_clients_would_drop_are_brought_into_the_range() {
    for (kind, value) in InputKind::ALL.into_iter().flat_map(|kind| [(kind, i64::MIN), (kind, i64::MAX)]) {
        for dialect in Dialect::ALL {
            let reading = Reading { device: V, feature: 1, kind, value };
            // The tables are asked within.
            encode(dialect, &answer(reading, 0));
        }
    }
}
