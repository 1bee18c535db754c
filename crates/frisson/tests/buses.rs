//! Devices on real buses, as far as a machine has these without hardware: a pseudo-terminal, a socket, a WebSocket.
#![allow(dead_code, reason = "not every build has every bus")]

mod support;

#[cfg(unix)]
#[path = "../../hardware/tests/serial/pty.rs"]
mod pty;

use support::websocket::Client;
use support::{Program, run};

/// Waits until a client sees so many devices, and gives the list.
#[track_caller]
fn devices(client: &mut Client, count: usize) -> String {
    let mut list = String::new();
    support::wait_until("the devices", || {
        list = client.ask(r#""RequestDeviceList""#);
        list.matches(r#""DeviceName":"#).count() == count
    });
    list
}

/// A server that has settings of its own, and keeps them in this folder with the device files.
fn serve(folder: &tempfile::TempDir, options: &[&str]) -> Program {
    let settings = folder.path().join("settings");
    let files = ["--settings", text(&settings), "--device-files", text(folder.path())];
    Program::serve(&[&files, options].concat())
}

/// A device file for a TCode device with a motor, which is at this place.
fn motor(place: &str, serial: &str) -> String {
    format!(
        "format = 1\nextends = \"tcode-v03\"\n{serial}\n[[models]]\nmatch = [\"{place}\"]\nname = \"My Motor\"\nfeatures = [{{ vibrate = 99 }}]\n"
    )
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[cfg(all(unix, feature = "serial"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_serial_port_that_is_named_is_driven() {
    let mut device = pty::Device::plug();
    let folder = tempfile::tempdir().expect("a folder");
    let program = serve(&folder, &["--serial", &format!("{}=tcode-v03", device.port)]);
    assert!(program.out.text().contains("Devices are looked for on serial"), "{}", program.out.text());
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    assert_eq!(device.line().await, "D1\n");
    device.say("TCode v0.3\r\n");
    assert!(devices(&mut client, 1).contains("TCode v0.3 (Single Linear Axis)"));
    client.set(0, "Position", 500);
    assert_eq!(device.line().await, "L0500\n");
    let stroke = r#""OutputCmd","DeviceIndex":0,"FeatureIndex":0,"Command":{"HwPositionWithDuration":{"Value":7,"Duration":200}}"#;
    assert!(client.ask(stroke).contains("Ok"));
    assert_eq!(device.line().await, "L0007I200\n");
}

#[cfg(all(unix, feature = "serial"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_file_that_names_a_port_takes_effect_while_a_scan_runs() {
    let mut device = pty::Device::plug();
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = serve(&folder, &["--bus", "serial"]);
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    let serial = format!("[[serial]]\nport = \"{}\"\nbaud_rate = 115200\n", device.port);
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, motor(&device.port, &serial)).expect("is written");
    assert_eq!(device.line().await, "D1\n");
    assert!(devices(&mut client, 1).contains("My Motor"));
    client.set(0, "Vibrate", 50);
    assert_eq!(device.line().await, "V050\n");
    program.signal(rustix::process::Signal::TERM);
    assert_eq!(device.line().await, "V000\n");
    assert_eq!(program.wait().code(), Some(0), "{}", program.err.text());
}

#[cfg(all(unix, feature = "tcode"))]
#[test]
fn a_tcode_device_in_the_network_is_driven_and_stopped_in_the_end() {
    let device = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
    device.set_read_timeout(Some(support::PATIENCE)).expect("a time");
    let line = || {
        let mut buffer = [0; 64];
        let (count, peer) = device.recv_from(&mut buffer).expect("a datagram");
        (String::from_utf8_lossy(&buffer[..count]).into_owned(), peer)
    };
    let url = format!("udp://{}", device.local_addr().expect("bound"));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.toml"), motor(&url, "")).expect("is written");
    let mut program = serve(&folder, &["--tcode", &url]);
    let mut client = Client::connect(program.address());
    client.ask(r#""StartScanning""#);
    let (greeting, server) = line();
    assert_eq!(greeting, "D1\n");
    device.send_to(b"TCode v0.3\n", server).expect("is sent");
    assert!(devices(&mut client, 1).contains("My Motor"));
    client.set(0, "Vibrate", 99);
    assert_eq!(line().0, "V099\n");
    program.signal(rustix::process::Signal::TERM);
    assert_eq!(line().0, "V000\n");
    assert_eq!(program.wait().code(), Some(0), "{}", program.err.text());
}

#[cfg(feature = "device-websocket")]
fn devices_connect_at(program: &Program) -> std::net::SocketAddr {
    program.out.wait_for("where devices connect", |line| {
        line.strip_prefix("Devices connect by themselves at ws://")?.parse().ok()
    })
}

#[cfg(feature = "device-websocket")]
#[test]
fn devices_that_connect_by_themselves_are_driven() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = serve(&folder, &["--device-websocket", "127.0.0.1:0"]);
    assert!(!program.out.text().contains("looked for"), "{}", program.out.text());
    let mut client = Client::connect(program.address());
    let mut plain = Client::open(devices_connect_at(&program));
    plain.send(r#"{"identifier":"tcode-v03","address":"A1","version":0}"#);
    assert!(devices(&mut client, 1).contains("TCode v0.3"));
    client.set(0, "Position", 999);
    assert_eq!(plain.receive().as_deref(), Some("L0999\n"));

    let mut described = Client::open(devices_connect_at(&program));
    described.send(
        r#"{"identifier":"mine","address":"B2","version":1,"name":"My Device","features":{"0":{"FeatureIndex":0,"Output":{"Vibrate":{"Value":[0,100]}}}}}"#,
    );
    assert!(devices(&mut client, 2).contains("My Device"));
    client.set(1, "Vibrate", 40);
    assert_eq!(
        described.receive().as_deref().map(str::trim_end),
        Some(r#"{"feature":0,"output":"Vibrate","value":40}"#)
    );
    drop(client);
    assert_eq!(
        described.receive().as_deref().map(str::trim_end),
        Some(r#"{"feature":0,"output":"Vibrate","value":0}"#)
    );
}

#[cfg(feature = "device-websocket")]
#[test]
fn who_may_present_devices_beyond_this_machine_is_said() {
    let program = Program::serve(&["--device-websocket", "0.0.0.0:0"]);
    program.err.wait_for("a warning", |line| {
        (line.contains("WARN") && line.contains("everybody who reaches")).then_some(())
    });
}

#[cfg(feature = "device-websocket")]
#[test]
fn a_port_for_devices_that_is_taken_is_refused_with_its_owner() {
    let first = Program::serve(&["--device-websocket", "127.0.0.1:0"]);
    let address = devices_connect_at(&first).to_string();
    let said = run(&["serve", "--listen", "127.0.0.1:0", "--device-websocket", &address]);
    assert_eq!(said.code, Some(3), "{}", said.err);
    for word in [&address, "frisson", "--device-websocket ADDR:PORT"] {
        assert!(said.err.contains(word), "{word} is missing in: {}", said.err);
    }
}

#[cfg(feature = "lovense-connect")]
#[test]
fn that_somebody_on_the_internet_is_asked_is_said_and_phones_that_are_named_need_nobody() {
    // Nothing is asked before a scan.
    let program = Program::serve(&["--bus", "lovense-connect", "--no-scan"]);
    let out = program.out.text();
    assert!(out.contains("https://api.lovense.com") && out.contains("on the Internet"), "{out}");
    let program = Program::serve(&["--lovense-connect", "http://127.0.0.1:9"]);
    let out = program.out.text();
    assert!(out.contains("looked for on lovense-connect") && !out.contains("Internet"), "{out}");
}

#[test]
fn a_server_without_any_bus_says_so() {
    let program = Program::serve(&[]);
    assert!(program.out.text().contains("No devices are in use; --simulate"), "{}", program.out.text());
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let port = "/dev/null=tcode-v03";
    let cases: &[(&[&str], &[&str])] = &[
        (&["--bus", "lan"], &["lan", "gamepad", "lovense-dongle", "none"]),
        (&["--bus", "none,hid"], &["--bus none goes with no other bus"]),
        (&["--bus", "tcode"], &["--tcode udp://"]),
        (&["--serial", "COM7"], &["COM7=tcode-v03"]),
        (&["--serial", "COM7=lovense"], &["COM7=lovense", "nobra"]),
        (&["--serial", "COM7=teapot"], &["teapot", "tcode-v03"]),
        (&["--serial", port, "--serial", port], &["--serial names /dev/null twice"]),
        #[cfg(feature = "tcode")]
        (&["--tcode", "osr2.local"], &["--tcode: ", "udp://"]),
        #[cfg(feature = "lovense-connect")]
        (&["--lovense-connect", "phone"], &["--lovense-connect: ", "http://"]),
        (&["--device-websocket", "54817"], &["--device-websocket"]),
    ];
    for (options, words) in cases {
        for start in [&["serve", "--listen", "127.0.0.1:0"][..], &["scan"]] {
            let bus: &[&str] = if options.contains(&"--bus") { &[] } else { &["--bus", "none"] };
            let said = run(&[start, bus, options].concat());
            assert_eq!(said.code, Some(2), "{options:?}: {}", said.err);
            assert_eq!(said.out, "");
            for word in *words {
                assert!(said.err.contains(word), "{word:?} is missing in: {}", said.err);
            }
        }
    }
}

#[test]
fn a_scan_of_no_bus_is_refused() {
    let said = run(&["scan", "--bus", "none"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("--bus"), "{}", said.err);
}

#[cfg(not(feature = "serial"))]
#[test]
fn an_option_for_a_bus_that_is_not_built_in_is_refused() {
    for options in [["--bus", "serial"], ["--serial", "COM7=nobra"]] {
        let said = run(&[&["serve", "--listen", "127.0.0.1:0"], &options[..]].concat());
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("was built without the bus"), "{}", said.err);
    }
}
