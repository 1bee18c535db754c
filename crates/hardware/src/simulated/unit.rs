//! One simulated device with its link: who may talk to it, what goes wrong, what was written.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use frisson_program::{Endpoint, Sighting};
use frisson_wire::Feature;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::machine::Machine;
use super::{Faults, Snapshot, Written};
use crate::PortError;

/// How many writes are remembered.
const LOG: usize = 256;

/// Names one opening of a device.
pub(super) type Link = u64;

/// A simulated device.
pub(super) struct Unit {
    sighting: Sighting,
    state: Mutex<State>,
    /// Wakes those who look: something has happened to the device.
    pub(super) happened: Notify,
    /// Wakes the port: there may be something to say.
    pub(super) says: Notify,
}

/// What changes about a device.
pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) faults: Faults,
    present: bool,
    link: Option<Link>,
    links: Link,
    writes: u64,
    failed_writes: u64,
    log: VecDeque<Written>,
}

impl Unit {
    /// A device that is there and not open.
    pub(super) fn new(sighting: Sighting, features: &[Feature], seed: u64) -> Self {
        let state = State {
            machine: Machine::new(features, seed, Instant::now()),
            faults: Faults::default(),
            present: true,
            link: None,
            links: 0,
            writes: 0,
            failed_writes: 0,
            log: VecDeque::new(),
        };
        Self { sighting, state: Mutex::new(state), happened: Notify::new(), says: Notify::new() }
    }

    /// What is seen of the device.
    pub(super) fn sighting(&self) -> &Sighting {
        &self.sighting
    }

    /// The device's state.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn woken(&self) {
        self.happened.notify_waiters();
        self.says.notify_one();
    }

    /// Whether the device can be opened.
    pub(super) fn is_free(&self) -> bool {
        let state = self.state();
        state.present && state.link.is_none()
    }

    /// Takes the device out of reach or brings it back; false if that changes nothing.
    pub(super) fn set_present(&self, present: bool) -> bool {
        let mut state = self.state();
        let changed = state.present != present;
        state.present = present;
        if !present {
            state.unlink();
        }
        drop(state);
        self.woken();
        changed
    }

    /// Presses the button; false if there is none.
    pub(super) fn press(&self) -> bool {
        let pressed = self.state().machine.press(Instant::now());
        self.woken();
        pressed
    }

    /// Replaces what goes wrong.
    pub(super) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Opens the device.
    pub(super) fn open(&self) -> Result<Link, PortError> {
        let mut state = self.state();
        if !state.present {
            return Err(PortError::Gone("it is out of reach".to_owned()));
        }
        if state.link.is_some() {
            return Err(PortError::Failed("the device is open already".to_owned()));
        }
        if count_down(&mut state.faults.fail_connects) {
            return Err(told_to_fail());
        }
        state.links += 1;
        let link = state.links;
        state.link = Some(link);
        drop(state);
        self.woken();
        Ok(link)
    }

    /// Closes the device, if it is still open by this link.
    pub(super) fn close(&self, link: Link) {
        let mut state = self.state();
        if state.check(link).is_ok() {
            state.unlink();
            drop(state);
            self.woken();
        }
    }

    /// Takes a write.
    pub(super) fn write(&self, link: Link, endpoint: Endpoint, bytes: &[u8]) -> Result<(), PortError> {
        let mut state = self.state();
        state.check(link)?;
        let now = Instant::now();
        let result = if count_down(&mut state.faults.fail_writes) {
            Err(told_to_fail())
        } else if endpoint != Endpoint::TX {
            Err(PortError::NoEndpoint(endpoint))
        } else {
            let taken = state.machine.write(bytes, now);
            taken.map_err(|reason| PortError::Failed(format!("the simulated device refuses this: {reason}")))
        };
        if result.is_ok() {
            state.writes += 1;
            if state.log.len() == LOG {
                state.log.pop_front();
            }
            state.log.push_back(Written { at: now, endpoint, bytes: bytes.to_vec() });
        } else {
            state.failed_writes += 1;
        }
        let is_heard = state.machine.is_heard();
        drop(state);
        self.happened.notify_waiters();
        if is_heard {
            self.says.notify_one();
        }
        result
    }

    /// Answers a read.
    pub(super) fn read(&self, link: Link, endpoint: Endpoint) -> Result<Vec<u8>, PortError> {
        let mut state = self.state();
        state.check(link)?;
        if count_down(&mut state.faults.fail_reads) {
            return Err(told_to_fail());
        }
        let value = state.machine.read(endpoint, Instant::now()).ok_or(PortError::NoEndpoint(endpoint))?;
        Ok(value.to_le_bytes().to_vec())
    }

    /// Begins or ends to report an input.
    pub(super) fn listen(&self, link: Link, endpoint: Endpoint, on: bool) -> Result<(), PortError> {
        let mut state = self.state();
        state.check(link)?;
        if !state.machine.listen(endpoint, on, Instant::now()) {
            return Err(PortError::NoEndpoint(endpoint));
        }
        drop(state);
        self.woken();
        Ok(())
    }

    /// How the device is now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let state = self.state();
        Snapshot {
            name: self.sighting.name.clone(),
            present: state.present,
            connected: state.link.is_some(),
            outputs: state.machine.outputs(now),
            inputs: state.machine.inputs(now),
            writes: state.writes,
            failed_writes: state.failed_writes,
        }
    }

    /// The last writes.
    pub(super) fn log(&self) -> Vec<Written> {
        self.state().log.iter().cloned().collect()
    }

    /// Waits until the device is as asked for.
    pub(super) async fn wait_for(&self, mut what: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        loop {
            let mut happened = pin!(self.happened.notified());
            happened.as_mut().enable();
            let snapshot = self.snapshot();
            if what(&snapshot) {
                return snapshot;
            }
            happened.await;
        }
    }

    /// Waits until the link is gone, and says why.
    pub(super) async fn gone(&self, link: Link) -> PortError {
        loop {
            let mut happened = pin!(self.happened.notified());
            happened.as_mut().enable();
            if let Err(reason) = self.state().check(link) {
                return reason;
            }
            happened.await;
        }
    }
}

impl State {
    /// Whether this link is the one by which the device is open.
    pub(super) fn check(&self, link: Link) -> Result<(), PortError> {
        if self.link == Some(link) {
            return Ok(());
        }
        let reason = if self.present { "the link was closed" } else { "it is out of reach" };
        Err(PortError::Gone(reason.to_owned()))
    }

    fn unlink(&mut self) {
        self.link = None;
        self.machine.deafen();
    }
}

/// Whether this attempt is one of those that shall fail.
fn count_down(left: &mut u32) -> bool {
    let fails = *left > 0;
    *left = left.saturating_sub(1);
    fails
}

fn told_to_fail() -> PortError {
    PortError::Failed("the simulated device was told to fail".to_owned())
}
