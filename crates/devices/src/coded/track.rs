//! Where a timed move has come to, for devices that can only be halted by sending them to where they are.

use std::time::{Duration, Instant};

use frisson_program::Packet;

/// The moves of one axis.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// A packet that has not been written yet, and the move that it begins.
    rendered: Option<(Packet, i32, Duration)>,
    last: Option<Move>,
}

#[derive(Debug)]
struct Move {
    from: Option<i32>,
    to: i32,
    began: Instant,
    takes: Duration,
}

impl Track {
    /// This packet will begin a move.
    pub(super) fn render(&mut self, packet: &[u8], to: i32, takes: Duration) {
        self.rendered = Some((Packet::from_slice(packet), to, takes));
    }

    /// This packet has been written.
    pub(super) fn written(&mut self, packet: &[u8], now: Instant) {
        if let Some((_, to, takes)) = self.rendered.take_if(|(rendered, ..)| rendered.as_slice() == packet) {
            self.last = Some(Move { from: self.place(now), to, began: now, takes });
        }
    }

    /// Something else has moved the axis.
    pub(super) fn lose(&mut self) {
        self.rendered = None;
        self.last = None;
    }

    /// Where the axis is now, if it moves evenly; `None` if nobody can know.
    pub(super) fn place(&self, now: Instant) -> Option<i32> {
        let last = self.last.as_ref()?;
        let gone = now.saturating_duration_since(last.began).as_millis();
        let whole = last.takes.as_millis();
        if gone >= whole {
            return Some(last.to);
        }
        let (gone, whole) = (i64::try_from(gone).ok()?, i64::try_from(whole).ok()?);
        let from = i64::from(last.from?);
        let way = i64::from(last.to).checked_sub(from)?.checked_mul(gone)?.checked_div(whole)?;
        i32::try_from(from.checked_add(way)?).ok()
    }
}
