//! A small table of deadlines, the earliest first.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Deadlines and what each is for.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    table: BTreeSet<(Instant, K)>,
}

impl<K: Ord> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { table: BTreeSet::new() }
    }

    pub(crate) fn arm(&mut self, at: Instant, key: K) {
        self.table.insert((at, key));
    }

    /// Takes out a deadline that means nothing any more.
    pub(crate) fn cancel(&mut self, at: Instant, key: K) {
        self.table.remove(&(at, key));
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.table.first().map(|(at, _)| *at)
    }

    /// Takes out one deadline that has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        self.table.pop_first().map(|(_, key)| key)
    }
}

/// The time that lies `by` after `from`; a day after it where the clock cannot express that.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    from.checked_add(by).or_else(|| from.checked_add(DAY)).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_up_in_order_and_not_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.arm(at(20), 'b');
        timers.arm(at(10), 'a');
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(30)), Some('a'));
        assert_eq!(timers.pop_due(at(30)), Some('b'));
        assert_eq!(timers.pop_due(at(30)), None);
    }

    #[test]
    fn a_cancelled_deadline_does_not_come_up() {
        let start = Instant::now();
        let mut timers = Timers::new();
        timers.arm(start, 'a');
        timers.arm(start, 'b');
        timers.cancel(start, 'a');
        assert_eq!(timers.pop_due(start), Some('b'));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_time_that_the_clock_cannot_express_is_not_a_panic() {
        let start = Instant::now();
        assert!(later(start, Duration::MAX) > start);
    }
}
