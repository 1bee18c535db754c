//! A server under measurement: its command line, and the process that runs it.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Failure;
use crate::client::Session;

const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may print nothing before it is looked at again.
const TURN: Duration = Duration::from_millis(100);
/// Lines of a failed server's output that are shown.
const LAST_LINES: usize = 20;

/// How to start a server.
pub(crate) struct Target {
    pub(crate) name: String,
    words: Vec<String>,
}

impl Target {
    /// `{port}` in the words becomes a free port, `{devices}` the number of devices. Without `{port}`, the
    /// server must print `ws://ADDR:PORT`.
    pub(crate) fn new(words: Vec<String>) -> Result<Self, Failure> {
        let program = words.first().ok_or("a server needs a command line")?;
        let name = Path::new(program).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, words })
    }

    pub(crate) fn takes_devices(&self) -> bool {
        self.words.iter().any(|word| word.contains("{devices}"))
    }

    /// Starts the server and waits until it takes connections.
    pub(crate) fn start(&self, devices: usize) -> Result<Running, Failure> {
        let wants_port = self.words.iter().any(|word| word.contains("{port}"));
        let port = if wants_port { TcpListener::bind("127.0.0.1:0")?.local_addr()?.port() } else { 0 };
        let (port_text, devices_text) = (port.to_string(), devices.to_string());
        let fill = |word: &String| word.replace("{port}", &port_text).replace("{devices}", &devices_text);
        let words: Vec<_> = self.words.iter().map(fill).collect();

        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = Instant::now();
        let child = command.spawn().map_err(|error| format!("{}: {error}", words.join(" ")))?;
        let mut running = Running { child, spawned, addr: ([127, 0, 0, 1], port).into() };
        let lines = running.follow_output();
        let mut printed = Vec::new();
        running.wait_listening(wants_port, &lines, &mut printed).map_err(|failure| {
            let last = &printed[printed.len().saturating_sub(LAST_LINES)..];
            format!("{}: {failure}\n{}", words.join(" "), last.join("\n"))
        })?;
        Ok(running)
    }
}

/// A server that runs; it is killed when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) spawned: Instant,
    pub(crate) addr: SocketAddr,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads all that the server prints, for as long as it runs, so that it never waits for a full pipe.
    fn follow_output(&mut self) -> mpsc::Receiver<String> {
        let (lines, received) = mpsc::channel();
        if let Some(output) = self.child.stdout.take() {
            let lines = lines.clone();
            thread::spawn(move || follow(output, &lines));
        }
        if let Some(output) = self.child.stderr.take() {
            thread::spawn(move || follow(output, &lines));
        }
        received
    }

    fn wait_listening(
        &mut self,
        fixed_port: bool,
        lines: &mpsc::Receiver<String>,
        printed: &mut Vec<String>,
    ) -> Result<(), Failure> {
        while self.spawned.elapsed() < PATIENCE {
            if fixed_port {
                if TcpStream::connect(self.addr).is_ok() {
                    return Ok(());
                }
                thread::sleep(Duration::from_micros(100));
            } else if let Ok(line) = lines.recv_timeout(TURN) {
                let addr = printed_addr(&line);
                printed.push(line);
                if let Some(addr) = addr {
                    self.addr = addr;
                    return Ok(());
                }
            }
            if let Some(status) = self.child.try_wait()? {
                while let Ok(line) = lines.recv_timeout(TURN) {
                    printed.push(line);
                }
                return Err(format!("ended before it listened ({status})").into());
            }
        }
        Err(format!("did not listen within {PATIENCE:?}").into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(output: impl Read, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // Nobody listens any more once the server runs.
        let _ = lines.send(line);
    }
}

/// An output that can be driven.
pub(crate) struct Output {
    pub(crate) device: u64,
    pub(crate) feature: u64,
    pub(crate) most: i64,
}

/// Waits until the server lists `wanted` devices, scanning for them if they are not there at once; returns
/// how many it lists and the first one's vibrating output.
pub(crate) fn devices(session: &mut Session, wanted: usize) -> Result<(usize, Option<Output>), Failure> {
    let start = Instant::now();
    let mut scanned = false;
    loop {
        let list = session.request(r#"[{"RequestDeviceList":{"Id":2}}]"#, "DeviceList")?;
        let listed = list["Devices"].as_object().ok_or("a DeviceList without Devices")?;
        if listed.len() >= wanted || start.elapsed() > PATIENCE / 2 {
            return Ok((listed.len(), listed.values().find_map(vibrator)));
        }
        if !scanned {
            session.request(r#"[{"StartScanning":{"Id":3}}]"#, "Ok")?;
            scanned = true;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn vibrator(device: &Value) -> Option<Output> {
    device["DeviceFeatures"].as_object()?.values().find_map(|feature| {
        Some(Output {
            device: device["DeviceIndex"].as_u64()?,
            feature: feature["FeatureIndex"].as_u64()?,
            most: feature["Output"]["Vibrate"]["Value"][1].as_i64()?,
        })
    })
}

fn printed_addr(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("ws://")?;
    let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Splits a command line at white space outside quotes.
pub(crate) fn split_words(line: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("{open} is not closed in: {line}").into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_from_a_sentence() {
        let addr = Some(([127, 0, 0, 1], 4321).into());
        assert_eq!(printed_addr("listening on ws://127.0.0.1:4321, and on the panel"), addr);
        assert_eq!(printed_addr("ws://127.0.0.1:4321/"), addr);
        assert_eq!(printed_addr("listening"), None);
    }

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(
            split_words(r#"run --name 'a b'  "" x"y z""#).unwrap(),
            ["run", "--name", "a b", "", "xy z"]
        );
        assert!(split_words("run 'a").is_err());
    }

    #[test]
    fn the_first_vibrating_output_is_found() {
        let device = serde_json::json!({"DeviceIndex": 3, "DeviceFeatures": {
            "0": {"FeatureIndex": 0, "Input": {"Battery": {"Value": [[0, 100]]}}},
            "1": {"FeatureIndex": 1, "Output": {"Vibrate": {"Value": [0, 9]}}}}});
        let output = vibrator(&device).unwrap();
        assert_eq!((output.device, output.feature, output.most), (3, 1, 9));
    }
}
