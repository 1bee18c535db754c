//! The device files that Frisson brings along, and what each recognises.

use std::borrow::Cow;

use frisson_program::language::{Identifiers, Manufacturer, Name, Uuid};
use frisson_program::{Bus, Sighting};

/// One built-in device file. Its text is compiled when a device of it is met, and not before.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: &'static str,
    pub(crate) text: &'static str,
    ble_names: &'static [&'static str],
    manufacturer: &'static [(u16, &'static [u8], Option<usize>)],
    advertised: &'static [&'static str],
    pub(crate) is_serial: bool,
    serial: &'static [&'static str],
    serial_ids: &'static [(u16, u16)],
    hid: &'static [(u16, u16)],
    usb: &'static [(u16, u16)],
    websocket: &'static [&'static str],
    gamepad: bool,
    lovense_connect: bool,
}

/// All built-in files, in the order of their ids.
pub(crate) static FILES: &[Entry] = include!(concat!(env!("OUT_DIR"), "/index.rs"));

/// How well a protocol fits a device; the better is the greater. An exact name beats an advertised service or manufacturer data, and those beat a
/// wildcard, of which the longest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// The name begins like this; how many bytes of it are given.
    Prefix(usize),
    /// Something else that it advertises, or its kind.
    Advertised,
    /// The very name, port or number.
    Exact,
}

/// One thing by which a protocol recognises a device on a bus.
enum Claim<'a> {
    /// The name; where it is a prefix, how it begins.
    Name {
        text: &'a str,
        is_prefix: bool,
    },
    Manufacturer(Cow<'a, Manufacturer>),
    Advertised(Uuid),
    /// The name of a serial port. What stands behind it is not known before it is opened.
    Port(&'a str),
    Ids((u16, u16)),
    /// The protocol's own id, which makers of websocket devices commonly send as identifier (`bus-facts` of websocket devices).
    Id(&'a str),
    /// Vendor and product of what a serial port belongs to.
    AdapterIds((u16, u16)),
    /// Whatever is on this bus.
    Anything,
}

impl Claim<'_> {
    fn fit(&self, sighting: &Sighting) -> Option<Fit> {
        let (fits, fit) = match self {
            Self::Name { text, is_prefix: true } => {
                (sighting.name.starts_with(text), Fit::Prefix(text.len()))
            }
            Self::Name { text, is_prefix: false } => (sighting.name == *text, Fit::Exact),
            Self::Manufacturer(known) => {
                let fits = sighting.manufacturer.iter().any(|(company, data)| known.fits(*company, data));
                (fits, Fit::Advertised)
            }
            Self::Advertised(uuid) => (sighting.advertised.contains(uuid), Fit::Advertised),
            Self::Port(port) => (is_port(sighting, port), Fit::Exact),
            Self::Ids(ids) => (sighting.ids == Some(*ids), Fit::Exact),
            Self::Id(id) => (sighting.name == *id, Fit::Advertised),
            Self::AdapterIds(ids) => (sighting.ids == Some(*ids), Fit::Advertised),
            Self::Anything => (true, Fit::Advertised),
        };
        fits.then_some(fit)
    }
}

/// Whether a serial port goes by this name.
pub(crate) fn is_port(sighting: &Sighting, name: &str) -> bool {
    sighting.port.as_deref() == Some(name) || sighting.address == name
}

/// The best of what a protocol claims.
fn best<'a>(claims: impl IntoIterator<Item = Claim<'a>>, sighting: &Sighting) -> Option<Fit> {
    claims.into_iter().filter_map(|claim| claim.fit(sighting)).max()
}

impl Entry {
    /// The serial ports that it names.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &'static str> {
        self.serial.iter().copied().filter(|port| *port != "default")
    }

    /// How well this protocol fits what was sighted.
    pub(crate) fn fit(&self, sighting: &Sighting) -> Option<Fit> {
        let name = |name: &&'static str| match name.strip_suffix('*') {
            Some(prefix) => Claim::Name { text: prefix, is_prefix: true },
            None => Claim::Name { text: name, is_prefix: false },
        };
        match sighting.bus {
            Bus::BluetoothLe => {
                let names = self.ble_names.iter().map(name);
                let manufacturer = self.manufacturer.iter().map(|(company, data, length)| {
                    let mut known = Manufacturer::new(*company, data.to_vec());
                    known.length = *length;
                    Claim::Manufacturer(Cow::Owned(known))
                });
                let advertised = self.advertised.iter().filter_map(|text| text.parse().ok());
                best(names.chain(manufacturer).chain(advertised.map(Claim::Advertised)), sighting)
            }
            Bus::Serial => {
                let ids = self.serial_ids.iter().copied().map(Claim::AdapterIds);
                best(self.ports().map(Claim::Port).chain(ids), sighting)
            }
            Bus::Hid => best(self.hid.iter().copied().map(Claim::Ids), sighting),
            Bus::Usb => best(self.usb.iter().copied().map(Claim::Ids), sighting),
            Bus::WebSocket => best(self.websocket.iter().map(name).chain([Claim::Id(self.id)]), sighting),
            Bus::Gamepad => best((self.gamepad && has_motors(sighting)).then_some(Claim::Anything), sighting),
            Bus::LovenseConnect => best(self.lovense_connect.then_some(Claim::Anything), sighting),
            Bus::LovenseDongle => best(self.ble_names.iter().map(name), sighting),
            _ => None,
        }
    }
}

/// The same for a protocol whose file was read while running.
pub(crate) fn fit(id: &str, identifiers: &Identifiers, sighting: &Sighting) -> Option<Fit> {
    fn name(name: &Name) -> Claim<'_> {
        Claim::Name { text: &name.text, is_prefix: name.is_prefix }
    }
    match sighting.bus {
        Bus::BluetoothLe => {
            let claims = identifiers.ble.iter().flat_map(|ble| {
                let manufacturer =
                    ble.manufacturer.iter().map(|known| Claim::Manufacturer(Cow::Borrowed(known)));
                let advertised = ble.advertised.iter().copied().map(Claim::Advertised);
                ble.names.iter().map(name).chain(manufacturer).chain(advertised)
            });
            best(claims, sighting)
        }
        Bus::Serial => {
            let claims = identifiers.serial.iter().flat_map(|serial| {
                let ids = serial.ids.iter().copied().map(Claim::AdapterIds);
                serial.port.as_deref().map(Claim::Port).into_iter().chain(ids)
            });
            best(claims, sighting)
        }
        Bus::Hid => best(identifiers.hid.iter().copied().map(Claim::Ids), sighting),
        Bus::Usb => best(identifiers.usb.iter().copied().map(Claim::Ids), sighting),
        Bus::WebSocket => best(identifiers.websocket.iter().map(name).chain([Claim::Id(id)]), sighting),
        Bus::Gamepad => {
            best((identifiers.gamepad && has_motors(sighting)).then_some(Claim::Anything), sighting)
        }
        Bus::LovenseConnect => best(identifiers.lovense_connect.then_some(Claim::Anything), sighting),
        Bus::LovenseDongle => best(identifiers.ble.iter().flat_map(|ble| &ble.names).map(name), sighting),
        _ => None,
    }
}

fn has_motors(sighting: &Sighting) -> bool {
    sighting.capabilities.rumble || sighting.capabilities.trigger_rumble
}

/// The key of the model, where the bus knows it; then the device is asked nothing (`bus-facts` of gamepads and of Lovense Connect).
/// `is_key` tells whether a model has this key.
pub(crate) fn known_model(sighting: &Sighting, is_key: impl Fn(&str) -> bool) -> Option<String> {
    let capabilities = &sighting.capabilities;
    match sighting.bus {
        Bus::Gamepad if capabilities.rumble && capabilities.trigger_rumble => {
            Some("__sdl-rumble-and-triggers".to_owned())
        }
        Bus::Gamepad if capabilities.trigger_rumble => Some("__sdl-triggers-only".to_owned()),
        Bus::Gamepad => Some(String::new()),
        Bus::LovenseConnect => Some(sighting.name.clone()),
        // What is there only the user knows, who may have a model for this very place.
        Bus::Serial | Bus::TCode => {
            let names = [Some(&sighting.address), sighting.port.as_ref()];
            names.into_iter().flatten().find(|name| is_key(name)).cloned()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ble(name: &str) -> Sighting {
        Sighting::new(Bus::BluetoothLe, "c0:00:00:00:00:01", name)
    }

    fn best_of(sighting: &Sighting) -> Option<&'static str> {
        let fits = FILES.iter().filter_map(|file| Some((file.fit(sighting)?, file.id)));
        fits.max_by_key(|(fit, _)| *fit).map(|(_, id)| id)
    }

    #[test]
    fn a_service_beats_a_wildcard_but_not_an_exact_name() {
        assert_eq!(best_of(&ble("LVS-S001")), Some("lovense"));
        let with_service = Sighting { advertised: vec!["1320".parse().expect("a UUID")], ..ble("LVS-S001") };
        assert_eq!(best_of(&with_service), Some("adrienlastic"));
    }

    #[test]
    fn a_name_counts_byte_for_byte() {
        assert_eq!(best_of(&ble("Massage Demo")), Some("aneros"));
        assert_eq!(best_of(&ble("massage demo")), None);
        assert_eq!(best_of(&ble("Massage Demo 2")), None);
    }

    #[test]
    fn a_gamepad_without_motors_is_not_offered() {
        let mut pad = Sighting::new(Bus::Gamepad, "pad-1", "Some Controller");
        assert_eq!(best_of(&pad), None);
        pad.capabilities.rumble = true;
        assert_eq!(best_of(&pad), Some("sdl-gamepad"));
    }

    #[test]
    fn a_toy_behind_the_dongle_is_known_by_the_name_that_the_dongle_gives_it() {
        let toy = Sighting::new(Bus::LovenseDongle, "0082059AD3BD", "LVS-DongleDevice");
        assert_eq!(best_of(&toy), Some("lovense"));
    }

    #[test]
    fn the_index_is_that_of_the_files() {
        for file in FILES {
            let definition = frisson_program::language::compile(file.text, file.id)
                .unwrap_or_else(|found| panic!("{}", found[0]));
            let identifiers = definition.identifiers();
            let names: Vec<_> =
                identifiers.ble.iter().flat_map(|ble| &ble.names).map(ToString::to_string).collect();
            assert_eq!(names, file.ble_names, "{}", file.id);
            for name in &identifiers.ble.iter().flat_map(|ble| &ble.names).collect::<Vec<_>>() {
                let seen = ble(&name.text);
                assert_eq!(file.fit(&seen), fit(file.id, identifiers, &seen), "{}", file.id);
            }
            assert_eq!(file.is_serial, !identifiers.serial.is_empty(), "{}", file.id);
            // What is at a serial port only the user knows.
            let taken =
                identifiers.serial.iter().any(|serial| serial.port.is_some() || !serial.ids.is_empty());
            assert!(!taken && file.serial_ids.is_empty(), "{} takes serial ports by itself", file.id);
            assert_eq!(file.gamepad, identifiers.gamepad, "{}", file.id);
            assert_eq!(file.lovense_connect, identifiers.lovense_connect, "{}", file.id);
        }
    }

    #[test]
    fn nothing_is_claimed_twice_without_an_order() {
        for file in FILES {
            for name in file.ble_names {
                let seen = ble(name.trim_end_matches('*'));
                let fits: Vec<_> =
                    FILES.iter().filter_map(|other| Some((other.fit(&seen)?, other.id))).collect();
                let most = fits.iter().map(|(fit, _)| *fit).max();
                let best: Vec<_> =
                    fits.iter().filter(|(fit, _)| Some(*fit) == most).map(|(_, id)| *id).collect();
                assert_eq!(best.len(), 1, "{name} is claimed by {best:?}");
            }
        }
    }
}
