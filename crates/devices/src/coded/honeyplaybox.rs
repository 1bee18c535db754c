//! Honey Play Box: framed packets with a CRC, each signed with a key that the device hands out, and repeated because a packet lasts
//! 6 s only.

use std::collections::VecDeque;
use std::time::Duration;

use crc::{CRC_16_MODBUS, Crc};
use frisson_program::{Change, Context, Endpoint, Operation, Program, State};
use frisson_wire::{InputKind, OutputKind};
use md5::{Digest, Md5};

use super::Setup;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// How a frame begins.
const START: [u8; 6] = [0x02, 0xa5, 0x5a, 0x55, 0xaa, 0xf0];
/// What stands between the beginning and the data: counter, type, command, length.
const HEAD: usize = START.len() + 5;
/// What stands around the data: the head, the end mark, the CRC.
const AROUND: usize = HEAD + 3;
const END: u8 = 0x03;
const TYPE: u8 = 0xb1;

const HANDSHAKE: u8 = 0x01;
const MOTORS: u8 = 0x03;
const ACCEPTED: u16 = 0x9000;

/// A frame of the device with more data than this is none.
const MOST_DATA: usize = 256;

const SECRET: [u8; 16] =
    [0x8b, 0xe3, 0xfd, 0x04, 0x68, 0x35, 0x09, 0x86, 0x12, 0x1a, 0xbf, 0x03, 0x30, 0xe9, 0xe3, 0xc5];

/// How long each attempt of the handshake waits.
const PATIENCE: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(4)];

/// The device is fed when nothing was written for this long.
const FEEDING: Duration = Duration::from_millis(500);

pub(super) struct HoneyPlayBox {
    setup: Setup,
    battery: Option<Endpoint>,
    phase: Phase,
    /// The number of the next frame.
    counter: u8,
    /// What signs packets; the device hands it out.
    key: [u8; 16],
    /// What was heard and not yet understood.
    heard: Vec<u8>,
    /// Whether the motors were ever told anything; before that there is nothing to repeat.
    driven: bool,
    /// Features whose battery is being read.
    reads: VecDeque<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Subscribing,
    /// The device has to accept; so many attempts have been made.
    Waiting(usize),
    Greeted,
}

/// What the device sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
}

impl HoneyPlayBox {
    pub(super) fn new(setup: Setup) -> Self {
        let battery = setup.endpoint("rxblebattery");
        Self {
            setup,
            battery,
            phase: Phase::Subscribing,
            counter: 0,
            key: [0; 16],
            heard: Vec::new(),
            driven: false,
            reads: VecDeque::new(),
        }
    }

    fn send(&mut self, command: u8, data: &[u8], cx: &mut Context<'_>) {
        match frame(self.counter, command, data) {
            Some(frame) => cx.write(Endpoint::TX, &frame, true),
            None => cx.fail("a frame has room for 65535 bytes of data"),
        }
        self.counter = self.counter.wrapping_add(1);
    }

    fn ask(&mut self, attempt: usize, cx: &mut Context<'_>) {
        self.heard.clear();
        self.phase = Phase::Waiting(attempt);
        self.send(HANDSHAKE, &[0x00, 0x10], cx);
    }

    fn answer(&mut self, data: &[u8], cx: &mut Context<'_>) {
        let Some((code, rest)) = data.split_first_chunk::<2>() else { return };
        let code = u16::from_be_bytes(*code);
        match (code, rest.try_into(), self.phase) {
            // Also when it comes late, to a question that was repeated: the newest key counts.
            (ACCEPTED, Ok(key), Phase::Waiting(_) | Phase::Greeted) => self.key = key,
            (ACCEPTED, Err(_), Phase::Waiting(_)) => {
                return cx.fail(format!("the device handed out a key of {} bytes instead of 16", rest.len()));
            }
            (code, _, Phase::Waiting(_)) if code != ACCEPTED => {
                return cx.fail(format!("the device refused the handshake with code {code:04x}"));
            }
            _ => return,
        }
        if self.phase == Phase::Greeted {
            return;
        }
        self.phase = Phase::Greeted;
        // The vendor's numbers have a gap here.
        self.counter = self.counter.wrapping_add(1);
        let inputs: &[_] = if self.battery.is_some() { &[InputKind::Battery] } else { &[] };
        let mut motors = 0;
        let mut description = self.setup.describe(&self.setup.name, cx, inputs, |_, output| {
            let range = match output.kind {
                OutputKind::Vibrate | OutputKind::Oscillate => 0..=100,
                OutputKind::Rotate => -100..=100,
                OutputKind::Constrict => 0..=155,
                _ => return false,
            };
            let driven =
                motors < 16 && range.contains(&output.value.min) && range.contains(&output.value.max);
            motors += i32::from(driven);
            driven
        });
        description.keepalive = Some(FEEDING);
        cx.ready(description);
    }
}

/// A frame around data; `None` if there is too much of it.
pub(super) fn frame(counter: u8, command: u8, data: &[u8]) -> Option<Vec<u8>> {
    let mut body = vec![TYPE, command];
    body.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
    body.extend(data);
    let mut frame = START.to_vec();
    frame.push(counter);
    frame.extend(&body);
    frame.push(END);
    frame.extend(CRC.checksum(&body).to_be_bytes());
    Some(frame)
}

/// The data of a packet for these motors, signed.
pub(super) fn motors(strengths: &[u8], key: &[u8; 16]) -> Option<Vec<u8>> {
    let mut data = Vec::with_capacity(8 * strengths.len() + 8);
    for (motor, strength) in (0_u8..16).zip(strengths) {
        // Work mode 1, for 60 times 100 ms, at frequency 0.
        data.extend([motor << 4 | 1, 0x00, 0x05, 0x00, 0x3c, 0x00, 0x00, *strength]);
    }
    let length = u16::try_from(data.len().checked_add(8)?).ok()?;
    let mut hash = Md5::new();
    hash.update([TYPE, MOTORS]);
    hash.update(length.to_be_bytes());
    hash.update(&data);
    hash.update(SECRET);
    hash.update(key);
    data.extend(hash.finalize().iter().take(8));
    Some(data)
}

/// Takes the first whole frame out of what was heard, and what stands before it. Bytes that are no part of a right frame are dropped.
pub(super) fn next_frame(heard: &mut Vec<u8>) -> Option<Frame> {
    loop {
        let found = heard.windows(START.len()).position(|window| window == START);
        // Without a beginning, the last bytes may be the first part of one.
        let garbage = found.unwrap_or_else(|| heard.len().saturating_sub(START.len() - 1));
        heard.drain(..garbage);
        found?;
        let length =
            heard.get(HEAD - 2..HEAD)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > MOST_DATA {
            heard.drain(..1);
            continue;
        }
        let body = heard.get(..AROUND + length)?.get(START.len() + 1..)?;
        if let Some(frame) = unpack(body, length) {
            heard.drain(..AROUND + length);
            return Some(frame);
        }
        heard.drain(..1);
    }
}

/// The frame, from its type to its CRC, if mark and CRC are right.
fn unpack(body: &[u8], length: usize) -> Option<Frame> {
    let (checked, rest) = body.split_at_checked(4 + length)?;
    let [_, command, _, _, data @ ..] = checked else { return None };
    let (end, crc) = rest.split_first()?;
    let right = *end == END && crc == CRC.checksum(checked).to_be_bytes();
    right.then(|| Frame { command: *command, data: data.to_vec() })
}

fn strength(kind: OutputKind, value: i32) -> Option<u8> {
    let strength = match kind {
        OutputKind::Constrict if value > 0 => value.checked_add(100)?,
        _ => value.checked_abs()?,
    };
    u8::try_from(strength).ok()
}

impl Program for HoneyPlayBox {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.listen(Endpoint::RX, true);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        if cx.is_ready() {
            let Operation::Read { .. } = operation else { return };
            let Some(feature) = self.reads.pop_front() else { return };
            let level = match result.map(<[u8]>::first) {
                Ok(Some(level)) => Ok(i64::from(*level)),
                Ok(None) => Err("the device gave no bytes for its battery level".to_owned()),
                Err(reason) => Err(format!("the battery level could not be read: {reason}")),
            };
            return cx.read_done(feature, InputKind::Battery, level);
        }
        match (self.phase, result) {
            (_, Err(reason)) => cx.fail(format!("{operation} failed: {reason}")),
            (Phase::Subscribing, Ok(_)) => self.ask(1, cx),
            (Phase::Waiting(attempt), Ok(_)) => {
                let patience = PATIENCE.get(attempt.saturating_sub(1)).copied().unwrap_or_default();
                cx.wake_at(cx.now() + patience);
            }
            (Phase::Greeted, Ok(_)) => {}
        }
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if from != Endpoint::RX || self.phase == Phase::Subscribing {
            return;
        }
        self.heard.extend(bytes);
        while let Some(frame) = next_frame(&mut self.heard) {
            if frame.command == HANDSHAKE {
                self.answer(&frame.data, cx);
            }
        }
    }

    fn render(&mut self, _: &[Change], state: &State, cx: &mut Context<'_>) {
        let strengths = state.outputs().iter().map(|output| strength(output.kind, output.value));
        match strengths.collect::<Option<Vec<_>>>().and_then(|strengths| motors(&strengths, &self.key)) {
            Some(data) => {
                self.driven = true;
                self.send(MOTORS, &data, cx);
            }
            None => cx.fail("a motor's strength does not fit one byte"),
        }
    }

    fn keepalive(&mut self, state: &State, cx: &mut Context<'_>) {
        if self.driven {
            self.render(&[], state, cx);
        }
    }

    fn read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        match self.battery {
            Some(battery) if kind == InputKind::Battery => {
                self.reads.push_back(feature);
                cx.read(battery);
            }
            _ => cx.read_done(feature, kind, Err(format!("{kind} cannot be read"))),
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Waiting(attempt) if attempt < PATIENCE.len() => self.ask(attempt + 1, cx),
            Phase::Waiting(attempt) => {
                cx.fail(format!("the device did not answer any of the {attempt} attempts at a handshake"))
            }
            Phase::Subscribing | Phase::Greeted => {}
        }
    }
}
