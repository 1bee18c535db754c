//! What says whose machine it is does not stay in a text.

use super::super::files::Files;
use super::super::redact::{Secrets, short};
use super::super::report::Report;
use super::Fixture;

fn scrub(private: &[&str], text: &str) -> String {
    let report = Report { private: private.iter().map(ToString::to_string).collect(), ..Report::default() };
    let fixture = Fixture::new();
    Secrets::of(&fixture.machine, &Files::default(), &report).scrub(text)
}

#[test]
fn names_of_user_and_machine_and_their_folders_go() {
    assert_eq!(scrub(&[], "/home/annabel/.config/frisson"), "~/.config/frisson");
    assert_eq!(
        scrub(&[], "/home/bob/x, C:\\Users\\Bob\\y and /run/user/1000"),
        "/home/[removed]/x, C:\\Users\\[removed]\\y and /run/user/[removed]"
    );
    assert_eq!(scrub(&[], "ANNABEL on annabels-tower"), "[removed] on [removed]");
    assert_eq!(scrub(&[], "annabels-tower.example"), "[removed]");
    assert_eq!(scrub(&[], "ünder annabel's"), "ünder [removed]'s");
}

#[test]
fn a_short_name_goes_where_it_stands_for_itself_and_a_long_one_everywhere() {
    assert_eq!(scrub(&["al"], "al: serial, AL_2 (al)"), "[removed]: serial, [removed]_2 ([removed])");
    assert_eq!(scrub(&["bunny"], "myBunny2"), "my[removed]2");
    assert_eq!(scrub(&["", " "], "as it was"), "as it was");
}

#[test]
fn numbers_of_hardware_go_in_every_form() {
    for number in [
        "C0:FF:EE:00:00:01",
        "c0-ff-ee-00-00-01",
        "C0_FF_EE_00_00_01",
        "0f1e2d3c-0000-4000-8000-00000000abcd",
    ] {
        assert_eq!(scrub(&[], &format!("at {number}!")), "at [removed]!");
        assert_eq!(scrub(&[], &format!("dev_{number}")), "dev_[removed]");
    }
    assert_eq!(scrub(&[], "127.0.0.1:12345 1915:520a 0660 12:34"), "127.0.0.1:12345 1915:520a 0660 12:34");
}

#[test]
fn of_an_address_the_end_is_left() {
    assert_eq!(short("ble:C0:FF:EE:00:00:1A"), "ble:…1A");
    assert_eq!(short("C0:FF:EE:00:00:1A"), "…1A");
    assert_eq!(short("serial:/dev/ttyUSB0"), "serial:/dev/ttyUSB0");
    assert_eq!(short("serial:COM7"), "serial:COM7");
    assert_eq!(short("serial:/dev/serial/by-id/usb-FTDI_A50285BI"), "serial:…BI");
    assert_eq!(short("lovense-connect:é"), "lovense-connect:…é");
    assert_eq!(short(""), "…");
}

#[test]
fn addresses_of_settings_go_and_names_of_ports_stay() {
    let settings = "format = 1\n[[device]]\naddress = \"serial:/dev/ttyUSB0\"\n[[device]]\naddress = \"serial:/dev/by-id/ABC\"\n";
    let fixture = Fixture::new().file("settings.toml", settings);
    let files = Files::in_folder(Some(fixture.folder.path().to_owned()), None, None);
    let scrubbed =
        Secrets::of(&fixture.machine, &files, &Report::default()).scrub("/dev/ttyUSB0, /dev/by-id/ABC");
    assert_eq!(scrubbed, "/dev/ttyUSB0, [removed]");
}
