//! Section 3: how devices are presented and found, and how the host hears what became of them.

use frisson_hardware::{Bus, Found, Ignored, Outcome, Scanner};
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_device_is_found_at_the_next_scan_or_at_once_if_one_runs() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    host.advertise("d2").await;
    host.expect_nothing().await;
    bus.scan(true);
    assert_eq!(sighted(&mut bus).await.name, "Demo d1");
    assert_eq!(sighted(&mut bus).await.name, "Demo d2");
    host.advertise("d3").await;
    assert_eq!(sighted(&mut bus).await.name, "Demo d3");
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    host.advertise("d4").await;
    host.expect_scanning(true).await;
    host.expect_scanning(false).await;
    host.expect_nothing().await;
    // Had d4 been found without a scan, it would come before the end of the next one.
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn a_scan_goes_on_until_it_is_stopped() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.advertise("d1").await;
    let sighting = sighted(&mut bus).await;
    ignore(&mut bus, &sighting, Ignored::NoMatch);
    host.expect_ignored("d1", "no-match").await;
    host.expect_nothing().await;
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn websocket_devices_are_found_without_a_scan() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.say(json!({"type": "advertise", "device": "d1", "transport": "websocket", "name": "tcode-v03"}))
        .await;
    let sighting = sighted(&mut bus).await;
    assert_eq!((sighting.bus, sighting.address.as_str()), (Bus::WebSocket, "virtual:d1"));
}

#[tokio::test]
async fn what_is_on_the_air_is_told_and_what_is_not_is_not() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    let mut advert = btle("d1");
    advert["address"] = json!("c0:00:00:00:00:01");
    advert["manufacturer_data"] = json!([{"company": 93, "data": "00002716"}]);
    advert["advertised_services"] = json!([SERVICE]);
    host.say(advert).await;
    let sighting = sighted(&mut bus).await;
    assert_eq!(sighting.key(), "ble:c0:00:00:00:00:01");
    assert_eq!(sighting.manufacturer, [(93, vec![0, 0, 0x27, 0x16])]);
    assert_eq!(sighting.advertised, [uuid("ff00")]);
    host.advertise("d2").await;
    // Its service table is what is found after connecting.
    assert_eq!(sighted(&mut bus).await.advertised, []);
}

#[tokio::test]
async fn a_device_that_is_presented_again_replaces_what_was_said() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    let mut advert = btle("d1");
    advert["name"] = json!("Another name");
    advert["address"] = json!("another");
    host.say(advert).await;
    host.expect_nothing().await;
    bus.scan(true);
    let sighting = sighted(&mut bus).await;
    assert_eq!((sighting.name.as_str(), sighting.address.as_str()), ("Another name", "another"));
    // The address it had before is free.
    host.expect_scanning(true).await;
    let mut other = btle("d2");
    other["address"] = json!("virtual:d1");
    host.say(other).await;
    assert_eq!(sighted(&mut bus).await.name, "Demo d2");
}

#[tokio::test]
async fn a_device_that_is_withdrawn_is_not_found() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    host.say(json!({"type": "unadvertise", "device": "d1"})).await;
    // Once more does no harm.
    host.say(json!({"type": "unadvertise", "device": "d1"})).await;
    host.advertise("d2").await;
    host.expect_nothing().await;
    bus.scan(true);
    assert_eq!(sighted(&mut bus).await.name, "Demo d2");
}

#[tokio::test]
async fn the_loss_of_a_link_that_is_not_there_changes_nothing() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    host.say(json!({"type": "disconnected", "device": "d1", "reason": "never connected"})).await;
    host.expect_nothing().await;
    bus.scan(true);
    let sighting = sighted(&mut bus).await;
    host.say(json!({"type": "disconnected", "device": "d1"})).await;
    host.expect_scanning(true).await;
    host.expect_nothing().await;
    ignore(&mut bus, &sighting, Ignored::NoMatch);
    host.expect_ignored("d1", "no-match").await;
}

#[tokio::test]
async fn devices_of_a_host_that_is_gone_are_not_found() {
    let (mut bus, address) = bus();
    let mut gone = Host::open(address).await;
    gone.advertise("d1").await;
    gone.expect_nothing().await;
    drop(gone);
    let mut host = Host::open(address).await;
    // The address is in use until the server has noticed.
    loop {
        host.advertise("d1").await;
        host.say(json!({"type": "fence"})).await;
        if host.hear().await["message"] == "fence" {
            break;
        }
        assert_eq!(host.hear().await["message"], "fence");
    }
    bus.scan(true);
    host.expect_scanning(true).await;
    sighted(&mut bus).await;
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn an_address_is_given_to_one_device_of_a_transport() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    let advert = |device: &str, transport: &str| {
        json!({"type": "advertise", "device": device, "transport": transport, "name": "x", "address": "a",
               "vendor_id": 1, "product_id": 2})
    };
    host.say(advert("d1", "btle")).await;
    host.say(advert("d2", "btle")).await;
    assert_eq!(host.expect_error("duplicate").await["device"], "d2");
    host.say(advert("d2", "hid")).await;
    host.expect_nothing().await;
    let mut other = Host::open(address).await;
    other.say(advert("d1", "btle")).await;
    other.expect_error("duplicate").await;
    // The faulty frames had no effect.
    bus.scan(true);
    assert_eq!(sighted(&mut bus).await.bus, Bus::BluetoothLe);
    assert_eq!(sighted(&mut bus).await.bus, Bus::Hid);
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn a_connected_device_is_busy_and_stays_connected_when_it_is_withdrawn() {
    let (_bus, mut host, port) = opened().await;
    host.advertise("d1").await;
    assert_eq!(host.expect_error("busy").await["device"], "d1");
    host.say(json!({"type": "unadvertise", "device": "d1"})).await;
    host.expect_nothing().await;
    let closing = tokio::spawn(async move { port.close().await });
    let request = host.request("disconnect", "d1").await;
    host.ok(&request).await;
    within(closing).await.expect("no panic");
}

#[tokio::test]
async fn a_device_that_is_not_used_is_told_why_and_found_again_when_presented_again() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    for (reason, name) in
        [(Ignored::NoMatch, "no-match"), (Ignored::Denied, "denied"), (Ignored::NotAllowed, "not-allowed")]
    {
        host.advertise("d1").await;
        let sighting = sighted(&mut bus).await;
        ignore(&mut bus, &sighting, reason);
        host.expect_ignored("d1", name).await;
        host.expect_nothing().await;
    }
    bus.scan(false);
    bus.scan(true);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    host.expect_scanning(false).await;
    host.expect_scanning(true).await;
    host.expect_nothing().await;
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn a_device_that_is_presented_anew_while_it_is_thought_about_is_thought_about_again() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.advertise("d1").await;
    let old = sighted(&mut bus).await;
    let mut advert = btle("d1");
    advert["name"] = json!("Known");
    host.say(advert).await;
    host.expect_nothing().await;
    ignore(&mut bus, &old, Ignored::NoMatch);
    let new = sighted(&mut bus).await;
    assert_eq!(new.name, "Known");
    host.expect_nothing().await;
    // To open what it was before is of no use, either.
    host.advertise("d1").await;
    host.expect_nothing().await;
    let connecting = tokio::spawn(bus.connect(&new, vec![plan()]));
    refused(connecting).await;
    ignore(&mut bus, &new, Ignored::ConnectFailed);
    assert_eq!(sighted(&mut bus).await.name, "Demo d1");
    host.expect_nothing().await;
}

#[tokio::test]
async fn a_device_that_was_missed_is_found_by_the_next_scan() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.advertise("d1").await;
    let sighting = sighted(&mut bus).await;
    bus.scan(false);
    bus.outcome(&sighting, &Outcome::Missed);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    bus.scan(true);
    assert_eq!(sighted(&mut bus).await, sighting);
}

#[tokio::test]
async fn a_device_that_was_missed_and_withdrawn_is_not_found() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.advertise("d1").await;
    let sighting = sighted(&mut bus).await;
    host.say(json!({"type": "unadvertise", "device": "d1"})).await;
    host.expect_nothing().await;
    bus.scan(false);
    bus.outcome(&sighting, &Outcome::Missed);
    bus.scan(true);
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}

#[tokio::test]
async fn a_device_that_is_ready_is_named_with_its_index() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.advertise("d1").await;
    let sighting = sighted(&mut bus).await;
    let connecting = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    let request = host.request("connect", "d1").await;
    host.ok(&request).await;
    let _port = within(connecting).await.expect("no panic").expect("opens");
    host.expect_nothing().await;
    ready(&mut bus, &sighting);
    let frame =
        json!({"type": "ready", "device": "d1", "protocol": "demo", "name": "Demo Vibrator", "index": 0});
    host.expect(frame).await;
}
