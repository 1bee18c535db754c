//! `devices` and `simulated_devices`: what the user has set for single devices.

use std::sync::Arc;
use std::time::Duration;

use frisson_program::language::{Definition, Model, ModelFeature};
use frisson_wire::{Output, OutputKind, Range};

use super::super::address::bare;
use super::super::file::LONGEST_GAP;
use super::super::{DeviceSettings, OutputSettings, limits, name_fault};
use super::Reader;
use super::json::{Log, Node, short};
use super::models::output_kind;
use crate::simulated::{Archetype, MAX_DEVICES, Simulated};

/// More devices are left out.
const MOST: usize = 2_000;

impl Reader<'_> {
    /// One of `devices`.
    pub(super) fn device(&mut self, node: &Node<'_>) {
        self.log.about.clear();
        let Some(identifier) = node.get("identifier") else {
            return self.log.warn(
                node,
                "it has no `identifier`, so nobody knows which device it is about; it is left out",
            );
        };
        let (protocol, address) =
            (identifier.text("protocol", &mut self.log), identifier.text("address", &mut self.log));
        let (Some(protocol), Some(address)) = (protocol, address) else {
            return self.log.warn(&identifier, "it needs `protocol` and `address`; the device is left out");
        };
        let model = identifier.text("identifier", &mut self.log);
        if identifier.get("identifier").is_some() && model.is_none() {
            return;
        }
        let shown = model.as_deref().map(|model| format!(" {}", short(model))).unwrap_or_default();
        self.log.about = format!("device {}{shown} at {}: ", short(&protocol), short(&address));
        let address = bare(&address).to_owned();
        if let Some(why) = name_fault(&address).or_else(|| name_fault(&protocol)) {
            return self
                .log
                .warn(&identifier, format!("this is no address or protocol: {why}; the device is left out"));
        }
        if self.imported.devices.len() >= MOST {
            return self.log.warn(node, format!("there are more than {MOST} devices; it is left out"));
        }
        let mut device =
            DeviceSettings { address, protocol: Some(protocol), model, ..DeviceSettings::default() };
        let is_same = |other: &DeviceSettings| {
            (&other.address, &other.protocol, &other.model)
                == (&device.address, &device.protocol, &device.model)
        };
        if self.imported.devices.iter().any(is_same) {
            return self.log.warn(node, "the file has settings for this device already; it is left out");
        }
        if let Some(config) = node.get("config") {
            if let Some(user) = config.get("user_config") {
                self.user_config(&user, &mut device);
            }
            device.outputs = self.outputs(&config, &device);
        }
        self.imported.devices.push(device);
    }

    fn user_config(&mut self, node: &Node<'_>, device: &mut DeviceSettings) {
        let log = &mut self.log;
        device.allow = node.flag("allow", log);
        device.deny = node.flag("deny", log);
        let gap = node.number("message_gap_ms", 0..=LONGEST_GAP, log);
        device.gap = gap.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
        device.name = display_name(node, log);
        let index = node.number("index", 0..=i64::from(u32::MAX), log);
        device.index = index.and_then(|index| u32::try_from(index).ok());
        if let Some(index) = device.index
            && let Some(other) = self.imported.devices.iter().find(|other| other.index == Some(index))
        {
            let other = short(&other.to_string());
            log.warn(node, format!("index {index} belongs to {other} already; this device gets another"));
            device.index = None;
        }
    }

    fn outputs(&mut self, config: &Node<'_>, device: &DeviceSettings) -> Vec<OutputSettings> {
        let log = &mut self.log;
        let customised: Vec<_> = config
            .list("features", log)
            .into_iter()
            .filter_map(|feature| Some((feature.get("output")?, feature)))
            .collect();
        if customised.is_empty() {
            return Vec::new();
        }
        let protocol = device.protocol.as_deref().unwrap_or_default();
        let definition = (self.definitions)(protocol);
        let added = self.imported.additions.get(protocol).map(|addition| addition.models.as_slice());
        let ids: Vec<_> = ["base_id", "id"].iter().filter_map(|key| config.text(key, log)).collect();
        let model = model(added.unwrap_or_default(), definition.as_ref(), &ids, device.model.as_deref());
        let Some(model) = model else {
            log.warn(config, format!("the catalogue has no device of the protocol {}, so the limits of its outputs are left out", short(protocol)));
            return Vec::new();
        };
        let mut all: Vec<OutputSettings> = Vec::new();
        for (outputs, node) in customised {
            let Some(base) = feature(&node, &model.features, log) else { continue };
            for (name, node) in outputs.members(log) {
                let Some(kind) = output_kind(name, &node, log) else { continue };
                let Some(output) = base.feature.output(kind) else {
                    log.warn(&node, "the feature has no such output; it is left out");
                    continue;
                };
                let set = output_settings(base.feature.index, &node, output, log);
                let is_new = !all.iter().any(|known| (known.feature, known.kind) == (set.feature, set.kind));
                if is_new && !set.is_plain() {
                    all.push(set);
                }
            }
        }
        all
    }

    /// One of `simulated_devices`.
    pub(super) fn simulated(&mut self, node: &Node<'_>) {
        self.log.about = "simulated device: ".to_owned();
        let log = &mut self.log;
        let Some(id) = node.text("identifier", log) else {
            return log.warn(node, "it needs an `identifier`; it is left out");
        };
        let Some(archetype) = Archetype::find(&id) else {
            let known: Vec<_> = Archetype::all().iter().map(|archetype| archetype.id).collect();
            return log.warn(
                node,
                format!(
                    "there is no simulated device `{}`, only {}; it is left out",
                    short(&id),
                    known.join(", ")
                ),
            );
        };
        let number = self.imported.simulated.len() + 1;
        if number > MAX_DEVICES {
            return log
                .warn(node, format!("there are more than {MAX_DEVICES} simulated devices; it is left out"));
        }
        let address = node.text("address", log).map(|address| bare(&address).to_owned());
        let address = address.unwrap_or_else(|| format!("imported-{}-{number}", archetype.short_id()));
        if name_fault(&address).is_some()
            || self.imported.simulated.iter().any(|other| other.address == address)
        {
            return log.warn(
                node,
                format!(
                    "`{}` is no address, or another simulated device has it; it is left out",
                    short(&address)
                ),
            );
        }
        let device = DeviceSettings {
            address: format!("{}:{address}", frisson_program::Bus::Simulated),
            name: display_name(node, log),
            ..DeviceSettings::default()
        };
        // An entry for it makes the server connect it; a name for it in `devices` counts before this one.
        self.imported.devices.push(device);
        self.imported.simulated.push(Simulated { archetype, address });
    }
}

fn display_name(node: &Node<'_>, log: &mut Log) -> Option<String> {
    let name = node.text("display_name", log).filter(|name| !name.is_empty())?;
    let fault = name_fault(&name);
    if let Some(why) = &fault {
        log.warn(node, format!("`display_name` cannot be a name: {why}; it is left out"));
    }
    fault.is_none().then_some(name)
}

/// The device that settings are based on: by its id, else by what it says it is, else that of all unknown ones.
fn model<'m>(
    added: &'m [Model],
    definition: Option<&'m Arc<Definition>>,
    ids: &[String],
    key: Option<&str>,
) -> Option<&'m Model> {
    let known = definition.map(|definition| definition.models()).unwrap_or_default();
    let by_id = |id: &String| added.iter().chain(known).find(|model| same_id(model.id.as_ref(), id));
    let by_key = || {
        let key = key?;
        added.iter().find(|model| model.matches.iter().any(|known| known == key))
    };
    let default = || definition.and_then(|definition| definition.model(key.unwrap_or_default()));
    ids.iter().find_map(by_id).or_else(by_key).or_else(default)
}

fn same_id(own: Option<&String>, id: &str) -> bool {
    own.is_some_and(|own| own.eq_ignore_ascii_case(id))
}

/// The feature that settings are based on.
fn feature<'m>(node: &Node<'_>, features: &'m [ModelFeature], log: &mut Log) -> Option<&'m ModelFeature> {
    let ids: Vec<_> = ["base_id", "id"].iter().filter_map(|key| node.text(key, log)).collect();
    let by_id = |id: &String| features.iter().find(|feature| same_id(feature.id.as_ref(), id));
    let found = ids.iter().find_map(by_id);
    if found.is_none() {
        let ids: Vec<_> = ids.iter().map(|id| short(id)).collect();
        let which = if ids.is_empty() { "without a `base_id`".to_owned() } else { ids.join(", ") };
        log.warn(node, format!("the device in the catalogue has no feature {which}; it is left out"));
    }
    found
}

fn output_settings(feature: u32, node: &Node<'_>, output: &Output, log: &mut Log) -> OutputSettings {
    let mut set = OutputSettings::new(feature, output.kind);
    set.disabled = node.flag("disabled", log);
    set.reverse = node.flag("reverse", log);
    if set.reverse && !output.kind.is_position() && output.value.min >= 0 {
        log.warn(node, "`reverse` is for positions and for two directions; it is left out");
        set.reverse = false;
    }
    if let Some(value) = node.get("value") {
        value_range(&value, output, &mut set, log);
    }
    if let (Some(value), Some(can), OutputKind::HwPositionWithDuration) =
        (node.get("duration"), output.duration, output.kind)
    {
        set.duration = duration(&value, can, log).filter(|range| *range != can);
    }
    set
}

fn duration(node: &Node<'_>, can: Range<u32>, log: &mut Log) -> Option<Range<u32>> {
    let (low, high) = node.as_pair(&(0..=i64::from(u32::MAX)), log)?;
    let range = Range::new(u32::try_from(low).ok()?, u32::try_from(high).ok()?);
    if !can.contains(range.min) || !can.contains(range.max) {
        log.warn(
            node,
            format!("[{low}, {high}] is not within the device's [{}, {}]; it is left out", can.min, can.max),
        );
        return None;
    }
    Some(range)
}

/// `value` narrows what the device has. Of two directions the magnitude counts, and the narrower one.
fn value_range(node: &Node<'_>, output: &Output, set: &mut OutputSettings, log: &mut Log) {
    let Some((low, high)) = node.as_pair(&(i64::from(-i32::MAX)..=i64::from(i32::MAX)), log) else { return };
    let (least, greatest) = (i64::from(output.value.min), i64::from(output.value.max));
    if low < least || high > greatest {
        return log.warn(
            node,
            format!("[{low}, {high}] is not within the device's [{least}, {greatest}]; it is left out"),
        );
    }
    if (low, high) == (least, greatest) {
        return;
    }
    let (from, to) = match (output.kind.is_position(), low < 0) {
        (true, true) => return log.warn(node, "positions below 0 cannot be a limit; it is left out"),
        (false, true) if high <= 0 => (-high, -low),
        (false, true) => {
            if -low != high {
                log.warn(node, format!("one limit counts for both directions: {}", high.min(-low)));
            }
            (0, high.min(-low))
        }
        // Where the least step is not 0, it is still the whole from below.
        (_, false) => (if low == least { 0 } else { low }, high),
    };
    let (Ok(from), Ok(to)) = (i32::try_from(from), i32::try_from(to)) else { return };
    if from >= to {
        log.warn(node, format!("[{low}, {high}] leaves nothing to choose, so the output is switched off"));
        set.disabled = true;
    } else if Range::new(from, to) != limits::steps(output) {
        set.range = Some(Range::new(from, to));
    }
}
