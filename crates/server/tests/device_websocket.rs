//! Devices that connect over WebSocket, driven by a client through the whole server.
#![cfg(all(feature = "device-websocket", feature = "websocket", feature = "simulated"))]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use frisson_server::Server;
use frisson_server::hardware::device_websocket::{DeviceWebSocket, Options};
use frisson_testkit::wire::Dialect;
use futures_util::{SinkExt, StreamExt};
use support::*;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

const LAMP: &str = r#"{"identifier":"lamp","address":"1","version":1,"name":"My Lamp","features":{
    "0":{"FeatureIndex":0,"FeatureDescription":"Bulb","Output":{"Led":{"Value":[0,255]},"Vibrate":{"Value":[0,20]}}},
    "3":{"FeatureIndex":3,"Input":{"Battery":{"Value":[[0,100]],"Command":["Read"]},"Button":{"Value":[[0,1]],"Command":["Subscribe"]}}}}}"#;

/// A server that lets devices and clients in, and where.
async fn serve() -> (Server, SocketAddr, SocketAddr) {
    let address = ([127, 0, 0, 1], 0).into();
    let options = Options { address, greeting_timeout: Duration::from_secs(60), ..Options::default() };
    let (bus, devices) = DeviceWebSocket::listen(options).expect("a free port");
    let server = Server::builder().scanner(bus).start().expect("a server");
    let clients = server.listen(address).await.expect("a port");
    (server, devices, clients)
}

struct Device(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Device {
    async fn connect(address: SocketAddr) -> Self {
        let uri = format!("ws://{address}/").parse().expect("a URI");
        Self(within(ClientBuilder::from_uri(uri).connect()).await.expect("an upgrade").0)
    }

    async fn greet(address: SocketAddr, greeting: &str) -> Self {
        let mut device = Self::connect(address).await;
        device.say(greeting).await;
        device
    }

    async fn say(&mut self, text: &str) {
        within(self.0.send(Message::text(text.to_owned()))).await.expect("an open connection");
    }

    /// The next message that is not a ping, as text.
    async fn hear(&mut self) -> String {
        loop {
            let message = within(self.0.next()).await.expect("an open connection").expect("a message");
            if !message.is_ping() {
                return String::from_utf8_lossy(message.as_payload()).into_owned();
            }
        }
    }
}

fn set(device: u32, output: &str, value: i32) -> String {
    format!(
        r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":{device},"FeatureIndex":0,"Command":{{"{output}":{{"Value":{value}}}}}}}}}]"#
    )
}

/// Answers a request, past what is said of other devices meanwhile.
async fn ok(app: &mut App, text: &str) {
    app.say(text).await;
    while !app.frame().await.starts_with(r#"[{"Ok":"#) {}
}

#[tokio::test]
async fn fifty_devices_are_driven_while_one_is_silent_and_one_is_cut() {
    let (server, address, clients) = serve().await;
    let _silent = Device::connect(address).await;
    let mut devices = Vec::new();
    for number in 0..50 {
        let greeting = format!(r#"{{"identifier":"tcode-v03","address":"{number}","version":0}}"#);
        devices.push(Device::greet(address, &greeting).await);
        // Indices are given in the order in which devices are ready.
        within(until_known(&server, number + 1)).await;
    }
    let mut app = App::open(clients, Dialect::V4).await;
    for device in 0..50 {
        ok(&mut app, &set(device, "Position", 500)).await;
    }
    for device in &mut devices {
        assert_eq!(device.hear().await, "L0500\n");
    }
    drop(devices.remove(0));
    within(until_known(&server, 49)).await;
    for device in 1..50 {
        ok(&mut app, &set(device, "Position", 7)).await;
    }
    for device in &mut devices {
        assert_eq!(device.hear().await, "L0007\n");
    }
}

#[tokio::test]
async fn a_device_that_is_cut_comes_back_under_its_index() {
    let (server, address, clients) = serve().await;
    let mut app = App::open(clients, Dialect::V4).await;
    let _other = Device::greet(address, r#"{"identifier":"tcode-v03","address":"0","version":0}"#).await;
    within(until_known(&server, 1)).await;
    let lamp = Device::greet(address, LAMP).await;
    within(until_known(&server, 2)).await;
    drop(lamp);
    within(until_known(&server, 1)).await;
    let mut lamp = Device::greet(address, LAMP).await;
    within(until_known(&server, 2)).await;
    ok(&mut app, &set(1, "Led", 3)).await;
    // Whether it was at rest when it was cut is not known for sure, so it may be brought to rest first.
    while lamp.hear().await != r#"{"feature":0,"output":"Led","value":3}"# {}
}

#[tokio::test]
async fn a_device_that_describes_itself_is_driven_by_any_client() {
    let (server, address, clients) = serve().await;
    let mut lamp = Device::greet(address, LAMP).await;
    within(until_known(&server, 1)).await;
    let mut app = App::open(clients, Dialect::V4).await;
    let list = app.ask(r#"[{"RequestDeviceList":{"Id":9}}]"#).await;
    for part in [
        r#""DeviceName":"My Lamp""#,
        r#""FeatureDescription":"Bulb""#,
        r#""Led":{"Value":[0,255]}"#,
        r#""FeatureIndex":3"#,
        r#""Battery":{"Value":[[0,100]],"Command":["Read"]}"#,
    ] {
        assert!(list.contains(part), "{part} in {list}");
    }

    app.ok(&set(0, "Led", 200)).await;
    assert_eq!(lamp.hear().await, r#"{"feature":0,"output":"Led","value":200}"#);
    app.ok(&set(0, "Vibrate", 20)).await;
    assert_eq!(lamp.hear().await, r#"{"feature":0,"output":"Vibrate","value":20}"#);
    assert_error(&app.ask(&set(0, "Vibrate", 21)).await, 2, 4);

    app.say(r#"[{"InputCmd":{"Id":3,"DeviceIndex":0,"FeatureIndex":3,"Type":"Battery","Command":"Read"}}]"#)
        .await;
    assert_eq!(lamp.hear().await, r#"{"feature":3,"input":"Battery","command":"Read"}"#);
    lamp.say("{ this is no line").await;
    lamp.say(r#"{"feature":3,"input":"Battery","value":87}"#).await;
    let reading = app.frame().await;
    assert!(reading.contains(r#""Battery":{"Value":87}"#), "{reading}");

    app.say(
        r#"[{"InputCmd":{"Id":4,"DeviceIndex":0,"FeatureIndex":3,"Type":"Button","Command":"Subscribe"}}]"#,
    )
    .await;
    assert_eq!(lamp.hear().await, r#"{"feature":3,"input":"Button","command":"Subscribe"}"#);
    assert_eq!(app.frame().await, r#"[{"Ok":{"Id":4}}]"#);
    lamp.say(r#"{"feature":3,"input":"Button","value":1}"#).await;
    let reading = app.frame().await;
    assert!(reading.contains(r#""Button":{"Value":1}"#), "{reading}");

    // An older client sees the same device, and its end stops what it drives.
    let mut old = App::open(clients, Dialect::V2).await;
    let vibrate = r#"[{"VibrateCmd":{"Id":5,"DeviceIndex":0,"Speeds":[{"Index":0,"Speed":0.5}]}}]"#;
    old.ok(vibrate).await;
    assert_eq!(lamp.hear().await, r#"{"feature":0,"output":"Vibrate","value":10}"#);
    drop(old);
    assert_eq!(lamp.hear().await, r#"{"feature":0,"output":"Vibrate","value":0}"#);
}

#[tokio::test]
async fn a_server_that_stops_brings_its_devices_to_rest_before_it_lets_go_of_them() {
    let (server, address, clients) = serve().await;
    let mut lamp = Device::greet(address, LAMP).await;
    within(until_known(&server, 1)).await;
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(&set(0, "Vibrate", 7)).await;
    assert_eq!(lamp.hear().await, r#"{"feature":0,"output":"Vibrate","value":7}"#);
    let (stopped, _) = tokio::join!(within(server.shutdown()), async {
        while lamp.hear().await != r#"{"feature":0,"output":"Vibrate","value":0}"# {}
    });
    assert!(stopped.is_complete(), "{stopped:?}");
}

/// The examples of the documentation, run as they are.
#[cfg(unix)]
mod examples {
    use std::path::{Path, PathBuf};
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
    use tokio::process::{Child, ChildStderr, ChildStdout, Command};

    use super::*;

    fn example(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples").join(name)
    }

    /// Runs a command that has to succeed; nothing if there is no such command here.
    async fn done(command: &mut Command) -> Option<bool> {
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        done.ok().map(|status| status.success())
    }

    /// Where Python finds the package `websockets`: installed here, or fetched. Nothing if there is no Python.
    async fn packages() -> Option<PathBuf> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("self-described-python");
        let is_there = ["-c", "import websockets"];
        if !done(Command::new("python3").args(is_there).env("PYTHONPATH", &folder)).await? {
            let install = ["-m", "pip", "install", "--quiet", "--no-deps", "websockets==17.4", "--target"];
            let installed = done(Command::new("python3").args(install).arg(&folder)).await?;
            assert!(installed, "the package websockets cannot be installed for Python");
        }
        Some(folder)
    }

    async fn until(lines: &mut Lines<BufReader<ChildStdout>>, wanted: &str) {
        loop {
            let line = within(lines.next_line()).await.expect("text").expect("a running example");
            if line == wanted {
                return;
            }
        }
    }

    #[tokio::test]
    async fn the_example_in_python_is_driven_and_stops_when_its_link_is_cut() {
        let Some(packages) = packages().await else {
            return eprintln!("skipped: there is no python3 here");
        };
        let (server, address, clients) = serve().await;
        let mut example = Command::new("python3")
            .arg(example("self_described.py"))
            .arg(format!("ws://{address}/"))
            .env("PYTHONPATH", packages)
            .env_remove("http_proxy")
            .env_remove("HTTP_PROXY")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3");
        let mut said = BufReader::new(example.stdout.take().expect("a pipe")).lines();
        within(until_known(&server, 1)).await;
        let mut app = App::open(clients, Dialect::V4).await;
        app.ok(&set(0, "Vibrate", 50)).await;
        until(&mut said, "feature 0: Vibrate 50 in 0 ms").await;
        let stroke = r#"[{"OutputCmd":{"Id":2,"DeviceIndex":0,"FeatureIndex":1,"Command":{"HwPositionWithDuration":{"Value":999,"Duration":10000}}}}]"#;
        app.ok(stroke).await;
        until(&mut said, "feature 1: HwPositionWithDuration 999 in 10000 ms").await;
        let read =
            r#"[{"InputCmd":{"Id":3,"DeviceIndex":0,"FeatureIndex":2,"Type":"Battery","Command":"Read"}}]"#;
        let reading = app.ask(read).await;
        assert!(reading.contains(r#""Battery":{"Value":87}"#), "{reading}");
        app.ok(r#"[{"StopCmd":{"Id":4}}]"#).await;
        until(&mut said, "feature 1: HwPositionWithDuration ends where it is").await;
        within(server.shutdown()).await;
        until(&mut said, "stopped").await;
    }

    /// The example in C++ as a process whose standard input and output are its serial port; nothing if there is no compiler.
    async fn board(folder: &Path) -> Option<Child> {
        let board = folder.join("board");
        let arduino = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/arduino");
        let mut compile = Command::new("c++");
        compile.args(["-std=c++17", "-Wall", "-Wextra", "-I"]).arg(arduino).arg("-o").arg(&board);
        assert!(done(compile.arg(example("self_described.cpp"))).await?, "the example does not compile");
        let mut run = Command::new(board);
        run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Some(run.spawn().expect("the example"))
    }

    async fn until_at(pins: &mut Lines<BufReader<ChildStderr>>, wanted: &str) {
        while within(pins.next_line()).await.expect("text").expect("a running example") != wanted {}
    }

    #[tokio::test]
    async fn the_example_in_cpp_is_asked_for_its_greeting_and_driven() {
        let folder = tempfile::tempdir().expect("a folder");
        let Some(mut board) = board(folder.path()).await else {
            return eprintln!("skipped: there is no C++ compiler here");
        };
        let mut input = board.stdin.take().expect("a pipe");
        let mut output = BufReader::new(board.stdout.take().expect("a pipe")).lines();
        let mut pins = BufReader::new(board.stderr.take().expect("a pipe")).lines();
        let (server, address, clients) = serve().await;
        // A bridge from its serial port to the server, which says only what is behind it.
        let mut bridge =
            Device::greet(address, r#"{"identifier":"self-described","address":"b","version":0}"#).await;
        let bridge = tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(Ok(message)) = bridge.0.next() => {
                        if message.is_binary() && input.write_all(message.as_payload()).await.is_err() {
                            return;
                        }
                    }
                    Ok(Some(line)) = output.next_line() => bridge.say(&line).await,
                    else => return,
                }
            }
        });
        within(until_known(&server, 1)).await;
        let mut app = App::open(clients, Dialect::V4).await;
        let list = app.ask(r#"[{"RequestDeviceList":{"Id":9}}]"#).await;
        assert!(list.contains(r#""DeviceName":"Arduino Example""#), "{list}");
        app.ok(&set(0, "Vibrate", 200)).await;
        until_at(&mut pins, "pin 5: 200").await;
        let read =
            r#"[{"InputCmd":{"Id":3,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#;
        let reading = app.ask(read).await;
        assert!(reading.contains(r#""Battery":{"Value":87}"#), "{reading}");
        // It stops by itself when it hears nothing any more.
        bridge.abort();
        until_at(&mut pins, "pin 5: 0").await;
    }
}
