//! Devices that are slow, fail, or come and go, over real sockets.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::time::Duration;

use frisson_server::Server;
use frisson_server::hardware::simulated::Faults;
use frisson_testkit::wire::Dialect;
use support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w_85_a_flood_of_commands_leaves_a_slow_device_at_the_newest_value_with_nothing_queued() {
    const FRAMES: u32 = 200;
    const COMMANDS: u32 = 500;
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    let slow = Faults { write_delay: Duration::from_millis(20), ..Faults::default() };
    simulation.set_faults(VIBE, slow).expect("a device");
    let mut app = App::open(address, Dialect::V4).await;
    // Two frames are on their way at any time, so that neither side has to wait for the other.
    for frame in 0..FRAMES {
        let last = if frame + 1 == FRAMES { 77 } else { 1 };
        let command = |at: u32| {
            let value = if at + 1 == COMMANDS { last } else { 1 + (frame + at) % 50 };
            vibrate(0, i32::try_from(value).expect("a speed")).trim_matches(['[', ']']).to_owned()
        };
        let commands: Vec<_> = (0..COMMANDS).map(command).collect();
        app.say(&format!("[{}]", commands.join(","))).await;
        if frame > 0 {
            hear_oks(&mut app, COMMANDS).await;
        }
    }
    hear_oks(&mut app, COMMANDS).await;
    // The newest value is written next or under way; none of the hundred thousand comes after it.
    let before = until_at(&simulation, VIBE, 77).await.writes;
    app.ok(r#"[{"StopCmd":{"Id":3}}]"#).await;
    let after = simulation.state(VIBE).expect("a device");
    assert!(after.is_at_rest());
    assert_eq!(after.writes, before + 1);
    assert!(after.writes < u64::from(FRAMES * COMMANDS) / 10, "{} writes", after.writes);
}

async fn hear_oks(app: &mut App, count: u32) {
    for _ in 0..count {
        assert_eq!(app.frame().await, r#"[{"Ok":{"Id":2}}]"#);
    }
}

#[tokio::test]
async fn w_42_w_43_a_device_that_drops_and_returns_keeps_its_index_and_is_brought_to_rest_first() {
    let (server, address) = listen(Server::builder(), "1vibe:3").await;
    let simulation = simulation(&server);
    let mut app = App::open(address, Dialect::V4).await;
    let list = app.ask(r#"[{"RequestDeviceList":{"Id":2}}]"#).await.replace(r#""Id":2"#, r#""Id":0"#);
    app.ok(&vibrate(1, 50)).await;
    let device = address_of(&simulation, 50).await;
    let writes = simulation.log(&device).expect("a device").len();
    simulation.drop_device(&device).expect("a device");
    let without = app.frame().await;
    assert!(
        without.starts_with(r#"[{"DeviceList":{"Id":0,"#) && !without.contains(r#""DeviceIndex":1"#),
        "{without}"
    );
    assert_error(&app.ask(&vibrate(1, 50)).await, 2, 4);
    simulation.return_device(&device).expect("a device");
    assert_eq!(app.frame().await, list);
    until_at(&simulation, &device, 0).await;
    let first = simulation.log(&device).expect("a device")[writes].clone();
    assert_eq!(first.bytes[..6], [0, 0, 0, 0, 0, 0], "feature 0, vibrate, 0");
    app.ok(&vibrate(1, 30)).await;
    until_at(&simulation, &device, 30).await;
}

#[tokio::test]
async fn w_41_older_clients_hear_of_each_change_by_itself() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    for dialect in [Dialect::V0, Dialect::V1, Dialect::V2, Dialect::V3] {
        let mut app = App::open(address, dialect).await;
        simulation.drop_device(VIBE).expect("a device");
        assert_eq!(app.frame().await, r#"[{"DeviceRemoved":{"Id":0,"DeviceIndex":0}}]"#);
        simulation.return_device(VIBE).expect("a device");
        let added = app.frame().await;
        assert!(added.starts_with(r#"[{"DeviceAdded":{"Id":0,"#), "{dialect}: {added}");
    }
}

#[tokio::test]
async fn a_device_that_drops_and_returns_at_once_is_brought_to_rest() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    let mut app = App::open(address, Dialect::V4).await;
    for _ in 0..20 {
        app.ok(&vibrate(0, 50)).await;
        until_at(&simulation, VIBE, 50).await;
        // The new link may be seen before the old one is known to be lost.
        simulation.drop_device(VIBE).expect("a device");
        simulation.return_device(VIBE).expect("a device");
        until_at(&simulation, VIBE, 0).await;
        within(until_known(&server, 1)).await;
        while !app.ask(r#"[{"RequestDeviceList":{"Id":9}}]"#).await.contains(r#""Id":9,"Devices":{"0":"#) {}
        // Events that came meanwhile are passed over.
        app.say(&ping(8)).await;
        while app.frame().await != r#"[{"Ok":{"Id":8}}]"# {}
    }
}

#[tokio::test]
async fn a_device_whose_writes_fail_is_tried_again_and_then_given_up() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    let mut app = App::open(address, Dialect::V4).await;
    simulation.set_faults(VIBE, Faults { fail_writes: 2, ..Faults::default() }).expect("a device");
    app.ok(&vibrate(0, 50)).await;
    assert_eq!(until_at(&simulation, VIBE, 50).await.failed_writes, 2);
    simulation.set_faults(VIBE, Faults { fail_writes: u32::MAX, ..Faults::default() }).expect("a device");
    app.ok(&vibrate(0, 60)).await;
    assert_eq!(app.frame().await, r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#);
}

#[tokio::test]
async fn w_86_hardware_that_does_not_answer_is_an_error() {
    let (server, address) = listen(Server::builder(), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    let read =
        r#"[{"InputCmd":{"Id":5,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#;
    let answer = app.ask(read).await;
    assert!(answer.starts_with(r#"[{"InputReading":{"Id":5,"#), "{answer}");
    simulation(&server).set_faults(VIBE, Faults { silent: true, ..Faults::default() }).expect("a device");
    assert_error(&app.ask(read).await, 5, 4);
}

#[tokio::test]
async fn w_40_a_scan_is_answered_before_its_end_is_told() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    for dialect in Dialect::ALL {
        let mut app = App::open(address, dialect).await;
        app.ok(r#"[{"StartScanning":{"Id":2}}]"#).await;
        assert_eq!(app.frame().await, r#"[{"ScanningFinished":{"Id":0}}]"#);
        app.ok(r#"[{"StopScanning":{"Id":3}}]"#).await;
        app.ok(&ping(4)).await;
    }
}

#[tokio::test]
async fn without_a_bus_a_scan_cannot_begin() {
    let server = Server::builder().start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(address, Dialect::V4).await;
    assert_error(&app.ask(r#"[{"StartScanning":{"Id":2}}]"#).await, 2, 0);
}
