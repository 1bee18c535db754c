//! Every device of a file that was accepted, driven to its extremes: what loads, works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_program::language::vectors::Bench;
use frisson_program::language::{Definition, Subject};
use frisson_program::{Description, Operation};

/// No packet is longer.
const LONGEST_PACKET: usize = 512;

/// So many models of a file are tried.
const MOST_MODELS: usize = 12;

/// A device of the model with this key, whose greeting is over if it needs no answer.
pub(crate) fn bench(definition: &Arc<Definition>, key: Option<&str>) -> Bench {
    let subject = Subject {
        name: key.unwrap_or("Device").to_owned(),
        model: key.map(str::to_owned),
        available: definition.endpoints().to_vec(),
        ..Subject::default()
    };
    let mut bench = Bench::new(definition, subject, Instant::now());
    bench.greet();
    bench
}

/// Drives every output of every model to its extremes, alone and together, and to rest again.
pub(crate) fn definition(definition: &Arc<Definition>) {
    for model in definition.models().iter().take(MOST_MODELS) {
        let mut bench = bench(definition, model.matches.first().map(String::as_str));
        bench.take_failures();
        if let Some(description) = bench.description().cloned() {
            device(&mut bench, &description);
        }
    }
}

fn device(bench: &mut Bench, description: &Description) {
    let outputs =
        || description.features.iter().flat_map(|f| f.outputs.iter().map(|output| (f.index, output)));
    for extreme in 0..5_i32 {
        for (feature, output) in outputs() {
            let value = match extreme {
                0 | 3 => output.value.max,
                1 => output.value.min,
                2 => 0,
                _ => output.value.clamp(1),
            };
            let duration =
                output.duration.map_or(0, |range| if extreme % 2 == 0 { range.min } else { range.max });
            let duration = Duration::from_millis(duration.into());
            let set = bench.set(feature, Some(output.kind), value, duration);
            // A position has no 0 besides its range.
            assert!(set.is_ok() || value == 0, "feature {feature} does not take {value}: {set:?}");
            if extreme % 3 == 0 {
                bench.flush();
            }
        }
        bench.flush();
        bench.wait(Duration::from_millis(150));
        check(bench, "was accepted, but does not work for every value");
        if extreme % 2 == 1 {
            bench.stop();
            check(bench, "was accepted, but cannot be stopped");
        }
    }
}

/// Nothing has failed, and no packet is too long.
pub(crate) fn check(bench: &mut Bench, complaint: &str) {
    let failures = bench.take_failures();
    assert!(failures.is_empty(), "{complaint}: {failures:?}");
    for operation in bench.take_operations() {
        if let Operation::Write { bytes, .. } = &operation {
            assert!(bytes.len() <= LONGEST_PACKET, "a packet of {} bytes", bytes.len());
        }
    }
}
