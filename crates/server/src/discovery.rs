//! The task of one bus: turns what its scanner sees into open links.

use frisson_devices::Catalogue;
use frisson_engine::hub::ScannerId;
use frisson_hardware::{Found, Scanner};
use tokio::sync::mpsc;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::messages::{Opened, ToHub};

/// Serves one bus until it is closed or the hub is gone.
pub(crate) async fn run(
    id: ScannerId,
    mut scanner: Box<dyn Scanner>,
    catalogue: Catalogue,
    mut wishes: mpsc::UnboundedReceiver<bool>,
    hub: mpsc::Sender<ToHub>,
) {
    let bus = scanner.bus();
    let mut is_scanning = false;
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some(on) => {
                    is_scanning = on;
                    scanner.scan(on);
                }
                None => return,
            },
            found = scanner.next() => match found {
                Found::Device(sighting) => {
                    if !(is_scanning || bus.is_always_on()) {
                        continue;
                    }
                    let Some(found) = catalogue.find(&sighting) else {
                        debug!(%bus, name = sighting.name, "seen, but no device definition matches");
                        continue;
                    };
                    let connecting = scanner.connect(&sighting);
                    let hub = hub.clone();
                    let span = info_span!("connect", %bus, name = sighting.name);
                    tokio::spawn(async move {
                        match connecting.await {
                            Ok(port) => {
                                let opened = Box::new(Opened { sighting, found, port });
                                if let Err(mpsc::error::SendError(ToHub::Opened(opened))) = hub.send(ToHub::Opened(opened)).await {
                                    opened.port.close().await;
                                }
                            }
                            Err(error) => warn!("cannot be opened: {error}"),
                        }
                    }.instrument(span));
                }
                Found::ScanEnded => {
                    is_scanning = false;
                    if hub.send(ToHub::ScanEnded(id)).await.is_err() {
                        return;
                    }
                }
                Found::Unusable(reason) => info!(%bus, "not usable: {reason}"),
                Found::Closed => {
                    let _ = hub.send(ToHub::ScannerRemoved(id)).await;
                    return;
                }
            },
        }
    }
}
