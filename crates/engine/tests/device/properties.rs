//! What holds for every sequence of commands, answers, delays and failures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use frisson_engine::device::{
    Command, DeviceMachine, Input, Limit, Output, Report, Selection, Settings, Ticket,
};
use frisson_program::{Endpoint, Operation, Packet};
use frisson_wire::{Feature, InputKind, OutputKind, Range};
use proptest::prelude::*;

use crate::bench::*;

/// Something that happens to the machine.
#[derive(Debug, Clone)]
enum Event {
    Set(u32, OutputKind, i32, u64),
    Stop(Selection),
    Limit(Vec<Limit>),
    Read,
    Listen(bool),
    /// The operation under way ends.
    Answer(bool),
    Notified(Vec<u8>),
    /// Time passes, and the machine is told when it asked for that.
    Pass(u64),
    /// The machine is told of the time although it did not ask.
    Timeout,
    Lost,
    Close,
}

/// All kinds of outputs; feature 3 can be neither read nor driven.
fn features() -> Vec<Feature> {
    let mut features = sensing().description.features;
    features.retain(|feature| feature.index > 3);
    features.extend([
        feature(0, vec![output(Vibrate, 0, 20), output(Rotate, -15, 15)]),
        feature(1, vec![output(Vibrate, 0, 10), output(Temperature, 37, 42), output(Spray, 0, 1)]),
        feature(2, vec![output(Stroke, 0, 99), output(Position, 0, 99)]),
        feature(3, vec![]),
        feature(5, vec![output(Position, 10, 90), output(OutputKind::Led, -5, 10)]),
    ]);
    features
}

fn programs() -> impl Strategy<Value = Plain> {
    let follow_up = prop::option::of(1..400_u64);
    let keepalive = prop::option::of(1..400_u64);
    let ticks = prop::option::of(1..400_u64);
    let ms = Duration::from_millis;
    (any::<bool>(), any::<bool>(), follow_up, keepalive, ticks, 0..3_usize, 0..3_usize).prop_map(
        move |(packed, halts, follow_up, keepalive, ticks, answers, greeting)| {
            let mut program = Plain::new(features());
            program.description.keepalive = keepalive.map(ms);
            program.packed = packed;
            program.halts = halts;
            program.follow_up = follow_up.map(ms);
            program.ticks = ticks.map(ms);
            program.answers = answers;
            program.greeting = vec![Greet::Write("hello"); greeting];
            program
        },
    )
}

fn kinds() -> impl Strategy<Value = OutputKind> {
    prop::sample::select(OutputKind::ALL.to_vec())
}

/// An output that the device has, or nearly.
fn outputs() -> impl Strategy<Value = (u32, OutputKind)> {
    let real: Vec<_> = features()
        .iter()
        .flat_map(|feature| feature.outputs.iter().map(|output| (feature.index, output.kind)))
        .collect();
    prop_oneof![9 => prop::sample::select(real), 1 => (0..9_u32, kinds())]
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let steps = (-5..60_i32, 0..120_i32);
    let one = (
        outputs(),
        steps,
        prop::option::of((0..500_u32, 0..500_u32)),
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    let one = one.prop_map(|((feature, kind), (low, high), duration, reverse, disabled)| Limit {
        duration: duration.map(|(min, max)| Range::new(min, max)),
        reverse,
        disabled,
        ..limit(feature, kind, low, high)
    });
    prop::collection::vec(one, 0..6)
}

fn selections() -> impl Strategy<Value = Selection> {
    prop_oneof![
        2 => Just(Selection::All),
        1 => (0..8_u32).prop_map(Selection::Feature),
        1 => prop::collection::vec(outputs(), 0..4).prop_map(Selection::Outputs),
    ]
}

fn sets() -> impl Strategy<Value = Event> {
    let values = prop_oneof![8 => -20..120_i32, 2 => Just(0), 1 => any::<i32>()];
    let durations = prop_oneof![Just(0), 0..2000_u64, any::<u64>()];
    (outputs(), values, durations)
        .prop_map(|((feature, kind), value, ms)| Event::Set(feature, kind, value, ms))
}

fn quiet_events() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => sets(),
        1 => Just(Event::Read),
        1 => any::<bool>().prop_map(Event::Listen),
        8 => Just(Event::Answer(true)),
        1 => Just(Event::Answer(false)),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Event::Notified),
        6 => (0..300_u64).prop_map(Event::Pass),
        1 => Just(Event::Timeout),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        30 => quiet_events(),
        4 => selections().prop_map(Event::Stop),
        2 => limits().prop_map(Event::Limit),
        1 => (0..6000_u64).prop_map(Event::Pass),
    ]
}

fn last_events() -> impl Strategy<Value = Event> {
    prop_oneof![Just(Event::Lost), Just(Event::Close)]
}

/// A machine, with everything checked that must hold after every step.
struct Trial {
    machine: DeviceMachine,
    now: Instant,
    under_way: Option<Operation>,
    limits: Vec<Limit>,
    packed: bool,
    ready: bool,
    closed: bool,
    tickets: BTreeSet<Ticket>,
    issued: Ticket,
    /// What the device was last told, as far as the link saw.
    told: BTreeMap<(u32, char), i32>,
    writes: usize,
}

impl Trial {
    fn new(program: Plain, settings: Settings) -> Self {
        let now = Instant::now();
        let (limits, packed) = (settings.limits.clone(), program.packed);
        let machine = DeviceMachine::new(now, Box::new(program), settings);
        let mut trial = Self {
            machine,
            now,
            under_way: None,
            limits,
            packed,
            ready: false,
            closed: false,
            tickets: BTreeSet::new(),
            issued: 0,
            told: BTreeMap::new(),
            writes: 0,
        };
        trial.drain();
        trial
    }

    fn ticket(&mut self) -> Ticket {
        self.issued += 1;
        self.tickets.insert(self.issued);
        self.issued
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Set(feature, kind, value, ms) => {
                let duration = Duration::from_millis(*ms);
                self.command(Command::Set { feature: *feature, kind: *kind, value: *value, duration });
            }
            Event::Stop(selection) => {
                let ticket = Some(self.ticket());
                self.command(Command::Stop { selection: selection.clone(), ticket });
            }
            Event::Limit(limits) => {
                self.limits.clone_from(limits);
                self.command(limited(limits.clone()));
            }
            Event::Read => {
                let ticket = self.ticket();
                self.command(Command::Read { feature: 6, kind: InputKind::Battery, ticket });
            }
            Event::Listen(on) => {
                self.command(Command::Listen { feature: 7, kind: InputKind::Pressure, on: *on });
            }
            Event::Answer(works) => self.answer(*works),
            Event::Notified(bytes) => self.handle(Input::Notified(Endpoint::RX, bytes)),
            Event::Pass(ms) => self.pass(*ms),
            Event::Timeout => self.handle(Input::Timeout),
            Event::Lost => self.handle(Input::Lost("out of range".to_owned())),
            Event::Close => self.command(Command::Close),
        }
    }

    fn command(&mut self, command: Command) {
        self.handle(Input::Command(command));
    }

    fn answer(&mut self, works: bool) {
        self.under_way = None;
        let bytes = Packet::from_slice(&[50]);
        self.handle(Input::Completed(if works { Ok(bytes) } else { Err("the link is bad".to_owned()) }));
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(at) = self.machine.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.handle(Input::Timeout);
        }
        self.now = until;
    }

    /// Lets time pass on a link that works and takes this long.
    fn pass_answering(&mut self, ms: u64, each: u64) {
        let until = self.now + Duration::from_millis(ms);
        while self.now < until && !self.closed {
            if self.under_way.is_some() {
                self.answer(true);
            }
            self.pass(each);
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.machine.handle(self.now, input);
        self.drain();
        let next = self.machine.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "asks for a time that has come");
        assert!(!self.closed || next.is_none(), "asks for a time after its end");
        let waits = self.under_way.is_some() || next.is_some() || self.tickets.is_empty();
        assert!(self.closed || waits, "tickets {:?} wait for nothing", self.tickets);
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            assert!(!self.closed, "{output:?} after the end");
            match output {
                Output::Operate(operation) => {
                    assert!(self.under_way.is_none(), "{operation} while another operation is under way");
                    if let Operation::Write { bytes, .. } = &operation {
                        self.writes += 1;
                        self.check_packet(&String::from_utf8_lossy(bytes));
                    }
                    self.under_way = Some(operation);
                }
                Output::Abandon => assert!(self.under_way.take().is_some(), "nothing to abandon"),
                Output::Report(report) => self.check_report(&report),
                Output::Close => {
                    self.closed = true;
                    assert!(self.tickets.is_empty(), "tickets {:?} are never answered", self.tickets);
                }
            }
        }
    }

    fn check_report(&mut self, report: &Report) {
        match report {
            Report::Done(ticket, _) => assert!(self.tickets.remove(ticket), "ticket {ticket} answered twice"),
            Report::Ready(_) => assert!(!std::mem::replace(&mut self.ready, true), "ready twice"),
            Report::Redefined(description) => {
                assert!(description.features.iter().all(|f| !f.outputs.is_empty() || !f.inputs.is_empty()));
            }
            _ => {}
        }
    }

    /// Every value of a packet lies in the hardware's range and within the limits that are in force.
    fn check_packet(&mut self, packet: &str) {
        for word in packet.split(' ') {
            let Some((output, value)) = word.split_once('=') else { continue };
            let (value, duration) = value.split_once('@').unwrap_or((value, "0"));
            let (Ok(value), Ok(duration)) = (value.parse::<i32>(), duration.parse::<u32>()) else {
                panic!("{word} is not a word");
            };
            let mut letters = output.chars();
            let (Some(letter), Ok(index)) = (letters.next(), letters.as_str().parse::<u32>()) else {
                panic!("{word} is not a word");
            };
            self.check_value(index, letter, value, duration);
            self.told.insert((index, letter), value);
        }
    }

    fn check_value(&self, index: u32, letter_of: char, value: i32, duration: u32) {
        let features = features();
        let output = features
            .iter()
            .filter(|feature| feature.index == index)
            .flat_map(|feature| &feature.outputs)
            .find(|output| letter(output.kind) == letter_of);
        let Some(output) = output else { panic!("there is no {letter_of}{index}") };
        let position = output.kind.is_position();
        assert!(
            output.value.contains(value) || (value == 0 && !position),
            "{letter_of}{index}={value} is out of range"
        );
        assert!(duration <= 10_000, "{duration} is out of range");
        let limit = self.limits.iter().find(|limit| (limit.feature, limit.kind) == (index, output.kind));
        let Some(limit) = limit else { return };
        let greatest = output.value.max.max(-output.value.min);
        let low = limit.steps.min.min(limit.steps.max).clamp(0, greatest);
        let high = limit.steps.max.max(limit.steps.min).clamp(0, greatest);
        if limit.disabled || high < output.value.min {
            assert!(self.packed || value == 0, "{letter_of}{index}={value} although it is disabled");
        } else if position {
            assert!(
                low <= value && value <= high,
                "{letter_of}{index}={value} is not within {low} to {high}"
            );
        } else {
            assert!(value.abs() <= high, "{letter_of}{index}={value} is beyond {high}");
        }
    }
}

fn letters_at_rest(trial: &Trial) -> Vec<(u32, char, i32)> {
    let running = trial.told.iter().filter(|((_, letter), value)| !"ph".contains(*letter) && **value != 0);
    running.map(|((feature, letter), value)| (*feature, *letter, *value)).collect()
}

fn start(program: Plain, gap: u64, limits: Vec<Limit>, stop_first: bool) -> Trial {
    Trial::new(program, Settings { gap: Duration::from_millis(gap), limits, stop_first })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_the_machine_or_its_bounds(
        program in programs(),
        gap in prop::sample::select(vec![0, 1, 50, 100]),
        first in limits(),
        stop_first in any::<bool>(),
        happenings in prop::collection::vec(events(), 0..150),
        last in last_events(),
    ) {
        let mut trial = start(program, gap, first, stop_first);
        for event in &happenings {
            trial.happen(event);
        }
        trial.happen(&last);
        trial.pass(1500);
        prop_assert!(trial.closed, "still open");
    }

    #[test]
    fn after_a_stop_everything_comes_to_rest(
        program in programs(),
        gap in prop::sample::select(vec![0, 1, 50, 100]),
        happenings in prop::collection::vec(events(), 0..100),
        each in 0..40_u64,
        after in prop::collection::vec(limits().prop_map(Event::Limit), 0..2),
    ) {
        let mut trial = start(program, gap, Vec::new(), false);
        trial.pass_answering(100, 10);
        for event in &happenings {
            trial.happen(event);
        }
        if trial.closed {
            return Ok(());
        }
        trial.happen(&Event::Stop(Selection::All));
        for event in &after {
            trial.happen(event);
        }
        trial.pass_answering(8000, each.max(1));
        prop_assert!(trial.tickets.is_empty(), "the stop was never answered");
        prop_assert_eq!(letters_at_rest(&trial), []);
    }

    #[test]
    fn once_a_stop_is_done_nothing_runs_without_a_new_command(
        program in programs(),
        gap in prop::sample::select(vec![0, 50]),
        happenings in prop::collection::vec(events(), 0..100),
    ) {
        let mut trial = start(program, gap, Vec::new(), false);
        trial.pass_answering(100, 10);
        for event in &happenings {
            trial.happen(event);
        }
        if trial.closed {
            return Ok(());
        }
        trial.happen(&Event::Stop(Selection::All));
        let mut left = 10_000;
        while !trial.tickets.is_empty() && left > 0 {
            trial.pass_answering(5, 5);
            left -= 5;
        }
        prop_assert!(trial.tickets.is_empty(), "the stop was never answered");
        prop_assert_eq!(letters_at_rest(&trial), []);
    }

    #[test]
    fn the_device_ends_up_with_the_newest_values(
        program in programs(),
        gap in prop::sample::select(vec![0, 1, 50, 100]),
        happenings in prop::collection::vec(quiet_events(), 0..100),
        each in 1..40_u64,
    ) {
        let mut trial = start(program, gap, Vec::new(), false);
        trial.pass_answering(100, 10);
        let features = features();
        let mut wanted = BTreeMap::new();
        for event in &happenings {
            trial.happen(event);
            let Event::Set(index, kind, value, _) = event else { continue };
            let feature = features.iter().find(|feature| feature.index == *index);
            let Some(output) = feature.and_then(|feature| feature.output(*kind)) else { continue };
            let offered = Range::new(output.value.min.min(0), output.value.max);
            let value = offered.clamp(*value);
            let value = if value == 0 && !kind.is_position() { 0 } else { output.value.clamp(value) };
            if kind.is_position() {
                // The other way to move the same axis has nothing to say any longer.
                wanted.remove(&(*index, if *kind == Position { 'h' } else { 'p' }));
            }
            wanted.insert((*index, letter(*kind)), value);
        }
        if trial.closed {
            return Ok(());
        }
        trial.pass_answering(8000, each);
        for ((feature, letter), value) in wanted {
            // A spray is over when it was sent.
            if letter != 's' {
                prop_assert_eq!(trial.told.get(&(feature, letter)), Some(&value), "{}{}", letter, feature);
            }
        }
    }

    #[test]
    fn a_flood_is_written_no_faster_than_the_gap(
        packed in any::<bool>(),
        gap in 1..100_u64,
        pauses in prop::collection::vec((sets(), 0..10_u64), 1..200),
    ) {
        let mut trial = start(Plain { packed, ..Plain::new(vec![feature(0, vec![output(Vibrate, 0, 20)])]) }, gap, Vec::new(), false);
        let began = trial.now;
        for (set, pause) in &pauses {
            trial.happen(set);
            trial.pass_answering(*pause, 1);
        }
        let most = (trial.now - began).as_millis() / u128::from(gap) + 1;
        prop_assert!(u128::try_from(trial.writes).unwrap_or(u128::MAX) <= most);
    }
}
