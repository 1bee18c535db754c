//! Devices that come, change and go; their indices, and what is brought to rest when they return.

mod hub_harness;

use frisson_engine::device::{Command, Preferences, Report, Selection};
use frisson_engine::hub::{Input, Note, Output};
use frisson_wire::{
    DeviceChange, Dialect, ErrorCode, Event, InputAction, InputKind, OutputKind, Reply, Request, Scope,
};
use hub_harness::*;

fn toy(bench: &mut Bench, address: &str) -> Unit {
    bench.device(address, vec![vibrator(0, 20)])
}

fn redefine(bench: &mut Bench, unit: Unit, max: i32) -> Seen {
    bench.report(unit, Report::Redefined(Box::new(description(vec![vibrator(0, max)]))))
}

fn listed(bench: &mut Bench, session: frisson_engine::hub::SessionId) -> Vec<u32> {
    match bench.ask(session, Request::DeviceList) {
        Reply::DeviceList(list) => list.iter().map(|profile| profile.device().index).collect(),
        reply => panic!("not a list: {reply:?}"),
    }
}

#[test]
fn new_devices_take_the_smallest_indices() {
    let mut bench = Bench::new();
    let indices: Vec<_> = ["a", "b", "c"].map(|address| toy(&mut bench, address).index).into();
    assert_eq!(indices, [0, 1, 2]);
    assert_eq!(bench.hub.devices().len(), 3);
}

#[test]
fn a_device_returns_under_its_index() {
    let mut bench = Bench::new();
    let (a, b) = (toy(&mut bench, "a"), toy(&mut bench, "b"));
    bench.gone(a);
    bench.gone(b);
    assert_eq!(toy(&mut bench, "b").index, b.index);
    assert_eq!(toy(&mut bench, "a").index, a.index);
}

#[test]
fn of_devices_without_number_some_get_other_indices_and_all_are_brought_to_rest() {
    let mut bench = Bench::new();
    let first = toy(&mut bench, "first");
    let session = bench.client();
    for number in 0..5000 {
        let unit = toy(&mut bench, &number.to_string());
        bench.ok(session, vibrate(unit, 0, 5));
        bench.gone(unit);
        // The smallest indices are those that are kept.
        assert!(unit.index <= 4097, "{unit:?}");
    }
    bench.gone(first);
    assert_eq!(toy(&mut bench, "first").index, first.index);
    for address in ["0", "4999", "never seen"] {
        assert!(bench.hub.has_to_rest(address), "{address}");
    }
}

#[test]
fn a_different_device_never_takes_an_index_that_another_had() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    bench.gone(a);
    let b = toy(&mut bench, "b");
    assert_ne!(b.index, a.index);
    assert_eq!(toy(&mut bench, "a").index, a.index);
}

#[test]
fn a_device_gets_the_index_that_is_stored_for_it_and_no_other_gets_it() {
    let mut bench = Bench::new();
    bench.handle(Input::Reserved([0, 7].into()));
    assert_eq!(toy(&mut bench, "a").index, 1);
    let id = bench.open("b");
    bench.handle(Input::Stored { device: id, index: Some(7) });
    bench.ready(id, vec![vibrator(0, 20)]);
    assert_eq!(bench.hub.index_of(id), Some(7));
    // Stored twice: the second is new.
    let id = bench.open("c");
    bench.handle(Input::Stored { device: id, index: Some(7) });
    bench.ready(id, vec![vibrator(0, 20)]);
    assert_eq!(bench.hub.index_of(id), Some(2));
}

#[test]
fn another_model_at_the_same_address_is_another_device() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    bench.gone(a);
    let id = bench.open("a");
    let mut other = description(vec![vibrator(0, 20)]);
    other.model = "two".to_owned();
    let seen = bench.handle(Input::Device(id, Report::Ready(Box::new(other))));
    assert!(seen.notes().contains(&&Note::DeviceAdded(1, "Toy".to_owned())), "{seen:?}");
}

#[test]
fn a_device_is_announced_when_it_is_ready_and_not_before() {
    let mut bench = Bench::new();
    let session = bench.client();
    let (id, seen) = bench.open_seen("a");
    assert!(seen.is_empty());
    assert!(listed(&mut bench, session).is_empty());
    let seen = bench.ready(id, vec![vibrator(0, 20)]);
    let [Event::Devices { change: DeviceChange::Added(profile), all }] = seen.events(session)[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(profile.device().gap_ms, 20);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0], *profile);
    assert_eq!(listed(&mut bench, session), [0]);
}

#[test]
fn a_device_that_arrives_before_the_list_is_asked_for_is_in_it_too() {
    let mut bench = Bench::new();
    let session = bench.remote(Dialect::V3);
    let (_, seen) = bench.arrive("a", vec![vibrator(0, 20)]);
    let frames = seen.frames(session);
    assert!(frames.len() == 1 && frames[0].contains("DeviceAdded"), "{frames:?}");
    let frames = bench.text(session, r#"[{"RequestDeviceList": {"Id": 2}}]"#);
    assert!(frames.len() == 1 && frames[0].contains(r#""DeviceIndex":0"#), "{frames:?}");
}

#[test]
fn a_device_that_cannot_be_used_is_noted_and_not_announced() {
    let mut bench = Bench::new();
    let session = bench.client();
    let id = bench.open("a");
    let seen = bench.handle(Input::Device(id, Report::Refused("no answer".to_owned())));
    assert_eq!(seen.notes(), [&Note::DeviceRefused("a".to_owned(), "no answer".to_owned())]);
    assert!(seen.messages(session).is_empty());
    assert!(bench.ready(id, vec![vibrator(0, 20)]).is_empty());
}

#[test]
fn a_task_that_ends_during_the_greeting_is_noted() {
    let mut bench = Bench::new();
    let id = bench.open("a");
    let seen = bench.handle(Input::DeviceEnded(id));
    assert!(matches!(seen.notes()[..], [Note::DeviceRefused(..)]));
    assert!(bench.handle(Input::DeviceEnded(id)).is_empty());
}

#[test]
fn a_device_whose_task_ends_without_a_word_is_gone() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = toy(&mut bench, "a");
    let seen = bench.handle(Input::DeviceEnded(a.id));
    assert!(matches!(seen.events(session)[..], [Event::Devices { change: DeviceChange::Removed(0), .. }]));
    assert_eq!(bench.refused(session, vibrate(a, 0, 1)), ErrorCode::Device);
}

#[test]
fn the_last_word_of_a_task_counts_once() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = toy(&mut bench, "a");
    assert_eq!(bench.gone(a).events(session).len(), 1);
    assert!(bench.gone(a).is_empty());
    assert!(bench.handle(Input::DeviceEnded(a.id)).is_empty());
}

#[test]
fn a_device_that_is_gone_is_not_heard_any_more() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    bench.gone(a);
    bench.client();
    for report in [
        Report::Ready(Box::new(description(vec![vibrator(0, 20)]))),
        Report::Redefined(Box::new(description(vec![vibrator(0, 20)]))),
        Report::Refused("late".to_owned()),
        Report::Closed { stopped: false },
        Report::Done(1, Ok(None)),
        Report::Notice("late".to_owned()),
        Report::WriteFailed("late".to_owned()),
    ] {
        assert!(bench.report(a, report.clone()).is_empty(), "{report:?}");
    }
    assert!(bench.handle(Input::Credit(a.id, 5)).is_empty());
}

#[test]
fn a_device_that_says_twice_that_it_is_ready_is_there_once() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    assert!(bench.ready(a.id, vec![vibrator(0, 20)]).is_empty());
    assert_eq!(bench.hub.devices().len(), 1);
}

#[test]
fn new_versions_get_the_whole_list_and_old_ones_what_has_changed() {
    let mut bench = Bench::new();
    let sessions = Dialect::ALL.map(|dialect| (dialect, bench.remote(dialect)));
    let (a, added) = bench.arrive("a", vec![vibrator(0, 20)]);
    let removed = bench.gone(a);
    for (dialect, session) in sessions {
        let (added, removed) = (added.frames(session), removed.frames(session));
        assert_eq!((added.len(), removed.len()), (1, 1), "{dialect}");
        if dialect == Dialect::V4 {
            assert!(added[0].starts_with(r#"[{"DeviceList":{"Id":0"#), "{added:?}");
            assert_eq!(removed, [r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#]);
        } else {
            assert!(added[0].contains("DeviceAdded") && added[0].contains(r#""Id":0"#), "{added:?}");
            assert_eq!(removed, [r#"[{"DeviceRemoved":{"Id":0,"DeviceIndex":0}}]"#]);
        }
    }
}

#[test]
fn a_change_of_what_is_offered_is_one_list_for_new_versions_and_removal_and_addition_for_old_ones() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let sessions = Dialect::ALL.map(|dialect| (dialect, bench.remote(dialect)));
    let seen = redefine(&mut bench, a, 7);
    for (dialect, session) in sessions {
        let frames = seen.frames(session);
        if dialect == Dialect::V4 {
            assert!(frames.len() == 1 && frames[0].contains(r#""Value":[0,7]"#), "{frames:?}");
        } else {
            assert!(frames.len() == 2 && frames[0].contains("DeviceRemoved"), "{dialect}: {frames:?}");
            assert!(frames[1].contains("DeviceAdded"), "{dialect}: {frames:?}");
        }
    }
    let session = bench.client();
    assert_eq!(bench.refused(session, vibrate(a, 0, 8)), ErrorCode::Device);
    bench.ok(session, vibrate(a, 0, 7));
}

#[test]
fn a_change_of_what_is_offered_leaves_who_drives_it() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 20));
    redefine(&mut bench, a, 7);
    assert_eq!(bench.handle(Input::Disconnected(session)).stops(a).len(), 1);
}

#[test]
fn a_feature_that_offers_nothing_is_not_shown() {
    let mut bench = Bench::new();
    let nothing = frisson_wire::Feature { index: 1, ..Default::default() };
    bench.device("a", vec![vibrator(0, 20), nothing]);
    assert_eq!(bench.hub.devices()[0].device().features.len(), 1);
}

#[test]
fn hardware_that_connects_anew_while_its_old_link_is_believed_alive_replaces_it() {
    let mut bench = Bench::new();
    let session = bench.client();
    let old = toy(&mut bench, "a");
    let (id, seen) = bench.open_seen("a");
    assert_eq!(seen.commands(old), [Command::Close]);
    assert!(matches!(seen.events(session)[..], [Event::Devices { change: DeviceChange::Removed(0), .. }]));
    bench.ready(id, vec![vibrator(0, 20)]);
    let new = Unit { id, index: old.index };
    assert_eq!(listed(&mut bench, session), [old.index]);
    // What the old link's task still has to say concerns nobody.
    assert!(bench.report(old, Report::Closed { stopped: false }).is_empty());
    assert!(bench.handle(Input::DeviceEnded(old.id)).is_empty());
    assert_eq!(bench.ok(session, vibrate(new, 0, 3)).sets(new).len(), 1);
}

#[test]
fn hardware_that_connects_anew_during_its_greeting_replaces_that() {
    let mut bench = Bench::new();
    let first = bench.open("a");
    let (second, seen) = bench.open_seen("a");
    assert_eq!(seen.0, [Output::Device(first, Command::Close)]);
    assert!(bench.ready(first, vec![vibrator(0, 20)]).is_empty());
    assert!(!bench.ready(second, vec![vibrator(0, 20)]).is_empty());
}

#[test]
fn notices_and_failed_writes_are_noted() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let seen = bench.report(a, Report::Notice("charge me".to_owned()));
    assert_eq!(seen.notes(), [&Note::Notice("Toy".to_owned(), "charge me".to_owned())]);
    let seen = bench.report(a, Report::WriteFailed("busy".to_owned()));
    assert_eq!(seen.notes(), [&Note::WriteFailed(0, "busy".to_owned())]);
}

// What has to be brought to rest.

#[test]
fn a_device_that_was_never_driven_has_not_to_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    assert!(!bench.hub.has_to_rest("a"));
    bench.gone(a);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_went_away_running_has_to_rest() {
    let mut bench = Bench::new();
    let (a, b) = (toy(&mut bench, "a"), toy(&mut bench, "b"));
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.gone(a);
    bench.gone(b);
    assert!(bench.hub.has_to_rest("a"));
    assert!(!bench.hub.has_to_rest("b"));
}

#[test]
fn a_device_that_was_stopped_has_not_to_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let (_, seen) = bench.send(session, stop_all());
    bench.stopped(a, &seen);
    bench.gone(a);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn a_stop_of_something_else_does_not_count() {
    let mut bench = Bench::new();
    let a = bench.device("a", vec![vibrator(0, 20), vibrator(1, 20)]);
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let (_, seen) = bench.send(session, stop(Scope::Feature { device: 0, feature: 1 }, true, true));
    bench.stopped(a, &seen);
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_runs_again_after_its_stop_has_to_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let (_, stopping) = bench.send(session, stop_all());
    bench.ok(session, vibrate(a, 0, 5));
    bench.stopped(a, &stopping);
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn one_stop_does_not_count_for_a_later_one() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let (_, first) = bench.send(session, stop_all());
    bench.ok(session, vibrate(a, 0, 5));
    bench.send(session, stop_all());
    bench.stopped(a, &first);
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_read_does_not_count_for_an_earlier_stop() {
    let mut bench = Bench::new();
    let a = bench.device("a", vec![vibrator(0, 20), battery(1)]);
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.send(session, stop_all());
    let (_, seen) = bench.send(session, input(a, 1, InputKind::Battery, InputAction::Read));
    bench.report(a, Report::Done(seen.ticket(a), Ok(Some(80))));
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_later_stop_counts_for_an_earlier_one() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.send(session, stop_all());
    let (_, second) = bench.send(session, stop_all());
    bench.stopped(a, &second);
    bench.gone(a);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn a_stop_that_was_not_written_stays_due() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let (id, _) = bench.send(session, stop_all());
    assert_eq!(bench.pass(1_000).error(session, id), ErrorCode::Device);
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_stop_that_failed_stays_due() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let (_, seen) = bench.send(session, stop_all());
    bench.report(a, Report::Done(seen.ticket(a), Err("no answer".to_owned())));
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn the_stop_for_a_lost_client_stays_due_too() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.handle(Input::Disconnected(session));
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn the_stop_for_a_lost_client_counts_when_it_is_written() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    let seen = bench.handle(Input::Disconnected(session));
    bench.stopped(a, &seen);
    bench.gone(a);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn an_emergency_stop_that_was_not_written_stays_due() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    bench.handle(Input::EmergencyStop);
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_zero_that_may_not_have_been_written_is_no_proof_of_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.ok(session, vibrate(a, 0, 0));
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn positions_stay_where_they_are() {
    let mut bench = Bench::new();
    let a = bench.device("a", vec![stroker(0)]);
    let session = bench.client();
    bench.ok(session, set(a, 0, OutputKind::Position, 50));
    bench.gone(a);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn an_output_that_runs_and_is_not_offered_any_longer_has_to_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.report(a, Report::Redefined(Box::new(description(vec![battery(1)]))));
    bench.gone(a);
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_returns_is_at_rest_once_a_stop_of_it_is_written() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.gone(a);
    // Lost again before anything was written.
    let again = toy(&mut bench, "a");
    bench.gone(again);
    assert!(bench.hub.has_to_rest("a"));
    let back = toy(&mut bench, "a");
    let (_, seen) = bench.send(session, stop_all());
    bench.stopped(back, &seen);
    bench.gone(back);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn hardware_that_connects_anew_has_to_rest_if_its_old_link_ran() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    assert!(bench.hub.has_to_rest("a"), "asked before the new link is told of");
    bench.open("a");
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_was_stopped_and_closed_has_not_to_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    let session = bench.client();
    bench.ok(session, vibrate(a, 0, 5));
    bench.report(a, Report::Closed { stopped: true });
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_was_closed_without_being_stopped_has_to_rest() {
    let mut bench = Bench::new();
    let a = toy(&mut bench, "a");
    bench.report(a, Report::Closed { stopped: false });
    assert!(bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_is_dismissed_is_closed_and_takes_nothing_more_until_it_is() {
    let mut bench = Bench::new();
    let session = bench.client();
    let (a, b) = (toy(&mut bench, "a"), toy(&mut bench, "b"));
    bench.ok(session, vibrate(a, 0, 5));
    let seen = bench.handle(Input::Dismissed { device: a.id, reason: "it is denied" });
    assert_eq!(seen.commands(a), [Command::Close]);
    assert!(seen.commands(b).is_empty());
    assert_eq!(bench.refused(session, vibrate(a, 0, 6)), ErrorCode::Device);
    assert_eq!(bench.ask(session, vibrate(b, 0, 6)), Reply::Ok);
    let seen = bench.report(a, Report::Closed { stopped: true });
    assert_eq!(seen.notes(), [&Note::DeviceRemoved(a.index, "Toy".to_owned(), "it is denied".to_owned())]);
    assert_eq!(listed(&mut bench, session), [b.index]);
    assert!(!bench.hub.has_to_rest("a"));
}

#[test]
fn a_device_that_is_dismissed_while_it_is_greeted_is_closed_as_well() {
    let mut bench = Bench::new();
    let id = bench.open("a");
    let seen = bench.handle(Input::Dismissed { device: id, reason: "it is denied" });
    assert_eq!(seen.0, [Output::Device(id, Command::Close)]);
    let seen = bench.handle(Input::Device(id, Report::Closed { stopped: true }));
    assert_eq!(seen.notes(), [&Note::DeviceRefused("a".to_owned(), "it is denied".to_owned())]);
}

#[test]
fn a_device_moves_to_an_index_that_is_free_and_nobody_drives_it_or_hears_of_it_any_longer() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20), bulb(1)]);
    bench.ok(session, vibrate(a, 0, 5));
    bench.ok(session, input(a, 1, InputKind::Pressure, InputAction::Subscribe));
    let seen = bench.handle(Input::Stored { device: a.id, index: Some(7) });
    assert_eq!(seen.stops(a), [Selection::All]);
    assert!(seen.commands(a).contains(&Command::Listen { feature: 1, kind: InputKind::Pressure, on: false }));
    let changes: Vec<_> = seen
        .events(session)
        .into_iter()
        .map(|event| match event {
            Event::Devices { change: DeviceChange::Removed(index), all } => (*index, all.len()),
            Event::Devices { change: DeviceChange::Added(profile), all } => {
                (profile.device().index, all.len())
            }
            event => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(changes, [(0, 0), (7, 1)]);
    assert_eq!(bench.hub.index_of(a.id), Some(7));
    bench.stopped(a, &seen);
    // It is at rest, and what is said under its old index is not meant for it.
    assert_eq!(bench.refused(session, vibrate(a, 0, 6)), ErrorCode::Device);
    let moved = Unit { index: 7, ..a };
    assert!(bench.report(moved, Report::Reading(1, InputKind::Pressure, 3)).is_empty());
    assert_eq!(bench.ok(session, vibrate(moved, 0, 6)).sets(moved), [(0, OutputKind::Vibrate, 6)]);
    bench.gone(moved);
    assert_eq!(bench.device("a", vec![vibrator(0, 20), bulb(1)]).index, 7);
}

#[test]
fn a_device_stays_where_it_is_while_another_has_its_new_index() {
    let mut bench = Bench::new();
    let (a, b) = (toy(&mut bench, "a"), toy(&mut bench, "b"));
    assert!(bench.handle(Input::Stored { device: a.id, index: Some(b.index) }).is_empty());
    assert_eq!(bench.hub.index_of(a.id), Some(a.index));
}

#[test]
fn preferences_go_before_the_values_that_wait() {
    let mut bench = Bench::new();
    let session = bench.client();
    let a = bench.device("a", vec![vibrator(0, 20), rotator(1)]);
    for value in 0..64 {
        bench.ok(session, vibrate(a, 0, value % 20));
    }
    assert!(bench.ok(session, set(a, 1, OutputKind::Rotate, 5)).commands(a).is_empty());
    assert!(bench.handle(Input::Preferred(a.id, Preferences::default())).is_empty());
    let commands = bench.handle(Input::Credit(a.id, 64)).commands(a);
    assert!(matches!(commands[..], [Command::Prefer(_), Command::Set { feature: 1, .. }]), "{commands:?}");
}
