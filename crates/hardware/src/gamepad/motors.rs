//! When a pad is to be told what, as a machine without clock of its own.

use std::time::{Duration, Instant};

use super::Speeds;

/// How often a pad that runs is told so again.
pub(super) const REPEAT: Duration = Duration::from_millis(100);
/// How often it is looked whether the pad is there.
pub(super) const CHECK: Duration = Duration::from_millis(500);

/// What a pad was told, and what is due.
#[derive(Debug)]
pub(super) struct Motors {
    speeds: Speeds,
    repeat: Option<Instant>,
    check: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Tell the pad these speeds again.
    Repeat(Speeds),
    /// Look whether it is there.
    Check,
}

impl Motors {
    /// Those of a pad at rest.
    pub(super) fn new(now: Instant) -> Self {
        Self { speeds: Speeds::default(), repeat: None, check: now + CHECK }
    }

    /// The pad has been told these speeds.
    pub(super) fn told(&mut self, now: Instant, speeds: Speeds) {
        self.speeds = speeds;
        self.repeat = (speeds != Speeds::default()).then_some(now + REPEAT);
    }

    /// What is due by now.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        if self.repeat.is_some_and(|at| at <= now) {
            return Some(Due::Repeat(self.speeds));
        }
        if self.check <= now {
            self.check = now + CHECK;
            return Some(Due::Check);
        }
        None
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Instant {
        self.repeat.map_or(self.check, |repeat| repeat.min(self.check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Speeds = Speeds { low: u16::MAX, high: 0, left_trigger: 0, right_trigger: 0 };

    /// What is due until then, and when.
    fn until(motors: &mut Motors, start: Instant, end: u64) -> Vec<(u128, Due)> {
        let mut all = Vec::new();
        while motors.next() <= start + Duration::from_millis(end) {
            let now = motors.next();
            let due = motors.due(now).expect("something is due");
            if let Due::Repeat(speeds) = due {
                motors.told(now, speeds);
            }
            all.push(((now - start).as_millis(), due));
        }
        all
    }

    #[test]
    fn a_pad_that_runs_is_told_so_every_100_ms_and_looked_for_every_500_ms() {
        let start = Instant::now();
        let mut motors = Motors::new(start);
        motors.told(start, FULL);
        let repeat = |at| (at, Due::Repeat(FULL));
        let expected =
            [100, 200, 300, 400, 500].map(repeat).into_iter().chain([(500, Due::Check), repeat(600)]);
        assert_eq!(until(&mut motors, start, 600), expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_pad_at_rest_is_told_nothing() {
        let start = Instant::now();
        let mut motors = Motors::new(start);
        motors.told(start, FULL);
        motors.told(start, Speeds::default());
        assert_eq!(until(&mut motors, start, 1000), [(500, Due::Check), (1000, Due::Check)]);
    }
}
