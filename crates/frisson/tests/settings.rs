//! The files that say something about devices.

mod support;

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use support::host::Host;
use support::websocket::Client;
use support::{Program, run};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("is written");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What clients see of the devices.
fn devices(program: &Program) -> String {
    Client::<TcpStream>::connect(program.address()).ask(r#""RequestDeviceList""#)
}

#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let said = run(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
    assert_eq!(said.code, Some(2), "{}", said.err);
    for word in words {
        assert!(said.err.contains(word), "{word:?} is missing in: {}", said.err);
    }
}

const IMPORT: &str = r#"{ "version": { "major": 5, "minor": 0 }, "user_configs": {
    "protocols": { "teapot": { "configurations": [] } },
    "devices": [ { "identifier": { "protocol": "simulated", "address": "1vibe-1" },
                   "config": { "user_config": { "index": 5, "display_name": "Left bunny" } } } ],
    "simulated_devices": [ { "identifier": "simulated-pump", "display_name": "The pump", "address": "p" } ] } }"#;

#[test]
fn an_imported_configuration_names_devices_and_adds_simulated_ones() {
    let folder = folder();
    let path = file(&folder, "user.json", IMPORT);
    let program = Program::serve(&["--simulate=1vibe", "--import-user-config", text(&path)]);
    assert!(program.out.text().contains("2 simulated devices are connected:"), "{}", program.out.text());
    let devices = devices(&program);
    for word in
        [r#""DeviceDisplayName":"Left bunny""#, r#""DeviceDisplayName":"The pump""#, r#""DeviceIndex":5"#]
    {
        assert!(devices.contains(word), "{word} is missing in: {devices}");
    }
    program.err.wait_for("a warning", |line| line.contains("teapot").then_some(()));
    assert_eq!(std::fs::read_to_string(&path).expect("is there"), IMPORT);
}

#[test]
fn a_configuration_that_cannot_be_imported_ends_the_program_with_2() {
    let folder = folder();
    refused(&["--import-user-config", "/nowhere/user.json"], &["--import-user-config", "/nowhere/user.json"]);
    refused(&["--import-user-config", text(&file(&folder, "a.json", "{"))], &["a.json:1:", "no JSON"]);
    let old = file(&folder, "b.json", r#"{ "version": { "major": 3, "minor": 0 } }"#);
    refused(&["--import-user-config", text(&old)], &["b.json", "version 3"]);
}

#[test]
fn a_base_configuration_brings_devices_that_the_catalogue_does_not_have() {
    let base = r#"{ "version": { "major": 5, "minor": 0 }, "protocols": { "aneros": {
        "communication": [ { "btle": { "names": ["Massage Next"], "manufacturer_data": [], "advertised_services": [], "services": {} } } ],
        "configurations": [ { "identifier": ["Massage Next"], "name": "Aneros Next" } ] } } }"#;
    let folder = folder();
    let path = file(&folder, "base.json", base);
    let program = Program::serve(&["--virtual-hardware-port", "0", "--import-user-config", text(&path)]);
    let mut host = Host::connect(&program);
    host.advertise("Massage Next");
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    let ready = host.expect("ready");
    assert_eq!((ready["protocol"].as_str(), ready["name"].as_str()), (Some("aneros"), Some("Aneros Next")));
    client.set(0, "Vibrate", 64);
    assert_eq!(host.write(), "f140");
}

#[test]
fn settings_are_in_force_and_stay_as_they_are_when_nothing_is_new() {
    let folder = folder();
    let toml = "format = 1\n\n[[device]]\naddress = \"simulated:1vibe-1\"\nname = \"Left bunny\"\nindex = 3\n\
                [[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [0, 12]\n";
    let path = file(&folder, "settings.toml", toml);
    let mut program = Program::serve(&["--simulate=2vibe,1vibe", "--settings", text(&path)]);
    let devices = devices(&program);
    for word in [r#""DeviceDisplayName":"Left bunny""#, r#""DeviceIndex":3"#, "[0,12]"] {
        assert!(devices.contains(word), "{word} is missing in: {devices}");
    }
    #[cfg(unix)]
    {
        program.signal(rustix::process::Signal::TERM);
        assert!(program.wait().success());
    }
    assert_eq!(std::fs::read_to_string(&path).expect("is there"), toml);
    assert!(program.is_running() || cfg!(unix));
}

#[test]
fn settings_that_make_no_sense_are_not_used_and_not_written_over() {
    let folder = folder();
    let path = file(&folder, "settings.toml", "format = \n");
    let program = Program::serve(&["--simulate=1vibe", "--settings", text(&path)]);
    program.err.wait_for("a warning", |line| line.contains("settings.toml:1:").then_some(()));
    program.err.wait_for("a warning", |line| line.contains("the file stays as it is").then_some(()));
    assert_eq!(std::fs::read_to_string(&path).expect("is there"), "format = \n");
    refused(&["--settings", text(folder.path())], &["--settings"]);
}

#[test]
fn device_files_are_checked_and_those_with_an_error_are_left_out() {
    let folder = folder();
    let good = "format = 1\n[[ble]]\nnames = [\"My Toy\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{v}\"\n\
                [[models]]\nname = \"My Toy\"\nfeatures = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
    file(&folder, "mine.toml", good);
    file(&folder, "failing.toml", &good.replace("tx 05", "tx 06"));
    file(&folder, "wrong.toml", "format = 1\nbluetooth = 3\n");
    file(&folder, "notes.txt", "not a device file");
    let program = Program::serve(&["--device-files", text(folder.path())]);
    program.err.wait_for("the good one", |line| line.contains("protocol mine").then_some(()));
    for name in ["failing.toml:", "wrong.toml:2:"] {
        program
            .err
            .wait_for("an error", |line| (line.contains("ERROR") && line.contains(name)).then_some(()));
    }
    assert!(!program.err.text().contains("notes.txt"));
    refused(&["--device-files", "/nowhere/devices"], &["--device-files", "/nowhere/devices"]);
}
