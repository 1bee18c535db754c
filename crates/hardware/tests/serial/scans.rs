//! Which ports are offered, and when.

use std::os::unix::fs::symlink;
use std::time::Duration;

use frisson_hardware::serial::{Named, Options, SerialBus};
use frisson_hardware::{Bus, ConnectPlan, Found, Ignored, Outcome, Port, Scanner, Sighting};

use super::pty::{Device, within};

/// A bus that looks often.
fn bus(names: &[&str]) -> SerialBus {
    let ports = names.iter().map(|name| Named::new(*name)).collect();
    SerialBus::new(Options { ports, every: Duration::from_millis(10) })
}

/// The next port with this address; the machine may have others.
async fn sighted(bus: &mut SerialBus, address: &str) -> Sighting {
    loop {
        match within(bus.next()).await {
            Found::Device(sighting) if sighting.address == address => return sighting,
            Found::Device(other) => bus.outcome(&other, &Outcome::Ignored(Ignored::NoMatch)),
            found => panic!("found {found:?}"),
        }
    }
}

/// For some rounds, the port is not offered.
async fn not_sighted(bus: &mut SerialBus, address: &str) {
    let sighted = tokio::time::timeout(Duration::from_millis(200), sighted(bus, address)).await;
    assert!(sighted.is_err(), "{sighted:?}");
}

async fn connect(bus: &mut SerialBus, sighting: &Sighting) -> Box<dyn Port> {
    let port = within(bus.connect(sighting, vec![ConnectPlan::default()])).await.expect("a port");
    let ready = Outcome::Ready { protocol: "tcode-v03".to_owned(), name: "Stroker".to_owned(), index: 0 };
    bus.outcome(sighting, &ready);
    port
}

#[tokio::test]
async fn a_port_that_is_named_and_exists_is_offered_once() {
    let device = Device::plug();
    let mut bus = bus(&[&device.port, "/dev/frisson-no-such-port"]);
    bus.scan(true);
    let seen = sighted(&mut bus, &device.port).await;
    assert_eq!(seen.key(), format!("serial:{}", device.port));
    assert_eq!(seen.port.as_deref(), Some(device.port.as_str()));
    assert_eq!((seen.bus, seen.ids), (Bus::Serial, None));
    not_sighted(&mut bus, &device.port).await;
    bus.outcome(&seen, &Outcome::Ignored(Ignored::Denied));
    not_sighted(&mut bus, &device.port).await;
}

#[tokio::test]
async fn a_port_that_nobody_named_is_neither_offered_nor_touched() {
    let mut device = Device::plug();
    let mut bus = bus(&[]);
    bus.scan(true);
    not_sighted(&mut bus, &device.port).await;
    assert_eq!(device.unread(), b"");
}

#[tokio::test]
async fn a_device_goes_by_the_name_that_the_user_gave_its_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = Device::plug();
    let link = folder.path().join("usb-Stroker-if00").to_str().expect("a path").to_owned();
    symlink(&device.port, &link).expect("a link");
    let mut bus = bus(&[&link, &device.port]);
    bus.scan(true);
    let seen = sighted(&mut bus, &link).await;
    assert_eq!(seen.port.as_deref(), Some(device.port.as_str()));
    assert_eq!(seen.name, link);
    not_sighted(&mut bus, &device.port).await;
}

#[tokio::test]
async fn a_scan_goes_on_until_it_is_ended_and_is_ended_once() {
    let device = Device::plug();
    let mut bus = bus(&[&device.port]);
    bus.scan(true);
    let seen = sighted(&mut bus, &device.port).await;
    bus.outcome(&seen, &Outcome::Missed);
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    let more = tokio::time::timeout(Duration::from_millis(100), bus.next()).await;
    assert!(more.is_err(), "{more:?}");
    bus.scan(true);
    sighted(&mut bus, &device.port).await;
}

#[tokio::test]
async fn a_port_that_appears_during_a_scan_is_offered() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("port").to_str().expect("a path").to_owned();
    let mut bus = bus(&[&link]);
    bus.scan(true);
    not_sighted(&mut bus, &link).await;
    let device = Device::plug();
    symlink(&device.port, &link).expect("a link");
    sighted(&mut bus, &link).await;
}

#[tokio::test]
async fn a_device_that_was_closed_or_unplugged_is_offered_again_in_the_same_scan() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("port").to_str().expect("a path").to_owned();
    let device = Device::plug();
    symlink(&device.port, &link).expect("a link");
    let mut bus = bus(&[&link]);
    bus.scan(true);
    let seen = sighted(&mut bus, &link).await;
    let port = connect(&mut bus, &seen).await;
    not_sighted(&mut bus, &link).await;
    within(port.close()).await;
    drop(port);
    let seen = sighted(&mut bus, &link).await;
    let port = connect(&mut bus, &seen).await;
    device.unplug();
    std::fs::remove_file(&link).expect("a link");
    within(port.next()).await;
    drop(port);
    not_sighted(&mut bus, &link).await;
    let device = Device::plug();
    symlink(&device.port, &link).expect("a link");
    sighted(&mut bus, &link).await;
}

#[tokio::test]
async fn a_port_that_is_named_while_the_bus_is_in_use_is_offered() {
    let device = Device::plug();
    let mut bus = bus(&[]);
    let named = bus.named();
    bus.scan(true);
    not_sighted(&mut bus, &device.port).await;
    named.set(vec![Named::new(&device.port)]);
    sighted(&mut bus, &device.port).await;
}

#[tokio::test]
async fn a_port_that_could_not_be_opened_is_not_tried_again_at_once_but_by_a_new_scan() {
    let device = Device::plug();
    let mut bus = bus(&[&device.port]);
    bus.scan(true);
    let seen = sighted(&mut bus, &device.port).await;
    bus.outcome(&seen, &Outcome::Ignored(Ignored::ConnectFailed));
    not_sighted(&mut bus, &device.port).await;
    bus.scan(true);
    sighted(&mut bus, &device.port).await;
}
