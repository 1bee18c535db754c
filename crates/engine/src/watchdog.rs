//! The ping deadline of one session.

use std::time::{Duration, Instant};

use crate::timers::later;

/// Expires when it has not been fed for the whole of its period (`wire.md` section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watchdog {
    period: Duration,
    deadline: Instant,
}

impl Watchdog {
    /// A watchdog that was fed at `now`; `None` for a period of zero, which means that nothing is watched.
    pub fn new(now: Instant, period: Duration) -> Option<Self> {
        (!period.is_zero()).then(|| Self { period, deadline: later(now, period) })
    }

    /// Moves the deadline to one period from `now`.
    pub fn feed(&mut self, now: Instant) {
        self.deadline = later(now, self.period);
    }

    /// When it expires.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The longest time between two feeds.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Whether the deadline has come.
    pub fn is_expired(&self, now: Instant) -> bool {
        now >= self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_of_zero_watches_nothing() {
        assert_eq!(Watchdog::new(Instant::now(), Duration::ZERO), None);
    }

    #[test]
    fn only_feeding_moves_the_deadline_and_it_is_exact() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut dog = Watchdog::new(start, ms(500)).expect("a period");
        assert!(!dog.is_expired(start + ms(499)));
        dog.feed(start + ms(400));
        assert!(!dog.is_expired(start + ms(899)));
        assert!(dog.is_expired(start + ms(900)));
    }
}
