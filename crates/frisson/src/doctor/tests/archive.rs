//! The archive: what is in it, what is not, and how it is written.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::archive::{contents, write};
use super::super::examine;
use super::super::files::Files;
use super::super::machine::Bluez;
use super::Fixture;

/// A machine full of what is nobody's business.
fn private() -> Fixture {
    let settings = "format = 1\n# Carola gave it to me\n[[device]]\naddress = \"ble:C0:FF:EE:12:34:56\"\nprotocol = \"lovense\"\nmodel = \"EL\"\nindex = 3\n\
                    name = \"Carola's bunny\"\n[[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [0, 12]\n\
                    [[device]]\naddress = \"serial:/dev/serial/by-id/usb-Carola_A50285BI\"\nprotocol = \"carolas-own\"\nmodel = \"Carola\"\nnom = \"Carola\"\n\
                    [[device]]\naddress = \"ble:C0:FF:EE:12:34:56\"\nprotocol = \"lovense\"\nmodel = \"EL\"\nname = \"Twice Carola\"\n";
    let usb = "sys/devices/usb1/1-2";
    Fixture::new()
        .file("home/annabel/config/settings.toml", settings)
        .file("home/annabel/config/devices/mine.toml", "format = 1\n[[bel]]\n\"Carola's\" = 1\n")
        .file("etc/passwd", "annabel:x:1000:1000:Annabel Lee:/home/annabel:/bin/sh\n")
        .file("etc/os-release", "PRETTY_NAME=\"Debian\"\n")
        .file("sys/class/bluetooth/hci0/uevent", "")
        .bluez(Bluez::Runs(vec![("hci0".to_owned(), true)]))
        .file(&format!("{usb}/idVendor"), "0403\n")
        .file(&format!("{usb}/idProduct"), "6001\n")
        .file(&format!("{usb}/product"), "Carola UART\n")
        .file(&format!("{usb}/serial"), "A50285BI\n")
        .link("sys/class/tty/ttyUSB0/device", "../../../devices/usb1/1-2")
        .file("dev/ttyUSB0", "")
        .file(
            "sys/class/hidraw/hidraw0/device/uevent",
            "HID_ID=0003:00001915:0000520A\nHID_NAME=Carola\nHID_UNIQ=C0:FF:EE:12:34:56",
        )
        .file("dev/hidraw0", "")
        .file("sys/class/input/event7/device/capabilities/ff", "107030000 0\n")
        .file("sys/class/input/event7/device/name", "Carola's pad\n")
        .file("dev/input/event7", "")
        .variable("XDG_CONFIG_HOME", "/home/annabel/config")
        .variable("XDG_RUNTIME_DIR", "/run/user/1000")
        .variable("SSH_CONNECTION", "203.0.113.9 1 2 3")
        .variable("TOKEN", "hunter2")
}

fn archive(fixture: &Fixture) -> Vec<(&'static str, String)> {
    let files = Files::in_folder(Some(fixture.at("home/annabel/config")), None, None);
    let report = examine(&fixture.machine, &files);
    contents(&fixture.machine, &files, &report)
}

#[test]
fn nothing_in_it_says_whose_machine_it_is() {
    let fixture = private();
    let parts = archive(&fixture);
    let planted = [
        "carola",
        "annabel",
        "c0:ff:ee",
        "12:34:56",
        "a50285bi",
        "bunny",
        "hunter2",
        "203.0.113",
        "/1000",
        " lee",
    ];
    for (name, text) in parts {
        let text = text.to_lowercase();
        for secret in planted {
            assert!(!text.contains(secret), "{name} has {secret:?}:\n{text}");
        }
    }
}

#[test]
fn what_helps_is_in_it() {
    let parts = archive(&private());
    let part = |wanted: &str| {
        parts.iter().find(|(name, _)| *name == wanted).map(|(_, text)| text.as_str()).expect(wanted)
    };
    let wanted: [(&str, &[&str]); 6] = [
        ("doctor.txt", &["hci0 is on", "/dev/ttyUSB0 can be used", "the Lovense dongle can be used"]),
        ("doctor.json", &["\"status\": \"problem\"", "mine.toml:2:"]),
        ("versions.txt", &[env!("CARGO_PKG_VERSION"), "Debian, kernel 6.12.0", "simulated devices"]),
        (
            "settings.txt",
            &[
                "address ble:…56",
                "protocol lovense",
                "model \"EL\"",
                "index 3",
                "name [removed]",
                "output 0 Vibrate range 0 to 12",
            ],
        ),
        ("device-files.txt", &["mine.toml: cannot be used", "line 2"]),
        (
            "machine.txt",
            &["XDG_CONFIG_HOME=~/config", "0403:6001", "/dev/hidraw0", "1915:520a", "/dev/input/event7"],
        ),
    ];
    for (name, words) in wanted {
        for word in words {
            assert!(part(name).contains(word), "{name} has no {word:?}:\n{}", part(name));
        }
    }
}

#[test]
fn settings_that_cannot_be_read_are_not_quoted() {
    let fixture = Fixture::new()
        .file("home/annabel/config/settings.toml", "format = 1\nCarola = \"C0FFEE\"\nCarola = 2\n");
    for (name, text) in archive(&fixture) {
        assert!(!text.contains("Carola") && !text.contains("C0FFEE"), "{name}:\n{text}");
    }
}

fn unpacked(path: &Path) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(fs::File::open(path).expect("is there"));
    let one = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.expect("an entry");
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        (entry.path().expect("a path").display().to_string(), text)
    };
    archive.entries().expect("an archive").map(one).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("is there").permissions().mode() & 0o777
}

#[test]
fn the_file_is_for_its_user_only_and_not_overwritten_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.tar");
    write(&path, false, &[("one.txt", "1".to_owned()), ("two.txt", "2".to_owned())]).expect("is written");
    let first = [("frisson-doctor/one.txt", "1"), ("frisson-doctor/two.txt", "2")]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(unpacked(&path), first);
    assert_eq!(mode(&path), 0o600);

    let error = write(&path, false, &[]).expect_err("is there already");
    assert!(error.to_string().contains("--overwrite"), "{error}");
    assert_eq!(error.code(), crate::exit::USAGE);
    assert_eq!(unpacked(&path), first);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("is there");
    write(&path, true, &[("three.txt", "3".to_owned())]).expect("is replaced");
    assert_eq!(unpacked(&path).len(), 1);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_place_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = write(&folder.path().join("missing/a.tar"), false, &[]).expect_err("no such folder");
    assert!(error.to_string().contains("missing/a.tar"), "{error}");
}
