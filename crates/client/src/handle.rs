//! What connects the public handles with the connection task: a queue of commands, and the reason once it has ended.

use std::sync::{Arc, OnceLock};

use frisson_wire::{Reply, Request};
use tokio::sync::{mpsc, oneshot};

use crate::error::{DisconnectReason, Error};
use crate::event::Publisher;

/// What a handle wants of the connection task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send a request, and pass on its answer.
    Request(Request, oneshot::Sender<Result<Reply, Error>>),
    /// Tell this stream what happens.
    Subscribe(Publisher),
    /// End in good order.
    Disconnect(oneshot::Sender<Result<(), Error>>),
    /// End in good order, nobody is interested any more.
    Abandon,
}

/// The application's end. Does not keep the connection open.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    commands: mpsc::UnboundedSender<Command>,
    ended: Arc<OnceLock<DisconnectReason>>,
}

/// The connection task's end.
#[derive(Debug)]
pub(crate) struct Commands {
    queue: mpsc::UnboundedReceiver<Command>,
    ended: Arc<OnceLock<DisconnectReason>>,
}

/// The answer to a request, to come.
#[derive(Debug)]
pub(crate) struct Answer {
    reply: oneshot::Receiver<Result<Reply, Error>>,
    ended: Arc<OnceLock<DisconnectReason>>,
}

/// Both ends.
pub(crate) fn channel() -> (Handle, Commands) {
    let (commands, queue) = mpsc::unbounded_channel();
    let ended = Arc::new(OnceLock::new());
    (Handle { commands, ended: ended.clone() }, Commands { queue, ended })
}

impl Handle {
    /// Hands a command to the connection task. It is dropped if that has ended.
    pub(crate) fn send(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Sends a request at once.
    pub(crate) fn request(&self, request: Request) -> Answer {
        let (sender, reply) = oneshot::channel();
        self.send(Command::Request(request, sender));
        Answer { reply, ended: self.ended.clone() }
    }

    /// Why the connection has ended for good, once it has.
    pub(crate) fn ended(&self) -> Option<DisconnectReason> {
        self.commands.is_closed().then(|| reason(&self.ended))
    }
}

impl Commands {
    /// The next command. `None` if there is no handle left.
    pub(crate) async fn next(&mut self) -> Option<Command> {
        self.queue.recv().await
    }

    /// How many commands there are already.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The next command, if there is one already.
    pub(crate) fn try_next(&mut self) -> Option<Command> {
        self.queue.try_recv().ok()
    }

    /// From now on every handle knows that, and why, the connection has ended.
    pub(crate) fn end(&mut self, reason: DisconnectReason) {
        let _ = self.ended.set(reason);
        self.queue.close();
    }
}

impl Answer {
    /// Waits for an `Ok`.
    pub(crate) async fn done(self) -> Result<(), Error> {
        match self.reply().await? {
            Reply::Ok => Ok(()),
            other => Err(Error::NotUnderstood { reason: format!("expected Ok, got {other:?}") }),
        }
    }

    /// Waits for any reply but an error.
    pub(crate) async fn reply(self) -> Result<Reply, Error> {
        match self.reply.await {
            Ok(result) => result,
            Err(_) => Err(Error::Disconnected(reason(&self.ended))),
        }
    }
}

fn reason(ended: &OnceLock<DisconnectReason>) -> DisconnectReason {
    ended.get().cloned().unwrap_or(DisconnectReason::RuntimeStopped)
}
