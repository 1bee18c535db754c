//! A server with simulated devices, and clients that say and hear frames as they are.
#![allow(dead_code, unreachable_pub)]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use frisson_server::hardware::simulated::{Simulation, Snapshot};
use frisson_server::{Builder, Server};
use frisson_testkit::hello;
use frisson_testkit::socket::{Client, Heard};
use frisson_testkit::wire::rules::check_server_frame;
use frisson_testkit::wire::{Dialect, OutputKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The simulated vibrator, index 0.
pub const VIBE: &str = "1vibe-1";

/// Waits for something that has to happen, however slow the machine is.
#[track_caller]
pub fn within<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: nothing happened within 30 s"),
        }
    }
}

/// A server with these simulated devices, all of which can take commands.
pub async fn start(builder: Builder, list: &str) -> Server {
    let list: frisson_server::SimulatedList = list.parse().expect("a list");
    let count = list.len();
    let server = builder.simulate(list).start().expect("a server");
    within(until_known(&server, count)).await;
    server
}

/// The same, listening on a port of this machine.
pub async fn listen(builder: Builder, list: &str) -> (Server, SocketAddr) {
    let server = start(builder, list).await;
    let address = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    (server, address)
}

pub async fn until_known(server: &Server, count: usize) {
    while server.status().await.expect("a running server").devices.len() != count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub async fn until_clients(server: &Server, count: usize) {
    while server.status().await.expect("a running server").clients != count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub fn simulation(server: &Server) -> Simulation {
    server.simulation().expect("simulated devices").clone()
}

/// What an output was last told to be.
pub fn target(snapshot: &Snapshot, feature: u32) -> i32 {
    snapshot.output(feature, OutputKind::Vibrate).expect("a vibrator").target
}

/// Waits until a vibrator was told to be at this speed.
#[track_caller]
pub fn until_at(simulation: &Simulation, device: &str, value: i32) -> impl Future<Output = Snapshot> {
    let wait = within({
        let simulation = simulation.clone();
        let device = device.to_owned();
        async move { simulation.wait_for(&device, |snapshot| target(snapshot, 0) == value).await }
    });
    async move { wait.await.expect("a known device") }
}

/// Which vibrator is at this speed, once one is. Indices are given in the order in which devices are ready, which is not always that of the list.
pub async fn address_of(simulation: &Simulation, value: i32) -> String {
    within(async {
        loop {
            for device in simulation.devices() {
                if target(&simulation.state(&device.address).expect("a device"), 0) == value {
                    return device.address;
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
}

#[track_caller]
pub fn until_at_rest(simulation: &Simulation, device: &str) -> impl Future<Output = Snapshot> {
    let wait = within({
        let simulation = simulation.clone();
        let device = device.to_owned();
        async move { simulation.wait_for(&device, Snapshot::is_at_rest).await }
    });
    async move { wait.await.expect("a known device") }
}

/// A client. Every frame that it hears is held against the rules of its version.
pub struct App<S = TcpStream> {
    pub client: Client<S>,
    dialect: Option<Dialect>,
}

impl App {
    /// Connects without a handshake.
    pub async fn connect(address: SocketAddr) -> Self {
        let client = within(Client::connect(&address.to_string())).await.expect("a connection");
        Self { client, dialect: None }
    }

    /// Connects and completes the handshake.
    pub async fn open(address: SocketAddr, dialect: Dialect) -> Self {
        Self::connect(address).await.greet(dialect).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> App<S> {
    /// Speaks over a stream that is open already.
    pub async fn over(stream: S) -> Self {
        Self { client: within(Client::over(stream)).await.expect("a WebSocket"), dialect: None }
    }

    pub async fn greet(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        let answer = self.ask(hello(dialect)).await;
        assert!(answer.contains("ServerInfo"), "{answer}");
        self
    }

    pub async fn say(&mut self, text: &str) {
        within(self.client.send(text)).await.expect("an open connection");
    }

    #[track_caller]
    pub fn hear(&mut self) -> impl Future<Output = Heard> {
        let dialect = self.dialect;
        let wait = within(self.client.next());
        async move {
            let heard = wait.await;
            if let (Heard::Text(text), Some(dialect)) = (&heard, dialect) {
                assert_eq!(check_server_frame(dialect, text), Ok(()));
            }
            heard
        }
    }

    #[track_caller]
    pub fn frame(&mut self) -> impl Future<Output = String> {
        let hear = self.hear();
        async move {
            match hear.await {
                Heard::Text(text) => text,
                heard => panic!("heard {heard:?}, expected a frame"),
            }
        }
    }

    pub async fn ask(&mut self, text: &str) -> String {
        self.say(text).await;
        self.frame().await
    }

    /// Sends a request and waits for its `Ok`.
    pub async fn ok(&mut self, text: &str) {
        let answer = self.ask(text).await;
        assert!(answer.starts_with(r#"[{"Ok":"#), "{text} is answered with {answer}");
    }

    /// What is heard until the connection is closed, and with which code.
    pub async fn until_closed(&mut self) -> (Vec<String>, Option<u16>) {
        let mut frames = Vec::new();
        loop {
            match self.hear().await {
                Heard::Text(text) => frames.push(text),
                Heard::Closed(code) => return (frames, code),
                Heard::Binary => panic!("a binary frame"),
            }
        }
    }
}

/// Sets the first output of a vibrator.
pub fn vibrate(device: u32, value: i32) -> String {
    format!(
        r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":{device},"FeatureIndex":0,"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
    )
}

/// Runs device 0, a vibrator, at half speed, in each version.
pub fn run(dialect: Dialect) -> String {
    match dialect {
        Dialect::V0 => r#"[{"SingleMotorVibrateCmd":{"Id":2,"DeviceIndex":0,"Speed":0.5}}]"#.to_owned(),
        Dialect::V1 | Dialect::V2 => {
            r#"[{"VibrateCmd":{"Id":2,"DeviceIndex":0,"Speeds":[{"Index":0,"Speed":0.5}]}}]"#.to_owned()
        }
        Dialect::V3 => {
            r#"[{"ScalarCmd":{"Id":2,"DeviceIndex":0,"Scalars":[{"Index":0,"Scalar":0.5,"ActuatorType":"Vibrate"}]}}]"#
                .to_owned()
        }
        Dialect::V4 => vibrate(0, 50),
    }
}

pub fn ping(id: u32) -> String {
    format!(r#"[{{"Ping":{{"Id":{id}}}}}]"#)
}

#[track_caller]
pub fn assert_error(frame: &str, id: u32, code: u32) {
    let start = format!(r#"[{{"Error":{{"Id":{id},"ErrorCode":{code},"#);
    assert!(frame.starts_with(&start), "{frame}, expected error {code} with id {id}");
}

/// A WebSocket frame as a client writes it, with a mask that changes nothing. 1 is text, 2 is binary, 9 is a ping.
pub fn raw_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).expect("short")),
        middle @ 126..=0xFFFF => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(middle).expect("middle").to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(long).expect("long").to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}
