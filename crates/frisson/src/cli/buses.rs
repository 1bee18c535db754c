//! Which buses are used, and what only the user knows of the devices on them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// A bus that can be used or left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum BusName {
    Ble,
    Serial,
    Hid,
    Gamepad,
    Tcode,
    LovenseDongle,
    LovenseConnect,
    /// None at all.
    None,
}

impl BusName {
    /// Those that are used unless the user says otherwise.
    const DEFAULT: [Self; 5] = [Self::Ble, Self::Serial, Self::Hid, Self::Gamepad, Self::LovenseDongle];
}

impl fmt::Display for BusName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Buses {
    /// The buses to look for devices on, comma-separated, or none; other buses are tcode and lovense-connect, which asks a
    /// service of its maker on the Internet for phones in this network. The options below switch their buses on in any case.
    /// Beside --virtual-hardware-port, none unless said here [default: ble,serial,hid,gamepad,lovense-dongle]
    #[arg(long = "bus", value_name = "LIST", value_delimiter = ',', hide_possible_values = true)]
    pub(crate) bus: Option<Vec<BusName>>,

    /// A serial port and the protocol of the device behind it, e.g. /dev/ttyUSB0=tcode-v03 or COM7=self-described; may be
    /// given several times. Other ports are never opened
    #[arg(long, value_name = "PORT=PROTOCOL")]
    pub(crate) serial: Vec<SerialPort>,

    /// A TCode device in the network, udp://HOST:PORT or tcp://HOST:PORT (the port may be left out: 8000); may be given several
    /// times
    #[arg(long, value_name = "URL")]
    pub(crate) tcode: Vec<String>,

    /// Where devices connect by themselves over WebSocket (customary: 127.0.0.1:54817). Whoever reaches the address can
    /// present devices
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) device_websocket: Option<SocketAddr>,

    /// A phone with Lovense Connect, http://HOST:PORT as it shows it; may be given several times. Then nobody on the Internet
    /// is asked
    #[arg(long, value_name = "URL")]
    pub(crate) lovense_connect: Vec<String>,

    /// The serial port of a Lovense dongle of the old kind; may be given several times
    #[arg(long, value_name = "PORT")]
    pub(crate) lovense_dongle_port: Vec<String>,
}

impl Buses {
    /// The buses to use. `is_test`: other programs present devices, and the real ones are left alone unless they are asked for.
    pub(crate) fn selected(&self, is_test: bool) -> Result<BTreeSet<BusName>, String> {
        let mut selected: BTreeSet<BusName> = match &self.bus {
            Some(named) => named.iter().copied().collect(),
            None if is_test => BTreeSet::new(),
            None => BusName::DEFAULT.into(),
        };
        if selected.remove(&BusName::None) && !selected.is_empty() {
            return Err("--bus none goes with no other bus".to_owned());
        }
        selected.extend(self.implied());
        if selected.contains(&BusName::Tcode) && self.tcode.is_empty() {
            return Err(
                "the bus tcode needs to be told where its devices are, e.g. --tcode udp://192.168.0.20:8000"
                    .to_owned(),
            );
        }
        Ok(selected)
    }

    /// Whether the user has asked for this bus.
    pub(crate) fn asks_for(&self, bus: BusName) -> bool {
        self.bus.as_ref().is_some_and(|named| named.contains(&bus))
            || self.implied().any(|other| other == bus)
    }

    /// The buses of which an option says where their devices are.
    fn implied(&self) -> impl Iterator<Item = BusName> {
        let named = [
            (BusName::Serial, !self.serial.is_empty()),
            (BusName::Tcode, !self.tcode.is_empty()),
            (BusName::LovenseConnect, !self.lovense_connect.is_empty()),
            (BusName::LovenseDongle, !self.lovense_dongle_port.is_empty()),
        ];
        named.into_iter().filter_map(|(bus, is_named)| is_named.then_some(bus))
    }
}

/// A serial port and what is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SerialPort {
    pub(crate) port: String,
    pub(crate) protocol: String,
}

impl FromStr for SerialPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((port, protocol)) if !port.is_empty() && !protocol.is_empty() => {
                Ok(Self { port: port.to_owned(), protocol: protocol.to_owned() })
            }
            _ => Err(format!(
                "expected PORT=PROTOCOL, e.g. {}=tcode-v03: what is behind a serial port cannot be seen, and nothing is \
                 guessed",
                if text.is_empty() || text.contains('=') { "/dev/ttyUSB0" } else { text }
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        buses: Buses,
    }

    fn selected(line: &[&str], is_test: bool) -> Result<String, String> {
        let line = Line::try_parse_from([&["test"], line].concat()).map_err(|error| error.to_string())?;
        let names = line.buses.selected(is_test)?;
        Ok(names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_default_is_what_needs_nothing_said_and_asks_nobody() {
        assert_eq!(selected(&[], false).as_deref(), Ok("ble serial hid gamepad lovense-dongle"));
        assert_eq!(selected(&[], true).as_deref(), Ok(""));
    }

    #[test]
    fn buses_are_named_or_implied() {
        assert_eq!(selected(&["--bus", "hid,ble"], true).as_deref(), Ok("ble hid"));
        assert_eq!(selected(&["--bus", "none"], false).as_deref(), Ok(""));
        let tcode = ["--bus", "none", "--tcode", "udp://osr2.local", "--serial", "COM7=tcode-v03"];
        assert_eq!(selected(&tcode, false).as_deref(), Ok("serial tcode"));
        let phone = ["--lovense-connect", "http://192.168.0.11:20010"];
        assert_eq!(selected(&phone, true).as_deref(), Ok("lovense-connect"));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in
            [&["--bus", "none,ble"][..], &["--bus", "tcode"], &["--bus", "lan"], &["--serial", "COM7"]]
        {
            assert!(selected(line, false).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_serial_port_may_have_a_name_with_an_equals_sign() {
        let port = "/dev/a=b=nobra".parse::<SerialPort>().expect("is one");
        assert_eq!((port.port.as_str(), port.protocol.as_str()), ("/dev/a=b", "nobra"));
        for wrong in ["", "=", "COM7=", "=nobra", "COM7"] {
            let error = wrong.parse::<SerialPort>().expect_err(wrong);
            assert!(error.contains("=tcode-v03"), "{error}");
        }
    }
}
