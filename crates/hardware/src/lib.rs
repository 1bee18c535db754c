//! Buses: how haptic devices are found, and how bytes get to and from them.
//!
//! A [`Scanner`] finds hardware on one bus and opens it; a [`Port`] is one open link. There is a module, and a cargo feature, for each bus;
//! what devices understand is none of their business, a [`ConnectPlan`] tells them what has to be known to open one.
//!
//! ```
//! use frisson_hardware::{ConnectPlan, Found, Port, PortError, Scanner};
//!
//! /// Opens the first device that is found on a bus.
//! async fn first(bus: &mut dyn Scanner, plan: ConnectPlan) -> Option<Result<Box<dyn Port>, PortError>> {
//!     bus.scan(true);
//!     loop {
//!         match bus.next().await {
//!             Found::Device(sighting) => return Some(bus.connect(&sighting, vec![plan]).await),
//!             Found::Unusable(reason) => println!("{}: {reason}", bus.name()),
//!             Found::ScanEnded | Found::Closed => return None,
//!         }
//!     }
//! }
//! ```
//!
//! # Features
//!
//! `simulated` is on by default; `bluetooth-le`, `serial`, `tcode`, `hid`, `gamepad`, `lovense-dongle`, `lovense-connect`, `device-websocket` and
//! `virtual-hardware` are the others. `upgrade` is the HTTP upgrade to WebSocket that listeners share.

#[cfg(feature = "bluetooth-le")]
pub mod bluetooth_le;
#[cfg(any(feature = "hid", feature = "serial", feature = "tcode"))]
mod detached;
#[cfg(feature = "device-websocket")]
pub mod device_websocket;
#[cfg(feature = "gamepad")]
pub mod gamepad;
#[cfg(feature = "hid")]
pub mod hid;
#[cfg(any(feature = "device-websocket", feature = "virtual-hardware"))]
mod listener;
#[cfg(feature = "lovense-connect")]
pub mod lovense_connect;
#[cfg(feature = "lovense-dongle")]
pub mod lovense_dongle;
#[cfg(feature = "hid")]
mod polled;
#[cfg(any(feature = "serial", feature = "tcode"))]
mod rounds;
#[cfg(feature = "serial")]
pub mod serial;
#[cfg(feature = "simulated")]
pub mod simulated;
#[cfg(any(feature = "serial", feature = "tcode"))]
mod stream;
#[cfg(feature = "tcode")]
pub mod tcode;
#[cfg(feature = "upgrade")]
pub mod upgrade;
#[cfg(feature = "virtual-hardware")]
pub mod virtual_hardware;
#[cfg(any(feature = "device-websocket", feature = "virtual-hardware"))]
mod voice;

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use frisson_program::Endpoint;
pub use frisson_program::{Bus, ConnectPlan, Sighting};

/// A future that a [`Port`] or a [`Scanner`] returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One open link to hardware. All methods take `&self`, so that [`next`](Port::next) can run beside a write.
pub trait Port: Send + Sync {
    /// Sends bytes; with `confirm`, until the device has confirmed them, where the bus knows such a thing.
    /// When the future is dropped before its end the bytes may or may not have been sent; the port can still be closed.
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        confirm: bool,
    ) -> BoxFuture<'a, Result<(), PortError>>;

    /// Fetches bytes.
    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>>;

    /// Begins or ends to hear what the device sends on an endpoint.
    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>>;

    /// What the device says next. After [`Notified::Gone`] there is nothing more. Cancel safe: nothing is lost when the future is dropped.
    fn next(&self) -> BoxFuture<'_, Notified>;

    /// Closes the link. Called once, last. A port that is dropped without it closes its link as well, without waiting for that.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// The endpoints that this very device has.
    fn endpoints(&self) -> &[Endpoint];

    /// By which of the plans that [`Scanner::connect`] was given the device was opened.
    fn plan(&self) -> usize {
        0
    }

    /// The least time between two flushes that this link bears.
    fn gap(&self) -> Duration {
        Duration::ZERO
    }
}

/// What a device says of its own accord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified {
    /// Bytes, on an endpoint that is listened to.
    Bytes(Endpoint, Vec<u8>),
    /// The link is gone, for this reason.
    Gone(String),
}

/// Why something on a link failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// The device has no such endpoint.
    #[error("the device has no endpoint {0}")]
    NoEndpoint(Endpoint),
    /// The link is gone.
    #[error("the device is not connected: {0}")]
    Gone(String),
    /// The device has nothing of what its protocols need.
    #[error("the device has none of the endpoints that its protocol needs; {0}")]
    Unfit(String),
    /// No answer came in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Unanswered(Duration),
    /// The bus reports a fault.
    #[error("{0}")]
    Failed(String),
}

impl PortError {
    /// An error unless the endpoint is the one that is meant.
    #[cfg(any(
        feature = "hid",
        feature = "device-websocket",
        feature = "lovense-connect",
        feature = "serial",
        feature = "tcode"
    ))]
    fn unless(wanted: Endpoint, endpoint: Endpoint) -> Result<(), Self> {
        if endpoint == wanted { Ok(()) } else { Err(Self::NoEndpoint(endpoint)) }
    }

    /// A device of these services fits none of the plans.
    #[cfg(any(feature = "bluetooth-le", feature = "virtual-hardware"))]
    fn unfit(found: impl Iterator<Item = frisson_program::Uuid>, plans: &[ConnectPlan]) -> Self {
        let wanted = plans.iter().flat_map(|plan| plan.services.iter().map(|service| service.uuid));
        Self::Unfit(format!("services found: {}; expected: {}", list(found), list(wanted)))
    }
}

/// How many services an error names.
#[cfg(any(feature = "bluetooth-le", feature = "virtual-hardware"))]
const MAX_NAMED: usize = 12;

#[cfg(any(feature = "bluetooth-le", feature = "virtual-hardware"))]
fn list(uuids: impl Iterator<Item = frisson_program::Uuid>) -> String {
    use fmt::Write;
    let uuids: std::collections::BTreeSet<_> = uuids.collect();
    let mut text = String::new();
    for uuid in uuids.iter().take(MAX_NAMED) {
        let _ = write!(text, "{}{uuid}", if text.is_empty() { "" } else { ", " });
    }
    match uuids.len().saturating_sub(MAX_NAMED) {
        _ if uuids.is_empty() => "none".to_owned(),
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// Finds hardware and opens it.
///
/// What became of a sighting is told by [`outcome`](Self::outcome), once for each [`Found::Device`]. That may take until the scan has ended; a
/// device is not found again before.
pub trait Scanner: Send {
    /// What it is called in the log; where it serves one bus, that bus's name.
    fn name(&self) -> &'static str;

    /// Begins or ends to look for devices. Must not block; what comes of it is told by [`next`](Scanner::next). Devices of a bus that
    /// [is always on](Bus::is_always_on) are found at any time, those of other buses only in between. A scan is begun only after the one
    /// before has ended; then everything that can be opened is found again.
    fn scan(&mut self, on: bool);

    /// What is found next. Cancel safe.
    fn next(&mut self) -> BoxFuture<'_, Found>;

    /// Opens what was sighted, by the first of these plans that fits the device; there is at least one. Fails with [`PortError::Unfit`] if none
    /// fits. The future does not borrow the scanner, so that the scan goes on meanwhile. When it is dropped the device is closed.
    fn connect(
        &mut self,
        sighting: &Sighting,
        plans: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>>;

    /// What became of a device that was found. Must not block.
    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        let _ = (sighting, outcome);
    }

    /// Takes leave of whoever is at the other end of the bus. Called last, when all ports are closed or have had a second for that.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
}

/// What a [`Scanner`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A device can be opened.
    Device(Sighting),
    /// The scan has ended, by itself or because it was told to: exactly once for each scan that was begun.
    ScanEnded,
    /// The bus cannot be used at present, for this reason.
    Unusable(String),
    /// Nothing will ever come again.
    Closed,
}

/// What became of a device that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Clients can use it.
    Ready {
        /// The protocol's id.
        protocol: String,
        /// The device's name.
        name: String,
        /// The index under which clients see it.
        index: u32,
    },
    /// It is not used.
    Ignored(Ignored),
    /// Nobody looked for it: the scan was over by then, or it was for other devices. It may be found again by the next scan.
    Missed,
}

/// Why a device is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// No definition fits it.
    NoMatch,
    /// The user does not want it to be used.
    Denied,
    /// It is new, and nobody who may do so has asked for new devices.
    NotAllowed,
    /// It could not be opened, or lacks what its protocol needs.
    ConnectFailed,
    /// It was opened and could not be set up.
    InitFailed,
}

impl Ignored {
    /// The name in protocols and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoMatch => "no-match",
            Self::Denied => "denied",
            Self::NotAllowed => "not-allowed",
            Self::ConnectFailed => "connect-failed",
            Self::InitFailed => "init-failed",
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
