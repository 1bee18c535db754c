//! What goes over an open port, and how it ends.

use frisson_hardware::serial::{Named, Options, SerialBus};
use frisson_hardware::{Bus, ConnectPlan, Notified, Port, PortError, Scanner, Sighting};
use frisson_program::{Endpoint, Parity, SerialSettings};
use rustix::termios::ControlModes;

use super::pty::{Device, within};

fn settings(baud_rate: u32, data_bits: u8, parity: Parity, stop_bits: u8) -> SerialSettings {
    SerialSettings { baud_rate, data_bits, parity, stop_bits }
}

async fn open_as(name: &str, greets: bool, serial: SerialSettings) -> Result<Box<dyn Port>, PortError> {
    let ports = vec![Named { greets, ..Named::new(name) }];
    let mut bus = SerialBus::new(Options { ports, ..Options::default() });
    let sighting = Sighting { port: Some(name.to_owned()), ..Sighting::new(Bus::Serial, name, "") };
    within(bus.connect(&sighting, vec![ConnectPlan { serial, ..ConnectPlan::default() }])).await
}

async fn open(device: &Device) -> Box<dyn Port> {
    open_as(&device.port, false, SerialSettings::default()).await.expect("a port")
}

async fn refused(name: &str, serial: SerialSettings) -> String {
    match open_as(name, false, serial).await {
        Ok(_) => panic!("{name} was opened"),
        Err(error) => error.to_string(),
    }
}

async fn send(port: &dyn Port, text: &str) -> Result<(), PortError> {
    within(port.write(Endpoint::TX, text.as_bytes(), false)).await
}

async fn gone(port: &dyn Port) -> String {
    match within(port.next()).await {
        Notified::Gone(reason) => reason,
        heard => panic!("heard {heard:?}"),
    }
}

fn heard(text: &str) -> Notified {
    Notified::Bytes(Endpoint::RX, text.as_bytes().to_vec())
}

#[tokio::test]
async fn what_is_written_arrives_byte_for_byte() {
    let mut device = Device::plug();
    let port = open(&device).await;
    send(&*port, "L0999I200\n").await.expect("a write");
    assert_eq!(device.line().await, "L0999I200\n");
    // Nothing is changed on the way, whatever a terminal would make of it.
    let all: Vec<u8> = (0..=255).collect();
    within(port.write(Endpoint::TX, &all, true)).await.expect("a write");
    device.until_sent(256).await;
    assert_eq!(device.unread(), all);
}

#[tokio::test]
async fn a_port_has_tx_to_write_and_rx_to_listen() {
    let device = Device::plug();
    let port = open(&device).await;
    assert_eq!(port.endpoints(), [Endpoint::TX, Endpoint::RX]);
    let written = within(port.write(Endpoint::RX, b"x", false)).await;
    assert_eq!(written, Err(PortError::NoEndpoint(Endpoint::RX)));
    assert_eq!(within(port.listen(Endpoint::TX, true)).await, Err(PortError::NoEndpoint(Endpoint::TX)));
    let read = within(port.read(Endpoint::RX)).await.expect_err("cannot be fetched").to_string();
    assert!(read.contains("`subscribe`"), "{read}");
}

#[tokio::test]
async fn the_rate_and_the_stop_bits_of_the_plan_are_set_and_parity_is_asked_for() {
    let device = Device::plug();
    let port = open_as(&device.port, false, settings(19_200, 8, Parity::None, 2)).await.expect("a port");
    let set = device.settings();
    assert_eq!((set.output_speed(), set.input_speed()), (19_200, 19_200));
    assert!(set.control_modes.contains(ControlModes::CSTOPB | ControlModes::CS8));
    port.close().await;
    drop(port);
    let port = open_as(&device.port, false, settings(115_200, 8, Parity::None, 1)).await.expect("a port");
    let set = device.settings();
    assert_eq!(set.output_speed(), 115_200);
    assert!(!set.control_modes.contains(ControlModes::CSTOPB));
    port.close().await;
    drop(port);
    // A pseudo-terminal has 8 bits without parity and nothing else.
    let refused = refused(&device.port, settings(9600, 7, Parity::Even, 2)).await;
    assert!(refused.contains("cannot be set to 9600 7E2"), "{refused}");
}

#[tokio::test]
async fn what_a_device_says_is_passed_on_as_it_comes_once_it_is_listened_to() {
    let device = Device::plug();
    let port = open(&device).await;
    device.say("nobody listens\n");
    device.until_waiting("nobody listens\n".len()).await;
    // The port is read all the same, so that its end is noticed.
    tokio::select! {
        heard = port.next() => panic!("heard {heard:?}"),
        () = device.until_waiting(0) => {}
    }
    within(port.listen(Endpoint::RX, true)).await.expect("rx");
    device.say("TCo");
    assert_eq!(within(port.next()).await, heard("TCo"));
    device.say("de v0.3\r\n");
    assert_eq!(within(port.next()).await, heard("de v0.3\r\n"));
}

#[tokio::test]
async fn what_a_device_said_before_it_was_opened_is_not_heard() {
    let device = Device::plug();
    device.say("booting\n");
    device.until_waiting("booting\n".len()).await;
    let port = open(&device).await;
    within(port.listen(Endpoint::RX, true)).await.expect("rx");
    device.say("ready\n");
    assert_eq!(within(port.next()).await, heard("ready\n"));
}

#[tokio::test]
async fn a_device_that_is_unplugged_is_gone_and_cannot_be_written_to() {
    let device = Device::plug();
    let name = device.port.clone();
    let port = open(&device).await;
    device.unplug();
    assert!(gone(&*port).await.contains(&format!("{name} was unplugged")));
    assert!(gone(&*port).await.contains("unplugged"), "and stays so");
    let write = send(&*port, "L0500\n").await;
    assert!(matches!(&write, Err(PortError::Gone(reason)) if reason.contains("unplugged")), "{write:?}");
    within(port.close()).await;
}

#[tokio::test]
async fn unplugged_in_the_middle_of_a_write_the_write_fails_and_the_device_is_gone() {
    let device = Device::plug();
    let port = open(&device).await;
    device.read(false);
    let more_than_fits = vec![b'x'; 1 << 20];
    let mut writing = port.write(Endpoint::TX, &more_than_fits, false);
    let stuck = tokio::time::timeout(std::time::Duration::from_millis(100), &mut writing).await;
    assert!(stuck.is_err(), "{stuck:?}");
    device.unplug();
    let write = within(writing).await;
    assert!(matches!(&write, Err(PortError::Gone(_))), "{write:?}");
    assert!(gone(&*port).await.contains("unplugged"));
}

#[tokio::test]
async fn a_write_that_the_device_does_not_take_fails_in_bounded_time_and_no_packet_is_ever_cut() {
    let mut device = Device::plug();
    let port = open(&device).await;
    device.read(false);
    let mut long = vec![b'x'; 1 << 18];
    long.push(b'\n');
    let write = within(port.write(Endpoint::TX, &long, false)).await;
    assert!(matches!(write, Err(PortError::Unanswered(_))), "{write:?}");
    device.read(true);
    send(&*port, "L0500\n").await.expect("a write");
    assert_eq!(device.line().await.len(), long.len(), "the rest of what had begun");
    assert_eq!(device.line().await, "L0500\n");
}

#[tokio::test]
async fn what_was_written_is_out_before_a_port_is_closed_and_another_can_have_it_then() {
    let mut device = Device::plug();
    let port = open(&device).await;
    send(&*port, "V000\n").await.expect("a write");
    within(port.close()).await;
    device.until_free().await;
    drop(port);
    assert_eq!(device.line().await, "V000\n");
    let again = open(&device).await;
    send(&*again, "V100\n").await.expect("a write");
    assert_eq!(device.line().await, "V100\n");
}

#[tokio::test]
async fn a_port_that_is_dropped_is_free_for_others() {
    let device = Device::plug();
    drop(open(&device).await);
    device.until_free().await;
}

#[tokio::test]
async fn a_port_that_another_program_holds_is_busy_and_keeps_its_settings() {
    let device = Device::plug();
    let other = device.occupy();
    let before = device.settings().output_speed();
    let refused = refused(&device.port, settings(19_200, 8, Parity::None, 1)).await;
    assert!(refused.contains(&format!("another program holds {}", device.port)), "{refused}");
    assert_eq!(device.settings().output_speed(), before);
    drop(other);
    open(&device).await;
}

#[tokio::test]
async fn a_port_is_opened_once() {
    let device = Device::plug();
    let _port = open(&device).await;
    let refused = refused(&device.port, SerialSettings::default()).await;
    assert!(refused.contains("another program holds"), "{refused}");
}

#[tokio::test]
async fn a_port_that_is_not_there_is_said_to_be_unplugged() {
    let refused = refused("/dev/frisson-no-such-port", SerialSettings::default()).await;
    assert!(refused.contains("there is no port /dev/frisson-no-such-port; is it plugged in?"), "{refused}");
}

#[tokio::test]
async fn what_is_no_serial_port_is_refused() {
    let refused = refused("/dev/null", SerialSettings::default()).await;
    assert_eq!(refused, "/dev/null is not a serial port");
}

#[tokio::test]
async fn a_tcode_device_is_asked_what_it_is_and_may_be_silent() {
    let mut device = Device::plug();
    let name = device.port.clone();
    let opening = tokio::spawn(async move { open_as(&name, true, SerialSettings::default()).await });
    assert_eq!(device.line().await, "D1\n");
    device.say("TCode v0.3\r\n");
    let port = within(opening).await.expect("no panic").expect("a port");
    send(&*port, "L0500\n").await.expect("a write");
    assert_eq!(device.line().await, "L0500\n");
    port.close().await;
    drop(port);

    let silent = open_as(&device.port, true, SerialSettings::default()).await.expect("a port");
    assert_eq!(device.line().await, "D1\n");
    send(&*silent, "L0999\n").await.expect("a write");
    assert_eq!(device.line().await, "L0999\n");
}
