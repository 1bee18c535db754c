//! Bluetooth: the adapter, its switches, and BlueZ.

use std::path::{Path, PathBuf};

use super::machine::{Bluez, Machine, System};
use super::report::{Report, Status, Topic};

const TOPIC: Topic = Topic::Bluetooth;

/// Where D-Bus listens unless the environment says otherwise.
const SOCKETS: [&str; 2] = ["/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket"];

/// Where distributions put BlueZ.
const DAEMONS: [&str; 4] = [
    "/usr/libexec/bluetooth/bluetoothd",
    "/usr/lib/bluetooth/bluetoothd",
    "/usr/libexec/bluetoothd",
    "/usr/sbin/bluetoothd",
];

/// Checks whether Bluetooth devices can be reached.
pub(super) fn check(machine: &Machine, report: &mut Report) {
    match machine.system {
        System::Linux => linux(machine, report),
        System::MacOs => report.ok(
            TOPIC,
            "macOS asks for permission when Bluetooth is used first; if no device is ever found, allow it for the terminal (or the application that \
             starts frisson) in System Settings, Privacy & Security, Bluetooth",
        ),
        System::Windows => report.ok(
            TOPIC,
            "Windows tells nothing about adapters from the outside; if no device is ever found, switch Bluetooth on in Settings, Bluetooth & devices. \
             Windows 10 1703 or later is needed",
        ),
        System::Other => report.warning(TOPIC, "nothing is known about Bluetooth on this system", ""),
    }
}

fn linux(machine: &Machine, report: &mut Report) {
    let adapters = adapters(machine);
    if adapters.is_empty() {
        report.warning(
            TOPIC,
            "no Bluetooth adapter was found",
            "plug one in: any USB adapter for Bluetooth 4.0 or later does. If there is one, its driver or firmware is missing: sudo dmesg | grep -i bluetooth\n\
             in a virtual machine or a container, hand it through",
        );
    }
    let mut usable = switches(machine, report);
    // Without an adapter BlueZ is of no use yet; that is said, but is no fault.
    let status = if adapters.is_empty() { Status::Warning } else { Status::Problem };
    usable &= service(machine, &adapters, status, report);
    if usable && !adapters.is_empty() {
        let (names, verb) = (adapters.join(", "), if adapters.len() == 1 { "is" } else { "are" });
        report.ok(TOPIC, format!("{names} {verb} on, and BlueZ answers"));
    }
}

/// The adapters, by their names; connections of theirs have a colon.
pub(super) fn adapters(machine: &Machine) -> Vec<String> {
    let mut names = machine.list("/sys/class/bluetooth");
    names.retain(|name| name.starts_with("hci") && !name.contains(':'));
    names
}

/// Whether no switch holds Bluetooth off.
fn switches(machine: &Machine, report: &mut Report) -> bool {
    let mut all_on = true;
    for switch in machine.list("/sys/class/rfkill") {
        let file =
            |name: &str| machine.read(format!("/sys/class/rfkill/{switch}/{name}")).unwrap_or_default();
        if file("type") != "bluetooth" {
            continue;
        }
        let name = file("name");
        if file("hard") == "1" {
            all_on = false;
            report.problem(
                TOPIC,
                format!("{name} is switched off by a switch or key of the machine, or by its firmware"),
                "use the switch or key for wireless or flight mode; otherwise enable Bluetooth in the firmware's set-up",
            );
        } else if file("soft") == "1" {
            all_on = false;
            report.problem(TOPIC, format!("{name} is switched off (rfkill)"), "rfkill unblock bluetooth");
        }
    }
    all_on
}

/// Whether BlueZ answers and its adapters are on.
fn service(machine: &Machine, adapters: &[String], status: Status, report: &mut Report) -> bool {
    let socket = match socket(machine) {
        Ok(socket) => socket,
        Err(address) => {
            let what = format!(
                "DBUS_SYSTEM_BUS_ADDRESS is {address:?}, which is no socket in a folder; BlueZ was not looked for"
            );
            report.warning(TOPIC, what, "unset DBUS_SYSTEM_BUS_ADDRESS, unless it is meant to be so");
            return false;
        }
    };
    let path = socket.display();
    let (what, fix) = match (machine.bluez)(&socket, adapters) {
        Bluez::Runs(found) => {
            let off: Vec<_> = found.iter().filter(|(_, on)| !on).map(|(name, _)| name.as_str()).collect();
            for name in &off {
                report.problem(
                    TOPIC,
                    format!("the adapter {name} is switched off in BlueZ"),
                    "bluetoothctl power on",
                );
            }
            let unknown =
                adapters.iter().filter(|name| !found.iter().any(|(known, _)| known == *name)).count();
            if unknown > 0 {
                report.problem(
                    TOPIC,
                    "BlueZ answers, and does not know of every adapter that the kernel has",
                    "sudo systemctl restart bluetooth; if that does not help: sudo dmesg | grep -i bluetooth",
                );
            }
            if adapters.is_empty() {
                report.ok(TOPIC, "BlueZ answers");
            }
            return off.is_empty() && unknown == 0;
        }
        Bluez::NoBus(why) => (
            format!("D-Bus's system bus cannot be reached at {path}: {why}"),
            "sudo apt install dbus && sudo systemctl start dbus\nin a container, hand /run/dbus through"
                .to_owned(),
        ),
        Bluez::Refused(why) => (
            format!("D-Bus's system bus at {path} does not let this user in: {why}"),
            "run frisson as the user who is logged in; in a container, with the same user id as outside"
                .to_owned(),
        ),
        Bluez::Denied => {
            ("BlueZ runs, and its rules keep this user from it".to_owned(), Machine::join("bluetooth"))
        }
        Bluez::Silent => {
            ("BlueZ runs and does not answer".to_owned(), "sudo systemctl restart bluetooth".to_owned())
        }
        Bluez::NotRunning if DAEMONS.iter().any(|path| machine.has(path)) => (
            "BlueZ is installed and does not run".to_owned(),
            "sudo systemctl enable --now bluetooth".to_owned(),
        ),
        Bluez::NotRunning => (
            "BlueZ, the system's Bluetooth service, is not installed".to_owned(),
            "sudo apt install bluez && sudo systemctl enable --now bluetooth   (dnf and pacman: bluez)"
                .to_owned(),
        ),
    };
    report.add(TOPIC, status, what, fix);
    false
}

/// The socket of the system bus; otherwise the address that is no such thing.
fn socket(machine: &Machine) -> Result<PathBuf, String> {
    let Some(address) = machine.environment.get("DBUS_SYSTEM_BUS_ADDRESS") else {
        let found = SOCKETS.iter().find(|path| machine.has(path)).or(SOCKETS.first());
        return Ok(machine.at(found.map_or(Path::new("/"), Path::new)));
    };
    let of_one = |one: &str| {
        let parts = one.strip_prefix("unix:")?;
        parts.split(',').find_map(|part| part.strip_prefix("path=").map(PathBuf::from))
    };
    address.split(';').find_map(of_one).ok_or_else(|| address.clone())
}
