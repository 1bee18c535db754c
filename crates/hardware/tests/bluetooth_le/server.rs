//! The whole of it: a client of the real server drives devices of the real catalogue, which the fake BlueZ has.

use std::future::Future;

use frisson_server::Server;
use frisson_testkit::hello;
use frisson_testkit::socket::{Client, Heard as Frame};
use frisson_testkit::wire::Dialect;

use crate::fake::{Fake, Heard};
use crate::support::*;
use crate::world::{Peripheral, Service, characteristic, full};

const SERVICE: &str = "50300001-0024-4bd4-bbd5-a6920e4c5653";
const TX: &str = "50300002-0024-4bd4-bbd5-a6920e4c5653";
const RX: &str = "50300003-0024-4bd4-bbd5-a6920e4c5653";
const NO_DEVICES: &str = r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#;

struct App(Client);

impl App {
    async fn say(&mut self, frame: &str) {
        within(self.0.send(frame)).await.expect("an open connection");
    }

    #[track_caller]
    fn frame(&mut self) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            match within(self.0.next()).await {
                Frame::Text(text) => text,
                heard => panic!("{caller}: heard {heard:?}, expected a frame"),
            }
        }
    }

    async fn ok(&mut self, frame: &str, id: u32) {
        self.say(frame).await;
        assert_eq!(self.frame().await, format!(r#"[{{"Ok":{{"Id":{id}}}}}]"#));
    }

    async fn vibrate(&mut self, value: i32) {
        let command = format!(
            r#"[{{"OutputCmd":{{"Id":7,"DeviceIndex":0,"FeatureIndex":0,"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
        );
        self.ok(&command, 7).await;
    }
}

/// A server that scans by the fake's adapter, at the wish of a client.
async fn scanning_server() -> (Fake, Server, App) {
    let mut fake = Fake::start().await;
    fake.plug("hci0", true).await;
    let server = Server::builder().scanner(real(&fake)).start().expect("a server");
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut app = App(within(Client::connect(&address.to_string())).await.expect("a connection"));
    app.say(hello(Dialect::V4)).await;
    assert!(app.frame().await.contains("ServerInfo"));
    app.ok(r#"[{"StartScanning":{"Id":5}}]"#, 5).await;
    fake.discovery("hci0", true).await;
    (fake, server, app)
}

fn lovense() -> Peripheral {
    let tx = characteristic(TX, "write write-without-response");
    let services: Vec<Service> = vec![(SERVICE.to_owned(), vec![tx, characteristic(RX, "notify")])];
    Peripheral {
        address: TOY.to_owned(),
        name: Some("LVS-Z001".to_owned()),
        rssi: Some(-55),
        services,
        ..Peripheral::default()
    }
}

/// The device is opened and answers when it is asked what it is.
async fn greet(fake: &mut Fake) {
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    assert_eq!(fake.hear().await, Heard::Notify(full(RX), true));
    assert_eq!(fake.hear().await, write(TX, b"DeviceType;", "command"));
    fake.notify(TOY, RX, b"P:12:C0FFEE000001;").await;
}

#[tokio::test]
async fn a_lovense_toy_is_found_driven_asked_lost_regained_under_its_index_and_stopped_in_the_end() {
    let (mut fake, server, mut app) = scanning_server().await;
    fake.present("hci0", lovense()).await;
    greet(&mut fake).await;
    let list = app.frame().await;
    assert!(list.contains(r#""DeviceIndex":0"#) && list.contains("Lovense Edge"), "{list}");

    app.vibrate(10).await;
    assert_eq!(fake.hear().await, write(TX, b"Vibrate1:10;", "command"));

    app.say(r#"[{"InputCmd":{"Id":8,"DeviceIndex":0,"FeatureIndex":2,"Type":"Battery","Command":"Read"}}]"#)
        .await;
    assert_eq!(fake.hear().await, write(TX, b"Battery;", "command"));
    fake.notify(TOY, RX, b"89;").await;
    let reading = app.frame().await;
    assert!(reading.contains(r#""Battery":{"Value":89}"#), "{reading}");

    fake.drop_link("hci0", TOY).await;
    assert_eq!(app.frame().await, NO_DEVICES);
    fake.advertise("hci0", TOY, |toy| toy.rssi = Some(-52)).await;
    greet(&mut fake).await;
    assert_eq!(app.frame().await, list);
    app.vibrate(20).await;
    // What it is told before, to be brought to rest, is the server's affair.
    while fake.hear().await != write(TX, b"Vibrate1:20;", "command") {}

    let stopping = tokio::spawn(server.shutdown());
    let mut stops = Vec::new();
    loop {
        match fake.hear().await {
            Heard::Write(_, bytes, _) => stops.push(String::from_utf8(bytes).expect("text")),
            heard => {
                assert_eq!(heard, Heard::Disconnect(TOY.to_owned()));
                break;
            }
        }
    }
    assert!(stops.iter().any(|stop| stop == "Vibrate1:0;"), "{stops:?}");
    assert!(stops.iter().all(|stop| stop.ends_with(":0;")), "{stops:?}");
    assert!(within(stopping).await.expect("no panic").is_complete());
}

#[tokio::test]
async fn a_device_with_a_battery_service_tells_its_level_and_one_that_is_no_such_device_is_let_go() {
    let (mut fake, _server, mut app) = scanning_server().await;
    let wrong = Peripheral { name: Some("CBT002".to_owned()), ..toy(OTHER) };
    fake.present("hci0", wrong).await;
    let attempts = [fake.hear().await, fake.hear().await, fake.hear().await, fake.hear().await];
    let (connect, disconnect) = (Heard::Connect(OTHER.to_owned()), Heard::Disconnect(OTHER.to_owned()));
    // It has a battery, but that is nothing to know it by.
    assert_eq!(attempts, [connect.clone(), disconnect.clone(), connect, disconnect]);

    let mut level = characteristic("2a19", "read");
    level.value = vec![64];
    let motor = characteristic("78667579-a914-49a4-8333-aa3c0cd8fedc", "write-without-response");
    let services = vec![
        ("78667579-7b48-43db-b8c5-7928a6b0a335".to_owned(), vec![motor.clone()]),
        ("180f".to_owned(), vec![level]),
    ];
    let magic = Peripheral { name: Some("Smart Bean".to_owned()), services, ..toy(TOY) };
    fake.present("hci0", magic).await;
    assert_eq!(fake.hear().await, Heard::Connect(TOY.to_owned()));
    assert!(app.frame().await.contains("MagicMotion Smart Bean"));
    app.vibrate(100).await;
    let bytes = [0x0b, 0xff, 0x04, 0x0a, 0x32, 0x32, 0x00, 0x04, 0x08, 100, 0x64, 0x00];
    assert_eq!(fake.hear().await, write(&motor.uuid, &bytes, "command"));
    app.say(r#"[{"InputCmd":{"Id":8,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":"Read"}}]"#)
        .await;
    assert_eq!(fake.hear().await, Heard::Read(full("2a19")));
    let reading = app.frame().await;
    assert!(reading.contains(r#""Battery":{"Value":64}"#), "{reading}");
}

#[tokio::test]
async fn an_adapter_that_goes_and_returns_loses_its_devices_brings_them_back_and_disturbs_nothing_else() {
    let (mut fake, server, mut app) = scanning_server().await;
    fake.present("hci0", lovense()).await;
    greet(&mut fake).await;
    let list = app.frame().await;
    fake.unplug("hci0").await;
    assert_eq!(app.frame().await, NO_DEVICES);
    app.ok(r#"[{"StopCmd":{"Id":9}}]"#, 9).await;
    fake.plug("hci0", true).await;
    fake.discovery("hci0", true).await;
    fake.present("hci0", lovense()).await;
    greet(&mut fake).await;
    assert_eq!(app.frame().await, list);
    app.vibrate(5).await;
    while fake.hear().await != write(TX, b"Vibrate1:5;", "command") {}
    assert!(within(server.shutdown()).await.is_complete());
}
