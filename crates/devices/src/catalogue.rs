//! From a sighting to the program that drives the device.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use frisson_program::language::{self, Definition, Subject};
use frisson_program::{Bus, ConnectPlan, Endpoint, Program, SerialSettings, Sighting};

use crate::coded::{self, Setup};
use crate::index::{self, FILES, Fit};
use crate::simulated::Archetype;

/// All protocols that are known.
#[derive(Clone, Default)]
pub struct Catalogue {
    added: Vec<Recognise>,
    /// Protocols whose files were read while running, by their ids.
    files: BTreeMap<String, Arc<Definition>>,
    /// The protocols of serial ports, as the user has said.
    ports: BTreeMap<String, String>,
}

/// The protocol of TCode devices on the network.
const TCODE: &str = "tcode-v03";

/// Why a serial port cannot be given a protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignError {
    /// There is no such protocol.
    #[error("there is no protocol `{protocol}`; protocols for serial ports are {}", known.join(", "))]
    Unknown {
        /// The protocol.
        protocol: String,
        /// Those that there are for serial ports.
        known: Vec<String>,
    },
    /// The protocol is for other buses.
    #[error("the protocol `{protocol}` is not for serial ports; those that are: {}", known.join(", "))]
    NotSerial {
        /// The protocol.
        protocol: String,
        /// Those that are for serial ports.
        known: Vec<String>,
    },
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
    /// anything that would be tried before it is another one. Of device files it counts what they say, not how they are written.
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
        let inherent = simulated(sighting).or_else(|| self_described(sighting)).map(Source::Inherent);
        added.chain(inherent).chain(self.files(sighting)).collect()
    }

    /// What the user says to be at a serial port, by its name (`COM7`, `/dev/ttyUSB0`, a link to that) or its address. Then nothing else is looked for
    /// there, and the protocol's own settings of the port count.
    ///
    /// ```
    /// use frisson_devices::{Catalogue, Match};
    /// use frisson_program::{Bus, Sighting};
    ///
    /// let mut catalogue = Catalogue::built_in();
    /// catalogue.assign_port("COM7", "tcode-v03")?;
    /// let stroker = Sighting { port: Some("COM7".to_owned()), ..Sighting::new(Bus::Serial, "COM7", "USB Serial") };
    /// assert_eq!(catalogue.find(&stroker).as_ref().map(Match::protocol), Some("tcode-v03"));
    /// assert!(catalogue.assign_port("COM7", "lovense").is_err());
    /// # Ok::<(), frisson_devices::AssignError>(())
    /// ```
    ///
    /// # Errors
    /// There is no such protocol, or it is not for serial ports.
    pub fn assign_port(&mut self, port: &str, protocol: &str) -> Result<(), AssignError> {
        match self.file(protocol) {
            Some(definition) if !definition.identifiers().serial.is_empty() => {
                self.ports.insert(port.to_owned(), protocol.to_owned());
                Ok(())
            }
            found => {
                let (protocol, known) = (protocol.to_owned(), self.serial_protocols());
                Err(match found {
                    Some(_) => AssignError::NotSerial { protocol, known },
                    None => AssignError::Unknown { protocol, known },
                })
            }
        }
    }

    /// The serial ports that are named: those of the device files and of [`assign_port`](Self::assign_port), and the protocol of each.
    pub fn serial_ports(&self) -> BTreeMap<String, String> {
        let of_files = self.files.values().flat_map(|file| {
            let ports = file.identifiers().serial.iter().filter_map(|serial| serial.port.clone());
            ports.map(|port| (port, file.id().to_owned()))
        });
        let built_in = FILES.iter().filter(|file| !self.files.contains_key(file.id));
        let built_in =
            built_in.flat_map(|file| file.ports().map(|port| (port.to_owned(), file.id.to_owned())));
        built_in.chain(of_files).chain(self.ports.clone()).collect()
    }

    /// The ids of the protocols that are for serial ports.
    fn serial_protocols(&self) -> Vec<String> {
        let own = self.files.values().filter(|file| !file.identifiers().serial.is_empty());
        let own = own.map(|file| file.id().to_owned());
        let built_in = FILES.iter().filter(|file| file.is_serial && !self.files.contains_key(file.id));
        let all: BTreeSet<String> = own.chain(built_in.map(|file| file.id.to_owned())).collect();
        all.into_iter().collect()
    }

    /// The protocol of what is at a place that only the user knows.
    fn assigned(&self, sighting: &Sighting) -> Option<&str> {
        match sighting.bus {
            Bus::Serial => {
                let names = [Some(&sighting.address), sighting.port.as_ref()];
                names.into_iter().flatten().find_map(|name| self.ports.get(name)).map(String::as_str)
            }
            Bus::TCode => Some(TCODE),
            _ => None,
        }
    }

    /// Adds a protocol of a user's device file. It takes the place of a built-in one of the same id.
    pub fn add(&mut self, definition: Arc<Definition>) {
        self.files.insert(definition.id().to_owned(), definition);
    }

    /// The protocols with a device file that fit, the best first; of those that fit alike a user's own goes first, then the order is that of their ids.
    fn files(&self, sighting: &Sighting) -> impl Iterator<Item = Source<'_>> + use<'_> {
        let assigned = self.assigned(sighting);
        let fit = |id: &str, fit: &dyn Fn() -> Option<Fit>| match assigned {
            Some(protocol) => (protocol == id).then_some(Fit::Exact),
            None => fit(),
        };
        let own = self.files.values().filter_map(|file| {
            let fit = fit(file.id(), &|| index::fit(file.id(), file.identifiers(), sighting))?;
            Some((fit, Source::Own(file)))
        });
        let built_in = FILES
            .iter()
            .filter(|file| !self.files.contains_key(file.id))
            .filter_map(|file| Some((fit(file.id, &|| file.fit(sighting))?, Source::BuiltIn(file.id))));
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
    Inherent(Match),
    Own(&'a Arc<Definition>),
    BuiltIn(&'static str),
}

impl Source<'_> {
    fn protocol(&self) -> &str {
        match self {
            Self::Added(_, found) | Self::Inherent(found) => found.protocol(),
            Self::Own(definition) => definition.id(),
            Self::BuiltIn(id) => id,
        }
    }

    fn is_same(&self, other: &Source<'_>) -> bool {
        match (self, other) {
            (Self::Added(one, _), Source::Added(other, _)) => Arc::ptr_eq(one, other),
            (Self::Inherent(_), Source::Inherent(_)) => true,
            (Self::Own(one), Source::Own(other)) => Arc::ptr_eq(one, other) || one.drives_as(other),
            (Self::BuiltIn(one), Source::BuiltIn(other)) => one == other,
            _ => false,
        }
    }

    fn into_match(self, sighting: &Sighting) -> Option<Match> {
        match self {
            Self::Added(_, found) | Self::Inherent(found) => Some(found),
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
        model: index::known_model(sighting, |key| {
            definition.models().iter().any(|model| model.matches.iter().any(|match_| match_ == key))
        }),
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
    // What is said of this very port counts before what is said of any.
    let named = |port: &Option<String>| port.as_deref().is_some_and(|port| index::is_port(sighting, port));
    let serial = identifiers.serial.iter().find(|serial| named(&serial.port));
    let is_adapter = |ids: &[(u16, u16)]| sighting.ids.is_some_and(|seen| ids.contains(&seen));
    let serial = serial.or_else(|| identifiers.serial.iter().find(|serial| is_adapter(&serial.ids)));
    let is_any = |serial: &&language::Serial| serial.port.is_none() && serial.ids.is_empty();
    let serial = serial.or_else(|| identifiers.serial.iter().find(is_any));
    let serial = serial.or_else(|| identifiers.serial.first());
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

/// A device that says what it can do needs no definition.
fn self_described(sighting: &Sighting) -> Option<Match> {
    let description = Arc::clone(sighting.described.as_ref()?);
    let identifier = sighting.name.clone();
    Some(Match::new(coded::self_described::PROTOCOL, ConnectPlan::default(), move |_| {
        Box::new(coded::self_described::SelfDescribed::new(&identifier, &description))
    }))
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue")
            .field("added", &self.added.len())
            .field("files", &self.files.keys())
            .field("ports", &self.ports)
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
    fn a_device_file_in_which_only_a_comment_or_a_test_is_new_drives_as_before() {
        let with = |head: &str, test: &str, packet: &str| {
            let text = format!(
                "format = 1\n{head}[[ble]]\nnames = [\"My Toy\"]\nservices.fff0 = {{ tx = \"fff1\" }}\n[[packets]]\nhex = \"{packet}\"\n[[models]]\nname = \"Mine\"\nfeatures = [{{ vibrate = 10 }}]\n[[tests]]\nsteps = [{test}]\n"
            );
            let mine = language::compile(&text, "mine.toml").unwrap_or_else(|found| panic!("{}", found[0]));
            let mut catalogue = Catalogue::built_in();
            catalogue.add(Arc::new(mine));
            catalogue
        };
        let five = "{ set = [[0, 5]], sends = [\"tx 05\"] }";
        let before = with("", five, "{v}");
        let alike = |after: &Catalogue| before.is_alike(after, &ble("My Toy"), "mine");
        assert!(alike(&with("# A comment.\n\n", five, "{v}")));
        assert!(alike(&with("", "{ set = [[0, 6]], sends = [\"tx 06\"] }", "{v}")));
        assert!(!alike(&with("", "{ set = [[0, 5]], sends = [\"tx 01 05\"] }", "01{v}")));
    }

    #[test]
    fn a_websocket_device_may_name_its_protocol() {
        let seen = |name: &str| Sighting::new(Bus::WebSocket, "1", name);
        let mut catalogue = Catalogue::built_in();
        assert_eq!(protocols(&catalogue, &seen("tcode-v03")), ["tcode-v03"]);
        assert_eq!(protocols(&catalogue, &seen("tcode-v04")), [""; 0]);
        let text = "format = 1\n[[websocket]]\nnames = [\"tcode-v03\"]\n[[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"Mine\"\nfeatures = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
        let mine = language::compile(text, "mine.toml").unwrap_or_else(|found| panic!("{}", found[0]));
        catalogue.add(Arc::new(mine));
        assert_eq!(protocols(&catalogue, &seen("tcode-v03")), ["mine", "tcode-v03"]);
        assert_eq!(protocols(&catalogue, &seen("mine")), ["mine"]);
    }

    #[test]
    fn a_device_that_describes_itself_needs_no_definition() {
        let described = Some(Arc::new(frisson_wire::SelfDescription::default()));
        let seen = Sighting { described, ..Sighting::new(Bus::WebSocket, "1", "tcode-v03") };
        assert_eq!(protocols(&Catalogue::built_in(), &seen), ["self-described", "tcode-v03"]);
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

    fn serial(port: &str) -> Sighting {
        Sighting { port: Some(port.to_owned()), ..Sighting::new(Bus::Serial, port, "USB Serial") }
    }

    #[test]
    fn a_serial_port_has_no_protocol_until_the_user_gives_it_one() {
        let mut catalogue = Catalogue::built_in();
        for protocol in ["tcode-v03", "nobra", "kizuna", "nextlevelracing"] {
            catalogue.assign_port(protocol, protocol).expect("a protocol for serial ports");
        }
        assert_eq!(protocols(&catalogue, &serial("COM7")), [""; 0]);
        assert_eq!(protocols(&catalogue, &serial("nobra")), ["nobra"]);
        let plan = |port: &str| catalogue.find(&serial(port)).expect("a protocol").plan().serial.baud_rate;
        assert_eq!((plan("tcode-v03"), plan("kizuna")), (115_200, 19_200));
        assert_eq!(catalogue.serial_ports().len(), 4);
        // Nor has it one on another bus.
        assert_eq!(protocols(&catalogue, &ble("nobra")), [""; 0]);
    }

    #[test]
    fn a_port_is_known_by_its_name_or_by_what_its_device_goes_by() {
        let mut catalogue = Catalogue::built_in();
        catalogue
            .assign_port("/dev/serial/by-id/usb-Stroker", "tcode-v03")
            .expect("a protocol for serial ports");
        let linked =
            Sighting { address: "/dev/serial/by-id/usb-Stroker".to_owned(), ..serial("/dev/ttyUSB1") };
        assert_eq!(protocols(&catalogue, &linked), ["tcode-v03"]);
        assert_eq!(protocols(&catalogue, &serial("/dev/ttyUSB1")), [""; 0]);
    }

    #[test]
    fn what_cannot_be_at_a_serial_port_is_refused_with_what_can() {
        let mut catalogue = Catalogue::built_in();
        let known = "kizuna, nextlevelracing, nobra, self-described, tcode-v03";
        let refused = catalogue.assign_port("COM7", "lovense").expect_err("is not serial").to_string();
        assert_eq!(
            refused,
            format!("the protocol `lovense` is not for serial ports; those that are: {known}")
        );
        let refused = catalogue.assign_port("COM7", "tcode").expect_err("is unknown").to_string();
        assert_eq!(refused, format!("there is no protocol `tcode`; protocols for serial ports are {known}"));
        assert_eq!(protocols(&catalogue, &serial("COM7")), [""; 0]);
    }

    #[test]
    fn a_file_of_the_user_names_the_adapter_of_a_port_which_a_port_that_is_named_beats() {
        let text = "format = 1\n[[serial]]\nids = [{ vendor = 0x2E8A, product = 10 }]\nbaud_rate = 9600\n\
                    [[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"Mine\"\nfeatures = [{ vibrate = 9 }]\n\
                    [[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
        let mine = language::compile(text, "mine.toml").unwrap_or_else(|found| panic!("{}", found[0]));
        let mut catalogue = Catalogue::built_in();
        catalogue.add(Arc::new(mine));
        let pico = Sighting { ids: Some((0x2E8A, 10)), ..serial("COM9") };
        assert_eq!(catalogue.find(&pico).expect("a protocol").plan().serial.baud_rate, 9600);
        assert_eq!(protocols(&catalogue, &Sighting { ids: Some((0x2E8A, 11)), ..pico.clone() }), [""; 0]);
        catalogue.assign_port("COM9", "tcode-v03").expect("a protocol for serial ports");
        assert_eq!(protocols(&catalogue, &pico), ["tcode-v03"]);
    }

    #[test]
    fn a_file_of_the_user_names_a_port_its_settings_and_a_model_for_it() {
        let text = "format = 1\nextends = \"tcode-v03\"\n[[serial]]\nport = \"COM7\"\nbaud_rate = 9600\nparity = \"even\"\n\
                    [[models]]\nmatch = [\"COM7\", \"udp://osr2:8000\"]\nname = \"Mine\"\nfeatures = [{ vibrate = 99 }]\n";
        let base = Catalogue::definition("tcode-v03").expect("is built in");
        let mine = language::File::parse(text, "mine.toml").and_then(|file| file.extend(&base));
        let mut catalogue = Catalogue::built_in();
        catalogue.add(Arc::new(mine.unwrap_or_else(|found| panic!("{}", found[0]))));
        assert_eq!(
            catalogue.serial_ports().into_iter().collect::<Vec<_>>(),
            [("COM7".to_owned(), "tcode-v03".to_owned())]
        );
        let found = catalogue.find(&serial("COM7")).expect("a protocol");
        assert_eq!(found.plan().serial.baud_rate, 9600);
        // At another port the protocol's own settings count.
        catalogue.assign_port("COM8", "tcode-v03").expect("a protocol for serial ports");
        assert_eq!(catalogue.find(&serial("COM8")).expect("a protocol").plan().serial.baud_rate, 115_200);
        let network = Sighting::new(Bus::TCode, "udp://osr2:8000", "udp://osr2:8000");
        assert_eq!(protocols(&catalogue, &network), ["tcode-v03"]);
    }
}
