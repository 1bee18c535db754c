//! The lines that go to the dongle and come from it: one JSON object each.

use serde_json::Value;
use tracing::{debug, trace};

/// Asks for a toy that is connected already.
pub(super) const STATUS: &str = r#"{"type":"toy","func":"statuss"}"#;
/// Begins a search.
pub(super) const SEARCH: &str = r#"{"type":"toy","func":"search"}"#;
/// Ends a search.
pub(super) const STOP_SEARCH: &str = r#"{"type":"usb","func":"stopSearch"}"#;

/// A line that is longer is passed over.
const MAX_LINE: usize = 8 << 10;
/// An id that is longer is none.
const MAX_ID: usize = 64;

/// A command for a toy, in the ordinary text of its maker.
pub(super) fn command(toy: &str, text: &str) -> String {
    // Written out for the order of the fields: who reads it is a small controller.
    format!(r#"{{"type":"toy","func":"command","id":{},"cmd":{}}}"#, Value::from(toy), Value::from(text))
}

/// What the dongle says, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A toy is connected.
    Connected(String),
    /// A toy, or whichever is meant, is not connected, for this reason.
    NotConnected(Option<String>, &'static str),
    /// A search has ended.
    SearchEnded,
    /// A toy said something; while a search runs that it is there.
    ToyData { id: String, text: Option<String> },
}

/// Text from the dongle, of which some may still be missing.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    is_too_long: bool,
}

impl Lines {
    /// The messages that are complete with these bytes. What is behind the last line end is kept.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        // Reports are filled up with zeros.
        for byte in bytes.iter().copied().filter(|byte| *byte != 0) {
            if byte != b'\n' {
                self.is_too_long |= self.line.len() >= MAX_LINE;
                if !self.is_too_long {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if std::mem::take(&mut self.is_too_long) {
                debug!("a line of the dongle is longer than {MAX_LINE} bytes, it is passed over");
            } else {
                messages.extend(read(&line));
            }
        }
        messages
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a line says; nothing if it is not understood or does not matter.
fn read(line: &[u8]) -> Option<Message> {
    let text = String::from_utf8_lossy(line);
    trace!(%text, "the dongle says");
    let value: Value = match serde_json::from_str(text.trim()) {
        Ok(value) => value,
        Err(error) => {
            if !text.trim().is_empty() {
                debug!(%text, "not understood what the dongle says: {error}");
            }
            return None;
        }
    };
    let data = value.get("data");
    let id = data.and_then(|data| data.get("id")).or_else(|| value.get("id"));
    let id = id.and_then(Value::as_str).filter(|id| is_id(id)).map(str::to_owned);
    match value.get("func").and_then(Value::as_str)? {
        "status" => match number(data.and_then(|data| data.get("status")))? {
            202 => id.map(Message::Connected),
            402 => Some(Message::NotConnected(id, "the dongle could not connect the toy")),
            403 => Some(Message::NotConnected(id, "the toy has disconnected from the dongle")),
            404 => Some(Message::NotConnected(id, "the dongle does not find the toy")),
            _ => None,
        },
        "search" => (number(value.get("result"))? == 206).then_some(Message::SearchEnded),
        "error" => match number(value.get("result"))? {
            501 => Some(Message::SearchEnded),
            other => {
                debug!("the dongle reports the error {other}");
                None
            }
        },
        "toyData" => {
            let text = data.and_then(|data| data.get("data")).and_then(Value::as_str).map(str::to_owned);
            id.map(|id| Message::ToyData { id, text })
        }
        _ => None,
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A number, also as text.
fn number(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy_data(id: &str, text: &str) -> Message {
        Message::ToyData { id: id.to_owned(), text: Some(text.to_owned()) }
    }

    #[test]
    fn a_message_may_be_cut_anywhere_and_another_may_stand_behind_it() {
        let text = concat!(
            r#"{"type":"toy","func":"toyData","data":{"id":"AB","data":"P:11:0082059AD3BD;"}}"#,
            "\r\n",
            r#"{"type":"toy","func":"search","result":206}"#,
            "\n"
        );
        let expected = [toy_data("AB", "P:11:0082059AD3BD;"), Message::SearchEnded];
        for cut in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            let mut lines = Lines::default();
            let mut messages = lines.take(first);
            messages.extend(lines.take(&[0, 0]));
            messages.extend(lines.take(second));
            assert_eq!(messages, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let mut lines = Lines::default();
        let garbage: [&[u8]; 9] = [
            b"\xFF\xFE{\n",
            b"\n",
            b"[1,2]\n",
            b"{}\n",
            b"{\"func\":7}\n",
            b"{\"func\":\"status\",\"data\":\"x\"}\n",
            b"{\"func\":\"toyData\"}\n",
            b"{\"func\":\"toyData\",\"data\":{\"id\":\"\",\"data\":\"x\"}}\n",
            b"{\"func\":\"status\",\"data\":{\"id\":\"a b\",\"status\":202}}\n",
        ];
        for line in garbage {
            assert_eq!(lines.take(line), [], "{line:?}");
        }
        assert_eq!(lines.take(b"{\"func\":\"search\",\"result\":206}\n"), [Message::SearchEnded]);
    }

    #[test]
    fn text_that_is_no_utf8_is_kept_as_far_as_it_is() {
        let messages =
            Lines::default().take(b"{\"func\":\"toyData\",\"data\":{\"id\":\"A\",\"data\":\"\xFF;\"}}\n");
        assert_eq!(messages, [toy_data("A", "\u{FFFD};")]);
    }

    #[test]
    fn a_toy_without_data_is_there_all_the_same() {
        let messages = Lines::default().take(b"{\"func\":\"toyData\",\"data\":{\"id\":\"A\"}}\n");
        assert_eq!(messages, [Message::ToyData { id: "A".to_owned(), text: None }]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            assert_eq!(lines.take(&[b'x'; 100]), []);
        }
        assert!(lines.line.capacity() <= 2 * MAX_LINE);
        assert_eq!(lines.take(b"\n{\"func\":\"search\",\"result\":206}\n"), [Message::SearchEnded]);
    }

    #[test]
    fn what_a_toy_is_told_stays_one_line() {
        assert_eq!(command("A", "a\n\"b\""), r#"{"type":"toy","func":"command","id":"A","cmd":"a\n\"b\""}"#);
    }
}
