//! A device that speaks in plain text, and a link whose delays and failures are scripted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use frisson_engine::device::{
    Command, DeviceMachine, Input, Limit, Output, Preferences, Report, Selection, Settings, Ticket,
};
use frisson_program::{Change, Context, Description, Endpoint, Operation, Packet, Program, State};
use frisson_wire::{Feature, InputKind, OutputKind, Range};

pub(crate) use frisson_wire::OutputKind::{
    HwPositionWithDuration as Stroke, Position, Rotate, Spray, Temperature, Vibrate,
};

/// What an operation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Works(u64),
    Fails(u64),
    Hangs,
}

/// A program whose packets are words like `v0=10`: the kind's letter, the feature, the value, and `@ms` where it takes time.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    pub(crate) description: Description,
    /// What it writes before it is ready.
    pub(crate) greeting: Vec<Greet>,
    /// Whether all outputs share one packet.
    pub(crate) packed: bool,
    /// Whether a timed move can be ended.
    pub(crate) halts: bool,
    /// What follows a value other than 0, and after how long.
    pub(crate) follow_up: Option<Duration>,
    /// Writes `tick` so often once it is ready.
    pub(crate) ticks: Option<Duration>,
    /// Writes twice per answer it gets to what it wrote by itself.
    pub(crate) rampant: bool,
    /// Answers what it hears with this many writes.
    pub(crate) answers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greet {
    Write(&'static str),
    Listen,
    /// The device has to say `yes`.
    Hear,
}

impl Plain {
    pub(crate) fn new(features: Vec<Feature>) -> Self {
        let description = Description {
            protocol: "plain".to_owned(),
            model: "one".to_owned(),
            name: "Plain One".to_owned(),
            features,
            gap: None,
            keepalive: None,
        };
        Self {
            description,
            greeting: Vec::new(),
            packed: false,
            halts: false,
            follow_up: None,
            ticks: None,
            rampant: false,
            answers: 0,
        }
    }

    fn greet(&mut self, cx: &mut Context<'_>) {
        match self.greeting.first() {
            Some(Greet::Write(word)) => cx.write(Endpoint::TX, word.as_bytes(), true),
            Some(Greet::Listen) => cx.listen(Endpoint::RX, true),
            Some(Greet::Hear) => cx.notice("say yes"),
            None => {
                cx.ready(self.description.clone());
                if let Some(every) = self.ticks {
                    cx.wake_at(cx.now() + every);
                }
            }
        }
    }
}

impl Program for Plain {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.greet(cx);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        match (cx.is_ready(), operation, result) {
            (false, _, Ok(_)) if !self.greeting.is_empty() => {
                self.greeting.remove(0);
                self.greet(cx);
            }
            (false, _, Ok(_)) => {}
            (false, _, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (true, Operation::Read { .. }, result) => {
                let value = result.map(|bytes| i64::from(bytes.first().copied().unwrap_or(0)));
                cx.read_done(6, InputKind::Battery, value.map_err(str::to_owned));
            }
            (true, Operation::Write { bytes, .. }, _) if self.rampant && bytes.as_slice() == b"tick" => {
                cx.write(Endpoint::TX, b"tick", false);
                cx.write(Endpoint::TX, b"tick", false);
            }
            _ => {}
        }
    }

    fn heard(&mut self, _: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if !cx.is_ready() {
            if self.greeting.first() == Some(&Greet::Hear) && bytes == b"yes" {
                self.greeting.remove(0);
                self.greet(cx);
            }
            return;
        }
        for _ in 0..self.answers {
            cx.write(Endpoint::TX, b"answer", false);
        }
        cx.reading(7, InputKind::Pressure, i64::from(bytes.first().copied().unwrap_or(0)));
    }

    fn render(&mut self, dirty: &[Change], state: &State, cx: &mut Context<'_>) {
        if self.packed {
            let words: Vec<_> = state.outputs().iter().map(|output| word(&output.change())).collect();
            cx.write(Endpoint::TX, words.join(" ").as_bytes(), false);
        } else {
            for change in dirty {
                cx.write(Endpoint::TX, word(change).as_bytes(), false);
            }
        }
        if let (Some(after), true) = (self.follow_up, dirty.iter().any(|change| change.value != 0)) {
            cx.follow_up(after, Endpoint::TX, b"release", false);
        }
    }

    fn halt(&mut self, movement: &Change, _: &State, cx: &mut Context<'_>) {
        if self.halts {
            cx.write(Endpoint::TX, format!("halt{}", movement.feature).as_bytes(), false);
        }
    }

    fn read(&mut self, _: u32, _: InputKind, cx: &mut Context<'_>) {
        cx.read(Endpoint::RX);
    }

    fn listen(&mut self, _: u32, _: InputKind, on: bool, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, on);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        cx.write(Endpoint::TX, b"tick", false);
        if let Some(every) = self.ticks {
            cx.wake_at(cx.now() + every);
        }
    }
}

fn word(change: &Change) -> String {
    let letter = letter(change.kind);
    let (feature, value, ms) = (change.feature, change.value, change.duration.as_millis());
    if change.duration.is_zero() {
        format!("{letter}{feature}={value}")
    } else {
        format!("{letter}{feature}={value}@{ms}")
    }
}

pub(crate) fn letter(kind: OutputKind) -> char {
    match kind {
        OutputKind::Vibrate => 'v',
        OutputKind::Rotate => 'r',
        OutputKind::Oscillate => 'o',
        OutputKind::Constrict => 'c',
        OutputKind::Spray => 's',
        OutputKind::Temperature => 't',
        OutputKind::Led => 'l',
        OutputKind::Position => 'p',
        OutputKind::HwPositionWithDuration => 'h',
    }
}

pub(crate) fn output(kind: OutputKind, min: i32, max: i32) -> frisson_wire::Output {
    let duration = (kind == Stroke).then_some(Range::new(0, 10_000));
    frisson_wire::Output { kind, value: Range::new(min, max), duration }
}

pub(crate) fn feature(index: u32, outputs: Vec<frisson_wire::Output>) -> Feature {
    Feature { index, outputs, ..Feature::default() }
}

/// Motors that vibrate in steps of 0 to 20.
pub(crate) fn motors(count: u32) -> Plain {
    Plain::new((0..count).map(|index| feature(index, vec![output(Vibrate, 0, 20)])).collect())
}

/// A motor and a stroker of 0 to 99.
pub(crate) fn stroker() -> Plain {
    Plain::new(vec![
        feature(0, vec![output(Vibrate, 0, 20)]),
        feature(4, vec![output(Stroke, 0, 99), output(Position, 0, 99)]),
    ])
}

/// A motor, a battery on feature 6 and a bulb on feature 7.
pub(crate) fn sensing() -> Plain {
    let input = |kind, max, read| frisson_wire::Input {
        kind,
        values: vec![Range::new(0, max)],
        read,
        subscribe: !read,
        spelling: Default::default(),
    };
    let sense = |index, input| Feature { index, inputs: vec![input], ..Feature::default() };
    Plain::new(vec![
        feature(0, vec![output(Vibrate, 0, 20)]),
        sense(6, input(InputKind::Battery, 100, true)),
        sense(7, input(InputKind::Pressure, 2000, false)),
    ])
}

pub(crate) fn settings(gap: u64) -> Settings {
    Settings { gap: Duration::from_millis(gap), limits: Vec::new(), stop_first: false }
}

pub(crate) fn limited(limits: Vec<Limit>) -> Command {
    Command::Prefer(Preferences { limits, gap: None })
}

pub(crate) fn limit(feature: u32, kind: OutputKind, low: i32, high: i32) -> Limit {
    Limit { feature, kind, steps: Range::new(low, high), duration: None, reverse: false, disabled: false }
}

/// A machine, its link and the time.
pub(crate) struct Bench {
    machine: DeviceMachine,
    start: Instant,
    now: Instant,
    /// What the next operations come to, before `fate`.
    pub(crate) script: VecDeque<Fate>,
    pub(crate) fate: Fate,
    under_way: Option<(Operation, Option<Instant>, bool)>,
    operations: Vec<String>,
    reports: Vec<Report>,
    abandoned: usize,
    closed: bool,
}

impl Bench {
    /// A device on a link that takes no time. What the greeting has written is already forgotten.
    pub(crate) fn new(program: Plain, settings: Settings) -> Self {
        let mut bench = Self::greeting(program, settings);
        bench.run(0);
        bench.forget();
        bench
    }

    /// A device whose greeting has just begun.
    pub(crate) fn greeting(program: Plain, settings: Settings) -> Self {
        Self::greeting_on(Fate::Works(0), program, settings)
    }

    /// A device whose greeting has just begun, on a link of this kind.
    pub(crate) fn greeting_on(fate: Fate, program: Plain, settings: Settings) -> Self {
        let start = Instant::now();
        let machine = DeviceMachine::new(start, Box::new(program), settings);
        let mut bench = Self {
            machine,
            start,
            now: start,
            script: VecDeque::new(),
            fate,
            under_way: None,
            operations: Vec::new(),
            reports: Vec::new(),
            abandoned: 0,
            closed: false,
        };
        bench.drain();
        bench
    }

    pub(crate) fn ms(&self) -> u64 {
        u64::try_from((self.now - self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// Lets this many milliseconds pass.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        loop {
            let answer = self.under_way.as_ref().and_then(|(_, at, _)| *at);
            let timeout = self.machine.poll_timeout();
            let Some(next) = answer.into_iter().chain(timeout).min().filter(|at| *at <= until) else { break };
            self.now = self.now.max(next);
            if answer.is_some_and(|at| at <= self.now) {
                self.answer();
            } else {
                self.handle(Input::Timeout);
                let again = self.machine.poll_timeout();
                assert!(again.is_none_or(|at| at > self.now), "the machine asks for a time that has come");
            }
        }
        self.now = until;
    }

    fn answer(&mut self) {
        let Some((operation, _, works)) = self.under_way.take() else { return };
        let bytes = match operation {
            Operation::Read { .. } => Packet::from_slice(&[87]),
            _ => Packet::new(),
        };
        self.handle(Input::Completed(if works { Ok(bytes) } else { Err("the link is bad".to_owned()) }));
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        if matches!(input, Input::Completed(_)) {
            self.under_way = None;
        }
        self.machine.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            assert!(!self.closed, "{output:?} after the end");
            match output {
                Output::Operate(operation) => {
                    assert!(self.under_way.is_none(), "{operation} while another operation is under way");
                    let text = match &operation {
                        Operation::Write { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
                        other => other.to_string(),
                    };
                    self.operations.push(format!("{} {text}", self.ms()));
                    let after = |ms| Some(self.now + Duration::from_millis(ms));
                    let (at, works) = match self.script.pop_front().unwrap_or(self.fate) {
                        Fate::Works(ms) => (after(ms), true),
                        Fate::Fails(ms) => (after(ms), false),
                        Fate::Hangs => (None, false),
                    };
                    self.under_way = Some((operation, at, works));
                }
                Output::Abandon => {
                    assert!(self.under_way.take().is_some(), "nothing to abandon");
                    self.abandoned += 1;
                }
                Output::Report(report) => self.reports.push(report),
                Output::Close => self.closed = true,
            }
        }
        if self.closed {
            assert_eq!(self.machine.poll_timeout(), None);
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.handle(Input::Command(command));
    }

    pub(crate) fn set(&mut self, feature: u32, kind: OutputKind, value: i32) {
        self.command(Command::Set { feature, kind, value, duration: Duration::ZERO });
    }

    pub(crate) fn vibrate(&mut self, feature: u32, value: i32) {
        self.set(feature, Vibrate, value);
    }

    pub(crate) fn stroke(&mut self, value: i32, ms: u64) {
        let duration = Duration::from_millis(ms);
        self.command(Command::Set { feature: 4, kind: Stroke, value, duration });
    }

    pub(crate) fn stop(&mut self, ticket: Ticket) {
        self.command(Command::Stop { selection: Selection::All, ticket: Some(ticket) });
    }

    pub(crate) fn read(&mut self, ticket: Ticket) {
        self.command(Command::Read { feature: 6, kind: InputKind::Battery, ticket });
    }

    /// Forgets what has been seen so far.
    pub(crate) fn forget(&mut self) {
        self.operations.clear();
        self.reports.clear();
        self.abandoned = 0;
    }

    /// All operations since the last call, each behind the time at which it began.
    pub(crate) fn operations(&mut self) -> Vec<String> {
        std::mem::take(&mut self.operations)
    }

    /// All reports since the last call.
    pub(crate) fn reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports)
    }

    /// The features of the last description that was reported.
    pub(crate) fn advertised(&mut self) -> Vec<Feature> {
        let described = self.reports().into_iter().rev().find_map(|report| match report {
            Report::Ready(description) | Report::Redefined(description) => Some(description.features),
            _ => None,
        });
        described.unwrap_or_default()
    }

    pub(crate) fn abandoned(&self) -> usize {
        self.abandoned
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn next_timeout(&self) -> Option<u64> {
        let at = self.machine.poll_timeout()?;
        u64::try_from((at - self.start).as_millis()).ok()
    }
}
