//! A user's limit holds for every message of every spec version, in any order, whoever comes and goes: no write is ever beyond it.

use std::time::Duration;

use frisson_testkit::wire::{Dialect, OutputKind, Range};
use frisson_testkit::{Faults, Limit, TestDevice, VirtualServer, output, stroke};
use proptest::prelude::*;

const DEVICES: [&str; 2] = ["one", "two"];
const CLIENTS: [&str; 3] = ["first", "second", "third"];

/// Every kind of output that any version can drive, each in a range of its own.
fn device(address: &str, gap: u64) -> TestDevice {
    use OutputKind::{Constrict, Led, Oscillate, Rotate, Spray, Temperature, Vibrate};
    let device = TestDevice::new(address, "Everything")
        .with("0", [output(Vibrate, 0, 20)])
        .with("1", [output(Vibrate, 0, 99)])
        .with("2", [output(Rotate, -20, 20)])
        .with("3", [output(Rotate, 0, 50)])
        .with("4", stroke(999))
        .with("5", stroke(99))
        .with("6", [output(Oscillate, 0, 8)])
        .with("7", [output(Constrict, 0, 10), output(Led, 0, 100)])
        .with("8", [output(Temperature, 0, 10), output(Spray, 0, 1)]);
    TestDevice { gap: Duration::from_millis(gap), ..device }
}

/// What the user allows of every output: never more than this share of its range, and perhaps even less.
fn limits(percent: i32, low: i32, reverse: u32, disabled: u32) -> Vec<Limit> {
    let outputs = device("", 0).features.into_iter().flat_map(|feature| {
        let index = feature.index;
        feature.outputs.into_iter().map(move |output| (index, output))
    });
    let limit = |(feature, output): (u32, frisson_testkit::wire::Output)| Limit {
        feature,
        kind: output.kind,
        steps: Range::new(output.value.max * low / 100, output.value.max * percent / 100),
        duration: None,
        reverse: reverse >> feature & 1 == 1,
        disabled: disabled >> feature & 1 == 1,
    };
    outputs.map(limit).collect()
}

#[derive(Debug, Clone)]
enum Event {
    Open(usize, Dialect),
    Send(usize, Message),
    Cut(usize),
    Wait(u64),
    Unplug(usize),
    Replug(usize),
    Faults(usize, Faults),
    /// The user tightens the limit, or loosens it again up to the 40 %.
    Limit(usize, i32),
    EmergencyStop,
    Release,
}

#[derive(Debug, Clone)]
struct Message {
    kind: usize,
    device: u32,
    feature: u32,
    output: usize,
    value: i32,
    fraction: f64,
    ms: u32,
    clockwise: bool,
}

impl Message {
    /// The message as text; most are understood in some versions only.
    fn text(&self, id: u32) -> String {
        let Self { device, feature, value, fraction, ms, clockwise, .. } = *self;
        let on = format!(r#""Id":{id},"DeviceIndex":{device}"#);
        let kind = OutputKind::ALL[self.output % OutputKind::ALL.len()];
        let duration = match kind {
            OutputKind::HwPositionWithDuration => format!(r#","Duration":{ms}"#),
            _ => String::new(),
        };
        let name = kind.name();
        let all = |element: String| {
            (0..3).map(|index| element.replace("INDEX", &index.to_string())).collect::<Vec<_>>()
        };
        match self.kind {
            0 => format!(r#"[{{"SingleMotorVibrateCmd":{{{on},"Speed":{fraction}}}}}]"#),
            1 => {
                format!(r#"[{{"VibrateCmd":{{{on},"Speeds":[{{"Index":{feature},"Speed":{fraction}}}]}}}}]"#)
            }
            2 => {
                let speeds = all(format!(r#"{{"Index":INDEX,"Speed":{fraction}}}"#));
                format!(r#"[{{"VibrateCmd":{{{on},"Speeds":[{}]}}}}]"#, speeds[..2].join(","))
            }
            3 => format!(
                r#"[{{"RotateCmd":{{{on},"Rotations":[{{"Index":{},"Speed":{fraction},"Clockwise":{clockwise}}}]}}}}]"#,
                feature % 2
            ),
            4 => format!(
                r#"[{{"LinearCmd":{{{on},"Vectors":[{{"Index":{},"Duration":{ms},"Position":{fraction}}}]}}}}]"#,
                feature % 2
            ),
            5 => {
                let vectors = all(format!(r#"{{"Index":INDEX,"Duration":{ms},"Position":{fraction}}}"#));
                format!(r#"[{{"LinearCmd":{{{on},"Vectors":[{}]}}}}]"#, vectors[..2].join(","))
            }
            6 => format!(
                r#"[{{"ScalarCmd":{{{on},"Scalars":[{{"Index":{feature},"Scalar":{fraction},"ActuatorType":"{name}"}}]}}}}]"#
            ),
            7 => {
                format!(r#"[{{"FleshlightLaunchFW12Cmd":{{{on},"Position":{value},"Speed":{}}}}}]"#, ms % 100)
            }
            8 => format!(r#"[{{"VorzeA10CycloneCmd":{{{on},"Speed":{value},"Clockwise":{clockwise}}}}}]"#),
            9 => format!(r#"[{{"KiirooCmd":{{{on},"Command":"{}"}}}}]"#, value % 5),
            10 => format!(r#"[{{"StopDeviceCmd":{{{on}}}}}]"#),
            11 => format!(r#"[{{"StopAllDevices":{{"Id":{id}}}}}]"#),
            12 => format!(r#"[{{"StopCmd":{{"Id":{id}}}}}]"#),
            13 => format!(r#"[{{"StopCmd":{{{on},"FeatureIndex":{feature}}}}}]"#),
            14 => format!(
                r#"[{{"OutputCmd":{{{on},"FeatureIndex":{feature},"Command":{{"{name}":{{"Value":-{value}{duration}}}}}}}}}]"#
            ),
            _ => format!(
                r#"[{{"OutputCmd":{{{on},"FeatureIndex":{feature},"Command":{{"{name}":{{"Value":{value}{duration}}}}}}}}}]"#
            ),
        }
    }
}

prop_compose! {
    fn message()(
        kind in 0..26_usize,
        device in 0..2_u32,
        feature in 0..9_u32,
        // Mostly an output that the feature has.
        right in prop::bool::weighted(0.8),
        output in 0..9_usize,
        value in prop_oneof![0..1000_i32, prop::sample::select(vec![0, 1, 3, 4, 8, 20, 39, 40, 99, 399, 400, 999, i32::MAX])],
        fraction in prop_oneof![0.0..1.0_f64, prop::sample::select(vec![0.0, 0.001, 0.4, 0.400001, 0.5, 0.999, 1.0])],
        ms in prop_oneof![0..3000_u32, Just(u32::MAX)],
        clockwise in any::<bool>(),
        second in any::<bool>(),
    ) -> Message {
        let has: Vec<_> = places_of_outputs(feature);
        let output = match (right, has.as_slice()) {
            (true, [one]) => *one,
            (true, [one, two]) => if second { *two } else { *one },
            _ => output,
        };
        Message { kind, device, feature, output, value, fraction, ms, clockwise }
    }
}

/// The kinds of a feature's outputs, as places in the list of all.
fn places_of_outputs(feature: u32) -> Vec<usize> {
    let features = device("", 0).features;
    let found = features.iter().filter(|one| one.index == feature).flat_map(|one| &one.outputs);
    found.filter_map(|output| OutputKind::ALL.iter().position(|kind| *kind == output.kind)).collect()
}

fn event() -> impl Strategy<Value = Event> {
    let client = 0..CLIENTS.len();
    let device = 0..DEVICES.len();
    let faults =
        (0..3_u32, prop::sample::select(vec![0, 3, 60, 900])).prop_map(|(fail_writes, delay)| Faults {
            fail_writes: fail_writes.saturating_sub(1),
            write_delay: Duration::from_millis(delay),
            ..Faults::default()
        });
    prop_oneof![
        4 => (client.clone(), prop::sample::select(&Dialect::ALL[..])).prop_map(|(client, dialect)| Event::Open(client, dialect)),
        40 => (client.clone(), message()).prop_map(|(client, message)| Event::Send(client, message)),
        1 => client.prop_map(Event::Cut),
        10 => prop::sample::select(vec![0, 1, 5, 20, 99, 100, 300, 1000, 4000]).prop_map(Event::Wait),
        1 => device.clone().prop_map(Event::Unplug),
        2 => device.clone().prop_map(Event::Replug),
        1 => (device.clone(), faults).prop_map(|(device, faults)| Event::Faults(device, faults)),
        4 => (device, 0..=40_i32).prop_map(|(device, percent)| Event::Limit(device, percent)),
        1 => Just(Event::EmergencyStop),
        2 => Just(Event::Release),
    ]
}

/// No write takes longer than this, so that what is written later was rendered later.
const SLOWEST: Duration = Duration::from_secs(1);

/// What of each device's outputs was allowed since when, in percent.
type History = [Vec<(Duration, i32)>; 2];

/// Every write that a device has ever got.
fn check(server: &VirtualServer, history: &History, reverse: u32, disabled: u32) {
    for (address, history) in DEVICES.into_iter().zip(history) {
        for write in server.hardware(address).log() {
            // A write that was under way when the user tightened the limit is not taken back.
            let began = write.at.checked_sub(SLOWEST);
            let is_old = |since: Duration| began.is_some_and(|began| since < began);
            let before =
                history.iter().rfind(|(since, _)| is_old(*since)).map_or(40, |(_, percent)| *percent);
            let during = history.iter().filter(|(since, _)| !is_old(*since) && *since <= write.at);
            let percent = during.map(|(_, percent)| *percent).chain([before]).max().unwrap_or(before);
            let limits = limits(percent, 0, reverse, disabled);
            for told in &write.told {
                let limit = limits.iter().find(|one| (one.feature, one.kind) == (told.feature, told.kind));
                let limit = limit.expect("an output that there is");
                assert!(
                    told.value.abs() <= limit.steps.max,
                    "{address} was told {told:?} beyond {:?}",
                    limit.steps
                );
                assert!(!limit.disabled || told.value == 0, "{address} was told {told:?}, which is disabled");
            }
        }
    }
}

fn play(events: Vec<Event>, gap: u64, low: i32, reverse: u32, disabled: u32) {
    let mut server = VirtualServer::default();
    let mut history: History = Default::default();
    for address in DEVICES {
        server.limit(address, limits(40, low, reverse, disabled));
        server.plug(device(address, gap));
    }
    let mut id = 1;
    let mut open = [false; 3];
    for event in events {
        match event {
            Event::Open(client, dialect) => {
                server.open(CLIENTS[client], dialect);
                open[client] = true;
            }
            Event::Send(client, message) if open[client] => {
                id += 1;
                server.send(CLIENTS[client], &message.text(id));
            }
            Event::Cut(client) => server.cut(CLIENTS[client]),
            Event::Wait(ms) => server.advance(Duration::from_millis(ms)),
            Event::Unplug(device) if server.is_linked(DEVICES[device]) => server.unplug(DEVICES[device]),
            Event::Replug(device) if !server.is_linked(DEVICES[device]) => server.replug(DEVICES[device]),
            Event::Faults(device, faults) => server.hardware_mut(DEVICES[device]).faults = faults,
            Event::Limit(device, percent) => {
                history[device].push((server.now(), percent));
                server.limit(DEVICES[device], limits(percent, low.min(percent), reverse, disabled));
            }
            Event::EmergencyStop => server.emergency_stop(),
            Event::Release => server.release(),
            Event::Send(..) | Event::Unplug(_) | Event::Replug(_) => {}
        }
    }
    for address in DEVICES {
        server.hardware_mut(address).faults = Faults::default();
    }
    server.advance(Duration::from_secs(8));
    check(&server, &history, reverse, disabled);
    // What ran when the user tightened the limit runs within it now.
    for (address, history) in
        DEVICES.into_iter().zip(&history).filter(|(address, _)| server.is_linked(address))
    {
        let percent = history.last().map_or(40, |(_, percent)| *percent);
        for limit in limits(percent, 0, reverse, disabled) {
            // An axis is not moved by a stop, nor when its device returns.
            if !limit.kind.is_position() {
                let value = server.hardware(address).value(limit.feature, limit.kind);
                assert!(value.abs() <= limit.steps.max, "{address} is at {value} beyond {limit:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_write_is_ever_beyond_forty_percent(
        events in prop::collection::vec(event(), 1..150),
        gap in prop::sample::select(vec![0_u64, 0, 20, 100]),
        low in prop::sample::select(vec![0, 0, 10, 40]),
        reverse in prop::sample::select(vec![0_u32, 0x1FF, 0b1_0101_0101]),
        disabled in prop::sample::select(vec![0_u32, 0, 0b0_0100_1001]),
    ) {
        play(events, gap, low, reverse, disabled);
    }
}

/// The property above means something: in each version, full speed is what gets through, as 40 %.
#[test]
fn in_every_version_the_most_that_can_be_asked_for_is_forty_percent() {
    let most = |kind, dialect| {
        let mut server = VirtualServer::default();
        server.limit("one", limits(40, 0, 0, 0));
        server.plug(device("one", 0));
        server.open("first", dialect);
        let message = Message {
            kind,
            device: 0,
            feature: 0,
            output: 0,
            value: if kind == 8 { 100 } else { 99 },
            fraction: 1.0,
            ms: 500,
            clockwise: true,
        };
        let message = if kind < 6 { message } else { Message { ms: 599, ..message } };
        let answers = server.ask("first", &message.text(2));
        assert!(answers[0].contains("Ok"), "{dialect:?}: {answers:?}");
        server.advance(Duration::from_secs(1));
        server
            .hardware("one")
            .log()
            .iter()
            .flat_map(|write| &write.told)
            .map(|told| (told.feature, told.value))
            .max()
    };
    use Dialect::{V0, V1, V2, V3, V4};
    let cases = [
        (0, V0, (1, 39)),
        (7, V0, (4, 399)),
        (8, V0, (2, 8)),
        (2, V1, (1, 39)),
        (3, V1, (2, 8)),
        (4, V1, (4, 399)),
        (7, V1, (4, 399)),
        (8, V1, (2, 8)),
        (1, V2, (0, 8)),
        (5, V2, (5, 39)),
        (3, V2, (2, 8)),
        (1, V3, (0, 8)),
        (5, V3, (5, 39)),
        (3, V3, (2, 8)),
    ];
    for (kind, dialect, expected) in cases {
        assert_eq!(most(kind, dialect), Some(expected), "{kind} in {dialect:?}");
    }
    let mut server = VirtualServer::default();
    server.limit("one", limits(40, 0, 0, 0));
    server.plug(device("one", 0));
    server.open("first", V4);
    let vibrate = |value| {
        format!(
            r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":0,"FeatureIndex":0,"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
        )
    };
    assert!(server.ask("first", &vibrate(9))[0].contains(r#""ErrorCode":4"#));
    assert!(server.ask("first", &vibrate(8))[0].contains("Ok"));
    assert_eq!(server.hardware("one").value(0, OutputKind::Vibrate), 8);
}
