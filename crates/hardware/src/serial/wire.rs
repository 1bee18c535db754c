//! An open port.

use std::io;

use frisson_program::SerialSettings;
use serial2_tokio::SerialPort;
use tokio::runtime::Handle;

use super::open::{apply, fault, unopened, unsettable};
use super::system::Hold;
use crate::PortError;
use crate::detached::detached;
use crate::stream::Wire;

/// An open port, which no other program may use meanwhile.
pub(crate) struct SerialWire {
    port: String,
    io: SerialPort,
    hold: Hold,
}

impl SerialWire {
    pub(crate) async fn open(port: String, settings: SerialSettings) -> Result<Self, PortError> {
        let runtime = Handle::current();
        let opening = move || {
            let _guard = runtime.enter();
            Self::open_blocking(port, settings)
        };
        detached("serial port", super::SYSTEM_LIMIT, opening).await
    }

    fn open_blocking(port: String, settings: SerialSettings) -> Result<Self, PortError> {
        // A port that somebody else has keeps the settings that it has.
        let mut hold = Hold::take(&port)?;
        let mut wrong = None;
        let opened = SerialPort::open(&port, |mut wanted: serial2_tokio::Settings| {
            let applied = apply(settings, &mut wanted);
            wrong = applied.as_ref().err().map(|error| unsettable(&port, settings, error));
            applied.map(|()| wanted)
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        let io = opened.map_err(|error| match error.kind() {
            // What the system took over is not what was asked for.
            io::ErrorKind::InvalidInput | io::ErrorKind::Other => unsettable(&port, settings, &error),
            _ => unopened(&port, &error),
        })?;
        hold.shut(&port)?;
        // What came in before is nobody's answer.
        io.discard_input_buffer().map_err(|error| fault(&port, Some(&error)))?;
        Ok(Self { port, io, hold })
    }
}

impl Wire for SerialWire {
    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.io.read(buffer).await
    }

    async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.io.write(bytes).await
    }

    fn fault(&self, error: Option<&io::Error>) -> PortError {
        fault(&self.port, error)
    }

    async fn close(&self) {
        self.hold.release(&self.port).await;
    }
}
