//! What goes into an [`App`](crate::connect::app::App), and what comes out of it.

use std::time::Duration;

use ratatui::crossterm::event::KeyEvent;

use crate::connect::device::{InputId, OutputId};

/// What the application hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A key.
    Key(KeyEvent),
    /// This device can be used from now on.
    Added(frisson_wire::Device),
    /// The device with this index is gone.
    Removed(u32),
    /// All devices: some of what happened was missed.
    Present(Vec<frisson_wire::Device>),
    /// An input has a new value.
    Reading(InputId, i64),
    /// The search for devices has ended.
    ScanEnded,
    /// The server has a fault to tell of.
    Fault(String),
    /// The connection is lost.
    Lost(String),
    /// The next attempt to connect, and when it is made.
    Retrying { attempt: u32, delay: Duration },
    /// The connection is there again.
    Back,
    /// A wish is fulfilled, or cannot be.
    Done(Wish, Result<Option<i64>, String>),
    /// Nothing but the time.
    Tick,
    /// The devices are being stopped, and then the program ends.
    Leaving,
}

/// What the application wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Its number; they ascend.
    pub(crate) number: u64,
    pub(crate) what: What,
}

/// What a [`Wish`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Set { output: OutputId, value: i32, duration: Option<u32> },
    StopFeature { device: u32, feature: u32 },
    StopAll,
    Scan(bool),
    Subscribe(InputId),
    Read(InputId),
    Leave,
}
