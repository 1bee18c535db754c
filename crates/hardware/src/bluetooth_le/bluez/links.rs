//! The links there are, and how their devices are.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::super::hearing::Hearing;
use super::super::{Order, shortened};
use super::discovery::name;
use super::link::{LinkId, Progress, SystemLink};
use super::objects::Objects;
use super::waiting::Asked;

/// How much a characteristic may say until it has answered.
const MAX_HELD_BACK: usize = 64;

/// All links, those of lost devices until they are dropped.
#[derive(Default)]
pub(super) struct Links {
    held: BTreeMap<LinkId, Held>,
    last: LinkId,
}

/// A link that somebody holds.
pub(super) struct Held {
    pub(super) address: String,
    /// The path of the device.
    pub(super) device: String,
    adapter: String,
    pub(super) hearing: Arc<Hearing<String>>,
    progress: watch::Sender<Progress>,
    /// How many attempts to connect it BlueZ has not answered.
    connecting: u32,
    /// The device is in use: a loss is the end.
    pub(super) is_settled: bool,
    /// What characteristics have said since they were asked for their value, by path. See [`Links::say`].
    reads: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Held {
    pub(super) fn is_lost(&self) -> bool {
        self.progress.borrow().end.is_some()
    }

    /// Whether it is connected or about to be.
    pub(super) fn is_used(&self) -> bool {
        self.is_connected() || self.connecting > 0
    }

    fn is_connected(&self) -> bool {
        self.progress.borrow().is_connected
    }

    pub(super) fn reason(&self) -> String {
        self.progress.borrow().end.clone().unwrap_or_default()
    }

    /// BlueZ is being asked for something.
    pub(super) fn asked(&mut self, asked: &Asked) {
        match asked {
            Asked::Connect => self.connecting += 1,
            Asked::Read(path) => {
                self.reads.entry(path.clone()).or_default();
            }
            Asked::Notify(_) | Asked::Write => {}
        }
    }

    fn end(&self, reason: &str) {
        debug!(device = shortened(&self.address), "the link is lost: {reason}");
        self.hearing.end(reason);
        self.progress.send_modify(|progress| progress.end = Some(reason.to_owned()));
    }
}

impl Links {
    /// A new link to a device of BlueZ.
    pub(super) fn add(
        &mut self,
        device: &str,
        objects: &Objects,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Option<SystemLink> {
        let known = objects.devices.get(device)?;
        self.last += 1;
        let hearing = Arc::new(Hearing::new());
        let now = Progress {
            is_connected: known.is_connected,
            is_resolved: known.is_resolved,
            ..Progress::default()
        };
        let (sender, progress) = watch::channel(now);
        let held = Held {
            address: known.address.clone(),
            device: device.to_owned(),
            adapter: known.adapter.clone(),
            hearing: Arc::clone(&hearing),
            progress: sender,
            connecting: 0,
            is_settled: false,
            reads: BTreeMap::new(),
        };
        self.held.insert(self.last, held);
        Some(SystemLink::new(self.last, orders, hearing, progress))
    }

    pub(super) fn find(&mut self, link: LinkId) -> Option<&mut Held> {
        self.held.get_mut(&link)
    }

    pub(super) fn remove(&mut self, link: LinkId) -> Option<Held> {
        self.held.remove(&link)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether somebody has a link to a device, or is about to.
    pub(super) fn holds(&self, address: &str) -> bool {
        self.held.values().any(|held| held.address == address && !held.is_lost())
    }

    /// The devices of links that are not lost.
    pub(super) fn devices(&self) -> Vec<String> {
        self.held.values().filter(|held| !held.is_lost()).map(|held| held.device.clone()).collect()
    }

    /// The device of a link is as it should be. If it was lost meanwhile the link ends.
    pub(super) fn settle(&mut self, link: LinkId) {
        if let Some(held) = self.held.get_mut(&link) {
            held.is_settled = true;
            if !held.is_connected() && !held.is_lost() {
                held.end("the device disconnected");
            }
        }
    }

    /// Puts what a characteristic says on the way to those who listen. BlueZ says a value that was asked for in the same way, right before the
    /// answer; that one is left out.
    pub(super) fn say(&mut self, characteristic: &str, bytes: Vec<u8>) {
        for held in self.held.values_mut().filter(|held| is_below(characteristic, &held.device)) {
            match held.reads.get_mut(characteristic) {
                Some(said) if said.len() < MAX_HELD_BACK => said.push(bytes.clone()),
                _ => held.hearing.say(&characteristic.to_owned(), &bytes),
            }
        }
    }

    /// BlueZ has answered what a link has asked for, a read with this value; or it will not answer any more.
    pub(super) fn answered(&mut self, link: LinkId, asked: &Asked, value: Option<Vec<u8>>) {
        let Some(held) = self.held.get_mut(&link) else { return };
        match asked {
            Asked::Connect => held.connecting = held.connecting.saturating_sub(1),
            Asked::Read(path) => {
                let mut said = held.reads.remove(path).unwrap_or_default();
                if value.is_some() && said.last() == value.as_ref() {
                    said.pop();
                }
                said.iter().for_each(|bytes| held.hearing.say(path, bytes));
            }
            Asked::Notify(_) | Asked::Write => {}
        }
    }

    /// Compares the links with what BlueZ says. Gives the addresses of devices that were lost.
    pub(super) fn review(&mut self, objects: &Objects) -> Vec<String> {
        let mut lost = Vec::new();
        for held in self.held.values().filter(|held| !held.is_lost()) {
            let device = objects.devices.get(&held.device);
            let (is_connected, is_resolved) =
                device.map_or((false, false), |device| (device.is_connected, device.is_resolved));
            let was_connected = held.is_connected();
            held.progress.send_if_modified(|progress| {
                let before = progress.clone();
                progress.losses += u32::from(before.is_connected && !is_connected);
                (progress.is_connected, progress.is_resolved) = (is_connected, is_resolved);
                *progress != before
            });
            let is_end = device.is_none() || held.is_settled && was_connected && !is_connected;
            if is_end {
                held.end(&self::reason(held, objects));
                lost.push(held.address.clone());
            }
        }
        lost
    }

    /// Ends all links.
    pub(super) fn end(&mut self, reason: &str) {
        self.held.values().filter(|held| !held.is_lost()).for_each(|held| held.end(reason));
    }
}

/// Why a device is lost.
fn reason(held: &Held, objects: &Objects) -> String {
    match objects.adapters.get(&held.adapter) {
        None => format!("the Bluetooth adapter {} is gone", name(&held.adapter)),
        Some(adapter) if !adapter.is_powered => {
            format!("the Bluetooth adapter {} was switched off", name(&held.adapter))
        }
        Some(_) if !objects.devices.contains_key(&held.device) => "BlueZ has dropped the device".to_owned(),
        Some(_) => "the device disconnected".to_owned(),
    }
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
}
