//! The simulated bus: offers the devices of a simulation.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use frisson_program::{Bus, ConnectPlan, Sighting};
use frisson_wire::Feature;
use tokio::sync::Notify;

use super::port::SimulatedPort;
use super::{Simulation, SimulationError};
use crate::{BoxFuture, Found, Port, PortError, Scanner};

/// Finds simulated devices. Every device is offered at the start, and again when it returns after it was dropped. A scan offers those that
/// are not open once more and then ends.
pub struct SimulatedBus {
    simulation: Simulation,
}

/// What the bus has to tell. Bounded: a device waits at most once.
pub(super) struct Offers {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

struct Waiting {
    places: VecDeque<usize>,
    is_waiting: Vec<bool>,
    scan_ended: bool,
}

impl SimulatedBus {
    /// A bus with these devices, each as it is seen and with what it can do, and the handle to the simulation. The seed decides when buttons
    /// are pressed. Without the bus, the devices are still there, but nobody finds them.
    ///
    /// # Errors
    /// Two devices have the same address.
    pub fn new(
        devices: impl IntoIterator<Item = (Sighting, Vec<Feature>)>,
        seed: u64,
    ) -> Result<(Self, Simulation), SimulationError> {
        let simulation = Simulation::new(devices.into_iter().collect(), seed)?;
        Ok((Self { simulation: simulation.clone() }, simulation))
    }

    fn found(&self) -> Option<Found> {
        let mut waiting = self.simulation.offers.waiting();
        while let Some(place) = waiting.next_place() {
            if let Some(unit) = self.simulation.units.get(place).filter(|unit| unit.is_free()) {
                return Some(Found::Device(unit.sighting().clone()));
            }
        }
        std::mem::take(&mut waiting.scan_ended).then_some(Found::ScanEnded)
    }
}

impl Scanner for SimulatedBus {
    fn name(&self) -> &'static str {
        Bus::Simulated.name()
    }

    fn scan(&mut self, on: bool) {
        if on {
            self.simulation.offers.scan();
        }
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async move {
            loop {
                if let Some(found) = self.found() {
                    return found;
                }
                self.simulation.offers.changed.notified().await;
            }
        })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let unit = self.simulation.unit(&sighting.address).map(|(_, unit)| Arc::clone(unit));
        Box::pin(async move {
            let unit = unit.map_err(|reason| PortError::Failed(reason.to_string()))?;
            Ok(Box::new(SimulatedPort::open(unit)?) as Box<dyn Port>)
        })
    }
}

impl Offers {
    /// All of so many devices.
    pub(super) fn new(count: usize) -> Self {
        let waiting =
            Waiting { places: (0..count).collect(), is_waiting: vec![true; count], scan_ended: false };
        Self { waiting: Mutex::new(waiting), changed: Notify::new() }
    }

    /// Offers one device.
    pub(super) fn offer(&self, place: usize) {
        self.waiting().add(place);
        self.changed.notify_one();
    }

    fn scan(&self) {
        let mut waiting = self.waiting();
        for place in 0..waiting.is_waiting.len() {
            waiting.add(place);
        }
        waiting.scan_ended = true;
        drop(waiting);
        self.changed.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, place: usize) {
        if let Some(is_waiting) = self.is_waiting.get_mut(place).filter(|is_waiting| !**is_waiting) {
            *is_waiting = true;
            self.places.push_back(place);
        }
    }

    fn next_place(&mut self) -> Option<usize> {
        let place = self.places.pop_front()?;
        if let Some(is_waiting) = self.is_waiting.get_mut(place) {
            *is_waiting = false;
        }
        Some(place)
    }
}
