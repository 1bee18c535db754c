//! The device files that Frisson brings along, and what each recognises.

use frisson_program::language::{Identifiers, Manufacturer, Name, Serial, Uuid};
use frisson_program::{Bus, Sighting};

/// One built-in device file. Its text is compiled when a device of it is met, and not before.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: &'static str,
    pub(crate) text: &'static str,
    ble_names: &'static [&'static str],
    manufacturer: &'static [(u16, &'static [u8], Option<usize>)],
    advertised: &'static [&'static str],
    serial: &'static [&'static str],
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

impl Entry {
    /// How well this protocol fits what was sighted.
    pub(crate) fn fit(&self, sighting: &Sighting) -> Option<Fit> {
        match sighting.bus {
            Bus::BluetoothLe => {
                let manufacturer = self.manufacturer.iter().any(|(company, data, length)| {
                    let mut known = Manufacturer::new(*company, data.to_vec());
                    known.length = *length;
                    sighting.manufacturer.iter().any(|(company, data)| known.fits(*company, data))
                });
                let advertised = || {
                    let known = self.advertised.iter().filter_map(|text| text.parse::<Uuid>().ok());
                    known.into_iter().any(|uuid| sighting.advertised.contains(&uuid))
                };
                let names = self.ble_names.iter().filter_map(|name| name_fit(name, &sighting.name)).max();
                names.max((manufacturer || advertised()).then_some(Fit::Advertised))
            }
            Bus::Serial => self.serial.iter().any(|port| is_port(port, sighting)).then_some(Fit::Exact),
            Bus::Hid => ids_fit(self.hid, sighting),
            Bus::Usb => ids_fit(self.usb, sighting),
            Bus::WebSocket => self.websocket.iter().filter_map(|name| name_fit(name, &sighting.name)).max(),
            Bus::Gamepad => (self.gamepad && has_motors(sighting)).then_some(Fit::Advertised),
            Bus::LovenseConnect => self.lovense_connect.then_some(Fit::Advertised),
            _ => None,
        }
    }
}

/// The same for a protocol whose file was read while running.
pub(crate) fn fit(identifiers: &Identifiers, sighting: &Sighting) -> Option<Fit> {
    let name = |known: &Name| match (known.fits(&sighting.name), known.is_prefix) {
        (false, _) => None,
        (true, true) => Some(Fit::Prefix(known.text.len())),
        (true, false) => Some(Fit::Exact),
    };
    match sighting.bus {
        Bus::BluetoothLe => {
            let one = |ble: &frisson_program::language::Ble| {
                let manufacturer = ble.manufacturer.iter().any(|known| {
                    sighting.manufacturer.iter().any(|(company, data)| known.fits(*company, data))
                });
                let advertised = ble.advertised.iter().any(|uuid| sighting.advertised.contains(uuid));
                let names = ble.names.iter().filter_map(name).max();
                names.max((manufacturer || advertised).then_some(Fit::Advertised))
            };
            identifiers.ble.iter().filter_map(one).max()
        }
        Bus::Serial => {
            let named = |serial: &Serial| serial.port.as_ref().is_some_and(|port| is_port(port, sighting));
            identifiers.serial.iter().any(named).then_some(Fit::Exact)
        }
        Bus::Hid => ids_fit(&identifiers.hid, sighting),
        Bus::Usb => ids_fit(&identifiers.usb, sighting),
        Bus::WebSocket => identifiers.websocket.iter().filter_map(name).max(),
        Bus::Gamepad => (identifiers.gamepad && has_motors(sighting)).then_some(Fit::Advertised),
        Bus::LovenseConnect => identifiers.lovense_connect.then_some(Fit::Advertised),
        _ => None,
    }
}

fn name_fit(known: &str, name: &str) -> Option<Fit> {
    match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix).then_some(Fit::Prefix(prefix.len())),
        None => (known == name).then_some(Fit::Exact),
    }
}

fn ids_fit(known: &[(u16, u16)], sighting: &Sighting) -> Option<Fit> {
    sighting.ids.is_some_and(|ids| known.contains(&ids)).then_some(Fit::Exact)
}

/// A port is meant by the name that the user gave it; what stands behind it is not known before it is opened.
fn is_port(known: &str, sighting: &Sighting) -> bool {
    sighting.port.as_deref() == Some(known) || sighting.address == known
}

fn has_motors(sighting: &Sighting) -> bool {
    sighting.capabilities.rumble || sighting.capabilities.trigger_rumble
}

/// The key of the model, where the bus knows it; then the device is asked nothing (`bus-facts` of gamepads and of Lovense Connect).
pub(crate) fn known_model(sighting: &Sighting) -> Option<String> {
    let capabilities = &sighting.capabilities;
    match sighting.bus {
        Bus::Gamepad if capabilities.rumble && capabilities.trigger_rumble => {
            Some("__sdl-rumble-and-triggers".to_owned())
        }
        Bus::Gamepad if capabilities.trigger_rumble => Some("__sdl-triggers-only".to_owned()),
        Bus::Gamepad => Some(String::new()),
        Bus::LovenseConnect => Some(sighting.name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ble(name: &str) -> Sighting {
        Sighting::new(Bus::BluetoothLe, "c0:00:00:00:00:01", name)
    }

    fn best(sighting: &Sighting) -> Option<&'static str> {
        let fits = FILES.iter().filter_map(|file| Some((file.fit(sighting)?, file.id)));
        fits.max_by_key(|(fit, _)| *fit).map(|(_, id)| id)
    }

    #[test]
    fn a_service_beats_a_wildcard_but_not_an_exact_name() {
        assert_eq!(best(&ble("LVS-S001")), Some("lovense"));
        let with_service = Sighting { advertised: vec!["1320".parse().expect("a UUID")], ..ble("LVS-S001") };
        assert_eq!(best(&with_service), Some("adrienlastic"));
    }

    #[test]
    fn a_name_counts_byte_for_byte() {
        assert_eq!(best(&ble("Massage Demo")), Some("aneros"));
        assert_eq!(best(&ble("massage demo")), None);
        assert_eq!(best(&ble("Massage Demo 2")), None);
    }

    #[test]
    fn a_gamepad_without_motors_is_not_offered() {
        let mut pad = Sighting::new(Bus::Gamepad, "pad-1", "Some Controller");
        assert_eq!(best(&pad), None);
        pad.capabilities.rumble = true;
        assert_eq!(best(&pad), Some("sdl-gamepad"));
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
                assert_eq!(file.fit(&seen), fit(identifiers, &seen), "{}", file.id);
            }
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
