//! Who wants a scan, which buses are at it, and who is told when it ends.

use std::collections::BTreeSet;

use super::{ScannerId, SessionId};

/// What buses are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOrder {
    /// Look for devices.
    All,
    /// Look for devices that the user's settings know, and connect no others.
    Known,
    /// Look no longer.
    Stop,
}

/// The state of scanning. A scan runs from the first wish until every bus has said that it has ended. A client's scan is one of its own: if
/// the server looks for something by itself the buses begin anew, so that the client gets what it would get otherwise.
#[derive(Debug, Default)]
pub(super) struct Scan {
    scanners: BTreeSet<ScannerId>,
    running: BTreeSet<ScannerId>,
    wishes: BTreeSet<SessionId>,
    /// Whether the server itself wants one.
    own: bool,
    /// Whether the scan that runs is the server's own.
    is_own: bool,
    /// Whether the server's own scan has ended by itself, and nobody has asked for that yet.
    own_ended: bool,
    /// Sessions that have ended their wish and are told when the buses have stopped.
    finishing: BTreeSet<SessionId>,
    stopping: bool,
}

/// What follows from a change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Effects {
    /// Who gets a `ScanningFinished`.
    pub(super) finished: BTreeSet<SessionId>,
    /// What the buses are to do.
    pub(super) order: Option<ScanOrder>,
}

impl Scan {
    pub(super) fn is_possible(&self) -> bool {
        !self.scanners.is_empty()
    }

    /// Whether clients have a scan: one that runs, or one that begins when the buses have stopped.
    pub(super) fn is_for_clients(&self) -> bool {
        !self.wishes.is_empty() || (!self.running.is_empty() && !self.is_own)
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
        match self.is_own && !self.running.is_empty() {
            true => self.stop_buses(),
            false => self.begin_if_idle(),
        }
    }

    pub(super) fn stop(&mut self, session: SessionId) -> Effects {
        if !self.wishes.remove(&session) {
            return Effects::default();
        }
        if !self.wishes.is_empty() || self.running.is_empty() {
            return Effects { finished: BTreeSet::from([session]), ..Effects::default() };
        }
        self.finishing.insert(session);
        self.stop_buses()
    }

    /// The server itself wants a scan, or none any longer. Where clients have one it gets none.
    pub(super) fn want(&mut self, own: bool) -> Effects {
        self.own = own;
        match own {
            true => self.begin_if_idle(),
            false if self.is_own && !self.running.is_empty() => self.stop_buses(),
            false => Effects::default(),
        }
    }

    /// Whether the server's own scan has ended by itself since this was last asked.
    pub(super) fn take_own_ended(&mut self) -> bool {
        std::mem::take(&mut self.own_ended)
    }

    /// No session's wish counts any longer.
    pub(super) fn stop_all(&mut self) -> Effects {
        self.own = false;
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
        let by_itself = !std::mem::take(&mut self.stopping);
        if by_itself && self.is_own {
            self.own = false;
            self.own_ended = true;
        } else if by_itself {
            finished.append(&mut self.wishes);
        }
        // A wish that came while the buses were stopping is granted now.
        Effects { finished, order: self.begin_if_idle().order }
    }

    fn begin_if_idle(&mut self) -> Effects {
        let wanted = self.own || !self.wishes.is_empty();
        if !wanted || !self.running.is_empty() || self.scanners.is_empty() {
            return Effects::default();
        }
        self.running.clone_from(&self.scanners);
        self.is_own = self.wishes.is_empty();
        let order = if self.is_own { ScanOrder::Known } else { ScanOrder::All };
        Effects { order: Some(order), ..Effects::default() }
    }

    fn stop_buses(&mut self) -> Effects {
        let begins = !std::mem::replace(&mut self.stopping, true);
        Effects { order: begins.then_some(ScanOrder::Stop), ..Effects::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::ScanOrder::{All, Known, Stop};
    use super::*;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);
    const BUS: ScannerId = ScannerId(1);

    fn scan() -> Scan {
        let mut scan = Scan::default();
        scan.add_scanner(BUS);
        scan
    }

    fn told(sessions: &[SessionId], order: Option<ScanOrder>) -> Effects {
        Effects { finished: sessions.iter().copied().collect(), order }
    }

    #[test]
    fn a_scan_that_ends_by_itself_is_reported_once() {
        let mut scan = scan();
        assert_eq!(scan.start(A), told(&[], Some(All)));
        assert_eq!(scan.start(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
        assert_eq!(scan.stop(A), told(&[], None));
    }

    #[test]
    fn a_stopped_scan_is_reported_when_the_buses_have_stopped() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.stop(A), told(&[], Some(Stop)));
        assert_eq!(scan.stop(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
    }

    #[test]
    fn one_session_ending_its_wish_leaves_the_scan_to_the_other() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.start(B), told(&[], None));
        assert_eq!(scan.stop(A), told(&[A], None));
        assert_eq!(scan.stop(B), told(&[], Some(Stop)));
        assert_eq!(scan.scanner_ended(BUS), told(&[B], None));
    }

    #[test]
    fn a_wish_while_the_buses_stop_starts_them_again() {
        let mut scan = scan();
        scan.start(A);
        scan.stop(A);
        assert_eq!(scan.start(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], Some(All)));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
    }

    #[test]
    fn the_end_of_the_last_session_that_wished_stops_the_buses_silently() {
        let mut scan = scan();
        scan.start(A);
        assert_eq!(scan.forget(A), told(&[], Some(Stop)));
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
        assert_eq!(scan.stop_all(), told(&[], Some(Stop)));
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

    #[test]
    fn a_client_that_scans_while_the_server_does_gets_a_scan_of_its_own() {
        let mut scan = scan();
        assert_eq!(scan.want(true), told(&[], Some(Known)));
        assert!(!scan.is_for_clients());
        assert_eq!(scan.start(A), told(&[], Some(Stop)));
        assert_eq!(scan.want(false), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[], Some(All)));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], None));
        assert!(!scan.is_for_clients());
    }

    #[test]
    fn a_wish_that_is_taken_back_before_its_scan_begins_is_ended_with_the_servers_own() {
        let mut scan = scan();
        scan.want(true);
        scan.start(A);
        assert_eq!(scan.stop(A), told(&[], None));
        assert_eq!(scan.scanner_ended(BUS), told(&[A], Some(Known)));
    }

    #[test]
    fn the_servers_own_scan_ends_without_anybody_being_told() {
        let mut scan = scan();
        scan.want(true);
        assert_eq!(scan.want(false), told(&[], Some(Stop)));
        assert_eq!(scan.scanner_ended(BUS), told(&[], None));
        scan.want(true);
        assert!(!scan.take_own_ended());
        assert_eq!(scan.scanner_ended(BUS), told(&[], None));
        assert!(scan.take_own_ended());
    }
}
