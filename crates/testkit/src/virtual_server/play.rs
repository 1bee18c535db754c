//! Plays transcripts.

use serde_json::Value;

use super::{Receipt, VirtualServer};
use crate::TestDevice;
use crate::compare::difference;
use crate::transcript::{Mismatch, Step, Transcript};

impl VirtualServer {
    /// Plays a transcript against this server, with the clients and devices that it has.
    ///
    /// # Errors
    /// The server did something else, or the transcript wants a server of its own set-up.
    ///
    /// # Panics
    /// The server broke a rule of the protocol, whatever the transcript says.
    pub fn play(&mut self, transcript: &Transcript) -> Result<(), Mismatch> {
        if transcript.has_setup {
            let what = "the transcript sets up a server, so it needs a new one".to_owned();
            return Err(Mismatch { line: 1, what });
        }
        self.play_steps(&transcript.steps)
    }

    pub(crate) fn play_steps(&mut self, steps: &[(usize, Step)]) -> Result<(), Mismatch> {
        let mut last = 1;
        for (line, step) in steps {
            last = *line;
            self.step(step).map_err(|what| Mismatch { line: *line, what })?;
        }
        let clients: Vec<_> = self.clients.keys().cloned().collect();
        for client in clients {
            self.silence(&client)
                .map_err(|what| Mismatch { line: last, what: format!("at the end: {what}") })?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Send { client, text } => {
                self.appear(client);
                if !self.is_connected(client) {
                    return Err(format!("the connection of {client} is closed"));
                }
                self.send(client, text);
            }
            Step::Expect { client, frame } => {
                self.appear(client);
                return match self.client_mut(client).inbox.pop_front().map(|received| received.what) {
                    Some(Receipt::Frame(text)) => {
                        let found: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                        difference(frame, &found)
                            .map_or(Ok(()), |what| Err(format!("{what}, in what {client} got: {text}")))
                    }
                    Some(Receipt::Closed(why)) => {
                        Err(format!("{client} was closed ({why}), expected {frame}"))
                    }
                    None => Err(format!("{client} got nothing, expected {frame}")),
                };
            }
            Step::Silence { client } => {
                self.appear(client);
                return self.silence(client);
            }
            Step::Closed { client, code } => {
                self.appear(client);
                return match self.client_mut(client).inbox.pop_front().map(|received| received.what) {
                    Some(Receipt::Closed(close)) if close.code() == *code => Ok(()),
                    Some(Receipt::Closed(close)) => {
                        Err(format!("{client} was closed with {} ({close}), expected {code}", close.code()))
                    }
                    Some(Receipt::Frame(text)) => Err(format!("{client} got {text}, expected to be closed")),
                    None => Err(format!("{client} is not closed")),
                };
            }
            Step::Cut { client } => {
                self.appear(client);
                self.silence(client)?;
                self.cut(client);
                self.clients.remove(client);
            }
            Step::Wait(time) => self.advance(*time),
            Step::Plug(address) => match TestDevice::named(address) {
                _ if self.is_linked(address) => return Err(format!("{address} is connected already")),
                _ if self.hardware.contains_key(address) => self.replug(address),
                Some(device) => self.plug(device),
                None => return Err(format!("there is no device {address}")),
            },
            Step::Unplug(address) => {
                if !self.is_linked(address) {
                    return Err(format!("{address} is not connected"));
                }
                self.unplug(address);
            }
            step => return self.look(step),
        }
        Ok(())
    }

    /// Steps about devices only.
    fn look(&mut self, step: &Step) -> Result<(), String> {
        let known = |address: &String| {
            self.hardware.get(address).ok_or_else(|| format!("there is no device {address}"))
        };
        let require = |good: bool, what: String| if good { Ok(()) } else { Err(what) };
        match step {
            Step::Told { address, feature, kind, value, duration } => {
                let told = known(address)?.told(*feature, *kind);
                let good = told.map(|told| told.value) == *value
                    && duration.is_none_or(|duration| {
                        told.is_some_and(|told| u128::from(told.duration) == duration.as_millis())
                    });
                let told = told
                    .map_or("nothing".to_owned(), |told| format!("{} in {} ms", told.value, told.duration));
                require(good, format!("{address} was told {told} of {kind} of feature {feature}"))
            }
            Step::AtRest(address) => {
                let hardware = known(address)?;
                require(
                    hardware.is_at_rest(),
                    format!("{address} is not at rest, its last write is {:?}", hardware.log().last()),
                )
            }
            Step::Writes { address, count } => {
                let writes = known(address)?.log().len();
                require(
                    writes == *count,
                    format!("{address} was written to {writes} times, expected {count}"),
                )
            }
            Step::Listened { address, feature, kind, yes } => {
                let is = known(address)?.is_listened_to(*feature, *kind);
                let not = if is { "" } else { "not " };
                require(is == *yes, format!("{address} is {not}listened to"))
            }
            Step::Measure { address, feature, kind, value } => {
                known(address)?;
                self.measure(address, *feature, *kind, *value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Connects a client that has no connection yet.
    fn appear(&mut self, client: &str) {
        if self.clients.contains_key(client) {
            return;
        }
        match self.greeting {
            Some(dialect) => self.open(client, dialect),
            None => self.connect(client),
        }
    }

    fn silence(&mut self, client: &str) -> Result<(), String> {
        match self.client(client).inbox.front().map(|received| &received.what) {
            None => Ok(()),
            Some(Receipt::Frame(text)) => Err(format!("{client} got {text}, expected nothing")),
            Some(Receipt::Closed(close)) => Err(format!("{client} was closed ({close}), expected nothing")),
        }
    }
}
