//! From a sighting to the program that drives the device.

use std::fmt;
use std::sync::Arc;

use frisson_program::{Bus, Program, Sighting};

use crate::coded;
use crate::simulated::Archetype;

/// All protocols that are known.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {}

impl Catalogue {
    /// The protocols that Frisson brings along.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// The protocol of a device that was seen on a bus; `None` if none fits.
    pub fn find(&self, sighting: &Sighting) -> Option<Match> {
        match sighting.bus {
            Bus::Simulated => {
                let archetype = Archetype::find(&sighting.name)?;
                Some(Match::new(coded::simulated::PROTOCOL, move || {
                    Box::new(coded::simulated::Simulated::new(archetype))
                }))
            }
            _ => None,
        }
    }
}

/// A protocol that fits a device.
#[derive(Clone)]
pub struct Match {
    protocol: Arc<str>,
    program: Arc<dyn Fn() -> Box<dyn Program> + Send + Sync>,
}

impl Match {
    fn new(protocol: &str, program: impl Fn() -> Box<dyn Program> + Send + Sync + 'static) -> Self {
        Self { protocol: protocol.into(), program: Arc::new(program) }
    }

    /// The protocol's id, e.g. `lovense`.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// A program for a new connection to the device.
    pub fn program(&self) -> Box<dyn Program> {
        (self.program)()
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulated(name: &str) -> Sighting {
        Sighting { bus: Bus::Simulated, address: "a".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn every_archetype_has_a_program() {
        for archetype in Archetype::all() {
            let found = Catalogue::built_in().find(&simulated(archetype.id));
            assert_eq!(found.as_ref().map(Match::protocol), Some("simulated"), "{}", archetype.id);
        }
    }

    #[test]
    fn a_device_that_nobody_knows_has_no_match() {
        assert!(Catalogue::built_in().find(&simulated("simulated-toaster")).is_none());
    }
}
