//! Settings and catalogue of a server that runs: what changes for devices that are connected.
#![cfg(all(feature = "virtual-hardware", feature = "websocket", feature = "simulated"))]

mod support;
#[path = "support/virtual_host.rs"]
mod virtual_host;

use std::sync::Arc;

use frisson_program::{ConnectPlan, language};
use frisson_server::settings::{Key, Settings};
use frisson_server::{Catalogue, Match, Server, ServerGone};
use frisson_testkit::wire::Dialect;
use serde_json::{Value, json};
use support::*;
use virtual_host::*;

/// The address of the device `d1`.
const D1: &str = "ble:c0:00:00:00:00:d1";
const SCAN: &str = r#"[{"StartScanning":{"Id":5}}]"#;

fn settings(devices: &str) -> Settings {
    match Settings::parse(&format!("format = 1\n{devices}"), "settings.toml") {
        Ok((settings, odd)) if odd.is_empty() => settings,
        wrong => panic!("{wrong:?}"),
    }
}

/// Settings with one thing about `d1`, which has the index 0.
fn about_d1(what: &str) -> Settings {
    settings(&format!("[[device]]\naddress = {D1:?}\nindex = 0\n{what}\n"))
}

fn limited(low: i32, high: i32) -> Settings {
    about_d1(&format!("[[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [{low}, {high}]"))
}

fn key(device: &str) -> Key {
    Key::new(&format!("ble:c0:00:00:00:00:{device}"), "demo", "")
}

/// A server with the devices `d1` and `d2` at 0 and 1, its host and a client.
async fn two_devices() -> (Server, Host, App) {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    for (device, index) in [("d1", 0), ("d2", 1)] {
        add(&mut host, device, "Massage Demo", index).await;
        app.frame().await;
    }
    (server, host, app)
}

async fn add(host: &mut Host, device: &str, name: &str, index: u32) {
    host.say(advert(device, name)).await;
    let id = host.asked("connect", device).await;
    host.ok(id).await;
    assert_eq!(host.hear().await["index"], index);
}

/// Sets a device and answers the write.
async fn drive(host: &mut Host, app: &mut App, device: (&str, u32), value: u8) {
    app.ok(&vibrate(device.1, value.into())).await;
    let id = host.write(device.0, &format!("f1{value:02x}")).await;
    host.ok(id).await;
}

fn devices(frame: &str) -> Value {
    let frame: Value = serde_json::from_str(frame).expect("JSON");
    frame[0]["DeviceList"]["Devices"].clone()
}

#[tokio::test]
async fn what_runs_above_a_new_limit_is_brought_down_at_once_and_clients_see_the_new_range() {
    let (server, mut host, mut app) = two_devices().await;
    drive(&mut host, &mut app, ("d1", 0), 100).await;
    drive(&mut host, &mut app, ("d2", 1), 100).await;
    server.set_settings(limited(0, 51)).await.expect("a running server");
    let id = host.write("d1", "f133").await;
    host.ok(id).await;
    let list = devices(&app.frame().await);
    let range = |index: &str| list[index]["DeviceFeatures"]["0"]["Output"]["Vibrate"]["Value"].clone();
    assert_eq!((range("0"), range("1")), (json!([0, 51]), json!([0, 128])));
    assert_error(&app.ask(&vibrate(0, 52)).await, 2, 4);
    // Lifted again, nothing starts by itself.
    server.set_settings(about_d1("")).await.expect("a running server");
    assert_eq!(
        devices(&app.frame().await)["0"]["DeviceFeatures"]["0"]["Output"]["Vibrate"]["Value"],
        json!([0, 128])
    );
    host.expect_nothing().await;
    drive(&mut host, &mut app, ("d1", 0), 128).await;
}

#[tokio::test]
async fn older_clients_see_the_device_go_and_come() {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V3).await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    add(&mut host, "d1", "Massage Demo", 0).await;
    assert!(app.frame().await.contains("DeviceAdded"));
    server.set_settings(limited(0, 51)).await.expect("a running server");
    assert!(app.frame().await.contains("DeviceRemoved"));
    let added = app.frame().await;
    assert!(added.contains("DeviceAdded") && added.contains(r#""StepCount":51"#), "{added}");
}

#[tokio::test]
async fn an_output_that_is_disabled_while_it_runs_is_stopped() {
    let (server, mut host, mut app) = two_devices().await;
    drive(&mut host, &mut app, ("d1", 0), 100).await;
    let disabled = about_d1("[[device.output]]\nfeature = 0\nkind = \"vibrate\"\ndisabled = true");
    server.set_settings(disabled).await.expect("a running server");
    let id = host.write("d1", "f100").await;
    host.ok(id).await;
    assert_eq!(devices(&app.frame().await)["0"]["DeviceFeatures"]["0"], Value::Null);
    assert_error(&app.ask(&vibrate(0, 1)).await, 2, 4);
}

#[tokio::test]
async fn name_and_gap_are_shown_at_once() {
    let (server, _host, mut app) = two_devices().await;
    server.set_settings(about_d1("name = \"Left bunny\"")).await.expect("a running server");
    assert_eq!(devices(&app.frame().await)["0"]["DeviceDisplayName"], "Left bunny");
    server.set_settings(about_d1("name = \"Left bunny\"\ngap = 40")).await.expect("a running server");
    let list = devices(&app.frame().await);
    assert_eq!(
        (&list["0"]["DeviceMessageTimingGap"], &list["0"]["DeviceDisplayName"]),
        (&json!(40), &json!("Left bunny"))
    );
    server.set_settings(about_d1("")).await.expect("a running server");
    app.frame().await;
    let list = devices(&app.frame().await);
    assert_eq!(
        (&list["0"]["DeviceMessageTimingGap"], &list["0"]["DeviceDisplayName"]),
        (&json!(75), &Value::Null)
    );
}

#[tokio::test]
async fn a_device_that_is_denied_is_stopped_and_closed_and_others_go_on() {
    let (server, mut host, mut app) = two_devices().await;
    drive(&mut host, &mut app, ("d1", 0), 100).await;
    server.set_settings(about_d1("deny = true")).await.expect("a running server");
    let stop = host.write("d1", "f100").await;
    // Until it is closed nothing more can be asked of it.
    assert_error(&app.ask(&vibrate(0, 50)).await, 2, 4);
    host.ok(stop).await;
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    let list = devices(&app.frame().await);
    assert!(list["0"].is_null() && !list["1"].is_null(), "{list}");
    host.say(advert("d1", "Massage Demo")).await;
    host.expect_ignored("d1", "denied").await;
    drive(&mut host, &mut app, ("d2", 1), 7).await;
}

#[tokio::test]
async fn if_other_devices_are_allowed_this_one_is_closed() {
    let (server, mut host, mut app) = two_devices().await;
    server.set_settings(about_d1("allow = true")).await.expect("a running server");
    let id = host.write("d2", "f100").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d2").await;
    host.ok(id).await;
    assert!(devices(&app.frame().await)["1"].is_null());
    drive(&mut host, &mut app, ("d1", 0), 7).await;
}

#[tokio::test]
async fn a_device_moves_to_its_new_index_stopped() {
    let (server, mut host, mut app) = two_devices().await;
    drive(&mut host, &mut app, ("d1", 0), 100).await;
    let moved = settings(&format!("[[device]]\naddress = {D1:?}\nindex = 7\n"));
    server.set_settings(moved).await.expect("a running server");
    let id = host.write("d1", "f100").await;
    host.ok(id).await;
    assert!(devices(&app.frame().await)["0"].is_null());
    assert!(!devices(&app.frame().await)["7"].is_null());
    assert_error(&app.ask(&vibrate(0, 50)).await, 2, 4);
    drive(&mut host, &mut app, ("d1", 7), 50).await;
    // Its next command goes to where it is, and so does what it says when it is lost.
    host.lose("d1").await;
    assert!(devices(&app.frame().await)["7"].is_null());
}

#[tokio::test]
async fn devices_that_change_places_keep_theirs_until_they_connect_anew() {
    let (server, _host, mut app) = two_devices().await;
    let swapped = settings(
        "[[device]]\naddress = \"ble:c0:00:00:00:00:d1\"\nindex = 1\n[[device]]\naddress = \"ble:c0:00:00:00:00:d2\"\nindex = 0\n",
    );
    server.set_settings(swapped.clone()).await.expect("a running server");
    assert_eq!(server.settings().current().to_text(), swapped.to_text());
    assert_eq!(app.ask(&ping(9)).await, r#"[{"Ok":{"Id":9}}]"#);
}

#[tokio::test]
async fn the_index_of_a_connected_device_is_put_back_into_settings_that_lack_it() {
    let (server, _host, mut app) = two_devices().await;
    let mut watch = server.settings();
    watch.changed().await;
    // Index 1, which `d2` has, is stored for another device now.
    server
        .set_settings(settings("[[device]]\naddress = \"serial:COM7\"\nindex = 1\n"))
        .await
        .expect("a running server");
    let stored = within(watch.changed()).await.expect("a running server");
    let index = |device: &str| stored.index_of(&key(device));
    assert_eq!((index("d1"), index("d2")), (Some(0), Some(2)));
    assert!(stored.to_text().contains("address = \"serial:COM7\"\nindex = 1\n"), "{}", stored.to_text());
    assert!(devices(&app.frame().await)["1"].is_null());
    assert!(!devices(&app.frame().await)["2"].is_null());
}

/// A device file whose packets begin with this.
fn toy(byte: &str) -> Arc<language::Definition> {
    let text = format!(
        "format = 1\n[[ble]]\nnames = [\"My Toy\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{byte}{{v}}\"\n[[models]]\nname = \"My Toy\"\n\
         features = [{{ vibrate = 128 }}]\n[[tests]]\nsteps = [{{ set = [[0, 5]], sends = [\"tx {byte}05\"] }}]\n"
    );
    Arc::new(language::compile(&text, "toy.toml").unwrap_or_else(|found| panic!("{}", found[0])))
}

fn with_toy(catalogue: &Catalogue, byte: &str) -> Catalogue {
    let mut catalogue = catalogue.clone();
    catalogue.add(toy(byte));
    catalogue
}

#[tokio::test]
async fn a_device_whose_file_has_changed_is_stopped_closed_and_opened_anew_and_others_are_not_touched() {
    let base = catalogue();
    let (server, hosts, clients) = serve_with(Server::builder(), with_toy(&base, "f1")).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    add(&mut host, "d1", "My Toy", 0).await;
    app.frame().await;
    add(&mut host, "d2", "Massage Demo", 1).await;
    app.frame().await;
    app.ok(r#"[{"StopScanning":{"Id":6}}]"#).await;
    host.expect(json!({"type": "scanning", "active": false})).await;
    app.frame().await;
    drive(&mut host, &mut app, ("d1", 0), 100).await;
    drive(&mut host, &mut app, ("d2", 1), 100).await;
    // The same contents are no change.
    server.set_catalogue(with_toy(&base, "f1")).await.expect("a running server");
    host.expect_nothing().await;

    server.set_catalogue(with_toy(&base, "f2")).await.expect("a running server");
    let id = host.write("d1", "f100").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    assert!(devices(&app.frame().await)["0"].is_null());
    // Nobody has asked for a scan.
    host.expect(json!({"type": "scanning", "active": true})).await;
    add(&mut host, "d1", "My Toy", 0).await;
    assert!(!devices(&app.frame().await)["0"].is_null());
    host.expect(json!({"type": "scanning", "active": false})).await;
    app.ok(&vibrate(0, 100)).await;
    let id = host.write("d1", "f264").await;
    host.ok(id).await;
    drive(&mut host, &mut app, ("d2", 1), 7).await;
}

/// A catalogue in which a protocol of the application's own drives simulated vibrators.
fn own_protocol() -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    catalogue.insert(|sighting| {
        let found = Catalogue::built_in().find(sighting).filter(|_| sighting.name == "simulated-1vibe")?;
        Some(Match::new("own", ConnectPlan::default(), move |connection| found.program(connection)))
    });
    catalogue
}

#[tokio::test]
async fn simulated_devices_of_a_protocol_that_has_changed_are_opened_anew_as_well() {
    let (server, clients) = listen(Server::builder().catalogue(own_protocol()), "1vibe, 2vibe").await;
    let simulation = simulation(&server);
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(&vibrate(0, 50)).await;
    app.ok(&vibrate(1, 50)).await;
    until_at(&simulation, VIBE, 50).await;
    server.set_catalogue(own_protocol()).await.expect("a running server");
    let gone = devices(&app.frame().await);
    assert_eq!(gone.as_object().map(|all| all.len()), Some(1), "{gone}");
    until_at_rest(&simulation, VIBE).await;
    let back = devices(&app.frame().await);
    assert_eq!(back.as_object().map(|all| all.len()), Some(2), "{back}");
    assert!(back["0"].is_object() && back["1"].is_object(), "{back}");
}

#[tokio::test]
async fn a_server_that_has_ended_takes_no_changes() {
    let server = Server::builder().start().expect("a server");
    let control = server.control();
    control.set_settings(Settings::default()).await.expect("a running server");
    control.set_catalogue(Catalogue::built_in()).await.expect("a running server");
    assert!(server.shutdown().await.is_complete());
    assert_eq!(control.set_settings(Settings::default()).await, Err(ServerGone));
    assert_eq!(control.set_catalogue(Catalogue::built_in()).await, Err(ServerGone));
}

#[tokio::test]
async fn settings_that_come_while_a_device_is_set_up_are_in_force_when_it_is_announced() {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    for device in ["d1", "d2"] {
        host.say(advert(device, "Shy Demo")).await;
        let id = host.asked("connect", device).await;
        host.ok(id).await;
        let id = host.subscribe(device).await;
        host.ok(id).await;
        let id = host.write(device, "aa5501").await;
        host.ok(id).await;
    }
    let denied = "[[device]]\naddress = \"ble:c0:00:00:00:00:d2\"\ndeny = true\n";
    let limited = format!(
        "[[device]]\naddress = {D1:?}\n[[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [0, 51]\n{denied}"
    );
    server.set_settings(settings(&limited)).await.expect("a running server");
    // The one that is denied now is not waited for.
    let id = host.asked("disconnect", "d2").await;
    host.ok(id).await;
    host.expect_ignored("d2", "denied").await;
    host.say(json!({"type": "notify", "device": "d1", "endpoint": RX, "data": "aa"})).await;
    host.expect_ready("d1", 0).await;
    let list = devices(&app.frame().await);
    assert_eq!(list["0"]["DeviceFeatures"]["0"]["Output"]["Vibrate"]["Value"], json!([0, 51]));
}
