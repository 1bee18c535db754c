//! `configurations`: devices that are added to a protocol.

use std::time::Duration;

use frisson_program::language::{Definition, Model, ModelFeature};
use frisson_wire::{Feature, Input, InputKind, Output, OutputKind, Range, RssiSpelling};

use super::super::file::LONGEST_GAP;
use super::super::{KINDS, LONGEST};
use super::json::{Log, Node, short};

/// More features of one device are left out.
const MOST_FEATURES: usize = 64;

pub(super) fn read(protocol: &Node<'_>, definition: &Definition, log: &mut Log) -> Vec<Model> {
    let defaults = protocol.get("defaults").map(|node| features(&node, log)).unwrap_or_default();
    let mut models: Vec<Model> = Vec::new();
    for node in protocol.list("configurations", log) {
        let Some(mut model) = model(&node, log) else { continue };
        if model.features.is_empty() {
            model.features.clone_from(&defaults);
        }
        if model.features.is_empty() {
            let default = definition.models().iter().find(|model| model.matches.is_empty());
            model.features = default.map(|default| default.features.clone()).unwrap_or_default();
        }
        if model.features.is_empty() {
            log.warn(&node, "the device has no features, and the protocol has none for all; it is left out");
            continue;
        }
        resemble(&mut model, definition);
        models.push(model);
    }
    models
}

/// Leaves what the protocol does not have already.
pub(super) fn keep_new(models: &mut Vec<Model>, definition: &Definition) {
    let known = definition.models();
    for model in models.iter_mut() {
        model.matches.retain(|key| !known.iter().any(|known| known.matches.contains(key)));
    }
    models.retain(|model| !model.matches.is_empty());
}

fn model(node: &Node<'_>, log: &mut Log) -> Option<Model> {
    let mut matches = Vec::new();
    for (key, node) in node.texts("identifier", log) {
        if key.is_empty() || key.len() > LONGEST {
            log.warn(&node, format!("an identifier has 1 to {LONGEST} characters; it is left out"));
        } else {
            matches.push(key);
        }
    }
    if matches.is_empty() {
        // It would be what every unknown device of the protocol is.
        log.warn(node, "the device has no `identifier` by which it could be known; it is left out");
        return None;
    }
    let gap = node.number("message_gap_ms", 0..=LONGEST_GAP, log);
    let name = node.text("name", log).filter(|name| !name.is_empty());
    Some(Model {
        id: node.text("id", log),
        name: name.map(|name| name.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()),
        matches,
        features: features(node, log),
        gap: gap.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis),
        variant: node.text("variant", log),
        ..Model::default()
    })
}

/// Such files do not say which of a protocol's ways a device is spoken to. What has the same outputs as a known device is spoken to like it.
fn resemble(model: &mut Model, definition: &Definition) {
    let shape = |features: &[ModelFeature]| -> Vec<(u32, OutputKind)> {
        let features = features.iter().map(|feature| &feature.feature);
        features
            .flat_map(|feature| feature.outputs.iter().map(|output| (feature.index, output.kind)))
            .collect()
    };
    let own = shape(&model.features);
    let mut known: Vec<_> = definition.models().iter().collect();
    known.sort_by_key(|known| !known.matches.is_empty());
    let fits = |known: &&&Model| model.variant.is_none() || model.variant == known.variant;
    let like = known.iter().filter(fits).find(|known| shape(&known.features) == own);
    if let Some(like) = like {
        model.variant.clone_from(&like.variant);
        model.set.clone_from(&like.set);
    }
}

fn features(node: &Node<'_>, log: &mut Log) -> Vec<ModelFeature> {
    let mut all: Vec<ModelFeature> = Vec::new();
    for (at, node) in (0..).zip(node.list("features", log)) {
        if all.len() >= MOST_FEATURES {
            log.warn(&node, format!("a device has at most {MOST_FEATURES} features; the rest is left out"));
            break;
        }
        let Some(feature) = feature(at, &node, log) else { continue };
        if all.iter().any(|known| known.feature.index == feature.feature.index) {
            log.warn(&node, format!("there is a feature {} already; it is left out", feature.feature.index));
        } else {
            all.push(feature);
        }
    }
    all
}

fn feature(at: i64, node: &Node<'_>, log: &mut Log) -> Option<ModelFeature> {
    let index = match node.get("index") {
        Some(index) => index.as_number(&(0..=255), log)?,
        None => at,
    };
    let mut feature = Feature {
        index: u32::try_from(index).ok()?,
        description: node.text("description", log).unwrap_or_default(),
        ..Feature::default()
    };
    if let Some(node) = node.get("output") {
        for (name, node) in node.members(log) {
            feature.outputs.extend(output(name, &node, log));
        }
    }
    if let Some(node) = node.get("input") {
        for (name, node) in node.members(log) {
            feature.inputs.extend(input(name, &node, log));
        }
    }
    feature.outputs.sort_by_key(|output| output.kind);
    let is_empty = feature.outputs.is_empty() && feature.inputs.is_empty();
    (!is_empty).then(|| ModelFeature { id: node.text("id", log), feature })
}

/// The output of this name; reported if there is none.
pub(super) fn output_kind(name: &str, node: &Node<'_>, log: &mut Log) -> Option<OutputKind> {
    let own =
        KINDS.iter().find(|(known, kind)| *known == name && *kind != OutputKind::HwPositionWithDuration);
    let kind = match name {
        "hw_position_with_duration" => Some(OutputKind::HwPositionWithDuration),
        _ => own.map(|(_, kind)| *kind),
    };
    if kind.is_none() {
        log.warn(node, format!("there is no output of the kind `{}`; it is left out", short(name)));
    }
    kind
}

fn output(name: &str, node: &Node<'_>, log: &mut Log) -> Option<Output> {
    let kind = output_kind(name, node, log)?;
    let missing = |key: &str, log: &mut Log| {
        if node.get(key).is_none() {
            log.warn(node, format!("it has no `{key}`; it is left out"));
        }
        node.get(key)
    };
    let value = missing("value", log)?;
    let (low, high) = value.as_pair(&(i64::from(-i32::MAX)..=i64::from(i32::MAX)), log)?;
    if low == high || high <= 0 {
        log.warn(&value, format!("[{low}, {high}] has no steps; it is left out"));
        return None;
    }
    let duration = match kind {
        OutputKind::HwPositionWithDuration => {
            let (low, high) = missing("duration", log)?.as_pair(&(0..=i64::from(i32::MAX)), log)?;
            Some(Range::new(u32::try_from(low).ok()?, u32::try_from(high).ok()?))
        }
        _ => None,
    };
    Some(Output { kind, value: Range::new(i32::try_from(low).ok()?, i32::try_from(high).ok()?), duration })
}

fn input(name: &str, node: &Node<'_>, log: &mut Log) -> Option<Input> {
    let kind = match name {
        "battery" => InputKind::Battery,
        "rssi" => InputKind::Rssi,
        "pressure" => InputKind::Pressure,
        "button" => InputKind::Button,
        _ => {
            log.warn(node, format!("there is no input of the kind `{}`; it is left out", short(name)));
            return None;
        }
    };
    let ranges = node.list("value", log);
    let pairs =
        ranges.iter().filter_map(|node| node.as_pair(&(i64::from(i32::MIN)..=i64::from(i32::MAX)), log));
    let values: Vec<_> = pairs.map(|(low, high)| Range::new(low, high)).collect();
    let commands = node.texts("command", log);
    let can = |what: &str| commands.iter().any(|(command, _)| command.eq_ignore_ascii_case(what));
    let input = Input {
        kind,
        values,
        read: can("read"),
        subscribe: can("subscribe"),
        spelling: RssiSpelling::default(),
    };
    if input.values.is_empty() || !(input.read || input.subscribe) {
        log.warn(node, "it needs a `value` and a `command` out of Read and Subscribe; it is left out");
        return None;
    }
    Some(input)
}
