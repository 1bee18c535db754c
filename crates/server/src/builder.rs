//! How a server is made.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use frisson_devices::Catalogue;
use frisson_devices::settings::Settings;
use frisson_engine::hub::{Config, Hub, ScannerId};
use frisson_hardware::Scanner;
use frisson_wire::frame;
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use crate::messages::Library;
use crate::server::Shared;
use crate::session_task::Limits;
use crate::{Server, discovery, hub_task};

/// How many inputs may wait for the hub.
const HUB_QUEUE: usize = 1024;

/// Makes a [`Server`].
pub struct Builder {
    config: Config,
    limits: Limits,
    catalogue: Catalogue,
    settings: Settings,
    own_scan: bool,
    scanners: Vec<Box<dyn Scanner>>,
    #[cfg(feature = "simulated")]
    simulated: Option<crate::SimulatedList>,
    #[cfg(feature = "virtual-hardware")]
    virtual_hardware: Option<frisson_hardware::virtual_hardware::Options>,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A tokio runtime is needed.
    #[error("a server is started from within a tokio runtime")]
    NoRuntime,
    /// The simulated devices do not go together.
    #[cfg(feature = "simulated")]
    #[error("simulated devices: {0}")]
    Simulation(#[from] frisson_hardware::simulated::SimulationError),
    /// Virtual hardware cannot be offered.
    #[cfg(feature = "virtual-hardware")]
    #[error(transparent)]
    VirtualHardware(#[from] frisson_hardware::virtual_hardware::ListenError),
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config {
                server_name: "Frisson".to_owned(),
                max_ping_time: Duration::ZERO,
                handshake_timeout: Duration::from_secs(10),
                max_sessions: 256,
                exclusive: false,
            },
            limits: Limits {
                max_frame: frame::MAX_FRAME_BYTES,
                probe_after: Duration::from_secs(5),
                silence_limit: Duration::from_secs(10),
                write_limit: Duration::from_secs(5),
                handshake_timeout: Duration::from_secs(10),
            },
            catalogue: Catalogue::built_in(),
            settings: Settings::default(),
            own_scan: true,
            scanners: Vec::new(),
            #[cfg(feature = "simulated")]
            simulated: None,
            #[cfg(feature = "virtual-hardware")]
            virtual_hardware: None,
        }
    }

    /// What the server calls itself. Default: `Frisson`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.server_name = name.into();
        self
    }

    /// The longest time between two pings of a client, in whole milliseconds; zero, the default, is no limit. Many published clients never ping (`wire.md` section 3).
    #[must_use]
    pub fn max_ping_time(mut self, time: Duration) -> Self {
        self.config.max_ping_time = time;
        self
    }

    /// How long a connection may take to complete its handshake. Default: 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, time: Duration) -> Self {
        self.config.handshake_timeout = time;
        self.limits.handshake_timeout = time;
        self
    }

    /// How many clients may be connected at once. Default: 256.
    #[must_use]
    pub fn max_clients(mut self, count: usize) -> Self {
        self.config.max_sessions = count;
        self
    }

    /// Whether the first client to drive an output keeps it until it is stopped or the client leaves. Default: no, the last command wins.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.config.exclusive = exclusive;
        self
    }

    /// The largest frame taken from a client, in bytes. Default: 1 MiB.
    #[cfg(any(feature = "websocket", all(unix, feature = "unix")))]
    #[must_use]
    pub fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_frame = bytes;
        self
    }

    /// How long a WebSocket peer may be silent: it is probed after half of this and dropped after all of it. Default: 10 s.
    #[cfg(feature = "websocket")]
    #[must_use]
    pub fn silence_limit(mut self, time: Duration) -> Self {
        self.limits.silence_limit = time;
        self.limits.probe_after = time / 2;
        self
    }

    /// How long a client may leave what it is sent unread before it is dropped. Default: 5 s.
    #[cfg(any(feature = "websocket", all(unix, feature = "unix")))]
    #[must_use]
    pub fn write_limit(mut self, time: Duration) -> Self {
        self.limits.write_limit = time;
        self
    }

    /// The devices that the server knows. Default: [`Catalogue::built_in`].
    #[must_use]
    pub fn catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// What the user has set for single devices: names, indices, limits, and which may be connected. Default: nothing. What the server adds,
    /// the indices of new devices, is told by [`Server::settings`].
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Whether the server looks for devices by itself: for those that the [settings](Builder::settings) know, and no others, at the start, when
    /// one has gone, and when it has closed one because of a [new catalogue](Server::set_catalogue). Default: yes. If not, it takes a
    /// client's scan to find devices, but for those that connect by themselves.
    #[must_use]
    pub fn own_scan(mut self, on: bool) -> Self {
        self.own_scan = on;
        self
    }

    /// A bus to find devices on.
    #[must_use]
    pub fn scanner(mut self, scanner: impl Scanner + 'static) -> Self {
        self.scanners.push(Box::new(scanner));
        self
    }

    /// Several buses to find devices on.
    #[must_use]
    pub fn scanners(mut self, scanners: impl IntoIterator<Item = Box<dyn Scanner>>) -> Self {
        self.scanners.extend(scanners);
        self
    }

    /// Simulated devices, which are there from the start.
    #[cfg(feature = "simulated")]
    #[must_use]
    pub fn simulate(mut self, list: crate::SimulatedList) -> Self {
        self.simulated = Some(list);
        self
    }

    /// Lets other programs present devices, at a port of 127.0.0.1. For tests, and for the makers of devices.
    #[cfg(feature = "virtual-hardware")]
    #[must_use]
    pub fn virtual_hardware(mut self, options: frisson_hardware::virtual_hardware::Options) -> Self {
        self.virtual_hardware = Some(options);
        self
    }

    /// Starts the server on the current tokio runtime.
    ///
    /// # Errors
    /// There is no runtime, the simulated devices do not go together, or virtual hardware cannot be offered.
    pub fn start(self) -> Result<Server, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        #[cfg_attr(not(feature = "simulated"), allow(unused_mut))]
        let mut scanners = self.scanners;
        #[cfg(feature = "simulated")]
        let simulation = match self.simulated {
            Some(list) => {
                let seed = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or(0, |since| u64::from(since.subsec_nanos()));
                let (bus, simulation) =
                    frisson_hardware::simulated::SimulatedBus::new(list.hardware(), seed)?;
                scanners.push(Box::new(bus));
                Some(simulation)
            }
            None => None,
        };
        #[cfg(feature = "virtual-hardware")]
        let virtual_hardware = match self.virtual_hardware {
            Some(options) => {
                let (bus, address) = frisson_hardware::virtual_hardware::VirtualHardware::listen(options)?;
                scanners.push(Box::new(bus));
                Some(address)
            }
            None => None,
        };
        let (alive, ended) = mpsc::channel(1);
        let (hub, inputs) = mpsc::channel(HUB_QUEUE);
        let max_sessions = self.config.max_sessions;
        let (shelf, settings) = watch::channel(self.settings);
        let library = Library {
            settings: Arc::new(shelf),
            catalogue: Arc::new(watch::Sender::new(Arc::new(self.catalogue))),
        };
        let mut machine = hub_task::Task::new(
            Hub::new(self.config),
            library.clone(),
            self.own_scan,
            hub.downgrade(),
            alive.clone(),
        );
        for (number, scanner) in (0..).zip(scanners) {
            let id = ScannerId(number);
            let (orders, receiver) = mpsc::unbounded_channel();
            machine.add_scanner(id, orders);
            let span = tracing::info_span!("bus", name = scanner.name());
            let task = discovery::run(id, scanner, library.clone(), receiver, hub.clone(), alive.clone());
            runtime.spawn(task.instrument(span));
        }
        runtime.spawn(machine.run(inputs));
        let shared = Shared { hub, limits: self.limits, max_sessions, last_session: AtomicU64::new(0) };
        Ok(Server {
            shared: Arc::new(shared),
            settings,
            alive: ended,
            #[cfg(feature = "simulated")]
            simulation,
            #[cfg(feature = "virtual-hardware")]
            virtual_hardware,
        })
    }
}
