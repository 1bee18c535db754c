//! The user's limits (`wire.md` 6.11) and ranges that start above 0 (D-27).

use std::time::Duration;

use frisson_engine::device::{Command, DeviceMachine, Limit, Output, Preferences, Report, Settings};
use frisson_wire::{OutputKind, Range};

use crate::bench::*;

/// A device with one output under a limit; gives what is advertised and what each command becomes.
fn under(limit: Limit, hardware: frisson_wire::Output, asked: &[i32]) -> (Option<Range<i32>>, Vec<String>) {
    let kind = hardware.kind;
    let program = Plain::new(vec![feature(0, vec![hardware])]);
    let mut bench = Bench::greeting(program, Settings { limits: vec![limit], ..settings(0) });
    let advertised =
        bench.advertised().first().and_then(|feature| feature.output(kind)).map(|output| output.value);
    for value in asked {
        bench.set(0, kind, *value);
        bench.run(0);
    }
    let written = bench.operations().into_iter().filter_map(|text| text.split('=').nth(1).map(str::to_owned));
    (advertised, written.collect())
}

fn plain(kind: OutputKind, low: i32, high: i32) -> Limit {
    limit(0, kind, low, high)
}

#[test]
fn a_speed_is_lifted_by_the_lower_limit() {
    let (advertised, written) = under(plain(Vibrate, 5, 15), output(Vibrate, 0, 20), &[1, 10, 11, 0]);
    assert_eq!(advertised, Some(Range::new(0, 10)));
    assert_eq!(written, ["6", "15", "0"]);
}

#[test]
fn a_signed_speed_keeps_its_sign() {
    let (advertised, written) = under(plain(Rotate, 5, 15), output(Rotate, -20, 20), &[1, -1, -10, 10, 0]);
    assert_eq!(advertised, Some(Range::new(-10, 10)));
    assert_eq!(written, ["6", "-6", "-15", "15", "0"]);
}

#[test]
fn a_position_of_zero_is_the_lower_limit() {
    let (advertised, written) = under(plain(Position, 20, 80), output(Position, 0, 99), &[0, 60, 99]);
    assert_eq!(advertised, Some(Range::new(0, 60)));
    assert_eq!(written, ["20", "80", "80"]);
}

#[test]
fn a_reversed_position_counts_from_the_upper_limit() {
    let reversed = Limit { reverse: true, ..plain(Position, 20, 80) };
    let (advertised, written) = under(reversed, output(Position, 0, 99), &[0, 10, 60]);
    assert_eq!(advertised, Some(Range::new(0, 60)));
    assert_eq!(written, ["80", "70", "20"]);
}

#[test]
fn a_reversed_position_without_narrowing_uses_the_whole_range() {
    let reversed = Limit { reverse: true, ..plain(Position, 0, 99) };
    let (advertised, written) = under(reversed, output(Position, 0, 99), &[0, 99]);
    assert_eq!(advertised, Some(Range::new(0, 99)));
    assert_eq!(written, ["99", "0"]);
}

#[test]
fn a_reversed_signed_speed_turns_the_other_way() {
    let reversed = Limit { reverse: true, ..plain(Rotate, 5, 15) };
    let (_, written) = under(reversed, output(Rotate, -20, 20), &[1, -10, 0]);
    assert_eq!(written, ["-6", "15", "0"]);
}

#[test]
fn an_unsigned_speed_cannot_be_reversed() {
    let reversed = Limit { reverse: true, ..plain(Vibrate, 0, 20) };
    let (_, written) = under(reversed, output(Vibrate, 0, 20), &[7]);
    assert_eq!(written, ["7"]);
}

#[test]
fn a_range_that_starts_above_zero_is_advertised_from_zero() {
    let (advertised, written) =
        under(plain(Vibrate, 0, 20), output(Temperature, 37, 42), &[0, 1, 36, 37, 40, 42]);
    assert_eq!(advertised, Some(Range::new(0, 42)));
    assert_eq!(written, ["0", "37", "40", "42"]);
}

#[test]
fn a_limit_within_a_range_that_starts_above_zero_holds() {
    let (advertised, written) = under(plain(Temperature, 38, 40), output(Temperature, 37, 42), &[1, 2, 0]);
    assert_eq!(advertised, Some(Range::new(0, 2)));
    assert_eq!(written, ["39", "40", "0"]);
}

#[test]
fn a_limit_below_what_the_hardware_can_do_leaves_nothing() {
    let (advertised, written) = under(plain(Temperature, 0, 30), output(Temperature, 37, 42), &[1, 30]);
    assert_eq!(advertised, None);
    assert_eq!(written, [""; 0]);
}

#[test]
fn a_limit_beyond_the_hardware_is_the_hardware() {
    let (advertised, written) = under(plain(Vibrate, -5, 1000), output(Vibrate, 0, 20), &[20]);
    assert_eq!(advertised, Some(Range::new(0, 20)));
    assert_eq!(written, ["20"]);
}

#[test]
fn a_disabled_output_is_neither_advertised_nor_driven() {
    let disabled = Limit { disabled: true, ..plain(Vibrate, 0, 20) };
    let (advertised, written) = under(disabled, output(Vibrate, 0, 20), &[1, 20]);
    assert_eq!(advertised, None);
    assert_eq!(written, [""; 0]);
}

#[test]
fn a_feature_with_nothing_left_is_left_out() {
    let limits = vec![Limit { disabled: true, ..plain(Vibrate, 0, 20) }];
    let mut bench = Bench::greeting(motors(2), Settings { limits, ..settings(0) });
    let indices: Vec<_> = bench.advertised().iter().map(|feature| feature.index).collect();
    assert_eq!(indices, [1]);
}

#[test]
fn a_stop_reaches_disabled_outputs_too() {
    let limits = vec![Limit { disabled: true, ..plain(Vibrate, 0, 20) }];
    let mut bench = Bench::new(motors(2), Settings { limits, ..settings(0) });
    bench.stop(1);
    bench.run(0);
    assert_eq!(bench.operations(), ["0 v0=0", "0 v1=0"]);
}

#[test]
fn a_stop_is_not_lifted_by_the_lower_limit() {
    let mut bench = Bench::new(motors(1), Settings { limits: vec![plain(Vibrate, 5, 10)], ..settings(0) });
    bench.stop(1);
    assert_eq!(bench.operations(), ["0 v0=0"]);
}

#[test]
fn durations_are_clamped() {
    let narrow = Limit { duration: Some(Range::new(200, 20_000)), ..limit(4, Stroke, 0, 99) };
    let mut bench = Bench::greeting(stroker(), Settings { limits: vec![narrow], ..settings(0) });
    let advertised = bench.advertised()[1].output(Stroke).and_then(|output| output.duration);
    assert_eq!(advertised, Some(Range::new(200, 10_000)));
    bench.stroke(10, 0);
    bench.run(0);
    bench.stroke(20, 60_000);
    assert_eq!(bench.operations(), ["0 h4=10@200", "0 h4=20@10000"]);
}

#[test]
fn a_lowered_limit_clamps_the_present_value_at_once() {
    let mut bench = Bench::new(motors(2), settings(0));
    bench.vibrate(0, 18);
    bench.vibrate(1, 3);
    bench.run(10);
    bench.forget();
    bench.command(limited(vec![limit(0, Vibrate, 0, 10), limit(1, Vibrate, 0, 10)]));
    bench.run(10);
    assert_eq!(bench.operations(), ["10 v0=10"]);
}

#[test]
fn a_raised_lower_limit_leaves_what_is_off_alone() {
    let mut bench = Bench::new(motors(2), settings(0));
    bench.vibrate(0, 3);
    bench.vibrate(1, 0);
    bench.run(10);
    bench.forget();
    bench.command(limited(vec![limit(0, Vibrate, 5, 20), limit(1, Vibrate, 5, 20)]));
    bench.run(10);
    assert_eq!(bench.operations(), ["10 v0=5"]);
}

#[test]
fn a_changed_limit_does_not_move_a_position_that_nobody_has_set() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.command(limited(vec![limit(4, Stroke, 20, 80)]));
    bench.run(10);
    assert_eq!(bench.operations(), [""; 0]);
}

#[test]
fn a_changed_limit_moves_a_position_within_it() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.stroke(95, 300);
    bench.run(1000);
    bench.forget();
    bench.command(limited(vec![limit(4, Stroke, 20, 80)]));
    bench.run(10);
    assert_eq!(bench.operations(), ["1000 h4=80@300"]);
}

#[test]
fn a_changed_limit_clamps_a_value_that_waits() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.vibrate(0, 18);
    bench.command(limited(vec![plain(Vibrate, 0, 10)]));
    bench.run(100);
    assert_eq!(bench.operations(), ["1 v0=10"]);
}

#[test]
fn a_changed_limit_clamps_a_value_that_waits_for_a_stop() {
    let mut bench = Bench::new(motors(1), settings(100));
    bench.fate = Fate::Works(10);
    bench.stop(1);
    bench.vibrate(0, 18);
    bench.command(limited(vec![plain(Vibrate, 0, 10)]));
    bench.run(500);
    assert_eq!(bench.operations(), ["0 v0=0", "100 v0=10"]);
}

#[test]
fn packets_rendered_under_other_limits_are_not_written() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.fate = Fate::Works(10);
    bench.vibrate(0, 18);
    bench.vibrate(1, 18);
    bench.run(5);
    bench.command(limited(vec![limit(0, Vibrate, 0, 10), limit(1, Vibrate, 0, 10)]));
    bench.run(500);
    assert_eq!(bench.operations(), ["1 v0=18", "11 v0=10", "21 v1=10"]);
}

#[test]
fn a_spray_that_is_being_written_is_not_had_twice_because_of_a_new_limit() {
    let mut bench = Bench::new(Plain::new(vec![feature(0, vec![output(Spray, 0, 10)])]), settings(0));
    bench.fate = Fate::Works(10);
    bench.set(0, Spray, 10);
    bench.command(limited(vec![plain(Spray, 0, 5)]));
    bench.run(100);
    bench.set(0, Spray, 5);
    bench.run(100);
    assert_eq!(bench.operations(), ["0 s0=10", "100 s0=5"]);
}

#[test]
fn a_running_output_that_is_disabled_is_stopped_at_once() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.vibrate(0, 18);
    bench.vibrate(1, 18);
    bench.run(10);
    bench.forget();
    bench.command(limited(vec![Limit { disabled: true, ..limit(0, Vibrate, 0, 20) }]));
    bench.run(500);
    assert_eq!(bench.operations(), ["10 v0=0"]);
}

#[test]
fn a_change_that_can_be_seen_is_reported_once() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.command(limited(vec![plain(Vibrate, 5, 15)]));
    let reports = bench.reports();
    assert!(
        matches!(&reports[..], [Report::Redefined(seen)] if seen.features[0].outputs == [output(Vibrate, 0, 10)])
    );
    bench.command(limited(vec![plain(Vibrate, 6, 16)]));
    assert_eq!(bench.reports(), []);
}

#[test]
fn a_lifted_limit_gives_the_whole_range_back() {
    let mut bench = Bench::new(motors(1), Settings { limits: vec![plain(Vibrate, 0, 5)], ..settings(0) });
    bench.command(limited(Vec::new()));
    bench.vibrate(0, 20);
    assert_eq!(bench.operations(), ["0 v0=20"]);
}

#[test]
fn extreme_ranges_and_limits_do_no_harm() {
    let edges = [i32::MIN, -1, 0, 1, i32::MAX];
    for kind in OutputKind::ALL {
        for (min, max) in edges.iter().flat_map(|min| edges.iter().map(move |max| (*min, *max))) {
            for (low, high) in edges.iter().flat_map(|low| edges.iter().map(move |high| (*low, *high))) {
                for reverse in [false, true] {
                    let limit = Limit { reverse, ..limit(0, kind, low, high) };
                    under(limit, output(kind, min, max), &edges);
                }
            }
        }
    }
}

#[test]
fn a_long_duration_does_no_harm() {
    let mut bench = Bench::new(stroker(), settings(0));
    bench.command(Command::Set { feature: 4, kind: Stroke, value: 10, duration: Duration::MAX });
    bench.run(10);
    bench.stop(1);
    assert_eq!(bench.operations(), ["0 h4=10@10000", "10 v0=0"]);
}

#[test]
fn an_output_that_is_disabled_while_a_value_is_written_is_stopped() {
    let mut bench = Bench::new(motors(1), settings(0));
    bench.fate = Fate::Works(100);
    bench.vibrate(0, 18);
    bench.run(50);
    bench.vibrate(0, 0);
    bench.command(limited(vec![Limit { disabled: true, ..limit(0, Vibrate, 0, 20) }]));
    bench.run(500);
    assert_eq!(bench.operations(), ["0 v0=18", "100 v0=0"]);
}

#[test]
fn what_the_user_has_set_is_asked_for_when_it_is_known_which_device_it_is() {
    let program = motors(1);
    let ask = |hardware: &frisson_program::Description| {
        assert_eq!(hardware.features.len(), 1);
        Ok(Preferences { limits: vec![plain(Vibrate, 5, 15)], gap: Some(Duration::from_millis(40)) })
    };
    let now = std::time::Instant::now();
    let mut machine = DeviceMachine::asking(now, Box::new(program), settings(0), Box::new(ask));
    let Some(Output::Report(Report::Ready(ready))) = machine.poll_output() else { panic!("is not ready") };
    assert_eq!(ready.gap, Some(Duration::from_millis(40)));
    assert_eq!(ready.features[0].outputs[0].value, Range::new(0, 10));
}

#[test]
fn a_device_that_the_user_does_not_want_is_refused_with_the_reason() {
    let now = std::time::Instant::now();
    let ask = |_: &frisson_program::Description| Err("it is denied".to_owned());
    let mut machine = DeviceMachine::asking(now, Box::new(motors(1)), settings(0), Box::new(ask));
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
    assert_eq!(outputs, [Output::Report(Report::Refused("it is denied".to_owned())), Output::Close]);
}

#[test]
fn what_runs_above_a_new_limit_is_brought_down_without_waiting_for_the_gap() {
    let mut bench = Bench::new(motors(2), settings(100));
    bench.vibrate(0, 18);
    bench.vibrate(1, 5);
    bench.run(10);
    bench.forget();
    bench.command(limited(vec![limit(0, Vibrate, 0, 10), limit(1, Vibrate, 0, 10)]));
    bench.run(500);
    assert_eq!(bench.operations(), ["11 v0=10"]);
}

#[test]
fn another_gap_counts_at_once_and_can_be_taken_back() {
    let mut bench = Bench::new(motors(1), settings(100));
    let gap = |ms| Command::Prefer(Preferences { gap: ms, ..Preferences::default() });
    bench.command(gap(Some(Duration::from_millis(20))));
    assert!(
        matches!(&bench.reports()[..], [Report::Redefined(seen)] if seen.gap == Some(Duration::from_millis(20)))
    );
    for value in [1, 2, 3] {
        bench.vibrate(0, value);
        bench.run(5);
    }
    bench.run(200);
    assert_eq!(bench.operations(), ["1 v0=1", "21 v0=3"]);
    bench.command(gap(None));
    assert!(matches!(&bench.reports()[..], [Report::Redefined(seen)] if seen.gap.is_none()));
}
