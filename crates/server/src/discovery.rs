//! The task of one scanner: turns what it sees into open links.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use frisson_devices::Match;
use frisson_devices::settings::Verdict;
use frisson_engine::Attempts;
use frisson_engine::hub::{ScanOrder, ScannerId};
use frisson_hardware::{Found, Ignored, Outcome, Scanner, Sighting};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{Instrument, debug, info, info_span, warn};

use crate::messages::{Library, Opened, ToHub, ToScanner, now};
use crate::preferences;

/// How long a scanner may take its leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
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
    let mut discovery = Discovery {
        id,
        scanner,
        library,
        hub,
        connections: JoinSet::new(),
        attempts: Attempts::default(),
        order: ScanOrder::Stop,
        is_running: false,
        strangers: Vec::new(),
        put_off: BTreeSet::new(),
    };
    discovery.serve(&mut orders).await;
    // Whoever is at the other end of the bus sees the links closed before it is told goodbye.
    discovery.connections.shutdown().await;
    if timeout(CLOSE_TIMEOUT, discovery.scanner.close()).await.is_err() {
        debug!("taking leave took too long");
    }
}

struct Discovery {
    id: ScannerId,
    scanner: Box<dyn Scanner>,
    library: Library,
    hub: mpsc::Sender<ToHub>,
    /// Devices that are being opened, or wait for that.
    connections: JoinSet<Connecting>,
    attempts: Attempts,
    order: ScanOrder,
    /// Whether the scanner has begun a scan that it has not ended.
    is_running: bool,
    /// Devices that were found while others were looked for. They are left to the next scan when this one ends.
    strangers: Vec<Sighting>,
    /// Addresses of devices that have failed before and are not tried yet.
    put_off: BTreeSet<String>,
}

/// What has become of a device that was to be opened.
enum Connecting {
    /// The hub has it.
    Opened,
    /// It could not be opened.
    Failed(Sighting),
    /// It has been left alone for long enough.
    Due(Sighting),
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
                    Ok(Connecting::Due(sighting)) => {
                        self.put_off.remove(&sighting.key());
                        self.found(sighting);
                    }
                    Ok(Connecting::Opened) | Err(_) => {}
                },
                found = self.scanner.next() => match found {
                    Found::Device(sighting) => self.found(sighting),
                    Found::ScanEnded => {
                        if self.scan_ended() && self.hub.send(ToHub::ScanEnded(self.id)).await.is_err() {
                            return;
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
        let on = order != ScanOrder::Stop;
        // A scan that has ended by itself need not be stopped.
        if on || self.is_running {
            self.is_running = true;
            self.scanner.scan(on);
        }
    }

    /// Whether the end of a scan is news.
    fn scan_ended(&mut self) -> bool {
        self.order = ScanOrder::Stop;
        for sighting in std::mem::take(&mut self.strangers) {
            self.scanner.outcome(&sighting, &Outcome::Missed);
        }
        std::mem::take(&mut self.is_running)
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
        let (id, hub) = (self.id, self.hub.clone());
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
            let opened = Box::new(Opened { scanner: id, sighting, found, catalogue, port });
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
        if !self.put_off.insert(sighting.key()) {
            return self.leave(sighting);
        }
        debug!(bus = %sighting.bus, name = sighting.name, ?wait, "has failed before, left alone for now");
        self.connections.spawn(async move {
            sleep(wait).await;
            Connecting::Due(sighting)
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
