//! How requests and messages travel: as values, or as text in frames.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use frisson_wire::{Dialect, Fault, Id, Message, Profile, Request, View, frame};
use tracing::{debug, trace, warn};

use crate::error::SpecVersion;

/// A connection that is there. It is driven by polling.
pub(crate) trait Transport: Send {
    /// Queues a request. It leaves with the next call of [`poll`](Self::poll).
    fn send(&mut self, id: Id, request: Request);

    /// Sends what is queued as far as the peer takes it, in as few writes as possible, and receives.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Incoming>;

    /// Sends what is queued, and closes in good order.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What comes out of a connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message.
    Message(Message),
    /// A message that cannot be understood; with the id of the request that it answers, where there is one.
    Garbled(Option<Id>, Fault),
    /// The server introduced itself with another version of the protocol.
    OtherVersion(SpecVersion),
    /// Nothing will come any more.
    Lost(Lost),
}

/// How a connection ended that this side did not end.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The peer closed it.
    Closed { code: Option<u16>, reason: String },
    /// It broke.
    Failed(io::Error),
}

impl Lost {
    /// The peer closed without a word.
    pub(crate) const SILENT: Self = Self::Closed { code: None, reason: String::new() };
}

/// A connection that carries text frames.
pub(crate) trait Frames: Send {
    /// Queues a frame.
    fn queue(&mut self, frame: String) -> io::Result<()>;

    /// Writes what is queued.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Hands the next frame to `read`.
    fn poll_frame(&mut self, cx: &mut Context<'_>, read: &mut dyn FnMut(&str)) -> Poll<Result<(), Lost>>;

    /// Writes what is queued, and closes in good order.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Speaks the newest dialect over text frames.
pub(crate) struct Text<F> {
    frames: F,
    inbox: VecDeque<Incoming>,
    /// Whether the server has yet to introduce itself.
    greeting: bool,
    /// Whether there may be something to flush.
    unsent: bool,
    failure: Option<io::Error>,
}

impl<F: Frames> Text<F> {
    pub(crate) fn new(frames: F) -> Self {
        Self { frames, inbox: VecDeque::new(), greeting: true, unsent: false, failure: None }
    }
}

impl<F: Frames> Transport for Text<F> {
    fn send(&mut self, id: Id, request: Request) {
        let Some(frame) = Dialect::NEWEST.encode_request(id, &request, &NoView) else {
            debug!(?request, "the protocol has no such request");
            return;
        };
        trace!(frame, "to the server");
        match self.frames.queue(frame) {
            Ok(()) => self.unsent = true,
            Err(error) => self.failure = Some(error),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Incoming> {
        if self.unsent {
            match self.frames.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unsent = false,
                Poll::Ready(Err(error)) => {
                    self.unsent = false;
                    self.failure = Some(error);
                }
                Poll::Pending => {}
            }
        }
        loop {
            if let Some(incoming) = self.inbox.pop_front() {
                return Poll::Ready(incoming);
            }
            let (inbox, greeting) = (&mut self.inbox, &mut self.greeting);
            match self.frames.poll_frame(cx, &mut |text| decode(text, greeting, inbox)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(lost)) => return Poll::Ready(Incoming::Lost(lost)),
                Poll::Pending => {
                    return match self.failure.take() {
                        Some(error) => Poll::Ready(Incoming::Lost(Lost::Failed(error))),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.frames.poll_close(cx)
    }
}

/// Understands a frame as far as possible: one bad message, or one of a newer server, does not spoil the others.
fn decode(text: &str, greeting: &mut bool, inbox: &mut VecDeque<Incoming>) {
    trace!(frame = text, "from the server");
    let messages = match frame::split_any(text) {
        Ok(messages) => messages,
        Err(fault) => {
            warn!(%fault, "a frame of the server cannot be understood");
            return;
        }
    };
    if *greeting
        && let Some((major, minor)) = messages.iter().find_map(|message| Dialect::announced(*message))
    {
        *greeting = false;
        if major != SpecVersion::CLIENT.major {
            inbox.push_back(Incoming::OtherVersion(SpecVersion { major, minor }));
            return;
        }
    }
    for message in messages {
        match Dialect::NEWEST.decode_message(message) {
            Ok(Some(message)) => inbox.push_back(Incoming::Message(message)),
            Ok(None) => debug!(?message, "a message of an unknown type is ignored"),
            Err(refusal) => inbox.push_back(Incoming::Garbled(refusal.id, refusal.fault)),
        }
    }
}

/// The newest dialect needs to know nothing of the devices.
struct NoView;

impl View for NoView {
    fn profile(&self, _device: u32) -> Option<&Profile> {
        None
    }

    fn last_position(&self, _device: u32, _feature: u32) -> f64 {
        0.0
    }
}
