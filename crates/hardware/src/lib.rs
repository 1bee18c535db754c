//! Buses: how devices are found, and how bytes get to and from them.
//!
//! A [`Scanner`] finds hardware on one bus and opens it; a [`Port`] is one open link.

#[cfg(feature = "simulated")]
pub mod simulated;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use frisson_program::Endpoint;
pub use frisson_program::{Bus, Sighting};

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

    /// Closes the link. Called once, last.
    fn close(&self) -> BoxFuture<'_, ()>;

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
    /// The bus reports a fault.
    #[error("{0}")]
    Failed(String),
}

/// Finds hardware on one bus and opens it.
pub trait Scanner: Send {
    /// The bus.
    fn bus(&self) -> Bus;

    /// Begins or ends to look for devices. Must not block; what comes of it is told by [`next`](Scanner::next).
    fn scan(&mut self, on: bool);

    /// What is found next. Cancel safe.
    fn next(&mut self) -> BoxFuture<'_, Found>;

    /// Opens what was sighted. The future does not borrow the scanner, so that the scan goes on meanwhile.
    fn connect(&mut self, sighting: &Sighting) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>>;
}

/// What a [`Scanner`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A device can be opened.
    Device(Sighting),
    /// The scan has ended, by itself or because it was told to.
    ScanEnded,
    /// The bus cannot be used at present, for this reason.
    Unusable(String),
    /// Nothing will ever come again.
    Closed,
}
