//! What the dongle is told and what it says, as a machine without input, output or clock of its own.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::{self, Lines, Message};

/// How long the dongle is left alone after it was asked for a toy that is connected already. Anything sooner locks it up.
const ASK: Duration = Duration::from_millis(250);
/// The least time between two searches.
const SEARCH_AGAIN: Duration = Duration::from_millis(250);
/// How long the end of a search is waited for once a toy was found.
const STOPPING: Duration = Duration::from_secs(2);
/// How often a dongle is looked for while a scan runs.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What happens.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// A scan begins or ends.
    Scan(bool),
    /// A dongle was found and opened.
    Opened,
    /// What was to be sent has been sent.
    Sent,
    /// The dongle said this, however it is cut.
    Heard(&'a [u8]),
    /// The dongle is gone, for this reason.
    Lost(&'a str),
    /// A toy is to be told something; the number comes back with what becomes of it.
    Command { number: u64, toy: &'a str, text: &'a str },
    /// The time that was asked for has come.
    Timeout,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Look for a dongle and open it.
    Look,
    /// Tell the dongle this, as one line. If it is a command, its number.
    Send(String, Option<u64>),
    /// A command cannot be sent, for its toy is not connected.
    Refused(u64),
    /// A toy can be used.
    Toy(String),
    /// The scan has ended.
    ScanEnded,
    /// A toy said this.
    Said { toy: String, text: String },
    /// A toy is gone, for this reason.
    ToyLost { toy: String, reason: String },
}

/// One dongle, or the place for one.
///
/// After each [`handle`](Self::handle), drain [`poll_output`](Self::poll_output).
#[derive(Debug, Default)]
pub(super) struct Dongle {
    state: State,
    is_scanning: bool,
    lines: Lines,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum State {
    /// No dongle. It is looked for then, while a scan runs.
    #[default]
    Absent,
    /// No dongle; this is when one is looked for.
    Awaited(Instant),
    /// Asked for a toy that is connected already; nothing may be sent until then.
    Asking { until: Instant, toy: Option<String> },
    /// No toy, and none is looked for.
    Idle,
    /// A search runs since then.
    Searching(Instant),
    /// The search has ended by itself; the next begins then.
    Pausing(Instant),
    /// A toy was found; the end of the search is waited for until then.
    Stopping { until: Instant, toy: String },
    /// A toy is connected.
    Toy(String),
}

impl Dongle {
    pub(super) fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Scan(true) => self.scan(now),
            Input::Scan(false) => self.end_scan(),
            Input::Opened => {
                self.lines.clear();
                self.send(message::STATUS);
                self.state = State::Asking { until: now + ASK, toy: None };
            }
            Input::Sent => {
                if let State::Asking { until, .. } = &mut self.state {
                    *until = now + ASK;
                }
            }
            Input::Heard(bytes) => {
                for message in self.lines.take(bytes) {
                    self.heard(now, message);
                }
            }
            Input::Lost(reason) => self.lost(now, reason),
            Input::Command { number, toy, text } => self.outputs.push_back(match &self.state {
                State::Toy(here) if here == toy => Output::Send(message::command(toy, text), Some(number)),
                _ => Output::Refused(number),
            }),
            Input::Timeout => self.timeout(now),
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Awaited(at) | State::Pausing(at) => Some(*at),
            State::Asking { until, .. } | State::Stopping { until, .. } => Some(*until),
            State::Absent | State::Idle | State::Searching(_) | State::Toy(_) => None,
        }
    }

    fn send(&mut self, message: &str) {
        self.outputs.push_back(Output::Send(message.to_owned(), None));
    }

    fn scan(&mut self, now: Instant) {
        self.is_scanning = true;
        match self.state.clone() {
            State::Absent | State::Awaited(_) => self.look(now),
            State::Idle => self.search(now),
            State::Toy(toy) => self.connected(toy),
            State::Asking { .. } | State::Searching(_) | State::Pausing(_) | State::Stopping { .. } => {}
        }
    }

    fn end_scan(&mut self) {
        match self.state {
            State::Awaited(_) => self.state = State::Absent,
            State::Searching(_) => {
                self.send(message::STOP_SEARCH);
                self.state = State::Idle;
            }
            State::Pausing(_) => self.state = State::Idle,
            State::Absent | State::Asking { .. } | State::Idle | State::Stopping { .. } | State::Toy(_) => {}
        }
        self.scan_ended();
    }

    fn scan_ended(&mut self) {
        if std::mem::take(&mut self.is_scanning) {
            self.outputs.push_back(Output::ScanEnded);
        }
    }

    fn look(&mut self, now: Instant) {
        self.outputs.push_back(Output::Look);
        self.state = State::Awaited(now + LOOK_AGAIN);
    }

    fn search(&mut self, now: Instant) {
        self.send(message::SEARCH);
        self.state = State::Searching(now);
    }

    /// There is no toy; a scan goes on looking for one.
    fn without_toy(&mut self, now: Instant) {
        if self.is_scanning { self.search(now) } else { self.state = State::Idle }
    }

    /// A toy can be used. Only one can, so that a scan has ended.
    fn connected(&mut self, toy: String) {
        self.outputs.push_back(Output::Toy(toy.clone()));
        self.state = State::Toy(toy);
        self.scan_ended();
    }

    fn lost(&mut self, now: Instant, reason: &str) {
        if let State::Toy(toy) = std::mem::take(&mut self.state) {
            self.outputs.push_back(Output::ToyLost { toy, reason: reason.to_owned() });
        }
        self.lines.clear();
        if self.is_scanning {
            self.state = State::Awaited(now + LOOK_AGAIN);
        }
    }

    fn timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return;
        }
        match self.state.clone() {
            State::Awaited(_) => self.look(now),
            State::Asking { toy: Some(toy), .. } | State::Stopping { toy, .. } => self.connected(toy),
            State::Asking { toy: None, .. } | State::Pausing(_) => self.without_toy(now),
            State::Absent | State::Idle | State::Searching(_) | State::Toy(_) => {}
        }
    }

    fn heard(&mut self, now: Instant, message: Message) {
        match message {
            Message::Connected(id) => self.toy_connected(id),
            Message::NotConnected(id, reason) => self.toy_not_connected(now, id.as_deref(), reason),
            Message::SearchEnded => match self.state.clone() {
                State::Searching(since) => self.state = State::Pausing(now.max(since + SEARCH_AGAIN)),
                State::Stopping { toy, .. } => self.connected(toy),
                _ => {}
            },
            Message::ToyData { id, text } => self.toy_said(now, id, text),
        }
    }

    fn toy_connected(&mut self, id: String) {
        match &mut self.state {
            State::Asking { toy, .. } => *toy = Some(id),
            State::Stopping { toy, .. } => *toy = id,
            State::Idle | State::Searching(_) | State::Pausing(_) => self.connected(id),
            State::Toy(toy) if *toy != id => {
                // One toy at a time: the one before is not there any more.
                let toy = std::mem::take(toy);
                let reason = "the dongle has connected another toy".to_owned();
                self.outputs.push_back(Output::ToyLost { toy, reason });
                self.connected(id);
            }
            State::Toy(_) | State::Absent | State::Awaited(_) => {}
        }
    }

    fn toy_not_connected(&mut self, now: Instant, id: Option<&str>, reason: &str) {
        let is_meant = |toy: &str| id.is_none_or(|id| id == toy);
        match &mut self.state {
            State::Asking { toy, .. } => *toy = toy.take().filter(|toy| !is_meant(toy)),
            State::Stopping { toy, .. } if is_meant(toy) => self.without_toy(now),
            State::Toy(toy) if is_meant(toy) => {
                let toy = std::mem::take(toy);
                self.outputs.push_back(Output::ToyLost { toy, reason: reason.to_owned() });
                self.without_toy(now);
            }
            _ => {}
        }
    }

    fn toy_said(&mut self, now: Instant, id: String, text: Option<String>) {
        match &self.state {
            State::Searching(_) => {
                self.send(message::STOP_SEARCH);
                self.state = State::Stopping { until: now + STOPPING, toy: id };
            }
            State::Asking { until, .. } => self.state = State::Asking { until: *until, toy: Some(id) },
            State::Pausing(_) => self.connected(id),
            State::Toy(toy) if *toy == id => {
                self.outputs.extend(text.map(|text| Output::Said { toy: id, text }));
            }
            _ => {}
        }
    }
}
