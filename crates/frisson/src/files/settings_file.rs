//! The settings file: read, watched over, written without losing what others have written, and recovered from its copy.
//!
//! Beside `settings.toml` stand `settings.toml.bak`, the last version that could be read, and `settings.toml.lock`, which a program holds while
//! it changes the file.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use frisson_program::language::Diagnostic;
use frisson_server::settings::Settings;
use tracing::{debug, error, info, warn};

use super::disk::{self, Lock};
use crate::device_file;
use crate::exit::Failure;

/// More of a file is not read; a file that long is refused.
const LONGEST: u64 = 4 * 1024 * 1024 + 1;

/// So often, and with this pause, a file is read again that somebody may be writing.
const CALMING: (u32, Duration) = (8, Duration::from_millis(50));

/// So often a file that somebody else is writing is read again.
const TRIES: usize = 20;

/// The settings file.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    /// What is in it, as far as known; `None` if there is no file.
    bytes: Option<Vec<u8>>,
    /// What of it counts.
    settings: Settings,
    state: State,
}

/// Whether the file can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sound,
    /// It was damaged when it was first read; what counts comes from the copy.
    Damaged,
    /// Somebody has broken it since, and is perhaps at it: what counts is what it said before.
    Broken,
}

/// Why a change of the settings was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    /// The file is broken, and what is in it would be lost.
    #[error("{0} cannot be read, and is not written over")]
    Broken(PathBuf, Vec<Diagnostic>),
    /// The system does not let it be written.
    #[error("{0} cannot be written: {1}")]
    Io(PathBuf, io::Error),
    /// What was to be changed cannot be.
    #[error("{0}")]
    Refused(String),
}

impl From<UpdateError> for Failure {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Broken(..) | UpdateError::Refused(_) => Self::Usage(error.to_string()),
            UpdateError::Io(..) => Self::Failed(error.to_string()),
        }
    }
}

/// What came of looking at the file again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing has changed, or it has been said already.
    Same,
    /// It says something else.
    Changed,
    /// It is gone or cannot be read, perhaps for a moment.
    Unsettled,
}

impl SettingsFile {
    /// Reads the file; what is wrong with it is told. There may be none.
    ///
    /// # Errors
    /// It is there, and the system does not let it be read.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let mut file = Self { path, bytes: None, settings: Settings::default(), state: State::Sound };
        file.bytes = disk::read(&file.path, LONGEST)?;
        match file.parse() {
            Ok(_) if file.is_emptied() => {
                file.state = State::Damaged;
                file.recover();
            }
            Ok((settings, odd)) => {
                odd.iter().for_each(|odd| warn!("{odd}"));
                file.settings = settings;
                if file.bytes.is_none()
                    && file.read_copy().is_some_and(|copy| copy.devices().next().is_some())
                {
                    let (path, copy) = (file.path.display(), file.copy());
                    warn!(
                        "there is no {path}, so nothing of yours counts; to have it back, copy {} to it",
                        copy.display()
                    );
                }
                file.keep_copy();
            }
            Err(wrong) => {
                wrong.iter().for_each(|wrong| warn!("{wrong}"));
                file.state = State::Damaged;
                file.recover();
            }
        }
        Ok(file)
    }

    /// The same without a word and without a copy, for programs that only read. What is wrong with the file is given along.
    pub(crate) fn peek(path: PathBuf) -> io::Result<(Self, Vec<Diagnostic>)> {
        let mut file = Self { path, bytes: None, settings: Settings::default(), state: State::Sound };
        file.bytes = read_calm(&file.path)?;
        let found = match file.parse() {
            Ok(_) if file.is_emptied() => {
                file.state = State::Damaged;
                file.settings = file.read_copy().unwrap_or_default();
                Vec::new()
            }
            Ok((settings, odd)) => {
                file.settings = settings;
                odd
            }
            Err(wrong) => {
                file.state = State::Broken;
                wrong
            }
        };
        Ok((file, found))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What of the file counts.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether somebody has broken the file, so that it is not written.
    pub(crate) fn is_broken(&self) -> bool {
        self.state == State::Broken
    }

    /// Whether the file is as it was last seen.
    pub(crate) fn is_as_seen(&self) -> bool {
        disk::read(&self.path, LONGEST).is_ok_and(|bytes| bytes == self.bytes)
    }

    /// Looks at the file again. Unless this is `final`, what is wrong is not told yet, for somebody may be about to write.
    pub(crate) fn look(&mut self, is_final: bool) -> Look {
        let path = self.path.display();
        let bytes = match disk::read(&self.path, LONGEST) {
            Ok(bytes) => bytes,
            Err(error) if is_final => {
                warn!("the settings in {path} cannot be read: {error}; what they said stays in force");
                return Look::Same;
            }
            Err(_) => return Look::Unsettled,
        };
        if bytes == self.bytes {
            return Look::Same;
        }
        // Many editors empty a file before they write it, and an empty file is sound.
        if !is_final && bytes.as_deref().is_none_or(is_blank) {
            return Look::Unsettled;
        }
        // Nobody lifts limits by that.
        let has_devices = self.settings.devices().next().is_some();
        if bytes.is_none() || (has_devices && bytes.as_deref().is_some_and(is_blank)) {
            let how = if bytes.is_none() { "gone" } else { "empty" };
            warn!("the settings file {path} is {how}; what it said stays in force while the server runs");
            (self.bytes, self.state) = (bytes, State::Sound);
            return Look::Same;
        }
        let before = std::mem::replace(&mut self.bytes, bytes);
        match self.parse() {
            Ok((settings, odd)) => {
                odd.iter().for_each(|odd| warn!("{odd}"));
                match self.state {
                    State::Sound => info!("the settings in {path} have changed"),
                    _ => info!("the settings in {path} can be read again"),
                }
                (self.settings, self.state) = (settings, State::Sound);
                self.keep_copy();
                Look::Changed
            }
            Err(_) if !is_final => {
                self.bytes = before;
                Look::Unsettled
            }
            Err(wrong) => {
                wrong.iter().for_each(|wrong| error!("{wrong}"));
                warn!("what the settings in {path} said before stays in force until they are put right");
                self.state = State::Broken;
                Look::Same
            }
        }
    }

    /// Changes the file. What others have written meanwhile is read first, and stays. `change` tells whether it has changed anything; it may be
    /// called several times. Gives whether the file says something new besides the change.
    ///
    /// # Errors
    /// Nothing has been written; what counts stays as it is.
    pub(crate) fn update(
        &mut self,
        change: &dyn Fn(&mut Settings) -> Result<bool, String>,
    ) -> Result<bool, UpdateError> {
        let failed = |error| UpdateError::Io(self.path.clone(), error);
        let target = disk::target(&self.path);
        let _lock = Lock::take(&target).map_err(failed)?;
        let mut is_news = false;
        for _ in 0..TRIES {
            let present = read_calm(&target).map_err(|error| UpdateError::Io(self.path.clone(), error))?;
            // What is damaged is not taken for settings, and a file that is gone is made anew.
            if present != self.bytes && present.is_some() {
                let before = std::mem::replace(&mut self.bytes, present.clone());
                match self.parse() {
                    Ok((settings, _)) => {
                        (self.settings, self.state, is_news) = (settings, State::Sound, true)
                    }
                    Err(wrong) => {
                        self.bytes = before;
                        return Err(UpdateError::Broken(self.path.clone(), wrong));
                    }
                }
            }
            if self.state == State::Broken && present.is_some() {
                let wrong = self.parse().err().unwrap_or_default();
                return Err(UpdateError::Broken(self.path.clone(), wrong));
            }
            let mut next = self.settings.clone();
            if !change(&mut next).map_err(UpdateError::Refused)? {
                return Ok(is_news);
            }
            let text = next.to_text().into_bytes();
            if self.state == State::Damaged && present.as_deref().is_some_and(|bytes| !is_blank(bytes)) {
                self.set_aside(&target).map_err(|error| UpdateError::Io(self.path.clone(), error))?;
            }
            let is_still = || Ok(disk::read(&target, LONGEST)? == present);
            if disk::replace(&target, &text, &target, is_still)
                .map_err(|error| UpdateError::Io(self.path.clone(), error))?
            {
                debug!("settings written to {}", target.display());
                (self.bytes, self.settings, self.state) = (Some(text), next, State::Sound);
                self.keep_copy();
                return Ok(is_news);
            }
        }
        let busy = io::Error::other("another program changes it all the time");
        Err(UpdateError::Io(self.path.clone(), busy))
    }

    /// Writes to the copy what could not be written to the broken file, so that it is there when the file is recovered.
    pub(crate) fn rescue(&self, settings: &Settings) {
        if let Err(error) =
            disk::replace(&self.copy(), settings.to_text().as_bytes(), &self.path, || Ok(true))
        {
            warn!("the copy of the settings cannot be written: {error}");
        }
    }

    fn parse(&self) -> Result<(Settings, Vec<Diagnostic>), Vec<Diagnostic>> {
        parse(self.bytes.clone().unwrap_or_default(), &self.path)
    }

    /// The last version that could be read.
    fn copy(&self) -> PathBuf {
        disk::beside(&disk::target(&self.path), ".bak")
    }

    fn keep_copy(&self) {
        let Some(bytes) = &self.bytes else { return };
        let copy = self.copy();
        if disk::read(&copy, LONGEST).is_ok_and(|present| present.as_ref() == Some(bytes)) {
            return;
        }
        if let Err(error) = disk::replace(&copy, bytes, &self.path, || Ok(true)) {
            warn!("no copy of the settings can be kept in {}: {error}", copy.display());
        }
    }

    /// What the copy says, if that can be read.
    fn read_copy(&self) -> Option<Settings> {
        let copy = self.copy();
        let bytes = disk::read(&copy, LONGEST).ok().flatten()?;
        parse(bytes, &copy).ok().map(|(settings, _)| settings)
    }

    /// Whether nothing is in the file and devices are in the copy: a machine that crashes may leave that, and a user who wants to be
    /// rid of all settings deletes both.
    fn is_emptied(&self) -> bool {
        self.bytes.as_deref().is_some_and(is_blank)
            && self.read_copy().is_some_and(|copy| copy.devices().next().is_some())
    }

    /// Takes what the copy says.
    fn recover(&mut self) {
        let (path, copy) = (self.path.display(), self.copy());
        match self.read_copy() {
            Some(settings) => {
                warn!(
                    "{path} is damaged or empty: the copy {} counts instead, the last version that could be. Put the file right, or copy \
                     the copy over it; the file stays as it is, and is set aside when an index has to be written",
                    copy.display()
                );
                self.settings = settings;
            }
            None => warn!(
                "the settings in {path} are not used, and there is no copy to go back to: no name, index or limit of yours counts until \
                 they are put right; the file stays as it is, and is set aside when an index has to be written"
            ),
        }
    }

    /// Keeps what is in a damaged file under a name that is free.
    fn set_aside(&self, target: &Path) -> io::Result<()> {
        for number in 1..1000 {
            let aside = disk::beside(target, &format!(".damaged-{number}"));
            match disk::create(&aside, self.bytes.as_deref().unwrap_or_default(), target) {
                Ok(()) => {
                    warn!("the settings file that cannot be read is kept as {}", aside.display());
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("there are 999 damaged settings files beside it; remove some"))
    }
}

/// What is in a file, but not in the moment in which somebody writes it, as far as that can be told.
fn read_calm(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let (times, pause) = CALMING;
    for _ in 1..times {
        match disk::read(path, LONGEST)? {
            Some(bytes) if is_blank(&bytes) || parse(bytes.clone(), path).is_err() => thread::sleep(pause),
            read => return Ok(read),
        }
    }
    disk::read(path, LONGEST)
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

fn parse(bytes: Vec<u8>, path: &Path) -> Result<(Settings, Vec<Diagnostic>), Vec<Diagnostic>> {
    let origin = path.display().to_string();
    let text = device_file::text(bytes, &origin).map_err(|wrong| vec![wrong])?;
    Settings::parse(&text, &origin)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use frisson_server::settings::{Change, Key, Whom};

    use super::*;

    const MINE: &str = "format = 1\n\n# The left one.\n[[device]]\naddress = \"ble:C0:FF:EE:00:00:01\"\nprotocol = \"lovense\"\nmodel = \"EL\"\nindex = 0\n";

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        (folder, path)
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn remember(index: u32) -> impl Fn(&mut Settings) -> Result<bool, String> {
        move |settings| Ok(settings.remember_index(&Key::new("ble:C0:FF:EE:00:00:02", "aneros", ""), index))
    }

    fn file(path: &Path, content: &str) -> SettingsFile {
        fs::write(path, content).expect("is written");
        SettingsFile::open(path.to_owned()).expect("can be read")
    }

    #[test]
    fn what_others_have_written_is_merged() {
        let (_folder, path) = folder();
        let mut file = file(&path, MINE);
        fs::write(&path, MINE.replace("index = 0", "index = 0\nname = \"Left\"")).expect("is written");
        assert!(file.update(&remember(1)).expect("is written"));
        let now = text(&path);
        assert!(
            now.starts_with("format = 1\n\n# The left one.\n") && now.contains("name = \"Left\""),
            "{now}"
        );
        assert!(now.ends_with("index = 1\n"), "{now}");
        assert_eq!(file.look(false), Look::Same);
        assert_eq!(text(&file.copy()), now);
    }

    #[test]
    fn two_programs_that_write_at_once_lose_nothing() {
        let (_folder, path) = folder();
        fs::write(&path, MINE).expect("is written");
        let writers = (1..5_u32).map(|writer| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut file = SettingsFile::open(path).expect("can be read");
                for turn in 0..10 {
                    let whom = Whom::at(&format!("ble:C0:FF:EE:00:0{writer}:0{turn}"));
                    file.update(&|settings| {
                        let set = settings.set_for(&whom, None, Change::Deny(true));
                        set.map(|()| true).map_err(|error| error.to_string())
                    })
                    .expect("is written");
                }
            })
        });
        writers.collect::<Vec<_>>().into_iter().for_each(|writer| writer.join().expect("no panic"));
        assert_eq!(text(&path).matches("deny = true").count(), 40);
    }

    #[test]
    fn a_damaged_file_is_recovered_from_its_copy_and_set_aside_when_it_is_written() {
        let (folder, path) = folder();
        file(&path, MINE);
        let mut file = file(&path, "format = 1\n[[dev");
        assert_eq!(file.settings().to_text(), MINE);
        assert_eq!(text(&path), "format = 1\n[[dev");
        file.update(&remember(1)).expect("is written");
        assert_eq!(text(&folder.path().join("settings.toml.damaged-1")), "format = 1\n[[dev");
        assert!(text(&path).starts_with(MINE) && text(&path).ends_with("index = 1\n"), "{}", text(&path));
    }

    #[test]
    fn a_file_that_a_crash_has_emptied_is_recovered_and_lifts_no_limit() {
        let (folder, path) = folder();
        let mut running = file(&path, MINE);
        fs::write(&path, "").expect("is written");
        assert_eq!(running.look(true), Look::Same);
        assert_eq!(running.settings().to_text(), MINE);
        for open in [SettingsFile::open, |path| SettingsFile::peek(path).map(|(file, _)| file)] {
            fs::write(&path, "").expect("is written");
            let mut file = open(path.clone()).expect("can be read");
            assert_eq!(file.settings().to_text(), MINE);
            file.update(&remember(1)).expect("is written");
            assert!(text(&path).starts_with(MINE), "{}", text(&path));
            fs::write(file.copy(), MINE).expect("is written");
        }
        assert!(!folder.path().join("settings.toml.damaged-1").exists());
        // Without a copy an empty file is what it is.
        fs::remove_file(running.copy()).expect("is there");
        assert_eq!(file(&path, "").settings().devices().count(), 0);
    }

    #[test]
    fn a_file_that_is_broken_while_it_is_in_use_is_left_alone() {
        let (_folder, path) = folder();
        let mut file = file(&path, MINE);
        fs::write(&path, b"format = 1\n\xff").expect("is written");
        assert_eq!(file.look(false), Look::Unsettled);
        assert_eq!(file.look(true), Look::Same);
        assert!(matches!(file.update(&remember(1)), Err(UpdateError::Broken(..))));
        assert_eq!(fs::read(&path).expect("is there"), b"format = 1\n\xff");
        fs::write(&path, MINE).expect("is written");
        assert_eq!(file.look(false), Look::Changed);
        file.update(&remember(1)).expect("is written");
    }

    #[test]
    fn a_file_that_is_emptied_before_it_is_written_changes_nothing() {
        let (_folder, path) = folder();
        let mut file = file(&path, MINE);
        fs::write(&path, "").expect("is written");
        assert_eq!(file.look(false), Look::Unsettled);
        assert!(!file.is_as_seen());
        let writer = {
            let path = path.clone();
            let edited = MINE.replace("index = 0", "index = 5");
            thread::spawn(move || fs::write(path, edited).expect("is written"))
        };
        file.update(&remember(1)).expect("is written");
        writer.join().expect("no panic");
        assert!(text(&path).contains("index = 5") && text(&path).contains("index = 1"), "{}", text(&path));
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_changes_nothing() {
        let (_folder, path) = folder();
        let mut file = file(&path, MINE);
        fs::remove_file(&path).expect("is there");
        assert_eq!(file.look(false), Look::Unsettled);
        fs::write(&path, MINE).expect("is written");
        assert_eq!(file.look(false), Look::Same);
        fs::remove_file(&path).expect("is there");
        assert_eq!(file.look(true), Look::Same);
        file.update(&remember(1)).expect("is written");
        assert!(text(&path).starts_with(MINE), "{}", text(&path));
    }
}
