//! What is added to protocols.

use std::time::Duration;

use frisson_program::language::{Model, Name, Parity, Serial};
use frisson_wire::{Input, InputKind, Range, RssiSpelling};

use super::*;

#[test]
fn ways_to_recognise_devices_are_added_per_bus() {
    let mut imported = read(&user(
        r#""protocols": { "toy": { "communication": [
            { "btle": { "names": ["MINE", "MY-*"], "manufacturer_data": [ { "company": 76, "data": "0a0B", "expected_length": 4 }, { "company": 77, "data": [1, 2] } ],
                        "advertised_services": ["fff7"] } },
            { "websocket": { "name": "my-socket" } },
            { "serial": { "port": "COM3", "baud_rate": 9600, "data_bits": 7, "parity": "E", "stop_bits": 2 } },
            { "serial": { "port": "default" } },
            { "hid": { "vendor_id": 1, "product_id": 2 } } ] } }"#,
    ));
    assert_eq!(warnings(&imported), Vec::<String>::new());
    let all = imported.additions.remove("toy").expect("an addition").identifiers;
    assert_eq!(all.ble[0].names, [Name::new("MINE"), Name::new("MY-*")]);
    assert!(all.ble[0].manufacturer[0].fits(76, &[0, 0x0A, 0x0B, 0]));
    assert!(!all.ble[0].manufacturer[0].fits(76, &[0x0A, 0x0B]));
    assert!(all.ble[0].manufacturer[1].fits(77, &[1, 2]));
    assert_eq!(all.ble[0].advertised[0].to_string(), "0000fff7-0000-1000-8000-00805f9b34fb");
    // Without services, those of the protocol.
    assert_eq!(all.ble[0].services, catalogue("toy").expect("the toy").identifiers().ble[0].services);
    assert_eq!(all.websocket, [Name::new("my-socket")]);
    let serial = Serial {
        port: Some("COM3".to_owned()),
        ids: Vec::new(),
        baud_rate: 9600,
        data_bits: 7,
        parity: Parity::Even,
        stop_bits: 2,
    };
    let default = Serial {
        port: None,
        ids: Vec::new(),
        baud_rate: 115_200,
        data_bits: 8,
        parity: Parity::None,
        stop_bits: 1,
    };
    assert_eq!(all.serial, [serial, default]);
    assert_eq!(all.hid, [(1, 2)]);
}

#[test]
fn what_cannot_be_added_to_a_protocol_is_named() {
    for (protocol, says) in [
        (r#""gone": {}"#, "protocol gone: `user_configs.protocols.gone`: the catalogue has no such protocol"),
        (r#""toy": { "communication": 3 }"#, "a list is expected, not 3"),
        (
            r#""toy": { "communication": [ { "carrier-pigeon": {} } ] }"#,
            "communication[0].carrier-pigeon`: devices of this bus cannot be added",
        ),
        (
            r#""toy": { "communication": [ { "btle": { "names": ["*"] } } ] }"#,
            "this cannot be the name of a device",
        ),
        (r#""toy": { "communication": [ { "btle": { "services": { "zz": {} } } } ] }"#, "`zz` is not a UUID"),
        (
            r#""toy": { "communication": [ { "btle": { "services": { "fff0": { "TX!": "fff1" } } } } ] }"#,
            "`TX!` is not the name of an endpoint",
        ),
        (
            r#""toy": { "communication": [ { "btle": { "manufacturer_data": [ { "company": 1, "data": "abc" } ] } } ] }"#,
            "the data are not bytes",
        ),
        (
            r#""toy": { "communication": [ { "serial": { "port": "COM3", "parity": "maybe" } } ] }"#,
            "`parity` is N, O or E",
        ),
        (r#""toy": { "configurations": [ { "name": "x" } ] }"#, "no `identifier` by which it could be known"),
        (
            r#""toy": { "configurations": [ { "identifier": ["x"], "features": [ { "output": { "vibrate": { "value": [5, 5] } } } ] } ] }"#,
            "[5, 5] has no steps",
        ),
        (
            r#""toy": { "configurations": [ { "identifier": ["x"], "features": [ { "output": { "hw_position_with_duration": { "value": [0, 5] } } } ] } ] }"#,
            "it has no `duration`",
        ),
        (
            r#""toy": { "configurations": [ { "identifier": ["x"], "features": [ { "input": { "battery": { "value": [[0, 100]] } } } ] } ] }"#,
            "it needs a `value` and a `command`",
        ),
    ] {
        let found = warnings(&read(&user(&format!(r#""protocols": {{ {protocol} }}"#))));
        assert!(found.len() == 1 && found[0].contains(says), "{protocol}: {found:?}");
    }
}

fn added(configuration: &str) -> (Definition, Vec<String>) {
    let mut imported =
        read(&user(&format!(r#""protocols": {{ "toy": {{ "configurations": [ {configuration} ] }} }}"#)));
    assert_eq!(warnings(&imported), Vec::<String>::new());
    let addition = imported.additions.remove("toy").expect("an addition");
    let (extended, wrong) = catalogue("toy").expect("the toy").extended(addition);
    (extended, wrong.iter().map(ToString::to_string).collect())
}

#[test]
fn a_device_that_is_added_speaks_like_the_known_one_with_the_same_outputs() {
    let (extended, wrong) = added(
        r#"{ "identifier": ["NEW"], "name": "New Toy", "id": "m-9", "message_gap_ms": 30, "features": [
            { "id": "f-9", "description": "Tip", "output": { "vibrate": { "value": [0, 9] } }, "input": {} } ] }"#,
    );
    assert_eq!(wrong, Vec::<String>::new());
    let model = extended.model("NEW").expect("the new toy");
    assert_eq!((model.name.as_deref(), model.variant.as_deref()), (Some("New Toy"), Some("old")));
    assert_eq!(model.gap, Some(Duration::from_millis(30)));
    assert_eq!(model.features[0].feature.description, "Tip");
}

#[test]
fn a_device_without_features_has_those_of_the_default_one() {
    let (extended, wrong) = added(r#"{ "identifier": "NEW", "name": "New Toy" }"#);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(extended.model("NEW").map(|model| model.features.len()), Some(1));
}

#[test]
fn inputs_of_a_device_that_is_added_are_read() {
    let imported = read(&user(
        r#""protocols": { "toy": { "configurations": [ { "identifier": ["NEW"], "features": [
        { "index": 4, "input": { "battery": { "value": [[0, 100]], "command": ["Read"] } } } ] } ] } }"#,
    ));
    let feature = &imported.additions["toy"].models[0].features[0].feature;
    let battery = Input {
        kind: InputKind::Battery,
        values: vec![Range::new(0, 100)],
        read: true,
        subscribe: false,
        spelling: RssiSpelling::default(),
    };
    assert_eq!((feature.index, &feature.inputs), (4, &vec![battery]));
}

#[test]
fn settings_can_be_based_on_a_device_of_the_same_file() {
    let imported = read(&user(
        r#""protocols": { "toy": { "configurations": [ { "identifier": ["NEW"], "id": "m-9", "features": [
            { "index": 3, "id": "f-9", "output": { "vibrate": { "value": [0, 9] } } } ] } ] } },
        "devices": [ { "identifier": { "protocol": "toy", "identifier": "NEW", "address": "A" },
            "config": { "base_id": "m-9", "features": [ { "base_id": "f-9", "output": { "vibrate": { "value": [0, 4] } } } ] } } ]"#,
    ));
    assert_eq!(warnings(&imported), Vec::<String>::new());
    let set = imported.devices[0].outputs[0];
    assert_eq!((set.feature, set.range), (3, Some(Range::new(0, 4))));
}

#[test]
fn of_a_base_configuration_counts_what_the_catalogue_does_not_have() {
    let mut imported = read(
        r#"{ "version": { "major": 4, "minor": 1 }, "protocols": { "toy": {
            "communication": [ { "btle": { "names": ["TOY", "TOY-*", "TOI"], "manufacturer_data": [ { "company": 1, "data": "0a0b" } ], "services": { "fff0": { "tx": "fff1" } } } } ],
            "defaults": { "name": "Toy", "features": [ { "index": 0, "id": "d", "output": { "vibrate": { "value": [0, 7] } } } ] },
            "configurations": [ { "identifier": ["BIG"], "name": "Not so big" }, { "identifier": ["BIG", "NEW"], "name": "New" } ] } } }"#,
    );
    assert_eq!(warnings(&imported), Vec::<String>::new());
    let addition = imported.additions.remove("toy").expect("an addition");
    assert_eq!(addition.identifiers.ble[0].names, [Name::new("TOI")]);
    assert!(addition.identifiers.ble[0].manufacturer.is_empty());
    let models: Vec<&Model> = addition.models.iter().collect();
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].matches, ["NEW"]);
    assert_eq!(models[0].features[0].feature.outputs[0].value, Range::new(0, 7));
}
