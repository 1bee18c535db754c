//! When the server looks for devices by itself, and that clients notice nothing of it.

mod hub_harness;

use frisson_engine::hub::{Input, ScanOrder, ScannerId, SessionId};
use frisson_wire::{Event, Reply, Request};
use hub_harness::*;

const OTHER_BUS: ScannerId = ScannerId(2);

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.handle(Input::ScannerAdded(BUS));
    bench
}

fn missing(bench: &mut Bench, addresses: &[&str]) -> Seen {
    bench.handle(Input::Missing(addresses.iter().map(|address| (*address).to_owned()).collect()))
}

fn ended(bench: &mut Bench) -> Seen {
    bench.handle(Input::ScanEnded(BUS))
}

fn finished(seen: &Seen, session: SessionId) -> usize {
    seen.events(session).into_iter().filter(|event| **event == Event::ScanningFinished).count()
}

/// When the buses are told to begin, in milliseconds; each time they are told to stop they do.
fn begins(bench: &mut Bench, for_ms: u64) -> Vec<u128> {
    let until = bench.elapsed() + ms(for_ms);
    let mut begins = Vec::new();
    while bench.elapsed() < until {
        for order in bench.pass(100).scans() {
            match order {
                ScanOrder::Stop => drop(ended(bench)),
                ScanOrder::Known => begins.push(bench.elapsed().as_millis()),
                ScanOrder::All => panic!("no client scans"),
            }
        }
    }
    begins
}

#[test]
fn the_server_looks_at_once_for_devices_that_it_knows_and_for_no_others() {
    let mut bench = bench();
    assert!(missing(&mut bench, &[]).is_empty());
    assert_eq!(missing(&mut bench, &["a"]).scans(), [ScanOrder::Known]);
    assert_eq!(bench.hub.missing(), 1);
    assert!(!bench.hub.is_scanning());
}

#[test]
fn it_looks_for_ten_seconds_at_a_time_with_ever_longer_pauses() {
    let mut bench = bench();
    missing(&mut bench, &["a"]);
    let begins = [vec![bench.elapsed().as_millis()], begins(&mut bench, 300_000)].concat();
    let pauses: Vec<_> = begins.windows(2).map(|pair| (pair[1] - pair[0] + 500) / 1000).collect();
    assert_eq!(pauses, [11, 12, 15, 20, 40, 70, 70]);
}

#[test]
fn it_stops_as_soon_as_nothing_is_missing() {
    let mut bench = bench();
    missing(&mut bench, &["a", "b"]);
    bench.pass(1);
    assert!(missing(&mut bench, &["b"]).is_empty());
    assert_eq!(missing(&mut bench, &[]).scans(), [ScanOrder::Stop]);
    ended(&mut bench);
    assert!(bench.pass(600_000).is_empty());
}

#[test]
fn another_device_that_goes_is_looked_for_soon_however_long_the_others_have_been_gone() {
    let mut bench = bench();
    missing(&mut bench, &["a"]);
    begins(&mut bench, 200_000);
    assert_eq!(missing(&mut bench, &["a", "b"]).scans(), [ScanOrder::Known]);
    assert_eq!(begins(&mut bench, 30_000).len(), 2);
}

#[test]
fn a_device_that_comes_and_goes_does_not_keep_the_radio_busy() {
    let mut bench = bench();
    let mut scans = 0;
    for _ in 0..100 {
        scans += missing(&mut bench, &["a"]).scans().len();
        scans += bench.pass(50).scans().len();
        missing(&mut bench, &[]);
        ended(&mut bench);
        bench.pass(50);
    }
    assert!((5..=11).contains(&scans), "{scans} in 10 s");
}

#[test]
fn the_servers_own_scan_is_nothing_to_clients() {
    let mut bench = bench();
    let session = bench.client();
    assert!(missing(&mut bench, &["a"]).events(session).is_empty());
    assert_eq!(bench.ask(session, Request::StopScanning), Reply::Ok);
    assert_eq!(bench.pass(10_000).scans(), [ScanOrder::Stop]);
    assert!(ended(&mut bench).events(session).is_empty());
}

#[test]
fn a_client_gets_a_whole_scan_although_the_server_looks_already() {
    let mut bench = bench();
    let (session, other) = (bench.client(), bench.client());
    missing(&mut bench, &["a"]);
    bench.pass(1);
    assert_eq!(bench.ok(session, Request::StartScanning).scans(), [ScanOrder::Stop]);
    assert!(bench.hub.is_scanning());
    let seen = ended(&mut bench);
    assert_eq!((seen.scans(), finished(&seen, session)), (vec![ScanOrder::All], 0));
    assert!(bench.pass(60_000).is_empty());
    assert_eq!(bench.ok(session, Request::StopScanning).scans(), [ScanOrder::Stop]);
    let seen = ended(&mut bench);
    assert_eq!((finished(&seen, session), finished(&seen, other)), (1, 0));
    // What is missing is looked for again.
    assert_eq!(begins(&mut bench, 5_000).len(), 1);
}

#[test]
fn a_wish_that_is_taken_back_before_its_scan_has_begun_is_answered_all_the_same() {
    let mut bench = bench();
    let session = bench.client();
    missing(&mut bench, &["a"]);
    bench.pass(1);
    bench.ok(session, Request::StartScanning);
    assert!(bench.ok(session, Request::StopScanning).scans().is_empty());
    assert_eq!(finished(&ended(&mut bench), session), 1);
    assert_eq!(begins(&mut bench, 5_000).len(), 1);
}

#[test]
fn a_client_that_goes_before_its_scan_has_begun_leaves_the_server_its_own() {
    let mut bench = bench();
    let session = bench.client();
    missing(&mut bench, &["a"]);
    bench.pass(1);
    bench.ok(session, Request::StartScanning);
    bench.handle(Input::Disconnected(session));
    assert!(ended(&mut bench).scans().is_empty());
    assert_eq!(begins(&mut bench, 5_000).len(), 1);
}

#[test]
fn a_wish_while_the_servers_own_scan_stops_is_granted_when_it_has() {
    let mut bench = bench();
    let session = bench.client();
    missing(&mut bench, &["a"]);
    bench.pass(10_001);
    assert!(bench.ok(session, Request::StartScanning).scans().is_empty());
    assert_eq!(ended(&mut bench).scans(), [ScanOrder::All]);
    assert_eq!(finished(&ended(&mut bench), session), 1);
}

#[test]
fn buses_that_end_by_themselves_at_different_times_end_the_look_together() {
    let mut bench = bench();
    bench.handle(Input::ScannerAdded(OTHER_BUS));
    missing(&mut bench, &["a"]);
    bench.pass(1);
    assert!(bench.handle(Input::ScanEnded(OTHER_BUS)).is_empty());
    bench.pass(3_000);
    assert!(ended(&mut bench).is_empty());
    assert!(bench.pass(999).is_empty());
    assert_eq!(bench.pass(1).scans(), [ScanOrder::Known]);
    // One has ended its part when a client comes: it takes part in the client's scan.
    bench.handle(Input::ScanEnded(OTHER_BUS));
    let session = bench.client();
    bench.ok(session, Request::StartScanning);
    assert_eq!(ended(&mut bench).scans(), [ScanOrder::All]);
    assert_eq!(finished(&ended(&mut bench), session), 0);
    assert_eq!(finished(&bench.handle(Input::ScanEnded(OTHER_BUS)), session), 1);
}

#[test]
fn what_goes_during_a_clients_scan_is_looked_for_by_it() {
    let mut bench = bench();
    let session = bench.client();
    bench.ok(session, Request::StartScanning);
    assert!(missing(&mut bench, &["a"]).is_empty());
    assert!(bench.pass(60_000).is_empty());
    assert_eq!(finished(&ended(&mut bench), session), 1);
    assert_eq!(bench.pass(1_000).scans(), [ScanOrder::Known]);
}

#[test]
fn a_shutdown_ends_the_search() {
    let mut bench = bench();
    missing(&mut bench, &["a"]);
    bench.pass(1);
    assert_eq!(bench.handle(Input::Shutdown).scans(), [ScanOrder::Stop]);
    ended(&mut bench);
    missing(&mut bench, &["b"]);
    assert!(bench.pass(600_000).scans().is_empty());
}
