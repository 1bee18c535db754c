//! Calls of the system that may block, each on a thread of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::PortError;

/// How many calls of the system may hang at once.
const MOST_THREADS: usize = 64;

/// Does on a thread of its own what may block: a runtime that ends does not wait for it. The result is lost if nobody waits for it any more.
pub(crate) async fn detached<T: Send + 'static>(
    name: &str,
    limit: Duration,
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, PortError> {
    let counted = Counted::new().ok_or_else(|| {
        PortError::Failed(format!("the system has not answered {MOST_THREADS} earlier calls yet"))
    })?;
    let (answer, answered) = oneshot::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = work();
        drop(counted);
        let _ = answer.send(result);
    });
    if let Err(error) = thread {
        return Err(PortError::Failed(format!("no thread can be started: {error}")));
    }
    match timeout(limit, answered).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(PortError::Failed("the system's call ended without a result".to_owned())),
        Err(_) => Err(PortError::Unanswered(limit)),
    }
}

/// One of the threads that do what may block.
struct Counted;

/// How many of them there are in this process.
static THREADS: AtomicUsize = AtomicUsize::new(0);

impl Counted {
    /// `None` if there are as many as there may be.
    fn new() -> Option<Self> {
        let more = |count| (count < MOST_THREADS).then_some(count + 1);
        THREADS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}
