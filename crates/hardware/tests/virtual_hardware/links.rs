//! Section 4: how devices are connected and used.

use std::sync::Arc;
use std::time::Duration;

use frisson_hardware::{ConnectPlan, Notified, Port, PortError, Scanner};
use frisson_program::{Endpoint, Parity, SerialSettings, Service};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::*;

type Done<T> = JoinHandle<Result<T, PortError>>;

fn write(port: &Arc<dyn Port>, endpoint: Endpoint, bytes: &[u8], confirm: bool) -> Done<()> {
    let (port, bytes) = (Arc::clone(port), bytes.to_vec());
    tokio::spawn(async move { port.write(endpoint, &bytes, confirm).await })
}

fn read(port: &Arc<dyn Port>, endpoint: Endpoint) -> Done<Vec<u8>> {
    let port = Arc::clone(port);
    tokio::spawn(async move { port.read(endpoint).await })
}

fn listen(port: &Arc<dyn Port>, endpoint: Endpoint, on: bool) -> Done<()> {
    let port = Arc::clone(port);
    tokio::spawn(async move { port.listen(endpoint, on).await })
}

async fn done<T>(task: Done<T>) -> Result<T, PortError> {
    within(task).await.expect("no panic")
}

/// Opens a device that was presented with these fields.
async fn open_as(advert: Value, plan: ConnectPlan) -> (Host, Arc<dyn Port>, Value) {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.say(advert).await;
    let sighting = sighted(&mut bus).await;
    let connecting = tokio::spawn(bus.connect(&sighting, vec![plan]));
    let request = host.request("connect", "d1").await;
    host.ok(&request).await;
    let port = within(connecting).await.expect("no panic").expect("opens");
    // The bus is kept, for it tells hosts goodbye when it is dropped.
    std::mem::forget(bus);
    (host, port.into(), request)
}

#[tokio::test]
async fn bytes_go_to_the_characteristic_that_the_definition_names() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    assert_eq!(port.endpoints(), [Endpoint::TX, Endpoint::RX]);
    assert_eq!((port.plan(), port.gap()), (0, Duration::from_millis(75)));
    for confirm in [false, true] {
        let writing = write(&port, Endpoint::TX, &[0xF1, 0x40], confirm);
        let request = host.hear().await;
        let id = request["id"].clone();
        let frame = json!({"type": "write", "id": id, "device": "d1", "endpoint": TX, "data": "f140", "with_response": confirm});
        assert_eq!(request, frame);
        host.ok(&request).await;
        assert_eq!(done(writing).await, Ok(()));
    }
    let writing = write(&port, Endpoint::TX, &[], false);
    let request = host.request("write", "d1").await;
    assert_eq!(request["data"], "");
    host.ok(&request).await;
    assert_eq!(done(writing).await, Ok(()));
}

#[tokio::test]
async fn ids_count_up_and_are_never_used_twice() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let mut last = 0;
    for _ in 0..5 {
        let writing = write(&port, Endpoint::TX, &[1], false);
        let request = host.request("write", "d1").await;
        let id = request["id"].as_u64().expect("an id");
        assert!(id > last);
        last = id;
        host.ok(&request).await;
        assert_eq!(done(writing).await, Ok(()));
        host.ok(&request).await;
        host.expect_error("bad-id").await;
    }
}

#[tokio::test]
async fn reading_gives_the_bytes_of_the_answer() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let reading = read(&port, Endpoint::RX);
    let request = host.request("read", "d1").await;
    assert_eq!(request["endpoint"], RX);
    // Without data it is no answer.
    host.ok(&request).await;
    host.expect_error("bad-frame").await;
    host.say(json!({"type": "ok", "id": request["id"], "data": "6400FF"})).await;
    assert_eq!(done(reading).await, Ok(vec![0x64, 0, 0xFF]));
    let reading = read(&port, Endpoint::RX);
    let request = host.request("read", "d1").await;
    host.error(&request, "no-data").await;
    assert_eq!(done(reading).await, Err(PortError::Failed("there is nothing to read: injected".to_owned())));
}

#[tokio::test]
async fn errors_say_what_the_host_says() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let failed = |text: &str| PortError::Failed(text.to_owned());
    for (code, error) in [
        ("failed", failed("injected")),
        ("not-connected", failed("the device is not connected: injected")),
        ("no-endpoint", PortError::NoEndpoint(Endpoint::TX)),
        ("not-permitted", failed("the device does not permit it: injected")),
        ("haunted", failed("injected")),
    ] {
        let writing = write(&port, Endpoint::TX, &[1], false);
        let request = host.request("write", "d1").await;
        host.error(&request, code).await;
        assert_eq!(done(writing).await, Err(error), "{code}");
    }
}

#[tokio::test]
async fn what_is_notified_is_heard_while_it_is_subscribed_to() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let notify = |endpoint: &str, data: &str| json!({"type": "notify", "device": "d1", "endpoint": endpoint, "data": data});
    host.say(notify(RX, "01")).await;
    host.expect_nothing().await;
    let listening = listen(&port, Endpoint::RX, true);
    let request = host.request("subscribe", "d1").await;
    assert_eq!(request["endpoint"], RX);
    host.ok(&request).await;
    assert_eq!(done(listening).await, Ok(()));
    host.say(notify(TX, "02")).await;
    host.say(notify("anywhere", "03")).await;
    host.say(notify(RX, "04")).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, vec![4]));
    host.say(notify(&RX.to_uppercase(), "05")).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, vec![5]));
    let listening = listen(&port, Endpoint::RX, false);
    let request = host.request("unsubscribe", "d1").await;
    host.ok(&request).await;
    assert_eq!(done(listening).await, Ok(()));
    host.say(notify(RX, "06")).await;
    host.expect_nothing().await;
    // A refused subscription is none.
    let listening = listen(&port, Endpoint::RX, true);
    let request = host.request("subscribe", "d1").await;
    host.error(&request, "not-permitted").await;
    assert!(done(listening).await.is_err());
    host.say(notify(RX, "07")).await;
    host.say(json!({"type": "disconnected", "device": "d1", "reason": "over"})).await;
    assert_eq!(within(port.next()).await, Notified::Gone("over".to_owned()));
}

#[tokio::test]
async fn a_device_that_talks_too_much_is_not_heard_for_ever() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let listening = listen(&port, Endpoint::RX, true);
    let request = host.request("subscribe", "d1").await;
    host.ok(&request).await;
    assert_eq!(done(listening).await, Ok(()));
    let data = "00".repeat(10_000);
    for _ in 0..100 {
        host.say(json!({"type": "notify", "device": "d1", "endpoint": RX, "data": data})).await;
    }
    host.say(json!({"type": "disconnected", "device": "d1"})).await;
    host.expect_nothing().await;
    let mut heard = 0;
    while let Notified::Bytes(..) = within(port.next()).await {
        heard += 1;
    }
    assert!((20..40).contains(&heard), "{heard}");
}

#[tokio::test]
async fn for_one_device_one_request_is_under_way_and_others_do_not_wait() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    let one: Arc<dyn Port> = open(&mut bus, &mut host, "d1").await.into();
    bus.scan(false);
    host.expect_scanning(false).await;
    assert_eq!(within(bus.next()).await, frisson_hardware::Found::ScanEnded);
    host.advertise("d2").await;
    let two: Arc<dyn Port> = open(&mut bus, &mut host, "d2").await.into();
    let first = write(&one, Endpoint::TX, &[1], false);
    let request = host.request("write", "d1").await;
    let second = read(&one, Endpoint::RX);
    let third = listen(&one, Endpoint::RX, true);
    let other = write(&two, Endpoint::TX, &[2], false);
    let other_request = host.request("write", "d2").await;
    host.expect_nothing().await;
    host.ok(&other_request).await;
    assert_eq!(done(other).await, Ok(()));
    host.ok(&request).await;
    assert_eq!(done(first).await, Ok(()));
    let request = host.request("read", "d1").await;
    host.expect_nothing().await;
    host.say(json!({"type": "ok", "id": request["id"], "data": ""})).await;
    assert_eq!(done(second).await, Ok(Vec::new()));
    let request = host.request("subscribe", "d1").await;
    host.ok(&request).await;
    assert_eq!(done(third).await, Ok(()));
}

#[tokio::test]
async fn what_nobody_waits_for_any_longer_still_has_its_turn_to_the_end_but_is_not_begun() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let given_up = read(&port, Endpoint::RX);
    let request = host.request("read", "d1").await;
    let never_begun = read(&port, Endpoint::RX);
    let stop = write(&port, Endpoint::TX, &[0], false);
    given_up.abort();
    never_begun.abort();
    assert!(given_up.await.is_err() && never_begun.await.is_err());
    host.expect_nothing().await;
    host.say(json!({"type": "ok", "id": request["id"], "data": "01"})).await;
    let request = host.request("write", "d1").await;
    host.ok(&request).await;
    assert_eq!(done(stop).await, Ok(()));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_failure_and_dropped_when_it_comes_late() {
    let (mut bus, address) = impatient_bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    let port: Arc<dyn Port> = open(&mut bus, &mut host, "d1").await.into();
    let writing = write(&port, Endpoint::TX, &[1], false);
    let late = host.request("write", "d1").await;
    assert_eq!(done(writing).await, Err(PortError::Unanswered(PATIENCE)));
    // The next one goes out, though the first was never answered.
    let port = Arc::new(port);
    let writing = write(&port, Endpoint::TX, &[2], false);
    let request = host.request("write", "d1").await;
    host.ok(&late).await;
    host.ok(&request).await;
    host.expect_nothing().await;
    host.ok(&late).await;
    host.expect_error("bad-id").await;
    assert!(matches!(done(writing).await, Ok(()) | Err(PortError::Unanswered(_))));
}

#[tokio::test]
async fn the_kind_of_write_is_one_that_the_characteristic_has() {
    for (properties, confirm, with_response) in [
        (json!(["write"]), false, Some(true)),
        (json!(["write"]), true, Some(true)),
        (json!(["write-without-response"]), false, Some(false)),
        (json!(["write-without-response"]), true, Some(false)),
        (json!(["write", "write-without-response"]), true, Some(true)),
        (json!(["write", "write-without-response"]), false, Some(false)),
        (json!(["read", "notify"]), true, None),
    ] {
        let mut advert = btle("d1");
        advert["services"][0]["characteristics"][0]["properties"] = properties.clone();
        let (mut host, port, _) = open_as(advert, plan()).await;
        let writing = write(&port, Endpoint::TX, &[1], confirm);
        match with_response {
            Some(with_response) => {
                let request = host.request("write", "d1").await;
                assert_eq!(request["with_response"], with_response, "{properties} {confirm}");
                host.ok(&request).await;
                assert_eq!(done(writing).await, Ok(()));
            }
            None => assert!(matches!(done(writing).await, Err(PortError::Failed(_)))),
        }
    }
}

#[tokio::test]
async fn what_a_characteristic_cannot_do_is_not_asked_of_it() {
    let mut advert = btle("d1");
    advert["services"][0]["characteristics"][1]["properties"] = json!(["write"]);
    let (mut host, port, _) = open_as(advert, plan()).await;
    assert!(matches!(done(read(&port, Endpoint::RX)).await, Err(PortError::Failed(_))));
    assert!(matches!(done(listen(&port, Endpoint::RX, true)).await, Err(PortError::Failed(_))));
    let elsewhere = endpoint("txmode");
    assert_eq!(done(read(&port, elsewhere)).await, Err(PortError::NoEndpoint(elsewhere)));
    host.expect_nothing().await;
}

#[tokio::test]
async fn only_serial_carries_settings() {
    let serial = SerialSettings { baud_rate: 19_200, parity: Parity::Even, ..SerialSettings::default() };
    let plan = ConnectPlan { serial, ..ConnectPlan::default() };
    let advert =
        json!({"type": "advertise", "device": "d1", "transport": "serial", "name": "x", "port": "COM7"});
    let (_host, port, request) = open_as(advert, plan).await;
    let settings = json!({"baud_rate": 19_200, "data_bits": 8, "parity": "E", "stop_bits": 1});
    assert_eq!(request["settings"], settings);
    assert_eq!((port.endpoints(), port.gap()), (&[Endpoint::TX, Endpoint::RX][..], Duration::ZERO));
    let advert = json!({"type": "advertise", "device": "d1", "transport": "hid", "name": "x", "vendor_id": 1, "product_id": 2});
    let (_host, _port, request) = open_as(advert, ConnectPlan::default()).await;
    assert!(request.get("settings").is_none());
}

#[tokio::test]
async fn other_buses_have_plain_endpoints_and_no_acknowledged_writes() {
    for (transport, names) in [
        ("serial", &["tx", "rx"][..]),
        ("hid", &["tx", "rx"]),
        ("usb", &["tx", "rx", "txvendorcontrol"]),
        ("websocket", &["tx", "rx"]),
        ("gamepad", &["tx", "rx"]),
        ("lovense-connect", &["tx"]),
    ] {
        let advert = json!({"type": "advertise", "device": "d1", "transport": transport, "name": "x", "port": "p",
            "vendor_id": 1, "product_id": 2, "capabilities": ["rumble"]});
        let (mut host, port, _) = open_as(advert, ConnectPlan::default()).await;
        let endpoints: Vec<_> = names.iter().map(|name| endpoint(name)).collect();
        assert_eq!(port.endpoints(), endpoints, "{transport}");
        let last = *endpoints.last().expect("one");
        let writing = write(&port, last, &[0xAB], true);
        let request = host.request("write", "d1").await;
        assert_eq!((&request["endpoint"], &request["with_response"]), (&json!(last.name()), &json!(false)));
        host.ok(&request).await;
        assert_eq!(done(writing).await, Ok(()));
    }
}

#[tokio::test]
async fn serial_is_a_stream_that_is_read_once_it_is_subscribed_to() {
    let advert =
        json!({"type": "advertise", "device": "d1", "transport": "serial", "name": "x", "port": "COM7"});
    let (mut host, port, _) = open_as(advert, ConnectPlan::default()).await;
    let listening = listen(&port, Endpoint::RX, true);
    let request = host.request("subscribe", "d1").await;
    assert_eq!(request["endpoint"], "rx");
    host.ok(&request).await;
    assert_eq!(done(listening).await, Ok(()));
    host.say(json!({"type": "notify", "device": "d1", "endpoint": "rx", "data": "4f4b"})).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, b"OK".to_vec()));
}

#[tokio::test]
async fn the_first_plan_that_fits_is_taken() {
    let (mut bus, address) = bus();
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.advertise("d1").await;
    let sighting = sighted(&mut bus).await;
    let elsewhere = Service { uuid: uuid("1320"), endpoints: vec![(Endpoint::TX, uuid("1321"))] };
    let other = ConnectPlan { services: vec![elsewhere], ..ConnectPlan::default() };
    let connecting = tokio::spawn(bus.connect(&sighting, vec![other, plan()]));
    let request = host.request("connect", "d1").await;
    host.ok(&request).await;
    let port = within(connecting).await.expect("no panic").expect("opens");
    assert_eq!((port.plan(), port.endpoints()), (1, &[Endpoint::TX, Endpoint::RX][..]));
}
