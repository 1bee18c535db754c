//! The bench on which device files are tested does what the device machine does.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_engine::device::{Command, DeviceMachine, Input, Output, Selection, Settings};
use frisson_program::language::vectors::Bench;
use frisson_program::language::{self, Definition, Subject};
use frisson_program::{Operation, Packet};
use proptest::prelude::*;

/// A device machine on a link that does everything at once.
struct Machine {
    machine: DeviceMachine,
    now: Instant,
    done: Vec<Operation>,
}

impl Machine {
    fn new(definition: &Arc<Definition>, subject: Subject, now: Instant) -> Self {
        let settings = Settings { gap: Duration::ZERO, limits: Vec::new(), stop_first: false };
        let machine = DeviceMachine::new(now, definition.program(subject), settings);
        let mut machine = Self { machine, now, done: Vec::new() };
        machine.drain();
        machine.wait(Duration::ZERO);
        machine
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            if let Output::Operate(operation) = output {
                self.done.push(operation);
                self.machine.handle(self.now, Input::Completed(Ok(Packet::new())));
            }
        }
    }

    fn command(&mut self, command: Command) {
        self.machine.handle(self.now, Input::Command(command));
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.machine.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.machine.handle(self.now, Input::Timeout);
            self.drain();
        }
        self.now = end;
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Which output, which value, how long; each as a part of what there is.
    Set(u32, u32, u32),
    Stop,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(output, value, time)| Step::Set(output, value, time)),
        1 => Just(Step::Stop),
        3 => (0_u64..1500).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..20)
}

fn definitions() -> Vec<Arc<Definition>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../program/tests/devices");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("device files").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    // The bench has no gap, so that one command is one flush.
    let read =
        |path: &Path| fs::read_to_string(path).expect("a device file").replace("\ngap = ", "\n# gap = ");
    let compile =
        |path: &Path| language::compile(&read(path), &path.to_string_lossy()).expect("a sound file");
    paths.iter().map(|path| Arc::new(compile(path))).collect()
}

fn part(of: i64, share: u32) -> i64 {
    i64::from(share) * of / i64::from(u32::MAX)
}

fn compare(definition: &Arc<Definition>, key: &str, steps: &[Step]) -> Result<(), TestCaseError> {
    let start = Instant::now();
    let available = definition.endpoints().to_vec();
    let subject = Subject { model: Some(key.to_owned()), available, ..Subject::default() };
    let mut bench = Bench::new(definition, subject.clone(), start);
    let mut machine = Machine::new(definition, subject, start);
    let Some(description) = bench.description().cloned() else { return Ok(()) };
    let features = &description.features;
    let outputs: Vec<_> = features
        .iter()
        .flat_map(|feature| feature.outputs.iter().map(move |output| (feature.index, output)))
        .collect();
    prop_assert_eq!(
        bench.take_operations(),
        std::mem::take(&mut machine.done),
        "the greeting of {}",
        definition.id()
    );
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Set(output, value, time) => {
                let Some((feature, output)) = outputs.get(*output as usize % outputs.len().max(1)) else {
                    continue;
                };
                let (low, high) = (i64::from(output.value.min), i64::from(output.value.max));
                let value = i32::try_from(low + part(high - low, *value)).expect("a value in range");
                let longest = output.duration.map_or(0, |range| range.max.min(3000));
                let duration = Duration::from_millis(
                    u64::try_from(part(i64::from(longest), *time)).expect("a duration"),
                );
                bench.set(*feature, Some(output.kind), value, duration).expect("a value in range");
                bench.flush();
                machine.command(Command::Set { feature: *feature, kind: output.kind, value, duration });
            }
            Step::Stop => {
                bench.stop();
                machine.command(Command::Stop { selection: Selection::All, ticket: None });
            }
            Step::Wait(ms) => {
                bench.wait(Duration::from_millis(*ms));
                machine.wait(Duration::from_millis(*ms));
            }
        }
        prop_assert_eq!(
            bench.take_operations(),
            std::mem::take(&mut machine.done),
            "step {} of {:?} for {} {:?}",
            at,
            steps,
            definition.id(),
            key
        );
    }
    prop_assert_eq!(bench.take_failures(), Vec::<String>::new());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_bench_does_what_the_machine_does(steps in steps()) {
        for definition in definitions() {
            for model in definition.models() {
                let key = model.matches.first().map_or("", String::as_str);
                compare(&definition, key, &steps)?;
            }
        }
    }
}
