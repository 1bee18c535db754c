//! The files while the server runs: what changes in them takes effect, and what the server adds is written.
//!
//! One thread of its own does all of that, for files may be on a slow disk and checking them takes time. It looks at how the files look from
//! outside (size, time, number) four times a second, which costs next to nothing, works on every file system and needs no folder to be there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use frisson_server::settings::{Settings, import::Imported};
use frisson_server::{Catalogue, SettingsWatch};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use super::library::Library;
use super::settings_file::{Look, SettingsFile, UpdateError};
use super::settling::{Ready, Settling};
use crate::device_file;

/// How often the files are looked at when nothing is going on.
const IDLE: Duration = Duration::from_millis(250);
/// How often they are looked at while something is going on.
const BUSY: Duration = Duration::from_millis(40);
/// Some file systems keep time by two seconds only: a file as young as this is read again later.
const COARSE: Duration = Duration::from_millis(2500);

/// The files of a server.
pub(crate) struct Files {
    library: Library,
    settings: Option<Kept>,
    folder_error: Option<String>,
}

/// What has to be put in force.
#[derive(Debug)]
pub(crate) enum Order {
    Settings(Box<Settings>),
    Catalogue(Box<Catalogue>),
}

/// The settings file and the server's idea of it.
struct Kept {
    file: SettingsFile,
    imported: Imported,
    /// The last settings on which file and server agreed.
    agreed: Settings,
    /// What the server has.
    server: Settings,
    /// What the server was last told to take, and what it had then: it is not told the same twice.
    ordered: Option<(String, String)>,
}

/// How the files look from outside.
type Stamps = BTreeMap<PathBuf, Stamp>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Files {
    pub(crate) fn new(library: Library, settings: Option<SettingsFile>, imported: Imported) -> Self {
        let kept = |file: SettingsFile| {
            let agreed = file.settings().clone();
            Kept { file, imported, server: agreed.clone(), agreed, ordered: None }
        };
        Self { library, settings: settings.map(kept), folder_error: None }
    }

    /// Watches the files until the server is gone. What has to be put in force comes from the first of what this gives; the second is
    /// done when all has been written.
    pub(crate) fn watch(
        self,
        mut changes: SettingsWatch,
    ) -> std::io::Result<(mpsc::UnboundedReceiver<Order>, oneshot::Receiver<()>)> {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (done, is_done) = oneshot::channel();
        let (sender, notes) = channel();
        thread::Builder::new().name("files".into()).spawn(move || {
            self.run(&notes, &orders);
            let _ = done.send(());
        })?;
        tokio::spawn(async move {
            while let Some(settings) = changes.changed().await {
                if sender.send(settings).is_err() {
                    return;
                }
            }
        });
        Ok((receiver, is_done))
    }

    fn run(mut self, notes: &Receiver<Settings>, orders: &mpsc::UnboundedSender<Order>) {
        let mut settling = Settling::new(self.stamps());
        // What has changed since the files were read, or is too young to tell.
        let mut again = Some(Instant::now());
        loop {
            let pace = if settling.is_at_rest() { IDLE } else { BUSY };
            match notes.recv_timeout(pace) {
                Ok(first) => {
                    let newest = notes.try_iter().last().unwrap_or(first);
                    if let Some(kept) = &mut self.settings {
                        kept.server_changed(newest, orders);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let stamps = self.stamps();
            let is_young = stamps.values().any(Stamp::is_young);
            let ready = settling.see(stamps, Instant::now());
            match ready {
                Ready::No if settling.is_at_rest() && again.is_some_and(|again| again <= Instant::now()) => {
                    again = None;
                    if !self.read(false, orders) {
                        settling.disturb(Instant::now());
                    }
                }
                Ready::No => {}
                Ready::Quiet | Ready::Final => {
                    if self.read(ready == Ready::Final, orders) {
                        settling.rest();
                    }
                    again = is_young.then(|| Instant::now() + COARSE);
                }
            }
        }
        if let Some(kept) = &mut self.settings {
            kept.file.look(true);
            kept.write_additions();
            kept.rescue();
        }
    }

    /// Reads what has changed. Whether nothing is broken that may be whole in a moment.
    fn read(&mut self, is_final: bool, orders: &mpsc::UnboundedSender<Order>) -> bool {
        let mut is_settled = true;
        match self.library.read(is_final) {
            Ok(reading) => {
                self.folder_error = None;
                is_settled = reading.is_settled;
                if reading.has_changed {
                    let _ = orders.send(Order::Catalogue(Box::new(self.library.catalogue())));
                }
            }
            Err(error) => {
                let said = Some(error.to_string());
                if self.folder_error != said {
                    let folder = self.library.folder().unwrap_or(Path::new("")).display();
                    error!(
                        "device files in {folder} cannot be read: {error}; what was read before stays in force"
                    );
                    self.folder_error = said;
                }
            }
        }
        if let Some(kept) = &mut self.settings {
            match kept.file.look(is_final) {
                Look::Unsettled => is_settled = false,
                Look::Same | Look::Changed => {
                    kept.write_additions();
                    kept.agree(orders);
                }
            }
        }
        is_settled
    }

    fn stamps(&self) -> Stamps {
        let files =
            self.library.folder().and_then(|folder| device_file::list(folder).ok()).unwrap_or_default();
        let settings = self.settings.as_ref().map(|kept| kept.file.path().to_owned());
        files
            .into_iter()
            .chain(settings)
            .filter_map(|path| Some((Stamp::of(&path)?, path)))
            .map(|(stamp, path)| (path, stamp))
            .collect()
    }
}

impl Kept {
    /// The server has other settings than before: it has taken in what it was told, or has given a device its index.
    fn server_changed(&mut self, server: Settings, orders: &mpsc::UnboundedSender<Order>) {
        self.server = server;
        self.write_additions();
        self.agree(orders);
    }

    fn has_additions(&self) -> bool {
        self.file.settings().clone().adopt_indices(&self.agreed, &self.server)
    }

    /// Writes what the server has added. If somebody is at the file, that waits until it has been looked at.
    fn write_additions(&mut self) {
        if !(self.has_additions() && self.file.is_as_seen()) {
            return;
        }
        let (agreed, server) = (&self.agreed, &self.server);
        match self.file.update(&|settings| Ok(settings.adopt_indices(agreed, server))) {
            Ok(is_news) => {
                self.agreed = self.file.settings().clone();
                if is_news {
                    info!("the settings in {} have changed", self.file.path().display());
                }
            }
            // It has been said that it is broken, or will be; what is to be written waits until it is put right.
            Err(UpdateError::Broken(..)) => {}
            Err(error) => warn!("settings: {error}"),
        }
    }

    /// Has the server take over what the file says.
    fn agree(&mut self, orders: &mpsc::UnboundedSender<Order>) {
        let order = (self.file.settings().to_text(), self.server.to_text());
        if order.0 == order.1 || self.ordered.as_ref() == Some(&order) {
            return;
        }
        self.agreed = self.file.settings().clone();
        self.ordered = Some(order);
        let _ = orders.send(Order::Settings(Box::new(self.agreed.overlaid(&self.imported))));
    }

    /// At the end, keeps what could not be written because the file is broken.
    fn rescue(&self) {
        if self.file.is_broken() && self.has_additions() {
            let mut settings = self.file.settings().clone();
            settings.adopt_indices(&self.agreed, &self.server);
            self.file.rescue(&settings);
        }
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Some(Self { modified: metadata.modified().ok(), length: metadata.len(), number })
    }

    fn is_young(&self) -> bool {
        let age = self.modified.map(|modified| SystemTime::now().duration_since(modified));
        // A time in the future tells nothing, and is no reason to read for ever.
        age.and_then(Result::ok).is_some_and(|age| age < COARSE)
    }
}
