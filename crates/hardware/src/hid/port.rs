//! An open link to a device: a thread that reads, and one that writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use frisson_program::Endpoint;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::time::timeout;

use super::{HidError, Link, MAX_REPORT, Reads, Writes};
use crate::{BoxFuture, Notified, Port, PortError};

/// How many input reports may wait to be heard. What comes on top is lost, as it would be in the system's own queue.
const UNHEARD: usize = 64;
/// How many writes may wait, those included that nobody waits for any more.
const UNWRITTEN: usize = 4;
/// How often the reading thread looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(200);
/// How long a read waits for the next report.
const READ: Duration = Duration::from_secs(1);
/// How long closing waits for a write under way.
const CLOSE: Duration = Duration::from_millis(500);

const ENDPOINTS: [Endpoint; 2] = [Endpoint::TX, Endpoint::RX];

/// A link by which a device is open. Closed when dropped.
pub(crate) struct HidPort {
    shared: Arc<Shared>,
    writes: Mutex<Option<SyncSender<Write>>>,
    heard: AsyncMutex<mpsc::Receiver<Vec<u8>>>,
    written_all: Mutex<Option<oneshot::Receiver<()>>>,
}

/// What the port and its threads share.
#[derive(Default)]
struct Shared {
    is_closed: AtomicBool,
    is_listening: AtomicBool,
    gone: Mutex<Option<String>>,
    reader: Mutex<Option<oneshot::Sender<Vec<u8>>>>,
}

struct Write {
    report: Vec<u8>,
    answer: oneshot::Sender<Result<(), PortError>>,
}

impl HidPort {
    /// A port over an open device; the claim on it is dropped with the last thread.
    pub(crate) fn new(link: Link, claim: impl Send + Sync + 'static) -> Result<Self, PortError> {
        let shared = Arc::new(Shared::default());
        let claim = Arc::new(claim);
        let (hears, heard) = mpsc::channel(UNHEARD);
        let (writes, to_write) = sync_channel(UNWRITTEN);
        let (ends, written_all) = oneshot::channel();
        let reading = {
            let (shared, claim) = (Arc::clone(&shared), Arc::clone(&claim));
            move || {
                read_all(link.reads, &shared, &hears);
                drop(claim);
            }
        };
        let writing = move || {
            write_all(link.writes, &to_write);
            drop(claim);
            let _ = ends.send(());
        };
        let port = Self {
            shared,
            writes: Mutex::new(Some(writes)),
            heard: AsyncMutex::new(heard),
            written_all: Mutex::new(Some(written_all)),
        };
        let fault = |error: std::io::Error| PortError::Failed(format!("no thread can be started: {error}"));
        thread::Builder::new().name("hid read".to_owned()).spawn(reading).map_err(fault)?;
        thread::Builder::new().name("hid write".to_owned()).spawn(writing).map_err(fault)?;
        Ok(port)
    }

    fn end(&self) {
        self.shared.is_closed.store(true, Ordering::Release);
        lock(&self.writes).take();
    }

    fn gone(&self) -> PortError {
        PortError::Gone(self.shared.reason())
    }

    async fn write_report(&self, report: &[u8]) -> Result<(), PortError> {
        let (answer, answered) = oneshot::channel();
        let order = Write { report: report.to_vec(), answer };
        match lock(&self.writes).as_ref().map(|writes| writes.try_send(order)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => {
                return Err(PortError::Failed("the device does not take what was written before".to_owned()));
            }
            Some(Err(TrySendError::Disconnected(_))) | None => return Err(self.gone()),
        }
        answered.await.map_err(|_| self.gone())?
    }

    async fn read_report(&self) -> Result<Vec<u8>, PortError> {
        if lock(&self.shared.gone).is_some() {
            return Err(self.gone());
        }
        let (sender, report) = oneshot::channel();
        *lock(&self.shared.reader) = Some(sender);
        match timeout(READ, report).await {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(_)) => Err(self.gone()),
            Err(_) => Err(PortError::Unanswered(READ)),
        }
    }
}

impl Shared {
    fn reason(&self) -> String {
        lock(&self.gone).clone().unwrap_or_else(|| "the link was closed".to_owned())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads until the port is closed or the device gone.
fn read_all(mut reads: Box<dyn Reads>, shared: &Shared, hears: &mpsc::Sender<Vec<u8>>) {
    let mut report = [0; MAX_REPORT];
    while !shared.is_closed.load(Ordering::Acquire) {
        let bytes = match reads.read(&mut report, LOOK) {
            Ok(0) => continue,
            Ok(length) => report.get(..length).unwrap_or_default().to_vec(),
            Err(error) => {
                *lock(&shared.gone) = Some(match error {
                    HidError::Gone => error.to_string(),
                    other => format!("the device was lost: {other}"),
                });
                break;
            }
        };
        // Before the reader is answered: who begins to listen after that hears what comes after that.
        let is_listening = shared.is_listening.load(Ordering::Acquire);
        if let Some(reader) = lock(&shared.reader).take() {
            let _ = reader.send(bytes.clone());
        }
        if is_listening {
            let _ = hears.try_send(bytes);
        }
    }
    lock(&shared.reader).take();
}

/// Writes what there is to write until the port is closed.
fn write_all(mut writes: Box<dyn Writes>, to_write: &Receiver<Write>) {
    while let Ok(Write { report, answer }) = to_write.recv() {
        let result = writes.write(&report);
        let _ = answer.send(result.map_err(|error| match error {
            HidError::Gone => PortError::Gone(error.to_string()),
            other => PortError::Failed(other.to_string()),
        }));
    }
}

impl Port for HidPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        _: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::TX, endpoint)?;
            self.write_report(bytes).await
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            self.read_report().await
        })
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            self.shared.is_listening.store(on, Ordering::Release);
            Ok(())
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move {
            match self.heard.lock().await.recv().await {
                Some(report) => Notified::Bytes(Endpoint::RX, report),
                None => Notified::Gone(self.shared.reason()),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.end();
            let written_all = lock(&self.written_all).take();
            if let Some(written_all) = written_all {
                let _ = timeout(CLOSE, written_all).await;
            }
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}

impl Drop for HidPort {
    fn drop(&mut self) {
        self.end();
    }
}
