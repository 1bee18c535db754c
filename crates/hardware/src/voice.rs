//! The way of what a device says to the port that hears it, with bounded room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use frisson_program::Endpoint;
use tokio::sync::mpsc;

use crate::Notified;

/// How many bytes of a device may wait to be heard. What comes on top is lost, as it would be on a radio.
pub(crate) const MAX_UNHEARD: usize = 256 << 10;
/// What a notification takes besides its bytes.
pub(crate) const OVERHEAD: usize = 64;

/// What a device says, on its way to the port.
pub(crate) struct Voice {
    notices: mpsc::UnboundedSender<Notified>,
    unheard: Arc<AtomicUsize>,
}

/// The other end of a [`Voice`].
pub(crate) struct Hearing {
    notices: mpsc::UnboundedReceiver<Notified>,
    unheard: Arc<AtomicUsize>,
}

/// The way of what a device says.
pub(crate) fn voice() -> (Voice, Hearing) {
    let (sender, notices) = mpsc::unbounded_channel();
    let unheard = Arc::new(AtomicUsize::new(0));
    (Voice { notices: sender, unheard: Arc::clone(&unheard) }, Hearing { notices, unheard })
}

impl Voice {
    /// Passes bytes on; false if too much waits already.
    pub(crate) fn say(&self, endpoint: Endpoint, bytes: Vec<u8>) -> bool {
        let room = bytes.len() + OVERHEAD;
        if self.unheard.fetch_add(room, Ordering::Relaxed) > MAX_UNHEARD {
            self.unheard.fetch_sub(room, Ordering::Relaxed);
            return false;
        }
        let _ = self.notices.send(Notified::Bytes(endpoint, bytes));
        true
    }

    /// Says that there is nothing more to come.
    pub(crate) fn gone(&self, reason: &str) {
        let _ = self.notices.send(Notified::Gone(reason.to_owned()));
    }
}

impl Hearing {
    /// What is said next. Cancel safe.
    pub(crate) async fn next(&mut self) -> Notified {
        match self.notices.recv().await {
            Some(Notified::Bytes(endpoint, bytes)) => {
                self.unheard.fetch_sub(bytes.len() + OVERHEAD, Ordering::Relaxed);
                Notified::Bytes(endpoint, bytes)
            }
            Some(gone) => gone,
            None => Notified::Gone("the link was closed".to_owned()),
        }
    }
}
