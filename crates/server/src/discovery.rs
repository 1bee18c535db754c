//! The task of one scanner: turns what it sees into open links.

use std::convert::Infallible;
use std::time::Duration;

use frisson_devices::{Catalogue, Match};
use frisson_engine::hub::ScannerId;
use frisson_hardware::{Found, Ignored, Outcome, Scanner, Sighting};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::messages::{Opened, Shelf, ToHub, ToScanner};
use crate::preferences;

/// How long a scanner may take its leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves one scanner until it is closed or the hub is gone. `_alive` is held until everything is closed.
pub(crate) async fn run(
    id: ScannerId,
    scanner: Box<dyn Scanner>,
    catalogue: Catalogue,
    shelf: Shelf,
    mut orders: mpsc::UnboundedReceiver<ToScanner>,
    hub: mpsc::Sender<ToHub>,
    _alive: mpsc::Sender<Infallible>,
) {
    let mut discovery =
        Discovery { id, scanner, catalogue, shelf, hub, connections: JoinSet::new(), is_scanning: false };
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
    catalogue: Catalogue,
    shelf: Shelf,
    hub: mpsc::Sender<ToHub>,
    /// Devices that are being opened. Each gives back the sighting of one that could not be.
    connections: JoinSet<Option<Sighting>>,
    is_scanning: bool,
}

impl Discovery {
    async fn serve(&mut self, orders: &mut mpsc::UnboundedReceiver<ToScanner>) {
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(ToScanner::Scan(on)) => {
                        self.is_scanning = on;
                        self.scanner.scan(on);
                    }
                    Some(ToScanner::Outcome(sighting, outcome)) => self.scanner.outcome(&sighting, &outcome),
                    None => return,
                },
                Some(connected) = self.connections.join_next() => {
                    if let Ok(Some(failed)) = connected {
                        self.scanner.outcome(&failed, &Outcome::Ignored(Ignored::ConnectFailed));
                    }
                }
                found = self.scanner.next() => match found {
                    Found::Device(sighting) => self.found(sighting),
                    Found::ScanEnded => {
                        self.is_scanning = false;
                        if self.hub.send(ToHub::ScanEnded(self.id)).await.is_err() {
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

    fn found(&mut self, sighting: Sighting) {
        let (bus, name) = (sighting.bus, sighting.name.clone());
        if !(self.is_scanning || bus.is_always_on()) {
            return self.scanner.outcome(&sighting, &Outcome::Missed);
        }
        let mut candidates = self.catalogue.candidates(&sighting);
        if candidates.is_empty() {
            debug!(%bus, name, "seen, but no device definition matches");
            return self.scanner.outcome(&sighting, &Outcome::Ignored(Ignored::NoMatch));
        }
        if let Some(ignored) = self.forbid(&sighting, &mut candidates) {
            info!(%bus, name, "seen, but not to be connected: {ignored}");
            return self.scanner.outcome(&sighting, &Outcome::Ignored(ignored));
        }
        let plans = candidates.iter().map(|candidate| candidate.plan().clone()).collect();
        let connecting = self.scanner.connect(&sighting, plans);
        let (id, hub) = (self.id, self.hub.clone());
        let connection = async move {
            let port = match connecting.await {
                Ok(port) => port,
                Err(error) => {
                    warn!("cannot be opened: {error}");
                    return Some(sighting);
                }
            };
            let Some(found) = candidates.into_iter().nth(port.plan()) else {
                port.close().await;
                return Some(sighting);
            };
            let opened = Box::new(Opened { scanner: id, sighting, found, port });
            if let Err(mpsc::error::SendError(ToHub::Opened(opened))) = hub.send(ToHub::Opened(opened)).await
            {
                opened.port.close().await;
            }
            None
        };
        self.connections.spawn(connection.instrument(info_span!("connect", %bus, name)));
    }

    /// Takes out the protocols that the user does not want this hardware to be connected by. If none is left, why.
    fn forbid(&self, sighting: &Sighting, candidates: &mut Vec<Match>) -> Option<Ignored> {
        let (settings, address) = (self.shelf.borrow(), sighting.key());
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
