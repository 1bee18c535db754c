//! Real inputs, out of the files of the repository: device files, the annotated example, transcripts, settings.

use std::fs;
use std::path::{Path, PathBuf};

/// All device files.
pub fn files() -> Vec<Vec<u8>> {
    device_files().into_iter().map(String::into_bytes).collect()
}

/// What stands in the holes of packets.
pub fn expressions() -> Vec<Vec<u8>> {
    let holes =
        device_files().into_iter().flat_map(|text| values(&text, &["hex", "text"])).flat_map(|packet| {
            let holes = packet.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
            holes.map(|(hole, _)| hole.to_owned()).collect::<Vec<_>>()
        });
    let conditions = device_files().into_iter().flat_map(|text| values(&text, &["when"]));
    distinct(holes.chain(conditions))
}

/// Packets, with a letter in front that says which kind.
pub fn templates() -> Vec<Vec<u8>> {
    lettered("hex", "text")
}

/// Patterns, with a letter in front that says which kind, and some with an answer in the next line.
pub fn patterns() -> Vec<Vec<u8>> {
    let mut all = lettered("expect", "expect_text");
    all.extend([
        b"h01 {level} ..\n\x01\x40\x00".to_vec(),
        b"t{name:alpha}:{firmware:int};{}\nC:11:0082;".to_vec(),
    ]);
    all
}

/// Frames of clients and servers in every version.
pub fn frames() -> Vec<Vec<u8>> {
    let lines = read_all(&root().join("crates/testkit/transcripts"), "txt");
    let frames = lines
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.trim_start().strip_prefix(['>', '<']).map(|frame| frame.trim().to_owned()));
    distinct(frames.filter(|frame| frame.starts_with('[')))
}

/// Settings files.
pub fn settings() -> Vec<Vec<u8>> {
    let manual = fs::read_to_string(root().join("docs/settings.md")).unwrap_or_default();
    let blocks =
        manual.split("```").skip(1).step_by(2).map(|block| block.trim_start_matches("toml").to_owned());
    let plain = "format = 1\n[[device]]\naddress = \"ble:C0:00\"\nprotocol = \"aneros\"\nmodel = \"\"\nindex = 3\nname = \"Left\"\n\
                 allow = true\ndeny = false\ngap = 40\n[[device.output]]\nfeature = 0\nkind = \"vibrate\"\nrange = [0, 64]\n\
                 [[device.output]]\nfeature = 1\nkind = \"stroke\"\nrange = [10, 64]\nms = [20, 500]\nreverse = true\ndisabled = true\n";
    distinct(blocks.chain([plain.to_owned()]))
}

/// Configurations of other servers.
pub fn user_configs() -> Vec<Vec<u8>> {
    distinct(read_all(&root().join("crates/devices/tests/user_config"), "json").into_iter())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn device_files() -> Vec<String> {
    let mut all = read_all(&root().join("crates/devices/data"), "toml");
    all.extend(read_all(&root().join("crates/program/tests/devices"), "toml"));
    all.extend(fs::read_to_string(root().join("docs/example-device.toml")));
    all
}

/// Every file below a folder with this ending, in the order of their names.
fn read_all(folder: &Path, ending: &str) -> Vec<String> {
    let entries =
        fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        if path.is_dir() {
            read_all(&path, ending)
        } else if path.extension().is_some_and(|extension| extension == ending) {
            fs::read_to_string(path).into_iter().collect()
        } else {
            Vec::new()
        }
    };
    paths.into_iter().flat_map(read).collect()
}

/// The values of these keys, as far as they are plain strings.
fn values(text: &str, keys: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for key in keys {
        for rest in text.split(&format!("{key} = \"")).skip(1) {
            found.extend(rest.split_once('"').map(|(value, _)| value.to_owned()));
        }
    }
    found
}

fn lettered(bytes: &str, text: &str) -> Vec<Vec<u8>> {
    let files = device_files();
    let of = |key: &str, letter: &str| -> Vec<String> {
        let found = files.iter().flat_map(|file| values(file, &[key]));
        found.map(|value| format!("{letter}{value}")).collect()
    };
    distinct(of(bytes, "h").into_iter().chain(of(text, "t")))
}

fn distinct(all: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = all.map(String::into_bytes).collect();
    all.sort();
    all.dedup();
    all
}
