//! An open link to a simulated device.

use std::sync::Arc;
use std::time::Duration;

use frisson_program::Endpoint;
use tokio::time::{Instant, sleep, sleep_until};

use super::unit::{Link, Unit};
use crate::{BoxFuture, Notified, Port, PortError};

/// A link by which a simulated device is open. Closed when dropped.
pub(super) struct SimulatedPort {
    unit: Arc<Unit>,
    link: Link,
    endpoints: Vec<Endpoint>,
}

impl SimulatedPort {
    /// Opens a device.
    pub(super) fn open(unit: Arc<Unit>) -> Result<Self, PortError> {
        let link = unit.open()?;
        let endpoints = unit.state().machine.endpoints();
        Ok(Self { unit, link, endpoints })
    }

    /// Takes the time that an answer takes.
    async fn wait(&self, is_write: bool) -> Result<(), PortError> {
        let faults = self.unit.state().faults;
        if faults.silent {
            return Err(self.unit.gone(self.link).await);
        }
        if is_write && faults.write_delay > Duration::ZERO {
            tokio::select! {
                reason = self.unit.gone(self.link) => return Err(reason),
                () = sleep(faults.write_delay) => {}
            }
        }
        Ok(())
    }

    /// What the device says, or until when it will say nothing.
    fn said(&self) -> Result<Notified, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.unit.state();
        if let Err(gone) = state.check(self.link) {
            return Ok(Notified::Gone(gone.to_string()));
        }
        match state.machine.next_report(now) {
            Some((endpoint, value)) => Ok(Notified::Bytes(endpoint, value.to_le_bytes().to_vec())),
            None => Err(state.machine.next_change(now)),
        }
    }
}

impl Port for SimulatedPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        _confirm: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            self.wait(true).await?;
            self.unit.write(self.link, endpoint, bytes)
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            self.wait(false).await?;
            self.unit.read(self.link, endpoint)
        })
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            self.wait(false).await?;
            self.unit.listen(self.link, endpoint, on)
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move {
            loop {
                match self.said() {
                    Ok(notified) => return notified,
                    Err(None) => self.unit.says.notified().await,
                    Err(Some(at)) => tokio::select! {
                        () = self.unit.says.notified() => {}
                        () = sleep_until(at) => {}
                    },
                }
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.unit.close(self.link) })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}

impl Drop for SimulatedPort {
    fn drop(&mut self) {
        self.unit.close(self.link);
    }
}
