//! What is not WebSocket on the port: plain HTTP, and worse.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::time::Duration;

use frisson_server::Server;
use frisson_testkit::wire::Dialect;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Sends bytes and gives what comes back until the end.
async fn exchange(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = within(TcpStream::connect(address)).await.expect("a connection");
    stream.write_all(bytes).await.expect("an open connection");
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The head of the first answer.
async fn head(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = within(TcpStream::connect(address)).await.expect("a connection");
    stream.write_all(bytes).await.expect("an open connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.expect("a head"));
    }
    String::from_utf8(head).expect("text").to_ascii_lowercase()
}

#[tokio::test]
async fn a_plain_request_is_told_what_is_here() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let answer = exchange(address, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.ends_with("\n") && answer.contains("Buttplug"), "{answer}");
}

#[tokio::test]
async fn an_application_may_answer_plain_requests_itself() {
    let server = Server::builder().start().expect("a server");
    let http: frisson_server::HttpHandler = std::sync::Arc::new(|request: frisson_server::HttpRequest| {
        let path = request.uri().path().to_owned();
        Box::pin(async move { frisson_server::plain(Default::default(), format!("you asked for {path}")) })
    });
    let address = server.listen_with(([127, 0, 0, 1], 0).into(), http).await.expect("a port");
    let answer = exchange(address, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("you asked for /health"), "{answer}");
    App::open(address, Dialect::V4).await.ok(&ping(1)).await;
}

#[tokio::test]
async fn an_upgrade_is_granted_as_the_standard_says() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let answer = head(address, UPGRADE.as_bytes()).await;
    assert!(answer.starts_with("http/1.1 101 "), "{answer}");
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
}

#[tokio::test]
async fn a_frame_that_arrives_with_the_upgrade_is_not_lost() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut stream = within(TcpStream::connect(address)).await.expect("a connection");
    let hello = raw_frame(1, frisson_testkit::hello(Dialect::V4).as_bytes());
    stream.write_all(&[UPGRADE.as_bytes(), &hello].concat()).await.expect("an open connection");
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("ServerInfo") {
        heard.push(within(stream.read_u8()).await.expect("an answer"));
    }
}

#[tokio::test]
async fn an_upgrade_that_is_not_complete_is_refused_with_the_reason() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    for (from, to) in [
        ("GET", "POST"),
        ("keep-alive, Upgrade", "keep-alive"),
        ("Sec-WebSocket-Version: 13\r\n", ""),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
    ] {
        let answer = head(address, UPGRADE.replace(from, to).as_bytes()).await;
        assert!(answer.starts_with("http/1.1 400 "), "{from} → {to}: {answer}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_closed_and_harms_nobody() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    let binary: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let long_line = [b"GET /".as_slice(), &vec![b'a'; 200_000], b" HTTP/1.1\r\n\r\n"].concat();
    let many_headers = [b"GET / HTTP/1.1\r\n".as_slice(), &b"a: b\r\n".repeat(10_000), b"\r\n"].concat();
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    for junk in [
        b"hello\r\n\r\n".as_slice(),
        br#"[{"Ping":{"Id":1}}]"#,
        &[0; 100],
        tls,
        &binary,
        &long_line,
        &many_headers,
    ] {
        let mut stream = within(TcpStream::connect(address)).await.expect("a connection");
        // The server need not take all of it.
        let _ = within(stream.write_all(junk)).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = within(stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        app.ok(&ping(1)).await;
    }
}

#[tokio::test]
async fn w_32_a_request_that_trickles_in_is_closed_and_blocks_nobody() {
    let (server, address) =
        listen(Server::builder().handshake_timeout(Duration::from_millis(300)), "1vibe").await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = within(TcpStream::connect(address)).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.expect("an open connection");
        slow.push(stream);
    }
    let idle = within(TcpStream::connect(address)).await.expect("a connection");
    slow.push(idle);
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&vibrate(0, 40)).await;
    until_at(&simulation(&server), VIBE, 40).await;
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = within(async {
            loop {
                // A byte now and then does not put off the end.
                let _ = stream.write_all(b"a").await;
                let read = tokio::time::timeout(Duration::from_millis(20), stream.read_buf(&mut rest)).await;
                if let Ok(Ok(0) | Err(_)) = read {
                    break;
                }
            }
        })
        .await;
    }
    app.ok(&ping(1)).await;
}

#[tokio::test]
async fn a_connection_that_stays_open_after_its_answer_does_not_stay_for_ever() {
    let (_server, address) =
        listen(Server::builder().handshake_timeout(Duration::from_millis(300)), "1vibe").await;
    let answer = exchange(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}
