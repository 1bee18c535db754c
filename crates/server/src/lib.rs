//! A Buttplug server: finds haptic devices, keeps their links, and lets any number of clients drive them.
//!
//! A [`Server`] runs as tasks of the application's tokio runtime. Clients reach it in the same process ([`Server::attach`]), over WebSocket
//! ([`Server::listen`]), or over a Unix domain socket ([`Server::listen_unix`]). Devices come from the buses of [`hardware`] that it is built with
//! and given ([`Builder::scanners`]); settings and catalogue may change while it runs. A [`Survey`] looks at buses without a server.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use frisson_server::{Server, SimulatedList};
//!
//! let server = Server::builder().name("Living room").simulate(SimulatedList::default()).start()?;
//! let address = server.listen("127.0.0.1:0".parse()?).await?;
//! println!("clients connect to ws://{address}");
//! // … until the application ends; then everything is stopped before the tasks end:
//! let stopped = server.shutdown().await;
//! assert!(stopped.is_complete());
//! # Ok(())
//! # }
//! ```

// Without a listener nobody sends frames; what is there for them stays compiled, so that one set of types serves all features.
#![cfg_attr(not(feature = "websocket"), allow(dead_code))]

#[cfg(any(feature = "websocket", all(unix, feature = "unix")))]
mod accept;
mod attached;
mod builder;
mod control;
mod device_task;
mod discovery;
mod hub_task;
#[cfg(feature = "websocket")]
mod listener;
mod messages;
mod preferences;
mod server;
mod session_task;
mod survey;
#[cfg(all(unix, feature = "unix"))]
mod unix;
#[cfg(feature = "websocket")]
mod websocket;

pub use attached::{Attached, Door};
pub use builder::{Builder, StartError};
pub use control::{Control, Observer};
#[cfg(feature = "simulated")]
pub use frisson_devices::simulated::{ListError, Simulated, SimulatedList};
pub use frisson_devices::{Catalogue, Connection, Match, settings};
pub use frisson_hardware as hardware;
#[cfg(feature = "websocket")]
pub use listener::{HttpHandler, HttpRequest, HttpResponse, plain, upgrade_required};
pub use messages::Status;
pub(crate) use server::Shared;
pub use server::{ListenError, Server, ServerGone, SettingsWatch, Stopped};
pub use survey::{Seen, Survey, Surveyed};
