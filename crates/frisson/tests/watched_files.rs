//! Files that change while the server runs, seen from a client and from the hardware.

mod support;

use std::fs;
use std::path::PathBuf;

use support::host::Host;
use support::websocket::Client;
use support::{Program, run, wait_until};

const MINE: &str = "\
format = 1
[[ble]]
names = [\"My Toy\"]
services.ff00.tx = \"ff01\"

[[packets]]
hex = \"{v}\"

[[models]]
name = \"My Toy\"
features = [{ vibrate = 10 }]

[[tests]]
steps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]
";

/// A server with a folder of its own.
struct Server {
    folder: tempfile::TempDir,
    program: Program,
}

impl Server {
    fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("devices")).expect("a folder");
        let server = |folder: tempfile::TempDir| {
            let settings = folder.path().join("settings.toml");
            let devices = folder.path().join("devices");
            let program = Program::serve(&[
                "--virtual-hardware-port",
                "0",
                "--settings",
                settings.to_str().expect("UTF-8"),
                "--device-files",
                devices.to_str().expect("UTF-8"),
            ]);
            Self { folder, program }
        };
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("is written"));
        server(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as editors do: to another name first.
    fn write(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).expect("is written");
        fs::rename(new, self.path(name)).expect("is renamed");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits for a line of the log with these words, after the first so many lines.
    #[track_caller]
    fn log(&self, skip: usize, words: &[&str]) {
        let has = |line: &str| words.iter().all(|word| line.contains(word)).then_some(());
        self.program.err.wait_after(skip, &words.join(" … "), has);
    }

    /// Runs `frisson device set` on the settings of this server.
    #[track_caller]
    fn set(&self, arguments: &[&str]) -> String {
        let settings = self.path("settings.toml");
        let all =
            [&["device", "set"], arguments, &["--settings", settings.to_str().expect("UTF-8")]].concat();
        let said = run(&all);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    }

    /// A device of this name, connected because a client has asked for a scan.
    fn device(&self, name: &str) -> (Host, Client) {
        let mut host = Host::connect(&self.program);
        host.advertise(name);
        let mut client = Client::connect(self.program.address());
        client.ask(r#""StartScanning""#);
        host.expect("ready");
        (host, client)
    }
}

#[test]
fn a_new_device_file_drives_its_device_without_a_restart() {
    let server = Server::start(&[]);
    let mut host = Host::connect(&server.program);
    host.advertise("My Toy");
    let mut client = Client::connect(server.program.address());
    client.ask(r#""StartScanning""#);
    assert_eq!(host.expect("ignored")["reason"], "no-match");

    fs::write(server.path("devices/mine.toml"), MINE).expect("is written");
    server.log(0, &["INFO", "mine.toml: protocol mine"]);
    server.log(0, &["changed device files are in force"]);
    host.advertise("My Toy");
    client.ask(r#""StartScanning""#);
    let ready = host.expect("ready");
    assert_eq!((ready["protocol"].as_str(), ready["name"].as_str()), (Some("mine"), Some("My Toy")));
    client.set(0, "Vibrate", 5);
    assert_eq!(host.write(), "05");
}

#[test]
fn a_broken_device_file_is_named_with_its_place_and_the_old_one_stays_in_force() {
    let server = Server::start(&[("devices/mine.toml", MINE)]);
    let (mut host, mut client) = server.device("My Toy");
    let before = server.program.err.count();
    server.write("devices/mine.toml", &MINE.replace("hex = \"{v}\"", "hex = \"{w}\""));
    server.log(before, &["ERROR", "mine.toml:7:9: error: "]);
    server.log(before, &["WARN", "mine.toml", "stays in force until it is put right"]);
    client.set(0, "Vibrate", 7);
    assert_eq!(host.write(), "07");

    let before = server.program.err.count();
    let longer = MINE.replace("hex = \"{v}\"", "hex = \"AA {v}\"").replace("tx 05", "tx AA 05");
    fs::write(server.path("devices/mine.toml"), longer).expect("is written");
    server.log(before, &["INFO", "mine.toml is right again: protocol mine"]);
    // The device is brought to rest as the old file says it, and set up anew.
    assert_eq!(host.write(), "00");
    host.expect("disconnect");
    host.advertise("My Toy");
    // The server looks for it by itself; a scan is quicker.
    client.ask(r#""StartScanning""#);
    assert_eq!(host.expect("ready")["index"], 0);
    client.set(0, "Vibrate", 3);
    assert_eq!(host.write(), "aa03");
}

#[test]
fn a_device_of_another_protocol_is_not_touched_by_changes() {
    let server = Server::start(&[("devices/mine.toml", MINE)]);
    let (host, mut client) = server.device("Massage Demo");
    client.set(0, "Vibrate", 1);
    assert_eq!(host.write(), "f101");
    let before = server.program.err.count();
    server.write("devices/mine.toml", &MINE.replace("vibrate = 10", "vibrate = 20"));
    server.log(before, &["mine.toml has changed: protocol mine"]);
    server.log(before, &["changed device files are in force"]);
    let before = server.program.err.count();
    fs::remove_file(server.path("devices/mine.toml")).expect("is there");
    server.log(before, &["mine.toml is gone, and protocol mine with it"]);
    server.log(before, &["changed device files are in force"]);
    client.set(0, "Vibrate", 2);
    assert_eq!(host.write(), "f102");
}

#[test]
fn a_limit_that_is_set_while_a_device_runs_counts_at_once() {
    let server = Server::start(&[]);
    let (host, mut client) = server.device("Massage Demo");
    wait_until("the index in the settings", || server.text("settings.toml").contains("index = 0"));
    client.set(0, "Vibrate", 127);
    assert_eq!(host.write(), "f17f");
    let said = server.set(&["0", "--output", "0:vibrate", "--range", "0..40%"]);
    assert!(said.contains("vibrate 0..50 of 0..127"), "{said}");
    assert_eq!(host.write(), "f132");
    // Clients see what is left, and nothing above it gets through.
    client.set(0, "Vibrate", 50);
    let refused =
        client.ask(r#""OutputCmd","DeviceIndex":0,"FeatureIndex":0,"Command":{"Vibrate":{"Value":51}}"#);
    assert!(refused.contains("Error"), "{refused}");
    server.set(&["0", "--deny"]);
    assert_eq!(host.write(), "f100");
}

#[test]
fn a_connected_device_that_is_forgotten_keeps_its_index_and_nothing_else() {
    let server = Server::start(&[]);
    let (_host, mut client) = server.device("Massage Demo");
    wait_until("the index in the settings", || server.text("settings.toml").contains("index = 0"));
    server.set(&["0", "--name", "Left bunny"]);
    let mut list = || client.ask(r#""RequestDeviceList""#);
    wait_until("the name", || list().contains("Left bunny"));
    server.set(&["0", "--forget"]);
    wait_until("no name", || !list().contains("Left bunny"));
    wait_until("the index in the settings", || server.text("settings.toml").contains("index = 0"));
    assert!(!server.text("settings.toml").contains("Left bunny"));
}

#[test]
fn an_edit_of_the_settings_counts_at_once_and_a_broken_one_changes_nothing() {
    let server = Server::start(&[]);
    let (_host, mut client) = server.device("Massage Demo");
    wait_until("the index in the settings", || server.text("settings.toml").contains("index = 0"));
    let named = server.text("settings.toml").replace("index = 0", "index = 0 # first\nname = \"Left bunny\"");
    server.write("settings.toml", &named);
    server.log(0, &["INFO", "settings.toml have changed"]);
    server.log(0, &["INFO", "changed settings are in force"]);
    let mut list = || client.ask(r#""RequestDeviceList""#);
    wait_until("the name", || list().contains(r#""DeviceDisplayName":"Left bunny""#));

    let before = server.program.err.count();
    let broken = named.replace("name = ", "name = [");
    server.write("settings.toml", &broken);
    server.log(before, &["ERROR", "settings.toml:"]);
    server.log(before, &["WARN", "stays in force until they are put right"]);
    assert!(list().contains("Left bunny"));
    assert_eq!(server.text("settings.toml"), broken);
    assert_eq!(server.text("settings.toml.bak"), named);

    let before = server.program.err.count();
    server.write("settings.toml", &named.replace("Left", "Right"));
    server.log(before, &["INFO", "can be read again"]);
    wait_until("the name", || list().contains("Right bunny"));
    assert!(server.text("settings.toml").contains("index = 0 # first\n"));
}

#[test]
fn what_the_server_adds_is_merged_with_what_was_edited() {
    let server = Server::start(&[("settings.toml", "# Mine.\nformat = 1\n")]);
    // Edited in the same breath in which the device gets its index.
    let mut host = Host::connect(&server.program);
    host.advertise("Massage Demo");
    let mut client = Client::connect(server.program.address());
    let edited = "# Mine.\nformat = 1\n\n# The neighbour's.\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:99\" # loud\ndeny = true\n";
    fs::write(server.path("settings.toml"), edited).expect("is written");
    client.ask(r#""StartScanning""#);
    host.expect("ready");
    wait_until("the index in the settings", || server.text("settings.toml").contains("index = 0"));
    let text = server.text("settings.toml");
    assert!(text.starts_with(edited), "{text}");
    assert!(!server.program.err.text().contains("cannot be written"), "{}", server.program.err.text());
}

#[test]
fn damaged_settings_are_recovered_from_their_copy_and_kept_aside() {
    let sound = "format = 1\n\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:01\"\nprotocol = \"aneros\"\nmodel = \"Massage Demo\"\nname = \"Left bunny\"\n\
                 [[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [0, 50]\n";
    let damaged = "format = 1\n[[device]]\naddress = \"ble:C0:F";
    let server = Server::start(&[("settings.toml", damaged), ("settings.toml.bak", sound)]);
    server.log(0, &["WARN", "settings.toml:3:"]);
    server.log(0, &["WARN", "settings.toml.bak counts instead"]);
    assert_eq!(server.text("settings.toml"), damaged);
    // The limit is in force, and what is damaged stays to be had when the index is written.
    let (_host, mut client) = server.device("Massage Demo");
    let list = client.ask(r#""RequestDeviceList""#);
    assert!(list.contains("Left bunny") && list.contains("[0,50]"), "{list}");
    wait_until("the index in the settings", || server.text("settings.toml").contains("index = 0"));
    assert_eq!(server.text("settings.toml.damaged-1"), damaged);
    assert!(server.text("settings.toml").contains("range = [0, 50]"), "{}", server.text("settings.toml"));
    server.log(0, &["WARN", "is kept as", "settings.toml.damaged-1"]);
}

#[test]
fn settings_that_appear_while_the_server_runs_count() {
    let server = Server::start(&[]);
    server.set(&["ble:C0:FF:EE:00:00:01", "--deny"]);
    server.log(0, &["INFO", "settings.toml have changed"]);
    server.log(0, &["INFO", "changed settings are in force"]);
    let mut host = Host::connect(&server.program);
    host.advertise("Massage Demo");
    Client::connect(server.program.address()).ask(r#""StartScanning""#);
    assert_eq!(host.expect("ignored")["reason"], "denied");
}

#[test]
#[cfg(unix)]
fn what_cannot_be_written_to_broken_settings_goes_to_the_copy_at_the_end() {
    let mut server = Server::start(&[("settings.toml", "format = 1\n")]);
    fs::write(server.path("settings.toml"), "format = [").expect("is written");
    server.log(0, &["ERROR", "settings.toml:1:"]);
    let device = server.device("Massage Demo");
    server.program.signal(rustix::process::Signal::TERM);
    assert!(server.program.wait().success(), "{}", server.program.err.text());
    drop(device);
    assert_eq!(server.text("settings.toml"), "format = [");
    let copy = server.text("settings.toml.bak");
    assert!(copy.starts_with("format = 1\n") && copy.contains("index = 0"), "{copy}");
}
