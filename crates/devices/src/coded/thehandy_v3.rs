//! The Handy with firmware 4 and later, The Handy 2, The Oh!: protobuf requests and responses.

use std::time::{Duration, Instant};

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::protobuf::{Message, Value, fields, find};
use super::{ANSWER_TIME, Setup};

const BATTERY_GET: u32 = 710;
const CAPABILITIES_GET: u32 = 713;
const POSITION_SET: u32 = 744;
const POSITION_STOP: u32 = 746;
const VIBRATION_SET: u32 = 900;
const VIBRATION_STOP: u32 = 901;
const TOO_HOT: u64 = 1000;
const BLOCKED: u64 = 1002;

/// The frequency of vibration, in Hz.
const FREQUENCY: u32 = 100;

/// The device's troubles are passed on no more often than this.
const NOTICE_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct TheHandyV3 {
    setup: Setup,
    phase: Phase,
    /// The id of the next request.
    id: u32,
    noticed: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Subscribing,
    Battery,
    Capabilities,
    Greeted,
}

/// What the device says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// To the request of this id; with what went wrong, if something did.
    Response(u64, Option<String>),
    /// By itself: the number of the message.
    Notification(u64),
}

impl TheHandyV3 {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, phase: Phase::Subscribing, id: 0, noticed: None }
    }

    /// Asks something in the greeting, and waits for the answer.
    fn ask(&mut self, phase: Phase, cx: &mut Context<'_>) {
        self.phase = phase;
        if let Some((id, number, _)) = self.phase.question() {
            cx.write(Endpoint::TX, &request(id, number, Message::default()), false);
            cx.wake_at(cx.now() + ANSWER_TIME);
        }
    }

    fn send(&mut self, number: u32, parameters: Message, cx: &mut Context<'_>) {
        cx.write(Endpoint::TX, &request(self.id, number, parameters), true);
        self.id = self.id.wrapping_add(1);
    }

    fn become_ready(&mut self, cx: &mut Context<'_>) {
        self.phase = Phase::Greeted;
        let description = self.setup.describe(model(&self.setup.name), cx, &[], |feature, output| {
            feature == 0
                && matches!(output.kind, OutputKind::Vibrate | OutputKind::HwPositionWithDuration)
                && output.value.min >= 0
                && output.value.max <= 100
        });
        cx.ready(description);
    }

    fn answered(&mut self, id: u64, error: Option<String>, cx: &mut Context<'_>) {
        match self.phase.question() {
            // An error is an answer, too: the device speaks the protocol, and neither battery nor capabilities are needed.
            Some((asked, ..)) if u64::from(asked) == id && self.phase == Phase::Battery => {
                self.ask(Phase::Capabilities, cx);
            }
            Some((asked, ..)) if u64::from(asked) == id => self.become_ready(cx),
            Some(_) => {}
            None => {
                if let Some(error) = error {
                    self.tell(format!("The device reports an error: {error}"), cx);
                }
            }
        }
    }

    fn tell(&mut self, text: String, cx: &mut Context<'_>) {
        let now = cx.now();
        if self.noticed.is_none_or(|noticed| now.saturating_duration_since(noticed) >= NOTICE_PAUSE) {
            self.noticed = Some(now);
            cx.notice(text);
        }
    }
}

impl Phase {
    /// The id and number of the question that waits for an answer, and what it is about.
    fn question(self) -> Option<(u32, u32, &'static str)> {
        match self {
            Self::Battery => Some((1, BATTERY_GET, "battery")),
            Self::Capabilities => Some((2, CAPABILITIES_GET, "capabilities")),
            Self::Subscribing | Self::Greeted => None,
        }
    }
}

/// The part of the name that says which hardware it is; empty if there is none.
pub(super) fn model(name: &str) -> &str {
    let mut parts = name.split('_').skip(1);
    match (parts.next(), parts.next()) {
        (Some(model), Some(_)) => model,
        _ => "",
    }
}

/// A request with its envelope.
fn request(id: u32, number: u32, parameters: Message) -> Vec<u8> {
    let request = Message::default().number(2, id).message(number, parameters);
    Message::default().number(1, 1).message(2, request).into_bytes()
}

/// What the device says, as far as it matters.
pub(super) fn said(bytes: &[u8]) -> Option<Said> {
    let envelope = fields(bytes)?;
    if let Some(response) = find(&envelope, 4).and_then(Value::bytes) {
        let response = fields(response)?;
        let id = find(&response, 1).and_then(Value::number).unwrap_or(0);
        let error = find(&response, 2).and_then(Value::bytes).map(error);
        return Some(Said::Response(id, error));
    }
    let notification = fields(find(&envelope, 5)?.bytes()?)?;
    notification.iter().map(|(number, _)| *number).find(|number| *number >= 600).map(Said::Notification)
}

/// An error in words.
fn error(bytes: &[u8]) -> String {
    let fields = fields(bytes).unwrap_or_default();
    let code = find(&fields, 1).and_then(Value::number).unwrap_or(0);
    let text = find(&fields, 2).and_then(Value::bytes).unwrap_or_default();
    format!("{} (code {code})", String::from_utf8_lossy(text).escape_debug())
}

/// A level of 100 as a float.
fn part(level: i32) -> Option<f32> {
    u8::try_from(level).ok().map(|level| f32::from(level) / 100.0)
}

impl Program for TheHandyV3 {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.phase, result) {
            _ if cx.is_ready() => {}
            (_, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Phase::Subscribing, Ok(_)) => self.ask(Phase::Battery, cx),
            (Phase::Battery | Phase::Capabilities, Ok(_)) => cx.wake_at(cx.now() + ANSWER_TIME),
            (Phase::Greeted, Ok(_)) => {}
        }
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if from != Endpoint::RX {
            return;
        }
        match said(bytes) {
            Some(Said::Response(id, error)) => self.answered(id, error, cx),
            Some(Said::Notification(TOO_HOT)) => {
                self.tell("The device is too hot: let it cool down.".to_owned(), cx);
            }
            Some(Said::Notification(BLOCKED)) => self.tell("The device's slider is blocked.".to_owned(), cx),
            _ => {}
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            let ms = u32::try_from(change.duration.as_millis());
            match (change.kind, part(change.value), ms) {
                (OutputKind::Vibrate, Some(_), _) if change.value == 0 => {
                    self.send(VIBRATION_STOP, Message::default(), cx);
                }
                (OutputKind::Vibrate, Some(amplitude), _) => {
                    self.send(VIBRATION_SET, Message::default().float(1, amplitude).number(2, FREQUENCY), cx);
                }
                (OutputKind::HwPositionWithDuration, Some(place), Ok(ms)) => {
                    self.send(POSITION_SET, Message::default().float(1, place).number(2, ms), cx);
                }
                _ => cx.fail(format!("{} cannot be set to {}", change.kind, change.value)),
            }
        }
    }

    fn halt(&mut self, _: &Change, _: &State, cx: &mut Context<'_>) {
        self.send(POSITION_STOP, Message::default(), cx);
    }

    fn keepalive(&mut self, _: &State, cx: &mut Context<'_>) {
        self.send(CAPABILITIES_GET, Message::default(), cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        if let Some((_, _, what)) = self.phase.question() {
            cx.fail(format!("the device did not answer the question about its {what} within 5 s"));
        }
    }
}
