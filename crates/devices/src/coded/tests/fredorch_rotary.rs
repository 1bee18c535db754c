//! Fredorch's rotary machine: its greeting with and without answers, its steps, and stops among them.

use frisson_wire::OutputKind::Oscillate;

use super::bench::{Bench, feature, setup};

const FASTER: &str = "tx 55 03 01 04 aa";
const SLOWER: &str = "tx 55 03 02 05 aa";
const STOP: &str = "tx 55 03 24 27 aa";
const NOTICE: &str =
    "notice If the machine beeps twice it has switched itself off without saying so: connect it again.";

fn fresh() -> Bench {
    Bench::new("fredorch-rotary", setup("M1_1", "tx rx", vec![feature(0, Oscillate, 0, 20)]))
}

fn ready() -> Bench {
    let mut device = fresh();
    let log = device.wait(400);
    assert_eq!(log.last().map(String::as_str), Some("ready [M1_1]"));
    device
}

fn running(speed: i32) -> Bench {
    let mut device = ready();
    device.set(0, Oscillate, speed);
    device.wait(5000);
    device
}

#[test]
fn a_silent_device_is_greeted_with_pauses() {
    let mut device = fresh();
    assert_eq!(device.log(), ["subscribe rx", "tx 55 03 99 9c aa"]);
    assert_eq!(device.wait(99), [""; 0]);
    assert_eq!(device.wait(1), ["tx 55 09 21 00 00 00 00 00 00 2a aa"]);
    assert_eq!(device.wait(100), ["tx 55 03 1f 22 aa"]);
    assert_eq!(device.wait(100), [STOP]);
    assert_eq!(device.wait(100), [NOTICE, "ready [M1_1]"]);
}

#[test]
fn answers_make_the_greeting_shorter() {
    let mut device = fresh();
    device.log();
    assert_eq!(device.hears("rx", &[]), ["tx 55 09 21 00 00 00 00 00 00 2a aa"]);
    assert_eq!(device.hears("tx", &[1]), [""; 0], "only rx answers");
    assert_eq!(device.hears("rx", &[1, 2]), ["tx 55 03 1f 22 aa"]);
    assert_eq!(device.hears("rx", &[1, 2]), [STOP]);
    assert_eq!(device.hears("rx", &[1, 2]), [NOTICE, "ready [M1_1]"]);
    assert_eq!(device.hears("rx", &[1, 2]), [""; 0]);
}

#[test]
fn an_answer_before_the_write_is_confirmed_counts_when_it_is() {
    let mut device = fresh();
    device.latency = 10;
    device.wait(105);
    assert_eq!(device.hears("rx", &[1]), [""; 0]);
    assert_eq!(device.wait(6), ["tx 55 03 1f 22 aa"]);
}

#[test]
fn a_write_that_fails_ends_the_greeting() {
    let mut device = fresh();
    device.broken = true;
    assert_eq!(device.wait(200).last().map(String::as_str), Some("refused write to tx failed: broken"));
}

#[test]
fn steps_go_out_with_pauses_until_the_speed_is_right() {
    let mut device = ready();
    assert_eq!(device.set(0, Oscillate, 2), [FASTER]);
    assert_eq!(device.wait(99), [""; 0]);
    assert_eq!(device.wait(1), [FASTER]);
    assert_eq!(device.wait(5000), [""; 0]);
    assert_eq!(device.set(0, Oscillate, 1), [SLOWER]);
    assert_eq!(device.set(0, Oscillate, 0), [STOP]);
    assert_eq!(device.wait(5000), [""; 0]);
}

#[test]
fn the_highest_speed_is_twenty_steps_away() {
    let mut device = ready();
    let mut log = device.set(0, Oscillate, 20);
    log.extend(device.wait(10_000));
    assert_eq!(log, [FASTER; 20]);
}

#[test]
fn a_new_target_counts_in_the_middle_of_the_way() {
    let mut device = ready();
    device.set(0, Oscillate, 20);
    device.wait(400);
    assert_eq!(device.set(0, Oscillate, 3), [""; 0], "not within the pause");
    assert_eq!(device.wait(10_000), [SLOWER; 2]);
}

#[test]
fn a_stop_goes_out_at_once_and_ends_all_steps() {
    let mut device = ready();
    device.set(0, Oscillate, 20);
    device.wait(450);
    assert_eq!(device.stop(), [STOP, "stopped"]);
    assert_eq!(device.wait(10_000), [""; 0]);
    let mut log = device.set(0, Oscillate, 2);
    log.extend(device.wait(1000));
    assert_eq!(log, [FASTER; 2], "it starts from 0 again");
}

#[test]
fn a_stop_waits_for_nothing_but_the_step_under_way() {
    let mut device = ready();
    device.latency = 30;
    device.set(0, Oscillate, 20);
    device.wait(140);
    assert_eq!(device.stop(), [""; 0], "a step is under way");
    assert_eq!(device.wait(30), [STOP]);
    assert_eq!(device.wait(10_000), ["stopped"]);
    let mut log = device.set(0, Oscillate, 1);
    log.extend(device.wait(1000));
    assert_eq!(log, [FASTER]);
}

#[test]
fn a_machine_that_stands_is_stopped_all_the_same() {
    let mut device = ready();
    assert_eq!(device.stop(), [STOP, "stopped"]);
    assert_eq!(device.stop(), [STOP, "stopped"]);
}

#[test]
fn a_step_that_failed_is_made_again() {
    let mut device = running(3);
    device.broken = true;
    device.set(0, Oscillate, 4);
    device.broken = false;
    let log = device.wait(1000);
    assert_eq!(log, [FASTER]);
}
