//! One client's connection, from handshake to close.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use frisson_wire::{Dialect, Hello, InputKind};

use crate::timers::later;
use crate::watchdog::Watchdog;

/// How messages reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// As frames of text, in the spec version that the handshake agrees on.
    Frames,
    /// As values, in the same process.
    Values,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No handshake yet; it is due at the given time.
    Greeting {
        /// When the connection is closed for want of a handshake.
        deadline: Instant,
    },
    /// Speaking.
    Open {
        /// In this version.
        dialect: Dialect,
    },
    /// Ending: what it drove is being stopped. Nothing is taken in any more.
    Ending {
        /// In this version.
        dialect: Dialect,
        /// Whether the client asked for it.
        asked: bool,
    },
}

/// One client's connection.
#[derive(Debug)]
pub struct Session {
    peer: Peer,
    stage: Stage,
    watchdog: Option<Watchdog>,
    client_name: String,
    /// Devices of which it has driven an output, among them all of which it is the last to have done so.
    pub(crate) driving: BTreeSet<u32>,
    /// Inputs whose readings it gets.
    pub(crate) subscribed: BTreeSet<(u32, u32, InputKind)>,
    /// Requests of it that wait for hardware.
    pub(crate) waiting: usize,
    /// When the hub looks at its deadline.
    pub(crate) armed: Option<Instant>,
}

impl Session {
    /// A connection that was made at `now` and has to complete its handshake within `handshake_timeout`.
    pub fn new(now: Instant, peer: Peer, handshake_timeout: Duration) -> Self {
        Self {
            peer,
            stage: Stage::Greeting { deadline: later(now, handshake_timeout) },
            watchdog: None,
            client_name: String::new(),
            driving: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            waiting: 0,
            armed: None,
        }
    }

    /// How messages reach the client.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What the client calls itself; empty before the handshake.
    pub fn client_name(&self) -> &str {
        &self.client_name
    }

    /// Completes the handshake at `now`.
    pub fn open(&mut self, now: Instant, hello: Hello, max_ping_time: Duration) {
        self.stage = Stage::Open { dialect: hello.dialect };
        self.client_name = hello.client_name;
        self.watchdog = Watchdog::new(now, max_ping_time);
    }

    /// The client has sent a ping.
    pub fn ping(&mut self, now: Instant) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.feed(now);
        }
    }

    /// Begins the end, if that has not begun before.
    pub fn end(&mut self, asked: bool) {
        let dialect = self.dialect().unwrap_or(Dialect::NEWEST);
        if !matches!(self.stage, Stage::Ending { .. }) {
            self.stage = Stage::Ending { dialect, asked };
        }
    }

    /// The version that is spoken, also while ending.
    pub fn dialect(&self) -> Option<Dialect> {
        match self.stage {
            Stage::Open { dialect } | Stage::Ending { dialect, .. } => Some(dialect),
            Stage::Greeting { .. } => None,
        }
    }

    /// The next time at which it is due to end unless something happens.
    pub fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Greeting { deadline } => Some(deadline),
            Stage::Open { .. } => self.watchdog.map(|watchdog| watchdog.deadline()),
            Stage::Ending { .. } => None,
        }
    }
}
