//! Every check against a fixture: a tree of files that stands for `/`, and answers to what is asked of the machine.

mod archive;
mod bus_of_its_own;
mod buses;
mod redaction;
mod rest;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::machine::{Bluez, Machine, Port, System, User};
use super::report::{Finding, Report, Status};

/// A machine that is made of files.
struct Fixture {
    folder: tempfile::TempDir,
    machine: Machine,
}

impl Fixture {
    /// A machine without anything.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let machine = Machine {
            system: System::Linux,
            root: folder.path().to_owned(),
            environment: BTreeMap::new(),
            user: User {
                name: Some("annabel".to_owned()),
                home: Some("/home/annabel".into()),
                groups: Vec::new(),
            },
            host: "annabels-tower.example".to_owned(),
            kernel: Some("6.12.0".to_owned()),
            may_use: Box::new(|_| true),
            bluez: Box::new(|_, _| Bluez::NoBus("No such file or directory".to_owned())),
            port: Box::new(|_| Port::Free),
        };
        Self { folder, machine }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn file(self, path: &str, text: &str) -> Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().expect("a folder")).expect("a folder");
        fs::write(at, text).expect("is written");
        self
    }

    fn link(self, path: &str, to: &str) -> Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().expect("a folder")).expect("a folder");
        symlink(to, at).expect("is made");
        self
    }

    fn mode(self, path: &str, mode: u32) -> Self {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).expect("is there");
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.machine.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// No file of these may be opened.
    fn denied(mut self, paths: &'static [&'static str]) -> Self {
        self.machine.may_use =
            Box::new(move |path: &Path| !paths.iter().any(|denied| path.ends_with(denied)));
        self
    }

    fn bluez(mut self, found: Bluez) -> Self {
        self.machine.bluez = Box::new(move |_, _| found.clone());
        self
    }

    fn port(mut self, port: impl Fn(SocketAddr) -> Port + 'static) -> Self {
        self.machine.port = Box::new(port);
        self
    }

    /// A program that runs.
    fn process(self, id: u32, name: &str) -> Self {
        self.file(&format!("proc/{id}/comm"), &format!("{name}\n"))
    }

    fn report(&self, check: impl FnOnce(&Machine, &mut Report)) -> Found {
        let mut report = Report::default();
        check(&self.machine, &mut report);
        Found(report)
    }
}

/// What a check has found.
struct Found(Report);

impl Found {
    /// The only finding.
    #[track_caller]
    fn only(&self) -> &Finding {
        assert_eq!(self.0.findings.len(), 1, "{}", self.0.to_text());
        &self.0.findings[0]
    }

    /// Asserts a finding of this kind with these words, in what is found or in its fix.
    #[track_caller]
    fn has(&self, status: Status, words: &[&str]) -> &Self {
        let fits = |finding: &Finding| {
            let text = format!("{} {}", finding.what, finding.fix.as_deref().unwrap_or_default());
            finding.status == status && words.iter().all(|word| text.contains(word))
        };
        assert!(
            self.0.findings.iter().any(fits),
            "{status:?} with {words:?} is missing in\n{}",
            self.0.to_text()
        );
        self
    }

    /// Asserts that nothing is worse than this.
    #[track_caller]
    fn no_problem(&self) -> &Self {
        assert_eq!(self.0.problems(), 0, "{}", self.0.to_text());
        self
    }
}
