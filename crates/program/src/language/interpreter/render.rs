//! From values to packets.

use std::time::Duration;

use super::super::definition::{Target, Write};
use super::super::names::Kinds;
use super::scene::Scene;
use super::{Interpreter, Move};
use crate::{Change, Context, Endpoint, Packet, State};

/// Which packets have been rendered in this flush that are rendered once, one bit each.
#[derive(Debug, Default)]
pub(super) struct Done(u64);

impl Done {
    /// True the first time.
    fn mark(&mut self, at: u8) -> bool {
        let bit = 1 << u32::from(at.min(63));
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first
    }
}

impl Interpreter {
    pub(super) fn render_changes(&mut self, dirty: &[Change], state: &State, cx: &mut Context<'_>) {
        let now = cx.now();
        for change in dirty {
            let Some(at) = self.world.position(change.feature, change.kind) else { continue };
            self.world.touch(at);
            self.leave_glides(at, change);
            self.begin_glide(at, change, now);
            if let Some(slot) = self.moves.get_mut(at) {
                let began = Some(now);
                *slot = Move { from: change.previous, to: change.value, began, takes: change.duration };
            }
        }
        self.world.update(state);
        let mut done = Done::default();
        for change in dirty {
            let Some(at) = self.world.position(change.feature, change.kind) else { continue };
            let gliding = self.gliding(at, change);
            for packet in self.plan.get(at).cloned().unwrap_or_default() {
                let glides = self.glides_in(packet);
                let change = if glides { gliding.as_ref().unwrap_or(change) } else { change };
                self.packet(packet, at, change, &mut done, true, cx);
            }
        }
    }

    /// Writes one packet, if its time has come.
    pub(super) fn packet(
        &mut self,
        packet: u8,
        at: usize,
        change: &Change,
        done: &mut Done,
        follow_up: bool,
        cx: &mut Context<'_>,
    ) {
        let Some(rule) = self.definition.packets.get(usize::from(packet)) else { return };
        if rule.ends || (!rule.per_output && !done.mark(packet)) {
            return;
        }
        let top = self.world.outputs.get(at).map_or(0, |known| known.top);
        let about = rule.per_output.then_some(change);
        let scene = Scene { world: &self.world, kinds: rule.on, change: about, top };
        match rule.when.as_ref().map(|(when, _)| scene.value(when)) {
            None => {}
            Some(Ok(0)) => return,
            Some(Ok(_)) => {}
            Some(Err(why)) => return cx.fail(why),
        }
        match self.written(&rule.write, &scene) {
            Ok((endpoint, bytes)) => cx.write(endpoint, &bytes, rule.write.confirm),
            Err(why) => return cx.fail(why),
        }
        let mut counted = u32::from(rule.write.template.counts());
        if let (Some((after, write)), true) = (&rule.then, follow_up && change.value != 0) {
            self.world.seq = self.world.seq.wrapping_add(std::mem::take(&mut counted));
            let scene = Scene { world: &self.world, kinds: rule.on, change: about, top };
            match self.written(write, &scene) {
                Ok((endpoint, bytes)) => cx.follow_up(*after, endpoint, &bytes, write.confirm),
                Err(why) => cx.fail(why),
            }
            counted = u32::from(write.template.counts());
        }
        self.world.seq = self.world.seq.wrapping_add(counted);
    }

    /// Ends a timed move where the device is by now.
    pub(super) fn end_move(&mut self, movement: &Change, state: &State, cx: &mut Context<'_>) {
        let Some(at) = self.world.position(movement.feature, movement.kind) else { return };
        let glided = self.glides.iter().any(|glide| glide.output == at);
        self.glides.retain(|glide| glide.output != at);
        self.world.update(state);
        if glided {
            return;
        }
        let place = self.moves.get(at).map_or(movement.value, |last| last.place(cx.now()));
        let change = Change { value: place, previous: place, duration: Duration::ZERO, ..*movement };
        if let Some(known) = self.world.outputs.get_mut(at) {
            known.value = i64::from(place);
        }
        for packet in self.plan.get(at).cloned().unwrap_or_default() {
            let Some(rule) = self.definition.packets.get(usize::from(packet)).filter(|rule| rule.ends) else {
                continue;
            };
            let top = self.world.outputs.get(at).map_or(0, |known| known.top);
            let scene = Scene { world: &self.world, kinds: rule.on, change: Some(&change), top };
            match rule.when.as_ref().map_or(Ok(1), |(when, _)| scene.value(when)) {
                Ok(0) => continue,
                Ok(_) => {}
                Err(why) => cx.fail(why),
            }
            match self.written(&rule.write, &scene) {
                Ok((endpoint, bytes)) => cx.write(endpoint, &bytes, rule.write.confirm),
                Err(why) => cx.fail(why),
            }
            self.world.seq = self.world.seq.wrapping_add(u32::from(rule.write.template.counts()));
        }
    }

    /// Writes what keeps the device alive.
    pub(super) fn feed(&mut self, state: &State, cx: &mut Context<'_>) {
        let keepalive = &self.definition.keepalive;
        if let (None, Some(idle)) = (keepalive.every, &keepalive.idle) {
            let scene = Scene::general(&self.world);
            let counts = idle.template.counts();
            match self.written(idle, &scene) {
                Ok((endpoint, bytes)) => cx.write(endpoint, &bytes, idle.confirm),
                Err(why) => cx.fail(why),
            }
            self.world.seq = self.world.seq.wrapping_add(u32::from(counts));
            return;
        }
        self.world.update(state);
        if let Some((condition, _)) = &self.definition.keepalive.condition {
            let scene = Scene { kinds: Kinds::ALL, ..Scene::general(&self.world) };
            match scene.value(condition) {
                Ok(0) => return,
                Ok(_) => {}
                Err(why) => return cx.fail(why),
            }
        }
        let mut done = Done::default();
        for mut change in self.to_repeat(state) {
            let Some(at) = self.world.position(change.feature, change.kind) else { continue };
            // A move that is under way is said again as it was said first.
            if let (true, Some(last)) = (change.kind.is_position(), self.moves.get(at))
                && last.to == change.value
            {
                change.previous = last.from;
                change.duration = last.takes;
            }
            let gliding = self.gliding(at, &change);
            for packet in self.plan.get(at).cloned().unwrap_or_default() {
                let glides = self.glides_in(packet);
                let change = if glides { gliding.as_ref().unwrap_or(&change) } else { &change };
                self.packet(packet, at, change, &mut done, false, cx);
            }
        }
    }

    /// What a keepalive says again. A position that a stop has released is said again where a glide was ended, for there the device
    /// is.
    fn to_repeat(&self, state: &State) -> Vec<Change> {
        let mut all = state.all();
        let told = |known: &&super::scene::Known| known.held.is_some();
        let held = self
            .world
            .outputs
            .iter()
            .filter(told)
            .filter_map(|known| state.output(known.feature, known.kind));
        for output in held {
            let key = (output.feature, output.kind);
            if let Err(place) = all.binary_search_by_key(&key, |change| (change.feature, change.kind)) {
                all.insert(place, output.change());
            }
        }
        all
    }

    /// Where a packet goes, and its bytes.
    fn written(&self, write: &Write, scene: &Scene<'_>) -> Result<(Endpoint, Packet), String> {
        let endpoint = match &write.to {
            Target::Endpoint(endpoint) => *endpoint,
            _ => self.there.ok_or_else(|| "no endpoint has been chosen".to_owned())?,
        };
        if !self.has(endpoint) {
            return Err(format!("the device has no endpoint `{endpoint}`"));
        }
        Ok((endpoint, scene.packet(write)?))
    }
}
