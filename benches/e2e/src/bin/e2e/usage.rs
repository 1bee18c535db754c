//! What a process has used so far, as Linux tells it under `/proc`, and where it runs.

use std::fs;
use std::io;

/// Confines this process, and those it starts from now on, to one CPU; returns its number.
#[cfg(target_os = "linux")]
pub(crate) fn confine() -> io::Result<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    // The first CPUs serve more of the machine's interrupts.
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu)).unwrap_or_default();
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one)?;
    Ok(last)
}

/// Confines this process to one CPU, where the system is Linux.
#[cfg(not(target_os = "linux"))]
pub(crate) fn confine() -> io::Result<usize> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only on Linux"))
}

/// CPU time used by a process, comparable with an earlier reading of the same process.
pub(crate) struct CpuReading {
    threads: Vec<(u32, u64)>,
    ticks: u64,
}

impl CpuReading {
    /// Reads the scheduler's nanoseconds of each thread, and the coarser total that outlives threads.
    pub(crate) fn take(pid: u32) -> io::Result<Self> {
        let mut threads = Vec::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let name = entry?.file_name();
            let Some(thread) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")) else {
                continue;
            };
            threads.push((thread, number(&text, 0)?));
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        Ok(Self { threads, ticks: number(fields, 11)? + number(fields, 12)? })
    }

    /// Nanoseconds used since `earlier`; from the 10 ms ticks when a thread that could tell has ended.
    pub(crate) fn since(&self, earlier: &Self) -> u64 {
        let ended = earlier.threads.iter().any(|(old, _)| self.threads.iter().all(|(new, _)| new != old));
        if ended {
            return (self.ticks - earlier.ticks) * 10_000_000;
        }
        let before =
            |thread| earlier.threads.iter().find(|(old, _)| *old == thread).map_or(0, |(_, time)| *time);
        self.threads.iter().map(|(thread, time)| time - before(*thread)).sum()
    }
}

/// Memory that a process holds, in KiB.
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// Resident, with what is shared counted in proportion.
    pub(crate) proportional: u64,
}

impl Memory {
    pub(crate) fn take(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        Ok(Self { resident: field(&status, "VmRSS:")?, proportional: field(&rollup, "Pss:")? })
    }
}

fn field(text: &str, name: &str) -> io::Result<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    number(rest.unwrap_or_default(), 0)
}

fn number(text: &str, field: usize) -> io::Result<u64> {
    text.split_whitespace()
        .nth(field)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not the form of /proc that Linux has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_threads_count_from_nothing_and_ended_ones_fall_back_to_ticks() {
        let before = CpuReading { threads: vec![(1, 500), (2, 700)], ticks: 4 };
        let grown = CpuReading { threads: vec![(1, 600), (2, 700), (3, 50)], ticks: 5 };
        assert_eq!(grown.since(&before), 150);
        let shrunk = CpuReading { threads: vec![(1, 600)], ticks: 6 };
        assert_eq!(shrunk.since(&before), 20_000_000);
    }

    #[test]
    fn memory_is_found_among_other_lines() {
        let status = "Name:\tfloor\nVmHWM:\t    9000 kB\nVmRSS:\t    3712 kB\n";
        assert_eq!(field(status, "VmRSS:").unwrap(), 3712);
        assert!(field(status, "Pss:").is_err());
    }
}
