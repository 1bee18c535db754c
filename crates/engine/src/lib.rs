//! The pure state machines of a Buttplug server: no I/O, no tasks, no clock, no lock.
//!
//! The [`hub::Hub`] owns all sessions and knows all devices; one [`device::DeviceMachine`] stands behind each device. Both take inputs with the time at
//! which they happened, and are drained of what they want done. Whoever runs them does that.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use frisson_engine::hub::{Config, Hub, Input, Output, SessionId};
//! use frisson_engine::session::Peer;
//!
//! let mut hub = Hub::new(Config {
//!     server_name: "Living room".to_owned(),
//!     max_ping_time: Duration::ZERO,
//!     handshake_timeout: Duration::from_secs(10),
//!     max_sessions: 16,
//!     exclusive: false,
//! });
//! let now = Instant::now();
//! hub.handle(now, Input::Connected(SessionId(1), Peer::Frames));
//! let hello = r#"[{"RequestServerInfo": {"Id": 1, "ClientName": "New App", "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0}}]"#;
//! hub.handle(now, Input::Text(SessionId(1), hello));
//! let Some(Output::Frame { frame, .. }) = hub.poll_output() else { panic!("no answer") };
//! assert!(frame.contains("ServerInfo"));
//! ```

mod attempts;
mod backoff;
pub mod device;
mod error;
pub mod hub;
pub mod session;
mod timers;
mod watchdog;

pub use attempts::Attempts;
pub use error::Error;
pub use watchdog::Watchdog;
