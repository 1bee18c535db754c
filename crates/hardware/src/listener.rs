//! A listening port, for the buses whose devices connect by themselves.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, info, warn};

/// How long to wait after the system could not give another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How many refusals in a row the log tells.
const MAX_TOLD: u32 = 20;

/// Tells the user of those who are turned away. Whoever tries again and again does not fill the log.
#[derive(Default)]
pub(crate) struct Refusals(AtomicU32);

impl Refusals {
    /// Somebody is turned away, for this reason.
    pub(crate) fn tell(&self, peer: SocketAddr, why: &str) {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            before @ ..MAX_TOLD => {
                let last = before + 1 == MAX_TOLD;
                let more = if last { "; more of this kind are only told at the level debug" } else { "" };
                info!(%peer, "a connection was refused: {why}{more}");
            }
            _ => {
                self.0.store(MAX_TOLD, Ordering::Relaxed);
                debug!(%peer, "a connection was refused: {why}");
            }
        }
    }

    /// Somebody behaves as he should.
    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Opens a port, and gives the address in use.
pub(crate) fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

/// Accepts connections for ever.
pub(crate) async fn accept(listener: TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) {
    let mut is_told = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                is_told = false;
                let _ = stream.set_nodelay(true);
                take(stream, peer);
            }
            Err(error) => {
                if !std::mem::replace(&mut is_told, true) {
                    warn!("a connection could not be accepted, and the next are not told of: {error}");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
