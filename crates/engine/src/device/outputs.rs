//! What the outputs of one device are set to, what the device knows of it, and what still has to be written.

use std::time::{Duration, Instant};

use frisson_program::{Change, Description, OutputState, State};
use frisson_wire::{Output, OutputKind};

use super::limits::{Bounds, Value};
use super::{Limit, Selection, later};

/// All outputs of a device.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    state: State,
    /// In the order of [`State::outputs`].
    slots: Vec<Slot>,
    /// What the packets that are being written say.
    rendered: Vec<Rendered>,
}

/// What is known of one output besides its state.
#[derive(Debug)]
struct Slot {
    hardware: Output,
    bounds: Bounds,
    dirty: bool,
    rest: Rest,
    /// A command that came after a stop, until that stop is written.
    waiting: Option<(i32, Duration)>,
    movement: Option<Movement>,
    halt: Halt,
}

/// How far a stop of this output has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    No,
    Due,
    BeingWritten,
}

/// A timed move, as the device makes it.
#[derive(Debug, Clone, Copy)]
struct Movement {
    from: i32,
    to: i32,
    began: Instant,
    takes: Duration,
}

/// Whether a stop has to end a timed move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    No,
    Due,
    /// The device has a packet for it.
    BeingWritten,
}

/// What other limits have led to.
#[derive(Debug, Default)]
pub(super) struct Confined {
    /// The device runs at a value that is not allowed any more.
    pub(super) running: bool,
    /// A running output has been disabled, so that a stop is due.
    pub(super) disabled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Rendered {
    at: usize,
    value: i32,
    duration: Duration,
    /// A newer command moves the same axis through its other output.
    superseded: bool,
}

impl Rendered {
    fn new(at: usize, output: &OutputState) -> Self {
        Self { at, value: output.value, duration: output.duration, superseded: false }
    }
}

impl Outputs {
    pub(super) fn new(hardware: &Description, limits: &[Limit]) -> Self {
        let mut state = State::new(&hardware.features);
        let mut slots = Vec::with_capacity(state.outputs().len());
        for output in state.outputs_mut() {
            let feature = hardware.features.iter().find(|feature| feature.index == output.feature);
            let hardware = feature
                .and_then(|feature| feature.output(output.kind))
                .cloned()
                .unwrap_or(Output { kind: output.kind, value: output.range, duration: None });
            let slot = Slot::new(output.feature, hardware, limits);
            if output.kind.is_position() {
                output.value = output.range.clamp(0);
            }
            slot.confine(output);
            slots.push(slot);
        }
        Self { state, slots, rendered: Vec::new() }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether anything waits to be written.
    pub(super) fn is_dirty(&self) -> bool {
        self.slots.iter().any(|slot| slot.dirty)
    }

    /// Sets an output. True if that has to be written now; after a stop that is not yet written, it has to wait for that.
    pub(super) fn set(&mut self, feature: u32, kind: OutputKind, value: i32, duration: Duration) -> bool {
        let Some(at) = self.state.position(feature, kind) else { return false };
        let Some(slot) = self.slots.get_mut(at) else { return false };
        let Some((value, duration)) = slot.bounds.apply(Value::Asked(value), duration) else { return false };
        let stopping = slot.rest != Rest::No;
        if stopping {
            slot.waiting = Some((value, duration));
        }
        if kind.is_position() {
            self.supersede(at, feature);
        }
        !stopping && self.put(at, value, duration)
    }

    /// Drops what waits for the other position output of the same axis: a newer command has taken its place.
    fn supersede(&mut self, by: usize, feature: u32) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(output) = self.state.outputs_mut().get_mut(at) else { continue };
            if at != by && output.feature == feature && output.kind.is_position() {
                slot.drop_waiting(output, in_flight(&self.rendered, at));
                for rendered in self.rendered.iter_mut().filter(|rendered| rendered.at == at) {
                    rendered.superseded = true;
                }
                self.state.release(at);
            }
        }
        self.state.hold(by);
    }

    /// Puts a value that has passed the limits into the state. True if it has to be written.
    fn put(&mut self, at: usize, value: i32, duration: Duration) -> bool {
        let sending = in_flight(&self.rendered, at).is_some();
        let Some((slot, output)) = pair(&mut self.slots, &mut self.state, at) else { return false };
        let known = slot.dirty || sending || output.sent == Some(output.value);
        if known && !output.kind.repeats() && (output.value, output.duration) == (value, duration) {
            return false;
        }
        output.value = value;
        output.duration = duration;
        slot.dirty = true;
        true
    }

    /// Brings outputs to rest: speeds to 0, to be written even if they are believed to be 0; positions get no value, but what waits
    /// is dropped, and a timed move is ended.
    pub(super) fn stop(&mut self, now: Instant, selection: &Selection) {
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(output) = self.state.outputs_mut().get_mut(at) else { continue };
            if !selection.contains(output.feature, output.kind) {
                continue;
            }
            let sending = in_flight(&self.rendered, at);
            slot.drop_waiting(output, sending);
            slot.rest = Rest::Due;
            if output.kind.is_position() {
                let moving = slot.movement.is_some_and(|movement| now < movement.ends());
                if moving || sending.is_some_and(|sending| !sending.duration.is_zero()) {
                    slot.halt = Halt::Due;
                }
                self.state.release(at);
            } else {
                output.value = 0;
            }
        }
    }

    /// Puts other limits in force.
    pub(super) fn limit(&mut self, now: Instant, limits: &[Limit]) -> Confined {
        let mut disabled = Vec::new();
        let mut confined = Confined::default();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(output) = self.state.outputs_mut().get_mut(at) else { continue };
            slot.bounds = Bounds::new(output.feature, &slot.hardware, limits);
            let sending = in_flight(&self.rendered, at);
            let present = (output.value, output.duration);
            if slot.confine(output) {
                let told = slot.dirty || sending.is_some() || output.sent.is_some();
                let changed = (output.value, output.duration) != present;
                // A spray that is being written is over with its packet, and is not to be had twice.
                let is_over = output.kind == OutputKind::Spray && !slot.dirty;
                slot.dirty |= changed && told && !is_over;
                let heard = sending.is_some() || output.sent == Some(present.0);
                confined.running |= changed && heard;
                let waiting = slot.waiting.take();
                slot.waiting =
                    waiting.and_then(|(value, duration)| slot.bounds.apply(Value::Present(value), duration));
            } else {
                slot.drop_waiting(output, sending);
                if sending.is_some() || output.value != 0 || output.sent.is_some_and(|sent| sent != 0) {
                    disabled.push((output.feature, output.kind));
                }
                self.state.release(at);
            }
        }
        confined.disabled = !disabled.is_empty();
        if confined.disabled {
            self.stop(now, &Selection::Outputs(disabled));
        }
        confined
    }

    /// What has to be written now; it is in flight from here on.
    pub(super) fn take_dirty(&mut self, changes: &mut Vec<Change>) {
        for (at, (slot, output)) in self.slots.iter_mut().zip(self.state.outputs()).enumerate() {
            if slot.dirty {
                slot.dirty = false;
                self.rendered.push(Rendered::new(at, output));
                changes.push(output.change());
            }
        }
    }

    /// What has to be written to bring outputs to rest, and where timed moves stand that have to be ended.
    pub(super) fn take_stopping(&mut self, changes: &mut Vec<Change>, moves: &mut Vec<usize>) {
        for (at, (slot, output)) in self.slots.iter_mut().zip(self.state.outputs()).enumerate() {
            if slot.rest != Rest::Due {
                continue;
            }
            slot.rest = Rest::BeingWritten;
            if !output.kind.is_position() {
                slot.dirty = false;
                self.rendered.push(Rendered::new(at, output));
                changes.push(output.change());
            } else if slot.halt != Halt::No {
                moves.push(at);
            }
        }
    }

    /// The device has a packet to end the move at this place.
    pub(super) fn halting(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.halt = Halt::BeingWritten;
        }
    }

    /// The packets have been written: the device has been told what was rendered.
    pub(super) fn written(&mut self, now: Instant) {
        let mut all = std::mem::take(&mut self.rendered);
        for rendered in all.drain(..) {
            let Some((slot, output)) = pair(&mut self.slots, &mut self.state, rendered.at) else { continue };
            if output.kind == OutputKind::HwPositionWithDuration {
                let from = output.sent.unwrap_or(rendered.value);
                let takes = rendered.duration;
                slot.movement = Some(Movement { from, to: rendered.value, began: now, takes });
            }
            output.sent = Some(rendered.value);
            if rendered.value != 0 {
                output.direction = if rendered.value < 0 { -1 } else { 1 };
            }
            // A spray is over with its packet: nothing rendered later may repeat it.
            if output.kind == OutputKind::Spray && !slot.dirty {
                output.value = 0;
            }
            if output.kind.is_position() {
                self.follow(rendered.at);
            }
        }
        self.rendered = all;
    }

    /// The other position output of the same axis is where this one has moved it.
    fn follow(&mut self, leader: usize) {
        let Some(leading) = self.state.outputs().get(leader) else { return };
        let (feature, range, sent) = (leading.feature, leading.range, leading.sent);
        for (at, (slot, output)) in self.slots.iter_mut().zip(self.state.outputs_mut()).enumerate() {
            let follows = output.feature == feature && output.kind.is_position() && output.range == range;
            if at != leader && follows && !slot.dirty {
                output.value = sent.unwrap_or(output.value);
                output.sent = sent;
                slot.movement = None;
                slot.confine(output);
            }
        }
    }

    /// The packets have not been written, or not all: what they said has to be written again, except for what is being stopped.
    pub(super) fn not_written(&mut self) {
        for rendered in self.rendered.drain(..) {
            if let Some(slot) = self.slots.get_mut(rendered.at) {
                slot.dirty |= slot.rest == Rest::No && !rendered.superseded;
            }
        }
    }

    /// The stop has been written: commands that came after it count from here on. True if there are any.
    pub(super) fn rested(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for at in 0..self.slots.len() {
            let Some((slot, output)) = pair(&mut self.slots, &mut self.state, at) else { continue };
            if slot.rest != Rest::BeingWritten {
                continue;
            }
            slot.rest = Rest::No;
            if slot.halt == Halt::BeingWritten
                && let Some(movement) = slot.movement
            {
                output.value = movement.place(now);
                output.sent = Some(output.value);
                slot.confine(output);
            }
            slot.halt = Halt::No;
            slot.movement = None;
            if let Some((value, duration)) = slot.waiting.take() {
                changed |= self.put(at, value, duration);
            }
        }
        changed
    }

    /// The stop has to be written again.
    pub(super) fn not_rested(&mut self) {
        for slot in &mut self.slots {
            if slot.rest == Rest::BeingWritten {
                slot.rest = Rest::Due;
            }
        }
    }
}

impl Slot {
    fn new(feature: u32, hardware: Output, limits: &[Limit]) -> Self {
        Self {
            bounds: Bounds::new(feature, &hardware, limits),
            hardware,
            dirty: false,
            rest: Rest::No,
            waiting: None,
            movement: None,
            halt: Halt::No,
        }
    }

    /// Brings the present value within the bounds; false if they allow none.
    fn confine(&self, output: &mut OutputState) -> bool {
        let inside = self.bounds.apply(Value::Present(output.value), output.duration);
        if let Some((value, duration)) = inside {
            output.value = value;
            output.duration = duration;
        }
        inside.is_some()
    }

    /// Forgets what has not begun to be written. A position falls back to where the device is being sent, or was last.
    fn drop_waiting(&mut self, output: &mut OutputState, sending: Option<Rendered>) {
        self.waiting = None;
        if self.dirty && output.kind.is_position() {
            output.value = sending.map(|sending| sending.value).or(output.sent).unwrap_or(output.value);
            self.confine(output);
        }
        self.dirty = false;
    }
}

impl Movement {
    fn ends(&self) -> Instant {
        later(self.began, self.takes)
    }

    /// Where the device is by now, if it moves evenly.
    fn place(&self, now: Instant) -> i32 {
        let whole = self.takes.as_millis();
        let part = now.saturating_duration_since(self.began).as_millis().min(whole);
        let (Ok(whole), Ok(part)) = (i64::try_from(whole), i64::try_from(part)) else { return self.to };
        if whole == 0 {
            return self.to;
        }
        let way = i64::from(self.to) - i64::from(self.from);
        i32::try_from(i64::from(self.from) + way.saturating_mul(part) / whole).unwrap_or(self.to)
    }
}

fn pair<'a>(
    slots: &'a mut [Slot],
    state: &'a mut State,
    at: usize,
) -> Option<(&'a mut Slot, &'a mut OutputState)> {
    Some((slots.get_mut(at)?, state.outputs_mut().get_mut(at)?))
}

/// What the packets that are being written say of the output at this place.
fn in_flight(rendered: &[Rendered], at: usize) -> Option<Rendered> {
    rendered.iter().find(|rendered| rendered.at == at).copied()
}
