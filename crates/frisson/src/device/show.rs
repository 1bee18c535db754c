//! `frisson device show`: all of one protocol, or of one device in the settings.

use frisson_program::language::{Definition, Parity};

use super::{feature, known, print, proof, protocols};
use crate::cli::Show;
use crate::exit::Failure;
use crate::files;

pub(super) fn run(options: Show) -> Result<(), Failure> {
    let library = files::open_library(options.places.device_files)?;
    let all = protocols(&library);
    if let Some((source, definition)) = all.iter().find(|(_, definition)| definition.id() == options.what) {
        return print(&describe(definition, &source.to_string()));
    }
    let file = known::settings(options.places.settings)?;
    match known::find(file.settings(), &options.what) {
        Ok(device) => {
            let text = known::describe(file.settings(), device, &library.catalogue());
            print(&(text + &format!("settings   {}\n", file.path().display())))
        }
        Err(missing) => Err(Failure::Usage(format!(
            "`{}` is no protocol (`frisson device list` lists them), and {}",
            options.what,
            missing.explain(&options.what)
        ))),
    }
}

fn describe(definition: &Definition, source: &str) -> String {
    let mut text = format!("{}: {source}, {}\n", definition.id(), proof(definition));
    if let Some(code) = definition.code() {
        text.push_str(&format!("its packets are made by the program `{code}`\n"));
    }
    text.push_str("found by\n");
    for line in identifiers(definition) {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str(&format!("models, {} in all\n", definition.models().len()));
    for model in definition.models() {
        let name = model.name.as_deref().unwrap_or("what the device calls itself");
        let keys = match model.matches.as_slice() {
            [] => "every device that is none of the others".to_owned(),
            keys => keys.join(", "),
        };
        text.push_str(&format!("  {name}: {keys}\n"));
        let details = [
            model.variant.as_ref().map(|variant| format!("variant {variant}")),
            model.gap.map(|gap| format!("gap {} ms", gap.as_millis())),
            model.protocol.as_ref().map(|protocol| format!("in settings as protocol {protocol}")),
        ];
        let details: Vec<_> = details.into_iter().flatten().collect();
        if !details.is_empty() {
            text.push_str(&format!("      {}\n", details.join(", ")));
        }
        for one in &model.features {
            let label = Some(one.feature.description.as_str()).filter(|label| !label.is_empty());
            let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
            text.push_str(&format!("    {:>3}  {label}{}\n", one.feature.index, feature(&one.feature)));
        }
    }
    text.push_str(&format!("tests: {}\n", definition.tests()));
    text
}

fn identifiers(definition: &Definition) -> Vec<String> {
    let identifiers = definition.identifiers();
    let mut lines = Vec::new();
    for ble in &identifiers.ble {
        let names: Vec<_> = ble.names.iter().map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            lines.push(format!("Bluetooth name {}", names.join(", ")));
        }
        for one in &ble.manufacturer {
            let data: Vec<_> = one.data.iter().map(|byte| format!("{byte:02X}")).collect();
            lines.push(format!(
                "Bluetooth manufacturer data of company {} with {}",
                one.company,
                data.join(" ")
            ));
        }
        for service in &ble.advertised {
            lines.push(format!("Bluetooth service {service}"));
        }
        for service in &ble.services {
            let endpoints = service.endpoints.iter().map(|(endpoint, uuid)| format!("{endpoint} = {uuid}"));
            lines.push(format!("  service {}: {}", service.uuid, endpoints.collect::<Vec<_>>().join(", ")));
        }
    }
    for serial in &identifiers.serial {
        let port = serial.port.as_deref().unwrap_or("that the user names");
        let parity = match serial.parity {
            Parity::None => "no",
            Parity::Odd => "odd",
            Parity::Even => "even",
        };
        let (rate, data, stop) = (serial.baud_rate, serial.data_bits, serial.stop_bits);
        lines.push(format!(
            "serial port {port}: {rate} baud, {data} data bits, {parity} parity, {stop} stop bits"
        ));
    }
    for (bus, ids) in [("HID", &identifiers.hid), ("USB", &identifiers.usb)] {
        lines.extend(ids.iter().map(|(vendor, product)| format!("{bus} device {vendor:04x}:{product:04x}")));
    }
    lines.extend(identifiers.websocket.iter().map(|name| format!("websocket name `{name}`")));
    lines.extend(identifiers.gamepad.then(|| "gamepads with motors".to_owned()));
    lines.extend(identifiers.lovense_connect.then(|| "toys behind Lovense Connect".to_owned()));
    lines
}
