//! Clients in the same process, in paused time: what takes 10 s by the clock takes none here.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::time::Duration;

use frisson_server::{Attached, Server};
use frisson_testkit::wire::{
    Dialect, ErrorCode, Event, Hello, Id, InputAction, InputKind, InputRequest, Message, OutputCommand,
    OutputKind, OutputRequest, Reply, Request, Scope, StopRequest,
};
use support::*;
use tokio::time::Instant;

fn id(id: u32) -> Id {
    Id::new(id).expect("an id")
}

async fn open(server: &Server) -> Attached {
    let mut app = server.attach().await.expect("a running server");
    let hello = Hello { client_name: "app".to_owned(), dialect: Dialect::V4 };
    app.send(id(1), Request::Hello(hello)).await.expect("a running server");
    let answer = within(app.next()).await;
    assert!(matches!(answer, Some(Message::Reply(_, Reply::ServerInfo(_)))), "{answer:?}");
    app
}

fn vibrate(value: i32) -> Request {
    let command = OutputCommand { feature: 0, kind: OutputKind::Vibrate, value, duration: None };
    Request::Output(OutputRequest { device: 0, commands: [command].into_iter().collect() })
}

async fn ask(app: &mut Attached, request: Request) -> Reply {
    app.send(id(2), request).await.expect("a running server");
    match within(app.next()).await {
        Some(Message::Reply(reply_to, reply)) if reply_to == id(2) => reply,
        other => panic!("{other:?}"),
    }
}

fn code(reply: &Reply) -> Option<ErrorCode> {
    match reply {
        Reply::Error(fault) => Some(fault.code),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_attached_client_drives_a_device() {
    let server = start(Server::builder(), "1vibe").await;
    let mut app = open(&server).await;
    let Reply::DeviceList(devices) = ask(&mut app, Request::DeviceList).await else { panic!("no list") };
    assert_eq!(devices.len(), 1);
    assert_eq!(ask(&mut app, vibrate(40)).await, Reply::Ok);
    until_at(&simulation(&server), VIBE, 40).await;
    let stop = Request::Stop(StopRequest { scope: Scope::All, inputs: true, outputs: true });
    assert_eq!(ask(&mut app, stop).await, Reply::Ok);
    assert!(simulation(&server).state(VIBE).expect("a device").is_at_rest());
    assert_eq!(code(&ask(&mut app, vibrate(101)).await), Some(ErrorCode::Device));
}

#[tokio::test(start_paused = true)]
async fn w_27_the_handshake_comes_first() {
    let server = start(Server::builder(), "1vibe").await;
    let mut app = server.attach().await.expect("a running server");
    assert_eq!(code(&ask(&mut app, Request::Ping).await), Some(ErrorCode::Init));
}

#[tokio::test(start_paused = true)]
async fn w_28_the_handshake_comes_once() {
    let server = start(Server::builder(), "1vibe").await;
    let mut app = open(&server).await;
    let hello = Hello { client_name: "again".to_owned(), dialect: Dialect::V4 };
    assert_eq!(code(&ask(&mut app, Request::Hello(hello)).await), Some(ErrorCode::Init));
    assert_eq!(ask(&mut app, Request::Ping).await, Reply::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_client_leaves_its_device_at_rest() {
    let server = start(Server::builder(), "1vibe").await;
    let mut app = open(&server).await;
    assert_eq!(ask(&mut app, vibrate(40)).await, Reply::Ok);
    until_at(&simulation(&server), VIBE, 40).await;
    drop(app);
    until_at_rest(&simulation(&server), VIBE).await;
    within(until_clients(&server, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn w_32_a_client_without_a_handshake_is_dropped() {
    let server = start(Server::builder(), "1vibe").await;
    let before = Instant::now();
    let mut app = server.attach().await.expect("a running server");
    assert_eq!(within(app.next()).await, None);
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn w_35_a_client_without_pings_is_told_and_dropped_on_time() {
    let server = start(Server::builder().max_ping_time(Duration::from_millis(500)), "1vibe").await;
    let before = Instant::now();
    let mut app = open(&server).await;
    assert_eq!(ask(&mut app, vibrate(40)).await, Reply::Ok);
    let told = within(app.next()).await;
    let elapsed = before.elapsed();
    assert!((Duration::from_millis(500)..=Duration::from_millis(550)).contains(&elapsed), "{elapsed:?}");
    assert!(
        matches!(&told, Some(Message::Event(Event::Error(fault))) if fault.code == ErrorCode::Ping),
        "{told:?}"
    );
    assert_eq!(within(app.next()).await, None);
    assert!(simulation(&server).state(VIBE).expect("a device").is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn w_34_pings_keep_a_client() {
    let server = start(Server::builder().max_ping_time(Duration::from_millis(500)), "1vibe").await;
    let mut app = open(&server).await;
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(ask(&mut app, Request::Ping).await, Reply::Ok);
    }
}

#[tokio::test(start_paused = true)]
async fn w_86_an_attached_client_reads_a_battery() {
    let server = start(Server::builder(), "1vibe").await;
    let mut app = open(&server).await;
    let read = InputRequest {
        device: 0,
        feature: 1,
        kind: InputKind::Battery,
        action: InputAction::Read,
        echo: Default::default(),
    };
    let reply = ask(&mut app, Request::Input(read)).await;
    assert!(matches!(reply, Reply::Reading(reading, _) if (0..=100).contains(&reading.value)), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_attached_clients() {
    let server = start(Server::builder(), "1vibe").await;
    let simulation = simulation(&server);
    let mut app = open(&server).await;
    assert_eq!(ask(&mut app, vibrate(40)).await, Reply::Ok);
    assert!(within(server.shutdown()).await.is_complete());
    assert!(simulation.state(VIBE).expect("a device").is_at_rest());
    while let Some(message) = within(app.next()).await {
        assert!(matches!(message, Message::Event(Event::Devices { .. })), "{message:?}");
    }
    assert!(app.send(id(3), Request::Ping).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_in_its_messages_is_dropped_and_its_device_stopped() {
    let server = start(Server::builder(), "1vibe").await;
    let mut app = open(&server).await;
    assert_eq!(ask(&mut app, vibrate(40)).await, Reply::Ok);
    until_at(&simulation(&server), VIBE, 40).await;
    for number in 1..10_000 {
        app.send(id(number), Request::Ping).await.expect("a running server");
    }
    until_at_rest(&simulation(&server), VIBE).await;
    within(until_clients(&server, 0)).await;
    drop(app);
}
