//! An open link to a toy behind a phone.

use frisson_program::Endpoint;
use tokio::sync::{Mutex, mpsc, watch};

use super::http::Client;
use crate::{BoxFuture, Notified, Port, PortError};

/// A link to a toy. What is written is the path of a request to its phone.
pub(super) struct ToyPort {
    client: Mutex<Client>,
    /// In percent, as the phone said last.
    battery: watch::Receiver<u8>,
    /// Why the toy is gone, once it is.
    gone: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl ToyPort {
    pub(super) fn new(
        client: Client,
        battery: watch::Receiver<u8>,
        gone: mpsc::UnboundedReceiver<String>,
    ) -> Self {
        Self { client: Mutex::new(client), battery, gone: Mutex::new(gone) }
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
            let text = std::str::from_utf8(bytes)
                .ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
            let Some(text) = text else {
                return Err(PortError::Failed(
                    "a command to a phone has to be the path of a request".to_owned(),
                ));
            };
            let path = format!("/{}", text.trim_start_matches('/'));
            let answer = self.client.lock().await.get(&path).await;
            answer.map(drop).map_err(|error| PortError::Failed(format!("the phone was not told: {error}")))
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        let battery = *self.battery.borrow();
        Box::pin(async move {
            match endpoint {
                Endpoint::RX => Ok(vec![battery]),
                endpoint => Err(PortError::NoEndpoint(endpoint)),
            }
        })
    }

    fn listen(&self, endpoint: Endpoint, _: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            Err(match endpoint {
                Endpoint::RX => PortError::Failed("a phone tells nothing of its own accord".to_owned()),
                endpoint => PortError::NoEndpoint(endpoint),
            })
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async {
            let reason = self.gone.lock().await.recv().await;
            Notified::Gone(reason.unwrap_or_else(|| "the link was closed".to_owned()))
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn endpoints(&self) -> &[Endpoint] {
        &[Endpoint::TX, Endpoint::RX]
    }
}
