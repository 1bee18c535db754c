//! The archive of `--bundle`: what helps somebody else to see what is wrong, and nothing that says whose machine it is.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use frisson_program::language::Diagnostic;
use frisson_server::Catalogue;
use frisson_server::settings::DeviceSettings;

use crate::exit::Failure;

use super::files::{DeviceFile, Files, Parsed};
use super::machine::{Machine, System};
use super::redact::{Secrets, short};
use super::report::{Finding, Report};
use super::{bluetooth, gamepad, hid, processes, serial, versions};

/// The folder in the archive.
const FOLDER: &str = "frisson-doctor";

/// What of the environment says something about buses and files.
const VARIABLES: [&str; 7] = [
    "DBUS_SYSTEM_BUS_ADDRESS",
    "FLATPAK_ID",
    "SNAP",
    "WSL_DISTRO_NAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_TYPE",
];

/// Groups that devices belong to.
const GROUPS: [&str; 7] = ["bluetooth", "dialout", "input", "lp", "plugdev", "tty", "uucp"];

/// Programs that have to do with buses.
const PROGRAMS: [&str; 8] = [
    "bluetoothd",
    "brltty",
    "dbus-broker",
    "dbus-daemon",
    "frisson",
    "ModemManager",
    "systemd-logind",
    "systemd-udevd",
];

/// A file of the archive: its name and its text.
type Part = (&'static str, String);

/// What is in the archive.
pub(super) fn contents(machine: &Machine, files: &Files, report: &Report) -> Vec<Part> {
    let secrets = Secrets::of(machine, files, report);
    let scrub = |text: &str| secrets.scrub(text);
    let finding = |one: &Finding| {
        let told = |text: &str| scrub(&if one.quotes { unquoted(text) } else { text.to_owned() });
        Finding { what: told(&one.what), fix: one.fix.as_deref().map(told), ..one.clone() }
    };
    let report = Report { findings: report.findings.iter().map(finding).collect(), private: Vec::new() };
    vec![
        ("doctor.txt", report.to_text()),
        ("doctor.json", report.to_json()),
        ("versions.txt", scrub(&versions_text(machine))),
        ("settings.txt", scrub(&settings_text(files))),
        ("device-files.txt", scrub(&device_files_text(files))),
        ("machine.txt", scrub(&machine_text(machine))),
    ]
}

/// Writes the archive, which only its user may read.
///
/// # Errors
/// The file is there already and is not to be overwritten, or it cannot be written.
pub(super) fn write(path: &Path, overwrite: bool, parts: &[Part]) -> Result<(), Failure> {
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Usage(format!(
            "--bundle {}: the file is there already; choose another name, or replace it with --overwrite",
            path.display()
        )),
        _ => Failure::Usage(format!("--bundle {}: {error}", path.display())),
    };
    let bytes = pack(parts).map_err(wrong)?;
    if !overwrite {
        return fill(path, &bytes).map_err(wrong);
    }
    // Whatever happens, it is the old file or the new one.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let replaced =
        fill(&new, &bytes).and_then(|()| fs::rename(&new, path).inspect_err(|_| drop(fs::remove_file(&new))));
    replaced.map_err(wrong)
}

/// Makes a file, or nothing.
fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let mut file = options.open(path)?;
    file.write_all(bytes).inspect_err(|_| drop(fs::remove_file(path)))
}

/// The files as one, without owner and time.
fn pack(parts: &[Part]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{FOLDER}/{name}"), text.as_bytes())?;
    }
    archive.into_inner()
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

fn versions_text(machine: &Machine) -> String {
    format!("{}\nbuses: {}\n", versions::this(machine), versions::buses())
}

/// The settings, without names and with short addresses. What else stands in the file is left out.
fn settings_text(files: &Files) -> String {
    let Some(file) = &files.settings else { return "no place for settings\n".to_owned() };
    match &file.content {
        Err(error) => format!("not readable: {error}\n"),
        Ok(None) => "none\n".to_owned(),
        Ok(Some(parsed)) => parsed_text(parsed),
    }
}

fn parsed_text(parsed: &Parsed) -> String {
    let (settings, found) = match parsed {
        Ok((settings, odd)) => (Some(settings), odd),
        Err(wrong) => (None, wrong),
    };
    let mut out = String::new();
    for diagnostic in found {
        // The message may quote what stands there.
        let Diagnostic { line, column, message, .. } = diagnostic;
        let _ = writeln!(out, "line {line}, column {column}: {}", unquoted(message));
    }
    for device in settings.into_iter().flat_map(|settings| settings.devices()) {
        out.push_str(&device_text(device));
    }
    out
}

fn device_text(device: &DeviceSettings) -> String {
    let protocol = device.protocol.as_deref();
    let definition = protocol.and_then(Catalogue::definition);
    let known = |key: &&str| {
        definition.as_ref().is_some_and(|file| {
            file.models().iter().any(|model| model.matches.iter().any(|other| other == key))
        })
    };
    let model = device
        .model
        .as_deref()
        .map(|model| if known(&model) || model.is_empty() { model } else { "[removed]" });
    // A protocol of a user's own file may be named after somebody.
    let protocol =
        protocol.map(|id| if definition.is_some() || id == "simulated" { id } else { "[removed]" });
    let mut out = format!("\naddress {}\n", short(&device.address));
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "  {name} {value}");
        }
    };
    line("protocol", protocol.map(str::to_owned));
    line("model", model.map(|model| format!("{model:?}")));
    line("index", device.index.map(|index| index.to_string()));
    line("name", device.name.as_ref().map(|_| "[removed]".to_owned()));
    line("allow", device.allow.then(|| "true".to_owned()));
    line("deny", device.deny.then(|| "true".to_owned()));
    line("gap", device.gap.map(|gap| format!("{} ms", gap.as_millis())));
    for output in &device.outputs {
        let range = output.range.map(|range| format!(" range {} to {}", range.min, range.max));
        let ms = output.duration.map(|range| format!(" ms {} to {}", range.min, range.max));
        let marks = [(output.reverse, " reverse"), (output.disabled, " disabled")];
        let marks: String = marks.iter().filter(|(is_set, _)| *is_set).map(|(_, mark)| *mark).collect();
        let (range, ms) = (range.unwrap_or_default(), ms.unwrap_or_default());
        line("output", Some(format!("{} {}{range}{ms}{marks}", output.feature, output.kind)));
    }
    out
}

/// A message without what it quotes.
fn unquoted(message: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for letter in message.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            Some(_) => {}
            None if letter == '`' || letter == '"' => {
                out.push('…');
                quote = Some(letter);
            }
            None => out.push(letter),
        }
    }
    out
}

fn device_files_text(files: &Files) -> String {
    let Some(devices) = &files.devices else { return "no place for device files\n".to_owned() };
    let list = match &devices.files {
        Ok(list) => list,
        Err(error) => return format!("not readable: {error}\n"),
    };
    let mut out = format!("{} files\n", list.len());
    for DeviceFile { path, checked } in list {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (result, found) = match checked {
            Ok(Ok(definition)) => ("ok".to_owned(), definition.warnings()),
            Ok(Err(wrong)) => ("cannot be used".to_owned(), wrong.as_slice()),
            Err(error) => (format!("not readable: {error}"), [].as_slice()),
        };
        let _ = writeln!(out, "\n{name}: {result}");
        for Diagnostic { line, column, message, .. } in found {
            let _ = writeln!(out, "  line {line}, column {column}: {}", unquoted(message));
        }
    }
    out
}

/// What of the machine has to do with buses.
fn machine_text(machine: &Machine) -> String {
    let mut out = String::from("environment\n");
    for name in VARIABLES {
        if let Some(value) = machine.environment.get(name) {
            let _ = writeln!(out, "  {name}={value}");
        }
    }
    if machine.system != System::Linux {
        return out;
    }
    let _ = writeln!(out, "adapters\n  {}", bluetooth::adapters(machine).join(" "));
    out.push_str("switches\n");
    for switch in machine.list("/sys/class/rfkill") {
        let file =
            |name: &str| machine.read(format!("/sys/class/rfkill/{switch}/{name}")).unwrap_or_default();
        let (kind, soft, hard) = (file("type"), file("soft"), file("hard"));
        let _ = writeln!(out, "  {kind} soft {soft} hard {hard}");
    }
    let node = |out: &mut String, path: &str, what: &str| {
        let owned = machine.owned(path);
        let mode = owned.map_or_else(|| "missing".to_owned(), |owned| format!("{:03o}", owned.mode));
        let group = owned
            .and_then(|owned| machine.group(owned.group))
            .map_or_else(String::new, |(name, _)| format!(" {name}"));
        let usable = (machine.may_use)(&machine.at(path));
        let _ = writeln!(out, "  {path} {mode}{group} usable {usable} {what}");
    };
    let ids = |(vendor, product): (u16, u16)| format!("{vendor:04x}:{product:04x}");
    out.push_str("serial ports\n");
    for port in serial::linux(machine) {
        node(&mut out, &port.path, &port.ids.map(ids).unwrap_or_default());
    }
    out.push_str("HID devices\n");
    for (name, both) in hid::devices(machine) {
        node(&mut out, &format!("/dev/{name}"), &ids(both));
    }
    out.push_str("gamepads\n");
    for (name, _) in gamepad::pads(machine) {
        node(&mut out, &format!("/dev/input/{name}"), "");
    }
    let groups = machine.user.groups.iter().filter_map(|id| machine.group(*id)).map(|(name, _)| name);
    let groups: Vec<_> = groups.filter(|name| GROUPS.contains(&name.as_str())).collect();
    let _ = writeln!(out, "groups of the user\n  {}", groups.join(" "));
    let running = processes::all(machine);
    let running = PROGRAMS.iter().filter(|name| running.iter().any(|process| process.name == **name));
    let _ = writeln!(out, "programs\n  {}", running.copied().collect::<Vec<_>>().join(" "));
    out
}
