//! The machine behind one device: its greeting, the latest value per output, pacing, retries, and its end.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use frisson_engine::device::{Command, DeviceMachine, Input, Output, Report, Settings};
//! use frisson_program::{Change, Context, Description, Endpoint, Operation, Program, State};
//! use frisson_wire::{Feature, OutputKind, Range};
//!
//! /// One motor, one byte.
//! struct OneByte;
//!
//! impl Program for OneByte {
//!     fn start(&mut self, cx: &mut Context<'_>) {
//!         let motor = frisson_wire::Output { kind: OutputKind::Vibrate, value: Range::new(0, 20), duration: None };
//!         cx.ready(Description {
//!             protocol: "one-byte".to_owned(),
//!             model: String::new(),
//!             name: "One Byte".to_owned(),
//!             features: vec![Feature { outputs: vec![motor], ..Feature::default() }],
//!             gap: None,
//!             keepalive: None,
//!         });
//!     }
//!
//!     fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
//!         for change in dirty {
//!             cx.write(Endpoint::TX, &[u8::try_from(change.value).unwrap_or(0)], false);
//!         }
//!     }
//! }
//!
//! let now = Instant::now();
//! let settings = Settings { gap: Duration::ZERO, limits: Vec::new(), stop_first: false };
//! let mut machine = DeviceMachine::new(now, Box::new(OneByte), settings);
//! assert!(matches!(machine.poll_output(), Some(Output::Report(Report::Ready(_)))));
//!
//! let set = Command::Set { feature: 0, kind: OutputKind::Vibrate, value: 7, duration: Duration::ZERO };
//! machine.handle(now, Input::Command(set));
//! let Some(Output::Operate(Operation::Write { bytes, .. })) = machine.poll_output() else { panic!("no write") };
//! assert_eq!(bytes.as_slice(), [7]);
//! machine.handle(now, Input::Completed(Ok(Default::default())));
//! assert_eq!(machine.poll_timeout(), None);
//! ```

mod follow_ups;
mod limits;
mod link;
mod machine;
mod outputs;
mod pacing;
mod reads;
mod stops;

use std::time::Duration;

use frisson_program::{Description, Endpoint, Operation, Packet};
use frisson_wire::{InputKind, OutputKind};

use crate::timers::later;

pub use self::machine::DeviceMachine;

/// Marks a request to a device whose end the hub waits for.
pub type Ticket = u64;

/// What happens to a device.
#[derive(Debug)]
pub enum Input<'a> {
    /// The hub wants something.
    Command(Command),
    /// The operation under way has ended: with the bytes that were read (none for anything but a read), or with the reason of its failure.
    Completed(Result<Packet, String>),
    /// The device has sent bytes.
    Notified(Endpoint, &'a [u8]),
    /// The link is gone, for this reason.
    Lost(String),
    /// The time that [`DeviceMachine::poll_timeout`] named has come.
    Timeout,
}

/// What the hub wants of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Set an output. The hub has checked the value against the advertised range.
    Set {
        /// The feature's index.
        feature: u32,
        /// Which of the feature's outputs.
        kind: OutputKind,
        /// The value, in advertised steps.
        value: i32,
        /// The time to get there, for timed positions; zero otherwise.
        duration: Duration,
    },
    /// Bring outputs to rest at once. Done when that has been written.
    Stop {
        /// Which outputs.
        selection: Selection,
        /// What [`Report::Done`] will name.
        ticket: Option<Ticket>,
    },
    /// Read an input once.
    Read {
        /// The feature's index.
        feature: u32,
        /// Which of the feature's inputs.
        kind: InputKind,
        /// What [`Report::Done`] will name.
        ticket: Ticket,
    },
    /// Begin or end to report an input's values.
    Listen {
        /// The feature's index.
        feature: u32,
        /// Which of the feature's inputs.
        kind: InputKind,
        /// Begin, or end.
        on: bool,
    },
    /// Put other limits and another gap in force. Present values are brought within the limits at once.
    Prefer(Preferences),
    /// Stop everything, then close the link.
    Close,
}

/// Which outputs a stop is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of the device's.
    All,
    /// All of this feature's.
    Feature(u32),
    /// These.
    Outputs(Vec<(u32, OutputKind)>),
}

/// The user's limit on one output (`wire.md` 6.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The lowest and highest magnitude in hardware steps, within 0 to the hardware's maximum.
    pub steps: frisson_wire::Range<i32>,
    /// The durations allowed, for timed positions.
    pub duration: Option<frisson_wire::Range<u32>>,
    /// Whether positions and directions are turned round.
    pub reverse: bool,
    /// Whether the output is hidden and refused.
    pub disabled: bool,
}

/// What a device machine wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Carry out this operation; report with [`Input::Completed`]. Never given while one is under way.
    Operate(Operation),
    /// Give up the operation under way and do not report its end: it was not answered in time, or it is a read that a stop cannot wait
    /// for. Drop what is still running of it before the next operation begins.
    Abandon,
    /// Tell the hub.
    Report(Report),
    /// Close the link; the machine has ended. Given exactly once, as the last output.
    Close,
}

/// What the hub hears of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The greeting has succeeded: the device can take commands. `features` are as advertised, with the limits applied, empty ones left out.
    Ready(Box<Description>),
    /// What the device offers has changed with its limits.
    Redefined(Box<Description>),
    /// The greeting has failed.
    Refused(String),
    /// The device is gone, for this reason. The last report of a device that was ready.
    Gone(String),
    /// The device was asked to close and has been stopped; false if that could not be written.
    Closed {
        /// Whether the stop was written.
        stopped: bool,
    },
    /// The request of this ticket has ended: with the value that was read (none for a stop), or with the reason of its failure.
    Done(Ticket, Result<Option<i64>, String>),
    /// A value of an input that is listened to.
    Reading(u32, InputKind, i64),
    /// Something that the user should know or do.
    Notice(String),
    /// A write has failed and will be tried again.
    WriteFailed(String),
}

/// What the user has set for a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The limits in force.
    pub limits: Vec<Limit>,
    /// The least time between two flushes, instead of what bus and program say.
    pub gap: Option<Duration>,
}

/// Asked once, as soon as it is known what the hardware is (its description is before any limit) and before anybody hears of it. An error
/// says why it is not to be used.
pub type Ask = Box<dyn FnOnce(&Description) -> Result<Preferences, String> + Send>;

/// How a device machine paces itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The least time between two flushes, from the bus; the program may override it.
    pub gap: Duration,
    /// The user's limits.
    pub limits: Vec<Limit>,
    /// Outputs to be brought to rest as soon as the device is ready, because a stop was not written when it was last connected.
    pub stop_first: bool,
}
