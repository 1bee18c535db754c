//! Writes that a program wants to be made some time after others, or at once when the device is stopped.

use std::time::{Duration, Instant};

use frisson_program::Operation;

use super::later;

/// More of them at a time mean that the program is broken.
const MOST: usize = 64;

/// All follow-ups of a device that are not yet written.
#[derive(Debug, Default)]
pub(super) struct FollowUps {
    all: Vec<FollowUp>,
}

#[derive(Debug)]
struct FollowUp {
    write: Operation,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its time runs from when the packets that it follows have been written.
    New(Duration),
    Due(Instant),
    /// Part of the packets that are being written.
    InFlight,
}

impl FollowUps {
    /// Takes a new one, in place of an older one that would write the same. False if there are too many.
    pub(super) fn add(&mut self, after: Duration, write: Operation) -> bool {
        self.all.retain(|other| other.stage == Stage::InFlight || other.write != write);
        self.all.push(FollowUp { write, stage: Stage::New(after) });
        self.all.len() <= MOST
    }

    /// The clock of new ones begins to run.
    pub(super) fn start(&mut self, now: Instant) {
        for one in &mut self.all {
            if let Stage::New(after) = one.stage {
                one.stage = Stage::Due(later(now, after));
            }
        }
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.all.iter().filter_map(|one| match one.stage {
            Stage::Due(at) => Some(at),
            Stage::New(_) | Stage::InFlight => None,
        });
        due.min()
    }

    /// Those that are due, to be written now.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Operation> {
        self.take(|stage| matches!(stage, Stage::Due(at) if at <= now))
    }

    /// All of them, to be written now.
    pub(super) fn take_all(&mut self) -> Vec<Operation> {
        self.take(|stage| matches!(stage, Stage::Due(_)))
    }

    fn take(&mut self, which: impl Fn(Stage) -> bool) -> Vec<Operation> {
        let taken = self.all.iter_mut().filter(|one| which(one.stage)).map(|one| {
            one.stage = Stage::InFlight;
            one.write.clone()
        });
        taken.collect()
    }

    /// What was taken has been written.
    pub(super) fn written(&mut self, now: Instant) {
        self.all.retain(|one| one.stage != Stage::InFlight);
        self.start(now);
    }

    /// What was taken has not been written, or not surely.
    pub(super) fn not_written(&mut self, now: Instant) {
        for one in &mut self.all {
            if one.stage == Stage::InFlight {
                one.stage = Stage::Due(now);
            }
        }
        self.start(now);
    }
}
