//! As much of D-Bus as it takes to ask whether BlueZ is there, and whether this user may talk to it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::machine::Bluez;

/// How long the bus may take for everything.
const PATIENCE: Duration = Duration::from_secs(2);

/// A longer message is no answer to what is asked here.
const LONGEST: usize = 64 * 1024;

/// So many messages about other things are skipped.
const MOST_OTHERS: usize = 64;

/// Errors of the bus that say that nobody is there.
const MISSING: [&str; 3] = [".ServiceUnknown", ".NameHasNoOwner", ".NoReply"];

/// Looks for BlueZ behind a socket of D-Bus, and asks for the power of these adapters.
pub(super) fn bluez(socket: &Path, adapters: &[String]) -> Bluez {
    bluez_within(PATIENCE, socket, adapters)
}

/// The same with another time for everything.
pub(super) fn bluez_within(patience: Duration, socket: &Path, adapters: &[String]) -> Bluez {
    match talk(patience, socket, adapters) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Bluez::Refused(error.to_string()),
        Err(error) if is_late(&error) => Bluez::NoBus("it does not answer".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Bluez::NoBus("it hangs up".to_owned()),
        Err(error) => Bluez::NoBus(error.to_string()),
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn talk(patience: Duration, socket: &Path, adapters: &[String]) -> io::Result<Bluez> {
    let mut bus = Connection::open(patience, socket)?;
    // Nothing is started by asking: a service that does not run is what is to be found out.
    let pong = match bus.call("org.bluez", "/", "org.freedesktop.DBus.Peer", "Ping", &[]) {
        Err(error) if is_late(&error) => return Ok(Bluez::Silent),
        pong => pong?,
    };
    match pong {
        Reply::Error(name) if name.ends_with(".AccessDenied") => return Ok(Bluez::Denied),
        Reply::Error(name) if MISSING.iter().any(|missing| name.ends_with(missing)) => {
            return Ok(Bluez::NotRunning);
        }
        // Whoever refuses the question is there.
        Reply::Value(_) | Reply::Error(_) => {}
    }
    let mut found = Vec::new();
    for adapter in adapters {
        let path = format!("/org/bluez/{adapter}");
        let arguments = ["org.bluez.Adapter1", "Powered"];
        let reply = bus.call("org.bluez", &path, "org.freedesktop.DBus.Properties", "Get", &arguments)?;
        // A boolean in a variant: its signature, then four bytes.
        if let Reply::Value(body) = reply
            && let [1, b'b', 0, 0, value @ ..] = body.as_slice()
        {
            found.push((adapter.clone(), value.iter().any(|byte| *byte != 0)));
        }
    }
    Ok(Bluez::Runs(found))
}

enum Reply {
    Value(Vec<u8>),
    /// Its name.
    Error(String),
}

struct Connection {
    stream: BufReader<UnixStream>,
    deadline: Instant,
    serial: u32,
}

impl Connection {
    fn open(patience: Duration, socket: &Path) -> io::Result<Self> {
        let stream = BufReader::new(UnixStream::connect(socket)?);
        let mut connection = Self { stream, deadline: Instant::now() + patience, serial: 0 };
        let id = rustix::process::geteuid().as_raw().to_string();
        let id: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
        connection.send(format!("\0AUTH EXTERNAL {id}\r\n").as_bytes())?;
        let mut line = Vec::new();
        connection.in_time()?;
        connection.stream.by_ref().take(1024).read_until(b'\n', &mut line)?;
        if !line.starts_with(b"OK ") {
            let said = String::from_utf8_lossy(&line).trim().to_owned();
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("it answers {said:?}")));
        }
        connection.send(b"BEGIN\r\n")?;
        match connection.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "Hello", &[])? {
            Reply::Value(_) => Ok(connection),
            Reply::Error(name) => Err(io::Error::new(io::ErrorKind::PermissionDenied, name)),
        }
    }

    /// Calls a method with texts as its arguments.
    fn call(
        &mut self,
        to: &str,
        path: &str,
        interface: &str,
        member: &str,
        arguments: &[&str],
    ) -> io::Result<Reply> {
        self.serial += 1;
        let message = message(self.serial, to, path, interface, member, arguments)?;
        self.send(&message)?;
        for _ in 0..MOST_OTHERS {
            if let Some(reply) = self.receive()? {
                return Ok(reply);
            }
        }
        Err(io::Error::other("the bus does not answer"))
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.in_time()?;
        self.stream.get_mut().write_all(bytes)
    }

    /// No operation takes longer than what is left of the time.
    fn in_time(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.get_ref().set_read_timeout(Some(left))?;
        self.stream.get_ref().set_write_timeout(Some(left))
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        self.in_time()?;
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The next message; `None` if it is no answer to the last call.
    fn receive(&mut self) -> io::Result<Option<Reply>> {
        let odd = || io::Error::other("it does not speak D-Bus");
        let head = self.bytes(16)?;
        let mut reader = Reader::new(&head);
        let big = reader.byte() == Some(b'B');
        reader.big = big;
        let kind = reader.byte().ok_or_else(odd)?;
        reader.at = 4;
        let body = reader.length().ok_or_else(odd)?;
        reader.at = 12;
        let fields = reader.length().ok_or_else(odd)?;
        if body > LONGEST || fields > LONGEST {
            return Err(odd());
        }
        let fields = self.bytes(fields.next_multiple_of(8))?;
        let body = self.bytes(body)?;
        let mut reader = Reader::new(&fields);
        reader.big = big;
        let (answers, name) = reader.fields().ok_or_else(odd)?;
        Ok(match kind {
            2 if answers == self.serial => Some(Reply::Value(body)),
            3 if answers == self.serial => Some(Reply::Error(name)),
            _ => None,
        })
    }
}

/// A call as bytes, low byte first.
fn message(
    serial: u32,
    to: &str,
    path: &str,
    interface: &str,
    member: &str,
    arguments: &[&str],
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    for argument in arguments {
        put(&mut body, argument)?;
    }
    let mut fields = Vec::new();
    for (code, kind, text) in [(1, b'o', path), (2, b's', interface), (3, b's', member), (6, b's', to)] {
        pad(&mut fields, 8);
        fields.extend([code, 1, kind, 0]);
        put(&mut fields, text)?;
    }
    if !arguments.is_empty() {
        pad(&mut fields, 8);
        // A signature has one byte for its length, and no alignment.
        fields.extend([8, 1, b'g', 0, length(arguments.len())?.to_le_bytes()[0]]);
        fields.extend(arguments.iter().map(|_| b's'));
        fields.push(0);
    }
    // A method call that starts no service, in version 1 of the protocol.
    let mut message = vec![b'l', 1, 2, 1];
    message.extend(length(body.len())?.to_le_bytes());
    message.extend(serial.to_le_bytes());
    message.extend(length(fields.len())?.to_le_bytes());
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    Ok(message)
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::Error::other("too long for D-Bus"))
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn put(bytes: &mut Vec<u8>, text: &str) -> io::Result<()> {
    pad(bytes, 4);
    bytes.extend(length(text.len())?.to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
    Ok(())
}

/// Reads what the bus has said.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    big: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, big: false }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn number(&mut self) -> Option<u32> {
        self.at = self.at.next_multiple_of(4);
        let bytes = self.bytes.get(self.at..self.at.checked_add(4)?)?.try_into().ok()?;
        self.at += 4;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self, length: usize) -> Option<&'a [u8]> {
        let text = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length + 1;
        Some(text)
    }

    /// Which call is answered, and the name of the error.
    fn fields(&mut self) -> Option<(u32, String)> {
        let (mut answers, mut name) = (0, String::new());
        while self.at < self.bytes.len().saturating_sub(7) {
            self.at = self.at.next_multiple_of(8);
            let code = self.byte()?;
            let length = self.byte()?;
            let kind = self.text(length.into())?;
            match kind {
                b"u" if code == 5 => answers = self.number()?,
                b"u" => drop(self.number()?),
                b"g" => {
                    let length = self.byte()?;
                    self.text(length.into())?;
                }
                b"s" | b"o" => {
                    let length = self.length()?;
                    let text = self.text(length)?;
                    if code == 4 {
                        name = String::from_utf8_lossy(text).into_owned();
                    }
                }
                _ => return None,
            }
        }
        Some((answers, name))
    }
}
