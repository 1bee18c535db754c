//! The catalogue as a page of Markdown: every model by its name, then every protocol with how its devices are found.

use std::fmt::Write as _;
use std::sync::Arc;

use frisson_devices::Catalogue;
use frisson_program::Uuid;
use frisson_program::language::{Definition, Identifiers, Model, Serial};
use frisson_wire::{Feature, OutputKind};

/// More services than these are counted instead of named.
const MOST_SERVICES: usize = 4;

const HEAD: &str = "\
<!-- Made by `cargo run -p frisson-devices --example catalogue > docs/catalogue.md`; a test holds it up to date. -->

# Devices that Frisson knows

Search this page for the name of your device, as it stands on the box or as the device calls itself on Bluetooth.

- [Devices by name](#devices-by-name): what each can do
- [Protocols](#protocols): how its devices are found
- [Proven and unproven](#proven-and-unproven): what that means, and how to prove a protocol

A device that is not here can be added with one file, while the server runs: [a tutorial](new-device.md).
";

const PROVEN: &str = "\
## Proven and unproven

A protocol is *proven* if its bytes agree with published records of what such hardware is sent, or if somebody has seen them work. It is *unproven* if its
bytes were computed from a description of the format and nobody has confirmed them: such a device may work completely, in part or not at all. Begin with low
values, and keep its own switch within reach.

To prove one:

1. Start the server with `--log trace`, which shows every byte that is sent.
2. Take each feature of the device to its lowest value, to its highest and back to off, and see that it does what it is told. Stop it in the middle of that.
3. Take the line `proof = \"unproven\"` out of the protocol's file in `crates/devices/data`, and add what was sent to its `[[tests]]` where it is not there yet.
4. Send in the change, with the name of the device and of its firmware. If the device did something else, report what was sent and what happened.

";

const LEGEND: &str = "\
Outputs are given with their range in whole steps; below 0 is the other direction. A `stroke` is a position that is reached in a
given time. The key is what the device says when it is asked what it is, or the name that it advertises.
";

/// The whole page.
pub(crate) fn page() -> String {
    let protocols: Vec<_> = Catalogue::protocols().filter_map(Catalogue::definition).collect();
    let mut out = String::from(HEAD);
    let models = protocols.iter().map(|protocol| protocol.models().len()).sum::<usize>();
    let proven = protocols.iter().filter(|protocol| protocol.is_proven()).count();
    let count = protocols.len();
    out.push_str(&format!(
        "\nThere are {models} models of {count} protocols; {proven} of the protocols are proven.\n\n"
    ));
    out.push_str(PROVEN);
    out.push_str("## Devices by name\n\n");
    out.push_str(LEGEND);
    devices(&mut out, &protocols);
    out.push_str("\n## Protocols\n\n");
    out.push_str(
        "What is compared with what a device advertises counts to the letter; `␣` stands for a blank at its beginning or end, and a `*` at the end for anything.\n\n",
    );
    out.push_str("| protocol | proof | models | how its devices are found |\n| --- | --- | --- | --- |\n");
    for protocol in &protocols {
        let state = state(protocol);
        let (id, models, found) = (protocol.id(), protocol.models().len(), found(protocol.identifiers()));
        out.push_str(&format!("| {} | {state} | {models} | {found} |\n", code(id)));
    }
    out
}

/// Every model, under its first letter.
fn devices(out: &mut String, protocols: &[Arc<Definition>]) {
    let mut rows: Vec<_> = protocols
        .iter()
        .flat_map(|protocol| protocol.models().iter().map(move |model| (sorted_as(model), protocol, model)))
        .collect();
    rows.sort_by(|one, other| {
        let place = |(name, protocol, model): &(String, &Arc<Definition>, &Model)| {
            (name.clone(), protocol.id().to_owned(), model.line)
        };
        place(one).cmp(&place(other))
    });
    let mut last = String::new();
    for (name, protocol, model) in rows {
        let first = name.chars().next().filter(|first| first.is_alphabetic());
        let heading = first.map_or_else(|| "0–9".to_owned(), |first| first.to_uppercase().collect());
        if heading != last {
            out.push_str(&format!(
                "\n### {heading}\n\n| device | features | key | protocol | proof |\n| --- | --- | --- | --- | --- |\n"
            ));
            last = heading;
        }
        let state = state(protocol);
        let keys: Vec<_> = model.matches.iter().map(|key| code(key)).collect();
        let name = text(model.name.as_deref().unwrap_or("as it calls itself"));
        let (features, keys, id) = (features(model), keys.join(" "), code(protocol.id()));
        out.push_str(&format!("| {name} | {features} | {keys} | {id} | {state} |\n"));
    }
}

fn sorted_as(model: &Model) -> String {
    model.name.as_deref().unwrap_or("as it calls itself").trim().to_lowercase()
}

/// What a model can do; what it has several times is said once.
fn features(model: &Model) -> String {
    let mut groups: Vec<(String, usize)> = Vec::new();
    // A feature with neither outputs nor inputs keeps a number free.
    let all = model.features.iter().map(|feature| what(&feature.feature)).filter(|what| !what.is_empty());
    for what in all {
        match groups.iter_mut().find(|(other, _)| *other == what) {
            Some((_, count)) => *count += 1,
            None => groups.push((what, 1)),
        }
    }
    let say = |(what, count): &(String, usize)| match count {
        1 => what.clone(),
        count => format!("{count} × {what}"),
    };
    if groups.is_empty() {
        "none are known".to_owned()
    } else {
        groups.iter().map(say).collect::<Vec<_>>().join("; ")
    }
}

fn what(feature: &Feature) -> String {
    let outputs = feature.outputs.iter().map(|output| {
        let kind = match output.kind {
            OutputKind::HwPositionWithDuration => "stroke".to_owned(),
            kind => kind.name().to_lowercase(),
        };
        let within = output
            .duration
            .map_or_else(String::new, |duration| format!(" in {} to {} ms", duration.min, duration.max));
        format!("{kind} {} to {}{within}", signed(output.value.min.into()), signed(output.value.max.into()))
    });
    let inputs = feature.inputs.iter().map(|input| {
        let ranges: Vec<_> = input
            .values
            .iter()
            .map(|range| format!("{} to {}", signed(range.min), signed(range.max)))
            .collect();
        format!("{} {}", input.kind.name().to_lowercase(), ranges.join(", "))
    });
    outputs.chain(inputs).collect::<Vec<_>>().join(" and ")
}

fn state(protocol: &Definition) -> &'static str {
    if protocol.is_proven() { "proven" } else { "unproven" }
}

fn signed(value: i64) -> String {
    value.to_string().replace('-', "−")
}

/// How a protocol's devices are found, bus by bus.
fn found(identifiers: &Identifiers) -> String {
    let mut ways = Vec::new();
    let ble = &identifiers.ble;
    let mut names: Vec<_> =
        ble.iter().flat_map(|ble| &ble.names).map(|name| code(&name.to_string())).collect();
    for one in ble.iter().flat_map(|ble| &ble.manufacturer) {
        let bytes: Vec<_> = one.data.iter().map(|byte| format!("{byte:02X}")).collect();
        let data = if bytes.is_empty() { String::new() } else { format!(" with {}", bytes.join(" ")) };
        names.push(format!("company {:04X}{data}", one.company));
    }
    let services: Vec<_> = ble.iter().flat_map(|ble| &ble.advertised).collect();
    names.extend(services.iter().take(MOST_SERVICES).map(|uuid| format!("service {}", short(uuid))));
    if let Some(more @ 1..) = services.len().checked_sub(MOST_SERVICES) {
        names.push(format!("{more} more services"));
    }
    if !names.is_empty() {
        ways.push(format!("Bluetooth: {}", names.join(", ")));
    }
    ways.extend(identifiers.serial.iter().map(serial));
    for (bus, ids) in [("HID", &identifiers.hid), ("USB", &identifiers.usb)] {
        let ids: Vec<_> = ids.iter().map(|(vendor, product)| format!("{vendor:04x}:{product:04x}")).collect();
        if !ids.is_empty() {
            ways.push(format!("{bus}: {}", ids.join(", ")));
        }
    }
    let names: Vec<_> = identifiers.websocket.iter().map(|name| code(&name.to_string())).collect();
    if !names.is_empty() {
        ways.push(format!("websocket: {}", names.join(", ")));
    }
    if identifiers.gamepad {
        ways.push("gamepads that rumble".to_owned());
    }
    if identifiers.lovense_connect {
        ways.push("Lovense's phone application".to_owned());
    }
    ways.join("; ")
}

fn serial(serial: &Serial) -> String {
    let port = serial.port.as_deref().map_or_else(|| "a port that the user names".to_owned(), code);
    format!("serial: {port}, {} baud", serial.baud_rate)
}

fn short(uuid: &Uuid) -> String {
    let text = uuid.to_string();
    let of_16_bits =
        text.strip_prefix("0000").and_then(|rest| rest.strip_suffix("-0000-1000-8000-00805f9b34fb"));
    of_16_bits.map_or_else(|| text.clone(), str::to_owned)
}

/// Text as it is, whatever characters are in it.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::new();
    for letter in text.trim().chars() {
        match letter {
            letter if letter.is_control() => out.push(' '),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            letter => out.push(letter),
        }
    }
    out
}

/// Text that counts to the letter, as code in a cell of a table: what could not be seen is made visible.
pub(crate) fn code(text: &str) -> String {
    let inner = text.trim_matches(' ');
    let before = text.len() - text.trim_start_matches(' ').len();
    let after = if inner.is_empty() { 0 } else { text.len() - text.trim_end_matches(' ').len() };
    let mut shown = "␣".repeat(before);
    for letter in inner.chars() {
        match letter {
            '|' => shown.push_str("\\|"),
            letter if letter.is_control() => {
                // Strings can be written to.
                let _ = write!(shown, "{}", letter.escape_unicode());
            }
            letter => shown.push(letter),
        }
    }
    shown.push_str(&"␣".repeat(after));
    let longest = shown.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    match shown.starts_with('`') || shown.ends_with('`') {
        true => format!("{fence} {shown} {fence}"),
        false => format!("{fence}{shown}{fence}"),
    }
}
