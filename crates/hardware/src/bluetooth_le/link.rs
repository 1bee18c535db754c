//! What a system has to do for one device.

use std::future::Future;
use std::sync::Arc;

use frisson_program::{Endpoint, Uuid};

use super::hearing::Hearing;
use crate::PortError;

/// A way to one device, connected or not. When it is dropped the device is disconnected.
pub(super) trait Link: Send + Sync + 'static {
    /// What the system calls a characteristic.
    type Handle: Clone + PartialEq + Send + Sync + 'static;

    /// One attempt to connect, without a time limit of its own. After it was dropped, [`disconnect`](Self::disconnect) ends what goes on.
    fn connect(&self) -> impl Future<Output = Result<(), PortError>> + Send;

    /// What the connected device has, as soon as the system knows it; without a time limit of its own.
    fn discover(&self) -> impl Future<Output = Result<Vec<Characteristic<Self::Handle>>, PortError>> + Send;

    /// The device is as it should be: when it disconnects from now on it is gone.
    fn settle(&self) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Disconnects the device if it is connected or about to be; takes 5 s at most.
    fn disconnect(&self) -> impl Future<Output = ()> + Send;

    /// Writes; with `confirm`, until the device has confirmed it.
    fn write(
        &self,
        to: &Self::Handle,
        bytes: &[u8],
        confirm: bool,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Reads the whole value.
    fn read(&self, from: &Self::Handle) -> impl Future<Output = Result<Vec<u8>, PortError>> + Send;

    /// Begins or ends to have what the device notifies of put into [`hearing`](Self::hearing).
    fn notify(&self, from: &Self::Handle, on: bool) -> impl Future<Output = Result<(), PortError>> + Send;

    /// What the device says.
    fn hearing(&self) -> &Arc<Hearing<Self::Handle>>;
}

/// A characteristic of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Characteristic<H> {
    pub(super) service: Uuid,
    pub(super) uuid: Uuid,
    pub(super) handle: H,
    pub(super) abilities: Abilities,
}

/// What can be done with a characteristic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Abilities {
    pub(super) read: bool,
    /// Writing with the device's confirmation.
    pub(super) write: bool,
    /// Writing without it.
    pub(super) write_unconfirmed: bool,
    /// Notifications or indications.
    pub(super) notify: bool,
}

impl Abilities {
    /// Whether a write is to be confirmed, given what is wished for; none if the characteristic cannot be written to.
    pub(super) fn write_kind(self, confirm: bool) -> Option<bool> {
        match (self.write, self.write_unconfirmed) {
            (true, true) => Some(confirm),
            (true, false) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}

/// An endpoint, and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place<H> {
    pub(super) endpoint: Endpoint,
    pub(super) handle: H,
    pub(super) abilities: Abilities,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_of_the_kind_asked_for_where_that_exists_and_of_the_other_where_not() {
        let kinds = |write, write_unconfirmed| {
            let abilities = Abilities { write, write_unconfirmed, ..Abilities::default() };
            [true, false].map(|confirm| abilities.write_kind(confirm))
        };
        assert_eq!(kinds(true, true), [Some(true), Some(false)]);
        assert_eq!(kinds(true, false), [Some(true), Some(true)]);
        assert_eq!(kinds(false, true), [Some(false), Some(false)]);
        assert_eq!(kinds(false, false), [None, None]);
    }
}
