//! The program and Bluetooth: a D-Bus of the test's own, without BlueZ or with a fake one, and none at all.
//! Needs dbus-daemon (Debian: the package dbus-daemon).
#![cfg(all(target_os = "linux", feature = "bluetooth-le"))]
#![allow(dead_code, unreachable_pub)]

#[path = "../../hardware/tests/bluetooth_le/bus.rs"]
mod bus;
#[path = "../../hardware/tests/bluetooth_le/fake.rs"]
mod fake;
mod support;
#[path = "../../hardware/tests/bluetooth_le/world.rs"]
mod world;

use std::path::Path;
use std::process::Command;

use fake::{Fake, Heard};
use rustix::process::Signal;
use support::websocket::Client;
use support::{PATIENCE, Program, Said, finish, frisson, wait_until};
use world::{Peripheral, characteristic, full};

const NOWHERE: &str = "unix:path=/nonexistent/frisson";
const TOY: &str = "C0:FF:EE:00:00:01";
const SERVICE: &str = "50300001-0024-4bd4-bbd5-a6920e4c5653";
const TX: &str = "50300002-0024-4bd4-bbd5-a6920e4c5653";
const RX: &str = "50300003-0024-4bd4-bbd5-a6920e4c5653";

/// The program with this D-Bus in place of the system's.
fn with(dbus: &str, arguments: &[&str]) -> Command {
    let mut command = frisson(arguments);
    command.env("DBUS_SYSTEM_BUS_ADDRESS", dbus);
    command
}

fn serve(dbus: &str, arguments: &[&str]) -> Program {
    let start = ["serve", "--listen", "127.0.0.1:0", "--bus", "ble"];
    Program::begin(with(dbus, &[&start, arguments].concat()))
}

/// What `frisson scan` of Bluetooth comes to.
fn scan(dbus: &str, arguments: &[&str]) -> Said {
    finish(with(dbus, &[&["scan", "--bus", "ble"], arguments].concat()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn lovense() -> Peripheral {
    let tx = characteristic(TX, "write write-without-response");
    Peripheral {
        address: TOY.to_owned(),
        name: Some("LVS-Z001".to_owned()),
        rssi: Some(-55),
        services: vec![(SERVICE.to_owned(), vec![tx, characteristic(RX, "notify")])],
        ..Peripheral::default()
    }
}

/// The next write to the toy, past what else BlueZ is asked for.
async fn written(fake: &mut Fake) -> String {
    loop {
        if let Heard::Write(_, bytes, _) = fake.hear().await {
            return String::from_utf8(bytes).expect("text");
        }
    }
}

/// A server says once why Bluetooth cannot be used, and serves all the same.
#[track_caller]
fn assert_serves_without(dbus: &str, why: &str) {
    let mut program = serve(dbus, &["--simulate=1vibe"]);
    let told = program.err.wait_for("why", |line| line.contains("not usable: ").then(|| line.to_owned()));
    for word in ["INFO", "ble", why, "; frisson doctor tells more"] {
        assert!(told.contains(word), "{word:?} is missing in: {told}");
    }
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    client.set(0, "Vibrate", 10);
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0), "{}", program.err.text());
    let log = program.err.text();
    assert_eq!(log.matches("not usable").count(), 1, "{log}");
}

#[test]
fn a_server_without_dbus_says_so_once_and_serves() {
    assert_serves_without(NOWHERE, "/nonexistent/frisson");
}

#[test]
fn a_server_without_bluez_says_so_once_and_serves() {
    let bus = bus::Bus::start();
    assert_serves_without(&bus.address(), "BlueZ, is not running");
}

#[test]
fn a_scan_says_what_cannot_be_used() {
    let said = scan(NOWHERE, &["--seconds", "1"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("ble: not usable: D-Bus"), "{}", said.out);
    assert!(said.out.contains("frisson doctor tells more"), "{}", said.out);

    let said = scan(NOWHERE, &["--seconds", "1", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&report["devices"], &report["buses"]), (&serde_json::json!([]), &serde_json::json!(["ble"])));
    assert!(report["unusable"]["ble"].as_str().is_some_and(|why| why.contains("D-Bus")), "{report}");
}

#[test]
fn the_doctor_names_what_is_missing() {
    let bus = bus::Bus::start();
    for (dbus, why) in
        [(NOWHERE, "D-Bus's system bus cannot be reached at /nonexistent/frisson"), (&bus.address(), "BlueZ")]
    {
        let said = finish(with(dbus, &["doctor"]));
        let mut lines = said.out.lines();
        assert!(lines.any(|line| line.contains("bluetooth") && line.contains(why)), "{}", said.out);
        assert!(said.out.contains("this build has ble, "), "{}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_scan_of_its_own_a_server_leaves_a_known_device_to_the_clients() {
    let mut fake = Fake::start().await;
    fake.plug("hci0", true).await;
    fake.present("hci0", lovense()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.toml");
    std::fs::write(&settings, format!("format = 1\n[[device]]\naddress = \"ble:{TOY}\"\nindex = 3\n"))
        .expect("is written");
    let program = serve(&fake.bus.address(), &["--no-scan", "--settings", text(&settings)]);
    program.err.wait_for("an adapter", |line| line.contains("usable by hci0").then_some(()));
    assert_eq!(fake.unheard(), []);
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    assert_eq!(written(&mut fake).await, "DeviceType;");
    fake.notify(TOY, RX, b"P:12:C0FFEE000001;").await;
    wait_until("the device", || client.ask(r#""RequestDeviceList""#).contains(r#""DeviceIndex":3"#));
    assert!(!program.err.text().contains("looking for"), "{}", program.err.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_added_by_a_scan_is_connected_by_the_server_that_runs_driven_and_stopped() {
    let mut fake = Fake::start().await;
    fake.plug("hci0", true).await;
    fake.present("hci0", lovense()).await;
    let dbus = fake.bus.address();
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("settings.toml");
    let mut program = serve(&dbus, &["--settings", text(&settings)]);
    program.err.wait_for("an adapter", |line| line.contains("usable by hci0").then_some(()));

    let said = scan(&dbus, &["--seconds", "2", "--settings", text(&settings), "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let device = &report["devices"][0];
    assert_eq!(device["address"], format!("ble:{TOY}"));
    assert_eq!((&device["name"], &device["known"]), (&"LVS-Z001".into(), &false.into()));
    assert_eq!(device["protocols"][0], "lovense");
    assert!(
        !fake.unheard().iter().any(|heard| matches!(heard, Heard::Connect(_))),
        "a scan connects nothing"
    );

    let unseen = scan(&dbus, &["--seconds", "1", "--settings", text(&settings), "--add", "ble:not-there"]);
    assert_eq!(unseen.code, Some(2), "{}", unseen.err);
    assert!(unseen.err.contains("ble:not-there was not seen"), "{}", unseen.err);

    let added = scan(&dbus, &["--seconds", "1", "--settings", text(&settings), "--add", "LVS-Z001"]);
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(added.out.contains(&format!("ble:{TOY} is known with index 0")), "{}", added.out);
    assert_eq!(written(&mut fake).await, "DeviceType;");
    fake.notify(TOY, RX, b"P:12:C0FFEE000001;").await;

    let mut client = Client::connect(program.address());
    wait_until("the device", || client.ask(r#""RequestDeviceList""#).contains("Lovense Edge"));
    let said = scan(&dbus, &["--seconds", "1", "--settings", text(&settings)]);
    assert!(said.out.contains("LVS-Z001: lovense, known with index 0"), "{}", said.out);
    client.set(0, "Vibrate", 10);
    assert_eq!(fake.hear().await, Heard::Write(full(TX), b"Vibrate1:10;".to_vec(), "command".to_owned()));
    program.signal(Signal::TERM);
    assert_eq!(written(&mut fake).await, "Vibrate1:0;");
    let code = tokio::task::spawn_blocking(move || program.wait().code());
    let code = tokio::time::timeout(PATIENCE, code).await.expect("an end").expect("no panic");
    assert_eq!(code, Some(0));
}
