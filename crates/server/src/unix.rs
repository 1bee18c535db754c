//! Clients over a Unix domain socket: one frame a line.

use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use frisson_engine::hub::SessionId;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{Instrument, info, info_span};

use crate::accept::accept;
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

/// Opens a socket that only this user can reach. A socket that a server left behind is replaced; one that is in use is not, nor any other file.
pub(crate) async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), ListenError> {
    let address = format!("unix:{}", path.display());
    let listener = match bind_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Whoever connects to a file of another kind is refused as well.
            let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
            match UnixStream::connect(path).await {
                Err(error) if is_socket && error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).and_then(|()| bind_new(path))
                }
                _ => return Err(ListenError::InUse { address }),
            }
        }
        bound => bound,
    };
    let listener = listener.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ListenError::NotPermitted { address: address.clone() },
        io::ErrorKind::NotFound => ListenError::NoSuchAddress { address: address.clone() },
        io::ErrorKind::AlreadyExists => ListenError::InUse { address: address.clone() },
        _ => ListenError::Failed { address: address.clone(), source: error },
    })?;
    Ok((listener, SocketFile(path.to_owned())))
}

/// Opens a socket where there is no file. It is made in a folder that only this user can enter and put in its place when its own rights are
/// set: at no time can anybody else connect.
fn bind_new(path: &Path) -> io::Result<UnixListener> {
    static FOLDERS: AtomicU32 = AtomicU32::new(0);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = parent.join(format!(".{:x}-{number:x}", std::process::id()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    let made = folder.join("s");
    let listener = UnixListener::bind(&made).and_then(|listener| {
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
        std::fs::hard_link(&made, path)?;
        Ok(listener)
    });
    let _ = std::fs::remove_file(&made);
    let _ = std::fs::remove_dir(&folder);
    listener
}

/// Accepts clients until the server is gone.
pub(crate) async fn run(listener: UnixListener, file: SocketFile, shared: Arc<Shared>) {
    let take = |(stream, _): (UnixStream, SocketAddr), place| {
        let session = shared.next_session();
        let (limits, hub) = (shared.limits, shared.hub.clone());
        let serving = async move {
            serve(stream, session, limits, hub).await;
            drop(place);
        };
        tokio::spawn(serving.instrument(info_span!("session", id = session.0)));
    };
    accept(&shared, || listener.accept(), take).await;
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
            let end =
                self.reader.buffer().iter().position(|byte| *byte == b'\n').filter(|end| *end <= self.max)?;
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
