//! Toys behind the phone application Lovense Connect, over the local network (`bus-facts.md` section 5).
//!
//! Phones are found by asking the vendor's service **on the Internet** which of them have the same public address as this machine, or are named by
//! the user, and then nothing is asked on the Internet. Nothing at all is asked before the first scan. A phone is asked for its toys, each command
//! is a request to the phone, and a toy is gone when its phone says so or says nothing any more.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use frisson_hardware::Scanner;
//! use frisson_hardware::lovense_connect::{LovenseConnect, Options, Source};
//!
//! let phone = Source::Phones(vec!["http://192.168.0.11:20010".to_owned()]);
//! let bus = LovenseConnect::start(Options { source: phone, ..Options::default() })?;
//! assert_eq!(bus.name(), "lovense-connect");
//! # Ok(())
//! # }
//! ```

mod api;
mod board;
mod http;
mod phone;
mod port;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_rustls::rustls::ClientConfig;
use tracing::{Instrument, info_span};

use self::board::{Board, FromServer};
use self::http::Origin;
use crate::{BoxFuture, ConnectPlan, Found, Outcome, Port, PortError, Scanner, Sighting};

/// The vendor's service that knows phones.
pub const SERVICE: &str = "https://api.lovense.com/api/lan/getToys";

/// How phones are found, and how often they are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where phones are looked for. Default: the vendor's service.
    pub source: Source,
    /// How often phones are looked for while a scan runs. Default: 10 s.
    pub scan_interval: Duration,
    /// How often a phone is asked whose toys are in use. Default: 1 s; the application does not bear more.
    pub poll_interval: Duration,
    /// How long an answer may take. Default: 3 s.
    pub timeout: Duration,
    /// Which certificates of the service are trusted. Default: those that the system trusts.
    pub tls: Option<Arc<ClientConfig>>,
}

/// Where phones are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The service at this address, `http://` or `https://`. It learns the public address of this network.
    Service(String),
    /// The phones at these addresses, e.g. `http://192.168.0.11:20010`, as the application shows them. Nobody else is asked.
    Phones(Vec<String>),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            source: Source::Service(SERVICE.to_owned()),
            scan_interval: Duration::from_secs(10),
            poll_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(3),
            tls: None,
        }
    }
}

/// Why Lovense Connect cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address is none.
    #[error("`{address}` cannot be asked for Lovense Connect: {reason}; e.g. http://192.168.0.11:20010")]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to trust the service by.
    #[error(
        "the service of Lovense Connect cannot be trusted: {0}; name the phone instead, e.g. http://192.168.0.11:20010"
    )]
    Certificates(String),
}

/// Finds toys of phones while a scan runs. A scan goes on until it is stopped.
pub struct LovenseConnect {
    board: mpsc::UnboundedSender<FromServer>,
    found: mpsc::UnboundedReceiver<Found>,
}

impl LovenseConnect {
    /// Makes ready to look for phones. To be called within a tokio runtime.
    ///
    /// # Errors
    /// An address is none, or the system has no certificates to trust the service by.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let wrong = |address: &str| {
            let address = address.to_owned();
            move |reason| StartError::Address { address, reason }
        };
        let (service, phones) = match &options.source {
            Source::Service(address) => (Some(http::address(address).map_err(wrong(address))?), Vec::new()),
            Source::Phones(addresses) => {
                let phone = |address: &String| -> Result<Origin, StartError> {
                    let (origin, _) = http::address(address).map_err(wrong(address))?;
                    match origin.is_secure {
                        true => Err(wrong(address)("phones are asked over http".to_owned())),
                        false => Ok(origin),
                    }
                };
                (None, addresses.iter().map(phone).collect::<Result<_, _>>()?)
            }
        };
        let tls = match (&service, options.tls) {
            (_, Some(tls)) => Some(tls),
            (Some((origin, _)), None) if origin.is_secure => {
                Some(http::system_certificates().map_err(StartError::Certificates)?)
            }
            _ => None,
        };
        let (board, orders) = mpsc::unbounded_channel();
        let (finds, found) = mpsc::unbounded_channel();
        let pace = board::Pace {
            scan: options.scan_interval,
            poll: options.poll_interval,
            timeout: options.timeout,
        };
        let task = Board::new(service, phones, tls, pace, finds).run(orders);
        tokio::spawn(task.instrument(info_span!("lovense connect")));
        Ok(Self { board, found })
    }
}

impl Scanner for LovenseConnect {
    fn name(&self) -> &'static str {
        "lovense-connect"
    }

    fn scan(&mut self, on: bool) {
        let _ = self.board.send(FromServer::Scan(on));
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async { self.found.recv().await.unwrap_or(Found::Closed) })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        _: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let (answer, connected) = oneshot::channel();
        let _ = self.board.send(FromServer::Connect(sighting.address.clone(), answer));
        Box::pin(async {
            let gone = PortError::Gone("the phone does not have this toy any more".to_owned());
            let port = connected.await.ok().flatten().ok_or(gone)?;
            Ok(Box::new(port) as Box<dyn Port>)
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        if *outcome == Outcome::Missed {
            let _ = self.board.send(FromServer::Missed(sighting.address.clone()));
        }
    }
}
