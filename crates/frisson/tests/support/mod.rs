//! The program under test, and what talks to it. Every wait is for a condition and has an end.

#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod host;
#[cfg(unix)]
pub(crate) mod terminal;
pub(crate) mod websocket;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The program, to be started with arguments.
pub(crate) fn frisson(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frisson"));
    // Nothing of whoever runs the tests is read or written.
    command.env("XDG_CONFIG_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-configuration"));
    command.args(arguments).stdin(Stdio::null());
    // Nor is any device of theirs touched, unless a test has its own on that bus.
    if arguments.first() == Some(&"serve") && !arguments.contains(&"--bus") {
        command.args(["--bus", "none"]);
    }
    command
}

/// What a program that ends by itself has said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Said {
    finish(frisson(arguments))
}

/// The same for a program that was given more than arguments.
pub(crate) fn finish(mut command: Command) -> Said {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut program = Program::new(child);
    let status = program.wait();
    Said { code: status.code(), out: program.out.text(), err: program.err.text() }
}

/// The same for a program that is told something on standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Said {
    let mut command = frisson(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    child.stdin.take().expect("is piped").write_all(input.as_bytes()).expect("it reads");
    let mut program = Program::new(child);
    let status = program.wait();
    Said { code: status.code(), out: program.out.text(), err: program.err.text() }
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} does not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A server that ends with the test.
pub(crate) struct Program {
    child: Child,
    pub(crate) out: Lines,
    pub(crate) err: Lines,
}

impl Program {
    pub(crate) fn new(mut child: Child) -> Self {
        let out = child.stdout.take().map(Lines::follow).unwrap_or_default();
        let err = child.stderr.take().map(Lines::follow).unwrap_or_default();
        Self { child, out, err }
    }

    /// Starts `frisson serve` with a port that the system chooses, and waits until it is ready.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        Self::begin(frisson(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat()))
    }

    /// The same for a server that was given more than arguments.
    pub(crate) fn begin(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let program = Self::new(child);
        program
            .out
            .wait_for("the last start-up line", |line| line.contains("Stop with Ctrl-C").then_some(()));
        program
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.out.wait_for("an address", |line| line.trim().strip_prefix("ws://")?.parse().ok())
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        signal_to(self.id(), signal);
    }

    /// Waits for its end, and for all that it said.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                self.out.wait_for_end();
                self.err.wait_for_end();
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; its log:\n{}", self.err.text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a process a signal.
#[cfg(unix)]
pub(crate) fn signal_to(id: u32, signal: rustix::process::Signal) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(id, signal).expect("it is there");
}

/// The lines that a program has written so far.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<(Mutex<Written>, Condvar)>);

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    is_ended: bool,
}

impl Lines {
    fn follow(output: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let writer = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                writer.lock().lines.push(line);
                writer.0.1.notify_all();
            }
            writer.lock().is_ended = true;
            writer.0.1.notify_all();
        });
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn text(&self) -> String {
        self.lock().lines.join("\n")
    }

    /// How many lines there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().lines.len()
    }

    /// Waits for a line, and gives what is made of it.
    pub(crate) fn wait_for<T>(&self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        self.wait_after(0, what, wanted)
    }

    /// The same for lines after the first so many.
    pub(crate) fn wait_after<T>(
        &self,
        skip: usize,
        what: &str,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut written = self.lock();
        let mut seen = skip;
        loop {
            if let Some(found) = written.lines.iter().skip(seen).find_map(|line| wanted(line)) {
                return found;
            }
            seen = seen.max(written.lines.len());
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !written.is_ended,
                "{what} is missing in:\n{}",
                written.lines.join("\n")
            );
            written = self.0.1.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_for_end(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut written = self.lock();
        while !written.is_ended && Arc::strong_count(&self.0) > 1 {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "its output stays open");
            written = self.0.1.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The value in a line of the log that tells of a write to the first feature of a simulated device.
pub(crate) fn written(line: &str) -> Option<i32> {
    let bytes = line.split_once("write endpoint=tx bytes=[")?.1.split_once(']')?.0;
    let bytes: Vec<u8> = bytes.split(", ").map(|byte| byte.parse().expect("a byte")).collect();
    let value = bytes.get(2..6)?.try_into().ok()?;
    (bytes.first() == Some(&0)).then(|| i32::from_le_bytes(value))
}

/// Sends a plain HTTP request and gives the whole answer.
pub(crate) fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A path for a socket, in a folder of its own that goes away with it.
#[cfg(unix)]
pub(crate) struct SocketPath(std::path::PathBuf);

#[cfg(unix)]
impl SocketPath {
    pub(crate) fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("frisson-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.0.join("socket")
    }

    /// As `--listen` and `connect` take it.
    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.path().display())
    }

    /// Connects as soon as somebody listens.
    pub(crate) fn connect(&self) -> websocket::Client<std::os::unix::net::UnixStream> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match std::os::unix::net::UnixStream::connect(self.path()) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
                    return websocket::Client::over_lines(stream);
                }
                Err(error) => assert!(Instant::now() < deadline, "nobody listens: {error}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(unix)]
impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
