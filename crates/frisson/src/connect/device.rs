//! What the client knows of a device: what it was told, and what it has said.

use std::collections::VecDeque;
use std::time::Instant;

use frisson_wire::{Feature, InputKind, OutputKind, Range, convert};

/// How many values of an input are kept.
pub(crate) const HISTORY: usize = 16;
/// How long a timed move takes unless the person says otherwise, in milliseconds.
const USUAL_DURATION: u32 = 1000;

/// An output, among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OutputId {
    pub(crate) device: u32,
    pub(crate) feature: u32,
    pub(crate) kind: OutputKind,
}

/// An input, among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InputId {
    pub(crate) device: u32,
    pub(crate) feature: u32,
    pub(crate) kind: InputKind,
}

/// A device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) definition: frisson_wire::Device,
    pub(crate) outputs: Vec<Output>,
    pub(crate) inputs: Vec<Input>,
}

/// An output, and what this client has set it to.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) id: OutputId,
    pub(crate) description: String,
    pub(crate) range: Range<i32>,
    pub(crate) durations: Option<Range<u32>>,
    /// What it was last set to here; nobody tells what others set it to.
    pub(crate) value: Option<i32>,
    /// Milliseconds; of no meaning without `durations`.
    pub(crate) duration: u32,
    /// The command that was sent and is not answered yet.
    pub(crate) sent: Option<u64>,
    /// Whether the value has changed since.
    pub(crate) is_stale: bool,
}

/// An input, and what it said.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) id: InputId,
    pub(crate) can_read: bool,
    pub(crate) can_subscribe: bool,
    pub(crate) values: VecDeque<i64>,
    /// When to read it next, where it has to be asked.
    pub(crate) due: Option<Instant>,
    /// Whether the last attempt to read it failed.
    pub(crate) is_failing: bool,
}

impl Device {
    pub(crate) fn new(definition: frisson_wire::Device) -> Self {
        let device = definition.index;
        let outputs = definition.features.iter().flat_map(|feature| outputs(device, feature)).collect();
        let inputs = definition.features.iter().flat_map(|feature| inputs(device, feature)).collect();
        Self { definition, outputs, inputs }
    }

    /// What to call it.
    pub(crate) fn label(&self) -> &str {
        self.definition.display_name.as_deref().unwrap_or(&self.definition.name)
    }

    /// Nothing is known any more: the connection was lost.
    pub(crate) fn forget(&mut self) {
        for output in &mut self.outputs {
            output.value = None;
            output.sent = None;
            output.is_stale = false;
        }
        for input in &mut self.inputs {
            input.values.clear();
            input.due = None;
            input.is_failing = false;
        }
    }
}

fn outputs(device: u32, feature: &Feature) -> impl Iterator<Item = Output> {
    feature.outputs.iter().map(move |output| Output {
        id: OutputId { device, feature: feature.index, kind: output.kind },
        description: feature.description.clone(),
        range: output.value,
        durations: output.duration,
        value: None,
        duration: output.duration.map_or(0, |range| range.clamp(USUAL_DURATION)),
        sent: None,
        is_stale: false,
    })
}

fn inputs(device: u32, feature: &Feature) -> impl Iterator<Item = Input> {
    feature.inputs.iter().map(move |input| Input {
        id: InputId { device, feature: feature.index, kind: input.kind },
        can_read: input.read,
        can_subscribe: input.subscribe,
        values: VecDeque::new(),
        due: None,
        is_failing: false,
    })
}

impl Output {
    /// Whether values below zero are the other direction.
    pub(crate) fn has_direction(&self) -> bool {
        self.range.min < 0 && self.range.max > 0
    }

    /// Where it is at rest.
    pub(crate) fn rest(&self) -> i32 {
        self.range.clamp(0)
    }

    /// The value for this many percent.
    pub(crate) fn at_percent(&self, percent: i32) -> i32 {
        let scale = if self.has_direction() { Range::new(0, self.range.max) } else { self.range };
        self.range.clamp(convert::percent_to_value(f64::from(percent) / 100.0, scale))
    }

    /// How many steps five percent are, at least one.
    pub(crate) fn five_percent(&self) -> i32 {
        let min = if self.has_direction() { 0 } else { self.range.min };
        let full = i64::from(self.range.max) - i64::from(min);
        i32::try_from((full / 20).max(1)).unwrap_or(i32::MAX)
    }

    /// How full it is, from −1 to 1.
    pub(crate) fn fraction(&self) -> Option<f64> {
        let value = f64::from(self.value?);
        let (min, max) = (f64::from(self.range.min), f64::from(self.range.max));
        let fraction = match (self.has_direction(), value < 0.0) {
            (true, true) => -(value / min),
            (true, false) => value / max,
            (false, _) if max > min => (value - min) / (max - min),
            (false, _) => 0.0,
        };
        Some(fraction)
    }
}

impl Input {
    /// Takes note of a value.
    pub(crate) fn note(&mut self, value: i64) {
        if self.values.len() == HISTORY {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.is_failing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(min: i32, max: i32) -> Output {
        let output =
            frisson_wire::Output { kind: OutputKind::Rotate, value: Range::new(min, max), duration: None };
        let feature = Feature { outputs: vec![output], ..Feature::default() };
        outputs(0, &feature).next().expect("one")
    }

    #[test]
    fn five_percent_is_at_least_one_step() {
        for ((min, max), steps) in
            [((0, 100), 5), ((0, 20), 1), ((0, 3), 1), ((-100, 100), 5), ((0, 1000), 50)]
        {
            assert_eq!(output(min, max).five_percent(), steps, "{min} to {max}");
        }
    }

    #[test]
    fn extreme_ranges_are_no_fault() {
        let mut widest = output(i32::MIN, i32::MAX);
        assert!(widest.five_percent() > 0);
        widest.value = Some(i32::MIN);
        assert_eq!(widest.fraction(), Some(-1.0));
        let mut single = output(5, 5);
        single.value = Some(5);
        assert_eq!((single.fraction(), single.five_percent(), single.rest()), (Some(0.0), 1, 5));
    }

    #[test]
    fn a_direction_shows_in_the_sign() {
        let mut rotate = output(-20, 20);
        rotate.value = Some(-5);
        assert_eq!(rotate.fraction(), Some(-0.25));
        assert_eq!(rotate.at_percent(90), 18);
    }
}
