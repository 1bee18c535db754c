//! A server in the same process: canonical values, no text.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use frisson_wire::{Id, Message, Request};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::sync::mpsc;
use tokio_util::sync::{PollSendError, PollSender};

use crate::transport::{Incoming, Lost, Transport};

/// One connection to a server in the same process, as the server hands it out: it takes requests and gives messages.
///
/// The first request is a [`Request::Hello`] in the newest dialect, which the server answers under its id with
/// [`Reply::ServerInfo`](frisson_wire::Reply::ServerInfo). The client has gone when the link is dropped, and the server when the stream ends.
pub trait Link: Sink<(Id, Request)> + Stream<Item = Message> + Send + Unpin {}

impl<L: Sink<(Id, Request)> + Stream<Item = Message> + Send + Unpin> Link for L {}

/// A [`Link`] over two channels, for servers of one's own making, as tests have them.
#[derive(Debug)]
pub struct ChannelLink {
    requests: PollSender<(Id, Request)>,
    messages: mpsc::UnboundedReceiver<Message>,
}

impl ChannelLink {
    /// The client's ends: where requests go, and where messages come from.
    pub fn new(requests: mpsc::Sender<(Id, Request)>, messages: mpsc::UnboundedReceiver<Message>) -> Self {
        Self { requests: PollSender::new(requests), messages }
    }
}

impl Sink<(Id, Request)> for ChannelLink {
    type Error = PollSendError<(Id, Request)>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.requests).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: (Id, Request)) -> Result<(), Self::Error> {
        Pin::new(&mut self.requests).start_send(item)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.requests).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.requests).poll_close(cx)
    }
}

impl Stream for ChannelLink {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.poll_recv(cx)
    }
}

pub(super) struct Values<L> {
    link: L,
    queue: VecDeque<(Id, Request)>,
}

impl<L: Link> Values<L> {
    pub(super) fn new(link: L) -> Self {
        Self { link, queue: VecDeque::new() }
    }

    /// Hands over what the server has room for.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(next) = self.queue.pop_front() {
            match Pin::new(&mut self.link).poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    let _ = Pin::new(&mut self.link).start_send(next);
                }
                // The server is gone, as the stream tells.
                Poll::Ready(Err(_)) => self.queue.clear(),
                Poll::Pending => {
                    self.queue.push_front(next);
                    return Poll::Pending;
                }
            }
        }
        Pin::new(&mut self.link).poll_flush(cx).map(|_| ())
    }
}

impl<L: Link> Transport for Values<L> {
    fn send(&mut self, id: Id, request: Request) {
        self.queue.push_back((id, request));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        let _ = self.poll_send(cx);
        Pin::new(&mut self.link).poll_next(cx).map(|message| match message {
            Some(message) => Incoming::Message(message),
            None => Incoming::Lost(Lost::SILENT),
        })
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_send(cx) {
            Poll::Ready(()) => Pin::new(&mut self.link).poll_close(cx).map(|_| ()),
            Poll::Pending => Poll::Pending,
        }
    }
}
