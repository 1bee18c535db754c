//! F-Machine: its packets, its set-up, its presses, and stops among them.

use frisson_wire::OutputKind::Oscillate;

use super::bench::{Bench, feature, setup};

const FASTER: [&str; 2] = [
    "tx! 05 64 00 00 00 00 31 32 33 34 00 00 00 00 00 00 00 cc",
    "tx! 03 64 00 00 00 00 31 32 33 34 00 00 00 00 00 00 00 cc",
];
const SLOWER: [&str; 2] = ["tx! 06 64 00 00 00 00 31 32 33 34 00 00 00 00 00 00 00 cc", FASTER[1]];
const ON_OFF: [&str; 2] = [
    "tx! 01 64 00 00 00 00 31 32 33 34 00 00 00 00 00 00 00 b6",
    "tx! 02 64 00 00 00 00 31 32 33 34 00 00 00 00 00 00 00 b6",
];

fn fresh() -> Bench {
    Bench::new("fmachine", setup("FM-T", "tx rx", vec![feature(0, Oscillate, 0, 28)]))
}

fn ready() -> Bench {
    let mut device = fresh();
    device.wait(4000);
    device
}

fn running(speed: i32) -> Bench {
    let mut device = ready();
    device.set(0, Oscillate, speed);
    device.wait(10_000);
    device
}

#[test]
fn it_is_first_brought_to_its_lowest_speed_and_the_user_is_told() {
    let mut device = fresh();
    let log = device.log();
    assert_eq!(log[0], "subscribe rx");
    assert!(log[1].starts_with("notice The machine is being set"), "{log:?}");
    assert_eq!(log[2..], SLOWER);
    assert_eq!(device.wait(59), [""; 0]);
    assert_eq!(device.wait(1), SLOWER);
    let log = device.wait(53 * 60 - 1);
    assert_eq!(log, vec![SLOWER; 52].concat());
    assert_eq!(device.wait(1), SLOWER);
    assert_eq!(device.wait(60), ["ready [FM-T]"]);
}

#[test]
fn a_slow_link_does_not_pile_up_presses() {
    let mut device = fresh();
    device.latency = 100;
    device.log();
    let log = device.wait(60 + 200 + 60);
    assert_eq!(log, [SLOWER[0], SLOWER[1], SLOWER[0]]);
}

#[test]
fn a_set_up_that_fails_is_refused() {
    let mut device = fresh();
    device.broken = true;
    assert_eq!(device.wait(100).last().map(String::as_str), Some("refused write to tx failed: broken"));
}

#[test]
fn a_speed_is_on_off_and_steps_above_1() {
    let mut device = ready();
    assert_eq!(device.set(0, Oscillate, 3), ON_OFF);
    assert_eq!(device.wait(199), [""; 0]);
    assert_eq!(device.wait(1), FASTER);
    assert_eq!(device.wait(200), FASTER);
    assert_eq!(device.wait(5000), [""; 0]);
}

#[test]
fn off_goes_back_to_1_while_it_stands() {
    let mut device = running(3);
    assert_eq!(device.set(0, Oscillate, 0), ON_OFF);
    assert_eq!(device.wait(5000), [SLOWER, SLOWER].concat());
    assert_eq!(device.set(0, Oscillate, 1), ON_OFF, "1 needs no step");
    assert_eq!(device.wait(5000), [""; 0]);
}

#[test]
fn speeds_above_0_do_not_touch_on_off() {
    let mut device = running(3);
    let mut log = device.set(0, Oscillate, 5);
    log.extend(device.wait(5000));
    assert_eq!(log, [FASTER, FASTER].concat());
    let mut log = device.set(0, Oscillate, 4);
    log.extend(device.wait(5000));
    assert_eq!(log, SLOWER);
}

#[test]
fn a_stop_is_pressed_at_once_whatever_was_to_be_pressed() {
    let mut device = ready();
    device.set(0, Oscillate, 28);
    device.wait(450);
    let log = device.stop();
    assert_eq!(log, [ON_OFF[0], ON_OFF[1], "stopped"]);
    assert_eq!(device.wait(10_000), [SLOWER, SLOWER].concat(), "back from 3 to 1");
}

#[test]
fn a_stop_lets_go_of_the_button_that_is_held() {
    let mut device = running(2);
    device.latency = 30;
    assert_eq!(device.set(0, Oscillate, 5), [FASTER[0]]);
    assert_eq!(device.stop(), [""; 0], "the press is under way");
    assert_eq!(device.wait(90), [FASTER[1], ON_OFF[0], ON_OFF[1]]);
    let log = device.wait(10_000);
    assert_eq!(log[0], "stopped");
    assert_eq!(log[1..], [SLOWER, SLOWER].concat(), "the step counted: back from 3 to 1");
}

#[test]
fn a_press_of_on_off_under_way_is_followed_by_another() {
    let mut device = ready();
    device.latency = 30;
    assert_eq!(device.set(0, Oscillate, 1), [ON_OFF[0]]);
    device.stop();
    assert_eq!(device.wait(1000), [ON_OFF[1], ON_OFF[0], ON_OFF[1], "stopped"]);
}

#[test]
fn a_second_stop_does_not_switch_it_on() {
    let mut device = running(1);
    device.stop();
    assert_eq!(device.stop(), ["stopped"]);
    assert_eq!(device.wait(5000), [""; 0]);
}

#[test]
fn a_stop_does_not_end_the_way_back_to_1() {
    let mut device = running(3);
    device.stop();
    assert_eq!(device.stop(), ["stopped"]);
    assert_eq!(device.wait(5000), [SLOWER, SLOWER].concat());
}

#[test]
fn a_start_on_the_way_back_goes_on_from_there() {
    let mut device = running(4);
    device.stop();
    device.wait(250);
    assert_eq!(device.set(0, Oscillate, 2), [""; 0]);
    let log = device.wait(5000);
    assert_eq!(log, [ON_OFF, SLOWER].concat(), "3 is remembered");
}

#[test]
fn a_press_that_failed_is_made_again() {
    let mut device = running(2);
    device.broken = true;
    device.set(0, Oscillate, 3);
    device.broken = false;
    assert_eq!(device.wait(5000), FASTER);
    assert_eq!(device.stop()[..2], ON_OFF);
}

#[test]
fn what_it_notifies_is_not_interpreted() {
    let mut device = running(2);
    assert_eq!(device.hears("rx", &[0; 18]), [""; 0]);
}
