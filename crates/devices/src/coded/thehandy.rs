//! The Handy with firmware before 4: protobuf without any answer.

use std::time::Duration;

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::Setup;
use super::protobuf::Message;
use super::track::Track;

/// How long the way takes that ends a move where the device is. It is none, unless the device lags behind.
const HALT_TIME: Duration = Duration::from_millis(100);

pub(super) struct TheHandy {
    setup: Setup,
    track: Track,
}

impl TheHandy {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, track: Track::default() }
    }

    fn go(&mut self, to: i32, takes: Duration, cx: &mut Context<'_>) {
        match u32::try_from(takes.as_millis()) {
            Ok(ms) => {
                let packet = position(to, ms);
                self.track.render(&packet, to, takes);
                cx.write(Endpoint::TX, &packet, true);
            }
            Err(_) => cx.fail(format!("a move cannot take {} ms", takes.as_millis())),
        }
    }
}

/// Go to a place of 100 in a time. The id is always 2.
pub(super) fn position(to: i32, ms: u32) -> Vec<u8> {
    let vector = Message::default().number(2, ms).double(3, f64::from(to) / 100.0);
    let linear = Message::default().number(1, 2).message(3, vector);
    payload(403, linear)
}

/// Asks for a sign of life, with the id 999.
pub(super) fn ping() -> Vec<u8> {
    payload(102, Message::default().number(1, 999))
}

fn payload(number: u32, message: Message) -> Vec<u8> {
    Message::default().message(1, Message::default().message(number, message)).into_bytes()
}

impl Program for TheHandy {
    fn start(&mut self, cx: &mut Context<'_>) {
        let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
            feature == 0
                && output.kind == OutputKind::HwPositionWithDuration
                && output.value.min >= 0
                && output.value.max <= 100
        });
        cx.ready(description);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        if let (Operation::Write { bytes, .. }, Ok(_)) = (operation, result) {
            self.track.written(bytes, cx.now());
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            self.go(change.value, change.duration, cx);
        }
    }

    /// There is no packet for it, so the device is sent to where it is. Where its first move began nobody knows; that is not ended, for a
    /// wrong guess would make it jump.
    fn halt(&mut self, _: &Change, _: &State, cx: &mut Context<'_>) {
        if let Some(place) = self.track.place(cx.now()) {
            self.go(place, HALT_TIME, cx);
        }
    }

    fn keepalive(&mut self, _: &State, cx: &mut Context<'_>) {
        cx.write(Endpoint::TX, &ping(), true);
    }
}
