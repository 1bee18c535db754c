//! Devices that the server looks for by itself, and what becomes of those that it meets while it does.
#![cfg(all(feature = "virtual-hardware", feature = "websocket", feature = "simulated"))]

mod support;
#[path = "support/virtual_host.rs"]
mod virtual_host;

use frisson_server::Server;
use frisson_server::settings::Settings;
use frisson_testkit::wire::Dialect;
use serde_json::json;
use support::*;
use virtual_host::*;

const SCAN: &str = r#"[{"StartScanning":{"Id":5}}]"#;
const END_SCAN: &str = r#"[{"StopScanning":{"Id":6}}]"#;
const NO_DEVICES: &str = r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#;
const FINISHED: &str = r#"[{"ScanningFinished":{"Id":0}}]"#;

/// Settings that know `d1`, under the index 3.
fn known() -> Settings {
    let text = "format = 1\n[[device]]\naddress = \"ble:c0:00:00:00:00:d1\"\nindex = 3\n";
    Settings::parse(text, "settings.toml").expect("settings").0
}

fn scanning(active: bool) -> serde_json::Value {
    json!({"type": "scanning", "active": active})
}

async fn accept(host: &mut Host, device: &str, index: u32) {
    let id = host.asked("connect", device).await;
    host.ok(id).await;
    host.expect_ready(device, index).await;
}

async fn until_looking_for(server: &Server, count: usize) {
    while server.status().await.expect("a running server").looked_for != count {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// A server, its host, and a client without a scan; `d1` is connected under 0.
async fn one_device(name: &str) -> (Server, Host, App) {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(scanning(true)).await;
    host.say(advert("d1", name)).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    if name == "Shy Demo" {
        greet(&mut host, "d1").await;
    }
    host.expect_ready("d1", 0).await;
    app.frame().await;
    app.ok(END_SCAN).await;
    host.expect(scanning(false)).await;
    assert_eq!(app.frame().await, FINISHED);
    (server, host, app)
}

/// Answers the set-up of a shy device.
async fn greet(host: &mut Host, device: &str) {
    let id = host.subscribe(device).await;
    host.ok(id).await;
    let id = host.write(device, "aa5501").await;
    host.ok(id).await;
    host.say(json!({"type": "notify", "device": device, "endpoint": RX, "data": "aa"})).await;
}

#[tokio::test]
async fn a_known_device_is_connected_without_a_client_and_a_new_one_is_left_to_a_clients_scan() {
    let (server, hosts, clients) = serve(Server::builder().settings(known())).await;
    let mut host = Host::open_looking(hosts).await;
    within(until_looking_for(&server, 1)).await;
    assert!(!server.status().await.expect("a running server").scanning);
    host.say(advert("d2", "Massage Demo")).await;
    host.expect_nothing().await;
    host.say(advert("d1", "Massage Demo")).await;
    accept(&mut host, "d1", 3).await;
    // Nothing is missing any more.
    host.expect(scanning(false)).await;
    within(until_looking_for(&server, 0)).await;
    // The new one was not given up: the next scan finds it.
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(scanning(true)).await;
    accept(&mut host, "d2", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
}

#[tokio::test]
async fn a_clients_scan_finds_what_was_seen_before_while_the_server_looked_by_itself() {
    let (_server, hosts, clients) = serve(Server::builder().settings(known())).await;
    let mut host = Host::open_looking(hosts).await;
    host.say(advert("d2", "Massage Demo")).await;
    host.expect_nothing().await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(scanning(false)).await;
    host.expect(scanning(true)).await;
    accept(&mut host, "d2", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
    app.ok(END_SCAN).await;
    host.expect(scanning(false)).await;
    assert_eq!(app.frame().await, FINISHED);
    // What is missing is looked for again.
    host.expect(scanning(true)).await;
}

#[tokio::test]
async fn a_server_that_is_told_not_to_looks_for_nothing_by_itself() {
    let (server, hosts, clients) = serve(Server::builder().own_scan(false).settings(known())).await;
    let mut host = Host::open(hosts, false).await;
    host.say(advert("d1", "Massage Demo")).await;
    host.expect_nothing().await;
    assert_eq!(server.status().await.expect("a running server").looked_for, 0);
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(scanning(true)).await;
    accept(&mut host, "d1", 3).await;
}

#[tokio::test]
async fn a_denied_device_is_not_looked_for() {
    let text = "format = 1\n[[device]]\naddress = \"ble:c0:00:00:00:00:d1\"\ndeny = true\n";
    let settings = Settings::parse(text, "settings.toml").expect("settings").0;
    let (server, hosts, _clients) = serve(Server::builder().settings(settings)).await;
    let mut host = Host::open(hosts, false).await;
    assert_eq!(server.status().await.expect("a running server").looked_for, 0);
    // What is no longer denied is.
    server.set_settings(known()).await.expect("a running server");
    host.expect(scanning(true)).await;
}

#[tokio::test]
async fn a_device_that_keeps_failing_is_left_alone_for_a_while_and_then_tried_again() {
    let (_server, hosts, _clients) = serve(Server::builder().settings(known())).await;
    let mut host = Host::open_looking(hosts).await;
    for _ in 0..2 {
        host.say(advert("d1", "Massage Demo")).await;
        let id = host.asked("connect", "d1").await;
        host.error(id, "refused").await;
        host.expect_ignored("d1", "connect-failed").await;
    }
    host.say(advert("d1", "Massage Demo")).await;
    host.expect_nothing().await;
    accept(&mut host, "d1", 3).await;
}

#[tokio::test]
async fn a_device_that_is_lost_in_the_middle_of_a_write_returns_by_itself_at_rest() {
    let (_server, mut host, mut app) = one_device("Massage Demo").await;
    app.ok(&vibrate(0, 64)).await;
    let late = host.write("d1", "f140").await;
    host.lose("d1").await;
    assert_eq!(app.frame().await, NO_DEVICES);
    assert_error(&app.ask(&vibrate(0, 64)).await, 2, 4);
    host.ok(late).await;
    host.expect(scanning(true)).await;
    host.say(advert("d1", "Massage Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    host.expect_return("d1", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
    host.expect(scanning(false)).await;
}

#[tokio::test]
async fn a_device_that_is_lost_during_a_subscription_returns_by_itself_unsubscribed() {
    let (_server, mut host, mut app) = one_device("Massage Demo").await;
    let subscribe = r#"[{"InputCmd":{"Id":10,"DeviceIndex":0,"FeatureIndex":2,"Type":"Pressure","Command":"Subscribe"}}]"#;
    app.ok(subscribe).await;
    let late = host.subscribe("d1").await;
    host.lose("d1").await;
    assert_eq!(app.frame().await, NO_DEVICES);
    host.ok(late).await;
    host.expect(scanning(true)).await;
    host.say(advert("d1", "Massage Demo")).await;
    accept(&mut host, "d1", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
    host.expect(scanning(false)).await;
    host.say(json!({"type": "notify", "device": "d1", "endpoint": RX, "data": "07"})).await;
    host.expect_nothing().await;
    // It can be subscribed to again.
    app.ok(subscribe).await;
    let id = host.subscribe("d1").await;
    host.ok(id).await;
    host.say(json!({"type": "notify", "device": "d1", "endpoint": RX, "data": "07"})).await;
    assert!(app.frame().await.contains(r#""Pressure":{"Value":7}"#));
}

#[tokio::test]
async fn a_device_that_is_lost_in_the_middle_of_its_set_up_is_looked_for_further() {
    let (_server, mut host, mut app) = one_device("Shy Demo").await;
    host.lose("d1").await;
    assert_eq!(app.frame().await, NO_DEVICES);
    host.expect(scanning(true)).await;
    host.say(advert("d1", "Shy Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    let id = host.subscribe("d1").await;
    host.ok(id).await;
    host.write("d1", "aa5501").await;
    host.lose("d1").await;
    host.expect_ignored("d1", "init-failed").await;
    host.say(advert("d1", "Shy Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    greet(&mut host, "d1").await;
    host.expect_ready("d1", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
}

#[tokio::test]
async fn a_device_that_does_not_answer_its_greeting_is_given_up_and_looked_for_further() {
    let (_server, mut host, mut app) = one_device("Shy Demo").await;
    host.lose("d1").await;
    assert_eq!(app.frame().await, NO_DEVICES);
    host.expect(scanning(true)).await;
    // The same hardware, in a mood in which it says nothing.
    host.say(advert("d1", "Mute Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    let id = host.subscribe("d1").await;
    host.ok(id).await;
    let id = host.write("d1", "aa5501").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    host.expect_ignored("d1", "init-failed").await;
    assert_eq!(app.ask(&ping(9)).await, r#"[{"Ok":{"Id":9}}]"#);
    host.say(advert("d1", "Shy Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    greet(&mut host, "d1").await;
    host.expect_ready("d1", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
}

#[tokio::test]
async fn a_device_that_failed_three_writes_returns_by_itself_at_rest_and_others_go_on() {
    let (_server, mut host, mut app) = one_device("Massage Demo").await;
    app.ok(SCAN).await;
    host.expect(scanning(true)).await;
    host.say(advert("d2", "Massage Demo")).await;
    accept(&mut host, "d2", 1).await;
    app.frame().await;
    app.ok(END_SCAN).await;
    host.expect(scanning(false)).await;
    assert_eq!(app.frame().await, FINISHED);
    app.ok(&vibrate(0, 64)).await;
    for _ in 0..3 {
        let id = host.write("d1", "f140").await;
        host.error(id, "failed").await;
    }
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    assert!(!app.frame().await.contains(r#""DeviceIndex":0"#));
    host.expect(scanning(true)).await;
    app.ok(&vibrate(1, 5)).await;
    let id = host.write("d2", "f105").await;
    host.ok(id).await;
    host.say(advert("d1", "Massage Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    host.expect_return("d1", 0).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":0"#));
}
