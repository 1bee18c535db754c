//! Virtual hardware: devices that another program presents over WebSocket, as a radio or a bus would.
//!
//! Whoever tests the server from outside, tries a device before there is hardware, or brings in a radio that the server does not know,
//! connects as a **host** and presents devices; the server matches, opens, drives and loses them by the same code as any other. The
//! channel is described in `docs/virtual-hardware.md`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use frisson_hardware::Scanner;
//! use frisson_hardware::virtual_hardware::{Options, VirtualHardware};
//!
//! let (mut bus, address) = VirtualHardware::listen(Options::default())?;
//! println!("hosts connect to ws://{address}/");
//! bus.scan(true);
//! # Ok(())
//! # }
//! ```

mod board;
mod host;
mod incoming;
mod listener;
mod outgoing;
mod port;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tracing::{Instrument, info, info_span};

use self::board::{Board, FromServer};
use crate::{BoxFuture, ConnectPlan, Found, Outcome, Port, PortError, Scanner, Sighting};

/// The longest time that a host is given for an answer, whatever is asked for: what takes longer has failed for the rest of the server
/// as well.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(5);

/// How many frames of all hosts may wait.
const QUEUE: usize = 64;

/// How virtual hardware is offered.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 is one that the system chooses, the default.
    pub port: u16,
    /// The path that hosts connect to, which begins with `/`. Default: `/`.
    pub path: String,
    /// How long a host may take to answer. Default, and at most: [`MAX_TIMEOUT`].
    pub timeout: Duration,
    /// What hosts are told of the server: its name and version.
    pub server: String,
}

impl Default for Options {
    fn default() -> Self {
        let server = concat!("Frisson ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { port: 0, path: "/".to_owned(), timeout: MAX_TIMEOUT, server }
    }
}

/// Why virtual hardware is not offered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The path is none.
    #[error("the path `{0}` of virtual hardware does not begin with `/`")]
    Path(String),
    /// The port cannot be listened on.
    #[error("virtual hardware cannot listen on {address}: {source}")]
    Socket {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Finds what hosts present. A scan goes on until it is stopped.
pub struct VirtualHardware {
    board: mpsc::UnboundedSender<FromServer>,
    found: mpsc::UnboundedReceiver<Found>,
    listener: AbortHandle,
}

impl VirtualHardware {
    /// Lets hosts connect, and gives the address in use. To be called within a tokio runtime; listens until it is dropped.
    ///
    /// # Errors
    /// The port cannot be listened on, or the path is none.
    pub fn listen(options: Options) -> Result<(Self, SocketAddr), ListenError> {
        if !options.path.starts_with('/') {
            return Err(ListenError::Path(options.path));
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let (listener, address) =
            crate::listener::bind(address).map_err(|source| ListenError::Socket { address, source })?;
        let (to_board, from_server) = mpsc::unbounded_channel();
        let (from_host, hosts) = mpsc::channel(QUEUE);
        let (finds, found) = mpsc::unbounded_channel();
        let board = Board::new(finds, to_board.downgrade(), options.timeout.min(MAX_TIMEOUT));
        let span = info_span!("virtual hardware");
        tokio::spawn(board.run(from_server, hosts).instrument(span.clone()));
        let accepting = listener::run(listener, options.path, options.server, from_host);
        let listener = tokio::spawn(accepting.instrument(span)).abort_handle();
        info!("virtual hardware listening on {address}");
        Ok((Self { board: to_board, found, listener }, address))
    }

    fn tell(&self, message: FromServer) {
        // A board that is gone has nothing to tell its hosts.
        let _ = self.board.send(message);
    }
}

impl Scanner for VirtualHardware {
    fn name(&self) -> &'static str {
        "virtual"
    }

    fn scan(&mut self, on: bool) {
        self.tell(FromServer::Scan(on));
    }

    fn next(&mut self) -> BoxFuture<'_, Found> {
        Box::pin(async { self.found.recv().await.unwrap_or(Found::Closed) })
    }

    fn connect(
        &mut self,
        sighting: &Sighting,
        plans: Vec<ConnectPlan>,
    ) -> BoxFuture<'static, Result<Box<dyn Port>, PortError>> {
        let (answer, connected) = oneshot::channel();
        self.tell(FromServer::Connect { sighting: sighting.clone(), plans, answer });
        Box::pin(async move {
            let gone = || PortError::Gone("the virtual hardware has been closed".to_owned());
            let port = connected.await.map_err(|_| gone())??;
            Ok(Box::new(port) as Box<dyn Port>)
        })
    }

    fn outcome(&mut self, sighting: &Sighting, outcome: &Outcome) {
        self.tell(FromServer::Outcome(sighting.clone(), outcome.clone()));
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.listener.abort();
        let (answer, ended) = oneshot::channel();
        self.tell(FromServer::End(Some(answer)));
        Box::pin(async {
            let _ = ended.await;
        })
    }
}

impl Drop for VirtualHardware {
    fn drop(&mut self) {
        self.listener.abort();
        self.tell(FromServer::End(None));
    }
}
