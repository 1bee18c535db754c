//! MonsterPub: the computed answers, and the three generations.

use frisson_wire::Feature;
use frisson_wire::OutputKind::{Oscillate, Vibrate};

use super::bench::{Bench, bytes, feature, setup};
use crate::coded::monsterpub::answer;

const MODEL: &str = "4d 50 5f 53 55 43 4b 42 41 4e 47 5f 50 35 00 00";

fn pop() -> Vec<Feature> {
    vec![feature(0, Oscillate, 0, 100), feature(1, Vibrate, 0, 100)]
}

fn device(endpoints: &str, values: &[(&str, &str)]) -> Bench {
    Bench::with_values("monsterpub", setup("MonsterPub", endpoints, pop()), values)
}

#[test]
fn challenges_are_answered_as_computed() {
    let vectors = [
        ("00 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e", "32 48 52 4c 36 4c 56 48 3a 40 5a 44 3e 44 5e"),
        ("01 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff", "5d 71 71 06 19 35 35 ca d5 f9 f9 8e 91 bd bd"),
        ("03 ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff", "ab be b3 b4 ab be b3 b4 ab be b3 b4 ab be b3"),
    ];
    for (challenge, expected) in vectors {
        assert_eq!(answer(&bytes(challenge)), Some(bytes(expected)), "{challenge}");
    }
}

#[test]
fn the_model_is_what_it_says_and_the_challenge_is_answered_where_it_was_read() {
    let challenge = "01 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff";
    let mut device = device("tx txmode rx rxblemodel", &[("rxblemodel", MODEL), ("rx", challenge)]);
    let greeting = [
        "read rxblemodel",
        "read rx",
        "rx! 5d 71 71 06 19 35 35 ca d5 f9 f9 8e 91 bd bd",
        "ready [MP_SUCKBANG_P5]",
    ];
    assert_eq!(device.log(), greeting);
}

#[test]
fn a_challenge_that_is_none_is_refused() {
    for challenge in ["", "01 11 22", "04 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e"] {
        let log = device("tx rx", &[("rx", challenge)]).log();
        assert!(
            log[1].starts_with("refused the device's challenge is not one that can be answered"),
            "{log:?}"
        );
    }
    let log = device("tx rx", &[]).log();
    assert_eq!(log[1], "refused read from rx failed: no such characteristic");
}

#[test]
fn a_model_that_cannot_be_read_is_the_default() {
    assert_eq!(device("tx rxblemodel", &[]).log(), ["read rxblemodel", "ready []"]);
    assert_eq!(device("tx rxblemodel", &[("rxblemodel", "ff fe")]).log(), ["read rxblemodel", "ready []"]);
    assert_eq!(device("tx", &[]).log(), ["ready []"]);
}

#[test]
fn with_tx_and_txmode_silence_goes_to_txmode() {
    let mut device = device("generic0 tx txmode", &[]);
    device.log();
    assert_eq!(device.set(0, Oscillate, 50), ["tx 32 00"]);
    assert_eq!(device.stop(), ["txmode! 00 00", "stopped"]);
}

#[test]
fn without_txmode_silence_goes_to_tx() {
    let mut device = device("tx", &[]);
    device.log();
    assert_eq!(device.stop(), ["tx 00 00", "stopped"]);
}

#[test]
fn txvibrate_comes_before_all_others() {
    let mut device = device("generic0 tx txmode txvibrate", &[]);
    device.log();
    assert_eq!(device.set(0, Oscillate, 50), ["txvibrate 32 00"]);
    assert_eq!(device.stop(), ["txvibrate 00 00", "stopped"]);
}

#[test]
fn generic0_has_a_mark_in_front() {
    let motors = (0..3).map(|index| feature(index, Vibrate, 0, 100)).collect();
    let mut device = Bench::new("monsterpub", setup("TracyDog", "generic0", motors));
    device.set(0, Vibrate, 1);
    device.set(1, Vibrate, 2);
    assert_eq!(device.set(2, Vibrate, 3), ["generic0 03 01 02 03"]);
}

#[test]
fn a_device_without_any_of_them_is_refused() {
    let log = device("rxblemodel", &[("rxblemodel", MODEL)]).log();
    assert!(log[1].starts_with("refused the device has none of the endpoints"), "{log:?}");
}
