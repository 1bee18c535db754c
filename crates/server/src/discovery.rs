//! The task of one scanner: turns what it sees into open links.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use frisson_devices::Match;
use frisson_devices::settings::Verdict;
use frisson_engine::Attempts;
use frisson_engine::hub::{ScanOrder, ScannerId};
use frisson_hardware::{Found, Ignored, Outcome, Scanner, Sighting};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{Instrument, debug, info, info_span, warn};

use crate::messages::{Library, Opened, ToHub, ToScanner, now, send_surely};
use crate::preferences;

/// How long a scanner may take its leave, the time included for which it waits for its links.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of that it waits for links that are being closed: with the scanner the way to its devices may be gone.
const LINKS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a scanner may take to end a scan. Nobody waits any longer to be told that it has ended.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// How many devices that are not looked for are kept in mind until a scan ends.
const MOST_STRANGERS: usize = 1024;

/// Serves one scanner until it is closed or the hub is gone. `_alive` is held until everything is closed.
pub(crate) async fn run(
    id: ScannerId,
    scanner: Box<dyn Scanner>,
    library: Library,
    mut orders: mpsc::UnboundedReceiver<ToScanner>,
    hub: mpsc::Sender<ToHub>,
    _alive: mpsc::Sender<Infallible>,
) {
    let (link, mut links) = mpsc::channel(1);
    let mut discovery = Discovery {
        id,
        scanner,
        library,
        hub,
        link,
        connections: JoinSet::new(),
        attempts: Attempts::default(),
        order: ScanOrder::Stop,
        is_running: false,
        ending: Ending::No,
        strangers: Vec::new(),
        put_off: BTreeMap::new(),
    };
    discovery.serve(&mut orders).await;
    let Discovery { mut scanner, mut connections, link, .. } = discovery;
    let leave = async {
        // Whoever is at the other end of the bus sees the links closed before it is told goodbye.
        connections.shutdown().await;
        drop(link);
        let _ = timeout(LINKS_TIMEOUT, links.recv()).await;
        scanner.close().await;
    };
    if timeout(CLOSE_TIMEOUT, leave).await.is_err() {
        debug!("taking leave took too long");
    }
}

struct Discovery {
    id: ScannerId,
    scanner: Box<dyn Scanner>,
    library: Library,
    hub: mpsc::Sender<ToHub>,
    /// Held for each open link until that is closed.
    link: mpsc::Sender<Infallible>,
    /// Devices that are being opened, or wait for that.
    connections: JoinSet<Connecting>,
    attempts: Attempts,
    order: ScanOrder,
    /// Whether a scan was ordered whose end the hub has not been told.
    is_running: bool,
    ending: Ending,
    /// Devices that were found while others were looked for. They are left to the next scan when this one ends.
    strangers: Vec<Sighting>,
    /// Devices that have failed before and are not tried yet, by their addresses, as they were seen last.
    put_off: BTreeMap<String, Sighting>,
}

/// Whether the scanner is still to end a scan that it was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// It has until then.
    Until(Instant),
    /// It has not ended it in time. A new scan begins when it has, for a scanner is never told to begin one before.
    Late,
}

/// What has become of a device that was to be opened.
enum Connecting {
    /// The hub has it.
    Opened,
    /// It could not be opened.
    Failed(Sighting),
    /// The device at this address has been left alone for long enough.
    Due(String),
}

impl Discovery {
    async fn serve(&mut self, orders: &mut mpsc::UnboundedReceiver<ToScanner>) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(ToScanner::Scan(order)) => self.scan(order),
                    Some(ToScanner::Catalogue) => self.attempts.clear(),
                    Some(ToScanner::Outcome(sighting, outcome)) => self.outcome(&sighting, &outcome),
                    None => return,
                },
                Some(connecting) = self.connections.join_next() => match connecting {
                    Ok(Connecting::Failed(sighting)) => {
                        self.outcome(&sighting, &Outcome::Ignored(Ignored::ConnectFailed));
                    }
                    Ok(Connecting::Due(address)) => {
                        if let Some(sighting) = self.put_off.remove(&address) {
                            self.found(sighting);
                        }
                    }
                    Ok(Connecting::Opened) | Err(_) => {}
                },
                () = until(self.ending) => {
                    warn!("does not stop looking for devices; a new scan begins when it has");
                    self.ending = Ending::Late;
                    self.scan_ended();
                }
                found = self.scanner.next() => match found {
                    Found::Device(sighting) => self.found(sighting),
                    Found::ScanEnded => {
                        let was_late = self.ending == Ending::Late;
                        self.ending = Ending::No;
                        if !was_late {
                            self.scan_ended();
                        } else if self.is_running {
                            self.scanner.scan(true);
                        }
                    }
                    Found::Unusable(reason) => info!("not usable: {reason}"),
                    Found::Closed => {
                        let _ = self.hub.send(ToHub::ScannerRemoved(self.id)).await;
                        return;
                    }
                },
            }
        }
    }

    fn scan(&mut self, order: ScanOrder) {
        self.order = order;
        match (order != ScanOrder::Stop, self.ending) {
            // It begins when the one before has ended.
            (true, Ending::Late) => self.is_running = true,
            (true, _) => {
                self.is_running = true;
                self.ending = Ending::No;
                self.scanner.scan(true);
            }
            // One that has ended by itself need not be stopped, and one that is to begin has not begun.
            (false, _) if !self.is_running => {}
            (false, Ending::Late) => self.scan_ended(),
            (false, _) => {
                self.ending = Ending::Until(Instant::now() + STOP_TIMEOUT);
                self.scanner.scan(false);
            }
        }
    }

    /// Tells the hub of the end of a scan, if that is news.
    fn scan_ended(&mut self) {
        self.order = ScanOrder::Stop;
        for sighting in std::mem::take(&mut self.strangers) {
            self.scanner.outcome(&sighting, &Outcome::Missed);
        }
        if std::mem::take(&mut self.is_running) {
            send_surely(&self.hub, ToHub::ScanEnded(self.id));
        }
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        match outcome {
            Outcome::Ready { .. } => self.attempts.succeeded(&sighting.key()),
            Outcome::Ignored(Ignored::ConnectFailed | Ignored::InitFailed) => {
                self.attempts.failed(now(), &sighting.key());
            }
            Outcome::Ignored(_) | Outcome::Missed => {}
        }
        self.scanner.outcome(sighting, outcome);
    }

    fn found(&mut self, sighting: Sighting) {
        let (bus, name, address) = (sighting.bus, sighting.name.clone(), sighting.key());
        match self.order {
            _ if bus.is_always_on() => {}
            ScanOrder::All => {}
            ScanOrder::Stop => return self.scanner.outcome(&sighting, &Outcome::Missed),
            ScanOrder::Known => {
                let settings = self.library.settings.borrow();
                let is_denied = settings.is_allowed(&address, None, None) == Verdict::Denied;
                if !is_denied && !settings.knows(&address) {
                    drop(settings);
                    debug!(%bus, name, "seen, but it is new and no client scans");
                    return self.leave(sighting);
                }
            }
        }
        let catalogue = Arc::clone(&self.library.catalogue.borrow());
        let mut candidates = catalogue.candidates(&sighting);
        if candidates.is_empty() {
            debug!(%bus, name, "seen, but no device definition matches");
            return self.scanner.outcome(&sighting, &Outcome::Ignored(Ignored::NoMatch));
        }
        if let Some(ignored) = self.forbid(&sighting, &mut candidates) {
            info!(%bus, name, "seen, but not to be connected: {ignored}");
            return self.scanner.outcome(&sighting, &Outcome::Ignored(ignored));
        }
        let wait = self.attempts.wait(now(), &address);
        if !wait.is_zero() {
            return self.put_off(sighting, wait);
        }
        let plans = candidates.iter().map(|candidate| candidate.plan().clone()).collect();
        let connecting = self.scanner.connect(&sighting, plans);
        let (id, hub, link) = (self.id, self.hub.clone(), self.link.clone());
        let connection = async move {
            let port = match connecting.await {
                Ok(port) => port,
                Err(error) => {
                    warn!("cannot be opened: {error}");
                    return Connecting::Failed(sighting);
                }
            };
            let Some(found) = candidates.into_iter().nth(port.plan()) else {
                port.close().await;
                return Connecting::Failed(sighting);
            };
            let opened = Box::new(Opened { scanner: id, sighting, found, catalogue, port, link });
            if let Err(mpsc::error::SendError(ToHub::Opened(opened))) = hub.send(ToHub::Opened(opened)).await
            {
                opened.port.close().await;
            }
            Connecting::Opened
        };
        self.connections.spawn(connection.instrument(info_span!("connect", %bus, name)));
    }

    /// Leaves a device to the next scan. It is told of that only when this one ends, so that it is not found again before.
    fn leave(&mut self, sighting: Sighting) {
        if self.strangers.len() < MOST_STRANGERS {
            self.strangers.push(sighting);
        } else {
            self.scanner.outcome(&sighting, &Outcome::Missed);
        }
    }

    /// Has a device that has failed before wait for its time.
    fn put_off(&mut self, sighting: Sighting, wait: Duration) {
        let address = sighting.key();
        debug!(bus = %sighting.bus, name = sighting.name, ?wait, "has failed before, left alone for now");
        // What it said last counts.
        if let Some(older) = self.put_off.insert(address.clone(), sighting) {
            return self.leave(older);
        }
        self.connections.spawn(async move {
            sleep(wait).await;
            Connecting::Due(address)
        });
    }

    /// Takes out the protocols that the user does not want this hardware to be connected by. If none is left, why.
    fn forbid(&self, sighting: &Sighting, candidates: &mut Vec<Match>) -> Option<Ignored> {
        let (settings, address) = (self.library.settings.borrow(), sighting.key());
        let mut reason = None;
        candidates.retain(|candidate| {
            let verdict = settings.is_allowed(&address, Some(candidate.protocol()), None);
            let ignored = preferences::ignored(verdict);
            reason = reason.or(ignored);
            ignored.is_none()
        });
        reason.filter(|_| candidates.is_empty())
    }
}

/// The time until which the scanner has to have ended its scan.
async fn until(ending: Ending) {
    match ending {
        Ending::Until(at) => sleep_until(at).await,
        Ending::No | Ending::Late => pending().await,
    }
}
