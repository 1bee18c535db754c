//! What the bench knows of outputs besides their state: what waits to be written, and where moves have come to.

use std::time::{Duration, Instant};

use frisson_wire::Range;

/// What the bench knows of an output besides its state.
#[derive(Debug, Default, Clone)]
pub(super) struct Slot {
    pub(super) dirty: bool,
    pub(super) duration: Option<Range<u32>>,
    pub(super) movement: Option<Movement>,
}

/// A timed move that has been written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Movement {
    pub(super) from: i32,
    pub(super) to: i32,
    pub(super) began: Instant,
    pub(super) takes: Duration,
}

impl Movement {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= self.takes
    }

    pub(super) fn place(&self, now: Instant) -> i32 {
        let (part, whole) = (now.saturating_duration_since(self.began).as_millis(), self.takes.as_millis());
        let (Ok(part), Ok(whole @ 1..)) = (i64::try_from(part), i64::try_from(whole)) else { return self.to };
        let way = i64::from(self.to) - i64::from(self.from);
        i32::try_from(i64::from(self.from) + way.saturating_mul(part.min(whole)) / whole).unwrap_or(self.to)
    }
}
