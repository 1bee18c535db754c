//! Ports, files, versions, and the form of the report.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use crate::port_owner::Owner;

use super::super::files::{self, Files};
use super::super::machine::{Machine, Port, answers_as_frisson};
use super::super::report::Status::{Ok, Problem, Warning};
use super::super::report::{Report, Topic};
use super::super::{examine, ports, versions};
use super::{Fixture, Found};

fn taken(name: &str, is_frisson: bool) -> impl Fn(SocketAddr) -> Port + 'static {
    let by = Some(Owner { name: name.to_owned(), pid: 42 });
    move |address| match address.port() {
        12345 => Port::Taken { by: by.clone(), is_frisson },
        _ => Port::Free,
    }
}

#[test]
fn free_ports_are_fine() {
    let found = Fixture::new().report(ports::check);
    assert!(found.0.findings.iter().all(|finding| finding.status == Ok), "{}", found.0.to_text());
    found.has(Ok, &["127.0.0.1:12345", "free"]).has(Ok, &["[::1]:12345"]).has(Ok, &["127.0.0.1:54817"]);
}

#[test]
fn a_frisson_that_runs_is_fine() {
    let found = Fixture::new().port(taken("frisson", true)).report(ports::check);
    found.no_problem().has(Ok, &["a Frisson serves clients", "process 42"]);
}

#[test]
fn another_server_on_the_port_is_named() {
    let found = Fixture::new().port(taken("intiface-engine", false)).report(ports::check);
    found.has(
        Problem,
        &["intiface-engine (process 42), another server of this protocol", "--listen 127.0.0.1:12346"],
    );
    let found = Fixture::new().port(taken("nc", false)).report(ports::check);
    found.has(Problem, &["in use by nc (process 42)", "stop that program (process 42)"]);
    let unknown = Fixture::new().port(|_| Port::Taken { by: None, is_frisson: false }).report(ports::check);
    unknown.has(Problem, &["a program of another user"]).has(Warning, &["54817"]);
}

#[test]
fn a_machine_without_ipv6_is_no_fault_but_one_without_ipv4_is() {
    let without = |v4| {
        let port = move |address: SocketAddr| match address.is_ipv4() == v4 {
            true => Port::Unusable("cannot assign the address".to_owned()),
            false => Port::Free,
        };
        Fixture::new().port(port).report(ports::check)
    };
    without(false).no_problem().has(Ok, &["[::1]:12345 is not there"]);
    without(true).has(Problem, &["nobody can listen at 127.0.0.1:12345", "ip link set lo up"]);
}

/// Whether somebody who answers so is taken for a Frisson.
fn is_frisson(answer: &'static str) -> bool {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let address = listener.local_addr().expect("bound");
    let server = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().expect("somebody asks").0);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            stream.read_line(&mut request).expect("a request");
        }
        assert!(request.starts_with("GET /healthz HTTP/1.1\r\n"), "{request}");
        stream.into_inner().write_all(answer.as_bytes()).expect("is read");
    });
    let is_one = answers_as_frisson(address);
    server.join().expect("it was asked");
    is_one
}

#[test]
fn a_frisson_is_known_by_what_it_answers() {
    let answer = "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\",\"version\":\"0.1.0\",\"clients\":1,\"devices\":2,\"scanning\":false}\n";
    assert!(is_frisson(answer));
    for other in ["HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello", ""] {
        assert!(!is_frisson(other), "{other:?}");
    }
}

#[test]
fn this_machine_tells_free_ports_from_taken_ones() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let address = listener.local_addr().expect("bound");
    // Whoever asks is hung up on.
    std::thread::spawn(move || drop(listener.accept()));
    let taken = (Machine::here().port)(address);
    assert!(matches!(taken, Port::Taken { is_frisson: false, .. }), "{taken:?}");
    // Somebody else may take one as soon as it is free.
    let is_free = |_| {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        (Machine::here().port)(address.expect("loopback")) == Port::Free
    };
    assert!((0..20).any(is_free));
}

const SETTINGS: &str = "format = 1\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:01\"\nname = \"Left bunny\"\n";

fn found(fixture: &Fixture, settings: Option<&Path>, devices: Option<&Path>) -> Found {
    let files = Files::in_folder(Some(fixture.at("config")), settings, devices);
    let mut report = Report::default();
    files::check(&fixture.machine, &files, &mut report);
    Found(report)
}

#[test]
fn no_files_are_fine() {
    let found = found(&Fixture::new(), None, None);
    found.no_problem().has(Ok, &["no settings yet"]).has(Ok, &["no device files of your own"]);
}

#[test]
fn settings_that_can_be_used_are_counted() {
    let fixture = Fixture::new().file("config/settings.toml", SETTINGS);
    found(&fixture, None, None).no_problem().has(Ok, &["know 1 device"]);
}

#[test]
fn settings_with_an_error_name_the_place_and_the_fix() {
    let fixture = Fixture::new().file("config/settings.toml", "format = 1\nindex = ");
    found(&fixture, None, None).has(Problem, &["settings.toml:2:"]);
    let fixture = Fixture::new().file("config/settings.toml", &SETTINGS.replace("name =", "nam ="));
    found(&fixture, None, None).no_problem().has(Warning, &["settings.toml:4:1", "nam"]);
}

#[test]
fn settings_that_others_can_write_or_this_user_cannot_are_a_problem() {
    let fixture = Fixture::new().file("config/settings.toml", SETTINGS).mode("config/settings.toml", 0o666);
    found(&fixture, None, None).has(Problem, &["every user", "chmod o-w"]);
    let fixture = Fixture::new().file("config/settings.toml", SETTINGS).denied(&["settings.toml"]);
    found(&fixture, None, None).has(Problem, &["cannot be written to", "chown"]);
    let fixture = Fixture::new().file("config/x", "").denied(&["config"]);
    found(&fixture, None, None).has(Problem, &["config cannot be written to"]);
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let fixture = Fixture::new().file("config/devices/x.txt", "");
    let pipe = fixture.at("config/devices/pipe.toml");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    fs::create_dir(fixture.at("config/settings.toml")).expect("a folder");
    let found = found(&fixture, None, None);
    found.has(Ok, &["no device files in"]).has(Problem, &["settings.toml cannot be read: it is no file"]);
}

#[test]
fn device_files_are_checked_one_by_one() {
    let good = include_str!("../../../../../docs/example-device.toml");
    let fixture = Fixture::new().file("config/devices/good.toml", good);
    let fixture = fixture.file("config/devices/bad.toml", "format = 1\n[[bel]]\n");
    let found = found(&fixture, None, None);
    found.has(Ok, &["1 of 2 device files"]).has(Problem, &["bad.toml:2:", "bel"]);
}

#[test]
fn a_folder_that_is_named_has_to_be_there() {
    let fixture = Fixture::new();
    let missing = fixture.at("elsewhere");
    found(&fixture, None, Some(&missing)).has(Problem, &["elsewhere cannot be read", "--device-files"]);
}

#[test]
fn hid_devices_of_the_users_own_files_are_known() {
    let file = "format = 1\n[[hid]]\nvendor = 0x1234\nproduct = 0x00ab\n[[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"My Own\"\n\
                features = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
    let fixture = Fixture::new().file("config/devices/my-own.toml", file).file("dev/hidraw0", "");
    let fixture = fixture.file("sys/class/hidraw/hidraw0/device/uevent", "HID_ID=0003:00001234:000000AB\n");
    let report = examine(&fixture.machine, &Files::in_folder(Some(fixture.at("config")), None, None));
    Found(report).has(Ok, &["a device of the protocol my-own can be used"]);
}

#[test]
fn versions_are_told_and_what_stands_in_between() {
    let fixture =
        Fixture::new().file("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    fixture
        .report(versions::check)
        .has(Ok, &[env!("CARGO_PKG_VERSION"), "Debian GNU/Linux 12 (bookworm), kernel 6.12.0"]);
    Fixture::new().file(".dockerenv", "").report(versions::check).has(Warning, &["container"]);
    Fixture::new().variable("SNAP", "/snap/x").report(versions::check).has(Warning, &["Snap"]);
    let mut wsl = Fixture::new();
    wsl.machine.kernel = Some("5.15.0-microsoft-standard-WSL2".to_owned());
    wsl.report(versions::check).has(Warning, &["Subsystem", "run frisson on Windows"]);
}

#[test]
fn a_machine_without_any_bus_has_a_fix_for_each_missing_thing_and_no_problem() {
    let fixture = Fixture::new();
    let report = examine(&fixture.machine, &Files::in_folder(Some(fixture.at("config")), None, None));
    assert_eq!(report.problems(), 0, "{}", report.to_text());
    for topic in [Topic::Bluetooth, Topic::Serial, Topic::Hid, Topic::Gamepads] {
        let of = |finding: &&super::Finding| finding.topic == topic && finding.status == Warning;
        let mut missing = report.findings.iter().filter(of).peekable();
        assert!(missing.peek().is_some(), "{topic:?} is missing in\n{}", report.to_text());
        assert!(missing.all(|finding| finding.fix.is_some()), "a fix is missing in\n{}", report.to_text());
    }
}

#[test]
fn a_report_is_a_line_per_finding_with_its_fix_below() {
    let mut report = Report::default();
    report.ok(Topic::Ports, "free");
    report.problem(Topic::Hid, "closed", "first\nsecond");
    let text = "ok       ports      free\n\
                problem  hid        closed\n                    fix: first\n                         second\n\
                \n1 problem, 0 warnings\n";
    assert_eq!(report.to_text(), text);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
    assert_eq!(json["problems"], 1);
    assert_eq!(
        json["findings"][1],
        serde_json::json!({ "topic": "hid", "status": "problem", "what": "closed", "fix": "first\nsecond" })
    );
}

#[test]
fn device_files_may_extend_each_other() {
    let whole = "format = 1\n[[ble]]\nnames = [\"A\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"A\"\n\
                 features = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
    let fixture = Fixture::new().file("config/devices/whole.toml", whole);
    let addition = |base: &str| format!("format = 1\nextends = \"{base}\"\n[[ble]]\nnames = [\"B\"]\n");
    let fixture = fixture.file("config/devices/addition.toml", &addition("whole"));
    found(&fixture, None, None).no_problem().has(Ok, &["2 of 2 device files"]);
    let fixture = fixture.file("config/devices/addition.toml", &addition("missing"));
    found(&fixture, None, None).has(Problem, &["addition.toml", "extends `missing`"]);
}
