//! Stops that have been asked for and not yet been written.

use std::time::Instant;

use super::Ticket;

/// More requests waiting at a time are not answered one by one; the stop itself is made all the same.
const MOST: usize = 4096;

/// What is known of stops. Several that come while one is being written become one.
#[derive(Debug, Default)]
pub(super) struct Stops {
    /// A stop has to be rendered.
    due: bool,
    /// Not before this, because a write of it has failed.
    retry: Option<Instant>,
    /// Those who wait for the stop that has to be rendered.
    waiting: Vec<Ticket>,
    /// Those who wait for the stop that is being written, or that could not be.
    served: Vec<Ticket>,
}

impl Stops {
    /// A stop is due. False if there are too many tickets to take this one as well.
    pub(super) fn ask(&mut self, ticket: Option<Ticket>) -> bool {
        self.due = true;
        let room = self.waiting.len() < MOST;
        if room {
            self.waiting.extend(ticket);
        }
        room || ticket.is_none()
    }

    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// When the stop that is due can be rendered.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry
    }

    /// The stop that was due is being written.
    pub(super) fn begin(&mut self) {
        self.due = false;
        self.retry = None;
        self.served.append(&mut self.waiting);
    }

    /// The stop that was being written has to be made again.
    pub(super) fn again(&mut self, retry: Option<Instant>) {
        self.due = true;
        self.retry = retry;
    }

    /// The stop has been written; gives those who waited for it.
    pub(super) fn written(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.served)
    }

    /// All who wait.
    pub(super) fn take_all(&mut self) -> Vec<Ticket> {
        self.due = false;
        self.served.append(&mut self.waiting);
        self.written()
    }
}
