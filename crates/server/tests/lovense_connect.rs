//! Toys behind a fake of Lovense Connect, driven by a client through the whole server.
#![cfg(all(feature = "lovense-connect", feature = "websocket", feature = "simulated"))]

#[path = "../../hardware/tests/lovense_connect/fake.rs"]
#[allow(dead_code, unreachable_pub)]
mod fake;
mod support;

use std::time::Duration;

use fake::{Fake, toys};
use frisson_server::{Server, hardware};
use frisson_testkit::wire::Dialect;
use hardware::lovense_connect::{LovenseConnect, Options, Source};
use support::*;

/// A server that scans, and its client.
async fn scanning(fake: &Fake, count: usize) -> (Server, App) {
    let options = Options {
        source: Source::Service(format!("http://{}/service", fake.address)),
        poll_interval: Duration::from_millis(20),
        ..Options::default()
    };
    let bus = LovenseConnect::start(options).expect("an address");
    let server = Server::builder().scanner(bus).start().expect("a server");
    let clients = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":1}}]"#).await;
    for _ in 0..count {
        let list = app.frame().await;
        assert!(list.starts_with(r#"[{"DeviceList""#), "{list}");
    }
    within(until_known(&server, count)).await;
    (server, app)
}

fn set(feature: u32, output: &str, value: i32) -> String {
    format!(
        r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":0,"FeatureIndex":{feature},"Command":{{"{output}":{{"Value":{value}}}}}}}}}]"#
    )
}

#[tokio::test]
async fn a_toy_is_found_driven_read_stopped_and_lost() {
    let mut fake = Fake::start().await;
    fake.state().toys = toys(&[("A1B2", "Nora", "true", "87")]);
    let (_server, mut app) = scanning(&fake, 1).await;
    for (request, paths) in [
        (set(0, "Vibrate", 10), &["/Vibrate1?v=10&t=A1B2"][..]),
        (set(1, "Rotate", 20), &["/Rotate?v=20&t=A1B2"]),
        (set(1, "Rotate", -10), &["/RotateChange?t=A1B2", "/Rotate?v=10&t=A1B2"]),
        (r#"[{"StopCmd":{"Id":2}}]"#.to_owned(), &["/Vibrate1?v=0&t=A1B2", "/Rotate?v=0&t=A1B2"]),
    ] {
        app.ok(&request).await;
        for path in paths {
            assert_eq!(fake.command().await, *path, "{request}");
        }
    }
    let read =
        r#"[{"InputCmd":{"Id":3,"DeviceIndex":0,"FeatureIndex":2,"Type":"Battery","Command":"Read"}}]"#;
    let reading = app.ask(read).await;
    assert!(reading.contains(r#""Battery":{"Value":87}"#), "{reading}");
    assert!(fake.no_command());
    fake.state().toys = toys(&[]);
    assert_eq!(app.frame().await, r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#);
}

#[tokio::test]
async fn each_kind_of_toy_gets_its_own_requests() {
    for (name, first, request, path) in [
        ("Max", None, set(1, "Constrict", 2), "/AirAuto?v=2&t=T"),
        ("Edge", None, set(1, "Vibrate", 20), "/Vibrate2?v=20&t=T"),
        ("Gravity", None, set(1, "Oscillate", 5), "/Thrusting?v=5&t=T"),
        ("Solace", Some("/Depth?v=3&t=T"), set(0, "Oscillate", 5), "/Thrusting?v=5&t=T"),
        ("XMachine", None, set(0, "Oscillate", 5), "/Vibrate1?v=5&t=T"),
        ("Flexer", None, set(1, "Rotate", 20), "/Fingering?v=20&t=T"),
        ("Newest", None, set(0, "Vibrate", 1), "/Vibrate1?v=1&t=T"),
    ] {
        let mut fake = Fake::start().await;
        fake.state().toys = toys(&[("T", name, "1", "50")]);
        let (_server, mut app) = scanning(&fake, 1).await;
        if let Some(first) = first {
            assert_eq!(fake.command().await, first, "{name}");
        }
        app.ok(&request).await;
        assert_eq!(fake.command().await, path, "{name}");
    }
}
