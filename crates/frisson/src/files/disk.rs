//! Files that are replaced as a whole, and a lock so that two programs do not do so at once.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another program may hold the lock. It needs milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// What is in a file, but not more than `longest` bytes; `None` if there is no file.
pub(crate) fn read(path: &Path, longest: u64) -> io::Result<Option<Vec<u8>>> {
    // Opening a pipe would wait for somebody to write, and a device must not be replaced.
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(longest).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where what is written to `path` really goes: to what it leads to if it is a link.
pub(crate) fn target(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The path with something behind the file's name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

/// Replaces a file as a whole, unless `is_still` says no right before: whatever happens, it is the old or the new one. It has the
/// permissions of `like`, if that is there. Whether it was replaced.
pub(crate) fn replace(
    path: &Path,
    bytes: &[u8],
    like: &Path,
    is_still: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    make_folder(path)?;
    let new = beside(path, &format!(".{}.new", std::process::id()));
    let replaced = fill(File::create(&new), bytes, like).and_then(|()| match is_still()? {
        true => fs::rename(&new, path).map(|()| true),
        false => Ok(false),
    });
    if !matches!(replaced, Ok(true)) {
        let _ = fs::remove_file(&new);
    }
    replaced
}

/// Writes a file that must not be there yet, with the permissions of another.
pub(crate) fn create(path: &Path, bytes: &[u8], like: &Path) -> io::Result<()> {
    fill(OpenOptions::new().write(true).create_new(true).open(path), bytes, like)
}

fn fill(file: io::Result<File>, bytes: &[u8], like: &Path) -> io::Result<()> {
    let mut file = file?;
    if let Ok(metadata) = fs::metadata(like) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::create_dir_all(folder),
        None => Ok(()),
    }
}

/// Holds the lock of a file until it is dropped; the system takes it back from a program that dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock, but not for ever.
    pub(crate) fn take(path: &Path) -> io::Result<Self> {
        make_folder(path)?;
        let lock = beside(path, ".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock)?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    let message = format!(
                        "another program has held {} for {} s",
                        lock.display(),
                        LOCK_TIMEOUT.as_secs()
                    );
                    return Err(io::Error::new(io::ErrorKind::TimedOut, message));
                }
                // A file system without locks: what remains is the look right before a file is replaced.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    }

    #[test]
    fn a_file_is_made_with_its_folder_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper").join("settings.toml");
        for text in ["one\n", "two\n"] {
            assert!(replace(&path, text.as_bytes(), &path, || Ok(true)).expect("is written"));
            assert_eq!(fs::read_to_string(&path).expect("is there"), text);
            assert_eq!(names(&folder.path().join("deeper")), ["settings.toml"]);
        }
    }

    #[test]
    fn a_file_that_has_changed_in_the_last_moment_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        fs::write(&path, "mine").expect("is written");
        assert!(!replace(&path, b"other", &path, || Ok(false)).expect("is left"));
        assert_eq!(fs::read_to_string(&path).expect("is there"), "mine");
        assert_eq!(names(folder.path()), ["settings.toml"]);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path(), 10).is_err_and(|error| error.to_string().contains("not a regular file")));
        assert!(read(&folder.path().join("nothing"), 10).is_ok_and(|bytes| bytes.is_none()));
    }

    #[test]
    #[cfg(unix)]
    fn a_copy_is_as_private_as_what_it_is_a_copy_of() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (path, copy) = (folder.path().join("settings.toml"), folder.path().join("copy"));
        fs::write(&path, "mine").expect("is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("is its owner's");
        replace(&copy, b"mine", &path, || Ok(true)).expect("is written");
        assert_eq!(fs::metadata(&copy).expect("is there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.toml");
        let first = Lock::take(&path).expect("is free");
        let other = {
            let path = path.clone();
            std::thread::spawn(move || Lock::take(&path).map(|_| ()))
        };
        assert!(!other.is_finished());
        drop(first);
        other.join().expect("no panic").expect("is free again");
    }
}
