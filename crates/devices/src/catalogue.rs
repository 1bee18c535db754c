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
        self.sources(sighting).into_iter().filter_map(|source| source.into_match(sighting)).collect()
    }

    /// Whether `other` would have a device driven in the same way, which is driven by `protocol` at present: neither that protocol nor
    /// anything that would be tried before it is another one. Of device files the contents count.
    pub fn is_alike(&self, other: &Self, sighting: &Sighting, protocol: &str) -> bool {
        let (one, other) = (self.sources(sighting), other.sources(sighting));
        let until = |all: &[Source<'_>]| {
            all.iter().position(|source| source.protocol() == protocol).map_or(all.len(), |at| at + 1)
        };
        let count = until(&one);
        count == until(&other) && one.iter().zip(&other).take(count).all(|(one, other)| one.is_same(other))
    }

    /// Where the protocols that may fit a device come from, the best first.
    fn sources(&self, sighting: &Sighting) -> Vec<Source<'_>> {
        let added = self.added.iter().filter_map(|known| Some(Source::Added(known, known(sighting)?)));
        added.chain(simulated(sighting).map(Source::Simulated)).chain(self.files(sighting)).collect()
    }

    /// Adds a protocol of a user's device file. It takes the place of a built-in one of the same id.
    pub fn add(&mut self, definition: Arc<Definition>) {
        self.files.insert(definition.id().to_owned(), definition);
    }

    /// The protocols with a device file that fit, the best first; of those that fit alike a user's own goes first, then the order is that of their ids.
    fn files(&self, sighting: &Sighting) -> impl Iterator<Item = Source<'_>> + use<'_> {
        let own = self
            .files
            .values()
            .filter_map(|file| Some((index::fit(file.identifiers(), sighting)?, Source::Own(file))));
        let built_in = FILES
            .iter()
            .filter(|file| !self.files.contains_key(file.id))
            .filter_map(|file| Some((file.fit(sighting)?, Source::BuiltIn(file.id))));
        let mut fits: Vec<_> = own.chain(built_in).collect();
        fits.sort_by_key(|(fit, _)| Reverse(*fit));
        fits.into_iter().map(|(_, source)| source)
    }

    /// The device file of a protocol, compiled: the user's own, or the one that is built in.
    pub fn file(&self, protocol: &str) -> Option<Arc<Definition>> {
        self.files.get(protocol).cloned().or_else(|| Self::definition(protocol))
    }

    /// The ids of all protocols that have a device file.
    pub fn protocols() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|file| file.id)
    }

    /// The text of a built-in device file; `None` if there is none.
    pub fn text(protocol: &str) -> Option<&'static str> {
        FILES.iter().find(|file| file.id == protocol).map(|file| file.text)
    }

    /// The device file of a protocol, compiled; `None` if there is none.
    pub fn definition(protocol: &str) -> Option<Arc<Definition>> {
        let file = FILES.iter().find(|file| file.id == protocol)?;
        // What is built in was checked when it was built; a file that fails here is one that the tests would not have let pass.
        language::compile(file.text, file.id).ok().map(Arc::new)
    }
}

/// Where a protocol that fits comes from. A built-in file is compiled when it is made a match, and not before.
enum Source<'a> {
    Added(&'a Recognise, Match),
    Simulated(Match),
    Own(&'a Arc<Definition>),
    BuiltIn(&'static str),
}

impl Source<'_> {
    fn protocol(&self) -> &str {
        match self {
            Self::Added(_, found) | Self::Simulated(found) => found.protocol(),
            Self::Own(definition) => definition.id(),
            Self::BuiltIn(id) => id,
        }
    }

    fn is_same(&self, other: &Source<'_>) -> bool {
        match (self, other) {
            (Self::Added(one, _), Source::Added(other, _)) => Arc::ptr_eq(one, other),
            (Self::Simulated(_), Source::Simulated(_)) => true,
            (Self::Own(one), Source::Own(other)) => Arc::ptr_eq(one, other) || one == other,
            (Self::BuiltIn(one), Source::BuiltIn(other)) => one == other,
            _ => false,
        }
    }

    fn into_match(self, sighting: &Sighting) -> Option<Match> {
        match self {
            Self::Added(_, found) | Self::Simulated(found) => Some(found),
            Self::Own(definition) => Some(of_file(Arc::clone(definition), sighting)),
            Self::BuiltIn(id) => Catalogue::definition(id).map(|definition| of_file(definition, sighting)),
        }
    }
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
    fn a_device_is_driven_alike_as_long_as_what_is_tried_up_to_its_protocol_is_the_same() {
        let text = |id: &str, motor: u8| {
            let text = format!(
                "format = 1\n[[ble]]\nnames = [\"My Toy\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{motor:02x}{{v}}\"\n[[models]]\nname = \"My Toy\"\nfeatures = [{{ vibrate = 10 }}]\n[[tests]]\nsteps = [{{ set = [[0, 5]], sends = [\"tx {motor:02x}05\"] }}]\n"
            );
            Arc::new(language::compile(&text, id).unwrap_or_else(|found| panic!("{}", found[0])))
        };
        let with = |files: &[(&str, u8)]| {
            let mut catalogue = Catalogue::built_in();
            files.iter().for_each(|(id, motor)| catalogue.add(text(id, *motor)));
            catalogue
        };
        let alike = |one: &[(&str, u8)], other: &[(&str, u8)], protocol: &str| {
            with(one).is_alike(&with(other), &ble("My Toy"), protocol)
        };
        assert!(alike(&[("b.toml", 1)], &[("b.toml", 1)], "b"));
        assert!(alike(&[("b.toml", 1)], &[("b.toml", 1), ("c.toml", 1)], "b"));
        assert!(!alike(&[("b.toml", 1)], &[("b.toml", 1), ("a.toml", 1)], "b"));
        assert!(!alike(&[("b.toml", 1)], &[("b.toml", 2)], "b"));
        assert!(!alike(&[("b.toml", 1)], &[], "b"));
        assert!(with(&[]).is_alike(&with(&[("b.toml", 1)]), &ble("Massage Demo"), "aneros"));
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
