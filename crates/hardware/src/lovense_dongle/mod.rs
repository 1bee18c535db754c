//! Lovense's own USB dongle: a radio that connects one toy and speaks in lines of JSON.
//!
//! There are two generations. The current one is a human interface device and is found by itself. The old one is a serial port of a widespread kind
//! (a CH340), so that it is used only where the user names the port in [`Options::serial_ports`].
//!
//! A dongle is looked for when a scan begins and every second while it runs. The dongle connects one toy at a time; finding it ends the scan. A toy is
//! seen under its id as address and under the name `LVS-DongleDevice`, by which the protocol `lovense` knows it. It is told text on `tx` and says text on `rx`;
//! nothing can be read.
//!
//! One dongle is used at a time; of several the first that is found.

mod bus;
mod machine;
mod message;
mod port;
#[cfg(test)]
mod tests;
mod transport;

pub use bus::LovenseDongle;

/// The vendor and the product of the current dongle.
pub const IDS: (u16, u16) = (0x1915, 0x520A);
/// The name under which toys behind the dongle are seen.
pub const NAME: &str = "LVS-DongleDevice";

/// Where a dongle is looked for, besides among the human interface devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Serial ports with a dongle of the old kind, e.g. `/dev/ttyUSB0` or `COM7`, in the order in which they are tried.
    pub serial_ports: Vec<String>,
}
