//! What holds for everything that can be said.

use std::sync::Arc;

use frisson_wire::dialect::Greeting;
use frisson_wire::{
    Device, DeviceChange, DeviceList, Dialect, Echo, ErrorCode, Event, Fault, Feature, Hello, Id, Input,
    InputAction, InputKind, InputRequest, Message, Output, OutputCommand, OutputKind, OutputRequest, Profile,
    Range, Reading, Reply, Request, RssiSpelling, Scope, ServerInfo, Slot, StopRequest, convert, frame,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::{OLD, World, decode_in, encode};

use Dialect::{V0, V1, V2, V3, V4};

fn any_id() -> impl Strategy<Value = Id> {
    any::<u32>().prop_filter_map("0 is no id", Id::new)
}

fn any_output(kind: OutputKind) -> impl Strategy<Value = Output> {
    (1..=1_000_000_i32, any::<bool>(), 0..5000_u32, 0..5000_u32).prop_map(
        move |(max, signed, least, more)| {
            let timed = kind == OutputKind::HwPositionWithDuration;
            Output {
                kind,
                value: Range::new(if signed && !timed { -max } else { 0 }, max),
                duration: timed.then_some(Range::new(least, least + more)),
            }
        },
    )
}

fn any_input(kind: InputKind) -> impl Strategy<Value = Input> {
    select(vec![(true, true), (true, false), (false, true)]).prop_map(move |(read, subscribe)| {
        let max = if kind == InputKind::Battery { 100 } else { 1 << 40 };
        let values = vec![Range::new(0, max)];
        Input { kind, values, read, subscribe, spelling: RssiSpelling::Rssi }
    })
}

prop_compose! {
    fn any_feature(index: u32)(
        description in ".{0,8}",
        outputs in subsequence(OutputKind::ALL.to_vec(), 0..=9)
            .prop_flat_map(|kinds| kinds.into_iter().map(any_output).collect::<Vec<_>>()),
        inputs in subsequence(InputKind::ALL.to_vec(), 1..=2)
            .prop_flat_map(|kinds| kinds.into_iter().map(any_input).collect::<Vec<_>>()),
        sensing in any::<bool>(),
    ) -> Feature {
        let inputs = if sensing || outputs.is_empty() { inputs } else { Vec::new() };
        Feature { index, description, outputs, inputs }
    }
}

prop_compose! {
    fn any_profile(index: u32)(
        name in ".{0,8}",
        display_name in proptest::option::of(".{0,8}"),
        gap_ms in any::<u32>(),
        features in btree_set(any::<u32>(), 0..6)
            .prop_flat_map(|indices| indices.into_iter().map(any_feature).collect::<Vec<_>>()),
    ) -> Profile {
        Profile::new(Device { index, name, display_name, gap_ms, features })
    }
}

fn any_devices() -> impl Strategy<Value = DeviceList> {
    btree_set(any::<u32>(), 0..4)
        .prop_flat_map(|indices| indices.into_iter().map(any_profile).collect::<Vec<_>>())
        .prop_map(|profiles| profiles.into_iter().map(Arc::new).collect())
}

fn any_command() -> impl Strategy<Value = OutputCommand> {
    (any::<u32>(), select(OutputKind::ALL.to_vec()), any::<i32>(), any::<u32>()).prop_map(
        |(feature, kind, value, duration)| {
            let timed = kind == OutputKind::HwPositionWithDuration;
            let value = if timed { value.saturating_abs() } else { value };
            OutputCommand { feature, kind, value, duration: timed.then_some(duration) }
        },
    )
}

fn any_input_request() -> impl Strategy<Value = InputRequest> {
    let actions = vec![InputAction::Read, InputAction::Subscribe, InputAction::Unsubscribe];
    (any::<u32>(), any::<u32>(), select(InputKind::ALL.to_vec()), select(actions), any::<bool>()).prop_map(
        |(device, feature, kind, action, upper)| {
            let upper = upper && kind == InputKind::Rssi;
            let spelling = if upper { RssiSpelling::Upper } else { RssiSpelling::Rssi };
            InputRequest { device, feature, kind, action, echo: Echo { spelling, sensor_index: 0 } }
        },
    )
}

fn any_stop() -> impl Strategy<Value = StopRequest> {
    let scope = prop_oneof![
        Just(Scope::All),
        any::<u32>().prop_map(Scope::Device),
        any::<(u32, u32)>().prop_map(|(device, feature)| Scope::Feature { device, feature }),
    ];
    (scope, any::<bool>(), any::<bool>()).prop_map(|(scope, inputs, outputs)| StopRequest {
        scope,
        inputs,
        outputs,
    })
}

fn plain_request() -> impl Strategy<Value = Request> {
    select(vec![Request::Ping, Request::StartScanning, Request::StopScanning, Request::DeviceList])
}

fn any_v4_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        plain_request(),
        Just(Request::Disconnect),
        (any::<u32>(), any_command()).prop_map(|(device, command)| {
            Request::Output(OutputRequest { device, commands: [command].into_iter().collect() })
        }),
        any_input_request().prop_map(Request::Input),
        any_stop().prop_map(Request::Stop),
    ]
}

fn any_reading() -> impl Strategy<Value = Reading> {
    (any::<u32>(), any::<u32>(), select(InputKind::ALL.to_vec()), 0..=100_i64).prop_map(
        |(device, feature, kind, value)| {
            let value = if kind == InputKind::Button { value % 2 } else { value };
            Reading { device, feature, kind, value }
        },
    )
}

fn any_fault() -> impl Strategy<Value = Fault> {
    (0..5_u32, ".*").prop_map(|(code, text)| Fault::new(ErrorCode::from_number(code), text))
}

fn any_server_info() -> impl Strategy<Value = ServerInfo> {
    (".*", any::<u32>())
        .prop_map(|(server_name, max_ping_time_ms)| ServerInfo { server_name, max_ping_time_ms })
}

/// Messages that every version has.
fn common_message() -> impl Strategy<Value = Message> {
    let reply = prop_oneof![
        Just(Reply::Ok),
        any_fault().prop_map(Reply::Error),
        any_server_info().prop_map(Reply::ServerInfo),
    ];
    prop_oneof![
        (any_id(), reply).prop_map(|(id, reply)| Message::Reply(id, reply)),
        Just(Message::Event(Event::ScanningFinished)),
        any_fault().prop_map(|fault| Message::Event(Event::Error(fault))),
    ]
}

fn any_v4_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        common_message(),
        (any_id(), any_devices()).prop_map(|(id, list)| Message::Reply(id, Reply::DeviceList(list))),
        any_devices()
            .prop_map(|all| Message::Event(Event::Devices { change: DeviceChange::Unspecified, all })),
        (any_id(), any_reading())
            .prop_map(|(id, reading)| { Message::Reply(id, Reply::Reading(reading, Echo::default())) }),
        any_reading().prop_map(|reading| Message::Event(Event::Reading(reading))),
    ]
}

/// What a client makes of the frames that a server writes.
fn heard(dialect: Dialect, message: &Message) -> Vec<Message> {
    let frames = encode(dialect, message).into_iter().map(|frame| frame.to_string());
    frames.filter_map(|text| dialect.decode_message(frame::split(&text).unwrap()[0]).unwrap()).collect()
}

/// What a server makes of the frame that a client writes, if it can.
fn understood(dialect: Dialect, id: Id, request: &Request, world: &World) -> Option<(Id, Request)> {
    let text = dialect.encode_request(id, request, world)?;
    let messages = frame::split(&text).unwrap();
    assert_eq!(messages.len(), 1);
    Some(dialect.decode_request(messages[0], world).unwrap_or_else(|refusal| panic!("{refusal}: {text}")))
}

/// Everything that outside text can reach.
fn feed(text: &str) {
    let world = crate::support::world();
    if let Ok(messages) = frame::split(text) {
        for message in messages {
            if let Greeting::Refused { refusal, .. } = Dialect::greet(message) {
                encode(Dialect::NEWEST, &refusal.into_message());
            }
            for dialect in Dialect::ALL {
                let _ = dialect.decode_message(message);
            }
        }
    }
    for dialect in Dialect::ALL {
        // The short way for a single message may give up, but never says anything else than the long way.
        if let Some(single) = dialect.decode_single(text, &world) {
            let messages = frame::split(text).expect("a frame");
            assert_eq!(messages.len(), 1, "{text}");
            assert_eq!(single, dialect.decode_request(messages[0], &world), "{text}");
        }
        for (id, request) in decode_in(&world, dialect, text).into_iter().flatten() {
            let id = Id::new(id).unwrap();
            dialect.encode_request(id, &request, &world);
        }
    }
}

fn any_example() -> impl Strategy<Value = &'static str> {
    let lines = include_str!("../examples.txt").lines();
    let examples: Vec<_> = lines.filter_map(|line| line.find('{').and_then(|at| line.get(at..))).collect();
    select(examples)
}

/// A small change: where, what to take out, what to put in.
fn any_edit() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let tokens = "null|true|-|[0-9]|1e400|0\\.5|[{}\\[\\],:\"\\\\]|\\[\\]|\\{\\}|\"\"|\\\\ud800|.";
    (any::<prop::sample::Index>(), 0..4_usize, tokens)
}

proptest! {
    #[test]
    fn any_text_is_survived(text in ".*") {
        feed(&text);
    }

    #[test]
    fn any_json_like_text_is_survived(
        text in "(\\[|\\]|\\{|\\}|,|:|\"Id\"|\"Ping\"|\"OutputCmd\"|\"Command\"|\"x\"|null|0|1|-1|0\\.5| ){0,40}",
    ) {
        feed(&text);
    }

    #[test]
    fn changed_messages_are_survived(example in any_example(), edits in vec(any_edit(), 1..4)) {
        let mut text: Vec<char> = format!("[{example}]").chars().collect();
        for (at, out, tokens) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + out).min(text.len());
            text.splice(at..end, tokens.chars());
        }
        feed(&text.into_iter().collect::<String>());
    }

    #[test]
    fn requests_of_version_4_come_back(id in any_id(), request in any_v4_request()) {
        let world = World { profiles: Vec::new(), last: 0.0 };
        prop_assert_eq!(understood(V4, id, &request, &world), Some((id, request)));
    }

    #[test]
    fn handshakes_come_back(id in any_id(), client_name in ".*", dialect in select(Dialect::ALL.to_vec())) {
        let world = World { profiles: Vec::new(), last: 0.0 };
        let hello = Hello { client_name, dialect };
        let text = dialect.encode_request(id, &Request::Hello(hello.clone()), &world).unwrap();
        let greeting = Dialect::greet(frame::split(&text).unwrap()[0]);
        prop_assert_eq!(greeting, Greeting::Hello(id, hello));
    }

    #[test]
    fn plain_requests_of_old_versions_come_back(
        id in any_id(),
        request in prop_oneof![
            plain_request(),
            Just(Request::Log),
            ".*".prop_filter("is refused", |text| text != "Error").prop_map(Request::Test),
            any_stop().prop_map(Request::Stop),
        ],
    ) {
        let world = World { profiles: Vec::new(), last: 0.0 };
        for dialect in OLD {
            if let Some(back) = understood(dialect, id, &request, &world) {
                prop_assert_eq!(back, (id, request.clone()));
            } else {
                prop_assert!(!matches!(request, Request::Ping | Request::StartScanning));
            }
        }
    }

    #[test]
    fn outputs_of_old_versions_come_back(
        id in any_id(),
        profile in any_profile(3),
        picks in vec(any::<(bool, u32)>(), 24),
    ) {
        let pick = |slots: &[Slot], signed: bool| -> Vec<OutputCommand> {
            let picked = slots.iter().zip(&picks).filter(|(_, (wanted, _))| *wanted);
            picked.map(|(slot, (_, seed))| {
                let value = i32::try_from(seed % (slot.steps + 1)).unwrap();
                let feature = profile.device().feature(slot.feature).unwrap();
                let range = feature.output(slot.kind).unwrap().duration;
                let duration = range.map(|range| range.clamp(*seed));
                let value = if signed && seed % 2 == 1 { -value } else { value };
                OutputCommand { feature: slot.feature, kind: slot.kind, value, duration }
            }).collect()
        };
        let unsigned_scalars = |commands: Vec<OutputCommand>| -> Vec<OutputCommand> {
            commands.into_iter().filter(|command| command.kind != OutputKind::Rotate).collect()
        };
        let cases = [
            (&[V1, V2, V3][..], pick(profile.vibrate(), false)),
            (&[V1, V2, V3], pick(profile.rotate(), true)),
            (&[V1, V2, V3], pick(profile.linear(), false)),
            (&[V3], unsigned_scalars(pick(profile.scalar(), false))),
        ];
        let world = World { profiles: vec![profile.clone()], last: 0.0 };
        for (dialects, commands) in cases {
            let nothing = commands.is_empty();
            let request = Request::Output(OutputRequest { device: 3, commands: commands.into() });
            for dialect in dialects {
                let back = understood(*dialect, id, &request, &world);
                prop_assert_eq!(back, (!nothing).then(|| (id, request.clone())), "{}", dialect);
            }
        }
    }

    #[test]
    fn outputs_of_version_0_come_back(
        id in any_id(),
        profile in any_profile(3),
        share in 0..=1000_u32,
        speed in 0..=100_u32,
        clockwise in any::<bool>(),
        position in 0..=99_u32,
    ) {
        let world = World { profiles: vec![profile.clone()], last: 0.0 };
        for text in [
            format!(r#"{{"SingleMotorVibrateCmd":{{"Id":1,"DeviceIndex":3,"Speed":{}}}}}"#, f64::from(share) / 1000.0),
            format!(r#"{{"VorzeA10CycloneCmd":{{"Id":1,"DeviceIndex":3,"Speed":{speed},"Clockwise":{clockwise}}}}}"#),
            format!(r#"{{"FleshlightLaunchFW12Cmd":{{"Id":1,"DeviceIndex":3,"Position":{position},"Speed":50}}}}"#),
        ] {
            let outcome = decode_in(&world, V0, &format!("[{text}]")).remove(0);
            let Ok((_, Request::Output(request))) = outcome else { continue };
            if request.commands.is_empty() {
                continue;
            }
            let Some((_, Request::Output(back))) =
                understood(V0, id, &Request::Output(request.clone()), &world)
            else {
                // Coarse speeds cannot always say what finer ones have led to.
                prop_assert!(text.contains("Vorze"), "{}", text);
                continue;
            };
            let values = |request: &OutputRequest| -> Vec<_> {
                request.commands.iter().map(|command| (command.feature, command.kind, command.value)).collect()
            };
            prop_assert_eq!(values(&back), values(&request), "{}", text);
        }
    }

    #[test]
    fn battery_reads_of_old_versions_come_back(id in any_id(), profile in any_profile(3)) {
        let world = World { profiles: vec![profile.clone()], last: 0.0 };
        for (index, feature) in (0..).zip(profile.sensor()) {
            let request = |sensor_index| Request::Input(InputRequest {
                device: 3,
                feature: *feature,
                kind: InputKind::Battery,
                action: InputAction::Read,
                echo: Echo { sensor_index, ..Echo::default() },
            });
            let back = understood(V3, id, &request(index), &world);
            prop_assert_eq!(back, Some((id, request(index))));
            let back = understood(V2, id, &request(0), &world);
            prop_assert_eq!(back, (index == 0).then(|| (id, request(0))));
        }
    }

    #[test]
    fn messages_of_version_4_come_back(message in any_v4_message()) {
        prop_assert_eq!(heard(V4, &message), [message]);
    }

    #[test]
    fn messages_of_old_versions_come_back(
        message in common_message(),
        id in any_id(),
        text in ".*",
        percent in 0..=100_i64,
        index in any::<(u32, u32)>(),
    ) {
        for dialect in OLD {
            prop_assert_eq!(heard(dialect, &message), [message.clone()]);
        }
        let test = Message::Reply(id, Reply::Test(text));
        for dialect in [V0, V1] {
            prop_assert_eq!(heard(dialect, &test), [test.clone()]);
        }
        for (dialect, feature) in [(V2, 0), (V3, index.1)] {
            let kind = InputKind::Battery;
            let reading = Reading { device: index.0, feature, kind, value: percent };
            let echo = Echo { sensor_index: feature, ..Echo::default() };
            let reading = Message::Reply(id, Reply::Reading(reading, echo));
            prop_assert_eq!(heard(dialect, &reading), [reading.clone()]);
        }
    }

    #[test]
    fn devices_of_old_versions_are_told_again_as_they_were_heard(id in any_id(), list in any_devices()) {
        for dialect in OLD {
            let message = Message::Reply(id, Reply::DeviceList(list.clone()));
            let said = encode(dialect, &message);
            let heard_list = heard(dialect, &message).remove(0);
            prop_assert_eq!(encode(dialect, &heard_list), said);
            prop_assert_eq!(heard(dialect, &heard_list), [heard_list.clone()]);
            for profile in list.iter() {
                for change in [DeviceChange::Added(profile.clone()), DeviceChange::Redefined(profile.clone())] {
                    let event = Message::Event(Event::Devices { change, all: list.clone() });
                    let said = encode(dialect, &event);
                    let again: Vec<_> =
                        heard(dialect, &event).iter().flat_map(|event| encode(dialect, event)).collect();
                    prop_assert_eq!(again, said);
                }
            }
        }
    }

    #[test]
    fn steps_are_never_more_than_the_range(fraction in any::<f64>(), steps in any::<u32>()) {
        let highest = i32::try_from(steps).unwrap_or(i32::MAX);
        prop_assert!((0..=highest).contains(&convert::intensity(fraction, steps)));
        prop_assert!((0..=highest).contains(&convert::timed_position(fraction, steps)));
    }

    #[test]
    fn every_step_is_its_own_fraction(steps in 1..=u32::MAX / 2, seed in any::<u32>()) {
        let step = i32::try_from(seed % (steps + 1)).unwrap();
        let fraction = convert::fraction(step, steps).unwrap();
        prop_assert_eq!(convert::timed_position(fraction, steps), step);
        if fraction >= 0.000_001 {
            prop_assert_eq!(convert::intensity(fraction, steps), step);
        }
    }
}
