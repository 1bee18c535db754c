//! A terminal with a program in it, as a person would see it.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::PATIENCE;

pub(crate) struct Terminal {
    child: Child,
    pty: Option<Arc<Pty>>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    is_closed: Arc<AtomicBool>,
    reader: Option<std::thread::JoinHandle<()>>,
}

struct Screen {
    parser: vt100::Parser,
}

impl Terminal {
    /// Starts the program in a terminal of 100 × 30.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(pty_process::Size::new(30, 100)).expect("a size");
        let child = Command::new(env!("CARGO_BIN_EXE_frisson"))
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .spawn(pts)
            .expect("starts");
        let pty = Arc::new(pty);
        let screen = Screen { parser: vt100::Parser::new(size(30), size(100), 0) };
        let screen = Arc::new((Mutex::new(screen), Condvar::new()));
        let is_closed = Arc::new(AtomicBool::new(false));
        let reader = std::thread::spawn({
            let (pty, screen, is_closed) = (Arc::clone(&pty), Arc::clone(&screen), Arc::clone(&is_closed));
            move || follow(&pty, &screen, &is_closed)
        });
        Self { child, pty: Some(pty), screen, is_closed, reader: Some(reader) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types.
    pub(crate) fn type_in(&self, keys: &str) {
        let pty = self.pty.as_deref().expect("open");
        let mut writer: &Pty = pty;
        writer.write_all(keys.as_bytes()).expect("it is there");
    }

    /// Makes it another size.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.lock().parser.screen_mut().set_size(size(rows), size(columns));
        self.pty.as_deref().expect("open").resize(pty_process::Size::new(rows, columns)).expect("a size");
    }

    fn lock(&self) -> MutexGuard<'_, Screen> {
        self.screen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.lock().parser.screen().contents()
    }

    /// Whether a program has it to itself.
    pub(crate) fn is_full_screen(&self) -> bool {
        self.lock().parser.screen().alternate_screen()
    }

    /// Waits until the text on the screen is as wanted, and gives it.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for_screen(what, |screen| wanted(&screen.contents()))
    }

    /// Waits until the terminal is as it was before: no program has it to itself, and the cursor can be seen.
    pub(crate) fn wait_until_restored(&self) {
        self.wait_for_screen("the usual screen", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
    }

    fn wait_for_screen(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut screen = self.lock();
        loop {
            let text = screen.parser.screen().contents();
            if wanted(screen.parser.screen()) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} is missing on the screen:\n{text}");
            screen = self.screen.1.wait_timeout(screen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a piece of text.
    pub(crate) fn wait_for_text(&self, wanted: &str) -> String {
        self.wait_for(wanted, |text| text.contains(wanted))
    }

    /// Puts it on hold, as Ctrl-S does: whoever draws on it from now on waits.
    #[cfg(target_os = "linux")]
    pub(crate) fn hold(&self) {
        let terminal = std::fs::File::open(format!("/proc/{}/fd/1", self.id())).expect("a terminal");
        rustix::termios::tcflow(terminal, rustix::termios::Action::OOff).expect("a terminal");
    }

    /// Closes the terminal under the program.
    pub(crate) fn hang_up(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader");
        }
        self.pty = None;
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; its screen:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("not empty")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

fn follow(pty: &Pty, screen: &(Mutex<Screen>, Condvar), is_closed: &AtomicBool) {
    let tick = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
    let mut bytes = [0; 4096];
    while !is_closed.load(Ordering::Relaxed) {
        match poll(&mut [PollFd::new(pty, PollFlags::IN)], Some(&tick)) {
            Ok(0) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let mut reader = pty;
        match reader.read(&mut bytes) {
            Ok(count) if count > 0 => {
                let mut now = screen.0.lock().unwrap_or_else(PoisonError::into_inner);
                now.parser.process(&bytes[..count]);
                screen.1.notify_all();
            }
            // The program has ended.
            _ => return,
        }
    }
}
