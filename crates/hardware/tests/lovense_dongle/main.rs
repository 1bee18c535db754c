//! The Lovense dongle over reports and over a serial port: a scripted dongle at the other end.
#![cfg(feature = "lovense-dongle")]

mod dongle;
mod serial;

use std::time::Duration;

use dongle::*;
use frisson_hardware::hid::HidError;
use frisson_hardware::lovense_dongle::{LovenseDongle, NAME, Options};
use frisson_hardware::{Found, Notified, Port, PortError, Scanner, Sighting};
use frisson_program::{Bus, Endpoint};

async fn toy(bus: &mut LovenseDongle) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        other => panic!("{other:?}"),
    }
}

/// A bus whose scan has found the scripted dongle's toy, and the open toy.
async fn with_toy(system: &Usb) -> (LovenseDongle, Box<dyn Port>) {
    let mut bus = LovenseDongle::new(system.clone(), Options::default());
    bus.scan(true);
    let sighting = toy(&mut bus).await;
    assert_eq!(sighting, Sighting::new(Bus::LovenseDongle, TOY, NAME));
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    let mut opening = bus.connect(&sighting, Vec::new());
    let port = within(&mut opening).await.expect("a toy");
    port.listen(Endpoint::RX, true).await.expect("a toy that says something");
    (bus, port)
}

async fn heard(port: &dyn Port) -> String {
    match within(port.next()).await {
        Notified::Bytes(_, bytes) => String::from_utf8(bytes).expect("text"),
        gone => panic!("{gone:?}"),
    }
}

async fn tell(port: &dyn Port, text: &str) -> Result<(), PortError> {
    within(port.write(Endpoint::TX, text.as_bytes(), false)).await
}

#[tokio::test]
async fn a_toy_is_found_driven_and_heard_over_reports() {
    let usb = Usb::default();
    let dongle = usb.plug();
    let (_bus, port) = with_toy(&usb).await;
    assert_eq!(
        (port.gap(), port.endpoints()),
        (Duration::from_millis(75), &[Endpoint::TX, Endpoint::RX][..])
    );
    tell(&*port, "DeviceType;").await.expect("a toy");
    assert_eq!(heard(&*port).await, "S:11:0082059AD3BD;");
    // Longer than one report.
    let long = "Vibrate:10;".repeat(20);
    tell(&*port, &long).await.expect("a toy");
    let expected = format!(r#"{{"type":"toy","func":"command","id":"{TOY}","cmd":"{long}"}}"#);
    assert_eq!(dongle.told().last(), Some(&expected));
    let [first, second] = [dongle.told()[0].clone(), dongle.told()[1].clone()];
    assert_eq!(first, r#"{"type":"toy","func":"statuss"}"#);
    assert_eq!(second, r#"{"type":"toy","func":"search"}"#);
    assert!(dongle.pause() >= Duration::from_millis(250), "{:?} after the first question", dongle.pause());
}

#[tokio::test]
async fn garbage_and_split_messages_from_the_dongle_do_no_harm() {
    let usb = Usb::default();
    let dongle = usb.plug();
    let (_bus, port) = with_toy(&usb).await;
    dongle.say_bytes(b"\xFF\xFE\x80 not text\n");
    dongle.say_bytes(b"{\"type\":\"toy\",\"func\":\"toyData\"}\n{\"type\":\"toy\",\"func\":");
    dongle.say_bytes(format!("\"toyData\",\"data\":{{\"id\":\"{TOY}\",\"data\":\"87;\"}}}}\n").as_bytes());
    assert_eq!(heard(&*port).await, "87;");
}

#[tokio::test]
async fn a_toy_that_disconnects_is_gone_and_the_dongle_stays() {
    let usb = Usb::default();
    let dongle = usb.plug();
    let (mut bus, port) = with_toy(&usb).await;
    dongle.say(&format!(r#"{{"type":"toy","func":"status","data":{{"id":"{TOY}","status":403}}}}"#));
    let gone = Notified::Gone("the toy has disconnected from the dongle".to_owned());
    assert_eq!(within(port.next()).await, gone);
    assert!(matches!(tell(&*port, "Vibrate:1;").await, Err(PortError::Gone(_))));
    port.close().await;
    bus.scan(true);
    assert_eq!(toy(&mut bus).await.address, TOY);
}

#[tokio::test]
async fn a_dongle_that_is_unplugged_takes_its_toy_with_it_and_is_found_again() {
    let usb = Usb::default();
    usb.plug();
    let (mut bus, port) = with_toy(&usb).await;
    usb.unplug();
    let Notified::Gone(reason) = within(port.next()).await else { panic!("something was said") };
    assert!(reason.starts_with("the dongle is gone"), "{reason}");
    port.close().await;
    bus.scan(true);
    usb.plug();
    assert_eq!(toy(&mut bus).await.address, TOY);
}

#[tokio::test]
async fn a_dongle_that_is_plugged_in_during_a_scan_is_found() {
    let usb = Usb::default();
    let mut bus = LovenseDongle::new(usb.clone(), Options::default());
    bus.scan(true);
    let early = tokio::time::timeout(Duration::from_millis(50), bus.next()).await;
    assert!(early.is_err(), "{early:?}");
    usb.plug();
    assert_eq!(toy(&mut bus).await.address, TOY);
}

#[tokio::test]
async fn a_scan_without_a_dongle_ends_when_it_is_told_to() {
    let mut bus = LovenseDongle::new(Usb::default(), Options::default());
    bus.scan(true);
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn a_dongle_that_searches_is_told_to_end_when_the_bus_is_closed() {
    let usb = Usb::default();
    let dongle = usb.plug();
    dongle.set_in_reach(false);
    let mut bus = LovenseDongle::new(usb.clone(), Options::default());
    bus.scan(true);
    let searching = async {
        while dongle.told().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        found = bus.next() => panic!("{found:?}"),
        () = within(searching) => {}
    }
    within(bus.close()).await;
    assert_eq!(dongle.told().last().map(String::as_str), Some(r#"{"type":"usb","func":"stopSearch"}"#));
}

#[tokio::test]
async fn a_dongle_that_may_not_be_opened_is_told_of_with_what_helps() {
    let usb = Usb::default();
    usb.plug();
    usb.refuse(HidError::Denied { path: "/dev/hidraw0".to_owned(), fix: "write this rule".to_owned() });
    let mut bus = LovenseDongle::new(usb.clone(), Options::default());
    bus.scan(true);
    let Found::Unusable(reason) = within(bus.next()).await else { panic!("it was opened") };
    let expected = "/dev/hidraw0 may not be opened by this user: write this rule";
    assert_eq!(reason, expected);
}

#[tokio::test]
async fn bytes_that_are_no_text_and_other_endpoints_are_refused() {
    let usb = Usb::default();
    usb.plug();
    let (_bus, port) = with_toy(&usb).await;
    let refused = within(port.write(Endpoint::TX, &[0xFF], false)).await;
    assert!(matches!(refused, Err(PortError::Failed(_))), "{refused:?}");
    let rx = Endpoint::RX;
    assert_eq!(within(port.write(rx, b"x", false)).await, Err(PortError::NoEndpoint(rx)));
    assert!(matches!(within(port.read(rx)).await, Err(PortError::Failed(_))));
}

#[tokio::test]
async fn a_toy_that_nobody_found_cannot_be_opened() {
    let usb = Usb::default();
    usb.plug();
    let (mut bus, _port) = with_toy(&usb).await;
    let other = Sighting::new(Bus::LovenseDongle, "other", NAME);
    let mut opening = bus.connect(&other, Vec::new());
    assert!(matches!(within(&mut opening).await.err(), Some(PortError::Gone(_))));
}

#[tokio::test]
async fn a_toy_that_is_opened_anew_takes_nothing_from_its_old_link() {
    let usb = Usb::default();
    let dongle = usb.plug();
    let (mut bus, old) = with_toy(&usb).await;
    let mut opening = bus.connect(&Sighting::new(Bus::LovenseDongle, TOY, NAME), Vec::new());
    let new = within(&mut opening).await.expect("a toy");
    assert_eq!(within(old.next()).await, Notified::Gone("the toy was opened anew".to_owned()));
    let before = dongle.told();
    assert!(matches!(tell(&*old, "Vibrate:1;").await, Err(PortError::Gone(_))));
    assert_eq!(dongle.told(), before);
    old.close().await;
    tell(&*new, "Vibrate:1;").await.expect("a toy");
}

#[cfg(unix)]
#[tokio::test]
async fn a_toy_is_found_driven_and_lost_over_a_serial_port_that_the_user_named() {
    let (dongle, serial_ports) = serial::serial();
    let mut bus = LovenseDongle::new(Usb::default(), Options { serial_ports });
    bus.scan(true);
    let sighting = toy(&mut bus).await;
    let mut opening = bus.connect(&sighting, Vec::new());
    let port = within(&mut opening).await.expect("a toy");
    port.listen(Endpoint::RX, true).await.expect("a toy that says something");
    tell(&*port, "DeviceType;").await.expect("a toy");
    assert_eq!(heard(&*port).await, "S:11:0082059AD3BD;");
    drop(dongle);
    let gone = within(port.next()).await;
    assert!(matches!(gone, Notified::Gone(_)), "{gone:?}");
}

#[tokio::test]
async fn a_serial_port_that_cannot_be_opened_is_told_of() {
    let options = Options { serial_ports: vec!["/not/a/port".to_owned()] };
    let mut bus = LovenseDongle::new(Usb::default(), options);
    bus.scan(true);
    let Found::Unusable(reason) = within(bus.next()).await else { panic!("it was opened") };
    assert!(reason.contains("/not/a/port"), "{reason}");
}
