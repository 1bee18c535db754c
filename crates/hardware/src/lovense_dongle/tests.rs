//! The dongle's machine in virtual time.

use std::time::{Duration, Instant};

use super::machine::{Dongle, Input, Output};
use super::message::{SEARCH, STATUS, STOP_SEARCH};

const FOUND: &str = r#"{"type":"toy","func":"toyData","data":{"id":"A1","data":"DeviceType;"}}"#;
const ENDED: &str = r#"{"type":"toy","func":"search","result":206}"#;
const STARTED: &str = r#"{"type":"toy","func":"search","result":205}"#;
const INTERRUPTED: &str = r#"{"type":"toy","func":"error","result":501}"#;

/// A machine and its clock.
struct Bench {
    dongle: Dongle,
    now: Instant,
}

fn status(id: &str, status: u16) -> String {
    format!(r#"{{"type":"toy","func":"status","data":{{"id":"{id}","status":{status}}}}}"#)
}

fn send(message: &str) -> Output {
    Output::Send(message.to_owned(), None)
}

fn toy(id: &str) -> Output {
    Output::Toy(id.to_owned())
}

fn lost(id: &str, reason: &str) -> Output {
    Output::ToyLost { toy: id.to_owned(), reason: reason.to_owned() }
}

impl Bench {
    fn new() -> Self {
        Self { dongle: Dongle::default(), now: Instant::now() }
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.dongle.handle(self.now, input);
        std::iter::from_fn(|| self.dongle.poll_output()).collect()
    }

    fn hear(&mut self, message: &str) -> Vec<Output> {
        self.handle(Input::Heard(format!("{message}\r\n").as_bytes()))
    }

    /// Lets time pass; what comes of it must come exactly at its end.
    fn wait(&mut self, milliseconds: u64) -> Vec<Output> {
        let end = self.now + Duration::from_millis(milliseconds);
        assert_eq!(self.dongle.poll_timeout(), Some(end));
        self.now = end;
        self.handle(Input::Timeout)
    }

    /// A dongle without a toy.
    fn idle() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.handle(Input::Opened), [send(STATUS)]);
        assert_eq!(bench.wait(250), []);
        bench
    }

    /// A dongle that searches.
    fn searching() -> Self {
        let mut bench = Self::idle();
        assert_eq!(bench.handle(Input::Scan(true)), [send(SEARCH)]);
        assert_eq!(bench.hear(STARTED), []);
        bench
    }

    /// A dongle with the toy A1.
    fn with_toy() -> Self {
        let mut bench = Self::searching();
        assert_eq!(bench.hear(FOUND), [send(STOP_SEARCH)]);
        assert_eq!(bench.hear(ENDED), [toy("A1"), Output::ScanEnded]);
        bench
    }

    fn tell(&mut self, id: &str, text: &str) -> Vec<Output> {
        self.handle(Input::Command { number: 7, toy: id, text })
    }
}

#[test]
fn a_dongle_is_looked_for_every_second_while_a_scan_runs() {
    let mut bench = Bench::new();
    assert_eq!(bench.handle(Input::Scan(true)), [Output::Look]);
    assert_eq!(bench.wait(1000), [Output::Look]);
    assert_eq!(bench.handle(Input::Scan(false)), [Output::ScanEnded]);
    assert_eq!(bench.dongle.poll_timeout(), None);
    assert_eq!(bench.handle(Input::Scan(true)), [Output::Look]);
}

#[test]
fn nothing_is_sent_for_250_ms_after_the_first_question_whatever_is_heard() {
    let mut bench = Bench::new();
    bench.handle(Input::Scan(true));
    assert_eq!(bench.handle(Input::Opened), [send(STATUS)]);
    bench.now += Duration::from_millis(100);
    assert_eq!(bench.hear(r#"{"type":"usb","func":"reset","result":100}"#), []);
    assert_eq!(bench.hear(ENDED), []);
    assert_eq!(bench.handle(Input::Timeout), []);
    assert_eq!(bench.wait(150), [send(SEARCH)]);
}

#[test]
fn the_250_ms_begin_when_the_first_question_has_been_sent() {
    let mut bench = Bench::new();
    bench.handle(Input::Scan(true));
    assert_eq!(bench.handle(Input::Opened), [send(STATUS)]);
    bench.now += Duration::from_millis(40);
    assert_eq!(bench.handle(Input::Sent), []);
    assert_eq!(bench.wait(250), [send(SEARCH)]);
    assert_eq!(bench.handle(Input::Sent), []);
    assert_eq!(bench.dongle.poll_timeout(), None);
}

#[test]
fn a_toy_that_is_connected_already_is_there_after_the_first_question() {
    let mut bench = Bench::new();
    bench.handle(Input::Scan(true));
    bench.handle(Input::Opened);
    assert_eq!(bench.hear(&status("A1", 202)), []);
    assert_eq!(bench.wait(250), [toy("A1"), Output::ScanEnded]);
}

#[test]
fn an_old_dongle_may_answer_the_first_question_late() {
    let mut bench = Bench::idle();
    assert_eq!(bench.hear(&status("A1", 202)), [toy("A1")]);
    let mut bench = Bench::searching();
    assert_eq!(bench.hear(&status("A1", 202)), [toy("A1"), Output::ScanEnded]);
}

#[test]
fn a_search_that_ends_by_itself_is_begun_again_but_not_in_haste() {
    let mut bench = Bench::searching();
    assert_eq!(bench.hear(ENDED), []);
    assert_eq!(bench.wait(250), [send(SEARCH)]);
    bench.now += Duration::from_secs(20);
    assert_eq!(bench.hear(INTERRUPTED), []);
    assert_eq!(bench.wait(0), [send(SEARCH)]);
}

#[test]
fn a_found_toy_is_there_when_the_search_has_ended_or_after_two_seconds() {
    let mut bench = Bench::searching();
    assert_eq!(bench.hear(FOUND), [send(STOP_SEARCH)]);
    assert_eq!(bench.hear(r#"{"type":"usb","func":"stopSearch","result":200}"#), []);
    assert_eq!(bench.hear(FOUND), []);
    assert_eq!(bench.wait(2000), [toy("A1"), Output::ScanEnded]);
}

#[test]
fn a_scan_that_is_ended_ends_the_search() {
    let mut bench = Bench::searching();
    assert_eq!(bench.handle(Input::Scan(false)), [send(STOP_SEARCH), Output::ScanEnded]);
    assert_eq!(bench.hear(ENDED), []);
    assert_eq!(bench.handle(Input::Scan(false)), []);
    assert_eq!(bench.handle(Input::Scan(true)), [send(SEARCH)]);
}

#[test]
fn a_scan_with_a_toy_connected_offers_it_and_ends_at_once() {
    let mut bench = Bench::with_toy();
    assert_eq!(bench.handle(Input::Scan(true)), [toy("A1"), Output::ScanEnded]);
}

#[test]
fn commands_go_to_the_toy_that_is_there_and_to_no_other() {
    let mut bench = Bench::with_toy();
    let command = r#"{"type":"toy","func":"command","id":"A1","cmd":"Vibrate:10;"}"#.to_owned();
    assert_eq!(bench.tell("A1", "Vibrate:10;"), [Output::Send(command, Some(7))]);
    assert_eq!(bench.tell("B2", "Vibrate:10;"), [Output::Refused(7)]);
    assert_eq!(Bench::searching().tell("A1", "Vibrate:10;"), [Output::Refused(7)]);
}

#[test]
fn what_the_toy_says_is_passed_on_and_what_another_says_is_not() {
    let mut bench = Bench::with_toy();
    let said = Output::Said { toy: "A1".to_owned(), text: "DeviceType;".to_owned() };
    assert_eq!(bench.hear(FOUND), [said]);
    assert_eq!(bench.hear(&FOUND.replace("A1", "B2")), []);
    assert_eq!(bench.hear(r#"{"type":"toy","func":"toyData","data":{"id":"A1"}}"#), []);
}

#[test]
fn a_toy_that_disconnects_is_lost_and_found_again_in_the_next_scan() {
    let mut bench = Bench::with_toy();
    assert_eq!(bench.hear(&status("B2", 403)), []);
    assert_eq!(bench.hear(&status("A1", 201)), []);
    assert_eq!(bench.hear(&status("A1", 403)), [lost("A1", "the toy has disconnected from the dongle")]);
    assert_eq!(bench.handle(Input::Scan(true)), [send(SEARCH)]);
    assert_eq!(bench.hear(FOUND), [send(STOP_SEARCH)]);
    assert_eq!(bench.hear(ENDED), [toy("A1"), Output::ScanEnded]);
}

#[test]
fn a_toy_that_cannot_be_connected_after_all_leaves_the_search_to_go_on() {
    let mut bench = Bench::searching();
    bench.hear(FOUND);
    assert_eq!(bench.hear(&status("A1", 402)), [send(SEARCH)]);
}

#[test]
fn another_toy_takes_the_place_of_the_one_before() {
    let mut bench = Bench::with_toy();
    assert_eq!(bench.hear(&status("A1", 202)), []);
    let reason = "the dongle has connected another toy";
    assert_eq!(bench.hear(&status("B2", 202)), [lost("A1", reason), toy("B2")]);
}

#[test]
fn a_dongle_that_is_gone_takes_its_toy_with_it_and_is_looked_for_in_the_next_scan() {
    let mut bench = Bench::with_toy();
    assert_eq!(bench.handle(Input::Lost("unplugged")), [lost("A1", "unplugged")]);
    assert_eq!(bench.tell("A1", "Vibrate:0;"), [Output::Refused(7)]);
    assert_eq!(bench.handle(Input::Scan(true)), [Output::Look]);
}

#[test]
fn a_dongle_that_is_gone_in_the_middle_of_a_search_is_looked_for_again() {
    let mut bench = Bench::searching();
    assert_eq!(bench.handle(Input::Heard(br#"{"func":"toyDa"#)), []);
    assert_eq!(bench.handle(Input::Lost("unplugged")), []);
    assert_eq!(bench.wait(1000), [Output::Look]);
    assert_eq!(bench.handle(Input::Opened), [send(STATUS)]);
    assert_eq!(bench.wait(250), [send(SEARCH)]);
    assert_eq!(bench.hear(FOUND), [send(STOP_SEARCH)], "nothing of the old dongle's text is left");
}
