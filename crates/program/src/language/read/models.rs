//! What exists: models, their features, and the constants by which they differ.

use frisson_wire::{Feature, Input, InputKind, Output, OutputKind, Range, RssiSpelling};

use super::super::definition::{Model, ModelFeature};
use super::super::names::{check_name, kind_name};
use super::super::schema::{FEATURE, FEATURE_INPUT, MODEL};
use super::Reader;
use super::node::{self, Table, Value};

/// More models are refused.
const MOST_MODELS: usize = 2000;

/// More features of one model are refused.
const MOST_FEATURES: usize = 64;

/// More constants are refused.
const MOST_CONSTANTS: usize = 64;

/// No key or name is longer.
const LONGEST: usize = 255;

impl Reader<'_, '_> {
    /// Introduces the constants of the file and of its models.
    pub(in super::super) fn constants(&mut self, top: &Table<'_>) {
        for (name, value) in self.assignments(top) {
            if let Some(place) = self.constant(&name)
                && let Some(slot) = self.defaults.get_mut(place)
            {
                *slot = Some(value);
            }
        }
        for table in top.tables("models", &MODEL, MOST_MODELS, self.report) {
            for (name, _) in self.assignments(&table) {
                self.constant(&name);
            }
        }
    }

    fn constant(&mut self, name: &str) -> Option<usize> {
        if let Some(at) = self.names.constants.iter().position(|known| known == name) {
            return Some(at);
        }
        if self.names.constants.len() >= MOST_CONSTANTS {
            return None;
        }
        self.names.constants.push(name.to_owned());
        self.defaults.resize(self.names.constants.len(), None);
        Some(self.names.constants.len() - 1)
    }

    /// `set.dev = 6`
    fn assignments(&mut self, table: &Table<'_>) -> Vec<(String, i64)> {
        let entries = table.entries("set", self.report);
        if entries.len() > MOST_CONSTANTS {
            let place = table.place_of("set", self.report);
            self.report.error(place, format!("more than {MOST_CONSTANTS} constants"), None);
            return Vec::new();
        }
        let mut all = Vec::new();
        for (name, value) in entries {
            if let Err(message) = check_name(&name.value) {
                self.report.error(name.place(0, self.report), message, None);
                continue;
            }
            let number = node::number(value, &name.value, -0x7FFF_FFFF..=0xFFFF_FFFF, self.report);
            all.extend(number.map(|number| (name.value, number)));
        }
        all
    }

    pub(in super::super) fn models(&mut self, top: &Table<'_>) -> Vec<Model> {
        let tables = top.tables("models", &MODEL, MOST_MODELS, self.report);
        let mut models: Vec<_> = tables.iter().map(|table| self.model(table)).collect();
        let defaults: Vec<_> = models.iter().filter(|model| model.matches.is_empty()).collect();
        if let [_, second, ..] = defaults.as_slice() {
            let help = "every other model needs `match = [\"…\"]`".to_owned();
            let place =
                tables.iter().map(|table| table.place(self.report)).find(|place| place.line == second.line);
            self.report.error(place.unwrap_or_default(), "a second model without `match`", Some(help));
        }
        let default = defaults.first().map(|model| model.features.clone());
        for (model, table) in models.iter_mut().zip(&tables) {
            if !table.has("features") && !self.extends {
                match &default {
                    Some(features) if !model.matches.is_empty() => model.features.clone_from(features),
                    _ => {
                        let help =
                            "only models beside one without `match` can do without: they have its features";
                        let place = table.place(self.report);
                        self.report.error(place, "the model has no `features`", Some(help.to_owned()));
                    }
                }
            }
        }
        self.check_keys(&models, &tables);
        models
    }

    fn check_keys(&mut self, models: &[Model], tables: &[Table<'_>]) {
        let mut keys = std::collections::BTreeMap::new();
        for (model, table) in models.iter().zip(tables) {
            for key in &model.matches {
                if let Some(line) = keys.get(key) {
                    let message = format!("`{key}` is matched by the model in line {line} already");
                    let help = "this one is known by its `id` only".to_owned();
                    self.report.warning(table.place_of("match", self.report), message, Some(help));
                } else {
                    keys.insert(key, model.line);
                }
            }
        }
    }

    fn model(&mut self, table: &Table<'_>) -> Model {
        let matches = self.words(table, "match");
        let name = table.word("name", self.report);
        let long = matches.iter().chain(&name).any(|text| text.is_empty() || text.len() > LONGEST);
        if long || (table.has("match") && matches.is_empty()) {
            let message = format!("names and keys have 1 to {LONGEST} characters");
            self.report.error(table.place(self.report), message, None);
        }
        Model {
            id: table.word("id", self.report),
            protocol: table.word("protocol", self.report),
            name,
            matches,
            features: self.features(table),
            gap: table.millis("gap", 0..=10_000, self.report),
            variant: table.word("variant", self.report),
            set: self.assignments(table),
            line: table.place(self.report).line,
        }
    }

    /// The model that only a test has.
    pub(super) fn own_model(&mut self, table: &Table<'_>, key: String) -> Model {
        let model = Model {
            matches: vec![key],
            features: self.features(table),
            variant: table.word("variant", self.report),
            set: self.assignments(table),
            line: table.place(self.report).line,
            ..Model::default()
        };
        for (name, _) in model.set.iter().filter(|(name, _)| !self.names.constants.contains(name)) {
            let place = table.place_of("set", self.report);
            self.report.error(place, format!("no model sets a constant `{name}`"), None);
        }
        model
    }

    fn features(&mut self, table: &Table<'_>) -> Vec<ModelFeature> {
        let tables = table.tables("features", &FEATURE, MOST_FEATURES, self.report);
        let features: Vec<_> = tables.iter().zip(0..).map(|(table, at)| self.feature(table, at)).collect();
        for (feature, table) in features.iter().zip(&tables) {
            let index = feature.feature.index;
            if features.iter().filter(|other| other.feature.index == index).count() > 1 {
                let help = "give `index`; without one a feature's place in the list counts".to_owned();
                self.report.error(
                    table.place(self.report),
                    format!("two features have index {index}"),
                    Some(help),
                );
            }
        }
        features
    }

    fn feature(&mut self, table: &Table<'_>, at: u32) -> ModelFeature {
        let index = table.number("index", 0..=255, self.report).and_then(|index| u32::try_from(index).ok());
        let outputs = OutputKind::ALL.into_iter().filter_map(|kind| self.output(table, kind)).collect();
        let inputs = InputKind::ALL.into_iter().filter_map(|kind| self.input(table, kind)).collect();
        let feature = Feature {
            index: index.unwrap_or(at),
            description: table.word("label", self.report).unwrap_or_default(),
            outputs,
            inputs,
        };
        if feature.outputs.is_empty() && feature.inputs.is_empty() {
            let help = "e.g. { vibrate = 20 } or { battery = true }; indices may have gaps".to_owned();
            self.report.error(table.place(self.report), "the feature can do nothing", Some(help));
        }
        if table.has("ms") && !table.has("stroke") {
            self.report.error(table.place_of("ms", self.report), "`ms` is the duration of a `stroke`", None);
        }
        ModelFeature { id: table.word("id", self.report), feature }
    }

    fn output(&mut self, table: &Table<'_>, kind: OutputKind) -> Option<Output> {
        let name = kind_name(kind);
        let value = table.get(name)?;
        let (low, high) = node::range(value, name, -0x7FFF_FFFF..=0x7FFF_FFFF, self.report)?;
        if low == high || (high <= 0 && !kind.is_position()) {
            let place = self.report.place(value.span().start);
            let help = "the highest step, or `[lowest, highest]`".to_owned();
            self.report.error(place, format!("`{name}` has no steps"), Some(help));
            return None;
        }
        let duration =
            if kind == OutputKind::HwPositionWithDuration { Some(self.duration(table)?) } else { None };
        let range = Range::new(i32::try_from(low).ok()?, i32::try_from(high).ok()?);
        Some(Output { kind, value: range, duration })
    }

    fn duration(&mut self, table: &Table<'_>) -> Option<Range<u32>> {
        let Some(value) = table.get("ms") else {
            let help = "e.g. { stroke = 99, ms = 100000 }".to_owned();
            let place = table.place_of("stroke", self.report);
            self.report.error(place, "`stroke` needs `ms`, the longest duration", Some(help));
            return None;
        };
        let (low, high) = node::range(value, "ms", 0..=0x7FFF_FFFF, self.report)?;
        Some(Range::new(u32::try_from(low).ok()?, u32::try_from(high).ok()?))
    }

    fn input(&mut self, table: &Table<'_>, kind: InputKind) -> Option<Input> {
        let name = input_name(kind);
        let value = table.get(name)?;
        let (default, read) = match kind {
            InputKind::Battery => ((0, 100), true),
            InputKind::Rssi => ((-128, 0), true),
            InputKind::Button => ((0, 1), false),
            InputKind::Pressure => ((0, 0), false),
        };
        let (range, read, subscribe) = if value.get_ref().as_table().is_some() {
            let inner = Table::open(value, &FEATURE_INPUT, self.report)?;
            let range = inner.get("range").map_or(Some(default), |range| self.values(range, name))?;
            let flag = |key, default, report: &mut _| inner.flag(key, report).unwrap_or(default);
            (range, flag("read", read, self.report), flag("subscribe", !read, self.report))
        } else if value.get_ref().as_bool() == Some(true) {
            (default, read, !read)
        } else {
            (self.values(value, name)?, read, !read)
        };
        let wrong = if range.0 >= range.1 {
            Some(("has no range of values", "e.g. pressure = 2000, or pressure = [0, 2000]"))
        } else if !read && !subscribe {
            Some(("can neither be read nor be subscribed to", "read = true or subscribe = true"))
        } else {
            None
        };
        if let Some((what, help)) = wrong {
            let place = self.report.place(value.span().start);
            self.report.error(place, format!("`{name}` {what}"), Some(help.to_owned()));
            return None;
        }
        let values = vec![Range::new(range.0, range.1)];
        Some(Input { kind, values, read, subscribe, spelling: RssiSpelling::Rssi })
    }

    fn values(&mut self, value: &Value<'_>, name: &str) -> Option<(i64, i64)> {
        node::range(value, name, -0x7FFF_FFFF..=0x7FFF_FFFF, self.report)
    }
}

/// The kinds of input in the words of device files.
pub(in super::super) fn input_name(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Battery => "battery",
        InputKind::Rssi => "rssi",
        InputKind::Pressure => "pressure",
        InputKind::Button => "button",
    }
}
