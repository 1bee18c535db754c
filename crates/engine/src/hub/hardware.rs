//! What happens to devices, and what is said to them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use frisson_program::Description;
use frisson_wire::{DeviceChange, Event, InputAction, InputKind, Message, Reading};

use super::waiters::WaiterId;
use super::{Close, DeviceId, Hub, Note, OpenLink, Output, SHUTDOWN_TIMEOUT, SessionId, Shutdown, Timer};
use crate::device::{Command, Preferences, Report, Selection};
use crate::timers::later;

impl Hub {
    pub(super) fn device_opened(&mut self, device: DeviceId, address: &str, gap: Duration) {
        let older = self.links.iter().find(|(_, link)| link.address == address).map(|(id, _)| *id);
        let link = OpenLink { address: address.to_owned(), gap, stored: None, index: None, dismissed: None };
        self.links.insert(device, link);
        // The same hardware cannot have two links: the older one is dead, whatever its task believes.
        if let Some(older) = older {
            self.outputs.push_back(Output::Device(older, Command::Close));
            self.device_gone(older, "it has connected anew");
        }
        if self.shutdown.is_some() {
            self.outputs.push_back(Output::Device(device, Command::Close));
        }
    }

    pub(super) fn named(&mut self, address: &str, name: Option<&str>) {
        for profile in self.devices.name(address, name) {
            self.announce(DeviceChange::Redefined(profile));
        }
    }

    pub(super) fn stored(&mut self, device: DeviceId, stored: Option<u32>) {
        let Some(link) = self.links.get_mut(&device) else { return };
        link.stored = stored;
        let (Some(old), Some(new)) = (link.index, stored) else { return };
        if self.devices.get(new).is_some() {
            return;
        }
        link.index = Some(new);
        // For clients the device goes and another one comes.
        self.stop_device(old, Selection::All, None);
        let inputs = self.subscribers.keys().filter(|(of, ..)| *of == old);
        for (_, feature, kind) in inputs.copied().collect::<Vec<_>>() {
            self.command(old, Command::Listen { feature, kind, on: false });
        }
        self.part_with(old, "it has another index now");
        let Some(entry) = self.devices.move_out(old) else { return };
        let name = entry.profile.device().name.clone();
        self.outputs.push_back(Output::Note(Note::DeviceMoved(old, new, name)));
        self.announce(DeviceChange::Removed(old));
        let profile = self.devices.move_in(old, new, entry);
        self.announce(DeviceChange::Added(profile));
    }

    pub(super) fn preferred(&mut self, device: DeviceId, preferences: Preferences) {
        if let Some(index) = self.links.get(&device).and_then(|link| link.index) {
            self.command(index, Command::Prefer(preferences));
        }
    }

    pub(super) fn dismissed(&mut self, device: DeviceId, reason: &str) {
        let Some(link) = self.links.get_mut(&device) else { return };
        link.dismissed.get_or_insert_with(|| reason.to_owned());
        if let Some(entry) = link.index.and_then(|index| self.devices.get_mut(index)) {
            entry.dismiss(reason);
        }
        self.outputs.push_back(Output::Device(device, Command::Close));
    }

    pub(super) fn look_for(&mut self, now: Instant, missing: BTreeSet<String>) {
        if self.shutdown.is_none() {
            self.search.look_for(now, missing);
            self.scan_changed = true;
        }
    }

    /// Brings the server's own search and scanning together.
    pub(super) fn search(&mut self, now: Instant) {
        if self.scan.take_own_ended() {
            self.search.ended(now);
        }
        self.search.serve(now, self.scan.is_for_clients());
        self.search.timeout(now);
        let effects = self.scan.want(self.search.is_looking());
        self.scan_effects(effects);
        self.scan_changed = false;
        let due = self.search.deadline();
        if due != self.search_due {
            if let Some(before) = std::mem::replace(&mut self.search_due, due) {
                self.timers.cancel(before, Timer::Search);
            }
            if let Some(due) = due {
                self.timers.arm(due, Timer::Search);
            }
        }
    }

    pub(super) fn report(&mut self, device: DeviceId, report: Report) {
        let Some(link) = self.links.get(&device) else { return };
        let index = link.index;
        match report {
            Report::Ready(description) => self.device_ready(device, &description),
            Report::Redefined(description) => self.device_redefined(device, &description),
            Report::Refused(reason) => {
                self.outputs.push_back(Output::Note(Note::DeviceRefused(link.address.clone(), reason)));
                self.device_gone(device, "it could not be used");
            }
            Report::Gone(reason) => self.device_gone(device, &reason),
            Report::Closed { stopped } => {
                if !stopped {
                    self.devices.mark_unrested(&link.address);
                } else if let Some(entry) = index.and_then(|index| self.devices.get_mut(index)) {
                    entry.closed();
                }
                let reason = link.dismissed.clone();
                if let (None, Some(reason)) = (index, &reason) {
                    let refused = Note::DeviceRefused(link.address.clone(), reason.clone());
                    self.outputs.push_back(Output::Note(refused));
                }
                self.device_gone(device, reason.as_deref().unwrap_or("closed"));
            }
            Report::Done(ticket, result) => {
                // A read, which may overtake a stop, tells nothing of stops.
                if let (Some(index), Ok(None)) = (index, &result)
                    && let Some(entry) = self.devices.get_mut(index)
                {
                    entry.stopped(ticket);
                }
                self.done(ticket, result);
            }
            Report::Reading(feature, kind, value) => {
                let Some(index) = index else { return };
                let Some(sessions) = self.subscribers.get(&(index, feature, kind)) else { return };
                for session in sessions.clone() {
                    let reading = Reading { device: index, feature, kind, value };
                    self.send(session, Message::Event(Event::Reading(reading)));
                }
            }
            Report::Notice(text) => {
                let name = index.and_then(|index| self.devices.get(index));
                let name =
                    name.map_or_else(|| "device".to_owned(), |entry| entry.profile.device().name.clone());
                self.outputs.push_back(Output::Note(Note::Notice(name, text)));
            }
            Report::WriteFailed(reason) => {
                if let Some(index) = index {
                    self.outputs.push_back(Output::Note(Note::WriteFailed(index, reason)));
                }
            }
        }
    }

    fn device_ready(&mut self, device: DeviceId, description: &Description) {
        let is_new = |link: &&mut OpenLink| link.index.is_none() && link.dismissed.is_none();
        let Some(link) = self.links.get_mut(&device).filter(is_new) else { return };
        let gap_ms = gap_ms(description, link.gap);
        let index = self.devices.add(device, &link.address, link.stored, description, gap_ms);
        link.index = Some(index);
        self.outputs.push_back(Output::Note(Note::DeviceAdded(index, description.name.clone())));
        if let Some(profile) = self.devices.get(index).map(|entry| entry.profile.clone()) {
            self.announce(DeviceChange::Added(profile));
        }
    }

    fn device_redefined(&mut self, device: DeviceId, description: &Description) {
        let Some(OpenLink { index: Some(index), gap, .. }) = self.links.get(&device) else { return };
        let (index, gap_ms) = (*index, gap_ms(description, *gap));
        let Some(profile) = self.devices.redefine(index, description, gap_ms) else { return };
        let inputs = self.subscribers.keys().copied();
        let is_void = |(of, feature, kind): &(u32, u32, InputKind)| {
            *of == index && profile.check_input(*feature, *kind, InputAction::Subscribe).is_err()
        };
        for (of, feature, kind) in inputs.filter(is_void).collect::<Vec<_>>() {
            for session in self.subscribers.remove(&(of, feature, kind)).into_iter().flatten() {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.subscribed.remove(&(of, feature, kind));
                }
            }
            self.command(index, Command::Listen { feature, kind, on: false });
        }
        self.announce(DeviceChange::Redefined(profile));
    }

    pub(super) fn device_ended(&mut self, device: DeviceId) {
        const REASON: &str = "its task has ended";
        let Some(link) = self.links.get(&device) else { return };
        if link.index.is_none() {
            self.outputs
                .push_back(Output::Note(Note::DeviceRefused(link.address.clone(), REASON.to_owned())));
        }
        self.device_gone(device, REASON);
    }

    fn device_gone(&mut self, device: DeviceId, reason: &str) {
        let Some(link) = self.links.remove(&device) else { return };
        let mut name = None;
        if let Some(index) = link.index {
            self.part_with(index, reason);
            name = self.devices.remove(index).map(|entry| entry.profile.device().name.clone());
            let name = name.clone().unwrap_or_default();
            self.outputs.push_back(Output::Note(Note::DeviceRemoved(index, name, reason.to_owned())));
            self.announce(DeviceChange::Removed(index));
        }
        if let Some(shutdown) = &mut self.shutdown
            && self.devices.is_unrested(&link.address)
        {
            shutdown.unstopped.push(name.unwrap_or(link.address));
        }
        self.finish_shutdown(false);
    }

    /// Nobody waits for the device with this index any longer, drives it or listens to it.
    fn part_with(&mut self, index: u32, reason: &str) {
        for ticket in self.waiters.tickets_of(index) {
            self.done(ticket, Err(format!("the device went away: {reason}")));
        }
        self.subscribers.retain(|(of, ..), _| *of != index);
        for session in self.sessions.values_mut() {
            session.driving.remove(&index);
            session.subscribed.retain(|(of, ..)| *of != index);
        }
    }

    pub(super) fn credit(&mut self, device: DeviceId, count: u32) {
        let index = self.links.get(&device).and_then(|link| link.index);
        let Some(entry) = index.and_then(|index| self.devices.get_mut(index)) else { return };
        for command in entry.credit(count) {
            self.outputs.push_back(Output::Device(device, command));
        }
    }

    /// Gives a device a command, at once or when it has room. For anything but a stop.
    pub(super) fn command(&mut self, index: u32, command: Command) {
        let Some(entry) = self.devices.get_mut(index) else { return };
        if let Some(command) = entry.offer(command) {
            self.outputs.push_back(Output::Device(entry.id, command));
        }
    }

    pub(super) fn stop_device(&mut self, index: u32, selection: Selection, waiter: Option<WaiterId>) {
        let Some(entry) = self.devices.get_mut(index) else { return };
        let (ticket, command) = entry.stop(selection, self.waiters.fresh());
        if let Some(waiter) = waiter {
            self.waiters.join(waiter, ticket, index);
        }
        if let Some(command) = command {
            self.outputs.push_back(Output::Device(entry.id, command));
        }
    }

    pub(super) fn unsubscribe(&mut self, session: SessionId, input: (u32, u32, InputKind)) {
        let Some(sessions) = self.subscribers.get_mut(&input) else { return };
        sessions.retain(|other| *other != session);
        if sessions.is_empty() {
            self.subscribers.remove(&input);
            let (index, feature, kind) = input;
            self.command(index, Command::Listen { feature, kind, on: false });
        }
    }

    pub(super) fn emergency_stop(&mut self) {
        if !std::mem::replace(&mut self.emergency_stop, true) {
            self.outputs.push_back(Output::Note(Note::EmergencyStop(true)));
        }
        for index in self.devices.indices() {
            self.stop_device(index, Selection::All, None);
        }
    }

    pub(super) fn shut_down(&mut self, now: Instant) {
        if self.shutdown.is_some() {
            return;
        }
        self.shutdown = Some(Shutdown { unstopped: Vec::new(), finished: false });
        self.timers.arm(later(now, SHUTDOWN_TIMEOUT), Timer::Shutdown);
        // Past the queues: nothing that waits there is to be done before, and no value after.
        for (device, link) in &self.links {
            if let Some(entry) = link.index.and_then(|index| self.devices.get_mut(index)) {
                entry.abandon();
            }
            self.outputs.push_back(Output::Device(*device, Command::Close));
        }
        self.search.end(now);
        let effects = self.scan.stop_all();
        self.scan_effects(effects);
        self.finish_shutdown(false);
    }

    /// Ends the sessions when all links are closed, or when the time for that is over.
    pub(super) fn finish_shutdown(&mut self, late: bool) {
        let over = late || self.links.is_empty();
        let Some(shutdown) = self.shutdown.as_mut().filter(|shutdown| over && !shutdown.finished) else {
            return;
        };
        shutdown.finished = true;
        let mut unstopped = std::mem::take(&mut shutdown.unstopped);
        for link in self.links.values() {
            match link.index.and_then(|index| self.devices.get(index)) {
                Some(entry) => unstopped.push(entry.profile.device().name.clone()),
                None if self.devices.is_unrested(&link.address) => unstopped.push(link.address.clone()),
                None => {}
            }
        }
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close(session, Close::ServerStops);
        }
        self.outputs.push_back(Output::Finished { unstopped });
    }
}

fn gap_ms(description: &Description, bus: Duration) -> u32 {
    u32::try_from(description.gap.unwrap_or(bus).as_millis()).unwrap_or(u32::MAX)
}
