//! A host of virtual hardware, and the protocol that its devices speak.
#![allow(dead_code, unreachable_pub)]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use frisson_devices::Match;
use frisson_program::{
    Bus, Change, ConnectPlan, Context, Description, Endpoint, Operation, Program, Service, State,
};
use frisson_server::hardware::virtual_hardware::Options;
use frisson_server::{Builder, Catalogue, Server};
use frisson_testkit::socket::{Client, Heard};
use frisson_testkit::wire::{Feature, Input, InputKind, Output, OutputKind, Range};
use serde_json::{Value, json};

use super::support::within;

pub const SERVICE: &str = "0000ff00-0000-1000-8000-00805f9b34fb";
pub const TX: &str = "0000ff00-0000-1000-8000-00805f9b34fb/0000ff01-0000-1000-8000-00805f9b34fb";
pub const RX: &str = "0000ff00-0000-1000-8000-00805f9b34fb/0000ff02-0000-1000-8000-00805f9b34fb";

/// A motor that takes `f1` and its speed, a battery that is read and a pressure that is notified. A shy one has to be asked and to answer
/// `aa` before; how long it is waited for once it has been asked.
struct Demo {
    is_shy: Option<Duration>,
}

impl Program for Demo {
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.is_shy.is_some() {
            cx.listen(Endpoint::RX, true);
            cx.write(Endpoint::TX, &[0xAA, 0x55, 0x01], false);
        } else {
            cx.ready(description());
        }
    }

    fn heard(&mut self, _: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        match bytes {
            [0xAA] if !cx.is_ready() => cx.ready(description()),
            [pressure] if cx.is_ready() => cx.reading(2, InputKind::Pressure, i64::from(*pressure)),
            _ => {}
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        if !cx.is_ready() {
            cx.fail("it does not answer");
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            cx.write(Endpoint::TX, &[0xF1, u8::try_from(change.value).unwrap_or(0)], false);
        }
    }

    fn read(&mut self, _: u32, _: InputKind, cx: &mut Context<'_>) {
        cx.read(Endpoint::RX);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (operation, result) {
            (Operation::Read { .. }, result) => {
                let percent = result.map(|bytes| bytes.first().copied().unwrap_or(0).into());
                cx.read_done(1, InputKind::Battery, percent.map_err(str::to_owned));
            }
            (_, Err(reason)) if !cx.is_ready() => cx.fail(reason),
            (Operation::Write { .. }, Ok(_)) if !cx.is_ready() => {
                cx.wake_at(cx.now() + self.is_shy.unwrap_or_default());
            }
            _ => {}
        }
    }

    fn listen(&mut self, _: u32, _: InputKind, on: bool, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, on);
    }
}

fn description() -> Description {
    let vibrate = Output { kind: OutputKind::Vibrate, value: Range::new(0, 128), duration: None };
    let input = |kind, read| {
        let values = vec![Range::new(0, 100)];
        Input { kind, values, read, subscribe: !read, spelling: Default::default() }
    };
    let features = vec![
        Feature { outputs: vec![vibrate], ..Feature::default() },
        Feature { index: 1, inputs: vec![input(InputKind::Battery, true)], ..Feature::default() },
        Feature { index: 2, inputs: vec![input(InputKind::Pressure, false)], ..Feature::default() },
    ];
    Description {
        protocol: "demo".to_owned(),
        model: String::new(),
        name: "Demo Vibrator".to_owned(),
        features,
        gap: None,
        keepalive: None,
    }
}

fn plan(service: &str) -> ConnectPlan {
    let uuid = |text: &str| text.parse().expect("a UUID");
    let endpoints = vec![(Endpoint::TX, uuid("ff01")), (Endpoint::RX, uuid("ff02"))];
    ConnectPlan { services: vec![Service { uuid: uuid(service), endpoints }], ..ConnectPlan::default() }
}

/// Knows `Massage Demo`, `Shy Demo` and `Mute Demo`, which is not waited for for long; of the first it first believes that it is something else, by its name alone.
pub fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::built_in();
    catalogue.insert(|sighting| {
        let is_shy = match (sighting.bus, sighting.name.as_str()) {
            (Bus::BluetoothLe, "Massage Demo") => None,
            (Bus::BluetoothLe, "Shy Demo") => Some(Duration::from_secs(30)),
            (Bus::BluetoothLe, "Mute Demo") => Some(Duration::from_millis(20)),
            _ => return None,
        };
        Some(Match::new("demo", plan("ff00"), move |connection| {
            assert_eq!(connection.available, [Endpoint::TX, Endpoint::RX]);
            Box::new(Demo { is_shy })
        }))
    });
    catalogue.insert(|sighting| {
        let fits = sighting.name.starts_with("Massage");
        fits.then(|| Match::new("wrong", plan("ee00"), |_| panic!("the device has no service ee00")))
    });
    catalogue
}

/// A server that takes virtual hardware, where hosts connect and where clients do.
pub async fn serve(builder: Builder) -> (Server, SocketAddr, SocketAddr) {
    serve_with(builder, catalogue()).await
}

/// The same with another catalogue.
pub async fn serve_with(builder: Builder, catalogue: Catalogue) -> (Server, SocketAddr, SocketAddr) {
    let options = Options { server: "example 0.1".to_owned(), ..Options::default() };
    let server = builder.catalogue(catalogue).virtual_hardware(options).start().expect("a server");
    let hosts = server.virtual_hardware().expect("a port");
    let clients = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    (server, hosts, clients)
}

/// A device as its host presents it. The address goes with the name of the device.
pub fn advert(device: &str, name: &str) -> Value {
    let characteristics = json!([{"uuid": &TX[37..]}, {"uuid": &RX[37..]}]);
    json!({"type": "advertise", "device": device, "transport": "btle", "name": name,
           "address": format!("c0:00:00:00:00:{device}"), "services": [{"uuid": SERVICE, "characteristics": characteristics}]})
}

pub struct Host(Client);

impl Host {
    /// Connects and says hello; a scan runs or not.
    pub async fn open(address: SocketAddr, is_scanning: bool) -> Self {
        let mut host = Self(within(Client::connect(&address.to_string())).await.expect("a connection"));
        host.say(json!({"type": "hello", "version": 1, "host": "demo"})).await;
        host.expect(json!({"type": "hello", "version": 1, "server": "example 0.1"})).await;
        host.expect(json!({"type": "scanning", "active": is_scanning})).await;
        host
    }

    /// The same, as soon as the server looks for devices by itself.
    pub async fn open_looking(address: SocketAddr) -> Self {
        let mut host = Self(within(Client::connect(&address.to_string())).await.expect("a connection"));
        host.say(json!({"type": "hello", "version": 1, "host": "demo"})).await;
        host.expect(json!({"type": "hello", "version": 1, "server": "example 0.1"})).await;
        while host.hear().await != json!({"type": "scanning", "active": true}) {}
        host
    }

    pub async fn say(&mut self, frame: Value) {
        within(self.0.send(frame.to_string())).await.expect("an open connection");
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

    #[track_caller]
    pub fn expect(&mut self, frame: Value) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let hear = self.hear();
        async move {
            let heard = hear.await;
            assert_eq!(heard, frame, "{caller}");
        }
    }

    /// Waits for this request and gives its id. The request is named without it.
    #[track_caller]
    pub fn request(&mut self, mut request: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let hear = self.hear();
        async move {
            let heard = hear.await;
            request["id"] = heard["id"].clone();
            assert_eq!(heard, request, "{caller}");
            assert!(heard["id"].is_u64(), "{caller}: {heard}");
            heard["id"].clone()
        }
    }

    /// Waits for a write of these bytes to `tx` and gives its id.
    #[track_caller]
    pub fn write(&mut self, device: &str, data: &str) -> impl Future<Output = Value> {
        self.request(
            json!({"type": "write", "device": device, "endpoint": TX, "data": data, "with_response": false}),
        )
    }

    #[track_caller]
    pub fn asked(&mut self, kind: &str, device: &str) -> impl Future<Output = Value> {
        self.request(json!({"type": kind, "device": device}))
    }

    #[track_caller]
    pub fn subscribe(&mut self, device: &str) -> impl Future<Output = Value> {
        self.request(json!({"type": "subscribe", "device": device, "endpoint": RX}))
    }

    pub async fn expect_ignored(&mut self, device: &str, reason: &str) {
        self.expect(json!({"type": "ignored", "device": device, "reason": reason})).await;
    }

    pub async fn expect_ready(&mut self, device: &str, index: u32) {
        self.expect(json!({"type": "ready", "device": device, "protocol": "demo", "name": "Demo Vibrator", "index": index}))
            .await;
    }

    /// A device that was not known to be at rest when it went comes back. The write that brings it to rest may be there before it is called ready.
    pub async fn expect_return(&mut self, device: &str, index: u32) {
        let mut told = [self.hear().await, self.hear().await];
        told.sort_by_key(|frame| frame["type"].to_string());
        let [ready, write] = told;
        assert_eq!((&ready["device"], &ready["index"]), (&json!(device), &json!(index)));
        assert_eq!((&write["device"], &write["data"]), (&json!(device), &json!("f100")));
        self.ok(write["id"].clone()).await;
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

    pub async fn ok(&mut self, id: Value) {
        self.say(json!({"type": "ok", "id": id})).await;
    }

    pub async fn error(&mut self, id: Value, code: &str) {
        self.say(json!({"type": "error", "id": id, "code": code, "message": "injected"})).await;
    }

    pub async fn lose(&mut self, device: &str) {
        self.say(json!({"type": "disconnected", "device": device, "reason": "link lost"})).await;
    }

    /// With which code the server closes the connection, after all that it still says.
    pub async fn until_closed(mut self) -> Option<u16> {
        loop {
            match within(self.0.next()).await {
                Heard::Closed(code) => {
                    self.0.close().await;
                    return code;
                }
                Heard::Text(text) => assert!(text.contains(r#""type":"scanning""#), "{text}"),
                Heard::Binary => panic!("a binary message"),
            }
        }
    }

    /// Cuts the connection.
    pub fn cut(self) {
        drop(self.0.into_stream());
    }
}
