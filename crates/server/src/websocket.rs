//! Clients over WebSocket.

use std::time::Duration;

use frisson_engine::hub::{Close, SessionId};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_websockets::{
    CloseCode, Config, Limits as WebSocketLimits, Message, ServerBuilder, WebSocketStream,
};
use tracing::{debug, info};

use crate::messages::{Delivery, Frame, ToHub};
use crate::session_task::{BATCH, CLOSE_TIMEOUT, HubGone, HubLink, Limits};

/// Room for what is sent in one write.
const WRITE_BUFFER: usize = 8 << 10;
/// How much is sent before the client has to have read some of it.
const WRITE_CHUNK: usize = 256 << 10;

type Socket<S> = WebSocketStream<BufWriter<S>>;

/// Why a connection ends.
enum End {
    /// The peer has closed it, or it broke.
    Peer,
    /// The peer broke the rules of WebSocket, or sent too large a frame.
    Violation(CloseCode),
    /// The hub wants it closed.
    Hub(Close),
    /// Nothing was heard for too long.
    Silent,
    /// The peer does not read.
    NotReading,
    /// The server is gone.
    ServerGone,
}

/// Serves one client over a stream that has been upgraded to WebSocket.
pub(crate) async fn serve<S>(stream: S, session: SessionId, limits: Limits, hub: mpsc::Sender<ToHub>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX).flush_threshold(usize::MAX))
        .limits(WebSocketLimits::default().max_payload_len(Some(limits.max_frame)))
        .serve(BufWriter::with_capacity(WRITE_BUFFER, stream));
    let Ok(mut link) = HubLink::open(session, hub).await else {
        return finish(&mut socket, &End::ServerGone, limits).await;
    };
    let end = talk(&mut socket, &mut link, limits).await;
    if matches!(end, End::Hub(_) | End::ServerGone) {
        link.ended_by_hub();
    }
    // The hub hears of it before the other side has taken its time to say goodbye.
    drop(link);
    finish(&mut socket, &end, limits).await;
}

async fn talk<S>(socket: &mut Socket<S>, link: &mut HubLink, limits: Limits) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Instant::now();
    let mut probed = false;
    let mut watch = std::pin::pin!(sleep_until(heard + limits.probe_after));
    loop {
        tokio::select! {
            biased;
            delivery = link.deliveries.recv() => match delivery {
                Some(delivery) => {
                    if let Err(end) = deliver(socket, link, delivery, limits).await {
                        return end;
                    }
                }
                None => return if link.is_hub_alive() { End::NotReading } else { End::ServerGone },
            },
            first = socket.next(), if link.may_read() => {
                heard = Instant::now();
                probed = false;
                let mut frames = Vec::new();
                let end = take_in(socket, first, &mut frames);
                if !frames.is_empty() && let Err(HubGone) = link.pass(frames).await {
                    return End::ServerGone;
                }
                if let Some(end) = end {
                    return end;
                }
            }
            () = &mut watch => {
                let now = Instant::now();
                if now >= heard + limits.silence_limit && link.may_read() {
                    return End::Silent;
                }
                if now >= heard + limits.probe_after && !std::mem::replace(&mut probed, true) {
                    match timeout(limits.write_limit, socket.send(Message::ping(""))).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return End::Peer,
                        Err(_) => return End::NotReading,
                    }
                }
                let next = if probed { heard + limits.silence_limit } else { heard + limits.probe_after };
                watch.as_mut().reset(next.max(now + Duration::from_millis(1)));
            }
        }
    }
}

/// Takes in what has been received, without waiting. Gives the reason if the connection ends with it.
fn take_in<S>(
    socket: &mut Socket<S>,
    first: Option<Result<Message, tokio_websockets::Error>>,
    frames: &mut Vec<Frame>,
) -> Option<End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut next = Some(first);
    while let Some(received) = next {
        match received {
            Some(Ok(message)) if message.is_text() => frames.push(Frame::WebSocket(message)),
            Some(Ok(message)) if message.is_binary() => frames.push(Frame::Binary),
            Some(Ok(message)) if message.is_close() => return Some(End::Peer),
            Some(Ok(_)) => {}
            Some(Err(tokio_websockets::Error::Io(error))) => {
                debug!("the connection broke: {error}");
                return Some(End::Peer);
            }
            Some(Err(error)) => {
                info!("closing the connection: {error}");
                return Some(End::Violation(match error {
                    tokio_websockets::Error::PayloadTooLong { .. } => CloseCode::MESSAGE_TOO_BIG,
                    _ => CloseCode::PROTOCOL_ERROR,
                }));
            }
            None => return Some(End::Peer),
        }
        if frames.len() >= BATCH {
            return None;
        }
        next = socket.next().now_or_never();
    }
    None
}

/// Sends what the hub has handed out, and what it hands out meanwhile, in as few writes as can be.
async fn deliver<S>(
    socket: &mut Socket<S>,
    link: &mut HubLink,
    first: Delivery,
    limits: Limits,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut next = Some(first);
    let mut unsent = 0;
    let mut close = None;
    while let Some(delivery) = next {
        link.refunded(delivery.refund);
        for frame in delivery.frames {
            unsent += frame.len();
            if socket.feed(Message::text(frame)).await.is_err() {
                return Err(End::Peer);
            }
            if unsent > WRITE_CHUNK {
                flush(socket, link, std::mem::take(&mut unsent), limits).await?;
            }
        }
        close = delivery.close;
        next = if close.is_none() { link.deliveries.try_recv().ok() } else { None };
    }
    flush(socket, link, unsent, limits).await?;
    match close {
        Some(close) => Err(End::Hub(close)),
        None => Ok(()),
    }
}

async fn flush<S>(socket: &mut Socket<S>, link: &HubLink, bytes: usize, limits: Limits) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(limits.write_limit, socket.flush()).await {
        Ok(Ok(())) => {
            link.backlog.remove(bytes);
            Ok(())
        }
        Ok(Err(_)) => Err(End::Peer),
        Err(_) => Err(End::NotReading),
    }
}

/// Says goodbye, and gives the other side a moment to do the same.
async fn finish<S>(socket: &mut Socket<S>, end: &End, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (code, reason) = match end {
        End::Hub(close) => (close.code(), close.to_string()),
        End::NotReading => {
            info!("closing the connection: the client does not read what it is sent");
            return;
        }
        End::Silent => {
            info!("closing the connection: nothing heard for {} ms", limits.silence_limit.as_millis());
            (1008, "nothing heard for too long".to_owned())
        }
        End::ServerGone => (1001, "the server is shutting down".to_owned()),
        End::Violation(code) => {
            let _ = timeout(CLOSE_TIMEOUT, reject(socket, *code)).await;
            return;
        }
        End::Peer => {
            let _ = timeout(CLOSE_TIMEOUT, socket.close()).await;
            return;
        }
    };
    let close = Message::close(CloseCode::try_from(code).ok(), &reason);
    let _ = timeout(CLOSE_TIMEOUT, async {
        socket.send(close).await?;
        socket.close().await
    })
    .await;
}

/// Says why the connection ends to a peer that may be in the middle of a frame. What it still sends is read: were it left, the system would take
/// the goodbye back.
async fn reject<S>(socket: &mut Socket<S>, code: CloseCode)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Refused where the library has sent the fitting close frame by itself.
    let _ = socket.send(Message::close(Some(code), "")).await;
    let _ = socket.flush().await;
    let stream = socket.get_mut();
    let _ = stream.shutdown().await;
    let mut unwanted = vec![0; WRITE_BUFFER];
    while stream.read(&mut unwanted).await.is_ok_and(|count| count > 0) {}
}
