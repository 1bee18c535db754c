//! TCode devices over UDP and TCP: strokers whose firmware listens on the network, at addresses that the user names.
//!
//! Nothing else is ever contacted, and nothing is searched for. The manual is `docs/serial.md`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use frisson_hardware::Scanner;
//! use frisson_hardware::tcode::{Options, TCodeBus};
//!
//! let targets = vec!["udp://192.168.1.50:8000".parse()?];
//! let mut bus = TCodeBus::new(Options { targets, ..Options::default() });
//! bus.scan(false);
//! # Ok(())
//! # }
//! ```

mod target;
mod wire;

use std::time::Duration;

use tokio::task::JoinSet;
use tracing::info;

pub use self::target::{Carrier, Target, TargetError};
use self::wire::NetWire;
use crate::rounds::{EVERY, Look, Missing, Rounds, Seen};
use crate::stream::{StreamPort, Wire, greet};
use crate::{BoxFuture, Bus, ConnectPlan, Found, Outcome, Port, PortError, Scanner, Sighting};

/// How TCode devices are found on the network.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where they are. Default: none.
    pub targets: Vec<Target>,
    /// How often those that are not connected are tried during a scan. Default: 5 s.
    pub every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { targets: Vec::new(), every: EVERY }
    }
}

/// Finds TCode devices at the addresses that the user has named. A scan goes on until it is stopped.
///
/// Each is asked `D1`, which moves nothing. At TCP it is there if the connection is accepted; at UDP unless the system is told that nothing
/// listens there: many firmwares answer nothing at all, so silence does not mean absence. One that has answered once is asked again
/// whenever it has been silent for 5 s, and has gone if it does not answer three times.
pub struct TCodeBus {
    targets: Targets,
    rounds: Rounds<Opened>,
}

/// Tries the addresses.
struct Targets {
    all: Vec<Target>,
    missing: Missing,
}

/// A link that is open, and whether the device has said what it is.
struct Opened {
    wire: NetWire,
    answers: bool,
}

impl TCodeBus {
    /// TCode devices by these options.
    pub fn new(mut options: Options) -> Self {
        options.targets.sort_unstable();
        options.targets.dedup();
        let targets = Targets { all: options.targets, missing: Missing::default() };
        Self { targets, rounds: Rounds::new(options.every, false) }
    }
}

impl Opened {
    async fn new(target: &Target) -> Result<Self, PortError> {
        let wire = NetWire::open(target).await?;
        match greet(&wire).await {
            Ok(Some(answer)) => {
                info!("{target} answers {answer:?}");
                Ok(Self { wire, answers: true })
            }
            Ok(None) => {
                info!(
                    "{target} does not say what it is, as many TCode devices do not; it is used all the same"
                );
                Ok(Self { wire, answers: false })
            }
            Err(error) => Err(wire.fault(Some(&error))),
        }
    }
}

impl Look<Opened> for Targets {
    fn look(&self, is_settled: &dyn Fn(&str) -> bool, tasks: &mut JoinSet<Seen<Opened>>) {
        for target in &self.all {
            let address = target.to_string();
            if is_settled(&address) {
                continue;
            }
            let (target, missing) = (target.clone(), self.missing.clone());
            tasks.spawn(async move {
                let opened = Opened::new(&target).await;
                let is_news = missing.is_news(&address, opened.is_err());
                match opened {
                    Ok(opened) => Ok(vec![(Sighting::new(Bus::TCode, address.clone(), address), opened)]),
                    Err(error) => {
                        if is_news {
                            info!("{address} is not there at present: {error}");
                        }
                        Ok(Vec::new())
                    }
                }
            });
        }
    }
}

impl Scanner for TCodeBus {
    fn name(&self) -> &'static str {
        Bus::TCode.name()
    }

    fn scan(&mut self, on: bool) {
        self.rounds.scan(on);
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(self.rounds.next(&self.targets))
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let (held, mark) = self.rounds.open(&sighting.address);
        let target = self.targets.all.iter().find(|target| target.to_string() == sighting.address).cloned();
        let address = sighting.address.clone();
        Box::pin(async move {
            let opened = match (held, target) {
                (Some(opened), _) => opened,
                (None, Some(target)) => Opened::new(&target).await?,
                (None, None) => {
                    return Err(PortError::Failed(format!(
                        "{address} is none of the addresses that were named"
                    )));
                }
            };
            Ok(Box::new(StreamPort::new(opened.wire, opened.answers, mark)) as Box<dyn Port>)
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        self.rounds.outcome(&sighting.address, outcome);
    }
}
