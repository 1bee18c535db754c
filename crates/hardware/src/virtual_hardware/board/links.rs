//! How a device of a host is connected, used and lost.

use std::mem;

use frisson_program::{Bus, ConnectPlan, Endpoint, Sighting};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::debug;

use super::super::incoming::Fault;
use super::super::outgoing::{Outgoing, hex};
use super::super::port::VirtualPort;
use super::device::{Device, Linked, Order, State, UnderWay, fit};
use super::host::Host;
use super::requests::Purpose;
use super::{Action, Air, Answer};
use crate::voice::voice;
use crate::{Ignored, PortError};

impl Host {
    /// Asks the host to connect a device that was found.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        air: &mut Air,
        name: &str,
        sighting: &Sighting,
        plans: Vec<ConnectPlan>,
        answer: oneshot::Sender<Result<VirtualPort, PortError>>,
    ) {
        let device = self.devices.get_mut(name);
        let Some(Device { state: state @ State::Offered(_), advert: Some(advert), .. }) = device else {
            let _ = answer.send(Err(PortError::Gone("it is not there any more".to_owned())));
            return;
        };
        if advert.sighting != *sighting {
            let _ = answer.send(Err(PortError::Gone("it has been presented anew".to_owned())));
            return self.wait(air, name);
        }
        let settings = plans.first().filter(|_| sighting.bus == Bus::Serial).map(|plan| plan.serial.into());
        *state = State::Connecting { plans, answer };
        let id = self.request(now, air.timeout, name, Purpose::Connect);
        self.send(&Outgoing::Connect { id, device: name, settings });
    }

    /// The host has been asked to connect a device, with this result.
    pub(super) fn connected(
        &mut self,
        now: Instant,
        air: &mut Air,
        name: &str,
        result: Result<(), PortError>,
    ) {
        let device = self.devices.get_mut(name);
        let Some(device) = device.filter(|device| matches!(device.state, State::Connecting { .. })) else {
            return;
        };
        let State::Connecting { plans, answer } = mem::replace(&mut device.state, State::Absent) else {
            return;
        };
        let advert = match (result, &device.advert) {
            (Ok(()), Some(advert)) => advert,
            (result, _) => {
                let error = result.err().unwrap_or_else(|| PortError::Failed("it failed".to_owned()));
                self.absent(air, name);
                self.ignored(name, Ignored::ConnectFailed);
                let _ = answer.send(Err(error));
                return;
            }
        };
        let link = air.new_link((self.id, name.to_owned()));
        let (voice, hearing) = voice();
        let gap = advert.sighting.bus.gap();
        let fitting = fit(advert, &plans);
        let places = fitting.as_ref().map(|(_, places)| places.clone()).unwrap_or_default();
        let endpoints = places.iter().map(|place| place.endpoint).collect();
        let mut linked = Linked::new(link, places, voice);
        if fitting.is_err() {
            linked.blame = Ignored::ConnectFailed;
        }
        device.state = State::Linked(Box::new(linked));
        let port = fitting.and_then(|(plan, _)| {
            let board = air.board.upgrade().ok_or_else(|| PortError::Gone("the server stops".to_owned()))?;
            Ok(VirtualPort::new(link, board, endpoints, plan, gap, hearing))
        });
        let is_unusable = port.is_err();
        // A port that nobody takes closes its link when it is dropped.
        let _ = answer.send(port);
        if is_unusable {
            self.close(now, air, name, None);
        }
    }

    /// Does something on a link, in its turn.
    pub(super) fn operate(
        &mut self,
        now: Instant,
        air: &Air,
        name: &str,
        endpoint: Endpoint,
        mut action: Action,
        answer: Answer,
    ) {
        let Some(Device { state: State::Linked(linked), .. }) = self.devices.get_mut(name) else { return };
        if linked.closing.is_some() {
            let _ = answer.send(Err(PortError::Gone("the link is being closed".to_owned())));
            return;
        }
        match linked.check(endpoint, &mut action) {
            Ok(place) => {
                // What nobody waits for any longer is not begun.
                linked.orders.retain(|order| !order.answer.is_closed());
                linked.orders.push_back(Order { place, action, answer });
                self.proceed(now, air, name);
            }
            Err(error) => {
                let _ = answer.send(Err(error));
            }
        }
    }

    /// Begins the next thing to be done on a link, if none is under way.
    fn proceed(&mut self, now: Instant, air: &Air, name: &str) {
        let Some(Device { state: State::Linked(linked), .. }) = self.devices.get_mut(name) else { return };
        if linked.under_way.is_some() || linked.closing.is_some() {
            return;
        }
        let order = std::iter::from_fn(|| linked.orders.pop_front()).find(|order| !order.answer.is_closed());
        let Some(Order { place, action, answer }) = order else { return };
        match action {
            // A device may begin to talk before the host has said that it has been asked to.
            Action::Listen(true) => linked.listening.insert(place.endpoint),
            Action::Listen(false) => linked.listening.remove(&place.endpoint),
            _ => false,
        };
        linked.under_way = Some(UnderWay {
            endpoint: place.endpoint,
            listens: matches!(action, Action::Listen(true)),
            answer,
        });
        let purpose = if matches!(action, Action::Read) { Purpose::Read } else { Purpose::Act };
        let id = self.request(now, air.timeout, name, purpose);
        let (device, endpoint) = (name, place.name.as_str());
        self.send(&match action {
            Action::Write { bytes, confirm } => {
                Outgoing::Write { id, device, endpoint, data: hex(&bytes), with_response: confirm }
            }
            Action::Read => Outgoing::Read { id, device, endpoint },
            Action::Listen(true) => Outgoing::Subscribe { id, device, endpoint },
            Action::Listen(false) => Outgoing::Unsubscribe { id, device, endpoint },
        });
    }

    /// What was under way on a link has ended.
    pub(super) fn completed(
        &mut self,
        now: Instant,
        air: &Air,
        name: &str,
        result: impl FnOnce(Option<Endpoint>) -> Result<Vec<u8>, PortError>,
    ) {
        let Some(Device { state: State::Linked(linked), .. }) = self.devices.get_mut(name) else { return };
        let Some(UnderWay { endpoint, listens, answer }) = linked.under_way.take() else { return };
        let result = result(Some(endpoint));
        if listens && result.is_err() {
            linked.listening.remove(&endpoint);
        }
        let _ = answer.send(result);
        self.proceed(now, air, name);
    }

    pub(super) fn notify(&mut self, name: &str, endpoint: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        if let State::Linked(linked) = &self.known(name)?.state
            && linked.closing.is_none()
            && let Some(endpoint) = linked.listening_to(endpoint)
            && !linked.voice.say(endpoint, bytes)
        {
            debug!(device = name, "too much is waiting to be heard, dropping a notification");
        }
        Ok(())
    }

    pub(super) fn disconnected(
        &mut self,
        now: Instant,
        air: &mut Air,
        name: &str,
        reason: &str,
    ) -> Result<(), Fault> {
        if let State::Connecting { .. } = self.known(name)?.state {
            self.requests.abandon(name);
            self.connected(now, air, name, Err(PortError::Gone(reason.to_owned())));
        } else {
            self.end_link(air, name, reason);
        }
        Ok(())
    }

    /// Has a device disconnected.
    pub(super) fn close(&mut self, now: Instant, air: &Air, name: &str, answer: Option<oneshot::Sender<()>>) {
        let Some(Device { state: State::Linked(linked), .. }) = self.devices.get_mut(name) else { return };
        let is_first = linked.closing.is_none();
        linked.closing.get_or_insert_default().extend(answer);
        if is_first {
            linked.orders.clear();
            let id = self.request(now, air.timeout, name, Purpose::Disconnect);
            self.send(&Outgoing::Disconnect { id, device: name });
        }
    }

    /// The link to a device is no more.
    pub(super) fn end_link(&mut self, air: &mut Air, name: &str, reason: &str) {
        let Some(device) = self.devices.get_mut(name) else { return };
        let State::Linked(linked) = &mut device.state else { return };
        air.links.remove(&linked.link);
        linked.voice.gone(reason);
        let waiting = mem::take(&mut linked.orders).into_iter().map(|order| order.answer);
        for answer in linked.under_way.take().map(|under_way| under_way.answer).into_iter().chain(waiting) {
            let _ = answer.send(Err(PortError::Gone(reason.to_owned())));
        }
        let closing = linked.closing.take().unwrap_or_default();
        let blame = (!linked.is_ready).then_some(linked.blame);
        self.requests.abandon(name);
        self.absent(air, name);
        if let Some(blame) = blame {
            self.ignored(name, blame);
        }
        for answer in closing {
            let _ = answer.send(());
        }
    }
}
