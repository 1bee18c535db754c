//! Gamepads with motors.
//!
//! A [`GamepadBus`] lists what is there every second while a scan runs. Endpoint `tx` takes 8 bytes: the speeds of the big slow motor, the small
//! fast one, the left and the right trigger's, 16 bits each, low byte first. Reading `rx` gives one byte, the battery in percent. Nothing is notified.
//!
//! Each open pad has a thread of its own, so that a slow pad delays no other. A pad that runs is told so again every 100 ms, for some pads stop by themselves over
//! Bluetooth. A pad that is closed or dropped is told to be at rest.
//!
//! What the system gives access with stands behind [`System`]; [`Native`] is that of this machine:
//!
//! | system | by | address | motors | when the process dies |
//! | --- | --- | --- | --- | --- |
//! | Linux | evdev, whatever the driver | the pad's own, else its place | the big and the small one | the kernel ends the rumble |
//! | Windows | XInput, four pads | the number of the pad | the big and the small one | not known |
//! | Windows | [`HidPads`] of Sony | the serial number, else the path | the big and the small one | not known |
//! | macOS | [`HidPads`] | the serial number, else the path | all that there are | Xbox pads end after half a second; of the others it is not known |
//!
//! ```no_run
//! # async fn example() {
//! use frisson_hardware::gamepad::{GamepadBus, Native};
//! use frisson_hardware::{Found, Scanner};
//!
//! let mut bus = GamepadBus::new(Native::default());
//! bus.scan(true);
//! if let Found::Device(sighting) = bus.next().await {
//!     println!("{} {:?}", sighting.name, sighting.capabilities);
//! }
//! # }
//! ```

mod bus;
#[cfg(target_os = "linux")]
mod linux;
mod motors;
mod over_hid;
mod port;
mod reports;
#[cfg(windows)]
mod windows;

use std::time::Duration;

pub use bus::GamepadBus;
use frisson_program::Capabilities;
#[cfg(target_os = "linux")]
pub use linux::Native;
pub use over_hid::HidPads;
#[cfg(windows)]
pub use windows::Native;

/// The pads of this machine.
#[cfg(not(any(target_os = "linux", windows)))]
pub type Native = HidPads<crate::hid::Native>;

/// The access to gamepads that a system gives. All of it may block.
pub trait System: Send + Sync + 'static {
    /// What is there. Called by one thread only.
    ///
    /// # Errors
    /// The system does not say.
    fn list(&self) -> Result<Vec<Info>, PadError>;

    /// Opens a pad.
    ///
    /// # Errors
    /// It is gone, or may not be opened.
    fn open(&self, info: &Info) -> Result<Box<dyn Pad>, PadError>;
}

/// What is known of a pad before it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// Where the system has it.
    pub path: String,
    /// What makes this very pad recognisable next time, as far as the system knows; may be empty.
    pub address: String,
    /// What it calls itself; may be empty.
    pub name: String,
    /// Its maker's number, and its number with the maker.
    pub ids: Option<(u16, u16)>,
    /// What it can do. One without motors is not offered.
    pub capabilities: Capabilities,
}

/// An open pad. It is at rest when it is opened.
pub trait Pad: Send {
    /// Lets the motors run at these speeds until they are told otherwise, at most this long. It may be shorter where the pad knows no such time; but not
    /// than 200 ms, for they are told again every 100 ms.
    ///
    /// # Errors
    /// The pad is gone.
    fn rumble(&mut self, speeds: Speeds, time: Duration) -> Result<(), PadError>;

    /// Whether the pad is still there.
    ///
    /// # Errors
    /// It is not.
    fn check(&mut self) -> Result<(), PadError>;

    /// The battery in percent.
    ///
    /// # Errors
    /// The pad has none, or does not tell.
    fn battery(&mut self) -> Result<u8, PadError>;
}

/// How fast the motors of a pad run, 0 to 65535 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Speeds {
    /// The big slow motor, on the left.
    pub low: u16,
    /// The small fast motor, on the right.
    pub high: u16,
    /// The left trigger's.
    pub left_trigger: u16,
    /// The right trigger's.
    pub right_trigger: u16,
}

/// Why something about a pad failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PadError {
    /// The pad is not there any more.
    #[error("the gamepad has disconnected")]
    Gone,
    /// This user may not open it.
    #[error("{path} may not be opened by this user: {fix}")]
    Denied {
        /// Where the system has it.
        path: String,
        /// What to do about it.
        fix: String,
    },
    /// The pad has no battery, or does not tell.
    #[error("{0}")]
    NoBattery(String),
    /// The system gives no access to gamepads.
    #[error("{0}")]
    Unusable(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
