//! Inputs: questions that wait for an answer, and values that the device sends of its own accord.

use std::time::Instant;

use frisson_wire::{Feature, InputKind, Range};

use super::super::definition::{Definition, InputRule, Means, Model};
use super::super::pattern::{Captured, Yield};
use super::Interpreter;
use super::greeting::{fit, shown};
use super::scene::Scene;
use crate::{Context, Endpoint, Operation, Packet};

/// The inputs of a device.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    bound: Vec<Bound>,
    pending: Vec<Pending>,
    subscriptions: Vec<Subscription>,
}

/// An input that the device offers.
#[derive(Debug)]
struct Bound {
    feature: u32,
    kind: InputKind,
    /// Its place in the definition.
    rule: usize,
    range: Range<i64>,
    listening: bool,
    last: Option<i64>,
}

/// A reading that is waited for.
#[derive(Debug)]
struct Pending {
    feature: u32,
    kind: InputKind,
    rule: usize,
    /// `None` where the link says when it is over.
    deadline: Option<Instant>,
    /// The question, as it was written.
    question: Option<Packet>,
}

/// An endpoint that is listened to.
#[derive(Debug)]
struct Subscription {
    endpoint: Endpoint,
    /// Whether it stays when nobody listens to an input any longer.
    kept: bool,
}

impl Inputs {
    /// The features as this device has them: without inputs whose endpoints it lacks.
    pub(super) fn bind(
        &mut self,
        definition: &Definition,
        model: &Model,
        available: &[Endpoint],
    ) -> Vec<Feature> {
        let mut features: Vec<_> = model.features.iter().map(|feature| feature.feature.clone()).collect();
        for feature in &mut features {
            let index = feature.index;
            feature.inputs.retain(|input| {
                let fits = |rule: &InputRule| {
                    let mut endpoints = rule.endpoints();
                    rule.serves(model, index, input.kind)
                        && endpoints.all(|endpoint| available.contains(&endpoint))
                };
                let rule = definition.inputs.iter().position(fits);
                let range = input.values.first().copied().unwrap_or(Range::new(i64::MIN, i64::MAX));
                self.bound.extend(rule.map(|rule| Bound {
                    feature: index,
                    kind: input.kind,
                    rule,
                    range,
                    listening: false,
                    last: None,
                }));
                rule.is_some()
            });
        }
        features.retain(|feature| !feature.outputs.is_empty() || !feature.inputs.is_empty());
        features
    }

    /// When the next reading has waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.iter().filter_map(|pending| pending.deadline).min()
    }

    /// Notes that an endpoint is listened to, for good. True if it was not before.
    pub(super) fn subscribe(&mut self, endpoint: Endpoint) -> bool {
        self.add(endpoint, true)
    }

    fn add(&mut self, endpoint: Endpoint, kept: bool) -> bool {
        match self.subscriptions.iter_mut().find(|one| one.endpoint == endpoint) {
            Some(subscription) => {
                subscription.kept |= kept;
                false
            }
            None => {
                self.subscriptions.push(Subscription { endpoint, kept });
                true
            }
        }
    }

    /// Notes that an endpoint is no longer listened to. True if it was before.
    pub(super) fn unsubscribe(&mut self, endpoint: Endpoint) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|one| one.endpoint != endpoint);
        self.subscriptions.len() < before
    }

    fn find(&mut self, feature: u32, kind: InputKind) -> Option<&mut Bound> {
        self.bound.iter_mut().find(|bound| (bound.feature, bound.kind) == (feature, kind))
    }
}

impl Interpreter {
    pub(super) fn begin_read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        let definition = self.definition.clone();
        let Some(bound) = self.inputs.find(feature, kind) else {
            return cx.read_done(feature, kind, Err(format!("this device has no way to read {kind}")));
        };
        let (rule, last) = (bound.rule, bound.last);
        let Some(how) = definition.inputs.get(rule) else { return };
        let deadline = cx.now().checked_add(how.timeout);
        let asked = self.inputs.pending.iter().any(|pending| pending.rule == rule);
        let mut pending = Pending { feature, kind, rule, deadline, question: None };
        match &how.means {
            Means::Read(endpoint) => {
                pending.deadline = None;
                if !asked {
                    cx.read(*endpoint);
                }
            }
            Means::Ask(write, on) => {
                if self.inputs.add(*on, true) {
                    cx.listen(*on, true);
                }
                if !asked {
                    let to = self.resolve(&write.to);
                    let question = Scene::general(&self.world).packet(write);
                    match (to, question) {
                        (Ok(to), Ok(bytes)) => {
                            self.world.seq = self.world.seq.wrapping_add(u32::from(write.template.counts()));
                            cx.write(to, &bytes, write.confirm);
                            pending.question = Some(bytes);
                        }
                        (Err(why), _) | (_, Err(why)) => return cx.read_done(feature, kind, Err(why)),
                    }
                }
            }
            Means::Notify(endpoint) => {
                if let Some(last) = last {
                    return cx.read_done(feature, kind, Ok(last));
                }
                if self.inputs.add(*endpoint, true) {
                    cx.listen(*endpoint, true);
                }
            }
        }
        self.inputs.pending.push(pending);
    }

    pub(super) fn input_listen(&mut self, feature: u32, kind: InputKind, on: bool, cx: &mut Context<'_>) {
        let definition = self.definition.clone();
        let Some(bound) = self.inputs.find(feature, kind) else { return };
        let Some(Means::Notify(endpoint)) = definition.inputs.get(bound.rule).map(|rule| &rule.means) else {
            return;
        };
        bound.listening = on;
        if on {
            if self.inputs.add(*endpoint, false) {
                cx.listen(*endpoint, true);
            }
            return;
        }
        let rules = definition.inputs.iter().enumerate();
        let shared: Vec<_> = rules
            .filter(|(_, rule)| matches!(&rule.means, Means::Notify(other) if other == endpoint))
            .map(|(at, _)| at)
            .collect();
        let needed = self.inputs.bound.iter().any(|bound| bound.listening && shared.contains(&bound.rule));
        let kept = self.inputs.subscriptions.iter().any(|one| one.endpoint == *endpoint && one.kept);
        if !needed && !kept && self.inputs.unsubscribe(*endpoint) {
            cx.listen(*endpoint, false);
            for bound in self.inputs.bound.iter_mut().filter(|bound| shared.contains(&bound.rule)) {
                bound.last = None;
            }
        }
    }

    pub(super) fn input_completed(
        &mut self,
        operation: &Operation,
        result: Result<&[u8], &str>,
        cx: &mut Context<'_>,
    ) {
        let definition = self.definition.clone();
        let concerns = |pending: &Pending| {
            let means = definition.inputs.get(pending.rule).map(|rule| &rule.means);
            match (operation, means) {
                (Operation::Read { endpoint }, Some(Means::Read(from))) => endpoint == from,
                (Operation::Write { bytes, .. }, _) => pending.question.as_ref() == Some(bytes),
                (
                    Operation::Listen { endpoint, on: true },
                    Some(Means::Ask(_, from) | Means::Notify(from)),
                ) => endpoint == from,
                _ => false,
            }
        };
        let rule = self.inputs.pending.iter().find(|pending| concerns(pending)).map(|pending| pending.rule);
        if let (Operation::Listen { endpoint, on: true }, Err(_)) = (operation, result) {
            self.inputs.unsubscribe(*endpoint);
        }
        let Some((rule, how)) = rule.and_then(|rule| Some((rule, definition.inputs.get(rule)?))) else {
            return;
        };
        match (operation, result) {
            (_, Err(why)) => self.fail_reads(rule, &format!("{operation} failed: {why}"), cx),
            (Operation::Read { .. }, Ok(bytes)) => match fit(&how.pattern, how.decode, bytes) {
                Some(found) => self.take(rule, how, &found, cx),
                None => {
                    let what = shown(bytes);
                    let why =
                        format!("the device answered {what}, which does not fit `{}`", how.pattern.source());
                    self.fail_reads(rule, &why, cx);
                }
            },
            (_, Ok(_)) => {}
        }
    }

    pub(super) fn input_heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        let definition = self.definition.clone();
        for (rule, how) in definition.inputs.iter().enumerate() {
            let meant = match &how.means {
                Means::Notify(endpoint) => *endpoint == from,
                Means::Ask(_, on) => {
                    *on == from && self.inputs.pending.iter().any(|pending| pending.rule == rule)
                }
                Means::Read(_) => false,
            };
            if meant && let Some(found) = fit(&how.pattern, how.decode, bytes) {
                self.take(rule, how, &found, cx);
            }
        }
    }

    /// Passes on what an answer says.
    fn take(&mut self, rule: usize, how: &InputRule, found: &Yield, cx: &mut Context<'_>) {
        for bound in self.inputs.bound.iter_mut().filter(|bound| bound.rule == rule) {
            let capture = how.capture(bound.feature);
            let number = found.iter().find(|(at, _)| Some(*at) == capture).map(|(_, captured)| captured);
            let value = match (number, &how.map) {
                (Some(Captured::Number(number)), None) => Ok(bound.range.clamp(*number)),
                (Some(Captured::Number(number)), Some(map)) => {
                    let mapped = usize::try_from(*number).ok().and_then(|at| map.get(at));
                    mapped
                        .map(|value| bound.range.clamp(*value))
                        .ok_or_else(|| format!("the device answered {number}, for which there is no value"))
                }
                _ => Err("the answer has no number".to_owned()),
            };
            let waits = |pending: &Pending| (pending.feature, pending.kind) == (bound.feature, bound.kind);
            if self.inputs.pending.iter().any(waits) {
                self.inputs.pending.retain(|pending| !waits(pending));
                cx.read_done(bound.feature, bound.kind, value.clone());
            }
            if let (Means::Notify(_), Ok(value)) = (&how.means, value) {
                let changed = bound.last != Some(value);
                bound.last = Some(value);
                if bound.listening && (changed || !how.on_change) {
                    cx.reading(bound.feature, bound.kind, value);
                }
            }
        }
    }

    fn fail_reads(&mut self, rule: usize, why: &str, cx: &mut Context<'_>) {
        for pending in self.inputs.pending.extract_if(.., |pending| pending.rule == rule) {
            cx.read_done(pending.feature, pending.kind, Err(why.to_owned()));
        }
    }

    /// Ends readings that have waited long enough.
    pub(super) fn expire_reads(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let definition = self.definition.clone();
        let over = |pending: &mut Pending| pending.deadline.is_some_and(|deadline| deadline <= now);
        for pending in self.inputs.pending.extract_if(.., over) {
            let timeout = definition.inputs.get(pending.rule).map_or(0, |rule| rule.timeout.as_millis());
            let why = format!("the device did not answer within {timeout} ms");
            cx.read_done(pending.feature, pending.kind, Err(why));
        }
    }
}
