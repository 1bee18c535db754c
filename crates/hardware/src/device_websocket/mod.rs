//! Devices that connect by themselves over WebSocket: simulators, and what people build with a microcontroller.
//!
//! A device opens a plain WebSocket, on any path, and says in its first message what it is:
//! `{"identifier":"NAME","address":"UNIQUE","version":0}` (`bus-facts.md` section 3). From then on each write to it is one binary message, and each
//! message of the device is one notification on `rx`. A device whose greeting also carries `features` describes itself, and is written one line of
//! text a message (`docs/self-describing-devices.md`).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use frisson_hardware::Scanner;
//! use frisson_hardware::device_websocket::{DeviceWebSocket, Options};
//!
//! let options = Options { address: ([127, 0, 0, 1], 0).into(), ..Options::default() };
//! let (mut bus, address) = DeviceWebSocket::listen(options)?;
//! println!("devices connect to ws://{address}/");
//! # Ok(())
//! # }
//! ```

mod link;
mod listener;
mod port;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_websockets::CloseCode;
use tracing::{Instrument, info, info_span, warn};

use self::link::{Arrival, Link, Order};
use self::port::WebSocketPort;
use crate::{BoxFuture, ConnectPlan, Found, Outcome, Port, PortError, Scanner, Sighting};

/// The port that devices are made to connect to.
pub const PORT: u16 = 54817;

/// How devices are let in.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Default: port 54817 of 127.0.0.1. Whoever reaches the address can present devices; a microcontroller reaches it only if it is
    /// one of the local network. Port 0 is one that the system chooses.
    pub address: SocketAddr,
    /// How many devices may be connected at once. Default: 256. One more is refused with the status 503.
    pub max_devices: usize,
    /// How long a device may take to say what it is. Default: 5 s.
    pub greeting_timeout: Duration,
    /// After this long without a message from the device it is sent a ping; after as long again without one it is gone. Default: 10 s.
    pub ping_interval: Duration,
    /// How long a device may leave what it is sent unread; then it is gone. Default: 4 s. The server waits for no write longer than 5 s.
    pub write_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
            max_devices: 256,
            greeting_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(10),
            write_timeout: Duration::from_secs(4),
        }
    }
}

/// Why devices are not let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be listened on.
    #[error("websocket devices cannot be listened for on {address}: {source}")]
    Socket {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Lets devices in. A scan finds nothing that is not there without it, and ends at once.
pub struct DeviceWebSocket {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// Devices that were found and not yet opened, by their addresses.
    waiting: BTreeMap<String, Link>,
    /// All that are connected, by their addresses.
    links: BTreeMap<String, mpsc::WeakSender<Order>>,
    scan_has_ended: bool,
    listener: AbortHandle,
}

impl DeviceWebSocket {
    /// Lets devices connect, and gives the address in use. To be called within a tokio runtime; listens until it is dropped.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn listen(options: Options) -> Result<(Self, SocketAddr), ListenError> {
        let address = options.address;
        let (listener, address) =
            crate::listener::bind(address).map_err(|source| ListenError::Socket { address, source })?;
        let (sender, arrivals) = mpsc::unbounded_channel();
        let accepting = listener::run(listener, options, sender);
        let listener = tokio::spawn(accepting.instrument(info_span!("device websocket"))).abort_handle();
        info!("listening for websocket devices on {address}");
        if !address.ip().is_loopback() {
            warn!("everybody who reaches {address} over the network can present devices there");
        }
        let (waiting, links) = (BTreeMap::new(), BTreeMap::new());
        Ok((Self { arrivals, waiting, links, scan_has_ended: false, listener }, address))
    }

    /// Takes in a device that has greeted. Where its address was connected already, that link is a dead one that nobody has noticed yet.
    fn welcome(&mut self, arrival: Arrival) -> Sighting {
        let Arrival { sighting, link } = arrival;
        self.links.retain(|_, orders| orders.strong_count() > 0);
        let known = self.links.insert(sighting.address.clone(), link.orders.downgrade());
        if let Some(older) = known.and_then(|orders| orders.upgrade()) {
            info!(name = sighting.name, "connected again, closing its older link");
            let _ =
                older.try_send(Order::close(CloseCode::POLICY_VIOLATION, "the device has connected again"));
        }
        self.waiting.insert(sighting.address.clone(), link);
        sighting
    }
}

impl Scanner for DeviceWebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }

    fn scan(&mut self, on: bool) {
        self.scan_has_ended |= on;
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async {
            if std::mem::take(&mut self.scan_has_ended) {
                return Found::ScanEnded;
            }
            match self.arrivals.recv().await {
                Some(arrival) => Found::Device(self.welcome(arrival)),
                None => Found::Closed,
            }
        })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let link = self.waiting.remove(&sighting.address);
        Box::pin(async move {
            match link {
                Some(link) if !link.orders.is_closed() => {
                    Ok(Box::new(WebSocketPort::new(link)) as Box<dyn Port>)
                }
                _ => Err(PortError::Gone("the device has gone again".to_owned())),
            }
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        // One that was opened is closed by whoever has the port.
        if let (Outcome::Ignored(why), Some(link)) = (outcome, self.waiting.remove(&sighting.address)) {
            let reason = match why {
                crate::Ignored::NoMatch => {
                    format!("no device definition has the identifier {}", sighting.name)
                }
                why => format!("not used by this server: {why}"),
            };
            let _ = link.orders.try_send(Order::close(CloseCode::POLICY_VIOLATION, reason));
        }
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.listener.abort();
        self.arrivals.close();
        self.waiting.clear();
        let links = std::mem::take(&mut self.links);
        Box::pin(async move {
            for orders in links.into_values().filter_map(|orders| orders.upgrade()) {
                let _ = orders.try_send(Order::close(CloseCode::GOING_AWAY, "the server is shutting down"));
                orders.closed().await;
            }
        })
    }
}

impl Drop for DeviceWebSocket {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
