//! When the server looks for devices by itself: those that its user's settings know and that are not connected.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::backoff;
use crate::timers::later;

/// How long it looks at a time.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// The server's own search. It goes on, with ever longer pauses, until nothing is missing; clients' scans serve it as well.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Addresses of devices that are missing.
    missing: BTreeSet<String>,
    state: State,
    /// How many times it has looked in vain.
    rounds: usize,
    /// When it last looked.
    last: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is nothing to look for.
    #[default]
    Idle,
    /// It looks again at this time.
    Pausing(Instant),
    /// It looks until this time.
    Looking(Instant),
    /// A client's scan runs, which looks for everything.
    Served,
}

impl Search {
    /// How many devices are missing.
    pub(super) fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Whether the buses are wanted for it.
    pub(super) fn is_looking(&self) -> bool {
        matches!(self.state, State::Looking(_))
    }

    /// When [`Search::timeout`] is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Pausing(at) | State::Looking(at) => Some(at),
            State::Idle | State::Served => None,
        }
    }

    /// These devices are missing from now on. Of one that was not missing before it is looked for soon, however long the others have been gone.
    pub(super) fn look_for(&mut self, now: Instant, missing: BTreeSet<String>) {
        let is_news = !missing.is_subset(&self.missing);
        self.missing = missing;
        if self.missing.is_empty() {
            self.rest(now);
        } else if is_news {
            self.rounds = 0;
            self.state = match self.state {
                State::Served => State::Served,
                State::Looking(_) => State::Looking(later(now, WINDOW)),
                State::Idle | State::Pausing(_) => State::Pausing(self.soon(now)),
            };
        }
    }

    /// Time has passed.
    pub(super) fn timeout(&mut self, now: Instant) {
        match self.state {
            State::Pausing(at) if at <= now => self.state = State::Looking(later(now, WINDOW)),
            State::Looking(until) if until <= now => self.pause(now),
            _ => {}
        }
    }

    /// All buses have ended the scan by themselves.
    pub(super) fn ended(&mut self, now: Instant) {
        if self.is_looking() {
            self.pause(now);
        }
    }

    /// A scan of clients begins, or is over.
    pub(super) fn serve(&mut self, now: Instant, served: bool) {
        match (served, self.state) {
            (true, State::Looking(_)) => {
                self.last = Some(now);
                self.state = State::Served;
            }
            (true, State::Pausing(_)) => self.state = State::Served,
            (false, State::Served) => {
                self.rounds = 0;
                self.last = Some(now);
                self.state = State::Pausing(self.soon(now));
            }
            _ => {}
        }
    }

    /// Never again.
    pub(super) fn end(&mut self, now: Instant) {
        self.missing.clear();
        self.rest(now);
    }

    fn rest(&mut self, now: Instant) {
        if self.is_looking() {
            self.last = Some(now);
        }
        self.state = State::Idle;
    }

    fn pause(&mut self, now: Instant) {
        let pause = backoff::pause(self.rounds);
        self.rounds = self.rounds.saturating_add(1);
        self.last = Some(now);
        self.state = State::Pausing(later(now, pause));
    }

    /// At once, but not so soon after the last time that a device which comes and goes keeps the radio busy.
    fn soon(&self, now: Instant) -> Instant {
        let pause = backoff::pause(0);
        self.last.map_or(now, |last| now.max(later(last, pause)))
    }
}
