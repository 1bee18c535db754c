//! Whether Bluetooth can be used, and who has to know.

use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

/// How long Bluetooth has to be unusable before that is said, if it has been usable: when the service starts anew its adapters are not
/// there at once.
const SETTLE: Duration = Duration::from_secs(2);

/// How it stands with Bluetooth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    /// It is being found out.
    Unknown,
    /// By these adapters.
    Usable(Vec<String>),
    /// For this reason.
    Unusable(String),
}

/// Says each change once.
#[derive(Default)]
pub(super) struct Reporter {
    told: Option<Status>,
    trouble: Option<(String, Instant)>,
    is_unknown: bool,
    to_tell: Option<String>,
}

impl Reporter {
    pub(super) fn update(&mut self, status: &Status, now: Instant) {
        self.is_unknown = *status == Status::Unknown;
        let Status::Unusable(reason) = status else {
            if !self.is_unknown {
                self.trouble = None;
                self.to_tell = None;
            }
            if let Status::Usable(adapters) = status
                && self.told.as_ref() != Some(status)
            {
                info!("usable by {}", adapters.join(", "));
                self.told = Some(status.clone());
            }
            return;
        };
        if self.told.as_ref() == Some(status) {
            self.trouble = None;
            return;
        }
        let lasts = match &self.trouble {
            Some((same, since)) if same == reason => *since + SETTLE <= now,
            _ => self.told.is_none(),
        };
        if lasts {
            self.trouble = None;
            self.to_tell = Some(reason.clone());
            self.told = Some(status.clone());
        } else if self.trouble.as_ref().is_none_or(|(other, _)| other != reason) {
            self.trouble = Some((reason.clone(), now));
        }
    }

    /// When an update may have something to tell though nothing has changed. Who updates regularly needs not know.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.trouble.as_ref().filter(|_| !self.is_unknown).map(|(_, since)| *since + SETTLE)
    }

    pub(super) fn has_news(&self) -> bool {
        self.to_tell.is_some()
    }

    pub(super) fn news(&mut self) -> Option<String> {
        self.to_tell.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reporter: &mut Reporter, status: &Status, now: Instant) -> Option<String> {
        reporter.update(status, now);
        reporter.news()
    }

    #[test]
    fn trouble_from_the_start_is_told_at_once_and_once() {
        let (mut reporter, start) = (Reporter::default(), Instant::now());
        let unusable = Status::Unusable("why".into());
        assert_eq!(told(&mut reporter, &Status::Unknown, start), None);
        assert_eq!(told(&mut reporter, &unusable, start), Some("why".into()));
        for seconds in 0..100 {
            assert_eq!(told(&mut reporter, &unusable, start + SETTLE * seconds), None);
            assert_eq!(reporter.deadline(), None);
        }
        let other = Status::Unusable("another reason".into());
        assert_eq!(told(&mut reporter, &other, start), None);
        assert_eq!(told(&mut reporter, &other, start + SETTLE), Some("another reason".into()));
    }

    #[test]
    fn trouble_that_lasts_is_told_and_trouble_that_passes_is_not() {
        let (mut reporter, start) = (Reporter::default(), Instant::now());
        let (usable, unusable) = (Status::Usable(vec!["hci0".into()]), Status::Unusable("why".into()));
        assert_eq!(told(&mut reporter, &usable, start), None);
        assert_eq!(told(&mut reporter, &unusable, start), None);
        assert_eq!(reporter.deadline(), Some(start + SETTLE));
        assert_eq!(told(&mut reporter, &Status::Unknown, start + SETTLE / 4), None);
        assert_eq!(reporter.deadline(), None, "nothing is told while it is being found out");
        assert_eq!(told(&mut reporter, &usable, start + SETTLE / 2), None);
        assert_eq!(reporter.deadline(), None);
        assert_eq!(told(&mut reporter, &unusable, start + SETTLE), None, "it began anew");
        assert_eq!(told(&mut reporter, &unusable, start + SETTLE * 2), Some("why".into()));
        assert_eq!(told(&mut reporter, &usable, start + SETTLE * 2), None);
        assert_eq!(told(&mut reporter, &unusable, start + SETTLE * 3), None);
        assert_eq!(told(&mut reporter, &unusable, start + SETTLE * 4), Some("why".into()));
    }
}
