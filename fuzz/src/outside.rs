//! Everything else that comes from outside: frames of clients in every version, settings, and configurations of other servers.

use std::sync::{Arc, LazyLock};

use frisson_devices::Catalogue;
use frisson_devices::settings::{Settings, import};
use frisson_program::language::Definition;
use frisson_wire::dialect::Greeting;
use frisson_wire::frame::{self, RawMessage, Refusal};
use frisson_wire::rules::check_server_frame;
use frisson_wire::{Device, Dialect, Event, Feature, Input, InputKind, Message, Output, OutputKind, Profile};
use frisson_wire::{Range, RssiSpelling, View};

use crate::Outcome;

/// A frame of a client or a server: every version understands or refuses each of its messages, every refusal can be sent in every version,
/// and what the newest version understands it says in the same way.
pub fn wire(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Accepted };
    let messages = match frame::split(text) {
        Ok(messages) => messages,
        Err(fault) => {
            send_all(&Message::Event(Event::Error(fault.clone())));
            return Outcome::refused([fault.message.as_str()]);
        }
    };
    let mut reasons = Vec::new();
    for message in messages {
        if let Greeting::Refused { refusal, .. } = Dialect::greet(message) {
            send_all(&refusal.into_message());
        }
        for dialect in Dialect::ALL {
            reasons.extend(request(dialect, message).err().map(|refusal| refusal.fault.message.clone()));
            if let Err(refusal) = dialect.decode_message(message) {
                assert!(!refusal.fault.message.is_empty(), "refused without a reason");
            }
        }
    }
    if reasons.is_empty() { Outcome::Accepted } else { Outcome::refused(reasons.iter().map(String::as_str)) }
}

fn request(dialect: Dialect, message: RawMessage<'_>) -> Result<(), Refusal> {
    let decoded = dialect.decode_request(message, &World);
    let (id, request) = decoded.inspect_err(|refusal| send(dialect, &refusal.clone().into_message()))?;
    if let (Dialect::V4, Some(said)) = (dialect, dialect.encode_request(id, &request, &World)) {
        let messages = frame::split(&said).unwrap_or_else(|fault| panic!("{said}: {}", fault.message));
        let again = messages.first().map(|message| dialect.decode_request(*message, &World));
        assert_eq!(again, Some(Ok((id, request))), "{said}");
    }
    Ok(())
}

/// What a server says before it knows the version has to be good in all of them.
fn send_all(message: &Message) {
    Dialect::ALL.into_iter().for_each(|dialect| send(dialect, message));
}

fn send(dialect: Dialect, message: &Message) {
    dialect.encode_message(message, &mut |said| {
        // The messages of one frame stand side by side in its array.
        let said = if said.starts_with('[') { said } else { format!("[{said}]") };
        assert_eq!(check_server_frame(dialect, &said), Ok(()), "{said}");
    });
}

/// One device with all kinds of outputs, index 0.
struct World;

impl View for World {
    fn profile(&self, device: u32) -> Option<&Profile> {
        static PROFILE: LazyLock<Profile> = LazyLock::new(profile);
        (device == 0).then(|| &*PROFILE)
    }

    fn last_position(&self, _: u32, _: u32) -> f64 {
        0.25
    }
}

fn profile() -> Profile {
    let outputs = |feature: usize| {
        let kinds = OutputKind::ALL.iter().skip(feature).step_by(3);
        let signed = |kind: OutputKind| if kind == OutputKind::Rotate { -20 } else { 0 };
        kinds
            .map(|kind| Output { kind: *kind, value: Range::new(signed(*kind), 20), duration: None })
            .collect()
    };
    let battery = Input {
        kind: InputKind::Battery,
        values: vec![Range::new(0, 100)],
        read: true,
        subscribe: true,
        spelling: RssiSpelling::default(),
    };
    let features = (0..4_u32).map(|index| Feature {
        index,
        outputs: usize::try_from(index).map_or(Vec::new(), outputs),
        inputs: if index == 3 { vec![battery.clone()] } else { Vec::new() },
        ..Feature::default()
    });
    Profile::new(Device {
        index: 0,
        name: "Device".to_owned(),
        display_name: None,
        gap_ms: 0,
        features: features.collect(),
    })
}

/// A settings file: what is read of it is written in a form that reads the same, and written again in the same words.
pub fn settings(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Accepted };
    match Settings::parse(text, "settings.toml") {
        Ok((settings, odd)) => {
            let written = settings.to_text();
            let (again, found) = Settings::parse(&written, "settings.toml")
                .unwrap_or_else(|wrong| panic!("written, it cannot be read: {wrong:?}\n{written}"));
            // What is odd is kept as it was, so that nobody's settings are lost.
            assert!(found.is_empty() || !odd.is_empty(), "written, something is odd: {found:?}\n{written}");
            assert_eq!(again.to_text(), written);
            if odd.is_empty() {
                Outcome::Accepted
            } else {
                Outcome::refused(odd.iter().map(|one| one.message.as_str()))
            }
        }
        Err(wrong) => {
            assert!(!wrong.is_empty(), "refused without a reason");
            Outcome::refused(wrong.iter().map(|one| one.message.as_str()))
        }
    }
}

/// A configuration of another server: what is taken of it can be laid over settings and written as such.
pub fn user_config(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Accepted };
    match import::read(text, "config.json", &definition) {
        Ok(imported) => {
            let settings = Settings::default().overlaid(&imported);
            let written = settings.to_text();
            assert!(Settings::parse(&written, "settings.toml").is_ok(), "{written}");
            let warnings: Vec<_> = imported.warnings.iter().map(ToString::to_string).collect();
            if warnings.is_empty() {
                Outcome::Accepted
            } else {
                Outcome::refused(warnings.iter().map(String::as_str))
            }
        }
        Err(why) => Outcome::refused([why.to_string().as_str()]),
    }
}

/// Some protocols of the catalogue.
fn definition(protocol: &str) -> Option<Arc<Definition>> {
    static SOME: LazyLock<Vec<Arc<Definition>>> = LazyLock::new(|| {
        ["lovense", "tcode-v03", "aneros", "vorze-sa"].into_iter().filter_map(Catalogue::definition).collect()
    });
    SOME.iter().find(|definition| definition.id() == protocol).cloned()
}
