//! The first exchange on a new connection: who is the server, and which version of the protocol does it speak?

use std::future::poll_fn;
use std::time::Duration;

use frisson_wire::{Dialect, Event, Hello, Id, Message, Reply, Request, ServerInfo};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::client::Options;
use crate::connector::Connector;
use crate::error::{ConnectError, SpecVersion, Stage};
use crate::transport::{Incoming, Lost, Transport};

/// The id of the handshake request.
pub(crate) const HELLO: Id = Id::MIN;

/// How long closing a connection in good order may take.
const CLOSING: Duration = Duration::from_secs(1);

/// Connects and introduces both sides to each other.
pub(crate) async fn open(
    connector: Connector,
    options: Options,
) -> Result<(Box<dyn Transport>, ServerInfo), ConnectError> {
    let mut transport = connector.open(options.connect_timeout).await?;
    transport.send(HELLO, Request::Hello(Hello { client_name: options.name, dialect: Dialect::NEWEST }));
    let patience = options.handshake_timeout;
    let result = timeout(patience, greeting(&mut *transport)).await;
    match result.unwrap_or(Err(ConnectError::TimedOut { stage: Stage::ServerInfo, after: patience })) {
        Ok(info) => Ok((transport, info)),
        Err(error) => {
            close_in_background(transport);
            Err(error)
        }
    }
}

/// Closes in good order without waiting for it.
pub(crate) fn close_in_background(mut transport: Box<dyn Transport>) {
    tokio::spawn(async move { timeout(CLOSING, poll_fn(|cx| transport.poll_close(cx))).await });
}

async fn greeting(transport: &mut dyn Transport) -> Result<ServerInfo, ConnectError> {
    loop {
        match poll_fn(|cx| transport.poll(cx)).await {
            Incoming::Message(Message::Reply(HELLO, Reply::ServerInfo(info))) => return Ok(info),
            // A server that could not read the request does not know its id.
            Incoming::Message(
                Message::Reply(HELLO, Reply::Error(fault)) | Message::Event(Event::Error(fault)),
            ) => return Err(ConnectError::Rejected { code: fault.code, message: fault.message }),
            Incoming::Message(message) => debug!(?message, "ignored before the handshake"),
            Incoming::Garbled(Some(HELLO), fault) => {
                return Err(ConnectError::NotUnderstood { reason: fault.message });
            }
            Incoming::Garbled(id, fault) => warn!(?id, %fault, "a message cannot be understood"),
            Incoming::OtherVersion(server) if server < SpecVersion::CLIENT => {
                return Err(ConnectError::ServerTooOld { server, client: SpecVersion::CLIENT });
            }
            Incoming::OtherVersion(server) => {
                return Err(ConnectError::ServerTooNew { server, client: SpecVersion::CLIENT });
            }
            Incoming::Lost(lost) => {
                let (code, reason) = match lost {
                    Lost::Closed { code, reason } => (code, reason),
                    Lost::Failed(error) => (None, error.to_string()),
                };
                return Err(ConnectError::Closed { stage: Stage::ServerInfo, code, reason });
            }
        }
    }
}
