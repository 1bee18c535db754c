//! Nothing keeps running when its controller is gone, or the server.

#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::websocket::Client;
use support::{Program, SocketPath, frisson, http, written};

/// A server with one vibrator, which a client lets vibrate.
fn vibrating() -> (Program, Client) {
    let program = Program::serve(&["--simulate=1vibe", "--log", "trace"]);
    let mut client = Client::connect(program.address());
    client.set(0, "Vibrate", 77);
    program.err.wait_for("the write", |line| (written(line) == Some(77)).then_some(()));
    (program, client)
}

fn wait_for_stop(program: &Program) {
    program.err.wait_for("the stop", |line| (written(line) == Some(0)).then_some(()));
}

/// The values written to the vibrator, in order.
fn writes(program: &Program) -> Vec<i32> {
    program.err.text().lines().filter_map(written).collect()
}

#[test]
fn a_signal_stops_the_devices_and_then_the_server() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut program, mut client) = vibrating();
        let begin = Instant::now();
        program.signal(signal);
        let status = program.wait();
        let log = program.err.text();
        assert_eq!(status.code(), Some(0), "{signal:?}: {log}");
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        assert_eq!(writes(&program), [77, 0], "{log}");
        assert!(log.ends_with("all devices stopped"), "{log}");
        // The client is told, too: its connection ends.
        while client.receive().is_some() {}
    }
}

#[test]
fn a_server_that_outlives_its_terminal_takes_no_notice_of_the_hang_up() {
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(env!("CARGO_BIN_EXE_frisson")).args(["serve", "--listen", "127.0.0.1:0", "--bus", "none"]);
    let child = nohup.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut program = Program::new(child.expect("nohup"));
    let address = program.address();
    if !cfg!(target_os = "linux") {
        return;
    }
    program.signal(Signal::HUP);
    assert!(http(address, "GET /healthz HTTP/1.0\r\n\r\n").contains("200 OK"));
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0));
    assert!(program.err.text().contains("asked to stop by SIGTERM"), "{}", program.err.text());
}

#[test]
fn a_connection_that_breaks_stops_what_it_drove() {
    let (program, client) = vibrating();
    drop(client.stream);
    wait_for_stop(&program);
}

#[test]
fn half_a_frame_and_then_the_end_stops_what_was_driven() {
    let (program, mut client) = vibrating();
    client.stream.write_all(&[0x81, 0xff, 0, 0]).expect("it reads");
    drop(client.stream);
    wait_for_stop(&program);
}

#[test]
fn a_client_that_breaks_the_rules_is_closed_and_what_it_drove_is_stopped() {
    let (program, mut client) = vibrating();
    // A frame without a mask.
    client.stream.write_all(&[0x81, 2, b'[', b']']).expect("it reads");
    assert_eq!(client.receive(), None);
    wait_for_stop(&program);
}

#[test]
fn a_client_that_stops_pinging_is_stopped() {
    let program = Program::serve(&["--simulate=1vibe", "--log", "trace", "--max-ping-time", "300"]);
    let mut client = Client::connect(program.address());
    client.set(0, "Vibrate", 77);
    wait_for_stop(&program);
    let error = client.receive().expect("a reason");
    assert!(error.contains(r#""ErrorCode":2"#), "{error}");
    assert_eq!(client.receive(), None);
}

#[test]
fn a_client_that_leaves_stops_only_what_it_drove() {
    let program = Program::serve(&["--simulate=1vibe:2", "--log", "trace"]);
    let (mut one, mut other) = (Client::connect(program.address()), Client::connect(program.address()));
    one.set(0, "Vibrate", 10);
    other.set(1, "Vibrate", 20);
    program.err.wait_for("the write", |line| (written(line) == Some(20)).then_some(()));
    drop(one.stream);
    wait_for_stop(&program);
    other.set(1, "Vibrate", 30);
    program.err.wait_for("the write", |line| (written(line) == Some(30)).then_some(()));
    let zeros = writes(&program).iter().filter(|value| **value == 0).count();
    assert_eq!(zeros, 1, "{}", program.err.text());
}

#[test]
fn probes_of_the_port_disturb_nobody() {
    let (program, mut client) = vibrating();
    let address = program.address();
    drop(TcpStream::connect(address).expect("it listens"));
    assert!(http(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").contains(" 426 "));
    assert!(http(address, "GET /none HTTP/1.0\r\n\r\n").contains(" 404 "));
    assert!(http(address, "POST /healthz HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}").contains(" 405 "));
    for junk in ["\r\n\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "\x16\x03\x01\x02\x00\x01", "GET / HTTP/9.9\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(junk.as_bytes()).expect("it reads");
    }
    // A handshake that is broken off, and one that is never followed by a word.
    let half = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConn";
    TcpStream::connect(address).expect("it listens").write_all(half.as_bytes()).expect("it reads");
    let silent = TcpStream::connect(address).expect("it listens");

    client.set(0, "Vibrate", 78);
    program.err.wait_for("the write", |line| (written(line) == Some(78)).then_some(()));
    assert_eq!(writes(&program), [77, 78], "{}", program.err.text());
    drop(silent);
}

#[test]
fn health_tells_how_the_server_is_doing() {
    let (program, _client) = vibrating();
    let answer = http(program.address(), "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(body).expect("JSON"),
        serde_json::json!({
            "status": "ok", "version": env!("CARGO_PKG_VERSION"), "clients": 1, "devices": 1, "scanning": false
        })
    );
}

#[test]
fn a_unix_socket_takes_clients_and_goes_away_with_the_server() {
    let socket = SocketPath::new("clients");
    let mut program = Program::serve(&["--simulate=1vibe", "--log", "trace", "--listen", &socket.address()]);
    assert!(program.out.text().contains(&socket.address()), "{}", program.out.text());
    let mut client = socket.connect();
    client.set(0, "Vibrate", 77);
    program.err.wait_for("the write", |line| (written(line) == Some(77)).then_some(()));
    drop(client);
    wait_for_stop(&program);
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0));
    assert!(!socket.path().exists());
}

#[test]
fn a_unix_socket_in_use_is_refused_and_one_left_behind_is_replaced() {
    let socket = SocketPath::new("in-use");
    let first = Program::serve(&["--listen", &socket.address()]);
    let second = support::run(&["serve", "--listen", &socket.address()]);
    assert_eq!(second.code, Some(3), "{}", second.err);
    assert!(second.err.contains("is in use"), "{}", second.err);
    first.signal(Signal::KILL);
    drop(first);
    assert!(socket.path().exists(), "left behind");
    let third = Program::serve(&["--listen", &socket.address()]);
    assert!(third.out.text().contains(&socket.address()));
    socket.connect();
}

#[test]
fn output_that_nobody_reads_holds_no_stop_up() {
    let socket = SocketPath::new("unread");
    let arguments = ["serve", "--listen", &socket.address(), "--simulate=1vibe", "--log", "trace"];
    let mut child =
        frisson(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    // One is closed, the other one is never read.
    drop(child.stdout.take());
    let mut unread = child.stderr.take().expect("piped");
    let mut program = Program::new(child);
    let mut client = socket.connect();
    for value in 0..3000 {
        client.set(0, "Vibrate", value % 100);
    }
    let begin = Instant::now();
    program.signal(Signal::TERM);
    assert_eq!(program.wait().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let mut log = Vec::new();
    unread.read_to_end(&mut log).expect("what fitted in");
    assert!(log.len() > 1000);
}
