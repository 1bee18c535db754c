//! The output reports that let the motors of well-known pads run, as their makers' reports are publicly described.

use std::iter::repeat_n;

use frisson_program::Capabilities;

use super::Speeds;

const SONY: u16 = 0x054C;
const MICROSOFT: u16 = 0x045E;
/// What stands before a report in the checksum of Sony's pads over Bluetooth: the head of an output report there.
const SONY_OUTPUT: u8 = 0xA2;

/// A kind of pad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// DualShock 4.
    DualShock { bluetooth: bool },
    /// DualSense and DualSense Edge.
    DualSense { bluetooth: bool },
    /// The Xbox pads that know Bluetooth, over it. Over the cable they are no HID devices.
    Xbox,
}

impl Kind {
    /// The kind that has these numbers.
    pub(super) fn of(vendor: u16, product: u16, bluetooth: bool) -> Option<Self> {
        match (vendor, product) {
            (SONY, 0x05C4 | 0x09CC) => Some(Self::DualShock { bluetooth }),
            (SONY, 0x0CE6 | 0x0DF2) => Some(Self::DualSense { bluetooth }),
            (MICROSOFT, 0x02E0 | 0x02FD | 0x0B05 | 0x0B13 | 0x0B20..=0x0B22) if bluetooth => Some(Self::Xbox),
            _ => None,
        }
    }

    pub(super) fn capabilities(self) -> Capabilities {
        Capabilities { rumble: true, trigger_rumble: self == Self::Xbox, battery: false }
    }

    /// The report that sets all motors. `count` counts the reports.
    pub(super) fn report(self, speeds: Speeds, count: u8) -> Vec<u8> {
        let [weak, strong] = [speeds.high, speeds.low].map(|speed| speed.to_be_bytes()[0]);
        match self {
            Self::DualShock { bluetooth: false } => filled(&[0x05, 0x01, 0, 0, weak, strong], 32),
            Self::DualShock { bluetooth: true } => summed(&[0x11, 0xC4, 0, 0x01, 0, 0, weak, strong], 78),
            // Vibration as of older pads, and motors instead of sound.
            Self::DualSense { bluetooth: false } => filled(&[0x02, 0x03, 0, weak, strong], 63),
            Self::DualSense { bluetooth: true } => {
                summed(&[0x31, count << 4, 0x10, 0x03, 0, weak, strong], 78)
            }
            Self::Xbox => {
                let [left, right] = [speeds.left_trigger, speeds.right_trigger].map(percent);
                // All four motors, once, for half a second: it is told again before, and ends by itself when nobody is left to tell it.
                vec![0x03, 0x0F, left, right, percent(speeds.low), percent(speeds.high), 50, 0, 0]
            }
        }
    }
}

/// A speed in percent; one that is not 0 does not become 0.
fn percent(speed: u16) -> u8 {
    u8::try_from((u32::from(speed) * 100).div_ceil(u32::from(u16::MAX))).unwrap_or(100)
}

fn filled(head: &[u8], length: usize) -> Vec<u8> {
    let mut report = head.to_vec();
    report.resize(length, 0);
    report
}

/// The same with the checksum in the last four bytes.
fn summed(head: &[u8], length: usize) -> Vec<u8> {
    let mut report = filled(head, length.saturating_sub(4));
    let sum = crc32([SONY_OUTPUT].iter().chain(&report).copied());
    report.extend(sum.to_le_bytes());
    report
}

/// CRC-32 as of Ethernet.
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.fold(u32::MAX, |sum, byte| repeat_n((), 8).fold(sum ^ u32::from(byte), |sum, ()| step(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEEDS: Speeds = Speeds { low: 0x8000, high: 0xFFFF, left_trigger: 0x4000, right_trigger: 1 };

    #[test]
    fn the_checksum_is_that_of_ethernet() {
        assert_eq!(crc32(b"123456789".iter().copied()), 0xCBF4_3926);
    }

    #[test]
    fn a_pad_on_the_cable_gets_its_report_in_full_length() {
        let report = Kind::DualShock { bluetooth: false }.report(SPEEDS, 0);
        assert_eq!((report.len(), &report[..7]), (32, &[0x05, 0x01, 0, 0, 0xFF, 0x80, 0][..]));
        let report = Kind::DualSense { bluetooth: false }.report(SPEEDS, 0);
        assert_eq!((report.len(), &report[..6]), (63, &[0x02, 0x03, 0, 0xFF, 0x80, 0][..]));
    }

    #[test]
    fn a_report_over_bluetooth_ends_with_its_checksum() {
        for kind in [Kind::DualShock { bluetooth: true }, Kind::DualSense { bluetooth: true }] {
            let report = kind.report(SPEEDS, 5);
            assert_eq!(report.len(), 78);
            // What a checksum of this kind gives over data with its checksum behind it.
            let all = std::iter::once(0xA2).chain(report.iter().copied());
            assert_eq!(crc32(all), 0x2144_DF1C, "{kind:?}");
        }
    }

    #[test]
    fn a_dualsense_counts_its_reports_in_four_bits() {
        let count = |count| Kind::DualSense { bluetooth: true }.report(SPEEDS, count)[1];
        assert_eq!([count(0), count(1), count(15), count(16)], [0x00, 0x10, 0xF0, 0x00]);
    }

    #[test]
    fn an_xbox_pad_gets_percent_for_all_four_motors() {
        assert_eq!(Kind::Xbox.report(SPEEDS, 0), [0x03, 0x0F, 26, 1, 51, 100, 50, 0, 0]);
        assert_eq!(Kind::Xbox.report(Speeds::default(), 0), [0x03, 0x0F, 0, 0, 0, 0, 50, 0, 0]);
    }

    #[test]
    fn the_kind_follows_from_the_numbers_and_the_way() {
        assert_eq!(Kind::of(0x054C, 0x0CE6, true), Some(Kind::DualSense { bluetooth: true }));
        assert_eq!(Kind::of(0x045E, 0x0B13, true), Some(Kind::Xbox));
        assert_eq!(Kind::of(0x045E, 0x0B13, false), None);
        assert_eq!(Kind::of(0x046D, 0xC077, false), None);
    }
}
