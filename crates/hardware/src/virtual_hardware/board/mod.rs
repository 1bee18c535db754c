//! The one task that knows all hosts and their devices.

mod device;
mod host;
mod links;
mod presence;
mod requests;

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use frisson_program::{Bus, ConnectPlan, Endpoint, Sighting};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use self::host::Host;
use super::host::ToHost;
use super::incoming::{Fault, Incoming};
use super::port::VirtualPort;
use crate::{Found, Outcome, PortError};

/// Names a host's connection; never given twice.
pub(super) type HostId = u64;
/// Names an open link; never given twice.
pub(super) type LinkId = u64;
/// Who waits for the end of an operation.
pub(super) type Answer = oneshot::Sender<Result<Vec<u8>, PortError>>;

/// How long devices are given to be closed before their hosts are told goodbye.
const CLOSING: Duration = Duration::from_secs(1);
/// How long hosts are given to say goodbye as well.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the tasks of hosts say.
pub(super) enum FromHost {
    Connected(HostId, mpsc::UnboundedSender<ToHost>),
    Frame(HostId, Result<Incoming, Fault>),
    Gone(HostId),
}

/// What the scanner and its ports want.
pub(super) enum FromServer {
    Scan(bool),
    Connect {
        sighting: Sighting,
        plans: Vec<ConnectPlan>,
        answer: oneshot::Sender<Result<VirtualPort, PortError>>,
    },
    Outcome(Sighting, Outcome),
    Operate {
        link: LinkId,
        endpoint: Endpoint,
        action: Action,
        answer: Answer,
    },
    CloseLink(LinkId, Option<oneshot::Sender<()>>),
    End(Option<oneshot::Sender<()>>),
}

/// What is to be done on a link.
#[derive(Debug)]
pub(super) enum Action {
    Write { bytes: Vec<u8>, confirm: bool },
    Read,
    Listen(bool),
}

/// All hosts and their devices.
pub(super) struct Board {
    hosts: BTreeMap<HostId, Host>,
    air: Air,
    ending: Option<Ending>,
}

/// What the devices of all hosts share.
pub(super) struct Air {
    found: mpsc::UnboundedSender<Found>,
    /// For new ports. Weak, for the board must not keep itself alive.
    board: mpsc::WeakUnboundedSender<FromServer>,
    /// How long hosts may take to answer.
    timeout: Duration,
    is_scanning: bool,
    /// Which devices are present under which addresses.
    addresses: BTreeMap<(Bus, String), Owner>,
    links: BTreeMap<LinkId, Owner>,
    last_link: LinkId,
    last_order: u64,
}

/// A device of a host.
type Owner = (HostId, String);

/// The server stops.
struct Ending {
    answers: Vec<oneshot::Sender<()>>,
    until: Instant,
    /// Whether the hosts have been told.
    is_told: bool,
}

impl Board {
    pub(super) fn new(
        found: mpsc::UnboundedSender<Found>,
        board: mpsc::WeakUnboundedSender<FromServer>,
        timeout: Duration,
    ) -> Self {
        let air = Air {
            found,
            board,
            timeout,
            is_scanning: false,
            addresses: BTreeMap::new(),
            links: BTreeMap::new(),
            last_link: 0,
            last_order: 0,
        };
        Self { hosts: BTreeMap::new(), air, ending: None }
    }

    /// Runs until the server does not want it any longer and all hosts are gone.
    pub(super) async fn run(
        mut self,
        mut server: mpsc::UnboundedReceiver<FromServer>,
        mut hosts: mpsc::Receiver<FromHost>,
    ) {
        let mut is_server_gone = false;
        while !self.is_over() {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                order = server.recv(), if !is_server_gone => match order {
                    Some(order) => self.order(Instant::now(), order),
                    None => {
                        is_server_gone = true;
                        self.end(Instant::now(), None);
                    }
                },
                () = until(deadline) => {}
                news = hosts.recv() => match news {
                    Some(news) => self.news(Instant::now(), news),
                    None => return,
                },
            }
            self.expire(Instant::now());
        }
    }

    fn order(&mut self, now: Instant, order: FromServer) {
        match order {
            FromServer::Scan(on) => self.scan(on),
            FromServer::Connect { sighting, plans, answer } => {
                match self.air.present(&sighting).and_then(|owner| reach(&mut self.hosts, owner)) {
                    Some((host, device)) => {
                        host.connect(now, &mut self.air, &device, &sighting, plans, answer)
                    }
                    None => {
                        let _ = answer.send(Err(PortError::Gone("it is not there any more".to_owned())));
                    }
                }
            }
            FromServer::Outcome(sighting, outcome) => {
                let owner = self.air.present(&sighting);
                if let Some((host, device)) = owner.and_then(|owner| reach(&mut self.hosts, owner)) {
                    host.outcome(&mut self.air, &device, &outcome);
                }
            }
            FromServer::Operate { link, endpoint, action, answer } => {
                match self.air.linked(link).and_then(|owner| reach(&mut self.hosts, owner)) {
                    Some((host, device)) => host.operate(now, &self.air, &device, endpoint, action, answer),
                    None => {
                        let _ = answer.send(Err(PortError::Gone("the link is gone".to_owned())));
                    }
                }
            }
            FromServer::CloseLink(link, answer) => {
                match self.air.linked(link).and_then(|owner| reach(&mut self.hosts, owner)) {
                    Some((host, device)) => host.close(now, &self.air, &device, answer),
                    None => {
                        if let Some(answer) = answer {
                            let _ = answer.send(());
                        }
                    }
                }
            }
            FromServer::End(answer) => self.end(now, answer),
        }
    }

    fn news(&mut self, now: Instant, news: FromHost) {
        match news {
            FromHost::Connected(id, outbox) => {
                let host = Host::new(id, outbox);
                host.scanning(self.air.is_scanning);
                if self.ending.as_ref().is_some_and(|ending| ending.is_told) {
                    host.goodbye();
                }
                self.hosts.insert(id, host);
            }
            FromHost::Frame(id, frame) => {
                let Some(host) = self.hosts.get_mut(&id) else { return };
                let done = frame.and_then(|frame| host.frame(now, &mut self.air, frame));
                if let Err(fault) = done {
                    debug!(host = id, device = fault.device, "bad frame: {}: {}", fault.code, fault.message);
                    host.fault(&fault);
                }
            }
            FromHost::Gone(id) => {
                if let Some(host) = self.hosts.remove(&id) {
                    host.gone(&mut self.air);
                }
            }
        }
    }

    fn scan(&mut self, on: bool) {
        if std::mem::replace(&mut self.air.is_scanning, on) != on {
            self.hosts.values().for_each(|host| host.scanning(on));
        }
        if !on {
            let _ = self.air.found.send(Found::ScanEnded);
            return;
        }
        let mut waiting: Vec<_> = self
            .hosts
            .iter()
            .flat_map(|(id, host)| host.waiting().map(|(order, name)| (order, *id, name)))
            .collect();
        waiting.sort();
        for (_, id, device) in waiting {
            if let Some(host) = self.hosts.get_mut(&id) {
                host.offer(&self.air, &device);
            }
        }
    }

    /// Begins to take leave.
    fn end(&mut self, now: Instant, answer: Option<oneshot::Sender<()>>) {
        let ending = self.ending.get_or_insert_with(|| Ending {
            answers: Vec::new(),
            until: now + CLOSING,
            is_told: false,
        });
        ending.answers.extend(answer);
    }

    /// When something is over if nothing happens before.
    fn deadline(&self) -> Option<Instant> {
        let requests = self.hosts.values().filter_map(Host::deadline);
        requests.chain(self.ending.as_ref().map(|ending| ending.until)).min()
    }

    /// Ends what has taken too long, and takes leave when it is time for that.
    fn expire(&mut self, now: Instant) {
        for host in self.hosts.values_mut() {
            host.expire(now, &mut self.air);
        }
        let Some(ending) = &mut self.ending else { return };
        if !ending.is_told && (self.air.links.is_empty() || now >= ending.until) {
            ending.is_told = true;
            ending.until = now + GOODBYE;
            self.hosts.values().for_each(Host::goodbye);
        }
    }

    fn is_over(&self) -> bool {
        let over =
            |ending: &Ending| ending.is_told && (self.hosts.is_empty() || Instant::now() >= ending.until);
        self.ending.as_ref().is_some_and(over)
    }
}

impl Air {
    fn present(&self, sighting: &Sighting) -> Option<Owner> {
        self.addresses.get(&address(sighting)).cloned()
    }

    fn linked(&self, link: LinkId) -> Option<Owner> {
        self.links.get(&link).cloned()
    }

    fn new_link(&mut self, owner: Owner) -> LinkId {
        self.last_link += 1;
        self.links.insert(self.last_link, owner);
        self.last_link
    }

    fn new_order(&mut self) -> u64 {
        self.last_order += 1;
        self.last_order
    }
}

fn reach(hosts: &mut BTreeMap<HostId, Host>, (host, device): Owner) -> Option<(&mut Host, String)> {
    Some((hosts.get_mut(&host)?, device))
}

/// What has to be unique.
fn address(sighting: &Sighting) -> (Bus, String) {
    (sighting.bus, sighting.address.clone())
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
