//! OSSM, an open stroking machine: text commands in two modes, and a report of the mode that it is in.

use std::time::Duration;

use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::OutputKind;

use super::Setup;
use super::track::Track;

/// How long the way takes that ends a move where the device is. It is none, unless the device lags behind.
const HALT_TIME: Duration = Duration::from_millis(100);

/// How long after a failed write the speed is told again.
const RETRY_TIME: Duration = Duration::from_secs(1);

pub(super) struct Ossm {
    setup: Setup,
    /// The mode that the device was switched to, once that has been written; `None` in the menu.
    mode: Option<Mode>,
    /// The mode that it is being switched to.
    asked: Option<Mode>,
    /// What it reported last.
    reported: Option<Reported>,
    /// The speed of strokes that is wanted.
    speed: i32,
    /// The speed has to be told again, because the device has come into the mode only after it was told.
    speed_due: bool,
    track: Track,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Strokes by itself, at a speed.
    Stroke,
    /// Goes where it is told.
    Streaming,
}

/// What the device reports that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Mode(Mode),
    Other,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Stroke, Self::Streaming];

    /// The name in reports.
    fn name(self) -> &'static str {
        match self {
            Self::Stroke => "strokeEngine",
            Self::Streaming => "streaming",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Stroke => "go:strokeEngine",
            Self::Streaming => "go:streaming",
        }
    }
}

const MENU: &str = "go:menu";

/// The last of what is set when the device has come into a mode. The speed has to come after it.
const LENGTH: &str = "set:stroke:100";

fn say(text: &str, cx: &mut Context<'_>) {
    cx.write(Endpoint::TX, text.as_bytes(), true);
}

impl Ossm {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            mode: None,
            asked: None,
            reported: None,
            speed: 0,
            speed_due: false,
            track: Track::default(),
        }
    }

    /// Switches to a mode, unless it is the present one; always through the menu.
    fn switch(&mut self, present: &mut Option<Mode>, to: Mode, cx: &mut Context<'_>) {
        if *present != Some(to) {
            say(MENU, cx);
            say(to.command(), cx);
            *present = Some(to);
            self.asked = Some(to);
            self.track.lose();
        }
    }

    fn stream(&mut self, to: i32, takes: Duration, cx: &mut Context<'_>) {
        let text = format!("stream:{to}:{}", takes.as_millis());
        self.track.render(text.as_bytes(), to, takes);
        say(&text, cx);
    }

    /// Whether it may be stroking although it was not told to: it says so, or nothing is known of it.
    fn may_stroke(&self) -> bool {
        match self.reported {
            Some(reported) => reported == Reported::Mode(Mode::Stroke),
            None => self.mode.is_none(),
        }
    }

    /// Takes in what mode the device reports.
    fn report(&mut self, reported: Reported, cx: &mut Context<'_>) {
        let before = self.reported.replace(reported);
        if before == Some(reported) {
            return;
        }
        let is =
            |mode: Option<Mode>, reported| mode.is_some_and(|mode| reported == Some(Reported::Mode(mode)));
        if is(self.mode, Some(reported)) || is(self.asked, Some(reported)) {
            if let Some(limits) = self.setup.endpoint("txmode") {
                cx.write(limits, b"false", true);
            }
            say("set:depth:100", cx);
            say(LENGTH, cx);
        } else if is(self.mode, before) {
            // Somebody has left the mode at the device.
            self.mode = None;
            if self.asked.is_some_and(|asked| before == Some(Reported::Mode(asked))) {
                self.asked = None;
            }
        }
    }

    /// Takes in what has been written.
    fn said(&mut self, bytes: &[u8], cx: &mut Context<'_>) {
        let switched = Mode::ALL.into_iter().find(|mode| bytes == mode.command().as_bytes());
        if bytes == MENU.as_bytes() {
            self.mode = None;
        } else if switched.is_some() {
            self.mode = switched;
        }
        if bytes == LENGTH.as_bytes() {
            self.speed_due = true;
        } else if bytes.starts_with(b"set:speed:") {
            self.speed_due = false;
        }
        self.track.written(bytes, cx.now());
        if self.speed_due {
            // In a tick, because a stop drops that: the speed of before must not come after it.
            cx.wake_at(cx.now());
        }
    }
}

impl Program for Ossm {
    fn start(&mut self, cx: &mut Context<'_>) {
        if self.setup.available.contains(&Endpoint::RX) {
            cx.listen(Endpoint::RX, true);
        }
        let description = self.setup.describe(&self.setup.name, cx, &[], |feature, output| {
            feature == 0
                && matches!(output.kind, OutputKind::Oscillate | OutputKind::HwPositionWithDuration)
                && output.value.min >= 0
                && output.value.max <= 100
        });
        cx.ready(description);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (operation, result) {
            (_, Err(reason)) if !cx.is_ready() => cx.fail(format!("{operation} failed: {reason}")),
            (Operation::Write { .. }, Err(_)) if self.speed_due => cx.wake_at(cx.now() + RETRY_TIME),
            (Operation::Write { endpoint: Endpoint::TX, bytes, .. }, Ok(_)) => self.said(bytes, cx),
            _ => {}
        }
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        let (Endpoint::RX, Some(state)) = (from, state(bytes)) else { return };
        let name = state.split('.').next().unwrap_or_default();
        let mode = Mode::ALL.into_iter().find(|mode| mode.name() == name);
        self.report(mode.map_or(Reported::Other, Reported::Mode), cx);
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        // What was asked for before has been written by now, or a stop has dropped it.
        self.asked = self.mode;
        let mut mode = self.mode;
        for change in dirty {
            if change.kind == OutputKind::Oscillate {
                self.speed = change.value;
                if self.speed != 0 {
                    self.switch(&mut mode, Mode::Stroke, cx);
                }
                if mode == Some(Mode::Stroke) || self.may_stroke() {
                    say(&format!("set:speed:{}", self.speed), cx);
                }
            } else {
                self.switch(&mut mode, Mode::Streaming, cx);
                self.stream(change.value, change.duration, cx);
            }
        }
    }

    /// There is no packet for it, so the device is sent to where it is. Where its first move began nobody knows, and a wrong guess would
    /// make it jump: then it goes to the menu.
    fn halt(&mut self, _: &Change, _: &State, cx: &mut Context<'_>) {
        match (self.mode, self.track.place(cx.now())) {
            (Some(Mode::Streaming), Some(place)) => self.stream(place, HALT_TIME, cx),
            (Some(Mode::Streaming), None) => say(MENU, cx),
            _ => {}
        }
    }

    /// The speed, for to stream the last position anew would be a move.
    fn keepalive(&mut self, state: &State, cx: &mut Context<'_>) {
        let mut changes = state.all();
        changes.retain(|change| !change.kind.is_position());
        self.render(&changes, state, cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        match self.mode {
            Some(Mode::Stroke) if self.speed_due => say(&format!("set:speed:{}", self.speed), cx),
            Some(Mode::Streaming) if self.speed_due => say("set:speed:100", cx),
            _ => {}
        }
    }
}

/// The text of the member `state` of a JSON object.
pub(super) fn state(bytes: &[u8]) -> Option<&str> {
    let mut text = std::str::from_utf8(bytes).ok()?.trim_start().strip_prefix('{')?;
    let mut depth = 1_u32;
    // The last text, and whether a colon came after it.
    let mut last = ("", false);
    while let Some((mark, rest)) = text.split_at_checked(text.chars().next()?.len_utf8()) {
        text = rest;
        match mark {
            "\"" => {
                let (word, rest) = quoted(text)?;
                text = rest;
                if depth == 1 && last == ("state", true) {
                    return Some(word);
                }
                last = (word, false);
            }
            ":" => last.1 = true,
            "{" | "[" => depth = depth.saturating_add(1),
            "}" | "]" => depth = depth.saturating_sub(1),
            "," => last = ("", false),
            _ => {}
        }
    }
    None
}

/// A text up to its closing quotation mark, as it is written, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}
