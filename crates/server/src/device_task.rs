//! The task of one device: runs its machine, and carries out on the link what the machine wants.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_engine::device::{Ask, Command, DeviceMachine, Input, Output, Settings};
use frisson_engine::hub::DeviceId;
use frisson_hardware::{Notified, Port, PortError};
use frisson_program::{Operation, Packet, Program};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tracing::{debug, trace};

use crate::messages::{ToHub, now, send_surely};

/// How long closing a link may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How many commands are taken in at once.
const BATCH: usize = 64;

type Operating = Pin<Box<dyn Future<Output = Result<Packet, PortError>> + Send>>;

/// Serves one device until its machine ends. If the hub goes away first, the device is stopped and closed.
pub(crate) async fn run(
    device: DeviceId,
    port: Box<dyn Port>,
    program: Box<dyn Program>,
    settings: Settings,
    ask: Ask,
    mut commands: mpsc::UnboundedReceiver<Command>,
    hub: mpsc::Sender<ToHub>,
) {
    let ended = Ended { device, hub: hub.clone() };
    let port: Arc<dyn Port> = Arc::from(port);
    let mut machine = DeviceMachine::asking(now(), program, settings, ask);
    let mut operation: Option<Operating> = None;
    let mut heard = pin!(listen(Arc::clone(&port)));
    let mut is_gone = false;
    let mut hub_is_gone = false;
    let mut batch = Vec::with_capacity(BATCH);
    let mut sleep = pin!(sleep_until(now().into()));
    let mut armed: Option<Instant> = None;

    'serve: loop {
        while let Some(output) = machine.poll_output() {
            match output {
                Output::Operate(wanted) => operation = Some(operate(Arc::clone(&port), wanted)),
                Output::Abandon => operation = None,
                Output::Report(report) => {
                    let _ = hub.send(ToHub::Device(device, report)).await;
                }
                Output::Close => break 'serve,
            }
        }
        let wanted = machine.poll_timeout();
        if wanted != armed {
            armed = wanted;
            if let Some(at) = wanted {
                sleep.as_mut().reset(at.into());
            }
        }
        tokio::select! {
            biased;
            count = commands.recv_many(&mut batch, BATCH), if !hub_is_gone => {
                let now = now();
                if count == 0 {
                    hub_is_gone = true;
                    debug!("the hub is gone, stopping the device");
                    machine.handle(now, Input::Command(Command::Close));
                }
                for command in batch.drain(..) {
                    debug!(?command);
                    machine.handle(now, Input::Command(command));
                }
                let _ = hub.send(ToHub::Credit(device, u32::try_from(count).unwrap_or(0))).await;
            }
            result = complete(&mut operation) => {
                operation = None;
                machine.handle(now(), Input::Completed(result.map_err(|error| error.to_string())));
            }
            notified = &mut heard, if !is_gone => match notified {
                Notified::Bytes(endpoint, bytes) => {
                    trace!(%endpoint, ?bytes, "heard");
                    machine.handle(now(), Input::Notified(endpoint, &bytes));
                    heard.set(listen(Arc::clone(&port)));
                }
                Notified::Gone(reason) => {
                    is_gone = true;
                    machine.handle(now(), Input::Lost(reason));
                }
            },
            () = &mut sleep, if armed.is_some() => {
                armed = None;
                machine.handle(now(), Input::Timeout);
            }
        }
    }
    drop(operation);
    if timeout(CLOSE_TIMEOUT, port.close()).await.is_err() {
        debug!("closing the link took too long");
    }
    drop(ended);
}

/// Tells the hub that a device's task has ended, also when that is by a fault of its own: then the device has to be brought to rest when it
/// returns.
struct Ended {
    device: DeviceId,
    hub: mpsc::Sender<ToHub>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        send_surely(&self.hub, ToHub::DeviceEnded(self.device));
    }
}

async fn listen(port: Arc<dyn Port>) -> Notified {
    port.next().await
}

fn operate(port: Arc<dyn Port>, operation: Operation) -> Operating {
    Box::pin(async move {
        match operation {
            Operation::Write { endpoint, bytes, confirm } => {
                trace!(%endpoint, ?bytes, confirm, "write");
                port.write(endpoint, &bytes, confirm).await.map(|()| Packet::new())
            }
            Operation::Read { endpoint } => port.read(endpoint).await.map(Packet::from_vec),
            Operation::Listen { endpoint, on } => port.listen(endpoint, on).await.map(|()| Packet::new()),
        }
    })
}

async fn complete(operation: &mut Option<Operating>) -> Result<Packet, PortError> {
    match operation {
        Some(operation) => operation.await,
        None => pending().await,
    }
}
