//! A server whose part is played by the test.

#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;

use frisson_client::{Builder, Client, Connector, Event, Events};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split,
};
use tokio::sync::mpsc;

/// Where the client's connections arrive.
pub struct Server {
    sender: mpsc::UnboundedSender<Peer>,
    arrivals: mpsc::UnboundedReceiver<Peer>,
}

/// The server's end of one connection.
pub struct Peer {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: WriteHalf<DuplexStream>,
    inbox: VecDeque<Received>,
}

/// A message from the client.
#[derive(Debug, Clone)]
pub struct Received {
    pub kind: String,
    pub id: u32,
    pub fields: Value,
}

/// A server in memory, and the way to it.
pub fn server() -> (Connector, Server) {
    let (sender, arrivals) = mpsc::unbounded_channel();
    let server = Server { sender: sender.clone(), arrivals };
    let connector = Connector::lines(move || {
        let (near, far) = duplex(1 << 16);
        let there = sender.send(Peer::new(far)).is_ok();
        async move { if there { Ok(near) } else { Err(std::io::ErrorKind::ConnectionRefused.into()) } }
    });
    (connector, server)
}

/// A client, and the server's end of its connection.
pub async fn connected(builder: Builder, devices: &[Value]) -> (Client, Peer) {
    let (connector, mut server) = server();
    let (client, peer) = tokio::join!(builder.connect(connector), server.welcome(devices));
    (client.unwrap(), peer)
}

impl Server {
    /// The next connection.
    pub async fn accept(&mut self) -> Peer {
        self.arrivals.recv().await.unwrap()
    }

    /// Takes the far end of a connection that was made in another way.
    pub fn adopt(&self, stream: DuplexStream) {
        self.sender.send(Peer::new(stream)).unwrap();
    }

    /// The next connection, made complete with these devices.
    pub async fn welcome(&mut self, devices: &[Value]) -> Peer {
        let mut peer = self.accept().await;
        peer.greet(0).await;
        peer.list(devices).await;
        peer
    }
}

impl Peer {
    fn new(stream: DuplexStream) -> Self {
        let (reader, writer) = split(stream);
        Self { lines: BufReader::new(reader).lines(), writer, inbox: VecDeque::new() }
    }

    /// The client's next message. `None` if it has closed the connection.
    pub async fn next(&mut self) -> Option<Received> {
        while self.inbox.is_empty() {
            self.inbox = messages(&self.lines.next_line().await.unwrap()?);
        }
        self.inbox.pop_front()
    }

    /// The client's next message, which must be of this type.
    pub async fn expect(&mut self, kind: &str) -> Received {
        let received = self.next().await.unwrap_or_else(|| panic!("closed instead of {kind}"));
        assert_eq!(received.kind, kind, "{received:?}");
        received
    }

    /// The client's next message, which must be of this type, answered with `Ok`.
    pub async fn allow(&mut self, kind: &str) -> Received {
        let received = self.expect(kind).await;
        self.send("Ok", received.id, json!({})).await;
        received
    }

    /// Sends one message.
    pub async fn send(&mut self, kind: &str, id: u32, fields: Value) {
        self.frame(json!([message(kind, id, fields)])).await;
    }

    /// Sends one frame.
    pub async fn frame(&mut self, frame: Value) {
        self.raw(&frame.to_string()).await;
    }

    /// Sends one line.
    pub async fn raw(&mut self, line: &str) {
        let _ = self.writer.write_all(format!("{line}\n").as_bytes()).await;
    }

    /// Answers the handshake.
    pub async fn greet(&mut self, max_ping_time: u32) {
        let hello = self.expect("RequestServerInfo").await;
        assert_eq!(hello.fields["ProtocolVersionMajor"], 4);
        self.send("ServerInfo", hello.id, server_info(max_ping_time)).await;
    }

    /// Answers the request for devices.
    pub async fn list(&mut self, devices: &[Value]) {
        let asked = self.expect("RequestDeviceList").await;
        self.send("DeviceList", asked.id, device_list(devices)).await;
    }

    /// Tells that the devices are now these.
    pub async fn announce(&mut self, devices: &[Value]) {
        self.send("DeviceList", 0, device_list(devices)).await;
    }
}

/// The messages of a frame.
pub fn messages(frame: &str) -> VecDeque<Received> {
    let Value::Array(messages) = serde_json::from_str(frame).unwrap() else { panic!("not a frame: {frame}") };
    let received = |message: &Value| {
        let (kind, fields) = message.as_object().unwrap().iter().next().unwrap();
        let id = fields["Id"].as_u64().unwrap().try_into().unwrap();
        Received { kind: kind.clone(), id, fields: fields.clone() }
    };
    messages.iter().map(received).collect()
}

pub fn message(kind: &str, id: u32, mut fields: Value) -> Value {
    fields["Id"] = id.into();
    json!({ kind: fields })
}

pub fn server_info(max_ping_time: u32) -> Value {
    json!({"ServerName": "Living room", "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0, "MaxPingTime": max_ping_time})
}

pub fn device_list(devices: &[Value]) -> Value {
    let entries = devices.iter().map(|device| (device["DeviceIndex"].to_string(), device.clone()));
    json!({ "Devices": entries.collect::<serde_json::Map<_, _>>() })
}

/// A device with these features.
pub fn device(index: u32, name: &str, features: &[Value]) -> Value {
    let features = features.iter().enumerate().map(|(index, feature)| {
        let mut feature = feature.clone();
        feature["FeatureIndex"] = index.into();
        feature["FeatureDescription"] = "".into();
        (index.to_string(), feature)
    });
    json!({
        "DeviceIndex": index, "DeviceName": name, "DeviceMessageTimingGap": 100,
        "DeviceFeatures": features.collect::<serde_json::Map<_, _>>(),
    })
}

/// A device with one vibration motor of 20 steps.
pub fn vibrator(index: u32, name: &str) -> Value {
    device(index, name, &[output("Vibrate", 0, 20)])
}

pub fn output(kind: &str, min: i32, max: i32) -> Value {
    json!({"Output": {kind: {"Value": [min, max]}}})
}

pub fn input(kind: &str, max: i32, command: &str) -> Value {
    json!({"Input": {kind: {"Value": [[0, max]], "Command": [command]}}})
}

/// What a server without a mind of its own answers.
pub fn answer(received: &Received, devices: &[Value]) -> Value {
    json!([match received.kind.as_str() {
        "RequestServerInfo" => message("ServerInfo", received.id, server_info(0)),
        "RequestDeviceList" => message("DeviceList", received.id, device_list(devices)),
        _ => message("Ok", received.id, json!({})),
    }])
}

/// The next event in short.
pub async fn told(events: &mut Events) -> String {
    match events.next().await {
        None => "end".into(),
        Some(Event::DeviceAdded(device)) => format!("added {}", device.label()),
        Some(Event::DeviceRemoved(device)) => format!("removed {}", device.label()),
        Some(Event::ScanningFinished) => "scanned".into(),
        Some(Event::Reading(reading)) => format!("{} {}", reading.kind, reading.value),
        Some(Event::PingTimeout) => "ping timeout".into(),
        Some(Event::ServerError(fault)) => format!("error {}: {fault}", fault.code.number()),
        Some(Event::Disconnected(reason)) => format!("disconnected: {reason}"),
        Some(Event::Reconnecting { attempt, delay }) => format!("attempt {attempt} in {delay:?}"),
        Some(Event::Reconnected) => "reconnected".into(),
        Some(Event::Lagged(dropped)) => format!("{dropped} dropped"),
        Some(other) => format!("{other:?}"),
    }
}
