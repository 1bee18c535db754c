//! The user configurations of the device cases.

use frisson_devices::settings::Verdict;
use frisson_program::language::Name;
use frisson_wire::{Output, OutputKind, Range};

use super::*;

#[test]
fn case_user_config_display_name() {
    let imported = read(include_str!("../user_config/user_config_display_name.json"));
    assert_eq!(warnings(&imported), Vec::<String>::new());
    assert!(imported.additions.is_empty());
    let settings = Settings::default().overlaid(&imported);
    let key = Key::new("virtual:UserConfigTest", "lovense", "F");
    assert_eq!(settings.display_name(&key), Some("Lovense Name Test"));
    assert_eq!(settings.index_of(&key), Some(0));
    assert!(settings.knows(&key.address));
    assert_eq!(settings.is_allowed(&key.address, Some("lovense"), Some("F")), Verdict::Allowed);

    let lovense = catalogue("lovense").expect("lovense");
    let model = lovense.model("F").expect("the model");
    assert_eq!(model.name.as_deref(), Some("Lovense Sex Machine"));
    let features: Vec<_> = model.features.iter().map(|feature| feature.feature.clone()).collect();
    assert_eq!(features[0].output(OutputKind::Oscillate).map(|output| output.value), Some(Range::new(0, 20)));
    // What the file says of the output is all that the device has.
    assert_eq!(settings.limits_for(&key, &features), []);
}

#[test]
fn case_tcode_linear_and_vibrate() {
    const NAME: &str = "tcode-v03-linear-vibrate";
    let mut imported = read(include_str!("../user_config/tcode_linear_and_vibrate.json"));
    assert_eq!(warnings(&imported), Vec::<String>::new());
    let addition = imported.additions.remove("tcode-v03").expect("an addition");
    let (extended, wrong) = catalogue("tcode-v03").expect("tcode-v03").extended(addition);
    assert_eq!(wrong, []);
    let ble = &extended.identifiers().ble[0];
    assert_eq!(ble.names, [Name::new(NAME)]);
    assert_eq!(ble.services[0].uuid.to_string(), "0000eea0-0000-1000-8000-00805f9b34fb");
    assert_eq!(ble.services[0].endpoints[0].0.name(), "tx");

    let model = extended.model(NAME).expect("the model");
    assert_eq!(model.name.as_deref(), Some("TCode v0.3 (Single Linear Axis + Single Vibe)"));
    let features: Vec<_> = model.features.iter().map(|feature| feature.feature.clone()).collect();
    let stroke = Output {
        kind: OutputKind::HwPositionWithDuration,
        value: Range::new(0, 100),
        duration: Some(Range::new(0, 100_000)),
    };
    let vibrate = Output { kind: OutputKind::Vibrate, value: Range::new(0, 99), duration: None };
    let expected: Vec<_> = (0..)
        .zip([stroke, vibrate])
        .map(|(index, output)| Feature { index, outputs: vec![output], ..Feature::default() })
        .collect();
    assert_eq!(features, expected);

    let settings = Settings::default().overlaid(&imported);
    let key = Key::new("virtual:COM7", "tcode-v03", NAME);
    assert_eq!((settings.index_of(&key), settings.display_name(&key)), (Some(0), None));
    assert_eq!(settings.limits_for(&key, &features), []);
}
