//! What is set for single devices.

use std::time::Duration;

use frisson_devices::settings::Verdict;
use frisson_wire::{OutputKind, Range};

use super::*;

#[test]
fn what_is_set_for_a_device_is_taken_over() {
    let imported =
        toy(r#"{ "user_config": { "index": 7, "display_name": "N", "allow": true, "message_gap_ms": 50 } }"#);
    let settings = Settings::default().overlaid(&imported);
    assert_eq!(settings.index_of(&big()), Some(7));
    assert_eq!(settings.display_name(&big()), Some("N"));
    assert_eq!(settings.gap(&big()), Some(Duration::from_millis(50)));
    assert_eq!(settings.is_allowed("ble:A", None, None), Verdict::Allowed);
    assert_eq!(settings.is_allowed("ble:B", None, None), Verdict::NotAllowed);
    let settings = Settings::default().overlaid(&toy(r#"{ "user_config": { "deny": true } }"#));
    assert_eq!(settings.is_allowed("serial:A", None, None), Verdict::Denied);
}

#[test]
fn what_is_written_around_an_address_is_taken_off_and_an_absent_model_is_any() {
    let text = user(
        r#""devices": [ { "identifier": { "protocol": "toy", "address": "PeripheralId(c0:ff:ee:00:00:01)" },
        "config": { "user_config": { "display_name": "N" } } } ]"#,
    );
    let settings = Settings::default().overlaid(&read(&text));
    assert_eq!(settings.display_name(&Key::new("ble:C0:FF:EE:00:00:01", "toy", "whatever")), Some("N"));
    assert_eq!(settings.display_name(&Key::new("ble:C0:FF:EE:00:00:01", "aneros", "")), None);
}

#[test]
fn a_value_narrows_the_range_of_the_device() {
    let whole = OutputKind::Vibrate;
    assert_eq!(steps("f-1", r#"{ "vibrate": { "value": [0, 12] } }"#), Some((0, 12)));
    assert_eq!(steps("F-1", r#"{ "vibrate": { "value": [3, 20] } }"#), Some((3, 20)));
    assert_eq!(steps("f-1", r#"{ "vibrate": { "value": [0, 20] } }"#), None, "{whole}");
    assert_eq!(steps("f-1", r#"{ "vibrate": {} }"#), None);
    assert_eq!(steps("f-2", r#"{ "rotate": { "value": [-10, 10] } }"#), Some((0, 10)));
    assert_eq!(steps("f-2", r#"{ "rotate": { "value": [3, 10] } }"#), Some((3, 10)));
    assert_eq!(steps("f-2", r#"{ "rotate": { "value": [-15, 15] } }"#), None);
    assert_eq!(steps("f-4", r#"{ "oscillate": { "value": [1, 5] } }"#), Some((0, 5)));
    assert_eq!(steps("f-4", r#"{ "oscillate": { "value": [1, 8] } }"#), None);
}

#[test]
fn durations_reversal_and_disabled_outputs_are_taken_over() {
    let (found, _) = limits(
        "f-3",
        r#"{ "hw_position_with_duration": { "value": [10, 90], "duration": [0, 5000], "reverse": true, "disabled": false } }"#,
    );
    let expected = Limit {
        feature: 2,
        kind: OutputKind::HwPositionWithDuration,
        steps: Range::new(10, 90),
        duration: Some(Range::new(0, 5000)),
        reverse: true,
        disabled: false,
    };
    assert_eq!(found, [expected]);
    let (found, _) = limits("f-1", r#"{ "vibrate": { "disabled": true } }"#);
    assert!(found[0].disabled);
}

#[test]
fn what_does_not_fit_the_device_is_left_out_and_named_with_device_key_and_reason() {
    for (id, output, says) in [
        (
            "f-1",
            r#"{ "vibrate": { "value": [0, 21] } }"#,
            "u.json: warning: device toy BIG at A: `user_configs.devices[0].config.features[0].output.vibrate.value`: [0, 21] is not within the device's [0, 20]; it is left out",
        ),
        ("f-1", r#"{ "vibrate": { "value": [9, 3] } }"#, "[9, 3] ends before it begins"),
        ("f-1", r#"{ "vibrate": { "value": [0, 1.5] } }"#, "value[1]`: a whole number from"),
        ("f-1", r#"{ "vibrate": { "value": "all" } }"#, "a list is expected, not \"all\""),
        ("f-1", r#"{ "vibrate": { "reverse": true } }"#, "`reverse` is for positions"),
        ("f-1", r#"{ "rotate": { "value": [0, 5] } }"#, "the feature has no such output"),
        ("f-1", r#"{ "hum": { "value": [0, 5] } }"#, "there is no output of the kind `hum`"),
        ("f-1", "7", "an object is expected, not 7"),
        (
            "nope",
            r#"{ "vibrate": { "value": [0, 5] } }"#,
            "the device in the catalogue has no feature nope, x",
        ),
        (
            "f-3",
            r#"{ "hw_position_with_duration": { "duration": [0, 10001] } }"#,
            "[0, 10001] is not within the device's [0, 10000]",
        ),
    ] {
        let (limits, found) = limits(id, output);
        assert!(found.len() == 1 && found[0].contains(says), "{output}: {found:?}");
        assert_eq!(limits, [], "{output}");
    }
}

#[test]
fn what_would_leave_more_than_was_wanted_is_made_narrower() {
    let (found, said) = limits("f-2", r#"{ "rotate": { "value": [-5, 10] } }"#);
    assert_eq!(found[0].steps, Range::new(0, 5));
    assert!(said[0].contains("one limit counts for both directions: 5"), "{said:?}");
    let (found, said) = limits("f-1", r#"{ "vibrate": { "value": [0, 0] } }"#);
    assert!(found[0].disabled);
    assert!(said[0].contains("leaves nothing to choose"), "{said:?}");
}

#[test]
fn a_wrong_entry_is_left_out_and_the_rest_counts() {
    for (entry, says) in [
        ("7", "it has no `identifier`"),
        (r#"{ "config": {} }"#, "it has no `identifier`"),
        (r#"{ "identifier": { "protocol": "toy" } }"#, "it needs `protocol` and `address`"),
        (r#"{ "identifier": { "protocol": "toy", "address": 3 } }"#, "a string is expected, not 3"),
        (r#"{ "identifier": { "protocol": "toy", "address": "" } }"#, "this is no address or protocol"),
        (
            r#"{ "identifier": { "protocol": "toy", "identifier": "BIG", "address": "A" } }"#,
            "settings for this device already",
        ),
        (
            r#"{ "identifier": { "protocol": "toy", "address": "B" }, "config": { "user_config": { "index": 1 } } }"#,
            "index 1 belongs to A already; this device gets another",
        ),
        (
            r#"{ "identifier": { "protocol": "toy", "address": "B" }, "config": { "user_config": { "index": -1 } } }"#,
            "a whole number from 0 to 4294967295 is expected, not -1",
        ),
        (
            r#"{ "identifier": { "protocol": "gone", "address": "B" }, "config": { "features": [ { "output": {} } ] } }"#,
            "the catalogue has no device of the protocol gone",
        ),
    ] {
        let first = r#"{ "identifier": { "protocol": "toy", "identifier": "BIG", "address": "A" }, "config": { "user_config": { "index": 1 } } }"#;
        let last = r#"{ "identifier": { "protocol": "toy", "address": "C" } }"#;
        let imported = read(&user(&format!(r#""devices": [ {first}, {entry}, {last} ]"#)));
        let found = warnings(&imported);
        assert!(
            found.iter().any(|one| one.contains(says) && one.contains("devices[1]")),
            "{entry}: {found:?}"
        );
        assert_eq!(imported.devices.first().and_then(|device| device.index), Some(1));
        assert_eq!(imported.devices.last().map(|device| &*device.address), Some("C"));
    }
}

#[test]
fn a_device_of_an_unknown_protocol_keeps_its_name_and_is_denied_if_it_says_so() {
    let text = user(
        r#""devices": [ { "identifier": { "protocol": "gone", "address": "A" }, "config": { "user_config": { "display_name": "N", "deny": true } } } ]"#,
    );
    let settings = Settings::default().overlaid(&read(&text));
    assert_eq!(settings.display_name(&Key::new("ble:A", "gone", "")), Some("N"));
    assert_eq!(settings.is_allowed("ble:A", Some("gone"), None), Verdict::Denied);
}

#[test]
fn simulated_devices_are_there_with_their_names() {
    let imported = read(&user(
        r#""simulated_devices": [ { "identifier": "simulated-2vibe", "display_name": "Twin", "address": "t" }, { "identifier": "1vibe" },
            { "identifier": "toaster" }, { "identifier": "1vibe", "address": "t" } ]"#,
    ));
    let all: Vec<_> = imported.simulated.iter().map(|one| (one.archetype.id, &*one.address)).collect();
    assert_eq!(all, [("simulated-2vibe", "t"), ("simulated-1vibe", "imported-1vibe-2")]);
    let settings = Settings::default().overlaid(&imported);
    assert_eq!(settings.display_name(&Key::new("simulated:t", "simulated", "simulated-2vibe")), Some("Twin"));
    let found = warnings(&imported);
    assert!(found[0].contains("there is no simulated device `toaster`, only simulated-1vibe"), "{found:?}");
    assert!(found[1].contains("another simulated device has it"), "{found:?}");
}

#[test]
fn an_import_is_laid_over_the_users_own_settings_and_never_written() {
    let own = "format = 1\n[[device]]\naddress = 'ble:A'\nprotocol = 'toy'\nmodel = 'BIG'\nindex = 1\nname = 'Mine'\ngap = 9\ndeny = true\n\
        output = [{ feature = 0, kind = 'vibrate', range = [0, 5] }, { feature = 2, kind = 'stroke', reverse = true }]\n\
        [[device]]\naddress = 'ble:B'\nindex = 4\n";
    let (own, _) = Settings::parse(own, "s.toml").expect("sound settings");
    let imported = toy(
        r#"{ "features": [ { "base_id": "f-1", "output": { "vibrate": { "value": [0, 9] } } } ], "user_config": { "index": 4, "display_name": "Theirs", "deny": false } }"#,
    );
    let mut both = own.overlaid(&imported);
    assert_eq!(both.display_name(&big()), Some("Theirs"));
    assert_eq!(both.index_of(&big()), Some(4));
    assert_eq!(
        both.index_of(&Key::new("ble:B", "toy", "")),
        None,
        "its index belongs to another for the run"
    );
    assert_eq!(both.gap(&big()), Some(Duration::from_millis(9)));
    assert_eq!(both.is_allowed("ble:A", None, None), Verdict::Denied);
    let limits = both.limits_for(&big(), &big_features());
    assert_eq!((limits[0].steps, limits[1].reverse), (Range::new(0, 9), true));
    assert!(!both.remember_index(&big(), 4));
    assert_eq!(both.to_text(), own.to_text());
}
