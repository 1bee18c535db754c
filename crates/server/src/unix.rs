//! Clients over a Unix domain socket: one frame a line.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frisson_engine::hub::SessionId;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{Instrument, info, info_span, warn};

use crate::messages::{Frame, ToHub};
use crate::session_task::{BATCH, HubGone, HubLink, Limits};
use crate::{ListenError, Shared};

/// A socket file that goes away with its listener.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Opens a socket that only this user can reach. A file that a server left behind is replaced; one that is in use is not.
pub(crate) async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), ListenError> {
    let address = format!("unix:{}", path.display());
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            match UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)
                    .and_then(|()| UnixListener::bind(path)),
                _ => return Err(ListenError::InUse { address }),
            }
        }
        bound => bound,
    };
    let listener = listener
        .and_then(|listener| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        })
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => ListenError::NotPermitted { address: address.clone() },
            io::ErrorKind::NotFound => ListenError::NoSuchAddress { address: address.clone() },
            _ => ListenError::Failed { address: address.clone(), source: error },
        })?;
    Ok((listener, SocketFile(path.to_owned())))
}

/// Accepts clients until the server is gone.
pub(crate) async fn run(listener: UnixListener, file: SocketFile, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.hub.closed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let session = shared.next_session();
                let span = info_span!("session", id = session.0);
                let hub = shared.hub.clone();
                tokio::spawn(serve(stream, session, shared.limits, hub).instrument(span));
            }
            Err(error) => {
                warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
    drop(file);
}

/// Serves one client over a stream of lines.
pub(crate) async fn serve<S>(stream: S, session: SessionId, limits: Limits, hub: mpsc::Sender<ToHub>)
where
    S: AsyncRead + AsyncWrite,
{
    let (reader, mut writer) = tokio::io::split(stream);
    let mut lines = Lines { reader: BufReader::new(reader), line: Vec::new(), max: limits.max_frame };
    let Ok(mut link) = HubLink::open(session, hub).await else { return };
    loop {
        tokio::select! {
            biased;
            delivery = link.deliveries.recv() => {
                let Some(delivery) = delivery else { break };
                let is_last = delivery.close.is_some();
                link.refunded(delivery.refund);
                let mut text = String::new();
                let mut bytes = 0;
                for frame in &delivery.frames {
                    bytes += frame.len();
                    text.push_str(frame);
                    text.push('\n');
                }
                match timeout(limits.write_limit, writer.write_all(text.as_bytes())).await {
                    Ok(Ok(())) => link.backlog.remove(bytes),
                    Ok(Err(_)) => break,
                    Err(_) => {
                        info!("closing the connection: the client does not read what it is sent");
                        break;
                    }
                }
                if is_last {
                    link.ended_by_hub();
                    break;
                }
            }
            received = lines.next(), if link.may_read() => {
                let mut frames = match received {
                    Ok(Some(frame)) => vec![frame],
                    Ok(None) => break,
                    Err(error) => {
                        info!("closing the connection: {error}");
                        break;
                    }
                };
                while frames.len() < BATCH && let Some(frame) = lines.buffered() {
                    frames.push(frame);
                }
                if let Err(HubGone) = link.pass(frames).await {
                    link.ended_by_hub();
                    break;
                }
            }
        }
    }
    let _ = writer.shutdown().await;
}

/// Takes a stream apart into lines, up to a size.
struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The next line; empty ones are passed over. Cancel safe: what was read of a line is kept.
    async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            if self.line.len() + part.len() > self.max {
                let message = format!("a line is longer than {} bytes", self.max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some()
                && let Some(frame) = self.finish_line()
            {
                return Ok(Some(frame));
            }
        }
    }

    /// A line that has been received already.
    fn buffered(&mut self) -> Option<Frame> {
        loop {
            let end = self.reader.buffer().iter().position(|byte| *byte == b'\n').filter(|end| *end <= self.max)?;
            self.line.extend_from_slice(self.reader.buffer().get(..end)?);
            self.reader.consume(end + 1);
            if let Some(frame) = self.finish_line() {
                return Some(frame);
            }
        }
    }

    fn finish_line(&mut self) -> Option<Frame> {
        let line = std::mem::take(&mut self.line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(String::from_utf8(line).map_or(Frame::Binary, Frame::Line))
    }
}
