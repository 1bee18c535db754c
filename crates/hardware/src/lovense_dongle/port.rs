//! An open link to a toy behind the dongle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frisson_program::{Bus, Endpoint};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::bus::Order;
use crate::{BoxFuture, Notified, Port, PortError};

const ENDPOINTS: [Endpoint; 2] = [Endpoint::TX, Endpoint::RX];

/// A link by which a toy is open. Closed when dropped.
pub(super) struct ToyPort {
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) heard: Mutex<mpsc::Receiver<Vec<u8>>>,
    pub(super) gone: Arc<std::sync::Mutex<Option<String>>>,
    pub(super) is_listening: Arc<AtomicBool>,
    pub(super) link: u64,
}

impl ToyPort {
    fn reason(&self) -> String {
        let gone = self.gone.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        gone.clone().unwrap_or_else(|| "the link was closed".to_owned())
    }

    async fn tell(&self, bytes: &[u8]) -> Result<(), PortError> {
        let text = std::str::from_utf8(bytes).map_err(|_| {
            PortError::Failed("the dongle takes text only, and these bytes are none".to_owned())
        })?;
        let (answer, answered) = oneshot::channel();
        let order = Order::Tell { link: self.link, text: text.to_owned(), answer };
        let gone = || PortError::Gone(self.reason());
        self.orders.send(order).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Port for ToyPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        _: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::TX, endpoint)?;
            self.tell(bytes).await
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            Err(match ENDPOINTS.contains(&endpoint) {
                true => PortError::Failed("nothing can be read through the dongle".to_owned()),
                false => PortError::NoEndpoint(endpoint),
            })
        })
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            self.is_listening.store(on, Ordering::Release);
            Ok(())
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move {
            match self.heard.lock().await.recv().await {
                Some(bytes) => Notified::Bytes(Endpoint::RX, bytes),
                None => Notified::Gone(self.reason()),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.orders.send(Order::Close(self.link));
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &ENDPOINTS
    }

    fn gap(&self) -> Duration {
        Bus::LovenseDongle.gap()
    }
}

impl Drop for ToyPort {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Close(self.link));
    }
}
