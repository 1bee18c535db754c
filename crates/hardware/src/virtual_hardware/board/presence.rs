//! How a device of a host is presented, found and left alone.

use super::super::incoming::{Advert, Fault};
use super::super::outgoing::Outgoing;
use super::device::{After, Device, State};
use super::host::Host;
use super::{Air, address};
use crate::{Found, Ignored, Outcome};

/// How many devices of one host are present at once, or remembered.
const MAX_DEVICES: usize = 1024;
/// How much room what a host says of its devices may take, in bytes.
const MAX_ADVERTS: usize = 8 << 20;

impl Host {
    pub(super) fn advertise(&mut self, air: &mut Air, advert: Advert) -> Result<(), Fault> {
        let name = advert.device.clone();
        let fault = |code, message: &str| Err(Fault::new(code, message).of(&name));
        let key = address(&advert.sighting);
        if let Some((host, other)) = air.addresses.get(&key)
            && (*host != self.id || *other != name)
        {
            return fault("duplicate", "another device on this transport has the address");
        }
        let known = self.devices.get(&name);
        if let Some(Device { state: State::Connecting { .. } | State::Linked(_), .. }) = known {
            return fault("busy", "the device is connected");
        }
        let others = self.devices.iter().filter(|(other, _)| **other != name);
        let adverts = others.filter_map(|(_, device)| device.advert.as_ref());
        if adverts.map(|advert| advert.size).sum::<usize>() + advert.size > MAX_ADVERTS {
            return fault("bad-frame", "the devices of this connection take more than 8 MiB");
        }
        if known.is_none() && self.devices.len() >= MAX_DEVICES && !self.forget() {
            return fault("bad-frame", "this connection has 1024 devices");
        }
        let order = air.new_order();
        let device = self.devices.entry(name.clone()).or_insert_with(|| Device::new(order));
        let old = device.advert.replace(advert).map(|advert| address(&advert.sighting));
        let is_same = old.as_ref() == Some(&key);
        device.order = order;
        // A device with another address is another device: what the server thinks of the former does not matter any more.
        device.state = match device.state {
            State::Offered(_) if is_same => State::Offered(After::Again),
            _ => State::Waiting,
        };
        if let Some(old) = old {
            air.addresses.remove(&old);
        }
        air.addresses.insert(key, (self.id, name.clone()));
        self.offer(air, &name);
        Ok(())
    }

    /// Makes room for another device by forgetting the one that has been gone longest.
    fn forget(&mut self) -> bool {
        let gone = self.devices.iter().filter(|(_, device)| matches!(device.state, State::Absent));
        let oldest = gone.min_by_key(|(_, device)| device.order).map(|(name, _)| name.clone());
        oldest.is_some_and(|name| self.devices.remove(&name).is_some())
    }

    pub(super) fn unadvertise(&mut self, air: &mut Air, name: &str) -> Result<(), Fault> {
        let device = self.known(name)?;
        match device.state {
            State::Waiting => self.absent(air, name),
            State::Offered(_) => device.state = State::Offered(After::Withdrawn),
            _ => {}
        }
        Ok(())
    }

    /// Devices that a scan would find, with the order in which they were presented.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u64, String)> {
        let waiting = self.devices.iter().filter(|(_, device)| matches!(device.state, State::Waiting));
        waiting.map(|(name, device)| (device.order, name.clone()))
    }

    /// Lets the server find a device, if it looks for such devices.
    pub(super) fn offer(&mut self, air: &Air, name: &str) {
        let Some(device) = self.devices.get_mut(name) else { return };
        let (State::Waiting, Some(advert)) = (&device.state, &device.advert) else { return };
        if air.is_scanning || advert.sighting.bus.is_always_on() {
            let _ = air.found.send(Found::Device(advert.sighting.clone()));
            device.state = State::Offered(After::Nothing);
        }
    }

    /// The server has made up its mind about a device. What becomes of a connection is seen here before the server says so, and told to
    /// the host at once: by then it may have presented the device anew.
    pub(super) fn outcome(&mut self, air: &mut Air, name: &str, outcome: &Outcome) {
        let Some(device) = self.devices.get_mut(name) else { return };
        match (&mut device.state, outcome) {
            (State::Linked(linked), Outcome::Ready { protocol, name: title, index }) => {
                linked.is_ready = true;
                self.send(&Outgoing::Ready { device: name, protocol, name: title, index: *index });
            }
            (_, Outcome::Ignored(Ignored::ConnectFailed | Ignored::InitFailed)) => {}
            // It is being closed; the host is told when it is.
            (State::Linked(linked), Outcome::Ignored(reason)) => linked.blame = *reason,
            (State::Offered(After::Again), _) => self.wait(air, name),
            (State::Offered(After::Nothing), Outcome::Missed) => self.wait(air, name),
            (State::Offered(After::Withdrawn), Outcome::Missed) => self.absent(air, name),
            (State::Offered(_), Outcome::Ignored(reason)) => {
                self.absent(air, name);
                self.ignored(name, *reason);
            }
            _ => {}
        }
    }

    pub(super) fn wait(&mut self, air: &Air, name: &str) {
        if let Some(device) = self.devices.get_mut(name) {
            device.state = State::Waiting;
        }
        self.offer(air, name);
    }

    /// The device is not there until it is presented anew.
    pub(super) fn absent(&mut self, air: &mut Air, name: &str) {
        let Some(device) = self.devices.get_mut(name) else { return };
        device.state = State::Absent;
        device.order = air.new_order();
        if let Some(advert) = device.advert.take() {
            air.addresses.remove(&address(&advert.sighting));
        }
    }
}
