//! What buses that have to be looked at again and again have in common: when, and which of the devices that are there are offered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::{Found, Ignored, Outcome, Sighting};

/// How often a bus is looked at during a scan, unless told otherwise (`bus-facts` section 6).
pub(crate) const EVERY: Duration = Duration::from_secs(5);
/// How long a device that could not be opened is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// How long something is kept open for a device of which nobody says what becomes of it.
const HOLD: Duration = Duration::from_secs(5);

/// Devices that are there, each with what was kept open for it; or why nothing can be seen.
pub(crate) type Seen<H> = Result<Vec<(Sighting, H)>, String>;

/// Looks at a bus.
pub(crate) trait Look<H> {
    /// Begins to look. What `is_settled` says yes to need not be looked for.
    fn look(&self, is_settled: &dyn Fn(&str) -> bool, tasks: &mut JoinSet<Seen<H>>);
}

/// The scan of a bus that is looked at in rounds. It goes on until it is ended.
pub(crate) struct Rounds<H> {
    every: Duration,
    /// Whether a device that is not seen in a round has gone, so that it counts as new when it returns.
    is_complete: bool,
    is_scanning: bool,
    has_ended: bool,
    next_round: Instant,
    tasks: JoinSet<Seen<H>>,
    /// What this round has seen.
    seen: BTreeSet<String>,
    ready: VecDeque<(Sighting, H)>,
    devices: BTreeMap<String, State<H>>,
    /// Why the bus could not be looked at, as it was told.
    fault: Option<String>,
    closed: (mpsc::UnboundedSender<String>, mpsc::UnboundedReceiver<String>),
}

/// What became of a device.
enum State<H> {
    /// Nobody has said yet what becomes of it; what is kept open for it, and until when.
    Offered(Option<(H, Instant)>),
    Open,
    /// Not wanted.
    Refused,
    /// Could not be opened, and may be offered again from then on.
    Failed(Instant),
    /// May be offered again.
    Free,
}

/// What is known to be missing, so that it is told once.
#[derive(Clone, Default)]
pub(crate) struct Missing(Arc<Mutex<BTreeSet<String>>>);

impl Missing {
    /// Takes in whether this is missing; whether that is news.
    pub(crate) fn is_news(&self, name: &str, is_missing: bool) -> bool {
        let mut missing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_missing { missing.insert(name.to_owned()) } else { missing.remove(name) }
    }
}

/// Tells when it is dropped that the device is not open any more.
pub(crate) struct OpenMark {
    address: String,
    closed: mpsc::UnboundedSender<String>,
}

#[cfg(any(test, feature = "lovense-dongle"))]
impl OpenMark {
    /// A mark that tells nobody.
    pub(crate) fn of_nothing() -> Self {
        Self { address: String::new(), closed: mpsc::unbounded_channel().0 }
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        let _ = self.closed.send(std::mem::take(&mut self.address));
    }
}

impl<H: Send + 'static> Rounds<H> {
    pub(crate) fn new(every: Duration, is_complete: bool) -> Self {
        Self {
            every: every.max(Duration::from_millis(1)),
            is_complete,
            is_scanning: false,
            has_ended: false,
            next_round: Instant::now(),
            tasks: JoinSet::new(),
            seen: BTreeSet::new(),
            ready: VecDeque::new(),
            devices: BTreeMap::new(),
            fault: None,
            closed: mpsc::unbounded_channel(),
        }
    }

    /// Begins or ends the scan. What could not be opened or was not wanted is offered again by a new one.
    pub(crate) fn scan(&mut self, on: bool) {
        self.tasks = JoinSet::new();
        self.seen.clear();
        self.ready.clear();
        if on {
            self.next_round = Instant::now();
            self.devices.retain(|_, state| matches!(state, State::Offered(_) | State::Open));
        } else {
            self.has_ended = self.is_scanning;
        }
        self.is_scanning = on;
    }

    /// What is found next. Cancel safe.
    pub(crate) async fn next(&mut self, bus: &impl Look<H>) -> Found {
        loop {
            self.let_go(Instant::now());
            if let Some((sighting, held)) = self.ready.pop_front() {
                let state = State::Offered(Some((held, Instant::now() + HOLD)));
                self.devices.insert(sighting.address.clone(), state);
                return Found::Device(sighting);
            }
            if std::mem::take(&mut self.has_ended) {
                return Found::ScanEnded;
            }
            let held = self.held().min();
            tokio::select! {
                () = sleep_until(held.unwrap_or_else(Instant::now)), if held.is_some() => {}
                Some(address) = self.closed.1.recv() => self.was_closed(&address),
                Some(seen) = self.tasks.join_next() => {
                    let news = self.have_seen(seen.unwrap_or_else(|ended| Err(ended.to_string())));
                    if self.tasks.is_empty() {
                        self.end_round();
                    }
                    if let Some(reason) = news {
                        return Found::Unusable(reason);
                    }
                }
                () = sleep_until(self.next_round), if self.is_scanning && self.tasks.is_empty() => {
                    let now = Instant::now();
                    self.next_round = now + self.every;
                    self.seen.clear();
                    let devices = &self.devices;
                    bus.look(&|address| is_settled(devices, address, now), &mut self.tasks);
                }
            }
        }
    }

    /// Takes in what was seen, and gives the reason if that is a new one why nothing is.
    fn have_seen(&mut self, seen: Seen<H>) -> Option<String> {
        let now = Instant::now();
        let seen = match seen {
            Ok(seen) => seen,
            Err(reason) if self.fault.as_ref() == Some(&reason) => return None,
            Err(reason) => {
                self.fault = Some(reason.clone());
                return Some(reason);
            }
        };
        self.fault = None;
        for (sighting, held) in seen {
            let is_new = self.seen.insert(sighting.address.clone());
            if is_new && !is_settled(&self.devices, &sighting.address, now) {
                self.ready.push_back((sighting, held));
            }
        }
        None
    }

    fn end_round(&mut self) {
        if self.is_complete {
            let seen = &self.seen;
            self.devices.retain(|address, state| {
                matches!(state, State::Offered(_) | State::Open) || seen.contains(address)
            });
        }
    }

    fn was_closed(&mut self, address: &str) {
        // One whose set-up failed is closed before that is told.
        if let Some(state @ State::Open) = self.devices.get_mut(address) {
            *state = State::Free;
        }
    }

    /// Until when something is kept open.
    fn held(&self) -> impl Iterator<Item = Instant> {
        self.devices.values().filter_map(|state| match state {
            State::Offered(Some((_, until))) => Some(*until),
            _ => None,
        })
    }

    /// Closes what was kept open for too long.
    fn let_go(&mut self, now: Instant) {
        for state in self.devices.values_mut() {
            if let State::Offered(held) = state {
                held.take_if(|(_, until)| *until <= now);
            }
        }
    }

    /// What was kept open for a device, if it still is, and the mark for its link.
    pub(crate) fn open(&mut self, address: &str) -> (Option<H>, OpenMark) {
        let held = self.devices.get_mut(address).and_then(|state| match state {
            State::Offered(held) => held.take().map(|(held, _)| held),
            _ => None,
        });
        (held, OpenMark { address: address.to_owned(), closed: self.closed.0.clone() })
    }

    /// What became of a device that was offered.
    pub(crate) fn outcome(&mut self, address: &str, outcome: &Outcome) {
        if let Some(state) = self.devices.get_mut(address) {
            *state = match outcome {
                Outcome::Ready { .. } => State::Open,
                Outcome::Ignored(Ignored::ConnectFailed | Ignored::InitFailed) => {
                    State::Failed(Instant::now() + RETRY)
                }
                Outcome::Ignored(_) => State::Refused,
                Outcome::Missed => State::Free,
            };
        }
    }
}

/// Whether a device is not to be offered at present.
fn is_settled<H>(devices: &BTreeMap<String, State<H>>, address: &str, now: Instant) -> bool {
    devices.get(address).is_some_and(|state| match state {
        State::Offered(_) | State::Open | State::Refused => true,
        State::Failed(until) => now < *until,
        State::Free => false,
    })
}

#[cfg(test)]
mod tests {
    use frisson_program::Bus;

    use super::*;

    /// What the bus has at present.
    #[derive(Clone)]
    struct Fake(Arc<Mutex<Result<Vec<&'static str>, &'static str>>>);

    impl Fake {
        fn set(&self, has: Result<Vec<&'static str>, &'static str>) {
            *self.0.lock().expect("no panic") = has;
        }
    }

    impl Look<()> for Fake {
        fn look(&self, _: &dyn Fn(&str) -> bool, tasks: &mut JoinSet<Seen<()>>) {
            let has = self.0.lock().expect("no panic").clone();
            let sighting = |name| (Sighting::new(Bus::Serial, name, ""), ());
            tasks.spawn(async move {
                has.map(|names| names.into_iter().map(sighting).collect()).map_err(str::to_owned)
            });
        }
    }

    fn scanning(has: &[&'static str]) -> (Rounds<()>, Fake) {
        let mut rounds = Rounds::new(EVERY, true);
        rounds.scan(true);
        (rounds, Fake(Arc::new(Mutex::new(Ok(has.to_vec())))))
    }

    /// What is found within so many seconds, and after how many.
    async fn found(rounds: &mut Rounds<()>, fake: &Fake, seconds: u64) -> Option<(Found, u64)> {
        let start = Instant::now();
        let found = tokio::time::timeout(Duration::from_secs(seconds), rounds.next(fake)).await;
        found.ok().map(|found| (found, start.elapsed().as_secs()))
    }

    fn port(name: &str) -> Found {
        Found::Device(Sighting::new(Bus::Serial, name, ""))
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_could_not_be_opened_is_offered_again_later_and_one_that_is_not_wanted_is_not() {
        let (mut rounds, fake) = scanning(&["a", "b"]);
        assert_eq!(found(&mut rounds, &fake, 1).await, Some((port("a"), 0)));
        assert_eq!(found(&mut rounds, &fake, 1).await, Some((port("b"), 0)));
        rounds.outcome("a", &Outcome::Ignored(Ignored::ConnectFailed));
        rounds.outcome("b", &Outcome::Ignored(Ignored::Denied));
        assert_eq!(found(&mut rounds, &fake, 60).await, Some((port("a"), 5)));
        assert_eq!(found(&mut rounds, &fake, 60).await, None);
        rounds.scan(true);
        assert_eq!(found(&mut rounds, &fake, 1).await, Some((port("b"), 0)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_not_wanted_is_offered_again_when_it_has_been_away() {
        let (mut rounds, fake) = scanning(&["a"]);
        found(&mut rounds, &fake, 1).await;
        rounds.outcome("a", &Outcome::Ignored(Ignored::NoMatch));
        fake.set(Ok(Vec::new()));
        assert_eq!(found(&mut rounds, &fake, 12).await, None);
        fake.set(Ok(vec!["a"]));
        assert_eq!(found(&mut rounds, &fake, 12).await, Some((port("a"), 3)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bus_that_cannot_be_used_says_so_once_and_is_tried_again() {
        let (mut rounds, fake) = scanning(&["a"]);
        fake.set(Err("no permission"));
        let unusable = Found::Unusable("no permission".to_owned());
        assert_eq!(found(&mut rounds, &fake, 1).await, Some((unusable.clone(), 0)));
        assert_eq!(found(&mut rounds, &fake, 22).await, None);
        fake.set(Ok(vec!["a"]));
        assert_eq!(found(&mut rounds, &fake, 22).await, Some((port("a"), 3)));
        fake.set(Err("no permission"));
        assert_eq!(found(&mut rounds, &fake, 22).await, Some((unusable, 5)));
    }

    #[test]
    fn what_is_missing_is_news_once() {
        let missing = Missing::default();
        let news = [true, true, false, false, true].map(|is_missing| missing.is_news("a", is_missing));
        assert_eq!(news, [true, false, true, false, true]);
    }
}
