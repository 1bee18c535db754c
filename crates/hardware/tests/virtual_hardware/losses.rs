//! Sections 3 to 6: devices that cannot be opened or set up, that are lost or closed, and how it all ends.

use std::net::SocketAddr;
use std::sync::Arc;

use frisson_hardware::virtual_hardware::VirtualHardware;
use frisson_hardware::{Found, Ignored, Notified, Port, PortError, Scanner};
use frisson_program::Endpoint;
use frisson_testkit::socket::Heard;
use serde_json::{Value, json};

use crate::support::*;

/// A device that is being connected.
async fn connecting(
    advert: Value,
    bus: (VirtualHardware, SocketAddr),
) -> (VirtualHardware, Host, Value, tokio::task::JoinHandle<Result<Box<dyn Port>, PortError>>) {
    let (mut bus, address) = bus;
    let mut host = Host::open(address).await;
    bus.scan(true);
    host.expect_scanning(true).await;
    host.say(advert).await;
    let sighting = sighted(&mut bus).await;
    let task = tokio::spawn(bus.connect(&sighting, vec![plan()]));
    let request = host.request("connect", "d1").await;
    (bus, host, request, task)
}

#[tokio::test]
async fn a_refused_connection_is_told_and_over() {
    let (mut bus, mut host, request, task) = connecting(btle("d1"), bus()).await;
    host.error(&request, "refused").await;
    host.expect_ignored("d1", "connect-failed").await;
    let expected = PortError::Failed("the device refuses the connection: injected".to_owned());
    assert_eq!(refused(task).await, expected);
    // It is found again when it is presented again.
    host.expect_nothing().await;
    host.advertise("d1").await;
    assert_eq!(sighted(&mut bus).await.name, "Demo d1");
}

#[tokio::test]
async fn a_connection_that_is_not_answered_has_failed_and_a_late_answer_is_dropped() {
    let (mut bus, mut host, request, task) = connecting(btle("d1"), impatient_bus()).await;
    host.expect_ignored("d1", "connect-failed").await;
    assert_eq!(refused(task).await, PortError::Unanswered(PATIENCE));
    host.ok(&request).await;
    host.expect_nothing().await;
    host.advertise("d1").await;
    assert_eq!(sighted(&mut bus).await.name, "Demo d1");
}

#[tokio::test]
async fn a_device_without_the_services_that_are_needed_is_disconnected() {
    let mut advert = btle("d1");
    advert["services"][0]["uuid"] = json!("0000ee00-0000-1000-8000-00805f9b34fb");
    let (_bus, mut host, request, task) = connecting(advert, bus()).await;
    host.ok(&request).await;
    let request = host.request("disconnect", "d1").await;
    let PortError::Unfit(text) = refused(task).await else { panic!("another error") };
    assert!(text.contains("found: 0000ee00-") && text.contains("expected: 0000ff00-"), "{text}");
    host.expect_nothing().await;
    host.ok(&request).await;
    host.expect_ignored("d1", "connect-failed").await;
}

#[tokio::test]
async fn a_device_without_any_services_is_disconnected() {
    let mut advert = btle("d1");
    advert["services"] = json!([]);
    let (_bus, mut host, request, task) = connecting(advert, bus()).await;
    host.ok(&request).await;
    let request = host.request("disconnect", "d1").await;
    assert!(matches!(refused(task).await, PortError::Unfit(text) if text.contains("found: none")));
    host.ok(&request).await;
    host.expect_ignored("d1", "connect-failed").await;
}

#[tokio::test]
async fn a_link_that_is_lost_while_it_is_made_has_failed() {
    let (_bus, mut host, request, task) = connecting(btle("d1"), bus()).await;
    host.say(json!({"type": "disconnected", "device": "d1", "reason": "out of range"})).await;
    host.expect_ignored("d1", "connect-failed").await;
    assert_eq!(refused(task).await, PortError::Gone("out of range".to_owned()));
    host.ok(&request).await;
    host.expect_nothing().await;
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_any_longer_is_closed_again() {
    let (_bus, mut host, request, task) = connecting(btle("d1"), bus()).await;
    task.abort();
    assert!(task.await.is_err());
    host.ok(&request).await;
    let request = host.request("disconnect", "d1").await;
    host.ok(&request).await;
    host.expect_ignored("d1", "init-failed").await;
}

#[tokio::test]
async fn a_device_that_could_not_be_set_up_is_disconnected_and_told() {
    let (mut bus, mut host, request, task) = connecting(btle("d1"), bus()).await;
    host.ok(&request).await;
    let port = within(task).await.expect("no panic").expect("opens");
    let closing = tokio::spawn(async move { port.close().await });
    let request = host.request("disconnect", "d1").await;
    host.expect_nothing().await;
    host.ok(&request).await;
    host.expect_ignored("d1", "init-failed").await;
    within(closing).await.expect("no panic");
    host.expect_nothing().await;
    host.advertise("d1").await;
    sighted(&mut bus).await;
}

#[tokio::test]
async fn a_device_that_is_lost_while_it_is_set_up_is_told_without_a_disconnect() {
    let (mut bus, mut host, request, task) = connecting(btle("d1"), bus()).await;
    host.ok(&request).await;
    let port = within(task).await.expect("no panic").expect("opens");
    host.say(json!({"type": "disconnected", "device": "d1"})).await;
    host.expect_ignored("d1", "init-failed").await;
    // What the server says of it later has nothing to do with what is presented now.
    host.advertise("d1").await;
    let sighting = sighted(&mut bus).await;
    within(port.close()).await;
    ignore(&mut bus, &sighting, Ignored::InitFailed);
    host.expect_nothing().await;
}

#[tokio::test]
async fn a_device_that_was_ready_is_closed_without_further_words() {
    let (mut bus, mut host, port) = opened().await;
    let closing = tokio::spawn(async move { port.close().await });
    let request = host.request("disconnect", "d1").await;
    host.ok(&request).await;
    within(closing).await.expect("no panic");
    host.expect_nothing().await;
    // It is gone until it is presented again; what it may still say is nobody's fault.
    host.say(json!({"type": "notify", "device": "d1", "endpoint": RX, "data": "01"})).await;
    host.say(json!({"type": "disconnected", "device": "d1"})).await;
    host.expect_nothing().await;
    bus.scan(false);
    bus.scan(true);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    host.expect_scanning(false).await;
    host.expect_scanning(true).await;
    host.advertise("d1").await;
    sighted(&mut bus).await;
}

#[tokio::test]
async fn a_disconnect_does_not_wait_for_the_request_under_way() {
    let (_bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let writing = tokio::spawn({
        let port = Arc::clone(&port);
        async move { port.write(Endpoint::TX, &[1], false).await }
    });
    let write = host.request("write", "d1").await;
    let closing = tokio::spawn(async move { port.close().await });
    let request = host.request("disconnect", "d1").await;
    host.ok(&request).await;
    within(closing).await.expect("no panic");
    assert!(matches!(within(writing).await.expect("no panic"), Err(PortError::Gone(_))));
    host.ok(&write).await;
    host.expect_nothing().await;
}

#[tokio::test]
async fn a_port_that_is_dropped_closes_its_link() {
    let (_bus, mut host, port) = opened().await;
    drop(port);
    let request = host.request("disconnect", "d1").await;
    host.advertise("d1").await;
    host.expect_error("busy").await;
    host.ok(&request).await;
    host.advertise("d1").await;
    host.expect_nothing().await;
}

#[tokio::test]
async fn a_disconnect_that_is_not_answered_is_over_after_a_while() {
    let (mut bus, address) = impatient_bus();
    let mut host = Host::open(address).await;
    host.advertise("d1").await;
    let port = open(&mut bus, &mut host, "d1").await;
    within(port.close()).await;
    let late = host.request("disconnect", "d1").await;
    host.ok(&late).await;
    host.expect_nothing().await;
}

#[tokio::test]
async fn a_lost_link_fails_what_is_under_way_and_is_never_disconnected() {
    let (mut bus, mut host, port) = opened().await;
    let port: Arc<dyn Port> = port.into();
    let writing = tokio::spawn({
        let port = Arc::clone(&port);
        async move { port.write(Endpoint::TX, &[1], false).await }
    });
    let request = host.request("write", "d1").await;
    host.say(json!({"type": "disconnected", "device": "d1", "reason": "link lost"})).await;
    let gone = || PortError::Gone("link lost".to_owned());
    assert_eq!(within(writing).await.expect("no panic"), Err(gone()));
    assert_eq!(within(port.next()).await, Notified::Gone("link lost".to_owned()));
    assert!(matches!(within(port.write(Endpoint::TX, &[2], false)).await, Err(PortError::Gone(_))));
    within(port.close()).await;
    drop(port);
    host.ok(&request).await;
    host.expect_nothing().await;
    host.advertise("d1").await;
    assert_eq!(sighted(&mut bus).await.name, "Demo d1");
}

#[tokio::test]
async fn when_the_host_goes_every_device_of_it_is_lost() {
    let (_bus, mut host, port) = opened().await;
    let writing = port.write(Endpoint::TX, &[1], false);
    let mut writing = std::pin::pin!(writing);
    tokio::select! {
        result = &mut writing => panic!("{result:?}"),
        request = host.request("write", "d1") => drop(request),
    }
    drop(host.0.into_stream());
    assert!(matches!(within(writing).await, Err(PortError::Gone(_))));
    assert!(matches!(within(port.next()).await, Notified::Gone(_)));
    within(port.close()).await;
}

#[tokio::test]
async fn a_host_that_goes_while_it_is_asked_to_connect_has_not_connected() {
    let (bus, address) = bus();
    let (mut bus, host, _, task) = connecting(btle("d1"), (bus, address)).await;
    drop(host.0.into_stream());
    assert!(matches!(refused(task).await, PortError::Gone(_)));
    let mut again = Host::connect(address).await;
    again.say(json!({"type": "hello", "version": 1, "host": "test"})).await;
    assert_eq!(again.hear().await["type"], "hello");
    again.expect_scanning(true).await;
    again.advertise("d1").await;
    sighted(&mut bus).await;
}

#[tokio::test]
async fn at_the_end_links_are_closed_before_hosts_are_told_goodbye() {
    let (mut bus, mut host, port) = opened().await;
    let ending = tokio::spawn(async move { bus.close().await });
    let closing = tokio::spawn(async move { port.close().await });
    let request = host.request("disconnect", "d1").await;
    host.expect_nothing().await;
    host.ok(&request).await;
    assert_eq!(within(host.0.next()).await, Heard::Closed(Some(1001)));
    within(closing).await.expect("no panic");
    host.0.close().await;
    within(ending).await.expect("no panic");
}

#[tokio::test]
async fn at_the_end_a_host_that_does_not_answer_is_not_waited_for_long() {
    let (mut bus, mut host, port) = opened().await;
    let closing = tokio::spawn(async move { port.close().await });
    host.request("disconnect", "d1").await;
    // Neither the disconnect nor the goodbye is answered.
    within(bus.close()).await;
    within(closing).await.expect("no panic");
    assert_eq!(within(host.0.next()).await, Heard::Closed(Some(1001)));
}

#[tokio::test]
async fn a_bus_that_is_dropped_says_goodbye_and_listens_no_more() {
    let (bus, address) = bus();
    let mut host = Host::open(address).await;
    let mut silent = Host::connect(address).await;
    drop(bus);
    assert_eq!(within(host.0.next()).await, Heard::Closed(Some(1001)));
    assert_eq!(within(silent.0.next()).await, Heard::Closed(Some(1001)));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
