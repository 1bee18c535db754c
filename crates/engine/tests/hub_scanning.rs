//! Who wishes a scan, and who is told that it has ended.

mod hub_harness;

use frisson_engine::hub::{Input, Output, ScanOrder, ScannerId, SessionId};
use frisson_wire::{Dialect, ErrorCode, Event, Message, Reply, Request};
use hub_harness::*;

const OTHER_BUS: ScannerId = ScannerId(2);

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.handle(Input::ScannerAdded(BUS));
    bench
}

fn start(bench: &mut Bench, session: SessionId) -> Seen {
    bench.ok(session, Request::StartScanning)
}

fn stop_scan(bench: &mut Bench, session: SessionId) -> Seen {
    bench.ok(session, Request::StopScanning)
}

fn finished(seen: &Seen, session: SessionId) -> usize {
    seen.events(session).into_iter().filter(|event| **event == Event::ScanningFinished).count()
}

#[test]
fn without_a_bus_there_is_nothing_to_scan() {
    let mut bench = Bench::new();
    let session = bench.client();
    assert_eq!(bench.refused(session, Request::StartScanning), ErrorCode::Unknown);
    assert_eq!(bench.ask(session, Request::StopScanning), Reply::Ok);
    bench.handle(Input::ScannerAdded(BUS));
    assert_eq!(start(&mut bench, session).scans(), [ScanOrder::All]);
    bench.handle(Input::ScannerRemoved(BUS));
    assert_eq!(bench.refused(session, Request::StartScanning), ErrorCode::Unknown);
}

#[test]
fn the_ok_comes_before_anything_that_the_scan_causes() {
    let mut bench = bench();
    let session = bench.client();
    let seen = start(&mut bench, session);
    assert!(matches!(seen.0[0], Output::Message(_, Message::Reply(_, Reply::Ok))), "{seen:?}");
    bench.handle(Input::ScanEnded(BUS));
    start(&mut bench, session);
    let seen = stop_scan(&mut bench, session);
    assert!(matches!(seen.0[0], Output::Message(_, Message::Reply(_, Reply::Ok))), "{seen:?}");
}

#[test]
fn starting_and_stopping_twice_is_fine() {
    let mut bench = bench();
    let session = bench.client();
    assert_eq!(start(&mut bench, session).scans(), [ScanOrder::All]);
    assert!(start(&mut bench, session).scans().is_empty());
    assert_eq!(stop_scan(&mut bench, session).scans(), [ScanOrder::Stop]);
    assert!(stop_scan(&mut bench, session).scans().is_empty());
}

#[test]
fn a_scan_that_ends_by_itself_is_reported_once() {
    let mut bench = bench();
    let session = bench.client();
    start(&mut bench, session);
    assert!(bench.hub.is_scanning());
    assert_eq!(finished(&bench.handle(Input::ScanEnded(BUS)), session), 1);
    assert!(!bench.hub.is_scanning());
    assert_eq!(finished(&stop_scan(&mut bench, session), session), 0);
    assert!(bench.handle(Input::ScanEnded(BUS)).is_empty());
}

#[test]
fn a_scan_that_is_stopped_is_reported_once_when_the_bus_has_stopped() {
    let mut bench = bench();
    let session = bench.client();
    start(&mut bench, session);
    assert_eq!(finished(&stop_scan(&mut bench, session), session), 0);
    assert_eq!(finished(&bench.handle(Input::ScanEnded(BUS)), session), 1);
    assert!(bench.handle(Input::ScanEnded(BUS)).is_empty());
}

#[test]
fn a_scan_ends_with_its_last_bus() {
    let mut bench = bench();
    bench.handle(Input::ScannerAdded(OTHER_BUS));
    let session = bench.client();
    start(&mut bench, session);
    assert!(bench.handle(Input::ScanEnded(OTHER_BUS)).is_empty());
    assert_eq!(finished(&bench.handle(Input::ScanEnded(BUS)), session), 1);
}

#[test]
fn a_scan_of_a_bus_that_does_not_end_by_itself_lasts_until_it_is_stopped() {
    let mut bench = bench();
    bench.handle(Input::ScannerAdded(OTHER_BUS));
    let session = bench.client();
    start(&mut bench, session);
    bench.handle(Input::ScanEnded(OTHER_BUS));
    assert!(bench.pass(3_600_000).is_empty());
    assert!(bench.hub.is_scanning());
    assert_eq!(stop_scan(&mut bench, session).scans(), [ScanOrder::Stop]);
    assert_eq!(finished(&bench.handle(Input::ScanEnded(BUS)), session), 1);
    assert!(!bench.hub.is_scanning());
}

#[test]
fn a_bus_that_goes_away_has_ended_its_scan() {
    let mut bench = bench();
    let session = bench.client();
    start(&mut bench, session);
    assert_eq!(finished(&bench.handle(Input::ScannerRemoved(BUS)), session), 1);
}

#[test]
fn each_session_that_wished_is_told_of_its_end_and_no_other() {
    let mut bench = bench();
    let (one, two, none) = (bench.client(), bench.client(), bench.client());
    assert_eq!(start(&mut bench, one).scans(), [ScanOrder::All]);
    assert!(start(&mut bench, two).scans().is_empty());
    let seen = stop_scan(&mut bench, one);
    assert!(seen.scans().is_empty());
    assert_eq!((finished(&seen, one), finished(&seen, two)), (1, 0));
    let seen = bench.handle(Input::ScanEnded(BUS));
    assert_eq!((finished(&seen, one), finished(&seen, two), finished(&seen, none)), (0, 1, 0));
}

#[test]
fn a_session_that_ends_takes_its_wish_with_it() {
    let mut bench = bench();
    let (one, two) = (bench.client(), bench.client());
    start(&mut bench, one);
    start(&mut bench, two);
    assert!(bench.handle(Input::Disconnected(one)).scans().is_empty());
    let (_, seen) = bench.send(two, Request::Disconnect);
    assert_eq!(seen.scans(), [ScanOrder::Stop]);
    assert!(bench.handle(Input::ScanEnded(BUS)).is_empty());
}

#[test]
fn a_wish_while_the_buses_stop_is_granted_when_they_have() {
    let mut bench = bench();
    let (one, two) = (bench.client(), bench.client());
    start(&mut bench, one);
    stop_scan(&mut bench, one);
    assert!(start(&mut bench, two).scans().is_empty());
    let seen = bench.handle(Input::ScanEnded(BUS));
    assert_eq!((finished(&seen, one), finished(&seen, two)), (1, 0));
    assert_eq!(seen.scans(), [ScanOrder::All]);
    assert_eq!(finished(&bench.handle(Input::ScanEnded(BUS)), two), 1);
}

#[test]
fn a_wish_that_is_taken_back_while_the_buses_stop_does_not_start_them() {
    let mut bench = bench();
    let session = bench.client();
    start(&mut bench, session);
    stop_scan(&mut bench, session);
    start(&mut bench, session);
    stop_scan(&mut bench, session);
    let seen = bench.handle(Input::ScanEnded(BUS));
    assert_eq!(finished(&seen, session), 1);
    assert!(seen.scans().is_empty());
}

#[test]
fn the_end_of_a_scan_is_told_in_every_version() {
    for dialect in Dialect::ALL {
        let mut bench = bench();
        let session = bench.remote(dialect);
        bench.text(session, r#"[{"StartScanning": {"Id": 2}}]"#);
        let seen = bench.handle(Input::ScanEnded(BUS));
        assert_eq!(seen.frames(session), [r#"[{"ScanningFinished":{"Id":0}}]"#], "{dialect}");
    }
}
