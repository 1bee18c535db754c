//! A device with the index maps that older spec versions need, built once per device.

use crate::model::{
    Device, ErrorCode, Fault, Feature, InputAction, InputKind, OutputCommand, OutputKind, Range,
};

/// A device as every spec version sees it.
///
/// Older versions number outputs per command, in lists of their own (`wire.md` 5.3 and 6.1). What is advertised and what
/// a command's index is looked up in is one and the same list here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    device: Device,
    vibrate: Vec<Slot>,
    rotate: Vec<Slot>,
    linear: Vec<Slot>,
    /// Those that are listed, and behind them the others.
    scalar: Vec<Slot>,
    listed_scalars: usize,
    sensor: Vec<u32>,
}

/// One entry of a legacy list: the output that an index stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The highest step (`StepCount`), at least 1.
    pub steps: u32,
}

/// The order of several scalar outputs of one feature in a v3 list (`wire.md` 5.3).
const SCALAR_ORDER: [OutputKind; 5] = [
    OutputKind::Constrict,
    OutputKind::Oscillate,
    OutputKind::Position,
    OutputKind::Rotate,
    OutputKind::Vibrate,
];

/// Scalar outputs that v3 clients are not shown, for strict ones do not know their names (`wire.md` 5.3). Their place is behind all that are
/// shown. Lights are not among them: no index addresses one (`wire.md`, W-79).
const UNLISTED_SCALARS: [OutputKind; 2] = [OutputKind::Spray, OutputKind::Temperature];

impl Profile {
    /// Builds the lists for a device.
    ///
    /// Its features are put in ascending order of their index, and outputs and inputs in that of their kind, so that
    /// equal devices are equal; of several with the same index or kind the first is kept. A
    /// [`OutputKind::HwPositionWithDuration`] without a range of durations takes any; other kinds have none.
    pub fn new(mut device: Device) -> Self {
        device.features.sort_by_key(|feature| feature.index);
        device.features.dedup_by_key(|feature| feature.index);
        for feature in &mut device.features {
            feature.outputs.sort_by_key(|output| output.kind);
            feature.outputs.dedup_by_key(|output| output.kind);
            feature.inputs.sort_by_key(|input| input.kind);
            feature.inputs.dedup_by_key(|input| input.kind);
            for output in &mut feature.outputs {
                let timed = output.kind == OutputKind::HwPositionWithDuration;
                output.duration = timed.then(|| output.duration.unwrap_or(Range::new(0, u32::MAX)));
            }
        }
        let slots = |kinds: &[OutputKind], wanted: &dyn Fn(i32) -> bool| {
            let mut slots = Vec::new();
            for feature in &device.features {
                for output in kinds.iter().filter_map(|kind| feature.output(*kind)) {
                    match u32::try_from(output.value.max) {
                        Ok(steps) if steps > 0 && wanted(output.value.min) => {
                            slots.push(Slot { feature: feature.index, kind: output.kind, steps });
                        }
                        _ => {}
                    }
                }
            }
            slots
        };
        let vibrate = slots(&[OutputKind::Vibrate], &|_| true);
        let rotate = slots(&[OutputKind::Rotate], &|min| min < 0);
        let linear = slots(&[OutputKind::HwPositionWithDuration], &|_| true);
        let mut scalar = slots(&SCALAR_ORDER, &|_| true);
        let listed_scalars = scalar.len();
        scalar.append(&mut slots(&UNLISTED_SCALARS, &|_| true));
        let sensor = device
            .features
            .iter()
            .filter(|feature| feature.input(InputKind::Battery).is_some_and(|input| input.read))
            .map(|feature| feature.index)
            .collect();
        Self { device, vibrate, rotate, linear, scalar, listed_scalars, sensor }
    }

    /// The device itself.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What the indices of `VibrateCmd` stand for.
    pub fn vibrate(&self) -> &[Slot] {
        &self.vibrate
    }

    /// What the indices of `RotateCmd` stand for: the signed rotations.
    pub fn rotate(&self) -> &[Slot] {
        &self.rotate
    }

    /// What the indices of `LinearCmd` stand for.
    pub fn linear(&self) -> &[Slot] {
        &self.linear
    }

    /// What the indices of `ScalarCmd` stand for.
    pub fn scalar(&self) -> &[Slot] {
        self.scalar.get(..self.listed_scalars).unwrap_or_default()
    }

    /// The same list, followed by the outputs that v3 clients are not shown but may know of: applications written for one device name them.
    pub(crate) fn scalar_and_unlisted(&self) -> &[Slot] {
        &self.scalar
    }

    /// The features that the `SensorIndex` of `SensorReadCmd` stands for: batteries that can be read.
    pub fn sensor(&self) -> &[u32] {
        &self.sensor
    }

    /// Whether the device can follow a command.
    ///
    /// # Errors
    /// [`ErrorCode::Device`] if there is no such feature, if it lacks this output, or if the value or the duration is
    /// outside of its range (`wire.md` 4.9).
    pub fn check(&self, command: &OutputCommand) -> Result<(), Fault> {
        let OutputCommand { feature: index, kind, value, duration } = *command;
        let output = self.feature(index)?.output(kind).ok_or_else(|| {
            let outputs = self.device.feature(index).into_iter().flat_map(|feature| &feature.outputs);
            let known = only(outputs.map(|output| output.kind.name()));
            unable(format!("feature {index} of {} has no output {kind}{known}", self.label()))
        })?;
        let Range { min, max } = output.value;
        if !output.value.contains(value) {
            let label = self.label();
            return Err(unable(format!(
                "{kind} of feature {index} of {label} takes values from {min} to {max}, not {value}"
            )));
        }
        match (output.duration, duration) {
            (Some(range), Some(duration)) if !range.contains(duration) => {
                let (Range { min, max }, label) = (range, self.label());
                Err(unable(format!(
                    "{kind} of feature {index} of {label} takes durations from {min} to {max} ms, not {duration}"
                )))
            }
            (Some(_), None) => {
                Err(unable(format!("{kind} of feature {index} of {} needs a duration", self.label())))
            }
            _ => Ok(()),
        }
    }

    /// Whether the device has this input and the input can do this.
    ///
    /// # Errors
    /// [`ErrorCode::Device`] if there is no such feature, if it lacks this input, or if the input does not offer this
    /// (`wire.md` 4.10).
    pub fn check_input(&self, feature: u32, kind: InputKind, action: InputAction) -> Result<(), Fault> {
        let input = self.feature(feature)?.input(kind).ok_or_else(|| {
            let inputs = self.device.feature(feature).into_iter().flat_map(|feature| &feature.inputs);
            let known = only(inputs.map(|input| input.kind.name()));
            unable(format!("feature {feature} of {} has no input {kind}{known}", self.label()))
        })?;
        let (offered, what) = match action {
            InputAction::Read => (input.read, "be read"),
            InputAction::Subscribe | InputAction::Unsubscribe => (input.subscribe, "be subscribed to"),
        };
        if offered {
            Ok(())
        } else {
            Err(unable(format!("{kind} of feature {feature} of {} cannot {what}", self.label())))
        }
    }

    /// Whether the device has a feature with this index.
    ///
    /// # Errors
    /// [`ErrorCode::Device`] if not.
    pub fn check_feature(&self, feature: u32) -> Result<(), Fault> {
        self.feature(feature).map(|_| ())
    }

    fn feature(&self, index: u32) -> Result<&Feature, Fault> {
        self.device
            .feature(index)
            .ok_or_else(|| unable(format!("{} has no feature with index {index}", self.label())))
    }

    /// The device in texts for people.
    pub(crate) fn label(&self) -> String {
        format!("device {} ({})", self.device.index, self.device.name)
    }
}

fn unable(text: String) -> Fault {
    Fault::new(ErrorCode::Device, text)
}

/// What there is instead of what was asked for.
fn only<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { String::new() } else { format!(", only {}", names.join(", ")) }
}

/// What a dialect needs to know of the devices to understand a command of an older version.
pub trait View {
    /// The device with this index.
    fn profile(&self, device: u32) -> Option<&Profile>;

    /// Where this feature was last sent to by anybody, as a fraction of its range; 0 if nowhere yet.
    fn last_position(&self, device: u32, feature: u32) -> f64;
}
