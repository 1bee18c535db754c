//! What runs where: versions, the buses of this build, and what stands between the program and the hardware.

use super::machine::{Machine, System};
use super::report::{Report, Topic};
use crate::buses::BUILT_IN;

const TOPIC: Topic = Topic::Versions;

/// The buses of this build, one after the other.
pub(super) fn buses() -> String {
    let real = BUILT_IN.iter().map(ToString::to_string);
    let websocket = cfg!(feature = "device-websocket").then(|| "device-websocket".to_owned());
    let others = ["virtual hardware", "simulated devices"].map(str::to_owned);
    real.chain(websocket).chain(others).collect::<Vec<_>>().join(", ")
}

/// Says what this is.
pub(super) fn check(machine: &Machine, report: &mut Report) {
    report.ok(TOPIC, this(machine));
    report.ok(TOPIC, format!("this build has {}", buses()));
    for (is_so, what, fix) in wrappers(machine) {
        if is_so {
            report.warning(TOPIC, what, fix);
        }
    }
}

/// One line about program and system.
pub(super) fn this(machine: &Machine) -> String {
    let (version, processor) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let release = machine.read("/etc/os-release").unwrap_or_default();
    let named = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let system = named.map(|name| name.trim_matches('"').to_owned()).unwrap_or_else(|| {
        match machine.system {
            System::Linux => "Linux",
            System::MacOs => "macOS",
            System::Windows => "Windows",
            System::Other => "a system that is not known",
        }
        .to_owned()
    });
    let kernel = machine.kernel.as_ref().map_or_else(String::new, |kernel| format!(", kernel {kernel}"));
    format!("Frisson {version} on {system}{kernel}, {processor}")
}

/// What keeps hardware away from a program that is inside of it.
fn wrappers(machine: &Machine) -> [(bool, &'static str, &'static str); 3] {
    let has = |name: &str| machine.environment.contains_key(name);
    let is_container = machine.has("/.dockerenv") || machine.has("/run/.containerenv");
    let kernel = machine.kernel.as_deref().unwrap_or_default().to_lowercase();
    [
        (
            is_container,
            "this is a container: it has no hardware but what is handed through",
            "run frisson outside, or hand through /run/dbus, /dev/ttyUSB0, /dev/hidraw0 and what else is used",
        ),
        (
            kernel.contains("microsoft"),
            "this is the Windows Subsystem for Linux, which has no Bluetooth and no USB of its own",
            "run frisson on Windows",
        ),
        (
            has("FLATPAK_ID") || has("SNAP"),
            "this runs inside of a Flatpak or Snap, which has no hardware but what it was granted",
            "run frisson outside",
        ),
    ]
}
