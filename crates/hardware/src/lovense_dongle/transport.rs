//! The way to the dongle and back: reports of a human interface device, or a serial port.

use std::io::ErrorKind;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use frisson_program::Endpoint;
use serial2_tokio::SerialPort;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{IDS, Options};
use crate::hid::{HidError, HidPort, System};
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
    Serial(SerialPort),
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
            match open_hid(Arc::clone(&self.system), guard).await {
                Ok(Some(port)) => return Ok(Some(Transport::Hid(port))),
                Ok(None) => {}
                Err(error) => fault = Some(error),
            }
        }
        for name in &self.options.serial_ports {
            match SerialPort::open(name, BAUD_RATE) {
                Ok(port) => return Ok(Some(Transport::Serial(port))),
                Err(error) => {
                    let fix = match error.kind() {
                        ErrorKind::PermissionDenied if cfg!(target_os = "linux") => {
                            "; become a member of the group that it belongs to, mostly `dialout`, and log in again"
                        }
                        _ => "",
                    };
                    fault = fault.or_else(|| {
                        Some(format!("the dongle's serial port {name} cannot be opened: {error}{fix}"))
                    });
                }
            }
        }
        fault.map_or(Ok(None), Err)
    }
}

async fn open_hid(system: Arc<dyn System>, guard: Arc<()>) -> Result<Option<HidPort>, String> {
    let (opened, open) = oneshot::channel();
    let look = move || {
        let port = find_hid(&*system, guard);
        let _ = opened.send(port);
    };
    let thread = thread::Builder::new().name("dongle".to_owned()).spawn(look);
    thread.map_err(|error| format!("no thread can be started: {error}"))?;
    open.await.map_err(|_| "looking for the dongle failed".to_owned())?.map_err(|error| error.to_string())
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
    /// Makes ready to hear.
    pub(super) async fn begin(&self) {
        if let Self::Hid(port) = self {
            // Only an endpoint that is not there could fail.
            let _ = port.listen(Endpoint::RX, true).await;
        }
    }

    /// Sends one message.
    pub(super) async fn send(&self, message: &str) -> Result<(), String> {
        let text = format!("{message}\r\n");
        let sending = async {
            match self {
                Self::Serial(port) => {
                    port.write_all(text.as_bytes()).await.map_err(|error| error.to_string())
                }
                Self::Hid(port) => {
                    for piece in text.as_bytes().chunks(PIECE) {
                        let written = port.write(Endpoint::TX, &report(piece), false).await;
                        written.map_err(|error| error.to_string())?;
                    }
                    Ok(())
                }
            }
        };
        match timeout(SEND, sending).await {
            Ok(sent) => sent,
            Err(_) => Err(format!("it has taken nothing for {} s", SEND.as_secs())),
        }
    }

    /// What comes next; an error when nothing will any more. Cancel safe.
    pub(super) async fn next(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Hid(port) => match port.next().await {
                // The first byte is the number of the report.
                Notified::Bytes(_, report) => Ok(report.get(1..).unwrap_or_default().to_vec()),
                Notified::Gone(reason) => Err(reason),
            },
            Self::Serial(port) => {
                let mut bytes = [0; 512];
                match port.read(&mut bytes).await {
                    Ok(0) => Err("the serial port was closed".to_owned()),
                    Ok(length) => Ok(bytes.get(..length).unwrap_or_default().to_vec()),
                    Err(error) => Err(error.to_string()),
                }
            }
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
