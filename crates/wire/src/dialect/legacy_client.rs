//! The client half of the commands that more than one of the spec versions 0 to 3 has.

use super::common::Plain;
use super::fields::Int;
use super::legacy::{
    FleshlightLaunchFW12Cmd, LinearCmd, OneDevice, RotateCmd, Rotation, SingleMotorVibrateCmd, Speed, Vector,
    VersionedServerInfoRequest, VibrateCmd, VorzeA10CycloneCmd, intensity, rotation,
};
use crate::convert;
use crate::model::{Hello, Id, OutputCommand, Scope, StopRequest};
use crate::profile::{Profile, Slot, View};

/// Where an output stands in a list, and the fraction of its range that a value is.
pub(super) fn locate<'p>(slots: &'p [Slot], command: &OutputCommand) -> Option<(Int<u32>, &'p Slot)> {
    let at = slots.iter().position(|slot| slot.feature == command.feature && slot.kind == command.kind)?;
    Some((Int(u32::try_from(at).ok()?), slots.get(at)?))
}

/// The list elements for commands that all stand in `slots`.
pub(super) fn elements<T>(
    slots: &[Slot],
    commands: &[OutputCommand],
    element: impl Fn(Int<u32>, &Slot, &OutputCommand) -> Option<T>,
) -> Option<Vec<T>> {
    if commands.is_empty() {
        return None;
    }
    commands
        .iter()
        .map(|command| locate(slots, command).and_then(|(index, slot)| element(index, slot, command)))
        .collect()
}

impl VersionedServerInfoRequest {
    pub(super) fn new(id: Id, hello: &Hello) -> Self {
        Self {
            id: Int(id),
            client_name: hello.client_name.clone(),
            message_version: Int(hello.dialect.number()),
        }
    }
}

impl VibrateCmd {
    pub(super) fn new(id: Id, profile: &Profile, commands: &[OutputCommand]) -> Option<Self> {
        let speeds = elements(profile.vibrate(), commands, |index, slot, command| {
            Some(Speed { index, speed: convert::fraction(command.value, slot.steps)? })
        })?;
        Some(Self { id: Int(id), device_index: Int(profile.device().index), speeds })
    }
}

impl RotateCmd {
    pub(super) fn new(id: Id, profile: &Profile, commands: &[OutputCommand]) -> Option<Self> {
        let rotations = elements(profile.rotate(), commands, |index, slot, command| {
            let magnitude = command.value.checked_abs()?;
            let speed = convert::fraction(magnitude, slot.steps)?;
            Some(Rotation { index, speed, clockwise: command.value >= 0 })
        })?;
        Some(Self { id: Int(id), device_index: Int(profile.device().index), rotations })
    }
}

impl LinearCmd {
    pub(super) fn new(id: Id, profile: &Profile, commands: &[OutputCommand]) -> Option<Self> {
        let vectors = elements(profile.linear(), commands, |index, slot, command| {
            let position = convert::fraction(command.value, slot.steps)?;
            Some(Vector { index, duration: Int(command.duration?), position })
        })?;
        Some(Self { id: Int(id), device_index: Int(profile.device().index), vectors })
    }
}

impl SingleMotorVibrateCmd {
    /// Only for commands to all vibrators that one speed can say.
    pub(super) fn new(id: Id, profile: &Profile, commands: &[OutputCommand]) -> Option<Self> {
        let speeds = elements(profile.vibrate(), commands, |_, slot, command| {
            convert::fraction(command.value, slot.steps)
        })?;
        let speed = speeds.into_iter().fold(1.0, f64::min);
        let said = profile.vibrate().iter().map(|slot| intensity(slot, speed));
        said.eq(commands.iter().copied()).then_some(Self {
            id: Int(id),
            device_index: Int(profile.device().index),
            speed,
        })
    }
}

impl VorzeA10CycloneCmd {
    /// Only for commands to all signed rotations that one speed can say.
    pub(super) fn new(id: Id, profile: &Profile, commands: &[OutputCommand]) -> Option<Self> {
        let clockwise = commands.iter().all(|command| command.value >= 0);
        let speeds = elements(profile.rotate(), commands, |_, slot, command| {
            let magnitude = u64::from(command.value.unsigned_abs());
            let speed = magnitude * u64::from(Self::HIGHEST) / u64::from(slot.steps.max(1));
            u32::try_from(speed).ok().filter(|speed| *speed <= Self::HIGHEST)
        })?;
        let speed = speeds.into_iter().min()?;
        let fraction = f64::from(speed) / f64::from(Self::HIGHEST);
        let said = profile.rotate().iter().map(|slot| rotation(slot, fraction, clockwise));
        said.eq(commands.iter().copied()).then_some(Self {
            id: Int(id),
            device_index: Int(profile.device().index),
            speed: Int(speed),
            clockwise,
        })
    }
}

impl FleshlightLaunchFW12Cmd {
    /// Only for one command to the first timed position. Position and time are as near as the message can say.
    pub(super) fn new(
        id: Id,
        profile: &Profile,
        view: &dyn View,
        commands: &[OutputCommand],
    ) -> Option<Self> {
        let [command] = commands else { return None };
        let (Int(0), slot) = locate(profile.linear(), command)? else { return None };
        let position = convert::intensity(convert::fraction(command.value, slot.steps)?, Self::HIGHEST);
        let position = u32::try_from(position).ok()?;
        let last = view.last_position(profile.device().index, slot.feature);
        let distance = f64::from(position) / f64::from(Self::HIGHEST) - last;
        let speed = convert::launch_speed(distance, command.duration?);
        // Speed 0 would not move at all.
        let speed = convert::intensity(speed, Self::HIGHEST).max(1);
        Some(Self {
            id: Int(id),
            device_index: Int(profile.device().index),
            position: Int(position),
            speed: Int(u32::try_from(speed).ok()?),
        })
    }
}

/// The two messages that stop, in these versions.
pub(super) enum Stopping {
    All(Plain),
    One(OneDevice),
}

impl Stopping {
    pub(super) fn new(id: Id, stop: &StopRequest) -> Option<Self> {
        let id = Int(id);
        match *stop {
            StopRequest { scope: Scope::All, inputs: true, outputs: true } => Some(Self::All(Plain { id })),
            StopRequest { scope: Scope::Device(index), inputs: true, outputs: true } => {
                Some(Self::One(OneDevice { id, device_index: Int(index) }))
            }
            _ => None,
        }
    }
}
