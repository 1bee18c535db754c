//! The same dongle at a serial port.
#![cfg(unix)]
#![allow(unreachable_pub)]

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::dongle::answers;

/// A dongle at a serial port. It is unplugged when this is dropped.
pub struct Cable {
    is_unplugged: Arc<AtomicBool>,
    serving: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.is_unplugged.store(true, Ordering::Release);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// A dongle at a serial port, and the name of the port.
pub fn serial() -> (Cable, Vec<String>) {
    let (mut dongle, port) = serial2::SerialPort::pair().expect("a pseudo-terminal");
    dongle.set_read_timeout(Duration::from_millis(20)).expect("a pseudo-terminal");
    let name = std::fs::read_link(format!("/proc/self/fd/{}", port.as_raw_fd())).expect("the port's name");
    let is_unplugged = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_unplugged);
    let serving = std::thread::spawn(move || {
        // Kept open as well, so that the line has not ended before it has begun.
        let _port = port;
        let (mut line, mut bytes) = (String::new(), [0; 64]);
        while !until.load(Ordering::Acquire) {
            let length = match dongle.read(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::TimedOut => continue,
                Err(error) => panic!("{error}"),
            };
            line += std::str::from_utf8(&bytes[..length]).expect("text");
            while let Some((first, rest)) = line.split_once("\r\n") {
                let said = answers(first).into_iter().map(|answer| answer + "\n").collect::<String>();
                line = rest.to_owned();
                for piece in said.as_bytes().chunks(7) {
                    dongle.write_all(piece).expect("an open port");
                }
            }
        }
    });
    (Cable { is_unplugged, serving: Some(serving) }, vec![name.to_string_lossy().into_owned()])
}
