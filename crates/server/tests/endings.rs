//! Every way to lose a client ends in a stop; and how the server itself ends.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::time::Duration;

use frisson_server::Server;
use frisson_testkit::socket::Heard;
use frisson_testkit::wire::Dialect;
use futures_util::{SinkExt, StreamExt};
use support::*;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_websockets::{ClientBuilder, Message};

/// A client of this version that runs the vibrator.
async fn running(server: &Server, address: std::net::SocketAddr, dialect: Dialect) -> App {
    let mut app = App::open(address, dialect).await;
    app.ok(&run(dialect)).await;
    until_at(&simulation(server), VIBE, 50).await;
    app
}

#[tokio::test]
async fn w_92_a_client_that_closes_leaves_the_device_at_rest() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    for dialect in Dialect::ALL {
        let app = running(&server, address, dialect).await;
        within(app.client.close()).await;
        until_at_rest(&simulation(&server), VIBE).await;
    }
    within(until_clients(&server, 0)).await;
}

#[tokio::test]
async fn w_92_a_client_whose_connection_is_cut_leaves_the_device_at_rest() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    for dialect in Dialect::ALL {
        let app = running(&server, address, dialect).await;
        drop(app);
        until_at_rest(&simulation(&server), VIBE).await;
    }
}

#[tokio::test]
async fn w_92_also_when_it_is_reset() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let app = running(&server, address, Dialect::V4).await;
    let stream = app.client.into_stream();
    stream.set_zero_linger().expect("a socket");
    drop(stream);
    until_at_rest(&simulation(&server), VIBE).await;
}

#[tokio::test]
async fn w_92_also_in_the_middle_of_a_frame() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let app = running(&server, address, Dialect::V4).await;
    let mut stream = app.client.into_stream();
    let frame = raw_frame(1, ping(1).as_bytes());
    stream.write_all(&frame[..frame.len() / 2]).await.expect("an open connection");
    drop(stream);
    until_at_rest(&simulation(&server), VIBE).await;
}

#[tokio::test]
async fn w_92_what_was_sent_before_the_cut_is_not_done_after_the_stop() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    for _ in 0..20 {
        let mut app = running(&server, address, Dialect::V4).await;
        for value in 1..=50 {
            app.client.send(vibrate(0, value)).await.expect("an open connection");
        }
        drop(app);
        within(until_clients(&server, 0)).await;
        until_at_rest(&simulation(&server), VIBE).await;
        // A stop of everything is the last thing in the device's queue: whatever were behind the first one would be seen now.
        let mut other = App::open(address, Dialect::V4).await;
        let writes = until_at_rest(&simulation(&server), VIBE).await.writes;
        other.ok(r#"[{"StopCmd":{"Id":3}}]"#).await;
        assert_eq!(until_at_rest(&simulation(&server), VIBE).await.writes, writes + 1);
    }
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_dropped_and_its_device_stopped() {
    let (server, address) =
        listen(Server::builder().silence_limit(Duration::from_millis(300)), "1vibe").await;
    // Nobody reads from this connection, so nobody answers the server's pings either.
    let app = running(&server, address, Dialect::V4).await;
    until_at_rest(&simulation(&server), VIBE).await;
    within(until_clients(&server, 0)).await;
    drop(app);
}

#[tokio::test]
async fn a_peer_that_answers_pings_of_the_websocket_is_kept() {
    let (server, address) = listen(Server::builder().silence_limit(Duration::from_secs(2)), "1vibe").await;
    let stream = running(&server, address, Dialect::V4).await.client.into_stream();
    let mut socket = ClientBuilder::new().take_over(stream);
    for _ in 0..3 {
        let message = within(socket.next()).await.expect("a frame").expect("a frame");
        assert!(message.is_ping(), "{message:?}");
    }
    socket.send(Message::text(ping(5))).await.expect("an open connection");
    let answer = within(socket.next()).await.expect("a frame").expect("a frame");
    assert_eq!(answer.as_text(), Some(r#"[{"Ok":{"Id":5}}]"#));
    let state = simulation(&server).state(VIBE).expect("a device");
    assert_eq!(target(&state, 0), 50);
}

/// A client that never reads what it is sent.
async fn not_reading(address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a socket");
    let stream = socket.connect(address).await.expect("a connection");
    let mut app = App::over(stream).await.greet(Dialect::V4).await;
    app.ok(&vibrate(0, 50)).await;
    let mut stream = app.client.into_stream();
    let request = r#"{"RequestDeviceList":{"Id":3}}"#;
    let frame = raw_frame(1, format!("[{}]", [request; 500].join(",")).as_bytes());
    // Some megabytes of answers: more than the system keeps for this connection.
    for _ in 0..20 {
        if stream.write_all(&frame).await.is_err() {
            break;
        }
    }
    stream
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_its_device_stopped() {
    let (server, address) =
        listen(Server::builder().write_limit(Duration::from_millis(200)), "1vibe,2vibe,pump").await;
    let stream = within(not_reading(address)).await;
    until_at_rest(&simulation(&server), VIBE).await;
    within(until_clients(&server, 0)).await;
    drop(stream);
}

#[tokio::test]
async fn a_client_that_does_not_read_does_not_hold_up_others() {
    let (server, address) = listen(Server::builder(), "1vibe,2vibe,pump").await;
    let stream = within(not_reading(address)).await;
    let mut app = App::open(address, Dialect::V4).await;
    for id in 1..=20 {
        app.ok(&ping(id)).await;
    }
    app.ok(r#"[{"StopCmd":{"Id":3}}]"#).await;
    until_at_rest(&simulation(&server), VIBE).await;
    drop(stream);
}

#[tokio::test]
async fn w_93_a_shutdown_stops_the_devices_then_closes_with_1001() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    let mut apps = Vec::new();
    for dialect in Dialect::ALL {
        apps.push(running(&server, address, dialect).await);
    }
    let mut early = App::connect(address).await;
    within(until_clients(&server, 6)).await;
    let stopped = within(server.shutdown()).await;
    assert!(stopped.is_complete(), "{stopped:?}");
    let state = simulation.state(VIBE).expect("a device");
    assert!(state.is_at_rest() && !state.connected, "{state:?}");
    for app in &mut apps {
        let (frames, code) = app.until_closed().await;
        assert_eq!(code, Some(1001), "{frames:?}");
    }
    assert_eq!(early.hear().await, Heard::Closed(Some(1001)));
    assert!(TcpStream::connect(address).await.is_err(), "the port is still open");
}

#[tokio::test]
async fn w_93_a_server_that_is_dropped_stops_its_devices_as_well() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    let mut app = running(&server, address, Dialect::V4).await;
    drop(server);
    until_at_rest(&simulation, VIBE).await;
    assert_eq!(app.until_closed().await.1, Some(1001));
}

#[tokio::test]
async fn w_93_a_device_that_cannot_be_stopped_is_named() {
    let (server, address) = listen(Server::builder(), "1vibe,2vibe").await;
    let simulation = simulation(&server);
    let mut app = running(&server, address, Dialect::V4).await;
    let faults = frisson_server::hardware::simulated::Faults { silent: true, ..Default::default() };
    simulation.set_faults(VIBE, faults).expect("a device");
    let stopped = within(server.shutdown()).await;
    assert_eq!(stopped.unstopped, ["Simulated 1-Motor Vibrator"]);
    assert_eq!(app.until_closed().await.1, Some(1001));
}

#[tokio::test]
async fn w_91_disconnect_is_answered_then_the_connection_closed_with_1000() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut other = App::open(address, Dialect::V4).await;
    let mut app = running(&server, address, Dialect::V4).await;
    app.ok(r#"[{"Disconnect":{"Id":4}}]"#).await;
    let state = simulation(&server).state(VIBE).expect("a device");
    assert!(state.is_at_rest(), "{state:?}");
    assert_eq!(app.hear().await, Heard::Closed(Some(1000)));
    other.ok(&ping(5)).await;
}
