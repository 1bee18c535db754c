//! Devices that play what was recorded: each report that they are written is compared, and answered as it was then.
#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use frisson_hardware::hid::{HidError, Info, Link, Reads, System, Writes};

/// A system with fake devices. Clones are the same system.
#[derive(Clone, Default)]
pub struct Fake(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    units: Vec<Unit>,
    trouble: Option<HidError>,
}

#[derive(Default)]
struct Unit {
    info: Info,
    recording: VecDeque<(Vec<u8>, Vec<Vec<u8>>)>,
    inputs: VecDeque<Vec<u8>>,
    written: Vec<Vec<u8>>,
    refusal: Option<HidError>,
    is_stuck: bool,
    is_gone: bool,
    handles: usize,
}

/// Who has one of the two handles of a device.
struct Handle {
    system: Fake,
    at: usize,
}

fn bytes(text: &str) -> Vec<u8> {
    text.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect()
}

impl Fake {
    /// Plugs a device in that does as a recording tells: lines `> bytes` are written to it, lines `< bytes` come from it thereafter. Zeros at the
    /// end of what is written are left away.
    pub fn plug(&self, info: &Info, recording: &str) {
        let mut unit = Unit { info: info.clone(), ..Unit::default() };
        for line in recording.lines() {
            match line.split_at_checked(1) {
                Some((">", report)) => unit.recording.push_back((bytes(report), Vec::new())),
                Some(("<", report)) => match unit.recording.back_mut() {
                    Some((_, answers)) => answers.push(bytes(report)),
                    None => unit.inputs.push_back(bytes(report)),
                },
                _ => {}
            }
        }
        self.change(|state| state.units.push(unit));
    }

    pub fn unplug(&self, path: &str) {
        self.with(path, |unit| unit.is_gone = true);
    }

    /// The device takes nothing any more until it is freed.
    pub fn stick(&self, path: &str, is_stuck: bool) {
        self.with(path, |unit| unit.is_stuck = is_stuck);
    }

    pub fn refuse(&self, path: &str, error: HidError) {
        self.with(path, |unit| unit.refusal = Some(error));
    }

    pub fn trouble(&self, trouble: Option<HidError>) {
        self.change(|state| state.trouble = trouble);
    }

    pub fn say(&self, path: &str, report: &str) {
        self.with(path, |unit| unit.inputs.push_back(bytes(report)));
    }

    pub fn written(&self, path: &str) -> Vec<Vec<u8>> {
        self.with(path, |unit| unit.written.clone())
    }

    /// How many handles of a device are open.
    pub fn handles(&self, path: &str) -> usize {
        self.with(path, |unit| unit.handles)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic elsewhere")
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.0.changed.notify_all();
        result
    }

    fn with<T>(&self, path: &str, change: impl FnOnce(&mut Unit) -> T) -> T {
        self.change(|state| {
            change(state.units.iter_mut().rfind(|unit| unit.info.path == path).expect("a device"))
        })
    }
}

impl System for Fake {
    fn list(&self) -> Result<Vec<Info>, HidError> {
        let state = self.lock();
        match &state.trouble {
            Some(trouble) => Err(trouble.clone()),
            None => {
                Ok(state.units.iter().filter(|unit| !unit.is_gone).map(|unit| unit.info.clone()).collect())
            }
        }
    }

    fn open(&self, info: &Info) -> Result<Link, HidError> {
        let at = self.change(|state| {
            let at = state.units.iter().position(|unit| unit.info.path == info.path && !unit.is_gone);
            let unit = state.units.get_mut(at.ok_or(HidError::Gone)?).ok_or(HidError::Gone)?;
            unit.handles += 2;
            unit.refusal.clone().map_or(Ok(at.expect("was found")), Err)
        })?;
        let handle = || Handle { system: self.clone(), at };
        Ok(Link { reads: Box::new(handle()), writes: Box::new(handle()) })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.system.change(|state| state.units[self.at].handles -= 1);
    }
}

impl Reads for Handle {
    fn read(&mut self, report: &mut [u8], longest: Duration) -> Result<usize, HidError> {
        let end = Instant::now() + longest;
        let mut state = self.system.lock();
        loop {
            let unit = &mut state.units[self.at];
            if unit.is_gone {
                return Err(HidError::Gone);
            }
            if let Some(input) = unit.inputs.pop_front() {
                report[..input.len()].copy_from_slice(&input);
                return Ok(input.len());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(0);
            }
            state = self.system.0.changed.wait_timeout(state, left).expect("no panic elsewhere").0;
        }
    }
}

impl Writes for Handle {
    fn write(&mut self, report: &[u8]) -> Result<(), HidError> {
        let mut state = self.system.lock();
        while state.units[self.at].is_stuck && !state.units[self.at].is_gone {
            state = self.system.0.changed.wait(state).expect("no panic elsewhere");
        }
        let unit = &mut state.units[self.at];
        if unit.is_gone {
            return Err(HidError::Gone);
        }
        unit.written.push(report.to_vec());
        let bare = report.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
        if let Some((wanted, answers)) = unit.recording.pop_front() {
            if wanted != report[..bare] {
                return Err(HidError::Failed(format!("{wanted:02x?} was recorded, not {report:02x?}")));
            }
            unit.inputs.extend(answers);
        }
        drop(state);
        self.system.0.changed.notify_all();
        Ok(())
    }
}
