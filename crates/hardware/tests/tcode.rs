//! TCode devices on the network, with sockets of this machine in their place.
#![cfg(feature = "tcode")]

use std::future::Future;
use std::time::Duration;

use frisson_hardware::tcode::{Options, TCodeBus, Target};
use frisson_hardware::{
    Bus, ConnectPlan, Found, Ignored, Notified, Outcome, Port, PortError, Scanner, Sighting,
};
use frisson_program::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

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

/// A bus that looks often.
fn bus(targets: &[&str]) -> TCodeBus {
    let targets: Vec<Target> = targets.iter().map(|target| target.parse().expect("a target")).collect();
    TCodeBus::new(Options { targets, every: Duration::from_millis(20) })
}

async fn sighted(bus: &mut TCodeBus) -> Sighting {
    match within(bus.next()).await {
        Found::Device(sighting) => sighting,
        found => panic!("found {found:?}"),
    }
}

async fn not_sighted(bus: &mut TCodeBus) {
    let found = tokio::time::timeout(Duration::from_millis(200), bus.next()).await;
    assert!(found.is_err(), "{found:?}");
}

async fn connect(bus: &mut TCodeBus, sighting: &Sighting) -> Box<dyn Port> {
    let port = within(bus.connect(sighting, vec![ConnectPlan::default()])).await.expect("a link");
    let ready = Outcome::Ready { protocol: "tcode-v03".to_owned(), name: "Stroker".to_owned(), index: 0 };
    bus.outcome(sighting, &ready);
    port
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

/// A device that is sent datagrams.
struct Udp(UdpSocket);

impl Udp {
    async fn new() -> (Self, String) {
        Self::at("127.0.0.1:0").await
    }

    async fn at(address: &str) -> (Self, String) {
        let socket = UdpSocket::bind(address).await.expect("a port");
        let target = format!("udp://{}", socket.local_addr().expect("an address"));
        (Self(socket), target)
    }

    /// The next datagram, and who sent it.
    async fn hear(&self) -> (String, std::net::SocketAddr) {
        let mut buffer = [0; 2048];
        let (count, from) = within(self.0.recv_from(&mut buffer)).await.expect("a datagram");
        (String::from_utf8_lossy(&buffer[..count]).into_owned(), from)
    }

    /// Answers the question what it is.
    async fn answer(&self) -> std::net::SocketAddr {
        let (heard, from) = self.hear().await;
        assert_eq!(heard, "D1\n");
        self.0.send_to(b"TCode v0.3\r\n", from).await.expect("an answer");
        from
    }
}

/// A device that is connected to.
struct Tcp(TcpListener);

impl Tcp {
    async fn new() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = format!("tcp://{}", listener.local_addr().expect("an address"));
        (Self(listener), target)
    }

    async fn accept(&self) -> TcpStream {
        within(self.0.accept()).await.expect("a connection").0
    }
}

async fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(within(stream.read_u8()).await.expect("a byte"));
    }
    String::from_utf8(line).expect("text")
}

/// Runs both to their ends.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    tokio::join!(one, other)
}

#[tokio::test]
async fn over_udp_a_packet_is_a_datagram() {
    let (device, target) = Udp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, _) = both(sighted(&mut bus), device.answer()).await;
    assert_eq!((seen.bus, seen.address.as_str()), (Bus::TCode, target.as_str()));
    assert_eq!(seen.key(), format!("tcode:{target}"));
    let port = connect(&mut bus, &seen).await;
    send(&*port, "L0999I200\n").await.expect("a write");
    send(&*port, "V199\n").await.expect("a write");
    assert_eq!(device.hear().await.0, "L0999I200\n");
    assert_eq!(device.hear().await.0, "V199\n");
    assert_eq!(port.endpoints(), [Endpoint::TX, Endpoint::RX]);
}

#[tokio::test]
async fn over_udp_what_the_device_says_is_heard_and_what_others_say_is_not() {
    let (device, target) = Udp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, server) = both(sighted(&mut bus), device.answer()).await;
    let port = connect(&mut bus, &seen).await;
    within(port.listen(Endpoint::RX, true)).await.expect("rx");
    let (stranger, _) = Udp::new().await;
    stranger.0.send_to(b"stranger\n", server).await.expect("a datagram");
    device.0.send_to(b"", server).await.expect("a datagram");
    device.0.send_to(b"device\n", server).await.expect("a datagram");
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, b"device\n".to_vec()));
}

#[tokio::test]
async fn over_udp_a_silent_device_is_taken_to_be_there_and_is_driven() {
    let (device, target) = Udp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let seen = sighted(&mut bus).await;
    let port = connect(&mut bus, &seen).await;
    assert_eq!(device.hear().await.0, "D1\n");
    send(&*port, "L0500\n").await.expect("a write");
    assert_eq!(device.hear().await.0, "L0500\n");
}

#[tokio::test]
async fn over_udp_nothing_is_found_where_nothing_listens_and_it_is_found_when_it_comes_and_returns() {
    let (device, target) = Udp::new().await;
    let address = target.trim_start_matches("udp://").to_owned();
    drop(device);
    let mut bus = bus(&[&target]);
    bus.scan(true);
    not_sighted(&mut bus).await;
    let (device, _) = Udp::at(&address).await;
    let seen = sighted(&mut bus).await;
    let port = connect(&mut bus, &seen).await;
    drop(device);
    // The first datagram is refused, and the link learns of it.
    let _ = send(&*port, "L0500\n").await;
    let reason = gone(&*port).await;
    assert!(reason.contains(&format!("nothing listens at {target}; is the device on")), "{reason}");
    assert!(matches!(send(&*port, "L0500\n").await, Err(PortError::Gone(_)) | Ok(())));
    drop(port);
    not_sighted(&mut bus).await;
    let (_device, _) = Udp::at(&address).await;
    sighted(&mut bus).await;
}

#[tokio::test]
async fn a_device_that_has_answered_and_falls_silent_is_gone() {
    let (device, target) = Udp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, _) = both(sighted(&mut bus), device.answer()).await;
    let port = connect(&mut bus, &seen).await;
    let reason = both(gone(&*port), async {
        for _ in 0..3 {
            assert_eq!(device.hear().await.0, "D1\n");
        }
    })
    .await
    .0;
    assert!(reason.contains("no answer within 3000 ms"), "{reason}");
}

#[tokio::test]
async fn over_tcp_the_connection_of_the_question_is_that_of_the_device() {
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, mut stream) = both(sighted(&mut bus), async {
        let mut stream = device.accept().await;
        assert_eq!(line(&mut stream).await, "D1\n");
        // In pieces, as a network has it.
        stream.write_all(b"TCode").await.expect("an answer");
        stream.flush().await.expect("an answer");
        stream.write_all(b" v0.3\r\n").await.expect("an answer");
        stream
    })
    .await;
    let port = connect(&mut bus, &seen).await;
    send(&*port, "L0005I200\n").await.expect("a write");
    assert_eq!(line(&mut stream).await, "L0005I200\n");
    within(port.listen(Endpoint::RX, true)).await.expect("rx");
    stream.write_all(b"hello\n").await.expect("an open connection");
    assert_eq!(within(port.next()).await, Notified::Bytes(Endpoint::RX, b"hello\n".to_vec()));
    send(&*port, "V000\n").await.expect("a write");
    within(port.close()).await;
    assert_eq!(line(&mut stream).await, "V000\n", "what was written before the close");
    assert_eq!(within(stream.read(&mut [0; 8])).await.expect("an end"), 0);
}

#[tokio::test]
async fn over_tcp_a_stop_reaches_a_device_of_which_something_was_not_heard_yet() {
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, mut stream) = both(sighted(&mut bus), async {
        let mut stream = device.accept().await;
        assert_eq!(line(&mut stream).await, "D1\n");
        stream.write_all(b"TCode v0.3\n").await.expect("an answer");
        stream
    })
    .await;
    let port = connect(&mut bus, &seen).await;
    stream.write_all(&[b'.'; 4096]).await.expect("an open connection");
    stream.flush().await.expect("an open connection");
    // It waits to be read by nobody when the link is closed.
    tokio::time::sleep(Duration::from_millis(20)).await;
    // The device is slow to read, so that the stop still waits to be sent.
    let before = "L0500\n".repeat(100_000);
    send(&*port, &before).await.expect("a write");
    send(&*port, "DSTOP\n").await.expect("a write");
    let closing = async {
        port.close().await;
        drop(port);
    };
    let reading = async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.map(|_| heard)
    };
    let ((), heard) = both(closing, reading).await;
    assert!(heard.expect("no reset").ends_with("DSTOP\n"));
}

#[tokio::test]
async fn over_tcp_a_cut_connection_is_the_loss_of_the_device_and_it_returns() {
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, stream) = both(sighted(&mut bus), device.accept()).await;
    let port = connect(&mut bus, &seen).await;
    drop(stream);
    let reason = gone(&*port).await;
    assert!(reason.contains(&target), "{reason}");
    drop(port);
    let (seen, mut stream) = both(sighted(&mut bus), device.accept()).await;
    let port = connect(&mut bus, &seen).await;
    assert_eq!(line(&mut stream).await, "D1\n");
    send(&*port, "L0500\n").await.expect("a write");
    assert_eq!(line(&mut stream).await, "L0500\n");
}

#[tokio::test]
async fn over_tcp_a_device_that_takes_nothing_fails_writes_in_bounded_time() {
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, _stream) = both(sighted(&mut bus), device.accept()).await;
    let port = connect(&mut bus, &seen).await;
    let more_than_fits = vec![b'x'; 64 << 20];
    let write = within(port.write(Endpoint::TX, &more_than_fits, false)).await;
    assert!(matches!(write, Err(PortError::Unanswered(_))), "{write:?}");
}

#[tokio::test]
async fn a_device_that_is_not_used_is_let_go_and_not_asked_again_in_the_same_scan() {
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, mut stream) = both(sighted(&mut bus), device.accept()).await;
    bus.outcome(&seen, &Outcome::Ignored(Ignored::Denied));
    assert_eq!(line(&mut stream).await, "D1\n");
    assert_eq!(within(stream.read(&mut [0; 8])).await.expect("an end"), 0);
    not_sighted(&mut bus).await;
    bus.scan(false);
    assert_eq!(within(bus.next()).await, Found::ScanEnded);
    not_sighted(&mut bus).await;
    let more = tokio::time::timeout(Duration::from_millis(50), device.0.accept()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn a_connection_of_which_nobody_says_what_becomes_of_it_is_not_kept_and_is_made_anew_when_it_is_wanted()
{
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[&target]);
    bus.scan(true);
    let (seen, mut stream) = both(sighted(&mut bus), device.accept()).await;
    assert_eq!(line(&mut stream).await, "D1\n");
    tokio::select! {
        found = bus.next() => panic!("found {found:?}"),
        ended = within(stream.read_u8()) => drop(ended.expect_err("the connection has ended")),
    }
    let (port, mut stream) = both(connect(&mut bus, &seen), device.accept()).await;
    assert_eq!(line(&mut stream).await, "D1\n");
    send(&*port, "L0500\n").await.expect("a write");
    assert_eq!(line(&mut stream).await, "L0500\n");
}

#[tokio::test]
async fn one_address_that_does_not_answer_keeps_no_other_waiting() {
    // It is connected to, and says nothing for the whole of its time.
    let (slow, slow_target) = Tcp::new().await;
    let (device, target) = Udp::new().await;
    let mut bus = bus(&[&slow_target, &target]);
    bus.scan(true);
    let (seen, _) = both(sighted(&mut bus), device.answer()).await;
    assert_eq!(seen.address, target);
    drop(slow);
}

#[tokio::test]
async fn an_address_that_nobody_named_is_not_contacted() {
    let (device, target) = Tcp::new().await;
    let mut bus = bus(&[]);
    bus.scan(true);
    not_sighted(&mut bus).await;
    let stranger = Sighting::new(Bus::TCode, target, "");
    let refused = match within(bus.connect(&stranger, vec![ConnectPlan::default()])).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => error.to_string(),
    };
    assert!(refused.contains("none of the addresses that were named"), "{refused}");
    let contacted = tokio::time::timeout(Duration::from_millis(50), device.0.accept()).await;
    assert!(contacted.is_err(), "{contacted:?}");
}
