//! What the radio task knows and does; reading and writing messages is left to its shell.

mod incoming;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::debug;
use zbus::Message;

use super::super::memory::{Memory, is_considered};
use super::super::status::Reporter;
use super::super::{Order, shortened};
use super::calls::{self, Call};
use super::discovery::{self, Discoveries};
use super::link::{Answer, LinkId, SystemLink, ToLink};
use super::links::Links;
use super::objects::Objects;
use super::service::Service;
use super::waiting::{Asked, Waiting};
use crate::{Found, PortError};

/// How long BlueZ may take to answer. What a caller allows is mostly less.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long disconnecting may take; of a device that is out of reach it may take for ever.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before BlueZ is asked again for what it has refused to tell.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct Radio {
    to_self: mpsc::WeakUnboundedSender<Order>,
    is_scanning: bool,
    outgoing: Vec<Message>,
    /// Answers that are due, by the serial number of the call.
    waiting: HashMap<NonZeroU32, (Waiting, Instant)>,
    service: Service,
    objects: Objects,
    discoveries: Discoveries,
    links: Links,
    memory: Memory,
    /// The paths of devices that may have to be offered.
    offers: VecDeque<String>,
    reporter: Reporter,
    ended: Option<oneshot::Sender<()>>,
}

impl Radio {
    pub(super) fn new(to_self: mpsc::WeakUnboundedSender<Order>) -> Self {
        Self {
            to_self,
            is_scanning: false,
            outgoing: Vec::new(),
            waiting: HashMap::new(),
            service: Service::Asked,
            objects: Objects::default(),
            discoveries: Discoveries::default(),
            links: Links::default(),
            memory: Memory::default(),
            offers: VecDeque::new(),
            reporter: Reporter::default(),
            ended: None,
        }
    }

    /// There is a connection to D-Bus.
    pub(super) fn connected(&mut self, now: Instant) {
        self.service = Service::Asked;
        match calls::subscribe() {
            Ok(messages) => messages.into_iter().for_each(|message| self.ask(message, Waiting::Nobody, now)),
            Err(error) => debug!("cannot be said: {error}"),
        }
        self.call(calls::owner(), Waiting::Owner, now);
    }

    /// There is no connection to D-Bus, or not any more.
    pub(super) fn disconnected(&mut self, reason: &str, now: Instant) {
        self.forget_service("the connection to D-Bus was lost");
        self.service = Service::NoBus(reason.to_owned());
        self.tick(now);
    }

    /// What has to be done at this time.
    pub(super) fn tick(&mut self, now: Instant) {
        let late: Vec<_> =
            self.waiting.iter().filter(|(_, (_, by))| *by <= now).map(|(serial, _)| *serial).collect();
        for serial in late {
            match self.waiting.remove(&serial) {
                Some((Waiting::Link(link, answer, asked), _)) => {
                    self.links.answered(link, &asked, None);
                    let _ = answer.send(Err(PortError::Unanswered(ANSWER_TIMEOUT)));
                }
                Some((Waiting::Owner, _)) => self.call(calls::owner(), Waiting::Owner, now),
                Some((Waiting::Objects, _)) => self.call(calls::objects(), Waiting::Objects, now),
                Some((Waiting::Discovery(adapter), _)) => {
                    self.discoveries.answered(&adapter, Some("BlueZ does not answer".to_owned()), now);
                }
                Some((Waiting::Disconnected(_) | Waiting::Nobody, _)) | None => {}
            }
        }
        if let Service::Refused(owner, _, at) = &self.service
            && *at <= now
        {
            self.service = Service::Greeting(owner.clone());
            self.call(calls::objects(), Waiting::Objects, now);
        }
        for order in self.discoveries.reconcile(&self.objects.adapters, self.is_scanning, now) {
            match order {
                discovery::Order::Start(adapter) => match calls::start_discovery(&adapter) {
                    Ok([filter, start]) => {
                        self.ask(filter, Waiting::Nobody, now);
                        self.ask(start, Waiting::Discovery(adapter), now);
                    }
                    Err(error) => debug!("cannot be said: {error}"),
                },
                discovery::Order::Stop(adapter) => {
                    self.call(calls::stop_discovery(&adapter), Waiting::Nobody, now);
                }
            }
        }
        self.reporter.update(&self.service.status(&self.objects.adapters), now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let refused = match &self.service {
            Service::Refused(.., at) => Some(*at),
            _ => None,
        };
        let answers = self.waiting.values().map(|(_, by)| *by).min();
        [refused, answers, self.discoveries.deadline(), self.reporter.deadline()].into_iter().flatten().min()
    }

    /// Carries out what the scanner or a link wants.
    pub(super) fn handle(&mut self, order: Order, now: Instant) {
        match order {
            Order::Scan(on) => {
                if on {
                    self.memory.clear();
                    self.offers = self.objects.devices.keys().cloned().collect();
                }
                self.is_scanning = on;
            }
            Order::Link { address, answer } => {
                let _ = answer.send(self.link(&address));
            }
            Order::ToLink(ToLink::Call { link, call, answer }) => self.link_calls(link, call, answer, now),
            Order::ToLink(ToLink::Characteristics { link, answer }) => {
                if let Some(held) = self.links.find(link) {
                    let _ = answer.send(self.objects.characteristics(&held.device));
                }
            }
            Order::ToLink(ToLink::Settle { link, answer }) => {
                self.links.settle(link);
                if self.links.find(link).is_some_and(|held| !held.is_lost()) {
                    let _ = answer.send(());
                }
            }
            Order::ToLink(ToLink::Disconnect { link, answer }) => {
                if let Some(held) = self.links.find(link).filter(|held| !held.is_lost())
                    && held.is_used()
                {
                    let call = calls::disconnect(&held.device);
                    self.call(call, Waiting::Disconnected(Some(answer)), now);
                }
            }
            Order::ToLink(ToLink::Release(link)) => self.release(link, now),
            Order::Failed(sighting) => self.memory.failed(&sighting, now),
            Order::End(_) => {}
        }
    }

    /// Nothing more is to be found.
    pub(super) fn end(&mut self, ended: Option<oneshot::Sender<()>>) {
        self.is_scanning = false;
        self.ended = ended.or(self.ended.take());
    }

    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Disconnects all devices that are open still.
    pub(super) fn let_go(&mut self) {
        for device in self.links.devices() {
            self.call(calls::disconnect(&device), Waiting::Nobody, Instant::now());
        }
        self.links.end("the Bluetooth scanner has been closed");
    }

    /// The messages that have to be sent.
    pub(super) fn outgoing(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.outgoing)
    }

    pub(super) fn has_findings(&self) -> bool {
        self.reporter.has_news() || self.is_scanning && !self.offers.is_empty()
    }

    /// What the scanner tells next.
    pub(super) fn finding(&mut self, now: Instant) -> Option<Found> {
        if let Some(reason) = self.reporter.news() {
            return Some(Found::Unusable(reason));
        }
        while let Some(device) = self.offers.pop_front() {
            let sighting = self.objects.devices.get(&device).and_then(|device| device.sighting());
            let Some(sighting) = sighting.filter(|sighting| self.is_scanning && is_considered(sighting))
            else {
                continue;
            };
            if !self.links.holds(&sighting.address) && self.memory.is_new(&sighting, now) {
                debug!(
                    device = shortened(&sighting.address),
                    name = sighting.name,
                    rssi = sighting.rssi,
                    "seen"
                );
                return Some(Found::Device(sighting));
            }
        }
        None
    }

    /// A device may have to be offered, when it is its turn.
    fn consider(&mut self, device: &str) {
        if self.is_scanning && !self.offers.iter().any(|other| other == device) {
            self.offers.push_back(device.to_owned());
        }
    }

    /// Has links follow what BlueZ says of their devices. What is under way on a link that is lost has failed.
    fn review(&mut self) {
        let lost = self.links.review(&self.objects);
        if lost.is_empty() {
            return;
        }
        for address in lost {
            self.memory.forget(&address);
        }
        let links = &mut self.links;
        let mut is_lost = |link: LinkId| links.find(link).is_none_or(|held| held.is_lost());
        let is_over = |_: &NonZeroU32, (waiting, _): &mut (Waiting, Instant)| matches!(waiting, Waiting::Link(link, ..) if is_lost(*link));
        let over: Vec<_> = self.waiting.extract_if(is_over).map(|(_, (waiting, _))| waiting).collect();
        for waiting in over {
            if let Waiting::Link(link, answer, _) = waiting {
                let reason = self.links.find(link).map(|held| held.reason()).unwrap_or_default();
                let _ = answer.send(Err(PortError::Gone(reason)));
            }
        }
    }

    /// What was known of BlueZ counts no more.
    fn forget_service(&mut self, reason: &str) {
        self.outgoing.clear();
        self.objects = Objects::default();
        self.discoveries.clear();
        self.offers.clear();
        self.memory.clear();
        self.links.end(reason);
        for (_, (waiting, _)) in self.waiting.drain() {
            if let Waiting::Link(_, answer, _) = waiting {
                let _ = answer.send(Err(PortError::Gone(reason.to_owned())));
            }
        }
    }

    fn link(&mut self, address: &str) -> Result<SystemLink, PortError> {
        if self.links.holds(address) {
            return Err(PortError::Failed("it is open or about to be already".to_owned()));
        }
        let device = self.objects.nearest(address);
        let added = device.zip(self.to_self.upgrade());
        let link = added.and_then(|(device, orders)| self.links.add(device, &self.objects, orders));
        link.ok_or_else(|| PortError::Gone("it is not seen any more".to_owned()))
    }

    fn link_calls(&mut self, link: LinkId, call: Call, answer: Answer, now: Instant) {
        let Some(held) = self.links.find(link) else { return };
        if held.is_lost() {
            let _ = answer.send(Err(PortError::Gone(held.reason())));
            return;
        }
        let asked = Asked::of(&call);
        held.asked(&asked);
        match call.message(&held.device) {
            Ok(message) => self.ask(message, Waiting::Link(link, answer, asked), now),
            Err(error) => {
                let _ = answer.send(Err(PortError::Failed(error.to_string())));
            }
        }
    }

    /// Nobody holds a link any more.
    fn release(&mut self, link: LinkId, now: Instant) {
        let Some(held) = self.links.remove(link) else { return };
        let is_shared = self.links.holds(&held.address);
        if !held.is_lost() && !is_shared && held.is_used() {
            self.call(calls::disconnect(&held.device), Waiting::Disconnected(None), now);
        }
        if held.is_settled {
            self.memory.forget(&held.address);
        }
    }

    fn call(&mut self, message: zbus::Result<Message>, waiting: Waiting, now: Instant) {
        match message {
            Ok(message) => self.ask(message, waiting, now),
            Err(error) => debug!("cannot be said: {error}"),
        }
    }

    fn ask(&mut self, message: Message, waiting: Waiting, now: Instant) {
        let limit = match &waiting {
            Waiting::Disconnected(_) => DISCONNECT_TIMEOUT,
            _ => ANSWER_TIMEOUT,
        };
        self.waiting.insert(message.primary_header().serial_num(), (waiting, now + limit));
        self.outgoing.push(message);
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due is done by a tick: nobody is woken for it again and again.
    #[track_caller]
    fn is_quiet(radio: &mut Radio, now: Instant) {
        radio.tick(now);
        radio.outgoing();
        assert!(radio.deadline().is_none_or(|deadline| deadline > now));
    }

    #[tokio::test]
    async fn whatever_is_missing_nobody_spins() {
        let (orders, _receiver) = mpsc::unbounded_channel();
        let mut radio = Radio::new(orders.downgrade());
        let start = Instant::now();
        radio.handle(Order::Scan(true), start);
        for second in 0..200 {
            let now = start + Duration::from_secs(second);
            match second % 40 {
                0 => radio.disconnected("no such file", now),
                10 => radio.connected(now),
                20 => radio.service = Service::Refused(":1.1".to_owned(), "access denied".to_owned(), now),
                30 => radio.service = Service::Known(":1.1".to_owned()),
                _ => {}
            }
            is_quiet(&mut radio, now);
        }
        assert!(radio.waiting.len() < 10, "{} answers are waited for", radio.waiting.len());
    }
}
