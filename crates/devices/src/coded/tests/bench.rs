//! A device at a scripted link, in virtual time. What is done to it is a list of lines: `tx! 03 12` (written with a confirmation),
//! `subscribe rx`, `read rx`, `notice …`, `ready NAME`, `refused …`, `gone …`, `stopped`, `battery …`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_engine::device::{Command, DeviceMachine, Input, Output, Report, Selection, Settings};
use frisson_program::{Description, Endpoint, Operation, Packet, Program};
use frisson_wire::{Feature, InputKind, OutputKind, Range};

use super::super::{Setup, program};

pub(crate) fn endpoint(name: &str) -> Endpoint {
    Endpoint::new(name).expect(name)
}

/// Hexadecimal, blanks allowed.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|letter| !letter.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect(hex))
        .collect()
}

pub(crate) fn feature(index: u32, kind: OutputKind, min: i32, max: i32) -> Feature {
    let duration = (kind == OutputKind::HwPositionWithDuration).then_some(Range::new(0, 100_000));
    let outputs = vec![frisson_wire::Output { kind, value: Range::new(min, max), duration }];
    Feature { index, outputs, ..Feature::default() }
}

pub(crate) fn battery(index: u32) -> Feature {
    let input = frisson_wire::Input {
        kind: InputKind::Battery,
        values: vec![Range::new(0, 100)],
        read: true,
        subscribe: false,
        spelling: frisson_wire::RssiSpelling::default(),
    };
    Feature { index, inputs: vec![input], ..Feature::default() }
}

/// A device with these endpoints; every model has these features and is called like its key.
pub(crate) fn setup(name: &str, endpoints: &str, features: Vec<Feature>) -> Setup {
    let models = move |key: &str| Description {
        protocol: "coded".to_owned(),
        model: key.to_owned(),
        name: format!("[{key}]"),
        features: features.clone(),
        gap: None,
        keepalive: None,
    };
    Setup {
        name: name.to_owned(),
        address: "00:11:22:33:44:55".to_owned(),
        manufacturer: Vec::new(),
        available: endpoints.split_whitespace().map(endpoint).collect(),
        sleeps: false,
        seed: 7,
        models: Arc::new(models),
    }
}

pub(crate) struct Bench {
    now: Instant,
    machine: DeviceMachine,
    log: Vec<String>,
    /// What reads give; other endpoints cannot be read.
    values: BTreeMap<Endpoint, Vec<u8>>,
    /// How long an operation takes, in milliseconds.
    pub(crate) latency: u64,
    /// Whether operations fail.
    pub(crate) broken: bool,
    /// Whether packets are logged as text.
    pub(crate) text: bool,
    under_way: Option<(Instant, Operation)>,
    ended: bool,
}

impl Bench {
    pub(crate) fn new(code: &str, setup: Setup) -> Self {
        Self::with_values(code, setup, &[])
    }

    pub(crate) fn with_values(code: &str, setup: Setup, values: &[(&str, &str)]) -> Self {
        Self::with(program(code, setup).expect(code), values)
    }

    /// A device that is driven by this very program.
    pub(crate) fn running(program: Box<dyn Program>) -> Self {
        Self::with(program, &[])
    }

    fn with(program: Box<dyn Program>, values: &[(&str, &str)]) -> Self {
        let now = Instant::now();
        let settings = Settings { gap: Duration::ZERO, limits: Vec::new(), stop_first: false };
        let mut bench = Self {
            now,
            machine: DeviceMachine::new(now, program, settings),
            log: Vec::new(),
            values: values.iter().map(|(name, hex)| (endpoint(name), bytes(hex))).collect(),
            latency: 0,
            broken: false,
            text: false,
            under_way: None,
            ended: false,
        };
        bench.run(Duration::ZERO);
        bench
    }

    /// What has happened since the last time.
    pub(crate) fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    pub(crate) fn set(&mut self, feature: u32, kind: OutputKind, value: i32) -> Vec<String> {
        self.go(feature, kind, value, 0)
    }

    /// Sets an output that takes time.
    pub(crate) fn go(&mut self, feature: u32, kind: OutputKind, value: i32, ms: u64) -> Vec<String> {
        let duration = Duration::from_millis(ms);
        self.command(Command::Set { feature, kind, value, duration })
    }

    pub(crate) fn stop(&mut self) -> Vec<String> {
        self.command(Command::Stop { selection: Selection::All, ticket: Some(1) })
    }

    pub(crate) fn read_battery(&mut self, feature: u32) -> Vec<String> {
        self.command(Command::Read { feature, kind: InputKind::Battery, ticket: 2 })
    }

    pub(crate) fn listen(&mut self, feature: u32, kind: InputKind, on: bool) -> Vec<String> {
        self.command(Command::Listen { feature, kind, on })
    }

    pub(crate) fn hears(&mut self, from: &str, data: &[u8]) -> Vec<String> {
        self.machine.handle(self.now, Input::Notified(endpoint(from), data));
        self.run(Duration::ZERO);
        self.log()
    }

    pub(crate) fn wait(&mut self, ms: u64) -> Vec<String> {
        self.run(Duration::from_millis(ms));
        self.log()
    }

    fn command(&mut self, command: Command) -> Vec<String> {
        self.machine.handle(self.now, Input::Command(command));
        self.run(Duration::ZERO);
        self.log()
    }

    /// Lets time pass.
    fn run(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            self.drain();
            if self.ended {
                break;
            }
            let due = self.under_way.as_ref().map(|(due, _)| *due);
            let Some(next) = due.into_iter().chain(self.machine.poll_timeout()).min().filter(|at| *at <= end)
            else {
                break;
            };
            self.now = self.now.max(next);
            match self.under_way.take_if(|(due, _)| *due <= self.now) {
                Some((_, operation)) => {
                    let result = self.carry_out(&operation);
                    self.machine.handle(self.now, Input::Completed(result));
                }
                None => self.machine.handle(self.now, Input::Timeout),
            }
        }
        self.now = end;
    }

    fn carry_out(&self, operation: &Operation) -> Result<Packet, String> {
        match operation {
            _ if self.broken => Err("broken".to_owned()),
            Operation::Read { endpoint } => match self.values.get(endpoint) {
                Some(value) => Ok(Packet::from_slice(value)),
                None => Err("no such characteristic".to_owned()),
            },
            _ => Ok(Packet::new()),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            let line = match output {
                Output::Operate(operation) => {
                    let line = self.line(&operation);
                    self.under_way = Some((self.now + Duration::from_millis(self.latency), operation));
                    line
                }
                Output::Abandon => {
                    self.under_way = None;
                    "abandon".to_owned()
                }
                Output::Report(Report::Ready(description)) => format!("ready {}", description.name),
                Output::Report(Report::Refused(reason)) => format!("refused {reason}"),
                Output::Report(Report::Gone(reason)) => format!("gone {reason}"),
                Output::Report(Report::Notice(text)) => format!("notice {text}"),
                Output::Report(Report::WriteFailed(reason)) => format!("failed {reason}"),
                Output::Report(Report::Done(_, Ok(Some(value)))) => format!("battery {value}"),
                Output::Report(Report::Done(_, Ok(None))) => "stopped".to_owned(),
                Output::Report(Report::Done(_, Err(reason))) => format!("error {reason}"),
                Output::Report(other) => format!("{other:?}"),
                Output::Close => {
                    self.ended = true;
                    continue;
                }
            };
            self.log.push(line);
        }
    }

    fn line(&self, operation: &Operation) -> String {
        match operation {
            Operation::Write { endpoint, bytes, confirm } => {
                let mark = if *confirm { "!" } else { "" };
                if self.text {
                    format!("{endpoint}{mark} '{}'", String::from_utf8_lossy(bytes))
                } else {
                    let words: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("{endpoint}{mark} {}", words.join(" "))
                }
            }
            Operation::Read { endpoint } => format!("read {endpoint}"),
            Operation::Listen { endpoint, on: true } => format!("subscribe {endpoint}"),
            Operation::Listen { endpoint, on: false } => format!("unsubscribe {endpoint}"),
        }
    }
}
