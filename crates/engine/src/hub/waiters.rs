//! Requests whose answer waits for hardware.

use std::collections::BTreeMap;
use std::time::Instant;

use frisson_wire::{Echo, Id, InputKind};
use smallvec::SmallVec;

use super::SessionId;
use crate::device::Ticket;

/// Names a waiter.
pub(super) type WaiterId = u64;

/// Something that is said when devices have done their part.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) id: WaiterId,
    pub(super) session: SessionId,
    pub(super) deadline: Instant,
    pub(super) purpose: Purpose,
    /// The first failure of a device, and which.
    pub(super) failure: Option<(u32, String)>,
    /// What it waits for.
    tickets: SmallVec<[Ticket; 2]>,
}

/// What is said then.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The answer to a stop.
    Stop(Id),
    /// The answer to a read.
    Read { id: Id, device: u32, feature: u32, kind: InputKind, echo: Echo, value: Option<i64> },
    /// The answer to a `Disconnect`; then the connection is closed.
    Disconnect(Id),
    /// The error after a ping timeout; then the connection is closed.
    PingTimeout,
}

/// All waiters, and the tickets that devices were given for them.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiters: BTreeMap<WaiterId, Waiter>,
    /// Tickets that somebody waits for: given to this device, for these waiters.
    tickets: BTreeMap<Ticket, (u32, SmallVec<[WaiterId; 1]>)>,
    last: u64,
}

impl Waiters {
    /// A number that was never given before: for waiters and tickets alike.
    pub(super) fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A waiter that does not wait for anything yet.
    pub(super) fn add(&mut self, session: SessionId, deadline: Instant, purpose: Purpose) -> WaiterId {
        let id = self.fresh();
        let waiter = Waiter { id, session, deadline, purpose, failure: None, tickets: SmallVec::new() };
        self.waiters.insert(id, waiter);
        id
    }

    /// Lets a waiter wait for a ticket of `device`, which others may wait for as well.
    pub(super) fn join(&mut self, id: WaiterId, ticket: Ticket, device: u32) {
        if let Some(waiter) = self.waiters.get_mut(&id) {
            waiter.tickets.push(ticket);
            self.tickets.entry(ticket).or_insert_with(|| (device, SmallVec::new())).1.push(id);
        }
    }

    /// Takes out a waiter that has nothing left to wait for.
    pub(super) fn take_settled(&mut self, id: WaiterId) -> Option<Waiter> {
        if self.waiters.get(&id)?.tickets.is_empty() { self.waiters.remove(&id) } else { None }
    }

    /// A device has ended a ticket. Gives those for whom it was the last to wait for.
    pub(super) fn done(
        &mut self,
        ticket: Ticket,
        result: Result<Option<i64>, String>,
    ) -> SmallVec<[Waiter; 1]> {
        let Some((device, ids)) = self.tickets.remove(&ticket) else { return SmallVec::new() };
        for id in &ids {
            let Some(waiter) = self.waiters.get_mut(id) else { continue };
            waiter.tickets.retain(|other| *other != ticket);
            match (&result, &mut waiter.purpose) {
                (Ok(read), Purpose::Read { value, .. }) => *value = *read,
                (Ok(_), _) => {}
                (Err(reason), _) => {
                    waiter.failure.get_or_insert_with(|| (device, reason.clone()));
                }
            }
        }
        ids.into_iter().filter_map(|id| self.take_settled(id)).collect()
    }

    /// The tickets that a device has not ended.
    pub(super) fn tickets_of(&self, device: u32) -> Vec<Ticket> {
        self.tickets.iter().filter(|(_, (of, _))| *of == device).map(|(ticket, _)| *ticket).collect()
    }

    /// Takes out a waiter, whatever it still waits for.
    pub(super) fn remove(&mut self, id: WaiterId) -> Option<Waiter> {
        let waiter = self.waiters.remove(&id)?;
        for ticket in &waiter.tickets {
            if let Some((_, ids)) = self.tickets.get_mut(ticket) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.tickets.remove(ticket);
                }
            }
        }
        Some(waiter)
    }

    /// The waiters of a session.
    pub(super) fn of(&self, session: SessionId) -> Vec<WaiterId> {
        self.waiters.values().filter(|waiter| waiter.session == session).map(|waiter| waiter.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(waiters: &mut Waiters) -> WaiterId {
        waiters.add(SessionId(1), Instant::now(), Purpose::Stop(Id::MIN))
    }

    #[test]
    fn a_ticket_is_forgotten_with_the_last_who_waits_for_it() {
        let mut waiters = Waiters::default();
        let (one, two) = (waiter(&mut waiters), waiter(&mut waiters));
        let ticket = waiters.fresh();
        waiters.join(one, ticket, 7);
        waiters.join(two, ticket, 7);
        waiters.remove(one);
        assert_eq!(waiters.tickets_of(7), [ticket]);
        waiters.remove(two);
        assert!(waiters.tickets_of(7).is_empty());
    }

    #[test]
    fn the_first_failure_is_the_one_that_is_told() {
        let mut waiters = Waiters::default();
        let one = waiter(&mut waiters);
        let tickets = [(); 3].map(|()| waiters.fresh());
        for (device, ticket) in (0..).zip(tickets) {
            waiters.join(one, ticket, device);
        }
        assert!(waiters.done(tickets[0], Ok(None)).is_empty());
        assert!(waiters.done(tickets[2], Err("late".to_owned())).is_empty());
        let done = waiters.done(tickets[1], Err("later".to_owned()));
        assert_eq!(done[0].failure, Some((2, "late".to_owned())));
    }
}
