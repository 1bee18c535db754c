//! What the client in the terminal knows and wants, without any I/O: keys and news go in, wishes and a picture come out.
//!
//! After each [`App::handle`], drain [`App::next_wish`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use frisson_wire::{InputKind, OutputKind};

use crate::connect::device::{Device, Input, InputId, Output, OutputId};
use crate::connect::keys::{self, Command};
use crate::connect::messages::{Heard, What, Wish};

/// How long a line that tells of something stays.
const NOTICE: Duration = Duration::from_secs(15);
/// How many of those lines there are at most.
const NOTICES: usize = 3;
/// How often a battery is asked that does not tell by itself.
const BATTERY_INTERVAL: Duration = Duration::from_secs(60);
/// How often other inputs are asked that do not tell by themselves.
const INPUT_INTERVAL: Duration = Duration::from_secs(2);
/// The longest time between two looks at the picture: it shows how long something will take, and that the terminal is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// By how much `-` and `+` change the time of a move, in milliseconds.
const DURATION_STEP: u32 = 100;

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    Up,
    Down { reason: String, attempt: u32, at: Option<Instant> },
}

/// A line that tells of something.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) is_fault: bool,
    pub(crate) until: Instant,
}

/// The whole state.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) address: String,
    pub(crate) server_name: String,
    pub(crate) link: Link,
    /// In ascending order of their index.
    pub(crate) devices: Vec<Device>,
    pub(crate) selected: Option<OutputId>,
    pub(crate) is_scanning: bool,
    pub(crate) shows_help: bool,
    pub(crate) is_leaving: bool,
    pub(crate) notices: VecDeque<Notice>,
    pub(crate) now: Instant,
    wishes: VecDeque<Wish>,
    last_number: u64,
    /// Answers to wishes up to this one are of no interest: the connection was lost since.
    void: u64,
}

impl App {
    pub(crate) fn new(address: impl Into<String>, server_name: impl Into<String>, now: Instant) -> Self {
        Self {
            address: address.into(),
            server_name: server_name.into(),
            link: Link::Up,
            devices: Vec::new(),
            selected: None,
            is_scanning: false,
            shows_help: false,
            is_leaving: false,
            notices: VecDeque::new(),
            now,
            wishes: VecDeque::new(),
            last_number: 0,
            void: 0,
        }
    }

    /// Takes in what happened.
    pub(crate) fn handle(&mut self, now: Instant, heard: Heard) {
        self.now = now;
        match heard {
            Heard::Key(key) => {
                if let Some(command) = keys::command(&key) {
                    self.obey(command);
                }
            }
            Heard::Added(device) => self.add(device),
            Heard::Removed(index) => self.remove(index),
            Heard::Present(devices) => self.replace(devices),
            Heard::Reading(id, value) => {
                if let Some(input) = self.input(id) {
                    input.note(value);
                }
            }
            Heard::ScanEnded => {
                if std::mem::take(&mut self.is_scanning) {
                    self.tell("the search for devices has ended");
                }
            }
            Heard::Fault(message) => self.complain(message),
            Heard::Lost(reason) => self.lost(reason),
            Heard::Retrying { attempt, delay } => {
                if let Link::Down { attempt: number, at, .. } = &mut self.link {
                    *number = attempt;
                    *at = Some(now + delay);
                }
            }
            Heard::Back => {
                self.link = Link::Up;
                self.tell("connected again; the server has stopped what was driven here");
                let inputs: Vec<_> = self.devices.iter().flat_map(|device| &device.inputs).cloned().collect();
                inputs.iter().for_each(|input| self.follow(input));
            }
            Heard::Done(wish, result) => {
                if wish.number > self.void {
                    self.done(wish, result);
                }
            }
            Heard::Tick => {}
            Heard::Leaving => self.is_leaving = true,
        }
        self.notices.retain(|notice| notice.until > now);
        self.read_what_is_due();
    }

    /// What is to be done next.
    pub(crate) fn next_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// When to come back with a [`Heard::Tick`] at the latest.
    pub(crate) fn next_timeout(&self) -> Instant {
        let inputs = self.devices.iter().flat_map(|device| &device.inputs).filter_map(|input| input.due);
        inputs.chain([self.now + HEARTBEAT]).min().unwrap_or(self.now)
    }

    /// All outputs, in the order in which they are shown.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.devices.iter().flat_map(|device| &device.outputs)
    }

    fn output_ids(&self) -> Vec<OutputId> {
        self.outputs().map(|output| output.id).collect()
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::StopAll => self.stop_all(),
            Command::StopFeature => self.stop_feature(),
            Command::Move(by) => self.go(by),
            Command::First => self.selected = self.output_ids().first().copied(),
            Command::Last => self.selected = self.output_ids().last().copied(),
            Command::Coarse(direction) => {
                self.change(|output, value| {
                    value.saturating_add(direction.saturating_mul(output.five_percent()))
                });
            }
            Command::Fine(direction) => self.change(|_, value| value.saturating_add(direction)),
            Command::Percent(percent) => self.change(|output, _| output.at_percent(percent)),
            Command::Reverse => match self.selected.and_then(|id| self.output(id)) {
                Some(output) if output.has_direction() => self.change(|_, value| value.saturating_neg()),
                Some(_) => self.tell("this output has only one direction"),
                None => {}
            },
            Command::Again => {
                if let Some(id) = self.selected {
                    self.send(id);
                }
            }
            Command::Duration(direction) => self.change_duration(direction),
            Command::Scan => {
                if self.is_usable() {
                    // At once: the end of a short search may be told before its beginning is confirmed.
                    self.is_scanning = !self.is_scanning;
                    self.wish(What::Scan(self.is_scanning));
                }
            }
            Command::Help => self.shows_help = !self.shows_help,
            Command::Back if self.shows_help => self.shows_help = false,
            Command::Back | Command::Leave => {
                self.is_leaving = true;
                self.wish(What::Leave);
            }
        }
    }

    /// Stop never asks whether it is of use.
    fn stop_all(&mut self) {
        self.devices.iter_mut().flat_map(|device| &mut device.outputs).for_each(come_to_rest);
        self.wish(What::StopAll);
    }

    fn stop_feature(&mut self) {
        let Some(OutputId { device, feature, .. }) = self.selected else { return };
        self.devices
            .iter_mut()
            .flat_map(|device| &mut device.outputs)
            .filter(|output| (output.id.device, output.id.feature) == (device, feature))
            .for_each(come_to_rest);
        self.wish(What::StopFeature { device, feature });
    }

    fn go(&mut self, by: isize) {
        let ids = self.output_ids();
        let at = ids.iter().position(|id| Some(*id) == self.selected).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(ids.len().saturating_sub(1));
        self.selected = ids.get(to).copied();
    }

    fn change(&mut self, to: impl Fn(&Output, i32) -> i32) {
        let Some(output) = self.selected.and_then(|id| self.output(id)) else { return };
        let from = output.value.unwrap_or_else(|| output.rest());
        let value = output.range.clamp(to(output, from));
        let is_new = output.value != Some(value) || output.id.kind.repeats();
        let id = output.id;
        if !self.is_usable() {
            return;
        }
        if let Some(output) = self.output(id) {
            output.value = Some(value);
        }
        // A spray is one act per command: on the way to a level there must be none.
        if is_new && id.kind != OutputKind::Spray {
            self.send(id);
        }
    }

    fn change_duration(&mut self, direction: i32) {
        let Some(output) = self.selected.and_then(|id| self.output(id)) else { return };
        let Some(range) = output.durations else {
            return self.tell("only a timed position takes a time");
        };
        let duration = if direction < 0 {
            output.duration.saturating_sub(DURATION_STEP)
        } else {
            output.duration.saturating_add(DURATION_STEP)
        };
        output.duration = range.clamp(duration);
    }

    /// Sends what an output is set to. While a command is under way there is no other: only the newest value follows it.
    fn send(&mut self, id: OutputId) {
        if !self.is_usable() {
            return;
        }
        let number = self.last_number + 1;
        let Some(output) = self.output(id) else { return };
        let Some(value) = output.value else { return };
        output.is_stale = output.sent.is_some();
        if output.is_stale {
            return;
        }
        output.sent = Some(number);
        let duration = output.durations.map(|_| output.duration);
        self.wish(What::Set { output: id, value, duration });
    }

    fn is_usable(&mut self) -> bool {
        if self.link != Link::Up {
            self.tell("not connected: nothing was sent");
        }
        self.link == Link::Up
    }

    fn done(&mut self, wish: Wish, result: Result<Option<i64>, String>) {
        match (wish.what, result) {
            (What::Set { output: id, .. }, result) => {
                let Some(output) = self.output(id) else { return };
                if output.sent != Some(wish.number) {
                    return;
                }
                output.sent = None;
                if std::mem::take(&mut output.is_stale) {
                    self.send(id);
                }
                if let Err(reason) = result {
                    self.complain(reason);
                }
            }
            (What::Read(id), Ok(value)) => {
                if let (Some(input), Some(value)) = (self.input(id), value) {
                    input.note(value);
                }
            }
            (What::Read(id), Err(reason)) => {
                // Once is enough: it is tried again and again.
                if let Some(input) = self.input(id)
                    && !std::mem::replace(&mut input.is_failing, true)
                {
                    self.complain(format!("{} cannot be read: {reason}", id.kind));
                }
            }
            (What::Subscribe(id), Err(reason)) => {
                let now = self.now;
                match self.input(id) {
                    Some(input) if input.can_read => input.due = Some(now + interval(id.kind)),
                    Some(_) => self.complain(format!("{} cannot be followed: {reason}", id.kind)),
                    None => {}
                }
            }
            (What::StopAll | What::StopFeature { .. }, Err(reason)) => {
                self.complain(format!("NOT STOPPED for sure: {reason}"));
            }
            (What::StopAll, Ok(_)) => self.tell("everything is stopped"),
            (What::Scan(on), Err(reason)) => {
                self.is_scanning = false;
                self.complain(if on { format!("no search for devices: {reason}") } else { reason });
            }
            (What::StopFeature { .. } | What::Scan(_) | What::Subscribe(_) | What::Leave, _) => {}
        }
    }

    fn add(&mut self, definition: frisson_wire::Device) {
        let device = Device::new(definition);
        let inputs = device.inputs.clone();
        let index = device.definition.index;
        match self.devices.binary_search_by_key(&index, |device| device.definition.index) {
            Ok(at) => self.devices.splice(at..=at, [device]).for_each(drop),
            Err(at) => self.devices.insert(at, device),
        }
        inputs.iter().for_each(|input| self.follow(input));
        if self.selected.is_none() {
            self.selected = self.output_ids().first().copied();
        }
    }

    fn remove(&mut self, index: u32) {
        let ids = self.output_ids();
        let at = ids.iter().position(|id| Some(*id) == self.selected).unwrap_or(0);
        self.devices.retain(|device| device.definition.index != index);
        if !self.outputs().any(|output| Some(output.id) == self.selected) {
            let left = self.output_ids();
            self.selected = left.get(at.min(left.len().saturating_sub(1))).copied();
        }
    }

    fn replace(&mut self, present: Vec<frisson_wire::Device>) {
        let gone: Vec<_> = self
            .devices
            .iter()
            .filter(|device| !present.contains(&device.definition))
            .map(|device| device.definition.index)
            .collect();
        gone.into_iter().for_each(|index| self.remove(index));
        for definition in present {
            if !self.devices.iter().any(|device| device.definition.index == definition.index) {
                self.add(definition);
            }
        }
    }

    fn lost(&mut self, reason: String) {
        self.link = Link::Down { reason, attempt: 0, at: None };
        self.void = self.last_number;
        self.is_scanning = false;
        self.wishes.retain(|wish| wish.what == What::Leave);
        self.devices.iter_mut().for_each(Device::forget);
    }

    /// Sees to it that the values of an input come.
    fn follow(&mut self, input: &Input) {
        if input.can_read {
            self.wish(What::Read(input.id));
        }
        if input.can_subscribe {
            self.wish(What::Subscribe(input.id));
        } else if input.can_read {
            let due = self.now + interval(input.id.kind);
            if let Some(input) = self.input(input.id) {
                input.due = Some(due);
            }
        }
    }

    fn read_what_is_due(&mut self) {
        let now = self.now;
        let mut due = Vec::new();
        for input in self.devices.iter_mut().flat_map(|device| &mut device.inputs) {
            if input.due.is_some_and(|at| at <= now) {
                input.due = Some(now + interval(input.id.kind));
                due.push(input.id);
            }
        }
        due.into_iter().for_each(|id| self.wish(What::Read(id)));
    }

    fn wish(&mut self, what: What) {
        self.last_number += 1;
        self.wishes.push_back(Wish { number: self.last_number, what });
    }

    fn output(&mut self, id: OutputId) -> Option<&mut Output> {
        self.device(id.device)?.outputs.iter_mut().find(|output| output.id == id)
    }

    fn input(&mut self, id: InputId) -> Option<&mut Input> {
        self.device(id.device)?.inputs.iter_mut().find(|input| input.id == id)
    }

    fn device(&mut self, index: u32) -> Option<&mut Device> {
        let at = self.devices.binary_search_by_key(&index, |device| device.definition.index).ok()?;
        self.devices.get_mut(at)
    }

    fn tell(&mut self, text: impl Into<String>) {
        self.notice(text.into(), false);
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.notice(text.into(), true);
    }

    fn notice(&mut self, text: String, is_fault: bool) {
        self.notices.retain(|notice| notice.text != text);
        while self.notices.len() >= NOTICES {
            self.notices.pop_front();
        }
        self.notices.push_back(Notice { text, is_fault, until: self.now + NOTICE });
    }
}

fn interval(kind: InputKind) -> Duration {
    if kind == InputKind::Battery { BATTERY_INTERVAL } else { INPUT_INTERVAL }
}

/// What a stop does to an output; a position stays where it is.
fn come_to_rest(output: &mut Output) {
    output.is_stale = false;
    if !output.id.kind.is_position() && output.value.is_some() {
        output.value = Some(output.rest());
    }
}

#[cfg(test)]
#[path = "app_tests.rs"]
mod tests;
