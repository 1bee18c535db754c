//! The ports of the network: that of clients, and that of devices which connect by themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cli::DEFAULT_PORT;
use crate::port_owner::Owner;

use super::machine::{Machine, Port};
use super::report::{Report, Topic};

const TOPIC: Topic = Topic::Ports;

/// Where devices and simulators look for a server.
const DEVICE_PORT: u16 = 54817;

/// How other servers of the protocol are called.
const OTHERS: [&str; 2] = ["intiface", "buttplug"];

/// Checks whether the ports are free.
pub(super) fn check(machine: &Machine, report: &mut Report) {
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        clients(machine, (ip, DEFAULT_PORT).into(), report);
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, DEVICE_PORT));
    match (machine.port)(address) {
        Port::Free => report.ok(TOPIC, format!("{address}, for devices that connect by themselves, is free")),
        Port::Taken { is_frisson: true, .. } => {
            report.ok(
                TOPIC,
                format!("{address}, for devices that connect by themselves, is in use by Frisson"),
            );
        }
        Port::Taken { by, .. } => {
            let what = format!(
                "{address}, for devices that connect by themselves, is in use by {}",
                named(by.as_ref())
            );
            report.warning(
                TOPIC,
                what,
                "if you have such devices: stop that program, or choose another port for them",
            );
        }
        Port::Unusable(why) => report.warning(TOPIC, format!("nobody can listen at {address}: {why}"), ""),
    }
}

fn clients(machine: &Machine, address: SocketAddr, report: &mut Report) {
    match (machine.port)(address) {
        Port::Free => report.ok(TOPIC, format!("{address}, where clients connect, is free")),
        Port::Taken { by, is_frisson: true } => {
            report.ok(TOPIC, format!("{address}: a Frisson serves clients there, {}", named(by.as_ref())));
        }
        Port::Taken { by, .. } => {
            let lower = by.as_ref().map(|owner| owner.name.to_lowercase()).unwrap_or_default();
            let is_server = OTHERS.iter().any(|name| lower.contains(name));
            let kind = if is_server { ", another server of this protocol" } else { "" };
            let kill = by.as_ref().map_or_else(String::new, |owner| format!(" (process {})", owner.pid));
            report.problem(
                TOPIC,
                format!("{address}, where clients connect, is in use by {}{kind}", named(by.as_ref())),
                format!(
                    "stop that program{kill}, or choose another port: frisson serve --listen {}",
                    other(address)
                ),
            );
        }
        // A machine without IPv6 is not a fault.
        Port::Unusable(why) if address.is_ipv6() => {
            report.ok(TOPIC, format!("{address} is not there ({why}); clients connect to 127.0.0.1"));
        }
        Port::Unusable(why) => report.problem(
            TOPIC,
            format!("nobody can listen at {address}: {why}"),
            "the loopback network has to be up: sudo ip link set lo up",
        ),
    }
}

/// The next port, as an example.
fn other(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port().saturating_add(1))
}

fn named(owner: Option<&Owner>) -> String {
    owner.map_or_else(|| "a program of another user".to_owned(), ToString::to_string)
}
