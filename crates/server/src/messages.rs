//! What the tasks of a server say to each other.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use frisson_devices::settings::Settings;
use frisson_devices::{Catalogue, Match};
use frisson_engine::device::Report;
use frisson_engine::hub::{Close, DeviceId, ScanOrder, ScannerId, SessionId};
use frisson_hardware::{Outcome, Port, Sighting};
use frisson_wire::{DeviceList, Id, Message, Request};
use tokio::sync::{mpsc, oneshot, watch};

/// What the user has set for devices, as it is now.
pub(crate) type Shelf = Arc<watch::Sender<Settings>>;

/// What is known of devices, as it is now. Only the hub's task changes it.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    pub(crate) settings: Shelf,
    pub(crate) catalogue: Arc<watch::Sender<Arc<Catalogue>>>,
}

/// What the hub task hears.
pub(crate) enum ToHub {
    Connected(SessionId, Outbox),
    Frames(SessionId, Vec<Frame>),
    Request(SessionId, Id, Request),
    Disconnected(SessionId),
    Opened(Box<Opened>),
    Device(DeviceId, Report),
    DeviceEnded(DeviceId),
    Credit(DeviceId, u32),
    ScannerRemoved(ScannerId),
    ScanEnded(ScannerId),
    EmergencyStop,
    Release,
    Status(oneshot::Sender<Status>),
    Settings(Box<Settings>, oneshot::Sender<()>),
    Catalogue(Catalogue, oneshot::Sender<()>),
    Shutdown(oneshot::Sender<Vec<String>>),
}

/// What the task of a scanner hears.
pub(crate) enum ToScanner {
    /// Begin or end to look for devices.
    Scan(ScanOrder),
    /// There is a new catalogue: what could not be used before may be used now.
    Catalogue,
    /// This became of a device that was found.
    Outcome(Sighting, Outcome),
}

/// A link that was opened just now.
pub(crate) struct Opened {
    pub(crate) scanner: ScannerId,
    pub(crate) sighting: Sighting,
    pub(crate) found: Match,
    /// Where it was found.
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) port: Box<dyn Port>,
    /// To be held until the link is closed.
    pub(crate) link: mpsc::Sender<Infallible>,
}

/// One frame of a client, as its transport has it.
pub(crate) enum Frame {
    #[cfg(feature = "websocket")]
    WebSocket(tokio_websockets::Message),
    #[cfg(all(unix, feature = "unix"))]
    Line(String),
    Binary,
}

impl Frame {
    /// How much of the client's allowance it takes.
    pub(crate) fn cost(&self) -> usize {
        64 + match self {
            #[cfg(feature = "websocket")]
            Self::WebSocket(message) => message.as_payload().len(),
            #[cfg(all(unix, feature = "unix"))]
            Self::Line(line) => line.len(),
            Self::Binary => 0,
        }
    }
}

/// What a session's task gets from the hub.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// Frames to be sent, in order.
    pub(crate) frames: Vec<String>,
    /// How much of the allowance is free again.
    pub(crate) refund: usize,
    /// Whether the connection is closed after that.
    pub(crate) close: Option<Close>,
}

/// The way from the hub to one client. The hub never waits for it.
pub(crate) enum Outbox {
    /// To a session's task, as frames.
    Frames(mpsc::UnboundedSender<Delivery>, Arc<Backlog>),
    /// To a client in this process, as values.
    Values(mpsc::Sender<Message>),
}

/// How many bytes wait to be sent to a client.
#[derive(Debug, Default)]
pub(crate) struct Backlog(AtomicUsize);

impl Backlog {
    /// What a client may leave unread. Past it the client counts as not reading.
    pub(crate) const LIMIT: usize = 8 << 20;
    /// Past this, readings are left out: newer ones follow.
    pub(crate) const READINGS: usize = 1 << 20;

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a server is doing.
#[derive(Debug, Clone)]
pub struct Status {
    /// How many clients are connected.
    pub clients: usize,
    /// The devices that can take commands.
    pub devices: DeviceList,
    /// Whether devices are being looked for because a client has asked for that.
    pub scanning: bool,
    /// How many devices the server looks for by itself: those that the settings know and that are not connected.
    pub looked_for: usize,
}

/// Sends without waiting; where the queue is full, a task waits for room, or this thread if it has none, so that the hub hears of it in any
/// case.
pub(crate) fn send_surely(hub: &mpsc::Sender<ToHub>, message: ToHub) {
    let Err(mpsc::error::TrySendError::Full(message)) = hub.try_send(message) else { return };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            let hub = hub.clone();
            runtime.spawn(async move {
                let _ = hub.send(message).await;
            });
        }
        Err(_) => {
            let _ = hub.blocking_send(message);
        }
    }
}

/// The time as the runtime has it, so that a test may pause it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
