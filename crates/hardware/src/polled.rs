//! Buses whose devices are listed over and over while a scan runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as blocking};
use std::thread;
use std::time::Duration;

use frisson_program::Sighting;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::{Found, Outcome, PortError};

/// Lists what is there; may block. Always called by the same thread, for one library or another wants that.
pub(crate) trait Lister: Send + Sync + 'static {
    /// What is needed to open a device.
    type Info: Clone + Send + 'static;

    /// All devices that are there, or why they cannot be listed.
    fn list(&self) -> Result<List<Self::Info>, String>;
}

/// Devices, and what is needed to open each.
pub(crate) type List<I> = Vec<(Sighting, I)>;

/// The devices of a bus that is asked every second what is there.
pub(crate) struct Polled<L: Lister> {
    name: &'static str,
    lister: Arc<L>,
    worker: Option<Worker<L::Info>>,
    is_scanning: bool,
    next: Instant,
    told: VecDeque<Found>,
    known: BTreeMap<String, Known>,
    infos: BTreeMap<String, L::Info>,
    links: Links,
    trouble: Option<String>,
}

const EVERY: Duration = Duration::from_secs(1);

/// The thread that lists. It ends when this is dropped.
struct Worker<I> {
    ask: blocking::SyncSender<()>,
    lists: mpsc::Receiver<Result<List<I>, String>>,
    is_asked: bool,
}

/// What is known of a device that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It was offered, and is offered again after its link was closed.
    Offered,
    /// It was offered and is of no use. It is offered again when it was away, or in the next scan.
    Ignored,
}

/// Which devices are open.
#[derive(Clone, Default)]
struct Links(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    open: BTreeSet<String>,
    closed: BTreeSet<String>,
}

impl Links {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to be the one link to a device; ends when dropped.
pub(crate) struct Claim {
    address: String,
    links: Links,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let address = std::mem::take(&mut self.address);
        let mut links = self.links.lock();
        links.open.remove(&address);
        links.closed.insert(address);
    }
}

impl<L: Lister> Polled<L> {
    /// A bus of this name; the name is that of its thread as well.
    pub(crate) fn new(name: &'static str, lister: L) -> Self {
        Self {
            name,
            lister: Arc::new(lister),
            worker: None,
            is_scanning: false,
            next: Instant::now(),
            told: VecDeque::new(),
            known: BTreeMap::new(),
            infos: BTreeMap::new(),
            links: Links::default(),
            trouble: None,
        }
    }

    /// What lists the devices.
    pub(crate) fn lister(&self) -> &L {
        &self.lister
    }

    /// What is needed to open a device; `None` if it is not there any more.
    pub(crate) fn info(&self, address: &str) -> Option<L::Info> {
        self.infos.get(address).cloned()
    }

    /// Begins or ends a scan. Beginning one offers everything anew that is not open.
    pub(crate) fn scan(&mut self, on: bool) {
        if on {
            self.known.clear();
            self.links.lock().closed.clear();
            self.trouble = None;
            self.next = Instant::now();
        } else if self.is_scanning {
            self.told.clear();
            self.told.push_back(Found::ScanEnded);
        }
        self.is_scanning = on;
    }

    /// What is found next. Cancel safe.
    pub(crate) async fn next(&mut self) -> Found {
        loop {
            if let Some(found) = self.told.pop_front() {
                return found;
            }
            if !self.is_scanning {
                std::future::pending::<()>().await;
            }
            match self.list().await {
                Ok(devices) => {
                    self.trouble = None;
                    self.sort(devices);
                }
                Err(trouble) => {
                    if self.trouble.as_ref() != Some(&trouble) {
                        self.trouble = Some(trouble.clone());
                        self.told.push_back(Found::Unusable(trouble));
                    }
                }
            }
            self.next = Instant::now() + EVERY;
        }
    }

    /// The right to open a device, unless it is open.
    pub(crate) fn claim(&self, address: &str) -> Result<Claim, PortError> {
        if !self.links.lock().open.insert(address.to_owned()) {
            return Err(PortError::Failed(
                "the device is still open; its last link is being closed".to_owned(),
            ));
        }
        Ok(Claim { address: address.to_owned(), links: self.links.clone() })
    }

    /// What became of a device that was offered.
    pub(crate) fn outcome(&mut self, address: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Ready { .. } => {}
            Outcome::Ignored(_) => {
                self.known.insert(address.to_owned(), Known::Ignored);
            }
            Outcome::Missed => {
                self.known.remove(address);
            }
        }
    }

    /// The next list, when it is time for it.
    async fn list(&mut self) -> Result<List<L::Info>, String> {
        if self.worker.is_none() {
            self.worker = Some(Worker::start(self.name, Arc::clone(&self.lister))?);
        }
        let Some(worker) = &mut self.worker else { return Ok(Vec::new()) };
        if !worker.is_asked {
            sleep_until(self.next).await;
            worker.is_asked = worker.ask.try_send(()).is_ok();
        }
        match worker.lists.recv().await {
            Some(list) => {
                worker.is_asked = false;
                list
            }
            None => {
                self.worker = None;
                self.next = Instant::now() + EVERY;
                Err(format!("{}: listing the devices failed, it is tried again", self.name))
            }
        }
    }

    /// Offers what is new.
    fn sort(&mut self, devices: List<L::Info>) {
        let mut links = self.links.lock();
        for address in std::mem::take(&mut links.closed) {
            if self.known.get(&address) == Some(&Known::Offered) {
                self.known.remove(&address);
            }
        }
        let mut known = BTreeMap::new();
        self.infos.clear();
        for (device, info) in devices {
            self.infos.insert(device.address.clone(), info);
            let before = self.known.get(&device.address).copied();
            let is_new = before.is_none() && !links.open.contains(&device.address);
            if known.insert(device.address.clone(), before.unwrap_or(Known::Offered)).is_none() && is_new {
                self.told.push_back(Found::Device(device));
            }
        }
        drop(links);
        self.known = known;
    }
}

impl<I: Send + 'static> Worker<I> {
    fn start(name: &'static str, lister: Arc<impl Lister<Info = I>>) -> Result<Self, String> {
        let (ask, asked) = blocking::sync_channel(1);
        let (answer, lists) = mpsc::channel(1);
        let work = move || {
            while asked.recv().is_ok() {
                if answer.blocking_send(lister.list()).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(format!("{name} list")).spawn(work);
        thread.map_err(|error| format!("{name}: no thread can be started: {error}"))?;
        Ok(Self { ask, lists, is_asked: false })
    }
}
