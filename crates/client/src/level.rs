//! How strong, how fast, how far: with the unit that is meant.

use frisson_wire::{Output, Range, convert};

use crate::error::Error;

/// A part of an output's range, 0 to 100; from −100 for outputs with a direction, such as a rotation that can go
/// both ways.
///
/// Anything above 0 is at least one step, so that a weak command is still felt.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

/// One of the steps that an output has, see [`Output::value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steps(pub i32);

/// What to set an output to, in either unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Level {
    /// See [`Percent`].
    Percent(f64),
    /// See [`Steps`].
    Steps(i32),
}

impl From<Percent> for Level {
    fn from(Percent(percent): Percent) -> Self {
        Self::Percent(percent)
    }
}

impl From<Steps> for Level {
    fn from(Steps(steps): Steps) -> Self {
        Self::Steps(steps)
    }
}

impl Level {
    /// The step that this is for an output.
    ///
    /// # Errors
    ///
    /// [`Error::PercentOutOfRange`] and [`Error::StepsOutOfRange`].
    pub fn steps_of(self, output: &Output) -> Result<i32, Error> {
        let range = output.value;
        match self {
            Self::Steps(steps) if range.contains(steps) => Ok(steps),
            Self::Steps(steps) => Err(Error::StepsOutOfRange { steps, range }),
            Self::Percent(percent) => {
                let lowest = if has_direction(range) { -100 } else { 0 };
                if (f64::from(lowest)..=100.0).contains(&percent) {
                    Ok(range.clamp(convert::percent_to_value(percent / 100.0, range)))
                } else {
                    Err(Error::PercentOutOfRange { percent, lowest })
                }
            }
        }
    }
}

/// Whether negative values mean the other direction.
fn has_direction(range: Range<i32>) -> bool {
    range.min < 0 && range.min.checked_neg() == Some(range.max)
}

#[cfg(test)]
mod tests {
    use frisson_wire::OutputKind;

    use super::*;

    fn output(min: i32, max: i32) -> Output {
        Output { kind: OutputKind::Rotate, value: Range::new(min, max), duration: None }
    }

    #[test]
    fn percent_rounds_up_and_keeps_its_sign() {
        for (percent, steps) in [(0.0, 0), (0.1, 1), (50.0, 10), (51.0, 11), (100.0, 20), (-50.0, -10)] {
            assert_eq!(
                Level::from(Percent(percent)).steps_of(&output(-20, 20)).ok(),
                Some(steps),
                "{percent}"
            );
        }
    }

    #[test]
    fn percent_interpolates_over_ranges_that_start_elsewhere() {
        for (percent, steps) in [(0.0, 30), (50.0, 40), (100.0, 50)] {
            assert_eq!(
                Level::from(Percent(percent)).steps_of(&output(30, 50)).ok(),
                Some(steps),
                "{percent}"
            );
        }
    }

    #[test]
    fn negative_percent_needs_a_direction() {
        let refused = Level::from(Percent(-1.0)).steps_of(&output(0, 20));
        assert!(matches!(refused, Err(Error::PercentOutOfRange { lowest: 0, .. })));
        let refused = Level::from(Percent(-100.5)).steps_of(&output(-20, 20));
        assert!(matches!(refused, Err(Error::PercentOutOfRange { lowest: -100, .. })));
    }

    #[test]
    fn what_is_no_number_is_out_of_range() {
        for wild in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 100.1] {
            assert!(Level::from(Percent(wild)).steps_of(&output(-20, 20)).is_err(), "{wild}");
        }
    }

    #[test]
    fn steps_outside_of_the_range_name_it() {
        let refused = Level::from(Steps(21)).steps_of(&output(0, 20)).map_err(|error| error.to_string());
        assert_eq!(refused, Err("21 is outside of the output's steps, 0 to 20".into()));
        assert_eq!(Level::from(Steps(20)).steps_of(&output(0, 20)).ok(), Some(20));
    }
}
