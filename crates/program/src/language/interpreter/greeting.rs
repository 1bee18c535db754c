//! Between connecting and the first command: the model is found out, then the steps of the set-up are taken, one at a time.

use std::time::{Duration, Instant};

use super::super::definition::{
    Act, Action, Answer, Condition, Definition, Identify, Source, Step, Target, Write,
};
use super::super::expr::binary;
use super::super::native::Transform;
use super::super::pattern::{Captured, Pattern, Yield};
use super::Interpreter;
use super::scene::Scene;
use crate::{Context, Description, Endpoint, Operation, Packet};

/// How far the greeting has come.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    stage: Stage,
    /// Operations of the present step that have not been completed.
    outstanding: usize,
    /// Operations of earlier steps that have not been completed; those come first.
    stale: usize,
    /// Whether the present step still waits for an answer.
    waiting: bool,
    /// When the present step has waited long enough.
    pub(super) deadline: Option<Instant>,
    /// How often the present question may still be asked.
    tries: u32,
    description: Option<Box<Description>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    New,
    /// The way of this number is being tried.
    Identify(usize),
    /// The step of this number is being taken.
    Init(usize),
    Over,
}

impl Greeting {
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.stale += std::mem::take(&mut self.outstanding);
        self.waiting = false;
        self.deadline = None;
    }
}

impl Interpreter {
    pub(super) fn greet(&mut self, cx: &mut Context<'_>) {
        match self.subject.model.clone() {
            Some(key) => self.settle(key, cx),
            None if self.definition.identify.is_empty() => self.settle(self.subject.name.clone(), cx),
            None => self.identify(0, cx),
        }
    }

    /// Tries the way of this number, or the next that can be tried.
    fn identify(&mut self, first: usize, cx: &mut Context<'_>) {
        let definition = self.definition.clone();
        for (at, way) in definition.identify.iter().enumerate().skip(first) {
            self.greeting.enter(Stage::Identify(at));
            match &way.source {
                Source::Name => {
                    if let Some(found) = way.pattern.fit(self.subject.name.as_bytes())
                        && let Some(key) = self.accept(way, found)
                    {
                        return self.settle(key, cx);
                    }
                }
                Source::Manufacturer(company) => {
                    let data = self.subject.manufacturer.clone();
                    for (_, data) in data.iter().filter(|(other, _)| other == company) {
                        if let Some(found) = fit(&way.pattern, way.decode, data)
                            && let Some(key) = self.accept(way, found)
                        {
                            return self.settle(key, cx);
                        }
                    }
                }
                Source::Read(target) => {
                    if let Ok(endpoint) = self.resolve(target) {
                        self.greeting.outstanding += 1;
                        return cx.read(endpoint);
                    }
                }
                Source::Ask { write, on, tries, .. } => {
                    if let (Ok(on), Ok(_)) = (self.resolve(on), self.resolve(&write.to))
                        && self.has(on)
                    {
                        if self.inputs.subscribe(on) {
                            self.greeting.outstanding += 1;
                            cx.listen(on, true);
                        }
                        self.heard = Some(on);
                        self.greeting.tries = *tries;
                        return self.ask_again(write, cx);
                    }
                }
            }
        }
        self.settle(String::new(), cx);
    }

    fn ask_again(&mut self, write: &Write, cx: &mut Context<'_>) {
        self.greeting.tries = self.greeting.tries.saturating_sub(1);
        self.greeting.waiting = true;
        self.greeting.deadline = None;
        if let Err(why) = self.send(write, cx) {
            cx.fail(format!("the question for the model cannot be asked: {why}"));
        }
    }

    /// The key of the model by what was found out.
    fn accept(&mut self, way: &Identify, found: Yield) -> Option<String> {
        self.capture(found);
        let rule = way.rules.iter().find(|rule| {
            rule.conditions.iter().all(|(at, condition)| {
                let captured = self.world.captured.get(usize::from(*at));
                captured.is_some_and(|captured| holds(condition, captured))
            })
        });
        let captured = || {
            let names = &self.definition.names;
            let at = names.find_capture("model").map(|(at, _)| usize::from(at))?;
            self.world.captured.get(at).and_then(Captured::key)
        };
        rule.map(|rule| rule.is.clone())
            .or_else(|| captured().filter(|_| captures_model(way, self)))
            .or(way.is.clone())
    }

    fn capture(&mut self, found: Yield) {
        for (at, captured) in found {
            if let Some(slot) = self.world.captured.get_mut(usize::from(at)) {
                *slot = captured;
            }
        }
    }

    /// The model is known: on to the set-up.
    fn settle(&mut self, key: String, cx: &mut Context<'_>) {
        self.greeting.enter(Stage::Init(0));
        match self.bind(key) {
            Ok(description) => {
                self.greeting.description = Some(Box::new(description));
                self.init(0, cx);
            }
            Err(why) => cx.fail(why),
        }
    }

    /// Takes the step of this number, or the next that has to be taken.
    fn init(&mut self, first: usize, cx: &mut Context<'_>) {
        let definition = self.definition.clone();
        for (at, step) in definition.init.iter().enumerate().skip(first) {
            self.greeting.enter(Stage::Init(at));
            let wanted = step.when.as_ref().map_or(Ok(1), |when| Scene::general(&self.world).value(when));
            let begun = match wanted {
                Ok(0) => continue,
                Ok(_) => self.begin(step, cx),
                Err(why) => Err(why),
            };
            match begun {
                Err(_) if step.optional => {}
                Err(why) => return cx.fail(complaint(&definition, at, &why)),
                Ok(()) if self.greeting.outstanding == 0 && !self.greeting.waiting => {}
                Ok(()) => return,
            }
        }
        self.greeting.enter(Stage::Over);
        if let Some(description) = self.greeting.description.take() {
            cx.ready(*description);
        }
    }

    fn begin(&mut self, step: &Step, cx: &mut Context<'_>) -> Result<(), String> {
        let waits = |wait: Duration| cx.now().checked_add(wait);
        match &step.action {
            Action::Write(write, answer) => {
                self.greeting.waiting = answer.is_some();
                self.send(write, cx)
            }
            Action::Read(target, _) => {
                let endpoint = self.resolve(target)?;
                self.greeting.outstanding += 1;
                cx.read(endpoint);
                Ok(())
            }
            Action::Listen(target, on) => self.listen_to(target, *on, cx),
            Action::Wait(time) => {
                self.greeting.waiting = true;
                self.greeting.deadline = waits(*time);
                Ok(())
            }
            Action::Expect(_) | Action::Dialogue(_) => {
                self.greeting.waiting = true;
                self.greeting.deadline = waits(step.timeout);
                Ok(())
            }
        }
    }

    fn send(&mut self, write: &Write, cx: &mut Context<'_>) -> Result<(), String> {
        let endpoint = self.resolve(&write.to)?;
        if !self.has(endpoint) {
            return Err(format!("the device has no endpoint `{endpoint}`"));
        }
        let bytes = Scene::general(&self.world).packet(write)?;
        self.world.seq = self.world.seq.wrapping_add(u32::from(write.template.counts()));
        self.greeting.outstanding += 1;
        cx.write(endpoint, &bytes, write.confirm);
        Ok(())
    }

    fn listen_to(&mut self, target: &Target, on: bool, cx: &mut Context<'_>) -> Result<(), String> {
        let endpoint = self.resolve(target)?;
        let changed = if on { self.inputs.subscribe(endpoint) } else { self.inputs.unsubscribe(endpoint) };
        if on {
            self.heard = Some(endpoint);
        }
        if changed {
            self.greeting.outstanding += 1;
            cx.listen(endpoint, on);
        }
        Ok(())
    }

    pub(super) fn greeting_completed(
        &mut self,
        operation: &Operation,
        result: Result<&[u8], &str>,
        cx: &mut Context<'_>,
    ) {
        if self.greeting.stale > 0 {
            self.greeting.stale -= 1;
            return;
        }
        self.greeting.outstanding = self.greeting.outstanding.saturating_sub(1);
        let definition = self.definition.clone();
        match self.greeting.stage {
            Stage::New | Stage::Over => {}
            Stage::Identify(at) => {
                let Some(way) = definition.identify.get(at) else { return };
                match (&way.source, result) {
                    (Source::Read(_), Ok(bytes)) => {
                        let key =
                            fit(&way.pattern, way.decode, bytes).and_then(|found| self.accept(way, found));
                        match key {
                            Some(key) => self.settle(key, cx),
                            None => self.identify(at + 1, cx),
                        }
                    }
                    (Source::Read(_), Err(_)) => self.identify(at + 1, cx),
                    (Source::Ask { every, .. }, Ok(_)) if self.greeting.outstanding == 0 => {
                        self.greeting.deadline = cx.now().checked_add(*every);
                    }
                    (_, Ok(_)) => {}
                    (_, Err(why)) => {
                        cx.fail(format!("the model cannot be found out: {operation} failed: {why}"))
                    }
                }
            }
            Stage::Init(at) => {
                let Some(step) = definition.init.get(at) else { return };
                match result {
                    Err(why) => self.miss(at, &format!("{operation} failed: {why}"), cx),
                    Ok(bytes) => self.step_completed(at, step, bytes, cx),
                }
            }
        }
    }

    fn step_completed(&mut self, at: usize, step: &Step, bytes: &[u8], cx: &mut Context<'_>) {
        if let Action::Read(_, Some((pattern, decode))) = &step.action {
            match fit(pattern, *decode, bytes) {
                Some(found) => self.capture(found),
                None => {
                    let why = format!("{} was read, which does not fit `{}`", shown(bytes), pattern.source());
                    return self.miss(at, &why, cx);
                }
            }
        }
        if self.greeting.outstanding > 0 {
            return;
        }
        if !self.greeting.waiting {
            self.init(at + 1, cx);
        } else if self.greeting.deadline.is_none() {
            self.greeting.deadline = cx.now().checked_add(step.timeout);
        }
    }

    pub(super) fn greeting_heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if !self.greeting.waiting {
            return;
        }
        let definition = self.definition.clone();
        match self.greeting.stage {
            Stage::New | Stage::Over => {}
            Stage::Identify(at) => {
                let Some(way) = definition.identify.get(at) else { return };
                let Source::Ask { on, .. } = &way.source else { return };
                if self.resolve(on) == Ok(from)
                    && let Some(found) = fit(&way.pattern, way.decode, bytes)
                    && let Some(key) = self.accept(way, found)
                {
                    self.settle(key, cx);
                }
            }
            Stage::Init(at) => match definition.init.get(at).map(|step| &step.action) {
                Some(Action::Write(_, Some(answer)) | Action::Expect(answer)) => {
                    if let Some(found) = self.answers(answer, from, bytes) {
                        self.capture(found);
                        self.greeting.waiting = false;
                        self.finish_step(at, cx);
                    }
                }
                Some(Action::Dialogue(arms)) => {
                    let fitting = arms
                        .iter()
                        .find_map(|arm| self.answers(&arm.answer, from, bytes).map(|found| (arm, found)));
                    let Some((arm, found)) = fitting else { return };
                    self.capture(found);
                    if let Some(notice) = &arm.notice {
                        cx.notice(notice.clone());
                    }
                    for act in &arm.acts {
                        let done = match act {
                            Act::Write(write) => self.send(write, cx),
                            Act::Listen(target, on) => self.listen_to(target, *on, cx),
                        };
                        if let Err(why) = done {
                            return self.miss(at, &why, cx);
                        }
                    }
                    if arm.done {
                        self.greeting.waiting = false;
                        self.finish_step(at, cx);
                    }
                }
                _ => {}
            },
        }
    }

    /// Goes on to the next step unless operations of this one are still under way.
    fn finish_step(&mut self, at: usize, cx: &mut Context<'_>) {
        if self.greeting.outstanding == 0 {
            self.init(at + 1, cx);
        }
    }

    fn answers(&mut self, answer: &Answer, from: Endpoint, bytes: &[u8]) -> Option<Yield> {
        (self.resolve(&answer.on) == Ok(from)).then(|| fit(&answer.pattern, answer.decode, bytes)).flatten()
    }

    /// The present step has waited long enough.
    pub(super) fn greeting_expired(&mut self, cx: &mut Context<'_>) {
        if self.greeting.deadline.is_none_or(|deadline| deadline > cx.now()) {
            return;
        }
        self.greeting.deadline = None;
        let definition = self.definition.clone();
        match self.greeting.stage {
            Stage::New | Stage::Over => {}
            Stage::Identify(at) => match definition.identify.get(at).map(|way| &way.source) {
                Some(Source::Ask { write, .. }) if self.greeting.tries > 0 => self.ask_again(write, cx),
                _ => self.identify(at + 1, cx),
            },
            Stage::Init(at) => match definition.init.get(at).map(|step| (&step.action, step.timeout)) {
                Some((Action::Wait(_), _)) => {
                    self.greeting.waiting = false;
                    self.init(at + 1, cx);
                }
                Some((action, timeout)) => {
                    let why = format!("no answer{} within {} ms", awaited(action), timeout.as_millis());
                    self.miss(at, &why, cx);
                }
                None => {}
            },
        }
    }

    /// The present step has failed.
    fn miss(&mut self, at: usize, why: &str, cx: &mut Context<'_>) {
        let definition = self.definition.clone();
        match definition.init.get(at) {
            Some(step) if step.optional => self.init(at + 1, cx),
            _ => cx.fail(complaint(&definition, at, why)),
        }
    }
}

/// What an answer yields, after it has been decoded.
pub(super) fn fit(pattern: &Pattern, decode: Option<Transform>, bytes: &[u8]) -> Option<Yield> {
    let Some(transform) = decode else { return pattern.fit(bytes) };
    let mut plain = Packet::from_slice(bytes);
    transform.decode(&mut plain);
    pattern.fit(&plain)
}

fn holds(condition: &Condition, captured: &Captured) -> bool {
    match condition {
        Condition::Is(text) => captured.key().as_ref() == Some(text),
        Condition::Compares(operation, number) => {
            *captured != Captured::Nothing && binary(*operation, captured.number(), *number) == Ok(1)
        }
    }
}

/// Whether this way is one that captures the model's key.
fn captures_model(way: &Identify, interpreter: &Interpreter) -> bool {
    let model = interpreter.definition.names.find_capture("model");
    way.pattern.captures().any(|at| model.is_some_and(|(model, _)| model == at))
}

/// What an action waits for, for people.
fn awaited(action: &Action) -> String {
    match action {
        Action::Write(_, Some(answer)) | Action::Expect(answer) => {
            format!(" that fits `{}`", answer.pattern.source())
        }
        Action::Dialogue(arms) => {
            let done = arms.iter().find(|arm| arm.done);
            done.map_or(String::new(), |arm| format!(" that fits `{}`", arm.answer.pattern.source()))
        }
        _ => String::new(),
    }
}

fn complaint(definition: &Definition, at: usize, why: &str) -> String {
    let hint = definition.init.get(at).and_then(|step| step.hint.as_deref());
    let hint = hint.map_or(String::new(), |hint| format!(". {hint}"));
    format!("step {} of the set-up: {why}{hint}", at + 1)
}

/// Bytes for people.
pub(super) fn shown(bytes: &[u8]) -> String {
    let hex: Vec<_> = bytes.iter().take(24).map(|byte| format!("{byte:02X}")).collect();
    let more = if bytes.len() > 24 { " …" } else { "" };
    if hex.is_empty() { "nothing".to_owned() } else { format!("`{}{more}`", hex.join(" ")) }
}
