//! A dongle that answers as the maker's does, with one toy in reach.
#![allow(dead_code, unreachable_pub)]

use std::future::Future;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use frisson_hardware::hid::{HidError, Info, Link, Reads, System, Writes};

/// The toy in reach.
pub const TOY: &str = "0082059AD3BD";

/// Waits for something that has to happen, however slow the machine is.
#[track_caller]
pub fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

/// What the dongle answers to a line.
pub fn answers(line: &str) -> Vec<String> {
    let data =
        |text: &str| format!(r#"{{"type":"toy","func":"toyData","data":{{"id":"{TOY}","data":"{text}"}}}}"#);
    let search = |result| format!(r#"{{"type":"toy","func":"search","result":{result}}}"#);
    if line.contains("stopSearch") {
        vec![r#"{"type":"usb","func":"stopSearch","result":200}"#.to_owned(), search(206)]
    } else if line.contains("search") {
        vec![search(205), data("")]
    } else if line.contains("DeviceType;") {
        vec![data("S:11:0082059AD3BD;")]
    } else {
        Vec::new()
    }
}

/// The port that dongles are plugged into. Clones are the same.
#[derive(Clone, Default)]
pub struct Usb(Arc<Mutex<Plugged>>);

#[derive(Default)]
struct Plugged {
    dongle: Option<Dongle>,
    voice: Option<Receiver<Vec<u8>>>,
    refusal: Option<HidError>,
}

/// A plugged dongle.
#[derive(Clone)]
pub struct Dongle(Arc<Mutex<State>>);

struct State {
    line: String,
    told: Vec<(String, Instant)>,
    is_in_reach: bool,
    says: Option<Sender<Vec<u8>>>,
}

struct Voice(Receiver<Vec<u8>>);

impl Usb {
    pub fn plug(&self) -> Dongle {
        let (says, voice) = channel();
        let state = State { line: String::new(), told: Vec::new(), is_in_reach: true, says: Some(says) };
        let dongle = Dongle(Arc::new(Mutex::new(state)));
        let mut plugged = self.0.lock().expect("no panic elsewhere");
        plugged.dongle = Some(dongle.clone());
        plugged.voice = Some(voice);
        dongle
    }

    pub fn unplug(&self) {
        let dongle = self.0.lock().expect("no panic elsewhere").dongle.take().expect("a dongle");
        dongle.0.lock().expect("no panic elsewhere").says = None;
    }

    pub fn refuse(&self, error: HidError) {
        self.0.lock().expect("no panic elsewhere").refusal = Some(error);
    }
}

impl Dongle {
    /// The lines it was told.
    pub fn told(&self) -> Vec<String> {
        let state = self.0.lock().expect("no panic elsewhere");
        state.told.iter().map(|(line, _)| line.clone()).collect()
    }

    /// How much time it was left after the first line.
    pub fn pause(&self) -> Duration {
        let state = self.0.lock().expect("no panic elsewhere");
        state.told[1].1 - state.told[0].1
    }

    /// Whether a search finds the toy.
    pub fn set_in_reach(&self, is_in_reach: bool) {
        self.0.lock().expect("no panic elsewhere").is_in_reach = is_in_reach;
    }

    pub fn say(&self, line: &str) {
        self.say_bytes(format!("{line}\r\n").as_bytes());
    }

    /// Says this in reports of 64 bytes, the last of which is zero, after the number of the report.
    pub fn say_bytes(&self, bytes: &[u8]) {
        let state = self.0.lock().expect("no panic elsewhere");
        for piece in bytes.chunks(63) {
            let mut report = vec![0];
            report.extend(piece);
            report.resize(65, 0);
            state.says.as_ref().expect("a plugged dongle").send(report).expect("somebody who listens");
        }
    }
}

impl System for Usb {
    fn list(&self) -> Result<Vec<Info>, HidError> {
        let mouse =
            Info { path: "/dev/hidraw1".to_owned(), vendor: 0x046D, product: 0xC077, ..Info::default() };
        let (vendor, product) = (0x1915, 0x520A);
        let dongle = Info { path: "/dev/hidraw0".to_owned(), vendor, product, ..Info::default() };
        let is_plugged = self.0.lock().expect("no panic elsewhere").dongle.is_some();
        Ok([Some(mouse), is_plugged.then_some(dongle)].into_iter().flatten().collect())
    }

    fn open(&self, info: &Info) -> Result<Link, HidError> {
        assert_eq!(info.path, "/dev/hidraw0", "nothing but the dongle is opened");
        let mut plugged = self.0.lock().expect("no panic elsewhere");
        if let Some(refusal) = &plugged.refusal {
            return Err(refusal.clone());
        }
        let voice = plugged.voice.take().ok_or(HidError::Gone)?;
        let dongle = plugged.dongle.clone().ok_or(HidError::Gone)?;
        Ok(Link { reads: Box::new(Voice(voice)), writes: Box::new(dongle) })
    }
}

impl Reads for Voice {
    fn read(&mut self, report: &mut [u8], longest: Duration) -> Result<usize, HidError> {
        match self.0.recv_timeout(longest) {
            Ok(said) => {
                report[..said.len()].copy_from_slice(&said);
                Ok(said.len())
            }
            Err(RecvTimeoutError::Timeout) => Ok(0),
            Err(RecvTimeoutError::Disconnected) => Err(HidError::Gone),
        }
    }
}

impl Writes for Dongle {
    fn write(&mut self, report: &[u8]) -> Result<(), HidError> {
        assert_eq!((report.len(), report[0], report[64]), (65, 0, 0));
        let mut said = Vec::new();
        {
            let mut state = self.0.lock().expect("no panic elsewhere");
            let text: Vec<_> = report[1..].iter().copied().filter(|byte| *byte != 0).collect();
            state.line += std::str::from_utf8(&text).expect("text");
            while let Some((line, rest)) = state.line.split_once("\r\n") {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                if state.is_in_reach {
                    said.extend(answers(&line));
                }
                state.told.push((line, Instant::now()));
                state.line = rest;
            }
        }
        said.iter().for_each(|line| self.say(line));
        Ok(())
    }
}
