//! Many devices of virtual hardware at once, each driven at a steady rate: what a command costs, and whether the newest values arrive.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::client::Session;
use crate::target::{Running, Target};
use crate::usage::{CpuReading, Memory};

/// How long devices may take to attach, and the last values to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// CPU per command with many devices, compared with one.
const GOAL: f64 = 1.3;

/// What is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bluetooth LE, where the server leaves time between two writes.
    Ble,
    /// Gamepads, where it writes at once.
    Gamepad,
}

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) devices: Vec<usize>,
    pub(crate) kind: Kind,
    /// Commands per second to each device; with `spread`, to all of them together.
    pub(crate) rate: u32,
    pub(crate) spread: bool,
    pub(crate) time: Duration,
}

impl Plan {
    /// Whether values do not go half way round between two writes, even when everything stands still for half a second, so that older and
    /// newer can be told apart.
    fn is_judged(&self, devices: usize) -> bool {
        let each = if self.spread { self.rate as usize / devices.max(1) } else { self.rate as usize };
        each < self.kind.most() as usize
    }
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "ble" => Ok(Self::Ble),
            "gamepad" => Ok(Self::Gamepad),
            _ => Err(format!("{name} is not ble or gamepad").into()),
        }
    }

    fn advert(self, number: usize) -> Value {
        let device = format!("d{number}");
        match self {
            Self::Ble => {
                json!({"type": "advertise", "device": device, "transport": "btle", "name": "Massage Demo",
                "address": format!("c0:00:00:00:{:02x}:{:02x}", number / 256, number % 256),
                "services": [{"uuid": "0000ff00-0000-1000-8000-00805f9b34fb",
                    "characteristics": [{"uuid": "0000ff01-0000-1000-8000-00805f9b34fb"}]}]})
            }
            Self::Gamepad => {
                json!({"type": "advertise", "device": device, "transport": "gamepad", "name": "Gamepad",
                "address": device, "capabilities": ["rumble"]})
            }
        }
    }

    /// Values go round from 1 to this.
    fn most(self) -> u32 {
        match self {
            Self::Ble => 127,
            Self::Gamepad => 65_535,
        }
    }

    /// The value of the first motor that a write carries.
    fn value(self, data: &str) -> Option<u32> {
        let byte = |at: usize| u32::from_str_radix(data.get(at..at + 2)?, 16).ok();
        match self {
            Self::Ble => (byte(0)? == 0xF1).then(|| byte(2)).flatten(),
            Self::Gamepad => Some(byte(0)? | byte(2)? << 8),
        }
    }
}

/// One number of devices.
struct Measured {
    devices: usize,
    attached: Duration,
    commands: usize,
    written: usize,
    /// µs
    cpu: f64,
    resident: f64,
    wrong: Vec<String>,
}

/// Measures, prints, and tells whether the goals are met.
pub(crate) fn run(program: &Path, plan: &Plan) -> Result<bool, Failure> {
    println!(
        "\nvirtual hardware, {:?}, {} commands/s to {}, {:?}",
        plan.kind,
        plan.rate,
        if plan.spread { "all together" } else { "each device" },
        plan.time
    );
    println!(
        "{:>8} {:>12} {:>10} {:>10} {:>16} {:>8} {:>14}",
        "devices", "attached", "commands", "written", "CPU/command µs", "ratio", "resident MiB"
    );
    let (mut first, mut met) = (None, true);
    for devices in &plan.devices {
        let measured = measure(program, plan, *devices)?;
        let ratio = measured.cpu / *first.get_or_insert(measured.cpu);
        println!(
            "{:>8} {:>12.1?} {:>10} {:>10} {:>16.2} {:>7.2}x {:>14.2}",
            measured.devices,
            measured.attached,
            measured.commands,
            measured.written,
            measured.cpu,
            ratio,
            measured.resident
        );
        measured.wrong.iter().take(10).for_each(|wrong| println!("  WRONG: {wrong}"));
        met &= ratio <= GOAL && measured.wrong.is_empty();
    }
    println!(
        "{} newest values of every device, in order; CPU per command within {GOAL}x of the first line",
        if met { "met   " } else { "MISSED" }
    );
    Ok(met)
}

fn measure(program: &Path, plan: &Plan, devices: usize) -> Result<Measured, Failure> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let words = ["serve", "--listen", "127.0.0.1:0", "--virtual-hardware-port"].map(str::to_owned);
    let program = [program.to_string_lossy().into_owned()].into_iter().chain(words).chain([port.to_string()]);
    let running = Target::new(program.collect())?.start(devices)?;
    let hardware = Hardware::open(([127, 0, 0, 1], port).into(), plan.kind, devices)?;
    let mut session = Session::open(running.addr)?;
    let began = Instant::now();
    session.request(r#"[{"StartScanning":{"Id":2}}]"#, "Ok")?;
    let indices = hardware.wait_ready(devices)?;
    let attached = began.elapsed();
    session.request(r#"[{"StopScanning":{"Id":3}}]"#, "Ok")?;
    let sent = drive(&running, session, plan, &indices)?;
    let (written, wrong) = hardware.settle(plan.kind, plan.is_judged(devices), &sent.last)?;
    Ok(Measured {
        devices,
        attached,
        commands: sent.commands,
        written,
        cpu: sent.cpu,
        resident: Memory::take(running.pid())?.resident as f64 / 1024.0,
        wrong,
    })
}

struct Sent {
    commands: usize,
    cpu: f64,
    /// The last value that each device was to get, by its name.
    last: BTreeMap<String, u32>,
}

/// Sends commands evenly in time, each a frame of its own.
fn drive(
    running: &Running,
    session: Session,
    plan: &Plan,
    indices: &BTreeMap<String, u64>,
) -> Result<Sent, Failure> {
    let per_second = plan.rate * if plan.spread { 1 } else { u32::try_from(indices.len())? };
    let pause = Duration::from_secs(1) / per_second;
    let (mut writer, mut reader) = session.split()?;
    let total = usize::try_from(plan.time.as_nanos() / pause.as_nanos())?;
    let answers = thread::spawn(move || -> Result<(), String> {
        let mut answered = 0;
        while answered < total {
            let frame = reader.next_frame().map_err(|why| why.to_string())?;
            if frame.contains("\"Error\"") {
                return Err(format!("the server answered {frame}"));
            }
            answered += frame.matches("\"Ok\"").count();
        }
        Ok(())
    });
    let devices: Vec<_> = indices.iter().collect();
    let mut values = vec![0; devices.len()];
    let before = CpuReading::take(running.pid())?;
    let began = Instant::now();
    let mut sent = 0;
    while sent < total {
        let due = usize::try_from(began.elapsed().as_nanos() / pause.as_nanos())? + 1;
        while sent < due.min(total) {
            let at = sent % devices.len();
            values[at] = values[at] % plan.kind.most() + 1;
            let id = sent + 10;
            let (index, value) = (devices[at].1, values[at]);
            writer.send_frame(&format!(
                r#"[{{"OutputCmd":{{"Id":{id},"DeviceIndex":{index},"FeatureIndex":0,"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
            ))?;
            sent += 1;
        }
        let next = began + pause * u32::try_from(sent)?;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    answers.join().map_err(|_| "the reader failed")??;
    // What the last values cost belongs to them.
    thread::sleep(Duration::from_millis(200));
    let cpu = CpuReading::take(running.pid())?.since(&before) as f64 / 1e3 / total as f64;
    let last = devices.iter().zip(values).map(|((name, _), value)| ((*name).clone(), value)).collect();
    // The session stays open: its end would stop the devices.
    std::mem::forget(writer);
    Ok(Sent { commands: total, cpu, last })
}

/// The host of all devices: answers every request at once and tells what was written.
struct Hardware {
    heard: mpsc::Receiver<Heard>,
}

enum Heard {
    Ready(String, u64),
    Write(String, u32),
    Wrong(String),
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    id: Option<u64>,
    #[serde(default)]
    device: &'a str,
    #[serde(default)]
    data: &'a str,
    index: Option<u64>,
}

impl Hardware {
    fn open(address: SocketAddr, kind: Kind, devices: usize) -> Result<Self, Failure> {
        let (mut writer, mut reader) = Session::upgrade(address)?.split()?;
        writer.send_frame(r#"{"type":"hello","version":1,"host":"Frisson benchmark"}"#)?;
        for number in 0..devices {
            writer.send_frame(&kind.advert(number).to_string())?;
        }
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(text) = reader.next_frame() {
                let Ok(frame) = serde_json::from_str::<Frame<'_>>(&text) else {
                    let _ = tell.send(Heard::Wrong(text));
                    continue;
                };
                let device = frame.device.to_owned();
                let event = match (frame.kind, frame.index) {
                    ("ready", Some(index)) => Some(Heard::Ready(device, index)),
                    ("write", _) => Some(
                        kind.value(frame.data)
                            .map_or_else(|| Heard::Wrong(text.clone()), |value| Heard::Write(device, value)),
                    ),
                    ("error" | "ignored", _) => Some(Heard::Wrong(text.clone())),
                    _ => None,
                };
                if event.is_some_and(|event| tell.send(event).is_err()) {
                    return;
                }
                let answer = frame.id.map(|id| format!(r#"{{"type":"ok","id":{id}}}"#));
                if answer.is_some_and(|answer| writer.send_frame(&answer).is_err()) {
                    return;
                }
            }
        });
        Ok(Self { heard })
    }

    /// The index of each device, once all are ready.
    fn wait_ready(&self, devices: usize) -> Result<BTreeMap<String, u64>, Failure> {
        let mut indices = BTreeMap::new();
        while indices.len() < devices {
            match self.heard.recv_timeout(PATIENCE) {
                Ok(Heard::Ready(device, index)) => drop(indices.insert(device, index)),
                Ok(Heard::Wrong(frame)) => return Err(format!("the server said {frame}").into()),
                Ok(Heard::Write(..)) => {}
                Err(_) => return Err(format!("only {} of {devices} devices are ready", indices.len()).into()),
            }
        }
        Ok(indices)
    }

    /// How many writes there were, and what is wrong: values that are older than one before (where that `is_judged`), and last values that
    /// never came.
    fn settle(
        self,
        kind: Kind,
        is_judged: bool,
        last: &BTreeMap<String, u32>,
    ) -> Result<(usize, Vec<String>), Failure> {
        let (mut writes, mut wrong) = (0, Vec::new());
        let mut present = BTreeMap::<String, u32>::new();
        let end = Instant::now() + PATIENCE;
        loop {
            let is_done = last.iter().all(|(device, value)| present.get(device) == Some(value));
            // What is here already is looked at in any case: something older may follow the newest.
            let wait = if is_done {
                Duration::from_millis(200)
            } else {
                end.saturating_duration_since(Instant::now())
            };
            match self.heard.recv_timeout(wait) {
                Ok(Heard::Write(device, value)) => {
                    writes += 1;
                    if let (Some(before), true) = (present.insert(device.clone(), value), is_judged) {
                        let ahead = (value + kind.most() - before) % kind.most();
                        if ahead == 0 || ahead > kind.most() / 2 {
                            wrong.push(format!("{device} was told {value} after {before}"));
                        }
                    }
                }
                Ok(Heard::Wrong(frame)) => wrong.push(frame),
                Ok(Heard::Ready(..)) => {}
                Err(_) => break,
            }
        }
        let lost = last.iter().filter(|(device, value)| present.get(*device) != Some(value));
        wrong.extend(lost.map(|(device, value)| {
            format!("{device} ends with {:?} instead of {value}", present.get(device))
        }));
        Ok((writes, wrong))
    }
}
