//! What the user's settings mean for a device that has just been set up.

use std::sync::{Arc, OnceLock};

use frisson_devices::settings::{self, Key, Settings, Verdict};
use frisson_engine::device::{Ask, Limit, Preferences};
use frisson_hardware::Ignored;
use tracing::warn;

use crate::messages::Shelf;

/// Why a device may not be used, once that is known.
pub(crate) type Reason = Arc<OnceLock<Ignored>>;

/// Asks the settings for the device at this address. If it may not be used, `reason` is told as well.
pub(crate) fn ask(shelf: Shelf, address: String, reason: Reason) -> Ask {
    Box::new(move |hardware| {
        let settings = shelf.borrow();
        let key = Key::new(&address, &hardware.protocol, &hardware.model);
        let verdict = settings.is_allowed(&key.address, Some(&key.protocol), Some(&key.model));
        if let Some(ignored) = ignored(verdict) {
            let _ = reason.set(ignored);
            return Err(format!("it {verdict}"));
        }
        for misfit in settings.misfits(&key, &hardware.features) {
            warn!("in the settings: {misfit}");
        }
        Ok(preferences(&settings, &key, &hardware.features))
    })
}

fn preferences(settings: &Settings, key: &Key, features: &[frisson_wire::Feature]) -> Preferences {
    let limits = settings.limits_for(key, features);
    Preferences { limits: limits.into_iter().map(limit).collect(), gap: settings.gap(key) }
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
