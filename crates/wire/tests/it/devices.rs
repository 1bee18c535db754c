//! How devices look in each version (`wire.md` section 5).

use std::sync::Arc;

use crate::support::{OLD, canonical, device, encode, id, input, output, world};
use frisson_wire::{
    Device, DeviceChange, DeviceList, Dialect, Event, Feature, InputKind, Message, OutputKind, Profile,
    Range, Reply,
};
use serde_json::{Value, json};

fn added(dialect: Dialect, profile: Profile) -> Value {
    let profile = Arc::new(profile);
    let all: DeviceList = [profile.clone()].into();
    let event = Event::Devices { change: DeviceChange::Added(profile), all };
    let mut frames = encode(dialect, &Message::Event(event));
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

fn listed(dialect: Dialect, list: DeviceList) -> Value {
    let mut frames = encode(dialect, &Message::Reply(id(2), Reply::DeviceList(list)));
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

#[test]
fn the_canonical_device_in_version_4_w45() {
    let expected = json!([{"DeviceList": {"Id": 2, "Devices": {"3": {
    "DeviceName": "Example Rabbit", "DeviceIndex": 3, "DeviceDisplayName": "Left bunny", "DeviceMessageTimingGap": 100,
    "DeviceFeatures": {
      "0": {"FeatureIndex": 0, "FeatureDescription": "Shaft", "Output": {"Vibrate": {"Value": [0, 20]}}},
      "1": {"FeatureIndex": 1, "FeatureDescription": "Ear", "Output": {"Vibrate": {"Value": [0, 10]}}},
      "2": {"FeatureIndex": 2, "FeatureDescription": "Head", "Output": {"Rotate": {"Value": [-15, 15]}}},
      "3": {"FeatureIndex": 3, "FeatureDescription": "Thruster", "Output": {"Oscillate": {"Value": [0, 8]}}},
      "4": {"FeatureIndex": 4, "FeatureDescription": "Stroke", "Output": {
        "HwPositionWithDuration": {"Value": [0, 99], "Duration": [0, 10000]}, "Position": {"Value": [0, 99]}}},
      "5": {"FeatureIndex": 5, "FeatureDescription": "Lamp", "Output": {"Led": {"Value": [0, 1]}}},
      "6": {"FeatureIndex": 6, "FeatureDescription": "Battery", "Input": {"Battery": {"Value": [[0, 100]], "Command": ["Read"]}}},
      "7": {"FeatureIndex": 7, "FeatureDescription": "Bulb", "Input": {"Pressure": {"Value": [[0, 2000]], "Command": ["Subscribe"]}}}
    }}}}}]);
    assert_eq!(listed(Dialect::V4, [Arc::new(canonical())].into()), expected);
}

#[test]
fn the_canonical_device_in_version_3_w46() {
    let expected = json!([{"DeviceAdded": {"Id": 0, "DeviceName": "Example Rabbit", "DeviceIndex": 3, "DeviceDisplayName": "Left bunny",
      "DeviceMessageTimingGap": 100, "DeviceMessages": {
        "ScalarCmd": [
          {"StepCount": 20, "FeatureDescriptor": "Shaft", "ActuatorType": "Vibrate"},
          {"StepCount": 10, "FeatureDescriptor": "Ear", "ActuatorType": "Vibrate"},
          {"StepCount": 15, "FeatureDescriptor": "Head", "ActuatorType": "Rotate"},
          {"StepCount": 8, "FeatureDescriptor": "Thruster", "ActuatorType": "Oscillate"},
          {"StepCount": 99, "FeatureDescriptor": "Stroke", "ActuatorType": "Position"}],
        "RotateCmd": [{"StepCount": 15, "FeatureDescriptor": "Head", "ActuatorType": "Rotate"}],
        "LinearCmd": [{"StepCount": 99, "FeatureDescriptor": "Stroke", "ActuatorType": "Position"}],
        "SensorReadCmd": [{"SensorType": "Battery", "FeatureDescriptor": "Battery", "SensorRange": [[0, 100]]}],
        "StopDeviceCmd": {}}}}]);
    assert_eq!(added(Dialect::V3, canonical()), expected);
}

#[test]
fn the_canonical_device_in_version_2_w47() {
    let expected = json!([{"DeviceAdded": {"Id": 0, "DeviceName": "Example Rabbit", "DeviceIndex": 3, "DeviceMessages": {
      "VibrateCmd": {"FeatureCount": 2, "StepCount": [20, 10]},
      "RotateCmd": {"FeatureCount": 1, "StepCount": [15]},
      "LinearCmd": {"FeatureCount": 1, "StepCount": [99]},
      "BatteryLevelCmd": {}, "StopDeviceCmd": {}}}}]);
    assert_eq!(added(Dialect::V2, canonical()), expected);
}

#[test]
fn the_canonical_device_in_version_1_w48() {
    let expected = json!([{"DeviceList": {"Id": 2, "Devices": [{"DeviceName": "Example Rabbit", "DeviceIndex": 3, "DeviceMessages": {
      "VibrateCmd": {"FeatureCount": 2}, "RotateCmd": {"FeatureCount": 1}, "LinearCmd": {"FeatureCount": 1},
      "SingleMotorVibrateCmd": {}, "FleshlightLaunchFW12Cmd": {}, "VorzeA10CycloneCmd": {}, "StopDeviceCmd": {}}}]}}]);
    assert_eq!(listed(Dialect::V1, [Arc::new(canonical())].into()), expected);
}

#[test]
fn the_canonical_device_in_version_0_w49() {
    let expected = json!([{"DeviceAdded": {"Id": 0, "DeviceName": "Example Rabbit", "DeviceIndex": 3, "DeviceMessages":
      ["FleshlightLaunchFW12Cmd", "SingleMotorVibrateCmd", "StopDeviceCmd", "VorzeA10CycloneCmd"]}}]);
    assert_eq!(added(Dialect::V0, canonical()), expected);
}

#[test]
fn lists_and_events_tell_the_same_of_a_device() {
    for dialect in OLD {
        for profile in world().profiles {
            let mut event = added(dialect, profile.clone());
            let event = event[0]["DeviceAdded"].as_object_mut().unwrap();
            event.remove("Id");
            let list = listed(dialect, [Arc::new(profile)].into());
            assert_eq!(list[0]["DeviceList"]["Devices"], json!([event]));
        }
    }
}

#[test]
fn display_names_are_only_in_new_versions_and_only_where_set_w50() {
    for dialect in Dialect::ALL {
        let with = listed(dialect, [Arc::new(canonical())].into()).to_string();
        assert_eq!(with.contains("DeviceDisplayName"), dialect >= Dialect::V3);
        let without = listed(dialect, world().list()).to_string();
        assert_eq!(without.matches("DeviceDisplayName").count(), usize::from(dialect >= Dialect::V3));
        assert!(!without.contains("null"));
    }
}

#[test]
fn a_linear_device_in_version_0_w51() {
    let frame = listed(Dialect::V0, [Arc::new(world().profiles.remove(4))].into());
    let names = &frame[0]["DeviceList"]["Devices"][0]["DeviceMessages"];
    assert_eq!(*names, json!(["FleshlightLaunchFW12Cmd", "StopDeviceCmd"]));
}

#[test]
fn lists_are_in_order_of_the_index_w52() {
    for dialect in OLD {
        let frame = listed(dialect, world().list());
        let devices = frame[0]["DeviceList"]["Devices"].as_array().unwrap();
        let indices: Vec<_> = devices.iter().map(|device| device["DeviceIndex"].as_u64().unwrap()).collect();
        assert_eq!(indices, [0, 1, 2, 3, 4, 5]);
    }
}

#[test]
fn signed_rotations_are_in_two_lists_of_version_3_w53() {
    let frame = added(Dialect::V3, world().profiles.remove(2));
    let messages = &frame[0]["DeviceAdded"]["DeviceMessages"];
    let actuators = |command: &str| -> Vec<(u64, String)> {
        let list = messages[command].as_array().unwrap().iter();
        list.map(|a| (a["StepCount"].as_u64().unwrap(), a["ActuatorType"].as_str().unwrap().to_owned()))
            .collect()
    };
    assert_eq!(actuators("ScalarCmd"), [(20, "Vibrate".to_owned()), (20, "Rotate".to_owned())]);
    assert_eq!(actuators("RotateCmd"), [(20, "Rotate".to_owned())]);
}

#[test]
fn a_device_with_nothing_for_old_versions_can_still_be_stopped() {
    let lamp = device(0, "Lamp", vec![output(OutputKind::Led, 0, 1), output(OutputKind::Vibrate, 0, 0)]);
    let abilities = |dialect| added(dialect, lamp.clone())[0]["DeviceAdded"]["DeviceMessages"].clone();
    assert_eq!(abilities(Dialect::V0), json!(["StopDeviceCmd"]));
    for dialect in [Dialect::V1, Dialect::V2, Dialect::V3] {
        assert_eq!(abilities(dialect), json!({"StopDeviceCmd": {}}));
    }
}

#[test]
fn several_scalars_of_one_feature_are_in_alphabetical_order() {
    let mut feature = Feature::default();
    for kind in [
        OutputKind::Vibrate,
        OutputKind::Position,
        OutputKind::Constrict,
        OutputKind::Rotate,
        OutputKind::Oscillate,
        OutputKind::Spray,
        OutputKind::Temperature,
    ] {
        feature.outputs.extend(output(kind, 0, 9).outputs);
    }
    let frame = added(Dialect::V3, device(0, "All", vec![feature]));
    let list = frame[0]["DeviceAdded"]["DeviceMessages"]["ScalarCmd"].as_array().unwrap();
    let kinds: Vec<_> = list.iter().map(|actuator| actuator["ActuatorType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Constrict", "Oscillate", "Position", "Rotate", "Vibrate"]);
}

#[test]
fn only_batteries_that_can_be_read_are_shown_to_old_versions() {
    let sensors = device(
        0,
        "Sensors",
        vec![
            input(InputKind::Battery, 100, false, true),
            input(InputKind::Pressure, 10, true, true),
            input(InputKind::Button, 1, true, true),
            input(InputKind::Rssi, 0, true, true),
        ],
    );
    for dialect in [Dialect::V2, Dialect::V3] {
        let frame = added(dialect, sensors.clone());
        assert_eq!(frame[0]["DeviceAdded"]["DeviceMessages"], json!({"StopDeviceCmd": {}}));
    }
}

#[test]
fn arrivals_and_losses_are_events_of_old_versions_w41() {
    let profile = Arc::new(canonical());
    let all: DeviceList = [profile.clone()].into();
    for dialect in OLD {
        let tell = |change| {
            let event = Event::Devices { change, all: all.clone() };
            let frames = encode(dialect, &Message::Event(event));
            let names: Vec<_> = frames
                .iter()
                .map(|frame| {
                    let message = frame[0].as_object().unwrap();
                    let (name, body) = message.iter().next().unwrap();
                    assert_eq!((&body["Id"], &body["DeviceIndex"]), (&json!(0), &json!(3)));
                    name.clone()
                })
                .collect();
            names
        };
        assert_eq!(tell(DeviceChange::Added(profile.clone())), ["DeviceAdded"]);
        assert_eq!(tell(DeviceChange::Removed(3)), ["DeviceRemoved"]);
        assert_eq!(tell(DeviceChange::Redefined(profile.clone())), ["DeviceRemoved", "DeviceAdded"]);
        assert!(tell(DeviceChange::Unspecified).is_empty());
    }
}

#[test]
fn every_change_is_a_complete_list_in_version_4_w42() {
    let all = world().list();
    let list = listed(Dialect::V4, all.clone());
    for change in [
        DeviceChange::Added(all[0].clone()),
        DeviceChange::Removed(9),
        DeviceChange::Redefined(all[1].clone()),
        DeviceChange::Unspecified,
    ] {
        let frames = encode(Dialect::V4, &Message::Event(Event::Devices { change, all: all.clone() }));
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0][0]["DeviceList"]["Id"], 0);
        assert_eq!(frames[0][0]["DeviceList"]["Devices"], list[0]["DeviceList"]["Devices"]);
    }
}

#[test]
fn a_feature_without_anything_is_not_listed_in_version_4() {
    let profile = device(0, "Odd", vec![Feature::default(), output(OutputKind::Led, 0, 1)]);
    let frame = listed(Dialect::V4, [Arc::new(profile)].into());
    let features = frame[0]["DeviceList"]["Devices"]["0"]["DeviceFeatures"].as_object().unwrap();
    assert_eq!(features.keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn a_profile_is_in_order_and_has_every_duration() {
    let feature = |index, kind| {
        let mut feature = Feature { index, ..output(kind, 0, 5) };
        feature.outputs[0].duration = None;
        feature
    };
    let profile = Profile::new(Device {
        features: vec![
            feature(7, OutputKind::HwPositionWithDuration),
            feature(2, OutputKind::Vibrate),
            feature(7, OutputKind::Led),
        ],
        ..Device::default()
    });
    let features = &profile.device().features;
    assert_eq!(features.iter().map(|feature| feature.index).collect::<Vec<_>>(), [2, 7]);
    assert_eq!(features[0].outputs[0].duration, None);
    assert_eq!(features[1].outputs[0].duration, Some(Range::new(0, u32::MAX)));
}
