//! Fluffer, and the MotorBunny that uses its electronics: every packet is encrypted, and a handshake proves that one has seen the
//! advertisement.

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;
use sha2::{Digest, Sha256};

use super::block::Cipher;
use super::setup::Random;
use super::{ANSWER_TIME, Setup, hex};

/// The company under which it advertises. The high byte of it is a part of the key of the challenge.
const COMPANY: u16 = 0x684a;

const GRANTED: [u8; 4] = [0xa5, 0x01, 0x01, 0x00];

pub(super) struct Fluffer {
    setup: Setup,
    cipher: Cipher,
    random: Random,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Subscribing,
    /// The device has to grant access.
    Waiting,
    Greeted,
}

impl Fluffer {
    pub(super) fn new(setup: Setup) -> Self {
        let random = setup.random();
        Self { setup, cipher: Cipher::new(b"jdk#Flu%y6fer32f"), random, phase: Phase::Subscribing }
    }

    /// The bytes behind the company in the advertisement.
    fn advertised(&self) -> Option<&[u8]> {
        let mut all = self.setup.manufacturer.iter();
        all.find(|(company, data)| *company == COMPANY && !data.is_empty()).map(|(_, data)| data.as_slice())
    }

    fn send(&self, plain: &[u8], cx: &mut Context<'_>) {
        cx.write(Endpoint::TX, &self.cipher.encrypt(plain), false);
    }

    fn become_ready(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Greeted;
        let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
            let lowest = if output.kind == OutputKind::Rotate { -100 } else { 0 };
            feature < 2
                && matches!(output.kind, OutputKind::Vibrate | OutputKind::Oscillate | OutputKind::Rotate)
                && output.value.min >= lowest
                && output.value.max <= 100
        });
        cx.ready(description);
    }
}

/// The packet that proves to have seen the advertisement.
pub(super) fn challenge(random: [u8; 4], advertised: &[u8]) -> Vec<u8> {
    let [high, _] = COMPANY.to_be_bytes();
    let key = high ^ advertised.first().copied().unwrap_or(0);
    let tag = advertised.iter().skip(1).take(4);
    let tag: Vec<_> = tag.map(|byte| if *byte == 0 || *byte == key { *byte } else { byte ^ key }).collect();
    let mut hash = Sha256::new();
    hash.update(random);
    hash.update(&tag);
    let mut packet = vec![0xa5, 0x01, 0x08];
    packet.extend(random);
    packet.extend(hash.finalize().iter().take(4));
    packet
}

/// What a motor is told: backwards lies above forwards.
fn speed(value: i32) -> Option<u8> {
    let backwards = if value < 0 { 100 } else { 0 };
    u8::try_from(value.unsigned_abs().checked_add(backwards)?).ok()
}

impl Program for Fluffer {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.phase, result) {
            _ if cx.is_ready() => {}
            (_, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Phase::Subscribing, Ok(_)) => match self.advertised().map(<[u8]>::to_vec) {
                Some(advertised) => {
                    let random = self.random.bytes();
                    self.send(&challenge(random, &advertised), cx);
                    self.phase = Phase::Waiting;
                }
                None => self.become_ready(cx),
            },
            (Phase::Waiting, Ok(_)) => cx.wake_at(cx.now() + ANSWER_TIME),
            (Phase::Greeted, Ok(_)) => {}
        }
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if self.phase != Phase::Waiting || from != Endpoint::RX {
            return;
        }
        match self.cipher.decrypt(bytes) {
            Some(plain) if plain == GRANTED => {
                self.send(&[0x82, 0x0e, 0x02, 0x00, 0x01], cx);
                self.become_ready(cx);
            }
            Some(plain) => {
                cx.fail(format!("the device refused the handshake; it answered [{}]", hex(&plain)))
            }
            None => cx.fail(format!(
                "the device answered the handshake with [{}], which cannot be decrypted",
                hex(bytes)
            )),
        }
    }

    fn render(&mut self, _: &[Change], state: &State, cx: &mut Context<'_>) {
        let motor = |index| {
            let outputs = state.outputs().iter().filter(|output| output.feature == index);
            outputs.map(|output| speed(output.value)).try_fold(0, |most, speed| Some(most.max(speed?)))
        };
        match (motor(0), motor(1)) {
            (Some(first), Some(second)) => self.send(&[0x82, 0x0f, 0x05, 0x00, first, second, 0, 0], cx),
            _ => cx.fail("a motor's speed does not fit one byte"),
        }
    }

    fn keepalive(&mut self, _: &State, cx: &mut Context<'_>) {
        self.send(&[0x80, 0x02, 0x00], cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        if self.phase == Phase::Waiting {
            cx.fail("the device did not answer the handshake within 5 s");
        }
    }
}
