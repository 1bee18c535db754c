//! Every device file of this crate is sound: it compiles, its vectors hold, and no two files claim the same device.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use frisson_program::language::{self, Definition, Severity};

/// A packet for models of users only: no published one triggers it.
const FOR_USERS: &str = "no model can trigger this packet";

/// The device files, in the order of their names, and what stands in them; without those whose packets are Rust, which have tests of
/// their own.
fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let entries = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        (path, text)
    };
    paths.into_iter().map(read).filter(|(_, text)| !is_coded(text)).collect()
}

/// Whether the file says `code = "…"` at its top.
fn is_coded(text: &str) -> bool {
    text.lines().take_while(|line| !line.starts_with('[')).any(|line| line.starts_with("code = "))
}

/// Every file as a definition; panics with all that is wrong.
fn load() -> Vec<Definition> {
    let mut definitions = Vec::new();
    let mut wrong = Vec::new();
    for (path, text) in files() {
        match language::check(&text, &path.to_string_lossy(), Instant::now()) {
            Ok(definition) => definitions.push(definition),
            Err(diagnostics) => wrong.extend(diagnostics.iter().map(ToString::to_string)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    definitions
}

#[test]
fn every_file_compiles_and_its_vectors_hold() {
    let definitions = load();
    assert!(definitions.len() > 100, "only {} files", definitions.len());
    let warnings = definitions.iter().flat_map(Definition::warnings);
    let others: Vec<_> =
        warnings.filter(|warning| warning.message != FOR_USERS).map(ToString::to_string).collect();
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn every_file_is_named_after_its_protocol_and_carries_its_proof() {
    for (definition, (path, _)) in load().iter().zip(files()) {
        let id = definition.id();
        assert_eq!(Some(id), path.file_stem().and_then(|stem| stem.to_str()));
        assert!(definition.tests() > 0, "{id} has no [[tests]]");
        assert!(!definition.models().is_empty(), "{id} has no models");
    }
}

#[test]
fn no_two_files_claim_the_same_device() {
    let definitions = load();
    let conflicts = language::conflicts(&definitions.iter().collect::<Vec<_>>());
    let errors = conflicts.iter().filter(|found| found.severity == Severity::Error);
    let errors: Vec<_> = errors.map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_model_and_feature_can_be_named_in_settings() {
    for definition in &load() {
        for model in definition.models() {
            let id = definition.id();
            let name = model.name.as_deref().unwrap_or_default();
            assert!(!name.is_empty(), "{id}: the model in line {} has no name", model.line);
            assert!(model.id.is_some(), "{id}: {name} has no id");
            let nameless = model.features.iter().find(|feature| feature.id.is_none());
            assert!(nameless.is_none(), "{id}: {name} has a feature without an id");
        }
    }
}
