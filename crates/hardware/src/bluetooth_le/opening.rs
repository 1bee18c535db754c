//! Opening a device: attempts, time limits, and what to do about a device that looks other than it should.

use std::time::Duration;

use frisson_program::ConnectPlan;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::fit::fit;
use super::link::{Characteristic, Link};
use super::port::BluetoothPort;
use crate::PortError;

/// How often it is tried.
const ATTEMPTS: u32 = 3;
/// How long to wait after the first failed attempt; after each other twice as long.
const BACK_OFF: Duration = Duration::from_millis(250);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the system may take to find out what a connected device has.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects a device and resolves its endpoints by the first plan that fits. What the system remembers of a device may be out of date: one
/// that fits no plan is disconnected and looked at once more.
pub(super) async fn open<L: Link>(link: L, plans: &[ConnectPlan]) -> Result<BluetoothPort<L>, PortError> {
    let mut was_unfit = false;
    loop {
        let characteristics = connect(&link).await?;
        match fit(plans, &characteristics) {
            Ok((plan, places)) => {
                link.settle().await?;
                return Ok(BluetoothPort::new(link, places, plan));
            }
            Err(unfit) => {
                link.disconnect().await;
                if was_unfit {
                    return Err(unfit);
                }
                debug!("{unfit}; once more, in case this was out of date");
                was_unfit = true;
            }
        }
    }
}

/// Connects, and finds out what the device has.
async fn connect<L: Link>(link: &L) -> Result<Vec<Characteristic<L::Handle>>, PortError> {
    let (mut attempt, mut back_off) = (1, BACK_OFF);
    loop {
        let error = match attempt_once(link).await {
            Ok(characteristics) => return Ok(characteristics),
            Err(gone @ PortError::Gone(_)) => return Err(gone),
            Err(error) => error,
        };
        debug!(attempt, "connecting failed: {error}");
        link.disconnect().await;
        if attempt >= ATTEMPTS {
            return Err(PortError::Failed(format!(
                "connecting failed {ATTEMPTS} times, the last time: {error}; is the device switched on, near, and not \
                 connected to another application or phone?"
            )));
        }
        sleep(back_off).await;
        attempt += 1;
        back_off *= 2;
    }
}

async fn attempt_once<L: Link>(link: &L) -> Result<Vec<Characteristic<L::Handle>>, PortError> {
    let late = |_| PortError::Unanswered(CONNECT_TIMEOUT);
    timeout(CONNECT_TIMEOUT, link.connect()).await.map_err(late)??;
    let unknown = |_| {
        let limit = DISCOVERY_TIMEOUT.as_secs();
        PortError::Failed(format!("connected, but what services it has was not found out within {limit} s"))
    };
    timeout(DISCOVERY_TIMEOUT, link.discover()).await.map_err(unknown)?
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;
    use std::sync::{Arc, Mutex};

    use frisson_program::{Endpoint, Service, Uuid};
    use tokio::time::Instant;

    use super::super::hearing::Hearing;
    use super::super::link::Abilities;
    use super::*;
    use crate::Port;

    /// What a system does when it is asked to connect a device and to find out what it has.
    #[derive(Clone, Copy)]
    enum Turn {
        Refuses,
        Hangs,
        /// Connected, but what the device has is never known.
        Silent,
        Has(u128),
        Gone,
    }

    /// A link that does what it is told, and notes when.
    struct Script {
        turns: Mutex<VecDeque<Turn>>,
        log: Arc<Mutex<Vec<(&'static str, u128)>>>,
        start: Instant,
        hearing: Arc<Hearing<()>>,
    }

    impl Script {
        fn note(&self, what: &'static str) {
            self.log.lock().expect("no panic").push((what, self.start.elapsed().as_millis()));
        }

        fn turn(&self) -> Turn {
            *self.turns.lock().expect("no panic").front().expect("a turn")
        }
    }

    impl Link for Script {
        type Handle = ();

        async fn connect(&self) -> Result<(), PortError> {
            self.note("connect");
            match self.turn() {
                Turn::Refuses => Err(PortError::Failed("refused".to_owned())),
                Turn::Hangs => pending().await,
                Turn::Silent | Turn::Has(_) => Ok(()),
                Turn::Gone => Err(PortError::Gone("out of range".to_owned())),
            }
        }

        async fn discover(&self) -> Result<Vec<Characteristic<()>>, PortError> {
            let Turn::Has(service) = self.turn() else { return pending().await };
            let service = Uuid(service);
            let abilities = Abilities::default();
            Ok(vec![Characteristic { service, uuid: Uuid(1), handle: (), abilities }])
        }

        async fn settle(&self) -> Result<(), PortError> {
            self.note("settle");
            Ok(())
        }

        async fn disconnect(&self) {
            self.note("disconnect");
            self.turns.lock().expect("no panic").pop_front();
        }

        async fn write(&self, (): &(), _: &[u8], _: bool) -> Result<(), PortError> {
            Ok(())
        }

        async fn read(&self, (): &()) -> Result<Vec<u8>, PortError> {
            Ok(Vec::new())
        }

        async fn notify(&self, (): &(), _: bool) -> Result<(), PortError> {
            Ok(())
        }

        fn hearing(&self) -> &Arc<Hearing<()>> {
            &self.hearing
        }
    }

    /// Opens a device that should have service 7. What came of it, and what was done at which ms.
    async fn opened(turns: Vec<Turn>) -> (Result<usize, String>, Vec<(&'static str, u128)>) {
        let log = Arc::default();
        let script = Script {
            turns: Mutex::new(turns.into()),
            log: Arc::clone(&log),
            start: Instant::now(),
            hearing: Arc::new(Hearing::new()),
        };
        let service = Service { uuid: Uuid(7), endpoints: vec![(Endpoint::TX, Uuid(1))] };
        let plan = ConnectPlan { services: vec![service], ..ConnectPlan::default() };
        let port = open(script, &[plan]).await;
        let log = log.lock().expect("no panic").clone();
        (port.map(|port| port.endpoints().len()).map_err(|error| error.to_string()), log)
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_ended_and_tried_again_after_a_pause_that_grows() {
        let (opened, log) = opened(vec![Turn::Hangs, Turn::Silent, Turn::Has(7)]).await;
        assert_eq!(opened, Ok(1));
        let expected = [
            ("connect", 0),
            ("disconnect", 10_000),
            ("connect", 10_250),
            ("disconnect", 20_250),
            ("connect", 20_750),
            ("settle", 20_750),
        ];
        assert_eq!(log, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn after_three_attempts_it_is_given_up_with_the_last_reason() {
        let (opened, log) = opened(vec![Turn::Hangs, Turn::Hangs, Turn::Refuses, Turn::Has(7)]).await;
        let error = opened.expect_err("given up");
        assert!(error.contains("3 times") && error.contains("refused") && error.contains("near"), "{error}");
        assert_eq!(log.iter().filter(|(what, _)| *what == "connect").count(), 3);
        assert_eq!(log.last(), Some(&("disconnect", 20_750)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_is_gone_is_not_tried_again() {
        let (opened, log) = opened(vec![Turn::Gone, Turn::Has(7)]).await;
        assert!(opened.expect_err("gone").contains("out of range"));
        assert_eq!(log, [("connect", 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_without_what_it_should_have_is_looked_at_twice() {
        assert_eq!(opened(vec![Turn::Has(8), Turn::Has(7)]).await.0, Ok(1));
        let (opened, log) = opened(vec![Turn::Has(8), Turn::Has(8), Turn::Has(7)]).await;
        assert!(opened.expect_err("unfit").contains("expected"));
        let expected = [("connect", 0), ("disconnect", 0), ("connect", 0), ("disconnect", 0)];
        assert_eq!(log, expected);
    }
}
