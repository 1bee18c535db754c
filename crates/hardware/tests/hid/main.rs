//! The bus of human interface devices over recorded reports, and over a device of the kernel where the machine can make one up.
#![cfg(feature = "hid")]

mod fake;
#[cfg(target_os = "linux")]
mod uhid;

use std::future::Future;
use std::time::Duration;

use fake::Fake;
use frisson_hardware::hid::{HidBus, HidError, Info};
use frisson_hardware::{Found, Ignored, Notified, Outcome, Port, PortError, Scanner, Sighting};
use frisson_program::{Bus, Endpoint};

/// A gamepad by another name: reports are numbered; 01 is a command, 21 its answer, 3f tells buttons.
const JOYCON: &str = "
> 01 00 00 01 40 40 00 01 40 40 48 01
< 21 04 8e 84 00 12 01 18 80 01 18 80 80 80 48
> 10 01 a8 16 ca 45 a8 16 ca 45
< 3f 00 00 08 00 80 00 80 00 80 00 80
> 10 02 00 01 40 40 00 01 40 40
";
const WRITES: [&[u8]; 3] = [
    &[0x01, 0x00, 0x00, 0x01, 0x40, 0x40, 0x00, 0x01, 0x40, 0x40, 0x48, 0x01, 0x00, 0x00],
    &[0x10, 0x01, 0xA8, 0x16, 0xCA, 0x45, 0xA8, 0x16, 0xCA, 0x45, 0x00, 0x00, 0x00, 0x00],
    &[0x10, 0x02, 0x00, 0x01, 0x40, 0x40, 0x00, 0x01, 0x40, 0x40, 0x00, 0x00, 0x00, 0x00],
];

#[track_caller]
fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

fn joycon(path: &str, serial: &str) -> Info {
    let (vendor, product) = (0x057E, 0x2006);
    Info {
        path: path.to_owned(),
        serial: serial.to_owned(),
        name: "Joy-Con (L)".to_owned(),
        vendor,
        product,
        ..Info::default()
    }
}

/// A bus that scans.
fn scanning(fake: &Fake) -> HidBus {
    let mut bus = HidBus::new(fake.clone());
    bus.scan(true);
    bus
}

async fn device(bus: &mut HidBus) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        other => panic!("{other:?}"),
    }
}

async fn open(bus: &mut HidBus) -> Box<dyn Port> {
    let sighting = device(bus).await;
    within(bus.connect(&sighting, Vec::new())).await.expect("a device that can be opened")
}

async fn write(port: &dyn Port, bytes: &[u8]) -> Result<(), PortError> {
    within(port.write(Endpoint::TX, bytes, false)).await
}

async fn heard(port: &dyn Port) -> Vec<u8> {
    match within(port.next()).await {
        Notified::Bytes(endpoint, bytes) => {
            assert_eq!(endpoint, Endpoint::RX);
            bytes
        }
        gone => panic!("{gone:?}"),
    }
}

#[tokio::test]
async fn a_device_is_seen_with_all_that_the_system_knows_of_it() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "7c:bb:8a:00:00:01"), "");
    let found = device(&mut scanning(&fake)).await;
    let expected = Sighting {
        ids: Some((0x057E, 0x2006)),
        ..Sighting::new(Bus::Hid, "7c:bb:8a:00:00:01", "Joy-Con (L)")
    };
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_recorded_session_is_played_to_its_end() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), JOYCON);
    let port = open(&mut scanning(&fake)).await;
    assert_eq!(port.endpoints(), [Endpoint::TX, Endpoint::RX]);
    port.listen(Endpoint::RX, true).await.expect("an input");
    write(&*port, WRITES[0]).await.expect("the recorded report");
    assert_eq!(heard(&*port).await[..2], [0x21, 0x04]);
    write(&*port, WRITES[1]).await.expect("the recorded report");
    assert_eq!(heard(&*port).await[..2], [0x3F, 0x00]);
    write(&*port, WRITES[2]).await.expect("the recorded report");
    assert_eq!(fake.written("/dev/hidraw0"), WRITES);
}

#[tokio::test]
async fn a_report_that_the_device_does_not_take_is_an_error_that_says_so() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), JOYCON);
    let port = open(&mut scanning(&fake)).await;
    let error = write(&*port, &[0x02]).await.expect_err("another report was recorded");
    assert!(matches!(&error, PortError::Failed(reason) if reason.contains("was recorded")), "{error}");
}

#[tokio::test]
async fn only_who_listens_hears_and_a_read_gives_the_next_report() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let port = open(&mut scanning(&fake)).await;
    // The read is polled first.
    let saying = async { fake.say("/dev/hidraw0", "3f 02") };
    let (read, ()) = tokio::join!(within(port.read(Endpoint::RX)), saying);
    assert_eq!(read, Ok(vec![0x3F, 0x02]));
    port.listen(Endpoint::RX, true).await.expect("an input");
    fake.say("/dev/hidraw0", "3f 03");
    assert_eq!(heard(&*port).await, [0x3F, 0x03]);
    let silence = within(port.read(Endpoint::RX)).await;
    assert_eq!(silence, Err(PortError::Unanswered(Duration::from_secs(1))));
}

#[tokio::test]
async fn other_endpoints_are_refused() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let port = open(&mut scanning(&fake)).await;
    let (tx, rx) = (Endpoint::TX, Endpoint::RX);
    assert_eq!(within(port.write(rx, &[0], false)).await, Err(PortError::NoEndpoint(rx)));
    assert_eq!(within(port.listen(tx, true)).await, Err(PortError::NoEndpoint(tx)));
    assert_eq!(within(port.read(tx)).await, Err(PortError::NoEndpoint(tx)));
}

#[tokio::test]
async fn an_unplugged_device_is_gone_and_is_found_again_when_it_is_back() {
    let fake = Fake::default();
    let info = joycon("/dev/hidraw0", "a");
    fake.plug(&info, "");
    let mut bus = scanning(&fake);
    let port = open(&mut bus).await;
    fake.unplug("/dev/hidraw0");
    assert_eq!(within(port.next()).await, Notified::Gone("the device was unplugged".to_owned()));
    assert!(matches!(write(&*port, &[1]).await, Err(PortError::Gone(_))));
    assert!(matches!(within(port.read(Endpoint::RX)).await, Err(PortError::Gone(_))));
    port.close().await;
    fake.plug(&joycon("/dev/hidraw7", "a"), "");
    assert_eq!(device(&mut bus).await.address, "a");
}

#[tokio::test]
async fn a_device_that_is_unplugged_in_the_middle_of_a_write_fails_it() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let port = open(&mut scanning(&fake)).await;
    fake.stick("/dev/hidraw0", true);
    let unplug = async {
        tokio::task::yield_now().await;
        fake.unplug("/dev/hidraw0");
    };
    let (written, ()) = tokio::join!(write(&*port, &[1]), unplug);
    assert!(matches!(written, Err(PortError::Gone(_))), "{written:?}");
}

#[tokio::test]
async fn a_slow_device_does_not_delay_another() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    fake.plug(&joycon("/dev/hidraw1", "b"), "");
    let mut bus = scanning(&fake);
    let (slow, quick) = (open(&mut bus).await, open(&mut bus).await);
    fake.stick("/dev/hidraw0", true);
    let mut waiting = slow.write(Endpoint::TX, &[1], false);
    for at in 0..100 {
        let report = [at];
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("the slow device has answered"),
            written = write(&*quick, &report) => written.expect("a quick device"),
        }
    }
    assert_eq!(fake.written("/dev/hidraw1").len(), 100);
    fake.stick("/dev/hidraw0", false);
    within(waiting).await.expect("a device that is free again");
}

#[tokio::test]
async fn a_device_that_takes_nothing_is_refused_more_than_a_few_writes() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let port = open(&mut scanning(&fake)).await;
    fake.stick("/dev/hidraw0", true);
    let abandon = || tokio::time::timeout(Duration::from_millis(1), port.write(Endpoint::TX, &[1], false));
    let refused = within(async {
        loop {
            if let Ok(result) = abandon().await {
                return result;
            }
        }
    });
    assert!(matches!(refused.await, Err(PortError::Failed(_))));
    fake.unplug("/dev/hidraw0");
}

#[tokio::test]
async fn a_refusal_by_the_system_says_what_helps() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let fix = "write this rule".to_owned();
    fake.refuse("/dev/hidraw0", HidError::Denied { path: "/dev/hidraw0".to_owned(), fix });
    let mut bus = scanning(&fake);
    let sighting = device(&mut bus).await;
    let error = within(bus.connect(&sighting, Vec::new())).await.err().expect("a refusal");
    assert_eq!(error.to_string(), "/dev/hidraw0 may not be opened by this user: write this rule");
}

#[tokio::test]
async fn a_closed_port_lets_go_of_the_device_which_is_then_offered_again() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let mut bus = scanning(&fake);
    let sighting = device(&mut bus).await;
    let port = within(bus.connect(&sighting, Vec::new())).await.expect("a device");
    assert!(within(bus.connect(&sighting, Vec::new())).await.is_err(), "it is open already");
    port.close().await;
    assert_eq!(device(&mut bus).await, sighting);
    assert_eq!(fake.handles("/dev/hidraw0"), 0);
    drop(within(bus.connect(&sighting, Vec::new())).await.expect("a device"));
    assert_eq!(device(&mut bus).await, sighting);
}

#[tokio::test]
async fn a_device_is_offered_once_a_scan_and_one_that_is_plugged_in_later_as_well() {
    let fake = Fake::default();
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    let mut bus = scanning(&fake);
    let first = device(&mut bus).await;
    bus.outcome(&first, &Outcome::Ignored(Ignored::NoMatch));
    fake.plug(&joycon("/dev/hidraw1", "b"), "");
    assert_eq!(device(&mut bus).await.address, "b");
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    bus.scan(true);
    let again = [device(&mut bus).await.address, device(&mut bus).await.address];
    assert_eq!(again, ["a", "b"]);
}

#[tokio::test]
async fn a_system_that_gives_no_access_is_told_of_once() {
    let fake = Fake::default();
    fake.trouble(Some(HidError::Unusable("no driver".to_owned())));
    let mut bus = scanning(&fake);
    assert_eq!(within(bus.next()).await, Found::Unusable("hid: no driver".to_owned()));
    let quiet = tokio::time::timeout(Duration::from_millis(1500), bus.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    fake.plug(&joycon("/dev/hidraw0", "a"), "");
    fake.trouble(None);
    assert_eq!(device(&mut bus).await.address, "a");
}
