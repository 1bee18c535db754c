//! What a command begins with: its log, its runtime, and the signals that end it.

use tokio::runtime::{Builder, Runtime};

use crate::cli::{LogFormat, LogLevel};
use crate::exit::Failure;
use crate::logging::{self, Flush};
use crate::signals::Signals;

/// Sets up the log for this process. Keep what it gives until the end.
pub(crate) fn log(level: LogLevel, format: LogFormat) -> Result<Flush, Failure> {
    logging::init(level, format)
        .map_err(|error| Failure::Failed(format!("the log cannot be started: {error}")))
}

/// One thread: the work per message is far less than a hop between threads.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the runtime cannot be started: {error}")))
}

/// From here on a signal does not end the program by itself. To be called within the runtime.
pub(crate) fn signals() -> Result<Signals, Failure> {
    Signals::new().map_err(|error| Failure::Failed(format!("signals cannot be handled: {error}")))
}
