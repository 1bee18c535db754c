//! What can go wrong: while connecting, and afterwards. Every message says all there is to say, so no error has a source.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use frisson_wire::{ErrorCode, InputKind, OutputKind, Range};

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address cannot be understood.
    #[error("{address:?} is not an address: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The address is of a kind that this build of the library, or this system, does not know.
    #[error("{scheme} addresses are not supported here: {reason}")]
    NotBuiltIn {
        /// `ws`, `wss` or `unix`.
        scheme: &'static str,
        /// What is missing.
        reason: &'static str,
    },
    /// The host has no address.
    #[error("the host {host:?} is not found: {cause}")]
    NameNotFound {
        /// The host that was looked up.
        host: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The host is there, but no server listens at this port or socket.
    #[error("nothing listens at {address}: is the server running? ({cause})")]
    Refused {
        /// Where to.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The server cannot be reached for another reason, e.g. no route or no permission.
    #[error("{address} cannot be reached: {cause}")]
    Unreachable {
        /// Where to.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// It took too long.
    #[error("no success within {after:?} while {stage}")]
    TimedOut {
        /// What was waited for.
        stage: Stage,
        /// For how long.
        after: Duration,
    },
    /// No secure connection: the certificate is not trusted, or the peer does not speak TLS.
    #[error("no secure connection to {host}: {cause}")]
    Tls {
        /// The host whose certificate was expected.
        host: String,
        /// What went wrong.
        cause: io::Error,
    },
    /// A certificate that was given for use with TLS is of no use.
    #[error("the certificate cannot be used: {reason}")]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// Something answers at the address, but not as a WebSocket server.
    #[error("{address} is not a WebSocket server: {reason}")]
    NotWebSocket {
        /// Where to.
        address: String,
        /// The HTTP status of the answer, if it was HTTP.
        status: Option<u16>,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The server does not want this client.
    #[error("the server refused the client (code {}): {message}", code.number())]
    Rejected {
        /// The class of error; [`ErrorCode::Init`] is usual.
        code: ErrorCode,
        /// What the server said, for people.
        message: String,
    },
    /// The server speaks only an older version of the protocol than this client.
    #[error("the server is too old: it speaks protocol version {server}, this client needs {client}")]
    ServerTooOld {
        /// What the server speaks.
        server: SpecVersion,
        /// What this client speaks.
        client: SpecVersion,
    },
    /// The server speaks only a newer version of the protocol than this client.
    #[error("the server is too new: it speaks protocol version {server}, this client {client}")]
    ServerTooNew {
        /// What the server speaks.
        server: SpecVersion,
        /// What this client speaks.
        client: SpecVersion,
    },
    /// The server closed the connection before it was complete.
    #[error("the connection was closed while {stage}{}", said(*code, reason))]
    Closed {
        /// What was waited for.
        stage: Stage,
        /// The WebSocket close code, if there was one.
        code: Option<u16>,
        /// The reason that the server gave; may be empty.
        reason: String,
    },
    /// The server's answer makes no sense.
    #[error("the server's answer to the handshake cannot be understood: {reason}")]
    NotUnderstood {
        /// What is wrong with it.
        reason: String,
    },
    /// Called outside of a tokio runtime, and [`Builder::runtime`](crate::Builder::runtime) was not used.
    #[error("there is no tokio runtime to run the connection on")]
    NoRuntime,
}

impl ConnectError {
    /// Whether trying again cannot help as long as neither side is replaced.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Address { .. }
                | Self::NotBuiltIn { .. }
                | Self::ServerTooOld { .. }
                | Self::ServerTooNew { .. }
                | Self::NoRuntime
        )
    }
}

impl From<std::convert::Infallible> for ConnectError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// A step on the way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The host's address is looked up.
    Lookup,
    /// The connection to the host or socket is made.
    Connect,
    /// The connection is secured.
    Tls,
    /// HTTP is changed to WebSocket.
    Upgrade,
    /// The server is asked who it is (`RequestServerInfo`).
    ServerInfo,
    /// The server is asked for its devices (`RequestDeviceList`).
    DeviceList,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "looking up the host",
            Self::Connect => "connecting",
            Self::Tls => "securing the connection",
            Self::Upgrade => "waiting for the WebSocket upgrade",
            Self::ServerInfo => "waiting for the server to introduce itself (servers older than protocol version 4 may never do so)",
            Self::DeviceList => "waiting for the list of devices",
        })
    }
}

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpecVersion {
    /// The version proper.
    pub major: u32,
    /// Additions to it; versions before 4 have none.
    pub minor: u32,
}

impl SpecVersion {
    /// What this client speaks.
    pub const CLIENT: Self = Self { major: 4, minor: 0 };
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.major < 4 { write!(f, "{}", self.major) } else { write!(f, "{}.{}", self.major, self.minor) }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no connection; with [`Builder::reconnect`](crate::Builder::reconnect) there may be one again.
    #[error("not connected: {0}")]
    Disconnected(DisconnectReason),
    /// The device was removed; a device that returns has new handles.
    #[error("{device} is not connected any more")]
    DeviceGone {
        /// The device's label.
        device: String,
    },
    /// The device or feature has no such output.
    #[error("{device} has no output {kind}")]
    NoSuchOutput {
        /// The label of the device, and the feature where one was asked for.
        device: String,
        /// What was asked for.
        kind: OutputKind,
    },
    /// The device or feature has no such input, or it cannot be used in this way.
    #[error("{device} has no input {kind} that can be {wish}")]
    NoSuchInput {
        /// The label of the device, and the feature where one was asked for.
        device: String,
        /// What was asked for.
        kind: InputKind,
        /// `read` or `subscribed to`.
        wish: &'static str,
    },
    /// The output does not have this step.
    #[error("{steps} is outside of the output's steps, {} to {}", range.min, range.max)]
    StepsOutOfRange {
        /// What was given.
        steps: i32,
        /// What is possible.
        range: Range<i32>,
    },
    /// The output does not go that far.
    #[error("{percent} % is outside of {} % to 100 %", lowest)]
    PercentOutOfRange {
        /// What was given.
        percent: f64,
        /// −100 for outputs with a direction, else 0.
        lowest: i32,
    },
    /// The output cannot be that fast or slow.
    #[error("{duration:?} is outside of the output's durations, {} ms to {} ms", range.min, range.max)]
    DurationOutOfRange {
        /// What was given.
        duration: Duration,
        /// What is possible, in milliseconds.
        range: Range<u32>,
    },
    /// [`OutputKind::HwPositionWithDuration`] needs a duration: use `move_to`.
    #[error("this output needs a duration: use move_to")]
    DurationMissing,
    /// The server refused the request, or failed to fulfil it.
    #[error("the server refused (code {}): {message}", code.number())]
    Rejected {
        /// The class of error; [`ErrorCode::Device`] where the device is the cause.
        code: ErrorCode,
        /// What the server said, for people.
        message: String,
    },
    /// The server did not answer in time. The request may have been fulfilled all the same.
    #[error("the server did not answer within {after:?}")]
    TimedOut {
        /// How long it was given.
        after: Duration,
    },
    /// The server's answer is not one to this request.
    #[error("the server's answer cannot be understood: {reason}")]
    NotUnderstood {
        /// What is wrong with it.
        reason: String,
    },
    /// While disconnecting: the server did not confirm that these devices were stopped.
    #[error("the server did not confirm the stop of {}", devices.join(", "))]
    StopNotConfirmed {
        /// The devices' labels.
        devices: Vec<String>,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// By [`Client::disconnect`](crate::Client::disconnect), or because the last [`Client`](crate::Client) was
    /// dropped.
    #[error("the client disconnected")]
    Requested,
    /// The server closed the connection.
    #[error("the server closed the connection{}", said(*code, reason))]
    ClosedByServer {
        /// The WebSocket close code, if there was one.
        code: Option<u16>,
        /// The reason that the server gave; may be empty.
        reason: String,
    },
    /// The server missed the client's pings.
    #[error("the server received no ping in time")]
    PingTimeout,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Failed(Arc<io::Error>),
    /// All attempts to connect again failed, or another one makes no sense.
    #[error("not connected again after {attempts} attempts: {last}")]
    ReconnectFailed {
        /// How many there were.
        attempts: u32,
        /// Why the last one failed.
        last: Arc<ConnectError>,
    },
    /// The runtime that the connection ran on is gone.
    #[error("the runtime of the connection was stopped")]
    RuntimeStopped,
}

/// The end of a sentence about a close.
fn said(code: Option<u16>, reason: &str) -> String {
    match (code, reason) {
        (None, "") => String::new(),
        (None, reason) => format!(": {reason}"),
        (Some(code), "") => format!(" (code {code})"),
        (Some(code), reason) => format!(" (code {code}): {reason}"),
    }
}
