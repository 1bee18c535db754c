//! What happens all the time costs the same however many clients and devices there are.

mod hub_harness;

use frisson_engine::device::{Command, Report, Selection};
use frisson_engine::hub::{Config, Input, Output, SessionId};
use frisson_wire::{Dialect, InputAction, InputKind, Message, Reply, Request, Scope};
use hub_harness::*;

/// So many clients, half of them remote, and so many devices. The clients have subscribed to everything.
fn crowd(count: usize) -> (Bench, Vec<SessionId>, Vec<Unit>) {
    let mut bench = Bench::with(Config { max_sessions: count * 2, max_ping_time: ms(1_000), ..config() });
    let units: Vec<_> = (0..count)
        .map(|at| bench.device(&format!("unit {at}"), vec![vibrator(0, 20), battery(1), bulb(2)]))
        .collect();
    let sessions: Vec<_> = (0..count).flat_map(|_| [bench.client(), bench.remote(Dialect::V4)]).collect();
    (bench, sessions, units)
}

#[test]
fn a_ping_is_one_answer_and_nothing_else() {
    for count in [1, 100] {
        let (mut bench, sessions, _) = crowd(count);
        for session in sessions.iter().step_by(2) {
            let (_, seen) = bench.send(*session, Request::Ping);
            assert!(
                matches!(seen.0[..], [Output::Message(to, Message::Reply(_, Reply::Ok))] if to == *session)
            );
        }
        for session in sessions.iter().skip(1).step_by(2) {
            let seen = bench.handle(Input::Text(*session, r#"[{"Ping": {"Id": 2}}]"#));
            assert!(matches!(seen.0[..], [Output::Frame { session: to, .. }] if to == *session), "{seen:?}");
        }
    }
}

#[test]
fn a_command_is_one_answer_and_one_command_to_its_device() {
    for count in [1, 100] {
        let (mut bench, sessions, units) = crowd(count);
        for unit in units {
            let seen = bench.ok(sessions[0], vibrate(unit, 0, 7));
            assert_eq!((seen.0.len(), seen.sets(unit).len()), (2, 1));
        }
    }
}

#[test]
fn a_stop_of_one_device_concerns_that_device_only() {
    let (mut bench, sessions, units) = crowd(100);
    let (id, seen) = bench.send(sessions[0], stop(Scope::Device(units[50].index), true, true));
    assert_eq!((seen.0.len(), seen.stops(units[50])), (1, vec![Selection::All]));
    let seen = bench.stopped(units[50], &seen);
    assert_eq!((seen.0.len(), seen.reply(sessions[0], id)), (1, Reply::Ok));
}

#[test]
fn a_reading_is_one_event_for_each_client_that_has_subscribed() {
    let (mut bench, sessions, units) = crowd(100);
    let unit = units[7];
    let report = || Report::Reading(2, InputKind::Pressure, 1);
    assert!(bench.report(unit, report()).is_empty());
    for session in [sessions[0], sessions[10]] {
        bench.ok(session, input(unit, 2, InputKind::Pressure, InputAction::Subscribe));
    }
    assert_eq!(bench.report(unit, report()).0.len(), 2);
}

#[test]
fn the_end_of_a_client_concerns_what_it_drove_only() {
    let (mut bench, sessions, units) = crowd(100);
    bench.ok(sessions[0], vibrate(units[3], 0, 7));
    bench.ok(sessions[2], vibrate(units[4], 0, 7));
    let seen = bench.handle(Input::Disconnected(sessions[0]));
    let commands = seen.0.iter().filter(|output| matches!(output, Output::Device(..)));
    assert_eq!((commands.count(), seen.stops(units[3]).len()), (1, 1));
}

#[test]
fn an_arrival_is_one_event_for_each_client() {
    let (mut bench, sessions, _) = crowd(20);
    let (_, seen) = bench.arrive("one more", vec![vibrator(0, 20)]);
    assert_eq!(seen.0.len(), sessions.len() + 1);
}

#[test]
fn waiting_for_nothing_wakes_nobody() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), battery(1)]);
    let session = bench.client();
    for _ in 0..100 {
        let (_, seen) = bench.send(session, stop(Scope::All, true, true));
        bench.stopped(toy, &seen);
        let (_, seen) = bench.send(session, input(toy, 1, InputKind::Battery, InputAction::Read));
        bench.report(toy, Report::Done(seen.ticket(toy), Ok(Some(1))));
        bench.handle(Input::Credit(toy.id, 2));
    }
    assert_eq!(bench.hub.poll_timeout(), None, "what was answered in time leaves no timer");
}

#[test]
fn pings_do_not_wake_more_than_once_in_a_period() {
    let (mut bench, sessions, _) = crowd(10);
    let mut looks = 0;
    for _ in 0..100 {
        for session in &sessions {
            if bench.hub.session_count() > 0 {
                bench.handle(Input::Text(*session, r#"[{"Ping": {"Id": 2}}]"#));
                bench.send(*session, Request::Ping);
            }
        }
        let until = bench.now + ms(100);
        while let Some(due) = bench.hub.poll_timeout().filter(|due| *due <= until) {
            bench.now = due;
            bench.handle(Input::Timeout);
            looks += 1;
        }
        bench.now = until;
    }
    assert_eq!(bench.hub.session_count(), sessions.len());
    assert!(looks <= 12, "{looks} looks in 10 periods");
}

#[test]
fn a_flood_leaves_as_many_commands_as_there_are_outputs() {
    let mut bench = Bench::new();
    let toy = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20)]);
    let session = bench.client();
    let mut on_their_way = 0;
    for value in 0..100_000 {
        on_their_way += bench.ok(session, vibrate(toy, value as u32 % 2, value % 21)).commands(toy).len();
    }
    let left = bench.handle(Input::Credit(toy.id, 64)).commands(toy);
    assert_eq!((on_their_way, left.len()), (64, 2));
    assert!(matches!(left[..], [Command::Set { value: 17, .. }, Command::Set { value: 18, .. }]), "{left:?}");
}
