//! A pseudo-terminal: a port, and the device behind it.
#![allow(dead_code, unreachable_pub)]

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// Waits for something that has to happen, however slow the machine is.
#[track_caller]
pub fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

/// A device on a serial cable.
pub struct Device {
    /// The name of the port.
    pub port: String,
    /// The port's end of the cable: it keeps the settings between two openings, and shows them.
    cable: Option<File>,
    master: Arc<OwnedFd>,
    heard: mpsc::UnboundedReceiver<Vec<u8>>,
    rest: Vec<u8>,
    reads: Arc<AtomicBool>,
    is_plugged: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Device {
    pub fn plug() -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let port = ptsname(&master, Vec::new()).expect("a name").into_string().expect("a readable name");
        let cable = File::options().read(true).write(true).open(&port).expect("the port");
        let mut settings = tcgetattr(&cable).expect("settings");
        settings.make_raw();
        tcsetattr(&cable, OptionalActions::Now, &settings).expect("settings");
        let master = Arc::new(master);
        let (reads, is_plugged) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
        let (sender, heard) = mpsc::unbounded_channel();
        let thread = {
            let (master, reads, is_plugged) =
                (Arc::clone(&master), Arc::clone(&reads), Arc::clone(&is_plugged));
            std::thread::spawn(move || {
                let moment = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
                while is_plugged.load(Ordering::SeqCst) {
                    if !reads.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(2));
                        continue;
                    }
                    let mut polled = [PollFd::new(&*master, PollFlags::IN)];
                    if poll(&mut polled, Some(&moment)).expect("a poll") == 0 {
                        continue;
                    }
                    let mut buffer = [0; 4096];
                    match rustix::io::read(&*master, &mut buffer) {
                        Ok(count) => drop(sender.send(buffer[..count].to_vec())),
                        Err(_) => return,
                    }
                }
            })
        };
        Self {
            port,
            cable: Some(cable),
            master,
            heard,
            rest: Vec::new(),
            reads,
            is_plugged,
            thread: Some(thread),
        }
    }

    /// The next line that it was sent.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return String::from_utf8(line).expect("text");
            }
            let heard = within(self.heard.recv()).await.expect("a device that is plugged in");
            self.rest.extend(heard);
        }
    }

    /// How much it was sent that has not been looked at, once that is so much.
    pub async fn until_sent(&mut self, count: usize) {
        while self.rest.len() < count {
            let heard = within(self.heard.recv()).await.expect("a device that is plugged in");
            self.rest.extend(heard);
        }
    }

    /// What it was sent and nobody has looked at.
    pub fn unread(&mut self) -> Vec<u8> {
        while let Ok(heard) = self.heard.try_recv() {
            self.rest.extend(heard);
        }
        std::mem::take(&mut self.rest)
    }

    pub fn say(&self, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let count = rustix::io::write(&*self.master, rest).expect("a plugged cable");
            rest = &rest[count..];
        }
    }

    /// Waits until so much of what it said waits to be read at the port.
    pub async fn until_waiting(&self, count: usize) {
        let cable = self.cable.as_ref().expect("a cable");
        let count = u64::try_from(count).expect("a count");
        within(async {
            while rustix::io::ioctl_fionread(cable).expect("a count") != count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// From now on the device takes nothing, or takes what is there.
    pub fn read(&self, on: bool) {
        self.reads.store(on, Ordering::SeqCst);
    }

    /// The device takes nothing any more, and what can wait for it on the way does already.
    pub fn clog(&self) {
        self.read(false);
        let cable = self.cable.as_ref().expect("a cable");
        let flags = rustix::fs::fcntl_getfl(cable).expect("flags");
        rustix::fs::fcntl_setfl(cable, flags | rustix::fs::OFlags::NONBLOCK).expect("flags");
        // The system moves it on in steps of its own.
        let mut full = 0;
        while full < 20 {
            full = if rustix::io::write(cable, &[b'\n'; 4096]).is_ok() { 0 } else { full + 1 };
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn settings(&self) -> Termios {
        tcgetattr(self.cable.as_ref().expect("a cable")).expect("settings")
    }

    /// Locks the port as another program does.
    pub fn occupy(&self) -> File {
        let other = File::options().read(true).write(true).open(&self.port).expect("the port");
        other.try_lock().map_err(io::Error::from).expect("a free port");
        other
    }

    /// Waits until another program can have the port.
    pub async fn until_free(&self) {
        let other = File::options().read(true).write(true).open(&self.port).expect("the port");
        within(async {
            while other.try_lock().is_err() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    pub fn unplug(self) {}
}

impl Drop for Device {
    fn drop(&mut self) {
        self.is_plugged.store(false, Ordering::SeqCst);
        self.cable = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // With the last handle, which is dropped now, the terminal hangs up.
    }
}
