//! The table of devices: who they are, under which index, and who drives what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use frisson_program::Description;
use frisson_wire::{Device, DeviceList, InputKind, OutputCommand, OutputKind, Profile, View};

use super::queue::Queue;
use super::{DeviceId, SessionId};
use crate::device::{Command, Selection, Ticket};
use crate::error::Error;

/// So many devices that are away are kept in mind, those among them that may still run, and their indices. Addresses come from outside.
const MOST_AWAY: usize = 4096;

/// What makes a piece of hardware the same one the next time it is seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceKey {
    /// Its address on its bus.
    pub address: String,
    /// The protocol it speaks.
    pub protocol: String,
    /// The model it says it is.
    pub model: String,
}

/// All devices that clients see.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<u32, Entry>,
    /// The same as `entries`, as clients get it. Replaced at each change.
    list: DeviceList,
    indices: BTreeMap<DeviceKey, u32>,
    /// Stored for devices that may come; for no others.
    reserved: BTreeSet<u32>,
    /// Addresses of devices that went away without being known to be at rest: they are brought to rest when they return.
    unrested: BTreeSet<String>,
    /// Whether there were too many of them, so that every device is brought to rest when it comes.
    all_unrested: bool,
    /// What the user calls the hardware at an address.
    names: BTreeMap<String, String>,
}

/// One device that can take commands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: DeviceId,
    pub(super) profile: Arc<Profile>,
    queue: Queue,
    address: String,
    /// Every output, in ascending order of feature and kind.
    outputs: Vec<Slot>,
    /// Of outputs that are not offered any longer.
    hidden: Rest,
    /// How many positions have been commanded.
    turns: u64,
    /// Why it is being closed, so that nothing more can be asked of it.
    dismissed: Option<String>,
}

/// One output: what it was last set to, and by whom.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    feature: u32,
    kind: OutputKind,
    value: i32,
    /// The latest position that was commanded has the highest number.
    turn: u64,
    driver: Option<SessionId>,
    rest: Rest,
}

/// Whether an output of the hardware is known to be at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Known,
    Unknown,
    /// As soon as the stop with this ticket, or a later one, is written.
    After(Ticket),
}

impl Table {
    pub(super) fn list(&self) -> DeviceList {
        Arc::clone(&self.list)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Entry> {
        self.entries.get(&index)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(&index)
    }

    pub(super) fn indices(&self) -> Vec<u32> {
        self.entries.keys().copied().collect()
    }

    /// Whether the hardware at this address may be running: there, or when it went away.
    pub(super) fn is_unrested(&self, address: &str) -> bool {
        let mut here = self.entries.values().filter(|entry| entry.address == address);
        self.all_unrested || self.unrested.contains(address) || here.any(Entry::is_unrested)
    }

    /// From now on these indices are given to the devices alone that they are stored for.
    pub(super) fn reserve(&mut self, indices: BTreeSet<u32>) {
        self.reserved = indices;
    }

    /// Takes in a device that is ready: under the index that is stored for it or that it had before, else under the smallest that no device
    /// has or had and that is stored for none.
    pub(super) fn add(
        &mut self,
        id: DeviceId,
        address: &str,
        stored: Option<u32>,
        description: &Description,
        gap_ms: u32,
    ) -> u32 {
        let key = DeviceKey {
            address: address.to_owned(),
            protocol: description.protocol.clone(),
            model: description.model.clone(),
        };
        let known = self.indices.get(&key).copied().filter(|index| !self.reserved.contains(index));
        let had = stored.into_iter().chain(known).find(|index| !self.entries.contains_key(index));
        let index = had.unwrap_or_else(|| {
            let taken = self.indices.values().chain(self.entries.keys()).chain(&self.reserved);
            let taken: BTreeSet<u32> = taken.copied().collect();
            (0..=u32::MAX).find(|index| !taken.contains(index)).unwrap_or(u32::MAX)
        });
        self.forget_some();
        self.indices.insert(key, index);
        // Nobody tells when the stop that it is greeted with is written, so it stays due until another one is.
        let is_unrested = self.unrested.remove(address) || self.all_unrested;
        let rest = if is_unrested { Rest::Unknown } else { Rest::Known };
        let name = self.names.get(address).cloned();
        let profile = Arc::new(Profile::new(device(index, description, name, gap_ms)));
        let outputs = slots(&profile, rest);
        let queue = Queue::new();
        let address = address.to_owned();
        let entry = Entry { id, profile, queue, address, outputs, hidden: rest, turns: 0, dismissed: None };
        self.entries.insert(index, entry);
        self.renew_list();
        index
    }

    /// Takes a device out of its place, to be put into another one by [`move_in`](Self::move_in).
    pub(super) fn move_out(&mut self, index: u32) -> Option<Entry> {
        let entry = self.entries.remove(&index)?;
        self.renew_list();
        Some(entry)
    }

    /// Puts a device that had the index `old` into the place of `new`, which has to be free.
    pub(super) fn move_in(&mut self, old: u32, new: u32, mut entry: Entry) -> Arc<Profile> {
        // A device that had the new one before, and is away, gets another when it returns.
        self.indices.retain(|_, index| *index != new);
        for index in self.indices.values_mut().filter(|index| **index == old) {
            *index = new;
        }
        let profile = Arc::new(Profile::new(Device { index: new, ..entry.profile.device().clone() }));
        entry.profile = Arc::clone(&profile);
        self.entries.insert(new, entry);
        self.renew_list();
        profile
    }

    /// Takes out a device that is gone.
    pub(super) fn remove(&mut self, index: u32) -> Option<Entry> {
        let entry = self.entries.remove(&index)?;
        if entry.is_unrested() {
            self.mark_unrested(&entry.address);
        }
        self.renew_list();
        Some(entry)
    }

    /// Makes room: the device that is away and has the highest index gets another one when it returns.
    fn forget_some(&mut self) {
        if self.indices.len() < MOST_AWAY.saturating_add(self.entries.len()) {
            return;
        }
        let entries = &self.entries;
        let away = self.indices.iter().filter(|(_, index)| !entries.contains_key(index));
        if let Some(key) = away.max_by_key(|(_, index)| **index).map(|(key, _)| key.clone()) {
            self.indices.remove(&key);
        }
    }

    /// The device could not be stopped before its link was closed.
    pub(super) fn mark_unrested(&mut self, address: &str) {
        if self.unrested.len() < MOST_AWAY {
            self.unrested.insert(address.to_owned());
        } else {
            self.all_unrested |= !self.unrested.contains(address);
        }
    }

    /// Takes in what a device offers now.
    pub(super) fn redefine(
        &mut self,
        index: u32,
        description: &Description,
        gap_ms: u32,
    ) -> Option<Arc<Profile>> {
        let entry = self.entries.get_mut(&index)?;
        let name = self.names.get(&entry.address).cloned();
        let profile = Arc::new(Profile::new(device(index, description, name, gap_ms)));
        let mut outputs = slots(&profile, entry.hidden);
        for slot in &mut outputs {
            if let Some(old) = entry.slot(slot.feature, slot.kind) {
                let range =
                    profile.device().feature(slot.feature).and_then(|feature| feature.output(slot.kind));
                *slot = old.clone();
                slot.value = range.map_or(0, |output| output.value.clamp(old.value));
            }
        }
        let is_offered =
            |slot: &Slot| outputs.iter().any(|new| (new.feature, new.kind) == (slot.feature, slot.kind));
        if entry.outputs.iter().any(|slot| slot.rest != Rest::Known && !is_offered(slot)) {
            entry.hidden = Rest::Unknown;
        }
        entry.outputs = outputs;
        entry.queue.fit(&profile);
        entry.profile = Arc::clone(&profile);
        self.renew_list();
        Some(profile)
    }

    /// Notes what the user calls the hardware at an address. Gives the devices that look different now.
    pub(super) fn name(&mut self, address: &str, name: Option<&str>) -> Vec<Arc<Profile>> {
        match name {
            Some(name) => self.names.insert(address.to_owned(), name.to_owned()),
            None => self.names.remove(address),
        };
        let mut changed = Vec::new();
        for entry in self.entries.values_mut().filter(|entry| entry.address == address) {
            let device = entry.profile.device();
            if device.display_name.as_deref() != name {
                let display_name = name.map(str::to_owned);
                entry.profile = Arc::new(Profile::new(Device { display_name, ..device.clone() }));
                changed.push(Arc::clone(&entry.profile));
            }
        }
        self.renew_list();
        changed
    }

    fn renew_list(&mut self) {
        self.list = self.entries.values().map(|entry| Arc::clone(&entry.profile)).collect();
    }
}

fn device(index: u32, description: &Description, display_name: Option<String>, gap_ms: u32) -> Device {
    let mut features = description.features.clone();
    features.retain(|feature| !feature.outputs.is_empty() || !feature.inputs.is_empty());
    Device { index, name: description.name.clone(), display_name, gap_ms, features }
}

fn slots(profile: &Profile, rest: Rest) -> Vec<Slot> {
    let mut slots: Vec<_> = profile
        .device()
        .features
        .iter()
        .flat_map(|feature| feature.outputs.iter().map(|output| (feature.index, output.kind)))
        .map(|(feature, kind)| Slot { feature, kind, value: 0, turn: 0, driver: None, rest })
        .collect();
    slots.sort_by_key(|slot| (slot.feature, slot.kind));
    slots
}

impl View for Table {
    fn profile(&self, device: u32) -> Option<&Profile> {
        self.entries.get(&device).map(|entry| &*entry.profile)
    }

    fn last_position(&self, device: u32, feature: u32) -> f64 {
        let Some(entry) = self.entries.get(&device) else { return 0.0 };
        let positions =
            entry.outputs.iter().filter(|slot| slot.feature == feature && slot.kind.is_position());
        let Some(latest) = positions.max_by_key(|slot| slot.turn) else { return 0.0 };
        let output = entry.profile.device().feature(feature).and_then(|feature| feature.output(latest.kind));
        match output {
            Some(output) if output.value.max > 0 => f64::from(latest.value) / f64::from(output.value.max),
            _ => 0.0,
        }
    }
}

impl Entry {
    fn position(&self, feature: u32, kind: OutputKind) -> Option<usize> {
        self.outputs.binary_search_by_key(&(feature, kind), |slot| (slot.feature, slot.kind)).ok()
    }

    fn slot(&self, feature: u32, kind: OutputKind) -> Option<&Slot> {
        self.outputs.get(self.position(feature, kind)?)
    }

    /// Whether somebody other than `session` owns this output, where the first to drive owns.
    pub(super) fn is_owned_by_other(&self, command: &OutputCommand, session: SessionId) -> bool {
        self.slot(command.feature, command.kind).is_some_and(|slot| {
            slot.driver.is_some_and(|driver| driver != session)
                && (slot.value != 0 || slot.kind.is_position())
        })
    }

    /// Notes that `session` has set an output.
    pub(super) fn drive(&mut self, command: &OutputCommand, session: SessionId) {
        let at = self.position(command.feature, command.kind);
        if let Some(slot) = at.and_then(|at| self.outputs.get_mut(at)) {
            slot.value = command.value;
            slot.driver = Some(session);
            if slot.kind.is_position() {
                self.turns = self.turns.saturating_add(1);
                slot.turn = self.turns;
            } else if command.value != 0 {
                slot.rest = Rest::Unknown;
            }
        }
    }

    /// Brings outputs to rest; nobody drives them any longer. Gives the ticket of the stop, which is `ticket` unless the stop becomes part of
    /// one that waits, and what can be sent now.
    pub(super) fn stop(&mut self, selection: Selection, ticket: Ticket) -> (Ticket, Option<Command>) {
        let ticket = self.queue.waiting_stop().map_or(ticket, |(_, ticket)| ticket);
        self.release(&selection);
        for slot in self.outputs.iter_mut().filter(|slot| selection.contains(slot.feature, slot.kind)) {
            slot.rest = Rest::After(ticket);
        }
        if selection == Selection::All {
            self.hidden = Rest::After(ticket);
        }
        self.queue.drop_sets(|feature, kind| selection.contains(feature, kind));
        let selection = match self.queue.waiting_stop() {
            Some((waiting, _)) => self.union(waiting, selection),
            None => selection,
        };
        (ticket, self.queue.stop(selection, ticket))
    }

    /// Nothing more can be asked of the device, for this reason; it is stopped and closed by other means than a stop.
    pub(super) fn dismiss(&mut self, reason: &str) {
        self.abandon();
        self.dismissed.get_or_insert_with(|| reason.to_owned());
    }

    /// Whether the device can be asked for something.
    pub(super) fn check_in_use(&self) -> Result<(), Error> {
        match &self.dismissed {
            Some(reason) => {
                Err(Error::Dismissed { device: self.profile.device().index, reason: reason.clone() })
            }
            None => Ok(()),
        }
    }

    /// Everything comes to rest by other means than a stop; nothing that waits is to be sent any more.
    pub(super) fn abandon(&mut self) {
        self.release(&Selection::All);
        self.queue.drop_sets(|_, _| true);
    }

    fn release(&mut self, selection: &Selection) {
        for slot in self.outputs.iter_mut().filter(|slot| selection.contains(slot.feature, slot.kind)) {
            slot.driver = None;
            if !slot.kind.is_position() {
                slot.value = 0;
            }
        }
    }

    fn union(&self, one: &Selection, other: Selection) -> Selection {
        if *one == other || other == Selection::All {
            return other;
        }
        if *one == Selection::All {
            return Selection::All;
        }
        let outputs = self.outputs.iter().map(|slot| (slot.feature, slot.kind));
        Selection::Outputs(outputs.filter(|(f, k)| one.contains(*f, *k) || other.contains(*f, *k)).collect())
    }

    /// A stop has been written, and with it every earlier one.
    pub(super) fn stopped(&mut self, ticket: Ticket) {
        for rest in self.outputs.iter_mut().map(|slot| &mut slot.rest).chain([&mut self.hidden]) {
            if matches!(*rest, Rest::After(due) if due <= ticket) {
                *rest = Rest::Known;
            }
        }
    }

    /// The device was stopped as a whole before its link was closed.
    pub(super) fn closed(&mut self) {
        self.hidden = Rest::Known;
        self.outputs.iter_mut().for_each(|slot| slot.rest = Rest::Known);
    }

    /// Gives a command that can be sent to the device's task now; else it waits.
    pub(super) fn offer(&mut self, command: Command) -> Option<Command> {
        self.queue.offer(command)
    }

    /// The device's task has taken in `count` commands; gives what can be sent now.
    pub(super) fn credit(&mut self, count: u32) -> Vec<Command> {
        self.queue.credit(count)
    }

    /// The ticket of a read of this input that was not sent yet.
    pub(super) fn waiting_read(&self, input: (u32, InputKind)) -> Option<Ticket> {
        self.queue.waiting_read(input)
    }

    /// What `session` was the last to drive.
    pub(super) fn driven_by(&self, session: SessionId) -> Vec<(u32, OutputKind)> {
        let driven = self.outputs.iter().filter(|slot| slot.driver == Some(session));
        driven.map(|slot| (slot.feature, slot.kind)).collect()
    }

    fn is_unrested(&self) -> bool {
        self.hidden != Rest::Known || self.outputs.iter().any(|slot| slot.rest != Rest::Known)
    }
}
