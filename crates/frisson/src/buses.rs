//! The buses that the options ask for, made ready to be looked at.

mod told;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use frisson_server::Catalogue;
use frisson_server::hardware::Scanner;
#[cfg(feature = "bluetooth-le")]
use frisson_server::hardware::bluetooth_le;
#[cfg(feature = "device-websocket")]
use frisson_server::hardware::device_websocket;
#[cfg(feature = "gamepad")]
use frisson_server::hardware::gamepad;
#[cfg(feature = "hid")]
use frisson_server::hardware::hid;
#[cfg(feature = "lovense-connect")]
use frisson_server::hardware::lovense_connect;
#[cfg(feature = "lovense-dongle")]
use frisson_server::hardware::lovense_dongle;
#[cfg(feature = "serial")]
use frisson_server::hardware::serial;
#[cfg(feature = "tcode")]
use frisson_server::hardware::tcode;

use crate::cli::{BusName, Buses};
use crate::exit::Failure;

pub(crate) use self::told::Told;

/// What the options ask for.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) scanners: Vec<Box<dyn Scanner>>,
    /// Where devices connect by themselves.
    pub(crate) device_websocket: Option<SocketAddr>,
    /// Serial ports that are named, to be kept up to date when device files change.
    pub(crate) ports: Ports,
    /// What the user should know before the buses are looked at.
    pub(crate) notes: Vec<String>,
}

/// The serial ports that the catalogue names.
#[derive(Default)]
pub(crate) struct Ports {
    #[cfg(feature = "serial")]
    named: Option<serial::NamedPorts>,
}

/// The buses that this program was built with.
pub(crate) const BUILT_IN: &[BusName] = &[
    #[cfg(feature = "bluetooth-le")]
    BusName::Ble,
    #[cfg(feature = "serial")]
    BusName::Serial,
    #[cfg(feature = "hid")]
    BusName::Hid,
    #[cfg(feature = "gamepad")]
    BusName::Gamepad,
    #[cfg(feature = "tcode")]
    BusName::Tcode,
    #[cfg(feature = "lovense-dongle")]
    BusName::LovenseDongle,
    #[cfg(feature = "lovense-connect")]
    BusName::LovenseConnect,
];

/// Makes the buses. To be called within the runtime. `is_test`: other programs present devices.
pub(crate) fn make(options: &Buses, is_test: bool, catalogue: &Catalogue) -> Result<Made, Failure> {
    let mut made = Made::default();
    for bus in select(options, is_test)? {
        made.add(bus, options, catalogue)?;
    }
    if let Some(address) = options.device_websocket {
        made.listen(address)?;
    }
    Ok(made)
}

/// The buses that are wanted. One that is not built in is an error only if it was asked for.
fn select(options: &Buses, is_test: bool) -> Result<BTreeSet<BusName>, Failure> {
    let mut selected = options.selected(is_test).map_err(Failure::Usage)?;
    let is_there = |bus: &BusName| BUILT_IN.contains(bus);
    if let Some(missing) = selected.iter().find(|bus| !is_there(bus) && options.asks_for(**bus)) {
        let there: Vec<_> = BUILT_IN.iter().map(ToString::to_string).collect();
        return Err(Failure::Usage(format!(
            "this program was built without the bus {missing}; it has {}",
            if there.is_empty() { "none".to_owned() } else { there.join(", ") }
        )));
    }
    selected.retain(is_there);
    Ok(selected)
}

impl Made {
    fn add(&mut self, bus: BusName, options: &Buses, catalogue: &Catalogue) -> Result<(), Failure> {
        match bus {
            #[cfg(feature = "bluetooth-le")]
            BusName::Ble => {
                let bus = bluetooth_le::BluetoothLe::new(bluetooth_le::Options::default());
                self.scanners.push(Box::new(bus));
            }
            #[cfg(feature = "serial")]
            BusName::Serial => {
                let ports = named_ports(catalogue);
                let bus = serial::SerialBus::new(serial::Options { ports, ..serial::Options::default() });
                self.ports.named = Some(bus.named());
                self.scanners.push(Box::new(bus));
            }
            #[cfg(feature = "hid")]
            BusName::Hid => self.scanners.push(Box::new(hid::HidBus::new(hid::Native::default()))),
            #[cfg(feature = "gamepad")]
            BusName::Gamepad => {
                self.scanners.push(Box::new(gamepad::GamepadBus::new(gamepad::Native::default())));
            }
            #[cfg(feature = "tcode")]
            BusName::Tcode => {
                let targets: Result<Vec<tcode::Target>, _> =
                    options.tcode.iter().map(|target| target.parse()).collect();
                let targets = targets
                    .map_err(|error: tcode::TargetError| Failure::Usage(format!("--tcode: {error}")))?;
                let bus = tcode::TCodeBus::new(tcode::Options { targets, ..tcode::Options::default() });
                self.scanners.push(Box::new(bus));
            }
            #[cfg(feature = "lovense-dongle")]
            BusName::LovenseDongle => {
                let serial_ports = options.lovense_dongle_port.clone();
                let options = lovense_dongle::Options { serial_ports };
                let bus = lovense_dongle::LovenseDongle::new(hid::Native::default(), options);
                self.scanners.push(Box::new(bus));
            }
            #[cfg(feature = "lovense-connect")]
            BusName::LovenseConnect => {
                let mut wanted = lovense_connect::Options::default();
                match options.lovense_connect.as_slice() {
                    [] => self.notes.push(format!(
                        "lovense-connect: while devices are looked for, {} on the Internet is asked for phones in this network",
                        lovense_connect::SERVICE
                    )),
                    phones => wanted.source = lovense_connect::Source::Phones(phones.to_owned()),
                }
                match lovense_connect::LovenseConnect::start(wanted) {
                    Ok(bus) => self.scanners.push(Box::new(bus)),
                    Err(error @ lovense_connect::StartError::Address { .. }) => {
                        return Err(Failure::Usage(format!("--lovense-connect: {error}")));
                    }
                    Err(error) => self.notes.push(format!("lovense-connect: not usable: {error}")),
                }
            }
            _ => {}
        }
        let _ = (options, catalogue);
        Ok(())
    }

    /// The names of the buses.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.scanners.iter().map(|scanner| scanner.name()).collect()
    }

    #[cfg(feature = "device-websocket")]
    fn listen(&mut self, address: SocketAddr) -> Result<(), Failure> {
        let options = device_websocket::Options { address, ..device_websocket::Options::default() };
        match device_websocket::DeviceWebSocket::listen(options) {
            Ok((bus, address)) => {
                self.scanners.push(Box::new(bus));
                self.device_websocket = Some(address);
                Ok(())
            }
            Err(device_websocket::ListenError::Socket { source, .. })
                if source.kind() == std::io::ErrorKind::AddrInUse =>
            {
                Err(Failure::Taken(crate::port_owner::taken(address, "--device-websocket ADDR:PORT")))
            }
            Err(error) => Err(Failure::Usage(format!("--device-websocket: {error}"))),
        }
    }

    #[cfg(not(feature = "device-websocket"))]
    fn listen(&mut self, _: SocketAddr) -> Result<(), Failure> {
        Err(Failure::Usage("this program was built without --device-websocket".to_owned()))
    }
}

/// Why nothing can be used on a bus, as far as that shows at a glance and the bus does not find it out by itself before a scan.
fn trouble(bus: &str) -> Option<String> {
    match bus {
        #[cfg(feature = "hid")]
        "hid" => hid::Native::missing().map(str::to_owned),
        #[cfg(all(feature = "gamepad", target_os = "linux"))]
        "gamepad" => {
            let error = std::fs::read_dir("/sys/class/input").err()?;
            Some(format!("the system tells of no input devices: /sys/class/input: {error}"))
        }
        _ => None,
    }
}

impl Ports {
    /// From now on these are the ports that may be opened.
    #[cfg(feature = "serial")]
    pub(crate) fn follow(&self, catalogue: &Catalogue) {
        if let Some(named) = &self.named {
            named.set(named_ports(catalogue));
        }
    }

    #[cfg(not(feature = "serial"))]
    pub(crate) fn follow(&self, _: &Catalogue) {}
}

#[cfg(feature = "serial")]
fn named_ports(catalogue: &Catalogue) -> Vec<serial::Named> {
    let named = catalogue.serial_ports().into_iter();
    named.map(|(name, protocol)| serial::Named { greets: protocol.starts_with("tcode"), name }).collect()
}
