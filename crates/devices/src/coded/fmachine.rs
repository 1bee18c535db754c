//! F-Machine: the link is that of a remote control, so everything is done by pressing buttons, and what the machine does can only be
//! believed.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::{Setup, padded};

/// The machine remembers its last speed. After so many presses of *slower* it is at 1, whatever it was.
const GREETING_PRESSES: u32 = 55;
const GREETING_PAUSE: Duration = Duration::from_millis(60);

/// The machine takes one step of speed in this time.
const STEP_PAUSE: Duration = Duration::from_millis(200);

pub(super) struct FMachine {
    setup: Setup,
    greeting: Greeting,
    target: i32,
    on: bool,
    /// The speed that it has, or will have when it is switched on.
    speed: i32,
    /// The button that was pressed and not yet released.
    held: Option<Button>,
    /// Not before this, a step.
    rested: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Subscribing,
    /// So many presses of *slower* are still to be made.
    Pressing(u32),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Button {
    OnOff,
    Faster,
    Slower,
}

impl Button {
    const ALL: [Self; 3] = [Self::OnOff, Self::Faster, Self::Slower];

    fn press(self) -> [u8; 18] {
        packet(match self {
            Self::OnOff => 0x01,
            Self::Faster => 0x05,
            Self::Slower => 0x06,
        })
    }

    fn release(self) -> [u8; 18] {
        packet(match self {
            Self::OnOff => 0x02,
            Self::Faster | Self::Slower => 0x03,
        })
    }
}

/// A command with the password 1234 and the check byte, which follows from the number of one bits.
fn packet(command: u8) -> [u8; 18] {
    let start = [command, 0x64, 0, 0, 0, 0, b'1', b'2', b'3', b'4'];
    let ones: u32 = start.iter().map(|byte| byte.count_ones()).sum();
    let check = match ones % 3 {
        0 => 222_u32.saturating_sub(ones),
        1 => ones / 2 + 111,
        _ => ones / 3 + 177,
    };
    let mut packet = padded(&start);
    if let Some(last) = packet.last_mut() {
        *last = u8::try_from(check).unwrap_or(0);
    }
    packet
}

impl FMachine {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            greeting: Greeting::Subscribing,
            target: 0,
            on: false,
            speed: 1,
            held: None,
            rested: None,
        }
    }

    fn become_ready(&mut self, cx: &mut Context<'_>) {
        self.greeting = Greeting::Over;
        let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
            feature == 0
                && output.kind == OutputKind::Oscillate
                && output.value.min >= 0
                && output.value.max <= 28
        });
        cx.ready(description);
    }

    /// Presses and releases a button; lets go of another first.
    fn press(&self, button: Button, cx: &mut Context<'_>) {
        self.release(cx);
        cx.write(Endpoint::TX, &button.press(), true);
        cx.write(Endpoint::TX, &button.release(), true);
    }

    fn release(&self, cx: &mut Context<'_>) {
        if let Some(held) = self.held {
            cx.write(Endpoint::TX, &held.release(), true);
        }
    }

    /// The button that brings the machine nearer to its target.
    fn next(&self) -> Option<Button> {
        if self.on != (self.target > 0) {
            return Some(Button::OnOff);
        }
        // While it is off it goes back to 1, so that it starts gently the next time.
        match self.speed.cmp(&self.target.max(1)) {
            Ordering::Less => Some(Button::Faster),
            Ordering::Equal => None,
            Ordering::Greater => Some(Button::Slower),
        }
    }

    /// One press towards the target; what remains is left to later.
    fn step(&self, cx: &mut Context<'_>) {
        match (self.next(), self.rested) {
            (None, _) => self.release(cx),
            (Some(_), Some(rested)) if rested > cx.now() => cx.wake_at(rested),
            (Some(button), _) => self.press(button, cx),
        }
    }

    /// Takes in which button the machine has seen going down or up.
    fn pressed(&mut self, bytes: &[u8]) {
        let Some(button) = Button::ALL.into_iter().find(|button| bytes == button.press()) else {
            self.held = None;
            return;
        };
        self.held = Some(button);
        match button {
            Button::OnOff => self.on = !self.on,
            Button::Faster => self.speed = self.speed.saturating_add(1),
            Button::Slower => self.speed = self.speed.saturating_sub(1).max(1),
        }
    }
}

impl Program for FMachine {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.greeting, operation, result) {
            (Greeting::Over, Operation::Write { bytes, .. }, result) => {
                if result.is_ok() {
                    self.pressed(bytes);
                }
                let rested = cx.now() + STEP_PAUSE;
                self.rested = Some(rested);
                if self.next().is_some() || self.held.is_some() {
                    cx.wake_at(rested);
                }
            }
            (Greeting::Over, _, _) => {}
            (_, _, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Greeting::Subscribing, _, Ok(_)) => {
                cx.notice("The machine is being set to its lowest speed; this takes 4 to 10 seconds.");
                self.greeting = Greeting::Pressing(GREETING_PRESSES);
                self.press(Button::Slower, cx);
            }
            (Greeting::Pressing(left), Operation::Write { bytes, .. }, Ok(_)) => {
                if bytes.as_slice() == Button::Slower.release() {
                    self.greeting = Greeting::Pressing(left.saturating_sub(1));
                    cx.wake_at(cx.now() + GREETING_PAUSE);
                }
            }
            (Greeting::Pressing(_), _, Ok(_)) => {}
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            self.target = change.value;
        }
        match (self.target, self.on) {
            (0, true) => self.press(Button::OnOff, cx),
            (0, false) => {
                self.release(cx);
                if self.next().is_some() {
                    cx.wake_at(self.rested.unwrap_or(cx.now()));
                }
            }
            _ => self.step(cx),
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        match self.greeting {
            Greeting::Subscribing => {}
            Greeting::Pressing(0) => self.become_ready(cx),
            Greeting::Pressing(_) => self.press(Button::Slower, cx),
            Greeting::Over => self.step(cx),
        }
    }
}
