//! A host that says and hears frames as they are, and the bus that it presents devices to.
#![allow(unreachable_pub)]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use frisson_hardware::virtual_hardware::{Options, VirtualHardware};
use frisson_hardware::{ConnectPlan, Found, Ignored, Outcome, Port, PortError, Scanner, Sighting};
use frisson_program::{Endpoint, Service, Uuid};
use frisson_testkit::socket::{Client, Heard};
use serde_json::{Value, json};

pub const SERVICE: &str = "0000ff00-0000-1000-8000-00805f9b34fb";
pub const TX: &str = "0000ff00-0000-1000-8000-00805f9b34fb/0000ff01-0000-1000-8000-00805f9b34fb";
pub const RX: &str = "0000ff00-0000-1000-8000-00805f9b34fb/0000ff02-0000-1000-8000-00805f9b34fb";

/// How long an impatient bus waits: long for a machine, short for a test.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for something that has to happen, however slow the machine is.
#[track_caller]
pub fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

/// A bus whose hosts have all the time of the test to answer.
pub fn bus() -> (VirtualHardware, SocketAddr) {
    VirtualHardware::listen(Options::default()).expect("a free port")
}

/// A bus that waits for [`PATIENCE`].
pub fn impatient_bus() -> (VirtualHardware, SocketAddr) {
    let options = Options { timeout: PATIENCE, ..Options::default() };
    VirtualHardware::listen(options).expect("a free port")
}

pub struct Host(pub Client);

impl Host {
    /// Connects without a word.
    pub async fn connect(address: SocketAddr) -> Self {
        Self(within(Client::connect(&address.to_string())).await.expect("a connection"))
    }

    /// Connects and says hello while no scan runs.
    pub async fn open(address: SocketAddr) -> Self {
        let mut host = Self::connect(address).await;
        host.say(json!({"type": "hello", "version": 1, "host": "test"})).await;
        assert_eq!(host.hear().await["type"], "hello");
        assert_eq!(host.hear().await, json!({"type": "scanning", "active": false}));
        host
    }

    pub async fn say(&mut self, frame: Value) {
        self.say_text(&frame.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        within(self.0.send(text)).await.expect("an open connection");
    }

    #[track_caller]
    pub fn hear(&mut self) -> impl Future<Output = Value> {
        let wait = within(self.0.next());
        async move {
            match wait.await {
                Heard::Text(text) => serde_json::from_str(&text).expect("JSON"),
                heard => panic!("heard {heard:?}, expected a frame"),
            }
        }
    }

    /// Waits for a frame that says this.
    #[track_caller]
    pub fn expect(&mut self, frame: Value) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let hear = self.hear();
        async move {
            let heard = hear.await;
            assert_eq!(heard, frame, "{caller}");
        }
    }

    pub async fn expect_scanning(&mut self, active: bool) {
        self.expect(json!({"type": "scanning", "active": active})).await;
    }

    pub async fn expect_ignored(&mut self, device: &str, reason: &str) {
        self.expect(json!({"type": "ignored", "device": device, "reason": reason})).await;
    }

    /// Waits for a fault of this code.
    #[track_caller]
    pub fn expect_error(&mut self, code: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let (hear, code) = (self.hear(), code.to_owned());
        async move {
            let heard = hear.await;
            assert_eq!(
                (&heard["type"], &heard["code"]),
                (&json!("error"), &json!(code)),
                "{caller}: {heard}"
            );
            assert!(heard["message"].is_string(), "{caller}: {heard}");
            assert!(heard.get("id").is_none(), "{caller}: {heard}");
            heard
        }
    }

    /// Nothing was said to this host that it has not heard.
    #[track_caller]
    pub fn expect_nothing(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            self.say(json!({"type": "fence"})).await;
            let heard = self.hear().await;
            assert_eq!(heard["message"], "fence", "{caller}: {heard}");
        }
    }

    /// Waits for a request of this type for this device and gives it.
    #[track_caller]
    pub fn request(&mut self, kind: &str, device: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let (hear, kind, device) = (self.hear(), json!(kind), json!(device));
        async move {
            let heard = hear.await;
            assert_eq!((&heard["type"], &heard["device"]), (&kind, &device), "{caller}: {heard}");
            assert!(heard["id"].as_u64().is_some_and(|id| id > 0), "{caller}: {heard}");
            heard
        }
    }

    pub async fn ok(&mut self, request: &Value) {
        self.say(json!({"type": "ok", "id": request["id"]})).await;
    }

    pub async fn error(&mut self, request: &Value, code: &str) {
        self.say(json!({"type": "error", "id": request["id"], "code": code, "message": "injected"})).await;
    }

    /// Presents a Bluetooth LE device with all that [`plan`] asks for.
    pub async fn advertise(&mut self, device: &str) {
        self.say(btle(device)).await;
    }
}

/// A Bluetooth LE device with all that [`plan`] asks for.
pub fn btle(device: &str) -> Value {
    json!({"type": "advertise", "device": device, "transport": "btle", "name": format!("Demo {device}"), "services": [
        {"uuid": SERVICE, "characteristics": [{"uuid": &TX[37..]}, {"uuid": &RX[37..]}]},
    ]})
}

pub fn endpoint(name: &str) -> Endpoint {
    Endpoint::new(name).expect("a name")
}

pub fn uuid(text: &str) -> Uuid {
    text.parse().expect("a UUID")
}

/// What the devices of these tests have: `tx` and `rx` of one service.
pub fn plan() -> ConnectPlan {
    let endpoints = vec![(Endpoint::TX, uuid("ff01")), (Endpoint::RX, uuid("ff02"))];
    ConnectPlan { services: vec![Service { uuid: uuid("ff00"), endpoints }], ..ConnectPlan::default() }
}

pub async fn sighted(bus: &mut VirtualHardware) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        other => panic!("found {other:?}, expected a device"),
    }
}

pub fn ignore(bus: &mut VirtualHardware, sighting: &Sighting, reason: Ignored) {
    bus.outcome(sighting, &Outcome::Ignored(reason));
}

pub fn ready(bus: &mut VirtualHardware, sighting: &Sighting) {
    let outcome = Outcome::Ready { protocol: "demo".to_owned(), name: "Demo Vibrator".to_owned(), index: 0 };
    bus.outcome(sighting, &outcome);
}

/// Finds a device that was presented, and opens it.
pub async fn open(bus: &mut VirtualHardware, host: &mut Host, device: &str) -> Box<dyn Port> {
    bus.scan(true);
    host.expect_scanning(true).await;
    let sighting = sighted(bus).await;
    let connecting = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    let request = host.request("connect", device).await;
    host.ok(&request).await;
    let port = within(connecting).await.expect("no panic").expect("opens");
    ready(bus, &sighting);
    assert_eq!(host.hear().await["type"], "ready");
    port
}

/// A bus with a host whose device `d1` is open and ready.
pub async fn opened() -> (VirtualHardware, Host, Box<dyn Port>) {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    let port = open(&mut bus, &mut host, "d1").await;
    (bus, host, port)
}

/// What came of an attempt to open a device.
pub async fn refused(connecting: tokio::task::JoinHandle<Result<Box<dyn Port>, PortError>>) -> PortError {
    match within(connecting).await.expect("no panic") {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}
