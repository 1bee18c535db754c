//! A link that is bytes going out and bytes coming in, whatever carries them.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frisson_program::Endpoint;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

use crate::rounds::OpenMark;
use crate::{BoxFuture, Notified, Port, PortError};

/// How long a write may take before it has failed.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// How long a device may take to say what it is.
const GREETING_LIMIT: Duration = Duration::from_millis(500);
/// How much of an answer is looked at.
const LONGEST_ANSWER: usize = 256;
/// TCode's question which version a device speaks. It moves nothing.
const QUESTION: &[u8] = b"D1\n";
/// A device that has answered once is asked again when it has said nothing for so long.
const PULSE: Duration = Duration::from_secs(5);
/// How long it has for that answer, and how often it is asked before it has gone.
const PULSE_ANSWER: Duration = Duration::from_secs(1);
const PULSE_TRIES: u32 = 3;

/// What carries the bytes. Reading and writing are cancel safe: what was taken from or given to the system is told.
pub(crate) trait Wire: Send + Sync + 'static {
    /// Reads at least one byte; none if the other side has ended the link.
    fn read(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Writes as much as can be written at once, at least one byte.
    fn write(&self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// What an error means for whoever uses the link; `None` is the end of what can be read.
    fn fault(&self, error: Option<&io::Error>) -> PortError;

    /// Waits, but not for long, until what was written is out, and closes.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A link with the endpoints `tx` and `rx`.
pub(crate) struct StreamPort<W> {
    wire: W,
    outgoing: Mutex<Outgoing>,
    is_heard: AtomicBool,
    pulse: Mutex<Option<Pulse>>,
    _mark: OpenMark,
}

/// What is being written. A packet that has begun is finished before the next one, so that the device never hears half of one.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

/// Whether the device is still there, by its answers.
struct Pulse {
    next: Instant,
    unanswered: u32,
}

impl<W: Wire> StreamPort<W> {
    /// With `has_pulse` the device has answered TCode's question, and is expected to do so from now on.
    pub(crate) fn new(wire: W, has_pulse: bool, mark: OpenMark) -> Self {
        let pulse = has_pulse.then(|| Pulse { next: Instant::now() + PULSE, unanswered: 0 });
        Self {
            wire,
            outgoing: Mutex::default(),
            is_heard: AtomicBool::new(false),
            pulse: Mutex::new(pulse),
            _mark: mark,
        }
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), PortError> {
        match timeout(WRITE_LIMIT, self.send_all(bytes)).await {
            Ok(sent) => sent.map_err(|error| self.wire.fault(Some(&error))),
            Err(_) => Err(PortError::Unanswered(WRITE_LIMIT)),
        }
    }

    async fn send_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut outgoing = self.outgoing.lock().await;
        // One of which nothing was sent is out of date.
        if outgoing.sent > 0 {
            outgoing.finish(&self.wire).await?;
        }
        outgoing.bytes.clear();
        outgoing.bytes.extend_from_slice(bytes);
        outgoing.finish(&self.wire).await
    }

    async fn hear(&self) -> Result<Vec<u8>, PortError> {
        let mut pulse = self.pulse.lock().await;
        let mut buffer = [0; 1024];
        loop {
            let next = pulse.as_ref().map_or_else(Instant::now, |pulse| pulse.next);
            tokio::select! {
                read = self.wire.read(&mut buffer) => {
                    let count = match read {
                        Ok(0) => return Err(self.wire.fault(None)),
                        Ok(count) => count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(error) => return Err(self.wire.fault(Some(&error))),
                    };
                    if let Some(pulse) = pulse.as_mut() {
                        *pulse = Pulse { next: Instant::now() + PULSE, unanswered: 0 };
                    }
                    if self.is_heard.load(Ordering::Relaxed) {
                        return Ok(buffer.get(..count).unwrap_or_default().to_vec());
                    }
                    // A device that never pauses must not keep everybody else waiting.
                    tokio::task::yield_now().await;
                }
                () = sleep_until(next), if pulse.is_some() => {
                    if let Some(pulse) = pulse.as_mut() {
                        if pulse.unanswered >= PULSE_TRIES {
                            let wait = PULSE_ANSWER.saturating_mul(PULSE_TRIES);
                            return Err(PortError::Unanswered(wait));
                        }
                        pulse.unanswered += 1;
                        pulse.next = Instant::now() + PULSE_ANSWER;
                    }
                    match self.send(QUESTION).await {
                        Err(PortError::Unanswered(_)) | Ok(()) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

impl Outgoing {
    /// Sends what is left.
    async fn finish(&mut self, wire: &impl Wire) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match wire.write(rest).await {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.sent = 0;
        Ok(())
    }
}

impl<W: Wire> Port for StreamPort<W> {
    fn write<'a>(
        &'a self,
        endpoint: Endpoint,
        bytes: &'a [u8],
        _confirm: bool,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            match endpoint {
                Endpoint::TX => self.send(bytes).await,
                _ => Err(PortError::NoEndpoint(endpoint)),
            }
        })
    }

    fn read(&self, endpoint: Endpoint) -> BoxFuture<'_, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            Err(match endpoint {
                Endpoint::RX => PortError::Failed(
                    "what this device says cannot be fetched, only listened to: its device file has to \
                     `subscribe` to rx"
                        .to_owned(),
                ),
                _ => PortError::NoEndpoint(endpoint),
            })
        })
    }

    fn listen(&self, endpoint: Endpoint, on: bool) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            PortError::unless(Endpoint::RX, endpoint)?;
            self.is_heard.store(on, Ordering::Relaxed);
            Ok(())
        })
    }

    fn next(&self) -> BoxFuture<'_, Notified> {
        Box::pin(async move {
            match self.hear().await {
                Ok(bytes) => Notified::Bytes(Endpoint::RX, bytes),
                Err(PortError::Gone(reason)) => Notified::Gone(reason),
                Err(error) => Notified::Gone(error.to_string()),
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.wire.close())
    }

    fn endpoints(&self) -> &[Endpoint] {
        &[Endpoint::TX, Endpoint::RX]
    }
}

/// Asks a TCode device what it is; `None` if it does not say, which many do not. What comes in behind the answer's first line is lost.
pub(crate) async fn greet(wire: &impl Wire) -> io::Result<Option<String>> {
    let greeting = async {
        let mut outgoing = Outgoing { bytes: QUESTION.to_vec(), sent: 0 };
        outgoing.finish(wire).await?;
        let mut answer = Vec::new();
        let mut buffer = [0; LONGEST_ANSWER];
        while answer.len() < LONGEST_ANSWER {
            match wire.read(&mut buffer).await {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            let line = String::from_utf8_lossy(&answer);
            let lines = line.trim_start_matches(|letter: char| letter.is_control()).split_once('\n');
            if let Some((line, _)) = lines {
                return Ok(line.trim().chars().filter(|letter| !letter.is_control()).collect());
            }
        }
        Ok(String::new())
    };
    match timeout(GREETING_LIMIT, greeting).await {
        Ok(Ok(answer)) => Ok(Some(answer).filter(|answer| !answer.is_empty())),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};

    use super::*;

    /// A link in memory that holds so many bytes on their way.
    struct Pipe {
        reads: Mutex<ReadHalf<DuplexStream>>,
        writes: Mutex<WriteHalf<DuplexStream>>,
    }

    impl Wire for Pipe {
        async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads.lock().await.read(buffer).await
        }

        async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.lock().await.write(bytes).await
        }

        fn fault(&self, error: Option<&io::Error>) -> PortError {
            PortError::Gone(format!("{error:?}"))
        }

        async fn close(&self) {}
    }

    fn pipe(room: usize, has_pulse: bool) -> (StreamPort<Pipe>, DuplexStream) {
        let (near, far) = duplex(room);
        let (reads, writes) = split(near);
        let wire = Pipe { reads: Mutex::new(reads), writes: Mutex::new(writes) };
        (StreamPort::new(wire, has_pulse, OpenMark::of_nothing()), far)
    }

    async fn heard(device: &mut DuplexStream, count: usize) -> String {
        let mut bytes = vec![0; count];
        device.read_exact(&mut bytes).await.expect("an open link");
        String::from_utf8(bytes).expect("text")
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_answers_is_asked_every_five_silent_seconds_and_gone_after_three_questions() {
        let (port, mut device) = pipe(64, true);
        let start = Instant::now();
        let answering = async {
            for round in 1..4 {
                assert_eq!(heard(&mut device, 3).await, "D1\n");
                assert_eq!(start.elapsed(), PULSE * round);
                device.write_all(b"TCode v0.3\n").await.expect("an open link");
            }
            for _ in 0..3 {
                assert_eq!(heard(&mut device, 3).await, "D1\n");
            }
        };
        let (gone, ()) = tokio::join!(port.next(), answering);
        assert_eq!(gone, Notified::Gone("no answer within 3000 ms".to_owned()));
        assert_eq!(start.elapsed(), PULSE * 4 + PULSE_ANSWER * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_never_answered_is_not_asked() {
        let (port, mut device) = pipe(64, false);
        let quiet = timeout(Duration::from_secs(3600), port.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        port.write(Endpoint::TX, b"L0500\n", false).await.expect("a write");
        assert_eq!(heard(&mut device, 6).await, "L0500\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_packet_that_has_begun_is_finished_before_the_next_and_one_that_has_not_is_forgotten() {
        let (port, mut device) = pipe(4, false);
        let send = |text: &'static str| port.write(Endpoint::TX, text.as_bytes(), false);
        assert_eq!(send("L0111\n").await, Err(PortError::Unanswered(WRITE_LIMIT)));
        // Dropped before there was room for the first byte of it.
        assert!(timeout(Duration::from_millis(1), send("L0222\n")).await.is_err());
        let both = async { tokio::join!(send("L0333\n"), heard(&mut device, 12)) };
        let (sent, heard) = timeout(Duration::from_secs(60), both).await.expect("both packets");
        assert_eq!((sent, heard.as_str()), (Ok(()), "L0111\nL0333\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_that_nobody_listens_to_is_read_and_forgotten() {
        let (port, mut device) = pipe(64, false);
        tokio::select! {
            heard = port.next() => panic!("heard {heard:?}"),
            () = async {
                for _ in 0..1000 {
                    device.write_all(&[0; 64]).await.expect("an open link");
                }
            } => {}
        }
    }
}
