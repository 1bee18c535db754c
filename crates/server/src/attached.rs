//! Clients in the same process: values instead of frames, and no task in between.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use frisson_engine::hub::SessionId;
use frisson_wire::{Id, Message, Request};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;

use crate::messages::{Outbox, ToHub, send_surely};
use crate::{ServerGone, Shared};

/// How many messages may wait for a client in this process.
const QUEUE: usize = 4096;

/// Takes in clients in the same process, without keeping the server running.
#[derive(Clone)]
pub struct Door(Weak<Shared>);

impl Door {
    pub(crate) fn to(shared: &Arc<Shared>) -> Self {
        Self(Arc::downgrade(shared))
    }

    /// Takes in a client in the same process.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// When the future is dropped no client was taken in.
    pub async fn attach(&self) -> Result<Attached, ServerGone> {
        let shared = self.0.upgrade().ok_or(ServerGone)?;
        Attached::open(&shared).await
    }
}

/// A client in the same process, as the server sees it: a sink that takes requests, the first of which has to be the handshake, and a
/// stream of messages, which ends when the server has ended the session. When it is dropped the client is gone.
pub struct Attached {
    session: SessionId,
    hub: mpsc::Sender<ToHub>,
    requests: PollSender<ToHub>,
    messages: mpsc::Receiver<Message>,
}

impl Attached {
    pub(crate) async fn open(shared: &Shared) -> Result<Self, ServerGone> {
        let session = shared.next_session();
        let (sender, messages) = mpsc::channel(QUEUE);
        let hub = shared.hub.clone();
        hub.send(ToHub::Connected(session, Outbox::Values(sender))).await.map_err(|_| ServerGone)?;
        Ok(Self { session, requests: PollSender::new(hub.clone()), hub, messages })
    }

    /// Hands the server a request.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// When the future is dropped before its end the request was not handed over.
    pub async fn send(&self, id: Id, request: Request) -> Result<(), ServerGone> {
        self.hub.send(ToHub::Request(self.session, id, request)).await.map_err(|_| ServerGone)
    }

    /// What the server says next; `None` when it has ended the session.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }
}

impl Sink<(Id, Request)> for Attached {
    type Error = ServerGone;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ServerGone>> {
        Pin::new(&mut self.requests).poll_ready(cx).map_err(|_| ServerGone)
    }

    fn start_send(mut self: Pin<&mut Self>, (id, request): (Id, Request)) -> Result<(), ServerGone> {
        let request = ToHub::Request(self.session, id, request);
        Pin::new(&mut self.requests).start_send(request).map_err(|_| ServerGone)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ServerGone>> {
        Pin::new(&mut self.requests).poll_flush(cx).map_err(|_| ServerGone)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ServerGone>> {
        self.poll_flush(cx)
    }
}

impl Stream for Attached {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.poll_recv(cx)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        send_surely(&self.hub, ToHub::Disconnected(self.session));
    }
}
