//! Clients over WebSocket, in real time: single frames, and whole transcripts against any server.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use crate::compare::difference;
use crate::transcript::{Mismatch, Step, Transcript};

/// How long a frame that is expected may take to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client has to hear nothing to have heard nothing more.
const SILENCE: Duration = Duration::from_millis(100);

/// A client that says and hears frames as they are.
pub struct Client<S = TcpStream> {
    socket: WebSocketStream<S>,
}

/// What a client hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A frame of text.
    Text(String),
    /// A frame that is not text.
    Binary,
    /// The server has closed the connection: with a code, or by letting it break.
    Closed(Option<u16>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be reached.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// The address.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// What is there does not speak WebSocket, or the connection broke.
    #[error("the WebSocket failed: {0}")]
    WebSocket(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<tokio_websockets::Error> for Error {
    fn from(error: tokio_websockets::Error) -> Self {
        Self::WebSocket(error.into())
    }
}

/// Why a transcript could not be played to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// The server did something else.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The connection failed.
    #[error("line {line}: {source}")]
    Connection {
        /// The line, counted from 1.
        line: usize,
        /// What failed.
        source: Error,
    },
    /// The line is about the devices or the set-up of a virtual server.
    #[error("line {0} can only be played against a virtual server")]
    VirtualOnly(usize),
}

impl Client {
    /// Connects to a server at an address like `127.0.0.1:12345`.
    ///
    /// # Errors
    /// Nothing is there, or it does not speak WebSocket.
    pub async fn connect(address: &str) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|source| Error::Unreachable { address: address.to_owned(), source })?;
        let _ = stream.set_nodelay(true);
        Self::over(stream).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Speaks over a stream that is open already.
    ///
    /// # Errors
    /// The other side does not speak WebSocket.
    pub async fn over(stream: S) -> Result<Self, Error> {
        let uri = "ws://localhost/".parse().map_err(|_| tokio_websockets::Error::CannotResolveHost)?;
        let (socket, _) = ClientBuilder::from_uri(uri).connect_on(stream).await?;
        Ok(Self { socket })
    }

    /// Sends a frame of text.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn send(&mut self, text: impl Into<String>) -> Result<(), Error> {
        Ok(self.socket.send(Message::text(text.into())).await?)
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        Ok(self.socket.send(Message::binary(bytes)).await?)
    }

    /// What is heard next. Pings of the WebSocket are answered and passed over.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                Some(Ok(message)) => {
                    if let Some(text) = message.as_text() {
                        return Heard::Text(text.to_owned());
                    }
                    if let Some((code, _)) = message.as_close() {
                        return Heard::Closed(Some(code.into()));
                    }
                    if message.is_binary() {
                        return Heard::Binary;
                    }
                }
                Some(Err(_)) | None => return Heard::Closed(None),
            }
        }
    }

    /// Says goodbye and closes the connection.
    pub async fn close(mut self) {
        let _ = timeout(PATIENCE, self.socket.close()).await;
    }

    /// The stream beneath; dropping it cuts the connection.
    pub fn into_stream(self) -> S {
        self.socket.into_inner()
    }
}

/// Plays a transcript against the server at an address like `127.0.0.1:12345`: every line that says nothing about devices or the set-up.
///
/// # Errors
/// The server did something else or cannot be reached, or the transcript needs a virtual server.
pub async fn play(transcript: &Transcript, address: &str) -> Result<(), PlayError> {
    if transcript.has_setup {
        return Err(PlayError::VirtualOnly(1));
    }
    let mut clients = BTreeMap::new();
    let mut last = 1;
    for (line, step) in &transcript.steps {
        last = *line;
        play_step(step, address, &mut clients).await.map_err(|failure| failure.at(*line))?;
    }
    for (name, client) in &mut clients {
        silence(name, client).await.map_err(|failure| failure.at(last))?;
    }
    Ok(())
}

enum Failure {
    Mismatch(String),
    Connection(Error),
    VirtualOnly,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}

impl Failure {
    fn at(self, line: usize) -> PlayError {
        match self {
            Self::Mismatch(what) => PlayError::Mismatch(Mismatch { line, what }),
            Self::Connection(source) => PlayError::Connection { line, source },
            Self::VirtualOnly => PlayError::VirtualOnly(line),
        }
    }
}

async fn play_step(
    step: &Step,
    address: &str,
    clients: &mut BTreeMap<String, Client>,
) -> Result<(), Failure> {
    let name = match step {
        Step::Send { client, .. }
        | Step::Expect { client, .. }
        | Step::Silence { client }
        | Step::Closed { client, .. }
        | Step::Cut { client } => client,
        Step::Wait(time) => {
            sleep(*time).await;
            return Ok(());
        }
        _ => return Err(Failure::VirtualOnly),
    };
    if !clients.contains_key(name) {
        clients.insert(name.clone(), Client::connect(address).await?);
    }
    let Some(client) = clients.get_mut(name) else { return Ok(()) };
    match step {
        Step::Send { text, .. } => client.send(text.as_str()).await?,
        Step::Expect { frame, .. } => match timeout(PATIENCE, client.next()).await {
            Ok(Heard::Text(text)) => {
                let found: Value = serde_json::from_str(&text).map_err(|error| {
                    Failure::Mismatch(format!("{name} got what is not JSON ({error}): {text}"))
                })?;
                if let Some(what) = difference(frame, &found) {
                    return Err(Failure::Mismatch(format!("{what}, in what {name} got: {text}")));
                }
            }
            Ok(heard) => return Err(Failure::Mismatch(format!("{name} heard {heard:?}, expected {frame}"))),
            Err(_) => return Err(Failure::Mismatch(format!("{name} got nothing, expected {frame}"))),
        },
        Step::Silence { .. } => silence(name, client).await?,
        Step::Closed { code, .. } => match timeout(PATIENCE, client.next()).await {
            Ok(Heard::Closed(Some(closed))) if closed == *code => {}
            Ok(heard) => {
                return Err(Failure::Mismatch(format!(
                    "{name} heard {heard:?}, expected to be closed with {code}"
                )));
            }
            Err(_) => return Err(Failure::Mismatch(format!("{name} is not closed"))),
        },
        Step::Cut { .. } => {
            silence(name, client).await?;
            clients.remove(name);
        }
        _ => {}
    }
    Ok(())
}

async fn silence(name: &str, client: &mut Client) -> Result<(), Failure> {
    match timeout(SILENCE, client.next()).await {
        Ok(Heard::Text(text)) => Err(Failure::Mismatch(format!("{name} got {text}, expected nothing"))),
        _ => Ok(()),
    }
}
