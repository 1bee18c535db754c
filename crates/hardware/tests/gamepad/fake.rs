//! Pads that write down what they are told.
#![allow(dead_code, unreachable_pub)]

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use frisson_hardware::gamepad::{Info, Pad, PadError, Speeds, System};
use frisson_program::Capabilities;

/// A system with fake pads. Clones are the same system.
#[derive(Clone, Default)]
pub struct Fake(Arc<Shared>);

#[derive(Default)]
struct Shared {
    units: Mutex<Vec<Unit>>,
    changed: Condvar,
}

struct Unit {
    info: Info,
    told: Vec<(Instant, Speeds, Duration)>,
    battery: Result<u8, PadError>,
    refusal: Option<PadError>,
    is_stuck: bool,
    is_gone: bool,
    is_open: bool,
}

struct Handle {
    system: Fake,
    at: usize,
}

/// A pad with two motors.
pub fn info(path: &str, address: &str) -> Info {
    Info {
        path: path.to_owned(),
        address: address.to_owned(),
        name: "Wireless Controller".to_owned(),
        ids: Some((0x054C, 0x09CC)),
        capabilities: Capabilities { rumble: true, trigger_rumble: false, battery: true },
    }
}

impl Fake {
    pub fn plug(&self, info: Info) {
        let unit = Unit {
            info,
            told: Vec::new(),
            battery: Ok(87),
            refusal: None,
            is_stuck: false,
            is_gone: false,
            is_open: false,
        };
        self.change(|units| units.push(unit));
    }

    pub fn unplug(&self, path: &str) {
        self.with(path, |unit| unit.is_gone = true);
    }

    /// The pad takes nothing any more until it is freed.
    pub fn stick(&self, path: &str, is_stuck: bool) {
        self.with(path, |unit| unit.is_stuck = is_stuck);
    }

    pub fn refuse(&self, path: &str, error: PadError) {
        self.with(path, |unit| unit.refusal = Some(error));
    }

    pub fn set_battery(&self, path: &str, battery: Result<u8, PadError>) {
        self.with(path, |unit| unit.battery = battery);
    }

    /// What a pad was told, and when.
    pub fn told(&self, path: &str) -> Vec<(Instant, Speeds)> {
        self.with(path, |unit| unit.told.iter().map(|(at, speeds, _)| (*at, *speeds)).collect())
    }

    /// For how long it was told to run, each time.
    pub fn times(&self, path: &str) -> Vec<Duration> {
        self.with(path, |unit| unit.told.iter().map(|(_, _, time)| *time).collect())
    }

    pub fn is_open(&self, path: &str) -> bool {
        self.with(path, |unit| unit.is_open)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Unit>) -> T) -> T {
        let result = change(&mut self.0.units.lock().expect("no panic elsewhere"));
        self.0.changed.notify_all();
        result
    }

    fn with<T>(&self, path: &str, change: impl FnOnce(&mut Unit) -> T) -> T {
        self.change(|units| change(units.iter_mut().rfind(|unit| unit.info.path == path).expect("a pad")))
    }
}

impl System for Fake {
    fn list(&self) -> Result<Vec<Info>, PadError> {
        Ok(self.change(|units| {
            units.iter().filter(|unit| !unit.is_gone).map(|unit| unit.info.clone()).collect()
        }))
    }

    fn open(&self, info: &Info) -> Result<Box<dyn Pad>, PadError> {
        let at = self.change(|units| {
            let at = units.iter().rposition(|unit| unit.info.path == info.path && !unit.is_gone);
            let unit = units.get_mut(at.ok_or(PadError::Gone)?).ok_or(PadError::Gone)?;
            unit.is_open = unit.refusal.is_none();
            unit.refusal.clone().map_or(at.ok_or(PadError::Gone), Err)
        })?;
        Ok(Box::new(Handle { system: self.clone(), at }))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.system.change(|units| units[self.at].is_open = false);
    }
}

impl Pad for Handle {
    fn rumble(&mut self, speeds: Speeds, time: Duration) -> Result<(), PadError> {
        let mut units = self.system.0.units.lock().expect("no panic elsewhere");
        while units[self.at].is_stuck {
            units = self.system.0.changed.wait(units).expect("no panic elsewhere");
        }
        let unit = &mut units[self.at];
        if unit.is_gone {
            return Err(PadError::Gone);
        }
        unit.told.push((Instant::now(), speeds, time));
        Ok(())
    }

    fn check(&mut self) -> Result<(), PadError> {
        self.system.change(|units| if units[self.at].is_gone { Err(PadError::Gone) } else { Ok(()) })
    }

    fn battery(&mut self) -> Result<u8, PadError> {
        self.system.change(|units| units[self.at].battery.clone())
    }
}
