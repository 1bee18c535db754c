//! The configuration of existing servers, major versions 4 and 5, as additions to the catalogue and as settings of devices.
//!
//! What a user of such a server has set works on here without being entered again: the file is read at the start, laid over the
//! user's own settings, and never written. A base device configuration in that format works too; of it counts what the catalogue
//! does not have.
//!
//! ```
//! use frisson_devices::settings::{Key, Settings, import};
//!
//! let file = r#"{
//!   "version": { "major": 5, "minor": 0 },
//!   "user_configs": { "devices": [ {
//!     "identifier": { "protocol": "lovense", "identifier": "F", "address": "C0:FF:EE:00:00:01" },
//!     "config": { "user_config": { "index": 2, "display_name": "Left bunny" } }
//!   } ] }
//! }"#;
//! let imported = import::read(file, "user-config.json", &|_| None)?;
//!
//! let settings = Settings::default().overlaid(&imported);
//! let bunny = Key::new("ble:C0:FF:EE:00:00:01", "lovense", "F");
//! assert_eq!(settings.display_name(&bunny), Some("Left bunny"));
//! assert_eq!(settings.index_of(&bunny), Some(2));
//! # Ok::<(), import::ImportError>(())
//! ```

mod devices;
mod identifiers;
mod json;
mod models;

use std::collections::BTreeMap;
use std::sync::Arc;

use frisson_program::language::{Addition, Definition, Diagnostic};
use serde_json::Value;

use self::json::{Log, Node, short};
use super::DeviceSettings;
use crate::simulated::Simulated;

/// A longer file is refused.
const LONGEST: usize = 16 * 1024 * 1024;

/// What a configuration of another server says.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// For [`Definition::extended`]: what is added to which protocol.
    pub additions: BTreeMap<String, Addition>,
    /// For [`Settings::overlaid`](super::Settings::overlaid): what is set for single devices.
    pub devices: Vec<DeviceSettings>,
    /// Simulated devices that are to be there.
    pub simulated: Vec<Simulated>,
    /// What was left out, each with the device or protocol, the key and the reason.
    pub warnings: Vec<Diagnostic>,
}

/// Why nothing of a file can be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is too long.
    #[error("{0}: the file is longer than 16 MiB")]
    TooLong(String),
    /// It is no JSON.
    #[error("{0}:{1}:{2}: the file is no JSON: {3}")]
    Json(String, usize, usize, String),
    /// It is JSON, but nothing of this kind.
    #[error("{0}: this is no configuration of devices: {1}")]
    Other(String, &'static str),
    /// It is of a version whose form is not known.
    #[error(
        "{0}: this is a configuration of version {1}; only versions 4 and 5 can be imported. The server that wrote it may be able to write a newer one"
    )]
    Version(String, String),
}

/// Reads a configuration. `definitions` gives the protocols of the catalogue by the name under which settings know them.
///
/// # Errors
/// Nothing of the file can be used.
pub fn read(
    text: &str,
    origin: &str,
    definitions: &dyn Fn(&str) -> Option<Arc<Definition>>,
) -> Result<Imported, ImportError> {
    let name = || origin.to_owned();
    if text.len() > LONGEST {
        return Err(ImportError::TooLong(name()));
    }
    let text = text.trim_start_matches('\u{FEFF}');
    let tree: Value = serde_json::from_str(text).map_err(|why| {
        let full = why.to_string();
        let message = full.split(" at line ").next().unwrap_or_default().to_owned();
        ImportError::Json(name(), why.line(), why.column(), message)
    })?;
    let top = Node::root(&tree);
    if !top.is_object() {
        return Err(ImportError::Other(name(), "it is not an object"));
    }
    let version = tree.get("version").ok_or_else(|| ImportError::Other(name(), "it has no `version`"))?;
    match version.get("major").and_then(Value::as_u64) {
        Some(4 | 5) => {}
        Some(other) => return Err(ImportError::Version(name(), other.to_string())),
        None => return Err(ImportError::Version(name(), short(&version.to_string()))),
    }

    let user = top.get("user_configs");
    let base = top.get("protocols");
    if user.is_none() && base.is_none() {
        return Err(ImportError::Other(name(), "it has neither `user_configs` nor `protocols`"));
    }
    let mut reader = Reader { definitions, log: Log::new(origin), imported: Imported::default() };
    if let Some(protocols) = &base {
        reader.protocols(protocols, true);
    }
    if let Some(user) = &user {
        if let Some(protocols) = user.get("protocols") {
            reader.protocols(&protocols, false);
        }
        for node in user.list("devices", &mut reader.log) {
            reader.device(&node);
        }
        for node in user.list("simulated_devices", &mut reader.log) {
            reader.simulated(&node);
        }
    }
    let Reader { log, imported, .. } = reader;
    Ok(Imported { warnings: log.finish(), ..imported })
}

/// The import at work.
struct Reader<'d> {
    definitions: &'d dyn Fn(&str) -> Option<Arc<Definition>>,
    log: Log,
    imported: Imported,
}

impl Reader<'_> {
    /// Ways to recognise devices, and devices. Of a base configuration, those that the catalogue does not have.
    fn protocols(&mut self, protocols: &Node<'_>, is_base: bool) {
        self.log.about.clear();
        for (name, node) in protocols.members(&mut self.log) {
            self.log.about = format!("protocol {}: ", short(name));
            let Some(definition) = (self.definitions)(name) else {
                self.log.warn(
                    &node,
                    "the catalogue has no such protocol, so its devices cannot be driven; it is left out",
                );
                continue;
            };
            let mut identifiers = identifiers::read(&node, &definition, &mut self.log);
            let mut models = models::read(&node, &definition, &mut self.log);
            if is_base {
                identifiers::keep_new(&mut identifiers, &definition);
                models::keep_new(&mut models, &definition);
            }
            if models.is_empty() && identifiers == Default::default() {
                continue;
            }
            let addition = self.imported.additions.entry(name.to_owned()).or_default();
            identifiers::append(&mut addition.identifiers, identifiers);
            // What the user configured is found before what a base configuration brings.
            addition.models.splice(0..0, models);
        }
    }
}
