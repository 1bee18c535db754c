//! The way to a device task: a bounded number of commands, and behind them only what is still meant.

use frisson_wire::{InputKind, OutputKind, Profile};

use crate::device::{Command, Selection, Ticket};

/// How many commands may be on their way to a device task.
const CREDITS: u32 = 64;

/// Commands for one device. However many come while the device's task takes none in, at most one stop, the newest value of each output
/// and one request of a kind for each input wait.
#[derive(Debug)]
pub(super) struct Queue {
    credits: u32,
    /// Goes before everything else that waits: whatever it makes void has been dropped.
    stop: Option<(Selection, Ticket)>,
    /// In the order in which they came. Nothing waits while there are credits.
    waiting: Vec<Command>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { credits: CREDITS, stop: None, waiting: Vec::new() }
    }

    /// Gives a command back if it can be sent now; else it waits and takes the place of what it makes void. For anything but a stop.
    pub(super) fn offer(&mut self, command: Command) -> Option<Command> {
        if self.credits > 0 {
            self.credits -= 1;
            return Some(command);
        }
        self.waiting.retain(|older| !takes_place_of(&command, older));
        // No value that waits is to be written under the limits of before.
        let at = if matches!(command, Command::Prefer(_)) { 0 } else { self.waiting.len() };
        self.waiting.insert(at, command);
        None
    }

    /// Gives a stop back if it can be sent now; else it waits, in the place of the one that may have waited before.
    pub(super) fn stop(&mut self, selection: Selection, ticket: Ticket) -> Option<Command> {
        if self.credits > 0 {
            self.credits -= 1;
            return Some(Command::Stop { selection, ticket: Some(ticket) });
        }
        self.stop = Some((selection, ticket));
        None
    }

    /// The device's task has taken in `count` commands; gives what can be sent now.
    pub(super) fn credit(&mut self, count: u32) -> Vec<Command> {
        self.credits = self.credits.saturating_add(count).min(CREDITS);
        let stop = if self.credits > 0 { self.stop.take() } else { None };
        let stop = stop.map(|(selection, ticket)| Command::Stop { selection, ticket: Some(ticket) });
        self.credits = self.credits.saturating_sub(stop.is_some().into());
        let room = usize::try_from(self.credits).unwrap_or(usize::MAX).min(self.waiting.len());
        self.credits = self.credits.saturating_sub(u32::try_from(room).unwrap_or(u32::MAX));
        stop.into_iter().chain(self.waiting.drain(..room)).collect()
    }

    /// The stop that waits, for another one to become part of it.
    pub(super) fn waiting_stop(&self) -> Option<(&Selection, Ticket)> {
        self.stop.as_ref().map(|(selection, ticket)| (selection, *ticket))
    }

    /// The ticket of a read of this input that waits; another one shares it.
    pub(super) fn waiting_read(&self, input: (u32, InputKind)) -> Option<Ticket> {
        self.waiting.iter().find_map(|command| match command {
            Command::Read { feature, kind, ticket } if (*feature, *kind) == input => Some(*ticket),
            _ => None,
        })
    }

    /// Drops values that wait.
    pub(super) fn drop_sets(&mut self, is_void: impl Fn(u32, OutputKind) -> bool) {
        self.waiting.retain(|command| match command {
            Command::Set { feature, kind, .. } => !is_void(*feature, *kind),
            _ => true,
        });
    }

    /// Brings values that wait within what the device offers now.
    pub(super) fn fit(&mut self, profile: &Profile) {
        self.waiting.retain_mut(|command| match command {
            Command::Set { feature, kind, value, .. } => {
                let output = profile.device().feature(*feature).and_then(|feature| feature.output(*kind));
                if let Some(output) = output {
                    *value = output.value.clamp(*value);
                }
                output.is_some()
            }
            _ => true,
        });
    }
}

/// Whether a command leaves an older one that waits without any effect.
fn takes_place_of(newer: &Command, older: &Command) -> bool {
    use Command::{Listen, Prefer, Set};
    match (newer, older) {
        (Set { feature, kind, .. }, Set { feature: f, kind: k, .. }) => (f, k) == (feature, kind),
        (Listen { feature, kind, .. }, Listen { feature: f, kind: k, .. }) => (f, k) == (feature, kind),
        (Prefer(_), Prefer(_)) => true,
        _ => false,
    }
}

impl Selection {
    /// Whether this output is meant.
    pub fn contains(&self, feature: u32, kind: OutputKind) -> bool {
        match self {
            Self::All => true,
            Self::Feature(only) => feature == *only,
            Self::Outputs(outputs) => outputs.contains(&(feature, kind)),
        }
    }
}
