//! One phone: its toys, those that are in use, and when it is to be asked again.

use std::collections::{BTreeMap, BTreeSet};

use frisson_program::{Bus, Sighting};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::api::Toy;
use super::http::Client;

/// A phone.
pub(super) struct Phone {
    /// Named by the user, so that it is never forgotten.
    pub(super) is_named: bool,
    /// Asks it; not here while it is being asked.
    pub(super) client: Option<Client>,
    pub(super) next: Instant,
    /// When it has answered last.
    pub(super) answered: Instant,
    /// Whether the user has been told that it does not answer.
    pub(super) is_complained: bool,
    toys: BTreeMap<String, Toy>,
    links: BTreeMap<String, Link>,
    /// Toys that were found in this scan.
    offered: BTreeSet<String>,
}

/// The way to an open port. The port is gone when nobody watches the battery any more.
struct Link {
    battery: watch::Sender<u8>,
    gone: mpsc::UnboundedSender<String>,
}

/// What a port is made of, besides what asks the phone.
pub(super) type Ends = (watch::Receiver<u8>, mpsc::UnboundedReceiver<String>);

impl Phone {
    pub(super) fn new(client: Client, is_named: bool, now: Instant) -> Self {
        Self {
            is_named,
            client: Some(client),
            next: now,
            answered: now,
            is_complained: false,
            toys: BTreeMap::new(),
            links: BTreeMap::new(),
            offered: BTreeSet::new(),
        }
    }

    /// Whether a toy of it is in use.
    pub(super) fn is_used(&self) -> bool {
        self.links.values().any(|link| !link.battery.is_closed())
    }

    /// A new scan finds everything again.
    pub(super) fn forget_offers(&mut self) {
        self.offered.clear();
    }

    /// Nobody looked when this toy was found.
    pub(super) fn missed(&mut self, toy: &str) {
        self.offered.remove(toy);
    }

    /// Opens a toy; nothing if the phone does not have it.
    pub(super) fn open(&mut self, toy: &str) -> Option<Ends> {
        let level = self.toys.get(toy).map(|toy| toy.battery)?;
        let (battery, watched) = watch::channel(level);
        let (gone, reason) = mpsc::unbounded_channel();
        let older = self.links.insert(toy.to_owned(), Link { battery, gone });
        if let Some(older) = older {
            let _ = older.gone.send("the toy was opened again".to_owned());
        }
        Some((watched, reason))
    }

    /// Takes in what the phone has; gives what is to be offered, if anybody looks.
    pub(super) fn has(&mut self, toys: Vec<Toy>, is_scanning: bool) -> Vec<Sighting> {
        self.toys = toys.into_iter().map(|toy| (toy.id.clone(), toy)).collect();
        let (toys, offered) = (&self.toys, &mut self.offered);
        offered.retain(|id| toys.contains_key(id));
        self.links.retain(|id, link| match toys.get(id) {
            Some(toy) => {
                link.battery.send_replace(toy.battery);
                let is_open = !link.battery.is_closed();
                if !is_open {
                    // Whoever has let go of it may want it again.
                    offered.remove(id);
                }
                is_open
            }
            None => {
                let _ = link.gone.send("the toy is not connected to the phone any more".to_owned());
                false
            }
        });
        if !is_scanning {
            return Vec::new();
        }
        let links = &self.links;
        let new =
            toys.values().filter(|toy| !links.contains_key(&toy.id) && self.offered.insert(toy.id.clone()));
        new.map(|toy| Sighting::new(Bus::LovenseConnect, &toy.id, &toy.name)).collect()
    }

    /// Gives up all toys.
    pub(super) fn lose(&mut self, reason: &str) {
        self.toys.clear();
        self.offered.clear();
        for link in std::mem::take(&mut self.links).into_values() {
            let _ = link.gone.send(reason.to_owned());
        }
    }
}
