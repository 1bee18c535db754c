//! Windows and macOS, by btleplug: one task watches the adapters, and links ask their devices themselves.

mod link;
mod radio;

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

pub(super) use self::link::{SystemLink, ToLink};
use self::radio::Radio;
use super::{Options, Order};
use crate::Found;

/// How often it is looked whether adapters and devices are there still. The library's events are not relied upon alone: it drops some when
/// many come at once.
const LOOK: Duration = Duration::from_secs(1);
/// How long links may take to be closed when nobody scans any more.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Serves the scanner and its links until both are gone.
pub(super) async fn run(
    _: Options,
    mut orders: mpsc::UnboundedReceiver<Order>,
    to_self: mpsc::WeakUnboundedSender<Order>,
    found: mpsc::Sender<Found>,
) {
    let mut radio = Radio::new(to_self);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut close_by: Option<Instant> = None;
    let mut ended = None;
    loop {
        if close_by.is_some_and(|by| by <= Instant::now() || !radio.has_links()) {
            break;
        }
        let mut closing = pin!(sleep_until(close_by.unwrap_or_else(Instant::now)));
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Scan(on)) => radio.scan(on).await,
                Some(Order::Link { address, answer }) => {
                    let _ = answer.send(radio.link(&address).await);
                }
                Some(Order::Failed(sighting)) => radio.failed(&sighting),
                Some(Order::ToLink(order)) => radio.handle(order).await,
                Some(Order::End(answer)) => {
                    radio.scan(false).await;
                    close_by.get_or_insert_with(|| Instant::now() + CLOSE_TIMEOUT);
                    ended = answer.or(ended);
                }
                None => break,
            },
            _ = look.tick() => radio.look().await,
            Some((adapter, event)) = radio.events.next() => radio.heard(&adapter, event).await,
            permit = found.reserve(), if close_by.is_none() && radio.has_findings() => {
                if let (Ok(permit), Some(found)) = (permit, radio.finding().await) {
                    permit.send(found);
                }
            }
            () = &mut closing, if close_by.is_some() => {}
        }
    }
    radio.let_go().await;
    if let Some(ended) = ended {
        let _ = ended.send(());
    }
}
