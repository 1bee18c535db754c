//! How soon a device that could not be opened or set up is tried again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::backoff;
use crate::timers::later;

/// A device that has not been tried for so long is tried as if for the first time.
const FORGOTTEN: Duration = Duration::from_secs(300);

/// No more devices are remembered.
const MOST: usize = 1024;

/// What is known of devices that could not be used, by their addresses.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let mut attempts = frisson_engine::Attempts::default();
/// let now = Instant::now();
/// for wait in [0, 1, 2, 5] {
///     attempts.failed(now, "ble:C0:FF:EE:00:00:01");
///     assert_eq!(attempts.wait(now, "ble:C0:FF:EE:00:00:01"), Duration::from_secs(wait));
/// }
/// attempts.succeeded("ble:C0:FF:EE:00:00:01");
/// assert_eq!(attempts.wait(now, "ble:C0:FF:EE:00:00:01"), Duration::ZERO);
/// ```
#[derive(Debug, Default)]
pub struct Attempts {
    failed: BTreeMap<String, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    in_a_row: usize,
    last: Instant,
}

impl Attempts {
    /// How long the device at this address is still to be left alone.
    pub fn wait(&self, now: Instant, address: &str) -> Duration {
        let Some(Failures { in_a_row, last }) = self.failed.get(address) else { return Duration::ZERO };
        // The first failure may have been chance.
        let pause = in_a_row.checked_sub(2).map_or(Duration::ZERO, backoff::pause);
        later(*last, pause).saturating_duration_since(now)
    }

    /// The device could not be opened, or not be set up.
    pub fn failed(&mut self, now: Instant, address: &str) {
        self.failed.retain(|_, one| now.saturating_duration_since(one.last) < FORGOTTEN);
        let in_a_row = self.failed.get(address).map_or(0, |one| one.in_a_row).saturating_add(1);
        if self.failed.len() < MOST || in_a_row > 1 {
            self.failed.insert(address.to_owned(), Failures { in_a_row, last: now });
        }
    }

    /// The device can be used.
    pub fn succeeded(&mut self, address: &str) {
        self.failed.remove(address);
    }

    /// Nothing that has failed before says anything any more.
    pub fn clear(&mut self) {
        self.failed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "ble:C0:FF:EE:00:00:01";

    #[test]
    fn a_device_is_left_alone_longer_with_each_failure_and_never_more_than_a_minute() {
        let mut attempts = Attempts::default();
        let mut now = Instant::now();
        let mut waited = Vec::new();
        for _ in 0..9 {
            attempts.failed(now, ADDRESS);
            let wait = attempts.wait(now, ADDRESS);
            waited.push(wait.as_secs());
            now += wait;
            assert_eq!(attempts.wait(now, ADDRESS), Duration::ZERO);
        }
        assert_eq!(waited, [0, 1, 2, 5, 10, 30, 60, 60, 60]);
        assert_eq!(attempts.wait(now, "another"), Duration::ZERO);
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let mut attempts = Attempts::default();
        let now = Instant::now();
        (0..5).for_each(|_| attempts.failed(now, ADDRESS));
        let now = now + FORGOTTEN;
        attempts.failed(now, ADDRESS);
        assert_eq!(attempts.wait(now, ADDRESS), Duration::ZERO);
    }

    #[test]
    fn no_more_than_so_many_devices_are_remembered() {
        let mut attempts = Attempts::default();
        let now = Instant::now();
        (0..2 * MOST).for_each(|number| attempts.failed(now, &number.to_string()));
        assert_eq!(attempts.failed.len(), MOST);
    }
}
