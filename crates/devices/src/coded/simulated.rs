//! The program of all simulated devices; their bytes are described in `frisson-hardware`, module `simulated`.

use std::time::Duration;

use frisson_program::{Change, Context, Description, Endpoint, Operation, Packet, Program, State};
use frisson_wire::{InputKind, OutputKind};

use crate::simulated::Archetype;

/// The protocol's id.
pub(crate) const PROTOCOL: &str = "simulated";

/// The kind byte of a record that ends a move.
const HALT: u8 = 0xff;

/// Drives a simulated device of any archetype.
pub(crate) struct Simulated {
    description: Description,
    inputs: Vec<Sense>,
}

/// An input and where it is read and heard.
struct Sense {
    feature: u32,
    kind: InputKind,
    endpoint: Endpoint,
}

impl Simulated {
    pub(crate) fn new(archetype: &Archetype) -> Self {
        let features = archetype.features();
        let inputs = features
            .iter()
            .flat_map(|feature| feature.inputs.iter().map(|input| (feature.index, input.kind)))
            .filter_map(|(feature, kind)| {
                let endpoint = Endpoint::new(&kind.name().to_ascii_lowercase()).ok()?;
                Some(Sense { feature, kind, endpoint })
            })
            .collect();
        let description = Description {
            protocol: PROTOCOL.to_owned(),
            model: archetype.id.to_owned(),
            name: archetype.name.to_owned(),
            features,
            gap: None,
            keepalive: None,
        };
        Self { description, inputs }
    }

    fn input(&self, feature: u32, kind: InputKind) -> Option<&Sense> {
        self.inputs.iter().find(|input| input.feature == feature && input.kind == kind)
    }

    fn input_at(&self, endpoint: Endpoint) -> Option<&Sense> {
        self.inputs.iter().find(|input| input.endpoint == endpoint)
    }
}

impl Program for Simulated {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.ready(self.description.clone());
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        let Operation::Read { endpoint } = operation else { return };
        let Some(input) = self.input_at(*endpoint) else { return };
        let value = match result {
            Ok(bytes) => value(bytes).ok_or_else(|| format!("{} bytes are not a value", bytes.len())),
            Err(reason) => Err(reason.to_owned()),
        };
        cx.read_done(input.feature, input.kind, value);
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if let (Some(input), Some(value)) = (self.input_at(from), value(bytes)) {
            cx.reading(input.feature, input.kind, value);
        }
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        let mut packet = Packet::new();
        for change in dirty {
            record(&mut packet, change.feature, number(change.kind), change.value, change.duration);
        }
        cx.write(Endpoint::TX, &packet, true);
    }

    fn halt(&mut self, movement: &Change, _: &State, cx: &mut Context<'_>) {
        let mut packet = Packet::new();
        record(&mut packet, movement.feature, HALT, 0, Duration::ZERO);
        cx.write(Endpoint::TX, &packet, true);
    }

    fn read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        match self.input(feature, kind) {
            Some(input) => cx.read(input.endpoint),
            None => cx.read_done(feature, kind, Err(format!("feature {feature} has no {kind}"))),
        }
    }

    fn listen(&mut self, feature: u32, kind: InputKind, on: bool, cx: &mut Context<'_>) {
        if let Some(input) = self.input(feature, kind) {
            cx.listen(input.endpoint, on);
        }
    }
}

/// Appends one record: which output, its value, and the time to get there.
fn record(packet: &mut Packet, feature: u32, kind: u8, value: i32, duration: Duration) {
    packet.push(u8::try_from(feature).unwrap_or(u8::MAX));
    packet.push(kind);
    packet.extend_from_slice(&value.to_le_bytes());
    packet.extend_from_slice(&u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).to_le_bytes());
}

/// The kind byte of an output.
fn number(kind: OutputKind) -> u8 {
    match kind {
        OutputKind::Vibrate => 0,
        OutputKind::Rotate => 1,
        OutputKind::Oscillate => 2,
        OutputKind::Constrict => 3,
        OutputKind::Spray => 4,
        OutputKind::Temperature => 5,
        OutputKind::Led => 6,
        OutputKind::Position => 7,
        OutputKind::HwPositionWithDuration => 8,
    }
}

/// The value in what an input sends.
fn value(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_le_bytes)
}
