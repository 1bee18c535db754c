//! What the hub asks of a device.

use std::time::{Duration, Instant};

use frisson_wire::InputKind;

use super::super::limits::advertise;
use super::super::link::Purpose;
use super::super::reads::Joined;
use super::super::{Command, Output, Preferences, Report, Selection, Ticket, later};
use super::{DeviceMachine, Phase};

/// A stop that is not written in this time does not keep a device from being closed.
const CLOSING_TIME: Duration = Duration::from_millis(1500);

impl DeviceMachine {
    pub(super) fn command(&mut self, now: Instant, command: Command) {
        if !self.is_ready() {
            return self.command_too_early(command);
        }
        match command {
            Command::Set { feature, kind, value, duration } => {
                if self.closing.is_none() && self.outputs.set(feature, kind, value, duration) {
                    self.pacing.want(now);
                }
            }
            Command::Stop { selection, ticket } => self.stop(now, &selection, ticket),
            Command::Read { feature, kind, ticket } => self.read(now, feature, kind, ticket),
            Command::Listen { feature, kind, on } => {
                if self.has_input(feature, kind) {
                    self.consult(now, Purpose::Other, |program, _, cx| program.listen(feature, kind, on, cx));
                }
            }
            Command::Prefer(preferences) => self.prefer(now, preferences),
            Command::Close => {
                if self.closing.is_none() {
                    self.closing = Some(later(now, CLOSING_TIME));
                    self.stop(now, &Selection::All, None);
                }
            }
        }
    }

    /// Before the greeting has succeeded there is nothing that a command could act on.
    fn command_too_early(&mut self, command: Command) {
        match command {
            Command::Stop { ticket: Some(ticket), .. } | Command::Read { ticket, .. } => {
                self.done(ticket, Err("the device is not ready yet".to_owned()));
            }
            Command::Prefer(preferences) => self.preferences = preferences,
            Command::Close if matches!(self.phase, Phase::Greeting { .. }) => {
                self.close(!self.settings.stop_first)
            }
            _ => {}
        }
    }

    /// Brings outputs to rest. It waits for nothing but the one write under way.
    pub(super) fn stop(&mut self, now: Instant, selection: &Selection, ticket: Option<Ticket>) {
        self.outputs.stop(now, selection);
        if let (false, Some(ticket)) = (self.stops.ask(ticket), ticket) {
            self.done(ticket, Err("too many stops wait to be written".to_owned()));
        }
        self.link.drop_ticks();
        self.clear_way(now);
    }

    /// Nothing but a write under way may keep a stop waiting: packets of values that wait are dropped, a read is put off.
    fn clear_way(&mut self, now: Instant) {
        if self.batch.as_ref().is_some_and(super::Batch::is_stop) {
            return;
        }
        let writing = self.link.under_way().is_none_or(super::Job::is_write);
        let stuck = !writing && self.link.under_way().is_some_and(|job| job.purpose == Purpose::Batch);
        if self.link.drop_batch() > 0 || stuck {
            self.abort_batch(now);
        }
        if !writing {
            self.pending.push_back(Output::Abandon);
            if stuck {
                self.link.end();
            } else {
                self.link.put_back();
            }
        }
        if !self.outputs.is_dirty() {
            self.pacing.unwant();
        }
    }

    fn read(&mut self, now: Instant, feature: u32, kind: InputKind, ticket: Ticket) {
        if self.closing.is_some() {
            self.done(ticket, Err("the device is being closed".to_owned()));
        } else if !self.has_input(feature, kind) {
            self.done(ticket, Err(format!("feature {feature} has no {kind}")));
        } else {
            match self.reads.add(now, feature, kind, ticket) {
                Joined::First => {
                    self.consult(now, Purpose::Other, |program, _, cx| program.read(feature, kind, cx));
                }
                Joined::Shared => {}
                Joined::Refused => self.done(ticket, Err("too many reads wait for an answer".to_owned())),
            }
        }
    }

    /// Puts other limits and another gap in force. Packets that were rendered under the old ones are not written, and what is brought
    /// within the new ones does not wait for the gap.
    fn prefer(&mut self, now: Instant, preferences: Preferences) {
        self.preferences = preferences;
        self.pacing.set_gap(self.gap());
        let confined = self.outputs.limit(now, &self.preferences.limits);
        if self.link.drop_batch() > 0 {
            self.abort_batch(now);
        }
        if confined.disabled {
            self.stop(now, &Selection::Outputs(Vec::new()), None);
        }
        if confined.running {
            self.pacing.hurry();
        }
        if self.outputs.is_dirty() {
            self.pacing.want(now);
        }
        let advertised = advertise(&self.hardware, &self.preferences);
        if *self.advertised != advertised {
            *self.advertised = advertised;
            self.report(Report::Redefined(self.advertised.clone()));
        }
    }

    /// The least time between two flushes: as the user wants it, else as the program knows it, else as the bus does.
    pub(super) fn gap(&self) -> Duration {
        self.preferences.gap.or(self.hardware.gap).unwrap_or(self.settings.gap)
    }

    pub(super) fn has_input(&self, feature: u32, kind: InputKind) -> bool {
        let mut features = self.hardware.features.iter();
        features.any(|other| other.index == feature && other.input(kind).is_some())
    }
}
