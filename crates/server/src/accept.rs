//! Takes in connections, whatever carries them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::Shared;

/// How long to wait after the system could not give another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes in connections until the server is gone, each with its place among those that there may be at once. What goes wrong is told once until it
/// goes well again.
pub(crate) async fn accept<S, F>(
    shared: &Shared,
    next: impl Fn() -> F,
    take: impl Fn(S, OwnedSemaphorePermit),
) where
    F: Future<Output = io::Result<S>>,
{
    let places = Arc::new(Semaphore::new(shared.max_connections()));
    let (mut is_full, mut has_failed) = (false, false);
    loop {
        let accepted = tokio::select! {
            accepted = next() => accepted,
            () = shared.hub.closed() => return,
        };
        match accepted {
            Ok(stream) => {
                has_failed = false;
                match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => {
                        is_full = false;
                        take(stream, place);
                    }
                    Err(_) if std::mem::replace(&mut is_full, true) => {}
                    Err(_) => warn!("too many connections, refusing more until one has ended"),
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut has_failed, true) {
                    warn!("a connection could not be accepted, it is tried again: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
