//! A Joy-Con as a human interface device, driven by a user's device file from a client's scan to its being unplugged.
#![cfg(all(feature = "hid", feature = "websocket", feature = "simulated"))]

mod support;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use frisson_program::language;
use frisson_server::hardware::hid::{HidBus, HidError, Info, Link, Reads, System, Writes};
use frisson_server::{Catalogue, Server};
use frisson_testkit::wire::Dialect;
use support::*;
use tokio::sync::mpsc;

const FILE: &str = include_str!("support/joycon.toml");
/// What a left Joy-Con answers when its motors are switched on, as its report 21 tells.
const SWITCHED_ON: [u8; 15] =
    [0x21, 0x04, 0x8E, 0x84, 0x00, 0x12, 0x01, 0x18, 0x80, 0x01, 0x18, 0x80, 0x80, 0x80, 0x48];

/// One Joy-Con. It ends when its voice is dropped.
struct Joycon {
    voice: Mutex<Option<Receiver<Vec<u8>>>>,
    ear: mpsc::UnboundedSender<Vec<u8>>,
}

struct Voice(Receiver<Vec<u8>>);
struct Ear(mpsc::UnboundedSender<Vec<u8>>);

impl System for Joycon {
    fn list(&self) -> Result<Vec<Info>, HidError> {
        let mouse = Info { path: "mouse".to_owned(), vendor: 0x046D, product: 0xC077, ..Info::default() };
        let (vendor, product) = (0x057E, 0x2006);
        let joycon = Info {
            path: "joycon".to_owned(),
            serial: "7cbb8a000001".to_owned(),
            vendor,
            product,
            ..Info::default()
        };
        let is_there = self.voice.lock().expect("no panic elsewhere").is_some();
        Ok([Some(mouse), is_there.then_some(joycon)].into_iter().flatten().collect())
    }

    fn open(&self, info: &Info) -> Result<Link, HidError> {
        assert_eq!(info.path, "joycon", "only what a file recognises is opened");
        let voice = self.voice.lock().expect("no panic elsewhere").take().ok_or(HidError::Gone)?;
        Ok(Link { reads: Box::new(Voice(voice)), writes: Box::new(Ear(self.ear.clone())) })
    }
}

impl Reads for Voice {
    fn read(&mut self, report: &mut [u8], longest: Duration) -> Result<usize, HidError> {
        match self.0.recv_timeout(longest) {
            Ok(said) => {
                report[..said.len()].copy_from_slice(&said);
                Ok(said.len())
            }
            Err(RecvTimeoutError::Timeout) => Ok(0),
            Err(RecvTimeoutError::Disconnected) => Err(HidError::Gone),
        }
    }
}

impl Writes for Ear {
    fn write(&mut self, report: &[u8]) -> Result<(), HidError> {
        self.0.send(report.to_vec()).map_err(|_| HidError::Gone)
    }
}

/// The device's side, the server and a client that scans.
async fn start() -> (Sender<Vec<u8>>, mpsc::UnboundedReceiver<Vec<u8>>, Server, App) {
    let (says, voice) = channel();
    let (ear, hears) = mpsc::unbounded_channel();
    let bus = HidBus::new(Joycon { voice: Mutex::new(Some(voice)), ear });
    let mut catalogue = Catalogue::built_in();
    let file = language::compile(FILE, "my-joycon.toml").unwrap_or_else(|found| panic!("{}", found[0]));
    catalogue.add(Arc::new(file));
    let server = Server::builder().catalogue(catalogue).scanner(bus).start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#).await;
    (says, hears, server, app)
}

async fn report(hears: &mut mpsc::UnboundedReceiver<Vec<u8>>) -> Vec<u8> {
    let report = within(hears.recv()).await.expect("a report");
    assert_eq!(report.len(), 64);
    report
}

/// Waits for a report that sets both sides like this; those before may still be older ones.
async fn until_told(hears: &mut mpsc::UnboundedReceiver<Vec<u8>>, side: [u8; 4]) -> u8 {
    loop {
        let report = report(hears).await;
        assert_eq!(report[0], 0x10);
        assert_eq!(report[2..6], report[6..10]);
        if report[2..6] == side {
            return report[1];
        }
    }
}

#[tokio::test]
async fn a_joycon_is_found_set_up_driven_fed_stopped_and_lost() {
    let (says, mut hears, _server, mut app) = start().await;
    let greeting = report(&mut hears).await;
    assert_eq!((greeting[0], &greeting[10..12]), (0x01, &[0x48, 0x01][..]));
    says.send(SWITCHED_ON.to_vec()).expect("an open device");
    let list = app.frame().await;
    assert!(list.contains(r#""DeviceName":"Joy-Con (L)""#), "{list}");

    app.ok(&vibrate(0, 68)).await;
    let first = until_told(&mut hears, [0xA8, 0x88, 0x4A, 0x62]).await;
    let fed = until_told(&mut hears, [0xA8, 0x88, 0x4A, 0x62]).await;
    assert_ne!(first, fed, "the packets are numbered");

    app.ok(r#"[{"StopCmd":{"Id":7}}]"#).await;
    until_told(&mut hears, [0x00, 0x01, 0x40, 0x40]).await;

    drop(says);
    assert_eq!(app.frame().await, r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#);
}

#[tokio::test]
async fn a_client_that_disappears_leaves_a_joycon_at_rest() {
    let (says, mut hears, _server, mut app) = start().await;
    report(&mut hears).await;
    says.send(SWITCHED_ON.to_vec()).expect("an open device");
    app.frame().await;
    app.ok(&vibrate(0, 100)).await;
    until_told(&mut hears, [0xA8, 0xC8, 0x4A, 0x72]).await;
    drop(app);
    until_told(&mut hears, [0x00, 0x01, 0x40, 0x40]).await;
}
