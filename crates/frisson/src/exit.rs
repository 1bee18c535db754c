//! How the program ends: its exit codes, and what it says before.

/// Asked to stop.
pub(crate) const ASKED: u8 = 0;
/// Failed while running.
pub(crate) const FAILED: u8 = 1;
/// Wrong usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// A port or another resource is taken.
pub(crate) const TAKEN: u8 = 3;

/// Why the program ends otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something went wrong while running.
    #[error("{0}")]
    Failed(String),
    /// What was asked for cannot be done like that.
    #[error("{0}")]
    Usage(String),
    /// Something that is needed is in use by another program.
    #[error("{0}")]
    Taken(String),
}

impl Failure {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => FAILED,
            Self::Usage(_) => USAGE,
            Self::Taken(_) => TAKEN,
        }
    }
}
