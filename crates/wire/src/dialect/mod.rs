//! The spec versions: one codec each, straight to and from the canonical model.

mod announce;
mod common;
mod envelope;
mod fields;
mod greet;
mod legacy;
mod legacy_client;
mod legacy_devices;
mod named;
mod names;
pub mod self_described;
#[cfg(test)]
mod typed_tests;
mod v0;
mod v1;
mod v2;
mod v3;
mod v4;

use std::fmt;
use std::sync::Arc;

use crate::frame::{self, RawMessage, Refusal};
use crate::model::{DeviceList, Hello, Id, Message, Request};
use crate::profile::{Profile, View};

/// A spec version, 0 to 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Spec version 0.
    V0,
    /// Spec version 1.
    V1,
    /// Spec version 2.
    V2,
    /// Spec version 3.
    V3,
    /// Spec version 4.
    V4,
}

/// What a message before the handshake turns out to be (`wire.md` 2.3).
#[derive(Debug, Clone, PartialEq)]
pub enum Greeting {
    /// A handshake that can be granted.
    Hello(Id, Hello),
    /// Anything else.
    Refused {
        /// The answer.
        refusal: Refusal,
        /// Whether the connection is to be closed after it: the client wants a newer version than there is.
        close: bool,
    },
}

impl Dialect {
    /// The newest version, which this implementation's client speaks.
    pub const NEWEST: Self = Self::V4;

    /// Every version, the oldest first.
    pub const ALL: [Self; 5] = [Self::V0, Self::V1, Self::V2, Self::V3, Self::V4];

    /// The (major) number of the version.
    pub fn number(self) -> u32 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    /// Understands a message of a client that has not completed the handshake.
    pub fn greet(message: RawMessage<'_>) -> Greeting {
        greet::greet(message)
    }

    /// Understands a message of a client in this version.
    ///
    /// # Errors
    /// `wire.md` 1.5 c to f and j, and section 6 for commands of older versions that the device in `view` cannot
    /// follow. In the newest version `view` is not asked: whether there is such a device and whether it can follow is
    /// for the caller to check, with [`Profile::check`] and [`Profile::check_input`].
    pub fn decode_request(self, message: RawMessage<'_>, view: &dyn View) -> Result<(Id, Request), Refusal> {
        match self {
            Self::V0 => v0::decode_request(message, view),
            Self::V1 => v1::decode_request(message, view),
            Self::V2 => v2::decode_request(message, view),
            Self::V3 => v3::decode_request(message, view),
            Self::V4 => v4::decode_request(message),
        }
    }

    /// Understands a frame of a client in one pass, where it holds one good message, as nearly every frame does. `None` for any
    /// other frame: that one is to be taken apart with [`crate::frame::split`], which says what is wrong with it.
    ///
    /// # Errors
    /// As [`Dialect::decode_request`].
    pub fn decode_single(self, text: &str, view: &dyn View) -> Option<Result<(Id, Request), Refusal>> {
        let message = frame::single(text)?;
        match self {
            Self::V0 => v0::decode_single(message, view),
            Self::V1 => v1::decode_single(message, view),
            Self::V2 => v2::decode_single(message, view),
            Self::V3 => v3::decode_single(message, view),
            Self::V4 => v4::decode_single(message),
        }
    }

    /// Writes a message for a client of this version: each frame, complete, is handed to `send`. Nothing is sent for
    /// what this version does not know (`wire.md` 6.10), two frames for a redefined device in versions before 4.
    pub fn encode_message(self, message: &Message, send: &mut dyn FnMut(String)) {
        match self {
            Self::V0 => v0::encode_message(message, send),
            Self::V1 => v1::encode_message(message, send),
            Self::V2 => v2::encode_message(message, send),
            Self::V3 => v3::encode_message(message, send),
            Self::V4 => v4::encode_message(message, send),
        }
    }

    /// Writes a request as a client of this version would, as one complete frame. (Client half.)
    ///
    /// `None` where this version has no such request, or where one message of it cannot say this: see section 6 of
    /// `wire.md` for what older versions can address. `view` is what the client knows of the devices.
    pub fn encode_request(self, id: Id, request: &Request, view: &dyn View) -> Option<String> {
        match self {
            Self::V0 => v0::encode_request(id, request, view),
            Self::V1 => v1::encode_request(id, request, view),
            Self::V2 => v2::encode_request(id, request, view),
            Self::V3 => v3::encode_request(id, request, view),
            Self::V4 => v4::encode_request(id, request),
        }
    }

    /// The major and minor version that a `ServerInfo` of any version names, also of one that is not known here; `None` if this is no
    /// `ServerInfo`. (Client half.)
    pub fn announced(message: RawMessage<'_>) -> Option<(u32, u32)> {
        announce::announced(message)
    }

    /// Understands a message of a server in this version. (Client half.)
    ///
    /// `Ok(None)` is a message to be passed over: of an unknown type, a reading of an unknown kind, or one that the
    /// model has no place for, as `Log`. What is unknown within a message is passed over as well.
    ///
    /// Versions before 4 tell less than the model holds. Features are then numbered in the order of the lists, steps
    /// that are not told are taken to be 100, an event's list of all devices holds just the one that has come, and
    /// the feature of a reading is its `SensorIndex`.
    ///
    /// # Errors
    /// A known type with a bad or missing field; [`crate::ErrorCode::Init`] if the server answers the handshake in
    /// another version.
    pub fn decode_message(self, message: RawMessage<'_>) -> Result<Option<Message>, Refusal> {
        match self {
            Self::V0 => v0::decode_message(message),
            Self::V1 => v1::decode_message(message),
            Self::V2 => v2::decode_message(message),
            Self::V3 => v3::decode_message(message),
            Self::V4 => v4::decode_message(message),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spec version {}", self.number())
    }
}

/// A list as the model wants it: sorted, and without two of the same index.
fn device_list(profiles: impl IntoIterator<Item = Profile>) -> DeviceList {
    let mut profiles: Vec<_> = profiles.into_iter().map(Arc::new).collect();
    profiles.sort_by_key(|profile| profile.device().index);
    profiles.dedup_by_key(|profile| profile.device().index);
    profiles.into()
}
