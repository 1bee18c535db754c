//! Several clients at once, over real sockets.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use frisson_server::Server;
use frisson_testkit::socket::Heard;
use frisson_testkit::wire::Dialect;
use support::*;

const STOP_ALL: &str = r#"[{"StopCmd":{"Id":9}}]"#;

#[tokio::test]
async fn the_last_command_wins_and_a_client_that_leaves_stops_only_what_it_drove() {
    let (server, address) = listen(Server::builder(), "1vibe:2").await;
    let simulation = simulation(&server);
    let mut one = App::open(address, Dialect::V4).await;
    let mut two = App::open(address, Dialect::V4).await;
    one.ok(&vibrate(0, 10)).await;
    one.ok(&vibrate(1, 10)).await;
    two.ok(&vibrate(1, 20)).await;
    let (first, second) = (address_of(&simulation, 10).await, address_of(&simulation, 20).await);
    let writes = simulation.state(&second).expect("a device").writes;
    drop(one);
    until_at(&simulation, &first, 0).await;
    // Had the other device been stopped as well, that write would have come before this one.
    two.ok(&vibrate(1, 21)).await;
    assert_eq!(until_at(&simulation, &second, 21).await.writes, writes + 1);
}

#[tokio::test]
async fn stopping_everything_stops_what_others_drive() {
    let (server, address) = listen(Server::builder(), "1vibe:2").await;
    let mut one = App::open(address, Dialect::V4).await;
    let mut two = App::open(address, Dialect::V1).await;
    one.ok(&vibrate(0, 10)).await;
    one.ok(&vibrate(1, 10)).await;
    two.ok(r#"[{"StopAllDevices":{"Id":9}}]"#).await;
    for device in ["1vibe-1", "1vibe-2"] {
        assert!(simulation(&server).state(device).expect("a device").is_at_rest(), "{device}");
    }
}

#[tokio::test]
async fn in_exclusive_use_the_first_to_drive_keeps_the_output() {
    let (server, address) = listen(Server::builder().exclusive(true), "1vibe").await;
    let mut one = App::open(address, Dialect::V4).await;
    let mut two = App::open(address, Dialect::V4).await;
    one.ok(&vibrate(0, 10)).await;
    assert_error(&two.ask(&vibrate(0, 20)).await, 2, 4);
    two.ok(STOP_ALL).await;
    two.ok(&vibrate(0, 20)).await;
    assert_error(&one.ask(&vibrate(0, 10)).await, 2, 4);
    until_at(&simulation(&server), VIBE, 20).await;
}

#[tokio::test]
async fn an_emergency_stop_stops_everything_until_it_is_released() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&vibrate(0, 10)).await;
    until_at(&simulation(&server), VIBE, 10).await;
    server.emergency_stop().await.expect("a running server");
    until_at(&simulation(&server), VIBE, 0).await;
    assert_error(&app.ask(&vibrate(0, 20)).await, 2, 4);
    app.ok(STOP_ALL).await;
    server.release().await.expect("a running server");
    app.ok(&vibrate(0, 20)).await;
    until_at(&simulation(&server), VIBE, 20).await;
}

#[tokio::test]
async fn a_client_too_many_is_closed_at_once() {
    let (server, address) = listen(Server::builder().max_clients(1), "1vibe").await;
    let mut one = App::open(address, Dialect::V4).await;
    let mut two = App::connect(address).await;
    assert_eq!(two.hear().await, Heard::Closed(Some(1013)));
    one.ok(&ping(1)).await;
    drop(one);
    within(until_clients(&server, 0)).await;
    App::open(address, Dialect::V4).await.ok(&ping(2)).await;
}

#[tokio::test]
async fn w_88_a_reading_goes_to_its_subscriber_only() {
    let (server, address) = listen(Server::builder(), "remote").await;
    let mut one = App::open(address, Dialect::V4).await;
    let mut two = App::open(address, Dialect::V4).await;
    one.ok(
        r#"[{"InputCmd":{"Id":3,"DeviceIndex":0,"FeatureIndex":0,"Type":"Button","Command":"Subscribe"}}]"#,
    )
    .await;
    let simulation = simulation(&server);
    let listened =
        simulation.wait_for("remote-1", |snapshot| snapshot.inputs.iter().any(|input| input.listening));
    within(listened).await.expect("a device");
    simulation.press("remote-1").expect("a button");
    let down =
        r#"[{"InputReading":{"Id":0,"DeviceIndex":0,"FeatureIndex":0,"Reading":{"Button":{"Value":1}}}}]"#;
    assert_eq!(one.frame().await, down);
    two.ok(&ping(4)).await;
    // With its last subscriber gone, the hardware is let alone.
    drop(one);
    let ignored =
        simulation.wait_for("remote-1", |snapshot| snapshot.inputs.iter().all(|input| !input.listening));
    within(ignored).await.expect("a device");
}

#[tokio::test]
async fn fifty_clients_drive_one_device_and_leave_it_at_rest() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut apps = Vec::new();
    for number in 0..50_usize {
        let dialect = Dialect::ALL[number % Dialect::ALL.len()];
        let mut app = App::open(address, dialect).await;
        app.ok(&run(dialect)).await;
        apps.push(app);
    }
    until_at(&simulation(&server), VIBE, 50).await;
    drop(apps);
    within(until_clients(&server, 0)).await;
    until_at_rest(&simulation(&server), VIBE).await;
}
