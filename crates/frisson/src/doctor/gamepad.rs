//! Gamepads: which can rumble, and whether this user may make them.

use super::machine::{Machine, System};
use super::permission;
use super::report::{Report, Topic};

const TOPIC: Topic = Topic::Gamepads;

/// The bit of the kernel's effects that stands for rumble.
const RUMBLE: usize = 0x50;

/// What systemd has for gamepads, for systems without it.
const RULE: &str = "KERNEL==\"event*\", ENV{ID_INPUT_JOYSTICK}==\"1\", MODE=\"0660\", TAG+=\"uaccess\"";

/// Checks whether gamepads can be made to rumble.
pub(super) fn check(machine: &Machine, report: &mut Report) {
    match machine.system {
        System::Linux => linux(machine, report),
        System::MacOs | System::Windows => report.ok(TOPIC, "gamepads need no permission on this system"),
        System::Other => report.warning(TOPIC, "nothing is known about gamepads on this system", ""),
    }
}

fn linux(machine: &Machine, report: &mut Report) {
    let pads = pads(machine);
    if pads.is_empty() {
        report.warning(TOPIC, "no gamepad that rumbles was found", "plug it in, or pair it with the system");
    }
    for (node, name) in pads {
        report.private.push(name.clone());
        let path = format!("/dev/input/{node}");
        if (machine.may_use)(&machine.at(&path)) {
            report.ok(TOPIC, format!("{path} can be used ({name})"));
        } else {
            let (what, fix) = permission::denied(machine, &path, RULE);
            let fix = format!(
                "{fix}\nwho is logged in at the machine itself, and not from another one, needs nothing of this"
            );
            report.problem(TOPIC, format!("{what} ({name})"), fix);
        }
    }
}

/// The nodes of the devices that rumble, with their names.
pub(super) fn pads(machine: &Machine) -> Vec<(String, String)> {
    let mut nodes = machine.list("/sys/class/input");
    nodes.retain(|name| name.starts_with("event"));
    let rumbles = |node: &String| {
        let effects = machine.read(format!("/sys/class/input/{node}/device/capabilities/ff"));
        effects.is_some_and(|effects| has_bit(&effects, RUMBLE))
    };
    let name = |node: &str| machine.read(format!("/sys/class/input/{node}/device/name")).unwrap_or_default();
    nodes.into_iter().filter(rumbles).map(|node| (node.clone(), name(&node))).collect()
}

/// Whether a bit is set in the words as which the kernel writes many: hexadecimal, the lowest last, as wide as an address.
fn has_bit(words: &str, bit: usize) -> bool {
    let width = usize::try_from(usize::BITS).unwrap_or(64);
    let word = words.split_ascii_whitespace().rev().nth(bit / width);
    let word = word.and_then(|word| u64::from_str_radix(word, 16).ok());
    word.is_some_and(|word| word >> (bit % width) & 1 == 1)
}
