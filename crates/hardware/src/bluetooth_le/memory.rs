//! What was offered already.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use frisson_program::Uuid;
use tokio::time::Instant;

use crate::Sighting;

/// How many devices are remembered. Those that were offered first are forgotten first.
const MAX_DEVICES: usize = 4096;

/// How long a device is left alone that could not be opened or set up, unless it changes or a new scan begins.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// What devices looked like when they were last offered, by their address.
#[derive(Default)]
pub(super) struct Memory {
    offered: BTreeMap<String, Offered>,
    order: VecDeque<String>,
}

#[derive(PartialEq)]
struct Offered {
    picture: Picture,
    /// It failed, and is worth another attempt then.
    again: Option<Instant>,
}

type Picture = (String, Vec<(u16, Vec<u8>)>, Vec<Uuid>);

impl Memory {
    /// Whether a device has not been offered as it looks now, or is worth another attempt. From then on it has.
    pub(super) fn is_new(&mut self, sighting: &Sighting, now: Instant) -> bool {
        let is_new = self.offered.get(&sighting.address).is_none_or(|known| {
            known.picture != picture(sighting) || known.again.is_some_and(|again| again <= now)
        });
        if is_new {
            self.note(sighting, None);
        }
        is_new
    }

    /// A device failed as it was sighted.
    pub(super) fn failed(&mut self, sighting: &Sighting, now: Instant) {
        self.note(sighting, Some(now + LEFT_ALONE));
    }

    /// A device that was lost is offered again, unless it had failed.
    pub(super) fn forget(&mut self, address: &str) {
        if self.offered.get(address).is_some_and(|known| known.again.is_none()) {
            self.offered.remove(address);
            self.order.retain(|other| other != address);
        }
    }

    fn note(&mut self, sighting: &Sighting, again: Option<Instant>) {
        let offered = Offered { picture: picture(sighting), again };
        if self.offered.insert(sighting.address.clone(), offered).is_some() {
            return;
        }
        self.order.push_back(sighting.address.clone());
        if self.order.len() > MAX_DEVICES
            && let Some(oldest) = self.order.pop_front()
        {
            self.offered.remove(&oldest);
        }
    }

    pub(super) fn clear(&mut self) {
        self.offered.clear();
        self.order.clear();
    }
}

fn picture(sighting: &Sighting) -> Picture {
    (sighting.name.clone(), sighting.manufacturer.clone(), sighting.advertised.clone())
}

/// Whether a device tells enough to be offered.
pub(super) fn is_considered(sighting: &Sighting) -> bool {
    !sighting.name.is_empty() || !sighting.advertised.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bus;

    fn sighting(address: &str, name: &str) -> Sighting {
        Sighting::new(Bus::BluetoothLe, address, name)
    }

    #[test]
    fn the_same_picture_is_new_once_and_a_changed_one_again() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let plain = sighting("1", "toy");
        let stronger = Sighting { rssi: Some(-40), ..plain.clone() };
        let services = Sighting { advertised: vec![Uuid(7)], ..plain.clone() };
        let maker = Sighting { manufacturer: vec![(1, vec![2])], ..services.clone() };
        let seen = [&plain, &plain, &stronger, &services, &maker, &maker, &plain];
        assert_eq!(seen.map(|one| memory.is_new(one, now)), [true, false, false, true, true, false, true]);
        memory.forget("1");
        assert!(memory.is_new(&plain, now));
        memory.clear();
        assert!(memory.is_new(&plain, now));
    }

    #[test]
    fn a_device_that_failed_is_left_alone_for_a_while_unless_it_changes() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let toy = sighting("1", "toy");
        assert!(memory.is_new(&toy, now));
        memory.failed(&toy, now);
        memory.forget("1");
        assert!(!memory.is_new(&toy, now + LEFT_ALONE / 2));
        assert!(memory.is_new(&toy, now + LEFT_ALONE));
        assert!(!memory.is_new(&toy, now + LEFT_ALONE * 2));
        memory.failed(&toy, now + LEFT_ALONE * 2);
        assert!(memory.is_new(&sighting("1", "another toy"), now + LEFT_ALONE * 2));
        memory.forget("1");
        assert!(memory.is_new(&toy, now + LEFT_ALONE * 2));
    }

    #[test]
    fn however_many_devices_pass_by_memory_is_bounded() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        for number in 0..3 * MAX_DEVICES {
            assert!(memory.is_new(&sighting(&number.to_string(), "passer-by"), now));
        }
        assert_eq!((memory.offered.len(), memory.order.len()), (MAX_DEVICES, MAX_DEVICES));
    }

    #[test]
    fn a_device_is_considered_that_tells_a_name_or_a_service() {
        let nameless = sighting("1", "");
        assert!(!is_considered(&nameless));
        assert!(is_considered(&sighting("1", "toy")));
        assert!(is_considered(&Sighting { advertised: vec![Uuid(7)], ..nameless }));
    }
}
