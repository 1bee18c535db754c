//! A device in virtual time: a program, a link that does everything at once, and the rules of the device machine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_wire::{InputKind, OutputKind};

use super::super::Definition;
use super::super::interpreter::Subject;
use super::motion::{Movement, Slot};
use crate::{Change, Context, Description, Effect, Endpoint, Operation, Program, State};

/// More operations or turns of the clock than this mean that something goes on for ever.
const MOST: usize = 20_000;

/// A device in virtual time. Writes are done at once and without a gap; reads wait for [`Bench::hear`].
pub struct Bench {
    program: Box<dyn Program>,
    now: Instant,
    description: Option<Box<Description>>,
    state: State,
    slots: Vec<Slot>,
    follow_ups: Vec<FollowUp>,
    wake: Option<Instant>,
    /// When the keepalive is due.
    hungry: Option<Instant>,
    queue: VecDeque<Operation>,
    reading: Option<Endpoint>,
    listening: Vec<Endpoint>,
    done: Vec<(Instant, Operation)>,
    operations: usize,
    turns: usize,
    notices: Vec<String>,
    readings: Vec<(u32, InputKind, i64)>,
    answers: Vec<Result<i64, String>>,
    failures: Vec<String>,
}

#[derive(Debug)]
struct FollowUp {
    after: Duration,
    /// Runs from when the packets that it follows have been written.
    due: Option<Instant>,
    write: Operation,
}

impl Bench {
    /// A device of this protocol that has just been connected. Virtual time begins at `now`; any time will do.
    pub fn new(definition: &Arc<Definition>, subject: Subject, now: Instant) -> Self {
        Self::of(definition.program(subject), now)
    }

    /// A device of this program that has just been connected.
    pub fn of(program: Box<dyn Program>, now: Instant) -> Self {
        let mut bench = Self {
            program,
            now,
            description: None,
            state: State::default(),
            slots: Vec::new(),
            follow_ups: Vec::new(),
            wake: None,
            hungry: None,
            queue: VecDeque::new(),
            reading: None,
            listening: Vec::new(),
            done: Vec::new(),
            operations: 0,
            turns: 0,
            notices: Vec::new(),
            readings: Vec::new(),
            answers: Vec::new(),
            failures: Vec::new(),
        };
        bench.consult(false, |program, _, cx| program.start(cx));
        bench.wait(Duration::ZERO);
        bench
    }

    /// What the device has turned out to be, once its greeting is over.
    pub fn description(&self) -> Option<&Description> {
        self.description.as_deref()
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The operations since the last call.
    pub fn take_operations(&mut self) -> Vec<Operation> {
        self.take_dated_operations().into_iter().map(|(_, operation)| operation).collect()
    }

    /// The operations since the last call, each with when it was done.
    pub fn take_dated_operations(&mut self) -> Vec<(Instant, Operation)> {
        std::mem::take(&mut self.done)
    }

    /// Whether a read waits for [`Bench::hear`], and of which endpoint.
    pub fn reading(&self) -> Option<Endpoint> {
        self.reading
    }

    /// How much it has had to do.
    pub(super) fn work_done(&self) -> usize {
        self.operations + self.turns
    }

    /// What the user was told since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// What inputs have reported since the last call.
    pub fn take_readings(&mut self) -> Vec<(u32, InputKind, i64)> {
        std::mem::take(&mut self.readings)
    }

    /// The answers to [`Bench::read`] since the last call.
    pub fn take_answers(&mut self) -> Vec<Result<i64, String>> {
        std::mem::take(&mut self.answers)
    }

    /// What has failed since the last call.
    pub fn take_failures(&mut self) -> Vec<String> {
        std::mem::take(&mut self.failures)
    }

    /// Sets an output, to be written by [`Bench::flush`]. `kind` may be left out where the feature has one output.
    ///
    /// # Errors
    /// There is no such output, or the value does not lie in its range.
    pub fn set(
        &mut self,
        feature: u32,
        kind: Option<OutputKind>,
        value: i32,
        duration: Duration,
    ) -> Result<(), String> {
        let fits = |other: OutputKind| kind.is_none_or(|kind| kind == other);
        let outputs = self.state.outputs().iter().enumerate();
        let mut found = outputs.filter(|(_, output)| output.feature == feature && fits(output.kind));
        let (at, range) = match (found.next(), found.next()) {
            (Some((at, output)), None) => (at, output.range),
            (Some(_), Some(_)) => {
                return Err(format!("feature {feature} has several outputs: name the kind"));
            }
            (None, _) => return Err(format!("there is no such output of feature {feature}")),
        };
        if !(range.contains(value) || value == 0) {
            return Err(format!("{value} does not lie between {} and {}", range.min, range.max));
        }
        let duration = self.limit(at, duration)?;
        self.put(at, value, duration);
        Ok(())
    }

    fn limit(&self, at: usize, duration: Duration) -> Result<Duration, String> {
        let Some(range) = self.slots.get(at).and_then(|slot| slot.duration) else {
            return Ok(Duration::ZERO);
        };
        match u32::try_from(duration.as_millis()).is_ok_and(|ms| range.contains(ms)) {
            true => Ok(duration),
            false => Err(format!("the duration does not lie between {} and {} ms", range.min, range.max)),
        }
    }

    fn put(&mut self, at: usize, value: i32, duration: Duration) {
        let Some(output) = self.state.outputs_mut().get_mut(at) else { return };
        let (feature, kind) = (output.feature, output.kind);
        let known = self.slots.get(at).is_some_and(|slot| slot.dirty) || output.sent == Some(output.value);
        let same = (output.value, output.duration) == (value, duration);
        if !(known && same) || kind.repeats() {
            (output.value, output.duration) = (value, duration);
            self.set_dirty(at, true);
        }
        if kind.is_position() {
            let siblings: Vec<_> = self.positions_of(feature).filter(|other| *other != at).collect();
            for other in siblings {
                self.set_dirty(other, false);
                self.state.release(other);
            }
            self.state.hold(at);
        }
    }

    fn positions_of(&self, feature: u32) -> impl Iterator<Item = usize> + '_ {
        let outputs = self.state.outputs().iter().enumerate();
        outputs
            .filter(move |(_, output)| output.feature == feature && output.kind.is_position())
            .map(|(at, _)| at)
    }

    /// Writes what has been set.
    pub fn flush(&mut self) {
        let changes = self.take_dirty();
        if !changes.is_empty() {
            self.consult(true, |program, state, cx| program.render(&changes, state, cx));
        }
        self.written(&changes);
    }

    fn take_dirty(&mut self) -> Vec<Change> {
        let pairs = self.slots.iter_mut().zip(self.state.outputs());
        pairs.filter_map(|(slot, output)| std::mem::take(&mut slot.dirty).then(|| output.change())).collect()
    }

    /// The device knows what was rendered.
    fn written(&mut self, changes: &[Change]) {
        for change in changes {
            let Some(at) = self.state.position(change.feature, change.kind) else { continue };
            let Some(output) = self.state.outputs_mut().get_mut(at) else { continue };
            let from = output.sent.unwrap_or(change.value);
            let timed = change.kind == OutputKind::HwPositionWithDuration;
            let movement = Movement { from, to: change.value, began: self.now, takes: change.duration };
            output.sent = Some(change.value);
            if change.value != 0 {
                output.direction = if change.value < 0 { -1 } else { 1 };
            }
            if change.kind == OutputKind::Spray {
                output.value = 0;
            }
            let range = output.range;
            if change.kind.is_position() {
                self.set_movement(at, timed.then_some(movement));
                let siblings: Vec<_> =
                    self.positions_of(change.feature).filter(|other| *other != at).collect();
                for other in siblings {
                    let sibling =
                        self.state.outputs_mut().get_mut(other).filter(|other| other.range == range);
                    if let Some(sibling) = sibling {
                        (sibling.value, sibling.sent) = (change.value, Some(change.value));
                        self.set_movement(other, None);
                    }
                }
            }
        }
        for follow_up in &mut self.follow_ups {
            let due = self.now.checked_add(follow_up.after).unwrap_or(self.now);
            follow_up.due.get_or_insert(due);
        }
    }

    /// Brings everything to rest.
    pub fn stop(&mut self) {
        let mut moves = Vec::new();
        for at in 0..self.slots.len() {
            let Some(output) = self.state.outputs_mut().get_mut(at) else { continue };
            if !output.kind.is_position() {
                output.value = 0;
                self.set_dirty(at, true);
                continue;
            }
            let was_dirty = self.slots.get_mut(at).is_some_and(|slot| std::mem::take(&mut slot.dirty));
            if was_dirty {
                output.value = output.sent.unwrap_or(output.value);
            }
            let change = output.change();
            self.state.release(at);
            let movement = self.slots.get_mut(at).and_then(|slot| slot.movement.take());
            moves.extend(
                movement
                    .filter(|movement| !movement.is_over(self.now))
                    .map(|movement| (at, change, movement)),
            );
        }
        let changes = self.take_dirty();
        if !changes.is_empty() {
            self.consult(true, |program, state, cx| program.render(&changes, state, cx));
        }
        for (at, change, movement) in moves {
            let before = self.operations;
            self.consult(true, |program, state, cx| program.halt(&change, state, cx));
            if let (true, Some(output)) = (self.operations > before, self.state.outputs_mut().get_mut(at)) {
                output.value = output.range.clamp(movement.place(self.now));
                output.sent = Some(output.value);
            }
        }
        for follow_up in std::mem::take(&mut self.follow_ups) {
            self.write(follow_up.write);
        }
        self.written(&changes);
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now.checked_add(time).unwrap_or(self.now);
        loop {
            let follow_up = self.follow_ups.iter().filter_map(|follow_up| follow_up.due).min();
            // A read that is under way keeps a device that is ready from being woken or fed.
            let free = self.reading.is_none() || self.description.is_none();
            let (wake, hungry) = (self.wake.filter(|_| free), self.hungry.filter(|_| free));
            let Some(next) =
                [wake, follow_up, hungry].into_iter().flatten().min().filter(|next| *next <= end)
            else {
                break;
            };
            self.turns += 1;
            if self.turns > MOST {
                self.failures.push("this goes on for too long".to_owned());
                break;
            }
            self.now = self.now.max(next);
            if wake == Some(next) {
                self.wake = None;
                self.consult(false, |program, _, cx| program.tick(cx));
            } else if follow_up == Some(next) {
                let due: Vec<_> =
                    self.follow_ups.extract_if(.., |one| one.due.is_some_and(|due| due <= next)).collect();
                for follow_up in due {
                    self.write(follow_up.write);
                }
            } else {
                self.feed();
            }
        }
        self.now = end;
    }

    /// Lets the time pass that the greeting takes by itself.
    pub fn greet(&mut self) {
        let end = self.now.checked_add(Duration::from_secs(120)).unwrap_or(self.now);
        while let (None, Some(wake)) = (&self.description, self.wake.filter(|wake| *wake <= end)) {
            self.wait(wake.saturating_duration_since(self.now));
        }
    }

    fn feed(&mut self) {
        self.fed();
        self.consult(true, |program, state, cx| program.keepalive(state, cx));
        self.written(&[]);
    }

    fn fed(&mut self) {
        let every = self.description.as_ref().and_then(|description| description.keepalive);
        self.hungry = every.and_then(|every| self.now.checked_add(every.max(Duration::from_millis(1))));
    }

    /// Reads an input; the answer is in [`Bench::take_answers`], perhaps later.
    pub fn read(&mut self, feature: u32, kind: InputKind) {
        self.consult(false, |program, _, cx| program.read(feature, kind, cx));
    }

    /// Begins or ends to hear an input.
    pub fn listen(&mut self, feature: u32, kind: InputKind, on: bool) {
        self.consult(false, |program, _, cx| program.listen(feature, kind, on, cx));
    }

    /// The device sends bytes: the answer to the read that is under way, or else a notification.
    ///
    /// # Errors
    /// Nobody listens to the endpoint.
    pub fn hear(&mut self, from: Endpoint, bytes: &[u8]) -> Result<(), String> {
        if self.reading == Some(from) {
            self.reading = None;
            let operation = Operation::Read { endpoint: from };
            self.consult(false, |program, _, cx| program.completed(&operation, Ok(bytes), cx));
        } else if self.listening.contains(&from) {
            self.consult(false, |program, _, cx| program.heard(from, bytes, cx));
        } else {
            return Err(format!("nothing reads `{from}` or listens to it at this point"));
        }
        self.wait(Duration::ZERO);
        Ok(())
    }

    fn set_movement(&mut self, at: usize, movement: Option<Movement>) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.movement = movement;
        }
    }

    fn set_dirty(&mut self, at: usize, dirty: bool) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.dirty = dirty;
        }
    }

    fn write(&mut self, operation: Operation) {
        self.queue.push_back(operation);
        self.fed();
        self.work();
    }

    /// Asks the program; what it writes then feeds the device if it is a `batch` of packets for outputs.
    fn consult(&mut self, batch: bool, ask: impl FnOnce(&mut dyn Program, &State, &mut Context<'_>)) {
        let mut effects = Vec::new();
        let mut cx = Context::new(self.now, self.description.is_some(), &mut effects);
        ask(&mut *self.program, &self.state, &mut cx);
        let is_write = |effect: &Effect| matches!(effect, Effect::Operate(Operation::Write { .. }));
        if batch && effects.iter().any(is_write) {
            self.fed();
        }
        effects.into_iter().for_each(|effect| self.apply(effect));
        self.work();
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Operate(operation) => self.queue.push_back(operation),
            Effect::FollowUp { after, write } => {
                self.follow_ups.retain(|other| other.write != write);
                self.follow_ups.push(FollowUp { after, due: None, write });
            }
            Effect::WakeAt(at) => {
                let soonest = self.now.checked_add(Duration::from_millis(1)).unwrap_or(self.now);
                self.wake = Some(at.max(soonest));
            }
            Effect::Ready(description) => self.begin(description),
            Effect::Fail(reason) => self.failures.push(reason),
            Effect::Notice(text) => self.notices.push(text),
            Effect::Reading(feature, kind, value) => self.readings.push((feature, kind, value)),
            Effect::ReadDone(_, _, result) => self.answers.push(result),
        }
    }

    fn begin(&mut self, description: Box<Description>) {
        self.state = State::new(&description.features);
        self.slots = vec![Slot::default(); self.state.outputs().len()];
        for (slot, output) in self.slots.iter_mut().zip(self.state.outputs_mut()) {
            let feature = description.features.iter().find(|feature| feature.index == output.feature);
            slot.duration = feature.and_then(|feature| feature.output(output.kind)?.duration);
            if output.kind.is_position() {
                output.value = output.range.clamp(0);
            }
        }
        self.hungry = description.keepalive.map(|_| self.now);
        self.description = Some(description);
    }

    /// Does what can be done of what was asked for.
    fn work(&mut self) {
        while self.reading.is_none() {
            let Some(operation) = self.queue.pop_front() else { return };
            self.operations += 1;
            if self.operations > MOST {
                self.failures.push("this writes for too long".to_owned());
                return self.queue.clear();
            }
            self.done.push((self.now, operation.clone()));
            match &operation {
                Operation::Read { endpoint } => {
                    self.reading = Some(*endpoint);
                    return;
                }
                Operation::Listen { endpoint, on } => {
                    self.listening.retain(|other| other != endpoint);
                    self.listening.extend(on.then_some(*endpoint));
                }
                Operation::Write { .. } => {}
            }
            let mut effects = Vec::new();
            let mut cx = Context::new(self.now, self.description.is_some(), &mut effects);
            self.program.completed(&operation, Ok(&[]), &mut cx);
            effects.into_iter().for_each(|effect| self.apply(effect));
        }
    }
}
