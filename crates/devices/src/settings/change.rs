//! Changes of single settings, each checked before it counts.

use std::time::Duration;

use frisson_wire::{Feature, OutputKind, Range};

use super::render::Source;
use super::{DeviceSettings, Entry, Key, OutputSettings, Settings, kind_name, limits, name_fault};

/// One thing to set for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// What the user calls it; `None` takes the name back.
    Name(Option<String>),
    /// The index that clients see; `None` lets the server choose.
    Index(Option<u32>),
    /// Whether it is among the only devices that are connected.
    Allow(bool),
    /// Whether it is never connected.
    Deny(bool),
    /// The least time between two flushes; `None` for that of bus and device file.
    Gap(Option<Duration>),
    /// Something about an output.
    Output {
        /// The feature's index.
        feature: u32,
        /// Which of the feature's outputs.
        kind: OutputKind,
        /// What about it.
        change: OutputChange,
    },
}

/// One thing to set for an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputChange {
    /// The lowest and highest step, of those of the hardware; `None` for all.
    Range(Option<Range<i32>>),
    /// The shortest and longest duration in milliseconds; `None` for all.
    Duration(Option<Range<u32>>),
    /// Whether it is turned round.
    Reverse(bool),
    /// Whether it is hidden and refused.
    Disabled(bool),
}

/// Why something cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// Not a name.
    #[error("`{0}` cannot be a name: {1}")]
    Name(String, String),
    /// Another device has it.
    #[error("index {0} belongs to {1}")]
    IndexTaken(u32, String),
    /// Too long to be meant.
    #[error("a gap of {0} ms is too long: at most {max}", max = super::file::LONGEST_GAP)]
    Gap(u128),
    /// Nothing would be left.
    #[error(
        "a range from {0} to {1} leaves nothing to choose: the first number is the lower one; to switch the output off, disable it"
    )]
    Range(i64, i64),
    /// The hardware cannot do that.
    #[error("{0}")]
    Misfit(String),
}

impl Settings {
    /// Changes one thing about a device. `features` are those of its hardware, before any limit; `None` if they are not known, and then
    /// what is set is checked when the device comes, by [`misfits`](Settings::misfits).
    ///
    /// # Errors
    /// It cannot be set; nothing has changed.
    pub fn set(&mut self, key: &Key, features: Option<&[Feature]>, change: Change) -> Result<(), SetError> {
        self.check(key, &change)?;
        let mut device = self.own(key).cloned().unwrap_or_else(|| DeviceSettings::new(key));
        match change {
            Change::Name(name) => device.name = name,
            Change::Index(index) => device.index = index,
            Change::Allow(allow) => device.allow = allow,
            Change::Deny(deny) => device.deny = deny,
            Change::Gap(gap) => device.gap = gap,
            Change::Output { feature, kind, change } => {
                // What another entry says of the output counts no longer once this one says anything.
                let known = self.of(key).find_map(|device| device.output(feature, kind)).copied();
                let known = device.output(feature, kind).copied().or(known);
                let mut output = known.unwrap_or_else(|| OutputSettings::new(feature, kind));
                change.apply(&mut output);
                if let Some(features) = features {
                    let before = known.map(|known| limits::misfits(&known, features)).unwrap_or_default();
                    let mut wrong = limits::misfits(&output, features).into_iter();
                    if let Some(why) = wrong.find(|why| !before.contains(why)) {
                        return Err(SetError::Misfit(why));
                    }
                }
                device.outputs.retain(|other| (other.feature, other.kind) != (feature, kind));
                if known.is_some() || !output.is_plain() {
                    device.outputs.push(output);
                }
                device.outputs.sort_by_key(|output| (output.feature, output.kind));
            }
        }
        self.store(key, device);
        Ok(())
    }

    /// Notes the index under which a device is known from now on. Whether that is news, so that the file has to be written.
    pub fn remember_index(&mut self, key: &Key, index: u32) -> bool {
        if self.index_of(key) == Some(index) {
            return false;
        }
        let holds = |device: &DeviceSettings| device.index == Some(index) && !device.is_of(key);
        for at in 0..self.entries.len() {
            let entry = self.entries.get_mut(at);
            if let Some((device, source)) =
                entry.and_then(|entry| Some((entry.device.as_mut()?, &mut entry.source)))
                && holds(device)
            {
                device.index = None;
                source.renew();
            }
        }
        let device = self.own(key).cloned().unwrap_or_else(|| DeviceSettings::new(key));
        self.store(key, DeviceSettings { index: Some(index), ..device });
        true
    }

    /// Takes out the user's own entry for exactly this device. Whether there was one.
    pub fn forget(&mut self, key: &Key) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.device.as_ref().is_some_and(|device| device.is_of(key)));
        self.entries.len() < before
    }

    /// The user's own entry for exactly this device.
    fn own(&self, key: &Key) -> Option<&DeviceSettings> {
        self.devices().find(|device| device.is_of(key))
    }

    fn store(&mut self, key: &Key, device: DeviceSettings) {
        let is_of = |entry: &&mut Entry| entry.device.as_ref().is_some_and(|device| device.is_of(key));
        match self.entries.iter_mut().find(is_of) {
            Some(entry) if entry.device.as_ref() != Some(&device) => {
                entry.device = Some(device);
                entry.source.renew();
            }
            Some(_) => {}
            None => self.entries.push(Entry { device: Some(device), source: Source::none() }),
        }
    }

    fn check(&self, key: &Key, change: &Change) -> Result<(), SetError> {
        match change {
            Change::Name(Some(name)) => match name_fault(name) {
                Some(why) => Err(SetError::Name(name.chars().take(40).collect(), why)),
                None => Ok(()),
            },
            Change::Index(Some(index)) => {
                let (address, protocol, model) = (&key.address, Some(&*key.protocol), Some(&*key.model));
                let mut others =
                    self.devices().filter(|device| device.fits(address, protocol, model).is_none());
                match others.find(|device| device.index == Some(*index)) {
                    Some(other) => Err(SetError::IndexTaken(*index, other.to_string())),
                    None => Ok(()),
                }
            }
            Change::Gap(Some(gap))
                if gap.as_millis() > u128::from(super::file::LONGEST_GAP.unsigned_abs()) =>
            {
                Err(SetError::Gap(gap.as_millis()))
            }
            Change::Output { change: OutputChange::Range(Some(range)), .. } if range.min >= range.max => {
                Err(SetError::Range(range.min.into(), range.max.into()))
            }
            Change::Output { kind, feature, change: OutputChange::Range(Some(range)) } if range.min < 0 => {
                let name = kind_name(*kind);
                let why = format!(
                    "the range of `{name}` of feature {feature} begins at 0 or above; where there are two directions it counts for both"
                );
                Err(SetError::Misfit(why))
            }
            Change::Output { change: OutputChange::Duration(Some(range)), .. } if range.min > range.max => {
                Err(SetError::Range(range.min.into(), range.max.into()))
            }
            _ => Ok(()),
        }
    }
}

impl OutputChange {
    fn apply(self, output: &mut OutputSettings) {
        match self {
            Self::Range(range) => output.range = range,
            Self::Duration(duration) => output.duration = duration,
            Self::Reverse(reverse) => output.reverse = reverse,
            Self::Disabled(disabled) => output.disabled = disabled,
        }
    }
}
