//! The user's files: settings and device files, and the folder they are in.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frisson_program::language::{self, Definition, Diagnostic};
use frisson_server::Catalogue;
use frisson_server::settings::Settings;

use crate::{device_file, files};

use super::machine::Machine;
use super::report::{Report, Status, Topic};

const TOPIC: Topic = Topic::Files;

/// A longer file is none of these.
const LONGEST: u64 = 4 * 1024 * 1024;

/// More findings of one settings file are not worth reading.
const MOST: usize = 10;

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The folder of both, where the system has a place for it.
    pub(super) folder: Option<PathBuf>,
    pub(super) settings: Option<SettingsFile>,
    pub(super) devices: Option<DeviceFiles>,
}

/// The settings; `None` if there are none yet.
#[derive(Debug)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    pub(super) is_named: bool,
    pub(super) content: io::Result<Option<Parsed>>,
}

/// Settings, and what is odd in their file; or why they cannot be used.
pub(super) type Parsed = Result<(Settings, Vec<Diagnostic>), Vec<Diagnostic>>;

/// The folder of device files.
#[derive(Debug)]
pub(super) struct DeviceFiles {
    pub(super) folder: PathBuf,
    pub(super) is_named: bool,
    pub(super) files: io::Result<Vec<DeviceFile>>,
}

/// What a device file says, or why it cannot be used.
pub(super) type Checked = Result<Arc<Definition>, Vec<Diagnostic>>;

/// A device file.
#[derive(Debug)]
pub(super) struct DeviceFile {
    pub(super) path: PathBuf,
    pub(super) checked: io::Result<Checked>,
}

impl Files {
    /// Reads the files that `frisson serve` with these options would read.
    pub(super) fn load(settings: Option<&Path>, device_files: Option<&Path>) -> Self {
        Self::in_folder(files::folder(), settings, device_files)
    }

    /// The same with another folder for what no option names.
    pub(super) fn in_folder(
        folder: Option<PathBuf>,
        settings: Option<&Path>,
        device_files: Option<&Path>,
    ) -> Self {
        let place = |named: Option<&Path>, name: &str| {
            named.map(Path::to_owned).or_else(|| folder.as_ref().map(|folder| folder.join(name)))
        };
        let settings_file = place(settings, "settings.toml").map(|path| SettingsFile {
            content: read_settings(&path),
            is_named: settings.is_some(),
            path,
        });
        let devices = place(device_files, "devices").map(|folder| DeviceFiles {
            files: read_devices(&folder),
            is_named: device_files.is_some(),
            folder,
        });
        Self { folder, settings: settings_file, devices }
    }

    /// All protocols: those that Frisson brings along, and the user's own.
    pub(super) fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::built_in();
        let files = self.devices.iter().filter_map(|devices| devices.files.as_ref().ok()).flatten();
        for definition in files.filter_map(|file| file.checked.as_ref().ok()?.as_ref().ok()) {
            catalogue.add(Arc::clone(definition));
        }
        catalogue
    }
}

fn read_settings(path: &Path) -> io::Result<Option<Parsed>> {
    match read(path) {
        Ok(text) => Ok(Some(Settings::parse(&text, &path.display().to_string()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_devices(folder: &Path) -> io::Result<Vec<DeviceFile>> {
    let texts = device_file::list(folder)?.into_iter().map(|path| (read(&path), path));
    // Files may extend others of the folder.
    let extends = |text: &io::Result<String>| {
        let text = text.as_ref().map(String::as_str).unwrap_or_default();
        language::File::parse(text, "any.toml").is_ok_and(|file| file.extends().is_some())
    };
    let (additions, own): (Vec<_>, Vec<_>) = texts.partition(|(text, _)| extends(text));
    let mut catalogue = Catalogue::built_in();
    let mut files = Vec::new();
    for (text, path) in own.into_iter().chain(additions) {
        let origin = path.display().to_string();
        let check = |text: String| device_file::check(&text, &origin, &|id| catalogue.file(id)).map(Arc::new);
        let checked = text.map(check);
        if let Ok(Ok(definition)) = &checked {
            catalogue.add(Arc::clone(definition));
        }
        files.push(DeviceFile { path, checked });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The text of a file, which has to be one: a pipe may never end.
fn read(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    match u64::try_from(text.len()) {
        Ok(length) if length <= LONGEST => Ok(text),
        _ => Err(io::Error::other("it is longer than 4 MiB")),
    }
}

/// Checks whether the files can be used.
pub(super) fn check(machine: &Machine, files: &Files, report: &mut Report) {
    match &files.folder {
        Some(folder) => place(machine, folder, report),
        None => report.warning(
            TOPIC,
            "this system has no folder for configuration, so settings are not kept",
            "set HOME, or name the files: frisson serve --settings FILE --device-files DIR",
        ),
    }
    if let Some(file) = &files.settings {
        of_settings(machine, file, report);
    }
    if let Some(devices) = &files.devices {
        of_devices(devices, report);
    }
}

/// Whether files can be made in the folder, or the folder itself.
fn place(machine: &Machine, folder: &Path, report: &mut Report) {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(folder);
    if !(machine.may_use)(there) {
        let path = there.display();
        report.problem(
            TOPIC,
            format!("{path} cannot be written to, so settings are not kept"),
            format!("make it yours: sudo chown $USER {path} && chmod u+rwx {path}"),
        );
    }
}

fn of_settings(machine: &Machine, file: &SettingsFile, report: &mut Report) {
    let path = file.path.display();
    match &file.content {
        Ok(None) => report.ok(TOPIC, format!("there are no settings yet ({path})")),
        Ok(Some(Ok((settings, odd)))) => {
            let count = settings.devices().count();
            report.ok(
                TOPIC,
                format!("the settings {path} know {count} device{}", if count == 1 { "" } else { "s" }),
            );
            diagnosed(odd, Status::Warning, report);
        }
        Ok(Some(Err(wrong))) => diagnosed(wrong, Status::Problem, report),
        Err(error) => report.problem(
            TOPIC,
            format!("the settings {path} cannot be read: {error}"),
            if file.is_named {
                "name another file with --settings".to_owned()
            } else {
                format!("chmod u+rw {path}")
            },
        ),
    }
    if let Ok(Some(_)) = &file.content {
        if !(machine.may_use)(&file.path) {
            let what = format!("the settings {path} cannot be written to, so changes are lost");
            report.problem(
                TOPIC,
                what,
                format!("make the file yours: sudo chown $USER {path} && chmod u+rw {path}"),
            );
        }
        if mode(&file.path).is_some_and(|mode| mode & 0o002 != 0) {
            let what =
                format!("every user of this machine can change the settings {path}, and so raise limits");
            report.problem(TOPIC, what, format!("chmod o-w {path}"));
        }
    }
}

fn of_devices(devices: &DeviceFiles, report: &mut Report) {
    let folder = devices.folder.display();
    let files = match &devices.files {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !devices.is_named => {
            return report.ok(TOPIC, format!("there are no device files of your own ({folder})"));
        }
        Err(error) => {
            let what = format!("the device files in {folder} cannot be read: {error}");
            return report.problem(
                TOPIC,
                what,
                "name another folder with --device-files, or make this one readable",
            );
        }
    };
    let sound = files.iter().filter(|file| matches!(file.checked, Ok(Ok(_)))).count();
    match (files.len(), sound) {
        (0, _) => report.ok(TOPIC, format!("there are no device files in {folder}")),
        (all, sound) => report.ok(TOPIC, format!("{sound} of {all} device files in {folder} can be used")),
    }
    for file in files {
        match &file.checked {
            Ok(Ok(definition)) => diagnosed(definition.warnings(), Status::Warning, report),
            Ok(Err(wrong)) => diagnosed(wrong, Status::Problem, report),
            Err(error) => {
                let path = file.path.display();
                let what = format!("the device file {path} cannot be read: {error}");
                report.problem(TOPIC, what, format!("make it readable text: chmod u+r {path}"));
            }
        }
    }
}

/// The first few things that a reader of files has found.
fn diagnosed(found: &[Diagnostic], status: Status, report: &mut Report) {
    for one in found.iter().take(MOST) {
        let bare = Diagnostic { help: None, ..one.clone() };
        report.quote(TOPIC, status, bare.to_string(), one.help.clone());
    }
    if let Some(more @ 1..) = found.len().checked_sub(MOST) {
        report.add(TOPIC, status, format!("and {more} more of this kind"), String::new());
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(fs::metadata(path).ok()?.mode())
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}
