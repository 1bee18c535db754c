//! What clients ask for, once the handshake is made.

use std::time::{Duration, Instant};

use frisson_wire::{
    Id, InputAction, InputKind, InputRequest, OutputCommand, OutputKind, OutputRequest, Reply, Request,
    Scope, StopRequest,
};

use super::waiters::{Purpose, WaiterId};
use super::{Hub, MAX_WAITING, READ_TIMEOUT, STOP_TIMEOUT, SessionId};
use crate::device::{Command, Selection};
use crate::error::Error;
use crate::timers::later;

impl Hub {
    pub(super) fn request(&mut self, now: Instant, session: SessionId, id: Id, request: Request) {
        let reply = match request {
            Request::Ping => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.ping(now);
                }
                Ok(Reply::Ok)
            }
            Request::Output(request) => self.set_outputs(session, &request).map(|()| Reply::Ok),
            Request::Stop(request) => match self.stop(now, session, id, request) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::Input(request) => match self.input(now, session, id, request) {
                Ok(None) => return,
                Ok(Some(reply)) => Ok(reply),
                Err(error) => Err(error),
            },
            Request::DeviceList => Ok(Reply::DeviceList(self.devices.list())),
            Request::StartScanning => return self.start_scanning(session, id),
            Request::StopScanning => {
                self.reply(session, id, Reply::Ok);
                let effects = self.scan.stop(session);
                return self.scan_effects(effects);
            }
            Request::Disconnect => {
                return self.end_session(session, true, later(now, STOP_TIMEOUT), Purpose::Disconnect(id));
            }
            Request::Test(text) if text == "Error" => Err(Error::TestError),
            Request::Test(text) => Ok(Reply::Test(text)),
            Request::Log => Ok(Reply::Ok),
            Request::Hello(_) => Err(Error::SecondHandshake),
        };
        self.reply(session, id, reply.unwrap_or_else(|error| Reply::Error(error.into())));
    }

    fn start_scanning(&mut self, session: SessionId, id: Id) {
        let refusal = if self.shutdown.is_some() {
            Some(Error::ShuttingDown)
        } else if !self.scan.is_possible() {
            Some(Error::NothingToScan)
        } else {
            None
        };
        if let Some(error) = refusal {
            return self.reply(session, id, Reply::Error(error.into()));
        }
        self.reply(session, id, Reply::Ok);
        let effects = self.scan.start(session);
        self.scan_effects(effects);
    }

    /// Checks all of a request before any of it is done.
    fn set_outputs(&mut self, session: SessionId, request: &OutputRequest) -> Result<(), Error> {
        if self.shutdown.is_some() {
            return Err(Error::ShuttingDown);
        }
        let device = request.device;
        let entry = self.devices.get_mut(device).ok_or(Error::NoDevice(device))?;
        entry.check_in_use()?;
        for command in &request.commands {
            entry.profile.check(command)?;
        }
        if self.emergency_stop {
            return Err(Error::EmergencyStop);
        }
        if self.config.exclusive
            && let Some(owned) =
                request.commands.iter().find(|command| entry.is_owned_by_other(command, session))
        {
            return Err(Error::InUse { device, feature: owned.feature });
        }
        for command in &request.commands {
            entry.drive(command, session);
        }
        if let Some(session) = self.sessions.get_mut(&session) {
            session.driving.insert(device);
        }
        for command in &request.commands {
            let OutputCommand { feature, kind, value, duration } = *command;
            let timed = duration.filter(|_| kind == OutputKind::HwPositionWithDuration);
            let duration = Duration::from_millis(timed.unwrap_or(0).into());
            self.command(device, Command::Set { feature, kind, value, duration });
        }
        Ok(())
    }

    /// Stops what is meant, whoever drives it. Answered when the stops have been written.
    fn stop(&mut self, now: Instant, session: SessionId, id: Id, request: StopRequest) -> Result<(), Error> {
        let (devices, selection) = match request.scope {
            Scope::All => (self.devices.indices(), Selection::All),
            Scope::Device(device) => (vec![device], Selection::All),
            Scope::Feature { device, feature } => (vec![device], Selection::Feature(feature)),
        };
        for index in &devices {
            let entry = self.devices.get(*index).ok_or(Error::NoDevice(*index))?;
            if let Selection::Feature(feature) = selection
                && entry.profile.device().feature(feature).is_none()
            {
                return Err(Error::NoFeature { device: *index, feature });
            }
        }
        if request.inputs {
            self.unsubscribe_all(session, request.scope);
        }
        if !request.outputs {
            self.reply(session, id, Reply::Ok);
            return Ok(());
        }
        // A stop is made in any case, whether or not its answer can wait.
        let is_busy = self.is_busy(session);
        let waiter = (!is_busy).then(|| self.wait(session, later(now, STOP_TIMEOUT), Purpose::Stop(id)));
        for index in devices {
            self.stop_device(index, selection.clone(), waiter);
        }
        let waiter = waiter.ok_or(Error::TooManyWaiting(MAX_WAITING))?;
        self.settle(waiter);
        Ok(())
    }

    fn is_busy(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.waiting >= MAX_WAITING)
    }

    fn unsubscribe_all(&mut self, session: SessionId, scope: Scope) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        let meant = |device: u32, feature: u32| match scope {
            Scope::All => true,
            Scope::Device(only) => device == only,
            Scope::Feature { device: d, feature: f } => (device, feature) == (d, f),
        };
        let inputs: Vec<_> = state
            .subscribed
            .iter()
            .filter(|(device, feature, _)| meant(*device, *feature))
            .copied()
            .collect();
        for input in inputs {
            if let Some(state) = self.sessions.get_mut(&session) {
                state.subscribed.remove(&input);
            }
            self.unsubscribe(session, input);
        }
    }

    /// Gives the answer, or none where it waits for the hardware.
    fn input(
        &mut self,
        now: Instant,
        session: SessionId,
        id: Id,
        request: InputRequest,
    ) -> Result<Option<Reply>, Error> {
        let InputRequest { device, feature, kind, action, echo } = request;
        if self.shutdown.is_some() && action != InputAction::Unsubscribe {
            return Err(Error::ShuttingDown);
        }
        let entry = self.devices.get(device).ok_or(Error::NoDevice(device))?;
        if action != InputAction::Unsubscribe {
            entry.check_in_use()?;
        }
        entry.profile.check_input(feature, kind, action)?;
        let input = (device, feature, kind);
        let Some(state) = self.sessions.get_mut(&session) else { return Ok(None) };
        match action {
            InputAction::Read => {
                if self.is_busy(session) {
                    return Err(Error::TooManyWaiting(MAX_WAITING));
                }
                let purpose = Purpose::Read { id, device, feature, kind, echo, value: None };
                let waiter = self.wait(session, later(now, READ_TIMEOUT), purpose);
                self.read(input, waiter);
                return Ok(None);
            }
            InputAction::Subscribe => {
                if state.subscribed.insert(input) {
                    let sessions = self.subscribers.entry(input).or_default();
                    sessions.push(session);
                    if sessions.len() == 1 {
                        self.command(device, Command::Listen { feature, kind, on: true });
                    }
                }
            }
            InputAction::Unsubscribe => {
                if state.subscribed.remove(&input) {
                    self.unsubscribe(session, input);
                }
            }
        }
        Ok(Some(Reply::Ok))
    }

    fn read(&mut self, (device, feature, kind): (u32, u32, InputKind), waiter: WaiterId) {
        let Some(entry) = self.devices.get(device) else { return };
        let ticket = entry.waiting_read((feature, kind));
        let shared = ticket.is_some();
        let ticket = ticket.unwrap_or_else(|| self.waiters.fresh());
        self.waiters.join(waiter, ticket, device);
        if !shared {
            self.command(device, Command::Read { feature, kind, ticket });
        }
    }
}
