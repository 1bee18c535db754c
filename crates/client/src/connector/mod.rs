//! The ways to a server.

mod channel;
mod lines;
#[cfg(feature = "websocket")]
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod upgrade;
#[cfg(feature = "websocket")]
mod websocket;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

pub use channel::{ChannelLink, Link};
#[cfg(feature = "tls")]
pub use tls::Tls;

use crate::error::{ConnectError, Stage};
use crate::transport::Transport;

/// The way to a server: an address, or something in this process. Can be used again and again, and is cheap to clone.
///
/// | address | meaning |
/// | --- | --- |
/// | `ws://host:port/path` | WebSocket. Without a port it is 80, as for all such addresses; servers usually listen on 12345 |
/// | `wss://host:port/path` | WebSocket over TLS. Without a port it is 443 |
/// | `unix:/path` | Unix domain socket, one frame per line |
///
/// ```
/// # #[cfg(feature = "websocket")] {
/// use frisson_client::Connector;
///
/// let connector: Connector = "ws://localhost:12345".parse()?;
/// assert_eq!(connector.to_string(), "ws://localhost:12345/");
/// assert!("localhost:12345".parse::<Connector>().is_err());
/// # }
/// # Ok::<(), frisson_client::ConnectError>(())
/// ```
#[derive(Clone)]
pub struct Connector {
    way: Way,
}

#[derive(Clone)]
enum Way {
    #[cfg(feature = "websocket")]
    WebSocket(websocket::Target),
    Lines(lines::Source),
    InProcess(Arc<OpenInProcess>),
}

/// Opens a connection within the process; `None` is that the server was stopped.
type OpenInProcess =
    dyn Fn() -> Pin<Box<dyn Future<Output = Option<Box<dyn Transport>>> + Send>> + Send + Sync;

impl Connector {
    /// A Unix domain socket, one frame per line.
    #[cfg(all(unix, feature = "unix"))]
    pub fn unix(path: impl Into<std::path::PathBuf>) -> Self {
        Self { way: Way::Lines(lines::Source::unix(path.into())) }
    }

    /// Any stream of bytes that carries one frame per line: a named pipe, a tunnel, a test. `open` is called for
    /// each connection.
    pub fn lines<F, R, S>(open: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        Self { way: Way::Lines(lines::Source::new("the given stream".into(), open)) }
    }

    /// A server in this process: values, no text. `open` is called for each connection; `None` is that the server
    /// was stopped.
    pub fn in_process<F, R, L>(open: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Option<L>> + Send + 'static,
        L: Link + 'static,
    {
        Self {
            way: Way::InProcess(Arc::new(move || {
                let opening = open();
                Box::pin(async {
                    opening.await.map(|link| -> Box<dyn Transport> { Box::new(channel::Values::new(link)) })
                })
            })),
        }
    }

    /// A server that the application has built in. The connector does not keep it running.
    #[cfg(feature = "embedded")]
    pub fn embedded(server: &frisson_server::Server) -> Self {
        let door = server.door();
        Self::in_process(move || {
            let door = door.clone();
            async move { door.attach().await.ok() }
        })
    }

    /// Whom to trust with a `wss` address, instead of whom the system trusts. Of no meaning to others.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        if let Way::WebSocket(target) = &mut self.way {
            target.trust(tls);
        }
        self
    }

    pub(crate) async fn open(&self, patience: Duration) -> Result<Box<dyn Transport>, ConnectError> {
        let deadline = Deadline { at: Instant::now() + patience, patience };
        match &self.way {
            #[cfg(feature = "websocket")]
            Way::WebSocket(target) => target.open(deadline).await,
            Way::Lines(source) => source.open(deadline).await,
            Way::InProcess(open) => match open().await {
                Some(transport) => Ok(transport),
                None => Err(ConnectError::Closed {
                    stage: Stage::Connect,
                    code: None,
                    reason: "the server was stopped".into(),
                }),
            },
        }
    }
}

/// Until when a connection has to be there.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    patience: Duration,
}

impl Deadline {
    /// Does one step in what is left of the time.
    async fn within<T>(self, stage: Stage, step: impl Future<Output = T>) -> Result<T, ConnectError> {
        timeout_at(self.at, step).await.map_err(|_| self.missed(stage))
    }

    fn missed(self, stage: Stage) -> ConnectError {
        ConnectError::TimedOut { stage, after: self.patience }
    }
}

/// The error for a host or socket that cannot be reached.
fn unreachable(address: String, cause: io::Error, deadline: Deadline) -> ConnectError {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
            ConnectError::Refused { address, cause }
        }
        io::ErrorKind::TimedOut => deadline.missed(Stage::Connect),
        _ => ConnectError::Unreachable { address, cause },
    }
}

impl FromStr for Connector {
    type Err = ConnectError;

    fn from_str(address: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = address.split_once(':').ok_or_else(|| malformed(address, EXPECTED))?;
        match scheme.to_ascii_lowercase().as_str() {
            "ws" | "wss" => websocket(address),
            "unix" => unix(address, rest.strip_prefix("//").unwrap_or(rest)),
            _ => Err(malformed(address, EXPECTED)),
        }
    }
}

impl TryFrom<&str> for Connector {
    type Error = ConnectError;

    fn try_from(address: &str) -> Result<Self, ConnectError> {
        address.parse()
    }
}

impl TryFrom<&String> for Connector {
    type Error = ConnectError;

    fn try_from(address: &String) -> Result<Self, ConnectError> {
        address.parse()
    }
}

impl TryFrom<String> for Connector {
    type Error = ConnectError;

    fn try_from(address: String) -> Result<Self, ConnectError> {
        address.parse()
    }
}

const EXPECTED: &str = "it must begin with ws://, wss:// or unix:";

fn malformed(address: &str, reason: &'static str) -> ConnectError {
    ConnectError::Address { address: address.into(), reason }
}

#[cfg(feature = "websocket")]
fn websocket(address: &str) -> Result<Connector, ConnectError> {
    Ok(Connector { way: Way::WebSocket(websocket::Target::parse(address)?) })
}

#[cfg(not(feature = "websocket"))]
fn websocket(_address: &str) -> Result<Connector, ConnectError> {
    Err(ConnectError::NotBuiltIn { scheme: "ws", reason: "built without the feature `websocket`" })
}

#[cfg(all(unix, feature = "unix"))]
fn unix(address: &str, path: &str) -> Result<Connector, ConnectError> {
    if path.is_empty() { Err(malformed(address, "the path is missing")) } else { Ok(Connector::unix(path)) }
}

#[cfg(not(all(unix, feature = "unix")))]
fn unix(_address: &str, _path: &str) -> Result<Connector, ConnectError> {
    let reason =
        if cfg!(unix) { "built without the feature `unix`" } else { "this system has no such sockets" };
    Err(ConnectError::NotBuiltIn { scheme: "unix", reason })
}

impl fmt::Display for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            #[cfg(feature = "websocket")]
            Way::WebSocket(target) => target.fmt(f),
            Way::Lines(source) => source.fmt(f),
            Way::InProcess(_) => f.write_str("a server in this process"),
        }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({self})")
    }
}
