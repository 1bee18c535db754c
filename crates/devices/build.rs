//! Gathers the device files into the program, with an index of what they recognise: a sighting is matched without reading any of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

/// What of a device file the index needs. The rest is checked by the tests of this crate, and when the file is used.
#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    ble: Vec<Ble>,
    serial: Vec<Serial>,
    hid: Vec<Ids>,
    usb: Vec<Ids>,
    websocket: Vec<Names>,
    gamepad: Vec<toml::Table>,
    lovense_connect: Vec<toml::Table>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ble {
    names: Vec<String>,
    manufacturer: Vec<Manufacturer>,
    advertised: Vec<String>,
}

#[derive(Deserialize)]
struct Manufacturer {
    company: u16,
    #[serde(default)]
    data: String,
    length: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Serial {
    port: Option<String>,
    ids: Vec<Id>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ids {
    ids: Vec<Id>,
}

#[derive(Deserialize)]
struct Id {
    vendor: u16,
    product: u16,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names {
    names: Vec<String>,
}

fn main() {
    println!("cargo::rerun-if-changed=data");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("data");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of device files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let mut index = String::from("&[\n");
    for path in &paths {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        entry(&mut index, path, &file).expect("strings can be written to");
    }
    index.push(']');
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("index.rs");
    fs::write(out, index).expect("the index can be written");
}

fn entry(index: &mut String, path: &Path, file: &File) -> std::fmt::Result {
    let id = path.file_stem().and_then(|stem| stem.to_str()).expect("a readable name");
    writeln!(index, "    Entry {{ id: {id:?}, text: include_str!({:?}),", path.display().to_string())?;
    let names: Vec<_> = file.ble.iter().flat_map(|ble| &ble.names).collect();
    writeln!(index, "        ble_names: &{names:?},")?;
    index.push_str("        manufacturer: &[");
    for one in file.ble.iter().flat_map(|ble| &ble.manufacturer) {
        let bytes: Vec<u8> = one
            .data
            .split_whitespace()
            .map(|byte| {
                u8::from_str_radix(byte, 16)
                    .unwrap_or_else(|_| panic!("{}: {byte} is no byte", path.display()))
            })
            .collect();
        write!(index, "({}, &{bytes:?}, {:?}), ", one.company, one.length)?;
    }
    index.push_str("],\n");
    let advertised: Vec<_> = file.ble.iter().flat_map(|ble| &ble.advertised).collect();
    writeln!(index, "        advertised: &{advertised:?},")?;
    let ports: Vec<_> = file.serial.iter().filter_map(|serial| serial.port.as_ref()).collect();
    writeln!(index, "        is_serial: {}, serial: &{ports:?},", !file.serial.is_empty())?;
    let pairs = |ids: &[Id]| -> Vec<_> { ids.iter().map(|id| (id.vendor, id.product)).collect() };
    let ids: Vec<_> = file.serial.iter().flat_map(|serial| pairs(&serial.ids)).collect();
    writeln!(index, "        serial_ids: &{ids:?},")?;
    for (name, list) in [("hid", &file.hid), ("usb", &file.usb)] {
        let ids: Vec<_> = list.iter().flat_map(|ids| pairs(&ids.ids)).collect();
        writeln!(index, "        {name}: &{ids:?},")?;
    }
    let names: Vec<_> = file.websocket.iter().flat_map(|websocket| &websocket.names).collect();
    writeln!(index, "        websocket: &{names:?},")?;
    let (gamepad, lovense) = (!file.gamepad.is_empty(), !file.lovense_connect.is_empty());
    writeln!(index, "        gamepad: {gamepad}, lovense_connect: {lovense} }},")
}
