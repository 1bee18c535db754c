//! Bluetooth Low Energy: devices that are found by what they advertise and driven through GATT characteristics.
//!
//! On Linux this speaks to BlueZ over D-Bus, on Windows and macOS to the system's own interface. All adapters that are switched on are used.
//! Where none is, where the service is not running or ends, this is said once, and looked after until it changes; links that are open
//! then are reported as gone.
//!
//! Facts on devices and their quirks: `docs/bluetooth.md`.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use frisson_hardware::bluetooth_le::{BluetoothLe, Options};
//! use frisson_hardware::{Found, Scanner};
//!
//! let mut bus = BluetoothLe::new(Options::default());
//! bus.scan(true);
//! match bus.next().await {
//!     Found::Device(sighting) => println!("{} at {:?} dBm", sighting.name, sighting.rssi),
//!     Found::Unusable(reason) => println!("{reason}"),
//!     _ => {}
//! }
//! # }
//! ```

// Where there is nothing to connect there is no use for what connecting needs.
#![cfg_attr(not(any(target_os = "linux", target_os = "windows", target_vendor = "apple")), allow(dead_code))]

#[cfg(target_os = "linux")]
#[path = "bluez/mod.rs"]
mod system;
#[cfg(any(target_os = "windows", target_vendor = "apple"))]
#[path = "btleplug/mod.rs"]
mod system;
#[cfg(not(any(target_os = "linux", target_os = "windows", target_vendor = "apple")))]
#[path = "unsupported.rs"]
mod system;

mod fit;
mod hearing;
mod link;
mod memory;
mod opening;
mod port;
mod status;

use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, info_span};

use crate::{BoxFuture, Bus, ConnectPlan, Found, Ignored, Outcome, Port, PortError, Scanner, Sighting};

/// How many findings may wait to be taken. More would be out of date by then.
const QUEUE: usize = 1;

/// How the system's Bluetooth is reached.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// The D-Bus that BlueZ is on, in the form of D-Bus addresses (`unix:path=…`). Default: the system's.
    #[cfg(target_os = "linux")]
    pub dbus_address: Option<String>,
}

/// Finds devices over Bluetooth Low Energy. A scan goes on until it is stopped.
///
/// Offered are devices that tell a name or a service: once per scan, and again when what they tell has changed or after they were
/// disconnected; those that failed, not for a while. A device that the system is connected to already is offered as well.
pub struct BluetoothLe {
    orders: mpsc::UnboundedSender<Order>,
    found: mpsc::Receiver<Found>,
}

/// What the system's side is told.
enum Order {
    Scan(bool),
    /// A link to a device that was sighted. It is not connected yet.
    Link {
        address: String,
        answer: oneshot::Sender<Result<system::SystemLink, PortError>>,
    },
    /// A device that was offered could not be opened or set up.
    Failed(Sighting),
    /// Something for a link.
    ToLink(system::ToLink),
    /// Nothing more comes from the scanner. Links that are open are given a moment to be closed.
    End(Option<oneshot::Sender<()>>),
}

impl BluetoothLe {
    /// Begins to watch the system's Bluetooth. To be called within a tokio runtime; goes on until it is closed or dropped.
    pub fn new(options: Options) -> Self {
        let (orders, from_server) = mpsc::unbounded_channel();
        let (finds, found) = mpsc::channel(QUEUE);
        let watching = system::run(options, from_server, orders.downgrade(), finds);
        tokio::spawn(watching.instrument(info_span!("bluetooth")));
        Self { orders, found }
    }
}

impl Scanner for BluetoothLe {
    fn name(&self) -> &'static str {
        Bus::BluetoothLe.name()
    }

    fn scan(&mut self, on: bool) {
        let _ = self.orders.send(Order::Scan(on));
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async { self.found.recv().await.unwrap_or(Found::Closed) })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        plans: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let (answer, linked) = oneshot::channel();
        let _ = self.orders.send(Order::Link { address: sighting.address.clone(), answer });
        Box::pin(async move {
            let closed = |_| PortError::Gone("the Bluetooth scanner has been closed".to_owned());
            let port = opening::open(linked.await.map_err(closed)??, &plans).await?;
            Ok(Box::new(port) as Box<dyn Port>)
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        if let Outcome::Ignored(Ignored::ConnectFailed | Ignored::InitFailed) = outcome {
            let _ = self.orders.send(Order::Failed(sighting.clone()));
        }
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        let (answer, ended) = oneshot::channel();
        let _ = self.orders.send(Order::End(Some(answer)));
        Box::pin(async {
            let _ = ended.await;
        })
    }
}

impl Drop for BluetoothLe {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End(None));
    }
}

/// The end of an address, which tells devices apart in the log without telling whose they are.
fn shortened(address: &str) -> String {
    let skipped = address.chars().count().saturating_sub(5);
    format!("…{}", address.chars().skip(skipped).collect::<String>())
}
