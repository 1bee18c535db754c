//! What a simulated device does with bytes and time, without any link.

use std::collections::VecDeque;
use std::time::Duration;

use frisson_program::Endpoint;
use frisson_wire::{Feature, InputKind, OutputKind, Range};
use tokio::time::Instant;

use super::motion::{Battery, Chance, Motion, full_travel};
use super::{InputSnapshot, OutputSnapshot};

/// The length of a record.
const RECORD: usize = 10;
/// The most records in one write.
const MAX_RECORDS: usize = 50;
/// The output byte of a record that ends a move.
const HALT: u8 = 255;
/// The least time between two reports of an input.
const REPORT_GAP: Duration = Duration::from_millis(100);
/// The most reports that wait to be heard; older ones are forgotten.
const MAX_REPORTS: usize = 64;
const PRESS_GAP: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(20));
const PRESS_LENGTH: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(400));

/// The inside of a device.
pub(super) struct Machine {
    axes: Vec<Axis>,
    senses: Vec<Sense>,
    battery: Battery,
    button: Button,
    reports: VecDeque<(Endpoint, i64)>,
}

/// Something that moves. A position and a timed position of one feature are one axis.
struct Axis {
    feature: u32,
    kinds: Vec<(OutputKind, Option<Range<u32>>)>,
    range: Range<i32>,
    full_travel: Duration,
    target: i32,
    motion: Motion,
}

/// Something that is measured.
struct Sense {
    feature: u32,
    kind: InputKind,
    endpoint: Endpoint,
    max: i64,
    read: bool,
    subscribe: bool,
    listening: bool,
    reported: Option<(i64, Instant)>,
}

struct Button {
    chance: Chance,
    up_at: Option<Instant>,
    next_press: Option<Instant>,
}

/// What one record asks for.
enum Order {
    Go { axis: usize, value: i32, duration: Duration },
    Halt { axis: usize },
}

impl Machine {
    /// A device at rest with a full battery.
    pub(super) fn new(features: &[Feature], seed: u64, now: Instant) -> Self {
        let inputs =
            features.iter().flat_map(|feature| feature.inputs.iter().map(|input| (feature.index, input)));
        let senses = inputs
            .filter_map(|(feature, input)| {
                Some(Sense {
                    feature,
                    kind: input.kind,
                    endpoint: Endpoint::new(&input.kind.name().to_ascii_lowercase()).ok()?,
                    max: input.values.iter().map(|range| range.max).max().unwrap_or(0),
                    read: input.read,
                    subscribe: input.subscribe,
                    listening: false,
                    reported: None,
                })
            })
            .collect();
        Self {
            axes: features.iter().flat_map(|feature| axes(feature, now)).collect(),
            senses,
            battery: Battery::full(now),
            button: Button { chance: Chance::new(seed), up_at: None, next_press: None },
            reports: VecDeque::new(),
        }
    }

    /// Where bytes go to and come from.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        [Endpoint::TX].into_iter().chain(self.senses.iter().map(|sense| sense.endpoint)).collect()
    }

    /// Takes bytes that were written to `tx`: all of them, or none with the reason.
    pub(super) fn write(&mut self, bytes: &[u8], now: Instant) -> Result<(), String> {
        let (records, rest) = bytes.as_chunks::<RECORD>();
        if !rest.is_empty() || !(1..=MAX_RECORDS).contains(&records.len()) {
            return Err(format!(
                "{} bytes are not 1 to {MAX_RECORDS} records of {RECORD} bytes",
                bytes.len()
            ));
        }
        let orders = records.iter().map(|record| self.order(record)).collect::<Result<Vec<_>, _>>()?;
        let mut travel = 0.0;
        for order in orders {
            travel += self.carry_out(&order, now);
        }
        self.battery.draw(self.load(), travel, now);
        self.report(now);
        Ok(())
    }

    fn order(&self, record: &[u8; RECORD]) -> Result<Order, String> {
        let [feature, kind, v0, v1, v2, v3, d0, d1, d2, d3] = *record;
        let value = i32::from_le_bytes([v0, v1, v2, v3]);
        let milliseconds = u32::from_le_bytes([d0, d1, d2, d3]);
        if kind == HALT {
            let found = self.axes.iter().position(|axis| axis.is_of(feature) && axis.is_position());
            let axis = found.ok_or_else(|| format!("feature {feature} has no move to end"))?;
            return Ok(Order::Halt { axis });
        }
        let kind =
            OutputKind::ALL.get(usize::from(kind)).ok_or_else(|| format!("there is no output {kind}"))?;
        let places = self.axes.iter().enumerate().filter(|(_, axis)| axis.is_of(feature));
        let (place, axis, durations) = places
            .filter_map(|(place, axis)| {
                let (_, durations) = axis.kinds.iter().find(|(own, _)| own == kind)?;
                Some((place, axis, durations.unwrap_or(Range::new(0, 0))))
            })
            .next()
            .ok_or_else(|| format!("feature {feature} has no {kind}"))?;
        if !axis.range.contains(value) {
            return Err(format!("{kind} {value} is beyond {} to {}", axis.range.min, axis.range.max));
        }
        if !durations.contains(milliseconds) {
            return Err(format!(
                "{kind} within {milliseconds} ms is beyond {} to {} ms",
                durations.min, durations.max
            ));
        }
        let duration = Duration::from_millis(milliseconds.into());
        Ok(Order::Go { axis: place, value, duration })
    }

    /// Returns which part of its range a stroker travels.
    fn carry_out(&mut self, order: &Order, now: Instant) -> f64 {
        match *order {
            Order::Go { axis, value, duration } => {
                self.axes.get_mut(axis).map_or(0.0, |axis| axis.go(value, duration, now))
            }
            Order::Halt { axis } => {
                if let Some(axis) = self.axes.get_mut(axis) {
                    axis.halt(now);
                }
                0.0
            }
        }
    }

    /// How much power is asked for, from 0 to 1.
    fn load(&self) -> f64 {
        let loads = self.axes.iter().map(Axis::load);
        let count = u32::try_from(self.axes.len()).unwrap_or(u32::MAX);
        loads.sum::<f64>() / f64::from(count.max(1))
    }

    /// The endpoint's value; `None` if nothing can be read there.
    pub(super) fn read(&mut self, endpoint: Endpoint, now: Instant) -> Option<i64> {
        let sense = self.senses.iter().find(|sense| sense.endpoint == endpoint && sense.read)?;
        Some(self.value(sense, now))
    }

    /// Begins or ends to report an input; false if nothing can be heard there.
    pub(super) fn listen(&mut self, endpoint: Endpoint, on: bool, now: Instant) -> bool {
        let pressed = i64::from(self.button.is_down(now));
        let wanted = |sense: &&mut Sense| sense.endpoint == endpoint && sense.subscribe;
        let Some(sense) = self.senses.iter_mut().find(wanted) else { return false };
        if sense.listening != on {
            sense.listening = on;
            let is_button = sense.kind == InputKind::Button;
            sense.reported = is_button.then_some((pressed, now));
            if is_button {
                self.button.next_press = on.then(|| now + self.button.gap());
            }
            if !on {
                self.reports.retain(|(from, _)| *from != endpoint);
            }
        }
        self.report(now);
        true
    }

    /// Whether anything is listened to.
    pub(super) fn is_heard(&self) -> bool {
        self.senses.iter().any(|sense| sense.listening)
    }

    /// Ends every report, as the loss of the link does.
    pub(super) fn deafen(&mut self) {
        for sense in &mut self.senses {
            sense.listening = false;
        }
        self.button.next_press = None;
        self.reports.clear();
    }

    /// Presses the button; false if there is none.
    pub(super) fn press(&mut self, now: Instant) -> bool {
        let has_button = self.senses.iter().any(|sense| sense.kind == InputKind::Button);
        if has_button {
            self.report(now);
            self.button.press(now);
            self.note_changes(now);
        }
        has_button
    }

    /// What the device says next, if anything has happened by now that somebody listens to.
    pub(super) fn next_report(&mut self, now: Instant) -> Option<(Endpoint, i64)> {
        self.report(now);
        self.reports.pop_front()
    }

    /// Until when [`next_report`](Self::next_report) need not be asked again, if nothing else happens; `None` if for ever.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        let listened = self.senses.iter().filter(|sense| sense.listening);
        listened.filter_map(|sense| self.next_change_of(sense, now)).min()
    }

    fn next_change_of(&self, sense: &Sense, now: Instant) -> Option<Instant> {
        if sense.kind == InputKind::Button {
            return [self.button.up_at.filter(|_| self.button.is_down(now)), self.button.next_press]
                .into_iter()
                .flatten()
                .min();
        }
        let allowed = sense.reported.map_or(now, |(_, at)| at + REPORT_GAP);
        let last = sense.reported.map(|(value, _)| value);
        let changes = match sense.kind {
            _ if last != Some(self.value(sense, now)) => Some(now),
            InputKind::Battery => self.battery.next_change(now),
            InputKind::Pressure => {
                self.pumps().any(|axis| axis.motion.is_moving(now)).then_some(now + REPORT_GAP)
            }
            _ => None,
        };
        changes.map(|at| at.max(allowed))
    }

    /// Catches up with what has happened by now.
    fn report(&mut self, now: Instant) {
        self.note_changes(now);
        if self.button.next_press.is_some_and(|at| at <= now) {
            self.button.press(now);
            self.button.next_press = Some(now + self.button.gap());
            self.note_changes(now);
        }
    }

    /// Notes a report of each input that has changed since its last one.
    fn note_changes(&mut self, now: Instant) {
        for place in 0..self.senses.len() {
            let Some(sense) = self.senses.get(place).filter(|sense| sense.listening) else { continue };
            let value = self.value(sense, now);
            let due = match sense.reported {
                None => true,
                Some((last, _)) if last == value => false,
                Some((_, at)) => sense.kind == InputKind::Button || now >= at + REPORT_GAP,
            };
            if let (true, Some(sense)) = (due, self.senses.get_mut(place)) {
                sense.reported = Some((value, now));
                if self.reports.len() == MAX_REPORTS {
                    self.reports.pop_front();
                }
                self.reports.push_back((sense.endpoint, value));
            }
        }
    }

    fn value(&self, sense: &Sense, now: Instant) -> i64 {
        match sense.kind {
            InputKind::Battery => whole(self.battery.percent(now)),
            InputKind::Pressure => {
                let share = self.pumps().map(|axis| axis.share(now)).fold(0.0, f64::max);
                whole(share * whole_to_float(sense.max))
            }
            InputKind::Button => i64::from(self.button.is_down(now)),
            InputKind::Rssi => -50,
        }
    }

    fn pumps(&self) -> impl Iterator<Item = &Axis> {
        self.axes.iter().filter(|axis| axis.kinds.iter().any(|(kind, _)| *kind == OutputKind::Constrict))
    }

    /// How the outputs are.
    pub(super) fn outputs(&self, now: Instant) -> Vec<OutputSnapshot> {
        let rows = self.axes.iter().flat_map(|axis| axis.kinds.iter().map(move |(kind, _)| (axis, *kind)));
        rows.map(|(axis, kind)| OutputSnapshot {
            feature: axis.feature,
            kind,
            target: axis.target,
            actual: axis.motion.at(now),
        })
        .collect()
    }

    /// How the inputs are.
    pub(super) fn inputs(&self, now: Instant) -> Vec<InputSnapshot> {
        let rows = self.senses.iter().map(|sense| InputSnapshot {
            feature: sense.feature,
            kind: sense.kind,
            value: self.value(sense, now),
            listening: sense.listening,
        });
        rows.collect()
    }
}

impl Axis {
    fn is_of(&self, feature: u8) -> bool {
        self.feature == u32::from(feature)
    }

    fn is_position(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| kind.is_position())
    }

    /// The highest value, or for a position the way from end to end. Never 0.
    fn span(&self) -> f64 {
        let span = if self.is_position() {
            f64::from(self.range.max) - f64::from(self.range.min)
        } else {
            f64::from(self.range.max).abs().max(f64::from(self.range.min).abs())
        };
        span.max(1.0)
    }

    /// Returns which part of its range a stroker travels.
    fn go(&mut self, value: i32, duration: Duration, now: Instant) -> f64 {
        let way = (f64::from(value) - self.motion.at(now)).abs() / self.span();
        self.target = value;
        self.motion.go(f64::from(value), self.full_travel.mul_f64(way).max(duration), now);
        if self.is_position() { way } else { 0.0 }
    }

    fn halt(&mut self, now: Instant) {
        let here = self.motion.at(now);
        self.target = i32::try_from(whole(here)).unwrap_or(self.target);
        self.motion = Motion::resting(here, now);
    }

    fn share(&self, now: Instant) -> f64 {
        (self.motion.at(now) / self.span()).abs()
    }

    fn load(&self) -> f64 {
        if self.is_position() { 0.0 } else { (f64::from(self.target) / self.span()).abs() }
    }
}

impl Button {
    fn is_down(&self, now: Instant) -> bool {
        self.up_at.is_some_and(|at| now < at)
    }

    fn press(&mut self, now: Instant) {
        let (low, high) = PRESS_LENGTH;
        self.up_at = Some(now + self.chance.between(low, high));
    }

    fn gap(&mut self) -> Duration {
        let (low, high) = PRESS_GAP;
        self.chance.between(low, high)
    }
}

fn axes(feature: &Feature, now: Instant) -> Vec<Axis> {
    let mut axes: Vec<Axis> = Vec::new();
    for output in &feature.outputs {
        let of_axis = (output.kind, output.duration);
        let shared = axes.iter_mut().find(|axis| axis.is_position() && output.kind.is_position());
        if let Some(axis) = shared {
            axis.kinds.push(of_axis);
            continue;
        }
        let start = output.value.clamp(0);
        axes.push(Axis {
            feature: feature.index,
            kinds: vec![of_axis],
            range: output.value,
            full_travel: full_travel(output.kind),
            target: start,
            motion: Motion::resting(start.into(), now),
        });
    }
    axes
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "our own values, which are small")]
fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// A limit as a float.
#[expect(clippy::cast_precision_loss, reason = "our own limits, which are small")]
fn whole_to_float(value: i64) -> f64 {
    value as f64
}
