//! The user's device files, and the catalogue that they make with what is built in.
//!
//! A file that is broken keeps the version that was in force before; what has not changed keeps its definition, so that devices of
//! other protocols are not touched.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frisson_program::language::{self, Addition, Definition, Diagnostic};
use frisson_server::Catalogue;
use tracing::{error, info, warn};

use crate::cli::SerialPort;
use crate::device_file;
use crate::exit::Failure;

/// The device files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Library {
    folder: Option<PathBuf>,
    files: BTreeMap<PathBuf, Source>,
    /// What the configuration of another server adds to protocols.
    additions: BTreeMap<String, Addition>,
    /// Protocols with such additions.
    extended: BTreeMap<String, Extended>,
    in_force: BTreeMap<String, Arc<Definition>>,
    /// What the command line says to be behind serial ports.
    ports: Vec<SerialPort>,
    /// What was said of files that claim the same devices.
    conflicts: BTreeSet<String>,
}

/// A device file.
#[derive(Debug)]
struct Source {
    /// What was in it when it was last looked at, or why nothing can be read.
    seen: Result<String, Vec<Diagnostic>>,
    /// What of it is in force.
    good: Option<Good>,
    is_broken: bool,
}

/// A version of a file that is in force.
#[derive(Debug)]
struct Good {
    text: String,
    /// The protocol that it extends, and the user's own version of that if there is one.
    base: Option<(String, Option<Arc<Definition>>)>,
    definition: Arc<Definition>,
}

/// A protocol to which a configuration of another server has added something.
#[derive(Debug)]
struct Extended {
    /// The user's own version of the protocol, if there is one.
    base: Option<Arc<Definition>>,
    definition: Arc<Definition>,
}

/// What came of reading the folder.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Whether nothing is broken or gone that may be whole again in a moment.
    pub(crate) is_settled: bool,
    /// Whether another catalogue counts from now on.
    pub(crate) has_changed: bool,
}

type Protocols = BTreeMap<String, Arc<Definition>>;

impl Library {
    /// The files of this folder, which need not be there. Nothing is read yet.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Adds what the configuration of another server says of protocols.
    pub(crate) fn add(&mut self, additions: BTreeMap<String, Addition>) {
        self.additions = additions;
        let protocols = self.with_additions(self.own());
        self.in_force = protocols;
    }

    /// The protocols in force, those of files that are built in left out.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.in_force.values()
    }

    /// All protocols in force.
    pub(crate) fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::built_in();
        self.in_force.values().for_each(|definition| catalogue.add(Arc::clone(definition)));
        for SerialPort { port, protocol } in &self.ports {
            if let Err(error) = catalogue.assign_port(port, protocol) {
                error!("--serial {port}={protocol}: {error}; nothing is used there");
            }
        }
        catalogue
    }

    /// Says what is behind serial ports.
    ///
    /// # Errors
    /// A protocol is not known, or is not for serial ports; or a port is named twice.
    pub(crate) fn assign(&mut self, ports: &[SerialPort]) -> Result<(), Failure> {
        let mut catalogue = self.catalogue();
        let mut named = BTreeSet::new();
        if let Some(SerialPort { port, .. }) = ports.iter().find(|one| !named.insert(&one.port)) {
            return Err(Failure::Usage(format!(
                "--serial names {port} twice; one protocol is behind a port"
            )));
        }
        for SerialPort { port, protocol } in ports {
            catalogue
                .assign_port(port, protocol)
                .map_err(|error| Failure::Usage(format!("--serial {port}={protocol}: {error}")))?;
        }
        self.ports = ports.to_vec();
        Ok(())
    }

    /// Reads what has changed. Unless it `is_final`, what is broken or gone is left as it is without a word, for it may be half written.
    ///
    /// # Errors
    /// The folder is there and cannot be read; what was in force stays so.
    pub(crate) fn read(&mut self, is_final: bool) -> io::Result<Reading> {
        let paths = match self.folder.as_deref().map(device_file::list) {
            None => Vec::new(),
            Some(Ok(paths)) => paths,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Some(Err(error)) => return Err(error),
        };
        let mut is_settled = true;
        let gone: Vec<_> = self.files.keys().filter(|path| !paths.contains(path)).cloned().collect();
        let lost: Vec<_> = match is_final {
            true => gone.iter().filter_map(|path| Some((path, self.files.remove(path)?))).collect(),
            false => {
                is_settled = gone.is_empty();
                Vec::new()
            }
        };
        let texts: BTreeMap<_, _> =
            paths.into_iter().map(|path| (path.clone(), device_file::read(&path))).collect();
        // Files that are gone or left for a moment take part with what is in force of them.
        let kept = self.files.keys().filter(|path| !texts.contains_key(*path)).cloned();
        let mut all: Vec<_> = kept.map(|path| (path, None)).collect();
        all.extend(texts.into_iter().map(|(path, text)| (path, Some(text))));
        // Others may extend what is a protocol by itself.
        let (additions, own): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(path, text)| self.extends(path, text.as_ref()));
        let mut protocols = Protocols::new();
        for (path, text) in own.into_iter().chain(additions) {
            is_settled &= self.take(path, text, is_final, &mut protocols);
        }
        for (path, source) in lost {
            report_lost(path, &source, &protocols);
        }
        self.report_conflicts(&protocols);
        let protocols = self.with_additions(protocols);
        let same = |(one, other): (&Arc<Definition>, &Arc<Definition>)| Arc::ptr_eq(one, other);
        let has_changed = protocols.len() != self.in_force.len()
            || !protocols.keys().eq(self.in_force.keys())
            || !protocols.values().zip(self.in_force.values()).all(same);
        self.in_force = protocols;
        Ok(Reading { is_settled, has_changed })
    }

    /// Whether a file adds to a protocol, as far as that can be told.
    fn extends(&self, path: &Path, text: Option<&Result<String, Vec<Diagnostic>>>) -> bool {
        let origin = path.display().to_string();
        let now = text.and_then(|text| text.as_ref().ok()).map(|text| language::File::parse(text, &origin));
        match now {
            Some(Ok(file)) => file.extends().is_some(),
            _ => self
                .files
                .get(path)
                .and_then(|source| source.good.as_ref())
                .is_some_and(|good| good.base.is_some()),
        }
    }

    /// Takes a file into the protocols. Whether it is settled.
    fn take(
        &mut self,
        path: PathBuf,
        text: Option<Result<String, Vec<Diagnostic>>>,
        is_final: bool,
        protocols: &mut Protocols,
    ) -> bool {
        let origin = path.display().to_string();
        let mut is_settled = true;
        if let Some(text) =
            text.filter(|text| self.files.get(&path).is_none_or(|source| source.seen != *text))
        {
            let checked = text.clone().and_then(|text| Good::check(text, &origin, protocols));
            match checked {
                Err(_) if !is_final => is_settled = false,
                Err(found) => {
                    found.iter().for_each(|wrong| error!("device file left out: {wrong}"));
                    let good = self.files.remove(&path).and_then(|source| source.good);
                    if good.is_some() {
                        warn!(
                            "device file {origin}: what it said before the change stays in force until it is put right"
                        );
                    }
                    self.files.insert(path.clone(), Source { seen: text, good, is_broken: true });
                }
                Ok(good) => {
                    report_good(&origin, self.files.get(&path), &good);
                    self.files
                        .insert(path.clone(), Source { seen: text, good: Some(good), is_broken: false });
                }
            }
        }
        let Some(source) = self.files.get_mut(&path) else { return is_settled };
        let is_stale = source.good.as_ref().is_some_and(|good| good.is_stale(protocols));
        if let Some(good) = source.good.take_if(|_| is_stale) {
            match Good::check(good.text, &origin, protocols) {
                Ok(good) => source.good = Some(good),
                Err(found) => {
                    found.iter().for_each(|wrong| error!("device file left out: {wrong}"));
                    warn!(
                        "device file {origin} no longer fits the protocol that it extends, which has changed"
                    );
                    source.is_broken = true;
                }
            }
        }
        if let Some(good) = &source.good {
            protocols.insert(good.definition.id().to_owned(), Arc::clone(&good.definition));
        }
        is_settled
    }

    /// The protocols of the files.
    fn own(&self) -> Protocols {
        let own = self.files.values().filter_map(|source| source.good.as_ref());
        // The last one that extends a protocol has what the others add to it.
        let (additions, whole): (Vec<_>, Vec<_>) = own.partition(|good| good.base.is_some());
        let all = whole.into_iter().chain(additions);
        all.map(|good| (good.definition.id().to_owned(), Arc::clone(&good.definition))).collect()
    }

    /// Adds what another server's configuration adds.
    fn with_additions(&mut self, mut protocols: Protocols) -> Protocols {
        for (protocol, addition) in &self.additions {
            let base = protocols.get(protocol).cloned();
            let known = self.extended.get(protocol).filter(|known| same(known.base.as_ref(), base.as_ref()));
            let definition = match known {
                Some(known) => Arc::clone(&known.definition),
                None => {
                    let Some(whole) = base.clone().or_else(|| Catalogue::definition(protocol)) else {
                        continue;
                    };
                    let (extended, rejected) = whole.extended(addition.clone());
                    rejected.iter().for_each(|rejected| warn!("{rejected}"));
                    let definition = Arc::new(extended);
                    let known = Extended { base, definition: Arc::clone(&definition) };
                    self.extended.insert(protocol.clone(), known);
                    definition
                }
            };
            protocols.insert(definition.id().to_owned(), definition);
        }
        protocols
    }

    fn report_conflicts(&mut self, protocols: &Protocols) {
        let all: Vec<_> = protocols.values().map(Arc::as_ref).collect();
        let found = language::conflicts(&all).into_iter().map(|found| {
            let place = format!("{}:{}", found.origin, found.line);
            format!(
                "device file {place}: {}; of devices that fit both alike, the first by name gets them",
                found.message
            )
        });
        let found: BTreeSet<_> = found.collect();
        found.difference(&self.conflicts).for_each(|conflict| warn!("{conflict}"));
        self.conflicts = found;
    }
}

impl Good {
    fn check(text: String, origin: &str, protocols: &Protocols) -> Result<Self, Vec<Diagnostic>> {
        let base = language::File::parse(&text, origin)?.extends().map(str::to_owned);
        let bases = |id: &str| protocols.get(id).cloned().or_else(|| Catalogue::definition(id));
        let definition = Arc::new(device_file::check(&text, origin, &bases)?);
        let base = base.map(|id| {
            let own = protocols.get(&id).cloned();
            (id, own)
        });
        Ok(Self { text, base, definition })
    }

    /// Whether the protocol that it extends is another one by now.
    fn is_stale(&self, protocols: &Protocols) -> bool {
        self.base.as_ref().is_some_and(|(id, base)| !same(base.as_ref(), protocols.get(id)))
    }
}

fn same(one: Option<&Arc<Definition>>, other: Option<&Arc<Definition>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

fn report_good(origin: &str, before: Option<&Source>, good: &Good) {
    let id = good.definition.id();
    let is_built_in = || Catalogue::protocols().any(|known| known == id);
    let means = match &good.base {
        Some(_) => format!("adds to protocol {id}"),
        None if is_built_in() => format!("protocol {id}, in place of the built-in one"),
        None => format!("protocol {id}"),
    };
    match before {
        Some(source) if source.is_broken => info!("device file {origin} is right again: {means}"),
        Some(_) => info!("device file {origin} has changed: {means}, as it is now"),
        None => info!("device file {origin}: {means}"),
    }
    good.definition.warnings().iter().for_each(|warning| warn!("{warning}"));
}

fn report_lost(path: &Path, source: &Source, protocols: &Protocols) {
    let origin = path.display();
    let Some(good) = &source.good else {
        return info!("device file {origin} is gone; nothing of it was in force");
    };
    let id = good.definition.id();
    match (&good.base, protocols.contains_key(id), Catalogue::protocols().any(|known| known == id)) {
        (Some(_), ..) => info!("device file {origin} is gone, and what it added to protocol {id} with it"),
        (None, false, true) => info!("device file {origin} is gone; the built-in protocol {id} counts again"),
        (None, ..) => info!("device file {origin} is gone, and protocol {id} with it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "format = 1\n[[ble]]\nnames = [\"My Toy\"]\nservices.ff00.tx = \"ff01\"\n[[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"My Toy\"\nfeatures = [{ vibrate = 10 }]\n[[tests]]\nsteps = [{ set = [[0, 5]], sends = [\"tx 05\"] }]\n";
    const ADDS: &str = "format = 1\nextends = \"mine\"\n[[ble]]\nnames = [\"My Other Toy\"]\n[[tests]]\nsteps = [{ set = [[0, 4]], sends = [\"tx 04\"] }]\n";

    struct Folder {
        folder: tempfile::TempDir,
        library: Library,
    }

    impl Folder {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let library = Library::new(Some(folder.path().to_owned()));
            let mut all = Self { folder, library };
            files.iter().for_each(|(name, text)| all.write(name, text));
            all.read(true, true);
            all
        }

        fn write(&mut self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).expect("is written");
        }

        fn remove(&mut self, name: &str) {
            std::fs::remove_file(self.folder.path().join(name)).expect("is there");
        }

        #[track_caller]
        fn read(&mut self, is_final: bool, has_changed: bool) -> bool {
            let reading = self.library.read(is_final).expect("the folder can be read");
            assert_eq!(reading.has_changed, has_changed);
            reading.is_settled
        }

        fn of(&self, id: &str) -> Option<Arc<Definition>> {
            self.library.in_force.get(id).cloned()
        }

        fn names(&self, id: &str) -> Vec<String> {
            let definition = self.of(id).expect("is in force");
            definition.identifiers().ble.iter().flat_map(|ble| &ble.names).map(ToString::to_string).collect()
        }
    }

    #[test]
    fn what_has_not_changed_keeps_its_definition() {
        let mut folder =
            Folder::new(&[("mine.toml", MINE), ("other.toml", &MINE.replace("My Toy", "Other"))]);
        let before = folder.of("mine").expect("is in force");
        folder.read(true, false);
        folder.write("other.toml", &MINE.replace("My Toy", "Another"));
        folder.read(false, true);
        assert!(folder.of("mine").is_some_and(|now| Arc::ptr_eq(&now, &before)));
    }

    #[test]
    fn a_broken_file_keeps_what_was_in_force_and_waits_before_it_is_called_broken() {
        let mut folder = Folder::new(&[("mine.toml", MINE)]);
        folder.write("mine.toml", "format = 1\n[[ble");
        assert!(!folder.read(false, false));
        assert!(folder.read(true, false));
        assert!(folder.of("mine").is_some());
        folder.write("mine.toml", &MINE.replace("= 10", "= 20"));
        assert!(folder.read(false, true));
    }

    #[test]
    fn a_file_that_is_gone_takes_its_protocol_along_once_that_is_certain() {
        let mut folder = Folder::new(&[("mine.toml", MINE), ("aneros.toml", MINE)]);
        folder.remove("mine.toml");
        folder.remove("aneros.toml");
        assert!(!folder.read(false, false));
        assert!(folder.read(true, true));
        assert!(folder.library.catalogue().file("mine").is_none());
        assert!(folder.library.catalogue().file("aneros").is_some_and(|file| file.origin() == "aneros"));
    }

    #[test]
    fn several_files_may_add_to_one_protocol_and_follow_its_changes() {
        let more = ADDS.replace("My Other Toy", "My Third Toy");
        let mut folder = Folder::new(&[("mine.toml", MINE), ("a.toml", ADDS), ("b.toml", &more)]);
        assert_eq!(folder.names("mine"), ["My Toy", "My Other Toy", "My Third Toy"]);
        folder.write("mine.toml", &MINE.replace("My Toy", "My New Toy"));
        folder.read(true, true);
        assert_eq!(folder.names("mine"), ["My New Toy", "My Other Toy", "My Third Toy"]);
        folder.remove("a.toml");
        folder.read(true, true);
        assert_eq!(folder.names("mine"), ["My New Toy", "My Third Toy"]);
        folder.read(true, false);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let deeper = folder.path().join("devices");
        let mut library = Library::new(Some(deeper.clone()));
        assert!(!library.read(true).expect("is empty").has_changed);
        std::fs::create_dir(&deeper).expect("a folder");
        std::fs::write(deeper.join("mine.toml"), MINE).expect("is written");
        assert!(library.read(false).expect("can be read").has_changed);
    }

    #[test]
    fn additions_of_another_server_stay_on_top_of_what_changes() {
        let mut folder = Folder::new(&[("mine.toml", MINE)]);
        let name = frisson_program::language::Name::new("Imported");
        let mut addition = Addition::default();
        addition.identifiers.websocket.push(name);
        folder.library.add([("mine".to_owned(), addition)].into());
        let websocket = |folder: &Folder| folder.of("mine").map(|file| file.identifiers().websocket.len());
        assert_eq!(websocket(&folder), Some(1));
        folder.read(true, false);
        folder.write("mine.toml", &MINE.replace("= 10", "= 20"));
        folder.read(true, true);
        assert_eq!(websocket(&folder), Some(1));
    }
}
