//! Sections 1, 2 and 6: the channel, its opening, and what is wrong with frames.

use frisson_hardware::Scanner;
use frisson_hardware::virtual_hardware::{ListenError, Options, VirtualHardware};
use frisson_testkit::socket::Heard;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// The first line of the answer to a request for an upgrade.
async fn upgrade(address: std::net::SocketAddr, path: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("an open connection");
    let mut answer = vec![0; 12];
    within(stream.read_exact(&mut answer)).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn it_listens_on_this_machine_only() {
    let (_bus, address) = bus();
    assert_eq!(address.ip().to_string(), "127.0.0.1");
    assert_ne!(address.port(), 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (_bus, address) = bus();
    let again = VirtualHardware::listen(Options { port: address.port(), ..Options::default() });
    let error = again.err().expect("taken").to_string();
    assert!(error.contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn a_path_begins_with_a_slash() {
    let options = Options { path: "hardware".to_owned(), ..Options::default() };
    assert!(matches!(VirtualHardware::listen(options).err(), Some(ListenError::Path(_))));
}

#[tokio::test]
async fn on_another_path_the_upgrade_is_refused_with_404() {
    let (_bus, address) = bus();
    assert_eq!(upgrade(address, "/", "").await, "HTTP/1.1 101");
    assert_eq!(upgrade(address, "/x", "").await, "HTTP/1.1 404");
    let options = Options { path: "/hardware".to_owned(), ..Options::default() };
    let (_bus, address) = VirtualHardware::listen(options).expect("a free port");
    assert_eq!(upgrade(address, "/hardware", "").await, "HTTP/1.1 101");
    assert_eq!(upgrade(address, "/", "").await, "HTTP/1.1 404");
}

#[tokio::test]
async fn a_web_page_is_refused() {
    let (_bus, address) = bus();
    assert_eq!(upgrade(address, "/", "Origin: http://example.org\r\n").await, "HTTP/1.1 403");
}

#[tokio::test]
async fn hello_is_answered_and_followed_by_the_state_of_the_scan() {
    let options = Options { server: "example 0.1".to_owned(), ..Options::default() };
    let (mut bus, address) = VirtualHardware::listen(options).expect("a free port");
    let mut host = Host::connect(address).await;
    host.say(json!({"type": "hello", "version": 1, "host": "my simulator 0.3"})).await;
    host.expect(json!({"type": "hello", "version": 1, "server": "example 0.1"})).await;
    host.expect_scanning(false).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    let mut late = Host::connect(address).await;
    late.say(json!({"type": "hello", "version": 1, "host": "late"})).await;
    assert_eq!(late.hear().await["type"], "hello");
    late.expect_scanning(true).await;
    bus.scan(false);
    host.expect_scanning(false).await;
    late.expect_scanning(false).await;
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_refused_and_closed() {
    let (_bus, address) = bus();
    let mut host = Host::connect(address).await;
    host.say(json!({"type": "hello", "version": 2, "host": "from the future"})).await;
    let error = host.expect_error("version").await;
    assert_eq!(error["versions"], json!([1]));
    assert!(matches!(within(host.0.next()).await, Heard::Closed(_)));
}

#[tokio::test]
async fn whatever_comes_before_hello_is_too_early() {
    let (_bus, address) = bus();
    let mut host = Host::connect(address).await;
    for frame in
        [btle("d1"), json!({"type": "ok", "id": 1}), json!({"type": "notify"}), json!({"type": "nonsense"})]
    {
        host.say(frame).await;
        host.expect_error("hello-first").await;
    }
    host.say_text("no json").await;
    host.expect_error("bad-frame").await;
    host.say(json!({"type": "hello", "host": "no version"})).await;
    host.expect_error("bad-frame").await;
    host.say(json!({"type": "hello", "version": 1, "host": "now"})).await;
    assert_eq!(host.hear().await["type"], "hello");
}

#[tokio::test]
async fn a_frame_with_a_fault_is_reported_and_has_no_effect() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    for text in ["no json", "[]", "7", "{}", r#"{"type":"hello","version":1,"host":"again"}"#] {
        host.say_text(text).await;
        host.expect_error("bad-frame").await;
    }
    host.say(json!({"type": "advertise", "device": "d1", "name": "Demo"})).await;
    let error = host.expect_error("bad-frame").await;
    assert_eq!((&error["message"], &error["device"]), (&json!("field transport is missing"), &json!("d1")));
    host.say(json!({"type": "notfy", "device": "d1"})).await;
    host.expect(json!({"type": "error", "code": "unknown-type", "message": "notfy", "device": "d1"})).await;
    for kind in ["unadvertise", "disconnected", "notify"] {
        host.say(json!({"type": kind, "device": "never", "endpoint": "rx", "data": ""})).await;
        assert_eq!(host.expect_error("unknown-device").await["device"], "never");
    }
    host.say(json!({"type": "ok", "id": 999_999})).await;
    host.expect_error("bad-id").await;
    host.say(json!({"type": "error", "id": 999_999, "code": "failed"})).await;
    host.expect_error("bad-id").await;
    within(host.0.send_binary(vec![1, 2])).await.expect("an open connection");
    host.expect_error("bad-frame").await;
    // The connection is as good as ever.
    host.advertise("d1").await;
    assert_eq!(sighted(&mut bus).await.name, "Demo d1");
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_the_connection() {
    let (_bus, address) = bus();
    let mut host = Host::open(address).await;
    let _ = host.0.send("x".repeat(1 << 20)).await;
    assert!(matches!(within(host.0.next()).await, Heard::Closed(_)));
}

#[tokio::test]
async fn hosts_may_be_many() {
    let (mut bus, address) = bus();
    let mut hosts = Vec::new();
    for number in 0..10 {
        let mut host = Host::open(address).await;
        // Names are the host's own; only addresses have to differ.
        let address = format!("a{number}");
        host.say(json!({"type": "advertise", "device": "d1", "transport": "websocket", "name": "x", "address": address})).await;
        assert_eq!(sighted(&mut bus).await.address, address);
        hosts.push(host);
    }
}

#[tokio::test]
async fn the_number_of_devices_is_limited_and_those_that_are_gone_make_room() {
    let (_bus, address) = bus();
    let mut host = Host::open(address).await;
    let advert = |number: u32| json!({"type": "advertise", "device": number.to_string(), "transport": "btle", "name": ""});
    for number in 0..1024 {
        host.say(advert(number)).await;
    }
    host.expect_nothing().await;
    host.say(advert(1024)).await;
    assert_eq!(host.expect_error("bad-frame").await["device"], "1024");
    host.say(json!({"type": "unadvertise", "device": "7"})).await;
    host.say(advert(1024)).await;
    host.expect_nothing().await;
    host.say(json!({"type": "unadvertise", "device": "7"})).await;
    host.expect_error("unknown-device").await;
}

#[tokio::test]
async fn the_room_for_what_is_said_of_devices_is_limited() {
    let (_bus, address) = bus();
    let mut host = Host::open(address).await;
    let name = "x".repeat(60_000);
    let mut taken = 0;
    let refused = loop {
        host.say(
            json!({"type": "advertise", "device": taken.to_string(), "transport": "btle", "name": name}),
        )
        .await;
        host.say(json!({"type": "fence"})).await;
        let heard = host.hear().await;
        if heard["message"] != "fence" {
            break heard;
        }
        taken += 1;
    };
    assert_eq!(refused["code"], "bad-frame");
    assert!((100..200).contains(&taken), "{taken}");
}
