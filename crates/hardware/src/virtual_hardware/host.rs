//! The connection of one host: frames in, frames out, and the opening words.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_websockets::{CloseCode, Config, Limits, Message, ServerBuilder, WebSocketStream};
use tracing::{debug, info};

use super::board::{FromHost, HostId};
use super::incoming::{Fault, Incoming, Raw};
use super::outgoing::{Outgoing, VERSION};

/// The longest frame of a host, in bytes.
pub(super) const MAX_FRAME: usize = 64 << 10;
/// How long a host may take until it says hello.
const HELLO: Duration = Duration::from_secs(60);
/// How long a host may leave what it is sent unread.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// How long a host is given to close its side.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

type Socket<S> = WebSocketStream<BufWriter<S>>;

/// What a host's task is told.
#[derive(Debug)]
pub(super) enum ToHost {
    /// Send this.
    Frame(String),
    /// The server stops: send what there is, then close.
    Goodbye,
}

/// Why a connection ends.
enum End {
    /// The host has closed it, it broke, or the library has the fitting close frame ready.
    Peer,
    /// The host does not read.
    NotReading,
    /// It is closed from here.
    Close(CloseCode, &'static str),
}

const GOING_AWAY: End = End::Close(CloseCode::GOING_AWAY, "the server is shutting down");

/// Serves one host over a stream that has been upgraded to WebSocket.
pub(super) async fn serve<S>(stream: S, host: HostId, server: &str, board: mpsc::Sender<FromHost>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX).flush_threshold(usize::MAX))
        .limits(Limits::default().max_payload_len(Some(MAX_FRAME)))
        .serve(BufWriter::new(stream));
    let greeted = tokio::select! {
        greeted = greet(&mut socket, server) => greeted,
        () = board.closed() => Err(GOING_AWAY),
    };
    let name = match greeted {
        Ok(name) => name,
        Err(end) => return finish(&mut socket, &end).await,
    };
    info!("host {name:?} connected");
    let (outbox, frames) = mpsc::unbounded_channel();
    let end = match board.send(FromHost::Connected(host, outbox)).await {
        Ok(()) => talk(&mut socket, host, frames, &board).await,
        Err(_) => GOING_AWAY,
    };
    // Its devices are gone before it has taken its time to say goodbye; when the server stops, it has said goodbye before it is gone.
    if let End::Close(..) = end {
        finish(&mut socket, &end).await;
        let _ = board.send(FromHost::Gone(host)).await;
    } else {
        let _ = board.send(FromHost::Gone(host)).await;
        finish(&mut socket, &end).await;
    }
    info!("host {name:?} gone");
}

/// Waits for the hello. Gives the host's name.
async fn greet<S>(socket: &mut Socket<S>, server: &str) -> Result<String, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let until = Instant::now() + HELLO;
    loop {
        let Ok(received) = timeout_at(until, socket.next()).await else {
            return Err(End::Close(CloseCode::POLICY_VIOLATION, "no hello in time"));
        };
        let answer = match take(received)? {
            None => continue,
            Some(Ok(raw)) if !raw.is_hello() => raw.fault("hello-first", "the first frame has to be hello"),
            Some(raw) => match raw.and_then(|raw| raw.parse()) {
                Ok(Incoming::Hello { version: VERSION, host }) => {
                    send(socket, Outgoing::Hello { version: VERSION, server }.text()).await?;
                    return Ok(host.unwrap_or_default());
                }
                Ok(Incoming::Hello { version, .. }) => {
                    let message = &format!("version {version} is not spoken here");
                    let versions = Some([VERSION]);
                    send(socket, Outgoing::Error { code: "version", message, device: None, versions }.text())
                        .await?;
                    return Err(End::Close(CloseCode::PROTOCOL_ERROR, "no common version"));
                }
                Ok(_) => continue,
                Err(fault) => fault,
            },
        };
        send(socket, answer.text()).await?;
    }
}

async fn talk<S>(
    socket: &mut Socket<S>,
    host: HostId,
    mut frames: mpsc::UnboundedReceiver<ToHost>,
    board: &mpsc::Sender<FromHost>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        // What is to be sent goes first, and nothing more is read meanwhile: so a host that does not read cannot fill our memory with answers.
        tokio::select! {
            biased;
            first = frames.recv() => {
                if let Err(end) = deliver(socket, first, &mut frames).await {
                    return end;
                }
            }
            received = socket.next() => match take(received) {
                Ok(Some(raw)) => {
                    let frame = raw.and_then(|raw| raw.parse());
                    if board.send(FromHost::Frame(host, frame)).await.is_err() {
                        return GOING_AWAY;
                    }
                }
                Ok(None) => {}
                Err(end) => return end,
            },
        }
    }
}

/// Sends all that is there.
async fn deliver<S>(
    socket: &mut Socket<S>,
    first: Option<ToHost>,
    frames: &mut mpsc::UnboundedReceiver<ToHost>,
) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let sending = async {
        let mut next = first;
        loop {
            match next {
                Some(ToHost::Frame(text)) => socket.feed(Message::text(text)).await.map_err(|_| End::Peer)?,
                Some(ToHost::Goodbye) | None => break Ok(true),
            }
            next = match frames.try_recv() {
                Ok(next) => Some(next),
                Err(_) => {
                    socket.flush().await.map_err(|_| End::Peer)?;
                    break Ok(false);
                }
            };
        }
    };
    match timeout(WRITE_LIMIT, sending).await {
        Ok(Ok(false)) => Ok(()),
        Ok(Ok(true)) => Err(GOING_AWAY),
        Ok(Err(end)) => Err(end),
        Err(_) => Err(End::NotReading),
    }
}

async fn send<S>(socket: &mut Socket<S>, text: String) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match timeout(WRITE_LIMIT, socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Peer),
        Err(_) => Err(End::NotReading),
    }
}

/// What has been received, if it is a frame or should be one.
fn take(
    received: Option<Result<Message, tokio_websockets::Error>>,
) -> Result<Option<Result<Raw, Fault>>, End> {
    match received {
        Some(Ok(message)) if message.is_text() => Ok(Some(Raw::read(message.as_text().unwrap_or_default()))),
        Some(Ok(message)) if message.is_binary() => {
            Ok(Some(Err(Fault::new("bad-frame", "a frame is a text message, this one is binary"))))
        }
        Some(Ok(message)) if message.is_close() => Err(End::Peer),
        Some(Ok(_)) => Ok(None),
        Some(Err(tokio_websockets::Error::Io(error))) => {
            debug!("the connection broke: {error}");
            Err(End::Peer)
        }
        Some(Err(error)) => {
            info!("closing the connection: {error}");
            Err(End::Peer)
        }
        None => Err(End::Peer),
    }
}

/// Says goodbye, and gives the other side a moment to do the same.
async fn finish<S>(socket: &mut Socket<S>, end: &End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let goodbye = async {
        match end {
            End::NotReading => info!("closing the connection: the host does not read what it is sent"),
            End::Peer => {
                let _ = socket.close().await;
            }
            End::Close(code, reason) => {
                if socket.send(Message::close(Some(*code), reason)).await.is_ok() {
                    let _ = socket.close().await;
                }
            }
        }
    };
    let _ = timeout(CLOSE_LIMIT, goodbye).await;
}
