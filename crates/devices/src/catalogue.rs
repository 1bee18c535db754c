//! From a sighting to the program that drives the device.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use frisson_program::language::{self, Definition, Subject};
use frisson_program::{Bus, ConnectPlan, Endpoint, Program, SerialSettings, Sighting};

use crate::coded::{self, Setup};
use crate::index::{self, FILES};
use crate::simulated::Archetype;

/// All protocols that are known.
#[derive(Clone, Default)]
pub struct Catalogue {
    added: Vec<Recognise>,
    /// Protocols whose files were read while running, by their ids.
    files: BTreeMap<String, Arc<Definition>>,
}

/// Tells whether a device speaks a protocol.
type Recognise = Arc<dyn Fn(&Sighting) -> Option<Match> + Send + Sync>;

impl Catalogue {
    /// The protocols that Frisson brings along.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// Adds a protocol that is the application's own Rust code. It goes before those that were there, where several fit a device.
    ///
    /// ```
    /// use frisson_devices::{Catalogue, Match};
    /// use frisson_program::{Bus, ConnectPlan, Program, Sighting};
    /// # fn program() -> Box<dyn Program> { unimplemented!() }
    ///
    /// let mut catalogue = Catalogue::built_in();
    /// catalogue.insert(|sighting| {
    ///     let fits = sighting.bus == Bus::Serial && sighting.name == "Prototype";
    ///     fits.then(|| Match::new("prototype", ConnectPlan::default(), |_connection| program()))
    /// });
    /// let prototype = Sighting::new(Bus::Serial, "/dev/ttyUSB0", "Prototype");
    /// assert_eq!(catalogue.find(&prototype).expect("is known").protocol(), "prototype");
    /// ```
    pub fn insert(&mut self, recognise: impl Fn(&Sighting) -> Option<Match> + Send + Sync + 'static) {
        self.added.insert(0, Arc::new(recognise));
    }

    /// The protocol that fits a device best; `None` if none does.
    pub fn find(&self, sighting: &Sighting) -> Option<Match> {
        self.candidates(sighting).into_iter().next()
    }

    /// All protocols that may fit a device that was seen on a bus, the best first. Which one it is shows when the device is open: the first
    /// of those whose [plan](Match::plan) fits.
    pub fn candidates(&self, sighting: &Sighting) -> Vec<Match> {
        let added = self.added.iter().filter_map(|recognise| recognise(sighting));
        added.chain(simulated(sighting)).chain(self.of_files(sighting)).collect()
    }

    /// Adds a protocol of a user's device file. It takes the place of a built-in one of the same id.
    pub fn add(&mut self, definition: Arc<Definition>) {
        self.files.insert(definition.id().to_owned(), definition);
    }

    /// The protocols with a device file that fit, the best first; of those that fit alike a user's own goes first, then the order is that of their ids.
    /// Of the built-in files only those are read that fit.
    fn of_files(&self, sighting: &Sighting) -> Vec<Match> {
        let own = self
            .files
            .values()
            .filter_map(|file| Some((index::fit(file.identifiers(), sighting)?, File::Own(file))));
        let built_in = FILES
            .iter()
            .filter(|file| !self.files.contains_key(file.id))
            .filter_map(|file| Some((file.fit(sighting)?, File::BuiltIn(file.id))));
        let mut fits: Vec<_> = own.chain(built_in).collect();
        fits.sort_by_key(|(fit, _)| Reverse(*fit));
        let definitions = fits.into_iter().filter_map(|(_, file)| match file {
            File::Own(definition) => Some(Arc::clone(definition)),
            File::BuiltIn(id) => Self::definition(id),
        });
        definitions.map(|definition| of_file(definition, sighting)).collect()
    }

    /// The device file of a protocol, compiled: the user's own, or the one that is built in.
    pub fn file(&self, protocol: &str) -> Option<Arc<Definition>> {
        self.files.get(protocol).cloned().or_else(|| Self::definition(protocol))
    }

    /// The ids of all protocols that have a device file.
    pub fn protocols() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|file| file.id)
    }

    /// The device file of a protocol, compiled; `None` if there is none.
    pub fn definition(protocol: &str) -> Option<Arc<Definition>> {
        let file = FILES.iter().find(|file| file.id == protocol)?;
        // What is built in was checked when it was built; a file that fails here is one that the tests would not have let pass.
        language::compile(file.text, file.id).ok().map(Arc::new)
    }
}

/// A device file that fits.
enum File<'a> {
    Own(&'a Arc<Definition>),
    BuiltIn(&'static str),
}

/// What a device file has to say of a device that fits.
fn of_file(definition: Arc<Definition>, sighting: &Sighting) -> Match {
    let plan = plan(&definition, sighting);
    let sighting = sighting.clone();
    let id = definition.id().to_owned();
    Match::new(&id, plan, move |connection| program(&definition, &sighting, connection))
}

fn program(definition: &Arc<Definition>, sighting: &Sighting, connection: &Connection) -> Box<dyn Program> {
    let subject = Subject {
        name: sighting.name.clone(),
        address: sighting.address.clone(),
        manufacturer: sighting.manufacturer.clone(),
        model: index::known_model(sighting),
        available: connection.available.clone(),
        sleeps: connection.sleeps,
    };
    let coded = definition
        .code()
        .and_then(|code| coded::program(code, Setup::of(definition, subject.clone(), connection.seed)));
    coded.unwrap_or_else(|| definition.program(subject))
}

/// What the bus has to know to open the device.
fn plan(definition: &Definition, sighting: &Sighting) -> ConnectPlan {
    let identifiers = definition.identifiers();
    let services = match sighting.bus {
        Bus::BluetoothLe => identifiers.ble.iter().flat_map(|ble| ble.services.iter().cloned()).collect(),
        _ => Vec::new(),
    };
    let serial =
        identifiers.serial.iter().find(|serial| serial.port.is_none() || serial.port == sighting.port);
    let serial = serial.map_or_else(SerialSettings::default, |serial| SerialSettings {
        baud_rate: serial.baud_rate,
        data_bits: serial.data_bits,
        parity: serial.parity,
        stop_bits: serial.stop_bits,
    });
    ConnectPlan { services, serial }
}

fn simulated(sighting: &Sighting) -> Option<Match> {
    match sighting.bus {
        Bus::Simulated => {
            let archetype = Archetype::find(&sighting.name)?;
            Some(Match::new(coded::simulated::PROTOCOL, ConnectPlan::default(), move |_| {
                Box::new(coded::simulated::Simulated::new(archetype))
            }))
        }
        _ => None,
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue")
            .field("added", &self.added.len())
            .field("files", &self.files.keys())
            .finish()
    }
}

/// What is known of a device when its link is open, besides its sighting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The endpoints that it really has.
    pub available: Vec<Endpoint>,
    /// Whether the link sleeps unless it is used.
    pub sleeps: bool,
    /// Where the random bytes of a handshake come from; another one for each connection.
    pub seed: u64,
}

/// A protocol that fits a device.
#[derive(Clone)]
pub struct Match {
    protocol: Arc<str>,
    plan: ConnectPlan,
    program: Arc<Make>,
}

/// Makes a program for one connection.
type Make = dyn Fn(&Connection) -> Box<dyn Program> + Send + Sync;

impl Match {
    /// A protocol, what it needs of the link, and what makes its program for a connection.
    pub fn new(
        protocol: &str,
        plan: ConnectPlan,
        program: impl Fn(&Connection) -> Box<dyn Program> + Send + Sync + 'static,
    ) -> Self {
        Self { protocol: protocol.into(), plan, program: Arc::new(program) }
    }

    /// The protocol's id, e.g. `lovense`.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// What has to be known to open the device.
    pub fn plan(&self) -> &ConnectPlan {
        &self.plan
    }

    /// A program for a new connection to the device.
    pub fn program(&self, connection: &Connection) -> Box<dyn Program> {
        (self.program)(connection)
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

    fn seen(name: &str) -> Sighting {
        Sighting::new(Bus::Simulated, "a", name)
    }

    fn protocols(catalogue: &Catalogue, sighting: &Sighting) -> Vec<String> {
        catalogue.candidates(sighting).iter().map(|found| found.protocol().to_owned()).collect()
    }

    #[test]
    fn every_archetype_has_a_program() {
        for archetype in Archetype::all() {
            let found = Catalogue::built_in().find(&seen(archetype.id));
            assert_eq!(found.as_ref().map(Match::protocol), Some("simulated"), "{}", archetype.id);
        }
    }

    fn ble(name: &str) -> Sighting {
        Sighting::new(Bus::BluetoothLe, "c0:00:00:00:00:01", name)
    }

    #[test]
    fn a_file_of_the_user_takes_the_place_of_a_built_in_one() {
        let text = "format = 1\n[[ble]]\nnames = [\"My Toy\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"My Toy\"\nfeatures = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
        let mine = language::compile(text, "aneros.toml").unwrap_or_else(|found| panic!("{}", found[0]));
        let mut catalogue = Catalogue::built_in();
        assert_eq!(protocols(&catalogue, &ble("Massage Demo")), ["aneros"]);
        catalogue.add(Arc::new(mine));
        assert_eq!(protocols(&catalogue, &ble("Massage Demo")), [""; 0]);
        assert_eq!(protocols(&catalogue, &ble("My Toy")), ["aneros"]);
    }

    #[test]
    fn several_protocols_that_fit_are_tried_in_order() {
        let seen = Sighting { advertised: vec!["1320".parse().expect("a UUID")], ..ble("LVS-S001") };
        assert_eq!(protocols(&Catalogue::built_in(), &seen), ["adrienlastic", "lovense"]);
    }

    #[test]
    fn every_protocol_has_a_program_and_a_plan() {
        for id in Catalogue::protocols() {
            let definition = Catalogue::definition(id).expect("compiles");
            let sighting = ble("");
            let found = of_file(definition, &sighting);
            assert_eq!(found.protocol(), id);
            found.program(&Connection::default());
        }
    }

    #[test]
    fn a_device_that_nobody_knows_has_no_match() {
        assert!(Catalogue::built_in().find(&seen("simulated-toaster")).is_none());
    }

    #[test]
    fn what_an_application_adds_goes_before_what_is_built_in() {
        let mut catalogue = Catalogue::built_in();
        for protocol in ["first", "second"] {
            catalogue.insert(move |sighting| {
                let found = Catalogue::built_in().find(sighting)?;
                Some(Match::new(protocol, ConnectPlan::default(), move |connection| {
                    found.program(connection)
                }))
            });
        }
        let all = Archetype::all().first().map(|archetype| protocols(&catalogue, &seen(archetype.id)));
        assert_eq!(all.unwrap_or_default(), ["second", "first", "simulated"]);
        assert_eq!(protocols(&catalogue, &seen("simulated-toaster")), [""; 0]);
    }
}
