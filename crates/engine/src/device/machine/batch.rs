//! One attempt to bring the device to its state: rendered, written, and then either known to the device or to be made again.

use std::time::Instant;

use super::super::link::Purpose;
use super::super::pacing::Pacing;
use super::DeviceMachine;

/// The packets that were rendered together.
#[derive(Debug)]
pub(super) struct Batch {
    kind: Kind,
    /// How many packets wait or are under way.
    left: usize,
    begun: bool,
    failure: Option<String>,
    /// A stop has dropped packets of it.
    cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flush,
    Keepalive,
    Stop,
}

impl Batch {
    fn new(kind: Kind) -> Self {
        Self { kind, left: 0, begun: false, failure: None, cut: false }
    }

    pub(super) fn is_stop(&self) -> bool {
        self.kind == Kind::Stop
    }

    /// One more packet belongs to it.
    pub(super) fn extend(&mut self) {
        self.left += 1;
    }

    /// A packet is being written. True for the first.
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    pub(super) fn cut(&mut self) {
        self.cut = true;
    }

    pub(super) fn fail(&mut self, reason: String) {
        self.failure.get_or_insert(reason);
    }
}

impl DeviceMachine {
    /// Writes changed values and the follow-ups that are due.
    pub(super) fn begin_flush(&mut self, now: Instant) {
        self.pacing.unwant();
        self.tick_is_next = true;
        self.batch = Some(Batch::new(Kind::Flush));
        for write in self.follow_ups.take_due(now) {
            self.enqueue(Purpose::Batch, write);
        }
        let mut changes = std::mem::take(&mut self.changes);
        self.outputs.take_dirty(&mut changes);
        if !changes.is_empty() {
            self.consult(now, Purpose::Batch, |program, state, cx| program.render(&changes, state, cx));
        }
        changes.clear();
        self.changes = changes;
        self.finish_if_written(now);
    }

    pub(super) fn begin_keepalive(&mut self, now: Instant) {
        self.pacing.fed(now);
        self.batch = Some(Batch::new(Kind::Keepalive));
        self.consult(now, Purpose::Batch, |program, state, cx| program.keepalive(state, cx));
        self.finish_if_written(now);
    }

    /// Writes what brings outputs to rest: zeros, the ends of timed moves, and all follow-ups.
    pub(super) fn begin_stop(&mut self, now: Instant) {
        self.stops.begin();
        self.batch = Some(Batch::new(Kind::Stop));
        let mut changes = std::mem::take(&mut self.changes);
        let mut moves = std::mem::take(&mut self.moves);
        self.outputs.take_stopping(&mut changes, &mut moves);
        if !changes.is_empty() {
            self.consult(now, Purpose::Batch, |program, state, cx| program.render(&changes, state, cx));
        }
        for at in moves.drain(..) {
            let Some(movement) = self.outputs.state().outputs().get(at).map(|output| output.change()) else {
                continue;
            };
            let before = self.batch.as_ref().map_or(0, |batch| batch.left);
            self.consult(now, Purpose::Batch, |program, state, cx| program.halt(&movement, state, cx));
            if self.batch.as_ref().is_some_and(|batch| batch.left > before) {
                self.outputs.halting(at);
            }
        }
        for write in self.follow_ups.take_all() {
            self.enqueue(Purpose::Batch, write);
        }
        changes.clear();
        self.changes = changes;
        self.moves = moves;
        self.finish_if_written(now);
    }

    /// A packet has been written, or not.
    pub(super) fn advance_batch(&mut self, now: Instant, failure: Option<String>) {
        let failed = failure.is_some();
        let Some(batch) = &mut self.batch else { return };
        batch.left = batch.left.saturating_sub(1);
        if let Some(reason) = failure {
            batch.failure = Some(reason);
        }
        if failed {
            let dropped = self.link.drop_batch();
            if let Some(batch) = &mut self.batch {
                batch.left = batch.left.saturating_sub(dropped);
            }
        }
        self.finish_if_written(now);
    }

    fn finish_if_written(&mut self, now: Instant) {
        let Some(batch) = self.batch.take_if(|batch| batch.left == 0) else { return };
        match (batch.failure, batch.cut) {
            (Some(reason), _) => {
                self.redo(now, batch.kind, Some(Pacing::stop_retry(now)));
                self.count_failure(now, &reason);
            }
            (None, true) => self.redo(now, batch.kind, None),
            (None, false) => {
                if batch.begun {
                    self.pacing.succeeded();
                }
                self.outputs.written(now);
                self.follow_ups.written(now);
                if batch.kind == Kind::Stop {
                    self.finish_stop(now);
                }
            }
        }
    }

    fn finish_stop(&mut self, now: Instant) {
        if self.outputs.rested(now) {
            self.pacing.want(now);
        }
        for ticket in self.stops.written() {
            self.done(ticket, Ok(None));
        }
        if self.closing.is_some() && !self.stops.is_due() {
            self.close(true);
        }
    }

    /// Ends an attempt whose waiting packets have been dropped; what it was to tell the device will be rendered anew.
    pub(super) fn abort_batch(&mut self, now: Instant) {
        self.link.overtake(Purpose::Batch);
        if let Some(batch) = self.batch.take() {
            self.redo(now, batch.kind, None);
        }
    }

    fn redo(&mut self, now: Instant, kind: Kind, retry: Option<Instant>) {
        self.outputs.not_written();
        self.follow_ups.not_written(now);
        match kind {
            Kind::Flush => {}
            Kind::Keepalive => self.pacing.starve(now),
            Kind::Stop => {
                self.outputs.not_rested();
                self.stops.again(retry);
            }
        }
        if self.outputs.is_dirty() {
            self.pacing.want(now);
        }
    }
}
