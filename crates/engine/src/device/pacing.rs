//! When a device may be written to: the settle, the write gap, retries and the keepalive.

use std::time::{Duration, Instant};

use super::later;

/// How long a command waits from idle for others of the same breath, where the device has a write gap.
const SETTLE: Duration = Duration::from_millis(1);

/// The least time from a failed write to the next attempt.
const RETRY: Duration = Duration::from_millis(20);

/// After so many failed writes in a row the link is given up.
pub(super) const MOST_FAILURES: u32 = 3;

/// How long values wait for operations that were there before them.
const PATIENCE: Duration = Duration::from_millis(100);

/// The clockwork of one device.
#[derive(Debug)]
pub(super) struct Pacing {
    gap: Duration,
    keepalive: Option<Duration>,
    /// Since when there is something to write.
    wanted: Option<Instant>,
    /// When the last flush began to be written.
    flushed: Option<Instant>,
    /// When the keepalive is next due, were there no other write.
    hungry: Instant,
    /// Not before this, because a write has failed.
    retry: Option<Instant>,
    failures: u32,
}

impl Pacing {
    pub(super) fn new(now: Instant, gap: Duration, keepalive: Option<Duration>) -> Self {
        let keepalive = keepalive.map(|every| every.max(Duration::from_millis(1)));
        Self { gap, keepalive, wanted: None, flushed: None, hungry: now, retry: None, failures: 0 }
    }

    /// Another gap counts from now on.
    pub(super) fn set_gap(&mut self, gap: Duration) {
        self.gap = gap;
    }

    /// The next flush does not wait for the gap.
    pub(super) fn hurry(&mut self) {
        self.flushed = None;
    }

    /// There is something to write.
    pub(super) fn want(&mut self, now: Instant) {
        self.wanted.get_or_insert(now);
    }

    /// There is nothing to write any longer.
    pub(super) fn unwant(&mut self) {
        self.wanted = None;
    }

    /// When changed values are to be written. At the latest with the keepalive, which would write them anyway.
    pub(super) fn values_at(&self) -> Option<Instant> {
        let settle = if self.gap.is_zero() { Duration::ZERO } else { SETTLE };
        let at = self.after_gap(later(self.wanted?, settle));
        Some(self.after_retry(self.keepalive.map_or(at, |_| at.min(self.hungry))))
    }

    /// When something may be written that is due at the given time.
    pub(super) fn write_at(&self, due: Instant) -> Instant {
        self.after_retry(self.after_gap(due))
    }

    /// When the keepalive is due.
    pub(super) fn keepalive_at(&self) -> Option<Instant> {
        self.keepalive.map(|_| self.after_retry(self.hungry))
    }

    /// Whether values have waited so long that they no longer let other operations go first.
    pub(super) fn is_impatient(&self, now: Instant) -> bool {
        self.values_at().is_some_and(|at| later(at, PATIENCE) <= now)
    }

    /// The device is being written to.
    pub(super) fn began(&mut self, now: Instant) {
        self.flushed = Some(now);
        self.fed(now);
    }

    /// The keepalive has had its turn, even if the program had nothing to write.
    pub(super) fn fed(&mut self, now: Instant) {
        if let Some(every) = self.keepalive {
            self.hungry = later(now, every);
        }
    }

    /// The keepalive is due at once.
    pub(super) fn starve(&mut self, now: Instant) {
        self.hungry = now;
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.retry = None;
    }

    /// Counts a failed write and puts off the next; gives the number of failures in a row.
    pub(super) fn failed(&mut self, now: Instant) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.retry = Some(later(now, self.gap.max(RETRY)));
        self.failures
    }

    /// When a stop whose write has failed is tried again.
    pub(super) fn stop_retry(now: Instant) -> Instant {
        later(now, RETRY)
    }

    fn after_gap(&self, at: Instant) -> Instant {
        self.flushed.map_or(at, |flushed| at.max(later(flushed, self.gap)))
    }

    fn after_retry(&self, at: Instant) -> Instant {
        self.retry.map_or(at, |retry| at.max(retry))
    }
}
