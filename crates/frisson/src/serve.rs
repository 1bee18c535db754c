//! `frisson serve`: runs the server until it is asked to stop.

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use frisson_server::hardware::{Bus, Scanner, virtual_hardware};
use frisson_server::{ListenError, Server, SimulatedList, StartError};
use tracing::{info, warn};

use crate::buses::Told;
use crate::cli::{DEFAULT_PORT, Listen, Serve};
use crate::exit::Failure;
use crate::files::{self, Order};
use crate::{buses, http, port_owner, start};

/// How long the start-up lines wait for simulated devices.
const DEVICES_TIMEOUT: Duration = Duration::from_millis(500);
/// How long writing the settings may take at the end.
const KEEP_TIMEOUT: Duration = Duration::from_secs(2);
/// How long devices have to stop after the server itself has failed.
const FAILED_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the server.
pub(crate) fn run(options: Serve) -> Result<(), Failure> {
    let mut listen = options.listen.iter().filter(|listen| !listen.lets_the_system_choose());
    while let Some(one) = listen.next() {
        if listen.clone().any(|other| other == one) {
            return Err(Failure::Usage(format!("--listen names {one} twice")));
        }
    }
    let _flush = start::log(options.log, options.log_format)?;
    start::runtime()?.block_on(serve(options))
}

async fn serve(options: Serve) -> Result<(), Failure> {
    // Before anything else: from here on a signal never leaves a device running.
    let mut signals = start::signals()?;
    let prepared = files::prepare(&options)?;
    let made = buses::make(&options.buses, options.virtual_hardware_port.is_some(), &prepared.catalogue)?;
    let mut looked_at = made.names();
    looked_at.retain(|name| *name != Bus::WebSocket.name());
    let mut builder = Server::builder()
        .name(&options.name)
        .catalogue(prepared.catalogue)
        .settings(prepared.settings)
        .own_scan(!options.no_scan)
        .scanners(made.scanners.into_iter().map(|scanner| Box::new(Told::new(scanner)) as Box<dyn Scanner>))
        .max_ping_time(Duration::from_millis(options.max_ping_time.into()));
    let asked = options.simulate.iter().flat_map(|list| list.0.iter()).cloned();
    let list: SimulatedList = asked.chain(prepared.simulated).collect();
    let simulated = Some(list.len()).filter(|count| *count > 0);
    if simulated.is_some() {
        builder = builder.simulate(list);
    }
    if let Some(port) = options.virtual_hardware_port {
        builder = builder.virtual_hardware(virtual_hardware::Options {
            port,
            path: options.virtual_hardware_path,
            timeout: Duration::from_millis(options.virtual_hardware_timeout_ms.into()),
            ..virtual_hardware::Options::default()
        });
    }
    let server = builder.start().map_err(|error| match error {
        StartError::VirtualHardware(virtual_hardware::ListenError::Socket { address, source })
            if source.kind() == io::ErrorKind::AddrInUse =>
        {
            Failure::Taken(port_owner::taken(address, "--virtual-hardware-port PORT"))
        }
        error => Failure::Failed(error.to_string()),
    })?;
    let watching = prepared.files.watch(server.settings());
    let (mut orders, written) =
        watching.map_err(|error| Failure::Failed(format!("no thread for files can be started: {error}")))?;

    let addresses = listen(&server, &options.listen).await?;
    say(format_args!("Frisson {} serves clients at", env!("CARGO_PKG_VERSION")));
    for address in &addresses {
        say(format_args!("  {address}"));
    }
    if let Some(address) = server.virtual_hardware() {
        say(format_args!("Other programs present devices at ws://{address}"));
    }
    if let Some(address) = made.device_websocket {
        say(format_args!("Devices connect by themselves at ws://{address}"));
    }
    match looked_at.as_slice() {
        [] if made.device_websocket.is_some() || server.virtual_hardware().is_some() => {}
        [] if simulated.is_none() => {
            say(format_args!(
                "No devices are in use; --simulate starts simulated ones, --bus says where others are."
            ));
        }
        [] => {}
        names => say(format_args!("Devices are looked for on {}", names.join(", "))),
    }
    for note in &made.notes {
        say(format_args!("{note}"));
    }
    if let Some(count) = simulated {
        say_devices(&server, count).await;
    }
    say(format_args!("Stop with Ctrl-C."));

    let following = async {
        while let Some(order) = orders.recv().await {
            // A server that is gone is noticed below.
            let (what, taken) = match order {
                Order::Settings(settings) => ("settings", server.set_settings(*settings).await),
                Order::Catalogue(catalogue) => {
                    made.ports.follow(&catalogue);
                    ("device files", server.set_catalogue(*catalogue).await)
                }
            };
            if taken.is_ok() {
                info!("changed {what} are in force");
            }
        }
        std::future::pending().await
    };
    let asked = tokio::select! {
        never = following => never,
        signal = signals.next() => {
            info!("asked to stop by {signal}");
            true
        }
        () = server.ended() => false,
    };
    if !asked {
        // Devices stop by themselves when the server is gone, but not when the program is.
        let _ = tokio::time::timeout(FAILED_TIMEOUT, all_tasks_ended()).await;
        return Err(Failure::Failed("the server has ended unexpectedly; the log tells more".to_owned()));
    }
    let stopped = tokio::select! {
        stopped = server.shutdown() => stopped,
        signal = signals.next() => {
            return Err(Failure::Failed(format!("{signal} again: leaving without waiting for devices to stop")));
        }
    };
    let _ = tokio::time::timeout(KEEP_TIMEOUT, written).await;
    if stopped.is_complete() {
        info!("all devices stopped");
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "these devices could not be stopped and may still run: {}",
        stopped.unstopped.join(", ")
    )))
}

async fn all_tasks_ended() {
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Opens every place that clients connect to. Without any given, both loopback addresses.
async fn listen(server: &Server, wanted: &[Listen]) -> Result<Vec<Listen>, Failure> {
    let mut addresses = Vec::new();
    if wanted.is_empty() {
        addresses.push(open(server, &Listen::Tcp((Ipv4Addr::LOCALHOST, DEFAULT_PORT).into())).await?);
        match open(server, &Listen::Tcp((Ipv6Addr::LOCALHOST, DEFAULT_PORT).into())).await {
            Ok(address) => addresses.push(address),
            Err(Failure::Taken(reason)) => return Err(Failure::Taken(reason)),
            // A machine without IPv6 is not a fault.
            Err(failure) => warn!("only IPv4: {failure}"),
        }
    }
    for listen in wanted {
        addresses.push(open(server, listen).await?);
    }
    Ok(addresses)
}

async fn open(server: &Server, listen: &Listen) -> Result<Listen, Failure> {
    match listen {
        Listen::Tcp(address) => match server.listen_with(*address, http::handler(server.observer())).await {
            Ok(bound) => Ok(Listen::Tcp(bound)),
            Err(ListenError::InUse { .. }) => {
                Err(Failure::Taken(port_owner::taken(*address, &format!("--listen {}:PORT", address.ip()))))
            }
            Err(error) => Err(Failure::Usage(format!("{error}; choose another with --listen"))),
        },
        #[cfg(unix)]
        Listen::Unix(path) => match server.listen_unix(path).await {
            Ok(()) => Ok(listen.clone()),
            Err(error @ ListenError::InUse { .. }) => Err(Failure::Taken(format!(
                "{error}; stop it, or choose another path with --listen unix:PATH"
            ))),
            Err(error) => Err(Failure::Usage(format!("{error}; choose another with --listen"))),
        },
        #[cfg(not(unix))]
        Listen::Unix(_) => Err(Failure::Usage("this system has no Unix domain sockets".to_owned())),
    }
}

async fn say_devices(server: &Server, count: usize) {
    let ready = async {
        loop {
            match server.status().await {
                Ok(status) if status.devices.len() < count => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                status => return status.ok(),
            }
        }
    };
    let devices = match tokio::time::timeout(DEVICES_TIMEOUT, ready).await {
        Ok(Some(status)) => status.devices,
        _ => return say(format_args!("{count} simulated devices are being set up.")),
    };
    match count {
        1 => say(format_args!("1 simulated device is connected:")),
        _ => say(format_args!("{count} simulated devices are connected:")),
    }
    const SHOWN: usize = 20;
    for profile in devices.iter().take(SHOWN) {
        say(format_args!("  {:>2}  {}", profile.device().index, profile.device().name));
    }
    if devices.len() > SHOWN {
        say(format_args!("  and {} more", devices.len() - SHOWN));
    }
}

/// A line on standard output. Nobody may be there to read it: that is no reason to end.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}
