//! Lovense Connect against a fake of the vendor's service and of a phone.
#![cfg(all(feature = "lovense-connect", feature = "upgrade"))]
#![allow(unreachable_pub)]

mod fake;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fake::{Fake, toys};
use frisson_hardware as hardware;
use frisson_program::Endpoint;
use hardware::lovense_connect::{LovenseConnect, Options, Source, StartError};
use hardware::{Bus, ConnectPlan, Found, Notified, Outcome, Port, PortError, Scanner, Sighting};
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

const NORA: (&str, &str, &str, &str) = ("A1B2", "Nora", "true", "87");

#[track_caller]
fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

async fn until(fake: &Fake, holds: impl Fn(&fake::State) -> bool) {
    within(async {
        while !holds(&fake.state()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

fn quick(source: Source) -> Options {
    let interval = Duration::from_millis(20);
    Options { source, scan_interval: interval, poll_interval: interval, ..Options::default() }
}

fn service(fake: &Fake) -> Source {
    Source::Service(format!("http://{}/service", fake.address))
}

fn phone(fake: &Fake) -> Source {
    Source::Phones(vec![format!("http://{}", fake.address)])
}

async fn found(bus: &mut LovenseConnect) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        found => panic!("{found:?}"),
    }
}

async fn open(bus: &mut LovenseConnect) -> Box<dyn Port> {
    let sighting = found(bus).await;
    within(bus.connect(&sighting, vec![ConnectPlan::default()])).await.expect("an open link")
}

/// A phone with a toy, which is open.
async fn one_toy() -> (Fake, LovenseConnect, Box<dyn Port>) {
    let fake = Fake::start().await;
    fake.state().toys = toys(&[NORA]);
    let mut bus = LovenseConnect::start(quick(phone(&fake))).expect("an address");
    bus.scan(true);
    let port = open(&mut bus).await;
    (fake, bus, port)
}

async fn gone(port: &dyn Port) -> String {
    match within(port.next()).await {
        Notified::Gone(reason) => reason,
        notified => panic!("{notified:?}"),
    }
}

#[tokio::test]
async fn the_service_names_the_phone_and_the_phone_its_connected_toys() {
    let fake = Fake::start().await;
    fake.state().toys = toys(&[("C3", "Max", "false", "1"), NORA]);
    let mut bus = LovenseConnect::start(quick(service(&fake))).expect("an address");
    assert_eq!(fake.state().service_asked, 0);
    bus.scan(true);
    assert_eq!(found(&mut bus).await, Sighting::new(Bus::LovenseConnect, "A1B2", "Nora"));
    // A known phone is asked itself from then on.
    until(&fake, |state| state.polls > 3).await;
    assert_eq!(fake.state().service_asked, 1);
}

#[tokio::test]
async fn a_toy_is_offered_once_in_a_scan_and_again_in_the_next() {
    let fake = Fake::start().await;
    fake.state().toys = toys(&[NORA]);
    let mut bus = LovenseConnect::start(quick(phone(&fake))).expect("an address");
    bus.scan(true);
    found(&mut bus).await;
    let polls = fake.state().polls;
    until(&fake, |state| state.polls > polls + 2).await;
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    bus.scan(true);
    let again = found(&mut bus).await;
    bus.outcome(&again, &Outcome::Missed);
    assert_eq!(found(&mut bus).await, again);
}

#[tokio::test]
async fn a_phone_that_the_user_names_is_all_that_is_asked() {
    let (fake, ..) = one_toy().await;
    assert_eq!(fake.state().service_asked, 0);
}

#[tokio::test]
async fn nothing_is_asked_while_nobody_scans_and_no_toy_is_in_use() {
    let (fake, mut bus, port) = one_toy().await;
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    let polls = fake.state().polls;
    until(&fake, |state| state.polls > polls + 2).await;
    drop(port);
    // One may be under way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let polls = fake.state().polls;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(fake.state().polls, polls);
}

#[tokio::test]
async fn a_command_is_a_request_to_the_phone() {
    let (mut fake, _bus, port) = one_toy().await;
    for command in ["Vibrate1?v=10&t=A1B2", "RotateChange?t=A1B2"] {
        within(port.write(Endpoint::TX, command.as_bytes(), false)).await.expect("an answer");
        assert_eq!(fake.command().await, format!("/{command}"));
    }
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_was_closed_is_replaced() {
    let (mut fake, _bus, port) = one_toy().await;
    let write = |text: &'static str| within(port.write(Endpoint::TX, text.as_bytes(), false));
    write("Vibrate?v=1&t=A1B2").await.expect("an answer");
    let connections = fake.state().connections;
    for _ in 0..5 {
        write("Vibrate?v=2&t=A1B2").await.expect("an answer");
    }
    assert_eq!(fake.state().connections, connections);
    fake.state().closes = true;
    for _ in 0..3 {
        write("Vibrate?v=3&t=A1B2").await.expect("an answer");
    }
    for value in [1, 2, 2, 2, 2, 2, 3, 3, 3] {
        assert_eq!(fake.command().await, format!("/Vibrate?v={value}&t=A1B2"));
    }
    assert!(fake.no_command());
}

#[tokio::test]
async fn a_command_that_the_phone_refuses_has_failed() {
    let (fake, _bus, port) = one_toy().await;
    fake.state().refuses = true;
    let answer = within(port.write(Endpoint::TX, b"Vibrate?v=1&t=A1B2", false)).await;
    let refused = "the phone was not told: it answers with status 404 Not Found";
    assert_eq!(answer, Err(PortError::Failed(refused.to_owned())));
}

#[tokio::test]
async fn a_command_that_is_no_path_is_not_sent() {
    let (mut fake, _bus, port) = one_toy().await;
    for bytes in [&b"Vibrate HTTP/1.1\r\n"[..], &[0xff]] {
        assert!(matches!(within(port.write(Endpoint::TX, bytes, false)).await, Err(PortError::Failed(_))));
    }
    assert!(fake.no_command());
}

#[tokio::test]
async fn the_battery_is_what_the_phone_said_last() {
    let (fake, _bus, port) = one_toy().await;
    assert_eq!(within(port.read(Endpoint::RX)).await, Ok(vec![87]));
    fake.state().toys = toys(&[("A1B2", "Nora", "1", "-128")]);
    within(async {
        while port.read(Endpoint::RX).await != Ok(vec![0]) {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test]
async fn a_toy_that_the_phone_loses_is_gone_and_found_again() {
    let (fake, mut bus, port) = one_toy().await;
    fake.state().toys = toys(&[("A1B2", "Nora", "false", "87")]);
    assert_eq!(gone(&*port).await, "the toy is not connected to the phone any more");
    fake.state().toys = toys(&[NORA]);
    assert_eq!(found(&mut bus).await.name, "Nora");
}

#[tokio::test]
async fn a_toy_whose_port_was_dropped_is_found_again() {
    let (_fake, mut bus, port) = one_toy().await;
    drop(port);
    assert_eq!(found(&mut bus).await.name, "Nora");
}

#[tokio::test]
async fn a_phone_that_is_silent_loses_its_toys() {
    let fake = Fake::start().await;
    fake.state().toys = toys(&[NORA]);
    let options = Options { timeout: Duration::from_millis(50), ..quick(service(&fake)) };
    let mut bus = LovenseConnect::start(options).expect("an address");
    bus.scan(true);
    let port = open(&mut bus).await;
    fake.state().is_silent = true;
    let reason = gone(&*port).await;
    assert!(reason.ends_with("does not answer: no answer within 50 ms"), "{reason}");
    // It is forgotten, so that the service is asked again.
    let asked = fake.state().service_asked;
    until(&fake, |state| state.service_asked > asked).await;
    fake.state().is_silent = false;
    loop {
        match within(bus.next()).await {
            Found::Device(sighting) => break assert_eq!(sighting.name, "Nora"),
            Found::Unusable(_) => {}
            found => panic!("{found:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_service_answers_wrongly_is_told_once_and_asked_again() {
    let fake = Fake::start().await;
    let good = std::mem::replace(&mut fake.state().service, "<html>".to_owned());
    fake.state().toys = toys(&[NORA]);
    let mut bus = LovenseConnect::start(quick(service(&fake))).expect("an address");
    bus.scan(true);
    match within(bus.next()).await {
        Found::Unusable(reason) => {
            assert!(reason.contains("does not answer with an object of phones"), "{reason}")
        }
        found => panic!("{found:?}"),
    }
    until(&fake, |state| state.service_asked > 3).await;
    fake.state().service = good;
    found(&mut bus).await;
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken_in() {
    let fake = Fake::start().await;
    fake.state().toys = " ".repeat(300 << 10);
    let mut bus = LovenseConnect::start(quick(phone(&fake))).expect("an address");
    bus.scan(true);
    match within(bus.next()).await {
        Found::Unusable(reason) => assert!(reason.contains("the answer cannot be read"), "{reason}"),
        found => panic!("{found:?}"),
    }
}

#[tokio::test]
async fn the_service_is_asked_over_tls_and_has_to_be_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config.expect("a configuration")));
    let secure = Fake::start_with(move |stream| {
        let acceptor = acceptor.clone();
        async move { acceptor.accept(stream).await.ok() }
    })
    .await;
    let fake = Fake::start().await;
    fake.state().toys = toys(&[NORA]);
    secure.state().service = fake.state().service.clone();
    let source = Source::Service(format!("https://localhost:{}/service", secure.address.port()));

    let trusting = |roots: RootCertStore| {
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Options { tls: Some(Arc::new(tls)), ..quick(source.clone()) }
    };
    let mut bus = LovenseConnect::start(trusting(RootCertStore::empty())).expect("an address");
    bus.scan(true);
    match within(bus.next()).await {
        Found::Unusable(reason) => assert!(reason.contains("no TLS: invalid peer certificate"), "{reason}"),
        found => panic!("{found:?}"),
    }
    assert_eq!(secure.state().service_asked, 0);

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let mut bus = LovenseConnect::start(trusting(roots)).expect("an address");
    bus.scan(true);
    assert_eq!(found(&mut bus).await.name, "Nora");
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for (source, reason) in [
        (Source::Service("api.lovense.com".to_owned()), "neither http:// nor https://"),
        (Source::Service("ftp://api.lovense.com/".to_owned()), "neither http:// nor https://"),
        (Source::Phones(vec!["https://192.168.0.11:1".to_owned()]), "over http"),
        (Source::Phones(vec!["192.168.0.11 80".to_owned()]), "invalid"),
    ] {
        let Err(error @ StartError::Address { .. }) = LovenseConnect::start(quick(source.clone())) else {
            panic!("{source:?} is taken");
        };
        assert!(error.to_string().contains(reason), "{error}");
    }
}
