//! Connecting again after a connection was lost.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frisson_client::{
    Backoff, Builder, Client, ConnectError, Connector, DisconnectReason, Error, Events, InputKind, Steps,
};
use serde_json::json;
use support::{Peer, Server, device, input, server, told, vibrator};
use tokio::io::duplex;
use tokio::time::Instant;

fn builder() -> Builder {
    Client::builder("Test").reconnect(Backoff::default())
}

/// A client that reconnects, with these devices; its events have been read.
async fn start(devices: &[serde_json::Value]) -> (Client, Events, Server, Peer) {
    let (connector, mut server) = server();
    let (client, peer) = tokio::join!(builder().connect(connector), server.welcome(devices));
    let client = client.unwrap();
    let mut events = client.events();
    for device in client.devices() {
        assert_eq!(told(&mut events).await, format!("added {}", device.name()));
    }
    (client, events, server, peer)
}

#[tokio::test(start_paused = true)]
async fn the_devices_are_compared_with_those_before() {
    let devices = [vibrator(0, "Egg"), vibrator(1, "Wand"), vibrator(2, "Ring")];
    let (client, mut events, mut server, peer) = start(&devices).await;
    let [egg, wand, _ring] = client.devices().try_into().unwrap();
    drop(peer);
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");

    let changed = device(2, "Ring", &[support::output("Vibrate", 0, 7)]);
    let mut peer = server.welcome(&[vibrator(0, "Egg"), changed, vibrator(3, "Belt")]).await;
    assert_eq!(told(&mut events).await, "reconnected");
    assert_eq!(told(&mut events).await, "removed Wand");
    assert_eq!(told(&mut events).await, "removed Ring");
    assert_eq!(told(&mut events).await, "added Ring");
    assert_eq!(told(&mut events).await, "added Belt");

    assert!(client.is_connected());
    let (result, _) = tokio::join!(egg.vibrate(Steps(1)), peer.allow("OutputCmd"));
    result.expect("a handle of a device that is still there goes on to work");
    assert!(matches!(wand.vibrate(Steps(1)).await, Err(Error::DeviceGone { .. })));
}

#[tokio::test(start_paused = true)]
async fn calls_fail_while_there_is_no_connection() {
    let (client, mut events, mut server, peer) = start(&[vibrator(0, "Egg")]).await;
    let egg = client.device(0).unwrap();
    drop(peer);
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    assert!(!client.is_connected());
    assert!(client.disconnect_reason().is_none(), "not for good");
    let away = |result| {
        matches!(result, Err(Error::Disconnected(DisconnectReason::ClosedByServer { code: None, .. })))
    };
    assert!(away(egg.vibrate(Steps(1)).await));

    let mut peer = server.accept().await;
    peer.greet(0).await;
    assert!(away(egg.vibrate(Steps(1)).await), "the device may be another one until the list is there");
    peer.list(&[vibrator(0, "Egg")]).await;
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");
    assert_eq!(told(&mut events).await, "reconnected");
    let (result, _) = tokio::join!(egg.vibrate(Steps(1)), peer.allow("OutputCmd"));
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn attempts_wait_longer_and_longer_and_begin_anew_after_a_success() {
    let up = Arc::new(AtomicBool::new(true));
    let (sender, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let switch = up.clone();
    let connector = Connector::lines(move || {
        let result = if switch.load(Ordering::Relaxed) {
            let (near, far) = duplex(1 << 16);
            sender.send(far).unwrap();
            Ok(near)
        } else {
            Err(std::io::ErrorKind::ConnectionRefused.into())
        };
        async { result }
    });
    let (_, mut server) = server();
    let (client, peer) = tokio::join!(builder().connect(connector), async {
        server.adopt(ends.recv().await.unwrap());
        server.welcome(&[]).await
    });
    let client = client.unwrap();
    let mut events = client.events();

    up.store(false, Ordering::Relaxed);
    drop(peer);
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    let start = Instant::now();
    for (attempt, delay) in [(1, "500ms"), (2, "1s"), (3, "2s"), (4, "4s"), (5, "8s"), (6, "10s"), (7, "10s")]
    {
        assert_eq!(told(&mut events).await, format!("attempt {attempt} in {delay}"));
    }
    assert_eq!(start.elapsed().as_millis(), 25_500);
    up.store(true, Ordering::Relaxed);
    server.adopt(ends.recv().await.unwrap());
    drop(server.welcome(&[]).await);
    assert_eq!(told(&mut events).await, "reconnected");
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");
}

#[tokio::test(start_paused = true)]
async fn attempts_come_to_an_end() {
    let (connector, mut server) = server();
    let backoff = Backoff { attempts: Some(2), ..Backoff::default() };
    let connecting = Client::builder("Test").reconnect(backoff).connect(connector);
    let (client, peer) = tokio::join!(connecting, server.welcome(&[]));
    let client = client.unwrap();
    let mut events = client.events();
    drop((peer, server));
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");
    assert_eq!(told(&mut events).await, "attempt 2 in 1s");
    assert_eq!(
        told(&mut events).await,
        "disconnected: not connected again after 2 attempts: nothing listens at the given stream: is the server running? (connection refused)"
    );
    assert_eq!(told(&mut events).await, "end");
    assert!(matches!(
        client.disconnect_reason(),
        Some(DisconnectReason::ReconnectFailed { attempts: 2, last }) if matches!(*last, ConnectError::Refused { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_server_of_another_version_ends_the_attempts() {
    let (client, mut events, mut server, peer) = start(&[]).await;
    drop(peer);
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    let mut peer = server.accept().await;
    let hello = peer.expect("RequestServerInfo").await;
    peer.send("ServerInfo", hello.id, json!({"ServerName": "", "MessageVersion": 3, "MaxPingTime": 0})).await;
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");
    assert!(told(&mut events).await.contains("it speaks protocol version 3, this client needs 4.0"));
    assert_eq!(told(&mut events).await, "end");
    assert!(!client.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_ping_timeout_is_a_reason_to_reconnect() {
    let (_client, mut events, mut server, mut peer) = start(&[]).await;
    peer.send("Error", 0, json!({"ErrorCode": 2, "ErrorMessage": "no ping"})).await;
    assert_eq!(told(&mut events).await, "ping timeout");
    assert_eq!(told(&mut events).await, "disconnected: the server received no ping in time");
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");
    let _peer = server.welcome(&[]).await;
    assert_eq!(told(&mut events).await, "reconnected");
}

#[tokio::test(start_paused = true)]
async fn disconnecting_ends_the_attempts() {
    let (client, mut events, server, peer) = start(&[]).await;
    drop((peer, server));
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    let start = Instant::now();
    client.disconnect().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(told(&mut events).await, "attempt 1 in 500ms");
    assert_eq!(told(&mut events).await, "disconnected: the client disconnected");
    assert_eq!(told(&mut events).await, "end");
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_is_not_tried_again() {
    let (connector, server) = server();
    drop(server);
    let error = builder().connect(connector).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }));
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_for_the_application_to_renew() {
    let sensor = [device(0, "Sensor", &[input("Button", 1, "Subscribe")])];
    let (client, mut events, mut server, mut peer) = start(&sensor).await;
    let button = client.device(0).unwrap().feature(0).unwrap();
    let (result, _) = tokio::join!(button.subscribe(InputKind::Button), peer.allow("InputCmd"));
    result.unwrap();
    drop(peer);
    let mut peer = server.welcome(&sensor).await;
    while told(&mut events).await != "reconnected" {}
    let (result, _) = tokio::join!(button.subscribe(InputKind::Button), peer.allow("InputCmd"));
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ids_begin_anew() {
    let (client, mut events, mut server, mut peer) = start(&[]).await;
    let (stopped, _) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
    drop(peer);
    let mut peer = server.welcome(&[]).await;
    while told(&mut events).await != "reconnected" {}
    let (stopped, stop) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
    assert_eq!(stop.id, 3);
}
