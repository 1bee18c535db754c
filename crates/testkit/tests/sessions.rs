//! Several clients at once, and devices that come and go while they are driven.

use std::time::Duration;

use frisson_testkit::wire::{Dialect, OutputKind};
use frisson_testkit::{Note, Setup, TestDevice, VirtualServer};

const STOP_ALL: &str = r#"[{"StopCmd":{"Id":9}}]"#;
const OK: [&str; 1] = [r#"[{"Ok":{"Id":2}}]"#];

fn set(device: u32, feature: u32, value: i32) -> String {
    format!(
        r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
    )
}

fn device(address: &str) -> TestDevice {
    TestDevice::named(address).expect("a known device")
}

/// A server with `V` (0) and `E` (1), and two clients.
fn two_clients(setup: Setup) -> VirtualServer {
    let mut server = VirtualServer::new(setup);
    server.plug(device("V"));
    server.plug(device("E"));
    server.open("one", Dialect::V4);
    server.open("two", Dialect::V4);
    server
}

fn value(server: &VirtualServer, device: &str, feature: u32) -> i32 {
    server.hardware(device).value(feature, OutputKind::Vibrate)
}

#[track_caller]
fn assert_error(frames: &[String], code: u32) {
    let code = format!(r#""ErrorCode":{code},"#);
    assert!(frames.len() == 1 && frames[0].contains(&code), "{frames:?}");
}

#[test]
fn the_last_command_wins_whoever_sent_it() {
    let mut server = two_clients(Setup::default());
    assert_eq!(server.ask("one", &set(0, 0, 5)), OK);
    assert_eq!(server.ask("two", &set(0, 0, 15)), OK);
    assert_eq!(value(&server, "V", 0), 15);
    assert_eq!(server.ask("one", &set(0, 0, 6)), OK);
    assert_eq!(value(&server, "V", 0), 6);
}

#[test]
fn a_client_that_leaves_stops_only_what_it_was_the_last_to_drive() {
    let mut server = two_clients(Setup::default());
    server.ask("one", &set(0, 0, 5));
    server.ask("one", &set(1, 0, 5));
    server.ask("one", &set(1, 1, 5));
    server.ask("two", &set(1, 1, 7));
    server.cut("one");
    assert_eq!((value(&server, "V", 0), value(&server, "E", 0), value(&server, "E", 1)), (0, 0, 7));
    server.cut("two");
    assert!(server.hardware("E").is_at_rest());
}

#[test]
fn a_repeated_value_takes_over_the_output() {
    let mut server = two_clients(Setup::default());
    server.ask("one", &set(0, 0, 5));
    server.ask("two", &set(0, 0, 5));
    server.cut("one");
    assert_eq!(value(&server, "V", 0), 5);
    server.cut("two");
    assert_eq!(value(&server, "V", 0), 0);
}

#[test]
fn stopping_everything_stops_what_others_drive() {
    let mut server = two_clients(Setup::default());
    server.open("old", Dialect::V1);
    for (client, stop) in [("two", STOP_ALL), ("old", r#"[{"StopAllDevices":{"Id":9}}]"#)] {
        server.ask("one", &set(0, 0, 5));
        assert_eq!(server.ask(client, stop), [r#"[{"Ok":{"Id":9}}]"#]);
        assert!(server.hardware("V").is_at_rest(), "{client}");
    }
}

#[test]
fn a_ping_timeout_ends_only_its_own_session() {
    let mut setup = Setup::default();
    setup.config.max_ping_time = Duration::from_millis(500);
    let mut server = two_clients(setup);
    server.ask("one", &set(0, 0, 5));
    server.ask("two", &set(1, 0, 5));
    server.advance(Duration::from_millis(400));
    server.ask("two", r#"[{"Ping":{"Id":3}}]"#);
    server.advance(Duration::from_millis(100));
    assert_eq!((value(&server, "V", 0), value(&server, "E", 0)), (0, 5));
    assert!(!server.is_connected("one") && server.is_connected("two"));
}

#[test]
fn in_exclusive_use_the_first_to_drive_keeps_the_output() {
    let mut setup = Setup::default();
    setup.config.exclusive = true;
    let mut server = two_clients(setup);
    assert_eq!(server.ask("one", &set(0, 0, 5)), OK);
    assert_error(&server.ask("two", &set(0, 0, 15)), 4);
    assert_error(&server.ask("two", &set(0, 0, 0)), 4);
    assert_eq!(value(&server, "V", 0), 5);
    // Another output is free,
    assert_eq!(server.ask("two", &set(1, 0, 15)), OK);
    // a stop is never refused,
    assert_eq!(server.ask("two", r#"[{"StopCmd":{"Id":2,"DeviceIndex":0}}]"#), OK);
    assert_eq!(value(&server, "V", 0), 0);
    // and after it the output is free as well.
    assert_eq!(server.ask("two", &set(0, 0, 15)), OK);
    assert_error(&server.ask("one", &set(0, 0, 5)), 4);
    server.cut("two");
    assert_eq!(server.ask("one", &set(0, 0, 5)), OK);
}

#[test]
fn in_exclusive_use_an_output_set_to_0_is_free() {
    let mut setup = Setup::default();
    setup.config.exclusive = true;
    let mut server = two_clients(setup);
    server.ask("one", &set(0, 0, 5));
    server.ask("one", &set(0, 0, 0));
    assert_eq!(server.ask("two", &set(0, 0, 15)), OK);
}

#[test]
fn an_emergency_stop_stops_everything_and_refuses_commands_until_released() {
    let mut server = two_clients(Setup::default());
    server.ask("one", &set(0, 0, 5));
    server.ask("two", &set(1, 0, 5));
    server.emergency_stop();
    assert!(server.hardware("V").is_at_rest() && server.hardware("E").is_at_rest());
    assert_error(&server.ask("one", &set(0, 0, 5)), 4);
    assert_eq!(server.ask("one", STOP_ALL), [r#"[{"Ok":{"Id":9}}]"#]);
    server.release();
    // Nothing starts by itself.
    server.advance(Duration::from_secs(10));
    assert!(server.hardware("V").is_at_rest() && server.hardware("E").is_at_rest());
    assert_eq!(server.ask("one", &set(0, 0, 5)), OK);
    assert_eq!(value(&server, "V", 0), 5);
}

#[test]
fn w_43_a_device_that_was_lost_while_it_ran_is_at_rest_when_it_is_announced_again() {
    let mut server = two_clients(Setup::default());
    server.ask("one", &set(0, 0, 5));
    server.unplug("V");
    server.frames("one");
    assert_eq!(value(&server, "V", 0), 5);
    server.replug("V");
    assert_eq!(server.index("V"), Some(0));
    assert_eq!(value(&server, "V", 0), 0);
    assert_eq!(server.ask("one", &set(0, 0, 6)).len(), 2);
    assert_eq!(value(&server, "V", 0), 6);
}

#[test]
fn a_device_whose_stop_was_not_written_is_brought_to_rest_when_it_returns() {
    for (what, lose_control) in [
        (
            "stop",
            Box::new(|server: &mut VirtualServer| server.send("one", STOP_ALL))
                as Box<dyn Fn(&mut VirtualServer)>,
        ),
        ("cut", Box::new(|server| server.cut("one"))),
        ("emergency stop", Box::new(|server| server.emergency_stop())),
        ("nothing", Box::new(|_| {})),
    ] {
        let mut server = two_clients(Setup::default());
        server.ask("one", &set(0, 0, 5));
        server.hardware_mut("V").faults.silent = true;
        lose_control(&mut server);
        server.unplug("V");
        server.hardware_mut("V").faults.silent = false;
        assert_eq!(value(&server, "V", 0), 5, "{what}");
        server.replug("V");
        assert_eq!(value(&server, "V", 0), 0, "{what}");
    }
}

#[test]
fn a_device_that_is_lost_again_before_it_is_at_rest_is_brought_to_rest_the_next_time() {
    let mut server = two_clients(Setup::default());
    server.ask("one", &set(0, 0, 5));
    server.unplug("V");
    server.hardware_mut("V").faults.silent = true;
    server.replug("V");
    server.unplug("V");
    server.hardware_mut("V").faults.silent = false;
    assert_eq!(value(&server, "V", 0), 5);
    server.replug("V");
    assert_eq!(value(&server, "V", 0), 0);
}

#[test]
fn a_device_whose_writes_fail_three_times_is_given_up() {
    let mut server = two_clients(Setup::default());
    server.hardware_mut("V").faults.fail_writes = u32::MAX;
    assert_eq!(server.ask("one", &set(0, 0, 5)), OK);
    server.advance(Duration::from_secs(1));
    assert!(!server.is_linked("V"));
    let failures = server.notes().iter().filter(|note| matches!(note, Note::WriteFailed(..)));
    assert_eq!(failures.count(), 3);
    assert_error(&server.ask("one", &set(0, 0, 5))[1..], 4);
}

#[test]
fn a_write_that_fails_once_is_made_again() {
    let mut server = two_clients(Setup::default());
    server.hardware_mut("V").faults.fail_writes = 1;
    server.ask("one", &set(0, 0, 5));
    assert_eq!(value(&server, "V", 0), 0);
    server.advance(Duration::from_secs(1));
    assert_eq!(value(&server, "V", 0), 5);
}

#[test]
fn a_name_that_the_user_gives_later_is_told_as_a_change() {
    let mut server = two_clients(Setup::default());
    server.open("old", Dialect::V3);
    server.name("V", Some("Bee"));
    let frames = server.frames("one");
    assert!(frames.len() == 1 && frames[0].contains(r#""DeviceDisplayName":"Bee""#), "{frames:?}");
    let frames = server.frames("old");
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert_eq!(frames[0], r#"[{"DeviceRemoved":{"Id":0,"DeviceIndex":0}}]"#);
    assert!(
        frames[1].contains("DeviceAdded") && frames[1].contains(r#""DeviceDisplayName":"Bee""#),
        "{frames:?}"
    );
    server.name("V", Some("Bee"));
    assert_eq!(server.frames("one"), [""; 0]);
    server.name("V", None);
    assert!(!server.frames("one")[0].contains("DeviceDisplayName"));
}
