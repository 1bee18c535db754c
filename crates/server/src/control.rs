//! Handles to a running server that do not keep it alive.

use frisson_devices::Catalogue;
use frisson_devices::settings::Settings;
use tokio::sync::{mpsc, oneshot};

use crate::messages::{Status, ToHub};
use crate::server::ServerGone;

/// Asks a server for its status without keeping it alive.
#[derive(Debug, Clone)]
pub struct Observer(pub(crate) mpsc::WeakSender<ToHub>);

impl Observer {
    /// What the server is doing.
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// Can be dropped at any time.
    pub async fn status(&self) -> Result<Status, ServerGone> {
        let hub = self.0.upgrade().ok_or(ServerGone)?;
        status(&hub).await
    }
}

/// Changes what a server goes by without keeping it alive: for tasks that watch files.
#[derive(Debug, Clone)]
pub struct Control(pub(crate) mpsc::WeakSender<ToHub>);

impl Control {
    /// The same as [`Server::set_settings`](crate::Server::set_settings).
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// As [`Server::set_settings`](crate::Server::set_settings).
    pub async fn set_settings(&self, settings: Settings) -> Result<(), ServerGone> {
        let hub = self.0.upgrade().ok_or(ServerGone)?;
        set_settings(&hub, settings).await
    }

    /// The same as [`Server::set_catalogue`](crate::Server::set_catalogue).
    ///
    /// # Errors
    /// The server has been shut down.
    ///
    /// # Cancel safety
    /// As [`Server::set_catalogue`](crate::Server::set_catalogue).
    pub async fn set_catalogue(&self, catalogue: Catalogue) -> Result<(), ServerGone> {
        let hub = self.0.upgrade().ok_or(ServerGone)?;
        set_catalogue(&hub, catalogue).await
    }
}

pub(crate) async fn status(hub: &mpsc::Sender<ToHub>) -> Result<Status, ServerGone> {
    ask(hub, ToHub::Status).await
}

pub(crate) async fn set_settings(hub: &mpsc::Sender<ToHub>, settings: Settings) -> Result<(), ServerGone> {
    let settings = Box::new(settings);
    ask(hub, |done| ToHub::Settings(settings, done)).await
}

pub(crate) async fn set_catalogue(hub: &mpsc::Sender<ToHub>, catalogue: Catalogue) -> Result<(), ServerGone> {
    ask(hub, |done| ToHub::Catalogue(catalogue, done)).await
}

async fn ask<T>(
    hub: &mpsc::Sender<ToHub>,
    question: impl FnOnce(oneshot::Sender<T>) -> ToHub,
) -> Result<T, ServerGone> {
    let (answer, answered) = oneshot::channel();
    hub.send(question(answer)).await.map_err(|_| ServerGone)?;
    answered.await.map_err(|_| ServerGone)
}
