//! What the user has set for devices: limits, indices, names, gaps, and which may be connected.
#![cfg(all(feature = "virtual-hardware", feature = "websocket", feature = "simulated"))]

mod support;
#[path = "support/virtual_host.rs"]
mod virtual_host;

use frisson_server::Server;
use frisson_server::settings::{Key, Settings};
use frisson_testkit::wire::Dialect;
use serde_json::{Value, json};
use support::*;
use virtual_host::*;

/// The address of the device `d1`.
const D1: &str = "ble:c0:00:00:00:00:d1";

fn settings(devices: &str) -> Settings {
    match Settings::parse(&format!("format = 1\n{devices}"), "settings.toml") {
        Ok((settings, odd)) if odd.is_empty() => settings,
        wrong => panic!("{wrong:?}"),
    }
}

fn key(device: &str) -> Key {
    Key::new(&format!("ble:c0:00:00:00:00:{device}"), "demo", "")
}

/// A server with these settings, a host that presents `d1` and `d2` one after the other, and a client whose scan runs.
async fn scanning(devices: &str) -> (Server, Host, App) {
    let (server, hosts, clients) = serve(Server::builder().own_scan(false).settings(settings(devices))).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    (server, host, app)
}

async fn add(host: &mut Host, device: &str, index: u32) {
    host.say(advert(device, "Massage Demo")).await;
    let id = host.asked("connect", device).await;
    host.ok(id).await;
    host.expect_ready(device, index).await;
}

#[tokio::test]
async fn limits_name_index_and_gap_are_in_force_when_a_device_is_announced() {
    let devices = format!(
        "[[device]]\naddress = {D1:?}\nindex = 7\nname = \"Left bunny\"\ngap = 40\n\
         [[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [16, 64]\n"
    );
    let (_server, mut host, mut app) = scanning(&devices).await;
    add(&mut host, "d1", 7).await;
    let list: Value = serde_json::from_str(&app.frame().await).expect("JSON");
    let device = &list[0]["DeviceList"]["Devices"]["7"];
    assert_eq!(device["DeviceName"], "Demo Vibrator");
    assert_eq!(device["DeviceDisplayName"], "Left bunny");
    assert_eq!(device["DeviceMessageTimingGap"], 40);
    assert_eq!(device["DeviceFeatures"]["0"]["Output"]["Vibrate"]["Value"], json!([0, 48]));
    app.ok(&vibrate(7, 48)).await;
    let id = host.write("d1", "f140").await;
    host.ok(id).await;
    assert_error(&app.ask(&vibrate(7, 49)).await, 2, 4);
}

#[tokio::test]
async fn the_index_of_a_device_that_is_not_there_is_kept_for_it() {
    let devices = "[[device]]\naddress = \"serial:COM7\"\nindex = 0\n";
    let (server, mut host, _app) = scanning(devices).await;
    let mut watch = server.settings();
    add(&mut host, "d1", 1).await;
    let stored = within(watch.changed()).await.expect("a running server");
    assert_eq!(stored.index_of(&key("d1")), Some(1));
    assert_eq!(stored.to_text(), watch.current().to_text());
    assert!(stored.to_text().contains("index = 0\n"), "{}", stored.to_text());

    // Another run, in which the other device comes first.
    let (_server, hosts, clients) = serve(Server::builder().own_scan(false).settings(stored)).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    add(&mut host, "d2", 2).await;
    add(&mut host, "d1", 1).await;
}

#[tokio::test]
async fn indices_of_simulated_devices_are_not_stored() {
    let server = start(Server::builder(), "1vibe").await;
    let mut watch = server.settings();
    assert!(server.shutdown().await.is_complete());
    assert!(within(watch.changed()).await.is_none());
}

#[tokio::test]
async fn a_device_that_is_denied_is_never_opened() {
    let (_server, mut host, _app) = scanning(&format!("[[device]]\naddress = {D1:?}\ndeny = true\n")).await;
    host.say(advert("d1", "Massage Demo")).await;
    host.expect_ignored("d1", "denied").await;
    add(&mut host, "d2", 0).await;
}

#[tokio::test]
async fn if_any_device_is_allowed_others_are_not() {
    let (_server, mut host, _app) = scanning(&format!("[[device]]\naddress = {D1:?}\nallow = true\n")).await;
    host.say(advert("d2", "Massage Demo")).await;
    host.expect_ignored("d2", "not-allowed").await;
    add(&mut host, "d1", 0).await;
}

#[tokio::test]
async fn a_device_that_turns_out_to_be_another_model_than_the_one_allowed_is_closed_again() {
    let devices = format!("[[device]]\naddress = {D1:?}\nmodel = \"X\"\nallow = true\n");
    let (server, mut host, _app) = scanning(&devices).await;
    host.say(advert("d1", "Massage Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    host.expect_ignored("d1", "not-allowed").await;
    assert!(server.status().await.expect("a running server").devices.is_empty());
}
