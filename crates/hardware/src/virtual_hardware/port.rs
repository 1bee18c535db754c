//! An open link to a device of a host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use frisson_program::Endpoint;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::board::{Action, Answer, FromServer, LinkId};
use crate::{BoxFuture, Notified, Port, PortError};

/// How many bytes of a device may wait to be heard. What comes on top is lost, as it would be on a radio.
const MAX_UNHEARD: usize = 256 << 10;
/// What a notification takes besides its bytes.
const OVERHEAD: usize = 64;

/// A link by which a device of a host is open. Closed when dropped.
pub(super) struct VirtualPort {
    link: LinkId,
    board: mpsc::UnboundedSender<FromServer>,
    endpoints: Vec<Endpoint>,
    plan: usize,
    gap: Duration,
    heard: Mutex<Hearing>,
}

/// What a device says, on its way to the port.
pub(super) struct Voice {
    notices: mpsc::UnboundedSender<Notified>,
    unheard: Arc<AtomicUsize>,
}

/// The other end of a [`Voice`].
pub(super) struct Hearing {
    notices: mpsc::UnboundedReceiver<Notified>,
    unheard: Arc<AtomicUsize>,
}

/// The way of what a device says.
pub(super) fn voice() -> (Voice, Hearing) {
    let (sender, notices) = mpsc::unbounded_channel();
    let unheard = Arc::new(AtomicUsize::new(0));
    (Voice { notices: sender, unheard: Arc::clone(&unheard) }, Hearing { notices, unheard })
}

impl Voice {
    /// Passes bytes on; false if too much waits already.
    pub(super) fn say(&self, endpoint: Endpoint, bytes: Vec<u8>) -> bool {
        let room = bytes.len() + OVERHEAD;
        if self.unheard.fetch_add(room, Ordering::Relaxed) > MAX_UNHEARD {
            self.unheard.fetch_sub(room, Ordering::Relaxed);
            return false;
        }
        let _ = self.notices.send(Notified::Bytes(endpoint, bytes));
        true
    }

    /// Says that there is nothing more to come.
    pub(super) fn gone(&self, reason: &str) {
        let _ = self.notices.send(Notified::Gone(reason.to_owned()));
    }
}

impl VirtualPort {
    pub(super) fn new(
        link: LinkId,
        board: mpsc::UnboundedSender<FromServer>,
        endpoints: Vec<Endpoint>,
        plan: usize,
        gap: Duration,
        hearing: Hearing,
    ) -> Self {
        Self { link, board, endpoints, plan, gap, heard: Mutex::new(hearing) }
    }

    async fn operate(&self, endpoint: Endpoint, action: Action) -> Result<Vec<u8>, PortError> {
        let gone = || PortError::Gone("the virtual hardware has been closed".to_owned());
        let (answer, answered): (Answer, _) = oneshot::channel();
        let order = FromServer::Operate { link: self.link, endpoint, action, answer };
        self.board.send(order).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Port for VirtualPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        confirm: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            self.operate(endpoint, Action::Write { bytes: bytes.to_vec(), confirm }).await.map(drop)
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(self.operate(endpoint, Action::Read))
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move { self.operate(endpoint, Action::Listen(on)).await.map(drop) })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move {
            let mut hearing = self.heard.lock().await;
            match hearing.notices.recv().await {
                Some(Notified::Bytes(endpoint, bytes)) => {
                    hearing.unheard.fetch_sub(bytes.len() + OVERHEAD, Ordering::Relaxed);
                    Notified::Bytes(endpoint, bytes)
                }
                Some(gone) => gone,
                None => Notified::Gone("the link was closed".to_owned()),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (answer, closed) = oneshot::channel();
            if self.board.send(FromServer::CloseLink(self.link, Some(answer))).is_ok() {
                let _ = closed.await;
            }
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn plan(&self) -> usize {
        self.plan
    }

    fn gap(&self) -> Duration {
        self.gap
    }
}

impl Drop for VirtualPort {
    fn drop(&mut self) {
        let _ = self.board.send(FromServer::CloseLink(self.link, None));
    }
}
