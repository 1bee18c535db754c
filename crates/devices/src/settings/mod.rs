//! What a user has set for single devices: names, indices, limits, and which devices may be connected at all.
//!
//! [`Settings`] are read from a TOML file and become one again; in between they are asked by [`Key`] and changed with
//! [`set`](Settings::set). The user configuration of other servers can be laid over them, see [`import`]. The manual is
//! `docs/settings.md`.
//!
//! ```
//! use frisson_devices::settings::{Key, Settings, Verdict};
//!
//! let file = r#"
//! format = 1
//!
//! [[device]]
//! address = "ble:C0:FF:EE:00:00:01"
//! protocol = "lovense"
//! model = "F"
//! index = 0
//! name = "Left bunny"
//! "#;
//! let (mut settings, odd) = Settings::parse(file, "settings.toml").map_err(|wrong| wrong[0].clone())?;
//! assert!(odd.is_empty());
//!
//! let bunny = Key::new("ble:C0:FF:EE:00:00:01", "lovense", "F");
//! assert_eq!(settings.display_name(&bunny), Some("Left bunny"));
//! assert_eq!(settings.is_allowed(&bunny.address, Some("lovense"), None), Verdict::Allowed);
//!
//! settings.remember_index(&Key::new("ble:C0:FF:EE:00:00:02", "aneros", "Massage Demo"), 1);
//! assert!(settings.to_text().ends_with("model = \"Massage Demo\"\nindex = 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod change;
mod file;
pub mod import;
mod limits;
mod reader;
mod render;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use frisson_program::Bus;
use frisson_wire::{OutputKind, Range};

use self::address::Fit;
pub use self::change::{Change, OutputChange, SetError};
pub use self::file::FORMAT;
use self::import::Imported;
pub use self::limits::{Limit, steps};
use self::render::Source;

/// What makes a piece of hardware the same one the next time it is seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its address as the hub has it, with the bus in front: `ble:C0:FF:EE:00:00:01`.
    pub address: String,
    /// The protocol it speaks.
    pub protocol: String,
    /// The model it says it is; may be empty.
    pub model: String,
}

impl Key {
    /// A key of these parts.
    pub fn new(address: &str, protocol: &str, model: &str) -> Self {
        Self { address: address.to_owned(), protocol: protocol.to_owned(), model: model.to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, protocol, model } = self;
        match model.as_str() {
            "" => write!(f, "{address} ({protocol})"),
            model => write!(f, "{address} ({protocol} {model})"),
        }
    }
}

/// Whom an entry is about: a device, or whatever there is at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// The address. Without a bus in front it is meant on every bus.
    pub address: String,
    /// The protocol; `None` for any.
    pub protocol: Option<String>,
    /// The model; `None` for any.
    pub model: Option<String>,
}

impl Whom {
    /// Whatever there is at this address.
    pub fn at(address: &str) -> Self {
        Self { address: address.to_owned(), protocol: None, model: None }
    }

    /// The device, if it is one and no other.
    pub fn key(&self) -> Option<Key> {
        Some(Key::new(&self.address, self.protocol.as_deref()?, self.model.as_deref()?))
    }

    /// Nothing but whom it is about.
    fn settings(&self) -> DeviceSettings {
        let Self { address, protocol, model } = self.clone();
        DeviceSettings { address, protocol, model, ..DeviceSettings::default() }
    }
}

impl From<&Key> for Whom {
    fn from(key: &Key) -> Self {
        let Key { address, protocol, model } = key.clone();
        Self { address, protocol: Some(protocol), model: Some(model) }
    }
}

/// What the user has set for one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSettings {
    /// Its address. Without a bus in front it is meant on every bus.
    pub address: String,
    /// The protocol it speaks; `None` for any.
    pub protocol: Option<String>,
    /// The model it says it is; `None` for any.
    pub model: Option<String>,
    /// The index that clients see.
    pub index: Option<u32>,
    /// What the user calls it.
    pub name: Option<String>,
    /// If any device has this, only those that do are connected.
    pub allow: bool,
    /// Never connect it.
    pub deny: bool,
    /// The least time between two flushes, instead of what bus and device file say.
    pub gap: Option<Duration>,
    /// Outputs that are limited, turned round or switched off.
    pub outputs: Vec<OutputSettings>,
}

impl DeviceSettings {
    /// Whom it is about.
    pub fn whom(&self) -> Whom {
        Whom { address: self.address.clone(), protocol: self.protocol.clone(), model: self.model.clone() }
    }

    /// Whether it is about what has this address: `ble:C0:FF:EE:00:00:01`, or without the bus.
    pub fn is_at(&self, address: &str) -> bool {
        address::fit(&self.address, address).or_else(|| address::fit(address, &self.address)).is_some()
    }

    /// The settings of an output.
    pub fn output(&self, feature: u32, kind: OutputKind) -> Option<&OutputSettings> {
        self.outputs.iter().find(|output| (output.feature, output.kind) == (feature, kind))
    }

    /// How well this fits a device, if it does. What is not known of the device yet fits.
    fn fits(&self, address: &str, protocol: Option<&str>, model: Option<&str>) -> Option<(Fit, bool, bool)> {
        let fits = |own: &Option<String>, other: Option<&str>| {
            own.as_deref().is_none_or(|own| other.is_none_or(|other| own == other))
        };
        let fit = address::fit(&self.address, address)?;
        let both = fits(&self.protocol, protocol) && fits(&self.model, model);
        both.then_some((fit, self.model.is_some(), self.protocol.is_some()))
    }

    /// Whether this is about the same, and nothing else.
    fn is_about(&self, whom: &Whom) -> bool {
        let address = address::fit(&self.address, &whom.address);
        address == Some(Fit::Whole) && self.protocol == whom.protocol && self.model == whom.model
    }
}

/// What the user has set for one output of a device. Steps are those of the hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSettings {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The lowest and highest step; for outputs with two directions, of both. `None` for all that the hardware has.
    pub range: Option<Range<i32>>,
    /// The durations allowed, in milliseconds; for timed positions.
    pub duration: Option<Range<u32>>,
    /// Whether positions and directions are turned round.
    pub reverse: bool,
    /// Whether the output is hidden and refused.
    pub disabled: bool,
}

impl OutputSettings {
    /// An output without limits.
    pub fn new(feature: u32, kind: OutputKind) -> Self {
        Self { feature, kind, range: None, duration: None, reverse: false, disabled: false }
    }

    /// Whether it changes nothing.
    pub fn is_plain(&self) -> bool {
        *self == Self::new(self.feature, self.kind)
    }
}

/// Whether a device may be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// The user has said never to connect it.
    Denied,
    /// The user has allowed certain devices, and this is none of them.
    NotAllowed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "may be connected",
            Self::Denied => "is denied in the settings",
            Self::NotAllowed => "is not among the devices that the settings allow",
        })
    }
}

/// What a user has set for single devices, perhaps with the configuration of another server laid over it.
///
/// Where several entries fit a device, one that is laid over counts before the user's own, one with the bus in its address before one
/// without, and one that names the model before one that does not; what an entry does not say the next one may.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    preamble: String,
    entries: Vec<Entry>,
    laid_over: Vec<DeviceSettings>,
}

/// A `[[device]]` of the file.
#[derive(Debug, Clone)]
struct Entry {
    /// `None` where the file does not say whom it is about.
    device: Option<DeviceSettings>,
    source: Source,
}

impl Settings {
    /// The user's own entries, in the order of the file.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceSettings> {
        self.entries.iter().filter_map(|entry| entry.device.as_ref())
    }

    /// These settings with what was imported laid over them for the run: where both say something, the import counts; a device that
    /// either denies is denied. [`to_text`](Self::to_text) does not write what was laid over.
    #[must_use]
    pub fn overlaid(&self, imported: &Imported) -> Self {
        let mut all = self.clone();
        all.laid_over = imported.devices.iter().chain(&self.laid_over).cloned().collect();
        all
    }

    /// What the user calls this device.
    pub fn display_name(&self, key: &Key) -> Option<&str> {
        self.of(key).find_map(|device| device.name.as_deref())
    }

    /// The least time between two flushes to this device, where the user has set one.
    pub fn gap(&self, key: &Key) -> Option<Duration> {
        self.of(key).find_map(|device| device.gap)
    }

    /// The index that this device is to have.
    pub fn index_of(&self, key: &Key) -> Option<u32> {
        // One that is laid over for another device is not this one's for the run.
        let reserved: BTreeSet<u32> = self.laid_over.iter().filter_map(|device| device.index).collect();
        let mut found = self.fitting(&key.address, Some(&key.protocol), Some(&key.model)).into_iter();
        found.find_map(|(over, device)| device.index.filter(|index| over || !reserved.contains(index)))
    }

    /// Every index that is stored for a device, so that no other gets it.
    pub fn indices(&self) -> BTreeSet<u32> {
        self.devices().chain(&self.laid_over).filter_map(|device| device.index).collect()
    }

    /// Whether a device may be connected. What is not known of it yet is `None`; ask again when it is.
    pub fn is_allowed(&self, address: &str, protocol: Option<&str>, model: Option<&str>) -> Verdict {
        let found = self.fitting(address, protocol, model);
        if found.iter().any(|(_, device)| device.deny) {
            Verdict::Denied
        } else if found.iter().any(|(_, device)| device.allow)
            || !self.devices().chain(&self.laid_over).any(|device| device.allow)
        {
            Verdict::Allowed
        } else {
            Verdict::NotAllowed
        }
    }

    /// Whether there is an entry for this hardware, so that the server connects it without being asked to.
    pub fn knows(&self, address: &str) -> bool {
        !self.fitting(address, None, None).is_empty()
    }

    /// The addresses, as they stand in the settings, of devices that may be connected and are not: none of `connected` is meant by them.
    /// Left out are those of buses whose devices come by themselves.
    pub fn missing(&self, connected: &BTreeSet<String>) -> BTreeSet<String> {
        let all = || self.devices().chain(&self.laid_over);
        let anything_goes = !all().any(|device| device.allow || device.deny);
        let listed: BTreeSet<&str> = all().map(|device| &*device.address).collect();
        // Written otherwise than in the settings.
        let others: Vec<_> = connected.iter().filter(|address| !listed.contains(&***address)).collect();
        let missing = all().filter(|DeviceSettings { address, protocol, model, .. }| {
            let may_be_used = || {
                let verdict = self.is_allowed(address, protocol.as_deref(), model.as_deref());
                verdict == Verdict::Allowed
            };
            !connected.contains(address)
                && !comes_by_itself(address)
                && !others.iter().any(|other| address::fit(address, other).is_some())
                && (anything_goes || may_be_used())
        });
        missing.map(|device| device.address.clone()).collect()
    }

    /// What fits a device, what counts first in front, and whether it is laid over.
    fn fitting(
        &self,
        address: &str,
        protocol: Option<&str>,
        model: Option<&str>,
    ) -> Vec<(bool, &DeviceSettings)> {
        let own = self.devices().map(|device| (false, device));
        let all = self.laid_over.iter().map(|device| (true, device)).chain(own);
        let mut found: Vec<_> = all
            .filter_map(|(over, device)| Some(((over, device.fits(address, protocol, model)?), device)))
            .collect();
        found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        found.into_iter().map(|((over, _), device)| (over, device)).collect()
    }

    fn of(&self, key: &Key) -> impl Iterator<Item = &DeviceSettings> {
        let found = self.fitting(&key.address, Some(&key.protocol), Some(&key.model));
        found.into_iter().map(|(_, device)| device)
    }
}

/// Whether the address names a bus that need not be scanned.
fn comes_by_itself(address: &str) -> bool {
    let buses = [Bus::Simulated, Bus::WebSocket].into_iter().filter(|bus| bus.is_always_on());
    buses.map(Bus::name).any(|name| address.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
}

/// What outputs are called in files.
const KINDS: [(&str, OutputKind); 9] = [
    ("vibrate", OutputKind::Vibrate),
    ("rotate", OutputKind::Rotate),
    ("oscillate", OutputKind::Oscillate),
    ("constrict", OutputKind::Constrict),
    ("spray", OutputKind::Spray),
    ("temperature", OutputKind::Temperature),
    ("led", OutputKind::Led),
    ("position", OutputKind::Position),
    ("stroke", OutputKind::HwPositionWithDuration),
];

/// What a kind of output is called in settings and device files.
pub fn kind_name(kind: OutputKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(name, _)| *name)
}

/// The kind of output of this name.
pub fn kind_from_name(name: &str) -> Option<OutputKind> {
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// No name, address or key is longer.
const LONGEST: usize = 255;

/// What is wrong with a text that names something and may not be empty.
fn name_fault(name: &str) -> Option<String> {
    let long = name.is_empty() || name.chars().count() > LONGEST;
    let odd = name.chars().any(char::is_control);
    (long || odd).then(|| format!("it has 1 to {LONGEST} characters, none of them a line break or the like"))
}
