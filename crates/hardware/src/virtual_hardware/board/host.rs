//! One host: what it says, and what it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use frisson_program::Endpoint;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::trace;

use super::super::host::ToHost;
use super::super::incoming::{Fault, Incoming};
use super::super::outgoing::{Outgoing, RequestId};
use super::device::{Device, State};
use super::requests::{Answered, Pending, Purpose, Requests};
use super::{Air, HostId};
use crate::{Ignored, PortError};

/// One host.
pub(super) struct Host {
    pub(super) id: HostId,
    outbox: mpsc::UnboundedSender<ToHost>,
    pub(super) devices: BTreeMap<String, Device>,
    pub(super) requests: Requests,
}

impl Host {
    pub(super) fn new(id: HostId, outbox: mpsc::UnboundedSender<ToHost>) -> Self {
        Self { id, outbox, devices: BTreeMap::new(), requests: Requests::default() }
    }

    pub(super) fn send(&self, frame: &Outgoing<'_>) {
        let text = frame.text();
        trace!(host = self.id, "< {text}");
        // A host whose task has ended hears nothing any more; the board is told of that in its turn.
        let _ = self.outbox.send(ToHost::Frame(text));
    }

    pub(super) fn fault(&self, fault: &Fault) {
        let _ = self.outbox.send(ToHost::Frame(fault.text()));
    }

    pub(super) fn scanning(&self, active: bool) {
        self.send(&Outgoing::Scanning { active });
    }

    pub(super) fn goodbye(&self) {
        let _ = self.outbox.send(ToHost::Goodbye);
    }

    /// Takes in a frame.
    pub(super) fn frame(&mut self, now: Instant, air: &mut Air, frame: Incoming) -> Result<(), Fault> {
        trace!(host = self.id, "> {frame:?}");
        match frame {
            Incoming::Hello { .. } => Err(Fault::new("bad-frame", "hello was said before")),
            Incoming::Advertise(advert) => self.advertise(air, *advert),
            Incoming::Unadvertise { device } => self.unadvertise(air, &device),
            Incoming::Notify { device, endpoint, bytes } => self.notify(&device, &endpoint, bytes),
            Incoming::Disconnected { device, reason } => self.disconnected(now, air, &device, &reason),
            Incoming::Ok { id, bytes: None } if self.requests.is_read(id) => {
                Err(Fault::new("bad-frame", "field data is missing"))
            }
            Incoming::Ok { id, bytes } => self.answer(now, air, id, |_| Ok(bytes.unwrap_or_default())),
            Incoming::Error { id, refusal } => {
                self.answer(now, air, id, |endpoint| Err(refusal.error(endpoint)))
            }
        }
    }

    /// Asks the host for something.
    pub(super) fn request(
        &mut self,
        now: Instant,
        timeout: Duration,
        device: &str,
        purpose: Purpose,
    ) -> RequestId {
        self.requests.begin(device, purpose, now + timeout)
    }

    fn answer(
        &mut self,
        now: Instant,
        air: &mut Air,
        id: RequestId,
        result: impl FnOnce(Option<Endpoint>) -> Result<Vec<u8>, PortError>,
    ) -> Result<(), Fault> {
        match self.requests.answer(id) {
            Answered::Pending(pending) => self.conclude(now, air, &pending, result),
            Answered::Late => {}
            Answered::Unknown => {
                return Err(Fault::new("bad-id", format!("no request with the id {id} waits for an answer")));
            }
        }
        Ok(())
    }

    /// A request is over.
    fn conclude(
        &mut self,
        now: Instant,
        air: &mut Air,
        pending: &Pending,
        result: impl FnOnce(Option<Endpoint>) -> Result<Vec<u8>, PortError>,
    ) {
        let device = pending.device.as_str();
        match pending.purpose {
            Purpose::Connect => self.connected(now, air, device, result(None).map(drop)),
            Purpose::Read | Purpose::Act => self.completed(now, air, device, result),
            Purpose::Disconnect => self.end_link(air, device, "the link was closed"),
        }
    }

    /// When a request is over if no answer comes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.requests.deadline()
    }

    /// Ends requests that were not answered in time.
    pub(super) fn expire(&mut self, now: Instant, air: &mut Air) {
        while let Some(pending) = self.requests.expire(now) {
            let timeout = air.timeout;
            self.conclude(now, air, &pending, |_| Err(PortError::Unanswered(timeout)));
        }
    }

    /// The host's connection has ended, and with it the links to its devices.
    pub(super) fn gone(mut self, air: &mut Air) {
        const REASON: &str = "the host of the virtual hardware is gone";
        for name in self.devices.keys().cloned().collect::<Vec<_>>() {
            self.end_link(air, &name, REASON);
            let device = self.devices.get_mut(&name);
            let state = device.map(|device| std::mem::replace(&mut device.state, State::Absent));
            if let Some(State::Connecting { answer, .. }) = state {
                let _ = answer.send(Err(PortError::Gone(REASON.to_owned())));
            }
            self.absent(air, &name);
        }
    }

    pub(super) fn ignored(&self, device: &str, reason: Ignored) {
        self.send(&Outgoing::Ignored { device, reason: reason.name() });
    }

    /// A device that was presented on this connection.
    pub(super) fn known(&mut self, name: &str) -> Result<&mut Device, Fault> {
        let unknown = || Fault::new("unknown-device", "no such device was presented").of(name);
        self.devices.get_mut(name).ok_or_else(unknown)
    }
}
