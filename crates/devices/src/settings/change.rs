//! Changes of single settings, each checked before it counts.

use std::time::Duration;

use frisson_wire::{Feature, OutputKind, Range};

use super::render::Source;
use super::{DeviceSettings, Entry, Key, OutputSettings, Settings, Whom, kind_name, limits, name_fault};

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
    /// Takes all limits of its outputs back.
    NoOutputs,
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
        self.set_for(&Whom::from(key), features, change)
    }

    /// The same for an entry that does not say protocol or model, and so is about whatever is at its address.
    ///
    /// # Errors
    /// It cannot be set; nothing has changed.
    pub fn set_for(
        &mut self,
        whom: &Whom,
        features: Option<&[Feature]>,
        change: Change,
    ) -> Result<(), SetError> {
        self.check(whom, &change)?;
        let mut device = self.entry(whom).cloned().unwrap_or_else(|| whom.settings());
        match change {
            Change::Name(name) => device.name = name,
            Change::Index(index) => device.index = index,
            Change::Allow(allow) => device.allow = allow,
            Change::Deny(deny) => device.deny = deny,
            Change::Gap(gap) => device.gap = gap,
            Change::NoOutputs => device.outputs.clear(),
            Change::Output { feature, kind, change } => {
                // What another entry says of the output counts no longer once this one says anything.
                let others = self.of_whom(whom).filter(|other| !other.is_about(whom));
                let others = others.filter_map(|other| other.output(feature, kind)).next().copied();
                let known = device.output(feature, kind).copied().or(others);
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
                if others.is_some() || !output.is_plain() {
                    device.outputs.push(output);
                }
                device.outputs.sort_by_key(|output| (output.feature, output.kind));
            }
        }
        self.store(whom, device);
        Ok(())
    }

    /// Notes the index under which a device is known from now on. Whether that is news, so that the file has to be written.
    pub fn remember_index(&mut self, key: &Key, index: u32) -> bool {
        if self.index_of(key) == Some(index) {
            return false;
        }
        let whom = Whom::from(key);
        let holds = |device: &DeviceSettings| device.index == Some(index) && !device.is_about(&whom);
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
        let device = self.entry(&whom).cloned().unwrap_or_else(|| whom.settings());
        self.store(&whom, DeviceSettings { index: Some(index), ..device });
        true
    }

    /// Takes over the indices that `newer` has and `base`, from which it was made, does not have: what a server has added while these
    /// settings were changed by somebody else. An index that was changed here as well stays as it is here, and one that another device has
    /// by now is left out. Whether anything is new.
    pub fn adopt_indices(&mut self, base: &Self, newer: &Self) -> bool {
        let mut is_new = false;
        for device in newer.devices() {
            let whom = device.whom();
            let index_in = |settings: &Self| settings.entry(&whom).and_then(|device| device.index);
            let (Some(index), Some(key)) = (device.index, whom.key()) else { continue };
            let known = index_in(base);
            if known == Some(index) || index_in(self) != known || self.indices().contains(&index) {
                continue;
            }
            is_new |= self.remember_index(&key, index);
        }
        is_new
    }

    /// Takes out the user's own entry for exactly this device. Whether there was one.
    pub fn forget(&mut self, whom: impl Into<Whom>) -> bool {
        let whom = whom.into();
        let before = self.entries.len();
        self.entries.retain(|entry| !entry.device.as_ref().is_some_and(|device| device.is_about(&whom)));
        self.entries.len() < before
    }

    /// The user's own entry for exactly this device.
    pub fn entry(&self, whom: &Whom) -> Option<&DeviceSettings> {
        self.devices().find(|device| device.is_about(whom))
    }

    /// What counts for this device, the most important first. Where protocol or model are open, its own entry alone.
    fn of_whom(&self, whom: &Whom) -> impl Iterator<Item = &DeviceSettings> {
        let found: Vec<_> = match whom.key() {
            Some(key) => self.of(&key).collect(),
            None => self.entry(whom).into_iter().collect(),
        };
        found.into_iter()
    }

    fn store(&mut self, whom: &Whom, device: DeviceSettings) {
        let is_of = |entry: &&mut Entry| entry.device.as_ref().is_some_and(|device| device.is_about(whom));
        match self.entries.iter_mut().find(is_of) {
            Some(entry) if entry.device.as_ref() != Some(&device) => {
                entry.device = Some(device);
                entry.source.renew();
            }
            Some(_) => {}
            None => self.entries.push(Entry { device: Some(device), source: Source::none() }),
        }
    }

    fn check(&self, whom: &Whom, change: &Change) -> Result<(), SetError> {
        match change {
            Change::Name(Some(name)) => match name_fault(name) {
                Some(why) => Err(SetError::Name(name.chars().take(40).collect(), why)),
                None => Ok(()),
            },
            Change::Index(Some(index)) => {
                let Whom { address, protocol, model } = whom;
                let mut others = self
                    .devices()
                    .filter(|device| device.fits(address, protocol.as_deref(), model.as_deref()).is_none());
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
