//! Reads that the hub waits for; several of the same input at the same time share one.

use std::time::Instant;

use frisson_wire::InputKind;
use smallvec::SmallVec;

use super::link::ANSWER_TIME;
use super::{Ticket, later};

/// More requests waiting at a time are refused.
const MOST: usize = 1024;

/// All reads of a device that are under way.
#[derive(Debug, Default)]
pub(super) struct Reads {
    all: Vec<Read>,
}

#[derive(Debug)]
struct Read {
    feature: u32,
    kind: InputKind,
    deadline: Instant,
    tickets: SmallVec<[Ticket; 2]>,
}

/// What a new request means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// The program has to be asked.
    First,
    /// The answer to an earlier one serves.
    Shared,
    /// There are too many.
    Refused,
}

impl Reads {
    pub(super) fn add(&mut self, now: Instant, feature: u32, kind: InputKind, ticket: Ticket) -> Joined {
        if self.all.iter().map(|read| read.tickets.len()).sum::<usize>() >= MOST {
            return Joined::Refused;
        }
        if let Some(read) = self.all.iter_mut().find(|read| (read.feature, read.kind) == (feature, kind)) {
            read.tickets.push(ticket);
            return Joined::Shared;
        }
        let deadline = later(now, ANSWER_TIME);
        self.all.push(Read { feature, kind, deadline, tickets: SmallVec::from_slice(&[ticket]) });
        Joined::First
    }

    /// Ends a read; gives the tickets that wait for it.
    pub(super) fn take(&mut self, feature: u32, kind: InputKind) -> SmallVec<[Ticket; 2]> {
        match self.all.iter().position(|read| (read.feature, read.kind) == (feature, kind)) {
            Some(at) => self.all.swap_remove(at).tickets,
            None => SmallVec::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.all.iter().map(|read| read.deadline).min()
    }

    /// Ends a read whose time is over.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<SmallVec<[Ticket; 2]>> {
        let at = self.all.iter().position(|read| read.deadline <= now)?;
        Some(self.all.swap_remove(at).tickets)
    }

    /// Ends all reads.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Ticket> + use<> {
        std::mem::take(&mut self.all).into_iter().flat_map(|read| read.tickets)
    }
}
