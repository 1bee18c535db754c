//! Scans over several buses, such that end by themselves and such that do not; and what becomes of a bus at the end.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use frisson_program::{Change, Context, Description, Program, State};
use frisson_server::hardware::{
    BoxFuture, Bus, ConnectPlan, Found, Notified, Port, PortError, Scanner, Sighting,
};
use frisson_server::settings::Settings;
use frisson_server::{Catalogue, Match, Server};
use frisson_testkit::wire::{Dialect, Feature, Output, OutputKind, Range};
use support::*;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

const SCAN: &str = r#"[{"StartScanning":{"Id":5}}]"#;
const END_SCAN: &str = r#"[{"StopScanning":{"Id":6}}]"#;
const FINISHED: &str = r#"[{"ScanningFinished":{"Id":0}}]"#;

/// A bus that is played by the test.
struct Played {
    finds: mpsc::UnboundedReceiver<Found>,
    told: mpsc::UnboundedSender<String>,
    slow: Arc<Notify>,
}

/// The test's end of a bus.
struct Play {
    finds: mpsc::UnboundedSender<Found>,
    told: mpsc::UnboundedReceiver<String>,
    /// Lets a link be closed.
    slow: Arc<Notify>,
}

fn played() -> (Played, Play) {
    let ((finds, found), (told, heard), slow) =
        (mpsc::unbounded_channel(), mpsc::unbounded_channel(), Arc::new(Notify::new()));
    (Played { finds: found, told, slow: Arc::clone(&slow) }, Play { finds, told: heard, slow })
}

impl Play {
    fn find(&self, found: Found) {
        self.finds.send(found).expect("a running server");
    }

    async fn told(&mut self) -> String {
        within(self.told.recv()).await.expect("a bus")
    }
}

impl Scanner for Played {
    fn name(&self) -> &'static str {
        "played"
    }

    fn scan(&mut self, on: bool) {
        let _ = self.told.send(format!("scan {on}"));
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async { self.finds.recv().await.unwrap_or(Found::Closed) })
    }

    fn connect(
        &mut self,
        _: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let port = Link { told: self.told.clone(), slow: Arc::clone(&self.slow) };
        Box::pin(ready(Ok(Box::new(port) as Box<dyn Port>)))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        let _ = self.told.send("close the bus".to_owned());
        Box::pin(ready(()))
    }
}

/// A link that takes its time to be closed.
struct Link {
    told: mpsc::UnboundedSender<String>,
    slow: Arc<Notify>,
}

impl Port for Link {
    fn write<'a>(
        &'a self,
        _: frisson_program::Endpoint,
        bytes: &'a [u8],
        _: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let _ = self.told.send(format!("write {bytes:?}"));
            Ok(())
        })
    }

    fn read(&self, _: frisson_program::Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(pending())
    }

    fn listen(&self, _: frisson_program::Endpoint, _: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(ready(Ok(())))
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(pending())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = self.told.send("begin to close".to_owned());
            self.slow.notified().await;
            let _ = self.told.send("closed".to_owned());
        })
    }

    fn endpoints(&self) -> &[frisson_program::Endpoint] {
        &[frisson_program::Endpoint::TX]
    }
}

/// Writes the speed. A speed of 13 is more than it can bear.
struct Motor;

impl Program for Motor {
    fn start(&mut self, cx: &mut Context<'_>) {
        let vibrate = Output { kind: OutputKind::Vibrate, value: Range::new(0, 20), duration: None };
        cx.ready(Description {
            protocol: "motor".to_owned(),
            model: String::new(),
            name: "Motor".to_owned(),
            features: vec![Feature { outputs: vec![vibrate], ..Feature::default() }],
            gap: None,
            keepalive: None,
        });
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            assert_ne!(change.value, 13, "a fault in a program");
            let value = u8::try_from(change.value).expect("a speed");
            cx.write(frisson_program::Endpoint::TX, &[value], false);
        }
    }
}

fn motor(address: &str) -> Found {
    Found::Device(Sighting::new(Bus::WebSocket, address, "Motor"))
}

fn motors() -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    catalogue.insert(|sighting| {
        (sighting.name == "Motor")
            .then(|| Match::new("motor", ConnectPlan::default(), |_| Box::new(Motor) as Box<dyn Program>))
    });
    catalogue
}

fn speed(value: i32) -> String {
    format!(
        r#"[{{"OutputCmd":{{"Id":7,"DeviceIndex":0,"FeatureIndex":0,"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
    )
}

/// A server with a simulated device and a played bus, and a client that scans.
async fn scanning() -> (Server, Play, App) {
    let (bus, mut play) = played();
    let (server, address) = listen(Server::builder().scanner(bus).own_scan(false), "1vibe").await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(SCAN).await;
    assert_eq!(play.told().await, "scan true");
    (server, play, app)
}

/// A server with one motor that runs, and its client.
async fn running() -> (Server, Play, App) {
    let (bus, mut play) = played();
    let server = Server::builder().scanner(bus).catalogue(motors()).start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    play.find(motor("1"));
    within(until_known(&server, 1)).await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&speed(5)).await;
    assert_eq!(play.told().await, "write [5]");
    (server, play, app)
}

#[tokio::test]
async fn a_scan_is_finished_when_the_last_bus_has_ended_it_and_not_before() {
    let (_server, play, mut app) = scanning().await;
    // The simulated bus has ended at once.
    assert!(timeout(Duration::from_millis(200), app.client.next()).await.is_err());
    play.find(Found::ScanEnded);
    assert_eq!(app.frame().await, FINISHED);
}

#[tokio::test]
async fn a_scan_that_is_stopped_is_finished_as_soon_as_the_buses_have_ended_it() {
    let (_server, mut play, mut app) = scanning().await;
    app.ok(END_SCAN).await;
    assert_eq!(play.told().await, "scan false");
    play.find(Found::ScanEnded);
    assert_eq!(app.frame().await, FINISHED);
}

#[tokio::test]
async fn a_bus_that_does_not_end_its_scan_keeps_nobody_waiting_and_is_told_to_begin_only_when_it_has() {
    let (_server, mut play, mut app) = scanning().await;
    app.ok(END_SCAN).await;
    assert_eq!(play.told().await, "scan false");
    let stopped = Instant::now();
    assert_eq!(app.frame().await, FINISHED);
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());
    app.ok(SCAN).await;
    assert!(timeout(Duration::from_millis(200), play.told.recv()).await.is_err());
    play.find(Found::ScanEnded);
    assert_eq!(play.told().await, "scan true");
    play.find(Found::ScanEnded);
    assert_eq!(app.frame().await, FINISHED);
    assert!(timeout(Duration::from_millis(200), app.client.next()).await.is_err());
}

#[tokio::test]
async fn a_bus_is_not_closed_while_a_link_of_it_is_being_closed() {
    let (server, mut play, _app) = running().await;
    let shutdown = tokio::spawn(server.shutdown());
    assert_eq!([play.told().await, play.told().await], ["write [0]", "begin to close"]);
    assert!(timeout(Duration::from_millis(200), play.told.recv()).await.is_err());
    play.slow.notify_one();
    assert_eq!([play.told().await, play.told().await], ["closed", "close the bus"]);
    assert!(within(shutdown).await.expect("no panic").is_complete());
}

#[tokio::test]
async fn a_link_that_does_not_close_keeps_the_bus_from_being_closed_for_a_second_only() {
    let (server, mut play, _app) = running().await;
    let begun = Instant::now();
    assert!(within(server.shutdown()).await.is_complete());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!([play.told().await, play.told().await], ["write [0]", "begin to close"]);
    assert_eq!(play.told().await, "close the bus");
}

#[tokio::test]
async fn a_device_whose_program_fails_is_gone_for_clients_and_brought_to_rest_when_it_returns() {
    let (server, mut play, mut app) = running().await;
    app.say(&speed(13)).await;
    within(until_known(&server, 0)).await;
    play.find(motor("1"));
    assert_eq!(play.told().await, "write [0]");
}

#[tokio::test]
async fn a_device_that_comes_when_thousands_are_known_is_used_and_not_remembered() {
    let known: String = (0..4097).map(|number| format!("[[device]]\naddress = \"ble:{number}\"\n")).collect();
    let settings = Settings::parse(&format!("format = 1\n{known}"), "settings.toml").expect("settings").0;
    let (bus, play) = played();
    let server = Server::builder().scanner(bus).catalogue(motors()).settings(settings).own_scan(false);
    let server = server.start().expect("a server");
    play.find(motor("new"));
    within(until_known(&server, 1)).await;
    assert!(!server.settings().current().knows("websocket:new"));
}
