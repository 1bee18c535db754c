//! The arithmetic between fractions, as people and older spec versions use them, and steps, as devices do.

use crate::model::Range;

/// Below this a fraction is zero (`wire.md` 6.2).
const ZERO: f64 = 0.000_001;

/// The step for a fraction of an intensity: `ceil(steps · fraction)`, and 0 for less than a millionth
/// (`wire.md` 6.2). Rounds up so that a weak command is still felt, but gives `k` for `k / steps`.
///
/// `fraction` is expected in 0 to 1; the result never leaves 0 to `steps`.
pub fn intensity(fraction: f64, steps: u32) -> i32 {
    if fraction < ZERO { 0 } else { within(steps, snap(f64::from(steps) * fraction, f64::ceil)) }
}

/// The step for a fraction of a timed position: `floor(steps · fraction)` (`wire.md` 6.2).
///
/// `fraction` is expected in 0 to 1; the result never leaves 0 to `steps`.
pub fn timed_position(fraction: f64, steps: u32) -> i32 {
    within(steps, snap(f64::from(steps) * fraction, f64::floor))
}

/// The fraction that both [`intensity`] and [`timed_position`] take back to `step`.
///
/// `None` if `step` is not in 0 to `steps`, or if `steps` is 0.
pub fn fraction(step: i32, steps: u32) -> Option<f64> {
    let step = u32::try_from(step).ok()?;
    (steps > 0 && step <= steps).then(|| f64::from(step) / f64::from(steps))
}

/// The value for a fraction of a range, as an application says it: 1 is the highest value, and −1 the lowest of a
/// signed range (`wire.md` section 8).
///
/// For ranges that start at 0 or at −`max` the sign is kept and the magnitude is rounded up; over other ranges it
/// interpolates from `min` to `max`. A fraction outside −1 to 1 gives a value outside of the range, which is for
/// the caller to check; not a number counts as 0.
pub fn percent_to_value(fraction: f64, range: Range<i32>) -> i32 {
    let fraction = if fraction.is_nan() { 0.0 } else { fraction };
    let (min, max) = (f64::from(range.min), f64::from(range.max));
    if range.min == 0 || min == -max {
        let magnitude = snap(fraction.abs() * max, f64::ceil);
        saturate(if fraction < 0.0 { -magnitude } else { magnitude })
    } else {
        saturate(snap(min + fraction * (max - min), f64::ceil))
    }
}

/// How long a `FleshlightLaunchFW12Cmd` moves, in milliseconds (`wire.md` 6.6).
///
/// `position` and `last` are fractions of the way, `speed` is a fraction of the highest speed. `None` is no
/// movement: no distance or no speed.
pub fn launch_duration_ms(position: f64, last: f64, speed: f64) -> Option<u32> {
    let distance = (position - last).abs();
    // Written so that what is not a number does not pass either.
    if !(distance > 0.0 && speed > 0.0) {
        return None;
    }
    let duration = (speed / 250.0).powf(-0.95) * distance * 100.0 / 90.0;
    Some(saturate_unsigned(duration.floor()))
}

/// The inverse of [`launch_duration_ms`]: the fraction of the highest speed, 0 to 1, that takes about `duration_ms`
/// for a distance given as a fraction of the way.
pub fn launch_speed(distance: f64, duration_ms: u32) -> f64 {
    let distance = distance.abs();
    if distance > 0.0 && duration_ms > 0 {
        (250.0 * (f64::from(duration_ms) * 90.0 / (distance * 100.0)).powf(-1.0 / 0.95)).clamp(0.0, 1.0)
    } else if distance > 0.0 {
        1.0
    } else {
        0.0
    }
}

/// Rounds, but first takes an integer that is only float noise away (`wire.md` 6.2, Snap).
fn snap(exact: f64, round: impl FnOnce(f64) -> f64) -> f64 {
    let nearest = exact.round();
    if (exact - nearest).abs() <= 1e-9 * exact.abs().max(1.0) { nearest } else { round(exact) }
}

/// Float to integer casts saturate, and take what is not a number as 0.
fn saturate(value: f64) -> i32 {
    value as i32
}

fn saturate_unsigned(value: f64) -> u32 {
    value as u32
}

fn within(steps: u32, value: f64) -> i32 {
    saturate(value.clamp(0.0, f64::from(steps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intensities_hold_the_vectors_w70() {
        for (steps, fraction, step) in [
            (20, 0.0, 0),
            (20, 1.0, 20),
            (20, 0.05, 1),
            (20, 0.051, 2),
            (20, 1e-7, 0),
            (20, 0.001, 1),
            (20, 0.5, 10),
            (20, 0.25, 5),
            (3, 0.5, 2),
            (100, 0.28, 28),
            (100, 0.29, 29),
            (100, 0.07, 7),
        ] {
            assert_eq!(intensity(fraction, steps), step, "{fraction} of {steps}");
        }
    }

    #[test]
    fn timed_positions_hold_the_vectors_w70() {
        for (steps, fraction, step) in
            [(999, 0.3, 299), (100, 0.29, 29), (100, 0.28, 28), (99, 1.0, 99), (99, 0.0, 0)]
        {
            assert_eq!(timed_position(fraction, steps), step, "{fraction} of {steps}");
        }
    }

    #[test]
    fn every_step_survives_being_a_fraction() {
        for steps in (1..=300).chain([999, 1000, 4095, 65_535]) {
            for step in 0..=i32::try_from(steps).unwrap() {
                let fraction = fraction(step, steps).unwrap();
                assert_eq!(intensity(fraction, steps), step, "{step} of {steps}");
                assert_eq!(timed_position(fraction, steps), step, "{step} of {steps}");
            }
        }
    }

    #[test]
    fn steps_never_leave_their_range() {
        for steps in [0, 1, 20, u32::MAX] {
            for wild in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 2.0, 1e300] {
                let highest = i32::try_from(steps).unwrap_or(i32::MAX);
                assert!((0..=highest).contains(&intensity(wild, steps)), "{wild} of {steps}");
                assert!((0..=highest).contains(&timed_position(wild, steps)), "{wild} of {steps}");
            }
        }
    }

    #[test]
    fn launch_durations_hold_the_vectors_w57() {
        for (position, last, speed, duration) in [
            (99.0, 0.0, 99.0, 210),
            (99.0, 0.0, 50.0, 403),
            (50.0, 0.0, 20.0, 486),
            (95.0, 5.0, 90.0, 209),
            (30.0, 80.0, 60.0, 171),
            (0.0, 99.0, 1.0, 16582),
        ] {
            assert_eq!(launch_duration_ms(position / 99.0, last / 99.0, speed / 99.0), Some(duration));
        }
    }

    #[test]
    fn a_launch_without_distance_or_speed_is_no_movement() {
        assert_eq!(launch_duration_ms(0.5, 0.5, 1.0), None);
        assert_eq!(launch_duration_ms(0.5, 0.0, 0.0), None);
        assert_eq!(launch_duration_ms(f64::NAN, 0.0, 1.0), None);
    }

    #[test]
    fn launch_speed_inverts_the_duration() {
        for speed in 1..=99_u32 {
            let duration = launch_duration_ms(1.0, 0.0, f64::from(speed) / 99.0).unwrap();
            let back = (launch_speed(1.0, duration) * 99.0).round();
            assert!((back - f64::from(speed)).abs() <= 1.0, "{speed} came back as {back}");
        }
    }

    #[test]
    fn percent_keeps_the_sign_and_rounds_the_magnitude_up() {
        let signed = Range::new(-20, 20);
        assert_eq!(percent_to_value(0.5, signed), 10);
        assert_eq!(percent_to_value(-0.5, signed), -10);
        assert_eq!(percent_to_value(-0.51, signed), -11);
        assert_eq!(percent_to_value(0.0, signed), 0);
        assert_eq!(percent_to_value(0.28, Range::new(0, 100)), 28);
        assert_eq!(percent_to_value(1.0, Range::new(0, 20)), 20);
        assert_eq!(percent_to_value(f64::NAN, signed), 0);
    }

    #[test]
    fn percent_interpolates_over_other_ranges() {
        let range = Range::new(30, 50);
        assert_eq!(percent_to_value(0.0, range), 30);
        assert_eq!(percent_to_value(0.5, range), 40);
        assert_eq!(percent_to_value(1.0, range), 50);
    }
}
