//! An open link to a device of a host.

use std::time::Duration;

use frisson_program::Endpoint;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::board::{Action, Answer, FromServer, LinkId};
use crate::voice::Hearing;
use crate::{BoxFuture, Notified, Port, PortError};

/// A link by which a device of a host is open. Closed when dropped.
pub(super) struct VirtualPort {
    link: LinkId,
    board: mpsc::UnboundedSender<FromServer>,
    endpoints: Vec<Endpoint>,
    plan: usize,
    gap: Duration,
    heard: Mutex<Hearing>,
}

impl VirtualPort {
    pub(super) fn new(
        link: LinkId,
        board: mpsc::UnboundedSender<FromServer>,
        endpoints: Vec<Endpoint>,
        plan: usize,
        gap: Duration,
        hearing: Hearing,
    ) -> Self {
        Self { link, board, endpoints, plan, gap, heard: Mutex::new(hearing) }
    }

    async fn operate(&self, endpoint: Endpoint, action: Action) -> Result<Vec<u8>, PortError> {
        let gone = || PortError::Gone("the virtual hardware has been closed".to_owned());
        let (answer, answered): (Answer, _) = oneshot::channel();
        let order = FromServer::Operate { link: self.link, endpoint, action, answer };
        self.board.send(order).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Port for VirtualPort {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        confirm: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            self.operate(endpoint, Action::Write { bytes: bytes.to_vec(), confirm }).await.map(drop)
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(self.operate(endpoint, Action::Read))
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move { self.operate(endpoint, Action::Listen(on)).await.map(drop) })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move { self.heard.lock().await.next().await })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (answer, closed) = oneshot::channel();
            if self.board.send(FromServer::CloseLink(self.link, Some(answer))).is_ok() {
                let _ = closed.await;
            }
        })
    }

    fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    fn plan(&self) -> usize {
        self.plan
    }

    fn gap(&self) -> Duration {
        self.gap
    }
}

impl Drop for VirtualPort {
    fn drop(&mut self) {
        let _ = self.board.send(FromServer::CloseLink(self.link, None));
    }
}
