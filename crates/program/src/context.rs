//! The hands of a program: what it asks for, in order.

use std::fmt;
use std::time::{Duration, Instant};

use frisson_wire::InputKind;
use smallvec::SmallVec;

use crate::{Description, Endpoint};

/// The bytes of one packet; short ones need no allocation.
pub type Packet = SmallVec<[u8; 32]>;

/// Something to be done on the link to a device. At most one is under way at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Send bytes.
    Write {
        /// Where to.
        endpoint: Endpoint,
        /// What.
        bytes: Packet,
        /// Whether the device has to confirm it, where the bus knows such a thing.
        confirm: bool,
    },
    /// Fetch bytes.
    Read {
        /// Where from.
        endpoint: Endpoint,
    },
    /// Begin or end to hear what the device sends on an endpoint.
    Listen {
        /// Which endpoint.
        endpoint: Endpoint,
        /// Begin, or end.
        on: bool,
    },
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { endpoint, .. } => write!(f, "write to {endpoint}"),
            Self::Read { endpoint } => write!(f, "read from {endpoint}"),
            Self::Listen { endpoint, on: true } => write!(f, "subscribe to {endpoint}"),
            Self::Listen { endpoint, on: false } => write!(f, "unsubscribe from {endpoint}"),
        }
    }
}

/// What a program asks for through its [`Context`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Do this on the link.
    Operate(Operation),
    /// Write this later; at once when the device is stopped.
    FollowUp {
        /// How much later.
        after: Duration,
        /// What to write.
        write: Operation,
    },
    /// Call [`crate::Program::tick`] then.
    WakeAt(Instant),
    /// The greeting has succeeded.
    Ready(Box<Description>),
    /// The greeting or an attempt to write has failed, or the device cannot be used any longer, for this reason.
    Fail(String),
    /// Tell the user.
    Notice(String),
    /// An input has a new value.
    Reading(u32, InputKind, i64),
    /// The answer to [`crate::Program::read`].
    ReadDone(u32, InputKind, Result<i64, String>),
}

/// Takes what a program asks for. Lives for one call.
#[derive(Debug)]
pub struct Context<'a> {
    now: Instant,
    ready: bool,
    effects: &'a mut Vec<Effect>,
}

impl<'a> Context<'a> {
    /// A context at the given time for a device that has or has not completed its greeting; effects are appended to `effects`.
    /// For whoever runs programs, and for their tests.
    pub fn new(now: Instant, ready: bool, effects: &'a mut Vec<Effect>) -> Self {
        Self { now, ready, effects }
    }

    /// The present time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether the greeting has succeeded, and what was asked for in it has been done.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Sends bytes to an endpoint.
    pub fn write(&mut self, endpoint: Endpoint, bytes: &[u8], confirm: bool) {
        self.effects.push(Effect::Operate(Operation::Write {
            endpoint,
            bytes: Packet::from_slice(bytes),
            confirm,
        }));
    }

    /// Fetches bytes from an endpoint.
    pub fn read(&mut self, endpoint: Endpoint) {
        self.effects.push(Effect::Operate(Operation::Read { endpoint }));
    }

    /// Begins or ends to hear an endpoint.
    pub fn listen(&mut self, endpoint: Endpoint, on: bool) {
        self.effects.push(Effect::Operate(Operation::Listen { endpoint, on }));
    }

    /// Sends bytes later, or at once when the device is stopped before. From [`crate::Program::render`], the time runs from when
    /// the packets of that call have been written. A follow-up takes the place of one that would send the same.
    pub fn follow_up(&mut self, after: Duration, endpoint: Endpoint, bytes: &[u8], confirm: bool) {
        let write = Operation::Write { endpoint, bytes: Packet::from_slice(bytes), confirm };
        self.effects.push(Effect::FollowUp { after, write });
    }

    /// Asks for a [`crate::Program::tick`] at the given time, or a millisecond from now if that is later. A later wish replaces
    /// an earlier one.
    pub fn wake_at(&mut self, at: Instant) {
        self.effects.push(Effect::WakeAt(at));
    }

    /// Ends the greeting: the device can take commands.
    pub fn ready(&mut self, description: Description) {
        self.ready = true;
        self.effects.push(Effect::Ready(Box::new(description)));
    }

    /// Ends the greeting: the device cannot be used, for a reason that a person can act on. When values or a keepalive are
    /// rendered, this is a failed write and is tried again; at any other time after the greeting, the device is given up.
    pub fn fail(&mut self, reason: impl Into<String>) {
        self.effects.push(Effect::Fail(reason.into()));
    }

    /// Tells the user something, e.g. to press a button on the device.
    pub fn notice(&mut self, text: impl Into<String>) {
        self.effects.push(Effect::Notice(text.into()));
    }

    /// Reports a new value of an input.
    pub fn reading(&mut self, feature: u32, kind: InputKind, value: i64) {
        self.effects.push(Effect::Reading(feature, kind, value));
    }

    /// Answers [`crate::Program::read`].
    pub fn read_done(&mut self, feature: u32, kind: InputKind, result: Result<i64, String>) {
        self.effects.push(Effect::ReadDone(feature, kind, result));
    }
}
