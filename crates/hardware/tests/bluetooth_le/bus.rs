//! A D-Bus of the test's own: the real daemon, on a socket in a directory that nobody else uses.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Bus {
    directory: TempDir,
    daemon: Option<Child>,
}

impl Bus {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
                "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <type>session</type>
              <listen>unix:path={}</listen>
              <auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*"/>
                <allow receive_sender="*"/>
                <allow own="*"/>
              </policy>
            </busconfig>"#,
            directory.path().join("bus").display(),
        );
        std::fs::write(directory.path().join("bus.conf"), config).expect("a file");
        let mut bus = Self { directory, daemon: None };
        bus.revive();
        bus
    }

    pub fn address(&self) -> String {
        format!("unix:path={}", self.directory.path().join("bus").display())
    }

    /// Starts the daemon, after [`kill`](Self::kill) at the address that it had.
    pub fn revive(&mut self) {
        let spawned = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg("--print-address")
            .arg(format!("--config-file={}", self.directory.path().join("bus.conf").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It complains that it may not have as many files open as it would like to.
            .stderr(Stdio::null())
            .spawn();
        let mut daemon = spawned.unwrap_or_else(|error| {
            panic!("these tests need dbus-daemon (Debian: the package dbus-daemon), which cannot be started: {error}")
        });
        // The address is said when the daemon can be connected to.
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().expect("a pipe")).read_line(&mut address).expect("an address");
        assert!(address.starts_with("unix:"), "dbus-daemon says: {address}");
        self.daemon = Some(daemon);
    }

    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().expect("kill");
            daemon.wait().expect("wait");
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}
