//! `communication`: how devices of a protocol are recognised.

use std::str::FromStr;

use frisson_program::Endpoint;
use frisson_program::language::{
    Ble, Definition, Identifiers, Manufacturer, Name, Parity, Serial, Service, Uuid,
};

use super::super::LONGEST;
use super::json::{Log, Node};

pub(super) fn read(protocol: &Node<'_>, definition: &Definition, log: &mut Log) -> Identifiers {
    let mut all = Identifiers::default();
    for way in protocol.list("communication", log) {
        for (bus, node) in way.members(log) {
            match bus {
                "btle" => all.ble.extend(ble(&node, definition, log)),
                "websocket" => all
                    .websocket
                    .extend(names(&node, "name", log).into_iter().chain(names(&node, "names", log))),
                "serial" => all.serial.extend(serial(&node, log)),
                "hid" => all.hid.extend(pairs(&node, log)),
                "usb" => all.usb.extend(pairs(&node, log)),
                _ => log.warn(&node, "devices of this bus cannot be added; it is left out"),
            }
        }
    }
    all
}

/// Leaves what the protocol does not have already.
pub(super) fn keep_new(identifiers: &mut Identifiers, definition: &Definition) {
    let known = definition.identifiers();
    for ble in &mut identifiers.ble {
        for other in &known.ble {
            ble.names.retain(|name| !other.names.iter().any(|known| same_name(known, name)));
            ble.advertised.retain(|uuid| !other.advertised.contains(uuid));
            ble.manufacturer.retain(|one| {
                let same = |known: &Manufacturer| {
                    (known.company, &known.data, known.length) == (one.company, &one.data, one.length)
                };
                !other.manufacturer.iter().any(same)
            });
        }
    }
    identifiers
        .ble
        .retain(|ble| !(ble.names.is_empty() && ble.manufacturer.is_empty() && ble.advertised.is_empty()));
    identifiers.websocket.retain(|name| !known.websocket.iter().any(|known| same_name(known, name)));
    identifiers.serial.retain(|serial| !known.serial.contains(serial));
    identifiers.hid.retain(|ids| !known.hid.contains(ids));
    identifiers.usb.retain(|ids| !known.usb.contains(ids));
}

pub(super) fn append(all: &mut Identifiers, more: Identifiers) {
    let Identifiers { ble, serial, hid, usb, websocket, gamepad, lovense_connect } = more;
    all.ble.extend(ble);
    all.serial.extend(serial);
    all.hid.extend(hid);
    all.usb.extend(usb);
    all.websocket.extend(websocket);
    all.gamepad |= gamepad;
    all.lovense_connect |= lovense_connect;
}

fn same_name(one: &Name, other: &Name) -> bool {
    (&one.text, one.is_prefix) == (&other.text, other.is_prefix)
}

fn names(node: &Node<'_>, key: &str, log: &mut Log) -> Vec<Name> {
    let mut names = Vec::new();
    for (text, node) in node.texts(key, log) {
        // Any device at all would be one of this protocol.
        if text == "*" || text.is_empty() || text.len() > LONGEST {
            log.warn(&node, "this cannot be the name of a device; it is left out");
        } else {
            names.push(Name::new(&text));
        }
    }
    names
}

fn ble(node: &Node<'_>, definition: &Definition, log: &mut Log) -> Option<Ble> {
    if !node.is_object() {
        node.members(log);
        return None;
    }
    let mut services = Vec::new();
    if let Some(node) = node.get("services") {
        for (uuid, node) in node.members(log) {
            let Some(uuid) = parsed::<Uuid>(uuid, &node, log) else { continue };
            let mut endpoints = Vec::new();
            for (name, node) in node.members(log) {
                let Some(characteristic) = node.as_text(log) else { continue };
                match (Endpoint::new(name), parsed(&characteristic, &node, log)) {
                    (Ok(endpoint), Some(uuid)) => endpoints.push((endpoint, uuid)),
                    (Err(why), _) => log.warn(&node, format!("{why}; it is left out")),
                    (_, None) => {}
                }
            }
            services.push(Service { uuid, endpoints });
        }
    }
    if services.is_empty() {
        // Another name for a device of the kind that is known.
        services = definition.identifiers().ble.iter().flat_map(|ble| ble.services.iter().cloned()).collect();
    }
    let advertised = node.texts("advertised_services", log).into_iter();
    let advertised: Vec<_> = advertised.filter_map(|(text, node)| parsed(&text, &node, log)).collect();
    let manufacturer = node.list("manufacturer_data", log);
    Some(Ble {
        names: names(node, "names", log),
        manufacturer: manufacturer.iter().filter_map(|node| manufacturer_data(node, log)).collect(),
        advertised,
        services,
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str, node: &Node<'_>, log: &mut Log) -> Option<T> {
    text.parse().map_err(|why| log.warn(node, format!("{why}; it is left out"))).ok()
}

fn manufacturer_data(node: &Node<'_>, log: &mut Log) -> Option<Manufacturer> {
    let company = node.number("company", 0..=0xFFFF, log);
    let Some(company) = company.and_then(|company| u16::try_from(company).ok()) else {
        log.warn(node, "manufacturer data needs a `company`; it is left out");
        return None;
    };
    let data = match node.get("data") {
        None => Vec::new(),
        Some(data) => bytes(&data, log)?,
    };
    let length =
        node.number("expected_length", 0..=0xFFFF, log).and_then(|length| usize::try_from(length).ok());
    let mut manufacturer = Manufacturer::new(company, data);
    manufacturer.length = length;
    Some(manufacturer)
}

/// Bytes as hexadecimal digits, or as a list of numbers.
fn bytes(node: &Node<'_>, log: &mut Log) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = match node.text_if_any() {
        Some(text) => {
            let digits: Option<Vec<u8>> = text.chars().filter(|letter| *letter != ' ').map(digit).collect();
            let pairs = digits.filter(|digits| digits.len() % 2 == 0);
            pairs.map(|digits| {
                digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
            })
        }
        None => {
            let items = node.items(log);
            items
                .iter()
                .map(|node| node.as_number(&(0..=255), log).and_then(|byte| u8::try_from(byte).ok()))
                .collect()
        }
    };
    if bytes.is_none() {
        log.warn(
            node,
            "the data are not bytes, written as hexadecimal digits or as a list of numbers; it is left out",
        );
    }
    bytes
}

fn digit(letter: char) -> Option<u8> {
    letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn serial(node: &Node<'_>, log: &mut Log) -> Option<Serial> {
    let port = node.text("port", log)?;
    let byte =
        |number: Option<i64>, default| number.and_then(|number| u8::try_from(number).ok()).unwrap_or(default);
    let baud_rate = node.number("baud_rate", 1..=i64::from(u32::MAX), log);
    let parity = match node.text("parity", log).as_deref() {
        None | Some("N" | "n" | "none") => Parity::None,
        Some("O" | "o" | "odd") => Parity::Odd,
        Some("E" | "e" | "even") => Parity::Even,
        Some(_) => {
            log.warn(node, "`parity` is N, O or E; the port is left out");
            return None;
        }
    };
    Some(Serial {
        port: (port != "default").then_some(port),
        ids: Vec::new(),
        baud_rate: baud_rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(115_200),
        data_bits: byte(node.number("data_bits", 5..=8, log), 8),
        parity,
        stop_bits: byte(node.number("stop_bits", 1..=2, log), 1),
    })
}

/// Vendor and product, once or in a list.
fn pairs(node: &Node<'_>, log: &mut Log) -> Vec<(u16, u16)> {
    let lists: Vec<_> = ["ids", "pairs"].iter().flat_map(|key| node.list(key, log)).collect();
    let nodes = if node.get("vendor_id").is_some() { vec![node.clone()] } else { lists };
    let mut id =
        |node: &Node<'_>, key| node.number(key, 0..=0xFFFF, log).and_then(|id| u16::try_from(id).ok());
    nodes.iter().filter_map(|node| Some((id(node, "vendor_id")?, id(node, "product_id")?))).collect()
}
