//! From what the user has set to the limits that the engine puts in force.

use frisson_wire::{Feature, Output, OutputKind, Range};

use super::{Key, OutputSettings, Settings, kind_name};

/// The user's limit on one output, as the engine wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The lowest and highest magnitude in hardware steps, within 0 to the hardware's maximum.
    pub steps: Range<i32>,
    /// The durations allowed, for timed positions.
    pub duration: Option<Range<u32>>,
    /// Whether positions and directions are turned round.
    pub reverse: bool,
    /// Whether the output is hidden and refused.
    pub disabled: bool,
}

impl Settings {
    /// The limits of this device, whose hardware has these features.
    pub fn limits_for(&self, key: &Key, features: &[Feature]) -> Vec<Limit> {
        let set = self.outputs_of(key).into_iter().filter_map(|set| {
            let output = features.iter().find(|feature| feature.index == set.feature)?.output(set.kind)?;
            Some(limit(&set, output))
        });
        set.collect()
    }

    /// What of this device's settings does not fit its hardware. A range that leaves nothing switches its output off, for what the
    /// user wanted is less than all.
    pub fn misfits(&self, key: &Key, features: &[Feature]) -> Vec<String> {
        let set = self.outputs_of(key).into_iter();
        set.flat_map(|set| misfits(&set, features).into_iter().map(move |why| format!("{key}: {why}")))
            .collect()
    }

    fn outputs_of(&self, key: &Key) -> Vec<OutputSettings> {
        let mut all: Vec<OutputSettings> = Vec::new();
        for set in self.of(key).flat_map(|device| &device.outputs) {
            if !all.iter().any(|known| (known.feature, known.kind) == (set.feature, set.kind)) {
                all.push(*set);
            }
        }
        all
    }
}

fn limit(set: &OutputSettings, output: &Output) -> Limit {
    let whole = steps(output);
    let asked = set.range.unwrap_or(whole);
    let left = Range::new(asked.min.max(whole.min), asked.max.min(whole.max));
    Limit {
        feature: set.feature,
        kind: set.kind,
        steps: if left.min <= left.max { left } else { whole },
        duration: set.duration.filter(|_| set.kind == OutputKind::HwPositionWithDuration),
        reverse: set.reverse,
        disabled: set.disabled || (set.range.is_some() && left.min >= left.max),
    }
}

/// What the range of an output may choose from: its steps, or of an output with two directions the steps of one.
pub fn steps(output: &Output) -> Range<i32> {
    let Range { min, max } = output.value;
    let greatest = if output.kind.is_position() { max } else { max.max(min.saturating_neg()) };
    Range::new(0, greatest.max(0))
}

/// What is wrong with the settings of an output, given the features of the hardware.
pub(super) fn misfits(set: &OutputSettings, features: &[Feature]) -> Vec<String> {
    let (feature, name) = (set.feature, kind_name(set.kind));
    let Some(found) = features.iter().find(|feature| feature.index == set.feature) else {
        let known: Vec<_> = features.iter().map(|feature| feature.index.to_string()).collect();
        return vec![format!("there is no feature {feature}; the device has {}", known.join(", "))];
    };
    let Some(output) = found.output(set.kind) else {
        let known: Vec<_> = found.outputs.iter().map(|output| kind_name(output.kind)).collect();
        let known = if known.is_empty() { "no outputs".to_owned() } else { known.join(", ") };
        return vec![format!("feature {feature} has no output `{name}`; it has {known}")];
    };
    let mut found = Vec::new();
    let whole = steps(output);
    if let Some(Range { min, max }) = set.range {
        let least = output.value.min.max(0);
        if min < 0 || max > whole.max || max < least || min >= max {
            let Range { min: low, max: high } = whole;
            found.push(format!("[{min}, {max}] of `{name}` of feature {feature} is not within [{low}, {high}], what the hardware can do"));
        }
    }
    match (set.duration, output.duration) {
        (Some(_), _) if set.kind != OutputKind::HwPositionWithDuration => {
            found.push(format!("`{name}` of feature {feature} has no durations; only `stroke` has"));
        }
        (Some(Range { min, max }), Some(can)) if min < can.min || max > can.max => {
            let Range { min: low, max: high } = can;
            found.push(format!("durations of [{min}, {max}] ms of feature {feature} are not within [{low}, {high}], what the hardware can do"));
        }
        _ => {}
    }
    if set.reverse && !set.kind.is_position() && output.value.min >= 0 {
        found.push(format!(
            "`{name}` of feature {feature} has one direction only, so it cannot be turned round"
        ));
    }
    found
}
