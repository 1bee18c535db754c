//! What a device's outputs are set to, and what the device was last told.

use std::time::Duration;

use frisson_wire::{Feature, OutputKind, Range};

/// One output of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputState {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The hardware's range, in steps.
    pub range: Range<i32>,
    /// What it is set to, in hardware steps: 0, or within the range and the user's limit.
    pub value: i32,
    /// The time to get there, for timed positions; zero otherwise.
    pub duration: Duration,
    /// What the device was last told, in hardware steps; `None` before anything was.
    pub sent: Option<i32>,
    /// The sign of the last value other than 0 that the device was told, 1 at the start.
    pub direction: i8,
}

/// An output that the device has to be told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The new value, in hardware steps.
    pub value: i32,
    /// What the device was last told, in hardware steps; 0 before anything was.
    pub previous: i32,
    /// The time to get there, for timed positions; zero otherwise.
    pub duration: Duration,
    /// The sign of the last value other than 0 that the device was told, 1 at the start.
    pub direction: i8,
}

impl OutputState {
    /// This output as a change to be rendered.
    pub fn change(&self) -> Change {
        Change {
            feature: self.feature,
            kind: self.kind,
            value: self.value,
            previous: self.sent.unwrap_or(0),
            duration: self.duration,
            direction: self.direction,
        }
    }
}

/// All outputs of a device, in ascending order of feature and kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    outputs: Vec<OutputState>,
    /// Where the positions stand that are not to be held.
    released: Vec<usize>,
}

impl State {
    /// The state of a device that has not been told anything.
    pub fn new(features: &[Feature]) -> Self {
        let mut outputs: Vec<_> = features
            .iter()
            .flat_map(|feature| {
                feature.outputs.iter().map(|output| OutputState {
                    feature: feature.index,
                    kind: output.kind,
                    range: output.value,
                    value: 0,
                    duration: Duration::ZERO,
                    sent: None,
                    direction: 1,
                })
            })
            .collect();
        outputs.sort_by_key(|output| (output.feature, output.kind));
        Self { outputs, released: Vec::new() }
    }

    /// All outputs.
    pub fn outputs(&self) -> &[OutputState] {
        &self.outputs
    }

    /// All outputs, to be changed.
    pub fn outputs_mut(&mut self) -> &mut [OutputState] {
        &mut self.outputs
    }

    /// One output.
    pub fn output(&self, feature: u32, kind: OutputKind) -> Option<&OutputState> {
        let at = self.position(feature, kind)?;
        self.outputs.get(at)
    }

    /// Where an output stands in [`State::outputs`].
    pub fn position(&self, feature: u32, kind: OutputKind) -> Option<usize> {
        self.outputs.binary_search_by_key(&(feature, kind), |output| (output.feature, output.kind)).ok()
    }

    /// The value that an output is set to; 0 if there is no such output.
    pub fn value(&self, feature: u32, kind: OutputKind) -> i32 {
        self.output(feature, kind).map_or(0, |output| output.value)
    }

    /// Says that the position at this place of [`State::outputs`] is not to be held any longer, because a stop has left the device
    /// where it was or another output moves the same axis.
    pub fn release(&mut self, at: usize) {
        if !self.released.contains(&at) {
            self.released.push(at);
        }
    }

    /// Takes back [`State::release`]: the position has been set again.
    pub fn hold(&mut self, at: usize) {
        self.released.retain(|other| *other != at);
    }

    /// Every output as a change. Positions that nobody has set or that have been released are left out: to render them would be to
    /// move.
    pub fn all(&self) -> Vec<Change> {
        let all = self.outputs.iter().enumerate();
        let held = all.filter(|(at, output)| {
            !output.kind.is_position() || (output.sent.is_some() && !self.released.contains(at))
        });
        held.map(|(_, output)| output.change()).collect()
    }
}

#[cfg(test)]
mod tests {
    use frisson_wire::Output;

    use super::*;

    fn feature(index: u32, kinds: &[OutputKind]) -> Feature {
        let output = |kind: &OutputKind| Output { kind: *kind, value: Range::new(0, 20), duration: None };
        Feature { index, outputs: kinds.iter().map(output).collect(), ..Feature::default() }
    }

    fn sample() -> State {
        State::new(&[
            feature(7, &[OutputKind::Led, OutputKind::Vibrate]),
            feature(2, &[OutputKind::Position]),
            feature(5, &[]),
        ])
    }

    #[test]
    fn outputs_stand_in_order_of_feature_and_kind() {
        let order: Vec<_> = sample().outputs().iter().map(|output| (output.feature, output.kind)).collect();
        assert_eq!(order, [(2, OutputKind::Position), (7, OutputKind::Vibrate), (7, OutputKind::Led)]);
    }

    #[test]
    fn every_output_is_found_where_it_stands() {
        let state = sample();
        for (at, output) in state.outputs().iter().enumerate() {
            assert_eq!(state.position(output.feature, output.kind), Some(at));
            assert_eq!(state.output(output.feature, output.kind), Some(output));
        }
    }

    #[test]
    fn an_unknown_output_reads_as_zero() {
        let state = sample();
        assert_eq!(state.position(2, OutputKind::Vibrate), None);
        assert_eq!(state.value(2, OutputKind::Vibrate), 0);
    }

    #[test]
    fn a_device_that_was_told_nothing_is_at_zero_and_looks_forward() {
        let change = sample().outputs()[1].change();
        assert_eq!((change.value, change.previous, change.direction), (0, 0, 1));
    }

    #[test]
    fn a_change_names_what_was_told_last() {
        let mut state = sample();
        state.outputs_mut()[1].sent = Some(12);
        state.outputs_mut()[1].value = 15;
        let change = state.outputs()[1].change();
        assert_eq!((change.feature, change.value, change.previous), (7, 15, 12));
    }

    #[test]
    fn positions_that_nobody_has_set_are_not_rendered_again() {
        let mut state = sample();
        assert_eq!(state.all().len(), 2);
        state.outputs_mut()[0].sent = Some(10);
        assert_eq!(state.all().len(), 3);
    }

    #[test]
    fn a_released_position_is_not_rendered_again_until_it_is_held() {
        let mut state = sample();
        state.outputs_mut()[0].sent = Some(10);
        state.release(0);
        state.release(0);
        assert_eq!(state.all().len(), 2);
        state.hold(0);
        assert_eq!(state.all().len(), 3);
    }
}
