//! Whatever happens, in whatever order.

mod hub_harness;

use std::collections::{BTreeMap, BTreeSet};

use frisson_engine::device::{Command, Report, Ticket};
use frisson_engine::hub::{Config, DeviceId, Input, Note, Output, ScannerId, SessionId};
use frisson_engine::session::Peer;
use frisson_wire::{
    Dialect, Echo, Event, Feature, Id, InputAction, InputKind, InputRequest, Message, OutputCommand,
    OutputKind, OutputRequest, Reply, Request, Scope, StopRequest,
};
use hub_harness::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config as Cases;

/// Something that happens. Where something is chosen among what has been there so far, it may be gone meanwhile.
#[derive(Debug, Clone)]
enum Op {
    Connect,
    Hello(Index),
    Ask(Index, Request),
    /// More at once than a device has room for.
    Flood(Index, u32, Vec<i32>),
    Leave(Index),
    Open(usize),
    Ready(Index, usize),
    Redefine(Index, usize),
    Gone(Index),
    Closed(Index, bool),
    Dismiss(Index),
    /// An index is stored for a device.
    Store(Index, u32),
    Refused(Index),
    TaskEnded(Index),
    Done(Index, i64, bool),
    Reading(Index),
    Credit(Index, u32),
    Scanner(u64, bool),
    ScanEnded(u64),
    /// How many known devices are missing.
    Missing(usize),
    EmergencyStop(bool),
    Shutdown,
    Pass(u64),
}

fn output() -> impl Strategy<Value = Request> {
    use OutputKind::{HwPositionWithDuration, Position, Rotate, Vibrate};
    let good = (
        0..3_u32,
        select(vec![(0, Vibrate, 5), (0, Vibrate, 20), (0, Vibrate, 0), (1, Rotate, -20), (2, Position, 9)]),
    )
        .prop_map(|(device, (feature, kind, value))| (device, feature, kind, value, None));
    let any = (
        0..4_u32,
        0..6_u32,
        select(vec![Vibrate, Rotate, Position, HwPositionWithDuration]),
        -25..110,
        any::<Option<u32>>(),
    );
    prop_oneof![good, any].prop_map(|(device, feature, kind, value, duration)| {
        let command = OutputCommand { feature, kind, value, duration };
        Request::Output(OutputRequest { device, commands: [command].into_iter().collect() })
    })
}

fn input_request() -> impl Strategy<Value = Request> {
    let inputs = select(vec![(3, InputKind::Battery), (4, InputKind::Pressure), (0, InputKind::Battery)]);
    let actions = select(vec![InputAction::Read, InputAction::Subscribe, InputAction::Unsubscribe]);
    let any = (0..4_u32, inputs, actions.clone());
    let good = (0..3_u32, Just((4, InputKind::Pressure)), actions);
    prop_oneof![good, any].prop_map(|(device, (feature, kind), action)| {
        Request::Input(InputRequest { device, feature, kind, action, echo: Echo::default() })
    })
}

fn stop_request() -> impl Strategy<Value = Request> {
    let scope = prop_oneof![
        Just(Scope::All),
        (0..4_u32).prop_map(Scope::Device),
        (0..4_u32, 0..6_u32).prop_map(|(device, feature)| Scope::Feature { device, feature }),
    ];
    let often = prop_oneof![3 => Just(true), 1 => Just(false)];
    (scope, any::<bool>(), often)
        .prop_map(|(scope, inputs, outputs)| Request::Stop(StopRequest { scope, inputs, outputs }))
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        8 => output(),
        4 => input_request(),
        3 => stop_request(),
        2 => Just(Request::Ping),
        1 => Just(Request::StartScanning),
        1 => Just(Request::StopScanning),
        1 => Just(Request::DeviceList),
        1 => Just(Request::Log),
        1 => Just(hello()),
        1 => Just(Request::Disconnect),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<Index>;
    prop_oneof![
        4 => Just(Op::Connect),
        4 => which().prop_map(Op::Hello),
        24 => (which(), request()).prop_map(|(at, request)| Op::Ask(at, request)),
        2 => (which(), 0..3_u32, prop::collection::vec(0..21, 60..75)).prop_map(|(at, device, values)| Op::Flood(at, device, values)),
        2 => which().prop_map(Op::Leave),
        3 => (0..3_usize).prop_map(Op::Open),
        6 => (which(), 0..4_usize).prop_map(|(at, offer)| Op::Ready(at, offer)),
        2 => (which(), 0..4_usize).prop_map(|(at, offer)| Op::Redefine(at, offer)),
        1 => which().prop_map(Op::Gone),
        1 => (which(), any::<bool>()).prop_map(|(at, stopped)| Op::Closed(at, stopped)),
        1 => which().prop_map(Op::Dismiss),
        1 => (which(), 0..6_u32).prop_map(|(at, index)| Op::Store(at, index)),
        1 => which().prop_map(Op::Refused),
        1 => which().prop_map(Op::TaskEnded),
        8 => (which(), any::<i64>(), any::<bool>()).prop_map(|(at, value, ok)| Op::Done(at, value, ok)),
        2 => which().prop_map(Op::Reading),
        4 => (which(), select(vec![0, 1, 2, 64, u32::MAX])).prop_map(|(at, count)| Op::Credit(at, count)),
        1 => (0..2_u64, any::<bool>()).prop_map(|(bus, there)| Op::Scanner(bus, there)),
        1 => (0..2_u64).prop_map(Op::ScanEnded),
        1 => (0..3_usize).prop_map(Op::Missing),
        1 => any::<bool>().prop_map(Op::EmergencyStop),
        4 => select(vec![0, 1, 39, 100, 250, 999, 1_000, 5_000]).prop_map(Op::Pass),
    ]
}

/// What a device can be said to offer.
fn offer(which: usize) -> Vec<Feature> {
    let all = vec![vibrator(0, 20), rotator(1), stroker(2), battery(3), bulb(4)];
    match which {
        0 | 1 => all,
        2 => [vec![vibrator(0, 8)], all[1..4].to_vec()].concat(),
        _ => all[2..].to_vec(),
    }
}

type Key = (u32, OutputKind);

/// What is true of one output of one device.
#[derive(Debug, Default, Clone)]
struct Truth {
    /// Who is the last to have set it, and to what.
    driver: Option<(SessionId, i32)>,
    /// What its device was last told: a value, or to stop.
    told: Option<Option<i32>>,
    /// Whether it may run: told a value, and no stop since that is known to be written.
    runs: bool,
    /// The stop that ends that when it is written.
    stop: Option<Ticket>,
}

#[derive(Debug)]
struct Link {
    address: String,
    index: Option<u32>,
    features: Vec<Feature>,
    truths: BTreeMap<Key, Truth>,
    /// Tickets of stops that it was given.
    stops: BTreeSet<Ticket>,
    tickets: Vec<Ticket>,
    listening: BTreeMap<(u32, InputKind), bool>,
    unwritten: u32,
    dismissed: bool,
}

/// What is known of one session.
#[derive(Debug, Default)]
struct Client {
    open: bool,
    /// Nothing is promised to it any more.
    ended: bool,
    /// Nothing may be sent to it any more.
    gone: bool,
    waiting: BTreeSet<u32>,
    answered: BTreeSet<u32>,
    subscribed: BTreeSet<(u32, u32, InputKind)>,
    starts: usize,
    finishes: usize,
}

struct World {
    bench: Bench,
    clients: BTreeMap<SessionId, Client>,
    links: BTreeMap<DeviceId, Link>,
    /// Links that are there.
    there: BTreeSet<DeviceId>,
    indices: BTreeMap<String, u32>,
    /// Addresses of devices that were ever told anything, or could not be stopped.
    touched: BTreeSet<String>,
    next_session: u64,
    next_device: u64,
    next_request: u32,
    shutdown: bool,
    finished: bool,
}

/// One of those that are there, or the last of those that were.
fn pick<K: Copy + Ord, V>(map: &BTreeMap<K, V>, is_there: impl Fn(K, &V) -> bool, at: Index) -> Option<K> {
    let (mut among, gone): (Vec<K>, Vec<K>) = map.keys().partition(|key| is_there(**key, &map[key]));
    among.extend(gone.last());
    (!among.is_empty()).then(|| *at.get(&among))
}

impl World {
    fn new(config: Config) -> Self {
        Self {
            bench: Bench::with(config),
            clients: BTreeMap::new(),
            links: BTreeMap::new(),
            there: BTreeSet::new(),
            indices: BTreeMap::new(),
            touched: BTreeSet::new(),
            next_session: 0,
            next_device: 0,
            next_request: 0,
            shutdown: false,
            finished: false,
        }
    }

    fn client(&self, at: Index) -> Option<SessionId> {
        pick(&self.clients, |_, client| !client.gone, at)
    }

    fn link(&self, at: Index) -> Option<DeviceId> {
        pick(&self.links, |id, _| self.there.contains(&id), at)
    }

    fn input(&mut self, input: Input<'_>) {
        let seen = self.bench.handle(input);
        self.check(seen);
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Connect => {
                self.next_session += 1;
                let session = SessionId(self.next_session);
                self.clients.insert(session, Client::default());
                self.input(Input::Connected(session, Peer::Values));
            }
            Op::Hello(at) => self.ask(at, hello()),
            Op::Ask(at, request) => self.ask(at, request),
            Op::Flood(at, device, values) => {
                for value in values {
                    let kind = OutputKind::Vibrate;
                    let command = OutputCommand { feature: 0, kind, value, duration: None };
                    let commands = [command].into_iter().collect();
                    self.ask(at, Request::Output(OutputRequest { device, commands }));
                }
            }
            Op::Leave(at) => {
                let Some(session) = self.client(at) else { return };
                self.end(session);
                self.clients.get_mut(&session).unwrap().gone = true;
                self.input(Input::Disconnected(session));
            }
            Op::Open(which) => {
                self.next_device += 1;
                let id = DeviceId(self.next_device);
                let address = ["a", "b", "c"][which].to_owned();
                let older = self.there.iter().copied().find(|id| self.links[id].address == address);
                let link = Link {
                    address: address.clone(),
                    index: None,
                    features: Vec::new(),
                    truths: BTreeMap::new(),
                    stops: BTreeSet::new(),
                    tickets: Vec::new(),
                    listening: BTreeMap::new(),
                    unwritten: 0,
                    dismissed: false,
                };
                self.links.insert(id, link);
                self.there.insert(id);
                let seen =
                    self.bench.handle(Input::DeviceOpened { device: id, address: &address, gap: ms(0) });
                if let Some(older) = older {
                    assert_eq!(seen.0.first(), Some(&Output::Device(older, Command::Close)));
                    self.lose(older);
                }
                self.check(seen);
            }
            Op::Ready(at, which) => {
                let Some(id) = self.link(at) else { return };
                let link = self.links.get_mut(&id).unwrap();
                if self.there.contains(&id) && link.index.is_none() && !link.dismissed {
                    link.features = offer(which);
                    link.truths =
                        keys(&link.features).into_iter().map(|key| (key, Truth::default())).collect();
                }
                self.input(Input::Device(id, Report::Ready(Box::new(description(offer(which))))));
            }
            Op::Redefine(at, which) => {
                let Some(id) = self.link(at) else { return };
                let link = self.links.get_mut(&id).unwrap();
                if let (true, Some(index)) = (self.there.contains(&id), link.index) {
                    link.features = offer(which);
                    let mut old = std::mem::take(&mut link.truths);
                    for key in keys(&link.features) {
                        let mut truth = old.remove(&key).unwrap_or_default();
                        let range = range(&link.features, key).unwrap();
                        // The device brings what it was told within the range as well.
                        truth.driver = truth.driver.map(|(driver, value)| (driver, range.clamp(value)));
                        truth.told = truth.told.map(|told| told.map(|value| range.clamp(value)));
                        link.truths.insert(key, truth);
                    }
                    let offered = offer(which).iter().any(|feature| feature.index == 4);
                    for client in self.clients.values_mut() {
                        client.subscribed.retain(|(of, feature, _)| *of != index || *feature != 4 || offered);
                    }
                }
                self.input(Input::Device(id, Report::Redefined(Box::new(description(offer(which))))));
            }
            Op::Gone(at) => self.part(at, |id| Input::Device(id, Report::Gone("lost".to_owned())), None),
            Op::Closed(at, stopped) => {
                self.part(at, |id| Input::Device(id, Report::Closed { stopped }), Some(stopped));
            }
            Op::Dismiss(at) => {
                let Some(id) = self.link(at) else { return };
                let link = self.links.get_mut(&id).unwrap();
                if self.there.contains(&id) {
                    link.dismissed = true;
                    link.truths.values_mut().for_each(|truth| truth.driver = None);
                    self.touched.insert(link.address.clone());
                }
                self.input(Input::Dismissed { device: id, reason: "not wanted" });
            }
            Op::Store(at, index) => {
                let Some(id) = self.link(at) else { return };
                let link = self.links.get_mut(&id).unwrap();
                let Some(before) = link.index.filter(|_| self.there.contains(&id)) else { return };
                let seen = self.bench.handle(Input::Stored { device: id, index: Some(index) });
                if self.bench.hub.index_of(id) == Some(index) && index != before {
                    link.index = Some(index);
                    link.truths.values_mut().for_each(|truth| truth.driver = None);
                    self.indices.retain(|_, other| *other != index);
                    self.indices.insert(link.address.clone(), index);
                    for client in self.clients.values_mut() {
                        client.subscribed.retain(|(of, ..)| *of != before);
                    }
                }
                self.check(seen);
            }
            Op::Refused(at) => {
                let Some(id) = self.link(at) else { return };
                if self.links[&id].index.is_none() {
                    self.part(at, |id| Input::Device(id, Report::Refused("no".to_owned())), None);
                }
            }
            Op::TaskEnded(at) => self.part(at, Input::DeviceEnded, None),
            Op::Done(at, value, ok) => {
                let Some(id) = self.link(at) else { return };
                let link = self.links.get_mut(&id).unwrap();
                if link.tickets.is_empty() {
                    return;
                }
                let ticket = link.tickets.remove(0);
                let value = (!link.stops.contains(&ticket)).then_some(value);
                let result = if ok { Ok(value) } else { Err("failed".to_owned()) };
                if ok && self.there.contains(&id) && link.stops.contains(&ticket) {
                    for truth in
                        link.truths.values_mut().filter(|truth| truth.stop.is_some_and(|stop| stop <= ticket))
                    {
                        truth.runs = false;
                    }
                }
                self.input(Input::Device(id, Report::Done(ticket, result)));
            }
            Op::Reading(at) => {
                let Some(id) = self.link(at) else { return };
                let seen = self.bench.handle(Input::Device(id, Report::Reading(4, InputKind::Pressure, 7)));
                let index = self.links[&id].index.filter(|_| self.there.contains(&id));
                for (session, client) in &self.clients {
                    let wanted = index
                        .is_some_and(|index| client.subscribed.contains(&(index, 4, InputKind::Pressure)));
                    assert_eq!(seen.events(*session).len(), usize::from(wanted), "{session:?}");
                }
                self.check(seen);
            }
            Op::Credit(at, count) => {
                let Some(id) = self.link(at) else { return };
                let link = self.links.get_mut(&id).unwrap();
                link.unwritten = link.unwritten.saturating_sub(count);
                self.input(Input::Credit(id, count));
            }
            Op::Scanner(bus, true) => self.input(Input::ScannerAdded(ScannerId(bus))),
            Op::Scanner(bus, false) => self.input(Input::ScannerRemoved(ScannerId(bus))),
            Op::ScanEnded(bus) => self.input(Input::ScanEnded(ScannerId(bus))),
            Op::Missing(count) => {
                self.input(Input::Missing((0..count).map(|device| device.to_string()).collect()));
            }
            Op::EmergencyStop(true) => {
                self.release_all();
                self.input(Input::EmergencyStop);
            }
            Op::EmergencyStop(false) => self.input(Input::Release),
            Op::Shutdown => {
                self.shutdown = true;
                self.release_all();
                self.input(Input::Shutdown);
            }
            Op::Pass(by) => {
                // Step by step, so that what is checked is what is true at that time.
                let until = self.bench.now + ms(by);
                while let Some(due) = self.bench.hub.poll_timeout().filter(|due| *due <= until) {
                    assert!(due >= self.bench.now, "a deadline in the past");
                    self.bench.now = due;
                    self.input(Input::Timeout);
                    assert!(self.bench.hub.poll_timeout().is_none_or(|next| next > due), "busy loop");
                }
                self.bench.now = until;
            }
        }
    }

    fn ask(&mut self, at: Index, request: Request) {
        if let Some(session) = self.client(at) {
            self.ask_of(session, request);
        }
    }

    fn ask_of(&mut self, session: SessionId, request: Request) {
        self.next_request += 1;
        let id = self.next_request;
        let client = self.clients.get_mut(&session).unwrap();
        let speaks = client.open && !client.ended;
        if !client.gone {
            client.waiting.insert(id);
        }
        if speaks && let Request::Stop(stop) = &request {
            self.stop(session, stop);
        }
        let seen = self.bench.handle(Input::Request(session, Id::new(id).unwrap(), request.clone()));
        let reply = seen.replies(session).into_iter().find(|(of, _)| *of == id).map(|(_, reply)| reply);
        let client = self.clients.get_mut(&session).unwrap();
        client.open |= matches!(reply, Some(Reply::ServerInfo(_)));
        match (&request, reply) {
            (Request::Output(request), Some(Reply::Ok)) => {
                let link = self
                    .links
                    .iter_mut()
                    .find(|(id, link)| self.there.contains(id) && link.index == Some(request.device));
                let (_, link) = link.expect("a device that is there");
                for command in &request.commands {
                    let truth = link.truths.get_mut(&(command.feature, command.kind)).expect("an output");
                    truth.driver = Some((session, command.value));
                }
            }
            (Request::Input(request), Some(Reply::Ok)) => {
                let input = (request.device, request.feature, request.kind);
                match request.action {
                    InputAction::Subscribe => client.subscribed.insert(input),
                    InputAction::Unsubscribe => client.subscribed.remove(&input),
                    InputAction::Read => panic!("a read is not answered with Ok"),
                };
            }
            (Request::StartScanning, Some(Reply::Ok)) => client.starts += 1,
            _ => {}
        }
        self.check(seen);
    }

    /// What a stop that is understood does at once.
    fn stop(&mut self, session: SessionId, request: &StopRequest) {
        let (device, feature) = match request.scope {
            Scope::All => (None, None),
            Scope::Device(device) => (Some(device), None),
            Scope::Feature { device, feature } => (Some(device), Some(feature)),
        };
        let has = |link: &Link| {
            feature.is_none_or(|feature| link.features.iter().any(|offered| offered.index == feature))
        };
        let mut links: Vec<_> = self
            .links
            .iter_mut()
            .filter(|(id, link)| {
                self.there.contains(id)
                    && link.index.is_some()
                    && device.is_none_or(|device| link.index == Some(device))
            })
            .map(|(_, link)| link)
            .collect();
        if device.is_some() && !links.iter().any(|link| has(link)) {
            return;
        }
        if request.outputs {
            for link in &mut links {
                for (_, truth) in
                    link.truths.iter_mut().filter(|((f, _), _)| feature.is_none_or(|only| *f == only))
                {
                    truth.driver = None;
                }
                self.touched.insert(link.address.clone());
            }
        }
        if request.inputs {
            let client = self.clients.get_mut(&session).unwrap();
            client.subscribed.retain(|(d, f, _)| {
                !(device.is_none_or(|only| *d == only) && feature.is_none_or(|only| *f == only))
            });
        }
    }

    fn release_all(&mut self) {
        for link in self.links.values_mut() {
            link.truths.values_mut().for_each(|truth| truth.driver = None);
            self.touched.insert(link.address.clone());
        }
    }

    /// The session speaks no more.
    fn end(&mut self, session: SessionId) {
        let client = self.clients.get_mut(&session).unwrap();
        client.ended = true;
        client.subscribed.clear();
        for truth in self.links.values_mut().flat_map(|link| link.truths.values_mut()) {
            truth.driver = truth.driver.filter(|(driver, _)| *driver != session);
        }
    }

    /// A device leaves, if it has not done so before.
    fn part(&mut self, at: Index, input: impl Fn(DeviceId) -> Input<'static>, stopped: Option<bool>) {
        let Some(id) = self.link(at) else { return };
        let was_there = self.there.contains(&id);
        let seen = self.bench.handle(input(id));
        if was_there {
            let address = self.links[&id].address.clone();
            if stopped == Some(false) {
                self.touched.insert(address.clone());
            }
            let runs =
                self.links[&id].truths.iter().any(|((_, kind), truth)| truth.runs && !kind.is_position());
            if stopped != Some(true) && runs {
                assert!(self.bench.hub.has_to_rest(&address), "went away running");
            }
            if !self.touched.contains(&address) {
                assert!(!self.bench.hub.has_to_rest(&address), "was never told anything");
            }
            self.lose(id);
        }
        self.check(seen);
    }

    fn lose(&mut self, id: DeviceId) {
        self.there.remove(&id);
        if let Some(index) = self.links[&id].index {
            for client in self.clients.values_mut() {
                client.subscribed.retain(|(of, ..)| *of != index);
            }
        }
    }

    /// Checks what the hub wanted done against what is true.
    fn check(&mut self, seen: Seen) {
        for output in &seen.0 {
            if let Output::Note(Note::SessionEnded(session, _)) = output {
                self.end(*session);
            }
        }
        for output in seen.0 {
            match output {
                Output::Message(session, message) => self.heard(session, message),
                Output::Frame { .. } => panic!("a frame to a client that gets values"),
                Output::Close(session, _) => {
                    self.end(session);
                    let client = self.clients.get_mut(&session).unwrap();
                    assert!(!client.gone, "closed twice");
                    client.gone = true;
                    client.waiting.clear();
                }
                Output::Device(id, command) => self.told(id, command),
                Output::Finished { .. } => {
                    assert!(self.shutdown && !self.finished);
                    assert!(self.clients.values().all(|client| client.gone));
                    self.finished = true;
                }
                Output::Note(Note::DeviceAdded(index, _)) => self.added(index),
                Output::Note(_) | Output::Scan(_) => {}
            }
        }
        let list = self.bench.hub.devices();
        let indices: Vec<_> = list.iter().map(|profile| profile.device().index).collect();
        assert!(indices.is_sorted_by(|a, b| a < b), "{indices:?}");
        let there = self.there.iter().filter(|id| self.links[id].index.is_some()).count();
        assert_eq!(indices.len(), there);
        self.compare();
    }

    fn heard(&mut self, session: SessionId, message: Message) {
        let client = self.clients.get_mut(&session).unwrap();
        assert!(!client.gone, "{message:?} to a session that is gone");
        match message {
            Message::Reply(id, _) => {
                assert!(client.waiting.remove(&id.get()), "an answer to no request");
                assert!(client.answered.insert(id.get()), "answered twice");
            }
            Message::Event(Event::ScanningFinished) => {
                client.finishes += 1;
                assert!(client.finishes <= client.starts, "more scans ended than began");
            }
            Message::Event(_) => assert!(client.open, "an event before the handshake"),
        }
    }

    fn added(&mut self, index: u32) {
        let link = self
            .links
            .iter_mut()
            .find(|(id, link)| self.there.contains(id) && link.index.is_none() && !link.features.is_empty());
        let (_, link) = link.expect("a link that has become ready");
        link.index = Some(index);
        let known = *self.indices.entry(link.address.clone()).or_insert(index);
        assert_eq!(known, index, "the same hardware under another index");
        let same = self.indices.values().filter(|other| **other == index).count();
        assert_eq!(same, 1, "two devices under one index");
    }

    fn told(&mut self, id: DeviceId, command: Command) {
        let link = self.links.get_mut(&id).unwrap();
        if command == Command::Close {
            return;
        }
        assert!(self.there.contains(&id), "{command:?} to a device that is gone");
        link.unwritten += 1;
        assert!(link.unwritten <= 64, "more on the way than the device has room for");
        match command {
            Command::Set { feature, kind, value, .. } => {
                assert!(!self.shutdown && !link.dismissed, "a value for a device that is being closed");
                let range = range(&link.features, (feature, kind)).expect("an output that is offered");
                assert!(range.contains(value), "{value} is out of {range:?}");
                let truth = link.truths.get_mut(&(feature, kind)).unwrap();
                let driver = truth.driver.map(|(_, value)| value);
                assert_eq!(driver, Some(value), "not what its driver last wanted");
                truth.told = Some(Some(value));
                if value != 0 {
                    truth.runs = true;
                    truth.stop = None;
                }
                self.touched.insert(link.address.clone());
            }
            Command::Stop { selection, ticket } => {
                let ticket = ticket.expect("every stop is followed up");
                for (_, truth) in link.truths.iter_mut().filter(|((f, k), _)| selection.contains(*f, *k)) {
                    truth.told = Some(None);
                    truth.stop = Some(ticket);
                }
                link.stops.insert(ticket);
                link.tickets.push(ticket);
                self.touched.insert(link.address.clone());
            }
            Command::Read { ticket, .. } => link.tickets.push(ticket),
            Command::Listen { feature, kind, on } => drop(link.listening.insert((feature, kind), on)),
            Command::Prefer(_) | Command::Close => {}
        }
    }

    /// Once every device's task has taken everything in, the devices have been told what is true.
    fn settle(&mut self) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.links.get_mut(&id).unwrap().unwritten = 0;
            self.input(Input::Credit(id, 64));
        }
        for id in &self.there {
            assert!(self.links[id].unwritten < 64);
        }
        self.compare();
    }

    /// A device whose task has taken enough in has been told what is true.
    fn compare(&self) {
        for link in self.there.iter().map(|id| &self.links[id]).filter(|link| link.unwritten < 64) {
            for (key, truth) in &link.truths {
                match (truth.driver, truth.told) {
                    (Some((_, value)), Some(Some(told))) => assert_eq!(told, value, "{key:?}"),
                    (Some(_), told) => panic!("{key:?} is driven, and its device was told {told:?}"),
                    // With nobody to drive it, it was stopped, if it was ever set, or it is being closed, which stops it.
                    (None, Some(Some(value))) => {
                        assert!(self.shutdown || link.dismissed, "{key:?} is left at {value}");
                    }
                    (None, _) => {}
                }
            }
            for ((feature, kind), on) in &link.listening {
                let input = link.index.map(|index| (index, *feature, *kind)).unwrap();
                let wanted = self.clients.values().any(|client| client.subscribed.contains(&input));
                assert_eq!(*on, wanted, "{input:?}");
            }
        }
    }
}

fn keys(features: &[Feature]) -> Vec<Key> {
    features
        .iter()
        .flat_map(|feature| feature.outputs.iter().map(|output| (feature.index, output.kind)))
        .collect()
}

fn range(features: &[Feature], (feature, kind): Key) -> Option<frisson_wire::Range<i32>> {
    let feature = features.iter().find(|offered| offered.index == feature)?;
    Some(feature.output(kind)?.value)
}

fn world() -> impl Strategy<Value = Config> {
    (select(vec![0, 300, 2_000]), any::<bool>()).prop_map(|(ping, exclusive)| Config {
        max_ping_time: ms(ping),
        handshake_timeout: ms(3_000),
        max_sessions: 3,
        exclusive,
        ..config()
    })
}

fn run(config: Config, ops: Vec<Op>) -> World {
    let mut world = World::new(config);
    // Something to begin with; what is random comes on top.
    for op in [Op::Scanner(0, true), Op::Open(0), Op::Open(1), Op::Open(2)] {
        world.apply(op);
    }
    for at in 1..=3 {
        world.apply(Op::Connect);
        world.ask_of(SessionId(at), hello());
    }
    for at in 0..3 {
        let id = DeviceId(at + 1);
        world.links.get_mut(&id).unwrap().features = offer(0);
        let truths = keys(&offer(0)).into_iter().map(|key| (key, Truth::default()));
        world.links.get_mut(&id).unwrap().truths = truths.collect();
        world.input(Input::Device(id, Report::Ready(Box::new(description(offer(0))))));
    }
    for op in ops {
        world.apply(op);
    }
    world.settle();
    world
}

proptest! {
    #![proptest_config(Cases { cases: 150, failure_persistence: None, ..Cases::default() })]

    #[test]
    fn whatever_happens_every_promise_is_kept(
        config in world(),
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let mut world = run(config, ops);
        // Every request of a session that is still there is answered when all that can be waited for is over.
        world.apply(Op::Pass(10_000));
        for (session, client) in &world.clients {
            assert!(client.gone || client.waiting.is_empty(), "{session:?}: {:?} are unanswered", client.waiting);
        }
        // When all have left and nothing is missing, nothing runs and nothing is to come.
        world.apply(Op::Missing(0));
        for session in world.clients.keys().copied().collect::<Vec<_>>() {
            world.end(session);
            world.clients.get_mut(&session).unwrap().gone = true;
            world.input(Input::Disconnected(session));
        }
        world.settle();
        assert!(world.links.values().all(|link| link.truths.values().all(|truth| truth.driver.is_none())));
        assert_eq!(world.bench.hub.poll_timeout(), None);
        assert_eq!(world.bench.hub.session_count(), 0);
    }

    #[test]
    fn whatever_happens_a_shutdown_ends(
        config in world(),
        before in prop::collection::vec(op(), 1..80),
        after in prop::collection::vec(op(), 0..40),
    ) {
        let mut world = run(config, before);
        world.apply(Op::Shutdown);
        for op in after {
            world.apply(op);
        }
        world.apply(Op::Pass(2_000));
        assert!(world.finished);
        assert!(world.clients.values().all(|client| client.gone));
        assert_eq!(world.bench.hub.session_count(), 0);
    }

    #[test]
    fn no_text_can_upset_a_session(
        dialect in select(Dialect::ALL.to_vec()),
        texts in prop::collection::vec(text(), 1..20),
    ) {
        let mut bench = Bench::new();
        bench.device("a", offer(0));
        let session = bench.remote(dialect);
        for text in texts {
            bench.handle(Input::Text(session, &text));
            // A stop or a read in it may wait; what comes now is answered whatever that was.
            let frames = bench.text(session, r#"[{"Ping": {"Id": 4000000000}}]"#);
            if bench.hub.session_count() == 1 {
                prop_assert_eq!(frames.len(), 1);
            }
        }
    }
}

/// Text as it might come: random, or made of pieces of messages.
fn text() -> impl Strategy<Value = String> {
    let words = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"Id\":1",
        "\"Ping\"",
        "\"OutputCmd\"",
        "\"DeviceIndex\":0",
        "\"FeatureIndex\":0",
        "null",
        "\"Command\":{\"Vibrate\":{\"Value\":3}}",
        "-1",
        "4294967296",
        "\"",
        "[{\"Ping\":{\"Id\":1}}]",
        "[{\"StopCmd\":{\"Id\":2}}]",
        "[{\"Disconnect\":{\"Id\":3}}]",
        "[{\"VibrateCmd\":{\"Id\":4,\"DeviceIndex\":0,\"Speeds\":[{\"Index\":0,\"Speed\":1}]}}]",
        "[{\"StopAllDevices\":{\"Id\":5}}]",
        "[{\"BatteryLevelCmd\":{\"Id\":6,\"DeviceIndex\":0}}]",
    ];
    let pieces = prop::collection::vec(select(words.to_vec()), 0..12).prop_map(|words| words.concat());
    prop_oneof![1 => ".{0,40}", 3 => pieces]
}
