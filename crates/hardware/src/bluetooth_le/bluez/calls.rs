//! The messages to D-Bus and BlueZ, and what their errors mean.

use zbus::Message;
use zbus::message::{Flags, Type};
use zbus::{DynamicType, Variant};

use crate::PortError;

pub(super) const BLUEZ: &str = "org.bluez";
pub(super) const DBUS: &str = "org.freedesktop.DBus";
pub(super) const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

type Options<'a> = std::collections::HashMap<&'a str, Variant<'a>>;

/// Something that BlueZ is asked to do for a device.
pub(in super::super) enum Call {
    Connect,
    /// Of this kind: with the device's confirmation or without.
    Write(String, Vec<u8>, bool),
    Read(String),
    Notify(String, bool),
}

impl Call {
    pub(super) fn message(self, device: &str) -> zbus::Result<Message> {
        const GATT: &str = super::objects::CHARACTERISTIC;
        match self {
            Self::Connect => bluez(device, super::objects::DEVICE, "Connect", &()),
            Self::Write(path, bytes, confirm) => {
                let kind = if confirm { "request" } else { "command" };
                let options = Options::from([("type", Variant::from(kind))]);
                bluez(&path, GATT, "WriteValue", &(bytes, options))
            }
            Self::Read(path) => bluez(&path, GATT, "ReadValue", &(Options::new(),)),
            Self::Notify(path, true) => bluez(&path, GATT, "StartNotify", &()),
            Self::Notify(path, false) => bluez(&path, GATT, "StopNotify", &()),
        }
    }
}

/// Has the signals that matter sent to us.
pub(super) fn subscribe() -> zbus::Result<Vec<Message>> {
    let rules = [
        format!("type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{BLUEZ}'"),
        format!("type='signal',sender='{BLUEZ}',interface='{OBJECT_MANAGER}'"),
        format!("type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',member='PropertiesChanged'"),
    ];
    rules.iter().map(|rule| to_dbus("AddMatch", &(rule.as_str(),))).collect()
}

pub(super) fn owner() -> zbus::Result<Message> {
    to_dbus("GetNameOwner", &(BLUEZ,))
}

pub(super) fn objects() -> zbus::Result<Message> {
    bluez("/", OBJECT_MANAGER, "GetManagedObjects", &())
}

/// Looks for devices over Bluetooth LE. What has not changed is not told again.
pub(super) fn start_discovery(adapter: &str) -> zbus::Result<[Message; 2]> {
    let filter = Options::from([("Transport", Variant::from("le")), ("DuplicateData", Variant::from(false))]);
    Ok([
        bluez(adapter, super::objects::ADAPTER, "SetDiscoveryFilter", &(filter,))?,
        bluez(adapter, super::objects::ADAPTER, "StartDiscovery", &())?,
    ])
}

pub(super) fn stop_discovery(adapter: &str) -> zbus::Result<Message> {
    bluez(adapter, super::objects::ADAPTER, "StopDiscovery", &())
}

pub(super) fn disconnect(device: &str) -> zbus::Result<Message> {
    bluez(device, super::objects::DEVICE, "Disconnect", &())
}

fn to_dbus<B: serde::Serialize + DynamicType>(member: &str, body: &B) -> zbus::Result<Message> {
    let path = "/org/freedesktop/DBus";
    Message::method_call(path, member).destination(DBUS).interface(DBUS).build(body)
}

fn bluez<B: serde::Serialize + DynamicType>(
    path: &str,
    interface: &str,
    member: &str,
    body: &B,
) -> zbus::Result<Message> {
    // Whether BlueZ runs is for the system to decide.
    let call = Message::method_call(path, member).with_flags(Flags::NO_AUTO_START);
    call.destination(BLUEZ).interface(interface).build(body)
}

/// What an answer says that is an error.
pub(super) struct Fault {
    pub(super) name: String,
    text: String,
}

impl Fault {
    /// None if the answer is not an error.
    pub(super) fn of(answer: &Message) -> Option<Self> {
        if answer.message_type() != Type::Error {
            return None;
        }
        let name = answer.header().error_name().map(ToString::to_string).unwrap_or_default();
        let text = answer.body().deserialize::<&str>().map(str::to_owned).unwrap_or_default();
        Some(Self { name, text })
    }

    /// What the last part of the error's name is.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.rsplit('.').next() == Some(name)
    }

    /// Whether the device wants to know the system better than it does.
    fn wants_pairing(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        let texts = ["not paired", "authentication", "encryption", "0x05", "0x08", "0x0c", "0x0f"];
        let asks = texts.iter().any(|part| text.contains(part));
        self.is("NotAuthorized") || self.is("AuthenticationFailed") || asks && !self.is("InvalidArguments")
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.text.is_empty() {
            true => f.write_str(&self.name),
            false => f.write_str(&self.text),
        }
    }
}

impl From<Fault> for PortError {
    fn from(fault: Fault) -> Self {
        if fault.is("UnknownObject") || fault.is("UnknownMethod") || fault.is("DoesNotExist") {
            return Self::Gone("BlueZ does not know the device any more".to_owned());
        }
        if fault.is("NotConnected") || fault.text == "Not connected" {
            return Self::Gone("BlueZ says that it is not connected".to_owned());
        }
        match fault.wants_pairing() {
            true => Self::Failed(format!(
                "the device wants to be paired with the system first ({fault}): pair it in the system's Bluetooth settings or \
                 with `bluetoothctl pair`, then look for it again"
            )),
            false => Self::Failed(format!("BlueZ: {fault}")),
        }
    }
}
