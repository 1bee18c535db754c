//! Devices that say themselves what they can do: one JSON object a line, described in `docs/self-describing-devices.md`.
//!
//! What they say is in their greeting. A websocket device has sent it already when it is found; on a serial port it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_program::{Change, Context, Description, Endpoint, Operation, Program, State};
use frisson_wire::dialect::self_described::{self as lines, Greeting, Line, MAX_GREETING};
use frisson_wire::{InputAction, InputKind, SelfDescription};

/// The protocol's id.
pub(crate) const PROTOCOL: &str = "self-described";

/// How long to wait before a device is asked again for its greeting: many boards start anew when their port is opened, and hear nothing meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a device may take to greet.
const GREETING_TIME: Duration = Duration::from_secs(8);
/// The longest line after the greeting, in bytes.
const MAX_LINE: usize = 4 << 10;
/// How many lines that mean nothing the user is told of.
const MAX_COMPLAINTS: u32 = 5;

/// Drives any device that describes itself.
pub(crate) struct SelfDescribed {
    phase: Phase,
    /// What the device said of itself, with its identifier.
    known: Option<(String, Arc<SelfDescription>)>,
    /// The beginning of a line.
    heard: Vec<u8>,
    /// Whether what comes belongs to a line that is too long.
    skips: bool,
    /// Readings that are waited for, and the lines that asked for them.
    asked: BTreeMap<(u32, InputKind), String>,
    subscribed: BTreeSet<(u32, InputKind)>,
    complaints: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Begins to hear the device.
    Opening,
    /// The device has to greet until then.
    Asking(Instant),
    Greeted,
}

impl SelfDescribed {
    /// A device of which is known what it says of itself.
    pub(crate) fn new(identifier: &str, description: &Arc<SelfDescription>) -> Self {
        let known = Some((identifier.to_owned(), Arc::clone(description)));
        Self { known, ..Self::asking() }
    }

    /// A device that has to be asked.
    pub(super) fn asking() -> Self {
        Self {
            phase: Phase::Opening,
            known: None,
            heard: Vec::new(),
            skips: false,
            asked: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            complaints: 0,
        }
    }

    fn ready(&mut self, cx: &mut Context<'_>) {
        let Some((identifier, said)) = &self.known else { return };
        self.phase = Phase::Greeted;
        let ms = |ms: u32| Duration::from_millis(ms.into());
        cx.ready(Description {
            protocol: PROTOCOL.to_owned(),
            model: identifier.clone(),
            name: said.name.clone(),
            features: said.features.clone(),
            gap: said.gap_ms.map(ms),
            keepalive: said.keepalive_ms.map(ms),
        });
    }

    fn ask(&mut self, until: Instant, cx: &mut Context<'_>) {
        self.phase = Phase::Asking(until);
        send(lines::ASK, cx);
        cx.wake_at(until.min(cx.now() + ASK_AGAIN));
    }

    /// Takes in bytes, which may be a part of a line or several lines. An object is complete without the end of its line.
    fn take(&mut self, bytes: &[u8], cx: &mut Context<'_>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_end = piece.ends_with(b"\n");
            if !self.skips {
                self.heard.extend_from_slice(piece);
            }
            let most = if self.phase == Phase::Greeted { MAX_LINE } else { MAX_GREETING };
            if self.heard.len() > most {
                self.heard.clear();
                self.skips = true;
                self.complain("a line of it is too long", cx);
            }
            if is_end || lines::is_complete(&self.heard) {
                let line = std::mem::take(&mut self.heard);
                self.line(line.trim_ascii(), cx);
            }
            self.skips &= !is_end;
        }
    }

    fn line(&mut self, line: &[u8], cx: &mut Context<'_>) {
        // What a board says while it starts is for other ears.
        let Ok(text) = std::str::from_utf8(line) else {
            return if self.phase == Phase::Greeted {
                self.complain("a line of it is not UTF-8", cx)
            };
        };
        if text.is_empty() {
            return;
        }
        match self.phase {
            Phase::Opening | Phase::Asking(_) if !text.starts_with('{') => {}
            Phase::Opening | Phase::Asking(_) => self.greeting(text, cx),
            Phase::Greeted => match text.parse() {
                Ok(line) => self.said(line, cx),
                // It has been asked more than once, and answers as often.
                Err(_) if text.parse::<Greeting>().is_ok() => {}
                Err(error) => self.complain(&format!("a line of it means nothing: {error}"), cx),
            },
        }
    }

    fn greeting(&mut self, text: &str, cx: &mut Context<'_>) {
        match text.parse::<Greeting>() {
            Ok(Greeting { identifier, description: Some(description), .. }) => {
                self.known = Some((identifier, Arc::new(description)));
                self.ready(cx);
            }
            Ok(_) => cx.fail("the device does not describe itself: its greeting has no features"),
            Err(error) => cx.fail(format!("the greeting of the device cannot be used: {error}")),
        }
    }

    fn said(&mut self, line: Line, cx: &mut Context<'_>) {
        let (feature, kind, value) = match line {
            Line::Error(error) => return self.complain(&error.escape_debug().to_string(), cx),
            Line::Reading { feature, kind, value } => (feature, kind, value),
        };
        let Some(input) = self.input(feature, kind) else {
            return self.complain(&format!("it has no feature {feature} with the input {kind}"), cx);
        };
        let value = match value {
            Ok(value) if !input.values.iter().any(|range| range.contains(value)) => {
                Err(format!("the device reports {value}, which is not among the values that it named"))
            }
            Ok(value) => Ok(value),
            Err(error) => Err(format!("the device reports: {}", error.escape_debug())),
        };
        if self.subscribed.contains(&(feature, kind)) {
            match &value {
                Ok(value) => cx.reading(feature, kind, *value),
                Err(error) => self.complain(error, cx),
            }
        }
        if self.asked.remove(&(feature, kind)).is_some() {
            cx.read_done(feature, kind, value);
        }
    }

    fn input(&self, feature: u32, kind: InputKind) -> Option<&frisson_wire::Input> {
        let (_, said) = self.known.as_ref()?;
        said.features.iter().find(|one| one.index == feature)?.input(kind)
    }

    /// Tells the user, the first few times.
    fn complain(&mut self, what: &str, cx: &mut Context<'_>) {
        self.complaints = self.complaints.saturating_add(1);
        match self.complaints {
            ..MAX_COMPLAINTS => cx.notice(format!("The device says: {what}")),
            MAX_COMPLAINTS => cx.notice(format!("The device says: {what}; no more of this will be told")),
            _ => {}
        }
    }
}

fn send(line: &str, cx: &mut Context<'_>) {
    let mut bytes = line.as_bytes().to_vec();
    bytes.push(b'\n');
    cx.write(Endpoint::TX, &bytes, false);
}

impl Program for SelfDescribed {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
        self.ready(cx);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (self.phase, result) {
            (Phase::Opening, Ok(_)) => self.ask(cx.now() + GREETING_TIME, cx),
            (_, Err(reason)) if !cx.is_ready() => cx.fail(format!("{operation} failed: {reason}")),
            (Phase::Greeted, Err(reason)) => {
                let Operation::Write { bytes, .. } = operation else { return };
                let asked = self.asked.iter().find(|(_, line)| line.as_bytes() == bytes.trim_ascii_end());
                if let Some((&(feature, kind), _)) = asked {
                    self.asked.remove(&(feature, kind));
                    cx.read_done(feature, kind, Err(reason.to_owned()));
                }
            }
            _ => {}
        }
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if from == Endpoint::RX {
            self.take(bytes, cx);
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            let duration = (change.kind == frisson_wire::OutputKind::HwPositionWithDuration)
                .then(|| u32::try_from(change.duration.as_millis()).unwrap_or(u32::MAX));
            send(&lines::output(change.feature, change.kind, change.value, duration), cx);
        }
    }

    fn halt(&mut self, movement: &Change, _: &State, cx: &mut Context<'_>) {
        send(&lines::halt(movement.feature, movement.kind), cx);
    }

    fn keepalive(&mut self, _: &State, cx: &mut Context<'_>) {
        send(lines::KEEP_ALIVE, cx);
    }

    fn read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        let line = lines::input(feature, kind, InputAction::Read);
        send(&line, cx);
        self.asked.insert((feature, kind), line);
    }

    fn listen(&mut self, feature: u32, kind: InputKind, on: bool, cx: &mut Context<'_>) {
        let action = if on { InputAction::Subscribe } else { InputAction::Unsubscribe };
        if on {
            self.subscribed.insert((feature, kind));
        } else {
            self.subscribed.remove(&(feature, kind));
        }
        send(&lines::input(feature, kind, action), cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Asking(until) if cx.now() >= until => cx.fail(format!(
                "the device did not answer {} with its greeting within {} s",
                lines::ASK,
                GREETING_TIME.as_secs()
            )),
            Phase::Asking(until) => self.ask(until, cx),
            Phase::Opening | Phase::Greeted => {}
        }
    }
}
