//! An open link to a websocket device.

use std::collections::VecDeque;

use frisson_program::Endpoint;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_websockets::CloseCode;

use super::link::{Link, Order};
use crate::voice::{Hearing, MAX_UNHEARD, OVERHEAD};
use crate::{BoxFuture, Notified, Port, PortError};

/// A link to a websocket device. Closed when dropped.
pub(super) struct WebSocketPort {
    orders: mpsc::Sender<Order>,
    listening: watch::Sender<Listening>,
    heard: Mutex<Heard>,
}

/// Whether anybody listens. What the device says before the first time is kept, for it cannot know when that will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listening {
    NotYet,
    On,
    NoMore,
}

struct Heard {
    hearing: Hearing,
    listening: watch::Receiver<Listening>,
    kept: VecDeque<Vec<u8>>,
    size: usize,
}

impl WebSocketPort {
    pub(super) fn new(link: Link) -> Self {
        let (listening, watched) = watch::channel(Listening::NotYet);
        let heard = Heard { hearing: link.hearing, listening: watched, kept: VecDeque::new(), size: 0 };
        Self { orders: link.orders, listening, heard: Mutex::new(heard) }
    }
}

impl Heard {
    async fn next(&mut self) -> Notified {
        loop {
            let listening = *self.listening.borrow_and_update();
            if listening == Listening::On
                && let Some(bytes) = self.kept.pop_front()
            {
                return Notified::Bytes(Endpoint::RX, bytes);
            }
            let notified = tokio::select! {
                biased;
                Ok(()) = self.listening.changed() => continue,
                notified = self.hearing.next() => notified,
            };
            match (notified, listening) {
                (Notified::Bytes(_, bytes), Listening::NotYet) => self.keep(bytes),
                (Notified::Bytes(..), Listening::NoMore) => {}
                (notified, _) => return notified,
            }
        }
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        let size = self.size + bytes.len() + OVERHEAD;
        if size <= MAX_UNHEARD {
            self.size = size;
            self.kept.push_back(bytes);
        }
    }
}

impl Port for WebSocketPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        _: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::TX, endpoint)?;
            let gone = || PortError::Gone("the connection has ended".to_owned());
            let (done, written) = oneshot::channel();
            self.orders.send(Order::Write(bytes.to_vec(), done)).await.map_err(|_| gone())?;
            written.await.map_err(|_| gone())?
        })
    }

    fn read(&self, _: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async {
            Err(PortError::Failed(
                "nothing can be read from a websocket device, it can only be listened to".to_owned(),
            ))
        })
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            self.listening.send_replace(if on { Listening::On } else { Listening::NoMore });
            Ok(())
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async { self.heard.lock().await.next().await })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let goodbye = Order::close(CloseCode::NORMAL_CLOSURE, "the server has let go of the device");
            if self.orders.send(goodbye).await.is_ok() {
                self.orders.closed().await;
            }
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &[Endpoint::TX, Endpoint::RX]
    }
}
