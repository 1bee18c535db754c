//! The task behind a client: one connection after another, and what outlasts them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use frisson_wire::{Profile, ServerInfo};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::client::Options;
use crate::connector::Connector;
use crate::device::Device;
use crate::error::{ConnectError, DisconnectReason, Error};
use crate::event::{Event, Publisher};
use crate::handle::{Command, Commands, Handle};
use crate::handshake;
use crate::session::{End, Session};

/// What the application can see at any time.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) connected: bool,
    pub(crate) server_name: String,
    pub(crate) max_ping_time: Option<Duration>,
    pub(crate) devices: Arc<[Device]>,
}

/// Tells whether the first connection is there.
pub(crate) type Ready = oneshot::Sender<Result<(), ConnectError>>;

/// The owner of everything that outlasts a single connection.
pub(crate) struct Connection {
    connector: Connector,
    options: Options,
    handle: Handle,
    commands: Commands,
    state: watch::Sender<State>,
    devices: BTreeMap<u32, Device>,
    audience: Vec<Publisher>,
    /// Those who wait for the end.
    farewells: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Until the first connection is there.
    ready: Option<Ready>,
    /// Why there is no connection, while there is none.
    away: DisconnectReason,
}

impl Connection {
    pub(crate) fn new(
        connector: Connector,
        options: Options,
        handle: Handle,
        commands: Commands,
        state: watch::Sender<State>,
    ) -> Self {
        Self {
            connector,
            options,
            handle,
            commands,
            state,
            devices: BTreeMap::new(),
            audience: Vec::new(),
            farewells: Vec::new(),
            ready: None,
            away: DisconnectReason::Requested,
        }
    }

    /// Lives until the connection has ended for good.
    pub(crate) async fn run(mut self, ready: Ready) {
        self.ready = Some(ready);
        let (reason, stopped) = self.live().await;
        self.finish(reason, stopped);
    }

    /// Why it ended, and whether all devices are known to be stopped.
    async fn live(&mut self) -> (DisconnectReason, Result<(), Error>) {
        let mut attempt = 0;
        loop {
            let opening = handshake::open(self.connector.clone(), self.options.clone());
            let end = match self.meanwhile(opening).await {
                None => return (DisconnectReason::Requested, Ok(())),
                Some(Err(error)) => End::Failed(error),
                Some(Ok((transport, info))) => Session::new(self, transport, info).run().await,
            };
            let error = match end {
                End::Requested(stopped) => return (DisconnectReason::Requested, stopped),
                End::Failed(error) => {
                    if let Some(ready) = self.ready.take() {
                        let _ = ready.send(Err(error));
                        return (DisconnectReason::Requested, Ok(()));
                    }
                    warn!(server = %self.connector, %error, attempt, "no connection");
                    Some(error)
                }
                End::Lost(reason) => {
                    attempt = 0;
                    if self.options.reconnect.is_none() {
                        return (reason, Ok(()));
                    }
                    self.lose(reason);
                    None
                }
            };
            let hopeless = error.as_ref().is_some_and(ConnectError::is_final);
            match self.options.reconnect.filter(|backoff| !hopeless && backoff.allows(attempt + 1)) {
                Some(backoff) => {
                    attempt += 1;
                    let delay = backoff.delay(attempt);
                    self.publish(&Event::Reconnecting { attempt, delay });
                    if self.meanwhile(sleep(delay)).await.is_none() {
                        return (DisconnectReason::Requested, Ok(()));
                    }
                }
                None => {
                    let reason = match error {
                        Some(last) => {
                            DisconnectReason::ReconnectFailed { attempts: attempt, last: Arc::new(last) }
                        }
                        None => self.away.clone(),
                    };
                    return (reason, Ok(()));
                }
            }
        }
    }

    /// Does something while there is no connection. `None` if the application wants no other one.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let command = tokio::select! {
                done = &mut work => return Some(done),
                command = self.commands.next() => command,
            };
            match command {
                Some(Command::Request(_, reply)) => {
                    let _ = reply.send(Err(Error::Disconnected(self.away.clone())));
                }
                Some(Command::Subscribe(publisher)) => self.subscribe(publisher),
                Some(Command::Disconnect(done)) => {
                    self.farewells.push(done);
                    return None;
                }
                Some(Command::Abandon) | None => return None,
            }
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn away(&self) -> &DisconnectReason {
        &self.away
    }

    pub(crate) fn device(&self, index: u32) -> Option<&Device> {
        self.devices.get(&index)
    }

    pub(crate) async fn next_command(&mut self) -> Option<Command> {
        self.commands.next().await
    }

    pub(crate) fn waiting_commands(&self) -> usize {
        self.commands.waiting()
    }

    pub(crate) fn try_next_command(&mut self) -> Option<Command> {
        self.commands.try_next()
    }

    /// Adds somebody who waits for the end.
    pub(crate) fn await_end(&mut self, done: oneshot::Sender<Result<(), Error>>) {
        self.farewells.push(done);
    }

    /// Adds a stream, which first learns of the devices that are there.
    pub(crate) fn subscribe(&mut self, publisher: Publisher) {
        self.devices.values().for_each(|device| publisher.introduce(device.clone()));
        self.audience.push(publisher);
    }

    pub(crate) fn publish(&mut self, event: &Event) {
        self.audience.retain(|publisher| publisher.publish(event.clone()));
    }

    /// The connection is there: the server has introduced itself and listed its devices.
    pub(crate) fn gain(&mut self, server: &ServerInfo, devices: &[Arc<Profile>]) {
        info!(server = %self.connector, name = server.server_name, devices = devices.len(), "connected");
        self.state.send_modify(|state| {
            state.connected = true;
            state.server_name.clone_from(&server.server_name);
            let limit = server.max_ping_time_ms;
            state.max_ping_time = (limit > 0).then(|| Duration::from_millis(limit.into()));
        });
        if self.ready.is_none() {
            self.publish(&Event::Reconnected);
        }
        self.update(devices);
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Ok(()));
        }
    }

    /// Takes a complete list of devices, and tells what is different from before.
    pub(crate) fn update(&mut self, list: &[Arc<Profile>]) {
        let list: BTreeMap<_, _> = list.iter().map(|profile| (profile.device().index, profile)).collect();
        let is_listed = |device: &Device| {
            let same = |profile: &&Arc<Profile>| profile.device() == device.definition();
            list.get(&device.index()).is_some_and(same)
        };
        let removed: Vec<_> = self.devices.values().filter(|device| !is_listed(device)).cloned().collect();
        self.devices.retain(|_, device| !removed.contains(device));
        let mut added = Vec::new();
        for (index, profile) in list {
            self.devices.entry(index).or_insert_with(|| {
                let device = Device::new(profile.clone(), self.handle.clone());
                added.push(device.clone());
                device
            });
        }
        if removed.is_empty() && added.is_empty() {
            return;
        }
        removed.iter().for_each(Device::remove);
        let devices = self.devices.values().cloned().collect();
        self.state.send_modify(|state| state.devices = devices);
        for device in removed {
            info!(index = device.index(), name = device.label(), "device removed");
            self.publish(&Event::DeviceRemoved(device));
        }
        for device in added {
            info!(index = device.index(), name = device.label(), "device added");
            self.publish(&Event::DeviceAdded(device));
        }
    }

    /// The connection is not there, but may be again.
    fn lose(&mut self, reason: DisconnectReason) {
        warn!(server = %self.connector, %reason, "disconnected");
        self.state.send_modify(|state| state.connected = false);
        self.publish(&Event::Disconnected(reason.clone()));
        self.away = reason;
    }

    /// The connection has ended for good.
    fn finish(mut self, reason: DisconnectReason, stopped: Result<(), Error>) {
        debug!(server = %self.connector, %reason, "the client has ended");
        self.state.send_modify(|state| {
            state.connected = false;
            state.devices = Arc::default();
        });
        self.commands.end(reason.clone());
        while let Some(command) = self.commands.try_next() {
            match command {
                Command::Request(_, reply) => {
                    let _ = reply.send(Err(Error::Disconnected(reason.clone())));
                }
                Command::Subscribe(publisher) => self.audience.push(publisher),
                Command::Disconnect(done) => self.farewells.push(done),
                Command::Abandon => {}
            }
        }
        self.publish(&Event::Disconnected(reason));
        for done in self.farewells.drain(..) {
            let _ = done.send(stopped.clone());
        }
    }
}
