//! Frames: what one WebSocket text message, or one line of a Unix socket, holds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::{ErrorCode, Event, Fault, Id, Message, Reply};

/// The largest frame that a server takes unless configured, in bytes (`wire.md` 1.5 l).
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// The most messages in one frame (`wire.md` 1.5 m).
pub const MAX_MESSAGES: usize = 1000;
/// The deepest nesting in a frame; the array itself is level 1 (`wire.md` 1.5 m).
pub const MAX_DEPTH: usize = 32;

/// One message of a frame: known to be JSON, not yet understood.
#[derive(Debug, Clone, Copy)]
pub struct RawMessage<'a>(pub(crate) &'a RawValue);

/// A message that was not accepted, and what to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Refusal {
    /// The id of the message where one could be read.
    pub id: Option<Id>,
    /// Why.
    pub fault: Fault,
}

impl Refusal {
    /// The answer to send: with the message's own id where there is one, else with id 0.
    pub fn into_message(self) -> Message {
        match self.id {
            Some(id) => Message::Reply(id, Reply::Error(self.fault)),
            None => Message::Event(Event::Error(self.fault)),
        }
    }
}

/// Takes a frame apart. The frame may hold several arrays one after another.
///
/// # Errors
///
/// One [`Fault`] for the whole frame (to be answered with id 0, nothing of the frame being done) when it is not
/// JSON, not an array, or exceeds [`MAX_MESSAGES`] or [`MAX_DEPTH`] (`wire.md` 1.5 a, b, m).
pub fn split(text: &str) -> Result<Vec<RawMessage<'_>>, Fault> {
    split_up_to::<MAX_MESSAGES>(text)
}

/// The same for what a server says: a client takes any number of messages (`wire.md` 1.1).
///
/// # Errors
///
/// As [`split`], but for [`MAX_MESSAGES`].
pub fn split_any(text: &str) -> Result<Vec<RawMessage<'_>>, Fault> {
    split_up_to::<{ usize::MAX }>(text)
}

fn split_up_to<const MOST: usize>(text: &str) -> Result<Vec<RawMessage<'_>>, Fault> {
    if may_be_too_deep(text) && too_deep(text) {
        return Err(fault(format!("the frame is nested deeper than {MAX_DEPTH} levels")));
    }
    let mut arrays = serde_json::Deserializer::from_str(text).into_iter::<Array<'_, MOST>>();
    let mut messages = match arrays.next() {
        Some(array) => array.map_err(|error| unreadable(&error))?.0,
        None => return Err(fault("the frame is empty, expected a JSON array of messages")),
    };
    for array in arrays {
        messages.append(&mut array.map_err(|error| unreadable(&error))?.0);
        if messages.len() > MOST {
            return Err(too_many());
        }
    }
    if messages.len() > MOST { Err(too_many()) } else { Ok(messages) }
}

/// What to answer, with id 0, to a binary frame (`wire.md` 1.5 h).
pub fn binary_fault() -> Fault {
    fault("binary frames are not part of the protocol, expected a text frame with a JSON array of messages")
}

/// What stands in the array of a frame that may hold a single message. Whether it does shows when that is read.
pub(crate) fn single(text: &str) -> Option<&str> {
    if may_be_too_deep(text) {
        return None;
    }
    text.trim_ascii().strip_prefix('[')?.strip_suffix(']')
}

/// Whether there are enough brackets for too deep a nesting, whatever they are; cheap, and seldom true.
fn may_be_too_deep(text: &str) -> bool {
    text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > MAX_DEPTH
}

/// Whether brackets are nested deeper than allowed, in one pass and without a stack; what is not JSON may give either
/// answer.
fn too_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'[' | b'{' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return true;
                    }
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    false
}

/// The elements of one array; past `MOST` of them the rest is not kept.
struct Array<'a, const MOST: usize>(Vec<RawMessage<'a>>);

impl<'de: 'a, 'a, const MOST: usize> Deserialize<'de> for Array<'a, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<const MOST: usize>;

        impl<'de, const MOST: usize> Visitor<'de> for Elements<MOST> {
            type Value = Array<'de, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON array of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut messages = Vec::with_capacity(1);
                while messages.len() <= MOST {
                    match elements.next_element()? {
                        Some(element) => messages.push(RawMessage(element)),
                        None => return Ok(Array(messages)),
                    }
                }
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Array(messages))
            }
        }

        deserializer.deserialize_seq(Elements::<MOST>)
    }
}

fn too_many() -> Fault {
    fault(format!("the frame holds more than {MAX_MESSAGES} messages"))
}

fn unreadable(error: &serde_json::Error) -> Fault {
    if error.is_data() {
        fault("the frame is JSON, but not an array of messages")
    } else {
        fault(format!("the frame is not JSON: {error}"))
    }
}

fn fault(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::Message, message)
}
