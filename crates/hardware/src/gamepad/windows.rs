//! The pads of Windows: by XInput up to four, known by their numbers; those of Sony, which XInput leaves out, as human interface devices.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use frisson_program::Capabilities;
use rusty_xinput::{BatteryLevel, BatteryType, XInputHandle, XInputUsageError};

use super::{HidPads, Info, Pad, PadError, Speeds, System};
use crate::hid;

const MICROSOFT: u16 = 0x045E;
/// How many pads there can be.
const PADS: u32 = 4;

/// The pads of this machine.
#[derive(Default)]
pub struct Native {
    library: OnceLock<Option<Arc<XInputHandle>>>,
    others: HidPads<hid::Native>,
}

struct XInputPad {
    library: Arc<XInputHandle>,
    number: u32,
}

impl Native {
    /// The pads of XInput.
    fn numbered(&self) -> Result<Vec<Info>, PadError> {
        let library = self.library()?;
        let there = (0..PADS).filter(|number| library.get_state(*number).is_ok());
        let info = |number| {
            let battery = library.get_gamepad_battery_information(number).is_ok_and(|battery| {
                !matches!(battery.battery_type, BatteryType::WIRED | BatteryType::DISCONNECTED)
            });
            Info {
                path: path(number),
                address: path(number),
                name: format!("XInput Gamepad {}", number + 1),
                ids: None,
                capabilities: Capabilities { rumble: true, trigger_rumble: false, battery },
            }
        };
        Ok(there.map(info).collect())
    }

    fn library(&self) -> Result<&Arc<XInputHandle>, PadError> {
        let library = self.library.get_or_init(|| XInputHandle::load_default().ok().map(Arc::new));
        library.as_ref().ok_or_else(|| {
            PadError::Unusable(
                "this Windows has no XInput; its optional features or DirectX bring it".to_owned(),
            )
        })
    }
}

fn path(number: u32) -> String {
    format!("xinput-{number}")
}

impl System for Native {
    fn list(&self) -> Result<Vec<Info>, PadError> {
        // XInput has the Xbox pads already.
        let is_other = |info: &Info| info.ids.is_some_and(|(vendor, _)| vendor != MICROSOFT);
        let others = self.others.list().map(|pads| pads.into_iter().filter(is_other).collect::<Vec<_>>());
        match (self.numbered(), others) {
            (Ok(numbered), others) => Ok(numbered.into_iter().chain(others.unwrap_or_default()).collect()),
            (Err(_), Ok(others)) if !others.is_empty() => Ok(others),
            (Err(error), _) => Err(error),
        }
    }

    fn open(&self, info: &Info) -> Result<Box<dyn Pad>, PadError> {
        let Some(number) = (0..PADS).find(|number| path(*number) == info.path) else {
            return self.others.open(info);
        };
        let mut pad = XInputPad { library: Arc::clone(self.library()?), number };
        pad.check()?;
        Ok(Box::new(pad))
    }
}

fn fault(error: XInputUsageError) -> PadError {
    match error {
        XInputUsageError::DeviceNotConnected => PadError::Gone,
        other => PadError::Failed(format!("XInput: {other:?}")),
    }
}

impl Pad for XInputPad {
    fn rumble(&mut self, speeds: Speeds, _: Duration) -> Result<(), PadError> {
        self.library.set_state(self.number, speeds.low, speeds.high).map_err(fault)
    }

    fn check(&mut self) -> Result<(), PadError> {
        self.library.get_state(self.number).map(drop).map_err(fault)
    }

    fn battery(&mut self) -> Result<u8, PadError> {
        let battery = self.library.get_gamepad_battery_information(self.number);
        let battery = battery.map_err(|error| PadError::NoBattery(format!("XInput: {error:?}")))?;
        match (battery.battery_type, battery.battery_level) {
            (BatteryType::WIRED, _) => Err(PadError::NoBattery("the gamepad is wired".to_owned())),
            (BatteryType::ALKALINE | BatteryType::NIMH, BatteryLevel::EMPTY) => Ok(0),
            (BatteryType::ALKALINE | BatteryType::NIMH, BatteryLevel::LOW) => Ok(33),
            (BatteryType::ALKALINE | BatteryType::NIMH, BatteryLevel::MEDIUM) => Ok(66),
            (BatteryType::ALKALINE | BatteryType::NIMH, BatteryLevel::FULL) => Ok(100),
            _ => Err(PadError::NoBattery("the gamepad does not tell its battery".to_owned())),
        }
    }
}
