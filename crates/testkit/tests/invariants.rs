//! The invariants of ARCHITECTURE.md that can be seen in the sources.

use std::fs;
use std::path::{Path, PathBuf};

const PURE: [&str; 4] = ["wire", "program", "devices", "engine"];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates/").to_owned()
}

/// The lines of a crate's sources that are code: no comments, and nothing from `#[cfg(test)]` on.
fn code(krate: &str) -> Vec<(PathBuf, usize, String)> {
    let mut lines = Vec::new();
    let mut folders = vec![crates().join(krate).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_test = path.components().any(|part| part.as_os_str() == "tests")
                || path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
            if is_test || path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let before_tests = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
            for (number, line) in (1..).zip(before_tests.lines()) {
                let line = line.trim_start();
                if !line.starts_with("//") {
                    lines.push((path.clone(), number, line.to_owned()));
                }
            }
        }
    }
    assert!(!lines.is_empty(), "no sources of {krate}");
    lines
}

fn assert_absent(krate: &str, words: &[&str], why: &str) {
    let found: Vec<_> = code(krate)
        .into_iter()
        // A parser's own method is not that of `Option` and `Result`.
        .filter(|(_, _, line)| words.iter().any(|word| line.replace("self.expect(", "").contains(word)))
        .map(|(path, number, line)| format!("{}:{number}: {line}", path.display()))
        .collect();
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

fn manifest(krate: &str) -> String {
    let text = fs::read_to_string(crates().join(krate).join("Cargo.toml")).expect("a manifest");
    text.split("[dev-dependencies]").next().unwrap_or_default().to_owned()
}

#[test]
fn pure_crates_have_no_clock_no_task_no_lock_no_io() {
    for krate in PURE {
        let words = [
            "Instant::now",
            "SystemTime",
            "tokio",
            "Mutex",
            "RwLock",
            "Atomic",
            "OnceLock",
            "std::thread",
            "std::fs",
            "std::net",
            "std::io",
            "std::env",
            "println!",
            "eprintln!",
            "tracing",
            "rand::",
            "RandomState",
            "HashMap",
            "HashSet",
        ];
        assert_absent(
            krate,
            &words,
            "invariant 1: pure crates do no I/O and know no time, no chance and no lock",
        );
    }
}

#[test]
fn pure_crates_do_not_depend_on_a_runtime() {
    for krate in PURE {
        let manifest = manifest(krate);
        for word in ["tokio", "tracing", "async", "futures"] {
            assert!(!manifest.contains(word), "invariant 1: {krate} depends on {word}");
        }
    }
}

#[test]
fn only_wire_knows_json_and_versions() {
    const WHY: &str = "invariant 2: only wire knows the protocol's JSON and its versions";
    let versions = ["Dialect::V", "MessageVersion", "ProtocolVersion"];
    for krate in ["program", "devices", "engine", "hardware", "server"] {
        assert_absent(krate, &versions, WHY);
    }
    // Some buses have JSON of their own, and so have the settings of other servers.
    for krate in ["program", "engine", "server"] {
        assert_absent(krate, &["serde_json"], WHY);
    }
}

#[test]
fn dependencies_point_one_way() {
    let allowed: [(&str, &[&str]); 7] = [
        ("wire", &[]),
        ("program", &["wire"]),
        ("devices", &["program", "wire"]),
        ("engine", &["program", "wire"]),
        ("hardware", &["program", "wire"]),
        ("server", &["devices", "engine", "hardware", "program", "wire"]),
        ("client", &["server", "wire"]),
    ];
    for (krate, allowed) in allowed {
        for line in manifest(krate).lines() {
            if let Some(name) =
                line.strip_prefix("frisson-").and_then(|rest| rest.split([' ', '=', '.']).next())
            {
                assert!(allowed.contains(&name), "{krate} depends on {name}");
            }
        }
    }
}

#[test]
fn shared_state_of_the_server_has_no_lock() {
    assert_absent("server", &["Mutex", "RwLock", "DashMap"], "invariant 3: shared state has one owner");
}

#[test]
fn nothing_from_outside_can_panic_us() {
    for krate in ["wire", "program", "devices", "engine", "hardware", "server", "client", "frisson"] {
        let words = [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("];
        assert_absent(krate, &words, "invariant 4: a peer, a device or a file cannot panic us");
    }
}

#[test]
fn no_number_from_outside_is_cut_off() {
    for krate in ["wire", "program", "devices", "engine", "hardware", "server"] {
        // A float becomes an integer with `as` only, which saturates; that is done in two functions of one module.
        let words = [" as u8", " as u16", " as u32", " as i8", " as i16", " as i32", " as usize"];
        let found: Vec<_> = code(krate)
            .into_iter()
            .filter(|(path, _, line)| {
                !path.ends_with("convert.rs") && words.iter().any(|word| line.contains(word))
            })
            .map(|(path, number, line)| format!("{}:{number}: {line}", path.display()))
            .collect();
        assert!(found.is_empty(), "invariant 4: no narrowing `as`:\n{}", found.join("\n"));
    }
}

#[test]
fn limits_are_applied_in_one_place() {
    let callers: Vec<_> = code("engine")
        .into_iter()
        .filter(|(path, _, line)| !path.ends_with("limits.rs") && line.contains("steps.min"))
        .map(|(path, number, line)| format!("{}:{number}: {line}", path.display()))
        .collect();
    assert!(callers.is_empty(), "invariant 6: limits are applied in one function:\n{}", callers.join("\n"));
}
