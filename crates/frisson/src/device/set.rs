//! `frisson device set`: changes what is set for one device.

use std::time::Duration;

use frisson_server::Catalogue;
use frisson_server::settings::{Change, OutputChange, Settings, Whom, steps};
use frisson_wire::{Feature, Range};

use super::{known, print};
use crate::cli::{Set, SetOutput, Span, Unset};
use crate::exit::Failure;
use crate::files::{self, SettingsFile, UpdateError};

pub(super) fn run(options: Set) -> Result<(), Failure> {
    let library = files::open_library(options.places.device_files.clone())?;
    let catalogue = library.catalogue();
    let path = files::settings_path(options.places.settings.clone()).ok_or_else(files::no_place)?;
    let shown = path.display().to_string();
    let (mut file, _) =
        SettingsFile::peek(path).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
    let changed = file.update(&|settings| {
        let whom = whom(settings, &options.device)?;
        apply(settings, &whom, &catalogue, &options).map(|()| true)
    });
    match changed {
        Ok(_) => {}
        Err(UpdateError::Broken(_, wrong)) => {
            super::complain(&wrong);
            return Err(Failure::Usage(format!(
                "{shown} cannot be read, and is not written over; put it right, or copy {shown}.bak over it, the last version that could be"
            )));
        }
        Err(error) => return Err(error.into()),
    }
    if options.forget {
        return print(&format!("{} is no longer in {shown}\n", options.device));
    }
    // By its new name or index it may be another one.
    let settings = file.settings();
    let wanted = options.name.as_deref().unwrap_or(&options.device);
    let wanted = options.index.map_or_else(|| wanted.to_owned(), |index| index.to_string());
    match known::find(settings, &wanted).or_else(|_| known::find(settings, &options.device)) {
        Ok(device) => {
            print(&(known::describe(settings, device, &catalogue) + &format!("settings   {shown}\n")))
        }
        Err(_) => print(&format!("written to {shown}\n")),
    }
}

/// Whom the user means. What has an address and is not in the settings yet gets there.
fn whom(settings: &Settings, text: &str) -> Result<Whom, String> {
    match known::find(settings, text) {
        Ok(device) => Ok(device.whom()),
        Err(known::Missing::None) if is_address(text) => Ok(Whom::at(text)),
        Err(missing) => Err(missing.explain(text)),
    }
}

/// Whether this is an address with its bus.
fn is_address(text: &str) -> bool {
    const BUSES: [&str; 8] =
        ["ble", "serial", "hid", "usb", "websocket", "gamepad", "lovense-connect", "simulated"];
    text.split_once(':').is_some_and(|(bus, address)| {
        BUSES.contains(&bus)
            && !address.is_empty()
            && address.len() < 200
            && !address.contains(char::is_control)
    })
}

fn apply(settings: &mut Settings, whom: &Whom, catalogue: &Catalogue, options: &Set) -> Result<(), String> {
    if options.forget {
        return match settings.forget(whom.clone()) {
            true => Ok(()),
            false => Err(known::Missing::None.explain(&options.device)),
        };
    }
    let features = known::hardware(catalogue, whom).map(|(_, features)| features);
    let changes = changes(options, features.as_deref())?;
    if changes.is_empty() {
        return Err("nothing is to be set; `frisson device set --help` names what can be".to_owned());
    }
    for change in changes {
        settings.set_for(whom, features.as_deref(), change).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// What is to be done, in order: first what is taken back.
fn changes(options: &Set, features: Option<&[Feature]>) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for unset in &options.unset {
        changes.push(match unset {
            Unset::Name => Change::Name(None),
            Unset::Index => Change::Index(None),
            Unset::Allow => Change::Allow(false),
            Unset::Deny => Change::Deny(false),
            Unset::Gap => Change::Gap(None),
            Unset::Outputs => Change::NoOutputs,
            Unset::Range => of_output(options, OutputChange::Range(None))?,
            Unset::Ms => of_output(options, OutputChange::Duration(None))?,
            Unset::Reverse => of_output(options, OutputChange::Reverse(false))?,
            Unset::Disabled => of_output(options, OutputChange::Disabled(false))?,
        });
    }
    changes.extend(options.name.clone().map(|name| Change::Name(Some(name))));
    changes.extend(options.index.map(|index| Change::Index(Some(index))));
    if options.allow || options.deny || options.ask {
        changes.extend([Change::Allow(options.allow), Change::Deny(options.deny)]);
    }
    changes.extend(options.gap.map(|gap| Change::Gap(Some(Duration::from_millis(gap)))));
    if let Some(span) = options.range {
        changes.push(of_output(options, OutputChange::Range(Some(range(options, span, features)?)))?);
    }
    if let Some(ms) = options.ms {
        changes.push(of_output(options, OutputChange::Duration(Some(Range::new(ms.0, ms.1))))?);
    }
    if let Some(reverse) = options.reverse {
        changes.push(of_output(options, OutputChange::Reverse(reverse))?);
    }
    if options.disable || options.enable {
        changes.push(of_output(options, OutputChange::Disabled(options.disable))?);
    }
    if changes.is_empty() && options.output.is_some() {
        return Err("--output says which output, not what about it: add --range, --ms, --reverse, --disable or --enable".to_owned());
    }
    Ok(changes)
}

fn of_output(options: &Set, change: OutputChange) -> Result<Change, String> {
    let SetOutput { feature, kind } = options
        .output
        .ok_or_else(|| "say which output with --output FEATURE:KIND, such as 0:vibrate".to_owned())?;
    Ok(Change::Output { feature, kind, change })
}

/// The steps of a range. A share never becomes more than it says.
fn range(options: &Set, span: Span, features: Option<&[Feature]>) -> Result<Range<i32>, String> {
    let (low, high) = match span {
        Span::Steps(low, high) => return Ok(Range::new(low, high)),
        Span::Percent(low, high) => (low, high),
    };
    let output = options.output.and_then(|SetOutput { feature, kind }| {
        let features = features?;
        features.iter().find(|known| known.index == feature)?.output(kind)
    });
    let output = match (output, features) {
        (Some(output), _) => output,
        (None, Some(_)) => {
            return Err(
                "the device has no such output; `frisson device show DEVICE` names those it has".to_owned()
            );
        }
        (None, None) => {
            return Err(
                "how many steps the device has is not known before it was connected; give the range in steps"
                    .to_owned(),
            );
        }
    };
    let whole = f64::from(steps(output).max);
    let step = |share: f64| share / 100.0 * whole;
    // `as` saturates, and shares lie between 0 and 100.
    Ok(Range::new(step(low).ceil() as i32, step(high).floor() as i32))
}
