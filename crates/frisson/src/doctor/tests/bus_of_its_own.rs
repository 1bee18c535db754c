//! The question to BlueZ, over a socket with something behind it that speaks D-Bus, or does not.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use super::super::dbus;
use super::super::machine::Bluez;

/// An answer: to the call of this number, of this kind, with the name of an error and a body.
fn answer(to: u32, kind: u8, name: &str, body: &[u8]) -> Vec<u8> {
    let mut fields = vec![5, 1, b'u', 0];
    fields.extend(to.to_le_bytes());
    fields.extend([8, 1, b'g', 0, 1, b'v', 0, 0]);
    if !name.is_empty() {
        fields.extend([4, 1, b's', 0]);
        fields.extend(u32::try_from(name.len()).expect("short").to_le_bytes());
        fields.extend(name.as_bytes());
        fields.push(0);
    }
    let mut message = vec![b'l', kind, 0, 1];
    message.extend(u32::try_from(body.len()).expect("short").to_le_bytes());
    message.extend([9, 0, 0, 0]);
    message.extend(u32::try_from(fields.len()).expect("short").to_le_bytes());
    message.extend(fields);
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend(body);
    message
}

/// Reads one call, and gives its bytes.
fn call(stream: &mut BufReader<UnixStream>) -> Vec<u8> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).expect("a call");
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
    let length = usize::try_from(number(12)).expect("short").next_multiple_of(8)
        + usize::try_from(number(4)).expect("short");
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).expect("the rest");
    rest
}

/// What is found with a bus that greets so, and answers the calls after `Hello` in turn; an empty answer is none.
fn found(greeting: &'static str, answers: &[Vec<u8>]) -> Bluez {
    let is_silent = answers.iter().any(Vec::is_empty);
    let patience = if is_silent { Duration::from_millis(200) } else { Duration::from_secs(20) };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    let listener = UnixListener::bind(&path).expect("a socket");
    let answers = answers.to_vec();
    let bus = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().expect("a client").0);
        let mut line = String::new();
        stream.read_line(&mut line).expect("a line");
        assert!(line.starts_with("\0AUTH EXTERNAL 3"), "{line:?}");
        stream.get_mut().write_all(greeting.as_bytes()).expect("is read");
        if !greeting.starts_with("OK") {
            return;
        }
        line.clear();
        stream.read_line(&mut line).expect("a line");
        assert_eq!(line, "BEGIN\r\n");
        call(&mut stream);
        stream.get_mut().write_all(&answer(1, 2, "", b"")).expect("is read");
        for answer in answers {
            let call = call(&mut stream);
            assert!(String::from_utf8_lossy(&call).contains("org.bluez"));
            if answer.is_empty() {
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]);
                return;
            }
            // A signal in between is nothing that was asked for.
            stream.get_mut().write_all(&self::answer(77, 4, "", b"x")).expect("is read");
            stream.get_mut().write_all(&answer).expect("is read");
        }
    });
    let found = dbus::bluez_within(patience, &path, &["hci0".to_owned()]);
    bus.join().expect("the bus was asked as expected");
    found
}

const OK: &str = "OK 0123\r\n";

#[test]
fn adapters_of_bluez_are_on_or_off() {
    for on in [true, false] {
        let power = [1, b'b', 0, 0, u8::from(on), 0, 0, 0];
        let found = found(OK, &[answer(2, 2, "", b""), answer(3, 2, "", &power)]);
        assert_eq!(found, Bluez::Runs(vec![("hci0".to_owned(), on)]));
    }
}

#[test]
fn errors_of_the_bus_are_told_apart() {
    let error = |name: &str| found(OK, &[answer(2, 3, name, b"")]);
    assert_eq!(error("org.freedesktop.DBus.Error.ServiceUnknown"), Bluez::NotRunning);
    assert_eq!(error("org.freedesktop.DBus.Error.AccessDenied"), Bluez::Denied);
}

#[test]
fn a_bus_that_rejects_the_user_is_told_from_one_that_is_not_there() {
    assert!(matches!(found("REJECTED EXTERNAL\r\n", &[]), Bluez::Refused(why) if why.contains("REJECTED")));
    assert!(matches!(dbus::bluez(Path::new("/nonexistent/bus"), &[]), Bluez::NoBus(_)));
}

#[test]
fn what_does_not_speak_d_bus_is_no_bus() {
    let mut huge = answer(2, 2, "", b"");
    huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(found(OK, &[huge]), Bluez::NoBus(why) if why.contains("does not speak D-Bus")));
}

#[test]
fn a_bluez_that_says_nothing_is_not_waited_for_endlessly() {
    assert_eq!(found(OK, &[Vec::new()]), Bluez::Silent);
}
