//! Frames over a stream of bytes, one per line: Unix domain sockets, and whatever else the application has.

use std::fmt;
use std::io;
#[cfg(all(unix, feature = "unix"))]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use super::{Deadline, unreachable};
use crate::error::{ConnectError, Stage};
use crate::transport::{Frames, Lost, Text, Transport};

/// The longest line that is taken from a server.
const MAX_LINE: usize = 16 << 20;

/// Where streams come from.
#[derive(Clone)]
pub(super) struct Source {
    name: Arc<str>,
    open: Arc<dyn Fn() -> Opening + Send + Sync>,
}

type Opening = Pin<Box<dyn Future<Output = io::Result<Duplex>> + Send>>;
type Duplex = Pin<Box<dyn Bytes>>;

trait Bytes: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Bytes for S {}

impl Source {
    pub(super) fn new<F, R, S>(name: String, open: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let open = move || -> Opening {
            let opening = open();
            Box::pin(async { Ok(Box::pin(opening.await?) as Duplex) })
        };
        Self { name: name.into(), open: Arc::new(open) }
    }

    #[cfg(all(unix, feature = "unix"))]
    pub(super) fn unix(path: PathBuf) -> Self {
        let name = format!("unix:{}", path.display());
        Self::new(name, move || tokio::net::UnixStream::connect(path.clone()))
    }

    pub(super) async fn open(&self, deadline: Deadline) -> Result<Box<dyn Transport>, ConnectError> {
        match deadline.within(Stage::Connect, (self.open)()).await? {
            Ok(stream) => Ok(Box::new(Text::new(Lines::new(stream)))),
            Err(error) => Err(unreachable(self.to_string(), error, deadline)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

struct Lines {
    stream: Framed<Duplex, LinesCodec>,
}

impl Lines {
    fn new(stream: Duplex) -> Self {
        Self { stream: Framed::new(stream, LinesCodec::new_with_max_length(MAX_LINE)) }
    }

    fn sink(&mut self) -> Pin<&mut (impl Sink<String, Error = LinesCodecError> + use<>)> {
        Pin::new(&mut self.stream)
    }
}

impl Frames for Lines {
    fn queue(&mut self, frame: String) -> io::Result<()> {
        self.sink().start_send(frame).map_err(io_error)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sink().poll_flush(cx).map_err(io_error)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, read: &mut dyn FnMut(&str)) -> Poll<Result<(), Lost>> {
        loop {
            return match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Ready(Some(Ok(line))) if line.trim().is_empty() => continue,
                Poll::Ready(Some(Ok(line))) => {
                    read(&line);
                    Poll::Ready(Ok(()))
                }
                Poll::Ready(Some(Err(error))) => Poll::Ready(Err(Lost::Failed(io_error(error)))),
                Poll::Ready(None) => Poll::Ready(Err(Lost::SILENT)),
                Poll::Pending => Poll::Pending,
            };
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sink().poll_close(cx).map(|_| ())
    }
}

fn io_error(error: LinesCodecError) -> io::Error {
    match error {
        LinesCodecError::Io(error) => error,
        LinesCodecError::MaxLineLengthExceeded => {
            io::Error::new(io::ErrorKind::InvalidData, format!("a line of more than {MAX_LINE} bytes"))
        }
    }
}
