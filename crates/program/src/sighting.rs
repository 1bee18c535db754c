//! What is known of a device before it is opened.

use std::fmt;

/// A kind of bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Bus {
    /// Simulated devices of this process.
    Simulated,
}

impl Bus {
    /// The name in settings, on the command line and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
        }
    }

    /// Whether devices are offered without a scan, and taken without one.
    pub fn is_always_on(self) -> bool {
        matches!(self, Self::Simulated)
    }
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device that was seen on a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The bus.
    pub bus: Bus,
    /// What makes this very device recognisable next time.
    pub address: String,
    /// What it calls itself; may be empty.
    pub name: String,
}
