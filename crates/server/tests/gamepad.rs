//! A gamepad, driven by the protocol that is in the catalogue, from a client's scan to the pad's loss.
#![cfg(all(feature = "gamepad", feature = "websocket", feature = "simulated"))]

#[path = "../../hardware/tests/gamepad/fake.rs"]
mod fake;
mod support;

use std::time::Duration;

use fake::{Fake, info};
use frisson_server::Server;
use frisson_server::hardware::gamepad::{GamepadBus, Speeds};
use frisson_testkit::wire::Dialect;
use support::*;

const READ_BATTERY: &str =
    r#"[{"InputCmd":{"Id":5,"DeviceIndex":0,"FeatureIndex":2,"Type":"Battery","Command":"Read"}}]"#;
const NO_DEVICES: &str = r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#;

async fn start(fake: &Fake) -> (Server, App, String) {
    let bus = GamepadBus::new(fake.clone());
    let server = Server::builder().scanner(bus).start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#).await;
    let list = app.frame().await;
    (server, app, list)
}

/// Waits until the newest that a pad was told is this.
async fn until_told(fake: &Fake, low: u16, high: u16) {
    let speeds = Speeds { low, high, ..Speeds::default() };
    within(async {
        while fake.told("event3").last().map(|(_, told)| *told) != Some(speeds) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_pad_is_found_by_what_it_can_do_driven_read_stopped_and_lost() {
    let fake = Fake::default();
    fake.plug(info("event3", "a0:ab:51:00:00:01"));
    let (_server, mut app, list) = start(&fake).await;
    assert!(list.contains("Low-frequency rumble") && !list.contains("Left-trigger"), "{list}");

    app.ok(&vibrate(0, 32768)).await;
    until_told(&fake, 32768, 0).await;
    assert!(app.ask(READ_BATTERY).await.contains("87"));
    app.ok(r#"[{"StopCmd":{"Id":7}}]"#).await;
    until_told(&fake, 0, 0).await;

    fake.unplug("event3");
    assert_eq!(app.frame().await, NO_DEVICES);
    fake.plug(info("event3", "a0:ab:51:00:00:01"));
    assert_eq!(app.frame().await, list, "the same pad has the same index");
}

#[tokio::test]
async fn a_client_that_disappears_leaves_a_pad_at_rest() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let (_server, mut app, _) = start(&fake).await;
    app.ok(&vibrate(0, 65535)).await;
    until_told(&fake, 65535, 0).await;
    drop(app);
    until_told(&fake, 0, 0).await;
}

#[tokio::test]
async fn a_server_that_shuts_down_leaves_a_pad_at_rest_and_closed() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let (server, mut app, _) = start(&fake).await;
    app.ok(&vibrate(0, 65535)).await;
    until_told(&fake, 65535, 0).await;
    assert!(within(server.shutdown()).await.is_complete());
    assert_eq!(fake.told("event3").last().map(|(_, told)| *told), Some(Speeds::default()));
    assert!(!fake.is_open("event3"));
}
