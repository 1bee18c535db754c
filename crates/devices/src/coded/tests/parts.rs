//! What several programs share.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::bench::setup;
use crate::coded::block::Cipher;
use crate::coded::protobuf::{Message, Value, fields, find};
use crate::coded::track::Track;
use crate::coded::{codes, program};

#[test]
fn every_code_has_a_program_and_no_other_has() {
    let all: BTreeSet<_> = codes().collect();
    assert_eq!(all.len(), 12);
    for code in all {
        assert!(program(code, setup("x", "tx rx", Vec::new())).is_some(), "{code}");
    }
    assert!(program("lovense", setup("x", "tx rx", Vec::new())).is_none());
}

#[test]
fn texts_of_any_length_survive_the_cipher() {
    let cipher = Cipher::new(b"0123456789abcdef");
    for length in 0..50 {
        let plain = vec![b'x'; length];
        let encrypted = cipher.encrypt(&plain);
        assert_eq!(encrypted.len(), (length / 16 + 1) * 16);
        assert_eq!(cipher.decrypt(&encrypted), Some(plain));
    }
}

#[test]
fn paddings_that_are_wrong_are_refused() {
    let cipher = Cipher::new(b"0123456789abcdef");
    // A block that is padding as a whole, cut off.
    for last in [0_u8, 3, 17, 255] {
        let mut block = [2; 15].to_vec();
        block.push(last);
        let encrypted = &cipher.encrypt(&block)[..16];
        assert_eq!(cipher.decrypt(encrypted), None, "{last}");
    }
}

#[test]
fn fields_are_read_back() {
    let inner = Message::default().number(2, 300).float(3, 1.5).double(4, 2.5).number(5, 0);
    let bytes = Message::default().number(1, u32::MAX).message(710, inner).into_bytes();
    let outer = fields(&bytes).expect("a message");
    assert_eq!(find(&outer, 1), Some(Value::Number(u64::from(u32::MAX))));
    let inner = fields(find(&outer, 710).and_then(Value::bytes).expect("bytes")).expect("a message");
    assert_eq!(inner, [(2, Value::Number(300)), (3, Value::Float), (4, Value::Float)]);
}

#[test]
fn messages_that_are_cut_off_are_none() {
    for bytes in
        [&[0x08][..], &[0x80], &[0x12, 0x05, 0x01], &[0x0d, 0, 0, 0], &[0x09, 0], &[0x0b], &[0xff; 11]]
    {
        assert_eq!(fields(bytes), None, "{bytes:?}");
    }
    let longest = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(fields(&longest), None);
}

#[test]
fn a_track_knows_its_place_from_the_second_move_on() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut track = Track::default();
    assert_eq!(track.place(start), None);
    track.render(b"a", 80, Duration::from_millis(1000));
    assert_eq!(track.place(at(5)), None, "not written");
    track.written(b"b", at(5));
    assert_eq!(track.place(at(2000)), None, "another packet");
    track.written(b"a", at(10));
    assert_eq!((track.place(at(500)), track.place(at(1010))), (None, Some(80)));
    track.render(b"c", 0, Duration::from_millis(800));
    track.written(b"c", at(2000));
    assert_eq!(
        (track.place(at(2000)), track.place(at(2200)), track.place(at(9000))),
        (Some(80), Some(60), Some(0))
    );
    track.lose();
    assert_eq!(track.place(at(9000)), None);
}
