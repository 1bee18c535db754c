//! The requests of one connection: their ids, and how long their answers may take.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::super::outgoing::RequestId;

/// How many answers that may still come late are remembered.
const MAX_LATE: usize = 4096;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Connect,
    Read,
    /// A write or a subscription.
    Act,
    Disconnect,
}

/// A request that has not been answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) device: String,
    pub(super) purpose: Purpose,
    /// Since requests get ids in the order in which they are made and all may take as long, the one with the smallest id is the next that is over.
    until: Instant,
}

/// The requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last: RequestId,
    pending: BTreeMap<RequestId, Pending>,
    /// Given up: their answers are dropped if they come after all.
    late: BTreeSet<RequestId>,
}

/// What an answer is to.
pub(super) enum Answered {
    Pending(Pending),
    Late,
    Unknown,
}

impl Requests {
    /// Begins a request.
    pub(super) fn begin(&mut self, device: &str, purpose: Purpose, until: Instant) -> RequestId {
        self.last += 1;
        self.pending.insert(self.last, Pending { device: device.to_owned(), purpose, until });
        self.last
    }

    /// Whether this is a read that waits for its bytes.
    pub(super) fn is_read(&self, id: RequestId) -> bool {
        self.pending.get(&id).is_some_and(|pending| pending.purpose == Purpose::Read)
    }

    /// An answer has come.
    pub(super) fn answer(&mut self, id: RequestId) -> Answered {
        match self.pending.remove(&id) {
            Some(pending) => Answered::Pending(pending),
            None if self.late.remove(&id) => Answered::Late,
            None => Answered::Unknown,
        }
    }

    /// When the next request is over without an answer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.first_key_value().map(|(_, pending)| pending.until)
    }

    /// A request that is over without an answer.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Pending> {
        if self.deadline()? > now {
            return None;
        }
        let (id, pending) = self.pending.pop_first()?;
        self.give_up(id);
        Some(pending)
    }

    /// Nothing that was asked of this device matters any longer.
    pub(super) fn abandon(&mut self, device: &str) {
        let ids = self.pending.iter().filter(|(_, pending)| pending.device == device).map(|(id, _)| *id);
        for id in ids.collect::<Vec<_>>() {
            self.pending.remove(&id);
            self.give_up(id);
        }
    }

    fn give_up(&mut self, id: RequestId) {
        self.late.insert(id);
        if self.late.len() > MAX_LATE {
            self.late.pop_first();
        }
    }
}
