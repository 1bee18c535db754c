//! An open link to a pad: one thread that does all there is to do with it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use frisson_program::Endpoint;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::time::timeout;
use tracing::debug;

use super::motors::{Due, Motors};
use super::{Info, Pad, PadError, Speeds, System};
use crate::polled::Claim;
use crate::{BoxFuture, Notified, Port, PortError};

/// For how long motors are told to run. They are told again long before.
const ARMED: Duration = Duration::from_secs(60);
/// How many orders may wait, those included that nobody waits for any more.
const WAITING: usize = 4;
/// How long closing waits for the pad to be at rest.
const CLOSE: Duration = Duration::from_millis(800);

const ENDPOINTS: [Endpoint; 2] = [Endpoint::TX, Endpoint::RX];

/// A link by which a pad is open. Closed when dropped.
pub(super) struct PadPort {
    orders: Mutex<Option<SyncSender<Order>>>,
    /// Why there is nothing more; the thread's last word.
    gone: Arc<Mutex<Option<String>>>,
    ended: AsyncMutex<Ended>,
}

/// Whether the thread has ended.
enum Ended {
    NotYet(oneshot::Receiver<()>),
    Yes,
}

enum Order {
    Run(Speeds, oneshot::Sender<Result<(), PadError>>),
    Battery(oneshot::Sender<Result<u8, PadError>>),
}

impl PadPort {
    /// Opens a pad, in the thread that is its own from then on.
    pub(super) async fn open(system: Arc<dyn System>, info: Info, claim: Claim) -> Result<Self, PortError> {
        let (orders, ordered) = sync_channel(WAITING);
        let (opened, open) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let gone = Arc::new(Mutex::new(None));
        let port = Self {
            orders: Mutex::new(Some(orders)),
            gone: Arc::clone(&gone),
            ended: AsyncMutex::new(Ended::NotYet(ended)),
        };
        let work = move || {
            match system.open(&info) {
                Ok(pad) => {
                    // Whoever does not wait for it any more has dropped the other end of the orders as well.
                    let _ = opened.send(Ok(()));
                    *lock(&gone) = Some(serve(pad, &ordered));
                }
                Err(error) => drop(opened.send(Err(error))),
            }
            drop(claim);
            drop(ordered);
            let _ = ends.send(());
        };
        let thread = thread::Builder::new().name("gamepad".to_owned()).spawn(work);
        thread.map_err(|error| PortError::Failed(format!("no thread can be started: {error}")))?;
        match open.await {
            Ok(Ok(())) => Ok(port),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(PortError::Failed("opening the gamepad failed".to_owned())),
        }
    }

    fn reason(&self) -> String {
        lock(&self.gone).clone().unwrap_or_else(|| "the link was closed".to_owned())
    }

    async fn order<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, PortError> {
        let gone = || PortError::Gone(self.reason());
        let (answer, answered) = oneshot::channel();
        match lock(&self.orders).as_ref().map(|orders| orders.try_send(order(answer))) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => {
                return Err(PortError::Failed(
                    "the gamepad does not take what it was told before".to_owned(),
                ));
            }
            Some(Err(TrySendError::Disconnected(_))) | None => return Err(gone()),
        }
        answered.await.map_err(|_| gone())?.map_err(failed)
    }

    async fn ended(&self) {
        let mut ended = self.ended.lock().await;
        if let Ended::NotYet(receiver) = &mut *ended {
            let _ = receiver.await;
            *ended = Ended::Yes;
        }
    }
}

type Answer<T> = oneshot::Sender<Result<T, PadError>>;

fn failed(error: PadError) -> PortError {
    match error {
        PadError::Gone => PortError::Gone(error.to_string()),
        other => PortError::Failed(other.to_string()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves a pad until its port is closed or it is gone, and leaves it at rest. Gives the reason of the end.
fn serve(mut pad: Box<dyn Pad>, orders: &Receiver<Order>) -> String {
    let mut motors = Motors::new(Instant::now());
    let reason = loop {
        let result = match orders.recv_timeout(motors.next().saturating_duration_since(Instant::now())) {
            Ok(Order::Run(speeds, answer)) => {
                let told = pad.rumble(speeds, ARMED);
                motors.told(Instant::now(), speeds);
                let result = told.clone();
                let _ = answer.send(told);
                result
            }
            Ok(Order::Battery(answer)) => {
                let _ = answer.send(pad.battery());
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => on_time(&mut *pad, &mut motors),
            Err(RecvTimeoutError::Disconnected) => break "the link was closed".to_owned(),
        };
        if let Err(error) = result {
            break match error {
                PadError::Gone => error.to_string(),
                other => format!("the gamepad was lost: {other}"),
            };
        }
    };
    if let Err(error) = pad.rumble(Speeds::default(), ARMED) {
        debug!("a gamepad that is given up cannot be brought to rest: {error}");
    }
    reason
}

fn on_time(pad: &mut dyn Pad, motors: &mut Motors) -> Result<(), PadError> {
    match motors.due(Instant::now()) {
        Some(Due::Repeat(speeds)) => {
            pad.rumble(speeds, ARMED)?;
            motors.told(Instant::now(), speeds);
            Ok(())
        }
        Some(Due::Check) => pad.check(),
        None => Ok(()),
    }
}

/// The speeds that a packet sets.
fn speeds(bytes: &[u8]) -> Option<Speeds> {
    let speed = |at: usize| Some(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    (bytes.len() == 8).then_some(())?;
    Some(Speeds { low: speed(0)?, high: speed(2)?, left_trigger: speed(4)?, right_trigger: speed(6)? })
}

impl Port for PadPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        _: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::TX, endpoint)?;
            let speeds = speeds(bytes).ok_or_else(|| {
                PortError::Failed(format!("a gamepad takes 8 bytes, four speeds, not {}", bytes.len()))
            })?;
            self.order(|answer| Order::Run(speeds, answer)).await
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            self.order(Order::Battery).await.map(|percent| vec![percent])
        })
    }

    fn listen(&self, endpoint: Endpoint, _: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            Err(PortError::Failed("a gamepad is read from, it notifies nothing".to_owned()))
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move {
            self.ended().await;
            Notified::Gone(self.reason())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            lock(&self.orders).take();
            let _ = timeout(CLOSE, self.ended()).await;
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }
}
