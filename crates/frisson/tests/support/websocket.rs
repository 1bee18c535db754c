//! A WebSocket client as small as can be, which can also vanish rudely.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// A client that has introduced itself.
pub(crate) struct Client<S: Read + Write = TcpStream> {
    pub(crate) stream: S,
    is_websocket: bool,
    last_id: u32,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::open(address).introduced()
    }

    /// One that has not introduced itself, and need not be a Buttplug client.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            answer.extend(byte);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self { stream, is_websocket: true, last_id: 0 }
    }

    /// Another end of the same connection.
    pub(crate) fn twin(&self) -> Self {
        let stream = self.stream.try_clone().expect("a socket");
        Self { stream, is_websocket: self.is_websocket, last_id: 0 }
    }
}

impl<S: Read + Write> Client<S> {
    /// Over a stream of lines.
    pub(crate) fn over_lines(stream: S) -> Self {
        Self { stream, is_websocket: false, last_id: 0 }.introduced()
    }

    fn introduced(mut self) -> Self {
        let hello =
            r#""RequestServerInfo","ClientName":"test","ProtocolVersionMajor":4,"ProtocolVersionMinor":0"#;
        let answer = self.ask(hello);
        assert!(answer.contains("ServerInfo"), "{answer}");
        self
    }

    /// Sends a message, given as its type and its fields, and gives the answer to it.
    pub(crate) fn ask(&mut self, message: &str) -> String {
        self.last_id += 1;
        let (name, fields) = message.split_once(',').unwrap_or((message, ""));
        let comma = if fields.is_empty() { "" } else { "," };
        self.send(&format!(r#"[{{{name}:{{"Id":{}{comma}{fields}}}}}]"#, self.last_id));
        let id = format!(r#""Id":{}"#, self.last_id);
        loop {
            let frame = self.receive().expect("an answer");
            let after = frame.split_once(&id).map(|(_, after)| after);
            if after.is_some_and(|after| after.starts_with([',', '}'])) {
                return frame;
            }
        }
    }

    /// Sets the first output of a device, which has to be of this kind.
    pub(crate) fn set(&mut self, device: u32, kind: &str, value: i32) {
        let answer = self.ask(&format!(
            r#""OutputCmd","DeviceIndex":{device},"FeatureIndex":0,"Command":{{"{kind}":{{"Value":{value}}}}}"#
        ));
        assert!(answer.contains("Ok"), "{answer}");
    }

    pub(crate) fn send(&mut self, text: &str) {
        let mut frame = Vec::new();
        if self.is_websocket {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 126);
            frame.push(0x81);
            match length {
                Some(length) => frame.push(0x80 | length),
                None => {
                    frame.push(0x80 | 126);
                    frame.extend(u16::try_from(text.len()).expect("short").to_be_bytes());
                }
            }
            // With a mask of zeros the text is its own mask.
            frame.extend([0; 4]);
            frame.extend(text.as_bytes());
        } else {
            frame.extend(text.as_bytes());
            frame.push(b'\n');
        }
        self.stream.write_all(&frame).expect("it reads");
    }

    /// The next text, or bytes that are one; `None` at the end of the connection.
    pub(crate) fn receive(&mut self) -> Option<String> {
        if !self.is_websocket {
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                line.extend(self.bytes(1)?);
            }
            return String::from_utf8(line).ok();
        }
        loop {
            let head = self.bytes(2)?;
            let length = match head[1] {
                126 => {
                    let bytes = self.bytes(2)?;
                    usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
                }
                length => usize::from(length),
            };
            let payload = self.bytes(length)?;
            match head[0] & 0xf {
                1 | 2 => return String::from_utf8(payload).ok(),
                8 => return None,
                _ => {}
            }
        }
    }

    fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}
