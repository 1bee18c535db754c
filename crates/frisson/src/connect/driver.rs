//! What an [`App`](crate::connect::app::App) wishes, carried out with the client library; and what that tells, put into its words.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use frisson_client::{Client, Device, Error, Event, Feature, Reading, Steps};
use tokio::sync::mpsc;

use crate::connect::device::InputId;
use crate::connect::messages::{Heard, What, Wish};

type Answer = Result<Option<i64>, String>;
type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The way from wishes to the server.
pub(crate) struct Driver {
    client: Client,
    devices: HashMap<u32, Device>,
    answers: mpsc::UnboundedSender<Heard>,
    lost: Option<String>,
}

impl Driver {
    pub(crate) fn new(client: Client, answers: mpsc::UnboundedSender<Heard>) -> Self {
        Self { client, devices: HashMap::new(), answers, lost: None }
    }

    /// Sends what is wished; the answer comes as [`Heard::Done`].
    pub(crate) async fn carry_out(&self, wish: Wish) {
        let mut asking = self.ask(wish.what);
        // Requests are sent when they are polled for the first time: so they keep their order.
        let first = poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx))).await;
        let answers = self.answers.clone();
        match first {
            Poll::Ready(answer) => {
                let _ = answers.send(Heard::Done(wish, answer));
            }
            Poll::Pending => {
                tokio::spawn(async move {
                    let _ = answers.send(Heard::Done(wish, asking.await));
                });
            }
        }
    }

    /// What an event means to the application.
    pub(crate) fn hear(&mut self, event: Event) -> Option<Heard> {
        Some(match event {
            Event::DeviceAdded(device) => {
                let definition = definition(&device);
                self.devices.insert(device.index(), device);
                Heard::Added(definition)
            }
            Event::DeviceRemoved(device) => {
                self.devices.remove(&device.index());
                Heard::Removed(device.index())
            }
            Event::ScanningFinished => Heard::ScanEnded,
            Event::Reading(Reading { feature, kind, value }) => Heard::Reading(
                InputId { device: feature.device().index(), feature: feature.index(), kind },
                value,
            ),
            Event::PingTimeout => {
                Heard::Fault("the server received no ping in time and has stopped the devices".into())
            }
            Event::ServerError(fault) => Heard::Fault(format!("the server says: {fault}")),
            Event::Disconnected(reason) => {
                let reason = reason.to_string();
                self.lost = Some(reason.clone());
                Heard::Lost(reason)
            }
            Event::Reconnecting { attempt, delay } => Heard::Retrying { attempt, delay },
            Event::Reconnected => Heard::Back,
            Event::Lagged(_) => {
                let devices = self.client.devices();
                let definitions = devices.iter().map(definition).collect();
                self.devices = devices.into_iter().map(|device| (device.index(), device)).collect();
                Heard::Present(definitions)
            }
            _ => return None,
        })
    }

    /// Why the connection has ended for good.
    pub(crate) fn farewell(&self) -> String {
        let reason = self.client.disconnect_reason().map(|reason| reason.to_string());
        format!("the connection has ended: {}", reason.or_else(|| self.lost.clone()).unwrap_or_default())
    }

    fn ask(&self, what: What) -> Asking {
        let client = self.client.clone();
        match what {
            What::Set { output, value, duration } => {
                self.with(output.device, output.feature, async move |feature| match duration {
                    Some(ms) => {
                        feature.move_to(Steps(value), Duration::from_millis(ms.into())).await.map(|()| None)
                    }
                    None => feature.set(output.kind, Steps(value)).await.map(|()| None),
                })
            }
            What::StopFeature { device, feature } => {
                self.with(device, feature, async move |feature| feature.stop().await.map(|()| None))
            }
            What::Subscribe(input) => self.with(input.device, input.feature, async move |feature| {
                feature.subscribe(input.kind).await.map(|()| None)
            }),
            What::Read(input) => self.with(input.device, input.feature, async move |feature| {
                feature.read(input.kind).await.map(Some)
            }),
            What::StopAll => Box::pin(async move { plain(client.stop_all().await) }),
            What::Scan(true) => Box::pin(async move { plain(client.start_scanning().await) }),
            What::Scan(false) => Box::pin(async move { plain(client.stop_scanning().await) }),
            What::Leave => Box::pin(async { Ok(None) }),
        }
    }

    fn with<F, R>(&self, device: u32, feature: u32, ask: F) -> Asking
    where
        F: FnOnce(Feature) -> R + Send + 'static,
        R: Future<Output = Result<Option<i64>, Error>> + Send + 'static,
    {
        let Some(feature) = self.devices.get(&device).and_then(|device| device.feature(feature)) else {
            return Box::pin(async { Err("the device is gone".to_owned()) });
        };
        Box::pin(async move {
            let label = feature.device().label().to_owned();
            ask(feature).await.map_err(|error| format!("{label}: {error}"))
        })
    }
}

fn plain(result: Result<(), Error>) -> Answer {
    result.map(|()| None).map_err(|error| error.to_string())
}

/// A device as the protocol describes it.
fn definition(device: &Device) -> frisson_wire::Device {
    let features = device.features().into_iter().map(|feature| frisson_wire::Feature {
        index: feature.index(),
        description: feature.description().to_owned(),
        outputs: feature.outputs().to_vec(),
        inputs: feature.inputs().to_vec(),
    });
    frisson_wire::Device {
        index: device.index(),
        name: device.name().to_owned(),
        display_name: device.display_name().map(str::to_owned),
        gap_ms: u32::try_from(device.message_gap().as_millis()).unwrap_or(u32::MAX),
        features: features.collect(),
    }
}
