//! Every example of `wire.md` survives its typed form in every version that has it, also those that the model has no
//! place for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Dialect::{self, V0, V1, V2, V3, V4};
use super::{v0, v1, v2, v3, v4};

fn again<T: DeserializeOwned + Serialize>(message: &str) -> Value {
    let typed: T = serde_json::from_str(message).unwrap_or_else(|error| panic!("{error}: {message}"));
    serde_json::to_value(typed).unwrap()
}

/// Integers and floats of the same value are the same.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(array) => array.into_iter().map(plain).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        other => other,
    }
}

#[test]
fn every_example_survives_its_typed_form() {
    let lines = include_str!("../../tests/examples.txt").lines();
    let mut examples = 0;
    for line in lines.filter(|line| line.starts_with(['>', '<'])) {
        let [direction, first, last, _, message] = line.splitn(5, ' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let versions = first.parse::<u32>().unwrap()..=last.parse().unwrap();
        for dialect in Dialect::ALL.into_iter().filter(|dialect| versions.contains(&dialect.number())) {
            let same = match (direction, dialect) {
                (">", V0) => again::<v0::ClientMessage>(message),
                (">", V1) => again::<v1::ClientMessage>(message),
                (">", V2) => again::<v2::ClientMessage>(message),
                (">", V3) => again::<v3::ClientMessage>(message),
                (">", V4) => again::<v4::ClientMessage>(message),
                (_, V0) => again::<v0::ServerMessage>(message),
                (_, V1) => again::<v1::ServerMessage>(message),
                (_, V2) => again::<v2::ServerMessage>(message),
                (_, V3) => again::<v3::ServerMessage>(message),
                (_, V4) => again::<v4::ServerMessage>(message),
            };
            assert_eq!(plain(same), plain(serde_json::from_str(message).unwrap()), "{dialect}");
            examples += 1;
        }
    }
    assert!(examples > 100, "{examples}");
}
