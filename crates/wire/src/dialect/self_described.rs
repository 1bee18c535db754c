//! What devices that describe themselves say and are told: one JSON object a line, in the words of the newest spec version.
//!
//! The protocol is described in `docs/self-describing-devices.md`.
//!
//! ```
//! use frisson_wire::OutputKind;
//! use frisson_wire::dialect::self_described::{Greeting, output};
//!
//! let greeting: Greeting = r#"{"identifier":"my-lamp","address":"0001","version":1,"name":"My Lamp",
//!     "features":{"0":{"FeatureIndex":0,"Output":{"Led":{"Value":[0,255]}}}}}"#.parse()?;
//! let description = greeting.description.expect("it has features");
//! assert_eq!(description.name, "My Lamp");
//! assert!(description.features[0].output(OutputKind::Led).is_some());
//!
//! assert_eq!(output(0, OutputKind::Led, 128, None), r#"{"feature":0,"output":"Led","value":128}"#);
//! # Ok::<(), frisson_wire::dialect::self_described::GreetingError>(())
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::fields::{Int, Keyed, Word};
use super::named::InputType;
use super::v4;
use crate::model::{Feature, Input, InputAction, InputKind, Output, OutputKind, Range, SelfDescription};

/// The longest greeting, in bytes.
pub const MAX_GREETING: usize = 64 << 10;
/// The longest name, identifier, address or description, in characters.
pub const MAX_TEXT: usize = 255;
/// How many features a device may have.
pub const MAX_FEATURES: usize = 64;
/// The longest write gap, in milliseconds.
pub const MAX_GAP: u32 = 10_000;
/// The silences, in milliseconds, that a device may ask the server to break.
pub const KEEPALIVE: Range<u32> = Range::new(100, 60_000);

/// Asks a device for its greeting.
pub const ASK: &str = r#"{"greeting":1}"#;
/// Says that the server is still there.
pub const KEEP_ALIVE: &str = r#"{"keepalive":true}"#;

/// What a device says first: `{"identifier":"NAME","address":"UNIQUE","version":0}`, and more if it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// What kind of device it is; 1 to [`MAX_TEXT`] characters.
    pub identifier: String,
    /// What makes this very device recognisable; 1 to [`MAX_TEXT`] characters.
    pub address: String,
    /// The device's own version. Nothing depends on it.
    pub version: u32,
    /// What it can do, if it says so.
    pub description: Option<SelfDescription>,
}

/// Why something is not a greeting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GreetingError(String);

/// What a device says after its greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The value of an input: asked for, or subscribed to.
    Reading {
        /// The feature's index.
        feature: u32,
        /// Which of the feature's inputs.
        kind: InputKind,
        /// The value, or why there is none.
        value: Result<i64, String>,
    },
    /// Something is wrong with the device, or with what it was told.
    Error(String),
}

#[derive(Deserialize)]
struct Hello {
    identifier: String,
    address: String,
    version: Int<u32>,
    name: Option<String>,
    features: Option<Keyed<v4::Feature>>,
    gap: Option<Int<u32>>,
    keepalive: Option<Int<u32>>,
}

/// The names in a greeting, also those that [`v4`] passes over.
#[derive(Deserialize)]
struct Names {
    features: Option<BTreeMap<String, FeatureNames>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FeatureNames {
    feature_index: Int<u32>,
    #[serde(default)]
    output: Option<BTreeMap<String, IgnoredAny>>,
    #[serde(default)]
    input: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
struct Said {
    feature: Option<Int<u32>>,
    input: Option<String>,
    value: Option<Int<i64>>,
    error: Option<String>,
}

impl FromStr for Greeting {
    type Err = GreetingError;

    fn from_str(text: &str) -> Result<Self, GreetingError> {
        if text.len() > MAX_GREETING {
            return Err(GreetingError(format!("the greeting has more than {MAX_GREETING} bytes")));
        }
        let hello: Hello = read(text)?;
        let identifier = short("identifier", hello.identifier)?;
        let address = short("address", hello.address)?;
        let description = match hello.features {
            None => None,
            Some(Keyed(features)) => {
                check_names(text)?;
                let name = match hello.name {
                    Some(name) => short("name", name)?,
                    None => identifier.clone(),
                };
                let features = checked(features.into_iter().map(v4::Feature::model).collect())?;
                let gap_ms =
                    hello.gap.map(|Int(gap)| within("gap", gap, Range::new(0, MAX_GAP))).transpose()?;
                let keepalive_ms =
                    hello.keepalive.map(|Int(time)| within("keepalive", time, KEEPALIVE)).transpose()?;
                Some(SelfDescription { name, features, gap_ms, keepalive_ms })
            }
        };
        Ok(Self { identifier, address, version: hello.version.0, description })
    }
}

impl FromStr for Line {
    type Err = GreetingError;

    fn from_str(text: &str) -> Result<Self, GreetingError> {
        let said: Said = read(text)?;
        let error = said.error.map(|error| error.chars().take(MAX_TEXT).collect::<String>());
        let (feature, input) = match (said.feature, said.input) {
            (Some(Int(feature)), Some(input)) => (feature, input),
            (None, None) => {
                return match error {
                    Some(error) => Ok(Self::Error(error)),
                    None => Err(GreetingError("neither a reading nor an error".to_owned())),
                };
            }
            _ => return Err(GreetingError("a reading has the fields feature, input and value".to_owned())),
        };
        let kind = InputType::from_spelling(&input)
            .ok_or_else(|| GreetingError(format!("input is not {}", InputType::EXPECTED)))?
            .kind;
        let value = match (said.value, error) {
            (_, Some(error)) => Err(error),
            (Some(Int(value)), None) => Ok(value),
            (None, None) => return Err(GreetingError("field value is missing".to_owned())),
        };
        Ok(Self::Reading { feature, kind, value })
    }
}

/// Whether bytes are a whole object. What devices say consists of objects, so that nothing more has to be waited for then.
pub fn is_complete(bytes: &[u8]) -> bool {
    let object = bytes.trim_ascii();
    object.starts_with(b"{") && object.ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(object).is_ok()
}

/// Sets an output; with the time to get there in milliseconds for [`OutputKind::HwPositionWithDuration`].
pub fn output(feature: u32, kind: OutputKind, value: i32, duration: Option<u32>) -> String {
    #[derive(Serialize)]
    struct Set {
        feature: u32,
        output: &'static str,
        value: i32,
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: Option<u32>,
    }
    line(&Set { feature, output: kind.name(), value, duration })
}

/// Ends a move where the device is.
pub fn halt(feature: u32, kind: OutputKind) -> String {
    #[derive(Serialize)]
    struct Halt {
        feature: u32,
        output: &'static str,
        stop: bool,
    }
    line(&Halt { feature, output: kind.name(), stop: true })
}

/// Reads an input, or begins or ends to hear of it.
pub fn input(feature: u32, kind: InputKind, action: InputAction) -> String {
    #[derive(Serialize)]
    struct Ask {
        feature: u32,
        input: &'static str,
        command: &'static str,
    }
    let command = match action {
        InputAction::Read => "Read",
        InputAction::Subscribe => "Subscribe",
        InputAction::Unsubscribe => "Unsubscribe",
    };
    line(&Ask { feature, input: kind.name(), command })
}

fn line(object: &impl Serialize) -> String {
    // Numbers and names can always be written.
    serde_json::to_string(object).unwrap_or_default()
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, GreetingError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." => GreetingError(error.into_inner().to_string()),
            _ => GreetingError(format!("{path}: {}", error.inner())),
        }
    })?;
    json.end().map_err(|error| GreetingError(error.to_string()))?;
    Ok(value)
}

/// A text that people and settings can bear.
fn short(field: &str, text: String) -> Result<String, GreetingError> {
    let fits = (1..=MAX_TEXT).contains(&text.chars().take(MAX_TEXT + 1).count());
    if fits && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(GreetingError(format!(
        "field {field} has to have 1 to {MAX_TEXT} characters, none of them a control character"
    )))
}

fn within(field: &str, value: u32, range: Range<u32>) -> Result<u32, GreetingError> {
    match range.contains(value) {
        true => Ok(value),
        false => Err(GreetingError(format!("field {field} has to be {} to {} ms", range.min, range.max))),
    }
}

/// A name that nobody knows is a mistake here, and not, as from a server, something newer: the device would lack what it says.
fn check_names(text: &str) -> Result<(), GreetingError> {
    let names: Names = read(text)?;
    for (key, feature) in names.features.into_iter().flatten() {
        let index = feature.feature_index.0;
        if key != index.to_string() {
            let key: String = key.chars().take(20).collect();
            return Err(GreetingError(format!("features: \"{key}\" holds FeatureIndex {index}")));
        }
        let outputs = feature.output.iter().flatten().find(|(name, _)| OutputKind::from_name(name).is_none());
        if outputs.is_some() {
            return Err(of(index, format!("Output is not {}", OutputKind::EXPECTED)));
        }
        let inputs = feature.input.iter().flatten();
        if inputs.into_iter().any(|(name, _)| InputType::from_spelling(name).is_none()) {
            return Err(of(index, format!("Input is not {}", InputType::EXPECTED)));
        }
    }
    Ok(())
}

fn of(feature: u32, what: impl std::fmt::Display) -> GreetingError {
    GreetingError(format!("feature {feature}: {what}"))
}

/// Features as the model wants them: sorted, each index and in it each kind once, every range one that can be driven.
fn checked(mut features: Vec<Feature>) -> Result<Vec<Feature>, GreetingError> {
    if !(1..=MAX_FEATURES).contains(&features.len()) {
        return Err(GreetingError(format!("features: there have to be 1 to {MAX_FEATURES}")));
    }
    features.sort_by_key(|feature| feature.index);
    let twice = features.windows(2).find_map(|pair| match pair {
        [one, other] if one.index == other.index => Some(one.index),
        _ => None,
    });
    if let Some(index) = twice {
        return Err(of(index, "is there twice"));
    }
    for feature in &features {
        check(feature).map_err(|what| of(feature.index, what))?;
    }
    Ok(features)
}

fn check(feature: &Feature) -> Result<(), String> {
    if feature.description.chars().count() > MAX_TEXT {
        return Err(format!("FeatureDescription has more than {MAX_TEXT} characters"));
    }
    if feature.outputs.is_empty() && feature.inputs.is_empty() {
        return Err("has neither Output nor Input".to_owned());
    }
    for (at, output) in feature.outputs.iter().enumerate() {
        if feature.outputs.iter().take(at).any(|other| other.kind == output.kind) {
            return Err(format!("{} is there twice", output.kind));
        }
        check_output(output).map_err(|what| format!("{}: {what}", output.kind))?;
    }
    for (at, input) in feature.inputs.iter().enumerate() {
        if feature.inputs.iter().take(at).any(|other| other.kind == input.kind) {
            return Err(format!("{} is there twice", input.kind));
        }
        check_input(input).map_err(|what| format!("{}: {what}", input.kind))?;
    }
    Ok(())
}

fn check_output(output: &Output) -> Result<(), &'static str> {
    let Range { min, max } = output.value;
    if max < 1 || min >= max {
        return Err("Value has to be [lowest, highest], the highest at least 1");
    }
    let is_signed = matches!(output.kind, OutputKind::Rotate | OutputKind::Temperature);
    match output.kind {
        _ if min < 0 && (!is_signed || min != -max) => {
            return Err("below 0 there is only Rotate and Temperature, as far as above it");
        }
        kind if !kind.is_position() && min > 0 => {
            return Err("Value has to begin at 0, which is off, or below");
        }
        _ => {}
    }
    match (output.kind, output.duration) {
        (OutputKind::HwPositionWithDuration, Some(time)) if time.min <= time.max => Ok(()),
        (OutputKind::HwPositionWithDuration, _) => Err("Duration has to be [shortest, longest] in ms"),
        (_, Some(_)) => Err("has no Duration"),
        (_, None) => Ok(()),
    }
}

fn check_input(input: &Input) -> Result<(), &'static str> {
    if !(1..=16).contains(&input.values.len()) || input.values.iter().any(|range| range.min > range.max) {
        return Err("Value has to be [[lowest, highest]]");
    }
    if !input.read && !input.subscribe {
        return Err("Command has to have Read or Subscribe or both");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(features: &str) -> Result<SelfDescription, String> {
        let text = format!(r#"{{"identifier":"demo","address":"a1","version":1,"features":{features}}}"#);
        let greeting: Greeting = text.parse().map_err(|error: GreetingError| error.to_string())?;
        Ok(greeting.description.expect("features were given"))
    }

    #[test]
    fn a_greeting_without_features_describes_nothing() {
        let greeting: Greeting = r#"{"identifier":"LVSDevice","address":"8A3D","version":0,"more":[]}"#
            .parse()
            .expect("the greeting of a websocket device");
        let expected = Greeting {
            identifier: "LVSDevice".to_owned(),
            address: "8A3D".to_owned(),
            version: 0,
            description: None,
        };
        assert_eq!(greeting, expected);
    }

    #[test]
    fn features_are_those_of_a_device_list() {
        let text = r#"{"identifier":"demo","address":"a1","version":1,"name":"Demo","gap":20,"keepalive":1000,"features":{
            "3":{"FeatureIndex":3,"Input":{"Battery":{"Value":[[0,100]],"Command":["Read"]}}},
            "1":{"FeatureIndex":1,"FeatureDescription":"Shaft","Output":{"HwPositionWithDuration":{"Value":[0,99],"Duration":[0,5000]}}}}}"#;
        let description = text.parse::<Greeting>().expect("a description").description.expect("features");
        assert_eq!(
            (description.name.as_str(), description.gap_ms, description.keepalive_ms),
            ("Demo", Some(20), Some(1000))
        );
        let [stroke, battery] = description.features.as_slice() else { panic!("{description:?}") };
        assert_eq!((stroke.index, stroke.description.as_str()), (1, "Shaft"));
        assert_eq!(stroke.outputs[0].duration, Some(Range::new(0, 5000)));
        assert!(battery.inputs[0].read && !battery.inputs[0].subscribe);
    }

    #[test]
    fn what_cannot_be_driven_is_refused_with_its_reason() {
        let output = |output: &str| format!(r#"{{"0":{{"FeatureIndex":0,"Output":{output}}}}}"#);
        let input = |input: &str| format!(r#"{{"0":{{"FeatureIndex":0,"Input":{input}}}}}"#);
        let many: Vec<_> = (0..65)
            .map(|index| {
                format!(r#""{index}":{{"FeatureIndex":{index},"Output":{{"Led":{{"Value":[0,1]}}}}}}"#)
            })
            .collect();
        for (features, reason) in [
            ("{}".to_owned(), "1 to 64"),
            (format!("{{{}}}", many.join(",")), "1 to 64"),
            ("[]".to_owned(), "an object"),
            (
                r#"{"0":{"FeatureIndex":1,"Output":{"Led":{"Value":[0,1]}}}}"#.to_owned(),
                "holds FeatureIndex 1",
            ),
            (r#"{"0":{"FeatureIndex":0}}"#.to_owned(), "neither Output nor Input"),
            (r#"{"0":{"Output":{"Led":{"Value":[0,1]}}}}"#.to_owned(), "FeatureIndex"),
            (output(r#"{"Vibrat":{"Value":[0,1]}}"#), "Output is not one of Vibrate"),
            (output(r#"{"Led":{"Value":[0,1]},"Led":{"Value":[0,1]}}"#), "twice"),
            (output(r#"{"Vibrate":{"Value":[0,0]}}"#), "at least 1"),
            (output(r#"{"Vibrate":{"Value":[1,9]}}"#), "begin at 0"),
            (output(r#"{"Vibrate":{"Value":[-9,9]}}"#), "below 0"),
            (output(r#"{"Rotate":{"Value":[-9,8]}}"#), "below 0"),
            (output(r#"{"Rotate":{"Value":[-2147483648,8]}}"#), "below 0"),
            (output(r#"{"Vibrate":{"Value":[0,1.5]}}"#), "integer"),
            (output(r#"{"HwPositionWithDuration":{"Value":[0,9]}}"#), "Duration"),
            (output(r#"{"Position":{"Value":[0,9],"Duration":[0,1]}}"#), "no Duration"),
            (input(r#"{"Heat":{"Value":[[0,1]],"Command":["Read"]}}"#), "Input is not one of Battery"),
            (input(r#"{"Battery":{"Value":[[1,0]],"Command":["Read"]}}"#), "[[lowest, highest]]"),
            (input(r#"{"Battery":{"Value":[[0,1]],"Command":["Guess"]}}"#), "Read or Subscribe"),
        ] {
            let error = greeting(&features).expect_err(&features);
            assert!(error.contains(reason), "{features}: {error}");
        }
    }

    #[test]
    fn fields_out_of_form_are_named() {
        for (text, reason) in [
            ("", "EOF"),
            ("hello", "expected"),
            (r#"{"identifier":"a","address":"b"}"#, "version"),
            (r#"{"identifier":"a","address":"b","version":-1}"#, "version"),
            (r#"{"identifier":"","address":"b","version":1}"#, "identifier"),
            (r#"{"identifier":"a","address":"b\u0007","version":1}"#, "address"),
            (r#"{"identifier":"a","address":"b","version":1} x"#, "trailing"),
            (
                r#"{"identifier":"a","address":"b","version":1,"keepalive":5,"features":{"0":{"FeatureIndex":0,"Output":{"Led":{"Value":[0,1]}}}}}"#,
                "keepalive",
            ),
        ] {
            let error = text.parse::<Greeting>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let long = format!(r#"{{"identifier":"{}","address":"b","version":1}}"#, "a".repeat(MAX_GREETING));
        assert!(long.parse::<Greeting>().expect_err("too long").to_string().contains("bytes"));
    }

    #[test]
    fn lines_to_a_device_have_few_keys_and_whole_numbers() {
        let stroke = OutputKind::HwPositionWithDuration;
        assert_eq!(
            output(2, stroke, 50, Some(500)),
            r#"{"feature":2,"output":"HwPositionWithDuration","value":50,"duration":500}"#
        );
        assert_eq!(halt(2, stroke), r#"{"feature":2,"output":"HwPositionWithDuration","stop":true}"#);
        assert_eq!(
            input(1, InputKind::Battery, InputAction::Read),
            r#"{"feature":1,"input":"Battery","command":"Read"}"#
        );
    }

    #[test]
    fn lines_of_a_device_are_readings_or_errors() {
        let line = |text: &str| text.parse::<Line>().map_err(|error| error.to_string());
        let (feature, kind) = (1, InputKind::Battery);
        assert_eq!(
            line(r#"{"feature":1,"input":"Battery","value":87.0}"#),
            Ok(Line::Reading { feature, kind, value: Ok(87) })
        );
        assert_eq!(
            line(r#"{"feature":1,"input":"Battery","error":"asleep"}"#),
            Ok(Line::Reading { feature, kind, value: Err("asleep".to_owned()) })
        );
        assert_eq!(line(r#"{"error":"too hot"}"#), Ok(Line::Error("too hot".to_owned())));
        for text in [
            r#"{}"#,
            "7",
            r#"{"feature":1,"value":3}"#,
            r#"{"feature":1,"input":"Heat","value":3}"#,
            r#"{"feature":1,"input":"Battery"}"#,
        ] {
            assert!(line(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_device_says_what_is_taken_can_be_driven(cuts in proptest::collection::vec((0_usize..400, "[0-9,:{}\"a-z\\[\\]-]{0,3}"), 0..4)) {
            let mut text = r#"{"identifier":"demo","address":"a","version":1,"gap":2,"features":{"0":{"FeatureIndex":0,"Output":{"Vibrate":{"Value":[0,20]},"HwPositionWithDuration":{"Value":[0,9],"Duration":[1,9]}}},"1":{"FeatureIndex":1,"Input":{"Battery":{"Value":[[0,100]],"Command":["Read"]}}}}}"#.to_owned();
            for (at, by) in cuts {
                let at = at.min(text.len() - 1);
                text.replace_range(at..=at, &by);
                text.push(' ');
            }
            let _ = text.parse::<Line>();
            if let Ok(Greeting { description: Some(description), .. }) = text.parse() {
                assert!(description.features.is_sorted_by(|one, other| one.index < other.index));
                for output in description.features.iter().flat_map(|feature| &feature.outputs) {
                    assert!(output.value.min < output.value.max && output.value.contains(output.value.min.max(0)));
                    assert_eq!(output.duration.is_some(), output.kind == OutputKind::HwPositionWithDuration);
                }
            }
        }
    }
}
