//! The devices of Linux through the kernel: one that is made up with uhid.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use frisson_hardware::hid::{HidBus, Native};
use frisson_hardware::{Found, Notified, Scanner};
use frisson_program::{Bus, Endpoint};

use super::within;

const SERIAL: &str = "frisson-test-1";
/// Reports of number 1, with seven bytes each way, of the maker's own use.
const DESCRIPTOR: [u8; 31] = [
    0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x85, 0x01, 0x09, 0x01, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75,
    0x08, 0x95, 0x07, 0x81, 0x02, 0x09, 0x02, 0x75, 0x08, 0x95, 0x07, 0x91, 0x02, 0xC0,
];
/// The kinds of events, as linux/uhid.h numbers them.
const DESTROY: u32 = 1;
const OUTPUT: u32 = 6;
const CREATE: u32 = 11;
const INPUT: u32 = 12;
/// The most bytes of a report, and so of all events.
const REPORT: usize = 4096;
const EVENT: usize = 4380;

/// A device that is made up. It is unplugged when this is dropped.
struct Made {
    control: File,
    written: Receiver<Vec<u8>>,
}

fn event(kind: u32, parts: &[&[u8]]) -> Vec<u8> {
    [&kind.to_ne_bytes()[..], &parts.concat()].concat()
}

/// Text in a field of this many bytes.
fn field(text: &str, length: usize) -> Vec<u8> {
    let mut field = text.as_bytes().to_vec();
    field.resize(length, 0);
    field
}

impl Made {
    fn new() -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("no device can be made up with /dev/uhid: {error}");
        let mut control = OpenOptions::new().read(true).write(true).open("/dev/uhid").map_err(fault)?;
        let descriptor = &DESCRIPTOR[..];
        let size = u16::try_from(descriptor.len()).expect("a short descriptor");
        let create = event(
            CREATE,
            &[
                &field("Frisson Test Device", 128),
                &field("", 64),
                &field(SERIAL, 64),
                &size.to_ne_bytes(),
                // The bus: USB. Then vendor, product, version, country.
                &3_u16.to_ne_bytes(),
                &0x1234_u32.to_ne_bytes(),
                &0x5678_u32.to_ne_bytes(),
                &[0; 8],
                descriptor,
                &vec![0; REPORT - descriptor.len()],
            ],
        );
        control.write_all(&create).map_err(fault)?;
        let mut events = control.try_clone().map_err(fault)?;
        let (write, written) = channel();
        std::thread::spawn(move || {
            let mut event = [0; EVENT];
            while let Ok(4..) = events.read(&mut event) {
                let kind = u32::from_ne_bytes([event[0], event[1], event[2], event[3]]);
                let size = usize::from(u16::from_ne_bytes([event[4 + REPORT], event[5 + REPORT]]));
                if kind == OUTPUT && write.send(event[4..4 + size].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { control, written })
    }

    fn say(&mut self, report: &[u8]) {
        let size = u16::try_from(report.len()).expect("a short report");
        let said = event(INPUT, &[&size.to_ne_bytes(), report, &vec![0; REPORT - report.len()]]);
        self.control.write_all(&said).expect("a device of our own");
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = self.control.write_all(&event(DESTROY, &[]));
    }
}

#[tokio::test]
async fn a_made_up_device_is_found_written_to_heard_and_lost() {
    let mut made = match Made::new() {
        Ok(made) => made,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let mut bus = HidBus::new(Native::default());
    bus.scan(true);
    let sighting = loop {
        match within(bus.next()).await {
            Found::Device(sighting) if sighting.address == SERIAL => break sighting,
            _ => {}
        }
    };
    assert_eq!((sighting.bus, sighting.ids), (Bus::Hid, Some((0x1234, 0x5678))));
    let port = match within(bus.connect(&sighting, Vec::new())).await {
        Ok(port) => port,
        Err(reason) => return println!("skipped: the made-up device cannot be opened: {reason}"),
    };
    port.listen(Endpoint::RX, true).await.expect("an input");
    within(port.write(Endpoint::TX, &[1, 2, 3, 4, 5, 6, 7, 8], false)).await.expect("a device");
    let written = made.written.recv_timeout(Duration::from_secs(10));
    assert_eq!(written.expect("the kernel passes it on"), [1, 2, 3, 4, 5, 6, 7, 8]);
    made.say(&[1, 9, 9, 9, 9, 9, 9, 9]);
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, vec![1, 9, 9, 9, 9, 9, 9, 9]));
    drop(made);
    assert!(matches!(within(port.next()).await, Notified::Gone(_)));
}
