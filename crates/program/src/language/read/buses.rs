//! How devices are recognised: one table per bus.

use super::super::identifiers::{Ble, Identifiers, Manufacturer, Name, Parity, Serial, Service, Uuid};
use super::super::schema::{
    BLE, GAMEPAD, HID, LOVENSE_CONNECT, MANUFACTURER, SERIAL, Schema, USB, WEBSOCKET,
};
use super::super::template::hex_byte;
use super::Reader;
use super::node::{Table, Text, entries, text};
use crate::Endpoint;

/// More tables of one bus are refused.
const MOST: usize = 64;

/// More names in one table are refused.
const MOST_NAMES: usize = 2000;

impl Reader<'_, '_> {
    pub(in super::super) fn identifiers(&mut self, top: &Table<'_>) -> Identifiers {
        let ble = top.tables("ble", &BLE, MOST, self.report);
        let serial = top.tables("serial", &SERIAL, MOST, self.report);
        let websocket = top.tables("websocket", &WEBSOCKET, MOST, self.report);
        let identifiers = Identifiers {
            ble: ble.iter().map(|table| self.ble(table)).collect(),
            serial: serial.iter().map(|table| self.serial(table)).collect(),
            hid: self.ids(top, "hid", &HID),
            usb: self.ids(top, "usb", &USB),
            websocket: websocket.iter().flat_map(|table| self.device_names(table)).collect(),
            gamepad: !top.tables("gamepad", &GAMEPAD, 1, self.report).is_empty(),
            lovense_connect: !top.tables("lovense_connect", &LOVENSE_CONNECT, 1, self.report).is_empty(),
        };
        for endpoint in identifiers.endpoints() {
            if !self.names.endpoints.contains(&endpoint) {
                self.names.endpoints.push(endpoint);
            }
        }
        if self.names.endpoints.len() > 64 {
            self.report.error(top.place_of("ble", self.report), "more than 64 different endpoints", None);
        }
        identifiers
    }

    fn ble(&mut self, table: &Table<'_>) -> Ble {
        let manufacturer = table.tables("manufacturer", &MANUFACTURER, MOST_NAMES, self.report);
        let ble = Ble {
            names: self.device_names(table),
            manufacturer: manufacturer.iter().filter_map(|one| self.manufacturer(one)).collect(),
            advertised: self.uuids(table),
            services: self.services(table),
        };
        if ble.names.is_empty() && ble.manufacturer.is_empty() && ble.advertised.is_empty() {
            let help = "give `names`, `manufacturer` or `advertised`".to_owned();
            self.report.error(
                table.place(self.report),
                "nothing says how the device is recognised",
                Some(help),
            );
        }
        if ble.services.is_empty() && !self.extends {
            let help = "e.g. services.fff0 = { tx = \"fff2\", rx = \"fff1\" }".to_owned();
            self.report.error(table.place(self.report), "no services: nothing could be written", Some(help));
        }
        ble
    }

    fn device_names(&mut self, table: &Table<'_>) -> Vec<Name> {
        let texts = table.texts("names", self.report);
        if texts.len() > MOST_NAMES {
            let place = table.place_of("names", self.report);
            self.report.error(place, format!("more than {MOST_NAMES} names"), None);
            return Vec::new();
        }
        texts.iter().filter_map(|text| self.device_name(text)).collect()
    }

    fn device_name(&mut self, text: &Text) -> Option<Name> {
        let place = text.place(0, self.report);
        let (inner, is_wild) = (text.value.trim_end_matches('*'), text.value.ends_with('*'));
        if inner.is_empty() || text.value.len() > 255 {
            let help = "1 to 255 characters; a `*` at the end stands for anything".to_owned();
            self.report.error(place, "this is no name, or would take every device", Some(help));
            return None;
        }
        if inner.contains('*') || (is_wild && text.value.len() > inner.len() + 1) {
            self.report.error(place, "`*` can only stand at the end of a name, once", None);
            return None;
        }
        Some(Name { place, ..Name::new(&text.value) })
    }

    fn manufacturer(&mut self, table: &Table<'_>) -> Option<Manufacturer> {
        let company = self.company(table)?;
        let data =
            table.text("data", self.report).map_or(Some(Vec::new()), |text| self.plain_bytes(&text))?;
        let length =
            table.number("length", 0..=255, self.report).and_then(|length| usize::try_from(length).ok());
        Some(Manufacturer { company, data, length, place: table.place(self.report) })
    }

    /// The company of manufacturer data, which has to be given.
    pub(super) fn company(&mut self, table: &Table<'_>) -> Option<u16> {
        if !table.has("company") {
            let help = "company = 93, data = \"00 00 27\"".to_owned();
            self.report.error(table.place(self.report), "manufacturer data needs `company`", Some(help));
        }
        table.number("company", 0..=0xFFFF, self.report).and_then(|company| u16::try_from(company).ok())
    }

    /// Bytes without holes.
    pub(super) fn plain_bytes(&mut self, text: &Text) -> Option<Vec<u8>> {
        let words = text.value.split_ascii_whitespace();
        let bytes: Option<Vec<Vec<u8>>> = words
            .map(|word| {
                let pairs = (0..word.len()).step_by(2).map(|at| word.get(at..).and_then(hex_byte));
                pairs.collect()
            })
            .collect();
        if bytes.is_none() || text.value.len() > 2048 {
            let help = "bytes are written as two hexadecimal digits each, e.g. \"00 1F\"".to_owned();
            self.report.error(text.place(0, self.report), "these are not bytes", Some(help));
        }
        bytes.map(|words| words.concat())
    }

    fn uuids(&mut self, table: &Table<'_>) -> Vec<Uuid> {
        let texts = table.texts("advertised", self.report);
        texts.iter().take(MOST_NAMES).filter_map(|text| self.uuid(text)).collect()
    }

    fn uuid(&mut self, text: &Text) -> Option<Uuid> {
        let uuid = text.value.parse();
        if let Err(wrong) = &uuid {
            self.report.error(text.place(0, self.report), format!("{wrong}"), None);
        }
        uuid.ok()
    }

    fn services(&mut self, table: &Table<'_>) -> Vec<Service> {
        let services = table.entries("services", self.report);
        let mut all = Vec::new();
        for (uuid, characteristics) in services.iter().take(MOST_NAMES) {
            let uuid = self.uuid(uuid);
            let mut endpoints = Vec::new();
            for (name, characteristic) in entries(characteristics, "services", self.report).iter().take(64) {
                let endpoint = Endpoint::new(&name.value);
                if let Err(wrong) = &endpoint {
                    self.report.error(name.place(0, self.report), wrong.to_string(), None);
                }
                let text = text(characteristic, &name.value, self.report);
                let characteristic = text.and_then(|text| self.uuid(&text));
                endpoints.extend(endpoint.ok().zip(characteristic));
            }
            all.extend(uuid.map(|uuid| Service { uuid, endpoints }));
        }
        all
    }

    fn serial(&mut self, table: &Table<'_>) -> Serial {
        let small =
            |number: Option<i64>, default: u8| number.and_then(|n| u8::try_from(n).ok()).unwrap_or(default);
        let parity = match table.text("parity", self.report) {
            None => Parity::None,
            Some(text) => match text.value.as_str() {
                "none" => Parity::None,
                "odd" => Parity::Odd,
                "even" => Parity::Even,
                _ => {
                    let place = text.place(0, self.report);
                    self.report.error(place, "`parity` is \"none\", \"odd\" or \"even\"", None);
                    Parity::None
                }
            },
        };
        if !table.has("baud_rate") {
            self.report.error(
                table.place(self.report),
                "`serial` needs `baud_rate`",
                Some("baud_rate = 115200".to_owned()),
            );
        }
        let baud_rate = table.number("baud_rate", 50..=10_000_000, self.report);
        Serial {
            port: table.word("port", self.report).filter(|port| port != "default"),
            ids: {
                let inner = table.tables("ids", &HID, MOST_NAMES, self.report);
                inner.iter().for_each(|ids| ids.refuse(&["ids"], "ids", self.report));
                inner.iter().filter_map(|ids| self.id(ids, "serial")).collect()
            },
            baud_rate: baud_rate.and_then(|rate| u32::try_from(rate).ok()).unwrap_or(115_200),
            data_bits: small(table.number("data_bits", 5..=8, self.report), 8),
            parity,
            stop_bits: small(table.number("stop_bits", 1..=2, self.report), 1),
        }
    }

    fn ids(&mut self, top: &Table<'_>, bus: &str, schema: &'static Schema) -> Vec<(u16, u16)> {
        let mut all = Vec::new();
        for table in top.tables(bus, schema, MOST, self.report) {
            let inner = table.tables("ids", schema, MOST_NAMES, self.report);
            inner.iter().for_each(|ids| ids.refuse(&["ids"], "ids", self.report));
            let tables = inner.iter().chain((!table.has("ids")).then_some(&table));
            all.extend(tables.filter_map(|ids| self.id(ids, bus)));
        }
        all
    }

    /// A vendor and a product.
    fn id(&mut self, ids: &Table<'_>, bus: &str) -> Option<(u16, u16)> {
        let mut number = |key| {
            if !ids.has(key) {
                let help = "ids = [{ vendor = 0x1234, product = 0x5678 }]".to_owned();
                self.report.error(ids.place(self.report), format!("`{bus}` needs `{key}`"), Some(help));
            }
            ids.number(key, 0..=0xFFFF, self.report).and_then(|number| u16::try_from(number).ok())
        };
        number("vendor").zip(number("product"))
    }
}

impl Identifiers {
    /// All endpoints that devices may have. Other buses than Bluetooth have one way out and one way in.
    pub(in super::super) fn endpoints(&self) -> Vec<Endpoint> {
        let services = self.ble.iter().flat_map(|ble| &ble.services);
        let mut all: Vec<_> =
            services.flat_map(|service| service.endpoints.iter().map(|(endpoint, _)| *endpoint)).collect();
        let others = !self.serial.is_empty() || !self.hid.is_empty() || !self.usb.is_empty();
        if others || !self.websocket.is_empty() || self.gamepad || self.lovense_connect {
            all.extend([Endpoint::TX, Endpoint::RX]);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// These as well.
    pub(in super::super) fn add(&mut self, other: Self) {
        self.ble.extend(other.ble);
        self.serial.extend(other.serial);
        self.hid.extend(other.hid);
        self.usb.extend(other.usb);
        self.websocket.extend(other.websocket);
        self.gamepad |= other.gamepad;
        self.lovense_connect |= other.lovense_connect;
    }
}
