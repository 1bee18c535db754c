//! The operations of a device: one under way, the others waiting in order, those of a stop in front.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use frisson_program::Operation;

use super::later;

/// An operation that has not ended after this time has failed.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(5);

/// More operations waiting at a time mean that the program is broken.
pub(super) const MOST_WAITING: usize = 4096;

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Part of the greeting.
    Greeting,
    /// One of the packets that bring the device to its state, as long as that attempt goes on.
    Batch,
    /// A write of the program's own accord. A stop drops those that wait, for they carry older values.
    Tick,
    /// Under way when a stop made void what it belongs to.
    Overtaken,
    /// Inputs and dialogue.
    Other,
}

/// An operation and what it is for.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) operation: Operation,
    pub(super) purpose: Purpose,
}

impl Job {
    pub(super) fn is_write(&self) -> bool {
        matches!(self.operation, Operation::Write { .. })
    }
}

/// All operations of a device.
#[derive(Debug, Default)]
pub(super) struct Link {
    under_way: Option<(Job, Instant)>,
    /// The packets of a stop.
    urgent: VecDeque<Job>,
    waiting: VecDeque<Job>,
}

impl Link {
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    pub(super) fn under_way(&self) -> Option<&Job> {
        self.under_way.as_ref().map(|(job, _)| job)
    }

    /// When the operation under way has failed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.under_way.as_ref().map(|(_, deadline)| *deadline)
    }

    /// Whether an operation for this purpose waits or is under way.
    pub(super) fn has(&self, purpose: Purpose) -> bool {
        let mut all = self.under_way().into_iter().chain(&self.urgent).chain(&self.waiting);
        all.any(|job| job.purpose == purpose)
    }

    /// Whether operations wait that are not part of a stop.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Appends an operation. False if too many wait.
    pub(super) fn push(&mut self, job: Job, urgent: bool) -> bool {
        let queue = if urgent { &mut self.urgent } else { &mut self.waiting };
        queue.push_back(job);
        self.urgent.len() + self.waiting.len() <= MOST_WAITING
    }

    /// Begins the next packet of a stop.
    pub(super) fn begin_urgent(&mut self, now: Instant) -> Option<&Job> {
        let job = self.urgent.pop_front()?;
        Some(self.begin(now, job))
    }

    /// Begins the next operation that waits.
    pub(super) fn begin_waiting(&mut self, now: Instant) -> Option<&Job> {
        let job = self.waiting.pop_front()?;
        Some(self.begin(now, job))
    }

    fn begin(&mut self, now: Instant, job: Job) -> &Job {
        let (job, _) = self.under_way.insert((job, later(now, ANSWER_TIME)));
        job
    }

    /// Ends the operation under way.
    pub(super) fn end(&mut self) -> Option<Job> {
        self.under_way.take().map(|(job, _)| job)
    }

    /// Ends the operation under way; it will be the first of those that wait.
    pub(super) fn put_back(&mut self) {
        if let Some(job) = self.end() {
            self.waiting.push_front(job);
        }
    }

    /// Drops the packets of the present attempt that wait, and says how many there were.
    pub(super) fn drop_batch(&mut self) -> usize {
        let before = self.urgent.len() + self.waiting.len();
        self.urgent.retain(|job| job.purpose != Purpose::Batch);
        self.waiting.retain(|job| job.purpose != Purpose::Batch);
        before - self.urgent.len() - self.waiting.len()
    }

    /// Drops the writes of the program's own accord that wait, and what the one under way would lead to.
    pub(super) fn drop_ticks(&mut self) {
        self.waiting.retain(|job| job.purpose != Purpose::Tick || !job.is_write());
        self.overtake(Purpose::Tick);
    }

    /// What the operation under way belongs to is void, if it is for this purpose.
    pub(super) fn overtake(&mut self, purpose: Purpose) {
        if let Some((job, _)) = &mut self.under_way
            && job.purpose == purpose
        {
            job.purpose = Purpose::Overtaken;
        }
    }
}
