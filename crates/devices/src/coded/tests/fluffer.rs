//! Fluffer: the published case, the computed packets and challenges, and what a device may do wrong.

use frisson_wire::OutputKind::{Rotate, Vibrate};

use super::bench::{Bench, bytes, feature, setup};
use crate::coded::Setup;
use crate::coded::block::Cipher;
use crate::coded::fluffer::challenge;

const GRANTED: &str = "fb 14 63 04 20 5c 54 79 bb 6b a6 c9 69 fd aa 96";

fn cipher() -> Cipher {
    Cipher::new(b"jdk#Flu%y6fer32f")
}

fn two_motors() -> Setup {
    setup("MBO", "tx rx", vec![feature(0, Vibrate, 0, 100), feature(1, Rotate, -100, 100)])
}

/// A device that advertises a challenge.
fn challenger() -> Bench {
    let mut setup = two_motors();
    setup.manufacturer = vec![(0x005d, vec![1]), (0x684a, bytes("5a 11 22 33 44 55"))];
    let mut device = Bench::new("fluffer", setup);
    let log = device.log();
    assert_eq!(log.len(), 2, "{log:?}");
    device
}

#[test]
fn packets_are_encrypted_as_computed() {
    let vectors = [
        ("82 0f 05 00 64 00 00 00", "34 86 9a 67 7b 8e 6f a9 e9 2b 53 f8 37 c5 25 3c"),
        ("82 0f 05 00 00 00 00 00", "d3 af 8c b6 b5 05 3c 01 7e c0 d3 7f 5b 06 44 21"),
        ("82 0f 05 00 32 96 00 00", "87 61 ac b9 20 f1 d0 ca ad d0 d1 0f 5f 57 93 b4"),
        ("82 0e 02 00 01", "d9 a0 64 11 f5 e2 4e 7e 05 db 14 1d 95 63 05 d5"),
        ("80 02 00", "87 b7 be c1 c8 40 05 7e 86 06 f7 5e c0 43 19 f0"),
        ("a5 01 01 00", GRANTED),
    ];
    for (plain, encrypted) in vectors {
        assert_eq!(cipher().encrypt(&bytes(plain)), bytes(encrypted), "{plain}");
        assert_eq!(cipher().decrypt(&bytes(encrypted)), Some(bytes(plain)), "{plain}");
    }
}

#[test]
fn challenges_are_made_as_computed() {
    let first = challenge([1, 2, 3, 4], &bytes("5a 11 22 33 44 55"));
    assert_eq!(first, bytes("a5 01 08 01 02 03 04 1b 39 d5 46"));
    assert_eq!(cipher().encrypt(&first), bytes("ab bf a2 44 1b 3a 70 01 93 9c 30 b0 0f e2 3a fd"));
    let second = challenge([0xde, 0xad, 0xbe, 0xef], &bytes("10 00 78 ab cd"));
    assert_eq!(second, bytes("a5 01 08 de ad be ef 24 6a b8 92"));
    assert_eq!(cipher().encrypt(&second), bytes("df cd c9 c3 4f d9 0e 35 de 5a 9c d2 b6 e6 9f 03"));
}

#[test]
fn without_an_advertisement_the_case_runs_without_handshake() {
    let name = "fake_name_as_we_must_match_fluffer_manufacturer_data";
    let mut device = Bench::new("fluffer", setup(name, "tx rx", vec![feature(0, Vibrate, 0, 100)]));
    assert_eq!(device.log(), ["subscribe rx", &format!("ready [{name}]")]);
    let sent = device.set(0, Vibrate, 100);
    assert_eq!(sent, ["tx 34 86 9a 67 7b 8e 6f a9 e9 2b 53 f8 37 c5 25 3c"]);
    assert_eq!(device.stop(), ["tx d3 af 8c b6 b5 05 3c 01 7e c0 d3 7f 5b 06 44 21", "stopped"]);
}

#[test]
fn an_advertisement_without_data_counts_as_none() {
    let mut setup = two_motors();
    setup.manufacturer = vec![(0x684a, Vec::new()), (0x1234, vec![1, 2, 3, 4, 5])];
    assert_eq!(Bench::new("fluffer", setup).log(), ["subscribe rx", "ready [MBO]"]);
}

#[test]
fn a_challenge_is_sent_and_the_granted_device_is_driven() {
    let mut setup = two_motors();
    setup.manufacturer = vec![(0x684a, bytes("5a 11 22 33 44 55"))];
    let mut device = Bench::new("fluffer", setup);
    let log = device.log();
    let plain = cipher().decrypt(&bytes(log[1].strip_prefix("tx ").expect("a write"))).expect("a packet");
    let random = [plain[3], plain[4], plain[5], plain[6]];
    assert_eq!(plain, challenge(random, &bytes("5a 11 22 33 44 55")));
    let log = device.hears("rx", &bytes(GRANTED));
    assert_eq!(log, ["tx d9 a0 64 11 f5 e2 4e 7e 05 db 14 1d 95 63 05 d5", "ready [MBO]"]);
    device.set(0, Vibrate, 50);
    assert_eq!(device.set(1, Rotate, -50), ["tx 87 61 ac b9 20 f1 d0 ca ad d0 d1 0f 5f 57 93 b4"]);
    assert_eq!(device.wait(20_000), [""; 0]);
}

#[test]
fn two_connections_have_different_challenges() {
    let sent = |seed| {
        let mut setup = two_motors();
        setup.manufacturer = vec![(0x684a, vec![1])];
        setup.seed = seed;
        Bench::new("fluffer", setup).log().remove(1)
    };
    assert_ne!(sent(1), sent(2));
}

#[test]
fn anything_but_the_grant_is_a_refusal() {
    let refusal = cipher().encrypt(&[0xa5, 0x01, 0x01, 0x01]);
    assert_eq!(
        challenger().hears("rx", &refusal),
        ["refused the device refused the handshake; it answered [a5 01 01 01]"]
    );
    for garbage in [&[0_u8; 16][..], &[1, 2, 3], &[]] {
        let log = challenger().hears("rx", garbage);
        assert!(log[0].contains("which cannot be decrypted"), "{log:?}");
    }
}

#[test]
fn silence_ends_the_handshake() {
    let mut device = challenger();
    assert_eq!(device.wait(4999), [""; 0]);
    assert_eq!(device.wait(1), ["refused the device did not answer the handshake within 5 s"]);
}

#[test]
fn other_endpoints_do_not_answer() {
    assert_eq!(challenger().hears("tx", &bytes(GRANTED)), [""; 0]);
}

#[test]
fn on_a_link_that_sleeps_it_is_fed_with_a_harmless_packet() {
    let mut setup = two_motors();
    setup.sleeps = true;
    let mut device = Bench::new("fluffer", setup);
    device.log();
    assert_eq!(device.wait(5000), ["tx 87 b7 be c1 c8 40 05 7e 86 06 f7 5e c0 43 19 f0"]);
}
