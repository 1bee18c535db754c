//! Whatever stands in a file, nobody panics, and no limit is wider than it says.

use proptest::prelude::*;

use super::*;

/// JSON that has the right keys and anything under them.
fn hostile() -> impl Strategy<Value = String> {
    const KEYS: &str = "version|major|user_configs|protocols|toy|lovense|devices|simulated_devices|communication|btle|names|manufacturer_data|company|data|\
        advertised_services|services|fff0|tx|websocket|name|serial|port|baud_rate|hid|ids|configurations|identifier|id|features|index|description|output|\
        vibrate|rotate|hw_position_with_duration|value|duration|input|battery|command|protocol|address|config|base_id|user_config|display_name|allow|deny|\
        message_gap_ms|disabled|reverse|defaults";
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-5_i64..30).prop_map(|number| number.to_string()),
        Just("1e999".replace("999", "99")),
        "[a-zA-Zü*() -]{0,6}".prop_map(|text| format!("{text:?}")),
        prop::sample::select(vec![
            "toy",
            "BIG",
            "f-1",
            "m-1",
            "fff0",
            "0a0b",
            "PeripheralId(A)",
            "simulated-1vibe"
        ])
        .prop_map(|text| format!("{text:?}")),
    ];
    let keys: Vec<&str> = KEYS.split('|').collect();
    leaf.prop_recursive(7, 200, 8, move |inner| {
        let member = (prop::sample::select(keys.clone()), inner.clone())
            .prop_map(|(key, value)| format!("{key:?}: {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Devices with the right structure and anything in the places of values.
fn structured() -> impl Strategy<Value = String> {
    (prop::collection::vec(hostile(), 8), 0..8_usize).prop_map(|(parts, right)| {
        let part = |at: usize, sound: &str| if at == right || at + 1 == right { parts[at].clone() } else { sound.to_owned() };
        user(&format!(
            r#""protocols": {{ "toy": {{ "communication": [ {{ "btle": {} }} ], "configurations": [ {{ "identifier": ["N"], "features": [ {{ "output": {}, "input": {} }} ] }} ] }} }},
            "devices": [ {{ "identifier": {{ "protocol": "toy", "identifier": {}, "address": "A" }}, "config": {{ "base_id": "m-1", "user_config": {},
                "features": [ {{ "base_id": "f-1", "output": {{ "vibrate": {} }} }}, {{ "base_id": "f-3", "output": {{ "hw_position_with_duration": {{ "value": {} }} }} }} ] }} }} ],
            "simulated_devices": {}"#,
            part(0, "{}"), part(1, "{}"), part(2, "{}"), part(3, "\"BIG\""), part(4, "{}"), part(5, "{}"), part(6, "[0, 5]"), part(7, "[]"),
        ))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_an_import_panics(text in prop_oneof![any::<String>(), hostile().prop_map(|inside| user(inside.trim_matches(['{', '}']))), structured()]) {
        if let Ok(imported) = try_read(&text) {
            let settings = Settings::default().overlaid(&imported);
            for device in &imported.devices {
                let key = Key::new(&format!("ble:{}", device.address), device.protocol.as_deref().unwrap_or(""), device.model.as_deref().unwrap_or(""));
                settings.limits_for(&key, &big_features());
                settings.index_of(&key);
            }
            for (protocol, addition) in imported.additions {
                let known = catalogue(&protocol).expect("only known protocols are added to");
                let models = addition.models.len();
                let (extended, wrong) = known.extended(addition);
                prop_assert!(wrong.len() + extended.models().len() >= known.models().len() + models);
            }
        }
    }

    #[test]
    fn limits_of_an_import_lie_within_the_hardware(low in -20_i64..40, high in -20_i64..40) {
        for (id, kind) in [("f-1", "vibrate"), ("f-2", "rotate"), ("f-3", "hw_position_with_duration"), ("f-4", "oscillate")] {
            let (limits, _) = limits(id, &format!(r#"{{ "{kind}": {{ "value": [{low}, {high}] }} }}"#));
            for limit in limits.iter().filter(|limit| !limit.disabled) {
                prop_assert!(0 <= limit.steps.min && limit.steps.min < limit.steps.max && limit.steps.max <= 99);
                prop_assert!(i64::from(limit.steps.max) <= high.abs().max(low.abs()));
            }
        }
    }
}
