//! The files that say something about devices: the user's settings, device files, and the configuration of another server.

mod disk;
mod library;
mod settings_file;
mod settling;
mod watch;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use frisson_server::settings::{Settings, import};
use frisson_server::{Catalogue, Simulated};
use tracing::warn;

pub(crate) use self::disk::replace;
pub(crate) use self::library::Library;
pub(crate) use self::settings_file::{SettingsFile, UpdateError};
pub(crate) use self::watch::{Files, Order};
use crate::cli::Serve;
use crate::exit::Failure;

/// What the files say.
pub(crate) struct Prepared {
    pub(crate) catalogue: Catalogue,
    pub(crate) settings: Settings,
    /// Simulated devices besides those of the command line.
    pub(crate) simulated: Vec<Simulated>,
    /// The files themselves, to be watched.
    pub(crate) files: Files,
}

/// Reads all files that the options name, and those at the usual places.
pub(crate) fn prepare(options: &Serve) -> Result<Prepared, Failure> {
    let mut library = open_library(options.device_files.clone())?;
    library.assign(&options.buses.serial)?;
    let file = open_settings(options)?;
    let mut imported = match &options.import_user_config {
        Some(path) => import(path, &library.catalogue())?,
        None => import::Imported::default(),
    };
    library.add(std::mem::take(&mut imported.additions));
    let settings = file.as_ref().map(|file| file.settings().clone()).unwrap_or_default().overlaid(&imported);
    let simulated = std::mem::take(&mut imported.simulated);
    let catalogue = library.catalogue();
    Ok(Prepared { catalogue, settings, simulated, files: Files::new(library, file, imported) })
}

/// This program's folder for configuration; `None` if the system has no such place.
pub(crate) fn folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir().join("frisson"))
}

/// Where settings are kept, unless an option says so.
pub(crate) fn settings_path(option: Option<PathBuf>) -> Option<PathBuf> {
    option.or_else(|| Some(folder()?.join("settings.toml")))
}

/// What is said where there is no such place.
pub(crate) fn no_place() -> Failure {
    Failure::Usage(
        "this system has no folder for configuration; say where the settings are with --settings FILE"
            .to_owned(),
    )
}

/// The user's device files, read and checked. A folder that an option names has to be there.
pub(crate) fn open_library(option: Option<PathBuf>) -> Result<Library, Failure> {
    if let Some(Err(error)) = option.as_ref().map(fs::read_dir)
        && let Some(folder) = &option
    {
        return Err(Failure::Usage(format!("--device-files {}: {error}", folder.display())));
    }
    let mut library = Library::new(option.or_else(|| Some(folder()?.join("devices"))));
    if let Err(error) = library.read(true) {
        let folder = library.folder().unwrap_or(Path::new("")).display();
        warn!("device files in {folder} cannot be read: {error}");
    }
    Ok(library)
}

fn open_settings(options: &Serve) -> Result<Option<SettingsFile>, Failure> {
    // What other programs present for a test is nothing to be remembered.
    if options.settings.is_none() && options.virtual_hardware_port.is_some() {
        return Ok(None);
    }
    let Some(path) = settings_path(options.settings.clone()) else { return Ok(None) };
    match SettingsFile::open(path.clone()) {
        Ok(file) => Ok(Some(file)),
        Err(error) if options.settings.is_some() => {
            Err(Failure::Usage(format!("--settings {}: {error}", path.display())))
        }
        Err(error) => {
            warn!("the settings in {} cannot be read and are not used: {error}", path.display());
            Ok(None)
        }
    }
}

fn import(path: &Path, catalogue: &Catalogue) -> Result<import::Imported, Failure> {
    let text = fs::read_to_string(path).map_err(|error: io::Error| {
        Failure::Usage(format!("--import-user-config {}: {error}", path.display()))
    })?;
    let origin = path.display().to_string();
    let imported = import::read(&text, &origin, &|protocol| catalogue.file(protocol))
        .map_err(|error| Failure::Usage(format!("--import-user-config: {error}")))?;
    imported.warnings.iter().for_each(|warning| warn!("{warning}"));
    Ok(imported)
}
