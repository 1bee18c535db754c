//! What is offered, and when; and what becomes of a scan when adapters, BlueZ or D-Bus come and go.

use frisson_hardware::{Found, Scanner};

use crate::bus::Bus;
use crate::fake::Fake;
use crate::support::*;
use crate::world::Peripheral;

#[tokio::test]
async fn a_device_becomes_recognisable_by_what_comes_in_separate_advertisements() {
    let (fake, mut bus) = scanning().await;
    let shy = Peripheral { address: TOY.to_owned(), rssi: Some(-70), ..Peripheral::default() };
    fake.present("hci0", shy).await;
    fake.advertise("hci0", TOY, |toy| toy.manufacturer = vec![(0x684a, vec![1, 2])]).await;
    fake.advertise("hci0", TOY, |toy| toy.name = Some("LVS-Late".to_owned())).await;
    let seen = sighted(&mut bus).await;
    assert_eq!((seen.name.as_str(), seen.address.as_str(), seen.rssi), ("LVS-Late", TOY, Some(-70)));
    assert_eq!(seen.manufacturer, [(0x684a, vec![1, 2])]);
    fake.advertise("hci0", TOY, |toy| {
        toy.advertised = vec!["ff00".to_owned()];
        toy.rssi = Some(-50);
    })
    .await;
    let seen = sighted(&mut bus).await;
    assert_eq!((seen.advertised, seen.rssi), (vec![uuid("ff00")], Some(-50)));
    fake.advertise("hci0", TOY, |toy| toy.manufacturer[0].1 = vec![1, 3]).await;
    assert_eq!(sighted(&mut bus).await.manufacturer, [(0x684a, vec![1, 3])]);
}

#[tokio::test]
async fn the_same_picture_is_offered_once_per_scan() {
    let (mut fake, mut bus) = scanning().await;
    fake.present("hci0", toy(TOY)).await;
    assert_eq!(sighted(&mut bus).await.address, TOY);
    for rssi in [-40, -50, -60] {
        fake.advertise("hci0", TOY, |toy| toy.rssi = Some(rssi)).await;
    }
    expect_nothing_new(&mut bus, &fake, "hci0").await;
    bus.scan(false);
    fake.discovery("hci0", false).await;
    bus.scan(true);
    fake.discovery("hci0", true).await;
    let again = [sighted(&mut bus).await.address, sighted(&mut bus).await.address];
    assert_eq!(again, [TOY, OTHER]);
}

#[tokio::test]
async fn devices_that_say_nothing_or_are_only_remembered_are_not_offered() {
    let (fake, mut bus) = scanning().await;
    fake.present("hci0", Peripheral { name: None, ..toy(TOY) }).await;
    let remembered = Peripheral { rssi: None, ..toy("C0:FF:EE:00:00:03") };
    fake.present("hci0", remembered).await;
    expect_nothing_new(&mut bus, &fake, "hci0").await;
}

#[tokio::test]
async fn a_device_that_the_system_has_connected_already_is_offered_and_used() {
    let (fake, mut bus) = scanning().await;
    let mut connected = toy(TOY);
    (connected.connected, connected.resolved, connected.rssi) = (true, true, None);
    connected.found = connected.services.clone();
    fake.present("hci0", connected).await;
    let sighting = sighted(&mut bus).await;
    // BlueZ tells of the services below it after the device.
    fake.resolve("hci0", TOY).await;
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    assert_eq!(port.endpoints().len(), 3);
}

#[tokio::test]
async fn nothing_is_found_without_a_scan() {
    let mut fake = Fake::start().await;
    fake.plug("hci0", true).await;
    let mut bus = real(&fake);
    fake.present("hci0", toy(TOY)).await;
    bus.scan(true);
    fake.discovery("hci0", true).await;
    assert_eq!(sighted(&mut bus).await.address, TOY);
    bus.scan(false);
    fake.discovery("hci0", false).await;
    fake.present("hci0", toy(OTHER)).await;
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(200), bus.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn all_adapters_that_are_switched_on_are_used_and_a_device_that_two_see_is_offered_once() {
    let mut fake = Fake::start().await;
    fake.plug("hci0", false).await;
    fake.plug("hci1", true).await;
    fake.plug("hci2", true).await;
    let mut bus = real(&fake);
    bus.scan(true);
    fake.discovery("hci2", true).await;
    assert!(fake.world().adapters["hci1"].discovering && !fake.world().adapters["hci0"].discovering);
    let near = Peripheral { rssi: Some(-30), ..toy(TOY) };
    fake.present("hci1", toy(TOY)).await;
    fake.present("hci2", near).await;
    let sighting = sighted(&mut bus).await;
    expect_nothing_new(&mut bus, &fake, "hci1").await;
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    assert!(
        fake.world().peripherals["/org/bluez/hci2/dev_C0_FF_EE_00_00_01"].connected,
        "the nearest opens it"
    );
    fake.power("hci0", true).await;
    fake.discovery("hci0", true).await;
    within(port.close()).await;
}

#[tokio::test]
async fn without_a_usable_adapter_the_reason_is_said_once_and_the_scan_begins_when_there_is_one() {
    let mut fake = Fake::start().await;
    let mut bus = real(&fake);
    bus.scan(true);
    let reason = unusable(&mut bus).await;
    assert!(reason.contains("no Bluetooth adapter"), "{reason}");
    fake.plug("hci0", false).await;
    let reason = unusable(&mut bus).await;
    assert!(reason.contains("hci0 is switched off") && reason.contains("rfkill"), "{reason}");
    fake.power("hci0", true).await;
    fake.discovery("hci0", true).await;
    fake.present("hci0", toy(TOY)).await;
    assert_eq!(sighted(&mut bus).await.address, TOY);
    fake.unplug("hci0").await;
    let reason = unusable(&mut bus).await;
    assert!(reason.contains("no Bluetooth adapter"), "{reason}");
    fake.plug("hci0", true).await;
    fake.discovery("hci0", true).await;
    fake.present("hci0", toy(OTHER)).await;
    assert_eq!(sighted(&mut bus).await.address, OTHER);
}

#[tokio::test]
async fn without_bluez_or_d_bus_the_reason_and_the_fix_are_said_and_scanning_begins_when_they_are_there() {
    let mut daemon = Bus::start();
    daemon.kill();
    let mut fake = Fake::start().await;
    std::mem::swap(&mut fake.bus, &mut daemon);
    fake.stop_service();
    let mut bus = real(&fake);
    bus.scan(true);
    let reason = unusable(&mut bus).await;
    assert!(reason.contains("D-Bus"), "{reason}");
    fake.bus.revive();
    let reason = unusable(&mut bus).await;
    assert!(reason.contains("systemctl start bluetooth"), "{reason}");
    fake.start_service().await;
    fake.plug("hci0", true).await;
    fake.discovery("hci0", true).await;
    fake.present("hci0", toy(TOY)).await;
    assert_eq!(sighted(&mut bus).await.address, TOY);
}

#[tokio::test]
async fn an_adapter_that_stops_to_look_for_devices_is_asked_again() {
    let (mut fake, _bus) = scanning().await;
    fake.power("hci0", false).await;
    fake.power("hci0", true).await;
    fake.discovery("hci0", true).await;
    fake.stop_discovery("hci0").await;
    fake.discovery("hci0", true).await;
}

#[tokio::test]
async fn a_scanner_that_is_closed_ends_its_scan_and_leaves_the_bus() {
    let (mut fake, mut bus) = scanning().await;
    within(bus.close()).await;
    fake.discovery("hci0", false).await;
    assert_eq!(within(bus.next()).await, Found::Closed);
}
