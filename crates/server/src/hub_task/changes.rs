//! New settings, a new catalogue, and what they mean for the devices that are there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use frisson_devices::settings::Settings;
use frisson_devices::{Catalogue, settings};
use frisson_engine::hub::{DeviceId, Input};
use frisson_hardware::Outcome;
use tracing::info;

use super::Task;
use crate::messages::ToScanner;
use crate::preferences;

impl Task {
    pub(super) fn set_settings(&mut self, now: Instant, settings: Settings) {
        let indices = settings.indices();
        self.library.settings.send_replace(settings);
        self.settings_changes += 1;
        self.hub.handle(now, Input::Reserved(indices));
        let devices: Vec<_> = self.devices.keys().copied().collect();
        for device in &devices {
            self.apply_settings(now, *device);
        }
        // An index may be free only when another device has got its own.
        for _ in &devices {
            let moved = devices.iter().filter(|device| self.apply_index(now, **device)).count();
            if moved == 0 {
                break;
            }
        }
        self.devices_changed = true;
    }

    pub(super) fn set_catalogue(&mut self, now: Instant, catalogue: Catalogue) {
        let before = self.library.catalogue.send_replace(Arc::new(catalogue));
        for orders in self.scanners.values() {
            let _ = orders.send(ToScanner::Catalogue);
        }
        for device in self.devices.keys().copied().collect::<Vec<_>>() {
            self.renew(now, device, &before);
        }
        self.devices_changed = true;
    }

    /// Puts in force what the settings say of a device: limits, gap and name, or that it is not to be used.
    pub(super) fn apply_settings(&mut self, now: Instant, device: DeviceId) {
        let Some(link) = self.devices.get_mut(&device) else { return };
        let settings = self.library.settings.borrow();
        let hardware = link.findings.hardware.get().filter(|_| self.hub.index_of(device).is_some());
        let verdict = match hardware {
            Some(hardware) => match preferences::judge(&settings, &hardware.key, &hardware.features) {
                Ok(preferences) => {
                    let name = settings.display_name(&hardware.key);
                    self.hub.handle(now, Input::Named { address: &hardware.key.address, name });
                    let misfits = settings.misfits(&hardware.key, &hardware.features);
                    let in_force = link
                        .in_force
                        .get_or_insert_with(|| (hardware.preferences.clone(), hardware.misfits.clone()));
                    if in_force.1 != misfits {
                        preferences::warn_of(&misfits);
                        in_force.1 = misfits;
                    }
                    if in_force.0 != preferences {
                        in_force.0.clone_from(&preferences);
                        self.hub.handle(now, Input::Preferred(device, preferences));
                    }
                    return;
                }
                Err(verdict) => verdict,
            },
            // It will be asked again when it is known what it is.
            None => match settings.is_allowed(&link.sighting.key(), Some(&link.protocol), None) {
                settings::Verdict::Allowed => return,
                verdict => verdict,
            },
        };
        drop(settings);
        // Told before the link is closed, so that whoever is at its other end can be told why it is.
        if let Some(ignored) = preferences::ignored(verdict) {
            self.tell_scanner(device, Outcome::Ignored(ignored));
        }
        let reason = preferences::reason(verdict);
        self.hub.handle(now, Input::Dismissed { device, reason: &reason });
    }

    /// Gives a device the index that the settings have for it, or has its own stored. Whether its index is another one now.
    fn apply_index(&mut self, now: Instant, device: DeviceId) -> bool {
        let Some(before) = self.hub.index_of(device) else { return false };
        let hardware = self.devices.get(&device).and_then(|link| link.findings.hardware.get());
        let Some(key) = hardware.map(|hardware| hardware.key.clone()) else { return false };
        let settings = self.library.settings.borrow();
        let stored = settings.index_of(&key);
        let taken = settings.indices();
        drop(settings);
        let index = match stored {
            Some(index) => index,
            None if taken.contains(&before) => self.free_index(taken),
            None => before,
        };
        if index != before {
            self.hub.handle(now, Input::Stored { device, index: Some(index) });
        }
        let after = self.hub.index_of(device).unwrap_or(before);
        self.remember(now, device, &key, after);
        after != before
    }

    fn free_index(&self, mut taken: BTreeSet<u32>) -> u32 {
        taken.extend(self.hub.devices().iter().map(|profile| profile.device().index));
        (0..=u32::MAX).find(|index| !taken.contains(index)).unwrap_or(u32::MAX)
    }

    /// Closes a device that would be driven otherwise by the catalogue as it is now than by the one of `before`, to be opened anew.
    pub(super) fn renew(&mut self, now: Instant, device: DeviceId, before: &Arc<Catalogue>) {
        let Some(link) = self.devices.get(&device) else { return };
        let present = Arc::clone(&self.library.catalogue.borrow());
        if Arc::ptr_eq(before, &present) || before.is_alike(&present, &link.sighting, &link.protocol) {
            return;
        }
        if present.find(&link.sighting).is_some() {
            self.renewing.insert(link.sighting.key());
        }
        self.hub.handle(now, Input::Dismissed { device, reason: "its device definition has changed" });
    }

    /// Tells the hub which devices the server has to look for by itself.
    pub(super) fn look_for_missing(&mut self, now: Instant) {
        self.devices_changed = false;
        if !self.own_scan {
            return;
        }
        let ready = self.devices.iter().filter(|(device, _)| self.hub.index_of(**device).is_some());
        let connected: BTreeSet<String> = ready.map(|(_, link)| link.sighting.key()).collect();
        let mut missing = self.library.settings.borrow().missing(&connected);
        missing.extend(self.renewing.difference(&connected).cloned());
        if self.hub.missing() == 0 && !missing.is_empty() {
            info!("looking for {} known devices", missing.len());
        }
        self.hub.handle(now, Input::Missing(missing));
    }
}
