//! The devices in the settings: which one is meant, and what counts for it.

use frisson_devices::simulated::Archetype;
use frisson_server::Catalogue;
use frisson_server::settings::{DeviceSettings, Settings, Whom, kind_name, steps};
use frisson_wire::Feature;

use crate::device::feature as in_short;
use crate::exit::Failure;
use crate::files::{self, SettingsFile};

/// The settings, for a command that only reads them.
pub(super) fn settings(option: Option<std::path::PathBuf>) -> Result<SettingsFile, Failure> {
    let path = files::settings_path(option).ok_or_else(files::no_place)?;
    let shown = path.display().to_string();
    let (file, found) =
        SettingsFile::peek(path).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
    super::complain(&found);
    match file.is_broken() {
        false => Ok(file),
        true => Err(Failure::Usage(format!(
            "the settings in {shown} cannot be read; put them right, or copy {shown}.bak over them, the last version that could be"
        ))),
    }
}

/// The device that a user means: by its index, its name or its address.
///
/// # Errors
/// There is none, or there are several.
pub(super) fn find<'s>(settings: &'s Settings, text: &str) -> Result<&'s DeviceSettings, Missing> {
    let all: Vec<_> = settings.devices().collect();
    let by = |fits: &dyn Fn(&DeviceSettings) -> bool| -> Vec<&DeviceSettings> {
        all.iter().copied().filter(|device| fits(device)).collect()
    };
    let index = text.parse::<u32>().ok();
    let named = |device: &DeviceSettings| {
        device.name.as_ref().is_some_and(|name| name.to_lowercase() == text.to_lowercase())
    };
    let found = [
        by(&|device| index.is_some() && device.index == index),
        by(&named),
        by(&|device| device.is_at(text)),
    ];
    let found = found.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Missing::None),
        several => {
            let several = several.iter().map(|device| match device.index {
                Some(index) => format!("{index} ({})", whom(device)),
                None => whom(device),
            });
            Err(Missing::Several(several.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// Why no device is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    None,
    Several(String),
}

impl Missing {
    pub(super) fn explain(&self, text: &str) -> String {
        match self {
            Self::None => format!(
                "there is no device `{text}` in the settings: give an index, a name or an address such as ble:C0:FF:EE:00:00:01; \
                 `frisson device list --known` lists them"
            ),
            Self::Several(several) => {
                format!("`{text}` is several devices; name one by its index: {several}")
            }
        }
    }
}

/// Address, protocol and model.
pub(super) fn whom(device: &DeviceSettings) -> String {
    let mut text = device.address.clone();
    for part in [&device.protocol, &device.model].into_iter().flatten().filter(|part| !part.is_empty()) {
        text.push(' ');
        text.push_str(part);
    }
    text
}

/// What the hardware of a device can do, and what it is called; `None` if the settings or the catalogue do not tell.
pub(super) fn hardware(catalogue: &Catalogue, device: &Whom) -> Option<(String, Vec<Feature>)> {
    let (protocol, model) = (device.protocol.as_deref()?, device.model.as_deref()?);
    if let Some(archetype) = Archetype::find(model).filter(|_| protocol == "simulated") {
        return Some((archetype.name.to_owned(), archetype.features()));
    }
    let of_model = |id: &str| {
        let file = catalogue.file(id)?;
        let says = |model: &frisson_program::language::Model| model.protocol.as_deref() == Some(protocol);
        file.models().iter().any(says).then_some(file)
    };
    let file = catalogue.file(protocol).or_else(|| Catalogue::protocols().find_map(of_model))?;
    let description = file.describe(model, model);
    (!description.features.is_empty()).then_some((description.name, description.features))
}

/// What is set for a device, and what that leaves of its hardware.
pub(super) fn describe(settings: &Settings, device: &DeviceSettings, catalogue: &Catalogue) -> String {
    let whom = device.whom();
    let hardware = hardware(catalogue, &whom);
    let name = hardware.as_ref().map(|(name, _)| name.as_str());
    let mut rows = vec![
        ("device", device.name.clone().or(name.map(str::to_owned)).unwrap_or_else(|| "not named".to_owned())),
        ("address", device.address.clone()),
        ("protocol", device.protocol.clone().unwrap_or_else(|| "any".to_owned())),
    ];
    let key = device.model.as_deref().map(|model| if model.is_empty() { "the default" } else { model });
    rows.push((
        "model",
        match (key, name) {
            (Some(key), Some(name)) => format!("{name} ({key})"),
            (Some(key), None) => key.to_owned(),
            (None, _) => "any".to_owned(),
        },
    ));
    rows.push((
        "index",
        device.index.map_or_else(|| "the server chooses".to_owned(), |index| index.to_string()),
    ));
    let verdict = settings.is_allowed(&device.address, device.protocol.as_deref(), device.model.as_deref());
    rows.push((
        "permission",
        match (device.allow, device.deny) {
            (_, true) => "denied: never connected".to_owned(),
            (true, _) => "allowed: only devices with this are connected".to_owned(),
            _ => format!("{verdict} when a client asks for a scan"),
        },
    ));
    if let Some(gap) = device.gap {
        rows.push(("gap", format!("{} ms", gap.as_millis())));
    }
    let mut text = String::new();
    for (key, value) in rows {
        text.push_str(&format!("{key:11}{value}\n"));
    }
    let features = hardware.map(|(_, features)| features).unwrap_or_default();
    for feature in &features {
        let label = Some(feature.description.as_str()).filter(|label| !label.is_empty());
        let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
        text.push_str(&format!("feature {:<3}{label}{}\n", feature.index, in_short(feature)));
        for set in device.outputs.iter().filter(|set| set.feature == feature.index) {
            text.push_str(&format!("           {} in force\n", limited(set, Some(feature))));
        }
    }
    for set in device.outputs.iter().filter(|set| features.iter().all(|feature| feature.index != set.feature))
    {
        text.push_str(&format!("feature {:<3}{}\n", set.feature, limited(set, None)));
    }
    if let Some(key) = whom.key() {
        for misfit in settings.misfits(&key, &features).iter().filter(|_| !features.is_empty()) {
            text.push_str(&format!("careful    {misfit}\n"));
        }
    }
    text
}

/// What is set for an output: `vibrate 0..12`.
pub(super) fn limited(set: &frisson_server::settings::OutputSettings, feature: Option<&Feature>) -> String {
    let name = kind_name(set.kind);
    if set.disabled {
        return format!("{name} off");
    }
    let whole = feature.and_then(|feature| feature.output(set.kind)).map(steps);
    let mut text = name.to_owned();
    if let Some(range) = set.range {
        text.push_str(&format!(" {}..{}", range.min, range.max));
        if let Some(whole) = whole {
            text.push_str(&format!(" of {}..{}", whole.min, whole.max));
        }
    }
    if let Some(ms) = set.duration {
        text.push_str(&format!(" in {}..{} ms", ms.min, ms.max));
    }
    if set.reverse {
        text.push_str(" reversed");
    }
    if set.is_plain() { format!("{name} without limits") } else { text }
}
