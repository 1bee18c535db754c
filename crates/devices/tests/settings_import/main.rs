//! The configuration of other servers: what is taken over, what is left out and said, and what of it nobody has to fear.

mod cases;
mod devices;
mod hostile;
mod protocols;

use std::sync::{Arc, LazyLock};

use frisson_devices::settings::import::{self, ImportError, Imported};
use frisson_devices::settings::{Key, Limit, Settings};
use frisson_program::language::{self, Definition};
use frisson_wire::Feature;

const TOY: &str = r#"
[[ble]]
names = ["TOY", "TOY-*"]
manufacturer = [{ company = 1, data = "0A 0B" }]
services.fff0.tx = "fff1"
[[packets]]
on = ["vibrate", "oscillate"]
variant = ["old"]
hex = "01 {i} {v}"
[[packets]]
on = ["rotate"]
variant = ["old"]
hex = "02 {abs(v)} {v < 0}"
[[packets]]
on = ["stroke"]
variant = ["old"]
hex = "03 {v} {ms:u32le}"
[[models]]
name = "Toy"
id = "M-0"
variant = "old"
features = [{ vibrate = 20, id = "F-0" }]
[[models]]
match = ["BIG"]
name = "Big Toy"
id = "m-1"
variant = "old"
features = [
  { vibrate = 20, id = "f-1" }, { rotate = [-15, 15], id = "f-2" }, { stroke = 99, ms = 10000, id = "f-3" },
  { oscillate = [1, 8], id = "f-4" },
]
[[tests]]
model = "Toy"
steps = [{ set = [[0, 10]], sends = ["tx 01 00 0A"] }]
"#;

fn definition(text: &str, name: &str) -> Arc<Definition> {
    Arc::new(language::compile(text, name).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}")))
}

fn catalogue(protocol: &str) -> Option<Arc<Definition>> {
    static ALL: LazyLock<[Arc<Definition>; 3]> = LazyLock::new(|| {
        [
            definition(TOY, "toy.toml"),
            definition(include_str!("../../data/lovense.toml"), "lovense.toml"),
            definition(include_str!("../../data/tcode-v03.toml"), "tcode-v03.toml"),
        ]
    });
    ALL.iter().find(|definition| definition.id() == protocol).cloned()
}

fn try_read(text: &str) -> Result<Imported, ImportError> {
    import::read(text, "u.json", &catalogue)
}

fn read(text: &str) -> Imported {
    try_read(text).unwrap_or_else(|why| panic!("{why}"))
}

fn warnings(imported: &Imported) -> Vec<String> {
    imported.warnings.iter().map(ToString::to_string).collect()
}

fn user(inside: &str) -> String {
    format!(r#"{{ "version": {{ "major": 5, "minor": 0 }}, "user_configs": {{ {inside} }} }}"#)
}

/// The settings of one big toy with this `config`.
fn toy(config: &str) -> Imported {
    let identifier = r#"{ "protocol": "toy", "identifier": "BIG", "address": "A" }"#;
    read(&user(&format!(r#""devices": [ {{ "identifier": {identifier}, "config": {config} }} ]"#)))
}

fn big() -> Key {
    Key::new("ble:A", "toy", "BIG")
}

fn big_features() -> Vec<Feature> {
    let toy = catalogue("toy").expect("the toy");
    toy.model("BIG").expect("the big one").features.iter().map(|feature| feature.feature.clone()).collect()
}

/// The limit that `output` gives the feature with this id.
fn limits(id: &str, output: &str) -> (Vec<Limit>, Vec<String>) {
    let imported = toy(&format!(
        r#"{{ "base_id": "m-1", "features": [ {{ "id": "x", "base_id": "{id}", "output": {output} }} ] }}"#
    ));
    let settings = Settings::default().overlaid(&imported);
    assert_eq!(settings.misfits(&big(), &big_features()), Vec::<String>::new());
    (settings.limits_for(&big(), &big_features()), warnings(&imported))
}

fn steps(id: &str, output: &str) -> Option<(i32, i32)> {
    let (limits, found) = limits(id, output);
    assert!(found.is_empty(), "{found:?}");
    limits.first().map(|limit| (limit.steps.min, limit.steps.max))
}

#[test]
fn a_file_of_another_kind_or_version_is_refused_by_name() {
    for (text, says) in [
        ("", "u.json:1:0: the file is no JSON"),
        ("{\n  \"version\": }", "u.json:2:14: the file is no JSON: expected value"),
        ("[]", "it is not an object"),
        ("{}", "it has no `version`"),
        (r#"{"version": {"major": 5}}"#, "neither `user_configs` nor `protocols`"),
        (
            r#"{"version": {"major": 3}, "user_configs": {}}"#,
            "a configuration of version 3; only versions 4 and 5",
        ),
        (r#"{"version": {"major": 6}, "user_configs": {}}"#, "version 6"),
        (r#"{"version": "x", "user_configs": {}}"#, "version \"x\""),
    ] {
        let why = try_read(text).expect_err("it is refused").to_string();
        assert!(why.contains(says), "{text}: {why}");
    }
    assert!(matches!(try_read(&" ".repeat(17 << 20)), Err(ImportError::TooLong(_))));
    assert!(matches!(try_read(&"[".repeat(100_000)), Err(ImportError::Json(..))));
}

#[test]
fn unknown_keys_and_nulls_are_nothing() {
    let imported = toy(
        r#"{ "new": 1, "base_id": null, "features": null, "user_config": { "display_name": null, "index": null, "more": [] } }"#,
    );
    assert_eq!(warnings(&imported), Vec::<String>::new());
}

#[test]
fn a_flood_of_faults_is_cut_short() {
    let devices = vec!["7"; 5000].join(",");
    let imported = read(&user(&format!(r#""devices": [ {devices} ]"#)));
    assert_eq!(imported.warnings.len(), 51);
    assert!(imported.warnings[50].message.contains("4950 more like these"));
}
