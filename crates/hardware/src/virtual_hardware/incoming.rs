//! Frames of a host: from text to what they mean, or to the fault that is reported.

mod advert;
mod fields;

use frisson_program::Endpoint;
use serde_json::{Map, Value};

pub(super) use self::advert::{Advert, Allows};
use self::fields::Fields;
use super::outgoing::{Outgoing, RequestId};
use crate::PortError;

/// The longest name of a device, in characters.
pub(super) const MAX_NAME: usize = 64;

/// A frame of a host.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The host speaks this version, and calls itself this. Another version may have other fields, so that its name is not known.
    Hello { version: u64, host: Option<String> },
    /// A device is there.
    Advertise(Box<Advert>),
    /// A device cannot be found any longer.
    Unadvertise { device: String },
    /// A device says something.
    Notify { device: String, endpoint: String, bytes: Vec<u8> },
    /// The link to a device is lost.
    Disconnected { device: String, reason: String },
    /// A request has succeeded; a read has got these bytes.
    Ok { id: RequestId, bytes: Option<Vec<u8>> },
    /// A request has failed.
    Error { id: RequestId, refusal: Refusal },
}

/// Why the host has not done what it was asked for.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    message: String,
}

#[derive(Debug, Clone, Copy)]
enum Code {
    Failed,
    NotConnected,
    NoEndpoint,
    NotPermitted,
    NoData,
    Refused,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The device that the frame names.
    pub(super) device: Option<String>,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), device: None }
    }

    pub(super) fn of(self, device: &str) -> Self {
        Self { device: Some(device.to_owned()), ..self }
    }

    /// How the host hears of it.
    pub(super) fn text(&self) -> String {
        let Self { code, message, device } = self;
        Outgoing::Error { code, message, device: device.as_deref(), versions: None }.text()
    }
}

/// A frame of which only the type has been looked at.
pub(super) struct Raw {
    fields: Map<String, Value>,
    kind: String,
    size: usize,
}

impl Raw {
    /// What a text message is.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let value = serde_json::from_str(text)
            .map_err(|error| Fault::new("bad-frame", format!("not JSON: {error}")))?;
        let Value::Object(fields) = value else {
            return Err(Fault::new("bad-frame", "not an object"));
        };
        let raw = Self { fields, kind: String::new(), size: text.len() };
        match Fields(&raw.fields).text("type").map(str::to_owned) {
            Ok(kind) => Ok(Self { kind, ..raw }),
            Err(message) => Err(raw.fault("bad-frame", message)),
        }
    }

    pub(super) fn is_hello(&self) -> bool {
        self.kind == "hello"
    }

    /// Something is wrong with this frame.
    pub(super) fn fault(&self, code: &'static str, message: impl Into<String>) -> Fault {
        let device = Fields(&self.fields).text("device").ok().filter(|device| is_name(device));
        Fault { code, message: message.into(), device: device.map(str::to_owned) }
    }

    /// What the frame means.
    pub(super) fn parse(&self) -> Result<Incoming, Fault> {
        let fields = Fields(&self.fields);
        let parsed = match self.kind.as_str() {
            "hello" => hello(fields),
            "advertise" => {
                Advert::parse(fields, self.size).map(|advert| Incoming::Advertise(Box::new(advert)))
            }
            "unadvertise" => name(fields).map(|device| Incoming::Unadvertise { device }),
            "notify" => notify(fields),
            "disconnected" => disconnected(fields),
            "ok" => succeeded(fields),
            "error" => failed(fields),
            unknown => {
                let unknown: String = unknown.chars().take(MAX_NAME).collect();
                return Err(self.fault("unknown-type", unknown));
            }
        };
        parsed.map_err(|message| self.fault("bad-frame", message))
    }
}

#[cfg(test)]
impl Incoming {
    /// What a text message means.
    fn parse(text: &str) -> Result<Self, Fault> {
        Raw::read(text)?.parse()
    }
}

fn hello(fields: Fields<'_>) -> Result<Incoming, String> {
    let version = fields.whole("version")?;
    let host = match fields.text("host") {
        Ok(host) => Some(host.chars().take(256).collect()),
        Err(message) if version == super::outgoing::VERSION => return Err(message),
        Err(_) => None,
    };
    Ok(Incoming::Hello { version, host })
}

fn name(fields: Fields<'_>) -> Result<String, String> {
    let device = fields.text("device")?;
    match is_name(device) {
        true => Ok(device.to_owned()),
        false => Err(format!("field device has to have 1 to {MAX_NAME} characters")),
    }
}

fn is_name(device: &str) -> bool {
    (1..=MAX_NAME).contains(&device.chars().take(MAX_NAME + 1).count())
}

fn notify(fields: Fields<'_>) -> Result<Incoming, String> {
    let device = name(fields)?;
    let endpoint = fields.text("endpoint")?.to_ascii_lowercase();
    Ok(Incoming::Notify { device, endpoint, bytes: fields.bytes("data")? })
}

fn disconnected(fields: Fields<'_>) -> Result<Incoming, String> {
    let device = name(fields)?;
    let reason = fields.maybe("reason", Fields::text)?.unwrap_or("the link was lost");
    Ok(Incoming::Disconnected { device, reason: reason.chars().take(200).collect() })
}

fn succeeded(fields: Fields<'_>) -> Result<Incoming, String> {
    Ok(Incoming::Ok { id: id(fields)?, bytes: fields.maybe("data", Fields::bytes)? })
}

fn failed(fields: Fields<'_>) -> Result<Incoming, String> {
    let id = id(fields)?;
    let code = match fields.text("code")? {
        "not-connected" => Code::NotConnected,
        "no-endpoint" => Code::NoEndpoint,
        "not-permitted" => Code::NotPermitted,
        "no-data" => Code::NoData,
        "refused" => Code::Refused,
        _ => Code::Failed,
    };
    let message = fields.maybe("message", Fields::text)?.unwrap_or_default().chars().take(200).collect();
    Ok(Incoming::Error { id, refusal: Refusal { code, message } })
}

fn id(fields: Fields<'_>) -> Result<RequestId, String> {
    match fields.whole("id")? {
        0 => Err("field id is not a positive integer".to_owned()),
        id => Ok(id),
    }
}

impl Refusal {
    /// What it means to whoever uses the link.
    pub(super) fn error(self, endpoint: Option<Endpoint>) -> PortError {
        let what = match (self.code, endpoint) {
            (Code::NoEndpoint, Some(endpoint)) => return PortError::NoEndpoint(endpoint),
            (Code::NoEndpoint, None) => "there is no such endpoint",
            (Code::Failed, _) if !self.message.is_empty() => return PortError::Failed(self.message),
            (Code::Failed, _) => "it failed",
            (Code::NotConnected, _) => "the device is not connected",
            (Code::NotPermitted, _) => "the device does not permit it",
            (Code::NoData, _) => "there is nothing to read",
            (Code::Refused, _) => "the device refuses the connection",
        };
        match self.message.is_empty() {
            true => PortError::Failed(what.to_owned()),
            false => PortError::Failed(format!("{what}: {}", self.message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (&'static str, String, Option<String>) {
        let fault = Incoming::parse(text).expect_err(text);
        (fault.code, fault.message, fault.device)
    }

    #[test]
    fn what_is_not_a_frame_is_a_bad_frame() {
        for text in ["", "no json", "[]", "7", "{", "{}", r#"{"type":7}"#, r#"{"typ":"hello"}"#] {
            assert_eq!(fault(text).0, "bad-frame", "{text}");
        }
        assert_eq!(fault("[]").1, "not an object");
        assert_eq!(fault("{}").1, "field type is missing");
    }

    #[test]
    fn an_unknown_type_is_named_with_the_device() {
        let expected = ("unknown-type", "notfy".to_owned(), Some("d1".to_owned()));
        assert_eq!(fault(r#"{"type":"notfy","device":"d1"}"#), expected);
        // What only the server sends is no frame of a host.
        assert_eq!(fault(r#"{"type":"write","id":1}"#).0, "unknown-type");
    }

    #[test]
    fn each_missing_or_wrong_field_is_named() {
        for (text, field) in [
            (r#"{"type":"hello","host":"x"}"#, "version"),
            (r#"{"type":"hello","version":"1","host":"x"}"#, "version"),
            (r#"{"type":"hello","version":1}"#, "host"),
            (r#"{"type":"unadvertise"}"#, "device"),
            (r#"{"type":"unadvertise","device":""}"#, "device"),
            (r#"{"type":"notify","device":"d","data":""}"#, "endpoint"),
            (r#"{"type":"notify","device":"d","endpoint":"rx"}"#, "data"),
            (r#"{"type":"notify","device":"d","endpoint":"rx","data":"1"}"#, "data"),
            (r#"{"type":"notify","device":"d","endpoint":"rx","data":"1g"}"#, "data"),
            (r#"{"type":"disconnected","device":"d","reason":1}"#, "reason"),
            (r#"{"type":"ok"}"#, "id"),
            (r#"{"type":"ok","id":0}"#, "id"),
            (r#"{"type":"ok","id":-1}"#, "id"),
            (r#"{"type":"ok","id":1.5}"#, "id"),
            (r#"{"type":"ok","id":1,"data":"x"}"#, "data"),
            (r#"{"type":"error","code":"failed"}"#, "id"),
            (r#"{"type":"error","id":1}"#, "code"),
        ] {
            let (code, message, _) = fault(text);
            assert_eq!(code, "bad-frame", "{text}");
            assert!(message.contains(&format!("field {field} ")), "{text}: {message}");
        }
    }

    #[test]
    fn a_name_has_1_to_64_characters() {
        let frame = |length| format!(r#"{{"type":"unadvertise","device":"{}"}}"#, "ä".repeat(length));
        assert!(Incoming::parse(&frame(64)).is_ok());
        let (code, _, device) = fault(&frame(65));
        assert_eq!((code, device), ("bad-frame", None));
    }

    #[test]
    fn unknown_fields_are_ignored_and_upper_case_digits_accepted() {
        let frame = r#"{"type":"notify","device":"d","endpoint":"RX","data":"0AfF","mood":[1]}"#;
        let Ok(Incoming::Notify { endpoint, bytes, .. }) = Incoming::parse(frame) else {
            panic!("no notify")
        };
        assert_eq!((endpoint.as_str(), bytes), ("rx", vec![0x0A, 0xFF]));
    }

    #[test]
    fn a_later_version_may_look_different() {
        let parsed = Incoming::parse(r#"{"type":"hello","version":2}"#);
        assert!(matches!(parsed, Ok(Incoming::Hello { version: 2, host: None })));
    }

    #[test]
    fn codes_that_are_not_known_count_as_failed() {
        let error = |text: &str| match Incoming::parse(text) {
            Ok(Incoming::Error { refusal, .. }) => refusal.error(Some(Endpoint::TX)),
            other => panic!("{other:?}"),
        };
        let failed = |text: &str| PortError::Failed(text.to_owned());
        assert_eq!(error(r#"{"type":"error","id":1,"code":"haunted","message":"boo"}"#), failed("boo"));
        assert_eq!(error(r#"{"type":"error","id":1,"code":"failed"}"#), failed("it failed"));
        assert_eq!(
            error(r#"{"type":"error","id":1,"code":"no-endpoint"}"#),
            PortError::NoEndpoint(Endpoint::TX)
        );
        let refused = error(r#"{"type":"error","id":1,"code":"refused","message":"full"}"#);
        assert_eq!(refused, failed("the device refuses the connection: full"));
    }
}
