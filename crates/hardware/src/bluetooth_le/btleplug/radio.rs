//! The adapters, what they see, and the links there are.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use btleplug::api::{Central, CentralEvent, CentralState, Manager as _, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter, Manager, Peripheral, PeripheralId};
use frisson_program::{Bus, Uuid};
use futures_util::stream::{SelectAll, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::super::hearing::Hearing;
use super::super::memory::{Memory, is_considered};
use super::super::status::{Reporter, Status};
use super::super::{Order, shortened};
use super::link::{DISCONNECT_TIMEOUT, Handle, LinkId, SystemLink, ToLink, own};
use crate::{Found, PortError, Sighting};

/// How long the system may take to tell of its adapters.
const ADAPTER_TIMEOUT: Duration = Duration::from_secs(5);
/// How many devices may wait to be offered. More are offered when they are heard of again.
const MAX_OFFERS: usize = 256;

type Events = Pin<Box<dyn Stream<Item = (String, CentralEvent)> + Send>>;

pub(super) struct Radio {
    to_self: mpsc::WeakUnboundedSender<Order>,
    adapters: Vec<Used>,
    pub(super) events: SelectAll<Events>,
    is_scanning: bool,
    memory: Memory,
    offers: VecDeque<PeripheralId>,
    links: BTreeMap<LinkId, Held>,
    last: LinkId,
    reporter: Reporter,
    /// Devices that are being let go of.
    closing: JoinSet<()>,
}

struct Used {
    name: String,
    adapter: Adapter,
    /// It has been told to look for devices.
    is_looking: bool,
    has_complained: bool,
}

struct Held {
    address: String,
    peripheral: Peripheral,
    hearing: Arc<Hearing<Handle>>,
    is_used: Arc<AtomicBool>,
    is_settled: bool,
    is_lost: bool,
}

impl Held {
    fn end(&mut self, reason: &str) {
        debug!(device = shortened(&self.address), "the link is lost: {reason}");
        self.is_lost = true;
        self.hearing.end(reason);
    }
}

impl Radio {
    pub(super) fn new(to_self: mpsc::WeakUnboundedSender<Order>) -> Self {
        Self {
            to_self,
            adapters: Vec::new(),
            events: SelectAll::new(),
            is_scanning: false,
            memory: Memory::default(),
            offers: VecDeque::new(),
            links: BTreeMap::new(),
            last: 0,
            reporter: Reporter::default(),
            closing: JoinSet::new(),
        }
    }

    /// Looks after adapters and devices.
    pub(super) async fn look(&mut self) {
        while self.closing.try_join_next().is_some() {}
        let status = self.look_after_adapters().await;
        self.reporter.update(&status, Instant::now());
        self.reconcile().await;
        let mut lost = Vec::new();
        for (id, held) in self.links.iter().filter(|(_, held)| held.is_settled && !held.is_lost) {
            if !matches!(timeout(ADAPTER_TIMEOUT, held.peripheral.is_connected()).await, Ok(Ok(true))) {
                lost.push(*id);
            }
        }
        for id in lost {
            self.lose(id, "the device disconnected");
        }
    }

    async fn look_after_adapters(&mut self) -> Status {
        let mut is_off = false;
        let mut on = Vec::new();
        for used in &self.adapters {
            match timeout(ADAPTER_TIMEOUT, used.adapter.adapter_state()).await {
                Ok(Ok(CentralState::PoweredOn)) => on.push(used.name.clone()),
                Ok(Ok(CentralState::PoweredOff)) => is_off = true,
                _ => {}
            }
        }
        if !on.is_empty() {
            return Status::Usable(on);
        }
        let lost: Vec<_> = self.links.iter().filter(|(_, held)| held.is_settled).map(|(id, _)| *id).collect();
        for id in lost {
            self.lose(id, "the Bluetooth adapter is gone or was switched off");
        }
        let off = || {
            Status::Unusable("Bluetooth is switched off: switch it on in the system's settings".to_owned())
        };
        if is_off {
            self.adapters.iter_mut().for_each(|used| used.is_looking = false);
            return off();
        }
        // Either there was none, or it is gone.
        (self.adapters, self.events) = (Vec::new(), SelectAll::new());
        match timeout(ADAPTER_TIMEOUT, adapters()).await {
            Ok(Ok(adapters)) if adapters.is_empty() => Status::Unusable(
                "there is no Bluetooth adapter: plug one in, or switch it on in the system's settings"
                    .to_owned(),
            ),
            Ok(Ok(adapters)) => {
                for (number, adapter) in adapters.into_iter().enumerate() {
                    self.add(format!("adapter {number}"), adapter).await;
                }
                Status::Unknown
            }
            Ok(Err(btleplug::Error::PermissionDenied)) => Status::Unusable(
                "this program may not use Bluetooth: allow it in the system's settings for privacy"
                    .to_owned(),
            ),
            Ok(Err(error)) => Status::Unusable(format!("the system's Bluetooth does not answer: {error}")),
            Err(_) => Status::Unusable("the system's Bluetooth does not answer".to_owned()),
        }
    }

    async fn add(&mut self, name: String, adapter: Adapter) {
        match adapter.events().await {
            Ok(events) => {
                let by = name.clone();
                self.events.push(Box::pin(events.map(move |event| (by.clone(), event))));
                self.adapters.push(Used { name, adapter, is_looking: false, has_complained: false });
            }
            Err(error) => debug!("{name} cannot be watched: {error}"),
        }
    }

    /// Has all adapters look for devices, or none.
    async fn reconcile(&mut self) {
        for used in self.adapters.iter_mut().filter(|used| used.is_looking != self.is_scanning) {
            let done = match self.is_scanning {
                true => used.adapter.start_scan(ScanFilter::default()).await,
                false => used.adapter.stop_scan().await,
            };
            match done {
                Ok(()) => (used.is_looking, used.has_complained) = (self.is_scanning, false),
                Err(error) if !self.is_scanning => {
                    used.is_looking = false;
                    debug!("{} does not stop to look for devices: {error}", used.name);
                }
                Err(error) if !std::mem::replace(&mut used.has_complained, true) => {
                    warn!("{} does not look for devices: {error}", used.name);
                }
                Err(_) => {}
            }
        }
    }

    pub(super) async fn scan(&mut self, on: bool) {
        self.is_scanning = on;
        self.offers.clear();
        if on {
            self.memory.clear();
        }
        self.reconcile().await;
    }

    /// Takes in what an adapter tells.
    pub(super) async fn heard(&mut self, adapter: &str, event: CentralEvent) {
        match event {
            CentralEvent::DeviceDiscovered(id)
            | CentralEvent::DeviceUpdated(id)
            | CentralEvent::ManufacturerDataAdvertisement { id, .. }
            | CentralEvent::ServiceDataAdvertisement { id, .. }
            | CentralEvent::ServicesAdvertisement { id, .. }
            | CentralEvent::RssiUpdate { id, .. } => {
                if self.is_scanning && self.offers.len() < MAX_OFFERS && !self.offers.contains(&id) {
                    self.offers.push_back(id);
                }
            }
            CentralEvent::DeviceDisconnected(id) => {
                let address = id.to_string();
                let lost = self.links.iter().filter(|(_, held)| held.is_settled && held.address == address);
                let lost: Vec<_> = lost.map(|(link, _)| *link).collect();
                for link in lost {
                    self.lose(link, "the device disconnected");
                }
                self.memory.forget(&address);
            }
            CentralEvent::StateUpdate(state) => {
                debug!(adapter, ?state, "changed");
                if let Some(used) = self.adapters.iter_mut().find(|used| used.name == adapter) {
                    used.is_looking &= state == CentralState::PoweredOn;
                }
                self.look().await;
            }
            CentralEvent::DeviceConnected(_) | CentralEvent::DeviceServicesModified(_) => {}
        }
    }

    pub(super) fn failed(&mut self, sighting: &Sighting) {
        self.memory.failed(sighting, Instant::now());
    }

    pub(super) fn has_findings(&self) -> bool {
        self.reporter.has_news() || !self.offers.is_empty()
    }

    pub(super) async fn finding(&mut self) -> Option<Found> {
        if let Some(reason) = self.reporter.news() {
            return Some(Found::Unusable(reason));
        }
        while let Some(id) = self.offers.pop_front() {
            let Some(sighting) = sight(&self.adapters, &id).await.filter(is_considered) else { continue };
            if !self.holds(&sighting.address) && self.memory.is_new(&sighting, Instant::now()) {
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

    fn holds(&self, address: &str) -> bool {
        self.links.values().any(|held| held.address == address && !held.is_lost)
    }

    pub(super) async fn link(&mut self, address: &str) -> Result<SystemLink, PortError> {
        if self.holds(address) {
            return Err(PortError::Failed("it is open or about to be already".to_owned()));
        }
        let unseen = || PortError::Gone("it is not seen any more".to_owned());
        let peripheral = peripheral(&self.adapters, address).await.ok_or_else(unseen)?;
        let orders = self.to_self.upgrade().ok_or_else(unseen)?;
        let (hearing, is_used) = (Arc::new(Hearing::new()), Arc::new(AtomicBool::new(false)));
        self.last += 1;
        let held = Held {
            address: address.to_owned(),
            peripheral: peripheral.clone(),
            hearing: Arc::clone(&hearing),
            is_used: Arc::clone(&is_used),
            is_settled: false,
            is_lost: false,
        };
        self.links.insert(self.last, held);
        Ok(SystemLink { id: self.last, orders, peripheral, hearing, is_used, listening: Mutex::new(None) })
    }

    pub(super) async fn handle(&mut self, order: ToLink) {
        match order {
            ToLink::Settled(id) => {
                if let Some(held) = self.links.get_mut(&id) {
                    held.is_settled = true;
                }
            }
            ToLink::Release(id) => {
                let Some(held) = self.links.remove(&id) else { return };
                if held.is_settled {
                    self.memory.forget(&held.address);
                }
                if held.is_used.load(Ordering::Relaxed) && !held.is_lost && !self.holds(&held.address) {
                    self.disconnect(held.peripheral);
                }
            }
        }
    }

    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Disconnects all devices that are open still.
    pub(super) async fn let_go(&mut self) {
        for (_, mut held) in std::mem::take(&mut self.links) {
            if !held.is_lost {
                held.end("the Bluetooth scanner has been closed");
                self.disconnect(held.peripheral);
            }
        }
        while self.closing.join_next().await.is_some() {}
    }

    fn disconnect(&mut self, peripheral: Peripheral) {
        self.closing.spawn(async move {
            let _ = timeout(DISCONNECT_TIMEOUT, peripheral.disconnect()).await;
        });
    }

    fn lose(&mut self, id: LinkId, reason: &str) {
        if let Some(held) = self.links.get_mut(&id).filter(|held| !held.is_lost) {
            held.end(reason);
            held.is_used.store(false, Ordering::Relaxed);
            self.memory.forget(&held.address);
        }
    }
}

async fn adapters() -> btleplug::Result<Vec<Adapter>> {
    Manager::new().await?.adapters().await
}

/// How a device looks now.
async fn sight(adapters: &[Used], id: &PeripheralId) -> Option<Sighting> {
    let peripheral = peripheral(adapters, &id.to_string()).await?;
    let seen = peripheral.properties().await.ok()??;
    // macOS remembers the name that a device has inside, Windows may cut off the one that is advertised.
    let name = match cfg!(windows) {
        true => seen.local_name.or(seen.advertisement_name),
        false => seen.advertisement_name.or(seen.local_name),
    };
    let mut manufacturer: Vec<_> = seen.manufacturer_data.into_iter().collect();
    manufacturer.sort_unstable();
    let mut advertised: Vec<Uuid> = seen.services.into_iter().map(own).collect();
    advertised.sort_unstable();
    advertised.dedup();
    let name = name.unwrap_or_default();
    Some(Sighting {
        manufacturer,
        advertised,
        rssi: seen.rssi,
        ..Sighting::new(Bus::BluetoothLe, id.to_string(), name)
    })
}

/// A device, by the adapter that hears it best.
async fn peripheral(adapters: &[Used], address: &str) -> Option<Peripheral> {
    let mut best: Option<(Option<i16>, Peripheral)> = None;
    for used in adapters {
        for peripheral in used.adapter.peripherals().await.unwrap_or_default() {
            if peripheral.id().to_string() == address {
                let rssi = peripheral.properties().await.ok().flatten().and_then(|seen| seen.rssi);
                if best.as_ref().is_none_or(|(other, _)| *other < rssi) {
                    best = Some((rssi, peripheral));
                }
            }
        }
    }
    best.map(|(_, peripheral)| peripheral)
}
