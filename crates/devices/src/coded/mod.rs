//! Protocols that are Rust because data cannot say them: ciphers, challenges, speed by steps.
//!
//! A device file that says `code = "NAME"` has identifiers and models but no packets; what is written to such a device comes
//! from the program of that name.
//!
//! ```
//! use std::sync::Arc;
//!
//! use frisson_devices::coded::{self, Setup};
//! use frisson_program::{Context, Description, Effect, Endpoint, Operation};
//!
//! let models = |key: &str| Description {
//!     protocol: "monsterpub".to_owned(),
//!     model: key.to_owned(),
//!     name: "Sistalk MonsterPub Device".to_owned(),
//!     features: Vec::new(),
//!     gap: None,
//!     keepalive: None,
//! };
//! let setup = Setup {
//!     name: "MonsterPub".to_owned(),
//!     address: "00:11:22:33:44:55".to_owned(),
//!     manufacturer: Vec::new(),
//!     available: vec![Endpoint::TX, Endpoint::RX],
//!     sleeps: false,
//!     seed: 4,
//!     models: Arc::new(models),
//! };
//! let mut program = coded::program("monsterpub", setup).expect("monsterpub is coded");
//! let mut effects = Vec::new();
//! program.start(&mut Context::new(std::time::Instant::now(), false, &mut effects));
//! assert_eq!(effects, [Effect::Operate(Operation::Read { endpoint: Endpoint::RX })]);
//! ```

mod ankni;
mod block;
mod fluffer;
mod fmachine;
mod fredorch_rotary;
mod honeyplaybox;
mod monsterpub;
mod ossm;
mod protobuf;
pub(crate) mod self_described;
mod setup;
pub(crate) mod simulated;
mod thehandy;
mod thehandy_v3;
mod track;
mod vibcrafter;

use std::time::Duration;

use frisson_program::Program;
pub use setup::{Models, Setup};

/// How long a device is waited for when it has to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// How often a device is fed on a link that sleeps.
const IDLE_TIME: Duration = Duration::from_secs(5);

/// Makes a program for one connection.
type Make = fn(Setup) -> Box<dyn Program>;

const PROGRAMS: [(&str, Make); 12] = [
    ("ankni", |setup| Box::new(ankni::Ankni::new(setup))),
    ("fluffer", |setup| Box::new(fluffer::Fluffer::new(setup))),
    ("fmachine", |setup| Box::new(fmachine::FMachine::new(setup))),
    ("fredorch-rotary", |setup| Box::new(fredorch_rotary::FredorchRotary::new(setup))),
    ("honeyplaybox", |setup| Box::new(honeyplaybox::HoneyPlayBox::new(setup))),
    ("monsterpub", |setup| Box::new(monsterpub::MonsterPub::new(setup))),
    ("ossm", |setup| Box::new(ossm::Ossm::new(setup))),
    (self_described::PROTOCOL, |_| Box::new(self_described::SelfDescribed::asking())),
    ("thehandy", |setup| Box::new(thehandy::TheHandy::new(setup))),
    ("thehandy-v3", |setup| Box::new(thehandy_v3::TheHandyV3::new(setup))),
    ("vibcrafter", |setup| Box::new(vibcrafter::Vibcrafter::new(setup, &vibcrafter::VIBCRAFTER))),
    ("vibio", |setup| Box::new(vibcrafter::Vibcrafter::new(setup, &vibcrafter::VIBIO))),
];

/// The program of this name for a new connection to a device; `None` if no program has that name.
pub fn program(code: &str, setup: Setup) -> Option<Box<dyn Program>> {
    PROGRAMS.iter().find(|(name, _)| *name == code).map(|(_, make)| make(setup))
}

/// The names of all programs.
pub fn codes() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// Bytes as people read them.
fn hex(bytes: &[u8]) -> String {
    let words: Vec<_> = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    words.join(" ")
}

/// A packet of a fixed length, zeros behind what is given.
fn padded<const LENGTH: usize>(start: &[u8]) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    for (to, from) in packet.iter_mut().zip(start) {
        *to = *from;
    }
    packet
}

#[cfg(test)]
mod tests;
