//! VibCrafter and Vibio: encrypted text, and a dialogue of challenges until the device says `OK;`. They differ in key and forms.

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;
use sha2::{Digest, Sha256};

use super::block::Cipher;
use super::setup::Random;
use super::{ANSWER_TIME, Setup, hex};

/// A device that asks more often than this will never be content.
const MOST_CHALLENGES: u32 = 8;

/// Where the two makes differ.
pub(super) struct Make {
    key: &'static [u8; 16],
    /// The length of the token in the opening.
    opening: usize,
    /// What stands before the colon of a challenge.
    is_head: fn(char) -> bool,
    /// What stands behind it.
    is_token: fn(char) -> bool,
}

pub(super) const VIBCRAFTER: Make = Make {
    key: b"jdk#Cra%f5Vib28r",
    opening: 6,
    is_head: |letter| letter.is_ascii_alphanumeric(),
    is_token: |letter| letter.is_ascii_alphanumeric(),
};

pub(super) const VIBIO: Make = Make {
    key: b"jdk#vib%y5fir21a",
    opening: 8,
    is_head: |letter| letter.is_ascii_hexdigit(),
    is_token: |letter| letter != ';',
};

pub(super) struct Vibcrafter {
    setup: Setup,
    make: &'static Make,
    cipher: Cipher,
    random: Random,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Subscribing,
    /// The device has to answer; it has asked so often.
    Waiting(u32),
    Greeted,
}

impl Vibcrafter {
    pub(super) fn new(setup: Setup, make: &'static Make) -> Self {
        let random = setup.random();
        Self { setup, make, cipher: Cipher::new(make.key), random, phase: Phase::Subscribing }
    }

    fn send(&self, text: &str, cx: &mut Context<'_>) {
        cx.write(Endpoint::TX, &self.cipher.encrypt(text.as_bytes()), false);
    }

    fn answer(&mut self, asked: u32, text: &str, cx: &mut Context<'_>) {
        if text == "OK;" {
            self.phase = Phase::Greeted;
            let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
                feature < 2
                    && output.kind == OutputKind::Vibrate
                    && output.value.min >= 0
                    && output.value.max <= 99
            });
            return cx.ready(description);
        }
        match self.make.token(text) {
            Some(_) if asked >= MOST_CHALLENGES => {
                cx.fail(format!(
                    "the device was not content with {MOST_CHALLENGES} answers to its challenges"
                ));
            }
            Some(token) => {
                self.phase = Phase::Waiting(asked + 1);
                self.send(&reply(token), cx);
                cx.wake_at(cx.now() + ANSWER_TIME);
            }
            None => cx.fail(format!("the device refused the handshake; it said `{}`", text.escape_debug())),
        }
    }
}

impl Make {
    /// The token of a challenge.
    fn token<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (head, token) = text.strip_suffix(';')?.split_once(':')?;
        let fits = head.len() == 4
            && head.chars().all(self.is_head)
            && !token.is_empty()
            && token.chars().all(self.is_token);
        fits.then_some(token)
    }
}

/// The answer to the challenge with this token.
fn reply(token: &str) -> String {
    let hash = Sha256::digest(token);
    let digits: String = hash.iter().take(2).map(|byte| format!("{byte:02x}")).collect();
    format!("Auth:{digits};")
}

impl Program for Vibcrafter {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.phase, result) {
            _ if cx.is_ready() => {}
            (_, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Phase::Subscribing, Ok(_)) => {
                let token = self.random.text(self.make.opening);
                self.send(&format!("Auth:{token};"), cx);
                self.phase = Phase::Waiting(0);
            }
            (Phase::Waiting(_), Ok(_)) => cx.wake_at(cx.now() + ANSWER_TIME),
            (Phase::Greeted, Ok(_)) => {}
        }
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        let (Phase::Waiting(asked), Endpoint::RX) = (self.phase, from) else { return };
        match self.cipher.decrypt(bytes).map(String::from_utf8) {
            Some(Ok(text)) => self.answer(asked, &text, cx),
            Some(Err(_)) => cx.fail("the device answered the handshake with something that is not text"),
            None => cx.fail(format!(
                "the device answered the handshake with [{}], which cannot be decrypted",
                hex(bytes)
            )),
        }
    }

    fn render(&mut self, _: &[Change], state: &State, cx: &mut Context<'_>) {
        let motor = |index| state.value(index, OutputKind::Vibrate);
        match (motor(0), motor(1)) {
            (first @ 0..=99, second @ 0..=99) => self.send(&format!("MtInt:{first:02}{second:02};"), cx),
            _ => cx.fail("a motor's speed has two digits"),
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Waiting(0) => cx.fail("the device did not answer the opening of the handshake within 5 s"),
            Phase::Waiting(_) => {
                cx.fail("the device did not say within 5 s whether its challenge was answered rightly")
            }
            Phase::Subscribing | Phase::Greeted => {}
        }
    }
}
