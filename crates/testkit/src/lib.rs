//! Tests for Buttplug servers and applications, without hardware, sockets or waiting.
//!
//! A [`VirtualServer`] is a whole server in virtual time: give it [`TestDevice`]s and clients, let time pass, and look at what the
//! [`Hardware`] was told. A [`Transcript`] says the same as text, for conversations in any version of the protocol; with the feature
//! `socket` it can be played against any server.
//!
//! ```
//! use frisson_testkit::Transcript;
//!
//! let transcript: Transcript = r#"
//!     % max-ping-time 500ms
//!     + V
//!     > [{"RequestServerInfo": {"Id": 1, "ClientName": "App", "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0}}]
//!     < [{"ServerInfo": {"Id": 1, "MaxPingTime": 500, "*": "*"}}]
//!     > [{"OutputCmd": {"Id": 2, "DeviceIndex": 0, "FeatureIndex": 0, "Command": {"Vibrate": {"Value": 12}}}}]
//!     < [{"Ok": {"Id": 2}}]
//!     = V 0 Vibrate 12
//!     ## The application hangs.
//!     ~ 500ms
//!     < [{"Error": {"Id": 0, "ErrorCode": 2, "ErrorMessage": "*"}}]
//!     ! closed 1008
//!     = V at rest
//! "#.parse()?;
//! transcript.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compare;
mod device;
mod hardware;
#[cfg(feature = "socket")]
pub mod socket;
mod transcript;
mod virtual_server;

pub use device::{TestDevice, input, output, stroke};
pub use frisson_engine::device::Limit;
pub use frisson_engine::hub::{Close, Config, Note};
pub use frisson_wire as wire;
use frisson_wire::Dialect;
pub use hardware::{Faults, Hardware, Told, Write};
pub use transcript::{CLIENT, Mismatch, ParseError, Transcript};
pub use virtual_server::{Receipt, Received, Scanning, Setup, VirtualServer};

/// The handshake of a client that speaks this version.
pub fn hello(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V0 => r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "test"}}]"#,
        Dialect::V1 => r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "test", "MessageVersion": 1}}]"#,
        Dialect::V2 => r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "test", "MessageVersion": 2}}]"#,
        Dialect::V3 => r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "test", "MessageVersion": 3}}]"#,
        Dialect::V4 => {
            r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "test", "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0}}]"#
        }
    }
}
