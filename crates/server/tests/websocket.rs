//! Frames over a real WebSocket.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::fs;
use std::path::Path;

use frisson_server::Server;
use frisson_testkit::socket::{Heard, play};
use frisson_testkit::wire::Dialect;
use frisson_testkit::{Transcript, hello};
use futures_util::SinkExt;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Config, Message};

const MIB: usize = 1 << 20;

fn transcript(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/transcripts");
    fs::read_to_string(folder.join(name)).expect("a transcript")
}

/// A ping in a frame of exactly this size.
fn ping_of(bytes: usize) -> String {
    let mut text = ping(7);
    text.push_str(&" ".repeat(bytes - text.len()));
    text
}

#[tokio::test]
async fn transcripts_of_frames_hold_in_every_version() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    for dialect in Dialect::ALL {
        for name in ["framing", "second_handshake"] {
            let greeting = format!("> {}\n< [{{\"ServerInfo\": \"*\"}}]\n", hello(dialect));
            let text = greeting + &transcript(&format!("all/{name}.txt"));
            let transcript: Transcript = text.parse().expect("a transcript");
            let played = within(play(&transcript, &address.to_string())).await;
            played.unwrap_or_else(|error| panic!("{dialect}, {name}: {error}"));
        }
    }
}

#[tokio::test]
async fn transcripts_of_handshakes_hold() {
    let server = Server::builder().name("Virtual").start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    for name in ["malformed", "too_new", "in_one_frame"] {
        let transcript: Transcript =
            transcript(&format!("handshake/{name}.txt")).parse().expect("a transcript");
        let played = within(play(&transcript, &address.to_string())).await;
        played.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn w_12_a_binary_frame_is_an_error_and_the_next_text_frame_works() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    for dialect in Dialect::ALL {
        let mut app = App::open(address, dialect).await;
        app.client.send_binary(br#"[{"Ping":{"Id":3}}]"#.to_vec()).await.expect("an open connection");
        assert_error(&app.frame().await, 0, 3);
        app.ok(&ping(4)).await;
    }
}

#[tokio::test]
async fn w_31_after_the_handshake_nothing_comes_before_the_first_answer() {
    let (_server, address) = listen(Server::builder(), "1vibe,stroker,pump").await;
    for dialect in Dialect::ALL {
        let mut app = App::open(address, dialect).await;
        assert_eq!(app.ask(&ping(8)).await, r#"[{"Ok":{"Id":8}}]"#, "{dialect}");
    }
}

#[tokio::test]
async fn a_frame_of_a_mebibyte_is_taken() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    assert_eq!(app.ask(&ping_of(MIB)).await, r#"[{"Ok":{"Id":7}}]"#);
}

#[tokio::test]
async fn a_frame_over_a_mebibyte_closes_the_connection_and_stops_the_device() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&vibrate(0, 40)).await;
    until_at(&simulation(&server), VIBE, 40).await;
    // The server need not read all of it.
    let _ = app.client.send(ping_of(MIB + 1)).await;
    assert_eq!(app.until_closed().await, (Vec::new(), Some(1009)));
    until_at_rest(&simulation(&server), VIBE).await;
}

#[tokio::test]
async fn a_message_over_the_limit_in_small_pieces_closes_the_connection() {
    let (_server, address) = listen(Server::builder().max_frame_bytes(1000), "1vibe").await;
    let stream = TcpStream::connect(address).await.expect("a connection");
    let uri = "ws://localhost/".parse().expect("an address");
    let config = Config::default().frame_size(100);
    let (mut socket, _) =
        ClientBuilder::from_uri(uri).config(config).connect_on(stream).await.expect("a WebSocket");
    socket.send(Message::text(hello(Dialect::V4))).await.expect("an open connection");
    let answer =
        within(futures_util::StreamExt::next(&mut socket)).await.expect("an answer").expect("a frame");
    assert!(answer.as_text().is_some_and(|text| text.contains("ServerInfo")));
    // In pieces, but within the limit.
    socket.send(Message::text(ping_of(900))).await.expect("an open connection");
    let answer =
        within(futures_util::StreamExt::next(&mut socket)).await.expect("an answer").expect("a frame");
    assert_eq!(answer.as_text(), Some(r#"[{"Ok":{"Id":7}}]"#));
    let _ = socket.send(Message::text(ping_of(1001))).await;
    let closed = within(futures_util::StreamExt::next(&mut socket)).await.expect("a close").expect("a frame");
    assert_eq!(closed.as_close().map(|(code, _)| u16::from(code)), Some(1009));
}

/// Upgrades a connection and completes the handshake, to write bytes on it afterwards.
async fn raw(address: std::net::SocketAddr) -> TcpStream {
    App::open(address, Dialect::V4).await.client.into_stream()
}

/// Reads whole text frames until so many have come.
async fn read_frames(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let mut frames = Vec::new();
    while frames.len() < count {
        let [first, length] = [
            within(stream.read_u8()).await.expect("a frame"),
            within(stream.read_u8()).await.expect("a frame"),
        ];
        assert_eq!(first, 0x81, "a whole text frame");
        let length = match length {
            126 => usize::from(within(stream.read_u16()).await.expect("a length")),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        within(stream.read_exact(&mut payload)).await.expect("a payload");
        frames.push(String::from_utf8(payload).expect("text"));
    }
    frames
}

#[tokio::test]
async fn w_14_two_frames_that_arrive_together_are_both_answered() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut stream = raw(address).await;
    let both = [raw_frame(1, ping(1).as_bytes()), raw_frame(1, ping(2).as_bytes())].concat();
    stream.write_all(&both).await.expect("an open connection");
    assert_eq!(read_frames(&mut stream, 2).await, [r#"[{"Ok":{"Id":1}}]"#, r#"[{"Ok":{"Id":2}}]"#]);
}

#[tokio::test]
async fn w_13_a_thousand_frames_that_arrive_together_are_answered_in_order() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut stream = raw(address).await;
    let all: Vec<u8> = (1..=1000).flat_map(|id| raw_frame(1, ping(id).as_bytes())).collect();
    stream.write_all(&all).await.expect("an open connection");
    let answers: Vec<_> = (1..=1000).map(|id| format!(r#"[{{"Ok":{{"Id":{id}}}}}]"#)).collect();
    assert_eq!(read_frames(&mut stream, 1000).await, answers);
}

#[tokio::test]
async fn a_frame_that_arrives_byte_by_byte_is_understood() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut stream = raw(address).await;
    stream.set_nodelay(true).expect("a socket");
    for byte in raw_frame(1, ping(3).as_bytes()) {
        stream.write_all(&[byte]).await.expect("an open connection");
        stream.flush().await.expect("an open connection");
        tokio::task::yield_now().await;
    }
    assert_eq!(read_frames(&mut stream, 1).await, [r#"[{"Ok":{"Id":3}}]"#]);
}

#[tokio::test]
async fn a_frame_that_breaks_the_rules_of_websocket_closes_the_connection_and_stops_the_device() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&vibrate(0, 40)).await;
    let mut stream = app.client.into_stream();
    // A reserved opcode.
    stream.write_all(&raw_frame(5, b"x")).await.expect("an open connection");
    until_at_rest(&simulation(&server), VIBE).await;
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.expect("an end");
}

#[tokio::test]
async fn w_20_any_path_is_served() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    for path in ["/", "/buttplug", "/a/b?c=d"] {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let uri = format!("ws://localhost{path}").parse().expect("an address");
        let (mut socket, _) = ClientBuilder::from_uri(uri).connect_on(stream).await.expect("a WebSocket");
        socket.send(Message::text(hello(Dialect::V4))).await.expect("an open connection");
        let answer =
            within(futures_util::StreamExt::next(&mut socket)).await.expect("an answer").expect("a frame");
        assert!(answer.as_text().is_some_and(|text| text.contains("ServerInfo")), "{path}");
    }
}

#[tokio::test]
async fn w_22_a_client_that_is_too_new_is_told_and_closed() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::connect(address).await;
    app.say(r#"[{"RequestServerInfo":{"Id":3,"ClientName":"Future","ProtocolVersionMajor":5,"ProtocolVersionMinor":0}}]"#).await;
    let Heard::Text(error) = app.hear().await else { panic!("no answer") };
    assert_error(&error, 3, 1);
    assert_eq!(app.hear().await, Heard::Closed(Some(1002)));
}

#[tokio::test]
async fn a_goodbye_is_returned_and_the_device_stopped() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&vibrate(0, 40)).await;
    let mut stream = app.client.into_stream();
    stream.write_all(&raw_frame(8, &3001_u16.to_be_bytes())).await.expect("an open connection");
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.expect("an end");
    assert_eq!(rest, [&[0x88, 2][..], &3001_u16.to_be_bytes()].concat());
    until_at_rest(&simulation(&server), VIBE).await;
}

#[tokio::test]
async fn pings_of_the_websocket_are_answered_also_before_the_handshake() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let mut stream = App::connect(address).await.client.into_stream();
    stream.write_all(&raw_frame(9, b"abc")).await.expect("an open connection");
    let mut pong = [0; 5];
    within(stream.read_exact(&mut pong)).await.expect("a pong");
    assert_eq!(&pong, b"\x8a\x03abc");
}

#[tokio::test]
async fn a_port_in_use_is_said_to_be() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let other = Server::builder().start().expect("a server");
    let refused = other.listen(address).await;
    assert!(matches!(refused, Err(frisson_server::ListenError::InUse { .. })), "{refused:?}");
}

#[test]
fn a_server_needs_a_runtime() {
    assert!(matches!(Server::builder().start(), Err(frisson_server::StartError::NoRuntime)));
}

#[tokio::test]
async fn each_breach_of_websocket_is_closed_with_its_code() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    let unmasked = [0x81, 2, b'[', b']'];
    let huge = [0x81, 0xff, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let continuation_of_nothing = raw_frame(0, b"[]");
    let long_ping = raw_frame(9, &[b'a'; 126]);
    for (bytes, code) in [
        (&raw_frame(1, b"[\"\xff\"]")[..], 1007),
        (&unmasked[..], 1002),
        (&huge[..], 1009),
        (&continuation_of_nothing[..], 1002),
        (&long_ping[..], 1002),
    ] {
        let mut stream = raw(address).await;
        stream.write_all(bytes).await.expect("an open connection");
        let mut close = [0; 4];
        within(stream.read_exact(&mut close)).await.expect("a close");
        assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, code), "{bytes:?}");
    }
}
