//! The kinds of simulated devices, and the lists in which users ask for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use frisson_program::{Bus, Sighting};
use frisson_wire::{Feature, Input, InputKind, Output, OutputKind, Range, RssiSpelling};

/// The most simulated devices that a list may ask for.
pub const MAX_DEVICES: usize = 1000;

const PREFIX: &str = "simulated-";

/// A kind of simulated device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archetype {
    /// What it is called in lists and settings, e.g. `simulated-1vibe`.
    pub id: &'static str,
    /// The name for people.
    pub name: &'static str,
    features: &'static [Part],
}

/// A feature of an archetype: its description, outputs and inputs.
type Part = (&'static str, &'static [Ability]);

/// What a feature does or senses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ability {
    /// An output with its lowest and highest step.
    Does(OutputKind, i32, i32),
    /// A timed position with its highest step and its longest time in milliseconds.
    Travels(i32, u32),
    /// An input with its highest value, which can be subscribed to, and perhaps read.
    Senses(InputKind, i64, Reads),
}

/// Whether an input can be read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Yes,
    No,
}

use Ability::{Does, Senses, Travels};

const BATTERY: Part = ("Battery", &[Senses(InputKind::Battery, 100, Reads::Yes)]);

const ARCHETYPES: [Archetype; 8] = [
    Archetype {
        id: "simulated-1vibe",
        name: "Simulated 1-Motor Vibrator",
        features: &[("Vibrator", &[Does(OutputKind::Vibrate, 0, 100)]), BATTERY],
    },
    Archetype {
        id: "simulated-2vibe",
        name: "Simulated 2-Motor Vibrator",
        features: &[
            ("Vibrator 1", &[Does(OutputKind::Vibrate, 0, 100)]),
            ("Vibrator 2", &[Does(OutputKind::Vibrate, 0, 100)]),
            BATTERY,
        ],
    },
    Archetype {
        id: "simulated-rotator",
        name: "Simulated Rotator",
        features: &[("Rotator", &[Does(OutputKind::Rotate, -100, 100)]), BATTERY],
    },
    Archetype {
        id: "simulated-oscillator",
        name: "Simulated Oscillator",
        features: &[("Oscillator", &[Does(OutputKind::Oscillate, 0, 100)]), BATTERY],
    },
    Archetype {
        id: "simulated-stroker",
        name: "Simulated Stroker",
        features: &[("Stroker", &[Does(OutputKind::Position, 0, 1000), Travels(1000, 100_000)]), BATTERY],
    },
    Archetype {
        id: "simulated-pump",
        name: "Simulated Pump",
        features: &[
            ("Pump", &[Does(OutputKind::Constrict, 0, 10)]),
            ("Pressure", &[Senses(InputKind::Pressure, 2000, Reads::Yes)]),
            BATTERY,
        ],
    },
    Archetype {
        id: "simulated-heater",
        name: "Simulated Heater with Light",
        features: &[
            ("Heater", &[Does(OutputKind::Temperature, 0, 10)]),
            ("Light", &[Does(OutputKind::Led, 0, 100)]),
            BATTERY,
        ],
    },
    Archetype {
        id: "simulated-remote",
        name: "Simulated Remote Control",
        features: &[("Button", &[Senses(InputKind::Button, 1, Reads::No)]), BATTERY],
    },
];

impl Archetype {
    /// Every archetype.
    pub fn all() -> &'static [Self] {
        &ARCHETYPES
    }

    /// The archetype of this id; `simulated-` in front may be left out.
    pub fn find(id: &str) -> Option<&'static Self> {
        ARCHETYPES.iter().find(|archetype| archetype.id == id || archetype.short_id() == id)
    }

    /// The id without `simulated-` in front.
    pub fn short_id(&self) -> &'static str {
        self.id.strip_prefix(PREFIX).unwrap_or(self.id)
    }

    /// What such a device can do and sense, in whole steps. The last feature is the battery.
    pub fn features(&self) -> Vec<Feature> {
        (0..).zip(self.features).map(|(index, part)| feature(index, part)).collect()
    }
}

fn feature(index: u32, &(description, abilities): &Part) -> Feature {
    let mut feature = Feature { index, description: description.to_owned(), ..Feature::default() };
    for &ability in abilities {
        match ability {
            Does(kind, min, max) => {
                feature.outputs.push(Output { kind, value: Range::new(min, max), duration: None });
            }
            Travels(max, duration) => feature.outputs.push(Output {
                kind: OutputKind::HwPositionWithDuration,
                value: Range::new(0, max),
                duration: Some(Range::new(0, duration)),
            }),
            Senses(kind, max, reads) => feature.inputs.push(Input {
                kind,
                values: vec![Range::new(0, max)],
                read: reads == Reads::Yes,
                subscribe: true,
                spelling: RssiSpelling::default(),
            }),
        }
    }
    feature
}

/// One simulated device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// Its kind.
    pub archetype: &'static Archetype,
    /// What tells it from others, e.g. `1vibe-2`.
    pub address: String,
}

impl Simulated {
    /// What is seen of it on the simulated bus.
    pub fn sighting(&self) -> Sighting {
        Sighting::new(Bus::Simulated, &self.address, self.archetype.id)
    }
}

/// The simulated devices that a user asks for: archetypes separated by commas, each with a count behind a colon if it is not 1, e.g.
/// `stroker,1vibe:100`. The default is one of each archetype.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedList {
    devices: Vec<Simulated>,
}

/// Why a list of simulated devices cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// There is no such archetype.
    #[error("unknown simulated device `{0}`: known are {known}", known = Known)]
    Unknown(String),
    /// The count is not a number, or 0.
    #[error(
        "`{0}` is not a number of simulated devices: write e.g. `1vibe:3`, with a number from 1 to {MAX_DEVICES}"
    )]
    Count(String),
    /// The list asks for more devices than [`MAX_DEVICES`].
    #[error("{0} simulated devices are too many: at most {MAX_DEVICES} are possible")]
    TooMany(usize),
    /// A name is missing: the list is empty, or there is nothing between two commas.
    #[error("the name of a simulated device is missing in `{0}`: known are {known}", known = Known)]
    Missing(String),
}

/// Names all archetypes.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, archetype) in ARCHETYPES.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", archetype.short_id())?;
        }
        Ok(())
    }
}

impl SimulatedList {
    /// The devices, in the order in which they were asked for.
    pub fn iter(&self) -> impl Iterator<Item = &Simulated> {
        self.devices.iter()
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there is no device; never so for a list that was read from text.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Each device as the simulated bus wants it: what is seen of it, and what it can do.
    pub fn hardware(&self) -> impl Iterator<Item = (Sighting, Vec<Feature>)> {
        self.devices.iter().map(|device| (device.sighting(), device.archetype.features()))
    }

    fn of(counts: impl IntoIterator<Item = (&'static Archetype, usize)>) -> Self {
        let mut numbers = BTreeMap::<_, usize>::new();
        let mut devices = Vec::new();
        for (archetype, count) in counts {
            let number = numbers.entry(archetype.id).or_default();
            for _ in 0..count {
                *number += 1;
                devices.push(Simulated { archetype, address: format!("{}-{number}", archetype.short_id()) });
            }
        }
        Self { devices }
    }
}

/// A list of single devices. Of two with the same address the first counts.
impl FromIterator<Simulated> for SimulatedList {
    fn from_iter<T: IntoIterator<Item = Simulated>>(devices: T) -> Self {
        let mut addresses = BTreeSet::new();
        let devices = devices.into_iter().filter(|device| addresses.insert(device.address.clone()));
        Self { devices: devices.collect() }
    }
}

impl Default for SimulatedList {
    fn default() -> Self {
        Self::of(ARCHETYPES.iter().map(|archetype| (archetype, 1)))
    }
}

impl FromStr for SimulatedList {
    type Err = ListError;

    fn from_str(list: &str) -> Result<Self, ListError> {
        let counts = list.split(',').map(|entry| counted(entry, list)).collect::<Result<Vec<_>, _>>()?;
        let total = counts.iter().fold(0_usize, |total, (_, count)| total.saturating_add(*count));
        if total > MAX_DEVICES {
            return Err(ListError::TooMany(total));
        }
        Ok(Self::of(counts))
    }
}

fn counted(entry: &str, list: &str) -> Result<(&'static Archetype, usize), ListError> {
    let (name, count) = match entry.split_once(':') {
        Some((name, count)) => (name.trim(), Some(count.trim())),
        None => (entry.trim(), None),
    };
    if name.is_empty() {
        return Err(ListError::Missing(list.to_owned()));
    }
    let archetype = Archetype::find(name).ok_or_else(|| ListError::Unknown(name.to_owned()))?;
    let count = match count.map(|text| (text, text.parse())) {
        None => 1,
        Some((_, Ok(count))) if count > 0 => count,
        Some((text, _)) => return Err(ListError::Count(text.to_owned())),
    };
    Ok((archetype, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &str) -> Vec<String> {
        let list: SimulatedList = list.parse().expect("a list");
        list.iter().map(|device| device.address.clone()).collect()
    }

    fn error(list: &str) -> String {
        list.parse::<SimulatedList>().expect_err(list).to_string()
    }

    #[test]
    fn without_a_list_there_is_one_of_each() {
        let ids: Vec<_> = SimulatedList::default().iter().map(|device| device.archetype.id).collect();
        assert_eq!(ids, Archetype::all().iter().map(|archetype| archetype.id).collect::<Vec<_>>());
    }

    #[test]
    fn names_may_be_short_or_whole() {
        assert_eq!(addresses("1vibe, simulated-stroker"), ["1vibe-1", "stroker-1"]);
    }

    #[test]
    fn counts_multiply_and_addresses_stay_apart() {
        assert_eq!(addresses("pump:2,1vibe,pump"), ["pump-1", "pump-2", "1vibe-1", "pump-3"]);
        assert_eq!(addresses("1vibe:1000").len(), 1000);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        assert_eq!(
            error("1vibe,foo:3"),
            "unknown simulated device `foo`: known are 1vibe, 2vibe, rotator, oscillator, stroker, pump, heater, remote"
        );
    }

    #[test]
    fn a_count_that_is_no_number_is_refused() {
        for list in ["1vibe:0", "1vibe:x", "1vibe:", "1vibe:-1", "1vibe:99999999999999999999999"] {
            assert!(error(list).contains("is not a number of simulated devices"), "{list}");
        }
    }

    #[test]
    fn a_missing_name_is_refused() {
        for list in ["", "1vibe,", ",", ":3", " "] {
            assert!(error(list).contains("missing"), "{list}");
        }
    }

    #[test]
    fn too_many_devices_are_refused() {
        assert_eq!(
            error("1vibe:1000,2vibe"),
            "1001 simulated devices are too many: at most 1000 are possible"
        );
        assert!(error(&format!("1vibe:{0},2vibe:{0}", usize::MAX)).contains("too many"));
    }

    #[test]
    fn lists_can_be_put_together() {
        let one: SimulatedList = "1vibe:2".parse().expect("a list");
        let other: SimulatedList = "1vibe,pump".parse().expect("a list");
        let both: SimulatedList = one.iter().chain(other.iter()).cloned().collect();
        let addresses: Vec<_> = both.iter().map(|device| device.address.as_str()).collect();
        assert_eq!(addresses, ["1vibe-1", "1vibe-2", "pump-1"]);
    }

    #[test]
    fn every_archetype_ends_with_a_battery_that_can_be_read() {
        for archetype in Archetype::all() {
            let features = archetype.features();
            let battery = features.last().and_then(|feature| feature.input(InputKind::Battery));
            assert!(battery.is_some_and(|input| input.read && input.subscribe), "{}", archetype.id);
        }
    }

    #[test]
    fn features_are_numbered_in_order() {
        for archetype in Archetype::all() {
            let indices: Vec<_> = archetype.features().iter().map(|feature| feature.index).collect();
            assert_eq!(indices, (0..).take(indices.len()).collect::<Vec<u32>>(), "{}", archetype.id);
        }
    }
}
