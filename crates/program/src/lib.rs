//! What a haptic device understands, as pure code: how to greet it, what to write for a state, how to read it.
//!
//! A [`Program`] describes input and output and never does any: it puts operations into a [`Context`], and whoever runs it carries
//! them out one at a time and reports back. The device machine of `frisson-engine` runs programs; the device language and the few
//! protocols that need Rust are both programs to it.
//!
//! ```
//! use std::time::Instant;
//!
//! use frisson_program::{Change, Context, Description, Effect, Endpoint, Operation, Packet, Program, State};
//! use frisson_wire::{Feature, Output, OutputKind, Range};
//!
//! /// Motors that take one byte each: the upper half says which, the lower half how fast.
//! struct HalfBytes(Description);
//!
//! impl Program for HalfBytes {
//!     fn start(&mut self, cx: &mut Context<'_>) {
//!         cx.ready(self.0.clone());
//!     }
//!
//!     fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
//!         for change in dirty {
//!             match (u8::try_from(change.feature), u8::try_from(change.value)) {
//!                 (Ok(motor @ ..16), Ok(speed @ ..16)) => cx.write(Endpoint::TX, &[motor << 4 | speed], false),
//!                 _ => cx.fail("a motor's number and speed have four bits"),
//!             }
//!         }
//!     }
//! }
//!
//! let vibrate = Output { kind: OutputKind::Vibrate, value: Range::new(0, 15), duration: None };
//! let motor = |index| Feature { index, outputs: vec![vibrate.clone()], ..Feature::default() };
//! let mut program = HalfBytes(Description {
//!     protocol: "half-bytes".to_owned(),
//!     model: String::new(),
//!     name: "Half Bytes".to_owned(),
//!     features: vec![motor(0), motor(1)],
//!     gap: None,
//!     keepalive: None,
//! });
//!
//! let mut state = State::new(&program.0.features);
//! state.outputs_mut()[1].value = 9;
//! let dirty = [state.outputs()[1].change()];
//! let mut effects = Vec::new();
//! program.render(&dirty, &state, &mut Context::new(Instant::now(), true, &mut effects));
//! let bytes = Packet::from_slice(&[0x19]);
//! assert_eq!(effects, [Effect::Operate(Operation::Write { endpoint: Endpoint::TX, bytes, confirm: false })]);
//! ```

mod context;
mod endpoint;
pub mod language;
mod plan;
mod sighting;
mod state;

use std::time::Duration;

pub use context::{Context, Effect, Operation, Packet};
pub use endpoint::{Endpoint, EndpointError};
use frisson_wire::{Feature, InputKind};
pub use language::{Parity, Service, Uuid, UuidError};
pub use plan::{ConnectPlan, Located, SerialSettings};
pub use sighting::{Bus, Capabilities, Sighting};
pub use state::{Change, OutputState, State};

/// What a device understands. Pure: all I/O is described, never done; the time is [`Context::now`].
///
/// The contract of whoever runs a program:
///
/// - Operations are carried out one at a time, in the order in which they were put into the context; each is followed by one
///   [`completed`](Program::completed). An operation that is not answered within 5 s has failed.
/// - [`render`](Program::render) is called only when no operation waits, unless others have waited so long that values can no longer
///   wait for them; its packets then follow those.
/// - A stop is the exception: its packets overtake all that waits. Waiting packets of `render` and `keepalive` and waiting writes of
///   `tick` are then dropped without a `completed`, for they carry older values; a read or subscription under way may be carried out
///   anew after it.
/// - What a program asks for in `completed` belongs with the operation that was completed, and shares its fate.
/// - A program that asks for thousands of operations at a time is broken, and its device is closed.
pub trait Program: Send {
    /// Greets the device. The greeting ends with [`Context::ready`] or [`Context::fail`], here or in a later call; after
    /// `ready`, what was asked for before it is still done first.
    fn start(&mut self, cx: &mut Context<'_>);

    /// An operation that this program asked for has ended: with the bytes that were read (none for anything but a read), or with the
    /// reason of its failure. Unless a program says otherwise, a failure during the greeting fails the greeting.
    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        if let (Err(reason), false) = (result, cx.is_ready()) {
            cx.fail(format!("{operation} failed: {reason}"));
        }
    }

    /// The device has sent bytes on an endpoint that is listened to.
    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        let _ = (from, bytes, cx);
    }

    /// Writes the packets that bring the device to `state`. `dirty` names the outputs that the device has to be told about, in
    /// ascending order of feature and kind, never empty; a stop names outputs with the value 0 even if the device was told that
    /// before. A value that cannot be written is a [`Context::fail`]; the rest is written all the same.
    fn render(&mut self, dirty: &[Change], state: &State, cx: &mut Context<'_>);

    /// Ends a timed move that is under way where the device is now, if the device has a packet for that or the program makes the
    /// move itself. `movement` is the move as it was rendered.
    fn halt(&mut self, movement: &Change, state: &State, cx: &mut Context<'_>) {
        let _ = (movement, state, cx);
    }

    /// Writes what keeps the device alive: unless a program says otherwise, everything as it is. Called once when the device is
    /// ready, and then whenever nothing was rendered for as long as [`Description::keepalive`] says. May write nothing.
    fn keepalive(&mut self, state: &State, cx: &mut Context<'_>) {
        self.render(&state.all(), state, cx);
    }

    /// Begins to read an input. The answer is [`Context::read_done`], here or in a later call; after 5 s it comes too late.
    fn read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        cx.read_done(feature, kind, Err(format!("{kind} cannot be read")));
    }

    /// Begins or ends to report an input's values with [`Context::reading`].
    fn listen(&mut self, feature: u32, kind: InputKind, on: bool, cx: &mut Context<'_>) {
        let _ = (feature, kind, on, cx);
    }

    /// The time that was asked for with [`Context::wake_at`] has come; once the device is ready, also no operation waits. So what is
    /// written here does not pile up on a slow link, and a program that moves something with it should go by [`Context::now`].
    fn tick(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }
}

/// What a device turns out to be once it has been greeted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The protocol's id, e.g. `lovense`.
    pub protocol: String,
    /// The key of the model within the protocol, as far as the device told one; part of what makes the device recognisable.
    pub model: String,
    /// The name for people.
    pub name: String,
    /// What the hardware can do, in whole steps, before any limit of the user's; each index at most once, and in it each kind.
    pub features: Vec<Feature>,
    /// The least time between two flushes where the program knows better than the bus.
    pub gap: Option<Duration>,
    /// The longest silence that the device bears before it has to be fed, where it has to be.
    pub keepalive: Option<Duration>,
}
