//! Values that need time to change, worked out only when somebody looks.

use std::time::Duration;

use frisson_wire::OutputKind;
use tokio::time::Instant;

/// A value on its way along a straight line in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    from: f64,
    to: f64,
    since: Instant,
    over: Duration,
}

impl Motion {
    /// A value that stands still.
    pub(super) fn resting(at: f64, now: Instant) -> Self {
        Self { from: at, to: at, since: now, over: Duration::ZERO }
    }

    /// Goes on to another value, from wherever this one is now.
    pub(super) fn go(&mut self, to: f64, over: Duration, now: Instant) {
        *self = Self { from: self.at(now), to, since: now, over };
    }

    /// The value at a time.
    pub(super) fn at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.since);
        if passed >= self.over {
            return self.to;
        }
        self.from + (self.to - self.from) * passed.as_secs_f64() / self.over.as_secs_f64()
    }

    /// Whether the value still changes at a time.
    pub(super) fn is_moving(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < self.over
    }
}

/// How long an output needs from rest to its highest value, or from one end of its range to the other if it is a position.
pub(super) fn full_travel(kind: OutputKind) -> Duration {
    Duration::from_millis(match kind {
        OutputKind::Vibrate | OutputKind::Rotate | OutputKind::Oscillate => 150,
        OutputKind::Constrict => 2_000,
        OutputKind::Temperature => 60_000,
        OutputKind::Position | OutputKind::HwPositionWithDuration => 400,
        OutputKind::Spray | OutputKind::Led => 0,
    })
}

/// A battery that is drained at a rate which changes now and then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Battery {
    percent: f64,
    since: Instant,
    load: f64,
}

/// Percent per second at rest: a day.
const IDLE: f64 = 100.0 / 86_400.0;
/// Percent per second at full power, besides [`IDLE`]: an hour.
const FULL: f64 = 100.0 / 3_600.0;
/// Percent for one travel of a stroker from end to end.
const TRAVEL: f64 = 0.01;

impl Battery {
    /// A full one.
    pub(super) fn full(now: Instant) -> Self {
        Self { percent: 100.0, since: now, load: 0.0 }
    }

    /// Takes in how much is asked for from now on, from 0 to 1, and which part of a stroker's range it will travel now.
    pub(super) fn draw(&mut self, load: f64, travel: f64, now: Instant) {
        let percent = (self.level(now) - TRAVEL * travel).max(0.0);
        *self = Self { percent, since: now, load };
    }

    /// Whole percents, 0 only when the battery is empty.
    pub(super) fn percent(&self, now: Instant) -> f64 {
        (self.level(now) - 1e-9).ceil().max(0.0)
    }

    /// When [`percent`](Self::percent) will change, if nothing else does.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let below = self.percent(now) - 1.0;
        if below < 0.0 {
            return None;
        }
        let seconds = (self.level(now) - below) / self.rate();
        // A millisecond more, so that rounding cannot put the change behind the time that is told.
        Some(now + Duration::try_from_secs_f64(seconds).ok()? + Duration::from_millis(1))
    }

    fn level(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        (self.percent - passed * self.rate()).max(0.0)
    }

    fn rate(&self) -> f64 {
        IDLE + FULL * self.load
    }
}

/// A small source of numbers that look like chance and are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// The source with this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A time between two others.
    pub(super) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let thousandths = u32::try_from(bits % 1001).unwrap_or(0);
        low + high.saturating_sub(low) * thousandths / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_motion_passes_every_value_on_its_way() {
        let start = Instant::now();
        let mut motion = Motion::resting(0.0, start);
        motion.go(100.0, Duration::from_millis(200), start);
        assert!((motion.at(start + Duration::from_millis(50)) - 25.0).abs() < 1e-9);
        assert!(motion.is_moving(start + Duration::from_millis(199)));
        assert!(!motion.is_moving(start + Duration::from_millis(200)));
        assert!((motion.at(start + Duration::from_secs(9)) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_battery_lasts_an_hour_at_full_power_and_a_day_at_rest() {
        let start = Instant::now();
        let battery = Battery::full(start);
        assert!((battery.percent(start) - 100.0).abs() < 1e-9);
        assert!((battery.percent(start + Duration::from_secs(43_200)) - 50.0).abs() < 1e-9);
        let mut battery = Battery::full(start);
        battery.draw(1.0, 0.0, start);
        assert!(battery.percent(start + Duration::from_secs(3_400)) > 0.0);
        let end = start + Duration::from_secs(3_600);
        assert!(battery.percent(end) < 1e-9);
        assert_eq!(battery.next_change(end), None);
    }

    #[test]
    fn a_battery_names_the_time_of_its_next_change() {
        let start = Instant::now();
        let mut battery = Battery::full(start);
        for load in [0.0, 0.3, 1.0] {
            battery.draw(load, 0.1, start);
            let mut now = start;
            for _ in 0..90 {
                let before = battery.percent(now);
                now = battery.next_change(now).expect("not empty");
                assert!((before - battery.percent(now) - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn chance_stays_between_its_bounds_and_repeats_itself() {
        let (low, high) = (Duration::from_secs(5), Duration::from_secs(20));
        let times = |seed| {
            let mut chance = Chance::new(seed);
            (0..100).map(|_| chance.between(low, high)).collect::<Vec<_>>()
        };
        assert!(times(1).iter().all(|time| (low..=high).contains(time)));
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }
}
