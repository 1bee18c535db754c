//! What a host presents as a device.

use frisson_program::{Bus, Capabilities, Sighting, Uuid};

use super::fields::Fields;

/// The longest address, in characters.
const MAX_ADDRESS: usize = 256;

/// A device as a host presents it.
#[derive(Debug, Clone)]
pub(in super::super) struct Advert {
    /// The host's name for it.
    pub(in super::super) device: String,
    /// What is seen of it on the air or on the bus.
    pub(in super::super) sighting: Sighting,
    /// What is found once it is connected, of a Bluetooth LE device.
    pub(in super::super) services: Vec<Characteristic>,
    /// How much room it takes.
    pub(in super::super) size: usize,
}

/// A characteristic in its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Characteristic {
    pub(in super::super) service: Uuid,
    pub(in super::super) uuid: Uuid,
    pub(in super::super) allows: Allows,
}

/// What may be done with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Allows {
    pub(in super::super) read: bool,
    /// A write that is acknowledged.
    pub(in super::super) write: bool,
    /// A write that is not.
    pub(in super::super) write_without_response: bool,
    pub(in super::super) notify: bool,
}

impl Allows {
    pub(in super::super) const ALL: Self =
        Self { read: true, write: true, write_without_response: true, notify: true };
    /// What buses offer that do not know acknowledged writes.
    pub(in super::super) const PLAIN: Self = Self { write: false, ..Self::ALL };
}

impl Advert {
    pub(super) fn parse(fields: Fields<'_>, size: usize) -> Result<Self, String> {
        let device = super::name(fields)?;
        let bus = transport(fields.text("transport")?)?;
        let name = fields.text("name")?;
        let address = match fields.maybe("address", Fields::text)? {
            None => format!("virtual:{device}"),
            Some(address) if (1..=MAX_ADDRESS).contains(&address.chars().count()) => address.to_owned(),
            Some(_) => return Err(format!("field address has to have 1 to {MAX_ADDRESS} characters")),
        };
        let mut sighting = Sighting::new(bus, address, name);
        let mut services = Vec::new();
        match bus {
            Bus::BluetoothLe => {
                sighting.rssi = fields.maybe("rssi", Fields::number)?;
                let data =
                    fields.maybe("manufacturer_data", |fields, name| fields.objects(name, manufacturer))?;
                sighting.manufacturer = data.unwrap_or_default();
                sighting.advertised = fields.maybe("advertised_services", Fields::uuids)?.unwrap_or_default();
                let table = fields.maybe("services", |fields, name| fields.objects(name, service))?;
                services = table.unwrap_or_default().concat();
            }
            Bus::Serial => {
                sighting.port = Some(fields.text("port")?.to_owned());
                let vendor = fields.maybe("vendor_id", Fields::number)?;
                sighting.ids = vendor.zip(fields.maybe("product_id", Fields::number)?);
            }
            Bus::Hid | Bus::Usb => {
                sighting.ids = Some((fields.number("vendor_id")?, fields.number("product_id")?));
            }
            Bus::Gamepad => sighting.capabilities = capabilities(&fields.texts("capabilities")?)?,
            _ => {}
        }
        Ok(Self { device, sighting, services, size })
    }
}

fn transport(name: &str) -> Result<Bus, String> {
    match name {
        "btle" => Ok(Bus::BluetoothLe),
        "serial" => Ok(Bus::Serial),
        "hid" => Ok(Bus::Hid),
        "usb" => Ok(Bus::Usb),
        "websocket" => Ok(Bus::WebSocket),
        "gamepad" => Ok(Bus::Gamepad),
        "lovense-connect" => Ok(Bus::LovenseConnect),
        _ => Err("field transport is none of btle, serial, hid, usb, websocket, gamepad, lovense-connect"
            .to_owned()),
    }
}

fn manufacturer(fields: Fields<'_>) -> Result<(u16, Vec<u8>), String> {
    Ok((fields.number("company")?, fields.bytes("data")?))
}

fn service(fields: Fields<'_>) -> Result<Vec<Characteristic>, String> {
    let service = fields.uuid("uuid")?;
    fields.objects("characteristics", |fields| {
        let allows = fields.maybe("properties", Fields::texts)?;
        let allows = allows.map_or(Allows::ALL, |properties| Allows {
            read: properties.contains(&"read"),
            write: properties.contains(&"write"),
            write_without_response: properties.contains(&"write-without-response"),
            notify: properties.contains(&"notify"),
        });
        Ok(Characteristic { service, uuid: fields.uuid("uuid")?, allows })
    })
}

fn capabilities(names: &[&str]) -> Result<Capabilities, String> {
    let mut capabilities = Capabilities::default();
    for name in names {
        match *name {
            "rumble" => capabilities.rumble = true,
            "trigger-rumble" => capabilities.trigger_rumble = true,
            "battery" => capabilities.battery = true,
            _ => return Err("field capabilities has others than rumble, trigger-rumble, battery".to_owned()),
        }
    }
    Ok(capabilities)
}

#[cfg(test)]
mod tests {
    use super::super::{Fault, Incoming};
    use super::*;

    fn advert(rest: &str) -> Result<Advert, Fault> {
        let text = format!(r#"{{"type":"advertise","device":"d1","name":"Demo",{rest}}}"#);
        match Incoming::parse(&text)? {
            Incoming::Advertise(advert) => Ok(*advert),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_an_address_the_hosts_name_stands_in() {
        let sighting = advert(r#""transport":"websocket""#).expect("complete").sighting;
        assert_eq!(sighting, Sighting::new(Bus::WebSocket, "virtual:d1", "Demo"));
    }

    #[test]
    fn everything_on_the_air_is_taken_in() {
        let rest = r#""transport":"btle","address":"a","rssi":-40,"manufacturer_data":[{"company":93,"data":"000027"}],
            "advertised_services":["0000ff00-0000-1000-8000-00805f9b34fb"],
            "services":[{"uuid":"0000ff00-0000-1000-8000-00805f9b34fb","characteristics":[
                {"uuid":"0000ff01-0000-1000-8000-00805f9b34fb"},
                {"uuid":"0000ff02-0000-1000-8000-00805f9b34fb","properties":["read","notify"]}]}]"#;
        let Advert { sighting, services, .. } = advert(rest).expect("complete");
        let short = |digits: &str| digits.parse::<Uuid>().expect("a UUID");
        let expected = Sighting {
            rssi: Some(-40),
            manufacturer: vec![(93, vec![0, 0, 0x27])],
            advertised: vec![short("ff00")],
            ..Sighting::new(Bus::BluetoothLe, "a", "Demo")
        };
        assert_eq!(sighting, expected);
        let reads = Allows { read: true, write: false, write_without_response: false, notify: true };
        let of = |uuid, allows| Characteristic { service: short("ff00"), uuid, allows };
        assert_eq!(services, [of(short("ff01"), Allows::ALL), of(short("ff02"), reads)]);
    }

    #[test]
    fn each_bus_tells_what_is_its_own() {
        let sighting = |rest| advert(rest).expect(rest).sighting;
        let serial = sighting(r#""transport":"serial","port":"COM7","vendor_id":6790,"product_id":29987"#);
        assert_eq!((serial.port.as_deref(), serial.ids), (Some("COM7"), Some((6790, 29987))));
        assert_eq!(sighting(r#""transport":"serial","port":"COM7""#).ids, None);
        let hid = sighting(r#""transport":"hid","vendor_id":1133,"product_id":49271"#);
        assert_eq!((hid.bus, hid.ids), (Bus::Hid, Some((1133, 49271))));
        let pad = sighting(r#""transport":"gamepad","capabilities":["rumble","battery"]"#);
        assert_eq!(pad.capabilities, Capabilities { rumble: true, trigger_rumble: false, battery: true });
        assert_eq!(sighting(r#""transport":"lovense-connect""#).bus, Bus::LovenseConnect);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_the_device() {
        for (rest, field) in [
            (r#""x":1"#, "transport"),
            (r#""transport":"smoke""#, "transport"),
            (r#""transport":"websocket","address":"""#, "address"),
            (r#""transport":"btle","rssi":"far""#, "rssi"),
            (r#""transport":"btle","manufacturer_data":[{"data":""}]"#, "company"),
            (r#""transport":"btle","manufacturer_data":[{"company":65536,"data":""}]"#, "company"),
            (r#""transport":"btle","advertised_services":["ff00"]"#, "advertised_services"),
            (r#""transport":"btle","services":[{"uuid":"ff00","characteristics":[]}]"#, "uuid"),
            (
                r#""transport":"btle","services":[{"uuid":"0000ff00-0000-1000-8000-00805f9b34fb"}]"#,
                "characteristics",
            ),
            (r#""transport":"btle","services":7"#, "services"),
            (r#""transport":"serial""#, "port"),
            (r#""transport":"hid","vendor_id":1"#, "product_id"),
            (r#""transport":"usb","vendor_id":-1,"product_id":1"#, "vendor_id"),
            (r#""transport":"gamepad""#, "capabilities"),
            (r#""transport":"gamepad","capabilities":["fly"]"#, "capabilities"),
        ] {
            let Fault { code, message, device } = advert(rest).expect_err(rest);
            assert_eq!((code, device.as_deref()), ("bad-frame", Some("d1")), "{rest}");
            assert!(message.contains(&format!("field {field} ")), "{rest}: {message}");
        }
    }
}
