//! The devices of this machine: hidraw on Linux, the system's own interface on macOS and Windows.

use std::ffi::CString;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use hidapi::{BusType, HidApi, HidDevice};

use super::report::is_numbered;
use super::{HidError, Info, Link, MAX_REPORT, Reads, System, Writes};

/// The devices of this machine.
#[derive(Default)]
pub struct Native {
    /// What opens devices. It holds no device, and can be used by several threads at once.
    opener: OnceLock<HidApi>,
}

impl Native {
    /// Why no such device can be used on this system at all, as far as that shows at a glance.
    pub fn missing() -> Option<&'static str> {
        let is_missing = cfg!(target_os = "linux") && !Path::new("/sys/class/hidraw").exists();
        is_missing.then_some(
            "the system's kernel has no hidraw driver; where it is a module, `modprobe hidraw` loads it",
        )
    }
}

impl System for Native {
    fn list(&self) -> Result<Vec<Info>, HidError> {
        if let Some(reason) = Self::missing() {
            return Err(HidError::Unusable(reason.to_owned()));
        }
        let api = HidApi::new().map_err(|error| {
            let fix = if cfg!(target_os = "linux") {
                "; is /sys readable here, also inside a container?"
            } else {
                ""
            };
            HidError::Unusable(format!("the system does not list such devices: {error}{fix}"))
        })?;
        let mut devices: Vec<Info> = Vec::new();
        for device in api.device_list() {
            let path = device.path().to_string_lossy().into_owned();
            // A path is told once for each use of the device.
            if devices.iter().any(|known| known.path == path) {
                continue;
            }
            devices.push(Info {
                path,
                vendor: device.vendor_id(),
                product: device.product_id(),
                name: device.product_string().unwrap_or_default().trim().to_owned(),
                serial: device.serial_number().unwrap_or_default().trim().to_owned(),
                interface: device.interface_number(),
                usage: (device.usage_page(), device.usage()),
                is_bluetooth: matches!(device.bus_type(), BusType::Bluetooth),
            });
        }
        Ok(devices)
    }

    fn open(&self, info: &Info) -> Result<Link, HidError> {
        may_open(info)?;
        let path = CString::new(info.path.as_str()).map_err(|_| HidError::Gone)?;
        let fault = |error: hidapi::HidError| HidError::Failed(format!("{}: {error}", info.path));
        let opener = match self.opener.get() {
            Some(opener) => opener,
            None => {
                let opener = HidApi::new().map_err(fault)?;
                self.opener.get_or_init(|| opener)
            }
        };
        let reader = opener.open_path(&path).map_err(fault)?;
        let writer = opener.open_path(&path).map_err(fault)?;
        let mut descriptor = [0; hidapi::MAX_REPORT_DESCRIPTOR_SIZE];
        let length = reader.get_report_descriptor(&mut descriptor).unwrap_or(0);
        let is_numbered = is_numbered(descriptor.get(..length).unwrap_or_default());
        Ok(Link { reads: Box::new(Reader { device: reader, is_numbered }), writes: Box::new(Writer(writer)) })
    }
}

/// Whether the system would let this user open the device. The library's own error does not tell.
fn may_open(info: &Info) -> Result<(), HidError> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    match std::fs::OpenOptions::new().read(true).write(true).open(&info.path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(HidError::Denied { path: info.path.clone(), fix: udev_fix(info.vendor, info.product) })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(HidError::Gone),
        Err(error) => Err(HidError::Failed(format!("{}: {error}", info.path))),
    }
}

/// What gives a Linux user access to a device.
fn udev_fix(vendor: u16, product: u16) -> String {
    format!(
        "write the line `KERNEL==\"hidraw*\", KERNELS==\"*:{vendor:04X}:{product:04X}.*\", MODE=\"0660\", TAG+=\"uaccess\"` to \
         /etc/udev/rules.d/60-frisson.rules, run `udevadm control --reload` as root, and plug the device in again"
    )
}

struct Reader {
    device: HidDevice,
    is_numbered: bool,
}

impl Reads for Reader {
    fn read(&mut self, report: &mut [u8], longest: Duration) -> Result<usize, HidError> {
        let longest = i32::try_from(longest.as_millis()).unwrap_or(i32::MAX);
        let read = |into: &mut [u8]| {
            self.device.read_timeout(into, longest).map_err(|error| match error {
                hidapi::HidError::IoError { error } => HidError::Failed(error.to_string()),
                // The library's words for a device that was unplugged differ from system to system.
                _ => HidError::Gone,
            })
        };
        if self.is_numbered {
            return read(report);
        }
        // The system leaves the number away where there is none.
        let Some((number, rest)) = report.split_first_mut() else { return Ok(0) };
        *number = 0;
        let length = read(rest)?;
        Ok(if length == 0 { 0 } else { length.saturating_add(1).min(MAX_REPORT) })
    }
}

struct Writer(HidDevice);

impl Writes for Writer {
    fn write(&mut self, report: &[u8]) -> Result<(), HidError> {
        let written = self.0.write(report);
        written.map(drop).map_err(|error| HidError::Failed(format!("the report was not taken: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_rule_that_helps() {
        let fix = udev_fix(0x1915, 0x520A);
        assert!(fix.contains("KERNELS==\"*:1915:520A.*\""), "{fix}");
        assert!(fix.contains("/etc/udev/rules.d/"), "{fix}");
    }

    #[test]
    fn a_device_that_is_not_there_any_more_cannot_be_opened() {
        let info = Info { path: "/dev/hidraw-not-there".to_owned(), ..Info::default() };
        assert!(Native::default().open(&info).is_err());
    }

    #[test]
    fn a_machine_without_such_devices_lists_none_or_says_why() {
        match Native::default().list() {
            Ok(devices) => assert!(devices.iter().all(|device| !device.path.is_empty())),
            Err(error) => assert!(matches!(error, HidError::Unusable(_)), "{error}"),
        }
    }
}
