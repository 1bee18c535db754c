//! `frisson device new`: a device file to start from, which is sound as it is.

use std::path::{Path, PathBuf};

use frisson_server::Catalogue;

use super::print;
use crate::cli::{Bus, New};
use crate::device_file;
use crate::exit::Failure;
use crate::files::{self, replace};

pub(super) fn run(options: New) -> Result<(), Failure> {
    let text = text(&options)?;
    let is_standard_output = options.output.as_deref().is_some_and(|path| path == Path::new("-"));
    let path = path(&options)?;
    // The checker knows what can be an id, and nothing is written that it does not take.
    let library = files::open_library(options.device_files)?;
    let catalogue = library.catalogue();
    if let Err(found) = device_file::check(&text, &path.display().to_string(), &|id| catalogue.file(id)) {
        super::complain(&found);
        return Err(Failure::Usage(format!("nothing was written: `{}` would not be sound", options.id)));
    }
    if is_standard_output {
        return print(&text);
    }
    let written = replace(&path, text.as_bytes(), &path, || Ok(!path.exists()));
    let shown = path.display();
    match written {
        Ok(true) => print(&format!(
            "{shown} is a sound device file. Put in what your device says, then:\n  \
             frisson device check {shown}\n  frisson device try {shown}\n\
             A running server takes it over as soon as it is in its folder of device files.\n"
        )),
        Ok(false) => Err(Failure::Usage(format!("{shown} is there already, and is not written over"))),
        Err(error) => Err(Failure::Failed(format!("{shown} cannot be written: {error}"))),
    }
}

/// Where it goes. The name of the file is the id.
fn path(options: &New) -> Result<PathBuf, Failure> {
    let name = format!("{}.toml", options.id);
    match &options.output {
        None => Ok(name.into()),
        Some(path) if path == Path::new("-") => Ok(name.into()),
        Some(path) if path.is_dir() => Ok(path.join(name)),
        Some(path) if path.file_name().is_some_and(|file| *file == *name) => Ok(path.clone()),
        Some(path) => Err(Failure::Usage(format!(
            "the name of the file is the id of the protocol: {} cannot hold `{}`; give a folder, or a file called {name}",
            path.display(),
            options.id
        ))),
    }
}

fn text(options: &New) -> Result<String, Failure> {
    let Some(from) = &options.from else { return Ok(skeleton(options.bus)) };
    let library = files::open_library(options.device_files.clone())?;
    let own = library.protocols().find(|own| own.id() == from.as_str());
    let text = match own {
        Some(own) => device_file::read(Path::new(own.origin())).map_err(|found| {
            super::complain(&found);
            Failure::Usage(format!("{} cannot be read", own.origin()))
        })?,
        None => Catalogue::text(from).map(str::to_owned).ok_or_else(|| {
            Failure::Usage(format!("there is no protocol `{from}`; `frisson device list` lists them"))
        })?,
    };
    Ok(derived(&text, from, &options.id))
}

/// A copy of a protocol. Comments at the top stay there, the format follows.
fn derived(text: &str, from: &str, id: &str) -> String {
    let note = match from == id {
        true => "# This file takes the place of the protocol that comes with Frisson.\n".to_owned(),
        false => format!(
            "# Begun as a copy of the protocol {from}, so it is found by the same names, and goes before it: change them to those of your device.\n"
        ),
    };
    let has_format = text
        .lines()
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.strip_prefix("format").is_some_and(|rest| rest.trim_start().starts_with('=')));
    let head = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum();
    let (head, rest) = text.split_at_checked(head).unwrap_or(("", text));
    let format = if has_format { "" } else { "format = 1\n" };
    format!("{head}{note}{format}{rest}")
}

/// A whole file for a vibrator with one motor.
fn skeleton(bus: Bus) -> String {
    let found = match bus {
        Bus::Ble => {
            "# How it is found: the name that it advertises (a * at the end stands for anything), and which characteristic of which service is\n\
             # which endpoint. A Bluetooth explorer on a phone shows both.\n\
             [[ble]]\nnames = [\"My Device\"]\nservices.fff0 = { tx = \"fff2\", rx = \"fff1\" }\n"
        }
        Bus::Serial => {
            "# How it is found: the user names the port.\n\
             [[serial]]\nport = \"default\"\nbaud_rate = 115200\n"
        }
        Bus::Hid => {
            "# How it is found: vendor and product, as lsusb or the device manager show them.\n\
             [[hid]]\nids = [{ vendor = 0x1234, product = 0x5678 }]\n"
        }
        Bus::Websocket => {
            "# How it is found: what it calls itself when it connects.\n\
             [[websocket]]\nnames = [\"my-device\"]\n"
        }
    };
    format!(
        "# A device of which nothing is known yet. docs/device-language.md explains each key; docs/example-device.toml has them all.\n\
         format = 1\n\
         proof = \"unproven\"                  # take this out once you have seen it work\n\n\
         {found}\n\
         # What is written when a value changes: bytes, with holes for what varies. {{v}} is the value, {{i}} the number of the motor.\n\
         [[packets]]\n\
         hex = \"A0 {{i}} {{v}}\"\n\n\
         # What the device can do: a motor with 100 steps. More motors are more entries; other kinds are rotate, oscillate, constrict, stroke ...\n\
         [[models]]\n\
         name = \"My Device\"\n\
         features = [{{ vibrate = 100 }}]\n\n\
         # What must come out. `frisson device try --trace` writes these for you.\n\
         [[tests]]\n\
         steps = [\n  {{ set = [[0, 50]], sends = [\"tx A0 00 32\"] }},\n  {{ stop = true, sends = [\"tx A0 00 00\"] }},\n]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_skeleton_is_sound() {
        for bus in [Bus::Ble, Bus::Serial, Bus::Hid, Bus::Websocket] {
            let checked = device_file::check(&skeleton(bus), "mine.toml", &Catalogue::definition);
            let definition = checked.unwrap_or_else(|found| panic!("{bus:?}: {}", found[0]));
            assert!(definition.warnings().is_empty(), "{bus:?}");
        }
    }

    #[test]
    fn a_copy_of_every_protocol_is_sound() {
        for id in Catalogue::protocols() {
            let text = derived(Catalogue::text(id).expect("is built in"), id, "mine");
            let checked = device_file::check(&text, "mine.toml", &Catalogue::definition);
            assert!(checked.is_ok(), "{id}: {}", checked.expect_err("it is wrong")[0]);
        }
    }
}
