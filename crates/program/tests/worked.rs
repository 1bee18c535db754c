//! The worked files of the language load, and their own tests pass.

use std::fs;
use std::path::Path;
use std::time::Instant;

use frisson_program::language;

#[test]
fn every_worked_file_loads_and_passes_its_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/devices");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of device files") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a device file");
        let origin = path.file_name().expect("a name").to_string_lossy();
        match language::check(&text, &origin, Instant::now()) {
            Ok(definition) => definition.warnings().iter().for_each(|warning| eprintln!("{warning}")),
            Err(found) => wrong.extend(found.iter().map(ToString::to_string)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
