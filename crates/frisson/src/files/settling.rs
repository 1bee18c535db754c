//! When files that somebody is changing have come to rest.
//!
//! Editors truncate and write, write anew and rename, or delete and create. A change is looked at once nothing has moved for a moment; what is
//! broken or gone then may still be half written, and is not believed before a longer one has passed.

use std::time::{Duration, Instant};

/// Nothing has moved for this long: time to look.
pub(super) const QUIET: Duration = Duration::from_millis(80);
/// Nothing has moved for this long: what is broken is broken.
pub(super) const FINAL: Duration = Duration::from_millis(700);

/// Follows how files look from outside.
#[derive(Debug)]
pub(super) struct Settling<L> {
    seen: L,
    /// Since when nothing has moved, as long as something is to be looked at.
    since: Option<Instant>,
    /// Whether it has been looked at since.
    was_tried: bool,
}

/// Whether to look at the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// Not now.
    No,
    /// Yes, and what is broken may be half written.
    Quiet,
    /// Yes, and what is broken stays so.
    Final,
}

impl<L: PartialEq> Settling<L> {
    /// Files that look like this have been looked at.
    pub(super) fn new(seen: L) -> Self {
        Self { seen, since: None, was_tried: false }
    }

    /// Whether nothing is going on.
    pub(super) fn is_at_rest(&self) -> bool {
        self.since.is_none()
    }

    /// Takes in how the files look now.
    pub(super) fn see(&mut self, look: L, now: Instant) -> Ready {
        if look != self.seen {
            (self.seen, self.since, self.was_tried) = (look, Some(now), false);
        }
        let Some(since) = self.since else { return Ready::No };
        let quiet = now.saturating_duration_since(since);
        if quiet >= FINAL {
            self.since = None;
            Ready::Final
        } else if quiet >= QUIET && !self.was_tried {
            self.was_tried = true;
            Ready::Quiet
        } else {
            Ready::No
        }
    }

    /// Something may be about to move.
    pub(super) fn disturb(&mut self, now: Instant) {
        (self.since, self.was_tried) = (Some(now), false);
    }

    /// All was well, so there is nothing to look at again.
    pub(super) fn rest(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_change_is_looked_at_once_it_is_quiet_and_again_before_it_is_called_broken() {
        let start = Instant::now();
        let mut settling = Settling::new(1);
        assert_eq!(settling.see(1, at(start, 0)), Ready::No);
        assert_eq!(settling.see(2, at(start, 500)), Ready::No);
        assert_eq!(settling.see(3, at(start, 560)), Ready::No);
        assert_eq!(settling.see(3, at(start, 620)), Ready::No);
        assert_eq!(settling.see(3, at(start, 640)), Ready::Quiet);
        assert_eq!(settling.see(3, at(start, 700)), Ready::No);
        assert_eq!(settling.see(3, at(start, 1260)), Ready::Final);
        assert!(settling.is_at_rest());
        assert_eq!(settling.see(3, at(start, 9000)), Ready::No);
    }

    #[test]
    fn what_is_whole_is_not_looked_at_again() {
        let start = Instant::now();
        let mut settling = Settling::new(1);
        settling.see(2, start);
        assert_eq!(settling.see(2, at(start, 100)), Ready::Quiet);
        settling.rest();
        assert_eq!(settling.see(2, at(start, 1000)), Ready::No);
        assert_eq!(settling.see(3, at(start, 1001)), Ready::No);
        assert!(!settling.is_at_rest());
    }
}
