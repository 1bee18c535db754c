//! The files that say something about devices: the user's settings, device files, and the configuration of another server.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use etcetera::BaseStrategy;
use frisson_program::language;
use frisson_server::settings::{Settings, import};
use frisson_server::{Catalogue, SettingsWatch, Simulated};
use tracing::{debug, error, info, warn};

use crate::cli::Serve;
use crate::exit::Failure;

/// What the files say.
pub(crate) struct Prepared {
    pub(crate) catalogue: Catalogue,
    pub(crate) settings: Settings,
    /// Simulated devices besides those of the command line.
    pub(crate) simulated: Vec<Simulated>,
    /// Where changes of the settings are written.
    pub(crate) file: Option<SettingsFile>,
}

/// Reads all files that the options name, and those at the usual places.
pub(crate) fn prepare(options: &Serve) -> Result<Prepared, Failure> {
    let mut catalogue = Catalogue::built_in();
    device_files(options, &mut catalogue)?;
    let (mut settings, file) = settings(options)?;
    let mut simulated = Vec::new();
    if let Some(path) = &options.import_user_config {
        let imported = import(path, &mut catalogue)?;
        settings = settings.overlaid(&imported);
        simulated = imported.simulated;
    }
    Ok(Prepared { catalogue, settings, simulated, file })
}

/// This program's folder for configuration; `None` if the system has no such place.
fn folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir().join("frisson"))
}

fn device_files(options: &Serve, catalogue: &mut Catalogue) -> Result<(), Failure> {
    let Some(folder) = options.device_files.clone().or_else(|| Some(folder()?.join("devices"))) else {
        return Ok(());
    };
    let paths = match list(&folder) {
        Ok(paths) => paths,
        Err(error) if options.device_files.is_some() => {
            return Err(Failure::Usage(format!("--device-files {}: {error}", folder.display())));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            warn!("device files in {} cannot be read: {error}", folder.display());
            return Ok(());
        }
    };
    for path in paths {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                error!("device file {} cannot be read: {error}", path.display());
                continue;
            }
        };
        match language::check(&text, &path.display().to_string(), Instant::now()) {
            Ok(definition) => {
                info!("device file {}: protocol {}", path.display(), definition.id());
                catalogue.add(Arc::new(definition));
            }
            Err(found) => found.iter().for_each(|wrong| error!("device file left out: {wrong}")),
        }
    }
    Ok(())
}

/// The device files of a folder, in the order of their names.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn settings(options: &Serve) -> Result<(Settings, Option<SettingsFile>), Failure> {
    let path = match &options.settings {
        Some(path) => path.clone(),
        // What other programs present for a test is nothing to be remembered.
        None if options.virtual_hardware_port.is_some() => return Ok(Default::default()),
        None => match folder() {
            Some(folder) => folder.join("settings.toml"),
            None => return Ok(Default::default()),
        },
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) if options.settings.is_some() => {
            return Err(Failure::Usage(format!("--settings {}: {error}", path.display())));
        }
        Err(error) => {
            warn!("the settings in {} cannot be read and are not used: {error}", path.display());
            return Ok(Default::default());
        }
    };
    match Settings::parse(text.as_deref().unwrap_or_default(), &path.display().to_string()) {
        Ok((settings, odd)) => {
            odd.iter().for_each(|odd| warn!("{odd}"));
            Ok((settings, Some(SettingsFile { path, text })))
        }
        Err(wrong) => {
            wrong.iter().for_each(|wrong| warn!("{wrong}"));
            warn!("the settings in {} are not used; the file stays as it is", path.display());
            Ok(Default::default())
        }
    }
}

fn import(path: &Path, catalogue: &mut Catalogue) -> Result<import::Imported, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("--import-user-config {}: {error}", path.display())))?;
    let origin = path.display().to_string();
    let imported = import::read(&text, &origin, &|protocol| catalogue.file(protocol))
        .map_err(|error| Failure::Usage(format!("--import-user-config: {error}")))?;
    imported.warnings.iter().for_each(|warning| warn!("{warning}"));
    for (protocol, addition) in &imported.additions {
        let Some(definition) = catalogue.file(protocol) else { continue };
        let (extended, rejected) = definition.extended(addition.clone());
        rejected.iter().for_each(|rejected| warn!("{rejected}"));
        catalogue.add(Arc::new(extended));
    }
    Ok(imported)
}

/// The settings file.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    /// What was read or written last; `None` if there is no file yet.
    text: Option<String>,
}

impl SettingsFile {
    /// Writes every change, until there will be no more.
    pub(crate) async fn keep(self, mut changes: SettingsWatch) {
        let mut file = self;
        while let Some(settings) = changes.changed().await {
            let written = tokio::task::spawn_blocking(move || {
                if let Err(error) = file.write(settings.to_text()) {
                    warn!("the settings cannot be written to {}: {error}", file.path.display());
                }
                file
            });
            match written.await {
                Ok(back) => file = back,
                Err(_) => return,
            }
        }
    }

    /// Replaces the file as a whole: whatever happens, it is the old or the new one.
    fn write(&mut self, text: String) -> io::Result<()> {
        if self.text.as_ref() == Some(&text) {
            return Ok(());
        }
        let present = match fs::read_to_string(&self.path) {
            Ok(present) => Some(present),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if present.is_some() && present != self.text {
            return Err(io::Error::other(
                "it has been changed while the server runs; what is in it counts from the next start on",
            ));
        }
        // Where the file is a link, what it leads to is written.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut name = OsString::from(path.file_name().unwrap_or_default());
        name.push(format!(".{}.new", std::process::id()));
        let new = path.with_file_name(name);
        let written = fill(&new, &path, &text).and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written?;
        debug!("settings written to {}", path.display());
        self.text = Some(text);
        Ok(())
    }
}

/// Writes a file that is to take the place of `old`, with its permissions.
fn fill(new: &Path, old: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(new)?;
    if let Ok(metadata) = fs::metadata(old) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir, text: Option<&str>) -> SettingsFile {
        let path = folder.path().join("deeper").join("settings.toml");
        SettingsFile { path, text: text.map(str::to_owned) }
    }

    fn names(folder: &tempfile::TempDir) -> Vec<OsString> {
        let entries = fs::read_dir(folder.path().join("deeper")).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    }

    #[test]
    fn a_file_is_made_with_its_folder_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = file(&folder, None);
        for text in ["one\n", "two\n"] {
            file.write(text.to_owned()).expect("is written");
            assert_eq!(fs::read_to_string(&file.path).expect("is there"), text);
            assert_eq!(names(&folder), ["settings.toml"]);
        }
    }

    #[test]
    fn what_somebody_else_has_written_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = file(&folder, None);
        file.write("one".to_owned()).expect("is written");
        fs::write(&file.path, "mine").expect("is written");
        let error = file.write("two".to_owned()).expect_err("is not written");
        assert!(error.to_string().contains("changed while the server runs"), "{error}");
        assert_eq!(fs::read_to_string(&file.path).expect("is there"), "mine");
        assert_eq!(names(&folder), ["settings.toml"]);
    }
}
