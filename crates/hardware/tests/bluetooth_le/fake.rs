//! A fake BlueZ: owns BlueZ's name on a bus of its own, presents adapters and peripherals, and tells what it is asked to do.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use zbus::connection::Builder;
use zbus::message::{Header, Message, Type};
use zbus::{Connection, MessageStream, Variant};

use crate::bus::Bus;
use crate::world::{
    ADAPTER, Adapter, Attempt, CHARACTERISTIC, DEVICE, Interfaces, Peripheral, Properties, World,
    adapter_path, added, changed, device_path, manufacturer, removed, uuids,
};

/// What BlueZ was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// To begin or end to look for devices, on an adapter.
    Discovery(String, bool),
    Connect(String),
    Disconnect(String),
    /// A characteristic, bytes, and `request` or `command`.
    Write(String, Vec<u8>, String),
    Read(String),
    Notify(String, bool),
}

pub struct Fake {
    pub bus: Bus,
    world: Arc<Mutex<World>>,
    service: Option<(Connection, tokio::task::JoinHandle<()>)>,
    tell: mpsc::UnboundedSender<Heard>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Fake {
    /// A bus with a BlueZ that has no adapter.
    pub async fn start() -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        let mut fake = Self { bus: Bus::start(), world: Arc::default(), service: None, tell, heard };
        fake.start_service().await;
        fake
    }

    pub async fn start_service(&mut self) {
        let builder = Builder::address(self.bus.address().as_str());
        let connection = builder.build().await.expect("the bus");
        let stream = MessageStream::from(&connection);
        let (world, tell) = (Arc::clone(&self.world), self.tell.clone());
        let serving = tokio::spawn(serve(connection.clone(), stream, world, tell));
        connection.request_name("org.bluez").await.expect("the name");
        self.service = Some((connection, serving));
    }

    /// What BlueZ knows of connections does not outlive it.
    pub fn stop_service(&mut self) {
        if let Some((_, serving)) = self.service.take() {
            serving.abort();
        }
        let mut world = self.world();
        for peripheral in world.peripherals.values_mut() {
            (peripheral.connected, peripheral.resolved, peripheral.rssi) = (false, false, None);
            peripheral.found.clear();
        }
        world.adapters.values_mut().for_each(|adapter| adapter.discovering = false);
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no panic")
    }

    async fn say(&self, messages: Vec<Message>) {
        if let Some((connection, _)) = &self.service {
            connection.send_all(&messages).await.expect("sent");
        }
    }

    /// Plugs an adapter in.
    pub async fn plug(&self, name: &str, powered: bool) {
        let adapter = Adapter { powered, discovering: false };
        self.world().adapters.insert(name.to_owned(), adapter);
        self.say(vec![added(&adapter_path(name), adapter.interfaces())]).await;
    }

    /// Takes an adapter out; what was connected by it is not any more.
    pub async fn unplug(&self, name: &str) {
        let path = adapter_path(name);
        let mut said = Vec::new();
        {
            let mut world = self.world();
            world.adapters.remove(name);
            let below: Vec<_> =
                world.peripherals.keys().filter(|device| device.starts_with(&path)).cloned().collect();
            for device in below {
                let mut peripheral = world.peripherals.remove(&device).expect("it is there");
                said.extend(peripheral.disconnect(&device));
                said.push(removed(&device, vec![DEVICE.to_owned()]));
            }
        }
        said.push(removed(&path, vec![ADAPTER.to_owned()]));
        self.say(said).await;
    }

    pub async fn power(&self, name: &str, on: bool) {
        let path = adapter_path(name);
        let mut said = Vec::new();
        {
            let mut world = self.world();
            *world.adapters.get_mut(name).expect("the adapter") = Adapter { powered: on, discovering: false };
            let below = world.peripherals.iter_mut().filter(|(device, _)| device.starts_with(&path));
            said.extend(below.flat_map(|(device, peripheral)| peripheral.disconnect(device)));
        }
        said.push(changed(
            &path,
            ADAPTER,
            Properties::from([("Powered", on.into()), ("Discovering", false.into())]),
        ));
        self.say(said).await;
    }

    /// An adapter stops to look for devices by itself.
    pub async fn stop_discovery(&self, name: &str) {
        self.world().adapters.get_mut(name).expect("the adapter").discovering = false;
        let off = Properties::from([("Discovering", false.into())]);
        self.say(vec![changed(&adapter_path(name), ADAPTER, off)]).await;
    }

    /// A peripheral comes into sight of an adapter.
    pub async fn present(&self, adapter: &str, peripheral: Peripheral) {
        let path = device_path(adapter, &peripheral.address);
        let interfaces = Interfaces::from([(DEVICE, peripheral.properties(&path))]);
        self.world().peripherals.insert(path.clone(), peripheral);
        self.say(vec![added(&path, interfaces)]).await;
    }

    /// Another advertisement of a peripheral that is known.
    pub async fn advertise(&self, adapter: &str, address: &str, change: impl FnOnce(&mut Peripheral)) {
        let path = device_path(adapter, address);
        let properties = {
            let mut world = self.world();
            let peripheral = world.peripherals.get_mut(&path).expect("the peripheral");
            let before = peripheral.clone();
            change(peripheral);
            let mut properties = Properties::new();
            properties.extend(peripheral.rssi.map(|rssi| ("RSSI", rssi.into())));
            if before.name != peripheral.name {
                properties.extend(peripheral.name.clone().map(|name| ("Name", name.into())));
            }
            if before.advertised != peripheral.advertised {
                properties.insert("UUIDs", uuids(&peripheral.advertised));
            }
            if before.manufacturer != peripheral.manufacturer {
                properties.insert("ManufacturerData", manufacturer(&peripheral.manufacturer));
            }
            properties
        };
        self.say(vec![changed(&path, DEVICE, properties)]).await;
    }

    /// The link to a peripheral breaks.
    pub async fn drop_link(&self, adapter: &str, address: &str) {
        let path = device_path(adapter, address);
        let said = self.world().peripherals.get_mut(&path).expect("the peripheral").disconnect(&path);
        self.say(said).await;
    }

    /// The services of a connected peripheral are found at last.
    pub async fn resolve(&self, adapter: &str, address: &str) {
        let path = device_path(adapter, address);
        let said = self.world().peripherals.get_mut(&path).expect("the peripheral").resolve(&path);
        self.say(said).await;
    }

    /// A peripheral notifies.
    pub async fn notify(&self, address: &str, uuid: &str, bytes: &[u8]) {
        self.notify_often(address, uuid, &[bytes.to_vec()]).await;
    }

    pub async fn notify_often(&self, address: &str, uuid: &str, all: &[Vec<u8>]) {
        let path = self.world().characteristic_path(address, uuid);
        let message = |bytes: &Vec<u8>| {
            let value = Properties::from([("Value", Variant::from(bytes.clone()))]);
            changed(&path, CHARACTERISTIC, value)
        };
        self.say(all.iter().map(message).collect()).await;
    }

    /// The next thing that BlueZ is asked to do, other than to look for devices.
    #[track_caller]
    pub fn hear(&mut self) -> impl Future<Output = Heard> {
        let caller = std::panic::Location::caller();
        async move {
            loop {
                match tokio::time::timeout(Duration::from_secs(30), self.heard.recv()).await {
                    Ok(Some(Heard::Discovery(..))) => {}
                    Ok(Some(heard)) => return heard,
                    _ => panic!("{caller}: BlueZ is asked for nothing"),
                }
            }
        }
    }

    /// Waits until an adapter is told to look for devices, or not to; what else is heard is left out.
    #[track_caller]
    pub fn discovery(&mut self, adapter: &str, on: bool) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let wanted = Heard::Discovery(adapter.to_owned(), on);
        async move {
            loop {
                match tokio::time::timeout(Duration::from_secs(30), self.heard.recv()).await {
                    Ok(Some(heard)) if heard == wanted => return,
                    Ok(Some(_)) => {}
                    _ => panic!("{caller}: never {wanted:?}"),
                }
            }
        }
    }

    /// What BlueZ was asked to do and nobody has looked at.
    pub fn unheard(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

async fn serve(
    connection: Connection,
    mut stream: MessageStream,
    world: Arc<Mutex<World>>,
    tell: mpsc::UnboundedSender<Heard>,
) {
    while let Some(Ok(message)) = stream.next().await {
        if message.message_type() == Type::MethodCall {
            let said = answer(&mut world.lock().expect("no panic"), &message, &tell);
            if connection.send_all(&said).await.is_err() {
                return;
            }
        }
    }
}

/// What is said when BlueZ is asked: what happens, then the answer.
fn answer(world: &mut World, message: &Message, tell: &mpsc::UnboundedSender<Heard>) -> Vec<Message> {
    let header = message.header();
    let path = header.path().expect("a path").to_string();
    let member = header.member().expect("a member").to_string();
    let adapter = path.rsplit('/').next().unwrap_or_default().to_owned();
    let hear = |heard| tell.send(heard).expect("the test goes on");
    let done = || Message::method_return(&header).build(&()).expect("a message");
    match member.as_str() {
        "GetManagedObjects" => {
            vec![Message::method_return(&header).build(&(world.objects(),)).expect("a message")]
        }
        "SetDiscoveryFilter" => vec![done()],
        "StartDiscovery" | "StopDiscovery" => {
            let on = member == "StartDiscovery";
            let Some(state) = world.adapters.get_mut(&adapter) else { return vec![unknown(&header)] };
            if !state.powered {
                return vec![refused(&header, "org.bluez.Error.NotReady", "Resource Not Ready")];
            }
            state.discovering = on;
            hear(Heard::Discovery(adapter.clone(), on));
            vec![changed(&path, ADAPTER, Properties::from([("Discovering", on.into())])), done()]
        }
        "Connect" => {
            let Some(peripheral) = world.peripherals.get_mut(&path) else { return vec![unknown(&header)] };
            hear(Heard::Connect(peripheral.address.clone()));
            let own = peripheral.services.clone();
            let mut said = match peripheral.attempts.pop_front() {
                Some(Attempt::Fails(text)) => return vec![refused(&header, "org.bluez.Error.Failed", text)],
                Some(Attempt::Hangs) => return Vec::new(),
                Some(Attempt::Unresolved) => peripheral.connect(&path, own, false),
                Some(Attempt::Finds(other)) => peripheral.connect(&path, other, true),
                None => peripheral.connect(&path, own, true),
            };
            said.push(done());
            said
        }
        "Disconnect" => {
            let Some(peripheral) = world.peripherals.get_mut(&path) else { return vec![unknown(&header)] };
            hear(Heard::Disconnect(peripheral.address.clone()));
            let mut said = peripheral.disconnect(&path);
            said.push(done());
            said
        }
        _ => gatt(world, message, &path, &member, &hear),
    }
}

fn gatt(
    world: &mut World,
    message: &Message,
    path: &str,
    member: &str,
    hear: &dyn Fn(Heard),
) -> Vec<Message> {
    let header = message.header();
    let is_held = world.hold_writes;
    let before = world.notifies_before_reads.clone();
    let Some((peripheral, characteristic)) = world.characteristic(path) else {
        return vec![unknown(&header)];
    };
    let uuid = characteristic.uuid;
    let done = || Message::method_return(&header).build(&()).expect("a message");
    match member {
        "WriteValue" => {
            let body = message.body();
            let (bytes, options): (Vec<u8>, std::collections::HashMap<&str, Variant<'_>>) =
                body.deserialize().expect("bytes and options");
            let kind = String::try_from(&options["type"]).expect("a text");
            hear(Heard::Write(uuid, bytes, kind.clone()));
            match peripheral.refuses_writes.filter(|_| kind == "request") {
                _ if is_held => Vec::new(),
                Some((name, text)) => vec![refused(&header, name, text)],
                None => vec![done()],
            }
        }
        "ReadValue" => {
            hear(Heard::Read(uuid));
            // BlueZ says that the value has changed, then answers.
            let values = before.into_iter().chain([characteristic.value.clone()]);
            let said =
                |value: Vec<u8>| changed(path, CHARACTERISTIC, Properties::from([("Value", value.into())]));
            let answer = Message::method_return(&header).build(&(characteristic.value,));
            values.map(said).chain([answer.expect("a message")]).collect()
        }
        "StartNotify" | "StopNotify" => {
            hear(Heard::Notify(uuid.clone(), member == "StartNotify"));
            // A subscription outlives the connection.
            match member == "StartNotify" {
                true if peripheral.subscriptions.insert(uuid.clone()) => vec![done()],
                true => vec![refused(&header, "org.bluez.Error.InProgress", "In Progress")],
                false if peripheral.subscriptions.remove(&uuid) => vec![done()],
                false => vec![refused(&header, "org.bluez.Error.Failed", "No notify session started")],
            }
        }
        _ => vec![unknown(&header)],
    }
}

fn unknown(header: &Header<'_>) -> Message {
    refused(header, "org.freedesktop.DBus.Error.UnknownObject", "no such object")
}

fn refused(header: &Header<'_>, name: &str, text: &str) -> Message {
    Message::error(header, name.to_owned()).build(&(text,)).expect("a message")
}
