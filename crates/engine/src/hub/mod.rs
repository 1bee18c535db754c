//! The hub: all sessions, all devices, and what they have to do with each other.

mod devices;
mod hardware;
mod queue;
mod requests;
mod scan;
mod search;
mod sessions;
mod waiters;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

pub use devices::DeviceKey;
use frisson_wire::{Dialect, Id, InputKind, Message, Request, frame};

use self::devices::Table;
use self::scan::Scan;
pub use self::scan::ScanOrder;
use self::search::Search;
use self::waiters::{WaiterId, Waiters};
use crate::device::{Command, Preferences, Report};
use crate::session::{Peer, Session};
use crate::timers::Timers;

/// Names a connection; given by the shell, never twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Names an open link to a device; given by the shell, never twice. Not the index that clients see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u64);

/// Names a bus that can be scanned; given by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScannerId(pub u64);

/// The longest time that a stop's answer waits for the write.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest time that a read's answer waits for the hardware.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time that a shutdown takes.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest time that the error after a ping timeout waits for the stops to be written.
const PING_STOP_TIMEOUT: Duration = Duration::from_millis(40);
/// How many requests of one session may wait for hardware.
const MAX_WAITING: usize = 1024;

/// What a hub is told when it is made.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the server calls itself.
    pub server_name: String,
    /// The longest time between two pings of a client; zero is no limit.
    pub max_ping_time: Duration,
    /// How long a connection may take to complete its handshake.
    pub handshake_timeout: Duration,
    /// How many clients may be connected at once.
    pub max_sessions: usize,
    /// Whether the first to drive an output keeps it until it is stopped or the client leaves.
    pub exclusive: bool,
}

/// What happens to a hub.
#[derive(Debug)]
pub enum Input<'a> {
    /// A client has connected.
    Connected(SessionId, Peer),
    /// A client has sent a frame of text.
    Text(SessionId, &'a str),
    /// A client has sent a binary frame.
    Binary(SessionId),
    /// A client in the same process asks for something.
    Request(SessionId, Id, Request),
    /// A client's connection is gone.
    Disconnected(SessionId),
    /// A link to hardware is open and its device is being greeted.
    DeviceOpened {
        /// The link.
        device: DeviceId,
        /// What makes the hardware recognisable.
        address: &'a str,
        /// The least time between two flushes on this link.
        gap: Duration,
    },
    /// These indices are stored for devices, connected or not: no other device gets one of them.
    Reserved(BTreeSet<u32>),
    /// The index that is stored for the device of a link. It gets it when it is ready, or at once if it is, unless a device that is connected
    /// has it.
    Stored {
        /// The link.
        device: DeviceId,
        /// The index; `None` if none is stored.
        index: Option<u32>,
    },
    /// The user's name for the hardware at this address, also for when it comes; `None` takes it back.
    Named {
        /// What makes the hardware recognisable.
        address: &'a str,
        /// What the user calls it.
        name: Option<&'a str>,
    },
    /// What the user has set for a device that is ready.
    Preferred(DeviceId, Preferences),
    /// A device is not to be used any longer: it is stopped, and its link is closed.
    Dismissed {
        /// The link.
        device: DeviceId,
        /// Why.
        reason: &'a str,
    },
    /// The user's settings know these devices, and they are not connected: the server looks for them by itself.
    Missing(BTreeSet<String>),
    /// A device reports.
    Device(DeviceId, Report),
    /// A device's task has ended without a last report.
    DeviceEnded(DeviceId),
    /// A device's task has taken in this many commands.
    Credit(DeviceId, u32),
    /// There is a bus to scan.
    ScannerAdded(ScannerId),
    /// A bus is not there any more.
    ScannerRemoved(ScannerId),
    /// A bus has ended its scan.
    ScanEnded(ScannerId),
    /// Stop everything and refuse commands until [`Input::Release`].
    EmergencyStop,
    /// Take commands again after [`Input::EmergencyStop`].
    Release,
    /// Stop everything, close the links, end the sessions.
    Shutdown,
    /// The time that [`Hub::poll_timeout`] named has come.
    Timeout,
}

/// What a hub wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send this frame.
    Frame {
        /// To this client.
        session: SessionId,
        /// The text.
        frame: String,
        /// Whether it is a reading of a subscription, which may be left out when the client is slow: a newer one follows.
        is_reading: bool,
    },
    /// Hand this to a client in the same process.
    Message(SessionId, Message),
    /// Close the connection after what was sent.
    Close(SessionId, Close),
    /// Give this to a device's task.
    Device(DeviceId, Command),
    /// Begin or end to scan all buses.
    Scan(ScanOrder),
    /// Worth a line in the log.
    Note(Note),
    /// The shutdown has ended; names the devices that could not be stopped.
    Finished {
        /// Names of devices that may still run.
        unstopped: Vec<String>,
    },
}

/// Why a connection is closed (`wire.md` 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Close {
    /// The client has sent `Disconnect`.
    #[error("the client has disconnected")]
    Asked,
    /// The server stops.
    #[error("the server is shutting down")]
    ServerStops,
    /// The client wants a version that is not spoken here.
    #[error("the protocol version is not supported")]
    Version,
    /// No ping in time.
    #[error("no Ping in time")]
    PingTimeout,
    /// No handshake in time.
    #[error("no handshake in time")]
    NoHandshake,
    /// As many clients are connected as may be.
    #[error("too many clients are connected")]
    TooManyClients,
}

impl Close {
    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        match self {
            Self::Asked => 1000,
            Self::ServerStops => 1001,
            Self::Version => 1002,
            Self::PingTimeout | Self::NoHandshake => 1008,
            Self::TooManyClients => 1013,
        }
    }
}

/// Something that a person may want to read in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A handshake is complete.
    SessionOpened(SessionId, String, Dialect),
    /// A session is over; how many outputs it had left running.
    SessionEnded(SessionId, usize),
    /// A device can take commands.
    DeviceAdded(u32, String),
    /// A device is gone.
    DeviceRemoved(u32, String, String),
    /// A device has another index, the second one.
    DeviceMoved(u32, u32, String),
    /// A device was opened and could not be used.
    DeviceRefused(String, String),
    /// A write to a device has failed.
    WriteFailed(u32, String),
    /// A device has something to say to its user.
    Notice(String, String),
    /// The emergency stop was put in force (true) or released.
    EmergencyStop(bool),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionOpened(_, name, dialect) => write!(f, "client {name:?} connected, {dialect}"),
            Self::SessionEnded(_, 0) => write!(f, "client gone"),
            Self::SessionEnded(_, outputs) => {
                write!(f, "client gone, stopping {outputs} outputs that it drove")
            }
            Self::DeviceAdded(index, name) => write!(f, "device {index} connected: {name}"),
            Self::DeviceRemoved(index, name, why) => write!(f, "device {index} gone: {name}: {why}"),
            Self::DeviceMoved(old, new, name) => write!(f, "device {old} has the index {new} now: {name}"),
            Self::DeviceRefused(address, why) => write!(f, "device at {address} cannot be used: {why}"),
            Self::WriteFailed(index, why) => write!(f, "device {index}: {why}"),
            Self::Notice(name, text) => write!(f, "{name}: {text}"),
            Self::EmergencyStop(true) => write!(f, "emergency stop: everything stops, commands are refused"),
            Self::EmergencyStop(false) => write!(f, "emergency stop released"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Session(SessionId),
    Waiter(WaiterId),
    Search,
    Shutdown,
}

/// A link that is open: being greeted, or known under an index.
#[derive(Debug)]
struct OpenLink {
    address: String,
    gap: Duration,
    /// The index that the user's settings have for the device.
    stored: Option<u32>,
    index: Option<u32>,
    /// Why it is being closed.
    dismissed: Option<String>,
}

/// All sessions, all devices. After each [`handle`](Self::handle), drain [`poll_output`](Self::poll_output).
#[derive(Debug)]
pub struct Hub {
    config: Config,
    sessions: BTreeMap<SessionId, Session>,
    links: BTreeMap<DeviceId, OpenLink>,
    devices: Table,
    scan: Scan,
    search: Search,
    /// When the search is looked after next.
    search_due: Option<Instant>,
    /// Whether something has happened to scans that the search does not know yet.
    scan_changed: bool,
    waiters: Waiters,
    /// Who gets the readings of an input.
    subscribers: BTreeMap<(u32, u32, InputKind), Vec<SessionId>>,
    emergency_stop: bool,
    shutdown: Option<Shutdown>,
    timers: Timers<Timer>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Shutdown {
    unstopped: Vec<String>,
    finished: bool,
}

impl Hub {
    /// A hub without sessions and devices.
    pub fn new(mut config: Config) -> Self {
        // What the watchdog holds a client to is what the client is told: whole milliseconds.
        let ping_ms = config.max_ping_time.as_nanos().div_ceil(1_000_000);
        config.max_ping_time = Duration::from_millis(u32::try_from(ping_ms).unwrap_or(u32::MAX).into());
        Self {
            config,
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            devices: Table::default(),
            scan: Scan::default(),
            search: Search::default(),
            search_due: None,
            scan_changed: false,
            waiters: Waiters::default(),
            subscribers: BTreeMap::new(),
            emergency_stop: false,
            shutdown: None,
            timers: Timers::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Text(session, text) => self.text(now, session, text),
            Input::Binary(session) => self.fault(session, frame::binary_fault()),
            Input::Request(session, id, request) => self.value(now, session, id, request),
            Input::Connected(session, peer) => self.connected(now, session, peer),
            Input::Disconnected(session) => self.disconnected(session),
            Input::DeviceOpened { device, address, gap } => self.device_opened(device, address, gap),
            Input::Reserved(indices) => self.devices.reserve(indices),
            Input::Stored { device, index } => self.stored(device, index),
            Input::Named { address, name } => self.named(address, name),
            Input::Preferred(device, preferences) => self.preferred(device, preferences),
            Input::Dismissed { device, reason } => self.dismissed(device, reason),
            Input::Missing(addresses) => self.look_for(now, addresses),
            Input::Device(device, report) => self.report(device, report),
            Input::DeviceEnded(device) => self.device_ended(device),
            Input::Credit(device, count) => self.credit(device, count),
            Input::ScannerAdded(scanner) => self.scan.add_scanner(scanner),
            Input::ScannerRemoved(scanner) => {
                let effects = self.scan.remove_scanner(scanner);
                self.scan_effects(effects);
            }
            Input::ScanEnded(scanner) => {
                let effects = self.scan.scanner_ended(scanner);
                self.scan_effects(effects);
            }
            Input::EmergencyStop => self.emergency_stop(),
            Input::Release => {
                if std::mem::take(&mut self.emergency_stop) {
                    self.outputs.push_back(Output::Note(Note::EmergencyStop(false)));
                }
            }
            Input::Shutdown => self.shut_down(now),
            Input::Timeout => self.timeout(now),
        }
        if self.scan_changed {
            self.search(now);
        }
    }

    /// The next thing to be done, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Input::Timeout`] at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Whether the device at this address is to be brought to rest before anything else when it is opened: when it went away it was not known
    /// to be at rest.
    pub fn has_to_rest(&self, address: &str) -> bool {
        self.devices.is_unrested(address)
    }

    /// The index under which clients see the device of a link, once it can take commands.
    pub fn index_of(&self, device: DeviceId) -> Option<u32> {
        self.links.get(&device).and_then(|link| link.index)
    }

    /// Whether a scan of clients runs.
    pub fn is_scanning(&self) -> bool {
        self.scan.is_for_clients()
    }

    /// How many devices the server looks for by itself.
    pub fn missing(&self) -> usize {
        self.search.missing()
    }

    /// Devices that can take commands, as clients see them.
    pub fn devices(&self) -> frisson_wire::DeviceList {
        self.devices.list()
    }

    /// How many clients are connected.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    fn timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Session(session) => self.session_due(now, session),
                Timer::Waiter(waiter) => {
                    if let Some(waiter) = self.waiters.remove(waiter) {
                        self.answer(waiter, true);
                    }
                }
                Timer::Search => {
                    self.search_due = None;
                    self.scan_changed = true;
                }
                Timer::Shutdown => self.finish_shutdown(true),
            }
        }
    }
}
