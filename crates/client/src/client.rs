//! The client itself, and how it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use frisson_wire::{Request, Scope, StopRequest};
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::connector::Connector;
use crate::device::Device;
use crate::error::{ConnectError, DisconnectReason, Error};
use crate::event::{self, Events};
use crate::handle::{self, Command, Handle};
use crate::task::{Connection, State};

/// Where a server listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "ws://localhost:12345";

/// As long as any time limit needs to be: from now, it does not leave what a clock can tell.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A connection to a server.
///
/// Cheap to clone; all clones are the same connection. It is kept up, pinged where the server wants that, by a task
/// of its own on the tokio runtime that [`connect`](Self::connect) was called on: keep that runtime free of blocking
/// calls, or choose another one with [`Builder::runtime`]. The methods themselves run on any executor.
///
/// Dropping the last clone disconnects in the background, as [`disconnect`](Self::disconnect) does.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/rabbit.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = "ws://localhost:12345";
/// # let address = rabbit();
/// use frisson_client::{Client, Event, Percent};
///
/// let client = Client::connect("My game", address).await?;
/// let mut events = client.events();
/// client.start_scanning().await?;
/// while let Some(event) = events.next().await {
///     match event {
///         Event::DeviceAdded(device) => device.vibrate(Percent(20.0)).await?,
///         Event::ScanningFinished => break,
///         _ => {}
///     }
/// }
/// client.disconnect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Handle,
    state: watch::Receiver<State>,
    event_capacity: usize,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.handle.send(Command::Abandon);
    }
}

impl Client {
    /// Begins to make a client with this name, which the server may show to its user.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder {
            name: name.into(),
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            event_capacity: 256,
            reconnect: None,
            runtime: None,
        }
    }

    /// Connects with the defaults of [`Client::builder`], see [`Builder::connect`].
    ///
    /// # Errors
    ///
    /// See [`Builder::connect`].
    ///
    /// # Cancel safety
    ///
    /// See [`Builder::connect`].
    pub async fn connect<C>(name: impl Into<String>, to: C) -> Result<Self, ConnectError>
    where
        C: TryInto<Connector>,
        ConnectError: From<C::Error>,
    {
        Self::builder(name).connect(to).await
    }

    /// Ends the connection in good order: stops every device that this client drove, and only those, tells the
    /// server goodbye and closes. Takes at most about a second, whatever the server does. Also ends attempts to
    /// reconnect. Does nothing if the connection has ended already.
    ///
    /// # Errors
    ///
    /// [`Error::StopNotConfirmed`] if the server did not confirm a stop in time. The connection is closed all the
    /// same, which makes servers stop the devices, too.
    ///
    /// # Cancel safety
    ///
    /// Once the future was polled, the connection ends; dropping it later leaves that to the background.
    pub async fn disconnect(&self) -> Result<(), Error> {
        let (sender, done) = oneshot::channel();
        self.inner.handle.send(Command::Disconnect(sender));
        done.await.unwrap_or(Ok(()))
    }

    /// Whether there is a connection at this moment.
    pub fn is_connected(&self) -> bool {
        self.inner.state.borrow().connected && self.inner.handle.ended().is_none()
    }

    /// Why the connection has ended for good. `None` while it is there or may be made again.
    pub fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.inner.handle.ended()
    }

    /// What the server calls itself; may be empty.
    pub fn server_name(&self) -> String {
        self.inner.state.borrow().server_name.clone()
    }

    /// The longest time that the server allows between two pings, which are sent automatically. `None` is no limit.
    pub fn max_ping_time(&self) -> Option<Duration> {
        self.inner.state.borrow().max_ping_time
    }

    /// The devices that are connected at this moment, in the order of their index. Those that were connected before
    /// the client was are there when [`connect`](Self::connect) returns. Empty once the connection has ended for
    /// good.
    pub fn devices(&self) -> Vec<Device> {
        if self.inner.handle.ended().is_some() {
            Vec::new()
        } else {
            self.inner.state.borrow().devices.to_vec()
        }
    }

    /// The device with this index.
    pub fn device(&self, index: u32) -> Option<Device> {
        self.devices().into_iter().find(|device| device.index() == index)
    }

    /// A new stream of events. It begins with a [`DeviceAdded`](crate::Event::DeviceAdded) for each device that is
    /// connected at this moment; nothing that happens after this call is missing from it.
    pub fn events(&self) -> Events {
        let (publisher, events) = event::channel(self.inner.event_capacity);
        if let Some(reason) = self.inner.handle.ended() {
            publisher.publish(event::Event::Disconnected(reason));
        } else {
            self.inner.handle.send(Command::Subscribe(publisher));
        }
        events
    }

    /// Lets the server look for devices. Those that it finds are [`DeviceAdded`](crate::Event::DeviceAdded) events;
    /// [`ScanningFinished`](crate::Event::ScanningFinished) tells when the scan has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] e.g. if the server has no hardware to look for devices with, and those that every request
    /// can have.
    ///
    /// # Cancel safety
    ///
    /// The request is on its way once the future was polled; dropping it later only leaves its answer unread.
    pub async fn start_scanning(&self) -> Result<(), Error> {
        self.inner.handle.request(Request::StartScanning).done().await
    }

    /// Ends what [`start_scanning`](Self::start_scanning) began. No error if no scan is under way.
    ///
    /// # Errors
    ///
    /// See [`start_scanning`](Self::start_scanning).
    ///
    /// # Cancel safety
    ///
    /// See [`start_scanning`](Self::start_scanning).
    pub async fn stop_scanning(&self) -> Result<(), Error> {
        self.inner.handle.request(Request::StopScanning).done().await
    }

    /// Brings every output of every device of the server to rest, also those that other clients drive. Subscriptions
    /// go on.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if a device could not be stopped, and those that every request can have.
    ///
    /// # Cancel safety
    ///
    /// The request is on its way once the future was polled; dropping it later only leaves its answer unread.
    pub async fn stop_all(&self) -> Result<(), Error> {
        let stop = StopRequest { scope: Scope::All, inputs: false, outputs: true };
        self.inner.handle.request(Request::Stop(stop)).done().await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server_name())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

/// A client to be, see [`Client::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    name: String,
    connect_timeout: Duration,
    handshake_timeout: Duration,
    request_timeout: Duration,
    event_capacity: usize,
    reconnect: Option<Backoff>,
    runtime: Option<runtime::Handle>,
}

impl Builder {
    /// How long finding and reaching the server may take: name, connection, TLS and WebSocket upgrade together.
    /// 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to introduce itself, and then to list its devices. 5 s unless set.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How long the server may take to answer any other request. 10 s unless set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How many events a stream keeps for a reader that is slow. 256 unless set.
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Makes the connection again whenever it ends other than by the client's own wish. Off unless set.
    ///
    /// The first connection is not tried again. While there is none, calls fail with [`Error::Disconnected`].
    /// Afterwards the devices are compared with those before: what has gone or come is told by events, handles to
    /// all others go on to work. Outputs, subscriptions and scans are not taken up again: that is for the
    /// application to do when it sees [`Event::Reconnected`](crate::Event::Reconnected).
    pub fn reconnect(mut self, backoff: Backoff) -> Self {
        self.reconnect = Some(backoff);
        self
    }

    /// The runtime that the connection runs on, with its time and I/O switched on. That of the caller unless set.
    pub fn runtime(mut self, runtime: runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Connects to an address such as `ws://localhost:12345`, or by any other [`Connector`]. The devices that are
    /// connected already are in [`Client::devices`], and at the beginning of [`Client::events`], when it returns.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`] for each kind of failure.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up; a connection that is there by then is closed in the background.
    pub async fn connect<C>(self, to: C) -> Result<Client, ConnectError>
    where
        C: TryInto<Connector>,
        ConnectError: From<C::Error>,
    {
        let connector = to.try_into()?;
        let runtime = match &self.runtime {
            Some(runtime) => runtime.clone(),
            None => runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?,
        };
        let (handle, commands) = handle::channel();
        let (state, watcher) = watch::channel(State::default());
        let inner = Inner { handle: handle.clone(), state: watcher, event_capacity: self.event_capacity };
        let client = Client { inner: Arc::new(inner) };
        let (ready, connected) = oneshot::channel();
        let options = Options {
            name: self.name,
            connect_timeout: self.connect_timeout.min(FOREVER),
            handshake_timeout: self.handshake_timeout.min(FOREVER),
            request_timeout: self.request_timeout.min(FOREVER),
            reconnect: self.reconnect,
        };
        runtime.spawn(Connection::new(connector, options, handle, commands, state).run(ready));
        match connected.await {
            Ok(result) => result.map(|()| client),
            Err(_) => Err(ConnectError::NoRuntime),
        }
    }
}

/// What the connection task has to know.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) name: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) reconnect: Option<Backoff>,
}

/// How long to wait before each attempt to connect again: twice as long as before the last one, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first attempt.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// After how many attempts to give up; `None` is never.
    pub attempts: Option<u32>,
}

impl Default for Backoff {
    /// From half a second up to 10 s, without an end.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), max: Duration::from_secs(10), attempts: None }
    }
}

impl Backoff {
    /// The wait before this attempt, counted from 1.
    pub(crate) fn delay(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }

    /// Whether there is an attempt of this number.
    pub(crate) fn allows(&self, attempt: u32) -> bool {
        self.attempts.is_none_or(|most| attempt <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let backoff = Backoff::default();
        let waits: Vec<_> = (1..=7).map(|attempt| backoff.delay(attempt).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(backoff.delay(u32::MAX), backoff.max);
    }
}
