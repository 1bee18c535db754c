//! The user's limits: what is advertised under them, and the one place where a value passes through them (`wire.md` 6.11).

use std::time::Duration;

use frisson_program::Description;
use frisson_wire::{Output, OutputKind, Range};

use super::{Limit, Preferences};

/// What an output offers: its hardware's range under the user's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    kind: OutputKind,
    /// What the hardware takes, besides 0 for off.
    range: Range<i32>,
    /// The least and greatest magnitude; of a position, the lowest and highest place.
    allowed: Range<i32>,
    /// What a command may say.
    offered: Range<i32>,
    durations: Option<Range<u32>>,
    reverse: bool,
    disabled: bool,
}

/// A value before the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// What a command asks for, in advertised steps.
    Asked(i32),
    /// What the output is set to, in hardware steps.
    Present(i32),
}

impl Bounds {
    pub(super) fn new(feature: u32, output: &Output, limits: &[Limit]) -> Self {
        let limit = limits.iter().find(|limit| limit.feature == feature && limit.kind == output.kind);
        let kind = output.kind;
        let range = ordered(output.value);
        let least = if range.max < 0 { magnitude(range.max) } else { range.min.max(0) };
        let greatest = match kind.is_position() {
            true => range.max.max(0),
            false => magnitude(range.min.min(0)).max(range.max),
        };
        let whole = Range::new(0, greatest);
        let steps = limit.map_or(whole, |limit| ordered(limit.steps));
        let allowed = Range::new(whole.clamp(steps.min), whole.clamp(steps.max));
        let width = allowed.max.saturating_sub(allowed.min);
        let below_zero = range.min.min(0);
        let (allowed, offered) = match (allowed == whole, kind.is_position(), range.min < 0) {
            (true, true, _) => {
                let places = Range::new(below_zero, greatest);
                (places, places)
            }
            (true, false, _) => (whole, Range::new(below_zero, range.max.max(0))),
            (false, false, true) => (allowed, Range::new(width.saturating_neg(), width)),
            (false, _, _) => (allowed, Range::new(0, width)),
        };
        let durations = match (kind, output.duration.map(ordered), limit.and_then(|limit| limit.duration)) {
            (OutputKind::HwPositionWithDuration, Some(can), Some(may)) => {
                let may = ordered(may);
                Some(Range::new(can.clamp(may.min), can.clamp(may.max)))
            }
            (OutputKind::HwPositionWithDuration, can, may) => can.or(may.map(ordered)),
            _ => None,
        };
        Self {
            kind,
            range,
            allowed,
            offered,
            durations,
            reverse: limit.is_some_and(|limit| limit.reverse),
            // Where the limit lies below the least that the hardware can do, nothing but off is left.
            disabled: limit.is_some_and(|limit| limit.disabled) || allowed.max < least,
        }
    }

    /// The value and duration that may reach the device, in hardware steps; nothing if the output is disabled. No value gets
    /// into a device's state but through here.
    pub(super) fn apply(&self, value: Value, duration: Duration) -> Option<(i32, Duration)> {
        if self.disabled {
            return None;
        }
        let steps = match value {
            Value::Asked(asked) => self.translate(asked),
            Value::Present(steps) => i64::from(steps),
        };
        let range = Range::new(i64::from(self.range.min), i64::from(self.range.max));
        let allowed = Range::new(i64::from(self.allowed.min), i64::from(self.allowed.max));
        let inside = if self.kind.is_position() {
            range.clamp(allowed.clamp(steps))
        } else if steps == 0 || (steps > 0 && range.max <= 0) {
            0
        } else {
            range.clamp(allowed.clamp(steps.abs()) * steps.signum())
        };
        Some((i32::try_from(inside).unwrap_or(0), self.clamp_duration(duration)))
    }

    /// A command's value in hardware steps, not yet confined to what is allowed.
    fn translate(&self, asked: i32) -> i64 {
        let asked = i64::from(self.offered.clamp(asked));
        let (low, high) = (i64::from(self.allowed.min), i64::from(self.allowed.max));
        let above = asked - i64::from(self.offered.min);
        match (self.kind.is_position(), self.reverse) {
            (true, false) => low + above,
            (true, true) => high - above,
            (false, reverse) if asked != 0 => {
                let turned = reverse && self.range.min < 0;
                let sign = if turned { -asked.signum() } else { asked.signum() };
                sign * (low + asked.abs())
            }
            (false, _) => 0,
        }
    }

    fn clamp_duration(&self, duration: Duration) -> Duration {
        if self.kind != OutputKind::HwPositionWithDuration {
            return Duration::ZERO;
        }
        let ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Duration::from_millis(u64::from(self.durations.map_or(ms, |range| range.clamp(ms))))
    }

    /// The output as clients see it.
    fn advertised(&self) -> Option<Output> {
        let output = Output { kind: self.kind, value: self.offered, duration: self.durations };
        (!self.disabled).then_some(output)
    }
}

/// The device as clients see it: ranges under the limits, nothing that is disabled, no feature that is empty, the gap in force.
pub(super) fn advertise(hardware: &Description, preferences: &Preferences) -> Description {
    let limits = &preferences.limits;
    let mut description = hardware.clone();
    description.gap = preferences.gap.or(hardware.gap);
    for feature in &mut description.features {
        let index = feature.index;
        let offered =
            feature.outputs.iter().filter_map(|output| Bounds::new(index, output, limits).advertised());
        feature.outputs = offered.collect();
    }
    description.features.retain(|feature| !feature.outputs.is_empty() || !feature.inputs.is_empty());
    description
}

fn ordered<T: Ord + Copy>(range: Range<T>) -> Range<T> {
    Range::new(range.min.min(range.max), range.min.max(range.max))
}

fn magnitude(steps: i32) -> i32 {
    steps.saturating_abs()
}
