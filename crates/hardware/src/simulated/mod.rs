//! Simulated devices: there from the start, and behaving like hardware, with motors that need time and a link that can be lost.
//!
//! [`SimulatedBus::new`] takes what the devices are and gives the [`SimulatedBus`], which is a [`Scanner`](crate::Scanner) like any
//! other, and a [`Simulation`], which looks at the devices and does to them what happens to hardware.
//!
//! # How they behave
//!
//! * Motors reach their speed within 150 ms, pumps within 2 s and heaters within a minute; lights are at once what they are told to be.
//! * A stroker needs at least 400 ms from end to end. A timed move takes the time that was asked for, or longer if the stroker is not
//!   that fast; a new move starts where the last one has come to.
//! * The pressure follows the pump. The battery lasts a day at rest and an hour at full power; an empty device goes on working, so that
//!   a test may take as long as it likes. The button is pressed every 5 to 20 s while somebody listens to it.
//! * A device whose link is closed or lost goes on doing what it was last told, so that a stop that was never sent shows.
//! * Values are worked out when somebody looks: a device that nobody listens to needs no timer.
//!
//! # Their bytes
//!
//! Numbers are little-endian. Endpoint `tx` takes writes of 1 to 50 records of 10 bytes, which take effect together or not at all:
//!
//! | byte | meaning |
//! | --- | --- |
//! | 0 | index of the feature |
//! | 1 | output: 0 vibrate, 1 rotate, 2 oscillate, 3 constrict, 4 spray, 5 temperature, 6 light, 7 position, 8 position with duration; 255 ends a move where the device is |
//! | 2–5 | value in steps, signed; 0 with 255 |
//! | 6–9 | milliseconds to get there, unsigned; 0 for all but position with duration |
//!
//! Each input has an endpoint with its name: `battery`, `pressure`, `button`. What is read or heard there is 8 bytes: the value, signed.
//! Who listens to the battery or the pressure hears its value at once and then, at most every 100 ms, its changes;
//! who listens to the button hears 1 when it goes down and 0 when it comes up.
//!
//! ```
//! use frisson_devices::simulated::SimulatedList;
//! use frisson_hardware::simulated::SimulatedBus;
//!
//! let list: SimulatedList = "stroker,1vibe:2".parse()?;
//! let (bus, simulation) = SimulatedBus::new(list.hardware(), 1)?;
//! assert_eq!(simulation.devices().len(), 3);
//! # drop(bus);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bus;
mod machine;
mod motion;
mod port;
mod unit;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use bus::Offers;
pub use bus::SimulatedBus;
use frisson_program::{Endpoint, Sighting};
use frisson_wire::{Feature, InputKind, OutputKind};
use tokio::time::Instant;
use unit::Unit;

/// Looks at simulated devices and does to them what happens to hardware. Clones are the same simulation.
///
/// Devices are named by the address of their sighting.
#[derive(Clone)]
pub struct Simulation {
    units: Arc<[Arc<Unit>]>,
    places: Arc<HashMap<String, usize>>,
    offers: Arc<Offers>,
}

/// Why something cannot be done to a simulated device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// There is no device of this address.
    #[error("there is no simulated device `{0}`")]
    Unknown(String),
    /// Two devices have the same address.
    #[error("two simulated devices have the address `{0}`: give one of them another")]
    Duplicate(String),
    /// The device has no button.
    #[error("the simulated device `{0}` has no button")]
    NoButton(String),
}

/// What shall go wrong with a device. The default is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// So many attempts to open the device fail from now on.
    pub fail_connects: u32,
    /// So many writes fail from now on.
    pub fail_writes: u32,
    /// So many reads fail from now on.
    pub fail_reads: u32,
    /// How long every write takes. The device acts on it at the end of that time.
    pub write_delay: Duration,
    /// Writes, reads and wishes to listen are never answered and have no effect; also later, if they were begun while this was set.
    pub silent: bool,
}

/// A write that a device has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// When.
    pub at: Instant,
    /// Where to.
    pub endpoint: Endpoint,
    /// What.
    pub bytes: Vec<u8>,
}

/// How a device is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// What the device calls itself.
    pub name: String,
    /// Whether the device is there, rather than dropped.
    pub present: bool,
    /// Whether it is open.
    pub connected: bool,
    /// Its outputs, in the order of its features.
    pub outputs: Vec<OutputSnapshot>,
    /// Its inputs, in the order of its features.
    pub inputs: Vec<InputSnapshot>,
    /// How many writes it has taken.
    pub writes: u64,
    /// How many writes have failed.
    pub failed_writes: u64,
}

/// How an output is at one moment. A position and a timed position of one feature are two views of one thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputSnapshot {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// What it was last told to be.
    pub target: i32,
    /// What it is.
    pub actual: f64,
}

/// How an input is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSnapshot {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's inputs.
    pub kind: InputKind,
    /// What it measures.
    pub value: i64,
    /// Whether it is listened to.
    pub listening: bool,
}

impl Simulation {
    fn new(devices: Vec<(Sighting, Vec<Feature>)>, seed: u64) -> Result<Self, SimulationError> {
        let mut places = HashMap::with_capacity(devices.len());
        let mut units = Vec::with_capacity(devices.len());
        for ((place, (sighting, features)), number) in devices.into_iter().enumerate().zip(0_u64..) {
            match places.entry(sighting.address.clone()) {
                Entry::Occupied(entry) => return Err(SimulationError::Duplicate(entry.key().clone())),
                Entry::Vacant(entry) => entry.insert(place),
            };
            units.push(Arc::new(Unit::new(sighting, &features, seed.wrapping_add(number))));
        }
        let offers = Arc::new(Offers::new(units.len()));
        Ok(Self { units: units.into(), places: Arc::new(places), offers })
    }

    /// What is seen of each device, in the order in which they were given; also of those that are dropped at present.
    pub fn devices(&self) -> Vec<Sighting> {
        self.units.iter().map(|unit| unit.sighting().clone()).collect()
    }

    /// How a device is now.
    ///
    /// # Errors
    /// There is no such device.
    pub fn state(&self, address: &str) -> Result<Snapshot, SimulationError> {
        Ok(self.unit(address)?.1.snapshot())
    }

    /// Takes a device out of reach: its link is lost, and it cannot be opened until it is [returned](Self::return_device).
    ///
    /// # Errors
    /// There is no such device.
    pub fn drop_device(&self, address: &str) -> Result<(), SimulationError> {
        self.unit(address)?.1.set_present(false);
        Ok(())
    }

    /// Brings a dropped device back. It is offered again, without a scan.
    ///
    /// # Errors
    /// There is no such device.
    pub fn return_device(&self, address: &str) -> Result<(), SimulationError> {
        let (place, unit) = self.unit(address)?;
        if unit.set_present(true) {
            self.offers.offer(place);
        }
        Ok(())
    }

    /// Presses a device's button and, after a moment, lets it go.
    ///
    /// # Errors
    /// There is no such device, or it has no button.
    pub fn press(&self, address: &str) -> Result<(), SimulationError> {
        if self.unit(address)?.1.press() {
            Ok(())
        } else {
            Err(SimulationError::NoButton(address.to_owned()))
        }
    }

    /// Replaces what shall go wrong with a device.
    ///
    /// # Errors
    /// There is no such device.
    pub fn set_faults(&self, address: &str, faults: Faults) -> Result<(), SimulationError> {
        self.unit(address)?.1.set_faults(faults);
        Ok(())
    }

    /// The last 256 writes that a device has taken, the oldest first.
    ///
    /// # Errors
    /// There is no such device.
    pub fn log(&self, address: &str) -> Result<Vec<Written>, SimulationError> {
        Ok(self.unit(address)?.1.log())
    }

    /// Waits until a device is as asked for. It is looked at anew when it is written to, opened, closed, dropped, returned or pressed, but not
    /// while its outputs are on their way.
    ///
    /// # Errors
    /// There is no such device.
    pub async fn wait_for(
        &self,
        address: &str,
        what: impl FnMut(&Snapshot) -> bool,
    ) -> Result<Snapshot, SimulationError> {
        Ok(self.unit(address)?.1.wait_for(what).await)
    }

    fn unit(&self, address: &str) -> Result<(usize, &Arc<Unit>), SimulationError> {
        self.places
            .get(address)
            .and_then(|&place| Some((place, self.units.get(place)?)))
            .ok_or_else(|| SimulationError::Unknown(address.to_owned()))
    }
}

impl Snapshot {
    /// One output.
    pub fn output(&self, feature: u32, kind: OutputKind) -> Option<&OutputSnapshot> {
        self.outputs.iter().find(|output| output.feature == feature && output.kind == kind)
    }

    /// What the first input of this kind measures.
    pub fn input(&self, kind: InputKind) -> Option<i64> {
        self.inputs.iter().find(|input| input.kind == kind).map(|input| input.value)
    }

    /// Whether the device was told to do nothing: intensities are to be 0, though they may still be falling, and nothing moves to another position.
    pub fn is_at_rest(&self) -> bool {
        self.outputs.iter().all(|output| {
            if output.kind.is_position() {
                (f64::from(output.target) - output.actual).abs() <= 0.5
            } else {
                output.target == 0
            }
        })
    }
}
