//! A link to one device.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use btleplug::api::{CharPropFlags, Characteristic as Found, Peripheral as _, WriteType};
use btleplug::platform::Peripheral;
use frisson_program::Uuid;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::super::Order;
use super::super::hearing::Hearing;
use super::super::link::{Abilities, Characteristic, Link};
use crate::PortError;

/// How long disconnecting may take.
pub(super) const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which link.
pub(super) type LinkId = u64;

/// A service and one of its characteristics.
pub(in super::super) type Handle = (Uuid, Uuid);

/// What a link tells the watching task.
pub(in super::super) enum ToLink {
    /// From now on a loss is the end.
    Settled(LinkId),
    Release(LinkId),
}

/// A way to one device.
pub(in super::super) struct SystemLink {
    pub(super) id: LinkId,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) peripheral: Peripheral,
    pub(super) hearing: Arc<Hearing<Handle>>,
    /// Connected, or asked to be.
    pub(super) is_used: Arc<AtomicBool>,
    /// The task that listens.
    pub(super) listening: Mutex<Option<AbortHandle>>,
}

impl SystemLink {
    fn find(&self, handle: &Handle) -> Result<Found, PortError> {
        let all = self.peripheral.characteristics();
        let found = all.into_iter().find(|one| self::handle(one) == *handle);
        found.ok_or_else(|| PortError::Gone("the system does not know its services any more".to_owned()))
    }

    /// Passes on what the device notifies of, until the link is dropped.
    async fn listen(&self) -> Result<(), PortError> {
        let mut notifications = self.peripheral.notifications().await.map_err(fault)?;
        let hearing = Arc::clone(&self.hearing);
        let task = tokio::spawn(async move {
            while let Some(notification) = notifications.next().await {
                let handle = (own(notification.service_uuid), own(notification.uuid));
                hearing.say(&handle, &notification.value);
            }
        });
        self.replace_listener(Some(task.abort_handle()));
        Ok(())
    }

    fn replace_listener(&self, task: Option<AbortHandle>) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = std::mem::replace(&mut *listening, task) {
            before.abort();
        }
    }
}

impl Link for SystemLink {
    type Handle = Handle;

    async fn connect(&self) -> Result<(), PortError> {
        self.is_used.store(true, Ordering::Relaxed);
        self.peripheral.connect().await.map_err(refusal)
    }

    async fn discover(&self) -> Result<Vec<Characteristic<Handle>>, PortError> {
        self.peripheral.discover_services().await.map_err(refusal)?;
        self.listen().await?;
        let characteristic = |one: Found| Characteristic {
            service: own(one.service_uuid),
            uuid: own(one.uuid),
            handle: handle(&one),
            abilities: abilities(one.properties),
        };
        Ok(self.peripheral.characteristics().into_iter().map(characteristic).collect())
    }

    async fn settle(&self) -> Result<(), PortError> {
        let _ = self.orders.send(Order::ToLink(ToLink::Settled(self.id)));
        match self.peripheral.is_connected().await {
            Ok(true) => Ok(()),
            _ => Err(PortError::Gone("it disconnected at once".to_owned())),
        }
    }

    async fn disconnect(&self) {
        if self.is_used.swap(false, Ordering::Relaxed) {
            let _ = timeout(DISCONNECT_TIMEOUT, self.peripheral.disconnect()).await;
        }
    }

    async fn write(&self, to: &Handle, bytes: &[u8], confirm: bool) -> Result<(), PortError> {
        let kind = if confirm { WriteType::WithResponse } else { WriteType::WithoutResponse };
        self.peripheral.write(&self.find(to)?, bytes, kind).await.map_err(fault)
    }

    async fn read(&self, from: &Handle) -> Result<Vec<u8>, PortError> {
        self.peripheral.read(&self.find(from)?).await.map_err(fault)
    }

    async fn notify(&self, from: &Handle, on: bool) -> Result<(), PortError> {
        let characteristic = self.find(from)?;
        let done = match on {
            true => self.peripheral.subscribe(&characteristic).await,
            false => self.peripheral.unsubscribe(&characteristic).await,
        };
        done.map_err(fault)
    }

    fn hearing(&self) -> &Arc<Hearing<Handle>> {
        &self.hearing
    }
}

impl Drop for SystemLink {
    fn drop(&mut self) {
        self.replace_listener(None);
        let _ = self.orders.send(Order::ToLink(ToLink::Release(self.id)));
    }
}

fn handle(characteristic: &Found) -> Handle {
    (own(characteristic.service_uuid), own(characteristic.uuid))
}

pub(super) fn own(uuid: uuid::Uuid) -> Uuid {
    Uuid(uuid.as_u128())
}

fn abilities(flags: CharPropFlags) -> Abilities {
    Abilities {
        read: flags.contains(CharPropFlags::READ),
        write: flags.contains(CharPropFlags::WRITE),
        write_unconfirmed: flags.contains(CharPropFlags::WRITE_WITHOUT_RESPONSE),
        notify: flags.intersects(CharPropFlags::NOTIFY | CharPropFlags::INDICATE),
    }
}

/// Why something with a connected device failed.
fn fault(error: btleplug::Error) -> PortError {
    match error {
        btleplug::Error::NotConnected | btleplug::Error::DeviceNotFound => {
            PortError::Gone("the system says that it is not connected".to_owned())
        }
        error => refusal(error),
    }
}

/// Why something failed that may be tried again.
fn refusal(error: btleplug::Error) -> PortError {
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    // CoreBluetooth speaks of insufficient authentication or encryption, Windows of a protocol error or of access that was denied.
    let wants_pairing = ["authentication", "encryption", "authorization", "access is denied"]
        .iter()
        .any(|part| lower.contains(part));
    match wants_pairing {
        true => PortError::Failed(format!(
            "the device wants to be paired with the system first ({text}): pair it in the system's Bluetooth settings, then look for \
             it again"
        )),
        false => PortError::Failed(text),
    }
}
