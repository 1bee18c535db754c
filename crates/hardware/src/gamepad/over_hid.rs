//! Well-known pads as human interface devices, where no library of the system's reaches their motors.

use std::time::Duration;

use super::reports::Kind;
use super::{Info, Pad, PadError, Speeds, System};
use crate::hid::{self, HidError, MAX_REPORT, Reads, Writes};

/// How many input reports are passed over at most to see whether the pad is there.
const PASSED_OVER: usize = 64;
/// The use of a gamepad in HID's tables.
const GAMEPAD: (u16, u16) = (0x01, 0x05);

/// DualShock 4, DualSense, and over Bluetooth the Xbox pads, by the reports that their makers gave them. Their battery is not told.
///
/// Only for systems whose own drivers leave the motors alone: two who write to a pad get into each other's way.
#[derive(Debug, Default)]
pub struct HidPads<S> {
    system: S,
}

struct HidPad {
    kind: Kind,
    count: u8,
    reads: Box<dyn Reads>,
    writes: Box<dyn Writes>,
}

impl<S: hid::System> HidPads<S> {
    /// The pads among these devices.
    pub fn new(system: S) -> Self {
        Self { system }
    }

    /// The devices that are pads of a known kind.
    fn pads(&self) -> Result<impl Iterator<Item = (hid::Info, Kind)>, PadError> {
        let devices = self.system.list().map_err(fault)?;
        // A device whose use is not known may be one, a keyboard is none.
        let could_be = |device: &hid::Info| device.usage == GAMEPAD || device.usage == (0, 0);
        Ok(devices.into_iter().filter(could_be).filter_map(|device| {
            let kind = Kind::of(device.vendor, device.product, device.is_bluetooth)?;
            Some((device, kind))
        }))
    }
}

fn fault(error: HidError) -> PadError {
    match error {
        HidError::Gone => PadError::Gone,
        HidError::Denied { path, fix } => PadError::Denied { path, fix },
        HidError::Unusable(reason) => PadError::Unusable(reason),
        other => PadError::Failed(other.to_string()),
    }
}

impl<S: hid::System> System for HidPads<S> {
    fn list(&self) -> Result<Vec<Info>, PadError> {
        let info = |(device, kind): (hid::Info, Kind)| Info {
            path: device.path,
            address: device.serial,
            name: device.name,
            ids: Some((device.vendor, device.product)),
            capabilities: kind.capabilities(),
        };
        Ok(self.pads()?.map(info).collect())
    }

    fn open(&self, info: &Info) -> Result<Box<dyn Pad>, PadError> {
        let (device, kind) =
            self.pads()?.find(|(device, _)| device.path == info.path).ok_or(PadError::Gone)?;
        let link = self.system.open(&device).map_err(fault)?;
        Ok(Box::new(HidPad { kind, count: 0, reads: link.reads, writes: link.writes }))
    }
}

impl Pad for HidPad {
    fn rumble(&mut self, speeds: Speeds, _: Duration) -> Result<(), PadError> {
        let report = self.kind.report(speeds, self.count);
        self.count = self.count.wrapping_add(1);
        self.writes.write(&report).map_err(fault)
    }

    fn check(&mut self) -> Result<(), PadError> {
        let mut report = [0; MAX_REPORT];
        for _ in 0..PASSED_OVER {
            if self.reads.read(&mut report, Duration::ZERO).map_err(fault)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn battery(&mut self) -> Result<u8, PadError> {
        Err(PadError::NoBattery("the battery of this gamepad is not told on this system".to_owned()))
    }
}
