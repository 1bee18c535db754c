//! What keeps a port of Windows for this process: the system opens a port for one program only, and finishes what was written when it is closed.

use crate::PortError;

/// Nothing has to be held.
pub(super) struct Hold;

impl Hold {
    pub(super) fn take(_: &str) -> Result<Self, PortError> {
        Ok(Self)
    }

    pub(super) fn shut(&mut self, _: &str) -> Result<(), PortError> {
        Ok(())
    }

    pub(super) async fn release(&self, _: &str) {}
}
