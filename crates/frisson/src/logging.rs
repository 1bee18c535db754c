//! The log: to standard error, as text or as JSON.
//!
//! Lines are written by a thread of their own. Who reads them may be slow or have stopped (a full pipe, a terminal on hold): that must
//! not hold up a server that has devices to stop. Lines for which there is no room are counted instead.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use crate::cli::{LogFormat, LogLevel};

/// How many lines may wait to be written.
const ROOM: usize = 4096;
/// How long the last lines may take.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// Sets up the log for this process. Keep what it gives until the end.
pub(crate) fn init(level: LogLevel, format: LogFormat) -> io::Result<Flush> {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let (sink, flush) = start(io::stderr(), format)?;
    let builder = fmt()
        .with_max_level(level)
        .with_writer(move || sink.clone())
        .with_target(false)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(flush)
}

enum Item {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Takes lines without ever waiting.
#[derive(Clone)]
struct Sink {
    items: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

impl Write for Sink {
    /// One event comes in one piece.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.items.try_send(Item::Line(bytes.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sees to it that the last lines are written, in bounded time, when it is dropped.
#[must_use]
pub(crate) struct Flush(SyncSender<Item>);

impl Drop for Flush {
    fn drop(&mut self) {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        let (sender, done) = sync_channel(1);
        let mut item = Item::Flush(sender);
        while let Err(TrySendError::Full(unsent)) = self.0.try_send(item) {
            if Instant::now() > deadline {
                return;
            }
            item = unsent;
            thread::sleep(Duration::from_millis(5));
        }
        let _ = done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn start(output: impl Write + Send + 'static, format: LogFormat) -> io::Result<(Sink, Flush)> {
    let (items, receiver) = sync_channel(ROOM);
    let lost = Arc::new(AtomicU64::new(0));
    let sink = Sink { items: items.clone(), lost: Arc::clone(&lost) };
    thread::Builder::new().name("log".into()).spawn(move || write(receiver, output, &lost, format))?;
    Ok((sink, Flush(items)))
}

/// What cannot be written is of no use to anybody, and no reason to stop.
fn write(items: Receiver<Item>, mut output: impl Write, lost: &AtomicU64, format: LogFormat) {
    for item in items {
        match item {
            Item::Line(line) => {
                let _ = output.write_all(&line);
            }
            Item::Flush(done) => {
                let _ = output.flush();
                let _ = done.try_send(());
            }
        }
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            let message =
                format!("{count} lines of the log were not read in time and are left out about here");
            let _ = match format {
                LogFormat::Text => writeln!(output, "WARN {message}"),
                LogFormat::Json => {
                    writeln!(output, r#"{{"level":"WARN","fields":{{"message":"{message}"}}}}"#)
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Takes a line only when allowed to, and passes it on.
    struct Slow {
        allowed: Receiver<()>,
        lines: Sender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.allowed.recv();
            let _ = self.lines.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_stopped_holds_nothing_up() {
        let (allow, allowed) = channel();
        let (sender, lines) = channel();
        let (mut sink, flush) = start(Slow { allowed, lines: sender }, LogFormat::Text).expect("a thread");
        for number in 0..ROOM * 2 {
            write!(sink, "{number}").expect("never fails");
        }
        // From here on everything is taken.
        drop(allow);
        drop(flush);
        let text: Vec<_> = lines.try_iter().collect();
        assert_eq!(text.first().map(String::as_str), Some("0"));
        assert!(text.concat().contains("lines of the log were not read in time"));
    }

    #[test]
    fn the_last_line_is_written_before_the_end() {
        let (_, allowed) = channel();
        let (sender, lines) = channel();
        let (mut sink, flush) = start(Slow { allowed, lines: sender }, LogFormat::Text).expect("a thread");
        write!(sink, "goodbye").expect("never fails");
        drop(flush);
        assert_eq!(lines.try_recv().as_deref(), Ok("goodbye"));
    }
}
