//! The handle to a running server.

use std::convert::Infallible;
use std::io;
#[cfg(any(feature = "websocket", feature = "virtual-hardware"))]
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use frisson_devices::Catalogue;
use frisson_devices::settings::Settings;
use frisson_engine::hub::{SHUTDOWN_TIMEOUT, SessionId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::messages::{Status, ToHub};
use crate::session_task::Limits;
use crate::{Attached, Builder, Control, Door, Observer, control};

/// How long links and scanners may take to be closed after everything was stopped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the tasks of a server share.
pub(crate) struct Shared {
    pub(crate) hub: mpsc::Sender<ToHub>,
    pub(crate) limits: Limits,
    pub(crate) max_sessions: usize,
    pub(crate) last_session: AtomicU64,
}

impl Shared {
    pub(crate) fn next_session(&self) -> SessionId {
        SessionId(self.last_session.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many connections a listener holds at once, those before their handshake included.
    #[cfg(any(feature = "websocket", all(unix, feature = "unix")))]
    pub(crate) fn max_connections(&self) -> usize {
        self.max_sessions.saturating_add(64).min(tokio::sync::Semaphore::MAX_PERMITS)
    }
}

/// A running server. When it is dropped the server shuts down by itself, as far as its runtime lets it.
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: watch::Receiver<Settings>,
    /// Closed when the tasks of all devices and scanners have ended.
    pub(crate) alive: mpsc::Receiver<Infallible>,
    #[cfg(feature = "simulated")]
    pub(crate) simulation: Option<frisson_hardware::simulated::Simulation>,
    #[cfg(feature = "virtual-hardware")]
    pub(crate) virtual_hardware: Option<SocketAddr>,
}

/// Tells when the settings of devices have changed.
#[derive(Debug, Clone)]
pub struct SettingsWatch(watch::Receiver<Settings>);

impl SettingsWatch {
    /// The settings as they are now.
    pub fn current(&self) -> Settings {
        self.0.borrow().clone()
    }

    /// Waits for a change that was not seen yet and gives the settings; `None` when there will be no more, for the server has ended.
    ///
    /// # Cancel safety
    /// Can be dropped at any time; the change is then given the next time.
    pub async fn changed(&mut self) -> Option<Settings> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }
}

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Something else listens there.
    #[error("{address} is in use by another program")]
    InUse {
        /// The address.
        address: String,
    },
    /// The system does not let this user listen there.
    #[error("{address} is not open to this user; ports below 1024 and other users' folders usually are not")]
    NotPermitted {
        /// The address.
        address: String,
    },
    /// This machine has no such address, or there is no such folder.
    #[error("{address} does not exist on this machine")]
    NoSuchAddress {
        /// The address.
        address: String,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server has been shut down.
    #[error(transparent)]
    ServerGone(#[from] ServerGone),
}

/// The server has been shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server has been shut down")]
pub struct ServerGone;

/// How a shutdown ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The names of devices that may still run: their stop could not be written in time.
    pub unstopped: Vec<String>,
}

impl Stopped {
    /// Whether every device was stopped.
    pub fn is_complete(&self) -> bool {
        self.unstopped.is_empty()
    }
}

impl Server {
    /// A server with the defaults, to be adjusted.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Lets clients connect over WebSocket at this address; port 0 is one that the system chooses. Gives the address in use. Plain HTTP requests are told
    /// what is here.
    ///
    /// There is no access control yet: whoever reaches the address can drive the devices. Keep to loopback addresses.
    ///
    /// # Errors
    /// The address cannot be listened on, or the server has been shut down.
    ///
    /// # Cancel safety
    /// Nothing has happened when the future is dropped.
    #[cfg(feature = "websocket")]
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        self.listen_with(address, Arc::new(crate::listener::default_http)).await
    }

    /// The same as [`Server::listen`], with plain HTTP requests being answered by `http`.
    ///
    /// # Errors
    /// As [`Server::listen`].
    ///
    /// # Cancel safety
    /// As [`Server::listen`].
    #[cfg(feature = "websocket")]
    pub async fn listen_with(
        &self,
        address: SocketAddr,
        http: crate::HttpHandler,
    ) -> Result<SocketAddr, ListenError> {
        self.open_port(address, crate::listener::Secure::No, http).await
    }

    /// The same as [`Server::listen_with`] over TLS (`wss://`).
    ///
    /// # Errors
    /// As [`Server::listen`].
    ///
    /// # Cancel safety
    /// As [`Server::listen`].
    #[cfg(feature = "tls")]
    pub async fn listen_tls(
        &self,
        address: SocketAddr,
        http: crate::HttpHandler,
        config: Arc<tokio_rustls::rustls::ServerConfig>,
    ) -> Result<SocketAddr, ListenError> {
        self.open_port(address, crate::listener::Secure::Tls(config.into()), http).await
    }

    #[cfg(feature = "websocket")]
    async fn open_port(
        &self,
        address: SocketAddr,
        secure: crate::listener::Secure,
        http: crate::HttpHandler,
    ) -> Result<SocketAddr, ListenError> {
        if self.shared.hub.is_closed() {
            return Err(ServerGone.into());
        }
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| crate::listener::bind_error(address, error))?;
        let bound = listener.local_addr().map_err(|error| crate::listener::bind_error(address, error))?;
        tokio::spawn(crate::listener::run(listener, secure, http, Arc::clone(&self.shared)));
        Ok(bound)
    }

    /// Lets clients of this user connect over a Unix domain socket, one frame a line. A socket file that nobody serves any more is replaced.
    ///
    /// # Errors
    /// The socket cannot be made, or the server has been shut down.
    ///
    /// # Cancel safety
    /// Nothing has happened when the future is dropped.
    #[cfg(all(unix, feature = "unix"))]
    pub async fn listen_unix(&self, path: impl AsRef<std::path::Path>) -> Result<(), ListenError> {
        if self.shared.hub.is_closed() {
            return Err(ServerGone.into());
        }
        let (listener, file) = crate::unix::bind(path.as_ref()).await?;
        tokio::spawn(crate::unix::run(listener, file, Arc::clone(&self.shared)));
        Ok(())
    }

    /// What the user has set for devices, and when it changes, by [`Server::set_settings`] or because the server adds to it: so that it can be
    /// stored.
    pub fn settings(&self) -> SettingsWatch {
        SettingsWatch(self.settings.clone())
    }

    /// Puts new settings in force at once, for connected devices as well, and returns when every one of them has been told:
    ///
    /// - What runs above a new limit is brought down to it, and an output that is disabled now is stopped. Clients see the device
    ///   redefined, also where its name or gap has changed.
    /// - A device that may not be used any longer is stopped and closed.
    /// - A device gets its new index at once if no connected device has that; clients see it go, stopped, and another one come. Else it gets it
    ///   when it connects the next time.
    /// - The index of a connected device for which the settings have none is put back into them, and told by [`Server::settings`]; if
    ///   they have that index for another device, this one gets another.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// When the future is dropped the settings may be put in force or not, but never a part of them.
    pub async fn set_settings(&self, settings: Settings) -> Result<(), ServerGone> {
        control::set_settings(&self.shared.hub, settings).await
    }

    /// Puts a new catalogue in force and returns when that is done. A device whose protocol, or one that would be tried before it, is
    /// another one now ([`Catalogue::is_alike`]) is brought to rest and closed; it keeps its index, and the server looks for it
    /// by itself, so that it is opened anew as soon as its bus finds it. Other devices are not touched.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// When the future is dropped the catalogue may be put in force or not.
    pub async fn set_catalogue(&self, catalogue: Catalogue) -> Result<(), ServerGone> {
        control::set_catalogue(&self.shared.hub, catalogue).await
    }

    /// Something to change settings and catalogue with where the server itself is out of reach.
    pub fn control(&self) -> Control {
        Control(self.shared.hub.downgrade())
    }

    /// Takes in a client in the same process.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// When the future is dropped no client was taken in.
    pub async fn attach(&self) -> Result<Attached, ServerGone> {
        Attached::open(&self.shared).await
    }

    /// Something to take in clients in the same process with where the server itself is out of reach.
    pub fn door(&self) -> Door {
        Door::to(&self.shared)
    }

    /// What the server is doing.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn status(&self) -> Result<Status, ServerGone> {
        control::status(&self.shared.hub).await
    }

    /// Resolves when the server has ended without being asked to: a fault of its own. Its devices have been told to stop then.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn ended(&self) {
        self.shared.hub.closed().await;
    }

    /// Something to ask for the status with where the server itself is out of reach.
    pub fn observer(&self) -> Observer {
        Observer(self.shared.hub.downgrade())
    }

    /// Stops every device at once and refuses commands until [`Server::release`].
    ///
    /// # Errors
    /// The server has been shut down; its devices were stopped then.
    ///
    /// # Cancel safety
    /// When the future is dropped before its end nothing may have been stopped.
    pub async fn emergency_stop(&self) -> Result<(), ServerGone> {
        self.shared.hub.send(ToHub::EmergencyStop).await.map_err(|_| ServerGone)
    }

    /// Takes commands again after [`Server::emergency_stop`]. Nothing starts by itself.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// When the future is dropped before its end nothing may have been released.
    pub async fn release(&self) -> Result<(), ServerGone> {
        self.shared.hub.send(ToHub::Release).await.map_err(|_| ServerGone)
    }

    /// What the simulated devices are doing, and the means to drop them and to bring them back.
    #[cfg(feature = "simulated")]
    pub fn simulation(&self) -> Option<&frisson_hardware::simulated::Simulation> {
        self.simulation.as_ref()
    }

    /// Where other programs present devices, if they may.
    #[cfg(feature = "virtual-hardware")]
    pub fn virtual_hardware(&self) -> Option<SocketAddr> {
        self.virtual_hardware
    }

    /// Stops every device, closes the links, then ends the sessions. Takes at most about 2 s, and as long again where a bus does not let go of its
    /// links.
    ///
    /// # Cancel safety
    /// The shutdown goes on when the future is dropped.
    pub async fn shutdown(mut self) -> Stopped {
        let (answer, stopped) = oneshot::channel();
        let unstopped = match self.shared.hub.send(ToHub::Shutdown(answer)).await {
            Ok(()) => tokio::time::timeout(SHUTDOWN_TIMEOUT + Duration::from_secs(1), stopped).await,
            Err(_) => return Stopped { unstopped: Vec::new() },
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.alive.recv()).await;
        match unstopped {
            Ok(Ok(unstopped)) => Stopped { unstopped },
            _ => Stopped { unstopped: vec!["all devices: the server did not answer".to_owned()] },
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let (answer, _) = oneshot::channel();
        crate::messages::send_surely(&self.shared.hub, ToHub::Shutdown(answer));
    }
}
