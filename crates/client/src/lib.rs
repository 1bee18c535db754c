//! A client library for the Buttplug protocol: an application connects to a server, finds the haptic devices that it
//! has, drives them and reads their sensors. It speaks version 4 of the protocol over WebSocket, Unix domain sockets
//! or any other stream, or to a server in the same process. Levels and times carry their units, every failure has a
//! type of its own, and what was started is stopped when the client goes.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/rabbit.rs"));
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let address = frisson_client::DEFAULT_ADDRESS;
//! # let address = rabbit();
//! use std::time::Duration;
//! use frisson_client::{Client, Percent};
//!
//! let client = Client::connect("My game", address).await?;
//! for device in client.devices() {
//!     device.vibrate(Percent(50.0)).await?;
//! }
//! tokio::time::sleep(Duration::from_millis(50)).await;
//! client.disconnect().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | on by default | what it adds |
//! | --- | --- | --- |
//! | `websocket` | yes | `ws://` addresses |
//! | `tls` | yes | `wss://` addresses, with rustls |
//! | `unix` | yes | `unix:` addresses; nothing on systems without such sockets |
//! | `embedded` | no | [`Connector::embedded`]: a server in the same process |

mod client;
mod connector;
mod device;
mod error;
mod event;
mod feature;
mod handle;
mod handshake;
mod level;
mod requests;
mod session;
mod task;
mod transport;

pub use client::{Backoff, Builder, Client, DEFAULT_ADDRESS};
#[cfg(feature = "tls")]
pub use connector::Tls;
pub use connector::{ChannelLink, Connector, Link};
pub use device::Device;
pub use error::{ConnectError, DisconnectReason, Error, SpecVersion, Stage};
pub use event::{Event, Events, Reading};
pub use feature::Feature;
#[doc(no_inline)]
pub use frisson_wire::{ErrorCode, Fault, Input, InputKind, Output, OutputKind, Range};
pub use level::{Level, Percent, Steps};
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
