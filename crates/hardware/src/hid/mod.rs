//! Human interface devices: hardware that the system's own driver for keyboards, mice and the like gives access to.
//!
//! A [`HidBus`] lists what is there every second while a scan runs. A device is opened when a protocol recognises its vendor and product, and
//! no other is. Endpoint `tx` takes output reports, `rx` gives input reports; the first byte of both is the report's number, 0 where the device
//! does not number its reports. Reading `rx` waits for the next input report, at most a second.
//!
//! The address of a device is its serial number, or where it has none, the system's path to it.
//!
//! Each open device has two threads of its own, one that reads and one that writes, so that a slow device delays no other. What the system gives access with stands
//! behind [`System`]; [`Native`] is that of this machine.
//!
//! ```no_run
//! # async fn example() {
//! use frisson_hardware::hid::{HidBus, Native};
//! use frisson_hardware::{Found, Scanner};
//!
//! let mut bus = HidBus::new(Native::default());
//! bus.scan(true);
//! if let Found::Device(sighting) = bus.next().await {
//!     println!("{} {:04x?}", sighting.name, sighting.ids);
//! }
//! # }
//! ```

mod bus;
mod native;
mod port;
mod report;

use std::time::Duration;

pub use bus::HidBus;
pub use native::Native;
pub(crate) use port::HidPort;

/// The most bytes of a report that are taken in.
pub const MAX_REPORT: usize = 4096;

/// How long the system may take to open a device.
pub(crate) const SYSTEM_LIMIT: Duration = Duration::from_secs(4);

/// The access to human interface devices that a system gives. All of it may block.
pub trait System: Send + Sync + 'static {
    /// What is there. Never called by two threads at once.
    ///
    /// # Errors
    /// The system does not say.
    fn list(&self) -> Result<Vec<Info>, HidError>;

    /// Opens a device.
    ///
    /// # Errors
    /// It is gone, or may not be opened.
    fn open(&self, info: &Info) -> Result<Link, HidError>;
}

/// What is known of a device before it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// Where the system has it.
    pub path: String,
    /// Its maker's number.
    pub vendor: u16,
    /// Its number with the maker.
    pub product: u16,
    /// What it calls itself; may be empty.
    pub name: String,
    /// Its serial number; may be empty.
    pub serial: String,
    /// Which of several interfaces of one piece of hardware this is; negative where the system does not say.
    pub interface: i32,
    /// The page and the number of its use. Pages from FF00 on are the maker's own.
    pub usage: (u16, u16),
    /// Whether it is connected over Bluetooth.
    pub is_bluetooth: bool,
}

/// An open device: one handle to read and one to write, for two threads.
pub struct Link {
    /// Reads input reports.
    pub reads: Box<dyn Reads>,
    /// Writes output reports.
    pub writes: Box<dyn Writes>,
}

/// Reads input reports.
pub trait Reads: Send {
    /// Waits for a report, no longer than this, and puts it into `report`, its number first. Gives how many bytes it has; 0 if none came.
    ///
    /// # Errors
    /// The device is gone.
    fn read(&mut self, report: &mut [u8], longest: Duration) -> Result<usize, HidError>;
}

/// Writes output reports.
pub trait Writes: Send {
    /// Writes one report, its number first.
    ///
    /// # Errors
    /// The device is gone, or does not take it.
    fn write(&mut self, report: &[u8]) -> Result<(), HidError>;
}

/// Why something about a device failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HidError {
    /// This user may not open it.
    #[error("{path} may not be opened by this user: {fix}")]
    Denied {
        /// Where the system has it.
        path: String,
        /// What to do about it.
        fix: String,
    },
    /// The device is not there any more.
    #[error("the device was unplugged")]
    Gone,
    /// The system gives no access to such devices.
    #[error("{0}")]
    Unusable(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}
