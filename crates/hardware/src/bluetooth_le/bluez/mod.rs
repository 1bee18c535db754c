//! BlueZ over D-Bus: one task owns the connection, keeps BlueZ's objects, and does what the scanner and the links ask for.
//!
//! Everything that BlueZ says comes through one stream and is taken in in that order, answers as well as signals.

mod calls;
mod discovery;
mod link;
mod links;
mod objects;
mod radio;
mod service;
mod waiting;

use std::future::{Future, pending};
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use zbus::connection::Builder;
use zbus::{Connection, MessageStream};

pub(super) use self::link::{SystemLink, ToLink};
use self::radio::Radio;
use super::{Options, Order};
use crate::Found;

/// How long connecting to D-Bus, and handing it messages, may take.
const DBUS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before connecting to D-Bus is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long links may take to be closed when nobody scans any more.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(1500);
/// How many messages of D-Bus may wait.
const QUEUE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

type Connecting = Pin<Box<dyn Future<Output = Result<Connection, String>> + Send>>;

/// Serves the scanner and its links until both are gone.
pub(super) async fn run(
    options: Options,
    mut orders: mpsc::UnboundedReceiver<Order>,
    to_self: mpsc::WeakUnboundedSender<Order>,
    found: mpsc::Sender<Found>,
) {
    let mut radio = Radio::new(to_self);
    let mut bus: Option<MessageStream> = None;
    let mut connecting: Option<Connecting> = Some(connect(options.clone()));
    let mut retry_at: Option<Instant> = None;
    let mut close_by: Option<Instant> = None;
    let mut is_open = true;
    let mut sleep = pin!(sleep_until(Instant::now()));

    loop {
        let now = Instant::now();
        radio.tick(now);
        if let Some(stream) = &bus
            && let Err(reason) = send(stream, &mut radio).await
        {
            bus = None;
            retry_at = Some(now + RETRY);
            radio.disconnected(&reason, now);
        }
        if !is_open && (!radio.has_links() || close_by.is_some_and(|by| by <= now)) {
            break;
        }
        let deadline = [radio.deadline(), retry_at, close_by].into_iter().flatten().min();
        sleep.as_mut().reset(deadline.unwrap_or_else(|| now + Duration::from_secs(3600)));
        tokio::select! {
            biased;
            order = orders.recv(), if is_open || radio.has_links() => match order {
                Some(Order::End(ended)) => {
                    is_open = false;
                    close_by.get_or_insert(now + CLOSE_TIMEOUT);
                    radio.end(ended);
                }
                Some(order) => radio.handle(order, Instant::now()),
                None => is_open = false,
            },
            message = next(&mut bus) => match message {
                Ok(message) => radio.heard(&message, Instant::now()),
                Err(reason) => {
                    bus = None;
                    retry_at = Some(Instant::now() + RETRY);
                    radio.disconnected(&reason, Instant::now());
                }
            },
            connected = done(&mut connecting) => {
                connecting = None;
                match connected {
                    Ok(connection) => {
                        bus = Some(MessageStream::from(connection));
                        radio.connected(Instant::now());
                    }
                    Err(reason) => {
                        retry_at = Some(Instant::now() + RETRY);
                        radio.disconnected(&reason, Instant::now());
                    }
                }
            }
            permit = found.reserve(), if is_open && radio.has_findings() => {
                if let (Ok(permit), Some(found)) = (permit, radio.finding(Instant::now())) {
                    permit.send(found);
                }
            }
            () = &mut sleep => {
                if retry_at.is_some_and(|at| at <= Instant::now()) {
                    retry_at = None;
                    connecting = Some(connect(options.clone()));
                }
            }
        }
    }
    // Devices that are connected still are let go of; the connection's end ends discoveries.
    radio.let_go();
    if let Some(stream) = bus {
        let _ = send(&stream, &mut radio).await;
        // Waits until nobody has the connection any more.
        let _ = timeout(DBUS_TIMEOUT, Connection::from(stream).graceful_shutdown()).await;
    }
}

fn connect(options: Options) -> Connecting {
    Box::pin(async move {
        let builder = match &options.dbus_address {
            Some(address) => Builder::address(address.as_str()),
            None => Builder::system(),
        };
        match timeout(DBUS_TIMEOUT, builder.max_queued(QUEUE).build()).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", DBUS_TIMEOUT.as_secs())),
        }
    })
}

async fn done(connecting: &mut Option<Connecting>) -> Result<Connection, String> {
    match connecting {
        Some(connecting) => connecting.await,
        None => pending().await,
    }
}

async fn next(bus: &mut Option<MessageStream>) -> Result<zbus::Message, String> {
    match bus {
        Some(stream) => match stream.next().await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("it was closed".to_owned()),
        },
        None => pending().await,
    }
}

/// Hands over what the radio has to say.
async fn send(bus: &MessageStream, radio: &mut Radio) -> Result<(), String> {
    let messages = radio.outgoing();
    if messages.is_empty() {
        return Ok(());
    }
    let connection = Connection::from(bus);
    match timeout(DBUS_TIMEOUT, connection.send_all(&messages)).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it takes nothing since {} s", DBUS_TIMEOUT.as_secs())),
    }
}
