//! Hardware that writes down what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use frisson_program::{Change, Context, Description, Endpoint, Operation, Packet, Program, State};
use frisson_wire::{InputKind, OutputKind};

use crate::TestDevice;

/// What shall go wrong with a device. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// How long every write takes. The device acts on it at the end of that time.
    pub write_delay: Duration,
    /// How long every read takes.
    pub read_delay: Duration,
    /// So many writes fail from now on.
    pub fail_writes: u32,
    /// So many reads fail from now on.
    pub fail_reads: u32,
    /// Nothing is answered, and nothing has any effect.
    pub silent: bool,
}

/// What one write told the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// When, counted from the start of the server.
    pub at: Duration,
    /// Its place among everything that left the server, frames included.
    pub order: u64,
    /// The outputs that it set.
    pub told: Vec<Told>,
}

/// What a device was told of one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The value.
    pub value: i32,
    /// Milliseconds to get there; 0 for all but timed positions.
    pub duration: u32,
}

/// A test device as hardware: what it was told, what it measures, what goes wrong with it.
#[derive(Debug)]
pub struct Hardware {
    /// What goes wrong.
    pub faults: Faults,
    pub(crate) device: TestDevice,
    told: BTreeMap<(u32, OutputKind), Told>,
    log: Vec<Write>,
    measures: BTreeMap<(u32, InputKind), i64>,
    listening: BTreeSet<(u32, InputKind)>,
}

impl Hardware {
    pub(crate) fn new(device: TestDevice) -> Self {
        let mut measures = BTreeMap::new();
        let mut batteries = [87, 43].into_iter().cycle();
        for feature in &device.features {
            for input in &feature.inputs {
                let value = match input.kind {
                    InputKind::Battery => batteries.next().unwrap_or(0),
                    InputKind::Rssi => -60,
                    InputKind::Pressure | InputKind::Button => 0,
                };
                measures.insert((feature.index, input.kind), value);
            }
        }
        Self {
            faults: Faults::default(),
            device,
            told: BTreeMap::new(),
            log: Vec::new(),
            measures,
            listening: BTreeSet::new(),
        }
    }

    /// What it is.
    pub fn device(&self) -> &TestDevice {
        &self.device
    }

    /// Every write that it has taken.
    pub fn log(&self) -> &[Write] {
        &self.log
    }

    /// What it was last told of an output; `None` if nothing yet.
    pub fn told(&self, feature: u32, kind: OutputKind) -> Option<Told> {
        self.told.get(&(feature, kind)).copied()
    }

    /// What it was last told to do with an output; 0 if nothing yet.
    pub fn value(&self, feature: u32, kind: OutputKind) -> i32 {
        self.told(feature, kind).map_or(0, |told| told.value)
    }

    /// Whether everything but positions was last told to be 0.
    pub fn is_at_rest(&self) -> bool {
        self.told.values().all(|told| told.value == 0 || told.kind.is_position())
    }

    /// Whether the server listens to an input.
    pub fn is_listened_to(&self, feature: u32, kind: InputKind) -> bool {
        self.listening.contains(&(feature, kind))
    }

    pub(crate) fn measure(&mut self, feature: u32, kind: InputKind, value: i64) {
        self.measures.insert((feature, kind), value);
    }

    /// The link is gone.
    pub(crate) fn unlink(&mut self) {
        self.listening.clear();
    }

    /// How long an operation takes; `None` is for ever.
    pub(crate) fn delay(&self, operation: &Operation) -> Option<Duration> {
        if self.faults.silent {
            return None;
        }
        Some(match operation {
            Operation::Write { .. } => self.faults.write_delay,
            Operation::Read { .. } => self.faults.read_delay,
            Operation::Listen { .. } => Duration::ZERO,
        })
    }

    /// Carries out an operation.
    pub(crate) fn operate(
        &mut self,
        at: Duration,
        order: u64,
        operation: &Operation,
    ) -> Result<Packet, String> {
        match operation {
            Operation::Write { bytes, .. } => {
                if count_down(&mut self.faults.fail_writes) {
                    return Err("the test device was told to fail".to_owned());
                }
                let told: Vec<_> = bytes.chunks(RECORD).filter_map(parse_record).collect();
                self.told.extend(told.iter().map(|told| ((told.feature, told.kind), *told)));
                self.log.push(Write { at, order, told });
                Ok(Packet::new())
            }
            Operation::Read { endpoint } => {
                if count_down(&mut self.faults.fail_reads) {
                    return Err("the test device was told to fail".to_owned());
                }
                let value = self.input_at(*endpoint).and_then(|input| self.measures.get(&input));
                let value = value.ok_or_else(|| format!("the test device has no endpoint {endpoint}"))?;
                Ok(Packet::from_slice(&value.to_le_bytes()))
            }
            Operation::Listen { endpoint, on } => {
                let input = self.input_at(*endpoint);
                let input = input.ok_or_else(|| format!("the test device has no endpoint {endpoint}"))?;
                if *on {
                    self.listening.insert(input)
                } else {
                    self.listening.remove(&input)
                };
                Ok(Packet::new())
            }
        }
    }

    fn input_at(&self, endpoint: Endpoint) -> Option<(u32, InputKind)> {
        self.measures.keys().find(|(feature, kind)| endpoint_of(*feature, *kind) == Some(endpoint)).copied()
    }
}

fn count_down(left: &mut u32) -> bool {
    let fails = *left > 0;
    *left = left.saturating_sub(1);
    fails
}

/// Where an input is read and listened to.
pub(crate) fn endpoint_of(feature: u32, kind: InputKind) -> Option<Endpoint> {
    Endpoint::new(&format!("{}{feature}", kind.name().to_lowercase())).ok()
}

/// The program of every test device: one packet per write, which holds one record per output.
pub(crate) struct Recorder(pub(crate) Description);

/// Feature, kind, value and duration, four bytes each but for the kind.
const RECORD: usize = 13;

fn record(packet: &mut Packet, change: &Change) {
    let kind = OutputKind::ALL.iter().position(|kind| *kind == change.kind);
    packet.extend_from_slice(&change.feature.to_le_bytes());
    packet.push(kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(u8::MAX));
    packet.extend_from_slice(&change.value.to_le_bytes());
    let duration = u32::try_from(change.duration.as_millis()).unwrap_or(u32::MAX);
    packet.extend_from_slice(&duration.to_le_bytes());
}

fn parse_record(bytes: &[u8]) -> Option<Told> {
    let four = |from: usize| <[u8; 4]>::try_from(bytes.get(from..from + 4)?).ok();
    Some(Told {
        feature: u32::from_le_bytes(four(0)?),
        kind: OutputKind::ALL.get(usize::from(*bytes.get(4)?)).copied()?,
        value: i32::from_le_bytes(four(5)?),
        duration: u32::from_le_bytes(four(9)?),
    })
}

impl Recorder {
    fn input_at(&self, endpoint: Endpoint) -> Option<(u32, InputKind)> {
        let inputs = self
            .0
            .features
            .iter()
            .flat_map(|feature| feature.inputs.iter().map(|input| (feature.index, input.kind)));
        inputs.into_iter().find(|(feature, kind)| endpoint_of(*feature, *kind) == Some(endpoint))
    }
}

impl Program for Recorder {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.ready(self.0.clone());
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        let Operation::Read { endpoint } = operation else { return };
        let Some((feature, kind)) = self.input_at(*endpoint) else { return };
        let value = match result {
            Ok(bytes) => bytes.try_into().map(i64::from_le_bytes).map_err(|_| "not a value".to_owned()),
            Err(reason) => Err(reason.to_owned()),
        };
        cx.read_done(feature, kind, value);
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if let (Some((feature, kind)), Ok(value)) = (self.input_at(from), bytes.try_into()) {
            cx.reading(feature, kind, i64::from_le_bytes(value));
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        let mut packet = Packet::new();
        for change in dirty {
            record(&mut packet, change);
        }
        cx.write(Endpoint::TX, &packet, false);
    }

    fn read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        match endpoint_of(feature, kind) {
            Some(endpoint) => cx.read(endpoint),
            None => cx.read_done(feature, kind, Err("no such input".to_owned())),
        }
    }

    fn listen(&mut self, feature: u32, kind: InputKind, on: bool, cx: &mut Context<'_>) {
        if let Some(endpoint) = endpoint_of(feature, kind) {
            cx.listen(endpoint, on);
        }
    }
}
