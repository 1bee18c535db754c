//! What the catalogue costs: at start-up, for each sighting, for each device that is attached, and all of it at once.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use frisson_devices::{Catalogue, Connection};
use frisson_engine::device::{DeviceMachine, Settings};
use frisson_program::{Bus, Endpoint, Sighting};

fn sighting(name: &str) -> Sighting {
    Sighting::new(Bus::BluetoothLe, "c0:00:00:00:00:01", name)
}

/// The files that fit are compiled, the others are not read.
fn attach(catalogue: &Catalogue, name: &str) -> DeviceMachine {
    let found = catalogue.find(&sighting(name)).expect("a device of the catalogue");
    let connection = Connection { available: vec![Endpoint::TX, Endpoint::RX], ..Connection::default() };
    let settings = Settings { gap: Duration::from_millis(75), limits: Vec::new(), stop_first: false };
    DeviceMachine::new(Instant::now(), found.program(&connection), settings)
}

fn costs(c: &mut Criterion) {
    let catalogue = Catalogue::built_in();
    c.bench_function("start-up: the catalogue, and the first device attached", |b| {
        b.iter(|| attach(&Catalogue::built_in(), black_box("Massage Demo")))
    });
    c.bench_function("a sighting that nobody knows", |b| {
        let seen = sighting("Kettle 3000");
        b.iter(|| catalogue.find(black_box(&seen)).is_none())
    });
    for (what, protocol, name) in [
        ("small", "aneros", "Massage Demo"),
        ("large", "lovense", "LVS-Z001"),
        ("largest", "joyhub", "J-Petalwish2"),
    ] {
        c.bench_function(&format!("compiling one file, {what}"), |b| {
            b.iter(|| Catalogue::definition(black_box(protocol)).expect("a device file"))
        });
        c.bench_function(&format!("attaching a device, {what} file"), |b| {
            b.iter(|| attach(&catalogue, black_box(name)))
        });
    }
    c.bench_function("all files, as `frisson device list` reads them", |b| {
        b.iter(|| {
            Catalogue::protocols()
                .filter_map(Catalogue::definition)
                .map(|file| file.models().len())
                .sum::<usize>()
        })
    });
}

criterion_group!(benches, costs);
criterion_main!(benches);
