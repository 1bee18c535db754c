//! Transcripts: what a client and a server say to each other, as text.

mod parse;

use std::str::FromStr;
use std::time::Duration;

use frisson_wire::{Dialect, InputKind, OutputKind};
use serde_json::Value;

use crate::Setup;

/// The client that is meant where a line names none.
pub const CLIENT: &str = "client";

/// A conversation to be played: against a [`VirtualServer`](crate::VirtualServer) in virtual time, or over a socket in real time.
///
/// Each line begins with what it is:
///
/// | line | meaning |
/// | --- | --- |
/// | `# …` | a remark |
/// | `> …` | the client sends this; it may be anything |
/// | `< …` | the next frame that the client gets is this |
/// | `<` | the client has got nothing more |
/// | `! closed 1008` | the server closes the connection, with this code |
/// | `! cut` | the connection breaks; the next line of this client makes a new one |
/// | `~ 500ms` | so much time passes (`ms` or `s`) |
/// | `+ V`, `- V` | the device of this address is connected, or its link is lost ([`TestDevice::named`](crate::TestDevice::named)) |
/// | `= V 0 Vibrate 10` | what the device was last told of an output; `none` for nothing, `10 in 500ms` where it takes time |
/// | `= V at rest` | everything but positions was last told to be 0 |
/// | `= V 3 writes` | so many writes have been made |
/// | `= B 7 Pressure listened` | the server listens to an input; `ignored` if it does not |
/// | `* B 7 Pressure 1310` | the device measures this, and says so if it is listened to |
/// | `% max-ping-time 500ms` | how the server is set up; also `handshake-timeout 5s`, `max-clients 2`, `exclusive`, `name Stand-in`, `scan until-stopped`, `scan impossible` |
///
/// A line that begins with a space goes on with the one before. `>`, `<` and `!` may have a client's name before them, as in
/// `other> [{"Ping": {"Id": 1}}]`. A connection is made when a client is first named. In an expected frame, `"*"` stands for any
/// value, and as the key of an object for any further fields. A client that has got more than what was expected of it when the
/// transcript ends is a mismatch.
///
/// ```
/// use frisson_testkit::Transcript;
///
/// let transcript: Transcript = r#"
///     ## The index counts from 0.
///     + V
///     > [{"RequestServerInfo": {"Id": 1, "ClientName": "Old Player", "MessageVersion": 1}}]
///     < [{"ServerInfo": {"Id": 1, "MaxPingTime": 0, "*": "*"}}]
///     > [{"VibrateCmd": {"Id": 2, "DeviceIndex": 0, "Speeds": [{"Index": 0, "Speed": 0.5}]}}]
///     < [{"Ok": {"Id": 2}}]
///     = V 0 Vibrate 10
///     ! cut
///     = V at rest
/// "#.parse()?;
/// transcript.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Transcript {
    pub(crate) setup: Setup,
    pub(crate) has_setup: bool,
    pub(crate) steps: Vec<(usize, Step)>,
}

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Send { client: String, text: String },
    Expect { client: String, frame: Value },
    Silence { client: String },
    Closed { client: String, code: u16 },
    Cut { client: String },
    Wait(Duration),
    Plug(String),
    Unplug(String),
    Told { address: String, feature: u32, kind: OutputKind, value: Option<i32>, duration: Option<Duration> },
    AtRest(String),
    Writes { address: String, count: usize },
    Listened { address: String, feature: u32, kind: InputKind, yes: bool },
    Measure { address: String, feature: u32, kind: InputKind, value: i64 },
}

/// A line of a transcript that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Where the server did something else than the transcript says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Mismatch {
    /// The line, counted from 1; of the last line if something came after the end.
    pub line: usize,
    /// What was expected, and what happened.
    pub what: String,
}

impl FromStr for Transcript {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }
}

impl Transcript {
    /// Plays it against a new virtual server, which is given back.
    ///
    /// # Errors
    /// The server did something else.
    ///
    /// # Panics
    /// The server broke a rule of the protocol, whatever the transcript says.
    pub fn run(&self) -> Result<crate::VirtualServer, Mismatch> {
        let mut server = crate::VirtualServer::new(self.setup.clone());
        server.play_steps(&self.steps)?;
        Ok(server)
    }

    /// The same, for a transcript that begins after the handshake: every client that it names completes that in this version first.
    ///
    /// # Errors
    /// The server did something else.
    ///
    /// # Panics
    /// As [`run`](Self::run), and when the server refuses the handshake.
    pub fn run_in(&self, dialect: Dialect) -> Result<crate::VirtualServer, Mismatch> {
        let mut server = crate::VirtualServer::new(self.setup.clone());
        server.greeting = Some(dialect);
        server.play_steps(&self.steps)?;
        Ok(server)
    }

    /// The frames that clients send, in order.
    pub fn sent(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::Send { text, .. } => Some(text.as_str()),
            _ => None,
        })
    }
}
