//! Frames over a WebSocket.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio_websockets::{ClientBuilder, Error, Limits, Message, WebSocketStream};
use tracing::warn;

use super::upgrade::{Refusal, upgrade};
use super::{Deadline, malformed, tcp};
use crate::error::{ConnectError, Stage};
use crate::transport::{Frames, Lost, Text, Transport};

/// The largest message that is taken from a server, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

/// An understood `ws` or `wss` address.
#[derive(Clone)]
pub(super) struct Target {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// As it stands in the address: host, and port if given.
    authority: String,
    path: String,
    #[cfg(feature = "tls")]
    tls: Option<super::Tls>,
}

impl Target {
    pub(super) fn parse(address: &str) -> Result<Self, ConnectError> {
        let uri = Uri::from_str(address).map_err(|_| malformed(address, "it is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("ws") => false,
            Some(scheme) if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(malformed(address, super::EXPECTED)),
        };
        if secure && cfg!(not(feature = "tls")) {
            let reason = "built without the feature `tls`";
            return Err(ConnectError::NotBuiltIn { scheme: "wss", reason });
        }
        let authority = uri.authority().ok_or_else(|| malformed(address, "the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(malformed(address, "a user name is not supported"));
        }
        let host = authority.host();
        let port = match (authority.port_u16(), authority.as_str().strip_prefix(host)) {
            (Some(0), _) => return Err(malformed(address, "the port is 0")),
            (Some(port), _) => port,
            (None, Some("")) => {
                if secure {
                    443
                } else {
                    80
                }
            }
            (None, _) => return Err(malformed(address, "the port is not a number up to 65535")),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if bare.is_empty() {
            return Err(malformed(address, "the host is missing"));
        }
        Ok(Self {
            secure,
            host: bare.into(),
            port,
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).into(),
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    #[cfg(feature = "tls")]
    pub(super) fn trust(&mut self, tls: super::Tls) {
        self.tls = Some(tls);
    }

    pub(super) async fn open(&self, deadline: Deadline) -> Result<Box<dyn Transport>, ConnectError> {
        let stream = tcp::connect(&self.host, self.port, deadline).await?;
        #[cfg(feature = "tls")]
        if self.secure {
            let stream = super::tls::secure(stream, &self.host, self.tls.as_ref(), deadline).await?;
            return self.open_on(stream, deadline).await;
        }
        self.open_on(stream, deadline).await
    }

    async fn open_on<S>(&self, stream: S, deadline: Deadline) -> Result<Box<dyn Transport>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let upgraded = upgrade(stream, &self.authority, &self.path);
        let stream = deadline.within(Stage::Upgrade, upgraded).await?.map_err(|refusal| match refusal {
            Refusal::Closed(error) => {
                ConnectError::Closed { stage: Stage::Upgrade, code: None, reason: error.to_string() }
            }
            Refusal::Other { status, reason } => {
                ConnectError::NotWebSocket { address: self.to_string(), status, reason }
            }
        })?;
        let limits = Limits::default().max_payload_len(Some(MAX_MESSAGE));
        let stream = ClientBuilder::new().limits(limits).take_over(stream);
        Ok(Box::new(Text::new(Socket { stream, closed: None })))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "wss" } else { "ws" }, self.authority, self.path)
    }
}

struct Socket<S> {
    stream: WebSocketStream<BufReader<S>>,
    /// What the peer said when it closed.
    closed: Option<Lost>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Frames for Socket<S> {
    fn queue(&mut self, frame: String) -> io::Result<()> {
        Pin::new(&mut self.stream).start_send(Message::text(frame)).map_err(io_error)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(io_error)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, read: &mut dyn FnMut(&str)) -> Poll<Result<(), Lost>> {
        loop {
            let message = match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => message,
                Poll::Ready(end) => {
                    let failed = |error| Lost::Failed(io_error(error));
                    let end = end.and_then(Result::err).map_or(Lost::SILENT, failed);
                    return Poll::Ready(Err(self.closed.take().unwrap_or(end)));
                }
                Poll::Pending => return Poll::Pending,
            };
            if let Some(text) = message.as_text() {
                read(text);
                return Poll::Ready(Ok(()));
            }
            if let Some((code, reason)) = message.as_close() {
                self.closed = Some(Lost::Closed { code: Some(code.into()), reason: reason.into() });
            } else if message.is_binary() {
                warn!("a binary message of the server is ignored");
            }
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.stream).poll_close(cx).map(|_| ())
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::AlreadyClosed => io::ErrorKind::NotConnected.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(address: &str) -> &'static str {
        match Target::parse(address) {
            Err(ConnectError::Address { reason, .. }) => reason,
            Err(other) => panic!("{other}"),
            Ok(target) => panic!("{target} is good"),
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (address, host, port, path) in [
            ("ws://localhost:12345", "localhost", 12345, "/"),
            ("ws://example.org", "example.org", 80, "/"),
            ("WS://[::1]:8080/a/b?c=d", "::1", 8080, "/a/b?c=d"),
            ("ws://192.168.0.7:1/?x", "192.168.0.7", 1, "/?x"),
        ] {
            let target = Target::parse(address).unwrap();
            assert_eq!((target.host.as_str(), target.port, target.path.as_str()), (host, port, path));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told() {
        assert_eq!(reason("ws://"), "it is not a URL");
        assert_eq!(reason("ws://:123"), "the host is missing");
        assert_eq!(reason("ws:/nohost"), "it is not a URL");
        assert_eq!(reason("ws://host:99999"), "the port is not a number up to 65535");
        assert_eq!(reason("ws://host:0"), "the port is 0");
        assert_eq!(reason("ws://host:/"), "the port is not a number up to 65535");
        assert_eq!(reason("ws://me@host:1"), "a user name is not supported");
        assert_eq!(reason("ws://ho st:1"), "it is not a URL");
        assert_eq!(reason("ws://host:1/a\r\nb"), "it is not a URL");
    }
}
