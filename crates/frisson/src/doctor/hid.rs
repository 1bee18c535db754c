//! Human interface devices, the Lovense dongle among them: whether those that the catalogue knows can be opened.

use frisson_program::{Bus, Sighting};
use frisson_server::Catalogue;

use super::machine::{Machine, System};
use super::permission;
use super::report::{Report, Topic};

const TOPIC: Topic = Topic::Hid;

/// Lovense's dongle: vendor and product.
pub(super) const DONGLE: (u16, u16) = (0x1915, 0x520a);

/// The generation before, which is a serial port. Not every such port is a dongle.
pub(super) const OLD_DONGLE: (u16, u16) = (0x1a86, 0x7523);

/// Where rules of udev may stand.
const RULES: [&str; 3] = ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d"];

/// Checks whether HID devices can be reached.
pub(super) fn check(machine: &Machine, catalogue: &Catalogue, report: &mut Report) {
    match machine.system {
        System::Linux => linux(machine, catalogue, report),
        System::MacOs | System::Windows => {
            report.ok(TOPIC, "devices and the Lovense dongle need no permission on this system");
        }
        System::Other => report.warning(TOPIC, "nothing is known about HID devices on this system", ""),
    }
}

fn linux(machine: &Machine, catalogue: &Catalogue, report: &mut Report) {
    let all = devices(machine);
    let known: Vec<_> =
        all.iter().filter_map(|(node, ids)| Some((node, *ids, known(catalogue, *ids)?))).collect();
    if known.is_empty() {
        let what = match all.len() {
            0 => "no HID device was found".to_owned(),
            count => {
                format!("none of {count} HID devices is one that Frisson knows, such as the Lovense dongle")
            }
        };
        let fix = "plug it in; one that is plugged in and not known needs a device file (docs/new-device.md)";
        report.warning(TOPIC, what, fix);
    }
    for (node, ids, name) in known {
        let path = format!("/dev/{node}");
        if (machine.may_use)(&machine.at(&path)) {
            report.ok(TOPIC, format!("{name} can be used ({path})"));
            continue;
        }
        let rule = rule(ids);
        let (mut what, mut fix) = permission::denied(machine, &path, &rule);
        if let Some(file) = rule_file(machine, ids) {
            what = format!("{path} cannot be opened, although {file} has a rule for it");
            fix = format!(
                "sudo udevadm control --reload, then plug it in anew; if that does not help, the rule should be\n  {rule}\nin a file with a number below 73, and you have to be logged in at this machine, not from another one"
            );
        }
        report.problem(TOPIC, format!("{name}: {what}"), fix);
    }
}

/// What opens a device to whoever is logged in at the machine, over USB and over Bluetooth.
pub(super) fn rule((vendor, product): (u16, u16)) -> String {
    format!(
        "KERNEL==\"hidraw*\", KERNELS==\"*:{vendor:04X}:{product:04X}.*\", MODE=\"0660\", TAG+=\"uaccess\""
    )
}

/// The file with a rule that names this device.
fn rule_file(machine: &Machine, (vendor, product): (u16, u16)) -> Option<String> {
    let (vendor, product) = (format!("{vendor:04x}"), format!("{product:04x}"));
    let names = |line: &str| {
        let line = line.to_lowercase();
        !line.trim_start().starts_with('#')
            && line.contains(&vendor)
            && line.contains(&product)
            && line.contains("hidraw")
    };
    let files = RULES
        .iter()
        .flat_map(|folder| machine.list(folder).into_iter().map(move |name| format!("{folder}/{name}")));
    files.into_iter().find(|file| machine.read(file).is_some_and(|text| text.lines().any(names)))
}

/// The nodes, with vendor and product.
pub(super) fn devices(machine: &Machine) -> Vec<(String, (u16, u16))> {
    let one = |node: String| {
        let event = machine.read(format!("/sys/class/hidraw/{node}/device/uevent"))?;
        let id = event.lines().find_map(|line| line.strip_prefix("HID_ID="))?;
        let mut numbers = id.split(':').skip(1).map(|number| u32::from_str_radix(number, 16).ok());
        let mut number = || u16::try_from(numbers.next()??).ok();
        Some((node, (number()?, number()?)))
    };
    machine.list("/sys/class/hidraw").into_iter().filter_map(one).collect()
}

/// What a device is, if Frisson knows it.
fn known(catalogue: &Catalogue, ids: (u16, u16)) -> Option<String> {
    if ids == DONGLE {
        return Some("the Lovense dongle".to_owned());
    }
    let sighting = Sighting { ids: Some(ids), ..Sighting::new(Bus::Hid, "", "") };
    catalogue.find(&sighting).map(|found| format!("a device of the protocol {}", found.protocol()))
}
