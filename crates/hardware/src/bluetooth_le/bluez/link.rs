//! A link to one device by way of the radio task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use zbus::Message;

use super::super::Order;
use super::super::hearing::Hearing;
use super::super::link::{Characteristic, Link};
use super::calls::Call;
use crate::PortError;

/// Which link.
pub(in super::super) type LinkId = u64;

/// What a link asks of the radio task.
pub(in super::super) enum ToLink {
    Call { link: LinkId, call: Call, answer: Answer },
    Characteristics { link: LinkId, answer: oneshot::Sender<Vec<Characteristic<String>>> },
    Settle { link: LinkId, answer: oneshot::Sender<()> },
    Disconnect { link: LinkId, answer: oneshot::Sender<()> },
    Release(LinkId),
}

/// Who waits for the answer to a call.
pub(in super::super) type Answer = oneshot::Sender<Result<Message, PortError>>;

/// How it stands with a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) is_connected: bool,
    pub(super) is_resolved: bool,
    /// How often it was disconnected.
    pub(super) losses: u32,
    /// The link is of no use any more, for this reason.
    pub(super) end: Option<String>,
}

/// A way to one device.
pub(in super::super) struct SystemLink {
    id: LinkId,
    orders: mpsc::UnboundedSender<Order>,
    hearing: Arc<Hearing<String>>,
    progress: watch::Receiver<Progress>,
    /// How often the device had been disconnected before it was connected last.
    losses: AtomicU32,
}

impl SystemLink {
    pub(super) fn new(
        id: LinkId,
        orders: mpsc::UnboundedSender<Order>,
        hearing: Arc<Hearing<String>>,
        progress: watch::Receiver<Progress>,
    ) -> Self {
        Self { id, orders, hearing, progress, losses: AtomicU32::new(0) }
    }

    async fn call(&self, call: Call) -> Result<Message, PortError> {
        let (answer, answered) = oneshot::channel();
        self.send(ToLink::Call { link: self.id, call, answer });
        answered.await.map_err(|_| self.gone())?
    }

    fn send(&self, request: ToLink) {
        let _ = self.orders.send(Order::ToLink(request));
    }

    fn gone(&self) -> PortError {
        let reason = self.progress.borrow().end.clone();
        PortError::Gone(reason.unwrap_or_else(|| "the Bluetooth scanner has been closed".to_owned()))
    }
}

impl Link for SystemLink {
    type Handle = String;

    async fn connect(&self) -> Result<(), PortError> {
        let now = self.progress.borrow().clone();
        self.losses.store(now.losses, Ordering::Relaxed);
        if now.is_connected {
            return Ok(());
        }
        self.call(Call::Connect).await.map(drop)
    }

    async fn discover(&self) -> Result<Vec<Characteristic<String>>, PortError> {
        let mut progress = self.progress.clone();
        let losses = self.losses.load(Ordering::Relaxed);
        let known = progress
            .wait_for(|now| now.is_connected && now.is_resolved || now.losses != losses || now.end.is_some())
            .await;
        match known.map(|now| (now.losses, now.end.is_some())) {
            Ok((same, false)) if same == losses => {}
            Ok((_, false)) => return Err(PortError::Failed("it disconnected at once".to_owned())),
            Ok((_, true)) | Err(_) => return Err(self.gone()),
        }
        let (answer, answered) = oneshot::channel();
        self.send(ToLink::Characteristics { link: self.id, answer });
        answered.await.map_err(|_| self.gone())
    }

    async fn settle(&self) -> Result<(), PortError> {
        let (answer, answered) = oneshot::channel();
        self.send(ToLink::Settle { link: self.id, answer });
        answered.await.map_err(|_| self.gone())
    }

    async fn disconnect(&self) {
        let (answer, answered) = oneshot::channel();
        self.send(ToLink::Disconnect { link: self.id, answer });
        let _ = answered.await;
    }

    async fn write(&self, to: &String, bytes: &[u8], confirm: bool) -> Result<(), PortError> {
        self.call(Call::Write(to.clone(), bytes.to_vec(), confirm)).await.map(drop)
    }

    async fn read(&self, from: &String) -> Result<Vec<u8>, PortError> {
        let answer = self.call(Call::Read(from.clone())).await?;
        let bytes = answer.body().deserialize::<Vec<u8>>();
        bytes.map_err(|error| PortError::Failed(format!("BlueZ answers a read with something else: {error}")))
    }

    async fn notify(&self, from: &String, on: bool) -> Result<(), PortError> {
        self.call(Call::Notify(from.clone(), on)).await.map(drop)
    }

    fn hearing(&self) -> &Arc<Hearing<String>> {
        &self.hearing
    }
}

impl Drop for SystemLink {
    fn drop(&mut self) {
        self.send(ToLink::Release(self.id));
    }
}
