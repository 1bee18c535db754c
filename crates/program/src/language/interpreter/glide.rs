//! Timed moves of devices that only know "be there now": the way is divided by the clock, and the device is told each place.

use std::time::{Duration, Instant};

use frisson_wire::OutputKind;

use super::render::Done;
use super::{Interpreter, between};
use crate::{Change, Context};

/// A move that is under way.
#[derive(Debug)]
pub(super) struct Glide {
    pub(super) output: usize,
    /// As it was set.
    change: Change,
    from: i32,
    began: Instant,
    period: Duration,
    /// When the next place is due.
    pub(super) next: Instant,
}

impl Glide {
    /// Where the device is to be at the end of the period that has begun at `now`, and whether that is the end of the way.
    fn place(&self, now: Instant) -> (i32, bool) {
        let periods = self.periods(now).saturating_add(1);
        let part = self.period.saturating_mul(periods).min(self.change.duration);
        (between(self.from, self.change.value, part, self.change.duration), part >= self.change.duration)
    }

    /// How many periods are over.
    fn periods(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.began).as_micros();
        u32::try_from(passed / self.period.as_micros().max(1)).unwrap_or(u32::MAX)
    }
}

impl Interpreter {
    /// Whether the packet tells a glide's places.
    pub(super) fn glides_in(&self, packet: u8) -> bool {
        self.definition.packets.get(usize::from(packet)).is_some_and(|rule| rule.glide.is_some())
    }

    /// A command for this output, or for another of the same feature, ends a glide where it is.
    pub(super) fn leave_glides(&mut self, at: usize, change: &Change) {
        let of_feature = |output: usize| {
            let known = self.world.outputs.get(output);
            known.is_some_and(|known| known.feature == change.feature)
        };
        self.glides.retain(|glide| !of_feature(glide.output));
        for (output, known) in self.world.outputs.iter_mut().enumerate() {
            // The other position of the same axis has been moved with it.
            let moved = known.feature == change.feature && change.kind.is_position() && output != at;
            if moved {
                known.held = None;
            }
        }
    }

    /// A timed move of an output that glides begins from where the device is.
    pub(super) fn begin_glide(&mut self, at: usize, change: &Change, now: Instant) {
        if change.kind != OutputKind::HwPositionWithDuration {
            return;
        }
        let plan = self.plan.get(at).into_iter().flatten();
        let period = plan.filter_map(|packet| self.definition.packets.get(usize::from(*packet))?.glide).min();
        let Some(known) = self.world.outputs.get_mut(at) else { return };
        let held = known.held.take().and_then(|held| i32::try_from(held).ok());
        let Some(period) = period.filter(|_| !change.duration.is_zero()) else { return };
        let from = held.unwrap_or(change.previous);
        let next = now.checked_add(period).unwrap_or(now);
        let glide = Glide { output: at, change: *change, from, began: now, period, next };
        let (place, is_end) = glide.place(now);
        known.held = Some(i64::from(place));
        if !is_end {
            self.glides.push(glide);
        }
    }

    /// The change as a glide has it by now: the next place instead of the target.
    pub(super) fn gliding(&self, at: usize, change: &Change) -> Option<Change> {
        let held = self.world.outputs.get(at)?.held?;
        Some(Change { value: i32::try_from(held).ok()?, ..*change })
    }

    /// Tells the places that are due.
    pub(super) fn glide_on(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let mut due = Vec::new();
        let mut ended = Vec::new();
        for glide in self.glides.iter_mut().filter(|glide| glide.next <= now) {
            let (place, is_end) = glide.place(now);
            let Some(known) = self.world.outputs.get_mut(glide.output) else { continue };
            let previous = known.held.and_then(|held| i32::try_from(held).ok()).unwrap_or(glide.from);
            known.held = Some(i64::from(place));
            known.value = i64::from(place);
            let periods = glide.periods(now).saturating_add(1);
            let next = glide.began.checked_add(glide.period.saturating_mul(periods));
            glide.next = next.unwrap_or(now);
            due.push((
                glide.output,
                Change { value: place, previous, duration: glide.period, ..glide.change },
            ));
            if is_end {
                ended.push(glide.output);
            }
        }
        self.glides.retain(|glide| !ended.contains(&glide.output));
        let mut done = Done::default();
        for (at, change) in due {
            for packet in self.plan.get(at).cloned().unwrap_or_default() {
                if self.glides_in(packet) {
                    self.packet(packet, at, &change, &mut done, false, cx);
                }
            }
        }
    }
}
