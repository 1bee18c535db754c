//! The canonical model: spec v4's shape, plus the little that older clients need.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::profile::Profile;

/// The id that a client gives to a request, 1 to 4294967295 (`wire.md` 1.2).
pub type Id = NonZeroU32;

/// What an output does (spec v4, `OutputCmd`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputKind {
    /// Speed of a vibration motor; 0 stops.
    Vibrate,
    /// Speed of a rotation; negative is counter-clockwise where the range is signed; 0 stops.
    Rotate,
    /// Speed of a back-and-forth movement; 0 stops.
    Oscillate,
    /// Level of a constriction; 0 releases.
    Constrict,
    /// Power of a one-off spray.
    Spray,
    /// Temperature in steps; positive heats, negative cools, 0 is off.
    Temperature,
    /// Brightness of a light.
    Led,
    /// A position to go to at once.
    Position,
    /// A position to be reached within a given time.
    HwPositionWithDuration,
}

impl OutputKind {
    /// Every kind, in the order of the spec.
    pub const ALL: [Self; 9] = [
        Self::Vibrate,
        Self::Rotate,
        Self::Oscillate,
        Self::Constrict,
        Self::Spray,
        Self::Temperature,
        Self::Led,
        Self::Position,
        Self::HwPositionWithDuration,
    ];

    /// The name on the wire (spec v4).
    pub fn name(self) -> &'static str {
        match self {
            Self::Vibrate => "Vibrate",
            Self::Rotate => "Rotate",
            Self::Oscillate => "Oscillate",
            Self::Constrict => "Constrict",
            Self::Spray => "Spray",
            Self::Temperature => "Temperature",
            Self::Led => "Led",
            Self::Position => "Position",
            Self::HwPositionWithDuration => "HwPositionWithDuration",
        }
    }

    /// The kind with this name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the value is a place to be at rather than an intensity, so that a stop gives it no value
    /// (`wire.md` 6.9).
    pub fn is_position(self) -> bool {
        matches!(self, Self::Position | Self::HwPositionWithDuration)
    }

    /// Whether a repeated value is a new command (`device-language.md` section 3).
    pub fn repeats(self) -> bool {
        self.is_position() || self == Self::Spray
    }
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an input measures (spec v4, `InputCmd`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputKind {
    /// Battery level in percent.
    Battery,
    /// Signal strength in dBm.
    Rssi,
    /// Pressure, without a unit.
    Pressure,
    /// A button: 1 down, 0 up.
    Button,
}

impl InputKind {
    /// Every kind, in the order of the spec.
    pub const ALL: [Self; 4] = [Self::Battery, Self::Rssi, Self::Pressure, Self::Button];

    /// The name on the wire (spec v4); `Rssi` is also known as `RSSI` (see [`RssiSpelling`]).
    pub fn name(self) -> &'static str {
        match self {
            Self::Battery => "Battery",
            Self::Rssi => "Rssi",
            Self::Pressure => "Pressure",
            Self::Button => "Button",
        }
    }
}

impl fmt::Display for InputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A closed range of values; both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range<T> {
    /// The lowest value.
    pub min: T,
    /// The highest value.
    pub max: T,
}

impl<T: PartialOrd + Copy> Range<T> {
    /// A range from `min` to `max`, both included.
    pub const fn new(min: T, max: T) -> Self {
        Self { min, max }
    }

    /// Whether `value` lies inside.
    pub fn contains(&self, value: T) -> bool {
        self.min <= value && value <= self.max
    }

    /// The nearest value inside.
    pub fn clamp(&self, value: T) -> T {
        if value < self.min {
            self.min
        } else if value > self.max {
            self.max
        } else {
            value
        }
    }
}

/// An output that a feature offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// What it does.
    pub kind: OutputKind,
    /// The steps that a command may name.
    pub value: Range<i32>,
    /// The durations that a command may name, in milliseconds; only for
    /// [`OutputKind::HwPositionWithDuration`].
    pub duration: Option<Range<u32>>,
}

/// An input that a feature offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What it measures.
    pub kind: InputKind,
    /// The values that a reading may have.
    pub values: Vec<Range<i64>>,
    /// Whether it can be read once.
    pub read: bool,
    /// Whether it can be subscribed to.
    pub subscribe: bool,
    /// How the peer spells [`InputKind::Rssi`]; of no meaning for other kinds.
    pub spelling: RssiSpelling,
}

/// Published software spells the signal strength input in two ways (`wire.md` 4.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum RssiSpelling {
    /// `Rssi`: what this implementation's server sends.
    #[default]
    Rssi,
    /// `RSSI`: what the published documents and some clients say.
    Upper,
}

/// One thing that a device does or senses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feature {
    /// The number that commands use; stays the same in all versions and may leave gaps.
    pub index: u32,
    /// A description for people; may be empty.
    pub description: String,
    /// What it does, at most one output of a kind.
    pub outputs: Vec<Output>,
    /// What it senses, at most one input of a kind.
    pub inputs: Vec<Input>,
}

impl Feature {
    /// The output of this kind.
    pub fn output(&self, kind: OutputKind) -> Option<&Output> {
        self.outputs.iter().find(|output| output.kind == kind)
    }

    /// The input of this kind.
    pub fn input(&self, kind: InputKind) -> Option<&Input> {
        self.inputs.iter().find(|input| input.kind == kind)
    }
}

/// A device as clients see it (spec v4, `DeviceList`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The number that commands use; the same hardware keeps it.
    pub index: u32,
    /// The name from the definition.
    pub name: String,
    /// The name that the user gave it.
    pub display_name: Option<String>,
    /// The least time between two flushes to the device, in milliseconds; 0 is none.
    pub gap_ms: u32,
    /// What it does and senses, in ascending order of their index.
    pub features: Vec<Feature>,
}

impl Device {
    /// The feature with this index.
    pub fn feature(&self, index: u32) -> Option<&Feature> {
        let at = self.features.binary_search_by_key(&index, |feature| feature.index).ok()?;
        self.features.get(at)
    }
}

/// What a device says of itself, so that no definition of it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelfDescription {
    /// The name for people.
    pub name: String,
    /// What it does and senses, in ascending order of their index.
    pub features: Vec<Feature>,
    /// The least time between two flushes to the device, in milliseconds, if it needs one.
    pub gap_ms: Option<u32>,
    /// The longest silence, in milliseconds, after which the device wants to hear that the server is still there, if it does.
    pub keepalive_ms: Option<u32>,
}

/// All devices, in ascending order of their index. Cheap to clone: a list is never changed, only replaced.
pub type DeviceList = Arc<[Arc<Profile>]>;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The handshake (`RequestServerInfo`).
    Hello(Hello),
    /// Sign of life (`Ping`).
    Ping,
    /// An echo (spec v0 and v1, `Test`).
    Test(String),
    /// A wish for log messages, which is granted but never followed by any (spec v0 to v2, `RequestLog`).
    Log,
    /// Look for devices.
    StartScanning,
    /// End what [`Request::StartScanning`] began.
    StopScanning,
    /// Name all devices (`RequestDeviceList`).
    DeviceList,
    /// Set one or more outputs of one device.
    Output(OutputRequest),
    /// Read an input, or begin or end a subscription to it.
    Input(InputRequest),
    /// Bring outputs to rest and end subscriptions.
    Stop(StopRequest),
    /// End the session in good order (spec v4).
    Disconnect,
}

/// The client's half of the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What the client calls itself; may be empty.
    pub client_name: String,
    /// The spec version that the session will speak.
    pub dialect: crate::Dialect,
}

/// A request to set outputs of one device. Already in the order in which they take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRequest {
    /// The device's index.
    pub device: u32,
    /// What to set; from a v4 client always exactly one. May be empty, which is `Ok` and moves nothing (`wire.md` 6.6).
    pub commands: SmallVec<[OutputCommand; 2]>,
}

/// One output and what it is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputCommand {
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's outputs.
    pub kind: OutputKind,
    /// The value in steps.
    pub value: i32,
    /// Milliseconds to get there; only with [`OutputKind::HwPositionWithDuration`].
    pub duration: Option<u32>,
}

/// A request about one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRequest {
    /// The device's index.
    pub device: u32,
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's inputs.
    pub kind: InputKind,
    /// What to do with it.
    pub action: InputAction,
    /// What the answer has to repeat.
    pub echo: Echo,
}

/// What an [`InputRequest`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputAction {
    /// Read the present value once.
    Read,
    /// Send every new value from now on.
    Subscribe,
    /// End the subscription.
    Unsubscribe,
}

/// Words of a request that its answer repeats; of no meaning to anything in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Echo {
    /// How the request spelled [`InputKind::Rssi`].
    pub spelling: RssiSpelling,
    /// The `SensorIndex` of a v3 request.
    pub sensor_index: u32,
}

/// A request to bring things to rest (spec v4, `StopCmd`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRequest {
    /// What is meant.
    pub scope: Scope,
    /// Whether the session's subscriptions in the scope end.
    pub inputs: bool,
    /// Whether outputs in the scope come to rest.
    pub outputs: bool,
}

/// What a [`StopRequest`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every device.
    All,
    /// The device with this index.
    Device(u32),
    /// One feature of one device.
    Feature {
        /// The device's index.
        device: u32,
        /// The feature's index.
        feature: u32,
    },
}

/// What a server says to a client: an answer, or an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The answer to the request with this id.
    Reply(Id, Reply),
    /// Something that happened.
    Event(Event),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Done, or accepted.
    Ok,
    /// Refused or failed.
    Error(Fault),
    /// The server's half of the handshake.
    ServerInfo(ServerInfo),
    /// All devices.
    DeviceList(DeviceList),
    /// The value of an input that was read.
    Reading(Reading, Echo),
    /// The echo of a [`Request::Test`].
    Test(String),
}

/// Something that a server reports unasked.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Devices have come, gone or changed.
    Devices {
        /// What has changed.
        change: DeviceChange,
        /// The complete state after the change.
        all: DeviceList,
    },
    /// The scan that this session asked for has ended.
    ScanningFinished,
    /// A new value of an input that this session has subscribed to.
    Reading(Reading),
    /// A fault that belongs to no request; after a ping timeout with [`ErrorCode::Ping`].
    Error(Fault),
}

/// How the set of devices has changed.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceChange {
    /// This device can take commands from now on.
    Added(Arc<Profile>),
    /// The device with this index is gone.
    Removed(u32),
    /// This device now offers something else under the same index.
    Redefined(Arc<Profile>),
    /// Not known in detail: all that a v4 `DeviceList` event tells.
    Unspecified,
}

/// The server's half of the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// What the server calls itself; may be empty.
    pub server_name: String,
    /// The longest time between two pings, in milliseconds; 0 is no limit.
    pub max_ping_time_ms: u32,
}

/// A value of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The device's index.
    pub device: u32,
    /// The feature's index.
    pub feature: u32,
    /// Which of the feature's inputs.
    pub kind: InputKind,
    /// The value.
    pub value: i64,
}

/// An error as the wire knows it: a code and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The class of error.
    pub code: ErrorCode,
    /// What is wrong and, where there is one, the way out.
    pub message: String,
}

impl Fault {
    /// A fault of the given class.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The five classes of error (`wire.md` 1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 0: nothing else fits, e.g. no hardware back end can scan, or the server is shutting down.
    Unknown,
    /// 1: the handshake is missing, repeated, malformed or its version refused.
    Init,
    /// 2: ping timeout.
    Ping,
    /// 3: a message that cannot be understood.
    Message,
    /// 4: the message is fine, the device side is not.
    Device,
}

impl ErrorCode {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Init => 1,
            Self::Ping => 2,
            Self::Message => 3,
            Self::Device => 4,
        }
    }

    /// The class with this number on the wire; numbers not in the spec are [`ErrorCode::Unknown`].
    pub fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Init,
            2 => Self::Ping,
            3 => Self::Message,
            4 => Self::Device,
            _ => Self::Unknown,
        }
    }
}
