//! An open link to a device.

use frisson_program::Endpoint;

use super::hearing::Subscription;
use super::link::{Link, Place};
use crate::{BoxFuture, Notified, Port, PortError};

/// A link by which a device is open. Closed when dropped, because `link` is.
pub(super) struct BluetoothPort<L: Link> {
    link: L,
    places: Vec<Place<L::Handle>>,
    endpoints: Vec<Endpoint>,
    plan: usize,
}

impl<L: Link> BluetoothPort<L> {
    pub(super) fn new(link: L, places: Vec<Place<L::Handle>>, plan: usize) -> Self {
        let endpoints = places.iter().map(|place| place.endpoint).collect();
        Self { link, places, endpoints, plan }
    }

    fn place(&self, endpoint: Endpoint) -> Result<&Place<L::Handle>, PortError> {
        let place = self.places.iter().find(|place| place.endpoint == endpoint);
        place.ok_or(PortError::NoEndpoint(endpoint))
    }
}

fn cannot(endpoint: Endpoint, what: &str) -> PortError {
    PortError::Failed(format!("the device's endpoint {endpoint} cannot {what}"))
}

impl<L: Link> Port for BluetoothPort<L> {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        confirm: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let place = self.place(endpoint)?;
            let kind = place.abilities.write_kind(confirm).ok_or_else(|| cannot(endpoint, "be written"))?;
            self.link.write(&place.handle, bytes, kind).await
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let place = self.place(endpoint)?;
            match place.abilities.read {
                true => self.link.read(&place.handle).await,
                false => Err(cannot(endpoint, "be read")),
            }
        })
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            let place = self.place(endpoint)?;
            if !place.abilities.notify {
                return Err(cannot(endpoint, "notify"));
            }
            let hearing = self.link.hearing();
            let Subscription::Needed(wanted) = hearing.listen(place.handle.clone(), endpoint, on) else {
                return Ok(());
            };
            let done = self.link.notify(&place.handle, wanted).await;
            if done.is_err() && on {
                hearing.listen(place.handle.clone(), endpoint, false);
            }
            done
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(self.link.hearing().next())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.link.hearing().end("the link was closed");
            self.link.disconnect().await;
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn plan(&self) -> usize {
        self.plan
    }
}
