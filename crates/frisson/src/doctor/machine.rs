//! The machine as the checks see it: folders below a root, an environment, a user, and what can be asked of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::port_owner::{self, Owner};

/// More of a file is not read.
const LONGEST: u64 = 256 * 1024;

/// More entries of a folder are not read.
const MOST: usize = 65_536;

/// How long another program may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    MacOs,
    Windows,
    Other,
}

/// A machine: this one, or a fixture.
pub(super) struct Machine {
    pub(super) system: System,
    /// What stands for `/`.
    pub(super) root: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) user: User,
    /// What the machine is called.
    pub(super) host: String,
    /// The kernel's release, where it tells.
    pub(super) kernel: Option<String>,
    /// Whether this user may read and write a file.
    pub(super) may_use: Box<dyn Fn(&Path) -> bool>,
    /// Looks for BlueZ behind a socket of D-Bus, and asks for the power of these adapters.
    pub(super) bluez: AskBluez,
    /// Tries to listen at an address.
    pub(super) port: Box<dyn Fn(SocketAddr) -> Port>,
}

/// What [`Machine::bluez`] is.
type AskBluez = Box<dyn Fn(&Path, &[String]) -> Bluez>;

/// Who runs the program.
#[derive(Debug, Clone, Default)]
pub(super) struct User {
    pub(super) name: Option<String>,
    pub(super) home: Option<PathBuf>,
    /// The groups that count now; those that the user was added to since logging in are not among them.
    pub(super) groups: Vec<u32>,
}

/// What stands at D-Bus's socket.
#[cfg_attr(not(unix), allow(dead_code, reason = "systems without D-Bus only say so"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bluez {
    /// No bus, and why.
    NoBus(String),
    /// The bus does not let this user in.
    Refused(String),
    /// The bus is there, BlueZ is not on it.
    NotRunning,
    /// BlueZ is there and does not answer.
    Silent,
    /// BlueZ is there, but the rules of the bus keep this user from it.
    Denied,
    /// BlueZ answers; the adapters that it has, and whether they are on.
    Runs(Vec<(String, bool)>),
}

/// What became of listening at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    Free,
    Taken {
        /// Where the system tells.
        by: Option<Owner>,
        /// Whether it answers as Frisson does.
        is_frisson: bool,
    },
    /// The machine has no such address, or does not allow it.
    Unusable(String),
}

/// Whom a file belongs to, and who may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) group: u32,
    pub(super) mode: u32,
}

impl Machine {
    /// This machine.
    pub(super) fn here() -> Self {
        let system = match std::env::consts::OS {
            "linux" => System::Linux,
            "macos" => System::MacOs,
            "windows" => System::Windows,
            _ => System::Other,
        };
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let environment: BTreeMap<_, _> = std::env::vars_os().filter_map(text).collect();
        let (host, kernel) = names();
        let mut machine = Self {
            system,
            root: PathBuf::from("/"),
            host: host.or_else(|| environment.get("COMPUTERNAME").cloned()).unwrap_or_default(),
            kernel,
            environment,
            user: User::default(),
            may_use: Box::new(may_use),
            bluez: Box::new(bluez),
            port: Box::new(port),
        };
        machine.user = machine.user_here();
        machine
    }

    fn user_here(&self) -> User {
        let (id, groups) = ids();
        let from = |names: &[&str]| names.iter().find_map(|name| self.environment.get(*name).cloned());
        let known = self.table("/etc/passwd").into_iter().find(|line| number(line, 2) == Some(id));
        let name = known.and_then(|line| line.into_iter().next());
        let name = name.filter(|_| cfg!(unix)).or_else(|| from(&["USER", "LOGNAME", "USERNAME"]));
        User { name, home: from(&["HOME", "USERPROFILE"]).map(PathBuf::from), groups }
    }

    /// Where a path of this machine is to be found.
    pub(super) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The beginning of a file, without blanks around it; `None` if it cannot be read.
    pub(super) fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let path = self.at(path);
        // What is no file may never end, or wait for somebody.
        let is_file = fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
        let mut bytes = Vec::new();
        File::open(path).ok().filter(|_| is_file)?.take(LONGEST).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The names in a folder, in order; none if it cannot be read.
    pub(super) fn list(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.at(folder)).into_iter().flatten().take(MOST);
        let mut names: Vec<_> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        // Numbers in their order: hci2 before hci10.
        names.sort_by_key(|name| {
            (name.trim_end_matches(|letter: char| letter.is_ascii_digit()).len(), name.len(), name.clone())
        });
        names
    }

    /// Whether there is something at a path.
    pub(super) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.at(path).exists()
    }

    /// Where a link leads to, as it is written.
    pub(super) fn link(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        fs::read_link(self.at(path)).ok()
    }

    /// The folder itself and those above it, after all links.
    pub(super) fn above(&self, folder: impl AsRef<Path>) -> Vec<PathBuf> {
        let Ok(real) = fs::canonicalize(self.at(folder)) else { return Vec::new() };
        let root = fs::canonicalize(&self.root).unwrap_or_else(|_| self.root.clone());
        let within = real.ancestors().take_while(|path| path.starts_with(&root) && **path != root);
        within.filter_map(|path| path.strip_prefix(&root).ok()).map(Path::to_owned).collect()
    }

    /// Whom a file belongs to, where the system knows such things.
    pub(super) fn owned(&self, path: impl AsRef<Path>) -> Option<Owned> {
        owned(&self.at(path))
    }

    /// The name of a group, and its members as the system has them written down.
    pub(super) fn group(&self, id: u32) -> Option<(String, Vec<String>)> {
        let line = self.table("/etc/group").into_iter().find(|line| number(line, 2) == Some(id))?;
        let members = line.get(3).map(|members| members.split(',').map(str::to_owned).collect());
        Some((line.into_iter().next()?, members.unwrap_or_default()))
    }

    /// The lines of a file like `/etc/group`, cut at their colons.
    fn table(&self, path: &str) -> Vec<Vec<String>> {
        let text = self.read(path).unwrap_or_default();
        text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
    }

    /// A command by which a person joins a group.
    pub(super) fn join(group: &str) -> String {
        format!("sudo usermod -aG {group} $USER   (then log out and in again)")
    }
}

fn number(line: &[String], at: usize) -> Option<u32> {
    line.get(at)?.parse().ok()
}

#[cfg(unix)]
fn owned(path: &Path) -> Option<Owned> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    Some(Owned { group: metadata.gid(), mode: metadata.mode() & 0o777 })
}

#[cfg(not(unix))]
fn owned(_: &Path) -> Option<Owned> {
    None
}

#[cfg(unix)]
fn names() -> (Option<String>, Option<String>) {
    let names = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_str().ok().map(str::to_owned);
    (text(names.nodename()), text(names.release()))
}

#[cfg(not(unix))]
fn names() -> (Option<String>, Option<String>) {
    (None, None)
}

#[cfg(unix)]
fn ids() -> (u32, Vec<u32>) {
    use rustix::process::{getgid, getgroups, getuid};
    let others = getgroups().unwrap_or_default();
    let groups = std::iter::once(getgid()).chain(others).map(|group| group.as_raw()).collect();
    (getuid().as_raw(), groups)
}

#[cfg(not(unix))]
fn ids() -> (u32, Vec<u32>) {
    (0, Vec::new())
}

#[cfg(unix)]
fn may_use(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_use(path: &Path) -> bool {
    // Of a folder this attribute means something else.
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir() || !metadata.permissions().readonly())
}

#[cfg(unix)]
fn bluez(socket: &Path, adapters: &[String]) -> Bluez {
    super::dbus::bluez(socket, adapters)
}

#[cfg(not(unix))]
fn bluez(_: &Path, _: &[String]) -> Bluez {
    Bluez::NoBus("this system has none".to_owned())
}

fn port(address: SocketAddr) -> Port {
    match TcpListener::bind(address) {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let by = port_owner::of(address);
            // Nothing is sent to a program that is known to be another.
            let may_be = by.as_ref().is_none_or(|owner| owner.name.to_lowercase().contains("frisson"));
            Port::Taken { is_frisson: may_be && answers_as_frisson(address), by }
        }
        Err(error) => Port::Unusable(error.to_string()),
    }
}

/// Whether what listens there says of itself what Frisson does.
pub(super) fn answers_as_frisson(address: SocketAddr) -> bool {
    use std::io::Write;
    let ask = || -> io::Result<String> {
        let mut stream = std::net::TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        // As much as one packet has; whoever sends drop by drop is not Frisson.
        let mut part = [0; 4096];
        for _ in 0..8 {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(part.get(..count).unwrap_or_default()),
            }
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.1 200")
            && answer.contains(r#""status":"#)
            && answer.contains(r#""clients":"#)
    })
}
