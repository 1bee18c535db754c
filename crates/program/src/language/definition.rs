//! A protocol as it is kept: everything parsed, nothing left to look up but values.

use std::sync::Arc;
use std::time::Duration;

use frisson_wire::{Feature, InputKind, OutputKind};

use super::diagnostic::{Diagnostic, Place, Report};
use super::expr::{Binary, Expr};
use super::identifiers::Identifiers;
use super::interpreter::{Interpreter, Subject};
use super::names::{Kinds, Names, output_index};
use super::native::Transform;
use super::pattern::Pattern;
use super::template::Template;
use super::vectors::test::Test;
use crate::{Description, Endpoint, Program};

/// So many variants are tried for a model that does not say its own.
const MOST_VARIANTS: usize = 16;

/// A protocol, checked and ready to be used. Never changes; share it as an `Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub(super) id: Arc<str>,
    pub(super) origin: Arc<str>,
    pub(super) code: Option<Arc<str>>,
    pub(super) proven: bool,
    pub(super) identifiers: Identifiers,
    pub(super) names: Names,
    /// What constants are in models that do not set them, in the order of the names.
    pub(super) defaults: Vec<Option<i64>>,
    pub(super) identify: Vec<Identify>,
    pub(super) init: Vec<Step>,
    pub(super) keepalive: Keepalive,
    pub(super) gap: Option<Duration>,
    pub(super) packets: Vec<Packet>,
    pub(super) inputs: Vec<InputRule>,
    pub(super) models: Vec<Model>,
    pub(super) tests: Vec<Test>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// A device of a protocol: its name, what it can do, and how it differs from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The id of the model in the settings of other servers.
    pub id: Option<String>,
    /// The protocol under which settings know it, where a file serves several.
    pub protocol: Option<String>,
    /// The name for people; `None` for what the device calls itself.
    pub name: Option<String>,
    /// The keys of this model; none for the default model.
    pub matches: Vec<String>,
    /// What it can do.
    pub features: Vec<ModelFeature>,
    /// The least time between two flushes, where it is known better than the bus knows it.
    pub gap: Option<Duration>,
    /// Which of the file's ways to speak it understands.
    pub variant: Option<String>,
    /// Constants of the model.
    pub set: Vec<(String, i64)>,
    /// Where it stands in its file; 0 where it does not.
    pub line: usize,
}

/// A feature of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelFeature {
    /// The id of the feature in the settings of other servers.
    pub id: Option<String>,
    /// What it is.
    pub feature: Feature,
}

/// More ways to recognise a protocol's devices, and more models, e.g. from a user's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// Added to those that the protocol has.
    pub identifiers: Identifiers,
    /// Found before those that the protocol has. Without features, a model has those of the default model.
    pub models: Vec<Model>,
}

impl Definition {
    /// The protocol's id, e.g. `lovense`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a device is recognised and driven by both in the same way. Where something stands in its file, its tests and what its author is
    /// warned of do not count.
    pub fn drives_as(&self, other: &Self) -> bool {
        let bare = |definition: &Self| {
            let mut bare = Self { tests: Vec::new(), warnings: Vec::new(), ..definition.clone() };
            bare.models.iter_mut().for_each(|model| model.line = 0);
            bare
        };
        bare(self) == bare(other)
    }

    /// The file that it was made of.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether somebody has seen its bytes work; false if the file says `proof = "unproven"`.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// The program that drives its devices, where packets cannot say it.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What a device is that is of the model with this key, or else of the default model. `name` is what it calls itself, which counts where
    /// the model has no name.
    pub fn describe(&self, key: &str, name: &str) -> Description {
        let model = self.model(key);
        let features =
            model.map(|model| model.features.iter().map(|feature| feature.feature.clone()).collect());
        Description {
            protocol: model.and_then(|model| model.protocol.clone()).unwrap_or_else(|| self.id.to_string()),
            model: key.to_owned(),
            name: model.and_then(|model| model.name.clone()).unwrap_or_else(|| name.to_owned()),
            features: features.unwrap_or_default(),
            gap: model.and_then(|model| model.gap).or(self.gap),
            keepalive: None,
        }
    }

    /// How its devices are recognised.
    pub fn identifiers(&self) -> &Identifiers {
        &self.identifiers
    }

    /// All endpoints that its devices may have.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.names.endpoints
    }

    /// Its models, each with its features.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model with this key, or else the default model.
    pub fn model(&self, key: &str) -> Option<&Model> {
        let by_key = self.models.iter().find(|model| model.matches.iter().any(|known| known == key));
        by_key.or_else(|| self.models.iter().find(|model| model.matches.is_empty()))
    }

    /// What is odd about the file without being wrong.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// How many tests the file has.
    pub fn tests(&self) -> usize {
        self.tests.len()
    }

    /// A program for a new connection to a device.
    pub fn program(self: &Arc<Self>, subject: Subject) -> Box<dyn Program> {
        Box::new(Interpreter::new(self.clone(), subject))
    }

    /// This protocol with more identifiers and models. A model that does not fit its packets is left out and reported.
    #[must_use]
    pub fn extended(&self, addition: Addition) -> (Self, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let mut all = self.clone();
        all.identifiers.add(addition.identifiers);
        for endpoint in all.identifiers.endpoints() {
            if !all.names.endpoints.contains(&endpoint) {
                all.names.endpoints.push(endpoint);
            }
        }
        let mut place = 0;
        for mut model in addition.models {
            if model.features.is_empty()
                && let Some(default) = self.models.iter().find(|model| model.matches.is_empty())
            {
                model.features.clone_from(&default.features);
            }
            match all.fitted(model) {
                Ok(model) => {
                    all.models.insert(place, model);
                    place += 1;
                }
                Err(wrong) => found.extend(wrong),
            }
        }
        (all, found)
    }

    /// A model that fits the packets. One that does not say its variant has that of the default model, or else the first under which
    /// everything that it has is served.
    fn fitted(&self, model: Model) -> Result<Model, Vec<Diagnostic>> {
        let default = self.models.iter().find(|model| model.matches.is_empty());
        let mut variants: Vec<_> =
            default.into_iter().chain(&self.models).map(|model| &model.variant).collect();
        if model.variant.is_some() {
            variants = vec![&model.variant];
        }
        let mut first = None;
        let mut tried = Vec::new();
        for variant in variants {
            if tried.contains(&variant) || tried.len() >= MOST_VARIANTS {
                continue;
            }
            tried.push(variant);
            let candidate = Model { variant: variant.clone(), ..model.clone() };
            let mut report = Report::new(&self.origin, "");
            super::check::model(self, &candidate, &mut report);
            if !report.has_failed() {
                return Ok(candidate);
            }
            first.get_or_insert_with(|| report.finish());
        }
        Err(first.unwrap_or_default())
    }

    /// The constants of a model, in the order of the names.
    pub(super) fn constants(&self, model: &Model) -> Vec<Option<i64>> {
        let names = self.names.constants.iter().enumerate();
        let set = |name: &String| model.set.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
        names.map(|(at, name)| set(name).or_else(|| self.defaults.get(at).copied().flatten())).collect()
    }
}

/// A way to find out the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identify {
    pub(super) source: Source,
    pub(super) pattern: Pattern,
    pub(super) decode: Option<Transform>,
    pub(super) rules: Vec<Rule>,
    pub(super) is: Option<String>,
}

/// Where what identifies a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The advertised name.
    Name,
    /// The manufacturer data of this company.
    Manufacturer(u16),
    Read(Target),
    Ask {
        write: Write,
        on: Target,
        every: Duration,
        tries: u32,
    },
}

/// What captures have to be for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) conditions: Vec<(u8, Condition)>,
    pub(super) is: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Is(String),
    Compares(Binary, i64),
}

/// Where bytes go to or come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Endpoint(Endpoint),
    /// The first that the device has, which is `there` from then on.
    First(Box<[Endpoint]>),
    There,
    /// The endpoint that was subscribed to last, or else `rx`.
    Heard,
}

/// A packet and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) template: Template,
    pub(super) to: Target,
    pub(super) confirm: bool,
    pub(super) encode: Option<Transform>,
}

/// An answer that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) on: Target,
    pub(super) pattern: Pattern,
    pub(super) decode: Option<Transform>,
}

/// A step of the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) when: Option<Expr>,
    pub(super) optional: bool,
    pub(super) hint: Option<String>,
    pub(super) timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Write(Write, Option<Answer>),
    Read(Target, Option<(Pattern, Option<Transform>)>),
    Listen(Target, bool),
    Wait(Duration),
    Expect(Answer),
    Dialogue(Vec<Arm>),
}

/// What is done about an answer in a dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arm {
    pub(super) answer: Answer,
    pub(super) acts: Vec<Act>,
    pub(super) notice: Option<String>,
    pub(super) done: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Write(Write),
    Listen(Target, bool),
}

/// What keeps a device alive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keepalive {
    pub(super) every: Option<Duration>,
    pub(super) condition: Option<(Expr, Place)>,
    pub(super) idle: Option<Write>,
}

/// A packet that brings outputs to a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) on: Kinds,
    /// All features if `None`.
    pub(super) at: Option<Vec<u32>>,
    pub(super) when: Option<(Expr, Place)>,
    /// All if empty.
    pub(super) variants: Vec<String>,
    pub(super) write: Write,
    pub(super) then: Option<(Duration, Write)>,
    pub(super) glide: Option<Duration>,
    /// Written when a stop ends a timed move, and only then.
    pub(super) ends: bool,
    pub(super) per_output: bool,
    pub(super) place: Place,
}

impl Packet {
    /// Whether it speaks of this output of this model.
    pub(super) fn serves(&self, model: &Model, feature: u32, kind: OutputKind) -> bool {
        let variant = is_variant(&self.variants, model);
        let at = self.at.as_ref().is_none_or(|at| at.contains(&feature));
        variant && at && self.on.contains(kind)
    }
}

/// Whether something that is for these variants is for this model.
pub(super) fn is_variant(variants: &[String], model: &Model) -> bool {
    variants.is_empty() || model.variant.as_ref().is_some_and(|variant| variants.contains(variant))
}

/// How an input gets its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputRule {
    pub(super) kind: InputKind,
    pub(super) at: Option<Vec<u32>>,
    pub(super) variants: Vec<String>,
    pub(super) means: Means,
    pub(super) pattern: Pattern,
    pub(super) decode: Option<Transform>,
    /// What captured numbers stand for, if not for themselves.
    pub(super) map: Option<Vec<i64>>,
    pub(super) on_change: bool,
    pub(super) timeout: Duration,
    /// The captures of the pattern; `v3` is the value of feature 3, any other that of every feature.
    pub(super) captures: Vec<String>,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Means {
    Read(Endpoint),
    Ask(Box<Write>, Endpoint),
    Notify(Endpoint),
}

impl InputRule {
    /// Whether it is about this input of this model.
    pub(super) fn serves(&self, model: &Model, feature: u32, kind: InputKind) -> bool {
        let at = self.at.as_ref().is_none_or(|at| at.contains(&feature));
        self.kind == kind && at && is_variant(&self.variants, model) && self.capture(feature).is_some()
    }

    /// The capture that is the value of this feature.
    pub(super) fn capture(&self, feature: u32) -> Option<u8> {
        let of = |name: &String| output_index(name).map(u32::from);
        let own = self.captures.iter().position(|name| of(name) == Some(feature));
        let common = || self.captures.iter().position(|name| of(name).is_none());
        own.or_else(common).and_then(|at| u8::try_from(at).ok())
    }

    /// The endpoints that it needs.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        let (one, other) = match &self.means {
            Means::Read(endpoint) | Means::Notify(endpoint) => (Some(*endpoint), None),
            Means::Ask(write, on) => match &write.to {
                Target::Endpoint(to) => (Some(*on), Some(*to)),
                _ => (Some(*on), None),
            },
        };
        one.into_iter().chain(other)
    }
}
