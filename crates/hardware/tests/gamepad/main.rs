//! The bus of gamepads over pads that write down what they are told, and over a real one where the machine can make one up.
#![cfg(feature = "gamepad")]

mod fake;
mod over_hid;
#[cfg(target_os = "linux")]
mod uinput;

use std::future::Future;
use std::time::Duration;

use fake::{Fake, info};
use frisson_hardware::gamepad::{GamepadBus, PadError, Speeds, System};
use frisson_hardware::{Found, Notified, Port, PortError, Scanner, Sighting};
use frisson_program::{Bus, Capabilities, Endpoint};

const REST: Speeds = Speeds { low: 0, high: 0, left_trigger: 0, right_trigger: 0 };
/// A packet, and what it means.
const PACKET: [u8; 8] = [0x00, 0x80, 0xFF, 0xFF, 0x00, 0x40, 0x00, 0xC0];
const RUNNING: Speeds = Speeds { low: 0x8000, high: 0xFFFF, left_trigger: 0x4000, right_trigger: 0xC000 };

#[track_caller]
pub(crate) fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

fn scanning(system: impl System) -> GamepadBus {
    let mut bus = GamepadBus::new(system);
    bus.scan(true);
    bus
}

async fn device(bus: &mut GamepadBus) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        other => panic!("{other:?}"),
    }
}

async fn open(bus: &mut GamepadBus) -> Box<dyn Port> {
    let sighting = device(bus).await;
    let mut opening = bus.connect(&sighting, Vec::new());
    within(&mut opening).await.expect("a pad that can be opened")
}

async fn write(port: &dyn Port, bytes: &[u8]) -> Result<(), PortError> {
    within(port.write(Endpoint::TX, bytes, false)).await
}

fn speeds(fake: &Fake, path: &str) -> Vec<Speeds> {
    fake.told(path).into_iter().map(|(_, speeds)| speeds).collect()
}

#[tokio::test]
async fn a_pad_is_seen_under_its_own_name_and_address_with_what_it_can_do() {
    let fake = Fake::default();
    fake.plug(info("event3", "a0:ab:51:00:00:01"));
    let expected = Sighting {
        ids: Some((0x054C, 0x09CC)),
        capabilities: Capabilities { rumble: true, trigger_rumble: false, battery: true },
        ..Sighting::new(Bus::Gamepad, "a0:ab:51:00:00:01", "Wireless Controller")
    };
    assert_eq!(device(&mut scanning(fake)).await, expected);
}

#[tokio::test]
async fn a_packet_sets_all_motors_for_a_minute_and_is_repeated_every_100_ms_until_rest() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let port = open(&mut scanning(fake.clone())).await;
    write(&*port, &PACKET).await.expect("a pad");
    within(async {
        while fake.told("event3").len() < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    write(&*port, &[0; 8]).await.expect("a pad");
    let told = fake.told("event3");
    let (last, running) = told.split_last().expect("it was told something");
    assert_eq!(last.1, REST);
    assert!(running.iter().all(|(_, speeds)| *speeds == RUNNING), "{running:?}");
    for pair in running.windows(2) {
        let pause = pair[1].0 - pair[0].0;
        assert!(pause >= Duration::from_millis(100), "{pause:?}");
    }
    assert!(fake.times("event3").iter().all(|time| *time == Duration::from_secs(60)));
}

#[tokio::test]
async fn a_pad_that_is_closed_or_dropped_is_brought_to_rest() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let mut bus = scanning(fake.clone());
    let port = open(&mut bus).await;
    write(&*port, &PACKET).await.expect("a pad");
    within(port.close()).await;
    assert_eq!(speeds(&fake, "event3").last(), Some(&REST));
    assert!(!fake.is_open("event3"));
    let port = open(&mut bus).await;
    write(&*port, &PACKET).await.expect("a pad");
    drop(port);
    within(async {
        while fake.is_open("event3") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(speeds(&fake, "event3").last(), Some(&REST));
}

#[tokio::test]
async fn a_pad_that_disconnects_is_noticed_without_being_written_to_and_found_again() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let mut bus = scanning(fake.clone());
    let port = open(&mut bus).await;
    fake.unplug("event3");
    assert_eq!(within(port.next()).await, Notified::Gone("the gamepad has disconnected".to_owned()));
    assert!(matches!(write(&*port, &PACKET).await, Err(PortError::Gone(_))));
    port.close().await;
    fake.plug(info("event5", "a"));
    assert_eq!(device(&mut bus).await.address, "a");
}

#[tokio::test]
async fn a_pad_whose_writes_fail_is_gone() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let port = open(&mut scanning(fake.clone())).await;
    fake.unplug("event3");
    assert!(matches!(write(&*port, &PACKET).await, Err(PortError::Gone(_))));
    assert!(matches!(within(port.next()).await, Notified::Gone(_)));
}

#[tokio::test]
async fn a_slow_pad_does_not_delay_another() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    fake.plug(info("event4", "b"));
    let mut bus = scanning(fake.clone());
    let (slow, quick) = (open(&mut bus).await, open(&mut bus).await);
    fake.stick("event3", true);
    let mut waiting = slow.write(Endpoint::TX, &PACKET, false);
    for _ in 0..100 {
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("the slow pad has answered"),
            written = write(&*quick, &PACKET) => written.expect("a quick pad"),
        }
    }
    assert!(speeds(&fake, "event4").len() >= 100);
    fake.stick("event3", false);
    within(waiting).await.expect("a pad that is free again");
}

#[tokio::test]
async fn the_battery_is_read_in_percent_and_a_pad_without_one_says_so() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let port = open(&mut scanning(fake.clone())).await;
    assert_eq!(within(port.read(Endpoint::RX)).await, Ok(vec![87]));
    fake.set_battery("event3", Err(PadError::NoBattery("the gamepad is wired".to_owned())));
    let none = Err(PortError::Failed("the gamepad is wired".to_owned()));
    assert_eq!(within(port.read(Endpoint::RX)).await, none);
    write(&*port, &PACKET).await.expect("a pad that is there all the same");
}

#[tokio::test]
async fn packets_of_another_length_and_other_endpoints_are_refused() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let port = open(&mut scanning(fake.clone())).await;
    for length in [0, 4, 7, 9] {
        let refused = write(&*port, &[0xFF; 9][..length]).await;
        assert!(matches!(refused, Err(PortError::Failed(_))), "{length}");
    }
    assert_eq!(within(port.read(Endpoint::TX)).await, Err(PortError::NoEndpoint(Endpoint::TX)));
    assert!(within(port.listen(Endpoint::RX, true)).await.is_err());
    assert_eq!(speeds(&fake, "event3"), []);
}

#[tokio::test]
async fn a_refusal_by_the_system_says_what_helps() {
    let fake = Fake::default();
    fake.plug(info("event3", "a"));
    let fix = "become a member of the group".to_owned();
    fake.refuse("event3", PadError::Denied { path: "event3".to_owned(), fix });
    let mut bus = scanning(fake);
    let sighting = device(&mut bus).await;
    let mut opening = bus.connect(&sighting, Vec::new());
    let error = within(&mut opening).await.err().expect("a refusal");
    assert_eq!(error.to_string(), "event3 may not be opened by this user: become a member of the group");
}
