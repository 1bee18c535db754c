//! How long the hub and a device's machine take for what happens all the time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use frisson_engine::device::{self, DeviceMachine, Settings};
use frisson_engine::hub::{Config, DeviceId, Hub, Input, Output, SessionId};
use frisson_engine::session::Peer;
use frisson_program::{Change, Context, Description, Endpoint, Packet, Program, State};
use frisson_wire::{Feature, OutputKind, Range};

const HELLO: &str = r#"[{"RequestServerInfo":{"Id":1,"ClientName":"Bench","ProtocolVersionMajor":4,"ProtocolVersionMinor":0}}]"#;

fn description() -> Description {
    let vibrate =
        frisson_wire::Output { kind: OutputKind::Vibrate, value: Range::new(0, 100), duration: None };
    let feature =
        Feature { index: 0, description: "Motor".to_owned(), outputs: vec![vibrate], inputs: Vec::new() };
    Description {
        protocol: "bench".to_owned(),
        model: String::new(),
        name: "Bench".to_owned(),
        features: vec![feature],
        gap: None,
        keepalive: None,
    }
}

/// Takes in what happened, and everything that it causes.
fn turn(hub: &mut Hub, now: Instant, input: Input<'_>) -> usize {
    hub.handle(now, input);
    let mut outputs = 0;
    while let Some(output) = hub.poll_output() {
        if let Output::Device(device, command) = &output {
            black_box((device, command));
        }
        black_box(output);
        outputs += 1;
    }
    outputs
}

/// A hub with so many clients, all of version 4, and so many devices.
fn hub(count: u64, now: Instant) -> Hub {
    let mut hub = Hub::new(Config {
        server_name: "Bench".to_owned(),
        max_ping_time: Duration::from_secs(1),
        handshake_timeout: Duration::from_secs(10),
        max_sessions: 1_000,
        exclusive: false,
    });
    for at in 0..count {
        let device = DeviceId(at);
        let address = format!("unit {at}");
        turn(&mut hub, now, Input::DeviceOpened { device, address: &address, gap: Duration::ZERO });
        turn(&mut hub, now, Input::Device(device, device::Report::Ready(Box::new(description()))));
        turn(&mut hub, now, Input::Connected(SessionId(at), Peer::Frames));
        turn(&mut hub, now, Input::Text(SessionId(at), HELLO));
    }
    hub
}

fn frames(c: &mut Criterion) {
    let now = Instant::now();
    let mut group = c.benchmark_group("frame");
    for count in [1, 10, 100] {
        let session = SessionId(count / 2);
        let device = DeviceId(count / 2);
        group.bench_function(BenchmarkId::new("Ping", count), |b| {
            let mut hub = hub(count, now);
            b.iter(|| turn(&mut hub, now, Input::Text(session, black_box(r#"[{"Ping":{"Id":7}}]"#))));
        });
        group.bench_function(BenchmarkId::new("OutputCmd", count), |b| {
            let mut hub = hub(count, now);
            let texts = [3, 4].map(|value| {
                let command = format!(r#"{{"Vibrate":{{"Value":{value}}}}}"#);
                format!(
                    r#"[{{"OutputCmd":{{"Id":8,"DeviceIndex":{},"FeatureIndex":0,"Command":{command}}}}}]"#,
                    device.0
                )
            });
            let mut texts = texts.iter().cycle();
            b.iter(|| {
                let text = texts.next().map(String::as_str).unwrap_or_default();
                assert_eq!(turn(&mut hub, now, Input::Text(session, black_box(text))), 2);
                turn(&mut hub, now, Input::Credit(device, 1));
            });
        });
        group.bench_function(BenchmarkId::new("OutputCmd to a busy device", count), |b| {
            let mut hub = hub(count, now);
            let command = r#"{"Vibrate":{"Value":3}}"#;
            let text = format!(
                r#"[{{"OutputCmd":{{"Id":8,"DeviceIndex":{},"FeatureIndex":0,"Command":{command}}}}}]"#,
                device.0
            );
            b.iter(|| turn(&mut hub, now, Input::Text(session, black_box(&text))));
        });
    }
    group.finish();
}

/// One packet of one byte.
struct Buzzer(Endpoint);

impl Program for Buzzer {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.ready(description());
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            cx.write(self.0, &[u8::try_from(change.value).unwrap_or(0)], true);
        }
    }
}

fn device_machine(c: &mut Criterion) {
    let start = Instant::now();
    let drain = |machine: &mut DeviceMachine| {
        let mut operations = 0;
        while let Some(output) = machine.poll_output() {
            operations += usize::from(matches!(output, device::Output::Operate(_)));
            black_box(output);
        }
        operations
    };
    c.bench_function("device/set, write, complete", |b| {
        let settings = Settings { gap: Duration::ZERO, limits: Vec::new(), stop_first: false };
        let tx = Endpoint::new("tx").expect("a name");
        let mut machine = DeviceMachine::new(start, Box::new(Buzzer(tx)), settings);
        drain(&mut machine);
        let mut now = start;
        let mut value = 0;
        b.iter(|| {
            now += Duration::from_millis(10);
            value = value % 100 + 1;
            let set = device::Command::Set {
                feature: 0,
                kind: OutputKind::Vibrate,
                value,
                duration: Duration::ZERO,
            };
            machine.handle(now, device::Input::Command(set));
            assert_eq!(drain(&mut machine), 1);
            machine.handle(now, device::Input::Completed(Ok(Packet::new())));
            drain(&mut machine)
        });
    });
}

criterion_group!(benches, frames, device_machine);
criterion_main!(benches);
