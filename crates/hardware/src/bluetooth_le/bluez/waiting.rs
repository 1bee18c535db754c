//! Answers of D-Bus and BlueZ that are due.

use tokio::sync::oneshot;

use super::calls::{Call, Fault};
use super::link::{Answer, LinkId};

/// Who waits for an answer.
pub(super) enum Waiting {
    Nobody,
    Owner,
    Objects,
    Discovery(String),
    Link(LinkId, Answer, Asked),
    Disconnected(Option<oneshot::Sender<()>>),
}

/// What a link has asked for, where that makes a difference to the answer.
pub(super) enum Asked {
    Connect,
    /// The value of this characteristic.
    Read(String),
    Notify(bool),
    Write,
}

impl Asked {
    pub(super) fn of(call: &Call) -> Self {
        match call {
            Call::Connect => Self::Connect,
            Call::Write(..) => Self::Write,
            Call::Read(path) => Self::Read(path.clone()),
            Call::Notify(_, on) => Self::Notify(*on),
        }
    }

    /// Whether what was asked for is so although BlueZ refuses: it keeps connections and subscriptions of its own accord.
    pub(super) fn is_so(&self, fault: &Fault) -> bool {
        match self {
            Self::Connect => fault.is("AlreadyConnected"),
            Self::Notify(true) => fault.is("InProgress"),
            Self::Notify(false) => !fault.is("UnknownObject"),
            Self::Read(_) | Self::Write => false,
        }
    }
}
