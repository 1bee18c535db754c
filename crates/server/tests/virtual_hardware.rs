//! Devices that a test presents as a host of virtual hardware, from the scan of a client to the end of the server.
#![cfg(all(feature = "virtual-hardware", feature = "websocket", feature = "simulated"))]

mod support;
#[path = "support/virtual_host.rs"]
mod virtual_host;

use frisson_server::Server;
use frisson_testkit::wire::Dialect;
use serde_json::json;
use support::*;
use virtual_host::*;

const SCAN: &str = r#"[{"StartScanning":{"Id":5}}]"#;
const END_SCAN: &str = r#"[{"StopScanning":{"Id":6}}]"#;
const STOP: &str = r#"[{"StopCmd":{"Id":7}}]"#;
const NO_DEVICES: &str = r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#;

/// A server, a host and a client whose scan runs.
async fn scanning() -> (Server, Host, App) {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    (server, host, app)
}

/// Presents a device and waits until clients can use it.
async fn add(host: &mut Host, app: &mut App, device: &str, index: u32) {
    host.say(advert(device, "Massage Demo")).await;
    let id = host.asked("connect", device).await;
    host.ok(id).await;
    host.expect_ready(device, index).await;
    let list = app.frame().await;
    assert!(list.contains(&format!(r#""DeviceIndex":{index}"#)), "{list}");
}

/// The same, with all that belongs to it.
async fn one_device() -> (Server, Host, App) {
    let (server, mut host, mut app) = scanning().await;
    add(&mut host, &mut app, "d1", 0).await;
    (server, host, app)
}

#[tokio::test]
async fn the_whole_session_of_the_document() {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    host.say(advert("d1", "Massage Demo")).await;
    host.expect_nothing().await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    host.expect(json!({"type": "connect", "id": 1, "device": "d1"})).await;
    host.ok(json!(1)).await;
    host.expect_ready("d1", 0).await;
    let list = app.frame().await;
    assert!(list.contains(r#""DeviceName":"Demo Vibrator""#), "{list}");
    app.ok(&vibrate(0, 64)).await;
    assert_eq!(host.write("d1", "f140").await, 2);
    host.ok(json!(2)).await;

    // A write that fails is written again from the newest state.
    app.ok(&vibrate(0, 127)).await;
    let id = host.write("d1", "f17f").await;
    host.error(id, "failed").await;
    let id = host.write("d1", "f17f").await;
    host.ok(id).await;

    // A slow link sees the newest state only.
    app.ok(&vibrate(0, 16)).await;
    let id = host.write("d1", "f110").await;
    for value in [32, 48, 64] {
        app.ok(&vibrate(0, value)).await;
    }
    host.expect_nothing().await;
    host.ok(id).await;
    let id = host.write("d1", "f140").await;
    host.ok(id).await;

    // The link drops in the middle of a write, then the device comes back.
    app.ok(&vibrate(0, 80)).await;
    let late = host.write("d1", "f150").await;
    host.lose("d1").await;
    assert_eq!(app.frame().await, NO_DEVICES);
    host.ok(late).await;
    host.say(advert("d1", "Massage Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    host.expect_return("d1", 0).await;
    assert_eq!(app.frame().await, list);

    // One that refuses, one that nobody knows, one whose set-up fails, and a frame with a fault.
    host.say(advert("d2", "Massage Demo")).await;
    let id = host.asked("connect", "d2").await;
    host.error(id, "refused").await;
    host.expect_ignored("d2", "connect-failed").await;
    let mouse = json!({"type": "advertise", "device": "d3", "transport": "hid", "name": "Some mouse", "vendor_id": 1133, "product_id": 49271});
    host.say(mouse).await;
    host.expect_ignored("d3", "no-match").await;
    host.say(advert("d4", "Mute Demo")).await;
    let id = host.asked("connect", "d4").await;
    host.ok(id).await;
    let id = host.subscribe("d4").await;
    host.ok(id).await;
    let id = host.write("d4", "aa5501").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d4").await;
    host.ok(id).await;
    host.expect_ignored("d4", "init-failed").await;
    host.say(json!({"type": "notfy", "device": "d1"})).await;
    host.expect(json!({"type": "error", "code": "unknown-type", "message": "notfy", "device": "d1"})).await;

    // The server stops while the motor runs.
    app.ok(&vibrate(0, 64)).await;
    let id = host.write("d1", "f140").await;
    host.ok(id).await;
    app.ok(END_SCAN).await;
    host.expect(json!({"type": "scanning", "active": false})).await;
    let stopping = tokio::spawn(server.shutdown());
    let id = host.write("d1", "f100").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    assert_eq!(host.until_closed().await, Some(1001));
    assert!(within(stopping).await.expect("no panic").is_complete());
}

#[tokio::test]
async fn a_set_up_that_is_answered_makes_the_device_ready() {
    let (_server, mut host, mut app) = scanning().await;
    host.say(advert("d1", "Shy Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    let id = host.subscribe("d1").await;
    host.ok(id).await;
    let id = host.write("d1", "aa5501").await;
    host.ok(id).await;
    host.say(json!({"type": "notify", "device": "d1", "endpoint": RX, "data": "aa"})).await;
    host.expect_ready("d1", 0).await;
    assert!(app.frame().await.contains("Demo Vibrator"));
}

#[tokio::test]
async fn a_set_up_fails_with_any_of_its_steps() {
    let (_server, mut host, mut app) = scanning().await;
    for step in ["subscribe", "write"] {
        host.say(advert("d1", "Shy Demo")).await;
        let id = host.asked("connect", "d1").await;
        host.ok(id).await;
        let mut id = host.subscribe("d1").await;
        if step == "write" {
            host.ok(id).await;
            id = host.write("d1", "aa5501").await;
        }
        host.error(id, "failed").await;
        let id = host.asked("disconnect", "d1").await;
        host.ok(id).await;
        host.expect_ignored("d1", "init-failed").await;
    }
    // Nothing was announced meanwhile, and the device can still be used.
    add(&mut host, &mut app, "d1", 0).await;
}

#[tokio::test]
async fn a_link_that_drops_while_it_is_made_or_set_up_leaves_nothing_behind() {
    let (_server, mut host, mut app) = scanning().await;
    for steps in 0..3 {
        host.say(advert("d1", "Shy Demo")).await;
        let mut late = host.asked("connect", "d1").await;
        if steps > 0 {
            host.ok(late).await;
            late = host.subscribe("d1").await;
        }
        if steps > 1 {
            host.ok(late).await;
            late = host.write("d1", "aa5501").await;
        }
        host.lose("d1").await;
        host.expect_ignored("d1", if steps == 0 { "connect-failed" } else { "init-failed" }).await;
        host.ok(late).await;
        host.expect_nothing().await;
    }
    add(&mut host, &mut app, "d1", 0).await;
}

#[tokio::test]
async fn a_device_that_refused_is_used_once_it_does_not_refuse_any_more() {
    let (_server, mut host, mut app) = scanning().await;
    host.say(advert("d1", "Massage Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.error(id, "refused").await;
    host.expect_ignored("d1", "connect-failed").await;
    add(&mut host, &mut app, "d1", 0).await;
}

#[tokio::test]
async fn a_device_without_the_services_of_its_protocols_is_not_used() {
    let (_server, mut host, _app) = scanning().await;
    let mut advert = advert("d1", "Massage Demo");
    advert["services"] = json!([]);
    host.say(advert).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    host.expect_ignored("d1", "connect-failed").await;
}

#[tokio::test]
async fn scanning_follows_the_wishes_of_clients() {
    let (_server, mut host, mut app) = scanning().await;
    app.say(END_SCAN).await;
    assert_eq!(app.frame().await, r#"[{"Ok":{"Id":6}}]"#);
    host.expect(json!({"type": "scanning", "active": false})).await;
    assert!(app.frame().await.contains("ScanningFinished"));
    host.say(advert("d1", "Massage Demo")).await;
    host.expect_nothing().await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    host.expect_ready("d1", 0).await;
}

#[tokio::test]
async fn after_three_failed_writes_in_a_row_the_link_is_closed() {
    let (_server, mut host, mut app) = one_device().await;
    app.ok(&vibrate(0, 64)).await;
    for _ in 0..3 {
        let id = host.write("d1", "f140").await;
        host.error(id, "failed").await;
    }
    let id = host.asked("disconnect", "d1").await;
    host.ok(id).await;
    assert_eq!(app.frame().await, NO_DEVICES);
    host.expect_nothing().await;
    // It may be running: it is brought to rest when it returns.
    host.say(advert("d1", "Massage Demo")).await;
    let id = host.asked("connect", "d1").await;
    host.ok(id).await;
    host.expect_return("d1", 0).await;
}

#[tokio::test]
async fn devices_do_not_wait_for_each_other() {
    let (_server, mut host, mut app) = one_device().await;
    add(&mut host, &mut app, "d2", 1).await;
    app.ok(&vibrate(0, 64)).await;
    let slow = host.write("d1", "f140").await;
    for value in 1..5 {
        app.ok(&vibrate(1, value)).await;
        let id = host.write("d2", &format!("f10{value}")).await;
        host.ok(id).await;
    }
    host.ok(slow).await;
}

#[tokio::test]
async fn a_stop_waits_for_nothing_but_the_request_under_way() {
    let (_server, mut host, mut app) = one_device().await;
    app.ok(&vibrate(0, 64)).await;
    let id = host.write("d1", "f140").await;
    app.ok(&vibrate(0, 100)).await;
    app.say(STOP).await;
    host.expect_nothing().await;
    host.ok(id).await;
    let id = host.write("d1", "f100").await;
    host.ok(id).await;
    assert_eq!(app.frame().await, r#"[{"Ok":{"Id":7}}]"#);
    host.expect_nothing().await;
}

#[tokio::test]
async fn when_a_client_goes_what_it_drove_is_stopped() {
    let (_server, mut host, mut app) = one_device().await;
    app.ok(&vibrate(0, 64)).await;
    let id = host.write("d1", "f140").await;
    host.ok(id).await;
    drop(app);
    // With the client its scan ends, in any order.
    let mut told = [host.hear().await, host.hear().await];
    told.sort_by_key(|frame| frame["type"].to_string());
    let [scanning, write] = told;
    assert_eq!(scanning, json!({"type": "scanning", "active": false}));
    assert_eq!((&write["type"], &write["data"]), (&json!("write"), &json!("f100")));
    host.ok(write["id"].clone()).await;
}

#[tokio::test]
async fn inputs_are_read_and_heard() {
    let (_server, mut host, mut app) = one_device().await;
    app.say(r#"[{"InputCmd":{"Id":8,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#)
        .await;
    let id = host.request(json!({"type": "read", "device": "d1", "endpoint": RX})).await;
    host.say(json!({"type": "ok", "id": id, "data": "39"})).await;
    let reading = app.frame().await;
    assert!(reading.contains(r#""Battery":{"Value":57}"#), "{reading}");
    app.say(r#"[{"InputCmd":{"Id":9,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#)
        .await;
    let id = host.request(json!({"type": "read", "device": "d1", "endpoint": RX})).await;
    host.error(id, "no-data").await;
    assert_error(&app.frame().await, 9, 4);
    let notify = |data: &str| json!({"type": "notify", "device": "d1", "endpoint": RX, "data": data});
    app.say(r#"[{"InputCmd":{"Id":10,"DeviceIndex":0,"FeatureIndex":2,"Type":"Pressure","Command":"Subscribe"}}]"#).await;
    assert_eq!(app.frame().await, r#"[{"Ok":{"Id":10}}]"#);
    let id = host.subscribe("d1").await;
    host.ok(id).await;
    host.say(notify("07")).await;
    let reading = app.frame().await;
    assert!(reading.contains(r#""Pressure":{"Value":7}"#), "{reading}");
}

#[tokio::test]
async fn when_a_host_goes_clients_see_its_devices_go_and_another_host_may_bring_them_back() {
    let (server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    host.expect(json!({"type": "scanning", "active": true})).await;
    add(&mut host, &mut app, "d1", 0).await;
    add(&mut host, &mut app, "d2", 1).await;
    app.ok(&vibrate(0, 64)).await;
    host.write("d1", "f140").await;
    host.cut();
    let gone = app.frame().await;
    assert!(gone.contains("DeviceList"), "{gone}");
    assert_eq!(app.frame().await, NO_DEVICES);
    assert_error(&app.ask(&vibrate(0, 64)).await, 2, 4);
    let mut host = Host::open(hosts, true).await;
    host.say(advert("d2", "Massage Demo")).await;
    let id = host.asked("connect", "d2").await;
    host.ok(id).await;
    host.expect_ready("d2", 1).await;
    assert!(app.frame().await.contains(r#""DeviceIndex":1"#));
    drop(server);
}

#[tokio::test]
async fn at_the_end_a_device_that_cannot_be_stopped_is_named() {
    let (server, mut host, mut app) = one_device().await;
    app.ok(&vibrate(0, 64)).await;
    let id = host.write("d1", "f140").await;
    host.ok(id).await;
    app.ok(END_SCAN).await;
    host.expect(json!({"type": "scanning", "active": false})).await;
    let stopping = tokio::spawn(server.shutdown());
    host.write("d1", "f100").await;
    // The stop is never answered.
    host.asked("disconnect", "d1").await;
    assert_eq!(host.until_closed().await, Some(1001));
    assert_eq!(within(stopping).await.expect("no panic").unstopped, ["Demo Vibrator"]);
}
