//! The options of virtual hardware.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use support::host::hardware;
use support::{Program, run};

/// The status with which an upgrade at a path is answered.
fn upgrade(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(support::PATIENCE)).expect("a stream");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("an open connection");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_port_that_the_system_chooses_is_printed_in_the_log() {
    let program = Program::serve(&["--virtual-hardware-port", "0"]);
    assert_eq!(upgrade(hardware(&program), "/"), "HTTP/1.1 101");
    assert_ne!(hardware(&program), program.address());
}

#[test]
fn the_path_can_be_another() {
    let program = Program::serve(&["--virtual-hardware-port", "0", "--virtual-hardware-path", "/hardware"]);
    assert_eq!(upgrade(hardware(&program), "/hardware"), "HTTP/1.1 101");
    assert_eq!(upgrade(hardware(&program), "/"), "HTTP/1.1 404");
}

#[test]
fn without_the_option_nothing_listens() {
    let program = Program::serve(&[]);
    assert!(!program.err.text().contains("virtual hardware"));
}

#[test]
fn a_port_that_is_taken_ends_the_program_with_3() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let port = address.port().to_string();
    let said = run(&["serve", "--listen", "127.0.0.1:0", "--virtual-hardware-port", &port]);
    assert_eq!(said.code, Some(3), "{}", said.err);
    assert!(said.err.contains(&address.to_string()), "{}", said.err);
    assert!(said.err.contains("--virtual-hardware-port"), "{}", said.err);
}

#[test]
fn what_is_no_path_or_no_time_is_wrong_usage() {
    for wrong in [["--virtual-hardware-path", "hardware"], ["--virtual-hardware-timeout-ms", "0"]] {
        let said = run(&[&["serve", "--virtual-hardware-port", "0"][..], &wrong].concat());
        assert_eq!(said.code, Some(2), "{}", said.err);
    }
}
