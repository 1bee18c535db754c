//! `frisson connect` in a terminal, against a server.

#![cfg(unix)]

mod support;

use std::net::TcpListener;

use rustix::process::Signal;
use support::terminal::Terminal;
use support::{Program, SocketPath, signal_to, written};

fn serve(devices: &str) -> Program {
    Program::serve(&[&format!("--simulate={devices}"), "--log", "trace"])
}

fn connect(program: &Program) -> Terminal {
    let terminal = Terminal::start(&["connect", &program.url()]);
    terminal.wait_for_text("SPACE  stops everything");
    terminal
}

fn wait_for_write(program: &Program, value: i32) {
    program.err.wait_for(&format!("a write of {value}"), |line| (written(line) == Some(value)).then_some(()));
}

/// A terminal whose client lets a vibrator vibrate.
fn vibrating() -> (Program, Terminal) {
    let program = serve("1vibe");
    let terminal = connect(&program);
    terminal.wait_for_text("▸ Vibrate");
    terminal.type_in("7");
    terminal.wait_for_text("70 %");
    wait_for_write(&program, 70);
    (program, terminal)
}

#[test]
fn devices_are_listed_driven_and_stopped() {
    let program = serve("1vibe,pump,remote");
    let terminal = connect(&program);
    let text = terminal.wait_for_text("Simulated Remote Control");
    assert!(text.contains(&format!("{} · Frisson · 3 devices", program.url())), "{text}");
    terminal.wait_for("the batteries", |text| text.matches("Battery 100 %").count() == 3);

    terminal.type_in("5\x1b[C\x1b[C");
    terminal.wait_for_text("60 %");
    wait_for_write(&program, 60);
    // Shift and the left arrow.
    terminal.type_in("\x1b[1;2D");
    wait_for_write(&program, 59);

    let before = program.err.count();
    terminal.type_in(" ");
    terminal.wait_for_text("everything is stopped");
    terminal.wait_for_text(" 0 %");
    program.err.wait_after(before, "the stop", |line| (written(line) == Some(0)).then_some(()));
}

#[test]
fn pressure_is_shown_as_it_changes() {
    let program = serve("pump");
    let terminal = connect(&program);
    terminal.wait_for_text("▸ Constrict");
    terminal.type_in("9");
    let pressure = |text: &str| {
        let words: Vec<_> = text.split_once("Pressure")?.1.split_whitespace().collect();
        words.get(1)?.parse::<u32>().ok()
    };
    terminal.wait_for("a rising pressure", |text| pressure(text).is_some_and(|value| value > 1000));
}

#[test]
fn leaving_stops_what_was_driven_and_restores_the_terminal() {
    for key in ["q", "\x03", "\x1b"] {
        let (program, mut terminal) = vibrating();
        terminal.type_in(key);
        assert_eq!(terminal.wait().code(), Some(0), "{key:?}");
        wait_for_write(&program, 0);
        terminal.wait_until_restored();
    }
}

#[test]
fn a_signal_stops_what_was_driven_and_restores_the_terminal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (program, mut terminal) = vibrating();
        signal_to(terminal.id(), signal);
        assert_eq!(terminal.wait().code(), Some(0), "{signal:?}");
        wait_for_write(&program, 0);
        terminal.wait_until_restored();
    }
}

#[test]
fn a_terminal_that_is_closed_stops_what_was_driven() {
    let (program, mut terminal) = vibrating();
    terminal.hang_up();
    terminal.wait();
    wait_for_write(&program, 0);
}

#[test]
fn a_client_that_is_killed_is_stopped_by_the_server() {
    let (program, mut terminal) = vibrating();
    signal_to(terminal.id(), Signal::KILL);
    terminal.wait();
    wait_for_write(&program, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_on_hold_holds_nothing_else_up() {
    let (program, mut terminal) = vibrating();
    terminal.hold();
    for value in [65, 60, 55] {
        terminal.type_in("h");
        wait_for_write(&program, value);
    }
    signal_to(terminal.id(), Signal::TERM);
    wait_for_write(&program, 0);
    assert_eq!(terminal.wait().code(), Some(0));
}

#[test]
fn pasted_text_is_not_taken_for_keys() {
    let (program, mut terminal) = vibrating();
    terminal.type_in("\x1b[200~9 x q\x1b[201~h");
    wait_for_write(&program, 65);
    let log = program.err.text();
    assert!(log.lines().filter_map(written).eq([70, 65]), "{log}");
    terminal.type_in("q");
    terminal.wait();
}

#[test]
fn a_held_key_makes_no_queue() {
    let (program, terminal) = vibrating();
    terminal.type_in(&"\x1b[1;2C\x1b[1;2D".repeat(200));
    terminal.type_in("\x1b[1;2C");
    wait_for_write(&program, 71);
    terminal.type_in(" ");
    terminal.wait_for_text("everything is stopped");
    let last = program.err.text().lines().filter_map(written).next_back();
    assert_eq!(last, Some(0));
}

#[test]
fn another_size_is_drawn_anew() {
    let (_program, terminal) = vibrating();
    terminal.type_in("?");
    terminal.wait_for_text("5 % less or more");
    terminal.resize(12, 60);
    terminal.wait_for("the stop bar in the last line", |text| {
        text.lines().last().is_some_and(|line| line.contains("SPACE  stops everything"))
    });
}

#[test]
fn a_server_that_ends_is_waited_for() {
    let (program, terminal) = vibrating();
    let address = program.address().to_string();
    drop(program);
    terminal.wait_for_text("not connected");
    terminal.wait_for_text("Not connected: nothing is driven from here");

    let child = support::frisson(&["serve", "--listen", &address, "--simulate=1vibe:2", "--log", "trace"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let program = Program::new(child);
    terminal.wait_for_text("2 devices");
    terminal.wait_for("both batteries", |text| text.matches("Battery 100 %").count() == 2);
    terminal.type_in("3");
    wait_for_write(&program, 30);
}

#[test]
fn a_server_that_is_not_there_is_told_before_the_terminal_is_taken() {
    let socket = SocketPath::new("nobody");
    let mut terminal = Terminal::start(&["connect", &socket.address()]);
    assert_eq!(terminal.wait().code(), Some(1));
    let text = terminal.wait_for_text("is the server running?");
    assert!(text.starts_with("frisson: nothing listens at ") && text.contains("nobody/socket"), "{text}");
    assert!(!terminal.is_full_screen());
}

#[test]
fn what_is_no_buttplug_server_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let mut terminal = Terminal::start(&["connect", &format!("ws://{address}")]);
    let (mut stream, _) = listener.accept().expect("a client");
    std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        .expect("sent");
    assert_eq!(terminal.wait().code(), Some(1));
    terminal.wait_for_text("is not a WebSocket server");
}
