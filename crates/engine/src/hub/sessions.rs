//! What happens to sessions, and what is said to them.

use std::time::Instant;

use frisson_wire::dialect::Greeting;
use frisson_wire::frame::{self, Refusal};
use frisson_wire::{
    DeviceChange, Dialect, Event, Fault, Hello, Id, Message, Reading, Reply, Request, ServerInfo,
};

use super::scan::Effects;
use super::waiters::{Purpose, Waiter, WaiterId};
use super::{Close, Hub, Note, Output, PING_STOP_TIMEOUT, READ_TIMEOUT, SessionId, Timer};
use crate::device::{Selection, Ticket};
use crate::error::Error;
use crate::session::{Peer, Session, Stage};
use crate::timers::later;

impl Hub {
    pub(super) fn connected(&mut self, now: Instant, id: SessionId, peer: Peer) {
        let refusal = if self.shutdown.is_some() {
            Some(Close::ServerStops)
        } else if self.sessions.len() >= self.config.max_sessions {
            Some(Close::TooManyClients)
        } else {
            None
        };
        if let Some(close) = refusal {
            self.outputs.push_back(Output::Close(id, close));
            return;
        }
        self.sessions.insert(id, Session::new(now, peer, self.config.handshake_timeout));
        self.watch(id);
    }

    pub(super) fn text(&mut self, now: Instant, id: SessionId, text: &str) {
        if let Some(Stage::Open { dialect }) = self.sessions.get(&id).map(Session::stage)
            && let Some(decoded) = dialect.decode_single(text, &self.devices)
        {
            return self.decoded(now, id, decoded);
        }
        let messages = match frame::split(text) {
            Ok(messages) => messages,
            Err(fault) => return self.fault(id, fault),
        };
        for message in messages {
            let Some(session) = self.sessions.get(&id) else { return };
            match session.stage() {
                Stage::Open { dialect } => {
                    let decoded = dialect.decode_request(message, &self.devices);
                    self.decoded(now, id, decoded);
                }
                Stage::Greeting { .. } => match Dialect::greet(message) {
                    Greeting::Hello(request_id, hello) => self.hello(now, id, request_id, hello),
                    Greeting::Refused { refusal, close } => {
                        self.send(id, refusal.into_message());
                        if close {
                            self.close(id, Close::Version);
                        }
                    }
                },
                Stage::Ending { dialect, asked: true } => {
                    let message = match dialect.decode_request(message, &self.devices) {
                        Ok((request_id, _)) => {
                            Message::Reply(request_id, Reply::Error(Error::AfterDisconnect.into()))
                        }
                        Err(refusal) => refusal.into_message(),
                    };
                    self.send(id, message);
                }
                Stage::Ending { asked: false, .. } => return,
            }
        }
    }

    fn decoded(&mut self, now: Instant, id: SessionId, decoded: Result<(Id, Request), Refusal>) {
        match decoded {
            Ok((request_id, request)) => self.request(now, id, request_id, request),
            Err(refusal) => self.send(id, refusal.into_message()),
        }
    }

    pub(super) fn value(&mut self, now: Instant, id: SessionId, request_id: Id, request: Request) {
        let Some(session) = self.sessions.get(&id) else { return };
        match (session.stage(), request) {
            (Stage::Greeting { .. }, Request::Hello(hello)) => self.hello(now, id, request_id, hello),
            (Stage::Greeting { .. }, _) => {
                self.reply(id, request_id, Reply::Error(Error::NoHandshake.into()))
            }
            (Stage::Open { .. }, Request::Hello(_)) => {
                self.reply(id, request_id, Reply::Error(Error::SecondHandshake.into()));
            }
            (Stage::Open { .. }, request) => self.request(now, id, request_id, request),
            (Stage::Ending { asked: true, .. }, _) => {
                self.reply(id, request_id, Reply::Error(Error::AfterDisconnect.into()));
            }
            (Stage::Ending { asked: false, .. }, _) => {}
        }
    }

    fn hello(&mut self, now: Instant, id: SessionId, request_id: Id, hello: Hello) {
        if self.shutdown.is_some() {
            return self.reply(id, request_id, Reply::Error(Error::ShuttingDown.into()));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let note = Note::SessionOpened(id, hello.client_name.clone(), hello.dialect);
        session.open(now, hello, self.config.max_ping_time);
        self.watch(id);
        let info = ServerInfo {
            server_name: self.config.server_name.clone(),
            max_ping_time_ms: u32::try_from(self.config.max_ping_time.as_millis()).unwrap_or(u32::MAX),
        };
        self.reply(id, request_id, Reply::ServerInfo(info));
        self.outputs.push_back(Output::Note(note));
    }

    /// Has a session looked at again when it is due to end. A ping does not need that: a deadline that has moved is found out then.
    fn watch(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let deadline = session.deadline();
        if let Some(before) = std::mem::replace(&mut session.armed, deadline) {
            self.timers.cancel(before, Timer::Session(id));
        }
        if let Some(deadline) = deadline {
            self.timers.arm(deadline, Timer::Session(id));
        }
    }

    pub(super) fn session_due(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        match (session.deadline(), session.stage()) {
            (Some(deadline), _) if deadline > now => self.watch(id),
            (Some(_), Stage::Greeting { .. }) => self.close(id, Close::NoHandshake),
            (Some(_), _) => self.end_session(id, false, later(now, PING_STOP_TIMEOUT), Purpose::PingTimeout),
            (None, _) => {}
        }
    }

    pub(super) fn disconnected(&mut self, id: SessionId) {
        self.let_go(id, None);
        self.forget(id);
    }

    /// Ends a session that is still to be told something when its devices are stopped.
    pub(super) fn end_session(&mut self, id: SessionId, asked: bool, limit: Instant, purpose: Purpose) {
        let waiter = self.wait(id, limit, purpose);
        self.let_go(id, Some(waiter));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.end(asked);
        }
        self.watch(id);
        self.settle(waiter);
    }

    /// Closes the connection at once; what it drove is stopped.
    pub(super) fn close(&mut self, id: SessionId, close: Close) {
        self.let_go(id, None);
        if self.forget(id) {
            self.outputs.push_back(Output::Close(id, close));
        }
    }

    fn forget(&mut self, id: SessionId) -> bool {
        for waiter in self.waiters.of(id) {
            if let Some(waiter) = self.waiters.remove(waiter) {
                self.timers.cancel(waiter.deadline, Timer::Waiter(waiter.id));
            }
        }
        let Some(session) = self.sessions.remove(&id) else { return false };
        if let Some(armed) = session.armed {
            self.timers.cancel(armed, Timer::Session(id));
        }
        true
    }

    /// The session's scan and subscriptions end, and exactly what it was the last to drive is stopped, for `waiter`.
    fn let_go(&mut self, id: SessionId, waiter: Option<WaiterId>) {
        let effects = self.scan.forget(id);
        self.scan_effects(effects);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let is_open = matches!(session.stage(), Stage::Open { .. });
        let driving = std::mem::take(&mut session.driving);
        for input in std::mem::take(&mut session.subscribed) {
            self.unsubscribe(id, input);
        }
        let mut outputs = 0;
        for index in driving {
            let driven = self.devices.get(index).map(|entry| entry.driven_by(id)).unwrap_or_default();
            if !driven.is_empty() {
                outputs += driven.len();
                self.stop_device(index, Selection::Outputs(driven), waiter);
            }
        }
        if is_open {
            self.outputs.push_back(Output::Note(Note::SessionEnded(id, outputs)));
        }
    }

    pub(super) fn send(&mut self, id: SessionId, message: Message) {
        let Some(session) = self.sessions.get(&id) else { return };
        match session.peer() {
            Peer::Values => self.outputs.push_back(Output::Message(id, message)),
            Peer::Frames => {
                let dialect = session.dialect().unwrap_or(Dialect::NEWEST);
                let is_reading = matches!(message, Message::Event(Event::Reading(_)));
                let outputs = &mut self.outputs;
                dialect.encode_message(&message, &mut |frame| {
                    outputs.push_back(Output::Frame { session: id, frame, is_reading });
                });
            }
        }
    }

    pub(super) fn reply(&mut self, id: SessionId, request_id: Id, reply: Reply) {
        self.send(id, Message::Reply(request_id, reply));
    }

    pub(super) fn fault(&mut self, id: SessionId, fault: Fault) {
        let ended = self
            .sessions
            .get(&id)
            .is_none_or(|session| matches!(session.stage(), Stage::Ending { asked: false, .. }));
        if !ended {
            self.send(id, Message::Event(Event::Error(fault)));
        }
    }

    /// Tells every session that has completed its handshake.
    pub(super) fn announce(&mut self, change: DeviceChange) {
        let all = self.devices.list();
        let open: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.dialect().is_some())
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            self.send(id, Message::Event(Event::Devices { change: change.clone(), all: all.clone() }));
        }
    }

    /// Something will be said to the session when devices have done their part, and at the latest at `deadline`.
    pub(super) fn wait(&mut self, id: SessionId, deadline: Instant, purpose: Purpose) -> WaiterId {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.waiting += 1;
        }
        let waiter = self.waiters.add(id, deadline, purpose);
        self.timers.arm(deadline, Timer::Waiter(waiter));
        waiter
    }

    /// All devices that have a part have been told: where there are none, there is nothing to wait for.
    pub(super) fn settle(&mut self, waiter: WaiterId) {
        if let Some(waiter) = self.waiters.take_settled(waiter) {
            self.answer(waiter, false);
        }
    }

    /// A device has done its part, or failed to.
    pub(super) fn done(&mut self, ticket: Ticket, result: Result<Option<i64>, String>) {
        for waiter in self.waiters.done(ticket, result) {
            self.answer(waiter, false);
        }
    }

    /// Says what was waited for: all has been done, or (`late`) its time is over.
    pub(super) fn answer(&mut self, waiter: Waiter, late: bool) {
        let Waiter { id: waiter, session: id, deadline, purpose, failure, .. } = waiter;
        self.timers.cancel(deadline, Timer::Waiter(waiter));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.waiting = session.waiting.saturating_sub(1);
        }
        let failure = failure.map(|(device, reason)| Error::Hardware { device, reason });
        let stopped = match (failure, late) {
            (Some(error), _) => Reply::Error(error.into()),
            (None, true) => Reply::Error(Error::StopPending.into()),
            (None, false) => Reply::Ok,
        };
        match purpose {
            Purpose::Stop(request_id) => self.reply(id, request_id, stopped),
            Purpose::Disconnect(request_id) => {
                self.reply(id, request_id, stopped);
                self.close(id, Close::Asked);
            }
            Purpose::PingTimeout => {
                let period_ms = self.config.max_ping_time.as_millis();
                self.send(id, Message::Event(Event::Error(Error::PingTimeout(period_ms).into())));
                self.close(id, Close::PingTimeout);
            }
            Purpose::Read { id: request_id, device, feature, kind, echo, value } => {
                let reply = match (value, stopped) {
                    (Some(value), _) => Reply::Reading(Reading { device, feature, kind, value }, echo),
                    (None, Reply::Error(fault)) if !late => Reply::Error(fault),
                    (None, _) => {
                        let reason = format!("{kind} was not answered within {} s", READ_TIMEOUT.as_secs());
                        Reply::Error(Error::Hardware { device, reason }.into())
                    }
                };
                self.reply(id, request_id, reply);
            }
        }
    }

    pub(super) fn scan_effects(&mut self, effects: Effects) {
        for session in effects.finished {
            self.send(session, Message::Event(Event::ScanningFinished));
        }
        if let Some(order) = effects.order {
            self.outputs.push_back(Output::Scan(order));
        }
        self.scan_changed = true;
    }
}
