//! Serial ports: which there are, whether they can be opened, and who has them.

use super::machine::{Machine, System};
use super::processes::{self, Process};
use super::report::{Report, Status, Topic};
use super::{hid, permission};

const TOPIC: Topic = Topic::Serial;

/// Programs that open ports which they take for something else: their names, for what, and how to keep them away.
const MEDDLERS: [(&str, &str, &str); 2] = [
    (
        "ModemManager",
        "looks for modems on new ports for some seconds, during which they cannot be opened",
        "if a device fails right after it was plugged in: sudo systemctl disable --now ModemManager",
    ),
    (
        "brltty",
        "takes some USB serial converters for braille displays, and they vanish",
        "unless you use a braille display: sudo apt remove brltty",
    ),
];

/// A serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Serial {
    pub(super) path: String,
    /// Vendor and product, of a port that is USB.
    pub(super) ids: Option<(u16, u16)>,
    /// What it calls itself, and its serial number.
    name: Option<String>,
    number: Option<String>,
}

/// Checks whether serial devices can be reached.
pub(super) fn check(machine: &Machine, report: &mut Report) {
    let ports = match machine.system {
        System::Linux => linux(machine),
        System::MacOs => mac_os(machine),
        System::Windows => {
            return report.ok(TOPIC, "the device manager lists the serial ports, under Ports (COM & LPT)");
        }
        System::Other => {
            return report.warning(TOPIC, "nothing is known about serial ports on this system", "");
        }
    };
    if ports.is_empty() {
        report.warning(
            TOPIC,
            "no serial port was found",
            "plug the device in; if it is, its driver is missing, or its cable has no wires for data",
        );
    }
    for port in &ports {
        one(machine, port, report);
    }
    if machine.system == System::Linux {
        meddlers(machine, &ports, report);
    }
}

fn one(machine: &Machine, port: &Serial, report: &mut Report) {
    // What Frisson itself calls a port says nothing about anybody.
    let own = port.name.iter().filter(|_| port.ids != Some(hid::OLD_DONGLE));
    report.private.extend(own.chain(&port.number).cloned());
    let path = &port.path;
    // Boards have ports to which nothing is connected, and those of consoles.
    let is_of_board = machine.system == System::Linux && port.ids.is_none();
    let status = if is_of_board { Status::Warning } else { Status::Problem };
    let name = port.name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
    if !(machine.may_use)(&machine.at(path)) {
        let rule = port.ids.map_or_else(
            || format!("KERNEL==\"{}\", GROUP=\"dialout\", MODE=\"0660\"", path.trim_start_matches("/dev/")),
            |(vendor, product)| {
                format!(
                    "SUBSYSTEM==\"tty\", ATTRS{{idVendor}}==\"{vendor:04x}\", ATTRS{{idProduct}}==\"{product:04x}\", MODE=\"0660\", TAG+=\"uaccess\""
                )
            },
        );
        let (what, fix) = permission::denied(machine, path, &rule);
        return report.add(TOPIC, status, format!("{what}{name}"), fix);
    }
    match processes::holder(machine, path) {
        Some(Process { id, name: by }) if by == "frisson" => {
            report.ok(TOPIC, format!("{path} is in use by frisson (process {id}){name}"));
        }
        Some(Process { id, name: by }) => {
            let is_meddler = MEDDLERS.iter().any(|(name, _, _)| *name == by);
            report.add(
                TOPIC,
                if is_meddler { Status::Warning } else { status },
                format!("{path} is in use by {by} (process {id}){name}"),
                format!("if it is your device: leave {by}, or end it: kill {id}"),
            );
        }
        None => report.ok(TOPIC, format!("{path} can be used{name}")),
    }
}

fn meddlers(machine: &Machine, ports: &[Serial], report: &mut Report) {
    let has_usb = ports.iter().any(|port| port.ids.is_some());
    for (name, what, fix) in MEDDLERS {
        if processes::runs(machine, name) && (has_usb || name == "brltty") {
            report.warning(TOPIC, format!("{name} runs: it {what}"), fix);
        }
    }
}

/// The ports that have hardware behind them.
pub(super) fn linux(machine: &Machine) -> Vec<Serial> {
    let mut ports = Vec::new();
    for name in machine.list("/sys/class/tty") {
        let folder = format!("/sys/class/tty/{name}");
        let is_hardware = machine.has(format!("{folder}/device"));
        // The kernel has ports in reserve, whose type is 0.
        if !is_hardware || machine.read(format!("{folder}/type")).as_deref() == Some("0") {
            continue;
        }
        let usb = machine.above(format!("{folder}/device")).into_iter();
        let usb = usb.take(8).find(|folder| machine.has(folder.join("idVendor")));
        let text = |file: &str| machine.read(usb.as_ref()?.join(file)).filter(|text| !text.is_empty());
        let id = |file: &str| u16::from_str_radix(&text(file)?, 16).ok();
        let ids = id("idVendor").zip(id("idProduct"));
        let dongle = ids.filter(|ids| *ids == hid::OLD_DONGLE);
        let product = text("product");
        let known = dongle.map(|_| "a CH340 converter, as in old Lovense dongles".to_owned());
        ports.push(Serial {
            path: format!("/dev/{name}"),
            ids,
            name: known.or(product),
            number: text("serial"),
        });
    }
    ports
}

fn mac_os(machine: &Machine) -> Vec<Serial> {
    let names = machine.list("/dev").into_iter().filter(|name| name.starts_with("cu."));
    names
        .map(|name| Serial { path: format!("/dev/{name}"), ids: None, name: None, number: Some(name) })
        .collect()
}
