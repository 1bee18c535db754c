//! Fredorch's rotary machine: its speed can only be stepped up and down, so the program keeps the speed that it believes in.

use std::time::{Duration, Instant};

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::Setup;

const STOP: [u8; 5] = [0x55, 0x03, 0x24, 0x27, 0xaa];
const FASTER: [u8; 5] = [0x55, 0x03, 0x01, 0x04, 0xaa];
const SLOWER: [u8; 5] = [0x55, 0x03, 0x02, 0x05, 0xaa];

/// Hello, the password 000000, power up, stop.
const GREETING: [&[u8]; 4] = [
    &[0x55, 0x03, 0x99, 0x9c, 0xaa],
    &[0x55, 0x09, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2a, 0xaa],
    &[0x55, 0x03, 0x1f, 0x22, 0xaa],
    &STOP,
];

/// How long each packet of the greeting waits for an answer. There need not be one.
const GREETING_PAUSE: Duration = Duration::from_millis(100);

/// The pause between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct FredorchRotary {
    setup: Setup,
    greeting: Greeting,
    target: i32,
    /// The speed that the machine has if it got all steps.
    speed: i32,
    /// Not before this, a step.
    rested: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Subscribing,
    /// The packet of this number is under way, or has been written.
    At {
        packet: usize,
        written: bool,
        answered: bool,
    },
    Over,
}

impl FredorchRotary {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, greeting: Greeting::Subscribing, target: 0, speed: 0, rested: None }
    }

    fn greet(&mut self, packet: usize, cx: &mut Context<'_>) {
        if let Some(bytes) = GREETING.get(packet) {
            self.greeting = Greeting::At { packet, written: false, answered: false };
            return cx.write(Endpoint::TX, bytes, false);
        }
        self.greeting = Greeting::Over;
        cx.notice(
            "If the machine beeps twice it has switched itself off without saying so: connect it again.",
        );
        let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
            feature == 0
                && output.kind == OutputKind::Oscillate
                && output.value.min >= 0
                && output.value.max <= 20
        });
        cx.ready(description);
    }

    /// Goes on with the greeting when the present packet has been written and its answer has come or is not waited for any longer.
    fn go_on(&mut self, written_now: bool, heard_now: bool, cx: &mut Context<'_>) {
        let Greeting::At { packet, written, answered } = &mut self.greeting else { return };
        *written |= written_now;
        *answered |= heard_now;
        let next = *packet + 1;
        match (*written, *answered) {
            (true, true) => self.greet(next, cx),
            (true, false) => cx.wake_at(cx.now() + GREETING_PAUSE),
            (false, _) => {}
        }
    }

    /// One step towards the target; what remains is left to later.
    fn step(&mut self, cx: &mut Context<'_>) {
        let step = match self.target.cmp(&self.speed) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Greater => FASTER,
            // The last step down is a stop, which leaves no doubt.
            std::cmp::Ordering::Less if self.target == 0 => STOP,
            std::cmp::Ordering::Less => SLOWER,
        };
        match self.rested {
            Some(rested) if rested > cx.now() && step != STOP => cx.wake_at(rested),
            _ => cx.write(Endpoint::TX, &step, false),
        }
    }
}

impl Program for FredorchRotary {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.greeting, operation, result) {
            (Greeting::Over, Operation::Write { bytes, .. }, result) => {
                let written = if result.is_ok() { bytes.as_slice() } else { &[] };
                self.speed = match written {
                    step if step == FASTER => self.speed.saturating_add(1),
                    step if step == SLOWER => self.speed.saturating_sub(1).max(0),
                    step if step == STOP => 0,
                    _ => self.speed,
                };
                let rested = cx.now() + STEP_PAUSE;
                self.rested = Some(rested);
                if self.speed != self.target {
                    cx.wake_at(rested);
                }
            }
            (Greeting::Over, _, _) => {}
            (_, _, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Greeting::Subscribing, _, Ok(_)) => self.greet(0, cx),
            (Greeting::At { .. }, _, Ok(_)) => self.go_on(true, false, cx),
        }
    }

    fn heard(&mut self, from: Endpoint, _: &[u8], cx: &mut Context<'_>) {
        if from == Endpoint::RX {
            self.go_on(false, true, cx);
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            self.target = change.value;
        }
        if self.target == 0 {
            cx.write(Endpoint::TX, &STOP, false);
        } else {
            self.step(cx);
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        match self.greeting {
            Greeting::At { packet, written: true, .. } => self.greet(packet + 1, cx),
            Greeting::Over => self.step(cx),
            _ => {}
        }
    }
}
