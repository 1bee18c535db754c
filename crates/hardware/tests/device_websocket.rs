//! Devices that connect over WebSocket, as they are seen on the wire and through the port.
#![cfg(feature = "device-websocket")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use frisson_hardware::device_websocket::{DeviceWebSocket, Options};
use frisson_hardware::{
    Bus, ConnectPlan, Found, Ignored, Notified, Outcome, Port, PortError, Scanner, Sighting,
};
use frisson_program::Endpoint;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};

/// How long a bus waits whose patience is at stake: long for a machine, short for a test.
const PATIENCE: Duration = Duration::from_millis(400);
const GREETING: &str = r#"{"identifier":"LVSDevice","address":"8A3D9FAC2A45","version":0}"#;

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

fn bus_with(options: Options) -> (DeviceWebSocket, SocketAddr) {
    let address = ([127, 0, 0, 1], 0).into();
    DeviceWebSocket::listen(Options { address, ..options }).expect("a free port")
}

fn bus() -> (DeviceWebSocket, SocketAddr) {
    bus_with(Options::default())
}

struct Device(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Device {
    async fn connect(address: SocketAddr) -> Self {
        let uri = format!("ws://{address}/any/path").parse().expect("a URI");
        let (socket, _) = within(ClientBuilder::from_uri(uri).connect()).await.expect("an upgrade");
        Self(socket)
    }

    async fn greet(address: SocketAddr, greeting: &str) -> Self {
        let mut device = Self::connect(address).await;
        device.say(greeting).await;
        device
    }

    async fn say(&mut self, text: &str) {
        within(self.0.send(Message::text(text.to_owned()))).await.expect("an open connection");
    }

    /// The next message that is not a ping.
    async fn hear(&mut self) -> Message {
        loop {
            let message = within(self.0.next()).await.expect("an open connection").expect("a message");
            if !message.is_ping() {
                return message;
            }
        }
    }

    async fn hear_close(&mut self) -> (u16, String) {
        let message = self.hear().await;
        let (code, reason) = message.as_close().expect("a close frame");
        (code.into(), reason.to_owned())
    }
}

async fn found(bus: &mut DeviceWebSocket) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        found => panic!("{found:?}"),
    }
}

async fn open(bus: &mut DeviceWebSocket) -> Box<dyn Port> {
    let sighting = found(bus).await;
    within(bus.connect(&sighting, vec![ConnectPlan::default()])).await.expect("an open link")
}

async fn one_device() -> (DeviceWebSocket, Box<dyn Port>, Device) {
    let (mut bus, address) = bus();
    let device = Device::greet(address, GREETING).await;
    let port = open(&mut bus).await;
    (bus, port, device)
}

fn heard(bytes: &[u8]) -> Notified {
    Notified::Bytes(Endpoint::RX, bytes.to_vec())
}

async fn gone(port: &dyn Port) -> String {
    match within(port.next()).await {
        Notified::Gone(reason) => reason,
        notified => panic!("{notified:?}"),
    }
}

#[tokio::test]
async fn a_greeting_is_a_sighting() {
    let (mut bus, address) = bus();
    let _device = Device::greet(address, GREETING).await;
    let sighting = found(&mut bus).await;
    assert_eq!(sighting, Sighting::new(Bus::WebSocket, "8A3D9FAC2A45", "LVSDevice"));
}

#[tokio::test]
async fn each_write_is_one_binary_message_and_each_message_one_notification() {
    let (_bus, port, mut device) = one_device().await;
    within(port.listen(Endpoint::RX, true)).await.expect("rx can be heard");
    for bytes in [&b"DeviceType;"[..], b"Vibrate:10;"] {
        within(port.write(Endpoint::TX, bytes, true)).await.expect("a write");
        let message = device.hear().await;
        assert!(message.is_binary());
        assert_eq!(&message.as_payload()[..], bytes);
    }
    device.say("P:11:0082059AD3BD;").await;
    within(device.0.send(Message::binary(&[0, 255][..]))).await.expect("an open connection");
    assert_eq!(within(port.next()).await, heard(b"P:11:0082059AD3BD;"));
    assert_eq!(within(port.next()).await, heard(&[0, 255]));
}

#[tokio::test]
async fn what_is_said_before_anybody_listens_is_kept() {
    let (_bus, port, mut device) = one_device().await;
    device.say("first").await;
    device.say("second").await;
    within(port.listen(Endpoint::RX, true)).await.expect("rx can be heard");
    assert_eq!(within(port.next()).await, heard(b"first"));
    assert_eq!(within(port.next()).await, heard(b"second"));
}

#[tokio::test]
async fn what_is_said_when_nobody_listens_any_more_is_not_heard() {
    let (_bus, port, mut device) = one_device().await;
    for on in [true, false] {
        within(port.listen(Endpoint::RX, on)).await.expect("rx can be heard");
    }
    device.say("unheard").await;
    within(device.0.close()).await.expect("a close frame");
    assert_eq!(gone(&*port).await, "the device has closed the connection");
}

#[tokio::test]
async fn nothing_can_be_read_and_there_are_no_other_endpoints() {
    let (_bus, port, _device) = one_device().await;
    let other = Endpoint::new("firmware").expect("a name");
    assert!(matches!(within(port.read(Endpoint::RX)).await, Err(PortError::Failed(_))));
    assert_eq!(within(port.write(other, b"1", false)).await, Err(PortError::NoEndpoint(other)));
    assert_eq!(within(port.listen(other, true)).await, Err(PortError::NoEndpoint(other)));
    assert_eq!(port.endpoints(), [Endpoint::TX, Endpoint::RX]);
}

#[tokio::test]
async fn a_device_that_describes_itself_is_written_and_heard_in_lines_of_text() {
    let (mut bus, address) = bus();
    let greeting = r#"{"identifier":"lamp","address":"1","version":1,"features":{"0":{"FeatureIndex":0,"Output":{"Led":{"Value":[0,9]}}}}}"#;
    let mut device = Device::greet(address, greeting).await;
    let sighting = found(&mut bus).await;
    assert_eq!(sighting.described.as_ref().map(|described| described.features.len()), Some(1));
    let port = within(bus.connect(&sighting, vec![ConnectPlan::default()])).await.expect("an open link");
    within(port.write(Endpoint::TX, b"{\"feature\":0}\n", false)).await.expect("a write");
    assert_eq!(device.hear().await.as_text(), Some(r#"{"feature":0}"#));
    within(port.listen(Endpoint::RX, true)).await.expect("rx can be heard");
    device.say("a line").await;
    assert_eq!(within(port.next()).await, heard(b"a line\n"));
}

/// What a plain request is answered with.
async fn answer(address: SocketAddr, header: &str) -> String {
    let mut stream = within(TcpStream::connect(address)).await.expect("a connection");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n"
    );
    within(stream.write_all(request.as_bytes())).await.expect("an open connection");
    let mut answer = vec![0; 1024];
    let count = within(stream.read(&mut answer)).await.expect("an answer");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

#[tokio::test]
async fn a_web_page_is_refused() {
    let (_bus, address) = bus();
    let answer = answer(address, "Origin: http://localhost\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("web pages do not"), "{answer}");
}

#[tokio::test]
async fn one_device_too_many_is_refused_until_another_has_gone() {
    let (mut bus, address) = bus_with(Options { max_devices: 1, ..Options::default() });
    let device = Device::greet(address, GREETING).await;
    let port = open(&mut bus).await;
    let refusal = answer(address, "").await;
    assert!(refusal.starts_with("HTTP/1.1 503"), "{refusal}");
    drop(device);
    gone(&*port).await;
    within(async {
        while !answer(address, "").await.starts_with("HTTP/1.1 101") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_greeting_is_closed_with_what_was_expected() {
    let (_bus, address) = bus();
    let long = format!(r#"{{"identifier":"{}","address":"1","version":0}}"#, "ä".repeat(256));
    for (first, reason) in [
        ("hello", "expected value"),
        (r#"{"identifier":"a","version":0}"#, "missing field `address`"),
        (r#"{"identifier":"a","address":"b","version":"1"}"#, "version: invalid type"),
        (r#"{"identifier":"a","address":"b","version":1,"features":{}}"#, "features: there have to be"),
        (&long, "field identifier"),
    ] {
        let mut device = Device::greet(address, first).await;
        let (code, told) = device.hear_close().await;
        assert_eq!(code, 1008, "{first}");
        assert!(
            told.starts_with(r#"expected {"identifier":"NAME","#) && told.contains(reason),
            "{first}: {told}"
        );
    }
    let mut device = Device::connect(address).await;
    within(device.0.send(Message::binary(GREETING))).await.expect("an open connection");
    assert!(device.hear_close().await.1.ends_with("the first message is binary"));
    let mut device = Device::greet(address, &" ".repeat(70_000)).await;
    assert_eq!(device.hear_close().await.0, 1009);
}

#[tokio::test]
async fn a_device_that_does_not_greet_is_closed_and_delays_nobody() {
    let (mut bus, address) = bus_with(Options { greeting_timeout: PATIENCE, ..Options::default() });
    let mut silent = Device::connect(address).await;
    let _device = Device::greet(address, GREETING).await;
    found(&mut bus).await;
    assert!(silent.hear_close().await.1.ends_with("nothing came in time"));
}

#[tokio::test]
async fn a_dead_device_is_noticed_although_it_is_written_to() {
    let (mut bus, address) = bus_with(Options { ping_interval: PATIENCE, ..Options::default() });
    // It is never polled from here on, so that it answers no ping.
    let _device = Device::greet(address, GREETING).await;
    let port = open(&mut bus).await;
    let reason = within(async {
        loop {
            tokio::select! {
                notified = port.next() => return notified,
                () = tokio::time::sleep(PATIENCE / 8) => {
                    let _ = port.write(Endpoint::TX, b"on", false).await;
                }
            }
        }
    })
    .await;
    assert_eq!(reason, Notified::Gone("no answer to a ping within 400 ms".to_owned()));
}

#[tokio::test]
async fn a_device_that_does_not_read_is_gone() {
    let (mut bus, address) = bus_with(Options { write_timeout: PATIENCE, ..Options::default() });
    let _device = Device::greet(address, GREETING).await;
    let port = open(&mut bus).await;
    let packet = vec![0; 1 << 20];
    let error = within(async {
        loop {
            if let Err(error) = port.write(Endpoint::TX, &packet, false).await {
                return error;
            }
        }
    })
    .await;
    let reason = "the device does not read what it is sent".to_owned();
    assert_eq!(error, PortError::Gone(reason.clone()));
    assert_eq!(gone(&*port).await, reason);
}

#[tokio::test]
async fn a_device_that_says_more_than_anybody_hears_takes_no_more_room() {
    let (_bus, port, mut device) = one_device().await;
    for _ in 0..100 {
        device.say(&"x".repeat(20_000)).await;
    }
    within(device.0.close()).await.expect("a close frame");
    within(port.listen(Endpoint::RX, true)).await.expect("rx can be heard");
    let mut room = 0;
    while let Notified::Bytes(_, bytes) = within(port.next()).await {
        room += bytes.len();
    }
    assert!((20_000..400_000).contains(&room), "{room} bytes were kept");
}

#[tokio::test]
async fn a_device_that_answers_pings_stays() {
    let (mut bus, address) = bus_with(Options { ping_interval: PATIENCE / 8, ..Options::default() });
    let mut device = Device::greet(address, GREETING).await;
    let port = open(&mut bus).await;
    for _ in 0..4 {
        let message = within(device.0.next()).await.expect("an open connection").expect("a message");
        assert!(message.is_ping());
        assert_eq!(&message.as_payload()[..], [0]);
    }
    within(port.write(Endpoint::TX, b"still there", false)).await.expect("a write");
}

#[tokio::test]
async fn a_device_that_is_cut_is_gone() {
    let (_bus, port, device) = one_device().await;
    drop(device);
    gone(&*port).await;
    assert!(matches!(within(port.write(Endpoint::TX, b"1", false)).await, Err(PortError::Gone(_))));
}

#[tokio::test]
async fn a_device_that_connects_again_ends_its_older_link() {
    let (mut bus, address) = bus();
    let mut older = Device::greet(address, GREETING).await;
    let old = open(&mut bus).await;
    let mut newer = Device::greet(address, GREETING).await;
    let new = open(&mut bus).await;
    assert_eq!(gone(&*old).await, "the device has connected again");
    assert_eq!(older.hear_close().await, (1008, "the device has connected again".to_owned()));
    within(new.write(Endpoint::TX, b"1", false)).await.expect("a write");
    assert!(newer.hear().await.is_binary());
}

#[tokio::test]
async fn a_device_that_nobody_knows_is_told_so() {
    let (mut bus, address) = bus();
    let mut device = Device::greet(address, GREETING).await;
    let sighting = found(&mut bus).await;
    bus.outcome(&sighting, &Outcome::Ignored(Ignored::NoMatch));
    let told = (1008, "no device definition has the identifier LVSDevice".to_owned());
    assert_eq!(device.hear_close().await, told);
}

#[tokio::test]
async fn a_port_that_is_closed_closes_its_connection() {
    let (_bus, port, mut device) = one_device().await;
    within(port.close()).await;
    assert_eq!(device.hear_close().await.0, 1000);
}

#[tokio::test]
async fn a_port_that_is_dropped_closes_its_connection() {
    let (_bus, port, mut device) = one_device().await;
    drop(port);
    assert_eq!(device.hear_close().await.0, 1000);
}

#[tokio::test]
async fn a_bus_that_is_closed_says_goodbye() {
    let (mut bus, port, mut device) = one_device().await;
    within(bus.close()).await;
    assert_eq!(gone(&*port).await, "the server is shutting down");
    assert_eq!(device.hear_close().await.0, 1001);
}

#[tokio::test]
async fn a_scan_ends_at_once() {
    let (mut bus, _) = bus();
    bus.scan(true);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
}
