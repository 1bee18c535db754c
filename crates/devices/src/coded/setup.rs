//! What a coded program is told of the device that it drives.

use std::fmt;
use std::sync::Arc;

use frisson_program::language::{Definition, Subject};
use frisson_program::{Context, Description, Endpoint};
use frisson_wire::{InputKind, Output};

use super::IDLE_TIME;

/// Gives the description of a model: the one of this key, else the default.
pub type Models = Arc<dyn Fn(&str) -> Description + Send + Sync>;

/// The device that was found, and the models that it may be.
#[derive(Clone)]
pub struct Setup {
    /// What it calls itself.
    pub name: String,
    /// Its address on the bus.
    pub address: String,
    /// The manufacturer data that it advertises: companies and bytes.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    /// The endpoints that it really has.
    pub available: Vec<Endpoint>,
    /// Whether the link sleeps unless it is used.
    pub sleeps: bool,
    /// Where the random bytes of a handshake come from; another one for each connection.
    pub seed: u64,
    /// The models that it may be.
    pub models: Models,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Setup {
    /// A device of the protocol in this file, whose models are those of the file.
    pub fn of(definition: &Arc<Definition>, subject: Subject, seed: u64) -> Self {
        let (definition, name) = (Arc::clone(definition), subject.name.clone());
        Self {
            name: subject.name,
            address: subject.address,
            manufacturer: subject.manufacturer,
            available: subject.available,
            sleeps: subject.sleeps,
            seed,
            models: Arc::new(move |key: &str| definition.describe(key, &name)),
        }
    }

    /// The endpoint of this name, if the device has it.
    pub(super) fn endpoint(&self, name: &str) -> Option<Endpoint> {
        self.available.iter().copied().find(|endpoint| endpoint.name() == name)
    }

    /// The model of this key. Outputs that the program cannot drive are left out, and the user is told; inputs only stay if they are
    /// among those named.
    pub(super) fn describe(
        &self,
        key: &str,
        cx: &mut Context<'_>,
        inputs: &[InputKind],
        mut drives: impl FnMut(u32, &Output) -> bool,
    ) -> Description {
        let mut description = (self.models)(key);
        description.keepalive = self.sleeps.then_some(IDLE_TIME);
        description.features.sort_by_key(|feature| feature.index);
        for feature in &mut description.features {
            feature.inputs.retain(|input| inputs.contains(&input.kind));
            feature.outputs.retain(|output| {
                let driven = drives(feature.index, output);
                if !driven {
                    let (kind, range, index) = (output.kind, output.value, feature.index);
                    cx.notice(format!(
                        "Feature {index} ({kind}, {} to {}) is left out: this kind of device cannot do that.",
                        range.min, range.max
                    ));
                }
                driven
            });
        }
        description
    }

    /// The random numbers of this connection.
    pub(super) fn random(&self) -> Random {
        Random(self.seed)
    }
}

/// Random numbers out of a seed (SplitMix64). Good enough for challenges whose keys everybody knows.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Four random bytes.
    pub(super) fn bytes(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        [a, b, c, d]
    }

    /// Random letters and digits.
    pub(super) fn text(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letter = |number: u64| {
            let at = usize::try_from(number % 62).unwrap_or(0);
            char::from(LETTERS.get(at).copied().unwrap_or(b'0'))
        };
        (0..length).map(|_| letter(self.next())).collect()
    }
}
