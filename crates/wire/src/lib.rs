//! The Buttplug protocol as pure data: a canonical [model](Request) and one codec per spec version, with no I/O.
//!
//! A server takes a frame apart with [`frame::split`], learns the version from [`Dialect::greet`], turns each message
//! into a [`Request`] with [`Dialect::decode_request`] and each [`Message`] into frames with
//! [`Dialect::encode_message`]; a client does the reverse. What older versions count in their own ways is looked up in
//! a [`Profile`] per device, through a [`View`].
//!
//! ```
//! use frisson_wire::{Dialect, Message, Profile, Reply, Request, View, dialect::Greeting, frame};
//!
//! struct NoDevices;
//! impl View for NoDevices {
//!     fn profile(&self, _: u32) -> Option<&Profile> {
//!         None
//!     }
//!     fn last_position(&self, _: u32, _: u32) -> f64 {
//!         0.0
//!     }
//! }
//!
//! // The first message tells the version,
//! let hello = r#"[{"RequestServerInfo":{"Id":1,"ClientName":"Old Player","MessageVersion":2}}]"#;
//! let Greeting::Hello(_, hello) = Dialect::greet(frame::split(hello)?[0]) else { panic!() };
//! let dialect = hello.dialect;
//!
//! // in which all others are understood
//! let (id, request) = dialect.decode_request(frame::split(r#"[{"Ping":{"Id":7}}]"#)?[0], &NoDevices)?;
//! assert_eq!(request, Request::Ping);
//!
//! // and answered, also if they cannot be.
//! let mut frames = Vec::new();
//! dialect.encode_message(&Message::Reply(id, Reply::Ok), &mut |frame| frames.push(frame));
//! for message in frame::split(r#"[{"Pong":{"Id":8}}]"#)? {
//!     let refusal = dialect.decode_request(message, &NoDevices).unwrap_err();
//!     dialect.encode_message(&refusal.into_message(), &mut |frame| frames.push(frame));
//! }
//! assert_eq!(frames[0], r#"[{"Ok":{"Id":7}}]"#);
//! assert!(frames[1].starts_with(r#"[{"Error":{"Id":8,"ErrorCode":3,"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod convert;
pub mod dialect;
pub mod frame;
mod model;
mod profile;
#[cfg(feature = "rules")]
pub mod rules;

pub use dialect::Dialect;
pub use model::*;
pub use profile::{Profile, Slot, View};
