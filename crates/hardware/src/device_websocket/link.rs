//! The connection of one device: its greeting, messages both ways, and the signs of its life.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use frisson_program::{Bus, Endpoint, Sighting};
use frisson_wire::dialect::self_described::{Greeting, MAX_GREETING};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_websockets::{CloseCode, Config, Limits, Message, ServerBuilder, WebSocketStream};
use tracing::{debug, warn};

use super::Options;
use super::listener::Shared;
use crate::PortError;
use crate::voice::{Hearing, Voice, voice};

/// The longest message of a device, in bytes.
const MAX_MESSAGE: usize = MAX_GREETING;
/// How many writes may wait.
const QUEUE: usize = 16;
/// How long a device is given to close its side.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);
/// The longest reason that a close frame holds, in bytes (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

type Socket<S> = WebSocketStream<BufWriter<S>>;

/// A device that has greeted.
pub(super) struct Arrival {
    pub(super) sighting: Sighting,
    pub(super) link: Link,
}

/// The way to a device and back. The connection is closed when all senders of orders are gone.
pub(super) struct Link {
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) hearing: Hearing,
}

/// What a connection is to do.
pub(super) enum Order {
    Write(Vec<u8>, oneshot::Sender<Result<(), PortError>>),
    Close(CloseCode, String),
}

impl Order {
    pub(super) fn close(code: CloseCode, reason: impl Into<String>) -> Self {
        Self::Close(code, reason.into())
    }
}

/// How a connection ends.
enum End {
    /// The device has closed it, or it broke.
    Peer(String),
    /// Nothing gets through any more.
    Dead(String),
    /// It is closed from here.
    Close(CloseCode, String),
}

impl End {
    fn reason(&self) -> &str {
        let (Self::Peer(reason) | Self::Dead(reason) | Self::Close(_, reason)) = self;
        reason
    }
}

/// Serves one device over a stream that has been upgraded to WebSocket.
pub(super) async fn serve<S>(stream: S, peer: SocketAddr, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX).flush_threshold(usize::MAX))
        .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)))
        .serve(BufWriter::new(stream));
    let greeting = match greet(&mut socket, shared.options.greeting_timeout).await {
        Ok(greeting) => greeting,
        Err(end) => {
            shared.refusals.tell(peer, end.reason());
            return finish(&mut socket, &end).await;
        }
    };
    shared.refusals.forget();
    let is_text = greeting.description.is_some();
    let described = greeting.description.map(Arc::new);
    let sighting =
        Sighting { described, ..Sighting::new(Bus::WebSocket, greeting.address, greeting.identifier) };
    let (voice, hearing) = voice();
    let (orders, receiver) = mpsc::channel(QUEUE);
    let arrival = Arrival { sighting, link: Link { orders, hearing } };
    let end = match shared.arrivals.send(arrival) {
        Ok(()) => talk(&mut socket, receiver, &voice, &shared.options, is_text).await,
        Err(_) => End::Close(CloseCode::GOING_AWAY, "the server is shutting down".to_owned()),
    };
    // The device is gone before it has taken its time to say goodbye.
    voice.gone(end.reason());
    finish(&mut socket, &end).await;
}

/// Waits for the first message.
async fn greet<S>(socket: &mut Socket<S>, limit: Duration) -> Result<Greeting, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let refuse = |why: &str| {
        let form = r#"{"identifier":"NAME","address":"UNIQUE","version":0}"#;
        Err(End::Close(CloseCode::POLICY_VIOLATION, format!("expected {form}: {why}")))
    };
    let until = Instant::now() + limit;
    loop {
        // Who never pauses would keep the time from being looked at.
        let received = match Instant::now() < until {
            true => timeout_at(until, socket.next()).await.ok(),
            false => None,
        };
        return match received {
            None => refuse("nothing came in time"),
            Some(received) => match take(received)? {
                None => continue,
                Some(message) => match message.as_text().map(str::parse::<Greeting>) {
                    Some(Ok(greeting)) => Ok(greeting),
                    Some(Err(error)) => refuse(&error.to_string()),
                    None => refuse("the first message is binary"),
                },
            },
        };
    }
}

async fn talk<S>(
    socket: &mut Socket<S>,
    mut orders: mpsc::Receiver<Order>,
    voice: &Voice,
    options: &Options,
    is_text: bool,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (interval, limit) = (options.ping_interval, options.write_timeout);
    let mut due = Instant::now() + interval;
    let mut is_pinged = false;
    let mut is_told = false;
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                // Whoever no longer waits for it has given it up, and something newer follows.
                Some(Order::Write(_, done)) if done.is_closed() => {}
                Some(Order::Write(bytes, done)) => {
                    let sent = send(socket, message(bytes, is_text), limit).await;
                    let _ = done.send(sent.as_ref().copied().map_err(|end| PortError::Gone(end.reason().to_owned())));
                    if let Err(end) = sent {
                        return end;
                    }
                }
                Some(Order::Close(code, reason)) => return End::Close(code, reason),
                None => return End::Close(CloseCode::NORMAL_CLOSURE, "the server has let go of the device".to_owned()),
            },
            received = socket.next() => {
                // Only what comes from the device shows that it is alive.
                (due, is_pinged) = (Instant::now() + interval, false);
                match take(received) {
                    Ok(Some(message)) => {
                        let mut bytes = message.as_payload().to_vec();
                        if is_text {
                            // Each message is a line, so that one that means nothing does not spoil the next.
                            bytes.push(b'\n');
                        }
                        let heard = voice.say(Endpoint::RX, bytes);
                        if !heard && !std::mem::replace(&mut is_told, true) {
                            warn!("the device says more than anybody listens to; what comes on top is lost");
                        }
                    }
                    Ok(None) => {}
                    Err(end) => return end,
                }
            }
            () = sleep_until(due) => {
                if is_pinged {
                    return End::Dead(format!("no answer to a ping within {} ms", interval.as_millis()));
                }
                if let Err(end) = send(socket, Message::ping(&[0_u8][..]), limit).await {
                    return end;
                }
                (due, is_pinged) = (Instant::now() + interval, true);
            }
        }
    }
}

/// A write as a message: of bytes, or to a device that describes itself a line of text.
fn message(bytes: Vec<u8>, is_text: bool) -> Message {
    if !is_text {
        return Message::binary(bytes);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text.trim_end_matches('\n').to_owned()),
        Err(error) => Message::binary(error.into_bytes()),
    }
}

async fn send<S>(socket: &mut Socket<S>, message: Message, limit: Duration) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(limit, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(End::Peer(format!("the connection broke: {error}"))),
        Err(_) => Err(End::Dead("the device does not read what it is sent".to_owned())),
    }
}

/// What has been received, if it is a message of the device.
fn take(received: Option<Result<Message, tokio_websockets::Error>>) -> Result<Option<Message>, End> {
    match received {
        Some(Ok(message)) if message.is_close() => {
            Err(End::Peer("the device has closed the connection".to_owned()))
        }
        Some(Ok(message)) if message.is_text() || message.is_binary() => Ok(Some(message)),
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(End::Peer(format!("the connection broke: {error}"))),
        None => Err(End::Peer("the connection broke".to_owned())),
    }
}

/// Says goodbye, and gives the other side a moment to do the same.
async fn finish<S>(socket: &mut Socket<S>, end: &End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    debug!("ends: {}", end.reason());
    let goodbye = async {
        match end {
            End::Dead(_) => {}
            End::Peer(_) => {
                let _ = socket.close().await;
            }
            End::Close(code, reason) => {
                let end = (0..=MAX_REASON).rev().find(|at| reason.is_char_boundary(*at));
                let reason = reason.get(..end.unwrap_or(0)).unwrap_or_default();
                if socket.send(Message::close(Some(*code), reason)).await.is_ok() {
                    let _ = socket.close().await;
                }
            }
        }
    };
    let _ = timeout(CLOSE_LIMIT, goodbye).await;
}
