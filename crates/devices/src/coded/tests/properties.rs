//! Nothing that a device or a user does makes a program panic, and a stop is the last word.

use frisson_wire::OutputKind::{Constrict, HwPositionWithDuration, Oscillate, Rotate, Vibrate};
use frisson_wire::{Feature, OutputKind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::bench::{Bench, bytes, feature, setup};
use crate::coded::block::Cipher;
use crate::coded::codes;
use crate::coded::honeyplaybox::frame;

#[derive(Debug, Clone)]
enum Act {
    Hears(&'static str, Vec<u8>),
    Set(u32, OutputKind, i32, u64),
    Stop,
    Wait(u64),
    Latency(u64),
    Broken(bool),
}

const KINDS: [OutputKind; 5] = [Vibrate, Rotate, Oscillate, Constrict, HwPositionWithDuration];

/// What a device says when all is well, in the language of each protocol.
fn right() -> Vec<Vec<u8>> {
    let mut key = vec![0x90, 0x00];
    key.extend([3; 16]);
    vec![
        Cipher::new(b"jdk#Flu%y6fer32f").encrypt(&[0xa5, 1, 1, 0]),
        Cipher::new(b"jdk#Cra%f5Vib28r").encrypt(b"a1b2:Qw3rTy78;"),
        Cipher::new(b"jdk#Cra%f5Vib28r").encrypt(b"OK;"),
        Cipher::new(b"jdk#vib%y5fir21a").encrypt(b"0A1F:s3cr3t-Tok;"),
        Cipher::new(b"jdk#vib%y5fir21a").encrypt(b"OK;"),
        frame(0, 1, &key).expect("a frame"),
        bytes("08 03 22 0b 08 01 b2 2c 06 0a 04 08 57 10 01"),
        bytes("08 03 22 0c 08 02 12 08 08 e8 07 12 03 62 61 64"),
        br#"{"state":"strokeEngine.idle"}"#.to_vec(),
        br#"{"state":"streaming"}"#.to_vec(),
        br#"{"state":"menu"}"#.to_vec(),
    ]
}

fn said() -> impl Strategy<Value = Vec<u8>> {
    let right = proptest::sample::select(right());
    let spoilt = (right.clone(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(
        |(mut bytes, at, byte, cut)| {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
            if cut {
                bytes.truncate(at);
            }
            bytes
        },
    );
    prop_oneof![3 => right, 2 => spoilt, 1 => vec(any::<u8>(), 0..40)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (prop_oneof![4 => Just("rx"), 1 => Just("tx")], said()).prop_map(|(from, bytes)| Act::Hears(from, bytes)),
        3 => (0_u32..3, proptest::sample::select(KINDS.to_vec()), 0..=20, 0_u64..2000)
            .prop_map(|(feature, kind, value, ms)| Act::Set(feature, kind, value, ms)),
        1 => Just(Act::Stop),
        3 => prop_oneof![0_u64..300, 300_u64..6000].prop_map(Act::Wait),
        1 => (0_u64..80).prop_map(Act::Latency),
        1 => any::<bool>().prop_map(Act::Broken),
    ]
}

fn features() -> Vec<Feature> {
    (0..3)
        .map(|index| {
            let mut all = feature(index, Vibrate, 0, 20);
            for kind in &KINDS[1..] {
                all.outputs.extend(feature(index, *kind, 0, 20).outputs);
            }
            all
        })
        .collect()
}

fn perform(device: &mut Bench, acts: Vec<Act>) {
    for act in acts {
        match act {
            Act::Hears(from, bytes) => drop(device.hears(from, &bytes)),
            Act::Set(feature, kind, value, ms) => {
                let ms = if kind == HwPositionWithDuration { ms } else { 0 };
                drop(device.go(feature, kind, value, ms));
            }
            Act::Stop => drop(device.stop()),
            Act::Wait(ms) => drop(device.wait(ms)),
            Act::Latency(ms) => device.latency = ms,
            Act::Broken(broken) => device.broken = broken,
        }
    }
}

fn any_device(code: &str, value: &[u8]) -> Bench {
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut setup = setup("OHD_hw4_1", "tx rx txmode generic0 rxblemodel", features());
    setup.manufacturer = vec![(0x684a, value.to_vec())];
    Bench::with_values(code, setup, &[("generic0", &hex), ("rx", &hex), ("rxblemodel", &hex)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_a_program_panic(value in vec(any::<u8>(), 0..18), acts in vec(act(), 0..40)) {
        for code in codes() {
            perform(&mut any_device(code, &value), acts.clone());
        }
    }

    /// However a machine was driven: after a stop and no new command, no packet goes out that sets it in motion.
    #[test]
    fn after_a_stop_a_machine_stays_at_rest(acts in vec(act(), 0..40)) {
        for code in ["fredorch-rotary", "fmachine", "ossm"] {
            let mut device = any_device(code, &[1, 2, 3, 4, 5, 6]);
            device.wait(4000);
            perform(&mut device, acts.clone());
            device.broken = false;
            device.latency = 5;
            device.wait(100);
            device.stop();
            let log = device.wait(60_000);
            let stop = log.iter().position(|line| line == "stopped").unwrap_or(0);
            let moves = log.iter().skip(stop).find(|line| {
                line.starts_with("tx 55 03 01") || line.starts_with("tx! 05") || line.starts_with("tx! 01")
                    || line.starts_with(&hexed("stream:")) || (line.starts_with(&hexed("set:speed:")) && **line != hexed("set:speed:0"))
            });
            prop_assert_eq!(moves, None, "{}", code);
        }
    }
}

fn hexed(text: &str) -> String {
    let words: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("tx! {}", words.join(" "))
}
