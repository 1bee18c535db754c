//! `frisson device list`: protocols and models, or the devices in the settings.

use frisson_program::language::Definition;
use frisson_server::settings::kind_name;

use super::{count, known, print, proof, protocols, table};
use crate::cli::List;
use crate::exit::Failure;
use crate::files;

/// So many models of a protocol are named.
const NAMED: usize = 3;

pub(super) fn run(options: List) -> Result<(), Failure> {
    let text = options.text.as_deref();
    if options.known { list_known(options.places.settings, text) } else { list_catalogue(&options) }
}

fn list_catalogue(options: &List) -> Result<(), Failure> {
    let library = files::open_library(options.places.device_files.clone())?;
    let head = ["PROTOCOL", "FEATURES", "PROOF", "SOURCE", "MODELS"].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    let (mut models, mut unproven) = (0, 0);
    for (source, definition) in protocols(&library) {
        let Some(found) = Found::of(&definition, options.text.as_deref()) else { continue };
        models += found.models.len();
        unproven += usize::from(!definition.is_proven());
        let row =
            [definition.id(), &kinds(&definition), proof(&definition), &source.to_string(), &found.names()];
        rows.push(row.map(str::to_owned).to_vec());
    }
    if let (1, Some(text)) = (rows.len(), &options.text) {
        return Err(Failure::Usage(format!(
            "nothing that Frisson knows has `{text}` in its id, its models or the names it is found by"
        )));
    }
    let (protocols, models) = (count(rows.len() - 1, "protocol"), count(models, "model"));
    let end = format!(
        "\n{protocols}, {models}; of unproven ones, {unproven} here, nobody has seen the bytes work\n"
    );
    print(&(table(&rows) + &end))
}

/// What of a protocol fits a text.
struct Found {
    models: Vec<String>,
}

impl Found {
    fn of(definition: &Definition, text: Option<&str>) -> Option<Self> {
        let names = definition.models().iter();
        let names = names.map(|model| model.name.clone().unwrap_or_else(|| definition.id().to_owned()));
        let models: Vec<String> = names.collect();
        let Some(wanted) = text.map(str::to_lowercase) else { return Some(Self { models }) };
        let fits = |text: &str| text.to_lowercase().contains(&wanted);
        let named: Vec<_> = models.iter().filter(|name| fits(name)).cloned().collect();
        if !named.is_empty() {
            return Some(Self { models: named });
        }
        let identifiers = definition.identifiers();
        let mut advertised = identifiers.ble.iter().flat_map(|ble| &ble.names).chain(&identifiers.websocket);
        // What a device calls itself, or a part of it.
        let is_advertised =
            advertised.any(|name| fits(&name.to_string()) || text.is_some_and(|text| name.fits(text)));
        (fits(definition.id()) || is_advertised).then_some(Self { models })
    }

    fn names(&self) -> String {
        let shown = self.models.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.models.len().checked_sub(NAMED) {
            Some(more @ 1..) => format!("{shown} and {more} more"),
            _ => shown,
        }
    }
}

/// The kinds of outputs and inputs that the models of a protocol have.
fn kinds(definition: &Definition) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for feature in definition.models().iter().flat_map(|model| &model.features) {
        let outputs = feature.feature.outputs.iter().map(|output| kind_name(output.kind).to_owned());
        let inputs = feature.feature.inputs.iter().map(|input| input.kind.name().to_ascii_lowercase());
        for kind in outputs.chain(inputs) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    kinds.join(", ")
}

fn list_known(option: Option<std::path::PathBuf>, text: Option<&str>) -> Result<(), Failure> {
    let file = known::settings(option)?;
    let wanted = text.map(str::to_lowercase).unwrap_or_default();
    let mut rows = vec![["INDEX", "NAME", "DEVICE", "PERMISSION", "LIMITS"].map(str::to_owned).to_vec()];
    for device in file.settings().devices() {
        let (whom, name) = (known::whom(device), device.name.clone().unwrap_or_else(|| "-".to_owned()));
        if !(whom.to_lowercase().contains(&wanted) || name.to_lowercase().contains(&wanted)) {
            continue;
        }
        let permission = match (device.allow, device.deny) {
            (_, true) => "denied",
            (true, _) => "allowed",
            _ => "-",
        };
        let limits =
            device.outputs.iter().map(|set| format!("{}:{}", set.feature, known::limited(set, None)));
        let gap = device.gap.map(|gap| format!("gap {} ms", gap.as_millis()));
        let limits = limits.chain(gap).collect::<Vec<_>>().join(", ");
        let index = device.index.map_or_else(|| "-".to_owned(), |index| index.to_string());
        let limits = if limits.is_empty() { "-".to_owned() } else { limits };
        rows.push(vec![index, name, whom, permission.to_owned(), limits]);
    }
    let path = file.path().display();
    match rows.len() {
        1 => print(&format!(
            "{path} has no such device; a device gets there when it is connected, or with `frisson device set`\n"
        )),
        _ => print(&(table(&rows) + &format!("\nfrom {path}\n"))),
    }
}
