//! A whole server in virtual time: the hub, a machine per device, hardware that writes down what it is told.

mod play;
mod tasks;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use frisson_engine::device::{
    Command, DeviceMachine, Input as DeviceInput, Limit, Preferences, Report, Settings,
};
use frisson_engine::hub::{Close, Config, DeviceId, Hub, Input, Note, ScannerId, SessionId};
use frisson_engine::session::Peer;
use frisson_program::Operation;
use frisson_wire::{Dialect, InputKind};

use crate::hardware::{Recorder, endpoint_of};
use crate::{Hardware, TestDevice, hello};

/// More wake-ups without any progress of time mean that something spins.
const MOST_WAKE_UPS: usize = 100_000;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What the hub is told.
    pub config: Config,
    /// How scans go.
    pub scanning: Scanning,
}

impl Default for Setup {
    /// No ping deadline, a handshake within 10 s, up to 256 clients, the last command wins.
    fn default() -> Self {
        let config = Config {
            server_name: "Virtual".to_owned(),
            max_ping_time: Duration::ZERO,
            handshake_timeout: Duration::from_secs(10),
            max_sessions: 256,
            exclusive: false,
        };
        Self { config, scanning: Scanning::EndsAtOnce }
    }
}

/// How scans go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scanning {
    /// A scan ends as soon as it has begun.
    #[default]
    EndsAtOnce,
    /// A scan goes on until it is stopped.
    UntilStopped,
    /// There is no bus to scan.
    Impossible,
}

/// What a client has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When, counted from the start of the server.
    pub at: Duration,
    /// Its place among everything that left the server, writes to devices included.
    pub order: u64,
    /// What.
    pub what: Receipt,
}

/// A frame, or the end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// A frame of text.
    Frame(String),
    /// The server has closed the connection.
    Closed(Close),
}

/// A server with its clients and its devices, in virtual time: nothing happens unless a method is called, time passes only in
/// [`advance`](Self::advance), and everything that can be done at one moment has been done when a method returns.
///
/// Clients and devices have names. Every frame that the server sends is held against the rules of the protocol
/// ([`frisson_wire::rules`]); a breach is a panic.
///
/// ```
/// use frisson_testkit::{TestDevice, VirtualServer};
/// use frisson_wire::{Dialect, OutputKind};
///
/// let mut server = VirtualServer::default();
/// server.plug(TestDevice::new("left", "Left Motor").with("", [frisson_testkit::output(OutputKind::Vibrate, 0, 15)]));
/// server.open("app", Dialect::V4);
/// let answers = server.ask(
///     "app",
///     r#"[{"OutputCmd": {"Id": 7, "DeviceIndex": 0, "FeatureIndex": 0, "Command": {"Vibrate": {"Value": 9}}}}]"#,
/// );
/// assert_eq!(answers, [r#"[{"Ok":{"Id":7}}]"#]);
/// assert_eq!(server.hardware("left").value(0, OutputKind::Vibrate), 9);
/// server.cut("app");
/// assert!(server.hardware("left").is_at_rest());
/// ```
#[derive(Debug)]
pub struct VirtualServer {
    hub: Hub,
    scanning: Scanning,
    /// The version in which clients of a transcript complete the handshake when they appear.
    pub(crate) greeting: Option<Dialect>,
    start: Instant,
    now: Instant,
    order: u64,
    clients: BTreeMap<String, Client>,
    hardware: BTreeMap<String, Hardware>,
    links: BTreeMap<DeviceId, Link>,
    indices: BTreeMap<String, u32>,
    limits: BTreeMap<String, Vec<Limit>>,
    work: VecDeque<Work>,
    last_session: u64,
    last_device: u64,
    notes: Vec<Note>,
    unstopped: Option<Vec<String>>,
}

#[derive(Debug)]
struct Client {
    session: SessionId,
    dialect: Option<Dialect>,
    inbox: VecDeque<Received>,
    is_open: bool,
}

/// An open link, with the machine behind it.
#[derive(Debug)]
struct Link {
    address: String,
    machine: DeviceMachine,
    /// What is under way, and when it ends; `None` for never.
    operation: Option<(Operation, Option<Instant>)>,
}

/// What the tasks of a server tell each other.
#[derive(Debug)]
enum Work {
    Command(DeviceId, Command),
    Report(DeviceId, Report),
    Ended(DeviceId),
    ScanEnded,
}

impl Default for VirtualServer {
    fn default() -> Self {
        Self::new(Setup::default())
    }
}

impl VirtualServer {
    /// A server without clients and devices.
    pub fn new(setup: Setup) -> Self {
        let now = Instant::now();
        let mut hub = Hub::new(setup.config);
        if setup.scanning != Scanning::Impossible {
            hub.handle(now, Input::ScannerAdded(ScannerId(0)));
        }
        Self {
            hub,
            scanning: setup.scanning,
            greeting: None,
            start: now,
            now,
            order: 0,
            clients: BTreeMap::new(),
            hardware: BTreeMap::new(),
            links: BTreeMap::new(),
            indices: BTreeMap::new(),
            limits: BTreeMap::new(),
            work: VecDeque::new(),
            last_session: 0,
            last_device: 0,
            notes: Vec::new(),
            unstopped: None,
        }
    }

    /// How much time has passed.
    pub fn now(&self) -> Duration {
        self.now - self.start
    }

    /// Lets time pass, and what is due meanwhile happen.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        let mut wake_ups = 0;
        while let Some(due) = self.next_due().filter(|due| *due <= end) {
            wake_ups = if due > self.now { 0 } else { wake_ups + 1 };
            assert!(wake_ups < MOST_WAKE_UPS, "the server spins at {:?}", self.now());
            self.now = self.now.max(due);
            self.wake();
        }
        self.now = end;
    }

    fn next_due(&self) -> Option<Instant> {
        let links = self.links.values().flat_map(|link| {
            [link.machine.poll_timeout(), link.operation.as_ref().and_then(|(_, ends)| *ends)]
        });
        links.chain([self.hub.poll_timeout()]).flatten().min()
    }

    /// Does what is due.
    fn wake(&mut self) {
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        let ids: Vec<_> = self.links.keys().copied().collect();
        if over(self.hub.poll_timeout()) {
            self.tell_hub(Input::Timeout);
        }
        for id in ids {
            self.complete(id);
            let due = self.links.get(&id).and_then(|link| link.machine.poll_timeout());
            if due.is_some_and(|due| due <= self.now) {
                self.tell_device(id, DeviceInput::Timeout);
            }
        }
        self.settle();
    }

    // Clients.

    /// Makes a connection. One that this client had before is cut.
    pub fn connect(&mut self, client: &str) {
        self.cut(client);
        self.last_session += 1;
        let session = SessionId(self.last_session);
        let state = Client { session, dialect: None, inbox: VecDeque::new(), is_open: true };
        self.clients.insert(client.to_owned(), state);
        self.tell_hub(Input::Connected(session, Peer::Frames));
        self.settle();
    }

    /// Makes a connection and completes the handshake in this version.
    ///
    /// # Panics
    /// The server refuses.
    pub fn open(&mut self, client: &str, dialect: Dialect) {
        self.connect(client);
        let answers = self.ask(client, hello(dialect));
        let [answer] = answers.as_slice() else { panic!("the handshake is answered with {answers:?}") };
        assert!(answer.contains("ServerInfo"), "the handshake is answered with {answer}");
    }

    /// Sends a frame; without any effect on a connection that is closed.
    ///
    /// # Panics
    /// There is no such client.
    pub fn send(&mut self, client: &str, text: &str) {
        let client = self.client(client);
        if client.is_open {
            let session = client.session;
            self.tell_hub(Input::Text(session, text));
            self.settle();
        }
    }

    /// Sends a binary frame; without any effect on a connection that is closed.
    ///
    /// # Panics
    /// There is no such client.
    pub fn send_binary(&mut self, client: &str) {
        let client = self.client(client);
        if client.is_open {
            let session = client.session;
            self.tell_hub(Input::Binary(session));
            self.settle();
        }
    }

    /// What a client has got since it was last asked for.
    ///
    /// # Panics
    /// There is no such client.
    pub fn received(&mut self, client: &str) -> Vec<Received> {
        self.client_mut(client).inbox.drain(..).collect()
    }

    /// Sends a frame and gives the frames that the client has got up to now.
    ///
    /// # Panics
    /// There is no such client.
    pub fn ask(&mut self, client: &str, text: &str) -> Vec<String> {
        self.send(client, text);
        self.frames(client)
    }

    /// The frames that a client has got since it was last asked for.
    ///
    /// # Panics
    /// There is no such client.
    pub fn frames(&mut self, client: &str) -> Vec<String> {
        let received = self.received(client).into_iter();
        received
            .filter_map(|received| match received.what {
                Receipt::Frame(text) => Some(text),
                Receipt::Closed(_) => None,
            })
            .collect()
    }

    /// Whether the server has not closed the connection.
    ///
    /// # Panics
    /// There is no such client.
    pub fn is_connected(&self, client: &str) -> bool {
        self.client(client).is_open
    }

    /// Cuts a client's connection, if it has one.
    pub fn cut(&mut self, client: &str) {
        let Some(client) = self.clients.get_mut(client) else { return };
        if std::mem::replace(&mut client.is_open, false) {
            let session = client.session;
            self.tell_hub(Input::Disconnected(session));
            self.settle();
        }
    }

    #[track_caller]
    fn client(&self, client: &str) -> &Client {
        self.clients.get(client).unwrap_or_else(|| panic!("there is no client {client}"))
    }

    #[track_caller]
    fn client_mut(&mut self, client: &str) -> &mut Client {
        self.clients.get_mut(client).unwrap_or_else(|| panic!("there is no client {client}"))
    }

    // Devices.

    /// Connects a device.
    ///
    /// # Panics
    /// A device of the same address is connected.
    pub fn plug(&mut self, device: TestDevice) {
        let address = device.address.clone();
        assert!(!self.is_linked(&address), "the device {address} is connected");
        self.name(&address, device.display_name.as_deref());
        self.hardware.insert(address.clone(), Hardware::new(device));
        self.link(&address);
    }

    /// Connects a device again that was connected before. It goes on with what it was last told.
    ///
    /// # Panics
    /// There is no such device, or it is connected.
    pub fn replug(&mut self, address: &str) {
        assert!(!self.is_linked(address), "the device {address} is connected");
        self.link(address);
    }

    /// The link to a device is lost.
    ///
    /// # Panics
    /// No such device is connected.
    pub fn unplug(&mut self, address: &str) {
        let Some(id) = self.link_of(address) else { panic!("the device {address} is not connected") };
        if let Some(link) = self.links.get_mut(&id) {
            link.operation = None;
        }
        self.tell_device(id, DeviceInput::Lost("unplugged".to_owned()));
        self.settle();
    }

    /// Gives a device the user's name, also for when it is connected later; `None` takes it back.
    pub fn name(&mut self, address: &str, name: Option<&str>) {
        self.tell_hub(Input::Named { address, name });
        self.settle();
    }

    /// Puts the user's limits of a device in force, also for when it is connected later.
    pub fn limit(&mut self, address: &str, limits: Vec<Limit>) {
        self.limits.insert(address.to_owned(), limits.clone());
        if let Some(id) = self.link_of(address) {
            self.tell_device(id, DeviceInput::Command(Command::Prefer(Preferences { limits, gap: None })));
            self.settle();
        }
    }

    /// The index that clients know the device by, if they ever did.
    pub fn index(&self, address: &str) -> Option<u32> {
        self.indices.get(address).copied()
    }

    /// What a device was told.
    ///
    /// # Panics
    /// There never was such a device.
    #[track_caller]
    pub fn hardware(&self, address: &str) -> &Hardware {
        self.hardware.get(address).unwrap_or_else(|| panic!("there is no device {address}"))
    }

    /// The same, to let things go wrong.
    ///
    /// # Panics
    /// There never was such a device.
    #[track_caller]
    pub fn hardware_mut(&mut self, address: &str) -> &mut Hardware {
        self.hardware.get_mut(address).unwrap_or_else(|| panic!("there is no device {address}"))
    }

    /// Lets a device measure something, and say so if it is listened to.
    ///
    /// # Panics
    /// There never was such a device.
    pub fn measure(&mut self, address: &str, feature: u32, kind: InputKind, value: i64) {
        let hardware = self.hardware_mut(address);
        hardware.measure(feature, kind, value);
        let is_heard = hardware.is_listened_to(feature, kind);
        if let (true, Some(id), Some(endpoint)) =
            (is_heard, self.link_of(address), endpoint_of(feature, kind))
        {
            self.tell_device(id, DeviceInput::Notified(endpoint, &value.to_le_bytes()));
            self.settle();
        }
    }

    /// Whether a device is connected at present.
    pub fn is_linked(&self, address: &str) -> bool {
        self.link_of(address).is_some()
    }

    fn link_of(&self, address: &str) -> Option<DeviceId> {
        self.links.iter().find(|(_, link)| link.address == address).map(|(id, _)| *id)
    }

    fn link(&mut self, address: &str) {
        let hardware = self.hardware(address);
        let description = hardware.device().description();
        let gap = hardware.device().gap;
        self.last_device += 1;
        let id = DeviceId(self.last_device);
        let limits = self.limits.get(address).cloned().unwrap_or_default();
        let settings = Settings { gap, limits, stop_first: self.hub.has_to_rest(address) };
        self.tell_hub(Input::DeviceOpened { device: id, address, gap });
        let machine = DeviceMachine::new(self.now, Box::new(Recorder(description)), settings);
        self.links.insert(id, Link { address: address.to_owned(), machine, operation: None });
        self.drain_device(id);
        self.settle();
    }

    // The server.

    /// Stops everything and refuses commands until [`release`](Self::release).
    pub fn emergency_stop(&mut self) {
        self.tell_hub(Input::EmergencyStop);
        self.settle();
    }

    /// Takes commands again.
    pub fn release(&mut self) {
        self.tell_hub(Input::Release);
        self.settle();
    }

    /// Begins the shutdown.
    pub fn shut_down(&mut self) {
        self.tell_hub(Input::Shutdown);
        self.settle();
    }

    /// Whether the shutdown has ended, and which devices could not be stopped.
    pub fn unstopped(&self) -> Option<&[String]> {
        self.unstopped.as_deref()
    }

    /// What the server would have written to its log.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }
}
