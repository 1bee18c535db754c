//! The pauses between tries that fail, whatever it is that is tried.

use std::time::Duration;

const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// How long to pause when so many pauses have not helped; the longest is repeated.
pub(crate) fn pause(before: usize) -> Duration {
    PAUSES.get(before).or(PAUSES.last()).copied().unwrap_or_default()
}
