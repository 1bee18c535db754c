//! What is known of a device before it is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use frisson_wire::SelfDescription;

use crate::Uuid;

/// A kind of bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Bus {
    /// Simulated devices of this process.
    #[default]
    Simulated,
    /// Bluetooth Low Energy.
    BluetoothLe,
    /// Serial ports.
    Serial,
    /// Human interface devices, through the system's driver for them.
    Hid,
    /// USB devices without a driver of the system's.
    Usb,
    /// Devices that connect by themselves, over WebSocket.
    WebSocket,
    /// Gamepads.
    Gamepad,
    /// Toys behind Lovense's phone application.
    LovenseConnect,
    /// TCode devices on the network.
    TCode,
    /// Toys behind Lovense's USB dongle.
    LovenseDongle,
}

impl Bus {
    /// The name in settings, on the command line and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::BluetoothLe => "ble",
            Self::Serial => "serial",
            Self::Hid => "hid",
            Self::Usb => "usb",
            Self::WebSocket => "websocket",
            Self::Gamepad => "gamepad",
            Self::LovenseConnect => "lovense-connect",
            Self::TCode => "tcode",
            Self::LovenseDongle => "lovense-dongle",
        }
    }

    /// Whether devices are offered without a scan, and taken without one.
    pub fn is_always_on(self) -> bool {
        matches!(self, Self::Simulated | Self::WebSocket)
    }

    /// The least time between two flushes that links of this bus bear, where neither the link nor the device's program knows better.
    pub fn gap(self) -> Duration {
        match self {
            // Behind the dongle is the same radio.
            Self::BluetoothLe | Self::LovenseDongle => Duration::from_millis(75),
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device that was seen on a bus. What a bus does not tell is left empty.
///
/// ```
/// use frisson_program::{Bus, Sighting};
///
/// let pad = Sighting { ids: Some((0x045e, 0x02fd)), ..Sighting::new(Bus::Hid, "usb-3", "Pad") };
/// assert_eq!(pad.key(), "hid:usb-3");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// The bus.
    pub bus: Bus,
    /// What makes this very device recognisable next time; unique on its bus.
    pub address: String,
    /// What it calls itself; may be empty.
    pub name: String,
    /// What its maker says over Bluetooth LE: the company, and data whose meaning the company knows.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    /// The services that it advertises over Bluetooth LE. It may have others.
    pub advertised: Vec<Uuid>,
    /// How strong its signal is, in dBm.
    pub rssi: Option<i16>,
    /// Vendor and product, where the device is USB or HID, or a serial port is one of USB.
    pub ids: Option<(u16, u16)>,
    /// The system's name of a serial port, e.g. `/dev/ttyUSB0` or `COM7`.
    pub port: Option<String>,
    /// What a gamepad can do.
    pub capabilities: Capabilities,
    /// What it says of itself, where it does.
    pub described: Option<Arc<SelfDescription>>,
}

impl Sighting {
    /// A device of which no more is known.
    pub fn new(bus: Bus, address: impl Into<String>, name: impl Into<String>) -> Self {
        Self { bus, address: address.into(), name: name.into(), ..Self::default() }
    }

    /// What makes the device recognisable among those of all buses.
    pub fn key(&self) -> String {
        format!("{}:{}", self.bus, self.address)
    }
}

/// What a gamepad can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// It has the two usual motors.
    pub rumble: bool,
    /// Its triggers have motors.
    pub trigger_rumble: bool,
    /// It tells its battery.
    pub battery: bool,
}
