//! What the tests have in common: a toy, its plan, and patience.

use std::future::Future;
use std::time::Duration;

use frisson_hardware::bluetooth_le::{BluetoothLe, Options};
use frisson_hardware::{ConnectPlan, Found, Notified, Port, PortError, Scanner, Sighting};
use frisson_program::{Endpoint, Service, Uuid};

use crate::fake::{Fake, Heard};
use crate::world::{Peripheral, characteristic, full};

pub const TOY: &str = "C0:FF:EE:00:00:01";
pub const OTHER: &str = "C0:FF:EE:00:00:02";

/// Waits for something that has to happen, however slow the machine is.
#[track_caller]
pub fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(60), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 60 s"),
        }
    }
}

pub fn uuid(text: &str) -> Uuid {
    text.parse().expect("a UUID")
}

pub fn battery() -> Endpoint {
    Endpoint::new("rxblebattery").expect("a name")
}

/// What the toys of these tests have: a service `ff00` with `tx` and `rx`, and a battery.
pub fn plan() -> ConnectPlan {
    let endpoints = vec![(Endpoint::TX, uuid("ff01")), (Endpoint::RX, uuid("ff02"))];
    let service = Service { uuid: uuid("ff00"), endpoints };
    let power = Service { uuid: uuid("180f"), endpoints: vec![(battery(), uuid("2a19"))] };
    ConnectPlan { services: vec![service, power], ..ConnectPlan::default() }
}

pub fn toy(address: &str) -> Peripheral {
    let mut level = characteristic("2a19", "read notify");
    level.value = vec![87];
    Peripheral {
        address: address.to_owned(),
        name: Some("Toy".to_owned()),
        rssi: Some(-60),
        services: vec![
            ("1800".to_owned(), vec![characteristic("2a00", "read")]),
            (
                "ff00".to_owned(),
                vec![
                    characteristic("ff01", "write write-without-response"),
                    characteristic("ff02", "read notify"),
                ],
            ),
            ("180f".to_owned(), vec![level]),
        ],
        ..Peripheral::default()
    }
}

/// The real back end on the bus of a fake.
pub fn real(fake: &Fake) -> BluetoothLe {
    let mut options = Options::default();
    options.dbus_address = Some(fake.bus.address());
    BluetoothLe::new(options)
}

/// A fake with an adapter, and the real back end scanning by it.
pub async fn scanning() -> (Fake, BluetoothLe) {
    let mut fake = Fake::start().await;
    fake.plug("hci0", true).await;
    let mut bus = real(&fake);
    bus.scan(true);
    fake.discovery("hci0", true).await;
    (fake, bus)
}

#[track_caller]
pub fn sighted(bus: &mut BluetoothLe) -> impl Future<Output = Sighting> {
    let caller = std::panic::Location::caller();
    async move {
        match within(bus.next()).await {
            Found::Device(sighting) => sighting,
            other => panic!("{caller}: found {other:?}, expected a device"),
        }
    }
}

/// As [`sighted`], however long it takes until Bluetooth is usable.
pub async fn sighted_at_last(bus: &mut BluetoothLe) -> Sighting {
    loop {
        match within(bus.next()).await {
            Found::Device(sighting) => return sighting,
            Found::Unusable(_) => {}
            other => panic!("found {other:?}, expected a device"),
        }
    }
}

#[track_caller]
pub fn unusable(bus: &mut BluetoothLe) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    async move {
        match within(bus.next()).await {
            Found::Unusable(reason) => reason,
            other => panic!("{caller}: found {other:?}, expected a reason"),
        }
    }
}

/// Nothing was found that was not looked at: a device that comes now is the next.
pub async fn expect_nothing_new(bus: &mut BluetoothLe, fake: &Fake, adapter: &str) {
    fake.present(adapter, toy(OTHER)).await;
    assert_eq!(sighted(bus).await.address, OTHER);
}

/// Finds the toy and opens it.
pub async fn open(fake: &mut Fake, bus: &mut BluetoothLe) -> Box<dyn Port> {
    fake.present("hci0", toy(TOY)).await;
    let sighting = sighted(bus).await;
    let port = within(bus.connect(&sighting, vec![plan()])).await.expect("opens");
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    port
}

/// A toy that is open.
pub async fn opened() -> (Fake, BluetoothLe, Box<dyn Port>) {
    let (mut fake, mut bus) = scanning().await;
    let port = open(&mut fake, &mut bus).await;
    (fake, bus, port)
}

/// Waits for the end of a link; the reason.
#[track_caller]
pub fn gone(port: &dyn Port) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    async move {
        match within(port.next()).await {
            Notified::Gone(reason) => reason,
            heard @ Notified::Bytes(..) => panic!("{caller}: {heard:?}"),
        }
    }
}

pub fn refused(opened: Result<Box<dyn Port>, PortError>) -> PortError {
    match opened {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

pub fn write(uuid: &str, bytes: &[u8], kind: &str) -> Heard {
    Heard::Write(full(uuid), bytes.to_vec(), kind.to_owned())
}
