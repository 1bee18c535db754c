//! TCode devices on the network, from the scan of a client to their loss and return.
#![cfg(all(feature = "tcode", feature = "websocket", feature = "simulated"))]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use frisson_server::Server;
use frisson_server::hardware::tcode::{Options, TCodeBus};
use frisson_testkit::wire::Dialect;
use serde_json::{Value, json};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// A server for a device at this place, and a client whose scan runs.
async fn scanning(target: String) -> (Server, App) {
    let targets = vec![target.parse().expect("a target")];
    let bus = TCodeBus::new(Options { targets, every: Duration::from_millis(20) });
    let server = Server::builder().scanner(bus).start().expect("a server");
    let clients = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(clients, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#).await;
    (server, app)
}

async fn devices(app: &mut App) -> Value {
    let list: Value = serde_json::from_str(&app.frame().await).expect("JSON");
    list[0]["DeviceList"]["Devices"].clone()
}

fn stroke(value: u32, ms: u32) -> String {
    let command = json!({"HwPositionWithDuration": {"Value": value, "Duration": ms}});
    json!([{"OutputCmd": {"Id": 2, "DeviceIndex": 0, "FeatureIndex": 0, "Command": command}}]).to_string()
}

async fn datagram(device: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 2048];
    let (count, from) = within(device.recv_from(&mut buffer)).await.expect("a datagram");
    (String::from_utf8_lossy(&buffer[..count]).into_owned(), from)
}

async fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(within(stream.read_u8()).await.expect("a byte"));
    }
    String::from_utf8(line).expect("text")
}

#[tokio::test]
async fn a_stroker_is_driven_over_udp() {
    let device = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (_server, mut app) = scanning(format!("udp://{}", device.local_addr().expect("an address"))).await;
    let (question, server) = datagram(&device).await;
    assert_eq!(question, "D1\n");
    device.send_to(b"TCode v0.3\n", server).await.expect("an answer");
    assert_eq!(devices(&mut app).await["0"]["DeviceName"], "TCode v0.3 (Single Linear Axis)");
    app.ok(&stroke(999, 200)).await;
    assert_eq!(datagram(&device).await.0, "L0999I200\n");
    app.ok(&stroke(5, 200)).await;
    assert_eq!(datagram(&device).await.0, "L0005I200\n");
    drop(device);
    // The system tells of a refused datagram only after it was sent.
    app.ok(&stroke(10, 200)).await;
    assert_eq!(devices(&mut app).await, json!({}));
}

#[tokio::test]
async fn a_stroker_over_tcp_that_is_cut_off_returns_under_its_index() {
    let device = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (_server, mut app) = scanning(format!("tcp://{}", device.local_addr().expect("an address"))).await;
    for value in [500, 501] {
        let (mut stream, _) = within(device.accept()).await.expect("a connection");
        assert_eq!(line(&mut stream).await, "D1\n");
        stream.write_all(b"TCode v0.3\n").await.expect("an answer");
        assert_eq!(devices(&mut app).await["0"]["DeviceName"], "TCode v0.3 (Single Linear Axis)");
        app.ok(&stroke(value, 1000)).await;
        assert_eq!(line(&mut stream).await, format!("L0{value}I1000\n"));
        drop(stream);
        assert_eq!(devices(&mut app).await, json!({}));
    }
}
