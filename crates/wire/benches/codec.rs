//! How long it takes to understand and to write what is said most.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use frisson_wire::{
    Device, DeviceList, Dialect, Feature, Id, InputKind, Message, Output, OutputKind, Profile, Range,
    Reading, Reply, View, frame,
};

struct Devices(DeviceList);

impl View for Devices {
    fn profile(&self, device: u32) -> Option<&Profile> {
        self.0.get(usize::try_from(device).ok()?).map(|profile| &**profile)
    }

    fn last_position(&self, _: u32, _: u32) -> f64 {
        0.0
    }
}

fn devices() -> DeviceList {
    let feature = |index| Feature {
        index,
        description: "Motor".to_owned(),
        outputs: vec![Output { kind: OutputKind::Vibrate, value: Range::new(0, 20), duration: None }],
        inputs: Vec::new(),
    };
    (0..8)
        .map(|index| {
            Arc::new(Profile::new(Device {
                index,
                name: "Example".to_owned(),
                display_name: None,
                gap_ms: 0,
                features: (0..4).map(feature).collect(),
            }))
        })
        .collect()
}

fn decode(c: &mut Criterion) {
    let view = Devices(devices());
    let mut group = c.benchmark_group("decode");
    for (name, dialect, text) in [
        ("Ping v4", Dialect::V4, r#"[{"Ping":{"Id":10}}]"#),
        (
            "OutputCmd v4",
            Dialect::V4,
            r#"[{"OutputCmd":{"Id":80,"DeviceIndex":3,"FeatureIndex":1,"Command":{"Vibrate":{"Value":4}}}}]"#,
        ),
        (
            "VibrateCmd v2",
            Dialect::V2,
            r#"[{"VibrateCmd":{"Id":40,"DeviceIndex":3,"Speeds":[{"Index":0,"Speed":0.4},{"Index":1,"Speed":0}]}}]"#,
        ),
        (
            "ScalarCmd v3",
            Dialect::V3,
            r#"[{"ScalarCmd":{"Id":70,"DeviceIndex":3,"Scalars":[{"Index":3,"Scalar":0.5,"ActuatorType":"Vibrate"}]}}]"#,
        ),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let messages = frame::split(black_box(text)).unwrap();
                for message in messages {
                    black_box(dialect.decode_request(message, &view).unwrap());
                }
            });
        });
    }
    group.bench_function("refusal v4", |b| {
        b.iter(|| {
            let messages = frame::split(black_box(r#"[{"Ping":{"Id":"x"}}]"#)).unwrap();
            black_box(Dialect::V4.decode_request(messages[0], &view).unwrap_err());
        });
    });
    group.finish();
}

fn encode(c: &mut Criterion) {
    let id = Id::MIN;
    let reading = Reading { device: 1, feature: 2, kind: InputKind::Pressure, value: 1310 };
    let mut group = c.benchmark_group("encode");
    for (name, dialect, message) in [
        ("Ok v4", Dialect::V4, Message::Reply(id, Reply::Ok)),
        ("InputReading v4", Dialect::V4, Message::Reply(id, Reply::Reading(reading, Default::default()))),
        ("DeviceList v4", Dialect::V4, Message::Reply(id, Reply::DeviceList(devices()))),
        ("DeviceList v3", Dialect::V3, Message::Reply(id, Reply::DeviceList(devices()))),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| dialect.encode_message(black_box(&message), &mut |text| drop(black_box(text))));
        });
    }
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
