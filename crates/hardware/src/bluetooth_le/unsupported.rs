//! Systems whose Bluetooth is not known: it is said once that nothing can be found.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::hearing::Hearing;
use super::link::{Characteristic, Link};
use super::{Options, Order};
use crate::{Found, PortError};

/// There are no links.
pub(super) struct SystemLink(Infallible);

/// Nothing is asked for any link.
pub(super) type ToLink = Infallible;

pub(super) async fn run(
    _: Options,
    mut orders: mpsc::UnboundedReceiver<Order>,
    _: mpsc::WeakUnboundedSender<Order>,
    found: mpsc::Sender<Found>,
) {
    let reason = "Bluetooth LE is known on Linux, Windows and macOS only".to_owned();
    let _ = found.send(Found::Unusable(reason)).await;
    while let Some(order) = orders.recv().await {
        match order {
            Order::End(_) => return,
            Order::Link { answer, .. } => drop(answer),
            Order::Scan(_) | Order::Failed(_) => {}
            Order::ToLink(never) => match never {},
        }
    }
}

impl Link for SystemLink {
    type Handle = ();

    async fn connect(&self) -> Result<(), PortError> {
        match self.0 {}
    }

    async fn discover(&self) -> Result<Vec<Characteristic<()>>, PortError> {
        match self.0 {}
    }

    async fn settle(&self) -> Result<(), PortError> {
        match self.0 {}
    }

    async fn disconnect(&self) {
        match self.0 {}
    }

    async fn write(&self, (): &(), _: &[u8], _: bool) -> Result<(), PortError> {
        match self.0 {}
    }

    async fn read(&self, (): &()) -> Result<Vec<u8>, PortError> {
        match self.0 {}
    }

    async fn notify(&self, (): &(), _: bool) -> Result<(), PortError> {
        match self.0 {}
    }

    fn hearing(&self) -> &Arc<Hearing<()>> {
        match self.0 {}
    }
}
