//! VibCrafter and Vibio: all computed vectors, the dialogue, and what a device may do wrong.

use frisson_wire::OutputKind::Vibrate;

use super::bench::{Bench, bytes, feature, setup};
use crate::coded::block::Cipher;

/// Plain and encrypted.
type Vectors = [(&'static str, &'static str); 7];

/// Code, key, and what was computed for it.
const MAKES: [(&str, &[u8; 16], Vectors); 2] = [
    (
        "vibcrafter",
        b"jdk#Cra%f5Vib28r",
        [
            ("OK;", "12 0a 6d ef a7 05 e3 6f a0 46 e6 cd f6 09 f6 7a"),
            ("MtInt:5000;", "eb cc 1a dd b0 13 23 40 d5 1b 7e 97 b6 1c a3 20"),
            ("MtInt:0099;", "04 82 0e 44 31 c2 06 bf 23 a7 48 bb 49 b5 8c c9"),
            ("MtInt:0000;", "df f0 2f 0d f4 5b 1f 07 21 62 3f 8c f1 b9 61 38"),
            ("Auth:Ab12Cd;", "4d 1a ee 1b c9 98 27 ca 47 03 e5 a2 24 0c af 3b"),
            ("a1b2:Qw3rTy78;", "53 ad 39 1b 83 d9 dd 6e f2 8f ff a9 91 2f e4 61"),
            ("Auth:8ff5;", "2e 8e 21 37 e0 a6 82 e8 28 27 fd ad 66 23 ef e7"),
        ],
    ),
    (
        "vibio",
        b"jdk#vib%y5fir21a",
        [
            ("OK;", "73 f4 cb d1 1a 61 e4 18 5e 8e 48 62 83 59 5a 24"),
            ("MtInt:5000;", "31 ba 03 44 18 20 43 aa 58 5b f2 58 1f 1b 95 22"),
            ("MtInt:0099;", "91 70 8a d2 4f 05 ae aa e3 4a b1 b7 a0 ce b1 53"),
            ("MtInt:0000;", "25 52 e7 b4 3b 92 75 30 88 07 0a 6f 5b 71 8d 1d"),
            ("Auth:Ab12Cd34;", "e0 5c f3 cb cc 54 40 78 d1 69 a2 d6 e5 79 2e 3b"),
            (
                "0A1F:s3cr3t-Tok;",
                "3b 8b 55 49 0f 45 60 7e ce df 86 98 8a 82 44 36 d1 27 0e c0 53 6f 4d 5c b2 24 5e d3 59 fb 61 a1",
            ),
            ("Auth:be58;", "0a ca 04 cc 69 7f 32 cd 96 8d bf fc 0f 05 f0 5c"),
        ],
    ),
];

/// A device that has been opened, and its cipher.
fn opened(code: &str, key: &[u8; 16]) -> (Bench, Cipher) {
    let features = vec![feature(0, Vibrate, 0, 99), feature(1, Vibrate, 0, 99)];
    let mut device = Bench::new(code, setup("Hayden", "tx rx", features));
    let log = device.log();
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!(log[0], "subscribe rx");
    (device, Cipher::new(key))
}

fn vibcrafter() -> (Bench, Cipher) {
    opened(MAKES[0].0, MAKES[0].1)
}

#[test]
fn texts_are_encrypted_as_computed() {
    for (code, key, vectors) in MAKES {
        let cipher = Cipher::new(key);
        for (plain, encrypted) in vectors {
            assert_eq!(cipher.encrypt(plain.as_bytes()), bytes(encrypted), "{code} {plain}");
            assert_eq!(cipher.decrypt(&bytes(encrypted)), Some(plain.as_bytes().to_vec()), "{code} {plain}");
        }
    }
}

#[test]
fn the_opening_is_a_token_of_the_right_length() {
    for ((code, key, _), length) in MAKES.into_iter().zip([6, 8]) {
        let mut device = Bench::new(code, setup("x", "tx rx", Vec::new()));
        let log = device.log();
        let sent = bytes(log[1].strip_prefix("tx ").expect("a write"));
        let text = String::from_utf8(Cipher::new(key).decrypt(&sent).expect("a packet")).expect("a text");
        let token = text.strip_prefix("Auth:").and_then(|rest| rest.strip_suffix(';')).expect("an opening");
        assert!(
            token.len() == length && token.chars().all(|letter| letter.is_ascii_alphanumeric()),
            "{text}"
        );
    }
}

#[test]
fn a_challenge_is_answered_and_the_motors_are_driven() {
    for (code, key, vectors) in MAKES {
        let (mut device, _) = opened(code, key);
        let sends = |index: usize| format!("tx {}", vectors[index].1);
        assert_eq!(device.hears("rx", &bytes(vectors[5].1)), [sends(6)], "{code}");
        assert_eq!(device.hears("rx", &bytes(vectors[0].1)), ["ready [Hayden]"], "{code}");
        assert_eq!(device.set(0, Vibrate, 50), [sends(1)], "{code}");
        device.set(0, Vibrate, 0);
        assert_eq!(device.set(1, Vibrate, 99), [sends(2)], "{code}");
        assert_eq!(device.stop(), [sends(3), "stopped".to_owned()], "{code}");
        assert_eq!(device.hears("rx", &[1, 2, 3]), [""; 0], "{code}");
    }
}

#[test]
fn a_device_may_be_content_at_once() {
    let (mut device, cipher) = vibcrafter();
    assert_eq!(device.hears("rx", &cipher.encrypt(b"OK;")), ["ready [Hayden]"]);
    assert_eq!(device.wait(10_000), [""; 0]);
}

#[test]
fn a_model_with_one_motor_leaves_the_other_still() {
    let mut device = Bench::new("vibcrafter", setup("Janna", "tx rx", vec![feature(0, Vibrate, 0, 99)]));
    let cipher = Cipher::new(MAKES[0].1);
    device.hears("rx", &cipher.encrypt(b"OK;"));
    assert_eq!(device.set(0, Vibrate, 50), [format!("tx {}", MAKES[0].2[1].1)]);
}

#[test]
fn other_texts_are_a_refusal() {
    for text in ["NO;", "OK", "", "a1b2:;", "a1b:Qw3r;", "a1b2:Qw-3;", "a1b2:Qw3r", "äb:Qw3r;"] {
        let (mut device, cipher) = vibcrafter();
        let log = device.hears("rx", &cipher.encrypt(text.as_bytes()));
        assert_eq!(log, [format!("refused the device refused the handshake; it said `{text}`")]);
    }
    let (mut device, cipher) = opened(MAKES[1].0, MAKES[1].1);
    let log = device.hears("rx", &cipher.encrypt(b"zzzz:token;"));
    assert!(log[0].starts_with("refused"), "vibio has hexadecimal digits before the colon: {log:?}");
}

#[test]
fn bytes_that_are_no_text_are_a_refusal() {
    let (mut device, cipher) = vibcrafter();
    let log = device.hears("rx", &cipher.encrypt(&[0xff, 0xfe]));
    assert_eq!(log, ["refused the device answered the handshake with something that is not text"]);
    for garbage in [&[7_u8; 16][..], &[7; 15], &[]] {
        let (mut device, _) = vibcrafter();
        let log = device.hears("rx", garbage);
        assert!(log[0].contains("which cannot be decrypted"), "{log:?}");
    }
}

#[test]
fn silence_ends_the_dialogue() {
    let (mut device, cipher) = vibcrafter();
    assert_eq!(device.wait(4999), [""; 0]);
    device.hears("rx", &cipher.encrypt(b"a1b2:Qw3rTy78;"));
    assert_eq!(device.wait(4999), [""; 0]);
    let reason = "refused the device did not say within 5 s whether its challenge was answered rightly";
    assert_eq!(device.wait(1), [reason]);
    let (mut device, _) = vibcrafter();
    let reason = "refused the device did not answer the opening of the handshake within 5 s";
    assert_eq!(device.wait(5000), [reason]);
}

#[test]
fn a_challenge_at_the_last_moment_gives_new_time() {
    let (mut device, cipher) = vibcrafter();
    device.wait(4900);
    device.latency = 300;
    device.hears("rx", &cipher.encrypt(b"a1b2:Qw3rTy78;"));
    assert_eq!(device.wait(5299), [""; 0]);
    assert_eq!(device.wait(1).len(), 1);
}

#[test]
fn a_device_that_is_never_content_is_refused() {
    let (mut device, cipher) = vibcrafter();
    let logs: Vec<_> = (0..9).map(|_| device.hears("rx", &cipher.encrypt(b"a1b2:Qw3rTy78;"))).collect();
    assert!(logs[7][0].starts_with("tx "), "{logs:?}");
    assert_eq!(logs[8], ["refused the device was not content with 8 answers to its challenges"]);
}

#[test]
fn other_endpoints_do_not_answer() {
    let (mut device, cipher) = vibcrafter();
    assert_eq!(device.hears("tx", &cipher.encrypt(b"OK;")), [""; 0]);
}
