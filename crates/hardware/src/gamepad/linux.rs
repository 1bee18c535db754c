//! The pads of Linux: found in sysfs without being opened, driven by evdev.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use evdev::{Device, FFEffect, FFEffectData, FFEffectKind, FFReplay, FFTrigger};
use frisson_program::Capabilities;

use super::{Info, Pad, PadError, Speeds, System};

/// The number of the effect "rumble", and those of the buttons that only gamepads and joysticks have (input-event-codes.h).
const FF_RUMBLE: u32 = 0x50;
const PAD_BUTTONS: std::ops::Range<u32> = 0x120..0x140;

/// The pads of this machine.
#[derive(Debug, Clone)]
pub struct Native {
    class: PathBuf,
    nodes: PathBuf,
}

impl Default for Native {
    fn default() -> Self {
        Self { class: "/sys/class/input".into(), nodes: "/dev/input".into() }
    }
}

struct EvdevPad {
    device: Device,
    effect: Option<FFEffect>,
    /// Its folder in sysfs.
    folder: PathBuf,
}

impl System for Native {
    fn list(&self) -> Result<Vec<Info>, PadError> {
        let entries = fs::read_dir(&self.class).map_err(|error| {
            let folder = self.class.display();
            PadError::Unusable(format!(
                "the system tells of no input devices: {folder}: {error}; is /sys readable here, also inside a container?"
            ))
        })?;
        let mut pads = Vec::new();
        for entry in entries.flatten() {
            if let Some(name) = entry.file_name().to_str().filter(|name| name.starts_with("event")) {
                pads.extend(self.info(name));
            }
        }
        Ok(pads)
    }

    fn open(&self, info: &Info) -> Result<Box<dyn Pad>, PadError> {
        let path = Path::new(&info.path);
        // The library would fall back to reading only.
        fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| refusal(&info.path, &error))?;
        let device = Device::open(path).map_err(|error| refusal(&info.path, &error))?;
        device.set_nonblocking(true).map_err(|error| refusal(&info.path, &error))?;
        let folder = self.class.join(path.file_name().unwrap_or_default()).join("device");
        Ok(Box::new(EvdevPad { device, effect: None, folder }))
    }
}

impl Native {
    /// What an event node is, if it is one of a pad with motors.
    fn info(&self, node: &str) -> Option<Info> {
        let folder = self.class.join(node).join("device");
        let text = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
            text.trim().to_owned()
        };
        let buttons = Bits::parse(&text("capabilities/key"));
        let rumble = Bits::parse(&text("capabilities/ff")).has(FF_RUMBLE);
        if !rumble || !PAD_BUTTONS.into_iter().any(|button| buttons.has(button)) {
            return None;
        }
        let number = |name| u16::from_str_radix(&text(name), 16).ok();
        let ids = number("id/vendor").zip(number("id/product"));
        let address = match (text("uniq"), text("phys")) {
            (own, _) if !own.is_empty() => own,
            (_, place) if !place.is_empty() => match ids {
                Some((vendor, product)) => format!("{vendor:04x}:{product:04x}@{place}"),
                None => place,
            },
            _ => String::new(),
        };
        let battery = batteries(&folder).next().is_some();
        Some(Info {
            path: self.nodes.join(node).to_string_lossy().into_owned(),
            address,
            name: text("name"),
            ids,
            capabilities: Capabilities { rumble, trigger_rumble: false, battery },
        })
    }
}

/// A set of bits as sysfs tells it: words in hexadecimal, the highest first, each as wide as the kernel's for this process.
struct Bits(Vec<usize>);

impl Bits {
    fn parse(text: &str) -> Self {
        let words = text.split_ascii_whitespace().rev();
        Self(words.map(|word| usize::from_str_radix(word, 16).unwrap_or(0)).collect())
    }

    fn has(&self, bit: u32) -> bool {
        let word = usize::try_from(bit / usize::BITS).ok().and_then(|at| self.0.get(at));
        word.is_some_and(|word| word >> (bit % usize::BITS) & 1 == 1)
    }
}

fn refusal(path: &str, error: &io::Error) -> PadError {
    match error.kind() {
        ErrorKind::PermissionDenied => PadError::Denied {
            path: path.to_owned(),
            fix: "log in at the machine itself, or become a member of the group `input` and log in again"
                .to_owned(),
        },
        ErrorKind::NotFound => PadError::Gone,
        _ => PadError::Failed(format!("{path}: {error}")),
    }
}

/// Why a pad that was open does not do as it is told.
fn loss(error: &io::Error) -> PadError {
    // ENODEV, what the kernel says of a device that was unplugged; the standard library has no kind for it.
    match error.raw_os_error() {
        Some(19) => PadError::Gone,
        _ => PadError::Failed(error.to_string()),
    }
}

impl Pad for EvdevPad {
    fn rumble(&mut self, speeds: Speeds, time: Duration) -> Result<(), PadError> {
        let data = FFEffectData {
            direction: 0,
            trigger: FFTrigger::default(),
            replay: FFReplay { length: u16::try_from(time.as_millis()).unwrap_or(u16::MAX), delay: 0 },
            kind: FFEffectKind::Rumble { strong_magnitude: speeds.low, weak_magnitude: speeds.high },
        };
        let is_at_rest = (speeds.low, speeds.high) == (0, 0);
        let result = match &mut self.effect {
            None if is_at_rest => Ok(()),
            None => self.device.upload_ff_effect(data).and_then(|mut effect| {
                effect.play(1)?;
                self.effect = Some(effect);
                Ok(())
            }),
            Some(effect) if is_at_rest => effect.stop(),
            Some(effect) => effect.update(data).and_then(|()| effect.play(1)),
        };
        result.map_err(|error| loss(&error))
    }

    fn check(&mut self) -> Result<(), PadError> {
        // What the pad's buttons do is of no interest here; that it can be fetched is.
        match self.device.fetch_events() {
            Ok(events) => {
                events.for_each(drop);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(loss(&error)),
        }
    }

    fn battery(&mut self) -> Result<u8, PadError> {
        let mut batteries = batteries(&self.folder);
        let none =
            || PadError::NoBattery("the gamepad has no battery, or its driver does not tell".to_owned());
        batteries.find_map(|battery| percent(&battery)).ok_or_else(none)
    }
}

/// The batteries of a pad: they belong to the hardware of which its input device is a part.
fn batteries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let supplies = fs::read_dir(folder.join("device/power_supply"));
    supplies.into_iter().flatten().flatten().map(|entry| entry.path())
}

/// How full a battery is. Some drivers know only a word for it.
fn percent(battery: &Path) -> Option<u8> {
    let text = |name: &str| fs::read_to_string(battery.join(name)).unwrap_or_default().trim().to_owned();
    if text("status") == "Full" {
        return Some(100);
    }
    if let Ok(percent) = text("capacity").parse::<u8>() {
        return Some(percent.min(100));
    }
    match text("capacity_level").as_str() {
        "Critical" => Some(5),
        "Low" => Some(25),
        "Normal" => Some(50),
        "High" => Some(75),
        "Full" => Some(100),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder as sysfs has it.
    struct Sysfs(tempfile::TempDir);

    impl Sysfs {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }

        /// An Xbox pad on a cable, as a kernel of 64 bits tells of it.
        fn pad(&self, node: &str, uniq: &str) {
            for (name, text) in [
                ("name", "Microsoft X-Box 360 pad\n"),
                ("uniq", uniq),
                ("phys", "usb-0000:00:14.0-2/input0\n"),
                ("id/vendor", "045e\n"),
                ("id/product", "028e\n"),
                ("capabilities/key", "7cdb000000000000 0 0 0 0\n"),
                ("capabilities/ff", "107030000 0\n"),
            ] {
                self.write(&format!("{node}/device/{name}"), text);
            }
        }

        fn list(&self) -> Vec<Info> {
            self.native().list().expect("a folder")
        }

        fn native(&self) -> Native {
            Native { class: self.0.path().to_owned(), nodes: "/dev/input".into() }
        }

        fn percent(&self) -> Option<u8> {
            batteries(&self.0.path().join("event3/device")).find_map(|battery| percent(&battery))
        }
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_pad_is_known_by_its_own_address_or_else_by_its_place() {
        let sysfs = Sysfs::new();
        sysfs.pad("event3", "\n");
        let rumble = Capabilities { rumble: true, ..Capabilities::default() };
        let expected = Info {
            path: "/dev/input/event3".to_owned(),
            address: "045e:028e@usb-0000:00:14.0-2/input0".to_owned(),
            name: "Microsoft X-Box 360 pad".to_owned(),
            ids: Some((0x045E, 0x028E)),
            capabilities: rumble,
        };
        assert_eq!(sysfs.list(), [expected]);
        sysfs.pad("event3", "28:c1:3c:00:00:01\n");
        assert_eq!(sysfs.list()[0].address, "28:c1:3c:00:00:01");
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn what_has_no_motors_or_no_buttons_of_a_pad_is_none() {
        let sysfs = Sysfs::new();
        sysfs.pad("event3", "");
        sysfs.write("event3/device/capabilities/ff", "0\n");
        assert_eq!(sysfs.list(), []);
        // The motor of a telephone.
        sysfs.write("event3/device/capabilities/ff", "107030000 0\n");
        sysfs.write("event3/device/capabilities/key", "0\n");
        assert_eq!(sysfs.list(), []);
        sysfs.pad("js0", "");
        assert_eq!(sysfs.list(), []);
    }

    #[test]
    fn the_battery_is_told_as_a_number_or_as_a_word_or_not_at_all() {
        let sysfs = Sysfs::new();
        assert_eq!(sysfs.percent(), None);
        let battery = |name: &str, text: &str| {
            sysfs.write(&format!("event3/device/device/power_supply/ps-controller-battery/{name}"), text);
        };
        battery("status", "Unknown\n");
        assert_eq!(sysfs.percent(), None);
        battery("capacity_level", "Low\n");
        assert_eq!(sysfs.percent(), Some(25));
        battery("capacity", "65\n");
        assert_eq!(sysfs.percent(), Some(65));
        battery("status", "Full\n");
        assert_eq!(sysfs.percent(), Some(100));
    }

    #[test]
    fn a_machine_without_input_devices_says_so() {
        let native = Native { class: "/not/there".into(), nodes: "/not/there".into() };
        let error = native.list().expect_err("no folder");
        assert!(error.to_string().contains("/not/there"), "{error}");
    }

    #[test]
    fn a_pad_that_was_unplugged_cannot_be_opened() {
        let info = Info { path: "/dev/input/event-not-there".to_owned(), ..Info::default() };
        assert_eq!(Native::default().open(&info).err(), Some(PadError::Gone));
    }
}
