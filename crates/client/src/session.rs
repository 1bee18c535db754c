//! One connection, from the server's introduction to its end.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use frisson_wire::{
    ErrorCode, Event as Happening, Id, Message, Reply, Request, Scope, ServerInfo, StopRequest,
};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use crate::error::{ConnectError, DisconnectReason, Error, Stage};
use crate::event::{Event, Reading};
use crate::handle::Command;
use crate::handshake::{HELLO, close_in_background};
use crate::requests::Requests;
use crate::task::Connection;
use crate::transport::{Incoming, Lost, Transport};

/// How long the client stays to hear that its devices are stopped, and then to close in good order.
const FAREWELL: Duration = Duration::from_secs(1);

/// The id of the first request for devices.
const LISTING: Id = HELLO.saturating_add(1);

/// A timer that is set to nothing.
const NEVER: Duration = Duration::from_secs(3600);

/// How a session ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It never came to be.
    Failed(ConnectError),
    /// By something else than the application.
    Lost(DisconnectReason),
    /// By the application; with an error if a device may not be stopped.
    Requested(Result<(), Error>),
}

/// The state of one connection.
pub(crate) struct Session<'a> {
    connection: &'a mut Connection,
    transport: Box<dyn Transport>,
    server: ServerInfo,
    requests: Requests<Waiter>,
    phase: Phase,
    ping: Option<Ping>,
    /// The devices that got a command.
    driven: BTreeSet<u32>,
    end: Option<End>,
}

enum Phase {
    /// The server was asked for its devices.
    Listing { until: Instant },
    /// As it should be.
    Open,
    /// Devices are being stopped.
    Leaving { until: Instant, unstopped: BTreeSet<u32>, unanswered: usize },
}

/// Who waits for an answer.
enum Waiter {
    Caller(oneshot::Sender<Result<Reply, Error>>),
    Ping,
    /// The last stop of this device.
    Stop(u32),
    /// Nobody.
    Goodbye,
}

struct Ping {
    next: Instant,
    every: Duration,
}

impl<'a> Session<'a> {
    /// A session with a server that has just introduced itself.
    pub(crate) fn new(
        connection: &'a mut Connection,
        transport: Box<dyn Transport>,
        server: ServerInfo,
    ) -> Self {
        let now = Instant::now();
        let options = connection.options();
        let limit = Duration::from_millis(server.max_ping_time_ms.into());
        Self {
            requests: Requests::new(LISTING.get(), options.request_timeout),
            phase: Phase::Listing { until: now + options.handshake_timeout },
            ping: (!limit.is_zero()).then_some(Ping { next: now, every: limit / 2 }),
            driven: BTreeSet::new(),
            end: None,
            connection,
            transport,
            server,
        }
    }

    /// Goes on until the connection ends.
    pub(crate) async fn run(mut self) -> End {
        self.tick(Instant::now());
        self.transport.send(LISTING, Request::DeviceList);
        let timer = sleep_until(self.next_wake());
        tokio::pin!(timer);
        while self.end.is_none() {
            if self.next_wake() < timer.deadline() {
                timer.as_mut().reset(self.next_wake());
            }
            tokio::select! {
                incoming = poll_fn(|cx| self.transport.poll(cx)) => {
                    // A stream that was asked for before this came is to see it.
                    self.obey_waiting();
                    self.receive(incoming);
                }
                command = self.connection.next_command() => {
                    self.obey(command.unwrap_or(Command::Abandon));
                    self.obey_waiting();
                }
                () = timer.as_mut() => {
                    self.tick(Instant::now());
                    timer.as_mut().reset(self.next_wake());
                }
            }
        }
        self.close().await
    }

    fn send(&mut self, waiter: Waiter, request: Request) {
        let id = self.requests.open(Instant::now(), waiter);
        self.transport.send(id, request);
    }

    /// Ends, if nothing has ended it before.
    fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    fn receive(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(Message::Reply(id, reply)) => self.take_reply(id, Ok(reply)),
            Incoming::Message(Message::Event(happening)) => self.take_event(happening),
            Incoming::Garbled(Some(id), fault) => {
                warn!(id, %fault, "an answer of the server cannot be understood");
                self.take_reply(id, Err(fault.message));
            }
            Incoming::Garbled(None, fault) => warn!(%fault, "a message of the server cannot be understood"),
            Incoming::OtherVersion(version) => debug!(%version, "the server introduced itself again"),
            Incoming::Lost(Lost::Closed { code, reason }) => {
                self.lose(DisconnectReason::ClosedByServer { code, reason });
            }
            Incoming::Lost(Lost::Failed(error)) => self.lose(DisconnectReason::Failed(Arc::new(error))),
        }
    }

    /// Passes a reply, or what is wrong with it, to who waits for it.
    fn take_reply(&mut self, id: Id, reply: Result<Reply, String>) {
        if let (LISTING, Phase::Listing { .. }) = (id, &self.phase) {
            self.take_list(reply);
            return;
        }
        let Some(waiter) = self.requests.close(id) else {
            debug!(id, ?reply, "an answer that nobody waits for");
            return;
        };
        match (waiter, reply) {
            (Waiter::Caller(caller), reply) => {
                let _ = caller.send(match reply {
                    Ok(Reply::Error(fault)) => {
                        Err(Error::Rejected { code: fault.code, message: fault.message })
                    }
                    Ok(reply) => Ok(reply),
                    Err(reason) => Err(Error::NotUnderstood { reason }),
                });
            }
            (Waiter::Stop(device), reply) => self.note_stop(device, reply == Ok(Reply::Ok)),
            (Waiter::Ping, Ok(Reply::Ok)) | (Waiter::Goodbye, _) => {}
            (Waiter::Ping, reply) => warn!(?reply, "the server does not like being pinged"),
        }
    }

    /// Takes the list of devices, with which the connection is complete.
    fn take_list(&mut self, reply: Result<Reply, String>) {
        let error = match reply {
            Ok(Reply::DeviceList(devices)) => {
                self.phase = Phase::Open;
                self.connection.gain(&self.server, &devices);
                return;
            }
            Ok(Reply::Error(fault)) => ConnectError::Rejected { code: fault.code, message: fault.message },
            Ok(reply) => ConnectError::NotUnderstood { reason: format!("no device list but {reply:?}") },
            Err(reason) => ConnectError::NotUnderstood { reason },
        };
        self.end(End::Failed(error));
    }

    fn take_event(&mut self, happening: Happening) {
        match happening {
            // The list that was asked for follows, and is newer.
            Happening::Devices { .. } if matches!(self.phase, Phase::Listing { .. }) => {}
            Happening::Devices { all, .. } => self.connection.update(&all),
            Happening::ScanningFinished => self.connection.publish(&Event::ScanningFinished),
            Happening::Reading(reading) => {
                let device = self.connection.device(reading.device);
                let Some(feature) = device.and_then(|device| device.feature(reading.feature)) else {
                    debug!(?reading, "a reading of an unknown feature");
                    return;
                };
                let reading = Reading { feature, kind: reading.kind, value: reading.value };
                self.connection.publish(&Event::Reading(reading));
            }
            Happening::Error(fault) if fault.code == ErrorCode::Ping => {
                self.connection.publish(&Event::PingTimeout);
                self.lose(DisconnectReason::PingTimeout);
            }
            Happening::Error(fault) => {
                warn!(%fault, "the server reports a fault");
                self.connection.publish(&Event::ServerError(fault));
            }
        }
    }

    /// Ends because there is no connection any more.
    fn lose(&mut self, reason: DisconnectReason) {
        match self.phase {
            Phase::Listing { .. } => self.end(End::Failed(cut_short(reason))),
            Phase::Open => self.end(End::Lost(reason)),
            Phase::Leaving { .. } => self.leave(),
        }
    }

    /// Takes all commands of the moment in one go, so that they leave in one write.
    fn obey_waiting(&mut self) {
        for _ in 0..self.connection.waiting_commands() {
            let Some(command) = self.connection.try_next_command() else { return };
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Request(request, caller) => match self.phase {
                Phase::Listing { .. } => {
                    let _ = caller.send(Err(Error::Disconnected(self.connection.away().clone())));
                }
                Phase::Open => {
                    debug!(?request, "request");
                    if let Request::Output(output) = &request {
                        self.driven.insert(output.device);
                    }
                    self.send(Waiter::Caller(caller), request);
                }
                Phase::Leaving { .. } => {
                    let _ = caller.send(Err(Error::Disconnected(DisconnectReason::Requested)));
                }
            },
            Command::Subscribe(publisher) => self.connection.subscribe(publisher),
            Command::Disconnect(done) => {
                self.connection.await_end(done);
                self.begin_to_leave();
            }
            Command::Abandon => self.begin_to_leave(),
        }
    }

    fn begin_to_leave(&mut self) {
        if let Phase::Leaving { .. } = self.phase {
            return;
        }
        let driven = std::mem::take(&mut self.driven);
        let unstopped: BTreeSet<_> =
            driven.into_iter().filter(|device| self.connection.device(*device).is_some()).collect();
        for device in &unstopped {
            let stop = StopRequest { scope: Scope::Device(*device), inputs: true, outputs: true };
            self.send(Waiter::Stop(*device), Request::Stop(stop));
        }
        let until = Instant::now() + FAREWELL;
        let unanswered = unstopped.len();
        self.phase = Phase::Leaving { until, unstopped, unanswered };
        if unanswered == 0 {
            self.leave();
        }
    }

    fn note_stop(&mut self, device: u32, done: bool) {
        if let Phase::Leaving { unstopped, unanswered, .. } = &mut self.phase {
            if done {
                unstopped.remove(&device);
            }
            *unanswered -= 1;
            if *unanswered == 0 {
                self.leave();
            }
        }
    }

    /// Ends, and says which devices may not be stopped.
    fn leave(&mut self) {
        let Phase::Leaving { unstopped, .. } = &self.phase else { return };
        let label = |device: &u32| Some(self.connection.device(*device)?.label().to_owned());
        let devices: Vec<_> = unstopped.iter().filter_map(label).collect();
        self.end(End::Requested(if devices.is_empty() {
            Ok(())
        } else {
            Err(Error::StopNotConfirmed { devices })
        }));
    }

    /// Does what is due.
    fn tick(&mut self, now: Instant) {
        while let Some(waiter) = self.requests.expire(now) {
            match waiter {
                Waiter::Caller(caller) => {
                    let after = self.connection.options().request_timeout;
                    let _ = caller.send(Err(Error::TimedOut { after }));
                }
                Waiter::Stop(device) => self.note_stop(device, false),
                Waiter::Ping => debug!("a ping was not answered"),
                Waiter::Goodbye => {}
            }
        }
        if let Some(ping) = self.ping.as_mut().filter(|ping| ping.next <= now) {
            ping.next = now + ping.every;
            self.send(Waiter::Ping, Request::Ping);
        }
        match self.phase {
            Phase::Listing { until } if until <= now => {
                let after = self.connection.options().handshake_timeout;
                self.end(End::Failed(ConnectError::TimedOut { stage: Stage::DeviceList, after }));
            }
            Phase::Leaving { until, .. } if until <= now => self.leave(),
            _ => {}
        }
    }

    /// When something will be due.
    fn next_wake(&self) -> Instant {
        let phase = match self.phase {
            Phase::Listing { until } | Phase::Leaving { until, .. } => Some(until),
            Phase::Open => None,
        };
        let ping = self.ping.as_ref().map(|ping| ping.next);
        let wakes = [phase, ping, self.requests.next_due()];
        wakes.into_iter().flatten().min().unwrap_or_else(|| Instant::now() + NEVER)
    }

    async fn close(mut self) -> End {
        let end = self.end.take().unwrap_or(End::Requested(Ok(())));
        let reason = match &end {
            End::Lost(reason) => reason.clone(),
            End::Failed(_) | End::Requested(_) => DisconnectReason::Requested,
        };
        for waiter in self.requests.drain() {
            if let Waiter::Caller(caller) = waiter {
                let _ = caller.send(Err(Error::Disconnected(reason.clone())));
            }
        }
        if let Phase::Leaving { until, .. } = self.phase {
            self.send(Waiter::Goodbye, Request::Disconnect);
            let _ = timeout_at(until, poll_fn(|cx| self.transport.poll_close(cx))).await;
        } else {
            close_in_background(self.transport);
        }
        end
    }
}

/// The error for a connection that ended before it was complete.
fn cut_short(reason: DisconnectReason) -> ConnectError {
    let stage = Stage::DeviceList;
    match reason {
        DisconnectReason::ClosedByServer { code, reason } => ConnectError::Closed { stage, code, reason },
        other => ConnectError::Closed { stage, code: None, reason: other.to_string() },
    }
}
