//! Ankni: the published case, and the other two vectors of its check.

use frisson_wire::OutputKind::Vibrate;

use super::bench::{Bench, bytes, feature, setup};
use crate::coded::ankni::check;

fn device(id: &str) -> Bench {
    let setup = setup("DSJM", "tx generic0", vec![feature(0, Vibrate, 0, 3)]);
    Bench::with_values("ankni", setup, &[("generic0", id)])
}

#[test]
fn the_check_is_the_high_byte_of_the_crc() {
    assert_eq!(check(&bytes("a2 31 35 53 52 d8")), 0xc1);
    assert_eq!(check(&bytes("11 22 33 44 55 66")), 0x20);
    assert_eq!(check(&bytes("00 00 00 00 00 00")), 0xb8);
}

#[test]
fn an_address_is_answered_and_motors_are_driven_as_in_the_case() {
    let mut device = device("a2 31 35 53 52 d8");
    let greeting = [
        "read generic0",
        "tx! 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01 01",
        "tx! 01 02 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 c1 00 00",
        "ready [DSJM]",
    ];
    assert_eq!(device.log(), greeting);
    assert_eq!(
        device.set(0, Vibrate, 2),
        ["tx! 03 12 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"]
    );
    let stop = "tx! 03 12 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
    assert_eq!(device.stop(), [stop, "stopped"]);
}

#[test]
fn a_real_pnp_id_wants_no_handshake() {
    assert_eq!(device("01 a6 01 00 00 01 16").log(), ["read generic0", "ready [DSJM]"]);
}

#[test]
fn an_id_that_is_too_short_is_refused() {
    for id in ["", "a2 31 35 53 52"] {
        let log = device(id).log();
        assert!(log[1].starts_with("refused the device gave ["), "{log:?}");
    }
}

#[test]
fn a_device_that_cannot_be_read_is_refused() {
    let features = || vec![feature(0, Vibrate, 0, 3)];
    let log = Bench::new("ankni", setup("DSJM", "tx generic0", features())).log();
    assert_eq!(log[1], "refused read from generic0 failed: no such characteristic");
    let log = Bench::new("ankni", setup("DSJM", "tx", features())).log();
    assert!(log[0].starts_with("refused the device has no PnP ID"), "{log:?}");
}

#[test]
fn a_model_with_too_much_is_cut_to_what_is_possible() {
    let features = vec![feature(0, Vibrate, 0, 3), feature(1, Vibrate, 0, 3)];
    let setup = setup("DSJM", "tx generic0", features);
    let mut device = Bench::with_values("ankni", setup, &[("generic0", "01 a6 01 00 00 01 16")]);
    let notice = "notice Feature 1 (Vibrate, 0 to 3) is left out: this kind of device cannot do that.";
    assert_eq!(device.log(), ["read generic0", notice, "ready [DSJM]"]);
    assert_eq!(device.set(1, Vibrate, 2), [""; 0]);
}
