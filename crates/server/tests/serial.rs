//! Devices on serial ports, from the scan of a client to the end of the server; pseudo-terminals are the ports.
#![cfg(all(unix, feature = "serial", feature = "websocket", feature = "simulated"))]

#[path = "../../hardware/tests/serial/pty.rs"]
mod pty;
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use frisson_devices::Catalogue;
use frisson_program::language::File;
use frisson_server::Server;
use frisson_server::hardware::serial::{Named, Options, SerialBus};
use frisson_testkit::wire::Dialect;
use pty::Device;
use serde_json::{Value, json};
use support::*;

const SCAN: &str = r#"[{"StartScanning":{"Id":5}}]"#;
const STOP: &str = r#"[{"StopCmd":{"Id":7}}]"#;

/// A server that uses the ports which the catalogue names.
async fn serve(catalogue: Catalogue) -> (Server, SocketAddr) {
    let named = catalogue.serial_ports().into_iter();
    let ports = named.map(|(name, protocol)| Named { greets: protocol == "tcode-v03", name }).collect();
    let bus = SerialBus::new(Options { ports, every: Duration::from_millis(20) });
    let server = Server::builder().catalogue(catalogue).scanner(bus).start().expect("a server");
    let clients = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    (server, clients)
}

fn assigned(port: &str, protocol: &str) -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    catalogue.assign_port(port, protocol).expect("a protocol for serial ports");
    catalogue
}

/// A device file of the user's: at this port there is a stroker with a vibrator.
fn stroker_with_vibrator(port: &str) -> Catalogue {
    let text = format!(
        "format = 1\nextends = \"tcode-v03\"\n[[serial]]\nport = {port:?}\nbaud_rate = 250000\n[[models]]\n\
         match = [{port:?}]\nname = \"My Stroker\"\nfeatures = [{{ stroke = 999, ms = 5000 }}, {{ vibrate = 99 }}]\n"
    );
    let base = Catalogue::definition("tcode-v03").expect("is built in");
    let file = File::parse(&text, "mine.toml").and_then(|file| file.extend(&base));
    let mut catalogue = Catalogue::built_in();
    catalogue.add(Arc::new(file.unwrap_or_else(|found| panic!("{}", found[0]))));
    catalogue
}

/// The devices of the next list.
async fn devices(app: &mut App) -> Value {
    let list: Value = serde_json::from_str(&app.frame().await).expect("JSON");
    list[0]["DeviceList"]["Devices"].clone()
}

fn output(feature: u32, command: &Value) -> String {
    let output = json!({"Id": 2, "DeviceIndex": 0, "FeatureIndex": feature, "Command": command});
    json!([{ "OutputCmd": output }]).to_string()
}

fn stroke(value: u32, ms: u32) -> String {
    output(0, &json!({"HwPositionWithDuration": {"Value": value, "Duration": ms}}))
}

/// A client that has found the device, and what it is told of it.
async fn found(clients: SocketAddr, device: &mut Device) -> (App, Value) {
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    assert_eq!(device.line().await, "D1\n");
    device.say("TCode v0.3\n");
    let devices = devices(&mut app).await;
    (app, devices)
}

#[tokio::test]
async fn a_tcode_stroker_at_a_port_that_the_user_names_is_found_and_driven() {
    let mut device = Device::plug();
    let (_server, clients) = serve(assigned(&device.port, "tcode-v03")).await;
    let (mut app, devices) = found(clients, &mut device).await;
    assert_eq!(devices["0"]["DeviceName"], "TCode v0.3 (Single Linear Axis)");
    assert_eq!(devices["0"]["DeviceMessageTimingGap"], 20);
    assert_eq!(device.settings().output_speed(), 115_200);
    app.ok(&stroke(999, 200)).await;
    assert_eq!(device.line().await, "L0999I200\n");
    app.ok(&stroke(5, 200)).await;
    assert_eq!(device.line().await, "L0005I200\n");
    app.ok(&output(0, &json!({"Position": {"Value": 500}}))).await;
    assert_eq!(device.line().await, "L0500\n");
    assert_eq!(device.unread(), b"");
}

#[tokio::test]
async fn a_device_file_of_the_user_names_the_port_its_settings_and_its_features() {
    let mut device = Device::plug();
    let (_server, clients) = serve(stroker_with_vibrator(&device.port)).await;
    let (mut app, devices) = found(clients, &mut device).await;
    assert_eq!(devices["0"]["DeviceName"], "My Stroker");
    assert_eq!(device.settings().output_speed(), 250_000);
    app.ok(&output(1, &json!({"Vibrate": {"Value": 99}}))).await;
    assert_eq!(device.line().await, "V199\n");
    app.ok(STOP).await;
    assert_eq!(device.line().await, "V100\n");
}

#[tokio::test]
async fn a_device_is_stopped_when_its_client_vanishes_and_its_port_is_free_when_the_server_has_ended() {
    let mut device = Device::plug();
    let (server, clients) = serve(stroker_with_vibrator(&device.port)).await;
    let (mut app, _) = found(clients, &mut device).await;
    app.ok(&output(1, &json!({"Vibrate": {"Value": 50}}))).await;
    assert_eq!(device.line().await, "V150\n");
    drop(app);
    assert_eq!(device.line().await, "V100\n");
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(&output(1, &json!({"Vibrate": {"Value": 7}}))).await;
    assert_eq!(device.line().await, "V107\n");
    let stopped = within(server.shutdown()).await;
    assert!(stopped.is_complete(), "{stopped:?}");
    assert_eq!(device.line().await, "V100\n");
    device.until_free().await;
}

#[tokio::test]
async fn unplugged_in_the_middle_of_a_write_the_device_is_removed_and_returns_under_its_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("stroker").to_str().expect("a path").to_owned();
    let mut device = Device::plug();
    std::os::unix::fs::symlink(&device.port, &link).expect("a link");
    let (_server, clients) = serve(assigned(&link, "tcode-v03")).await;
    let (mut app, _) = found(clients, &mut device).await;
    device.clog();
    app.ok(&stroke(999, 200)).await;
    device.unplug();
    std::fs::remove_file(&link).expect("a link");
    assert_eq!(devices(&mut app).await, json!({}));
    assert_error(&app.ask(&stroke(0, 200)).await, 2, 4);

    let mut device = Device::plug();
    std::os::unix::fs::symlink(&device.port, &link).expect("a link");
    assert_eq!(device.line().await, "D1\n");
    let back = devices(&mut app).await;
    assert_eq!(back["0"]["DeviceName"], "TCode v0.3 (Single Linear Axis)", "{back}");
    app.ok(&stroke(1, 100)).await;
    assert_eq!(device.line().await, "L0001I100\n");
}

#[tokio::test]
async fn other_protocols_have_their_own_settings_and_are_asked_nothing() {
    let mut device = Device::plug();
    let (_server, clients) = serve(assigned(&device.port, "kizuna")).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    let devices = devices(&mut app).await;
    assert!(devices["0"].is_object(), "{devices}");
    assert_eq!(device.settings().output_speed(), 19_200);
    app.ok(&output(0, &json!({"Rotate": {"Value": 5}}))).await;
    assert_eq!(device.line().await, "5\r\n");
}

#[tokio::test]
async fn a_port_without_a_protocol_is_left_alone() {
    let mut device = Device::plug();
    let ports = vec![Named::new(&device.port)];
    let bus = SerialBus::new(Options { ports, every: Duration::from_millis(20) });
    let server = Server::builder().scanner(bus).start().expect("a server");
    let clients = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(SCAN).await;
    let heard = tokio::time::timeout(Duration::from_millis(200), app.hear()).await;
    assert!(heard.is_err(), "{heard:?}");
    assert_eq!(device.unread(), b"");
    drop(device.occupy());
}
