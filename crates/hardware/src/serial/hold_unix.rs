//! What keeps a port of a Unix system for this process, and waits until what was written is out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::termios::{self, QueueSelector};
use serial2::{KeepSettings, SerialPort};
use tracing::debug;

use super::open::{busy, unopened};
use crate::PortError;
use crate::detached::detached;

/// How long closing waits until what was written is out. The server waits for a second.
const DRAIN_LIMIT: Duration = Duration::from_millis(800);

/// A second handle of the port.
pub(super) struct Hold {
    handle: SerialPort,
    is_released: AtomicBool,
}

impl Hold {
    /// Locks the port. That keeps out those who respect it, among them every other server of ours, also where their user may do everything.
    pub(super) fn take(port: &str) -> Result<Self, PortError> {
        let handle = SerialPort::open(port, KeepSettings).map_err(|error| unopened(port, &error))?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Err(busy(port)),
            Err(error) => debug!(port, "the system has no lock for it: {error}"),
            Ok(()) => {}
        }
        Ok(Self { handle, is_released: AtomicBool::new(false) })
    }

    /// Keeps out everybody else, once the port is open.
    pub(super) fn shut(&mut self, port: &str) -> Result<(), PortError> {
        termios::ioctl_tiocexcl(&self.handle).map_err(|error| unopened(port, &error.into()))
    }

    /// Waits, but not for long, until what was written is out, and lets others have the port.
    pub(super) async fn release(&self, port: &str) {
        if self.is_released.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Ok(handle) = self.handle.try_clone() {
            let drain =
                move || termios::tcdrain(&handle).map_err(|error| PortError::Failed(error.to_string()));
            if let Err(error) = detached("drain", DRAIN_LIMIT, drain).await {
                // Otherwise the system would wait for it when the port is closed, for half a minute.
                debug!(port, "not everything that was written is out: {error}");
                let _ = termios::tcflush(&self.handle, QueueSelector::OFlush);
            }
        }
        let _ = termios::ioctl_tiocnxcl(&self.handle);
        let _ = flock(&self.handle, FlockOperation::NonBlockingUnlock);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if *self.is_released.get_mut() {
            return;
        }
        if let Ok(handle) = self.handle.try_clone() {
            // Closing the last handle waits for the hardware. Without a thread it does so here.
            let _ = thread::Builder::new().name("close".to_owned()).spawn(move || drop(handle));
        }
    }
}
