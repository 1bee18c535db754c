//! What the user's settings mean for a device that has been set up.

use std::sync::{Arc, OnceLock};

use frisson_devices::settings::{self, Key, Settings, Verdict};
use frisson_engine::device::{Ask, Limit, Preferences};
use frisson_hardware::Ignored;
use frisson_wire::Feature;
use tracing::warn;

use crate::messages::Shelf;

/// What is found out about a device while it is set up.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Why it may not be used.
    pub(crate) forbidden: OnceLock<Ignored>,
    pub(crate) hardware: OnceLock<Hardware>,
}

/// Which device it is, what it can do without any limit, and what was put in force when that was known.
#[derive(Debug)]
pub(crate) struct Hardware {
    pub(crate) key: Key,
    pub(crate) features: Vec<Feature>,
    pub(crate) preferences: Preferences,
    /// What of its settings cannot be meant for it. The user has been warned of that.
    pub(crate) misfits: Vec<String>,
}

/// Asks the settings for the device at this address; what comes of it is written down in `findings`.
pub(crate) fn ask(shelf: Shelf, address: String, findings: Arc<Findings>) -> Ask {
    Box::new(move |hardware| {
        let settings = shelf.borrow();
        let key = Key::new(&address, &hardware.protocol, &hardware.model);
        let preferences = judge(&settings, &key, &hardware.features).map_err(|verdict| {
            let _ = ignored(verdict).map(|ignored| findings.forbidden.set(ignored));
            reason(verdict)
        })?;
        let misfits = settings.misfits(&key, &hardware.features);
        warn_of(&misfits);
        let features = hardware.features.clone();
        let known = Hardware { key, features, preferences: preferences.clone(), misfits };
        let _ = findings.hardware.set(known);
        Ok(preferences)
    })
}

/// What the user has set for a device; an error if it is not to be used.
pub(crate) fn judge(settings: &Settings, key: &Key, features: &[Feature]) -> Result<Preferences, Verdict> {
    match settings.is_allowed(&key.address, Some(&key.protocol), Some(&key.model)) {
        Verdict::Allowed => {
            let limits = settings.limits_for(key, features).into_iter().map(limit).collect();
            Ok(Preferences { limits, gap: settings.gap(key) })
        }
        verdict => Err(verdict),
    }
}

/// Why a device is not to be used, for people.
pub(crate) fn reason(verdict: Verdict) -> String {
    format!("it {verdict}")
}

/// Says what of a device's settings cannot be meant for it.
pub(crate) fn warn_of(misfits: &[String]) {
    misfits.iter().for_each(|misfit| warn!("in the settings: {misfit}"));
}

fn limit(limit: settings::Limit) -> Limit {
    let settings::Limit { feature, kind, steps, duration, reverse, disabled } = limit;
    Limit { feature, kind, steps, duration, reverse, disabled }
}

/// What a scanner is told of a device that may not be connected.
pub(crate) fn ignored(verdict: Verdict) -> Option<Ignored> {
    match verdict {
        Verdict::Allowed => None,
        Verdict::Denied => Some(Ignored::Denied),
        Verdict::NotAllowed => Some(Ignored::NotAllowed),
    }
}
