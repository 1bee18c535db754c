//! Well-known pads as human interface devices.

#[path = "../hid/fake.rs"]
mod devices;

use devices::Fake;
use frisson_hardware::gamepad::{HidPads, PadError, Speeds, System};
use frisson_hardware::hid::{HidError, Info};
use frisson_hardware::{Notified, PortError};
use frisson_program::{Capabilities, Endpoint};

use super::{PACKET, device, open, scanning, within, write};

fn pad(path: &str, product: u16, is_bluetooth: bool) -> Info {
    let vendor = if product == 0x0B13 { 0x045E } else { 0x054C };
    let (path, serial) = (path.to_owned(), format!("serial of {path}"));
    let usage = (1, 5);
    Info { path, serial, vendor, product, usage, is_bluetooth, name: "Pad".to_owned(), ..Info::default() }
}

#[tokio::test]
async fn a_pad_is_told_by_reports_brought_to_rest_and_missed() {
    let system = Fake::default();
    system.plug(&pad("dualsense", 0x0CE6, false), "");
    let port = open(&mut scanning(HidPads::new(system.clone()))).await;
    write(&*port, &PACKET).await.expect("a pad");
    write(&*port, &[0; 8]).await.expect("a pad");
    let written = system.written("dualsense");
    assert_eq!(written[0][..6], [0x02, 0x03, 0, 0xFF, 0x80, 0]);
    assert_eq!(written.last().expect("a report")[..6], [0x02, 0x03, 0, 0, 0, 0]);
    let none = within(port.read(Endpoint::RX)).await;
    assert!(matches!(none, Err(PortError::Failed(_))), "{none:?}");
    system.unplug("dualsense");
    assert_eq!(within(port.next()).await, Notified::Gone("the gamepad has disconnected".to_owned()));
}

#[tokio::test]
async fn only_pads_of_a_known_kind_are_offered_with_what_they_can_do() {
    let system = Fake::default();
    system.plug(&pad("a mouse", 0x1234, false), "");
    system.plug(&Info { usage: (1, 6), ..pad("a keyboard on a pad", 0x09CC, true) }, "");
    system.plug(&pad("xbox", 0x0B13, true), "");
    let found = device(&mut scanning(HidPads::new(system))).await;
    assert_eq!((found.address.as_str(), found.ids), ("serial of xbox", Some((0x045E, 0x0B13))));
    let all = Capabilities { rumble: true, trigger_rumble: true, battery: false };
    assert_eq!(found.capabilities, all);
}

#[test]
fn a_pad_whose_reports_nobody_fetches_is_there_all_the_same() {
    let system = Fake::default();
    system.plug(&pad("ds4", 0x09CC, false), "");
    let pads = HidPads::new(system.clone());
    let info = pads.list().expect("a list").remove(0);
    let mut pad = pads.open(&info).expect("a pad");
    for _ in 0..1000 {
        system.say("ds4", "01 80 80");
    }
    pad.check().expect("a pad that is there");
    pad.rumble(Speeds::default(), std::time::Duration::from_secs(60)).expect("a pad that is there");
    system.unplug("ds4");
    assert_eq!(pad.check(), Err(PadError::Gone));
}

#[test]
fn a_pad_that_may_not_be_opened_says_what_helps() {
    let system = Fake::default();
    system.plug(&pad("ds4", 0x09CC, false), "");
    system.refuse("ds4", HidError::Denied { path: "ds4".to_owned(), fix: "ask".to_owned() });
    let pads = HidPads::new(system);
    let info = pads.list().expect("a list").remove(0);
    let refusal = PadError::Denied { path: "ds4".to_owned(), fix: "ask".to_owned() };
    assert_eq!(pads.open(&info).err(), Some(refusal));
}
