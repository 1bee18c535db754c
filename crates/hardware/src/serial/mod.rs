//! Serial ports: devices on a cable, or behind a USB adapter.
//!
//! What is on a serial port shows only when somebody speaks to it, so nothing is ever asked of a port unless the user has said what is there.
//! [`SerialBus`] reports every port of the machine and opens those for which the server has found a protocol, and of the built-in
//! protocols none takes a port by itself: the user names it. The manual is `docs/serial.md`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use frisson_hardware::Scanner;
//! use frisson_hardware::serial::{Named, Options, SerialBus};
//!
//! let ports = vec![Named { greets: true, ..Named::new("/dev/serial/by-id/usb-Espressif_OSR2-if00") }];
//! let mut bus = SerialBus::new(Options { ports, ..Options::default() });
//! bus.scan(true);
//! # }
//! ```

mod list;
mod open;
#[cfg(unix)]
#[path = "hold_unix.rs"]
mod system;
#[cfg(windows)]
#[path = "hold_windows.rs"]
mod system;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use frisson_program::SerialSettings;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, info};

pub use self::list::{Listed, list};
#[cfg(feature = "lovense-dongle")]
pub(crate) use self::wire::SerialWire;
#[cfg(not(feature = "lovense-dongle"))]
use self::wire::SerialWire;
use crate::detached::detached;
use crate::rounds::{EVERY, Look, Missing, OpenMark, Rounds, Seen};
use crate::stream::{StreamPort, Wire, greet};
use crate::{BoxFuture, Bus, ConnectPlan, Found, Outcome, Port, PortError, Scanner, Sighting};

/// How long the system may take to list or open ports.
const SYSTEM_LIMIT: Duration = Duration::from_secs(4);

/// How serial ports are used.
#[derive(Debug, Clone)]
pub struct Options {
    /// The ports that the user has named. Default: none.
    pub ports: Vec<Named>,
    /// How often ports are listed during a scan. Default: 5 s.
    pub every: Duration,
}

/// A port that the user has named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The name, as the system has it (`COM7`, `/dev/ttyUSB0`) or a link to that (`/dev/serial/by-id/…`). The device goes by this name, whatever
    /// number the system gives the port. A port that the system does not list, such as a pseudo-terminal, counts as there if it exists.
    pub name: String,
    /// Whether the device speaks TCode, and is to be asked what it is when it is opened. The answer is told in the log; one that does not answer within
    /// 500 ms is used all the same.
    pub greets: bool,
}

impl Named {
    /// A port that is not asked anything.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), greets: false }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { ports: Vec::new(), every: EVERY }
    }
}

/// Finds serial ports. A scan goes on until it is stopped: ports are listed when it begins and every 5 s from then on.
pub struct SerialBus {
    ports: Ports,
    rounds: Rounds<()>,
}

/// Looks for ports.
struct Ports {
    named: NamedPorts,
    missing: Missing,
}

/// The ports that the user has named, to be changed while the bus is in use.
#[derive(Debug, Clone)]
pub struct NamedPorts(Arc<watch::Sender<Vec<Named>>>);

impl NamedPorts {
    /// From now on these are the ports. Those that are open stay so.
    pub fn set(&self, ports: Vec<Named>) {
        self.0.send_replace(ports);
    }
}

impl SerialBus {
    /// Serial ports by these options.
    pub fn new(options: Options) -> Self {
        let named = NamedPorts(Arc::new(watch::Sender::new(options.ports)));
        Self { ports: Ports { named, missing: Missing::default() }, rounds: Rounds::new(options.every, true) }
    }

    /// The ports that are named.
    pub fn named(&self) -> NamedPorts {
        self.ports.named.clone()
    }
}

impl Look<()> for Ports {
    fn look(&self, _: &dyn Fn(&str) -> bool, tasks: &mut JoinSet<Seen<()>>) {
        let named: Vec<String> = self.named.0.borrow().iter().map(|port| port.name.clone()).collect();
        let missing = self.missing.clone();
        tasks.spawn(async move {
            let names = named.clone();
            let listing = move || list(&names).map_err(|error| PortError::Failed(error.to_string()));
            let listed = detached("serial ports", SYSTEM_LIMIT, listing).await.map_err(|error| {
                let fix =
                    if cfg!(unix) { "; a port that is named by its path is used all the same" } else { "" };
                format!("serial ports cannot be listed: {error}{fix}")
            })?;
            for name in &named {
                let is_missing = listed.iter().all(|port| port.address != *name && port.port != *name);
                if missing.is_news(name, is_missing) && is_missing {
                    let there: Vec<_> = listed.iter().map(|port| port.port.as_str()).collect();
                    info!("there is no port {name} at present; those that are there: {}", there.join(", "));
                }
            }
            Ok(listed.into_iter().map(|port| (port.sighting(), ())).collect())
        });
    }
}

impl Listed {
    fn sighting(self) -> Sighting {
        // The name is part of what the device is recognised by, so it must not change with the number of the port.
        let name = self.product.unwrap_or_else(|| self.address.clone());
        Sighting { ids: self.ids, port: Some(self.port), ..Sighting::new(Bus::Serial, self.address, name) }
    }
}

impl Scanner for SerialBus {
    fn name(&self) -> &'static str {
        Bus::Serial.name()
    }

    fn scan(&mut self, on: bool) {
        self.rounds.scan(on);
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(self.rounds.next(&self.ports))
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        plans: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let (_, mark) = self.rounds.open(&sighting.address);
        let port = sighting.port.clone().unwrap_or_else(|| sighting.address.clone());
        let greets =
            self.ports.named.0.borrow().iter().any(|named| named.greets && named.name == sighting.address);
        let settings = plans.first().map_or_else(SerialSettings::default, |plan| plan.serial);
        Box::pin(connect(port, settings, greets, mark))
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        self.rounds.outcome(&sighting.address, outcome);
    }
}

async fn connect(
    port: String,
    settings: SerialSettings,
    greets: bool,
    mark: OpenMark,
) -> Result<Box<dyn Port>, PortError> {
    let wire = SerialWire::open(port.clone(), settings).await?;
    debug!(port, settings = open::text(settings), "opened");
    if greets {
        match greet(&wire).await {
            Ok(Some(answer)) => info!("{port} answers {answer:?}"),
            Ok(None) => {
                info!("{port} does not say what it is, as many TCode devices do not; it is used all the same")
            }
            Err(error) => return Err(wire.fault(Some(&error))),
        }
    }
    Ok(Box::new(StreamPort::new(wire, false, mark)))
}
