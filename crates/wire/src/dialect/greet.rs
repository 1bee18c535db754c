//! The handshake, before which the spec version is not known (`wire.md` 2.3).

use serde_json::value::RawValue;

use super::envelope::{Envelope, not_a_request};
use super::fields::Int;
use super::{Dialect, Greeting, names};
use crate::frame::{RawMessage, Refusal};
use crate::model::{ErrorCode, Fault, Hello};

pub(super) fn greet(message: RawMessage<'_>) -> Greeting {
    let envelope = match Envelope::open(message) {
        Ok(envelope) => envelope,
        Err(refusal) => return Greeting::Refused { refusal, close: false },
    };
    let id = envelope.id();
    let refuse = |fault, close| Greeting::Refused { refusal: Refusal { id, fault }, close };
    if envelope.name != "RequestServerInfo" {
        return refuse(too_early(&envelope.name, id.is_some()), false);
    }
    let dialect = match version(&envelope) {
        Ok(dialect) => dialect,
        Err(Unfit::Newer(number)) => return refuse(newer(number), true),
        Err(Unfit::Malformed(text)) => return refuse(init(text), false),
    };
    let Some(id) = id else {
        return refuse(init("RequestServerInfo.Id is not an integer from 1 to 4294967295"), false);
    };
    let name = envelope.field("ClientName").map(|raw| serde_json::from_str::<String>(raw.get()));
    match name {
        Some(Ok(client_name)) => Greeting::Hello(id, Hello { client_name, dialect }),
        Some(Err(_)) => refuse(init("RequestServerInfo.ClientName is not a string"), false),
        None => refuse(init("RequestServerInfo has no field ClientName"), false),
    }
}

/// `wire.md` 1.5 d, f and i.
fn too_early(name: &str, has_id: bool) -> Fault {
    if !names::is_request_of_any(name) {
        not_a_request(name)
    } else if has_id {
        init(format!("{name} came before the handshake, expected RequestServerInfo first"))
    } else {
        Fault::new(ErrorCode::Message, format!("{name}.Id is not an integer from 1 to 4294967295"))
    }
}

enum Unfit {
    Newer(u32),
    Malformed(String),
}

fn version(envelope: &Envelope<'_>) -> Result<Dialect, Unfit> {
    let number = |name| match envelope.field(name).map(u32_of) {
        Some(None) => {
            Err(Unfit::Malformed(format!("RequestServerInfo.{name} is not an integer from 0 to 4294967295")))
        }
        Some(number) => Ok(number),
        None => Ok(None),
    };
    let old_form = number("MessageVersion")?;
    let major = number("ProtocolVersionMajor")?;
    let minor = number("ProtocolVersionMinor")?;
    match (major, old_form) {
        (Some(major), _) => by_number(major),
        // The newest version is only asked for in the new form.
        (None, Some(number)) if number == Dialect::NEWEST.number() => Err(Unfit::Newer(number)),
        (None, Some(number)) => by_number(number),
        (None, None) if minor.is_some() => Err(Unfit::Malformed(
            "RequestServerInfo has a ProtocolVersionMinor, but no ProtocolVersionMajor".to_owned(),
        )),
        (None, None) => Ok(Dialect::V0),
    }
}

fn by_number(number: u32) -> Result<Dialect, Unfit> {
    Dialect::ALL.into_iter().find(|dialect| dialect.number() == number).ok_or(Unfit::Newer(number))
}

fn u32_of(raw: &RawValue) -> Option<u32> {
    serde_json::from_str(raw.get()).ok().map(|Int(number)| number)
}

fn newer(asked: u32) -> Fault {
    let newest = Dialect::NEWEST.number();
    init(if asked > newest {
        format!("this server speaks protocol version {newest}, the client asked for {asked}")
    } else {
        format!(
            "version {newest} is asked for with ProtocolVersionMajor and ProtocolVersionMinor, not MessageVersion"
        )
    })
}

fn init(text: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::Init, text)
}
