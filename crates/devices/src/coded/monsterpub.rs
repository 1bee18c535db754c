//! Sistalk MonsterPub and its relatives: generations that differ in their endpoints, some with a small challenge.

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::{Setup, hex};

/// The words that answer challenges, by their number.
const WORDS: [&[u8; 4]; 4] = [b"2IPO", b"LSBB", b"SIS6", b"TALK"];

/// The length of a challenge behind the number of its word.
const CHALLENGE: usize = 15;

pub(super) struct MonsterPub {
    setup: Setup,
    model: String,
    phase: Phase,
    motors: Option<Motors>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The device says what it is.
    Model,
    Challenge,
    Answered,
}

/// Where the generations take their motors' levels.
#[derive(Clone, Copy)]
enum Motors {
    /// All levels; silence goes to another endpoint, where there is one.
    Plain { to: Endpoint, silence: Option<Endpoint> },
    /// A mark in front of the levels.
    Marked(Endpoint),
}

impl MonsterPub {
    pub(super) fn new(setup: Setup) -> Self {
        let plain = setup.endpoint("txvibrate").map(|to| Motors::Plain { to, silence: None });
        let split = setup.endpoint("tx").map(|to| Motors::Plain { to, silence: setup.endpoint("txmode") });
        let motors = plain.or(split).or_else(|| setup.endpoint("generic0").map(Motors::Marked));
        Self { setup, model: String::new(), phase: Phase::Model, motors }
    }

    fn challenge(&mut self, cx: &mut Context<'_>) {
        match self.setup.endpoint("rx") {
            Some(challenge) => {
                self.phase = Phase::Challenge;
                cx.read(challenge);
            }
            None => self.become_ready(cx),
        }
    }

    fn become_ready(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Answered;
        if self.motors.is_none() {
            return cx.fail(
                "the device has none of the endpoints txvibrate, tx, generic0: there is no way to drive it",
            );
        }
        let description = self.setup.describe(&self.model, cx, &[], |_, output| {
            matches!(output.kind, OutputKind::Vibrate | OutputKind::Oscillate)
                && output.value.min >= 0
                && output.value.max <= 100
        });
        cx.ready(description);
    }
}

/// The answer to a challenge; `None` if it is no challenge.
pub(super) fn answer(challenge: &[u8]) -> Option<Vec<u8>> {
    let (number, rest) = challenge.split_first()?;
    let word = WORDS.get(usize::from(*number))?;
    let answer: Vec<_> = rest.iter().take(CHALLENGE).zip(word.iter().cycle()).map(|(a, b)| a ^ b).collect();
    (answer.len() == CHALLENGE).then_some(answer)
}

/// What the device says that it is; empty if that is no text.
fn model(bytes: &[u8]) -> String {
    let text = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    String::from_utf8(text).unwrap_or_default()
}

impl Program for MonsterPub {
    fn start(&mut self, cx: &mut Context<'_>) {
        match self.setup.endpoint("rxblemodel") {
            Some(model) => cx.read(model),
            None => self.challenge(cx),
        }
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.phase, operation, result) {
            _ if cx.is_ready() => {}
            (Phase::Model, _, result) => {
                self.model = model(result.unwrap_or_default());
                self.challenge(cx);
            }
            (_, _, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Phase::Challenge, Operation::Read { endpoint }, Ok(bytes)) => match answer(bytes) {
                Some(answer) => {
                    cx.write(*endpoint, &answer, true);
                    self.become_ready(cx);
                }
                None => cx.fail(format!(
                    "the device's challenge is not one that can be answered: [{}]",
                    hex(bytes)
                )),
            },
            _ => {}
        }
    }

    fn render(&mut self, _: &[Change], state: &State, cx: &mut Context<'_>) {
        let levels = state.outputs().iter().map(|output| u8::try_from(output.value));
        let Ok(levels) = levels.collect::<Result<Vec<_>, _>>() else {
            return cx.fail("a motor's level does not fit one byte");
        };
        let silent = levels.iter().all(|level| *level == 0);
        match self.motors {
            Some(Motors::Plain { silence: Some(silence), .. }) if silent => cx.write(silence, &levels, true),
            Some(Motors::Plain { to, .. }) => cx.write(to, &levels, false),
            Some(Motors::Marked(to)) => {
                let mut packet = vec![3];
                packet.extend(levels);
                cx.write(to, &packet, false);
            }
            None => cx.fail("the device has no endpoint for its motors"),
        }
    }
}
