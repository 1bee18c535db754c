//! A program that presents one Bluetooth device over virtual hardware and lets everything succeed.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::websocket::Client;
use super::{PATIENCE, Program};

/// The host of a device `d`.
pub(crate) struct Host {
    connection: Client,
    heard: Receiver<Value>,
}

/// Where hosts connect, as the log has it.
pub(crate) fn hardware(program: &Program) -> SocketAddr {
    program.err.wait_for("the port of virtual hardware", |line| {
        let (_, address) = line.split_once("virtual hardware listening on ")?;
        address.split(' ').next()?.parse().ok()
    })
}

impl Host {
    /// Connects to a server that was started with `--virtual-hardware-port`.
    pub(crate) fn connect(program: &Program) -> Self {
        let connection = Client::open(hardware(program));
        let mut twin = connection.twin();
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            while let Some(text) = twin.receive() {
                let frame: Value = serde_json::from_str(&text).expect("JSON");
                if !frame["id"].is_null() && frame["type"] != "error" {
                    twin.send(&json!({"type": "ok", "id": frame["id"]}).to_string());
                }
                if sender.send(frame).is_err() {
                    return;
                }
            }
        });
        let mut host = Self { connection, heard };
        host.say(&json!({"type": "hello", "version": 1, "host": "test"}));
        host
    }

    fn say(&mut self, frame: &Value) {
        self.connection.send(&frame.to_string());
    }

    /// Lets the device be found. Its service `ff00` has the characteristic `ff01`.
    pub(crate) fn advertise(&mut self, name: &str) {
        self.advertise_with(name, "ff00", "ff01");
    }

    /// The same with another service that has one characteristic.
    pub(crate) fn advertise_with(&mut self, name: &str, service: &str, characteristic: &str) {
        let uuid = |short: &str| format!("0000{short}-0000-1000-8000-00805f9b34fb");
        let services = json!([{"uuid": uuid(service), "characteristics": [{"uuid": uuid(characteristic)}]}]);
        self.say(&json!({"type": "advertise", "device": "d", "transport": "btle", "name": name,
                         "address": "c0:ff:ee:00:00:01", "services": services}));
    }

    /// Waits for a frame of this type, and gives it. Others before it are passed over, but no write.
    #[track_caller]
    pub(crate) fn expect(&self, kind: &str) -> Value {
        loop {
            let frame = self.heard.recv_timeout(PATIENCE).expect(kind);
            if frame["type"] == kind {
                return frame;
            }
            assert_ne!(frame["type"], "write", "before `{kind}`: {frame}");
        }
    }

    /// Waits for the next write, and gives its bytes.
    #[track_caller]
    pub(crate) fn write(&self) -> String {
        self.expect("write")["data"].as_str().expect("data").to_owned()
    }
}
