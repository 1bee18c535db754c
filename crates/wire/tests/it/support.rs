//! Devices to talk about, and short ways to talk.

use std::sync::Arc;

use frisson_wire::rules::check_server_frame;
use frisson_wire::{
    Device, DeviceList, Dialect, Feature, Id, Input, InputKind, Message, Output, OutputCommand, OutputKind,
    OutputRequest, Profile, Range, Request, RssiSpelling, View, frame,
};
use serde_json::Value;

/// One vibrator 0..20, and a battery.
pub(crate) const V: u32 = 0;
/// Two vibrators 0..20.
pub(crate) const E: u32 = 1;
/// Vibrate 0..20 and signed rotate ±20.
pub(crate) const N: u32 = 2;
/// The canonical device of `wire.md` 5.1.
pub(crate) const B: u32 = 3;
/// Position and timed position 0..999.
pub(crate) const L: u32 = 4;
/// Two timed positions 0..999, and two batteries.
pub(crate) const T: u32 = 5;

/// All devices, and where everything was last sent to.
pub(crate) struct World {
    pub(crate) profiles: Vec<Profile>,
    pub(crate) last: f64,
}

impl View for World {
    fn profile(&self, device: u32) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.device().index == device)
    }

    fn last_position(&self, _device: u32, _feature: u32) -> f64 {
        self.last
    }
}

impl World {
    pub(crate) fn list(&self) -> DeviceList {
        self.profiles.iter().cloned().map(Arc::new).collect()
    }
}

pub(crate) fn world() -> World {
    let profiles = vec![
        device(V, "Vibe", vec![output(OutputKind::Vibrate, 0, 20), battery()]),
        device(E, "Egg", vec![output(OutputKind::Vibrate, 0, 20), output(OutputKind::Vibrate, 0, 20)]),
        device(N, "Nora", vec![output(OutputKind::Vibrate, 0, 20), output(OutputKind::Rotate, -20, 20)]),
        canonical(),
        device(L, "Launch", vec![stroke(999)]),
        device(T, "Twin", vec![stroke(999), stroke(999), battery(), battery()]),
    ];
    World { profiles, last: 0.0 }
}

pub(crate) fn device(index: u32, name: &str, features: Vec<Feature>) -> Profile {
    let features = features
        .into_iter()
        .zip(0..)
        .map(|(feature, at)| Feature { index: at, description: format!("{name} {at}"), ..feature })
        .collect();
    Profile::new(Device { index, name: name.to_owned(), display_name: None, gap_ms: 0, features })
}

/// A feature with one output.
pub(crate) fn output(kind: OutputKind, min: i32, max: i32) -> Feature {
    let duration = (kind == OutputKind::HwPositionWithDuration).then_some(Range::new(0, 10_000));
    let outputs = vec![Output { kind, value: Range::new(min, max), duration }];
    Feature { outputs, ..Feature::default() }
}

/// A feature with one input.
pub(crate) fn input(kind: InputKind, max: i64, read: bool, subscribe: bool) -> Feature {
    let values = vec![Range::new(0, max)];
    let spelling = RssiSpelling::default();
    Feature { inputs: vec![Input { kind, values, read, subscribe, spelling }], ..Feature::default() }
}

fn battery() -> Feature {
    input(InputKind::Battery, 100, true, false)
}

fn stroke(max: i32) -> Feature {
    let mut feature = output(OutputKind::HwPositionWithDuration, 0, max);
    feature.outputs.extend(output(OutputKind::Position, 0, max).outputs);
    feature
}

/// `wire.md` 5.1.
pub(crate) fn canonical() -> Profile {
    let named = |index, description: &str, feature: Feature| Feature {
        index,
        description: description.to_owned(),
        ..feature
    };
    Profile::new(Device {
        index: B,
        name: "Example Rabbit".to_owned(),
        display_name: Some("Left bunny".to_owned()),
        gap_ms: 100,
        features: vec![
            named(0, "Shaft", output(OutputKind::Vibrate, 0, 20)),
            named(1, "Ear", output(OutputKind::Vibrate, 0, 10)),
            named(2, "Head", output(OutputKind::Rotate, -15, 15)),
            named(3, "Thruster", output(OutputKind::Oscillate, 0, 8)),
            named(4, "Stroke", stroke(99)),
            named(5, "Lamp", output(OutputKind::Led, 0, 1)),
            named(6, "Battery", battery()),
            named(7, "Bulb", input(InputKind::Pressure, 2000, false, true)),
        ],
    })
}

pub(crate) fn id(number: u32) -> Id {
    Id::new(number).unwrap()
}

/// What is made of each message of a client's frame: its id and the request, or the id and code of the error.
pub(crate) type Outcome = Result<(u32, Request), (u32, u8)>;

pub(crate) fn decode(dialect: Dialect, text: &str) -> Vec<Outcome> {
    decode_in(&world(), dialect, text)
}

pub(crate) fn decode_in(world: &World, dialect: Dialect, text: &str) -> Vec<Outcome> {
    let messages = match frame::split(text) {
        Ok(messages) => messages,
        Err(fault) => return vec![Err((0, fault.code.number()))],
    };
    messages
        .into_iter()
        .map(|message| match dialect.decode_request(message, world) {
            Ok((id, request)) => Ok((id.get(), request)),
            Err(refusal) => {
                assert!((1..300).contains(&refusal.fault.message.chars().count()), "{}", refusal.fault);
                let outcome = (refusal.id.map_or(0, Id::get), refusal.fault.code.number());
                let frames = encode(dialect, &refusal.into_message());
                let error = &frames[0][0]["Error"];
                assert_eq!((error["Id"].as_u64(), error["ErrorCode"].as_u64()), {
                    (Some(u64::from(outcome.0)), Some(u64::from(outcome.1)))
                });
                Err(outcome)
            }
        })
        .collect()
}

/// What is made of a frame of one message.
pub(crate) fn decode_one(dialect: Dialect, text: &str) -> Outcome {
    let mut outcomes = decode(dialect, text);
    assert_eq!(outcomes.len(), 1, "{text}");
    outcomes.remove(0)
}

/// The error code for a frame of one message, which is refused under its own id (10).
pub(crate) fn code(dialect: Dialect, text: &str) -> u8 {
    match decode_one(dialect, text) {
        Err((10, code)) => code,
        other => panic!("{text}: {other:?}"),
    }
}

/// The outputs that a frame of one message sets: feature and value.
pub(crate) fn values(dialect: Dialect, text: &str) -> Vec<(u32, i32)> {
    outputs(dialect, text).commands.iter().map(|command| (command.feature, command.value)).collect()
}

pub(crate) fn outputs(dialect: Dialect, text: &str) -> OutputRequest {
    match decode_one(dialect, text) {
        Ok((_, Request::Output(request))) => request,
        other => panic!("{text}: {other:?}"),
    }
}

/// The frames of a message, each of them checked against the tables (W-16).
pub(crate) fn encode(dialect: Dialect, message: &Message) -> Vec<Value> {
    let mut frames = Vec::new();
    dialect.encode_message(message, &mut |text| {
        check_server_frame(dialect, &text).unwrap();
        frames.push(serde_json::from_str(&text).unwrap());
    });
    frames
}

/// What a client makes of a frame of one message.
pub(crate) fn hear(dialect: Dialect, text: &str) -> Option<Message> {
    let messages = frame::split(text).unwrap();
    assert_eq!(messages.len(), 1, "{text}");
    dialect.decode_message(messages[0]).unwrap()
}

pub(crate) fn command(feature: u32, kind: OutputKind, value: i32) -> OutputCommand {
    OutputCommand { feature, kind, value, duration: None }
}

pub(crate) const OLD: [Dialect; 4] = [Dialect::V0, Dialect::V1, Dialect::V2, Dialect::V3];
