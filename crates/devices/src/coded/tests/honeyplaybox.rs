//! Honey Play Box: the published case (which upstream does not run), the computed frames, feeding, and what a device may do wrong.

use frisson_wire::OutputKind::{Constrict, Rotate, Vibrate};

use super::bench::{Bench, battery, bytes, feature, setup};
use crate::coded::Setup;
use crate::coded::honeyplaybox::{Frame, frame, motors, next_frame};

const ASKS: &str = "tx! 02 a5 5a 55 aa f0 00 b1 01 00 02 00 10 03 36 86";
const ACCEPTS: &str =
    "02 a5 5a 55 aa f0 00 b1 01 00 12 90 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 03 f4 26";
const KEY: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

fn vibrosa() -> Setup {
    let features = vec![feature(0, Vibrate, 0, 100), feature(1, Vibrate, 0, 100), battery(2)];
    setup("JXT002", "tx rx rxblebattery", features)
}

fn asked(setup: Setup) -> Bench {
    let mut device = Bench::with_values("honeyplaybox", setup, &[("rxblebattery", "57")]);
    assert_eq!(device.log(), ["subscribe rx", ASKS]);
    device
}

fn accepted(setup: Setup) -> Bench {
    let mut device = asked(setup);
    device.hears("rx", &bytes(ACCEPTS));
    device
}

fn packet(counter: u8, strengths: &[u8], key: &[u8; 16]) -> Vec<u8> {
    frame(counter, 3, &motors(strengths, key).expect("motors")).expect("a frame")
}

fn line(bytes: &[u8]) -> String {
    let words: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("tx! {}", words.join(" "))
}

#[test]
fn frames_are_made_as_computed() {
    assert_eq!(
        packet(2, &[100], &KEY),
        bytes("02a55a55aaf0 02 b1 03 0010 010005003c000064 38b2b64c2cbd48cf 03 a771")
    );
    assert_eq!(
        packet(5, &[0, 102], &KEY),
        bytes("02a55a55aaf0 05 b1 03 0018 010005003c000000 110005003c000066 d1266badd5b31752 03 7cb4")
    );
    assert_eq!(
        packet(0, &[10, 20], &[0xff; 16]),
        bytes("02a55a55aaf0 00 b1 03 0018 010005003c00000a 110005003c000014 04fd2966d5418b02 03 2f2a")
    );
}

#[test]
fn the_case_runs() {
    let mut device = asked(vibrosa());
    assert_eq!(device.hears("rx", &bytes(ACCEPTS)), ["ready [JXT002]"]);
    let half = "02a55a55aaf002b1030018010005003c000032110005003c0000003cab13934e4cb857033291";
    assert_eq!(device.set(0, Vibrate, 50), [line(&bytes(half))]);
    let rest = "02a55a55aaf003b1030018010005003c000000110005003c000000f82dc35bd60832e403d675";
    assert_eq!(device.stop(), [line(&bytes(rest)), "stopped".to_owned()]);
}

#[test]
fn answers_may_come_in_pieces_and_behind_garbage() {
    let mut device = asked(vibrosa());
    let mut all = bytes("00 02 a5 5a 02 a5 5a 55 aa f0 00 ff ff");
    all.extend(frame(7, 3, &[1, 2]).expect("a frame"));
    all.extend(bytes(ACCEPTS));
    let logs: Vec<_> = all.chunks(3).map(|piece| device.hears("rx", piece)).collect();
    assert_eq!(logs.concat(), ["ready [JXT002]"]);
}

#[test]
fn frames_with_a_wrong_crc_or_end_are_dropped() {
    for at in [29, 30, 12] {
        let mut wrong = bytes(ACCEPTS);
        wrong[at] ^= 1;
        let mut device = asked(vibrosa());
        assert_eq!(device.hears("rx", &wrong), [""; 0]);
        assert_eq!(device.hears("rx", &bytes(ACCEPTS)), ["ready [JXT002]"]);
    }
}

#[test]
fn garbage_does_not_pile_up() {
    let mut heard = Vec::new();
    for _ in 0..1000 {
        heard.extend(bytes("02 a5 5a 55 aa f0 00 b1 01 00 ff 02 a5 5a 55 aa"));
        assert_eq!(next_frame(&mut heard), None);
        assert!(heard.len() < 300, "{}", heard.len());
    }
    heard.extend([0; 300]);
    assert_eq!(next_frame(&mut heard), None);
    heard.extend(frame(0, 9, &[5]).expect("a frame"));
    assert_eq!(next_frame(&mut heard), Some(Frame { command: 9, data: vec![5] }));
    assert!(heard.is_empty());
}

#[test]
fn another_code_is_a_refusal() {
    let mut device = asked(vibrosa());
    let log = device.hears("rx", &frame(0, 1, &[0x90, 0x01]).expect("a frame"));
    assert_eq!(log, ["refused the device refused the handshake with code 9001"]);
    let log = asked(vibrosa()).hears("rx", &frame(0, 1, &[0x90, 0x00, 1, 2]).expect("a frame"));
    assert_eq!(log, ["refused the device handed out a key of 2 bytes instead of 16"]);
}

#[test]
fn a_silent_device_is_asked_twice() {
    let mut device = asked(vibrosa());
    assert_eq!(device.wait(2999), [""; 0]);
    assert_eq!(device.wait(1), [ASKS.replace("f0 00 b1", "f0 01 b1")]);
    assert_eq!(device.wait(3999), [""; 0]);
    assert_eq!(device.wait(1), ["refused the device did not answer any of the 2 attempts at a handshake"]);
}

#[test]
fn the_second_answer_counts_as_well_and_the_newest_key_signs() {
    let mut device = asked(vibrosa());
    device.wait(3000);
    assert_eq!(device.hears("rx", &bytes(ACCEPTS)), ["ready [JXT002]"]);
    let mut answer = vec![0x90, 0x00];
    answer.extend([9; 16]);
    assert_eq!(device.hears("rx", &frame(1, 1, &answer).expect("a frame")), [""; 0]);
    assert_eq!(device.set(0, Vibrate, 50), [line(&packet(3, &[50, 0], &[9; 16]))]);
}

#[test]
fn half_an_answer_does_not_swallow_the_second() {
    let mut device = asked(vibrosa());
    device.hears("rx", &bytes("02 a5 5a 55 aa f0 00 b1 01 01 00 90"));
    device.wait(3000);
    assert_eq!(device.hears("rx", &bytes(ACCEPTS)), ["ready [JXT002]"]);
}

#[test]
fn a_motor_has_a_number_of_four_bits() {
    let motors = (0..17).map(|index| feature(index, Vibrate, 0, 100)).collect();
    let mut device = asked(setup("x", "tx rx", motors));
    let notice = "notice Feature 16 (Vibrate, 0 to 100) is left out: this kind of device cannot do that.";
    assert_eq!(device.hears("rx", &bytes(ACCEPTS)), [notice, "ready [x]"]);
    assert_eq!(
        device.set(15, Vibrate, 100),
        [line(&packet(
            2,
            &{
                let mut all = [0; 16];
                all[15] = 100;
                all
            },
            &KEY
        ))]
    );
}

#[test]
fn a_driven_device_is_fed_every_500_ms_with_a_new_counter() {
    let mut device = accepted(vibrosa());
    assert_eq!(device.wait(3000), [""; 0], "a device that was never driven has nothing to repeat");
    device.set(0, Vibrate, 50);
    assert_eq!(device.wait(499), [""; 0]);
    assert_eq!(device.wait(1), [line(&packet(3, &[50, 0], &KEY))]);
    assert_eq!(device.wait(500), [line(&packet(4, &[50, 0], &KEY))]);
    device.stop();
    assert_eq!(device.wait(500), [line(&packet(6, &[0, 0], &KEY))]);
}

#[test]
fn notifications_do_not_put_off_the_feeding() {
    let mut device = accepted(vibrosa());
    device.set(0, Vibrate, 50);
    let logs: Vec<_> = (0..60).flat_map(|_| [device.wait(10), device.hears("rx", &[1, 2, 3])]).collect();
    assert_eq!(logs.concat(), [line(&packet(3, &[50, 0], &KEY))]);
}

#[test]
fn the_counter_wraps() {
    let mut device = accepted(vibrosa());
    device.set(0, Vibrate, 50);
    let log = device.wait(500 * 254);
    assert_eq!(log.last(), Some(&line(&packet(0, &[50, 0], &KEY))));
}

#[test]
fn pumps_and_directions_have_their_own_strengths() {
    let features =
        vec![feature(0, Vibrate, 0, 100), feature(1, Constrict, 0, 4), feature(4, Rotate, -100, 100)];
    let mut device = accepted(setup("HPB-274", "tx rx", features));
    assert_eq!(device.set(1, Constrict, 2), [line(&packet(2, &[0, 102, 0], &KEY))]);
    assert_eq!(device.set(4, Rotate, -40), [line(&packet(3, &[0, 102, 40], &KEY))]);
    assert_eq!(device.set(1, Constrict, 0), [line(&packet(4, &[0, 0, 40], &KEY))]);
}

#[test]
fn the_battery_is_read_where_the_device_has_one() {
    let mut device = accepted(vibrosa());
    assert_eq!(device.read_battery(2), ["read rxblebattery", "battery 87"]);
    device.broken = true;
    let reason = "error the battery level could not be read: broken";
    assert_eq!(device.read_battery(2), ["read rxblebattery", reason]);
    let mut without = vibrosa();
    without.available.pop();
    assert_eq!(accepted(without).read_battery(2), ["error feature 2 has no Battery"]);
}

#[test]
fn an_empty_battery_value_is_an_error() {
    let mut device = Bench::with_values("honeyplaybox", vibrosa(), &[("rxblebattery", "")]);
    device.hears("rx", &bytes(ACCEPTS));
    let log = device.read_battery(2);
    assert_eq!(log[1], "error the device gave no bytes for its battery level");
}

#[test]
fn other_endpoints_do_not_answer() {
    assert_eq!(asked(vibrosa()).hears("tx", &bytes(ACCEPTS)), [""; 0]);
}
