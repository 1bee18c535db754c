//! `frisson device`, without a server.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Said, run, run_with};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("is written");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[track_caller]
fn well(arguments: &[&str]) -> String {
    let said = run(arguments);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    said.out
}

#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) -> Said {
    let said = run(arguments);
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
    for word in words {
        assert!(said.err.contains(word), "{word:?} is missing in: {}", said.err);
    }
    said
}

const SETTINGS: &str = "format = 1\n\n# The left one.\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:01\"\nprotocol = \"lovense\"\nmodel = \"P\"\nindex = 0\nname = \"Left bunny\"\n\
                        \n[[device]]\naddress = \"ble:C0:FF:EE:00:00:02\"\nprotocol = \"aneros\"\nmodel = \"Massage Demo\"\nindex = 1\n";

const MINE: &str = "format = 1\n[[ble]]\nnames = [\"My Toy\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{v}\"\n\
                    [[models]]\nname = \"My Toy\"\nfeatures = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";

#[test]
fn list_finds_protocols_by_id_model_and_advertised_name() {
    let all = well(&["device", "list"]);
    assert!(all.lines().count() > 130, "{all}");
    for text in ["aneros", "vivi", "Massage Demo"] {
        let found = well(&["device", "list", text]);
        assert!(found.contains("Aneros Vivi") && found.contains("built in"), "{text}: {found}");
        assert!(!found.contains("lovense"), "{text}: {found}");
    }
    assert!(well(&["device", "list", "LVS-S001"]).contains("lovense"));
    refused(&["device", "list", "teapot"], &["teapot"]);
}

#[test]
fn list_tells_where_a_protocol_comes_from_and_whether_it_is_proven() {
    let folder = folder();
    let mine = file(&folder, "mine.toml", &MINE.replace("[[ble]]", "proof = \"unproven\"\n[[ble]]"));
    let found = well(&["device", "list", "mine", "--device-files", text(folder.path())]);
    assert!(found.contains("unproven") && found.contains(text(&mine)), "{found}");
}

#[test]
fn known_devices_are_listed_with_what_is_set_for_them() {
    let folder = folder();
    let settings = file(&folder, "settings.toml", SETTINGS);
    let found = well(&["device", "list", "--known", "--settings", text(&settings)]);
    assert!(found.contains("Left bunny") && found.contains("ble:C0:FF:EE:00:00:02 aneros"), "{found}");
    let found = well(&["device", "list", "--known", "bunny", "--settings", text(&settings)]);
    assert!(found.contains("Left bunny") && !found.contains("aneros"), "{found}");
}

#[test]
fn show_tells_all_of_a_protocol_or_of_a_device() {
    let folder = folder();
    let settings = file(&folder, "settings.toml", SETTINGS);
    let of = |what: &str| well(&["device", "show", what, "--settings", text(&settings)]);
    let protocol = of("aneros");
    for word in ["built in, proven", "`Massage Demo`", "tx = 0000ff01-", "Perineum Vibrator: vibrate 0..127"]
    {
        assert!(protocol.contains(word), "{word}: {protocol}");
    }
    for device in ["0", "left bunny", "ble:c0:ff:ee:00:00:01", "C0:FF:EE:00:00:01"] {
        let device = of(device);
        assert!(device.contains("Lovense Edge") && device.contains("vibrate 0..20"), "{device}");
    }
    refused(&["device", "show", "7", "--settings", text(&settings)], &["`7`", "device list --known"]);
}

#[test]
fn set_changes_one_device_and_keeps_everything_else() {
    let folder = folder();
    let settings = file(&folder, "settings.toml", SETTINGS);
    let set = |arguments: &[&str]| {
        well(&[&["device", "set"], arguments, &["--settings", text(&settings)]].concat())
    };
    set(&["1", "--name", "Right", "--gap", "90", "--output", "0:vibrate", "--range", "10..50%"]);
    let said = set(&["right", "--output", "1:vibrate", "--disable", "--allow"]);
    assert!(said.contains("vibrate 13..63 of 0..127") && said.contains("vibrate off"), "{said}");
    let now = fs::read_to_string(&settings).expect("is there");
    let (before, _) =
        SETTINGS.split_once("\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:02\"").expect("a beginning");
    assert!(now.starts_with(before), "{now}");
    for line in ["name = \"Right\"", "gap = 90", "range = [13, 63]", "allow = true", "disabled = true"] {
        assert!(now.contains(line), "{line}: {now}");
    }
    set(&["1", "--unset", "name", "--unset", "gap", "--unset", "allow", "--unset", "outputs"]);
    assert_eq!(fs::read_to_string(&settings).expect("is there"), SETTINGS);
    set(&["1", "--forget"]);
    assert!(!fs::read_to_string(&settings).expect("is there").contains("aneros"));
}

#[test]
fn what_cannot_be_set_is_refused_and_changes_nothing() {
    let folder = folder();
    let settings = file(&folder, "settings.toml", SETTINGS);
    for (arguments, words) in [
        (&["0", "--output", "0:vibrate", "--range", "0..21"][..], &["[0, 20]"][..]),
        (&["0", "--output", "0:rotate", "--disable"], &["no output `rotate`", "vibrate"]),
        (&["0", "--output", "9:vibrate", "--range", "0..5%"], &["no such output"]),
        (&["0", "--output", "0:vibrate", "--reverse"], &["one direction only"]),
        (&["0", "--output", "0:vibrate"], &["--range"]),
        (&["0", "--index", "1"], &["index 1 belongs to"]),
        (&["0", "--range", "0..5"], &["--output"]),
        (&["0", "--allow", "--deny"], &["--deny"]),
        (&["0", "--unset", "range"], &["--output FEATURE:KIND"]),
        (&["0"], &["nothing is to be set"]),
        (&["7", "--deny"], &["no device `7`"]),
        (&["0", "--gap", "10001"], &["10000"]),
    ] {
        refused(&[&["device", "set"], arguments, &["--settings", text(&settings)]].concat(), words);
    }
    assert_eq!(fs::read_to_string(&settings).expect("is there"), SETTINGS);
    let broken = file(&folder, "broken.toml", "format = [\n");
    refused(
        &["device", "set", "0", "--deny", "--settings", text(&broken)],
        &["broken.toml:1:", "broken.toml.bak"],
    );
    assert_eq!(fs::read_to_string(&broken).expect("is there"), "format = [\n");
}

#[test]
fn check_shows_the_line_and_the_fix_and_ends_with_2() {
    let folder = folder();
    let sound = file(&folder, "mine.toml", MINE);
    let said = well(&["device", "check", text(&sound)]);
    assert!(said.contains("sound: protocol mine; 1 model, 1 test passed"), "{said}");
    let broken = file(&folder, "broken.toml", &MINE.replace("{v}", "{v + 250}"));
    let said = refused(&["device", "check", text(folder.path())], &["1 of 2 files have errors"]);
    for word in [
        "broken.toml:6:9: error: ",
        "\n  6 | hex = \"{v + 250}\"\n    |         ^\n  help: ",
        "mine.toml: sound",
    ] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    let failing = file(&folder, "failing.toml", &MINE.replace("tx 05", "tx 06"));
    assert!(refused(&["device", "check", text(&failing)], &[]).out.contains("failing.toml:11:"));
    let said = refused(&["device", "check", "--format", "json", text(&broken)], &[]);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(json["files"][0]["diagnostics"][0]["line"], 6);
    refused(&["device", "check", "/nowhere/mine.toml"], &["/nowhere/mine.toml"]);
}

#[test]
fn check_knows_files_that_extend_each_other_and_those_that_claim_the_same() {
    let folder = folder();
    file(&folder, "mine.toml", MINE);
    file(
        &folder,
        "a-more.toml",
        "format = 1\nextends = \"mine\"\n[[ble]]\nnames = [\"My Other Toy\"]\n[[tests]]\nsteps = [{ set = [[0, 4]], sends = [\"tx 04\"] }]\n",
    );
    file(&folder, "same.toml", MINE);
    let said = well(&["device", "check", text(folder.path())]);
    assert!(said.contains("a-more.toml: sound: adds to protocol mine"), "{said}");
    assert!(said.contains("warning: the Bluetooth name `My Toy` is claimed by"), "{said}");
}

#[test]
fn new_writes_a_sound_file_and_never_over_another() {
    let folder = folder();
    for (id, more) in [
        ("one", &["--bus", "serial"][..]),
        ("two", &["--from", "lovense"]),
        ("aneros", &["--from", "aneros"]),
    ] {
        let arguments = [&["device", "new", id, "-o", text(folder.path())], more].concat();
        well(&arguments);
        let path = folder.path().join(format!("{id}.toml"));
        well(&["device", "check", text(&path)]);
        refused(&arguments, &["is there already"]);
    }
    refused(&["device", "new", "My Toy", "-o", "-"], &["cannot name a protocol"]);
    refused(&["device", "new", "three", "--from", "teapot", "-o", "-"], &["no protocol `teapot`"]);
    refused(&["device", "new", "four", "-o", text(&folder.path().join("five.toml"))], &["four.toml"]);
}

#[test]
fn try_plays_a_file_without_hardware_and_its_record_is_a_test() {
    let folder = folder();
    let (before, _) = MINE.split_once("[[tests]]").expect("tests");
    let path = file(&folder, "mine.toml", before);
    let said = run_with(&["device", "try", text(&path)], "vibrate 0 50%\nteapot\nwait 500ms\nstop");
    assert_eq!(said.code, Some(0), "{}", said.err);
    for line in ["My Toy is ready", "      0 ms  tx  05", "`teapot` is no command", "    500 ms  tx  00"] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    let said = well(&["device", "try", text(&path), "--set", "0=7", "--set", "0:vibrate=0"]);
    assert!(said.ends_with("      0 ms  tx  07\n      0 ms  tx  00"), "{said}");
    refused(&["device", "try", text(&path), "--set", "0=11"], &["11 does not lie between 0 and 10"]);
    let said = run_with(&["device", "try", text(&path), "--trace"], "vibrate 0 5\nstop\n");
    assert!(said.out.starts_with("[[tests]]\n"), "{}", said.out);
    fs::write(&path, format!("{before}{}", said.out)).expect("is written");
    well(&["device", "check", text(&path)]);
    refused(
        &["device", "try", "aneros", "--model", "teapot"],
        &["no model is called `teapot`", "Aneros Vivi"],
    );
    refused(&["device", "try", "/nowhere.toml"], &["/nowhere.toml"]);
}
