//! Which program listens on a port, where the system tells.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use listeners::{Listener, Process, Protocol, SocketState};

/// A program that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The program that is in the way of listening at `address`. `None` where the system does not tell, which is usual for
/// programs of other users.
pub(crate) fn of(address: SocketAddr) -> Option<Owner> {
    let listeners = listeners::get_all().ok()?;
    let in_the_way = |listener: &&Listener| {
        let ip = listener.socket.ip();
        listener.protocol == Protocol::TCP
            && listener.state == SocketState::Listen
            && listener.socket.port() == address.port()
            && (ip == address.ip() || ip.is_unspecified())
    };
    let owner = listeners.iter().find(in_the_way)?;
    Some(Owner { name: name(&owner.process), pid: owner.process.pid })
}

/// Why an address cannot be listened on, and what to do.
pub(crate) fn taken(address: SocketAddr, option: &str) -> String {
    let by = of(address).map_or_else(|| "another program".to_owned(), |owner| owner.to_string());
    format!("{address} is in use by {by}; stop it, or choose another port with {option}")
}

/// What a person would call the process. Linux cuts its short names after 15 bytes; the path has the rest.
fn name(process: &Process) -> String {
    let file = Path::new(&process.path).file_name().and_then(|file| file.to_str());
    match file {
        Some(file) if process.name.is_empty() || file.starts_with(&process.name) => file.to_owned(),
        _ => process.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    #[test]
    fn the_owner_of_a_port_is_found() {
        for ip in ["127.0.0.1", "[::1]"] {
            let Ok(listener) = TcpListener::bind(format!("{ip}:0")) else { continue };
            let owner = of(listener.local_addr().expect("bound")).expect(ip);
            assert_eq!(owner.pid, std::process::id());
            let program = std::env::current_exe().expect("known");
            assert_eq!(Path::new(&owner.name).file_stem(), program.file_stem());
        }
    }

    #[test]
    fn a_port_that_nobody_listens_on_has_no_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let connection = std::net::TcpStream::connect(address).expect("listening");
        let local = connection.local_addr().expect("connected");
        assert_eq!(of(local), None, "a connection is no listener");
    }

    #[test]
    fn a_name_that_was_cut_is_completed() {
        let process = |name: &str, path: &str| Process { pid: 1, name: name.into(), path: path.into() };
        assert_eq!(name(&process("a-rather-long-n", "/usr/bin/a-rather-long-name")), "a-rather-long-name");
        assert_eq!(name(&process("game", "/usr/bin/python3")), "game");
        assert_eq!(name(&process("game", "")), "game");
        assert_eq!(name(&process("", "/usr/bin/game")), "game");
    }
}
