//! The adapters and peripherals that the fake BlueZ has, and what it says of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use zbus::message::Message;
use zbus::{ObjectPath, Variant};

pub const ADAPTER: &str = "org.bluez.Adapter1";
pub const DEVICE: &str = "org.bluez.Device1";
pub const SERVICE: &str = "org.bluez.GattService1";
pub const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";

pub type Properties = HashMap<&'static str, Variant<'static>>;
pub type Interfaces = HashMap<&'static str, Properties>;

#[derive(Default)]
pub struct World {
    pub adapters: BTreeMap<String, Adapter>,
    /// By path.
    pub peripherals: BTreeMap<String, Peripheral>,
    /// Writes are not answered.
    pub hold_writes: bool,
    /// What a characteristic notifies of while it is read.
    pub notifies_before_reads: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Default)]
pub struct Adapter {
    pub powered: bool,
    pub discovering: bool,
}

/// What an attempt to connect comes to. If nothing is said it succeeds.
#[derive(Clone)]
pub enum Attempt {
    /// Refused with this text.
    Fails(&'static str),
    /// Never answered.
    Hangs,
    /// Connected, and the services are found only when the test says so.
    Unresolved,
    /// Connected, with these services instead of the peripheral's own.
    Finds(Vec<Service>),
}

#[derive(Clone, Default)]
pub struct Peripheral {
    pub address: String,
    pub name: Option<String>,
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    pub advertised: Vec<String>,
    pub rssi: Option<i16>,
    pub services: Vec<Service>,
    pub attempts: VecDeque<Attempt>,
    /// What writes that are acknowledged are refused with: the error's name and text.
    pub refuses_writes: Option<(&'static str, &'static str)>,
    pub connected: bool,
    pub resolved: bool,
    /// The characteristics that notify, by UUID.
    pub subscriptions: BTreeSet<String>,
    /// What is presented at present.
    pub found: Vec<Service>,
}

pub type Service = (String, Vec<Characteristic>);

#[derive(Clone)]
pub struct Characteristic {
    pub uuid: String,
    pub flags: Vec<String>,
    pub value: Vec<u8>,
}

/// A characteristic with these flags, which are separated by blanks.
pub fn characteristic(uuid: &str, flags: &str) -> Characteristic {
    let flags = flags.split(' ').map(str::to_owned).collect();
    Characteristic { uuid: full(uuid), flags, value: Vec::new() }
}

/// The long form of a UUID of 16 bits; another as it is.
pub fn full(uuid: &str) -> String {
    match uuid.len() {
        4 => format!("0000{uuid}-0000-1000-8000-00805f9b34fb"),
        _ => uuid.to_owned(),
    }
}

pub fn adapter_path(adapter: &str) -> String {
    format!("/org/bluez/{adapter}")
}

pub fn device_path(adapter: &str, address: &str) -> String {
    format!("{}/dev_{}", adapter_path(adapter), address.replace(':', "_"))
}

impl Peripheral {
    pub fn properties(&self, path: &str) -> Properties {
        let adapter = path.rsplit_once('/').expect("a path").0.to_owned();
        let adapter = ObjectPath::try_from(adapter).expect("a path");
        let mut properties = Properties::from([
            ("Address", self.address.clone().into()),
            ("Alias", self.address.replace(':', "-").into()),
            ("Adapter", adapter.into()),
            ("Connected", self.connected.into()),
            ("ServicesResolved", self.resolved.into()),
            ("Paired", false.into()),
            ("UUIDs", uuids(&self.advertised)),
        ]);
        properties.extend(self.name.clone().map(|name| ("Name", name.into())));
        properties.extend(self.rssi.map(|rssi| ("RSSI", rssi.into())));
        if !self.manufacturer.is_empty() {
            properties.insert("ManufacturerData", manufacturer(&self.manufacturer));
        }
        properties
    }

    /// The objects below the peripheral, by path.
    pub fn tree(&self, path: &str) -> Vec<(String, Interfaces)> {
        let mut objects = Vec::new();
        for (number, (uuid, characteristics)) in self.found.iter().enumerate() {
            let service = format!("{path}/service{number:04x}");
            let device = ObjectPath::try_from(path.to_owned()).expect("a path");
            let properties = Properties::from([("UUID", full(uuid).into()), ("Device", device.into())]);
            objects.push((service.clone(), Interfaces::from([(SERVICE, properties)])));
            for (number, characteristic) in characteristics.iter().enumerate() {
                let parent = ObjectPath::try_from(service.clone()).expect("a path");
                let properties = Properties::from([
                    ("UUID", characteristic.uuid.clone().into()),
                    ("Service", parent.into()),
                    ("Flags", characteristic.flags.clone().into()),
                ]);
                let path = format!("{service}/char{number:04x}");
                objects.push((path, Interfaces::from([(CHARACTERISTIC, properties)])));
            }
        }
        objects
    }

    /// Connects it. What is said of that.
    pub fn connect(&mut self, path: &str, found: Vec<Service>, resolves: bool) -> Vec<Message> {
        self.connected = true;
        let mut said = vec![changed(path, DEVICE, Properties::from([("Connected", true.into())]))];
        self.found = found;
        if resolves {
            said.extend(self.resolve(path));
        }
        said
    }

    /// Its services are found.
    pub fn resolve(&mut self, path: &str) -> Vec<Message> {
        self.resolved = true;
        let mut said: Vec<_> =
            self.tree(path).into_iter().map(|(path, interfaces)| added(&path, interfaces)).collect();
        let services: Vec<_> = self.found.iter().map(|(uuid, _)| full(uuid)).collect();
        let properties = Properties::from([("ServicesResolved", true.into()), ("UUIDs", services.into())]);
        said.push(changed(path, DEVICE, properties));
        said
    }

    /// Disconnects it. What is said of that.
    pub fn disconnect(&mut self, path: &str) -> Vec<Message> {
        let tree = self.tree(path);
        let mut said = Vec::new();
        if self.resolved {
            for (path, interfaces) in tree {
                said.push(removed(&path, interfaces.keys().map(|name| (*name).to_owned()).collect()));
            }
            said.insert(0, changed(path, DEVICE, Properties::from([("ServicesResolved", false.into())])));
        }
        if self.connected {
            said.push(changed(path, DEVICE, Properties::from([("Connected", false.into())])));
        }
        (self.connected, self.resolved) = (false, false);
        self.found.clear();
        said
    }
}

impl World {
    pub fn objects(&self) -> HashMap<ObjectPath<'static>, Interfaces> {
        let mut objects = HashMap::new();
        let path = |text: String| ObjectPath::try_from(text).expect("a path");
        for (name, adapter) in &self.adapters {
            objects.insert(path(adapter_path(name)), adapter.interfaces());
        }
        for (device, peripheral) in &self.peripherals {
            let interfaces = Interfaces::from([(DEVICE, peripheral.properties(device))]);
            objects.insert(path(device.clone()), interfaces);
            if peripheral.resolved {
                objects.extend(peripheral.tree(device).into_iter().map(|(at, all)| (path(at), all)));
            }
        }
        objects
    }

    /// The characteristic at a path, and the peripheral that has it.
    pub fn characteristic(&mut self, path: &str) -> Option<(&mut Peripheral, Characteristic)> {
        let (device, peripheral) =
            self.peripherals.iter_mut().find(|(device, _)| path.starts_with(*device))?;
        let mut rest = path.strip_prefix(device.as_str())?.split('/').skip(1);
        let mut number = |prefix: &str| {
            let digits = rest.next()?.strip_prefix(prefix)?;
            usize::from_str_radix(digits, 16).ok()
        };
        let service = number("service")?;
        let characteristic = number("char")?;
        let found = peripheral.found.get(service)?.1.get(characteristic)?.clone();
        Some((peripheral, found))
    }

    /// The path of a characteristic of a connected peripheral.
    pub fn characteristic_path(&self, address: &str, uuid: &str) -> String {
        let is_it =
            |(_, peripheral): &(&String, &Peripheral)| peripheral.address == address && peripheral.resolved;
        let (device, peripheral) = self.peripherals.iter().find(is_it).expect("a connected peripheral");
        for (service, (_, characteristics)) in peripheral.found.iter().enumerate() {
            let place = characteristics.iter().position(|one| one.uuid == full(uuid));
            if let Some(place) = place {
                return format!("{device}/service{service:04x}/char{place:04x}");
            }
        }
        panic!("no characteristic {uuid}");
    }
}

impl Adapter {
    pub fn interfaces(self) -> Interfaces {
        let properties = [("Powered", self.powered.into()), ("Discovering", self.discovering.into())];
        Interfaces::from([(ADAPTER, Properties::from(properties))])
    }
}

pub fn uuids(uuids: &[String]) -> Variant<'static> {
    uuids.iter().map(|uuid| full(uuid)).collect::<Vec<_>>().into()
}

pub fn manufacturer(data: &[(u16, Vec<u8>)]) -> Variant<'static> {
    let data: HashMap<u16, Variant<'static>> =
        data.iter().map(|(company, bytes)| (*company, bytes.clone().into())).collect();
    data.into()
}

pub fn added(path: &str, interfaces: Interfaces) -> Message {
    let path = ObjectPath::try_from(path.to_owned()).expect("a path");
    signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", &(path, interfaces))
}

pub fn removed(path: &str, interfaces: Vec<String>) -> Message {
    let path = ObjectPath::try_from(path.to_owned()).expect("a path");
    signal("/", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", &(path, interfaces))
}

pub fn changed(path: &str, interface: &str, properties: Properties) -> Message {
    let none: Vec<String> = Vec::new();
    let body = (interface, properties, none);
    signal(path, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body)
}

fn signal<B: serde::Serialize + zbus::DynamicType>(
    path: &str,
    interface: &str,
    name: &str,
    body: &B,
) -> Message {
    Message::signal(path.to_owned(), interface.to_owned(), name.to_owned()).build(body).expect("a message")
}
