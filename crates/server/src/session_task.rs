//! The task of one connection: bytes and limits only; what a frame means is the hub's business.

use std::sync::Arc;
use std::time::Duration;

use frisson_engine::hub::SessionId;
use tokio::sync::mpsc;

use crate::messages::{Backlog, Delivery, Frame, Outbox, ToHub, send_surely};

/// How a connection is kept within bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The largest frame taken, in bytes.
    pub(crate) max_frame: usize,
    /// How long a peer may be silent before it is asked for a sign of life.
    pub(crate) probe_after: Duration,
    /// How long a peer may be silent before it counts as gone.
    pub(crate) silence_limit: Duration,
    /// How long a client may leave what it is sent unread.
    pub(crate) write_limit: Duration,
    /// How long a connection may take until it is a WebSocket.
    pub(crate) handshake_timeout: Duration,
}

/// How much of a client's input may be on its way to the hub.
const ALLOWANCE: usize = 256 << 10;
/// How many frames are passed on at once.
pub(crate) const BATCH: usize = 64;
/// How long the peer is given to close its side.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection's end towards the hub. When it is dropped the hub hears that the client is gone.
pub(crate) struct HubLink {
    session: SessionId,
    hub: mpsc::Sender<ToHub>,
    pub(crate) deliveries: mpsc::UnboundedReceiver<Delivery>,
    pub(crate) backlog: Arc<Backlog>,
    in_flight: usize,
    is_over: bool,
}

/// The hub is gone.
pub(crate) struct HubGone;

impl HubLink {
    /// Tells the hub of a new client.
    pub(crate) async fn open(session: SessionId, hub: mpsc::Sender<ToHub>) -> Result<Self, HubGone> {
        let (sender, deliveries) = mpsc::unbounded_channel();
        let backlog = Arc::new(Backlog::default());
        let outbox = Outbox::Frames(sender, Arc::clone(&backlog));
        hub.send(ToHub::Connected(session, outbox)).await.map_err(|_| HubGone)?;
        Ok(Self { session, hub, deliveries, backlog, in_flight: 0, is_over: false })
    }

    /// Whether the client may be read from: not while too much of it waits for the hub.
    pub(crate) fn may_read(&self) -> bool {
        self.in_flight < ALLOWANCE
    }

    /// Passes frames on.
    pub(crate) async fn pass(&mut self, frames: Vec<Frame>) -> Result<(), HubGone> {
        self.in_flight += frames.iter().map(Frame::cost).sum::<usize>();
        self.hub.send(ToHub::Frames(self.session, frames)).await.map_err(|_| HubGone)
    }

    /// Notes what a delivery gives back.
    pub(crate) fn refunded(&mut self, refund: usize) {
        self.in_flight = self.in_flight.saturating_sub(refund);
    }

    /// Whether the hub still runs.
    pub(crate) fn is_hub_alive(&self) -> bool {
        !self.hub.is_closed()
    }

    /// The hub has ended the session: it need not be told.
    pub(crate) fn ended_by_hub(&mut self) {
        self.is_over = true;
    }
}

impl Drop for HubLink {
    fn drop(&mut self) {
        if !self.is_over {
            send_surely(&self.hub, ToHub::Disconnected(self.session));
        }
    }
}
