//! Operations as they are written in tests: `tx F1 40`, `tx! 'text'`, `subscribe rx`, `read rx`.

use super::super::template::hex_byte;
use crate::{Endpoint, Operation, Packet};

/// An operation as tests write it; bytes that are text as text if `as_text`.
pub fn notation(operation: &Operation, as_text: bool) -> String {
    match operation {
        Operation::Write { endpoint, bytes, confirm } => {
            let mark = if *confirm { "!" } else { "" };
            format!("{endpoint}{mark} {}", payload(bytes, as_text))
        }
        Operation::Read { endpoint } => format!("read {endpoint}"),
        Operation::Listen { endpoint, on: true } => format!("subscribe {endpoint}"),
        Operation::Listen { endpoint, on: false } => format!("unsubscribe {endpoint}"),
    }
}

/// Whether all that is written is best shown as text.
pub fn are_text<'o>(operations: impl IntoIterator<Item = &'o Operation>) -> bool {
    operations.into_iter().all(|operation| match operation {
        Operation::Write { bytes, .. } => bytes.first().is_some_and(u8::is_ascii_graphic) && bytes.len() > 4,
        _ => true,
    })
}

/// Bytes as tests write them.
fn payload(bytes: &[u8], as_text: bool) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\r' | b'\n' | b'\t');
    match std::str::from_utf8(bytes) {
        Ok(text) if as_text && !bytes.is_empty() && bytes.iter().all(is_plain) => {
            let text = text.replace('\r', "\\r").replace('\n', "\\n").replace('\t', "\\t");
            format!("'{text}'")
        }
        _ => bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" "),
    }
}

/// The operation that a line stands for, and whether it was written as text; otherwise what is wrong.
pub(in super::super) fn parse_operation(line: &str) -> Result<Operation, String> {
    let (first, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim(), ""));
    let of = |name: &str| endpoint(name.trim());
    match first {
        "read" => Ok(Operation::Read { endpoint: of(rest)? }),
        "subscribe" => Ok(Operation::Listen { endpoint: of(rest)?, on: true }),
        "unsubscribe" => Ok(Operation::Listen { endpoint: of(rest)?, on: false }),
        _ => {
            let (name, confirm) = match first.strip_suffix('!') {
                Some(name) => (name, true),
                None => (first, false),
            };
            Ok(Operation::Write { endpoint: endpoint(name)?, bytes: bytes(rest)?, confirm })
        }
    }
}

/// What is heard from an endpoint: `rx 01 02` or `rx 'text'`.
///
/// # Errors
/// The line is nothing like that; what is wrong with it.
pub fn parse_heard(line: &str) -> Result<(Endpoint, Packet), String> {
    let (name, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim(), ""));
    Ok((endpoint(name)?, bytes(rest)?))
}

fn endpoint(name: &str) -> Result<Endpoint, String> {
    Endpoint::new(name).map_err(|wrong| wrong.to_string())
}

fn bytes(text: &str) -> Result<Packet, String> {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('\'') {
        let inner = quoted.trim_end_matches([' ']).strip_suffix('\'');
        let inner = inner.ok_or_else(|| "the text has no closing `'`".to_owned())?;
        return Ok(Packet::from_slice(inner.as_bytes()));
    }
    let mut packet = Packet::new();
    for word in text.split_ascii_whitespace() {
        for at in (0..word.len()).step_by(2) {
            let byte = word.get(at..).and_then(hex_byte);
            packet.push(byte.ok_or_else(|| {
                let shown: String = word.chars().take(20).collect();
                format!("`{shown}` is neither bytes nor 'text'; e.g. `tx F1 40`, `tx! 'Vibrate:5;'`, `subscribe rx`")
            })?);
        }
    }
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for line in
            ["tx F1 40", "tx! 00", "tx 'Mply:10:10:0;'", "subscribe whitelist", "unsubscribe rx", "read rx"]
        {
            let operation = parse_operation(line).map(|operation| notation(&operation, line.contains('\'')));
            assert_eq!(operation, Ok(line.to_owned()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["", "TX 00", "tx 0", "tx zz", "tx 'open", "read", "subscribe A"] {
            assert!(parse_operation(line).is_err(), "{line}");
        }
    }
}
