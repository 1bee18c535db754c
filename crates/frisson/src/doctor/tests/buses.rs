//! Bluetooth, serial ports, HID devices and gamepads.

use frisson_server::Catalogue;

use super::super::machine::{Bluez, Machine, System};
use super::super::report::Report;
use super::super::report::Status::{Ok, Problem, Warning};
use super::super::{bluetooth, gamepad, hid, serial};
use super::Fixture;

fn with_adapter() -> Fixture {
    Fixture::new().file("sys/class/bluetooth/hci0/uevent", "").file("sys/class/bluetooth/hci0:12/uevent", "")
}

fn runs(on: bool) -> Bluez {
    Bluez::Runs(vec![("hci0".to_owned(), on)])
}

#[test]
fn an_adapter_that_is_on_with_bluez_is_usable() {
    let found = with_adapter().bluez(runs(true)).report(bluetooth::check);
    assert_eq!(found.only().status, Ok);
    assert_eq!(found.only().what, "hci0 is on, and BlueZ answers");
}

#[test]
fn a_missing_adapter_is_named_without_being_a_problem() {
    let found = Fixture::new().report(bluetooth::check);
    found.no_problem().has(Warning, &["no Bluetooth adapter", "plug one in"]);
    found.has(Warning, &["system bus cannot be reached", "No such file", "apt install dbus"]);
}

#[test]
fn a_switch_that_is_off_says_which_kind_it_is() {
    let switch = |soft, hard| {
        let folder = "sys/class/rfkill/rfkill0";
        let fixture = with_adapter().bluez(runs(true)).file(&format!("{folder}/type"), "bluetooth\n");
        let fixture = fixture.file(&format!("{folder}/name"), "hci0\n").file(&format!("{folder}/soft"), soft);
        let fixture = fixture
            .file("sys/class/rfkill/rfkill1/type", "wlan\n")
            .file("sys/class/rfkill/rfkill1/soft", "1\n");
        fixture.file(&format!("{folder}/hard"), hard).report(bluetooth::check)
    };
    switch("0\n", "0\n").no_problem().has(Ok, &["hci0 is on"]);
    assert_eq!(switch("1\n", "0\n").only().fix.as_deref(), Some("rfkill unblock bluetooth"));
    let hard = switch("0\n", "1\n");
    assert_eq!(hard.only().status, Problem);
    hard.has(Problem, &["hci0", "switch or key of the machine"]);
}

#[test]
fn bluez_that_is_missing_is_told_from_bluez_that_does_not_run() {
    let missing = with_adapter().bluez(Bluez::NotRunning).report(bluetooth::check);
    missing.has(Problem, &["not installed", "apt install bluez"]);
    let stopped = with_adapter().bluez(Bluez::NotRunning).file("usr/libexec/bluetooth/bluetoothd", "");
    stopped.report(bluetooth::check).has(Problem, &["does not run", "systemctl enable --now bluetooth"]);
}

#[test]
fn who_may_not_talk_to_bluez_is_told_the_group_and_silence_is_another_thing() {
    let denied = with_adapter().bluez(Bluez::Denied).report(bluetooth::check);
    denied.has(Problem, &["rules keep this user from it", "usermod -aG bluetooth $USER"]);
    let refused = with_adapter().bluez(Bluez::Refused("REJECTED".to_owned())).report(bluetooth::check);
    refused.has(Problem, &["does not let this user in", "REJECTED"]);
    let silent = with_adapter().bluez(Bluez::Silent).report(bluetooth::check);
    silent.has(Problem, &["does not answer", "systemctl restart bluetooth"]);
}

#[test]
fn an_adapter_that_is_off_in_bluez_is_a_problem() {
    let found = with_adapter().bluez(runs(false)).report(bluetooth::check);
    assert_eq!(found.only().fix.as_deref(), Some("bluetoothctl power on"));
}

#[test]
fn an_adapter_that_bluez_does_not_know_is_a_problem() {
    let found = with_adapter().bluez(Bluez::Runs(Vec::new())).report(bluetooth::check);
    assert_eq!(found.only().status, Problem);
    found.has(Problem, &["does not know of every adapter", "systemctl restart bluetooth"]);
}

#[test]
fn the_socket_is_that_of_the_environment() {
    let asked = |fixture: Fixture| {
        let mut fixture = fixture;
        fixture.machine.bluez = Box::new(|socket, _| Bluez::NoBus(socket.display().to_string()));
        fixture.report(bluetooth::check)
    };
    asked(with_adapter()).has(Problem, &["/run/dbus/system_bus_socket"]);
    let address = "unix:abstract=/x;unix:guid=1,path=/tmp/bus,runtime=yes";
    asked(with_adapter().variable("DBUS_SYSTEM_BUS_ADDRESS", address)).has(Problem, &["at /tmp/bus"]);
    let odd = asked(with_adapter().variable("DBUS_SYSTEM_BUS_ADDRESS", "tcp:host=localhost"));
    odd.no_problem().has(Warning, &["tcp:host=localhost", "unset DBUS_SYSTEM_BUS_ADDRESS"]);
}

/// A machine with a serial converter, and ports that have no hardware.
fn with_port() -> Fixture {
    let usb = "sys/devices/usb1/1-2";
    Fixture::new()
        .file(&format!("{usb}/idVendor"), "0403\n")
        .file(&format!("{usb}/idProduct"), "6001\n")
        .file(&format!("{usb}/product"), "FT232R\u{1b}[2J UART\n")
        .file(&format!("{usb}/serial"), "A50285BI\n")
        .file(&format!("{usb}/1-2:1.0/ttyUSB0/port_number"), "0")
        .link("sys/class/tty/ttyUSB0/device", "../../../devices/usb1/1-2/1-2:1.0/ttyUSB0")
        .file("sys/class/tty/tty0/uevent", "")
        .file("sys/class/tty/ttyS0/device/uevent", "")
        .file("sys/class/tty/ttyS0/type", "0\n")
        .file("dev/ttyUSB0", "")
        .mode("dev/ttyUSB0", 0o660)
}

#[test]
fn a_port_that_can_be_opened_is_usable() {
    let found = with_port().report(serial::check);
    assert_eq!(found.only().status, Ok);
    found.has(Ok, &["/dev/ttyUSB0 can be used", "FT232R"]);
    assert!(!found.0.to_text().contains('\u{1b}'), "what a device calls itself must not reach the terminal");
    assert_eq!(serial::linux(&with_port().machine)[0].ids, Some((0x0403, 0x6001)));
}

#[test]
fn no_port_at_all_is_a_warning() {
    let found = Fixture::new().report(serial::check);
    found.no_problem().has(Warning, &["no serial port", "plug the device in"]);
}

/// The group of the port is called `dialout` and has these members.
fn in_group(fixture: Fixture, members: &str) -> Fixture {
    let group = |fixture: &Fixture| fixture.machine.owned("/dev/ttyUSB0").expect("is there").group;
    if group(&fixture) == 0 {
        // What the super-user makes belongs to a group that ports never have.
        std::os::unix::fs::chown(fixture.at("dev/ttyUSB0"), None, Some(20)).expect("as the super-user");
    }
    let group = group(&fixture);
    fixture.file("etc/group", &format!("nobody:x:98765:\ndialout:x:{group}:{members}\n"))
}

#[test]
fn a_port_of_a_group_says_how_to_join_it() {
    let found = in_group(with_port(), "bob").denied(&["dev/ttyUSB0"]).report(serial::check);
    found.has(Problem, &["belongs to the group dialout", "sudo usermod -aG dialout $USER"]);
}

#[test]
fn who_has_joined_the_group_since_logging_in_is_told_to_log_in_again() {
    let found = in_group(with_port(), "bob,annabel").denied(&["dev/ttyUSB0"]).report(serial::check);
    found.has(Problem, &["not yet in this session", "log out and in again"]);
}

#[test]
fn a_port_that_is_closed_in_spite_of_the_group_is_told_apart() {
    let mut fixture = in_group(with_port(), "").denied(&["dev/ttyUSB0"]);
    fixture.machine.user.groups = vec![fixture.machine.owned("/dev/ttyUSB0").expect("is there").group];
    fixture.report(serial::check).has(Problem, &["although this user is in its group dialout", "container"]);
}

#[test]
fn a_port_of_nobody_gets_a_rule() {
    let found = with_port().mode("dev/ttyUSB0", 0o600).denied(&["dev/ttyUSB0"]).report(serial::check);
    found.has(
        Problem,
        &["its permissions are 600", "60-frisson.rules", "ATTRS{idVendor}==\"0403\"", "uaccess"],
    );
}

#[test]
fn a_port_that_another_program_has_names_it() {
    let open = with_port()
        .process(123, "screen")
        .link("proc/123/fd/4", "/dev/ttyUSB0")
        .link("proc/123/fd/0", "/dev/null");
    open.report(serial::check).has(Problem, &["in use by screen (process 123)", "kill 123"]);
    let locked = with_port().process(77, "minicom").file("run/lock/LCK..ttyUSB0", "        77\n");
    locked.report(serial::check).has(Problem, &["in use by minicom (process 77)"]);
    let stale = with_port().file("run/lock/LCK..ttyUSB0", "        77\n");
    stale.report(serial::check).no_problem();
    let own = with_port().process(9, "frisson").link("proc/9/fd/4", "/dev/ttyUSB0");
    own.report(serial::check).no_problem().has(Ok, &["in use by frisson"]);
}

#[test]
fn a_port_of_the_board_that_cannot_be_used_is_only_a_warning() {
    let board = || {
        Fixture::new().file("sys/class/tty/ttyS0/device/uevent", "").file("sys/class/tty/ttyS0/type", "4\n")
    };
    let board = || board().file("dev/ttyS0", "").mode("dev/ttyS0", 0o600);
    board()
        .denied(&["dev/ttyS0"])
        .report(serial::check)
        .no_problem()
        .has(Warning, &["/dev/ttyS0 cannot be opened"]);
    let held = board().process(1, "agetty").link("proc/1/fd/0", "/dev/ttyS0").report(serial::check);
    held.no_problem().has(Warning, &["in use by agetty"]);
}

#[test]
fn a_modem_that_is_managed_is_only_a_warning() {
    let held =
        with_port().process(5, "ModemManager").link("proc/5/fd/9", "/dev/ttyUSB0").report(serial::check);
    held.no_problem().has(Warning, &["in use by ModemManager"]);
}

#[test]
fn programs_that_take_ports_are_named() {
    let modem = with_port().process(5, "ModemManager").report(serial::check);
    modem.no_problem().has(Warning, &["ModemManager runs", "systemctl disable --now ModemManager"]);
    let no_port = Fixture::new().process(5, "ModemManager").report(serial::check);
    assert!(!no_port.0.to_text().contains("ModemManager"));
    Fixture::new().process(6, "brltty").report(serial::check).has(Warning, &["brltty", "apt remove brltty"]);
}

fn hid_check(machine: &Machine, report: &mut Report) {
    hid::check(machine, &Catalogue::built_in(), report);
}

fn with_hid(id: &str) -> Fixture {
    let event = format!("DRIVER=hid-generic\nHID_ID={id}\nHID_NAME=Somebody's thing\n");
    Fixture::new()
        .file("sys/class/hidraw/hidraw3/device/uevent", &event)
        .file("dev/hidraw3", "")
        .mode("dev/hidraw3", 0o600)
}

#[test]
fn the_dongle_is_found_and_usable() {
    let found = with_hid("0003:00001915:0000520A").report(hid_check);
    assert_eq!(found.only().what, "the Lovense dongle can be used (/dev/hidraw3)");
}

#[test]
fn a_dongle_that_cannot_be_opened_gets_its_rule_in_full() {
    let found = with_hid("0003:00001915:0000520A").denied(&["dev/hidraw3"]).report(hid_check);
    let rule = r#"KERNEL=="hidraw*", KERNELS=="*:1915:520A.*", MODE="0660", TAG+="uaccess""#;
    found.has(
        Problem,
        &["the Lovense dongle", "/etc/udev/rules.d/60-frisson.rules", rule, "udevadm control --reload"],
    );
}

#[test]
fn the_manual_has_the_rule_of_the_dongle() {
    let manual = include_str!("../../../../../docs/platforms.md");
    assert!(manual.lines().any(|line| line == hid::rule(hid::DONGLE)));
}

#[test]
fn a_rule_that_is_there_and_does_not_work_is_named() {
    let fixture = with_hid("0003:00001915:0000520A").denied(&["dev/hidraw3"]);
    let other = fixture.file(
        "etc/udev/rules.d/98-other.rules",
        "# KERNEL==\"hidraw*\" 1915 520a\nKERNEL==\"hidraw*\", ATTRS{idVendor}==\"1915\"\n",
    );
    other.report(hid_check).has(Problem, &["its permissions are 600"]);
    let there = other.file(
        "etc/udev/rules.d/99-dongle.rules",
        "KERNEL==\"hidraw*\", ATTRS{idVendor}==\"1915\", ATTRS{idProduct}==\"520a\"\n",
    );
    there
        .report(hid_check)
        .has(Problem, &["although /etc/udev/rules.d/99-dongle.rules has a rule", "below 73"]);
}

#[test]
fn other_hid_devices_are_counted_and_not_named() {
    let found = with_hid("0005:0000046D:0000C52B").report(hid_check);
    assert_eq!(found.only().status, Warning);
    found.has(Warning, &["none of 1 HID devices"]);
    Fixture::new().report(hid_check).no_problem().has(Warning, &["no HID device"]);
    with_hid("nonsense").report(hid_check).has(Warning, &["no HID device"]);
}

#[test]
fn a_node_that_is_missing_is_told_from_one_that_is_closed() {
    let fixture =
        Fixture::new().file("sys/class/hidraw/hidraw0/device/uevent", "HID_ID=0003:00001915:0000520A");
    fixture
        .denied(&["dev/hidraw0"])
        .report(hid_check)
        .has(Problem, &["/dev/hidraw0 is not there", "container"]);
}

fn with_pad(effects: &str) -> Fixture {
    let folder = "sys/class/input/event7/device";
    let fixture = Fixture::new().file(&format!("{folder}/capabilities/ff"), effects);
    let fixture = fixture.file(&format!("{folder}/name"), "Some Controller\n").file("dev/input/event7", "");
    fixture.mode("dev/input/event7", 0o600)
}

const RUMBLES: &str = "107030000 0\n";

#[test]
fn a_gamepad_that_rumbles_is_found_by_its_effects() {
    with_pad(RUMBLES).report(gamepad::check).has(Ok, &["/dev/input/event7 can be used", "Some Controller"]);
    for effects in ["0\n", "", "nonsense", "10000"] {
        with_pad(effects).report(gamepad::check).no_problem().has(Warning, &["no gamepad that rumbles"]);
    }
}

#[test]
fn a_gamepad_that_may_not_be_written_to_is_a_problem() {
    let found = with_pad(RUMBLES).denied(&["dev/input/event7"]).report(gamepad::check);
    found.has(Problem, &["/dev/input/event7 cannot be opened", "uaccess", "at the machine itself"]);
}

#[test]
fn other_systems_are_told_their_own_rules() {
    let on = |system| {
        let mut fixture = Fixture::new();
        fixture.machine.system = system;
        fixture
    };
    on(System::MacOs).report(bluetooth::check).has(Ok, &["Privacy & Security, Bluetooth"]);
    on(System::Windows).report(bluetooth::check).has(Ok, &["Bluetooth & devices"]);
    let mac = on(System::MacOs).file("dev/cu.usbserial-110", "").file("dev/tty.usbserial-110", "");
    assert_eq!(mac.report(serial::check).only().what, "/dev/cu.usbserial-110 can be used");
    on(System::Windows).report(serial::check).has(Ok, &["device manager"]);
    for check in [bluetooth::check, serial::check, hid_check, gamepad::check] {
        on(System::Other).report(check).no_problem().has(Warning, &["nothing is known"]);
    }
}
