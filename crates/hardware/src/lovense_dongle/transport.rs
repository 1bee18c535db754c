//! The way to the dongle and back: reports of a human interface device, or a serial port.

use std::sync::{Arc, Weak};
use std::time::Duration;

use frisson_program::{Endpoint, SerialSettings};
use tokio::time::timeout;

use super::{IDS, Options};
use crate::detached::detached;
use crate::hid::{HidError, HidPort, SYSTEM_LIMIT, System};
use crate::rounds::OpenMark;
use crate::serial::SerialWire;
use crate::stream::StreamPort;
use crate::{Notified, Port, PortError};

/// How much text goes into one report.
const PIECE: usize = 63;
/// The bytes of a report: its number, the text, and at least one zero.
const REPORT: usize = 65;
const BAUD_RATE: u32 = 115_200;
/// How long the dongle may take for a message.
const SEND: Duration = Duration::from_secs(2);

/// An open dongle.
pub(super) enum Transport {
    Hid(HidPort),
    Serial(StreamPort<SerialWire>),
}

/// Where dongles are found.
pub(super) struct Places {
    pub(super) system: Arc<dyn System>,
    pub(super) options: Options,
    /// The last dongle that was open as a human interface device, while it still is.
    last: Weak<()>,
}

impl Places {
    pub(super) fn new(system: Arc<dyn System>, options: Options) -> Self {
        Self { system, options, last: Weak::new() }
    }

    /// Opens the first dongle that is there; `None` if none is. The error is why one that is there cannot be used.
    pub(super) async fn open(&mut self) -> Result<Option<Transport>, String> {
        let mut fault = None;
        // The threads of a dongle that does not answer any more may not have ended yet.
        if self.last.strong_count() == 0 {
            let guard = Arc::new(());
            self.last = Arc::downgrade(&guard);
            let system = Arc::clone(&self.system);
            match detached("dongle", SYSTEM_LIMIT, move || find_hid(&*system, guard)).await {
                Ok(Some(port)) => return Ok(Some(Transport::Hid(port))),
                Ok(None) => {}
                Err(error) => fault = Some(error.to_string()),
            }
        }
        for name in &self.options.serial_ports {
            let settings = SerialSettings { baud_rate: BAUD_RATE, ..SerialSettings::default() };
            match SerialWire::open(name.clone(), settings).await {
                Ok(wire) => {
                    let port = StreamPort::new(wire, false, OpenMark::of_nothing());
                    return Ok(Some(Transport::Serial(port)));
                }
                Err(error) => fault = fault.or_else(|| Some(error.to_string())),
            }
        }
        fault.map_or(Ok(None), Err)
    }
}

fn find_hid(system: &dyn System, guard: Arc<()>) -> Result<Option<HidPort>, PortError> {
    let fault = |error: HidError| PortError::Failed(error.to_string());
    let mut devices = match system.list() {
        Ok(devices) => devices.into_iter(),
        // A system without such devices may still have a serial port.
        Err(HidError::Unusable(_)) => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    let Some(dongle) = devices.find(|info| (info.vendor, info.product) == IDS) else { return Ok(None) };
    match system.open(&dongle) {
        Ok(link) => HidPort::new(link, guard).map(Some),
        Err(HidError::Gone) => Ok(None),
        Err(error) => Err(fault(error)),
    }
}

impl Transport {
    fn port(&self) -> &dyn Port {
        match self {
            Self::Hid(port) => port,
            Self::Serial(port) => port,
        }
    }

    /// Makes ready to hear.
    pub(super) async fn begin(&self) {
        // Only an endpoint that is not there could fail.
        let _ = self.port().listen(Endpoint::RX, true).await;
    }

    /// Sends one message.
    pub(super) async fn send(&self, message: &str) -> Result<(), String> {
        let text = format!("{message}\r\n");
        let sending = async {
            match self {
                Self::Serial(port) => port.write(Endpoint::TX, text.as_bytes(), false).await,
                Self::Hid(port) => {
                    for piece in text.as_bytes().chunks(PIECE) {
                        port.write(Endpoint::TX, &report(piece), false).await?;
                    }
                    Ok(())
                }
            }
        };
        match timeout(SEND, sending).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it has taken nothing for {} s", SEND.as_secs())),
        }
    }

    /// What comes next; an error when nothing will any more. Cancel safe.
    pub(super) async fn next(&self) -> Result<Vec<u8>, String> {
        match (self.port().next().await, self) {
            (Notified::Bytes(_, bytes), Self::Serial(_)) => Ok(bytes),
            // The first byte is the number of the report.
            (Notified::Bytes(_, report), Self::Hid(_)) => Ok(report.get(1..).unwrap_or_default().to_vec()),
            (Notified::Gone(reason), _) => Err(reason),
        }
    }
}

/// A report with a piece of text.
fn report(piece: &[u8]) -> Vec<u8> {
    let mut report = Vec::with_capacity(REPORT);
    report.push(0);
    report.extend_from_slice(piece);
    report.resize(REPORT, 0);
    report
}
