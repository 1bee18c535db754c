//! Frames to a host.

use frisson_program::{Parity, SerialSettings};
use serde::Serialize;

/// The version of the channel that is spoken here.
pub(super) const VERSION: u64 = 1;

/// Names a request; never used twice on one connection.
pub(super) type RequestId = u64;

/// A frame to a host.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Outgoing<'a> {
    Hello {
        version: u64,
        server: &'a str,
    },
    Scanning {
        active: bool,
    },
    Connect {
        id: RequestId,
        device: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        settings: Option<Settings>,
    },
    Write {
        id: RequestId,
        device: &'a str,
        endpoint: &'a str,
        data: String,
        with_response: bool,
    },
    Read {
        id: RequestId,
        device: &'a str,
        endpoint: &'a str,
    },
    Subscribe {
        id: RequestId,
        device: &'a str,
        endpoint: &'a str,
    },
    Unsubscribe {
        id: RequestId,
        device: &'a str,
        endpoint: &'a str,
    },
    Disconnect {
        id: RequestId,
        device: &'a str,
    },
    Ready {
        device: &'a str,
        protocol: &'a str,
        name: &'a str,
        index: u32,
    },
    Ignored {
        device: &'a str,
        reason: &'static str,
    },
    Error {
        code: &'static str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        versions: Option<[u64; 1]>,
    },
}

impl Outgoing<'_> {
    pub(super) fn text(&self) -> String {
        // Nothing in a frame can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// How the host is to open a serial port.
#[derive(Debug, Serialize)]
pub(super) struct Settings {
    baud_rate: u32,
    data_bits: u8,
    parity: &'static str,
    stop_bits: u8,
}

impl From<SerialSettings> for Settings {
    fn from(settings: SerialSettings) -> Self {
        let parity = match settings.parity {
            Parity::None => "N",
            Parity::Odd => "O",
            Parity::Even => "E",
        };
        let SerialSettings { baud_rate, data_bits, stop_bits, .. } = settings;
        Self { baud_rate, data_bits, parity, stop_bits }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |number: u8| DIGITS.get(usize::from(number)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_the_document_come_out_letter_by_letter() {
        let endpoint = "0000ff00-0000-1000-8000-00805f9b34fb/0000ff01-0000-1000-8000-00805f9b34fb";
        let settings = Some(SerialSettings::default().into());
        let frames = [
            (
                Outgoing::Hello { version: 1, server: "example 0.1" },
                r#"{"type":"hello","version":1,"server":"example 0.1"}"#.to_owned(),
            ),
            (Outgoing::Scanning { active: true }, r#"{"type":"scanning","active":true}"#.to_owned()),
            (
                Outgoing::Connect { id: 1, device: "d1", settings: None },
                r#"{"type":"connect","id":1,"device":"d1"}"#.to_owned(),
            ),
            (
                Outgoing::Connect { id: 1, device: "d1", settings },
                r#"{"type":"connect","id":1,"device":"d1","settings":{"baud_rate":115200,"data_bits":8,"parity":"N","stop_bits":1}}"#
                    .to_owned(),
            ),
            (
                Outgoing::Write { id: 2, device: "d1", endpoint, data: hex(&[0xF1, 0x40]), with_response: false },
                format!(r#"{{"type":"write","id":2,"device":"d1","endpoint":"{endpoint}","data":"f140","with_response":false}}"#),
            ),
            (
                Outgoing::Ready { device: "d1", protocol: "demo", name: "Demo Vibrator", index: 0 },
                r#"{"type":"ready","device":"d1","protocol":"demo","name":"Demo Vibrator","index":0}"#.to_owned(),
            ),
            (
                Outgoing::Error { code: "unknown-type", message: "notfy", device: Some("d1"), versions: None },
                r#"{"type":"error","code":"unknown-type","message":"notfy","device":"d1"}"#.to_owned(),
            ),
        ];
        for (frame, text) in frames {
            assert_eq!(frame.text(), text);
        }
    }

    #[test]
    fn bytes_are_lower_case_digits_without_separators() {
        assert_eq!(hex(&[]), "");
        assert_eq!(hex(&[0x00, 0x0A, 0xFF]), "000aff");
    }
}
