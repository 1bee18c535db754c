//! The requests that wait for their answer.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use frisson_wire::Id;
use tokio::time::Instant;

/// Open requests by their id, each with somebody who waits. Ids go up from 1, start again after the highest, and are
/// never those of another open request.
pub(crate) struct Requests<W> {
    open: HashMap<Id, Open<W>>,
    /// In the order of opening, which is that of falling due. Holds ids that are closed by now, too.
    due: VecDeque<(Instant, Id)>,
    last: u32,
    patience: Duration,
}

struct Open<W> {
    due: Instant,
    waiter: W,
}

impl<W> Requests<W> {
    /// Every request is given `patience`. Ids after `last` come first.
    pub(crate) fn new(last: u32, patience: Duration) -> Self {
        Self { open: HashMap::new(), due: VecDeque::new(), last, patience }
    }

    /// Opens a request.
    pub(crate) fn open(&mut self, now: Instant, waiter: W) -> Id {
        let id = self.next_id();
        let due = now + self.patience;
        self.open.insert(id, Open { due, waiter });
        self.due.push_back((due, id));
        id
    }

    /// Closes the request with this id. `None` if there is none.
    pub(crate) fn close(&mut self, id: Id) -> Option<W> {
        let open = self.open.remove(&id)?;
        while self.due.front().is_some_and(|&(due, id)| !self.is_due_at(id, due)) {
            self.due.pop_front();
        }
        Some(open.waiter)
    }

    /// Closes one request that has waited for too long.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<W> {
        let &(due, id) = self.due.front()?;
        if due > now { None } else { self.close(id) }
    }

    /// When the next request will have waited for too long.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.front().map(|&(due, _)| due)
    }

    /// Closes all requests.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = W> {
        self.due.clear();
        self.open.drain().map(|(_, open)| open.waiter)
    }

    fn is_due_at(&self, id: Id, due: Instant) -> bool {
        self.open.get(&id).is_some_and(|open| open.due == due)
    }

    fn next_id(&mut self) -> Id {
        loop {
            self.last = self.last.wrapping_add(1);
            if let Some(id) = Id::new(self.last)
                && !self.open.contains_key(&id)
            {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn ids(requests: &mut Requests<()>, count: usize) -> Vec<u32> {
        let now = Instant::now();
        (0..count).map(|_| requests.open(now, ()).get()).collect()
    }

    #[test]
    fn ids_go_up_from_one() {
        assert_eq!(ids(&mut Requests::new(0, PATIENCE), 3), [1, 2, 3]);
    }

    #[test]
    fn ids_wrap_without_zero_and_without_those_in_use() {
        let mut requests = Requests::new(0, PATIENCE);
        assert_eq!(ids(&mut requests, 2), [1, 2]);
        requests.close(Id::MIN);
        requests.last = u32::MAX - 1;
        assert_eq!(ids(&mut requests, 3), [u32::MAX, 1, 3]);
    }

    #[test]
    fn an_id_closes_once() {
        let mut requests = Requests::new(0, PATIENCE);
        let id = requests.open(Instant::now(), "waiter");
        assert_eq!(requests.close(id), Some("waiter"));
        assert_eq!(requests.close(id), None);
    }

    #[test]
    fn only_what_has_waited_for_too_long_expires() {
        let mut requests = Requests::new(0, PATIENCE);
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let first = requests.open(start, 1);
        requests.open(start, 2);
        requests.open(later, 3);
        requests.close(first);
        assert_eq!(requests.next_due(), Some(start + PATIENCE));
        assert_eq!(requests.expire(start + PATIENCE), Some(2));
        assert_eq!(requests.expire(start + PATIENCE), None);
        assert_eq!(requests.next_due(), Some(later + PATIENCE));
    }

    #[test]
    fn a_reused_id_has_its_own_time() {
        let mut requests = Requests::new(0, PATIENCE);
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let _oldest = requests.open(start, 0);
        let id = requests.open(start, 1);
        requests.close(id);
        requests.last -= 1;
        assert_eq!(requests.open(later, 2), id);
        assert_eq!(requests.expire(start + PATIENCE), Some(0));
        assert_eq!(requests.expire(start + PATIENCE), None);
        assert_eq!(requests.expire(later + PATIENCE), Some(2));
    }
}
