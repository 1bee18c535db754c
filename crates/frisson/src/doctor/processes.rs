//! Which programs run, and which of them have a file open, as far as `/proc` tells this user.

use std::path::Path;

use super::machine::Machine;

/// A program that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) name: String,
}

/// All programs that run.
pub(super) fn all(machine: &Machine) -> Vec<Process> {
    let ids = machine.list("/proc").into_iter().filter_map(|name| name.parse().ok());
    ids.filter_map(|id| Some(Process { id, name: machine.read(format!("/proc/{id}/comm"))? })).collect()
}

/// Whether a program of this name runs.
pub(super) fn runs(machine: &Machine, name: &str) -> bool {
    all(machine).iter().any(|process| process.name == name)
}

/// The program that has a file open: by its open files, or by the lock that programs for serial ports leave.
pub(super) fn holder(machine: &Machine, path: &str) -> Option<Process> {
    let has_open = |process: &&Process| {
        let folder = format!("/proc/{}/fd", process.id);
        let mut open = machine.list(&folder).into_iter();
        open.any(|number| machine.link(format!("{folder}/{number}")).as_deref() == Some(Path::new(path)))
    };
    let processes = all(machine);
    let others = || processes.iter().filter(|process| process.id != std::process::id());
    let locked_by = || {
        let name = path.rsplit('/').next()?;
        let locks = ["/run/lock", "/var/lock"].into_iter();
        let id: u32 =
            locks.filter_map(|folder| machine.read(format!("{folder}/LCK..{name}"))?.parse().ok()).next()?;
        others().find(|process| process.id == id)
    };
    others().find(has_open).or_else(locked_by).cloned()
}
