//! Commands of spec versions 0 to 3 that more than one version has, to and from the canonical model.

use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};

use super::fields::{Int, objects, words};
use crate::convert;
use crate::frame::Refusal;
use crate::model::{ErrorCode, Fault, Id, OutputCommand, OutputRequest, Request, Scope, StopRequest};
use crate::profile::{Profile, Slot, View};

objects! {
    /// Spec v1 to v3, `RequestServerInfo`.
    struct VersionedServerInfoRequest {
        id: Int<Id>,
        client_name: String,
        message_version: Int<u32>,
    }

    /// A request about one device, e.g. `StopDeviceCmd`.
    struct OneDevice {
        id: Int<Id>,
        device_index: Int<u32>,
    }

    /// Spec v0 and v1, both ways.
    struct Test {
        id: Int<Id>,
        test_string: String,
    }

    /// Spec v0 to v2.
    struct RequestLog {
        id: Int<Id>,
        log_level: LogLevel,
    }

    /// Spec v0 and v1.
    struct SingleMotorVibrateCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        speed: f64,
    }

    /// Spec v0 and v1.
    struct FleshlightLaunchFW12Cmd {
        id: Int<Id>,
        device_index: Int<u32>,
        position: Int<u32>,
        speed: Int<u32>,
    }

    /// Spec v0 and v1.
    struct VorzeA10CycloneCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        speed: Int<u32>,
        clockwise: bool,
    }

    /// Spec v0 and v1, `KiirooCmd` and `LovenseCmd`.
    struct TextCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        command: String,
    }

    /// Spec v0 and v1.
    struct RawCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        command: Vec<Int<u8>>,
    }

    /// Spec v1 to v3.
    struct VibrateCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        speeds: Vec<Speed>,
    }

    struct Speed {
        index: Int<u32>,
        speed: f64,
    }

    /// Spec v1 to v3.
    struct RotateCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        rotations: Vec<Rotation>,
    }

    struct Rotation {
        index: Int<u32>,
        speed: f64,
        clockwise: bool,
    }

    /// Spec v1 to v3.
    struct LinearCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        vectors: Vec<Vector>,
    }

    struct Vector {
        index: Int<u32>,
        duration: Int<u32>,
        position: f64,
    }

    /// Spec v2 and v3.
    struct RawWriteCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        endpoint: String,
        data: Vec<Int<u8>>,
        write_with_response: bool,
    }

    /// Spec v2 and v3. Sources disagree on the names (`wire.md` 4.7); a `Timeout` is passed over like any other field.
    struct RawReadCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        endpoint: String,
        #[serde(alias = "Length")]
        expected_length: Int<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        wait_for_data: Option<bool>,
    }

    /// Spec v2 and v3, `RawSubscribeCmd` and `RawUnsubscribeCmd`.
    struct RawEndpointCmd {
        id: Int<Id>,
        device_index: Int<u32>,
        endpoint: String,
    }
}

words! {
    /// Spec v0 to v2.
    enum LogLevel {
        Off = "Off",
        Fatal = "Fatal",
        Error = "Error",
        Warn = "Warn",
        Info = "Info",
        Debug = "Debug",
        Trace = "Trace",
    }
}

/// Spec v0 and v1, from servers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Log {
    id: Int<u32>,
    log_level: LogLevel,
    log_message: String,
}

/// Spec v2 and v3, from servers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RawReading {
    id: Int<u32>,
    device_index: Int<u32>,
    endpoint: String,
    data: Vec<Int<u8>>,
}

/// Puts the id back to what became of its message.
pub(super) fn with_id(id: Int<Id>, request: Result<Request, Fault>) -> Result<(Id, Request), Refusal> {
    match request {
        Ok(request) => Ok((id.0, request)),
        Err(fault) => Err(Refusal { id: Some(id.0), fault }),
    }
}

pub(super) fn stop(scope: Scope) -> Request {
    Request::Stop(StopRequest { scope, inputs: true, outputs: true })
}

pub(super) fn malformed(text: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::Message, text)
}

pub(super) fn unable(text: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::Device, text)
}

/// What to say to commands that are part of the version, but that no device can follow here.
pub(super) fn unsupported(command: &str) -> Fault {
    unable(format!("{command} is not supported by any device of this server"))
}

/// The device with this index.
pub(super) fn device(view: &dyn View, index: Int<u32>) -> Result<&Profile, Fault> {
    view.profile(index.0).ok_or_else(|| unable(format!("no device with index {}", index.0)))
}

/// Checks that a list is not empty.
pub(super) fn filled<T>(command: &str, list: &str, elements: &[T]) -> Result<(), Fault> {
    if elements.is_empty() {
        Err(malformed(format!("{command}.{list} is empty, expected at least one element")))
    } else {
        Ok(())
    }
}

/// What is wrong with a number that has to be a fraction; `place` names it.
pub(super) fn no_fraction(value: f64, place: impl FnOnce() -> String) -> Option<String> {
    if (0.0..=1.0).contains(&value) { None } else { Some(format!("{} is {value}, expected 0 to 1", place())) }
}

fn fraction(value: f64, place: impl FnOnce() -> String) -> Result<(), Fault> {
    no_fraction(value, place).map_or(Ok(()), |text| Err(malformed(text)))
}

/// Looks the elements of a command up in the list that their indices count, and puts them in the order in which they
/// take effect: that of the list, and that of the command where an index is there twice (`wire.md` 6.3).
pub(super) fn resolve<T>(
    command: &str,
    profile: &Profile,
    slots: &[Slot],
    elements: &[T],
    index: impl Fn(&T) -> Int<u32>,
    convert: impl Fn(usize, &T, &Slot) -> Result<OutputCommand, Fault>,
) -> Result<Request, Fault> {
    if slots.is_empty() {
        return Err(not_followed(command, profile));
    }
    let mut found: SmallVec<[(u32, OutputCommand); 4]> = SmallVec::new();
    for (at, element) in elements.iter().enumerate() {
        let Int(index) = index(element);
        let slot = usize::try_from(index).ok().and_then(|at| slots.get(at)).ok_or_else(|| {
            let (name, last) = (profile.label(), slots.len().saturating_sub(1));
            unable(format!("{command} has no index {index} on {name}, expected 0 to {last}"))
        })?;
        found.push((index, convert(at, element, slot)?));
    }
    found.sort_by_key(|(index, _)| *index);
    let commands = found.into_iter().map(|(_, command)| command).collect();
    Ok(Request::Output(OutputRequest { device: profile.device().index, commands }))
}

fn not_followed(command: &str, profile: &Profile) -> Fault {
    unable(format!("{command} is not supported by {}", profile.label()))
}

fn set(slot: &Slot, value: i32) -> OutputCommand {
    OutputCommand { feature: slot.feature, kind: slot.kind, value, duration: None }
}

pub(super) fn intensity(slot: &Slot, fraction: f64) -> OutputCommand {
    set(slot, convert::intensity(fraction, slot.steps))
}

fn glide(profile: &Profile, slot: &Slot, value: i32, duration: u32) -> OutputCommand {
    let range = profile
        .device()
        .feature(slot.feature)
        .and_then(|feature| feature.output(slot.kind))
        .and_then(|output| output.duration);
    let duration = range.map_or(duration, |range| range.clamp(duration));
    OutputCommand { feature: slot.feature, kind: slot.kind, value, duration: Some(duration) }
}

impl Test {
    pub(super) fn request(self) -> Result<Request, Fault> {
        if self.test_string == "Error" {
            Err(malformed("the TestString Error asks for an error"))
        } else {
            Ok(Request::Test(self.test_string))
        }
    }
}

impl SingleMotorVibrateCmd {
    pub(super) fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        fraction(self.speed, || "SingleMotorVibrateCmd.Speed".to_owned())?;
        let profile = device(view, self.device_index)?;
        if profile.vibrate().is_empty() {
            return Err(not_followed("SingleMotorVibrateCmd", profile));
        }
        let commands = profile.vibrate().iter().map(|slot| intensity(slot, self.speed)).collect();
        Ok(Request::Output(OutputRequest { device: self.device_index.0, commands }))
    }
}

impl FleshlightLaunchFW12Cmd {
    pub(super) const HIGHEST: u32 = 99;

    pub(super) fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        for (name, Int(value)) in [("Position", self.position), ("Speed", self.speed)] {
            if value > Self::HIGHEST {
                let text = format!("FleshlightLaunchFW12Cmd.{name} is {value}, expected 0 to 99");
                return Err(malformed(text));
            }
        }
        let profile = device(view, self.device_index)?;
        let slot =
            profile.linear().first().ok_or_else(|| not_followed("FleshlightLaunchFW12Cmd", profile))?;
        let highest = f64::from(Self::HIGHEST);
        let position = f64::from(self.position.0) / highest;
        let last = view.last_position(self.device_index.0, slot.feature);
        let value = convert::timed_position(position, slot.steps);
        let duration = convert::launch_duration_ms(position, last, f64::from(self.speed.0) / highest);
        let commands = match duration {
            Some(duration) if value != convert::timed_position(last, slot.steps) => {
                smallvec![glide(profile, slot, value, duration)]
            }
            // There already, or not to move.
            _ => SmallVec::new(),
        };
        Ok(Request::Output(OutputRequest { device: self.device_index.0, commands }))
    }
}

impl VorzeA10CycloneCmd {
    pub(super) const HIGHEST: u32 = 100;

    pub(super) fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        let Int(speed) = self.speed;
        if speed > Self::HIGHEST {
            return Err(malformed(format!("VorzeA10CycloneCmd.Speed is {speed}, expected 0 to 100")));
        }
        let profile = device(view, self.device_index)?;
        if profile.rotate().is_empty() {
            return Err(not_followed("VorzeA10CycloneCmd", profile));
        }
        let fraction = f64::from(speed) / f64::from(Self::HIGHEST);
        let commands = profile.rotate().iter().map(|slot| rotation(slot, fraction, self.clockwise)).collect();
        Ok(Request::Output(OutputRequest { device: self.device_index.0, commands }))
    }
}

pub(super) fn rotation(slot: &Slot, fraction: f64, clockwise: bool) -> OutputCommand {
    let magnitude = convert::intensity(fraction, slot.steps);
    set(slot, if clockwise { magnitude } else { -magnitude })
}

impl TextCmd {
    pub(super) fn kiiroo(&self) -> Fault {
        match self.command.as_str() {
            "0" | "1" | "2" | "3" | "4" => unsupported("KiirooCmd"),
            _ => malformed("KiirooCmd.Command is not a decimal number from 0 to 4"),
        }
    }

    pub(super) fn lovense(&self) -> Fault {
        unsupported("LovenseCmd")
    }
}

impl RawCmd {
    pub(super) fn refuse(&self) -> Fault {
        malformed("RawCmd was never implemented by any server")
    }
}

impl VibrateCmd {
    pub(super) fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        filled("VibrateCmd", "Speeds", &self.speeds)?;
        for (at, element) in self.speeds.iter().enumerate() {
            fraction(element.speed, || format!("VibrateCmd.Speeds[{at}].Speed"))?;
        }
        let profile = device(view, self.device_index)?;
        resolve(
            "VibrateCmd",
            profile,
            profile.vibrate(),
            &self.speeds,
            |element| element.index,
            |_, element, slot| Ok(intensity(slot, element.speed)),
        )
    }
}

impl RotateCmd {
    pub(super) fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        filled("RotateCmd", "Rotations", &self.rotations)?;
        for (at, element) in self.rotations.iter().enumerate() {
            fraction(element.speed, || format!("RotateCmd.Rotations[{at}].Speed"))?;
        }
        let profile = device(view, self.device_index)?;
        resolve(
            "RotateCmd",
            profile,
            profile.rotate(),
            &self.rotations,
            |element| element.index,
            |_, element, slot| Ok(rotation(slot, element.speed, element.clockwise)),
        )
    }
}

impl LinearCmd {
    pub(super) fn request(&self, view: &dyn View) -> Result<Request, Fault> {
        filled("LinearCmd", "Vectors", &self.vectors)?;
        for (at, element) in self.vectors.iter().enumerate() {
            fraction(element.position, || format!("LinearCmd.Vectors[{at}].Position"))?;
        }
        let profile = device(view, self.device_index)?;
        resolve(
            "LinearCmd",
            profile,
            profile.linear(),
            &self.vectors,
            |element| element.index,
            |_, element, slot| {
                let value = convert::timed_position(element.position, slot.steps);
                Ok(glide(profile, slot, value, element.duration.0))
            },
        )
    }
}

impl RawWriteCmd {
    pub(super) fn refuse(&self) -> Fault {
        filled("RawWriteCmd", "Data", &self.data).err().unwrap_or_else(|| raw_is_off("RawWriteCmd"))
    }
}

/// What to say to a well-formed raw message (`wire.md` 4.7).
pub(super) fn raw_is_off(command: &str) -> Fault {
    unable(format!("{command} is refused, raw messages are not allowed on this server"))
}
