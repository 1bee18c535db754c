//! What waits for a device whose task takes nothing in.

mod hub_harness;

use frisson_engine::device::{Command, Report, Selection};
use frisson_engine::hub::Input;
use frisson_wire::{InputAction, InputKind, OutputKind, Reply, Scope};
use hub_harness::*;

const VIBRATE: OutputKind = OutputKind::Vibrate;

/// Sends as many commands as a device gets before it has taken any in.
fn fill(bench: &mut Bench, session: frisson_engine::hub::SessionId, toy: Unit) {
    for _ in 0..64 {
        assert_eq!(bench.ok(session, vibrate(toy, 0, 1)).commands(toy).len(), 1);
    }
}

fn credit(bench: &mut Bench, toy: Unit, count: u32) -> Seen {
    bench.handle(Input::Credit(toy.id, count))
}

fn toy(bench: &mut Bench) -> Unit {
    bench.device("a", vec![vibrator(0, 20), vibrator(1, 20), stroker(2), battery(3), bulb(4)])
}

#[test]
fn commands_are_on_their_way_in_a_bounded_number() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    assert!(bench.ok(session, vibrate(toy, 0, 2)).commands(toy).is_empty());
}

#[test]
fn after_a_flood_only_the_newest_values_are_left() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    for value in 0..50_000 {
        let seen = bench.ok(session, vibrate(toy, 0, value % 20));
        assert!(seen.commands(toy).is_empty());
        bench.ok(session, vibrate(toy, 1, value % 21));
    }
    let seen = credit(&mut bench, toy, 64);
    assert_eq!(seen.sets(toy), [(0, VIBRATE, 49_999 % 20), (1, VIBRATE, 49_999 % 21)]);
    assert!(credit(&mut bench, toy, 64).is_empty());
}

#[test]
fn a_flood_to_one_device_does_not_hold_up_another() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let other = bench.device("b", vec![vibrator(0, 20)]);
    let session = bench.client();
    fill(&mut bench, session, toy);
    assert_eq!(bench.ok(session, vibrate(other, 0, 3)).sets(other).len(), 1);
}

#[test]
fn credit_is_given_back_one_by_one_too() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, vibrate(toy, 0, 7));
    bench.ok(session, vibrate(toy, 1, 8));
    assert_eq!(credit(&mut bench, toy, 1).sets(toy), [(0, VIBRATE, 7)]);
    assert_eq!(credit(&mut bench, toy, 1).sets(toy), [(1, VIBRATE, 8)]);
    assert!(credit(&mut bench, toy, 1).is_empty());
    assert_eq!(bench.ok(session, vibrate(toy, 0, 9)).sets(toy), [(0, VIBRATE, 9)]);
    assert!(bench.ok(session, vibrate(toy, 0, 10)).sets(toy).is_empty());
}

#[test]
fn more_credit_than_there_was_is_not_believed() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    credit(&mut bench, toy, u32::MAX);
    fill(&mut bench, session, toy);
    assert!(bench.ok(session, vibrate(toy, 0, 2)).commands(toy).is_empty());
}

#[test]
fn a_stop_supersedes_the_values_that_wait_and_goes_first() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, vibrate(toy, 0, 7));
    bench.ok(session, vibrate(toy, 1, 8));
    bench.send(session, stop(Scope::Feature { device: 0, feature: 0 }, false, true));
    let seen = credit(&mut bench, toy, 64);
    assert!(matches!(seen.commands(toy)[0], Command::Stop { selection: Selection::Feature(0), .. }));
    assert_eq!(seen.sets(toy), [(1, VIBRATE, 8)]);
}

#[test]
fn a_value_after_a_stop_goes_after_it() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, vibrate(toy, 0, 7));
    bench.send(session, stop_all());
    bench.ok(session, vibrate(toy, 0, 9));
    let commands = credit(&mut bench, toy, 64).commands(toy);
    assert!(matches!(commands[..], [Command::Stop { .. }, Command::Set { value: 9, .. }]), "{commands:?}");
}

#[test]
fn stops_that_wait_become_one_and_are_all_answered() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    let (first, _) = bench.send(session, stop(Scope::Feature { device: 0, feature: 0 }, false, true));
    bench.ok(session, vibrate(toy, 0, 9));
    let (second, _) = bench.send(session, stop(Scope::Feature { device: 0, feature: 2 }, false, true));
    let seen = credit(&mut bench, toy, 64);
    let both = vec![(0, VIBRATE), (2, OutputKind::Position), (2, OutputKind::HwPositionWithDuration)];
    assert_eq!(seen.stops(toy), [Selection::Outputs(both)]);
    assert_eq!(
        seen.sets(toy),
        [(0, VIBRATE, 9)],
        "a value after the first stop is not touched by the second"
    );
    let seen = bench.stopped(toy, &seen);
    assert_eq!(seen.reply(session, first), Reply::Ok);
    assert_eq!(seen.reply(session, second), Reply::Ok);
}

#[test]
fn a_stop_of_everything_takes_in_one_of_a_part() {
    for all_first in [false, true] {
        let mut bench = Bench::new();
        let toy = toy(&mut bench);
        let session = bench.client();
        fill(&mut bench, session, toy);
        let part = stop(Scope::Feature { device: 0, feature: 0 }, false, true);
        let all = stop(Scope::All, false, true);
        for request in if all_first { [all, part] } else { [part, all] } {
            bench.send(session, request);
        }
        assert_eq!(credit(&mut bench, toy, 64).stops(toy), [Selection::All]);
    }
}

#[test]
fn a_flood_of_stops_leaves_one() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    for _ in 0..20_000 {
        bench.send(session, stop(Scope::Device(toy.index), true, true));
        bench.pass(1);
    }
    assert_eq!(credit(&mut bench, toy, 64).commands(toy).len(), 1);
}

#[test]
fn reads_of_one_input_that_wait_are_shared() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    let read = || input(toy, 3, InputKind::Battery, InputAction::Read);
    let ids = [(); 500].map(|()| bench.send(session, read()).0);
    let seen = credit(&mut bench, toy, 64);
    assert_eq!(seen.commands(toy).len(), 1);
    let seen = bench.report(toy, Report::Done(seen.ticket(toy), Ok(Some(5))));
    assert_eq!(seen.replies(session).len(), ids.len());
    for id in ids {
        assert!(matches!(seen.reply(session, id), Reply::Reading(..)));
    }
}

#[test]
fn of_subscriptions_that_wait_the_newest_counts() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    for _ in 0..1_000 {
        bench.ok(session, input(toy, 4, InputKind::Pressure, InputAction::Subscribe));
        bench.ok(session, input(toy, 4, InputKind::Pressure, InputAction::Unsubscribe));
    }
    bench.ok(session, input(toy, 4, InputKind::Pressure, InputAction::Subscribe));
    let wanted = Command::Listen { feature: 4, kind: InputKind::Pressure, on: true };
    assert_eq!(credit(&mut bench, toy, 64).commands(toy), [wanted]);
}

#[test]
fn the_last_of_two_position_outputs_of_a_feature_comes_last() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, set(toy, 2, OutputKind::Position, 10));
    bench.ok(session, set(toy, 2, OutputKind::HwPositionWithDuration, 80));
    bench.ok(session, set(toy, 2, OutputKind::Position, 20));
    let sets = credit(&mut bench, toy, 64).sets(toy);
    assert_eq!(sets, [(2, OutputKind::HwPositionWithDuration, 80), (2, OutputKind::Position, 20)]);
}

#[test]
fn values_that_wait_keep_their_order_across_outputs() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, vibrate(toy, 1, 1));
    bench.ok(session, vibrate(toy, 0, 2));
    bench.ok(session, set(toy, 2, OutputKind::Position, 3));
    let sets = credit(&mut bench, toy, 64).sets(toy);
    assert_eq!(sets, [(1, VIBRATE, 1), (0, VIBRATE, 2), (2, OutputKind::Position, 3)]);
}

#[test]
fn values_that_wait_are_brought_within_what_is_offered_by_then() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, vibrate(toy, 0, 20));
    bench.ok(session, vibrate(toy, 1, 20));
    bench.report(toy, Report::Redefined(Box::new(description(vec![vibrator(0, 8)]))));
    assert_eq!(credit(&mut bench, toy, 64).sets(toy), [(0, VIBRATE, 8)]);
}

#[test]
fn a_client_that_leaves_takes_its_waiting_values_with_it() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    let other = bench.client();
    fill(&mut bench, session, toy);
    bench.ok(session, vibrate(toy, 0, 20));
    bench.ok(other, vibrate(toy, 1, 20));
    bench.handle(Input::Disconnected(session));
    let seen = credit(&mut bench, toy, 64);
    assert_eq!(seen.stops(toy), [Selection::Outputs(vec![(0, VIBRATE)])]);
    assert_eq!(seen.sets(toy), [(1, VIBRATE, 20)]);
}

#[test]
fn requests_that_wait_for_credit_are_answered_in_time_nevertheless() {
    let mut bench = Bench::new();
    let toy = toy(&mut bench);
    let session = bench.client();
    fill(&mut bench, session, toy);
    let (read, _) = bench.send(session, input(toy, 3, InputKind::Battery, InputAction::Read));
    let (stopping, _) = bench.send(session, stop(Scope::Device(toy.index), false, true));
    let seen = bench.pass(1_000);
    assert_eq!(seen.error(session, stopping), frisson_wire::ErrorCode::Device);
    assert!(seen.replies(session).len() == 1);
    assert_eq!(bench.pass(4_000).error(session, read), frisson_wire::ErrorCode::Device);
    // The stop stays due, and its being written is answered to nobody.
    let seen = credit(&mut bench, toy, 64);
    assert_eq!(seen.stops(toy), [Selection::All]);
    assert!(bench.stopped(toy, &seen).is_empty());
}
