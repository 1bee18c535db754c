//! A hub in virtual time: clients and devices are played by the test.

// Every test file uses its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::time::{Duration, Instant};

use frisson_engine::device::{Command, Report, Selection, Ticket};
use frisson_engine::hub::{
    Close, Config, DeviceId, Hub, Input, Note, Output, ScanOrder, ScannerId, SessionId,
};
use frisson_engine::session::Peer;
use frisson_program::Description;
use frisson_wire::{
    Dialect, Echo, ErrorCode, Event, Feature, Hello, Id, Input as FeatureInput, InputAction, InputKind,
    InputRequest, Message, Output as FeatureOutput, OutputCommand, OutputKind, OutputRequest, Range, Reading,
    Reply, Request, RssiSpelling, Scope, StopRequest,
};

pub const BUS: ScannerId = ScannerId(1);

/// The hub, the time, and how many ids have been given.
pub struct Bench {
    pub hub: Hub,
    pub now: Instant,
    start: Instant,
    sessions: u64,
    devices: u64,
    requests: u32,
}

/// What the hub wanted done, in order.
#[derive(Debug, Default)]
pub struct Seen(pub Vec<Output>);

/// A device that can take commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    pub id: DeviceId,
    pub index: u32,
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn config() -> Config {
    Config {
        server_name: "Bench".to_owned(),
        max_ping_time: Duration::ZERO,
        handshake_timeout: ms(10_000),
        max_sessions: 16,
        exclusive: false,
    }
}

impl Bench {
    pub fn new() -> Self {
        Self::with(config())
    }

    /// A bench on which clients have to ping at least this often.
    pub fn pinged(every_ms: u64) -> Self {
        Self::with(Config { max_ping_time: ms(every_ms), ..config() })
    }

    pub fn with(config: Config) -> Self {
        let now = Instant::now();
        Self { hub: Hub::new(config), now, start: now, sessions: 0, devices: 0, requests: 0 }
    }

    pub fn handle(&mut self, input: Input<'_>) -> Seen {
        self.hub.handle(self.now, input);
        let mut outputs = Vec::new();
        while let Some(output) = self.hub.poll_output() {
            outputs.push(output);
        }
        Seen(outputs)
    }

    /// How much time has passed since the bench was made.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass: every deadline on the way is handled exactly when it comes.
    pub fn pass(&mut self, by_ms: u64) -> Seen {
        let until = self.now + ms(by_ms);
        let mut seen = Seen::default();
        while let Some(due) = self.hub.poll_timeout().filter(|due| *due <= until) {
            assert!(due >= self.now, "a deadline in the past");
            self.now = due;
            seen.0.append(&mut self.handle(Input::Timeout).0);
            assert!(self.hub.poll_timeout().is_none_or(|next| next > self.now), "busy loop");
        }
        self.now = until;
        seen
    }

    // Clients.

    pub fn connect(&mut self, peer: Peer) -> SessionId {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        self.handle(Input::Connected(session, peer));
        session
    }

    /// A client in the same process that has completed its handshake.
    pub fn client(&mut self) -> SessionId {
        let session = self.connect(Peer::Values);
        let reply = self.ask(session, hello());
        assert!(matches!(reply, Reply::ServerInfo(_)), "{reply:?}");
        session
    }

    /// A client that speaks frames of this version and has completed its handshake.
    pub fn remote(&mut self, dialect: Dialect) -> SessionId {
        let session = self.connect(Peer::Frames);
        let frames = self.text(session, &greeting(dialect));
        assert!(frames.len() == 1 && frames[0].contains("ServerInfo"), "{frames:?}");
        session
    }

    /// Sends a request under a new id; gives that and what happened.
    pub fn send(&mut self, session: SessionId, request: Request) -> (u32, Seen) {
        self.requests += 1;
        let id = self.requests;
        (id, self.handle(Input::Request(session, Id::new(id).unwrap(), request)))
    }

    /// Sends a request that is answered at once and causes whatever else.
    pub fn ask(&mut self, session: SessionId, request: Request) -> Reply {
        let (id, seen) = self.send(session, request);
        seen.reply(session, id)
    }

    /// Sends a request that is answered `Ok` at once; gives what else happened.
    pub fn ok(&mut self, session: SessionId, request: Request) -> Seen {
        let (id, seen) = self.send(session, request);
        assert_eq!(seen.reply(session, id), Reply::Ok);
        seen
    }

    /// Sends a request that is refused at once and does nothing; gives the class of the error.
    pub fn refused(&mut self, session: SessionId, request: Request) -> ErrorCode {
        let (id, seen) = self.send(session, request);
        assert_eq!(seen.0.len(), 1, "{seen:?}");
        seen.error(session, id)
    }

    /// Sends a frame; gives the frames that come back.
    pub fn text(&mut self, session: SessionId, text: &str) -> Vec<String> {
        self.handle(Input::Text(session, text)).frames(session)
    }

    // Devices.

    /// Hardware that is connected and ready.
    pub fn device(&mut self, address: &str, features: Vec<Feature>) -> Unit {
        let (unit, _) = self.arrive(address, features);
        unit
    }

    /// As [`Bench::device`], with what happened at its arrival.
    pub fn arrive(&mut self, address: &str, features: Vec<Feature>) -> (Unit, Seen) {
        let id = self.open(address);
        let seen = self.ready(id, features);
        let index = seen.0.iter().find_map(|output| match output {
            Output::Note(Note::DeviceAdded(index, _)) => Some(*index),
            _ => None,
        });
        (Unit { id, index: index.expect("no device was added") }, seen)
    }

    /// Hardware that is connected and being greeted.
    pub fn open(&mut self, address: &str) -> DeviceId {
        self.open_seen(address).0
    }

    pub fn open_seen(&mut self, address: &str) -> (DeviceId, Seen) {
        self.devices += 1;
        let device = DeviceId(self.devices);
        let seen = self.handle(Input::DeviceOpened { device, address, gap: ms(20) });
        (device, seen)
    }

    pub fn ready(&mut self, device: DeviceId, features: Vec<Feature>) -> Seen {
        self.handle(Input::Device(device, Report::Ready(Box::new(description(features)))))
    }

    pub fn report(&mut self, unit: Unit, report: Report) -> Seen {
        self.handle(Input::Device(unit.id, report))
    }

    pub fn gone(&mut self, unit: Unit) -> Seen {
        self.report(unit, Report::Gone("out of range".to_owned()))
    }

    /// The device has done what this ticket was given for.
    pub fn done(&mut self, unit: Unit, ticket: Ticket) -> Seen {
        self.report(unit, Report::Done(ticket, Ok(None)))
    }

    /// The device has written the stops among these commands.
    pub fn stopped(&mut self, unit: Unit, seen: &Seen) -> Seen {
        let mut after = Seen::default();
        for ticket in seen.tickets(unit) {
            after.0.append(&mut self.done(unit, ticket).0);
        }
        after
    }
}

impl Seen {
    pub fn messages(&self, session: SessionId) -> Vec<&Message> {
        let all = self.0.iter();
        all.filter_map(|output| match output {
            Output::Message(to, message) if *to == session => Some(message),
            _ => None,
        })
        .collect()
    }

    /// Answers to a client, in order.
    pub fn replies(&self, session: SessionId) -> Vec<(u32, &Reply)> {
        let all = self.messages(session).into_iter();
        all.filter_map(|message| match message {
            Message::Reply(id, reply) => Some((id.get(), reply)),
            Message::Event(_) => None,
        })
        .collect()
    }

    /// The one answer to this request.
    #[track_caller]
    pub fn reply(&self, session: SessionId, id: u32) -> Reply {
        let mut replies = self.replies(session).into_iter().filter(|(of, _)| *of == id);
        match (replies.next(), replies.next()) {
            (Some((_, reply)), None) => reply.clone(),
            _ => panic!("not exactly one answer to {id}: {self:?}"),
        }
    }

    /// The class of the error that is the one answer to this request.
    #[track_caller]
    pub fn error(&self, session: SessionId, id: u32) -> ErrorCode {
        match self.reply(session, id) {
            Reply::Error(fault) => fault.code,
            reply => panic!("not an error: {reply:?}"),
        }
    }

    pub fn events(&self, session: SessionId) -> Vec<&Event> {
        let all = self.messages(session).into_iter();
        all.filter_map(|message| match message {
            Message::Event(event) => Some(event),
            Message::Reply(..) => None,
        })
        .collect()
    }

    pub fn frames(&self, session: SessionId) -> Vec<String> {
        let all = self.0.iter();
        all.filter_map(|output| match output {
            Output::Frame { session: to, frame, .. } if *to == session => Some(frame.clone()),
            _ => None,
        })
        .collect()
    }

    pub fn commands(&self, unit: Unit) -> Vec<Command> {
        let all = self.0.iter();
        all.filter_map(|output| match output {
            Output::Device(to, command) if *to == unit.id => Some(command.clone()),
            _ => None,
        })
        .collect()
    }

    /// What is stopped of a device, without the tickets.
    pub fn stops(&self, unit: Unit) -> Vec<Selection> {
        let all = self.commands(unit).into_iter();
        all.filter_map(|command| match command {
            Command::Stop { selection, .. } => Some(selection),
            _ => None,
        })
        .collect()
    }

    /// What a device is set to.
    pub fn sets(&self, unit: Unit) -> Vec<(u32, OutputKind, i32)> {
        let all = self.commands(unit).into_iter();
        all.filter_map(|command| match command {
            Command::Set { feature, kind, value, .. } => Some((feature, kind, value)),
            _ => None,
        })
        .collect()
    }

    /// The tickets that a device was given.
    pub fn tickets(&self, unit: Unit) -> Vec<Ticket> {
        let all = self.commands(unit).into_iter();
        all.filter_map(|command| match command {
            Command::Stop { ticket, .. } => ticket,
            Command::Read { ticket, .. } => Some(ticket),
            _ => None,
        })
        .collect()
    }

    /// The one ticket that a device was given.
    #[track_caller]
    pub fn ticket(&self, unit: Unit) -> Ticket {
        match self.tickets(unit)[..] {
            [ticket] => ticket,
            _ => panic!("not exactly one ticket: {self:?}"),
        }
    }

    pub fn close(&self, session: SessionId) -> Option<Close> {
        self.0.iter().find_map(|output| match output {
            Output::Close(of, close) if *of == session => Some(*close),
            _ => None,
        })
    }

    pub fn scans(&self) -> Vec<ScanOrder> {
        let all = self.0.iter();
        all.filter_map(|output| match output {
            Output::Scan(order) => Some(*order),
            _ => None,
        })
        .collect()
    }

    pub fn notes(&self) -> Vec<&Note> {
        let all = self.0.iter();
        all.filter_map(|output| match output {
            Output::Note(note) => Some(note),
            _ => None,
        })
        .collect()
    }

    /// The devices that could not be stopped, once the shutdown has ended.
    pub fn unstopped(&self) -> Option<&[String]> {
        self.0.iter().find_map(|output| match output {
            Output::Finished { unstopped } => Some(&**unstopped),
            _ => None,
        })
    }

    /// Where the first output that fits stands.
    #[track_caller]
    pub fn position(&self, fits: impl Fn(&Output) -> bool) -> usize {
        self.0.iter().position(fits).unwrap_or_else(|| panic!("nothing fits: {self:?}"))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// Requests.

pub fn hello() -> Request {
    Request::Hello(Hello { client_name: "Test".to_owned(), dialect: Dialect::NEWEST })
}

pub fn greeting(dialect: Dialect) -> String {
    let version = match dialect.number() {
        0 => String::new(),
        4 => r#", "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0"#.to_owned(),
        number => format!(r#", "MessageVersion": {number}"#),
    };
    format!(r#"[{{"RequestServerInfo": {{"Id": 1, "ClientName": "Test"{version}}}}}]"#)
}

pub fn set(unit: Unit, feature: u32, kind: OutputKind, value: i32) -> Request {
    let duration = (kind == OutputKind::HwPositionWithDuration).then_some(100);
    let command = OutputCommand { feature, kind, value, duration };
    Request::Output(OutputRequest { device: unit.index, commands: [command].into_iter().collect() })
}

pub fn vibrate(unit: Unit, feature: u32, value: i32) -> Request {
    set(unit, feature, OutputKind::Vibrate, value)
}

pub fn input(unit: Unit, feature: u32, kind: InputKind, action: InputAction) -> Request {
    Request::Input(InputRequest { device: unit.index, feature, kind, action, echo: Echo::default() })
}

pub fn stop(scope: Scope, inputs: bool, outputs: bool) -> Request {
    Request::Stop(StopRequest { scope, inputs, outputs })
}

pub fn stop_all() -> Request {
    stop(Scope::All, true, true)
}

// Devices.

pub fn description(features: Vec<Feature>) -> Description {
    Description {
        protocol: "bench".to_owned(),
        model: "one".to_owned(),
        name: "Toy".to_owned(),
        features,
        gap: None,
        keepalive: None,
    }
}

fn feature(index: u32, outputs: Vec<FeatureOutput>, inputs: Vec<FeatureInput>) -> Feature {
    Feature { index, description: String::new(), outputs, inputs }
}

fn output(kind: OutputKind, min: i32, max: i32) -> FeatureOutput {
    let duration = (kind == OutputKind::HwPositionWithDuration).then_some(Range::new(0, 10_000));
    FeatureOutput { kind, value: Range::new(min, max), duration }
}

pub fn vibrator(index: u32, max: i32) -> Feature {
    feature(index, vec![output(OutputKind::Vibrate, 0, max)], Vec::new())
}

pub fn rotator(index: u32) -> Feature {
    feature(index, vec![output(OutputKind::Rotate, -20, 20)], Vec::new())
}

pub fn stroker(index: u32) -> Feature {
    let outputs =
        vec![output(OutputKind::Position, 0, 100), output(OutputKind::HwPositionWithDuration, 0, 100)];
    feature(index, outputs, Vec::new())
}

pub fn sensor(index: u32, kind: InputKind, read: bool, subscribe: bool) -> Feature {
    let values = vec![Range::new(0, 100)];
    feature(
        index,
        Vec::new(),
        vec![FeatureInput { kind, values, read, subscribe, spelling: RssiSpelling::Rssi }],
    )
}

pub fn battery(index: u32) -> Feature {
    sensor(index, InputKind::Battery, true, false)
}

pub fn bulb(index: u32) -> Feature {
    sensor(index, InputKind::Pressure, false, true)
}

pub fn reading(unit: Unit, feature: u32, kind: InputKind, value: i64) -> Event {
    Event::Reading(Reading { device: unit.index, feature, kind, value })
}
