//! The outside of a message: one object with one key, the type, whose value holds the fields.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::Serialize;
use serde_json::value::RawValue;

use super::fields::Int;
use super::{Dialect, names};
use crate::frame::{RawMessage, Refusal};
use crate::model::{ErrorCode, Fault, Id};

/// Writes a frame of one message.
pub(super) fn frame<T: Serialize>(message: &T) -> String {
    // Bodies are plain structs with string keys and finite numbers; none of them can fail.
    serde_json::to_string(&[message]).unwrap_or_default()
}

/// Reads a client's message, or says why not.
pub(super) fn read_request<'a, T: Deserialize<'a>>(
    dialect: Dialect,
    message: RawMessage<'a>,
) -> Result<T, Refusal> {
    serde_json::from_str(message.0.get()).map_err(|_| refuse_request::<T>(dialect, message))
}

/// Reads a server's message, or says why not; `None` if its type is not known in this version.
pub(super) fn read_answer<'a, T: Deserialize<'a>>(
    dialect: Dialect,
    message: RawMessage<'a>,
) -> Result<Option<T>, Refusal> {
    if let Ok(answer) = serde_json::from_str(message.0.get()) {
        return Ok(Some(answer));
    }
    let envelope = Envelope::open(message)?;
    if !names::is_answer(&envelope.name, dialect) {
        return Ok(None);
    }
    // A server that answers the handshake in the form of another version speaks that one.
    let code = if envelope.name == "ServerInfo" { ErrorCode::Init } else { ErrorCode::Message };
    Err(Refusal { id: envelope.id(), fault: Fault::new(code, shape_error::<T>(message)) })
}

fn refuse_request<'a, T: Deserialize<'a>>(dialect: Dialect, message: RawMessage<'a>) -> Refusal {
    let envelope = match Envelope::open(message) {
        Ok(envelope) => envelope,
        Err(refusal) => return refusal,
    };
    let name = clip(&envelope.name, 40);
    let fault = if envelope.name == "RequestServerInfo" {
        repeated_handshake()
    } else if names::is_request(&envelope.name, dialect) {
        Fault::new(ErrorCode::Message, shape_error::<T>(message))
    } else if names::is_request_of_any(&envelope.name) {
        Fault::new(ErrorCode::Message, format!("{name} is not part of {dialect}"))
    } else {
        not_a_request(&envelope.name)
    };
    Refusal { id: envelope.id(), fault }
}

/// What to say to a second `RequestServerInfo` (`wire.md` 1.5 j).
pub(super) fn repeated_handshake() -> Fault {
    Fault::new(ErrorCode::Init, "the handshake is complete already, RequestServerInfo is not expected again")
}

/// What to say to a message of a type that no client sends.
pub(super) fn not_a_request(name: &str) -> Fault {
    let text = if names::is_answer_of_any(name) {
        format!("{name} is a message of servers, not of clients")
    } else {
        format!("{} is not a known message type", clip(name, 40))
    };
    Fault::new(ErrorCode::Message, text)
}

/// Reads the message once more, for the name of the field that is to blame.
fn shape_error<'a, T: Deserialize<'a>>(message: RawMessage<'a>) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(message.0.get());
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return "the message cannot be understood".to_owned();
    };
    let path = error.path().to_string();
    let reason = error.into_inner().to_string();
    // The position is within the message, whose sender knows the fields better than the bytes.
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    let path = clip(&path, 120);
    match reason.rsplit_once(", expected ") {
        Some((found, "f64")) => format!("{path}: {}, expected a number", clip(found, 80)),
        Some((found, expected)) => format!("{path}: {}, expected {expected}", clip(found, 80)),
        None => format!("{path}: {}", clip(reason, 120)),
    }
}

/// Keeps foreign text short in answers.
pub(super) fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most).and_then(|(at, _)| text.get(..at)) {
        Some(start) => Cow::Owned(format!("{start}…")),
        None => Cow::Borrowed(text),
    }
}

/// A message whose type is known and whose fields are not looked at yet.
pub(super) struct Envelope<'a> {
    pub(super) name: Cow<'a, str>,
    body: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Opens a message; on failure the answer is that of `wire.md` 1.5 c.
    pub(super) fn open(message: RawMessage<'a>) -> Result<Self, Refusal> {
        serde_json::from_str(message.0.get()).map_err(|_| Refusal {
            id: None,
            fault: Fault::new(
                ErrorCode::Message,
                "a message is an object with exactly one key, the message type",
            ),
        })
    }

    /// The id, if it is one that a client may use.
    pub(super) fn id(&self) -> Option<Id> {
        let id: Int<Id> = serde_json::from_str(self.field("Id")?.get()).ok()?;
        Some(id.0)
    }

    /// The value of a field, the last one if it is there several times.
    pub(super) fn field(&self, name: &str) -> Option<&'a RawValue> {
        struct Find<'n>(&'n str);

        impl<'de> Visitor<'de> for Find<'_> {
            type Value = Option<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = None;
                while let Some(Text(key)) = map.next_key()? {
                    if key == self.0 {
                        found = Some(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(found)
            }
        }

        serde_json::Deserializer::from_str(self.body.get()).deserialize_map(Find(name)).ok()?
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneKey;

        impl<'de> Visitor<'de> for OneKey {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with exactly one key")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let Some(Text(name)) = map.next_key()? else {
                    return Err(A::Error::invalid_length(0, &self));
                };
                let body = map.next_value()?;
                match map.next_key::<IgnoredAny>()? {
                    None => Ok(Envelope { name, body }),
                    Some(_) => Err(A::Error::invalid_length(2, &self)),
                }
            }
        }

        deserializer.deserialize_map(OneKey)
    }
}

/// A string, borrowed where it holds no escapes. (A derived `Cow` is always owned.)
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrowed)
    }
}
