//! The settings file: what it says, what is wrong with it, and how it is written.

use std::time::Duration;

use frisson_devices::settings::{
    Change, DeviceSettings, Key, Limit, OutputChange, SetError, Settings, Verdict,
};
use frisson_wire::{Feature, Output, OutputKind, Range};
use proptest::prelude::*;

const ONE: &str = "ble:C0:FF:EE:00:00:01";
const TWO: &str = "ble:C0:FF:EE:00:00:02";

fn parse(text: &str) -> (Settings, Vec<String>) {
    let (settings, found) = Settings::parse(text, "s.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    (settings, found.iter().map(ToString::to_string).collect())
}

fn sound(text: &str) -> Settings {
    let (settings, found) = parse(text);
    assert!(found.is_empty(), "{found:?}");
    settings
}

fn refused(text: &str) -> String {
    let wrong = Settings::parse(text, "s.toml").expect_err("the file is refused");
    wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn only(settings: &Settings) -> DeviceSettings {
    let mut devices = settings.devices();
    let device = devices.next().expect("a device").clone();
    assert_eq!(devices.next(), None);
    device
}

fn bunny() -> Key {
    Key::new(ONE, "lovense", "EL")
}

/// Vibrate 0..20 · Rotate -15..15 · stroke 0..99 in 0..10000 ms · Oscillate 1..8
fn features() -> Vec<Feature> {
    let output = |kind, min, max| Output { kind, value: Range::new(min, max), duration: None };
    let mut stroke = output(OutputKind::HwPositionWithDuration, 0, 99);
    stroke.duration = Some(Range::new(0, 10_000));
    let outputs = [
        output(OutputKind::Vibrate, 0, 20),
        output(OutputKind::Rotate, -15, 15),
        stroke,
        output(OutputKind::Oscillate, 1, 8),
    ];
    (0..)
        .zip(outputs)
        .map(|(index, output)| Feature { index, outputs: vec![output], ..Feature::default() })
        .collect()
}

#[test]
fn the_example_of_the_manual_says_what_its_comments_say() {
    let manual = include_str!("../../../docs/settings.md");
    let example =
        manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let settings = sound(example);
    let left = bunny();
    assert_eq!(settings.display_name(&left), Some("Left bunny"));
    assert_eq!(settings.index_of(&left), Some(0));
    assert_eq!(settings.gap(&left), Some(Duration::from_millis(50)));
    let device = settings.devices().next().expect("the first device");
    let stroke = device.output(2, OutputKind::HwPositionWithDuration).expect("a stroke");
    assert_eq!(
        (stroke.range, stroke.duration, stroke.reverse),
        (Some(Range::new(10, 90)), Some(Range::new(200, 5000)), true)
    );
    assert_eq!(device.output(3, OutputKind::Led).map(|led| led.disabled), Some(true));
    assert_eq!(settings.is_allowed(ONE, None, None), Verdict::Allowed);
    assert_eq!(settings.is_allowed(TWO, None, None), Verdict::Denied);
    assert_eq!(settings.is_allowed("ble:C0:FF:EE:00:00:03", None, None), Verdict::NotAllowed);
    assert_eq!(settings.to_text(), example);
}

#[test]
fn an_empty_file_is_empty_settings_and_is_written_with_its_format() {
    assert_eq!(sound("").devices().count(), 0);
    assert_eq!(sound("# mine").to_text(), "# mine\nformat = 1\n");
    let text = Settings::default().to_text();
    assert_eq!(sound(&text).to_text(), text);
}

#[test]
fn a_file_that_cannot_be_used_at_all_is_refused_with_a_way_out() {
    for (text, says) in [
        ("format = 2\n", "s.toml:1:10: error: this is format 2"),
        ("format = '1'\n", "`format` is a whole number, not a string"),
        ("[[device]]\naddress = 'a'\n", "begin it with `format = 1`"),
        ("format = 1\ndevice = [{ address = 'a' }]\n", "begin each with a line `[[device]]`"),
        ("format = 1\n[device]\naddress = 'a'\n", "begin each with a line `[[device]]`"),
        ("format = 1\n[[device]\n", "s.toml:2"),
        ("format = 1\n[[device]]\naddress = 'a'\naddress = 'b'\n", "s.toml:4"),
    ] {
        let found = refused(text);
        assert!(found.contains(says), "{text}: {found}");
    }
    assert!(refused(&" ".repeat(5 << 20)).contains("longer than 4 MiB"));
}

#[test]
fn what_is_wrong_in_an_entry_is_named_with_its_place_and_the_rest_counts() {
    for (line, says) in [
        (
            "colour = 'red'",
            "s.toml:4:1: warning: the key `colour` is not known and has no effect\n  help: the keys here are address",
        ),
        ("index = -1", "s.toml:4:9: warning: `index` lies between 0 and 4294967295"),
        ("index = 'one'", "`index` is a whole number, not a string"),
        ("gap = 10001", "`gap` lies between 0 and 10000"),
        ("allow = 'yes'", "`allow` is true or false, not a string"),
        ("output = 3", "begin each with a line `[[device.output]]`"),
        ("output = [{ feature = 0 }]", "an output needs `kind`"),
        ("output = [{ kind = 'led' }]", "an output needs `feature`"),
        (
            "output = [{ feature = 0, kind = 'hum' }]",
            "`hum` is no kind of output\n  help: the kinds are vibrate",
        ),
        ("output = [{ feature = 0, kind = 'led', range = [0, -1] }]", "`range` lies between 0"),
        (
            "output = [{ feature = 0, kind = 'led', range = [5, 5] }]",
            "leaves nothing to choose, so the output is off",
        ),
        ("output = [{ feature = 0, kind = 'led', range = [1, 2, 3] }]", "`range` is a list of two numbers"),
        ("output = [{ feature = 0, kind = 'led', ms = [1, 2] }]", "only `stroke` has durations"),
        ("output = [{ feature = 0, kind = 'stroke', ms = [2, 1] }]", "end before they begin"),
        ("output = [{ feature = 0, kind = 'led' }, { feature = 0, kind = 'led' }]", "has an entry already"),
    ] {
        let (settings, found) =
            parse(&format!("format = 1\n[[device]]\naddress = 'ble:a'\n{line}\nname = 'N'\n"));
        assert!(found.len() == 1 && found[0].contains(says), "{line}: {found:?}");
        assert_eq!(only(&settings).name.as_deref(), Some("N"), "{line}");
    }
}

#[test]
fn an_entry_that_does_not_say_whom_it_is_about_has_no_effect() {
    for entry in [
        "name = 'N'",
        "address = ''",
        "address = 3",
        "address = 'a'\nprotocol = 7",
        "address = 'a'\nmodel = []",
        "address = \"a\\u0000\"",
    ] {
        let (settings, found) = parse(&format!("format = 1\n[[device]]\n{entry}\ndeny = true\n"));
        assert!(
            found.iter().any(|one| one.contains("does not say which device it is about")),
            "{entry}: {found:?}"
        );
        assert_eq!(settings.devices().count(), 0, "{entry}");
    }
}

#[test]
fn a_range_that_cannot_be_used_switches_its_output_off() {
    for range in ["[5, 5]", "[9, 3]", "'12'", "[0]", "[0, 99999999999]"] {
        let (settings, _) = parse(&format!(
            "format = 1\n[[device]]\naddress = 'ble:a'\n[[device.output]]\nfeature = 0\nkind = 'led'\nrange = {range}\n"
        ));
        assert!(only(&settings).outputs[0].disabled, "{range}");
    }
}

#[test]
fn of_two_entries_for_one_device_or_index_the_first_counts() {
    let text = "format = 1\n[[device]]\naddress = 'ble:a'\nindex = 1\n[[device]]\naddress = 'ble:a'\nindex = 2\n[[device]]\naddress = 'ble:b'\nindex = 1\n[[device]]\naddress = 'ble:c'\nindex = 1\n";
    let (settings, found) = parse(text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("s.toml:5:1: warning: this device has an entry in line 2 already"),
        "{found:?}"
    );
    assert!(found[2].contains("index 1 belongs to the device in line 2"), "{found:?}");
    let indices: Vec<_> = settings.devices().map(|device| device.index).collect();
    assert_eq!(indices, [Some(1), None, None]);
}

#[test]
fn a_more_exact_entry_counts_before_a_less_exact_one_and_fills_it_in() {
    let settings = sound(
        "format = 1\n[[device]]\naddress = 'C0:FF:EE:00:00:01'\nname = 'any bus'\ngap = 7\n\
         [[device]]\naddress = 'ble:c0:ff:ee:00:00:01'\nname = 'any model'\nindex = 4\n\
         [[device]]\naddress = 'ble:C0:FF:EE:00:00:01'\nprotocol = 'lovense'\nmodel = 'EL'\nname = 'this'\n",
    );
    assert_eq!(settings.display_name(&bunny()), Some("this"));
    assert_eq!(settings.index_of(&bunny()), Some(4));
    assert_eq!(settings.gap(&bunny()), Some(Duration::from_millis(7)));
    assert_eq!(settings.display_name(&Key::new(ONE, "lovense", "F")), Some("any model"));
    assert_eq!(
        settings.display_name(&Key::new("virtual:C0:FF:EE:00:00:01", "lovense", "F")),
        Some("any bus")
    );
    assert_eq!(settings.display_name(&Key::new(TWO, "lovense", "EL")), None);
}

#[test]
fn what_is_known_before_a_device_is_greeted_decides_and_is_decided_again_after() {
    let settings = sound(
        "format = 1\n[[device]]\naddress = 'ble:C0:FF:EE:00:00:01'\nprotocol = 'lovense'\nmodel = 'EL'\nallow = true\n",
    );
    assert_eq!(settings.is_allowed(ONE, None, None), Verdict::Allowed);
    assert_eq!(settings.is_allowed(ONE, Some("lovense"), None), Verdict::Allowed);
    assert_eq!(settings.is_allowed(ONE, Some("aneros"), None), Verdict::NotAllowed);
    assert_eq!(settings.is_allowed(ONE, Some("lovense"), Some("F")), Verdict::NotAllowed);
    assert_eq!(Settings::default().is_allowed(ONE, None, None), Verdict::Allowed);
}

#[test]
fn a_device_is_known_by_any_entry_for_its_address() {
    let settings = sound("format = 1\n[[device]]\naddress = 'ble:C0:FF:EE:00:00:01'\nprotocol = 'lovense'\n");
    assert!(settings.knows(ONE));
    assert!(!settings.knows(TWO));
}

#[test]
fn limits_are_those_of_outputs_that_the_hardware_has_in_its_steps() {
    let settings = sound(
        "format = 1\n[[device]]\naddress = 'ble:C0:FF:EE:00:00:01'\noutput = [\
         { feature = 0, kind = 'vibrate', range = [3, 12] }, { feature = 1, kind = 'rotate', reverse = true },\
         { feature = 2, kind = 'stroke', ms = [200, 5000] }, { feature = 3, kind = 'oscillate', disabled = true },\
         { feature = 9, kind = 'led', disabled = true } ]\n",
    );
    let limit = |feature, kind, steps| Limit {
        feature,
        kind,
        steps,
        duration: None,
        reverse: false,
        disabled: false,
    };
    let expected = [
        limit(0, OutputKind::Vibrate, Range::new(3, 12)),
        Limit { reverse: true, ..limit(1, OutputKind::Rotate, Range::new(0, 15)) },
        Limit {
            duration: Some(Range::new(200, 5000)),
            ..limit(2, OutputKind::HwPositionWithDuration, Range::new(0, 99))
        },
        Limit { disabled: true, ..limit(3, OutputKind::Oscillate, Range::new(0, 8)) },
    ];
    assert_eq!(settings.limits_for(&bunny(), &features()), expected);
    let misfits = settings.misfits(&bunny(), &features());
    assert_eq!(misfits, [format!("{ONE} (lovense EL): there is no feature 9; the device has 0, 1, 2, 3")]);
}

#[test]
fn a_range_outside_of_the_hardware_is_named_and_never_widens_it() {
    for (range, steps, disabled) in [
        ("[3, 25]", Range::new(3, 20), false),
        ("[20, 30]", Range::new(20, 20), true),
        ("[25, 30]", Range::new(0, 20), true),
    ] {
        let settings = sound(&format!(
            "format = 1\n[[device]]\naddress = '{ONE}'\noutput = [{{ feature = 0, kind = 'vibrate', range = {range} }}]\n"
        ));
        let limits = settings.limits_for(&bunny(), &features());
        assert_eq!((limits[0].steps, limits[0].disabled), (steps, disabled), "{range}");
        let misfits = settings.misfits(&bunny(), &features());
        assert!(misfits.len() == 1 && misfits[0].contains("not within [0, 20]"), "{misfits:?}");
    }
}

#[test]
fn what_is_set_is_kept_and_what_it_was_can_be_had_again() {
    let mut settings = Settings::default();
    let (key, features) = (bunny(), features());
    let output = |feature, kind, change| Change::Output { feature, kind, change };
    let stroke = OutputKind::HwPositionWithDuration;
    for change in [
        Change::Name(Some("Tab\"\\ü".to_owned())),
        Change::Index(Some(3)),
        Change::Allow(true),
        Change::Gap(Some(Duration::from_millis(20))),
        output(0, OutputKind::Vibrate, OutputChange::Range(Some(Range::new(0, 12)))),
        output(1, OutputKind::Rotate, OutputChange::Reverse(true)),
        output(2, stroke, OutputChange::Duration(Some(Range::new(100, 900)))),
        output(3, OutputKind::Oscillate, OutputChange::Disabled(true)),
    ] {
        settings.set(&key, Some(&features), change).expect("it can be set");
    }
    let again = sound(&settings.to_text());
    assert_eq!(only(&again), only(&settings));
    assert_eq!(again.to_text(), settings.to_text());
    assert_eq!(again.limits_for(&key, &features).len(), 4);
    settings.set(&key, Some(&features), Change::Name(None)).expect("a name can be taken back");
    settings
        .set(&key, Some(&features), output(3, OutputKind::Oscillate, OutputChange::Disabled(false)))
        .expect("it can be switched on");
    assert_eq!(settings.display_name(&key), None);
    assert!(settings.limits_for(&key, &features).iter().all(|limit| !limit.disabled));
}

#[test]
fn what_cannot_be_set_is_refused_with_the_reason_and_changes_nothing() {
    let mut settings = sound("format = 1\n[[device]]\naddress = 'ble:other'\nname = 'Other'\nindex = 5\n");
    let before = settings.to_text();
    let output = |feature, kind, change| Change::Output { feature, kind, change };
    let range = |min, max| OutputChange::Range(Some(Range::new(min, max)));
    for (change, says) in [
        (Change::Name(Some(String::new())), "cannot be a name"),
        (Change::Name(Some("a\nb".to_owned())), "none of them a line break"),
        (Change::Index(Some(5)), "index 5 belongs to Other, ble:other"),
        (Change::Gap(Some(Duration::from_secs(11))), "a gap of 11000 ms is too long: at most 10000"),
        (
            output(0, OutputKind::Vibrate, range(0, 21)),
            "[0, 21] of `vibrate` of feature 0 is not within [0, 20]",
        ),
        (output(0, OutputKind::Vibrate, range(7, 7)), "leaves nothing to choose"),
        (output(1, OutputKind::Rotate, range(-5, 5)), "it counts for both"),
        (output(0, OutputKind::Led, range(0, 1)), "feature 0 has no output `led`; it has vibrate"),
        (output(8, OutputKind::Led, range(0, 1)), "there is no feature 8"),
        (output(0, OutputKind::Vibrate, OutputChange::Reverse(true)), "one direction only"),
        (output(0, OutputKind::Vibrate, OutputChange::Duration(Some(Range::new(0, 1)))), "only `stroke` has"),
        (
            output(
                2,
                OutputKind::HwPositionWithDuration,
                OutputChange::Duration(Some(Range::new(0, 10_001))),
            ),
            "not within [0, 10000]",
        ),
    ] {
        let why =
            settings.set(&bunny(), Some(&features()), change.clone()).expect_err("it is refused").to_string();
        assert!(why.contains(says), "{change:?}: {why}");
    }
    assert_eq!(settings.to_text(), before);
}

#[test]
fn without_the_features_only_the_form_is_checked() {
    let mut settings = Settings::default();
    let range = |min, max| Change::Output {
        feature: 7,
        kind: OutputKind::Led,
        change: OutputChange::Range(Some(Range::new(min, max))),
    };
    assert_eq!(settings.set(&bunny(), None, range(0, 9000)), Ok(()));
    assert_eq!(settings.set(&bunny(), None, range(3, 2)), Err(SetError::Range(3, 2)));
    assert_eq!(settings.misfits(&bunny(), &features()).len(), 1);
}

#[test]
fn an_index_is_remembered_for_address_protocol_and_model() {
    let mut settings = Settings::default();
    assert!(settings.remember_index(&bunny(), 0));
    assert!(!settings.remember_index(&bunny(), 0));
    assert!(settings.remember_index(&Key::new(ONE, "lovense", ""), 1));
    let settings = sound(&settings.to_text());
    assert_eq!(settings.index_of(&bunny()), Some(0));
    assert_eq!(settings.index_of(&Key::new(ONE, "lovense", "")), Some(1));
    assert_eq!(settings.index_of(&Key::new(ONE, "lovense", "F")), None);
    assert_eq!(settings.indices().into_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn an_index_that_goes_to_another_device_is_taken_from_the_one_that_had_it() {
    let mut settings = sound(
        "format = 1\n[[device]]\naddress = 'ble:a'\nindex = 5\n[[device]]\naddress = 'ble:b'\nindex = 6\n",
    );
    assert!(settings.remember_index(&bunny(), 5));
    assert_eq!(settings.indices().into_iter().collect::<Vec<_>>(), [5, 6]);
    assert_eq!(sound(&settings.to_text()).index_of(&bunny()), Some(5));
}

#[test]
fn what_has_not_changed_is_written_as_it_was_and_comments_are_kept() {
    let text = "# head\nformat = 1\n\n# about A\n[[device]]  # behind\naddress = 'ble:a'   # odd  spacing\nindex=3\n\n  # about B\n  [[device]]\n  address = 'ble:b'\n  # inside\n  protocol = 'p'\n  model = 'm'\n\n# about C\n[[device]]\naddress = 'ble:c'\n";
    let mut settings = sound(text);
    assert_eq!(settings.to_text(), text);
    settings.set(&Key::new("ble:b", "p", "m"), None, Change::Deny(true)).expect("it can be set");
    settings.remember_index(&Key::new("ble:d", "p", ""), 9);
    let written = settings.to_text();
    let b = "# about B\n# inside\n[[device]]\naddress = \"ble:b\"\nprotocol = \"p\"\nmodel = \"m\"\ndeny = true\n";
    let d = "\n[[device]]\naddress = \"ble:d\"\nprotocol = \"p\"\nmodel = \"\"\nindex = 9\n";
    let head = text.split("  # about B").next().expect("a head");
    assert_eq!(written, format!("{head}{b}# about C\n[[device]]\naddress = 'ble:c'\n{d}"));
}

#[test]
fn what_was_not_understood_is_never_lost() {
    let text = "format = 1\n[[device]]\nname = 'whose?'\n[[device]]\naddress = 'ble:a'\nprotocol = 'p'\nmodel = ''\nindx = 3\n[other]\nkey = 1\n";
    let (mut settings, found) = parse(text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(settings.to_text(), text);
    settings
        .set(&Key::new("ble:a", "p", ""), None, Change::Name(Some("A".to_owned())))
        .expect("it can be set");
    let written = settings.to_text();
    for line in ["name = 'whose?'", "#| indx = 3", "#| [other]", "#| key = 1", "name = \"A\""] {
        assert!(written.contains(line), "{line}: {written}");
    }
    let (_, found) = parse(&written);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_device_can_be_forgotten() {
    let mut settings = Settings::default();
    settings.remember_index(&bunny(), 0);
    assert!(settings.forget(&bunny()));
    assert!(!settings.forget(&bunny()));
    assert!(!settings.knows(ONE));
}

/// A file with sound and unsound entries.
fn files() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[a-zA-Z:ü# -]{0,8}".prop_map(|text| format!("'{text}'")),
        Just("'ble:a'".to_owned()),
        Just("[0, 9]".to_owned()),
        Just("\"\"\"\n[[device]]\n# x\n\"\"\"".to_owned()),
        Just("[{ feature = 0, kind = 'vibrate', range = [1, 5] }, 7]".to_owned()),
    ];
    let keys = ["address", "protocol", "model", "index", "name", "allow", "deny", "gap", "output", "odd"];
    let lines = prop::collection::btree_map(prop::sample::select(keys.to_vec()), value, 0..6);
    let comment = prop::sample::select(vec!["", "# c\n", "\n", "  # d\n\n"]);
    let device = (comment, lines).prop_map(|(comment, lines)| {
        let lines: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        format!("{comment}[[device]]\n{lines}")
    });
    prop::collection::vec(device, 0..5).prop_map(|devices| format!("format = 1\n{}", devices.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), "[\\[\\]a-z='\"\n0-9#{},. ]{0,80}"]) {
        if let Ok((settings, _)) = Settings::parse(&text, "s.toml") {
            prop_assert!(Settings::parse(&settings.to_text(), "s.toml").is_ok());
        }
    }

    #[test]
    fn a_file_is_written_as_it_was_and_a_change_costs_nothing_else(text in files()) {
        let Ok((mut settings, _)) = Settings::parse(&text, "s.toml") else { return Ok(()) };
        prop_assert_eq!(settings.to_text(), text);
        let others: Vec<_> = settings.devices().filter(|device| device.model.is_none()).cloned().collect();
        settings.set(&Key::new("ble:new", "p", "m"), None, Change::Name(Some("New".to_owned()))).expect("a name can be set");
        for device in settings.clone().devices() {
            if let (Some(protocol), Some(model)) = (&device.protocol, &device.model) {
                settings.set(&Key::new(&device.address, protocol, model), None, Change::Deny(true)).expect("any can be denied");
            }
        }
        let (again, _) = Settings::parse(&settings.to_text(), "s.toml").expect("what was written can be read");
        let all: Vec<_> = again.devices().cloned().collect();
        prop_assert!(settings.devices().all(|device| all.contains(device)), "{}", settings.to_text());
        prop_assert!(others.iter().all(|device| all.contains(device)));
    }
}

#[test]
fn a_comment_behind_a_value_stays_behind_it() {
    let text = "format = 1\n\n# The left one.\n[[device]] # mine\naddress = \"ble:#1\" # on the shelf\nprotocol = \"lovense\"\nmodel = \"EL\"\ngap = 50 # slow\n\
                [[device.output]]\nfeature = 0 # both\nkind = \"vibrate\"\nrange = [0, 12] # not more\n";
    let mut settings = sound(text);
    let key = Key::new("ble:#1", "lovense", "EL");
    settings.set(&key, None, Change::Gap(None)).expect("can be set");
    settings.remember_index(&key, 3);
    assert_eq!(
        settings.to_text(),
        "format = 1\n\n# The left one.\n# mine\n# slow\n[[device]]\naddress = \"ble:#1\"  # on the shelf\nprotocol = \"lovense\"\nmodel = \"EL\"\nindex = 3\n\
         \n[[device.output]]\nfeature = 0  # both\nkind = \"vibrate\"\nrange = [0, 12]  # not more\n"
    );
}

#[test]
fn what_a_server_adds_is_taken_over_into_settings_that_were_edited() {
    let base = sound("format = 1\n[[device]]\naddress = 'a'\nprotocol = 'p'\nmodel = 'm'\nindex = 1\n");
    let mut server = base.clone();
    server.remember_index(&Key::new("b", "p", "m"), 2);
    server.remember_index(&Key::new("c", "p", "m"), 3);
    // Meanwhile the user has named the first one and given index 3 to another.
    let mut edited = base.clone();
    edited.set(&Key::new("a", "p", "m"), None, Change::Name(Some("Left".to_owned()))).expect("can be set");
    edited.remember_index(&Key::new("d", "p", "m"), 3);
    assert!(edited.adopt_indices(&base, &server));
    assert_eq!(edited.display_name(&Key::new("a", "p", "m")), Some("Left"));
    let index = |address| edited.index_of(&Key::new(address, "p", "m"));
    assert_eq!(["a", "b", "c", "d"].map(index), [Some(1), Some(2), None, Some(3)]);
    assert!(!edited.clone().adopt_indices(&base, &server));
}

#[test]
fn what_was_taken_back_leaves_nothing_behind() {
    let text = "format = 1\n[[device]]\naddress = 'a'\nprotocol = 'p'\nmodel = 'm'\n";
    let mut settings = sound(text);
    let key = Key::new("a", "p", "m");
    for range in [Some(Range::new(0, 5)), None] {
        let change =
            Change::Output { feature: 0, kind: OutputKind::Vibrate, change: OutputChange::Range(range) };
        settings.set(&key, None, change).expect("can be set");
    }
    assert_eq!(only(&settings).outputs, []);
}

#[test]
fn what_is_known_and_allowed_and_not_connected_is_missing() {
    let (settings, _) = Settings::parse(
        "format = 1\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:01\"\nindex = 0\n\
         [[device]]\naddress = \"COM7\"\nindex = 1\n\
         [[device]]\naddress = \"ble:C0:FF:EE:00:00:03\"\ndeny = true\n\
         [[device]]\naddress = \"simulated:1vibe-1\"\nname = \"Mine\"\n",
        "settings.toml",
    )
    .expect("settings");
    let missing = |connected: &[&str]| {
        let connected = connected.iter().map(|address| (*address).to_owned()).collect();
        settings.missing(&connected).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(missing(&[]), ["COM7", "ble:C0:FF:EE:00:00:01"]);
    assert_eq!(missing(&["ble:c0:ff:ee:00:00:01"]), ["COM7"]);
    assert_eq!(missing(&["serial:COM7", "ble:c0:ff:ee:00:00:01"]), [""; 0]);
}
