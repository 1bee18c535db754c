//! BlueZ's objects as they were last told: adapters, devices, and the services of those that are connected.

use std::collections::{BTreeMap, HashMap};

use frisson_program::{Bus, Uuid};
use zbus::{OwnedVariant, Variant};

use super::super::link::{Abilities, Characteristic};
use crate::Sighting;

pub(super) const ADAPTER: &str = "org.bluez.Adapter1";
pub(super) const DEVICE: &str = "org.bluez.Device1";
pub(super) const SERVICE: &str = "org.bluez.GattService1";
pub(super) const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";

/// The properties of one interface of an object.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// All that is known, by D-Bus path.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) adapters: BTreeMap<String, Adapter>,
    pub(super) devices: BTreeMap<String, Device>,
    services: BTreeMap<String, Service>,
    characteristics: BTreeMap<String, Gatt>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Adapter {
    pub(super) is_powered: bool,
    pub(super) is_discovering: bool,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Device {
    pub(super) adapter: String,
    pub(super) address: String,
    name: String,
    manufacturer: BTreeMap<u16, Vec<u8>>,
    services: Vec<Uuid>,
    rssi: Option<i16>,
    /// Heard of since it was last connected.
    is_heard: bool,
    pub(super) is_connected: bool,
    pub(super) is_resolved: bool,
}

#[derive(Default)]
struct Service {
    device: String,
    uuid: Option<Uuid>,
}

#[derive(Default)]
struct Gatt {
    service: String,
    uuid: Option<Uuid>,
    abilities: Abilities,
}

impl Objects {
    /// Takes in an interface of an object: all of its properties at first, later those that have changed.
    pub(super) fn set(&mut self, path: &str, interface: &str, properties: &Properties) {
        match interface {
            ADAPTER => self.adapters.entry(path.to_owned()).or_default().set(properties),
            DEVICE => self.devices.entry(path.to_owned()).or_default().set(properties),
            SERVICE => {
                let service = self.services.entry(path.to_owned()).or_default();
                set(&mut service.device, properties, "Device", text);
                set(&mut service.uuid, properties, "UUID", |value| uuid(value).map(Some));
            }
            CHARACTERISTIC => {
                let characteristic = self.characteristics.entry(path.to_owned()).or_default();
                set(&mut characteristic.service, properties, "Service", text);
                set(&mut characteristic.uuid, properties, "UUID", |value| uuid(value).map(Some));
                set(&mut characteristic.abilities, properties, "Flags", abilities);
            }
            _ => {}
        }
    }

    /// Takes in changes of an object that is known. Whether it is.
    pub(super) fn change(
        &mut self,
        path: &str,
        interface: &str,
        changed: &Properties,
        invalidated: &[String],
    ) -> bool {
        let is_known = match interface {
            ADAPTER => self.adapters.contains_key(path),
            DEVICE => self.devices.contains_key(path),
            SERVICE => self.services.contains_key(path),
            CHARACTERISTIC => self.characteristics.contains_key(path),
            _ => false,
        };
        if is_known {
            self.set(path, interface, changed);
            if let Some(device) = self.devices.get_mut(path).filter(|_| interface == DEVICE) {
                invalidated.iter().for_each(|property| device.invalidate(property));
            }
        }
        is_known
    }

    pub(super) fn remove(&mut self, path: &str, interface: &str) {
        match interface {
            ADAPTER => drop(self.adapters.remove(path)),
            DEVICE => drop(self.devices.remove(path)),
            SERVICE => drop(self.services.remove(path)),
            CHARACTERISTIC => drop(self.characteristics.remove(path)),
            _ => {}
        }
    }

    /// The characteristics of a device.
    pub(super) fn characteristics(&self, device: &str) -> Vec<Characteristic<String>> {
        let characteristic = |(path, gatt): (&String, &Gatt)| {
            let service = self.services.get(&gatt.service).filter(|service| service.device == device)?;
            Some(Characteristic {
                service: service.uuid?,
                uuid: gatt.uuid?,
                handle: path.clone(),
                abilities: gatt.abilities,
            })
        };
        self.characteristics.iter().filter_map(characteristic).collect()
    }

    /// By which adapter a device is reached best: its path.
    pub(super) fn nearest(&self, address: &str) -> Option<&str> {
        let devices = self.devices.iter().filter(|(_, device)| {
            let is_powered = self.adapters.get(&device.adapter).is_some_and(|adapter| adapter.is_powered);
            device.address == address && is_powered
        });
        let best = devices.max_by_key(|(_, device)| (device.is_connected, device.is_heard, device.rssi));
        best.map(|(path, _)| path.as_str())
    }
}

impl Adapter {
    fn set(&mut self, properties: &Properties) {
        set(&mut self.is_powered, properties, "Powered", flag);
        set(&mut self.is_discovering, properties, "Discovering", flag);
    }
}

impl Device {
    fn set(&mut self, properties: &Properties) {
        let was_connected = self.is_connected;
        set(&mut self.adapter, properties, "Adapter", text);
        set(&mut self.address, properties, "Address", text);
        set(&mut self.is_connected, properties, "Connected", flag);
        set(&mut self.is_resolved, properties, "ServicesResolved", flag);
        set(&mut self.rssi, properties, "RSSI", |value| i16::try_from(value).ok().map(Some));
        // Once a device is connected BlueZ takes up the name and the services that it has inside as well. It is known by what it tells outside.
        if !was_connected || self.name.is_empty() {
            set(&mut self.name, properties, "Name", text);
        }
        if !was_connected {
            set(&mut self.services, properties, "UUIDs", uuids);
        }
        set(&mut self.manufacturer, properties, "ManufacturerData", manufacturer);
        let is_advertisement = ["RSSI", "ManufacturerData", "ServiceData", "AdvertisingData"]
            .into_iter()
            .any(|property| properties.contains_key(property));
        self.is_heard = match was_connected && !self.is_connected {
            true => false,
            false => self.is_heard || is_advertisement && self.rssi.is_some(),
        };
    }

    fn invalidate(&mut self, property: &str) {
        match property {
            "RSSI" => {
                self.rssi = None;
                self.is_heard = false;
            }
            "ManufacturerData" => self.manufacturer.clear(),
            _ => {}
        }
    }

    /// The device as it is seen at present; none if BlueZ only remembers it.
    pub(super) fn sighting(&self) -> Option<Sighting> {
        let is_present = self.is_connected || self.is_heard;
        is_present.then(|| Sighting {
            manufacturer: self.manufacturer.clone().into_iter().collect(),
            advertised: self.services.clone(),
            rssi: self.rssi,
            ..Sighting::new(Bus::BluetoothLe, self.address.clone(), self.name.clone())
        })
    }
}

/// Takes in a property if it is there and of the right type.
fn set<T>(field: &mut T, properties: &Properties, name: &str, read: impl Fn(&Variant<'static>) -> Option<T>) {
    if let Some(value) = properties.get(name).and_then(|value| read(value)) {
        *field = value;
    }
}

fn flag(value: &Variant<'_>) -> Option<bool> {
    bool::try_from(value).ok()
}

fn text(value: &Variant<'_>) -> Option<String> {
    match value {
        Variant::Str(text) => Some(text.as_str().to_owned()),
        Variant::ObjectPath(path) => Some(path.as_str().to_owned()),
        _ => None,
    }
}

fn uuid(value: &Variant<'_>) -> Option<Uuid> {
    text(value)?.parse().ok()
}

/// In an order of its own, so that the same services look the same however BlueZ lists them.
fn uuids(value: &Variant<'_>) -> Option<Vec<Uuid>> {
    let Variant::Array(values) = value else { return None };
    let mut uuids: Vec<_> = values.inner().iter().filter_map(uuid).collect();
    uuids.sort_unstable();
    uuids.dedup();
    Some(uuids)
}

fn manufacturer(value: &Variant<'_>) -> Option<BTreeMap<u16, Vec<u8>>> {
    let Variant::Dict(entries) = value else { return None };
    let entry =
        |(company, data): (&Variant<'_>, &Variant<'_>)| Some((u16::try_from(company).ok()?, bytes(data)?));
    Some(entries.iter().filter_map(entry).collect())
}

/// Bytes, also where they are wrapped in a variant of their own.
pub(super) fn bytes(value: &Variant<'_>) -> Option<Vec<u8>> {
    match value {
        Variant::Variant(inner) => bytes(inner),
        Variant::Array(values) => values.inner().iter().map(|byte| u8::try_from(byte).ok()).collect(),
        _ => None,
    }
}

fn abilities(value: &Variant<'_>) -> Option<Abilities> {
    let Variant::Array(flags) = value else { return None };
    let mut abilities = Abilities::default();
    for flag in flags.inner().iter().filter_map(text) {
        match flag.as_str() {
            "read" => abilities.read = true,
            "write" => abilities.write = true,
            "write-without-response" => abilities.write_unconfirmed = true,
            "notify" | "indicate" => abilities.notify = true,
            _ => {}
        }
    }
    Some(abilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties<const N: usize>(all: [(&str, Variant<'static>); N]) -> Properties {
        let owned = |value: Variant<'static>| OwnedVariant::try_from(value).expect("no descriptors");
        all.into_iter().map(|(name, value)| (name.to_owned(), owned(value))).collect()
    }

    fn device(all: Properties) -> Objects {
        let mut objects = Objects::default();
        objects.set("/a", ADAPTER, &properties([("Powered", true.into())]));
        objects.set("/a/d", DEVICE, &properties([("Address", "00:11".into()), ("Adapter", "/a".into())]));
        objects.set("/a/d", DEVICE, &all);
        objects
    }

    fn sighting(objects: &Objects) -> Option<Sighting> {
        objects.devices.get("/a/d").and_then(Device::sighting)
    }

    #[test]
    fn a_device_that_is_only_remembered_is_not_seen() {
        let mut objects = device(properties([("Name", "toy".into())]));
        assert_eq!(sighting(&objects), None);
        objects.change("/a/d", DEVICE, &properties([("RSSI", (-50_i16).into())]), &[]);
        let seen = sighting(&objects).expect("seen");
        assert_eq!((seen.name.as_str(), seen.rssi), ("toy", Some(-50)));
        objects.change("/a/d", DEVICE, &properties([]), &["RSSI".to_owned()]);
        assert_eq!(sighting(&objects), None);
        objects.change("/a/d", DEVICE, &properties([("Connected", true.into())]), &[]);
        assert!(sighting(&objects).is_some(), "a connected device is there");
    }

    #[test]
    fn a_device_that_was_connected_is_seen_when_it_is_heard_of_again_and_looks_as_before() {
        let outside = vec!["0000180f-0000-1000-8000-00805f9b34fb"];
        let inside = vec!["0000180f-0000-1000-8000-00805f9b34fb", "0000ff00-0000-1000-8000-00805f9b34fb"];
        let mut objects = device(properties([
            ("Name", "LVS-1".into()),
            ("UUIDs", outside.into()),
            ("RSSI", (-50_i16).into()),
        ]));
        let before = sighting(&objects).expect("seen");
        objects.change("/a/d", DEVICE, &properties([("Connected", true.into())]), &[]);
        let told = properties([("UUIDs", inside.into()), ("Name", "inner name".into())]);
        objects.change("/a/d", DEVICE, &told, &[]);
        objects.change("/a/d", DEVICE, &properties([("Connected", false.into())]), &[]);
        assert_eq!(sighting(&objects), None);
        objects.change("/a/d", DEVICE, &properties([("RSSI", (-50_i16).into())]), &[]);
        assert_eq!(sighting(&objects), Some(before));
    }

    #[test]
    fn properties_of_the_wrong_type_are_left_out() {
        let mut objects = device(properties([
            ("Name", 7_u8.into()),
            ("UUIDs", vec!["no uuid"].into()),
            ("RSSI", "strong".into()),
            ("ManufacturerData", true.into()),
            ("Connected", "yes".into()),
        ]));
        assert_eq!(sighting(&objects), None);
        assert!(!objects.change("/unknown", DEVICE, &properties([]), &[]));
    }
}
