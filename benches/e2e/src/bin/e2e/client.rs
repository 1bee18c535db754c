//! The load generator's side of a connection: blocking, one thread, frames encoded before the clock starts.
//!
//! It is no WebSocket library. It does the least that is correct for text frames on loopback, so that what
//! is measured is the server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Failure;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const PATIENCE: Duration = Duration::from_secs(10);

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A session with a server, after its handshake.
pub(crate) struct Session {
    stream: TcpStream,
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Session {
    /// Connects, upgrades and introduces itself as a client of protocol version 4.
    pub(crate) fn open(addr: SocketAddr) -> Result<Self, Failure> {
        let mut session = Self::upgrade(addr)?;
        session.request(
            r#"[{"RequestServerInfo":{"Id":1,"ClientName":"Frisson benchmark","ProtocolVersionMajor":4,"ProtocolVersionMinor":0}}]"#,
            "ServerInfo",
        )?;
        Ok(session)
    }

    /// Connects and upgrades.
    pub(crate) fn upgrade(addr: SocketAddr) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: ZnJpc3NvbiBiZW5jaG1hcg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        let mut session = Self { stream, buffer: vec![0; 1 << 18], unread: 0..0 };
        loop {
            session.read_more()?;
            let head = &session.buffer[session.unread.clone()];
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                if !head.starts_with(b"HTTP/1.1 101") {
                    return Err(format!("no upgrade: {}", String::from_utf8_lossy(&head[..end])).into());
                }
                session.unread.start += end + 4;
                return Ok(session);
            }
        }
    }

    /// Sends one frame and returns the body of the first message of type `reply`.
    pub(crate) fn request(&mut self, frame: &str, reply: &str) -> Result<Value, Failure> {
        let mut encoded = Vec::new();
        encode(TEXT, frame.as_bytes(), &mut encoded);
        self.stream.write_all(&encoded)?;
        loop {
            let payload = self.next_text()?;
            for message in parse(&self.buffer[payload])? {
                for (kind, body) in message {
                    match kind.as_str() {
                        "Error" => return Err(format!("{frame} was answered with {body}").into()),
                        kind if kind == reply => return Ok(body),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Sends `count` messages one after another, each after the reply to the one before; returns each round
    /// trip in nanoseconds.
    pub(crate) fn round_trips(&mut self, load: &mut Load, count: usize) -> Result<Vec<u64>, Failure> {
        let mut trips = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            self.send(load, 1)?;
            let mut answered = 0;
            while answered == 0 {
                answered = self.take_replies(load)?.0;
            }
            trips.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(trips)
    }

    /// Sends `count` messages with up to `window` unanswered: those that one read finds answered are replaced
    /// with one write. Returns the time taken and the number of reads.
    pub(crate) fn stream(
        &mut self,
        load: &mut Load,
        count: usize,
        window: usize,
    ) -> Result<(Duration, usize), Failure> {
        let start = Instant::now();
        let (mut sent, mut answered, mut reads) = (window.min(count), 0, 0);
        self.send(load, sent)?;
        while answered < count {
            let (replies, new_reads) = self.take_replies(load)?;
            reads += new_reads;
            answered += replies;
            let more = replies.min(count - sent);
            self.send(load, more)?;
            sent += more;
        }
        Ok((start.elapsed(), reads))
    }

    /// Two halves, for two threads.
    pub(crate) fn split(self) -> Result<(Writer, Reader), Failure> {
        // Nothing has to be said for as long as the caller likes.
        self.stream.set_read_timeout(None)?;
        Ok((Writer { stream: self.stream.try_clone()?, encoded: Vec::new() }, Reader(self)))
    }

    fn send(&mut self, load: &mut Load, count: usize) -> Result<(), Failure> {
        let mut left = count;
        while left > 0 {
            let chunk = left.min(load.slots() - load.next);
            let slots = load.next..load.next + chunk;
            if load.in_flight[slots.clone()].contains(&true) {
                return Err("a reply was left out while later ones came".into());
            }
            load.in_flight[slots.clone()].fill(true);
            self.stream.write_all(&load.frames[load.offsets[slots.start]..load.offsets[slots.end]])?;
            load.next = slots.end % load.slots();
            left -= chunk;
        }
        Ok(())
    }

    /// Takes every reply that is here, waiting for the first frame; returns the replies and the reads.
    fn take_replies(&mut self, load: &mut Load) -> Result<(usize, usize), Failure> {
        let (mut replies, mut reads) = (0, 0);
        loop {
            match self.buffered_text()? {
                Some(payload) => {
                    let payload = &self.buffer[payload];
                    match plain_ok(payload) {
                        Some(id) => {
                            load.settle(id)?;
                            replies += 1;
                        }
                        None => replies += unusual(payload, load)?,
                    }
                }
                None if reads > 0 => return Ok((replies, reads)),
                None => {
                    self.read_more()?;
                    reads += 1;
                }
            }
        }
    }

    fn next_text(&mut self) -> Result<Range<usize>, Failure> {
        loop {
            match self.buffered_text()? {
                Some(payload) => return Ok(payload),
                None => self.read_more()?,
            }
        }
    }

    fn buffered_text(&mut self) -> Result<Option<Range<usize>>, Failure> {
        loop {
            let Some(frame) = decode(&self.buffer[self.unread.clone()])? else { return Ok(None) };
            let payload = self.unread.start + frame.payload.start..self.unread.start + frame.payload.end;
            self.unread.start = payload.end;
            match frame.opcode {
                TEXT => return Ok(Some(payload)),
                PING => {
                    let mut pong = Vec::new();
                    encode(PONG, &self.buffer[payload], &mut pong);
                    self.stream.write_all(&pong)?;
                }
                CLOSE => {
                    let reason = self.buffer.get(payload.start + 2..payload.end).unwrap_or_default();
                    return Err(format!(
                        "the server closed the session: {}",
                        String::from_utf8_lossy(reason)
                    )
                    .into());
                }
                _ => {}
            }
        }
    }

    fn read_more(&mut self) -> Result<(), Failure> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.end == self.buffer.len() {
            if self.unread.start == 0 {
                self.buffer.resize(self.buffer.len() * 2, 0);
            } else {
                self.buffer.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
            }
        }
        match self.stream.read(&mut self.buffer[self.unread.end..]) {
            Ok(0) => Err("the server ended the connection".into()),
            Ok(count) => {
                self.unread.end += count;
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(format!("no answer in {PATIENCE:?}").into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The half of a connection that speaks.
pub(crate) struct Writer {
    stream: TcpStream,
    encoded: Vec<u8>,
}

impl Writer {
    pub(crate) fn send_frame(&mut self, text: &str) -> Result<(), Failure> {
        self.encoded.clear();
        encode(TEXT, text.as_bytes(), &mut self.encoded);
        Ok(self.stream.write_all(&self.encoded)?)
    }
}

/// The half of a connection that listens.
pub(crate) struct Reader(Session);

impl Reader {
    pub(crate) fn next_frame(&mut self) -> Result<String, Failure> {
        let payload = self.0.next_text()?;
        Ok(String::from_utf8_lossy(&self.0.buffer[payload]).into_owned())
    }
}

/// Messages that are encoded beforehand and sent round and round.
pub(crate) struct Load {
    first_id: u64,
    frames: Vec<u8>,
    offsets: Vec<usize>,
    in_flight: Vec<bool>,
    next: usize,
}

impl Load {
    const SLOTS: u64 = 1024;

    /// `message` gives the message with this Id; it is called for each Id once.
    pub(crate) fn new(first_id: u64, message: impl Fn(u64) -> String) -> Self {
        let (mut frames, mut offsets) = (Vec::new(), vec![0]);
        for id in first_id..first_id + Self::SLOTS {
            encode(TEXT, message(id).as_bytes(), &mut frames);
            offsets.push(frames.len());
        }
        let in_flight = vec![false; offsets.len() - 1];
        Self { first_id, frames, offsets, in_flight, next: 0 }
    }

    fn slots(&self) -> usize {
        self.in_flight.len()
    }

    fn settle(&mut self, id: u64) -> Result<(), Failure> {
        let slot = id.checked_sub(self.first_id).and_then(|slot| usize::try_from(slot).ok());
        match slot.and_then(|slot| self.in_flight.get_mut(slot)) {
            Some(in_flight) if *in_flight => {
                *in_flight = false;
                Ok(())
            }
            _ => Err(format!("Ok for Id {id}, which was not asked").into()),
        }
    }
}

/// The Id, if the payload is one `Ok` and written without white space.
fn plain_ok(payload: &[u8]) -> Option<u64> {
    let digits = payload.strip_prefix(br#"[{"Ok":{"Id":"#)?.strip_suffix(b"}}]")?;
    digits.iter().try_fold(0_u64, |id, digit| {
        digit.is_ascii_digit().then(|| id.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    })
}

/// Any other payload: several messages, white space, events.
fn unusual(payload: &[u8], load: &mut Load) -> Result<usize, Failure> {
    let mut replies = 0;
    for (kind, body) in parse(payload)?.into_iter().flatten() {
        match (kind.as_str(), body["Id"].as_u64()) {
            ("Ok", Some(id)) => {
                load.settle(id)?;
                replies += 1;
            }
            ("Error", _) => return Err(format!("the server answered {body}").into()),
            _ => {}
        }
    }
    Ok(replies)
}

fn parse(payload: &[u8]) -> Result<Vec<serde_json::Map<String, Value>>, Failure> {
    serde_json::from_slice(payload)
        .map_err(|error| format!("{error} in {}", String::from_utf8_lossy(payload)).into())
}

struct Frame {
    opcode: u8,
    payload: Range<usize>,
}

fn encode(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len), _) if len < 126 => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0x80 | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

fn decode(bytes: &[u8]) -> Result<Option<Frame>, Failure> {
    let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err("a frame that is fragmented, compressed or masked".into());
    }
    let (start, len) = match second {
        126 => (4, bytes.get(2..4).map(|len| len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))),
        127 => {
            (10, bytes.get(2..10).map(|len| len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))))
        }
        len => (2, Some(usize::from(len))),
    };
    Ok(len
        .filter(|len| bytes.len() - start >= *len)
        .map(|len| Frame { opcode: first & 0x0f, payload: start..start + len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_ok_is_read_without_a_parser() {
        assert_eq!(plain_ok(br#"[{"Ok":{"Id":1000023}}]"#), Some(1_000_023));
        assert_eq!(plain_ok(br#"[{"Ok":{"Id": 7}}]"#), None);
        assert_eq!(plain_ok(br#"[{"Error":{"Id":7}}]"#), None);
    }

    #[test]
    fn an_unusual_frame_settles_every_ok_in_it() {
        let mut load = Load::new(10, |id| id.to_string());
        load.in_flight[..3].fill(true);
        let frame = br#"[{"Ok": {"Id": 10}}, {"DeviceList": {"Id": 0, "Devices": {}}}, {"Ok": {"Id": 12}}]"#;
        assert_eq!(unusual(frame, &mut load).unwrap(), 2);
        assert_eq!(load.in_flight[..3], [false, true, false]);
    }

    #[test]
    fn an_answer_that_was_not_asked_is_an_error() {
        let mut load = Load::new(10, |id| id.to_string());
        load.in_flight[0] = true;
        load.settle(10).unwrap();
        assert!(load.settle(10).is_err());
        assert!(load.settle(9).is_err());
    }

    #[test]
    fn frames_are_cut_at_every_length_form() {
        for len in [0, 125, 126, 65_535, 65_536] {
            let mut frame = vec![0x81];
            match len {
                0..126 => frame.push(u8::try_from(len).unwrap()),
                126..65_536 => {
                    frame.push(126);
                    frame.extend(u16::try_from(len).unwrap().to_be_bytes());
                }
                _ => {
                    frame.push(127);
                    frame.extend((len as u64).to_be_bytes());
                }
            }
            frame.resize(frame.len() + len, b'x');
            assert!(decode(&frame[..frame.len() - 1]).unwrap().is_none(), "{len} less one");
            let found = decode(&frame).unwrap().unwrap();
            assert_eq!((found.payload.len(), found.payload.end), (len, frame.len()));
        }
    }

    #[test]
    fn a_sent_frame_is_masked() {
        let mut frame = Vec::new();
        encode(TEXT, b"[]", &mut frame);
        assert_eq!(frame, [0x81, 0x82, 0x37, 0xfa, 0x21, 0x3d, b'[' ^ 0x37, b']' ^ 0xfa]);
    }
}
