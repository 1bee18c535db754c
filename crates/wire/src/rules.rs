//! What a server may send in each spec version, as tables written from the documents and not from the codecs.
//!
//! For tests: they hold every emitted frame against [`check_server_frame`].

use serde_json::Value;

use crate::Dialect;

/// Checks one frame that a server has sent: one array of one message, of a type that the version has, with exactly
/// the fields that the type has there, each in range (`wire.md` 1.2, 1.4, 4 and 5).
///
/// # Errors
/// What is wrong, and where.
pub fn check_server_frame(dialect: Dialect, text: &str) -> Result<(), String> {
    let frame: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}: {text}"))?;
    let Some([message]) = frame.as_array().map(Vec::as_slice) else {
        return Err(format!("not an array of one message: {text}"));
    };
    let (name, body) = only_entry(message).ok_or_else(|| format!("not an object of one key: {text}"))?;
    let Some((_, rule)) = messages(dialect).iter().find(|(known, _)| *known == name) else {
        return Err(format!("{name} is not sent in {dialect}: {text}"));
    };
    rule.check(body).map_err(|error| format!("{name}{error}, in {dialect}: {text}"))
}

type Messages = &'static [(&'static str, Rule)];

/// The types that a server sends, and their bodies.
fn messages(dialect: Dialect) -> Messages {
    match dialect {
        Dialect::V0 => &[
            ("ServerInfo", BUILD_SERVER_INFO_0),
            ("Ok", OK),
            ("Error", ERROR),
            ("Test", TEST),
            ("Log", LOG),
            ("ScanningFinished", SCANNING_FINISHED),
            ("DeviceList", LIST_0),
            ("DeviceAdded", ADDED_0),
            ("DeviceRemoved", DEVICE_REMOVED),
        ],
        Dialect::V1 => &[
            ("ServerInfo", BUILD_SERVER_INFO_1),
            ("Ok", OK),
            ("Error", ERROR),
            ("Test", TEST),
            ("Log", LOG),
            ("ScanningFinished", SCANNING_FINISHED),
            ("DeviceList", LIST_1),
            ("DeviceAdded", ADDED_1),
            ("DeviceRemoved", DEVICE_REMOVED),
        ],
        Dialect::V2 => &[
            ("ServerInfo", SERVER_INFO_2),
            ("Ok", OK),
            ("Error", ERROR),
            ("ScanningFinished", SCANNING_FINISHED),
            ("DeviceList", LIST_2),
            ("DeviceAdded", ADDED_2),
            ("DeviceRemoved", DEVICE_REMOVED),
            ("BatteryLevelReading", BATTERY_LEVEL_READING),
        ],
        Dialect::V3 => &[
            ("ServerInfo", SERVER_INFO_3),
            ("Ok", OK),
            ("Error", ERROR),
            ("ScanningFinished", SCANNING_FINISHED),
            ("DeviceList", LIST_3),
            ("DeviceAdded", ADDED_3),
            ("DeviceRemoved", DEVICE_REMOVED),
            ("SensorReading", SENSOR_READING),
        ],
        Dialect::V4 => &[
            ("ServerInfo", SERVER_INFO_4),
            ("Ok", OK),
            ("Error", ERROR),
            ("ScanningFinished", SCANNING_FINISHED),
            ("DeviceList", LIST_4),
            ("InputReading", INPUT_READING),
        ],
    }
}

/// What a value has to be.
enum Rule {
    /// An integer from here to there.
    Int(i64, i64),
    /// A number from here to there.
    Real(f64, f64),
    /// A string.
    Text,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// An array of at least so many.
    List(usize, &'static Rule),
    /// `[min, max]`, both from here to there.
    Span(i64, i64),
    /// An object of objects, each under what its field of this name says.
    Keyed(&'static str, &'static Rule),
    /// The first, and more.
    And(&'static Rule, fn(&Value) -> Result<(), String>),
}

/// The name of a field, whether it has to be there, and what it holds.
type Field = (&'static str, Presence, Rule);

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Must,
    May,
}

use Presence::{May, Must};
use Rule::{And, Int, Keyed, List, Object, Real, Span, Text, Word};

const U32: i64 = 4_294_967_295;
const I32: i64 = 2_147_483_647;
const INDEX: Rule = Int(0, U32);
const COUNT: Rule = Int(1, U32);
const EVENT: Rule = Int(0, 0);
const REPLY: Rule = Int(1, U32);
const REPLY_OR_EVENT: Rule = Int(0, U32);
const EMPTY: Rule = Object(&[]);

const OK: Rule = Object(&[("Id", Must, REPLY)]);
const ERROR: Rule =
    Object(&[("Id", Must, REPLY_OR_EVENT), ("ErrorCode", Must, Int(0, 4)), ("ErrorMessage", Must, Text)]);
const SCANNING_FINISHED: Rule = Object(&[("Id", Must, EVENT)]);
const TEST: Rule = Object(&[("Id", Must, REPLY), ("TestString", Must, Text)]);
const LOG: Rule = Object(&[
    ("Id", Must, EVENT),
    ("LogLevel", Must, Word(&["Off", "Fatal", "Error", "Warn", "Info", "Debug", "Trace"])),
    ("LogMessage", Must, Text),
]);
const DEVICE_REMOVED: Rule = Object(&[("Id", Must, EVENT), ("DeviceIndex", Must, INDEX)]);

const BUILD_SERVER_INFO_0: Rule = Object(&[
    ("Id", Must, REPLY),
    ("ServerName", Must, Text),
    ("MajorVersion", Must, Int(0, 0)),
    ("MinorVersion", Must, Int(0, 0)),
    ("BuildVersion", Must, Int(0, 0)),
    ("MessageVersion", Must, Int(0, 0)),
    ("MaxPingTime", Must, Int(0, U32)),
]);
const BUILD_SERVER_INFO_1: Rule = Object(&[
    ("Id", Must, REPLY),
    ("ServerName", Must, Text),
    ("MajorVersion", Must, Int(0, 0)),
    ("MinorVersion", Must, Int(0, 0)),
    ("BuildVersion", Must, Int(0, 0)),
    ("MessageVersion", Must, Int(1, 1)),
    ("MaxPingTime", Must, Int(0, U32)),
]);
const SERVER_INFO_2: Rule = Object(&[
    ("Id", Must, REPLY),
    ("ServerName", Must, Text),
    ("MessageVersion", Must, Int(2, 2)),
    ("MaxPingTime", Must, Int(0, U32)),
]);
const SERVER_INFO_3: Rule = Object(&[
    ("Id", Must, REPLY),
    ("ServerName", Must, Text),
    ("MessageVersion", Must, Int(3, 3)),
    ("MaxPingTime", Must, Int(0, U32)),
]);
const SERVER_INFO_4: Rule = Object(&[
    ("Id", Must, REPLY),
    ("ServerName", Must, Text),
    ("ProtocolVersionMajor", Must, Int(4, 4)),
    ("ProtocolVersionMinor", Must, Int(0, 0)),
    ("MaxPingTime", Must, Int(0, U32)),
]);

// Spec v0: abilities are names, sorted.
const ABILITIES_0: Rule = And(
    &List(
        1,
        &Word(&["FleshlightLaunchFW12Cmd", "SingleMotorVibrateCmd", "StopDeviceCmd", "VorzeA10CycloneCmd"]),
    ),
    sorted_with_stop,
);
const LIST_0: Rule = Object(&[
    ("Id", Must, REPLY),
    (
        "Devices",
        Must,
        And(
            &List(
                0,
                &Object(&[
                    ("DeviceName", Must, Text),
                    ("DeviceIndex", Must, INDEX),
                    ("DeviceMessages", Must, ABILITIES_0),
                ]),
            ),
            sorted_by_index,
        ),
    ),
]);
const ADDED_0: Rule = Object(&[
    ("Id", Must, EVENT),
    ("DeviceName", Must, Text),
    ("DeviceIndex", Must, INDEX),
    ("DeviceMessages", Must, ABILITIES_0),
]);

// Spec v1: abilities are objects with counts.
const COUNTED_1: Rule = Object(&[("FeatureCount", Must, COUNT)]);
const ABILITIES_1: Rule = Object(&[
    ("VibrateCmd", May, COUNTED_1),
    ("RotateCmd", May, COUNTED_1),
    ("LinearCmd", May, COUNTED_1),
    ("SingleMotorVibrateCmd", May, EMPTY),
    ("FleshlightLaunchFW12Cmd", May, EMPTY),
    ("VorzeA10CycloneCmd", May, EMPTY),
    ("StopDeviceCmd", Must, EMPTY),
]);
const LIST_1: Rule = Object(&[
    ("Id", Must, REPLY),
    (
        "Devices",
        Must,
        And(
            &List(
                0,
                &Object(&[
                    ("DeviceName", Must, Text),
                    ("DeviceIndex", Must, INDEX),
                    ("DeviceMessages", Must, ABILITIES_1),
                ]),
            ),
            sorted_by_index,
        ),
    ),
]);
const ADDED_1: Rule = Object(&[
    ("Id", Must, EVENT),
    ("DeviceName", Must, Text),
    ("DeviceIndex", Must, INDEX),
    ("DeviceMessages", Must, ABILITIES_1),
]);

// Spec v2: counts and steps.
const COUNTED_2: Rule = And(
    &Object(&[("FeatureCount", Must, COUNT), ("StepCount", Must, List(1, &COUNT))]),
    as_many_steps_as_features,
);
const ABILITIES_2: Rule = Object(&[
    ("VibrateCmd", May, COUNTED_2),
    ("RotateCmd", May, COUNTED_2),
    ("LinearCmd", May, COUNTED_2),
    ("BatteryLevelCmd", May, EMPTY),
    ("StopDeviceCmd", Must, EMPTY),
]);
const LIST_2: Rule = Object(&[
    ("Id", Must, REPLY),
    (
        "Devices",
        Must,
        And(
            &List(
                0,
                &Object(&[
                    ("DeviceName", Must, Text),
                    ("DeviceIndex", Must, INDEX),
                    ("DeviceMessages", Must, ABILITIES_2),
                ]),
            ),
            sorted_by_index,
        ),
    ),
]);
const ADDED_2: Rule = Object(&[
    ("Id", Must, EVENT),
    ("DeviceName", Must, Text),
    ("DeviceIndex", Must, INDEX),
    ("DeviceMessages", Must, ABILITIES_2),
]);
const BATTERY_LEVEL_READING: Rule =
    Object(&[("Id", Must, REPLY), ("DeviceIndex", Must, INDEX), ("BatteryLevel", Must, Real(0.0, 1.0))]);

// Spec v3: an object per actuator and sensor.
const SCALAR_3: Rule = Object(&[
    ("StepCount", Must, COUNT),
    ("FeatureDescriptor", Must, Text),
    ("ActuatorType", Must, Word(&["Vibrate", "Rotate", "Oscillate", "Constrict", "Position"])),
]);
const ROTATE_3: Rule = Object(&[
    ("StepCount", Must, COUNT),
    ("FeatureDescriptor", Must, Text),
    ("ActuatorType", Must, Word(&["Rotate"])),
]);
const LINEAR_3: Rule = Object(&[
    ("StepCount", Must, COUNT),
    ("FeatureDescriptor", Must, Text),
    ("ActuatorType", Must, Word(&["Position"])),
]);
const SENSOR_3: Rule = Object(&[
    ("SensorType", Must, Word(&["Battery"])),
    ("FeatureDescriptor", Must, Text),
    ("SensorRange", Must, List(1, &Span(0, 100))),
]);
const ABILITIES_3: Rule = Object(&[
    ("ScalarCmd", May, List(1, &SCALAR_3)),
    ("RotateCmd", May, List(1, &ROTATE_3)),
    ("LinearCmd", May, List(1, &LINEAR_3)),
    ("SensorReadCmd", May, List(1, &SENSOR_3)),
    ("StopDeviceCmd", Must, EMPTY),
]);
const LIST_3: Rule = Object(&[
    ("Id", Must, REPLY),
    (
        "Devices",
        Must,
        And(
            &List(
                0,
                &Object(&[
                    ("DeviceName", Must, Text),
                    ("DeviceIndex", Must, INDEX),
                    ("DeviceDisplayName", May, Text),
                    ("DeviceMessageTimingGap", Must, Int(0, U32)),
                    ("DeviceMessages", Must, ABILITIES_3),
                ]),
            ),
            sorted_by_index,
        ),
    ),
]);
const ADDED_3: Rule = Object(&[
    ("Id", Must, EVENT),
    ("DeviceName", Must, Text),
    ("DeviceIndex", Must, INDEX),
    ("DeviceDisplayName", May, Text),
    ("DeviceMessageTimingGap", Must, Int(0, U32)),
    ("DeviceMessages", Must, ABILITIES_3),
]);
const SENSOR_READING: Rule = Object(&[
    ("Id", Must, REPLY),
    ("DeviceIndex", Must, INDEX),
    ("SensorIndex", Must, INDEX),
    ("SensorType", Must, Word(&["Battery"])),
    ("Data", Must, List(1, &Int(0, 255))),
]);

// Spec v4: features with outputs and inputs.
const STEPS: Rule = And(&Object(&[("Value", Must, Span(-I32, I32))]), symmetric);
const TIMED: Rule = Object(&[("Value", Must, Span(0, I32)), ("Duration", Must, Span(0, U32))]);
const INPUT: Rule = Object(&[
    ("Value", Must, List(1, &Span(i64::MIN, i64::MAX))),
    ("Command", Must, List(1, &Word(&["Read", "Subscribe"]))),
]);
const FEATURE_4: Rule = And(
    &Object(&[
        ("FeatureIndex", Must, INDEX),
        ("FeatureDescription", Must, Text),
        (
            "Output",
            May,
            And(
                &Object(&[
                    ("Vibrate", May, STEPS),
                    ("Rotate", May, STEPS),
                    ("Oscillate", May, STEPS),
                    ("Constrict", May, STEPS),
                    ("Spray", May, STEPS),
                    ("Temperature", May, STEPS),
                    ("Led", May, STEPS),
                    ("Position", May, STEPS),
                    ("HwPositionWithDuration", May, TIMED),
                ]),
                not_empty,
            ),
        ),
        (
            "Input",
            May,
            And(
                &Object(&[
                    ("Battery", May, INPUT),
                    ("Rssi", May, INPUT),
                    ("Pressure", May, INPUT),
                    ("Button", May, INPUT),
                ]),
                not_empty,
            ),
        ),
    ]),
    output_or_input,
);
const LIST_4: Rule = Object(&[
    ("Id", Must, REPLY_OR_EVENT),
    (
        "Devices",
        Must,
        Keyed(
            "DeviceIndex",
            &Object(&[
                ("DeviceName", Must, Text),
                ("DeviceIndex", Must, INDEX),
                ("DeviceDisplayName", May, Text),
                ("DeviceMessageTimingGap", Must, Int(0, U32)),
                ("DeviceFeatures", Must, Keyed("FeatureIndex", &FEATURE_4)),
            ]),
        ),
    ),
]);
const INPUT_READING: Rule = Object(&[
    ("Id", Must, REPLY_OR_EVENT),
    ("DeviceIndex", Must, INDEX),
    ("FeatureIndex", Must, INDEX),
    (
        "Reading",
        Must,
        And(
            &Object(&[
                ("Battery", May, Object(&[("Value", Must, Int(0, 100))])),
                ("Rssi", May, Object(&[("Value", Must, Int(-128, 127))])),
                ("RSSI", May, Object(&[("Value", Must, Int(-128, 127))])),
                ("Pressure", May, Object(&[("Value", Must, Int(0, U32))])),
                ("Button", May, Object(&[("Value", Must, Int(0, 1))])),
            ]),
            one_entry,
        ),
    ),
]);

impl Rule {
    /// On failure, the path to what is wrong, and why.
    fn check(&self, value: &Value) -> Result<(), String> {
        let wrong = |expected: String| Err(format!(": {value} is not {expected}"));
        match self {
            Int(min, max) => match value.as_i64() {
                Some(number) if (*min..=*max).contains(&number) => Ok(()),
                _ => wrong(format!("an integer from {min} to {max}")),
            },
            Real(min, max) => match value.as_f64() {
                Some(number) if (*min..=*max).contains(&number) => Ok(()),
                _ => wrong(format!("a number from {min} to {max}")),
            },
            Text => {
                if value.is_string() {
                    Ok(())
                } else {
                    wrong("a string".to_owned())
                }
            }
            Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(()),
                _ => wrong(format!("one of {words:?}")),
            },
            Object(fields) => {
                let Some(object) = value.as_object() else { return wrong("an object".to_owned()) };
                for (name, presence, rule) in *fields {
                    match object.get(*name) {
                        Some(value) => rule.check(value).map_err(|error| format!(".{name}{error}"))?,
                        None if *presence == Must => return Err(format!(" lacks {name}")),
                        None => {}
                    }
                }
                match object.keys().find(|key| !fields.iter().any(|(name, ..)| name == key)) {
                    Some(key) => Err(format!(".{key} is not a field")),
                    None => Ok(()),
                }
            }
            List(least, rule) => {
                let Some(array) = value.as_array() else { return wrong("an array".to_owned()) };
                if array.len() < *least {
                    return wrong(format!("an array of at least {least}"));
                }
                array
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, value)| rule.check(value).map_err(|error| format!("[{at}]{error}")))
            }
            Span(min, max) => {
                let ends: Option<Vec<_>> =
                    value.as_array().map_or(&[][..], Vec::as_slice).iter().map(Value::as_i64).collect();
                match ends.as_deref() {
                    Some([low, high]) if min <= low && low <= high && high <= max => Ok(()),
                    _ => wrong(format!("a range within {min} to {max}")),
                }
            }
            Keyed(field, rule) => {
                let Some(object) = value.as_object() else { return wrong("an object".to_owned()) };
                object.iter().try_for_each(|(key, value)| {
                    rule.check(value).map_err(|error| format!(".{key}{error}"))?;
                    if value.get(field).map(Value::to_string).as_ref() == Some(key) {
                        Ok(())
                    } else {
                        Err(format!(".{key} holds another {field}"))
                    }
                })
            }
            And(rule, more) => {
                rule.check(value)?;
                more(value).map_err(|error| format!(": {error}"))
            }
        }
    }
}

fn only_entry(value: &Value) -> Option<(&String, &Value)> {
    let mut entries = value.as_object()?.iter();
    entries.next().filter(|_| entries.next().is_none())
}

fn require(good: bool, what: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(what.to_owned()) }
}

fn one_entry(value: &Value) -> Result<(), String> {
    require(only_entry(value).is_some(), "not exactly one entry")
}

fn not_empty(value: &Value) -> Result<(), String> {
    require(value.as_object().is_some_and(|object| !object.is_empty()), "empty, should have been left out")
}

fn output_or_input(feature: &Value) -> Result<(), String> {
    require(feature.get("Output").or(feature.get("Input")).is_some(), "a feature without output and input")
}

fn symmetric(output: &Value) -> Result<(), String> {
    let end = |at: usize| output.get("Value").and_then(|range| range.get(at)).and_then(Value::as_i64);
    let good = end(0).zip(end(1)).is_some_and(|(min, max)| min >= 0 || min == -max);
    require(good, "a signed range that is not symmetric")
}

fn as_many_steps_as_features(counted: &Value) -> Result<(), String> {
    let count = counted.get("FeatureCount").and_then(Value::as_u64);
    let steps = counted.get("StepCount").and_then(Value::as_array).map(Vec::len);
    let good = steps.and_then(|steps| u64::try_from(steps).ok()) == count;
    require(good, "StepCount does not have FeatureCount elements")
}

fn sorted_by_index(devices: &Value) -> Result<(), String> {
    let index = |device: &Value| device.get("DeviceIndex").and_then(Value::as_u64);
    let devices = devices.as_array().map_or(&[][..], Vec::as_slice);
    require(devices.is_sorted_by(|a, b| index(a) < index(b)), "not in ascending order of DeviceIndex")
}

fn sorted_with_stop(names: &Value) -> Result<(), String> {
    let names: Vec<_> =
        names.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str).collect();
    require(names.is_sorted_by(|a, b| a < b), "names are not sorted")?;
    require(names.contains(&"StopDeviceCmd"), "StopDeviceCmd is missing")
}
