//! Opening, driving and losing devices.

use std::time::{Duration, Instant};

use frisson_hardware::{ConnectPlan, Ignored, Notified, Outcome, PortError, Scanner};
use frisson_program::{Endpoint, Service};

use crate::fake::{Fake, Heard};
use crate::support::*;
use crate::world::{Attempt, Peripheral, characteristic, full};

#[tokio::test]
async fn a_device_is_found_opened_driven_read_heard_and_closed() {
    let (mut fake, _bus, port) = opened().await;
    assert_eq!(port.endpoints(), [Endpoint::TX, Endpoint::RX, battery()]);

    within(port.write(Endpoint::TX, &[1, 2], false)).await.expect("written");
    within(port.write(Endpoint::TX, &[3], true)).await.expect("written");
    assert_eq!(fake.hear().await, write("ff01", &[1, 2], "command"));
    assert_eq!(fake.hear().await, write("ff01", &[3], "request"));

    assert_eq!(within(port.read(battery())).await, Ok(vec![87]));
    assert_eq!(fake.hear().await, Heard::Read(full("2a19")));

    within(port.listen(Endpoint::RX, true)).await.expect("listens");
    within(port.listen(Endpoint::RX, true)).await.expect("listens already");
    assert_eq!(fake.hear().await, Heard::Notify(full("ff02"), true));
    fake.notify(TOY, "2a19", &[50]).await;
    fake.notify(TOY, "ff02", &[9, 9]).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, vec![9, 9]));
    within(port.listen(battery(), true)).await.expect("listens");
    fake.notify(TOY, "2a19", &[49]).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(battery(), vec![49]));
    within(port.listen(Endpoint::RX, false)).await.expect("listens no more");
    within(port.listen(Endpoint::RX, false)).await.expect("does not listen already");
    let subscriptions = [Heard::Notify(full("2a19"), true), Heard::Notify(full("ff02"), false)];
    assert_eq!([fake.hear().await, fake.hear().await], subscriptions);

    within(port.close()).await;
    assert_eq!(fake.hear().await, Heard::Disconnect(TOY.to_owned()));
    assert_eq!(fake.unheard(), []);
}

#[tokio::test]
async fn a_characteristic_that_bears_one_kind_of_write_gets_that_one_and_others_are_refused() {
    let (mut fake, mut bus) = scanning().await;
    let all = [("ff01", "write"), ("ff02", "write-without-response"), ("ff03", "indicate")];
    let characteristics = all.map(|(uuid, flags)| characteristic(uuid, flags)).to_vec();
    let services = vec![("ff00".to_owned(), characteristics)];
    fake.present("hci0", Peripheral { services, ..toy(TOY) }).await;
    let endpoints = ["tx", "txmode", "rx"].map(|name| Endpoint::new(name).expect("a name"));
    let [tx, mode, rx] = endpoints;
    let places = endpoints.into_iter().zip(all).map(|(endpoint, (id, _))| (endpoint, uuid(id))).collect();
    let services = vec![Service { uuid: uuid("ff00"), endpoints: places }];
    let plan = ConnectPlan { services, ..ConnectPlan::default() };
    let sighting = sighted(&mut bus).await;
    let port = within(bus.connect(&sighting, vec![plan])).await.expect("opens");
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    for confirm in [true, false] {
        within(port.write(tx, &[1], confirm)).await.expect("written");
        within(port.write(mode, &[2], confirm)).await.expect("written");
        assert_eq!(fake.hear().await, write("ff01", &[1], "request"));
        assert_eq!(fake.hear().await, write("ff02", &[2], "command"));
    }
    within(port.listen(rx, true)).await.expect("indications are as good");
    assert_eq!(fake.hear().await, Heard::Notify(full("ff03"), true));
    let impossible = [
        within(port.write(rx, &[1], true)).await.expect_err("not to be written to"),
        within(port.read(tx)).await.expect_err("not to be read"),
        within(port.listen(tx, true)).await.expect_err("does not notify"),
    ];
    let texts = impossible.map(|error| error.to_string());
    assert!(texts.iter().all(|text| text.contains("cannot")), "{texts:?}");
    assert_eq!(within(port.read(battery())).await, Err(PortError::NoEndpoint(battery())));
    assert_eq!(fake.unheard(), []);
}

#[tokio::test]
async fn connecting_is_tried_again_and_given_up_after_three_times() {
    let (mut fake, mut bus) = scanning().await;
    let failing = |times| {
        let attempts = std::iter::repeat_n(Attempt::Fails("le-connection-abort-by-local"), times).collect();
        Peripheral { attempts, ..toy(TOY) }
    };
    fake.present("hci0", failing(2)).await;
    let sighting = sighted(&mut bus).await;
    let started = Instant::now();
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens at last");
    assert!(started.elapsed() >= Duration::from_millis(250 + 500), "it waits in between");
    within(port.close()).await;
    fake.present("hci0", Peripheral { name: Some("Other".to_owned()), ..failing(9) }).await;
    let sighting = sighted(&mut bus).await;
    let error = refused(within(bus.connect(&sighting, vec![plan()])).await).to_string();
    assert!(error.contains("3 times") && error.contains("le-connection-abort-by-local"), "{error}");
    let connects = fake.unheard().into_iter().filter(|heard| matches!(heard, Heard::Connect(_))).count();
    assert_eq!(connects, 3 + 3);
}

#[tokio::test]
async fn a_device_that_is_being_opened_is_not_offered_nor_opened_again() {
    let (mut fake, mut bus) = scanning().await;
    fake.present("hci0", Peripheral { attempts: [Attempt::Unresolved].into(), ..toy(TOY) }).await;
    let sighting = sighted(&mut bus).await;
    let opening = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    let error = refused(within(bus.connect(&sighting, vec![plan()])).await).to_string();
    assert!(error.contains("already"), "{error}");
    fake.advertise("hci0", TOY, |toy| toy.manufacturer = vec![(1, vec![2])]).await;
    expect_nothing_new(&mut bus, &fake, "hci0").await;
    fake.resolve("hci0", TOY).await;
    let port = within(opening).await.expect("no panic").expect("opens");
    within(port.write(Endpoint::TX, &[1], false)).await.expect("written");
}

#[tokio::test]
async fn a_device_that_failed_is_left_alone_until_it_changes() {
    let (fake, mut bus) = scanning().await;
    fake.present("hci0", toy(TOY)).await;
    let sighting = sighted(&mut bus).await;
    let service = Service { uuid: uuid("eeee"), endpoints: vec![(Endpoint::TX, uuid("ff01"))] };
    let other = ConnectPlan { services: vec![service], ..ConnectPlan::default() };
    refused(within(bus.connect(&sighting, vec![other])).await);
    bus.outcome(&sighting, &Outcome::Ignored(Ignored::ConnectFailed));
    fake.advertise("hci0", TOY, |toy| toy.rssi = Some(-44)).await;
    expect_nothing_new(&mut bus, &fake, "hci0").await;
    fake.advertise("hci0", TOY, |toy| toy.manufacturer = vec![(1, vec![2])]).await;
    assert_eq!(sighted(&mut bus).await.address, TOY);
}

#[tokio::test]
async fn services_that_take_their_time_are_waited_for() {
    let (mut fake, mut bus) = scanning().await;
    fake.present("hci0", Peripheral { attempts: [Attempt::Unresolved].into(), ..toy(TOY) }).await;
    let sighting = sighted(&mut bus).await;
    let opening = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    assert!(!opening.is_finished());
    fake.resolve("hci0", TOY).await;
    let port = within(opening).await.expect("no panic").expect("opens");
    assert_eq!(port.endpoints().len(), 3);
}

#[tokio::test]
async fn a_device_that_disconnects_before_its_services_are_known_is_connected_again() {
    let (mut fake, mut bus) = scanning().await;
    fake.present("hci0", Peripheral { attempts: [Attempt::Unresolved].into(), ..toy(TOY) }).await;
    let sighting = sighted(&mut bus).await;
    let opening = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    fake.drop_link("hci0", TOY).await;
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    assert!(within(opening).await.expect("no panic").is_ok());
}

#[tokio::test]
async fn services_that_are_out_of_date_are_looked_at_once_more() {
    let (mut fake, mut bus) = scanning().await;
    let stale = vec![("1800".to_owned(), vec![characteristic("2a00", "read")])];
    let attempts = [Attempt::Finds(stale)].into();
    fake.present("hci0", Peripheral { attempts, ..toy(TOY) }).await;
    let sighting = sighted(&mut bus).await;
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    assert_eq!(port.endpoints().len(), 3);
    let heard = [fake.hear().await, fake.hear().await, fake.hear().await];
    let (connect, disconnect) = (Heard::Connect(TOY.to_owned()), Heard::Disconnect(TOY.to_owned()));
    assert_eq!(heard, [connect.clone(), disconnect, connect]);
}

#[tokio::test]
async fn the_plan_that_fits_is_taken_and_without_one_the_services_are_named() {
    let (mut fake, mut bus) = scanning().await;
    fake.present("hci0", toy(TOY)).await;
    let sighting = sighted(&mut bus).await;
    let other = |id: &str| {
        let service = Service { uuid: uuid(id), endpoints: vec![(Endpoint::TX, uuid("ff01"))] };
        ConnectPlan { services: vec![service], ..ConnectPlan::default() }
    };
    let port = within(bus.connect(&sighting, vec![other("eeee"), plan()])).await.expect("opens");
    assert_eq!(port.plan(), 1);
    within(port.close()).await;
    drop(port);
    fake.unheard();
    let opening = bus.connect(&sighting, vec![other("eeee"), other("dddd")]);
    let error = refused(within(opening).await).to_string();
    for service in ["1800", "180f", "ff00", "eeee", "dddd"] {
        assert!(error.contains(&uuid(service).to_string()), "{service}: {error}");
    }
    let last = fake.unheard().pop();
    assert_eq!(last, Some(Heard::Disconnect(TOY.to_owned())), "it is let go of");
}

#[tokio::test]
async fn a_device_whose_opening_is_given_up_or_whose_port_is_dropped_is_disconnected() {
    let (mut fake, mut bus) = scanning().await;
    fake.present("hci0", Peripheral { attempts: [Attempt::Hangs].into(), ..toy(TOY) }).await;
    let sighting = sighted(&mut bus).await;
    let opening = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    opening.abort();
    assert_eq!(fake.hear().await, Heard::Disconnect(TOY.to_owned()));
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    drop(port);
    assert_eq!(fake.hear().await, Heard::Disconnect(TOY.to_owned()));
}

#[tokio::test]
async fn a_device_that_drops_is_gone_is_not_disconnected_again_and_is_found_again_when_it_is_heard_of() {
    let (mut fake, mut bus, port) = opened().await;
    fake.drop_link("hci0", TOY).await;
    let reason = gone(&*port).await;
    assert!(reason.contains("disconnected"), "{reason}");
    assert_eq!(gone(&*port).await, reason);
    let error = within(port.write(Endpoint::TX, &[1], false)).await;
    assert_eq!(error, Err(PortError::Gone(reason)));
    within(port.close()).await;
    drop(port);
    assert_eq!(fake.unheard(), []);
    // As before, down to the strength of its signal.
    fake.advertise("hci0", TOY, |_| {}).await;
    let sighting = sighted(&mut bus).await;
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    within(port.write(Endpoint::TX, &[2], false)).await.expect("written");
}

#[tokio::test]
async fn a_value_that_was_read_is_not_heard_as_a_notification_and_what_is_notified_meanwhile_is() {
    let (mut fake, _bus, port) = opened().await;
    within(port.listen(battery(), true)).await.expect("listens");
    assert_eq!(fake.hear().await, Heard::Notify(full("2a19"), true));
    assert_eq!(within(port.read(battery())).await, Ok(vec![87]));
    fake.notify(TOY, "2a19", &[87]).await;
    fake.notify(TOY, "2a19", &[86]).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(battery(), vec![87]));
    assert_eq!(within(port.next()).await, Notified::Bytes(battery(), vec![86]));
    fake.world().notifies_before_reads = Some(vec![85]);
    assert_eq!(within(port.read(battery())).await, Ok(vec![87]));
    assert_eq!(within(port.next()).await, Notified::Bytes(battery(), vec![85]));
    let nothing = tokio::time::timeout(Duration::from_millis(50), port.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn a_subscription_that_bluez_has_kept_is_as_good_as_a_new_one() {
    let (fake, mut bus, port) = opened().await;
    within(port.listen(Endpoint::RX, true)).await.expect("listens");
    fake.drop_link("hci0", TOY).await;
    gone(&*port).await;
    fake.advertise("hci0", TOY, |_| {}).await;
    let sighting = sighted(&mut bus).await;
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    within(port.listen(Endpoint::RX, true)).await.expect("listens");
    fake.notify(TOY, "ff02", &[7]).await;
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, vec![7]));
    within(port.listen(Endpoint::RX, false)).await.expect("listens no more");
}

#[tokio::test]
async fn an_adapter_that_goes_takes_its_devices_with_it_and_no_others() {
    let (mut fake, mut bus, port) = opened().await;
    fake.plug("hci1", true).await;
    fake.discovery("hci1", true).await;
    fake.present("hci1", toy(OTHER)).await;
    let sighting = sighted(&mut bus).await;
    let other = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    fake.unplug("hci0").await;
    gone(&*port).await;
    within(other.write(Endpoint::TX, &[1], true)).await.expect("written");
    fake.plug("hci0", true).await;
    fake.discovery("hci0", true).await;
    open(&mut fake, &mut bus).await;
    within(other.write(Endpoint::TX, &[2], true)).await.expect("written");
}

#[tokio::test]
async fn when_bluez_ends_links_are_gone_and_when_it_returns_devices_are_found_again() {
    let (mut fake, mut bus, port) = opened().await;
    fake.stop_service();
    let reason = gone(&*port).await;
    assert!(reason.contains("Bluetooth service"), "{reason}");
    within(port.close()).await;
    fake.start_service().await;
    fake.discovery("hci0", true).await;
    fake.advertise("hci0", TOY, |toy| toy.rssi = Some(-60)).await;
    let sighting = sighted_at_last(&mut bus).await;
    assert!(within(bus.connect(&sighting, vec![plan()])).await.is_ok());
}

#[tokio::test]
async fn when_d_bus_ends_links_are_gone_and_when_it_returns_devices_are_found_again() {
    let (mut fake, mut bus, port) = opened().await;
    fake.stop_service();
    fake.bus.kill();
    let reason = gone(&*port).await;
    assert!(reason.contains("D-Bus") || reason.contains("Bluetooth service"), "{reason}");
    let error = within(port.read(battery())).await;
    assert!(matches!(error, Err(PortError::Gone(_))), "{error:?}");
    within(port.close()).await;
    fake.bus.revive();
    fake.start_service().await;
    fake.discovery("hci0", true).await;
    fake.advertise("hci0", TOY, |toy| toy.rssi = Some(-60)).await;
    let sighting = sighted_at_last(&mut bus).await;
    assert!(within(bus.connect(&sighting, vec![plan()])).await.is_ok());
}

#[tokio::test]
async fn a_write_that_is_under_way_when_the_device_goes_fails() {
    let (mut fake, _bus, port) = opened().await;
    fake.world().hold_writes = true;
    let writing = port.write(Endpoint::TX, &[1], true);
    let losing = async {
        assert_eq!(fake.hear().await, write("ff01", &[1], "request"));
        fake.drop_link("hci0", TOY).await;
    };
    let (written, ()) = within(async { tokio::join!(writing, losing) }).await;
    assert!(matches!(written, Err(PortError::Gone(_))), "{written:?}");
}

#[tokio::test]
async fn a_device_that_wants_to_be_paired_says_so_in_the_error() {
    for (name, text) in [
        ("org.bluez.Error.NotPermitted", "Not paired"),
        ("org.bluez.Error.Failed", "Operation failed with ATT error: 0x0f"),
    ] {
        let (mut fake, mut bus) = scanning().await;
        fake.present("hci0", Peripheral { refuses_writes: Some((name, text)), ..toy(TOY) }).await;
        let sighting = sighted(&mut bus).await;
        let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
        let error = within(port.write(Endpoint::TX, &[1], true)).await.expect_err("refused").to_string();
        assert!(error.contains("paired with the system") && error.contains(text), "{error}");
        assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    }
}

#[tokio::test]
async fn a_flood_of_notifications_leaves_the_newest_and_a_link_that_works() {
    let (mut fake, _bus, port) = opened().await;
    within(port.listen(Endpoint::RX, true)).await.expect("listens");
    let flood: Vec<_> = (0..5_000_u32).map(|number| number.to_le_bytes().to_vec()).collect();
    fake.notify_often(TOY, "ff02", &flood).await;
    within(port.write(Endpoint::TX, &[1], true)).await.expect("written meanwhile");
    fake.drop_link("hci0", TOY).await;
    assert_eq!(fake.hear().await, Heard::Notify(full("ff02"), true));
    let mut heard = Vec::new();
    while let Notified::Bytes(endpoint, bytes) = within(port.next()).await {
        assert_eq!(endpoint, Endpoint::RX);
        heard.push(bytes);
    }
    assert!(heard.len() < 1_000, "{} are kept", heard.len());
    assert_eq!(heard.last(), flood.last());
}

#[tokio::test]
async fn a_scanner_that_is_closed_leaves_no_device_connected() {
    let (mut fake, mut bus, port) = opened().await;
    within(bus.close()).await;
    assert_eq!(fake.hear().await, Heard::Disconnect(TOY.to_owned()));
    gone(&*port).await;
    within(port.close()).await;
}

#[tokio::test]
async fn what_was_opened_and_closed_leaves_no_task() {
    let mut fake = Fake::start().await;
    fake.plug("hci0", true).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut bus = real(&fake);
    bus.scan(true);
    for _ in 0..3 {
        let port = open(&mut fake, &mut bus).await;
        within(port.listen(Endpoint::RX, true)).await.expect("listens");
        within(port.close()).await;
        drop(port);
        fake.unheard();
        fake.unplug("hci0").await;
        fake.plug("hci0", true).await;
        fake.stop_service();
        fake.start_service().await;
    }
    within(bus.close()).await;
    drop(bus);
    within(async {
        while tasks() > before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}
