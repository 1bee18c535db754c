//! How devices of a protocol are recognised, as plain data for the matcher.

use std::fmt;
use std::str::FromStr;

use super::diagnostic::{Diagnostic, Severity};
use super::{Definition, Place};
use crate::Endpoint;

/// How devices of a protocol are recognised, per bus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// Bluetooth LE; each with the services of one generation or of several.
    pub ble: Vec<Ble>,
    /// Serial ports.
    pub serial: Vec<Serial>,
    /// Vendor and product of HID devices.
    pub hid: Vec<(u16, u16)>,
    /// Vendor and product of USB devices.
    pub usb: Vec<(u16, u16)>,
    /// What websocket devices call themselves.
    pub websocket: Vec<Name>,
    /// Gamepads.
    pub gamepad: bool,
    /// Toys behind Lovense's phone application.
    pub lovense_connect: bool,
}

/// A way to recognise a Bluetooth LE device: any one of these is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ble {
    /// The advertised name.
    pub names: Vec<Name>,
    /// A piece of the manufacturer data.
    pub manufacturer: Vec<Manufacturer>,
    /// An advertised service.
    pub advertised: Vec<Uuid>,
    /// What is looked for once it is connected; never decides whether a device fits.
    pub services: Vec<Service>,
}

/// The name of a device, or how it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Without the `*`.
    pub text: String,
    /// Whether anything may follow.
    pub is_prefix: bool,
    pub(super) place: Place,
}

impl Name {
    /// A name as it stands in a file: a `*` at its end stands for anything.
    pub fn new(text: &str) -> Self {
        let prefix = text.strip_suffix('*');
        Self { text: prefix.unwrap_or(text).to_owned(), is_prefix: prefix.is_some(), place: Place::default() }
    }

    /// Whether a device of this name is meant. Every character counts.
    pub fn fits(&self, name: &str) -> bool {
        if self.is_prefix { name.starts_with(&self.text) } else { name == self.text }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

/// A piece of manufacturer data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manufacturer {
    /// The company identifier.
    pub company: u16,
    /// What has to occur in the data; nothing for any data.
    pub data: Vec<u8>,
    /// How long the whole has to be.
    pub length: Option<usize>,
    pub(super) place: Place,
}

impl Manufacturer {
    /// Manufacturer data of this company in which `data` occurs.
    pub fn new(company: u16, data: Vec<u8>) -> Self {
        Self { company, data, length: None, place: Place::default() }
    }

    /// Whether advertised data is meant.
    pub fn fits(&self, company: u16, data: &[u8]) -> bool {
        let occurs = self.data.is_empty() || data.windows(self.data.len()).any(|window| window == self.data);
        self.company == company && occurs && self.length.is_none_or(|length| length == data.len())
    }
}

/// A service, and which of its characteristics is which endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The service.
    pub uuid: Uuid,
    /// Endpoints and their characteristics.
    pub endpoints: Vec<(Endpoint, Uuid)>,
}

/// How a serial port is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serial {
    /// The port; `None` where the user has to name it.
    pub port: Option<String>,
    /// Vendor and product of the USB devices whose ports are meant as well.
    pub ids: Vec<(u16, u16)>,
    /// Bits per second.
    pub baud_rate: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// The parity bit of a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parity {
    /// There is none.
    #[default]
    None,
    /// It makes the number of ones odd.
    Odd,
    /// It makes the number of ones even.
    Even,
}

/// The UUID of a service or characteristic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

/// Why a text is no UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a UUID: 4 digits such as `fff0`, or the long form")]
pub struct UuidError(String);

/// Short UUIDs stand for the first digits of this.
const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5F9B_34FB;

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || UuidError(text.chars().take(60).collect());
        let digits: String = text.chars().filter(|letter| *letter != '-').take(33).collect();
        let number = match digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            true => u128::from_str_radix(&digits, 16).map_err(|_| wrong())?,
            false => return Err(wrong()),
        };
        let parts: Vec<usize> = text.split('-').map(str::len).collect();
        match *parts.as_slice() {
            [4 | 8] => Ok(Self(number << 96 | BASE)),
            [32] | [8, 4, 4, 4, 12] => Ok(Self(number)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |shift: u32, digits: u32| self.0 >> shift & ((1 << (4 * digits)) - 1);
        let (a, b, c, d, e) = (part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12));
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

/// What two of these protocols claim with the same right: the same name, the same manufacturer data, the same advertised
/// service. A name and a wildcard that covers it are no conflict, for the name wins.
pub fn conflicts(all: &[&Definition]) -> Vec<Diagnostic> {
    let mut claims: Vec<_> = all.iter().flat_map(|definition| claims(definition)).collect();
    claims.sort_by(|a, b| (&a.what, a.by.id()).cmp(&(&b.what, b.by.id())));
    let pairs = claims.iter().zip(claims.iter().skip(1));
    let clashes = pairs.filter(|(a, b)| a.what == b.what && a.by.id() != b.by.id());
    clashes.map(|(a, b)| b.clash(a)).collect()
}

struct Claim<'d> {
    what: String,
    place: Place,
    by: &'d Definition,
}

impl Claim<'_> {
    fn clash(&self, other: &Self) -> Diagnostic {
        let (other_place, origin) = (other.place.line, &other.by.origin);
        Diagnostic {
            origin: self.by.origin.clone(),
            line: self.place.line,
            column: self.place.column,
            severity: Severity::Error,
            message: format!("{} is claimed by {origin}:{other_place} as well", self.what),
            help: Some("leave it to one of the two protocols".to_owned()),
        }
    }
}

fn claims(definition: &Definition) -> Vec<Claim<'_>> {
    let identifiers = &definition.identifiers;
    let claim = |what, place| Claim { what, place, by: definition };
    let mut claims = Vec::new();
    for ble in &identifiers.ble {
        claims.extend(ble.names.iter().map(|name| claim(format!("the Bluetooth name `{name}`"), name.place)));
        claims.extend(ble.manufacturer.iter().map(|one| {
            let (company, data, length) = (one.company, &one.data, one.length);
            claim(format!("manufacturer data {company:#06x} {data:02x?} {length:?}"), one.place)
        }));
        claims.extend(
            ble.advertised
                .iter()
                .map(|uuid| claim(format!("the advertised service {uuid}"), Place::default())),
        );
    }
    claims.extend(
        identifiers.websocket.iter().map(|name| claim(format!("the websocket name `{name}`"), name.place)),
    );
    for (bus, ids) in [("HID", &identifiers.hid), ("USB", &identifiers.usb)] {
        claims.extend(ids.iter().map(|(vendor, product)| {
            claim(format!("the {bus} device {vendor:04x}:{product:04x}"), Place::default())
        }));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_short_and_long_and_written_long() {
        let long = "0000fff0-0000-1000-8000-00805f9b34fb";
        for text in ["fff0", "FFF0", "0000fff0", long] {
            assert_eq!(text.parse::<Uuid>().map(|uuid| uuid.to_string()), Ok(long.to_owned()), "{text}");
        }
        let other = "50300001-0024-4bd4-bbd5-a6920e4c5653";
        assert_eq!(other.parse::<Uuid>().map(|uuid| uuid.to_string()), Ok(other.to_owned()));
        for text in ["", "fff", "xyz0", "ff-f0", "0000fff0-0000-1000-8000-00805f9b34f", "+ff0"] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_fits_byte_for_byte_and_a_star_stands_for_anything() {
        assert!(Name::new("MV Tenuto   ").fits("MV Tenuto   "));
        assert!(!Name::new("MV Tenuto   ").fits("MV Tenuto"));
        assert!(Name::new("LVS-*").fits("LVS-"));
        assert!(!Name::new("LVS-*").fits("lvs-A"));
    }

    #[test]
    fn manufacturer_data_fits_where_the_definition_occurs_in_it() {
        let satisfyer = Manufacturer::new(93, vec![0, 0, 0x27]);
        assert!(satisfyer.fits(93, &[0, 0, 0x27, 0x16]));
        assert!(!satisfyer.fits(93, &[0, 0]));
        assert!(!satisfyer.fits(94, &[0, 0, 0x27]));
        assert!(Manufacturer::new(0x684A, Vec::new()).fits(0x684A, &[]));
    }
}
