//! Who wants a scan, which buses are at it, and who is told when it ends.

use std::collections::BTreeSet;

use super::{ScannerId, SessionId};

/// The state of scanning. A scan runs from the first wish until every bus has said that it has ended.
#[derive(Debug, Default)]
pub(super) struct Scan {
    scanners: BTreeSet<ScannerId>,
    running: BTreeSet<ScannerId>,
    wishes: BTreeSet<SessionId>,
    /// Sessions that have ended their wish and are told when the buses have stopped.
    finishing: BTreeSet<SessionId>,
    stopping: bool,
}

/// What follows from a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    /// Who gets a `ScanningFinished`.
    pub(super) finished: BTreeSet<SessionId>,
    /// Whether the buses are to begin (true) or to end (false).
    pub(super) scan: Option<bool>,
}

impl Scan {
    pub(super) fn is_possible(&self) -> bool {
        !self.scanners.is_empty()
    }

    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    pub(super) fn add_scanner(&mut self, scanner: ScannerId) {
        self.scanners.insert(scanner);
    }

    pub(super) fn remove_scanner(&mut self, scanner: ScannerId) -> Effects {
        self.scanners.remove(&scanner);
        self.scanner_ended(scanner)
    }

    pub(super) fn start(&mut self, session: SessionId) -> Effects {
        self.wishes.insert(session);
        self.begin_if_idle()
    }

    pub(super) fn stop(&mut self, session: SessionId) -> Effects {
        if !self.wishes.remove(&session) {
            return Effects::default();
        }
        if !self.wishes.is_empty() || self.running.is_empty() {
            return Effects { finished: BTreeSet::from([session]), scan: None };
        }
        self.finishing.insert(session);
        self.stop_buses()
    }

    /// No session's wish counts any longer.
    pub(super) fn stop_all(&mut self) -> Effects {
        self.finishing.append(&mut self.wishes);
        if self.running.is_empty() { Effects::default() } else { self.stop_buses() }
    }

    /// The session has ended: nobody is left to be told.
    pub(super) fn forget(&mut self, session: SessionId) -> Effects {
        self.finishing.remove(&session);
        if self.wishes.remove(&session) && self.wishes.is_empty() && !self.running.is_empty() {
            return self.stop_buses();
        }
        Effects::default()
    }

    pub(super) fn scanner_ended(&mut self, scanner: ScannerId) -> Effects {
        if !self.running.remove(&scanner) || !self.running.is_empty() {
            return Effects::default();
        }
        let mut finished = std::mem::take(&mut self.finishing);
        if !std::mem::take(&mut self.stopping) {
            finished.append(&mut self.wishes);
        }
        // A wish that came while the buses were stopping is granted now.
        let scan = if self.wishes.is_empty() { None } else { self.begin_if_idle().scan };
        Effects { finished, scan }
    }

    fn begin_if_idle(&mut self) -> Effects {
        if self.running.is_empty() && !self.scanners.is_empty() {
            self.running.clone_from(&self.scanners);
            return Effects { finished: BTreeSet::new(), scan: Some(true) };
        }
        Effects::default()
    }

    fn stop_buses(&mut self) -> Effects {
        let scan = (!std::mem::replace(&mut self.stopping, true)).then_some(false);
        Effects { finished: BTreeSet::new(), scan }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);
    const BUS: ScannerId = ScannerId(1);

    fn scan() -> Scan {
        let mut scan = Scan::default();
        scan.add_scanner(BUS);
        scan
    }

    fn told(sessions: &[SessionId], scan: Option<bool>) -> Effects {
        Effects { finished: sessions.iter().copied().collect(), scan }
    }

    #[test]
    fn a_scan_that_ends_by_itself_is_reported_once() {
        let mut scan = scan();
        assert_eq!(scan.start(A), told(&[], Some(true)));
        assert_eq!(scan.start(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
        assert_eq!(scan.stop(A), told(&[], None));
    }

    #[test]
    fn a_stopped_scan_is_reported_when_the_buses_have_stopped() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.stop(A), told(&[], Some(false)));
        assert_eq!(scan.stop(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
    }

    #[test]
    fn one_session_ending_its_wish_leaves_the_scan_to_the_other() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.start(B), told(&[], None));
        assert_eq!(scan.stop(A), told(&[A], None));
        assert_eq!(scan.stop(B), told(&[], Some(false)));
        assert_eq!(scan.scanner_ended(BUS), told(&[B], None));
    }

    #[test]
    fn a_wish_while_the_buses_stop_starts_them_again() {
        let mut scan = scan();
        scan.start(A);
        scan.stop(A);
        assert_eq!(scan.start(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], Some(true)));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
    }

    #[test]
    fn the_end_of_the_last_session_that_wished_stops_the_buses_silently() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.forget(A), told(&[], Some(false)));
        assert_eq!(scan.scanner_ended(BUS), told(&[], None));
    }

    #[test]
    fn a_session_that_ends_before_its_scan_is_not_told() {
        let mut scan = scan();
        scan.start(A);
        scan.stop(A);
        assert_eq!(scan.forget(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[], None));
    }

    #[test]
    fn when_no_wish_counts_any_longer_everybody_is_told_once_the_buses_have_stopped() {
        let mut scan = scan();
        assert_eq!(scan.stop_all(), told(&[], None));
        scan.start(A);
        scan.start(B);
        assert_eq!(scan.stop_all(), told(&[], Some(false)));
        assert_eq!(scan.stop_all(), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A, B], None));
    }

    #[test]
    fn a_bus_that_goes_away_ends_its_part_of_the_scan() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.remove_scanner(BUS), told(&[A], None));
        assert!(!scan.is_possible());
    }
}
