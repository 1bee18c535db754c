//! Which ports there are, and what is known of them without opening them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// By what the device is known: the name that the user has given; else on Linux its link in `/dev/serial/by-id`, which stays the same
    /// when the port gets another number; else the name of the port.
    pub address: String,
    /// The system's name, e.g. `/dev/ttyUSB0` or `COM7`.
    pub port: String,
    /// Vendor and product, where it is a port of USB and the system tells.
    pub ids: Option<(u16, u16)>,
    /// What the USB device calls itself.
    pub product: Option<String>,
    /// Its serial number.
    pub serial_number: Option<String>,
}

/// Lists the serial ports of this machine, those of `named` that exist among them. May block.
///
/// # Errors
/// The system does not list its ports, and none of those that are named exists.
pub fn list(named: &[String]) -> io::Result<Vec<Listed>> {
    let (ports, fault) = match serial2::SerialPort::available_ports() {
        Ok(ports) => (ports, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let all = listed(ports, named, Path::new("/dev/serial/by-id"), Path::new("/sys/class/tty"));
    match fault {
        Some(error) if all.is_empty() => Err(error),
        _ => Ok(all),
    }
}

fn listed(ports: Vec<PathBuf>, named: &[String], by_id: &Path, sys: &Path) -> Vec<Listed> {
    let links = links(by_id);
    let mut all = BTreeMap::new();
    for path in ports {
        // The other name of a port on macOS, which waits for a carrier when it is opened.
        if cfg!(target_os = "macos") && path.to_string_lossy().starts_with("/dev/tty.") {
            continue;
        }
        let port = path.to_string_lossy().into_owned();
        let address = links.get(&path).unwrap_or(&port).clone();
        all.insert(path.clone(), Listed { address, ..usb(port, &path, sys) });
    }
    // Of several names of a port the first counts.
    for name in named.iter().rev() {
        let path = real_path(name, &all);
        if let Some(path) = path {
            let port = path.to_string_lossy().into_owned();
            let entry = all.entry(path.clone()).or_insert_with(|| usb(port, &path, sys));
            entry.address.clone_from(name);
        }
    }
    all.into_values().collect()
}

/// The port that a name stands for, if it is there.
fn real_path(name: &str, listed: &BTreeMap<PathBuf, Listed>) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    if listed.contains_key(&path) {
        return Some(path);
    }
    // `com7` and `COM7` are one port.
    if cfg!(windows) {
        let same = |path: &&PathBuf| path.to_string_lossy().eq_ignore_ascii_case(name);
        return listed.keys().find(same).cloned();
    }
    let path = path.canonicalize().ok()?;
    (listed.contains_key(&path) || is_terminal(&path)).then_some(path)
}

#[cfg(unix)]
fn is_terminal(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    path.metadata().is_ok_and(|data| data.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_terminal(_: &Path) -> bool {
    false
}

/// Links that name ports by what is plugged in; of several of one port the first by name.
fn links(folder: &Path) -> BTreeMap<PathBuf, String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut links: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    links.sort_unstable_by(|one, other| other.cmp(one));
    let targets = links.into_iter().filter_map(|link| {
        let target = link.canonicalize().ok()?;
        Some((target, link.to_str()?.to_owned()))
    });
    targets.collect()
}

/// What Linux tells of a port that is one of USB.
fn usb(port: String, path: &Path, sys: &Path) -> Listed {
    let mut listed = Listed { address: port.clone(), port, ids: None, product: None, serial_number: None };
    let device = path.file_name().and_then(|name| sys.join(name).join("device").canonicalize().ok());
    // The interface of the USB device, or a part of it; the device is one of the folders above.
    let folders = device.iter().flat_map(|device| device.ancestors()).take(6);
    let Some(folder) = folders.into_iter().find(|folder| folder.join("idVendor").is_file()) else {
        return listed;
    };
    let id = |name| u16::from_str_radix(&attribute(folder, name)?, 16).ok();
    listed.ids = id("idVendor").zip(id("idProduct"));
    listed.product = attribute(folder, "product");
    listed.serial_number = attribute(folder, "serial");
    listed
}

/// An attribute of a device; its text comes from the device.
fn attribute(folder: &Path, name: &str) -> Option<String> {
    let text = std::fs::read(folder.join(name)).ok()?;
    let text = String::from_utf8_lossy(&text);
    let text: String = text.trim().chars().filter(|letter| !letter.is_control()).take(200).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Two ports in a folder, the first of which is an adapter on USB.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let machine = Self(folder);
            let adapter = machine.path("devices/usb1/1-2");
            let interface = adapter.join("1-2:1.0/ttyUSB0");
            fs::create_dir_all(&interface).expect("a folder");
            fs::create_dir_all(machine.path("tty/ttyUSB0")).expect("a folder");
            fs::create_dir_all(machine.path("tty/ttyS0")).expect("a folder");
            fs::create_dir_all(machine.path("by-id")).expect("a folder");
            symlink(&interface, machine.path("tty/ttyUSB0/device")).expect("a link");
            for (name, text) in [
                ("idVendor", "1a86\n"),
                ("idProduct", "7523\n"),
                ("product", "USB\u{1b} Serial\n"),
                ("serial", "A1\n"),
            ] {
                fs::write(adapter.join(name), text).expect("a file");
            }
            for port in ["ttyUSB0", "ttyS0"] {
                fs::write(machine.path(port), "").expect("a file");
            }
            machine
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().canonicalize().expect("a folder").join(name)
        }

        fn text(&self, name: &str) -> String {
            self.path(name).to_str().expect("a path").to_owned()
        }

        fn list(&self, named: &[&str]) -> Vec<Listed> {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            let ports = vec![self.path("ttyS0"), self.path("ttyUSB0")];
            listed(ports, &named, &self.path("by-id"), &self.path("tty"))
        }
    }

    #[test]
    fn a_port_of_usb_says_what_is_plugged_in() {
        let machine = Machine::new();
        let [plain, adapter] = machine.list(&[]).try_into().expect("two ports");
        assert_eq!((plain.ids, plain.product, plain.address), (None, None, machine.text("ttyS0")));
        assert_eq!(adapter.ids, Some((0x1a86, 0x7523)));
        assert_eq!(adapter.product.as_deref(), Some("USB Serial"));
        assert_eq!(adapter.serial_number.as_deref(), Some("A1"));
        assert_eq!(adapter.port, machine.text("ttyUSB0"));
    }

    #[test]
    fn a_port_goes_by_what_the_user_calls_it_else_by_its_link_else_by_its_name() {
        let machine = Machine::new();
        let address = |named: &[&str]| machine.list(named).pop().map(|port| port.address);
        assert_eq!(address(&[]), Some(machine.text("ttyUSB0")));
        for link in ["by-id/usb-b", "by-id/usb-a"] {
            symlink("../ttyUSB0", machine.path(link)).expect("a link");
        }
        assert_eq!(address(&[]), Some(machine.text("by-id/usb-a")));
        let (port, link) = (machine.text("ttyUSB0"), machine.text("by-id/usb-b"));
        assert_eq!(address(&[&port]), Some(port.clone()));
        assert_eq!(address(&[&link, &port]), Some(link));
        assert_eq!(machine.list(&["COM7", "/nowhere", &port]).len(), 2);
    }
}
