//! Every example of `wire.md`, in the versions that have it and in those that do not.

use frisson_wire::{Dialect, Request, frame};
use serde_json::Value;

use crate::support::{decode_one, encode, hear, world};

struct Example {
    from_client: bool,
    versions: std::ops::RangeInclusive<u32>,
    outcome: &'static str,
    message: &'static str,
}

impl Example {
    fn is_in(&self, dialect: Dialect) -> bool {
        self.versions.contains(&dialect.number())
    }

    fn frame(&self) -> String {
        format!("[{}]", self.message)
    }
}

fn examples() -> impl Iterator<Item = Example> {
    let lines = include_str!("../examples.txt").lines();
    lines.filter(|line| line.starts_with(['>', '<'])).map(|line| {
        let mut parts = line.splitn(5, ' ');
        let mut next = || parts.next().unwrap();
        let from_client = next() == ">";
        let versions = next().parse().unwrap()..=next().parse().unwrap();
        Example { from_client, versions, outcome: next(), message: next() }
    })
}

#[test]
fn requests_are_understood_where_they_exist_and_refused_elsewhere() {
    for example in examples().filter(|example| example.from_client) {
        for dialect in Dialect::ALL {
            let outcome = match decode_one(dialect, &example.frame()) {
                Ok(_) => "ok".to_owned(),
                Err((id, code)) => {
                    assert_ne!(id, 0);
                    code.to_string()
                }
            };
            let handshake = example.message.contains("RequestServerInfo");
            let expected = if example.is_in(dialect) || handshake { example.outcome } else { "3" };
            assert_eq!(outcome, expected, "{} in {dialect}", example.message);
        }
    }
}

#[test]
fn requests_that_are_understood_can_be_written_again() {
    for example in examples().filter(|example| example.from_client && example.outcome == "ok") {
        for dialect in Dialect::ALL.into_iter().filter(|dialect| example.is_in(*dialect)) {
            let frame = example.frame();
            let (id, request) = dialect.decode_request(frame::split(&frame).unwrap()[0], &world()).unwrap();
            let written = dialect.encode_request(id, &request, &world()).unwrap();
            let again = dialect.decode_request(frame::split(&written).unwrap()[0], &world());
            assert_eq!(again, Ok((id, request.clone())), "{} in {dialect}", example.message);
            if !matches!(request, Request::Output(_) | Request::Log) {
                let written: Value = serde_json::from_str(&written).unwrap();
                assert_eq!(written, serde_json::from_str::<Value>(&frame).unwrap());
            }
        }
    }
}

#[test]
fn answers_are_understood_where_they_exist_and_passed_over_elsewhere_w96() {
    for example in examples().filter(|example| !example.from_client) {
        for dialect in Dialect::ALL {
            let different_shape = ["ServerInfo", "DeviceList", "DeviceAdded"]
                .iter()
                .any(|name| example.message.contains(&format!("{{\"{name}\"")));
            if !example.is_in(dialect) && different_shape {
                // Other versions have a message of this name.
                continue;
            }
            let message = hear(dialect, &example.frame());
            match example.outcome {
                _ if !example.is_in(dialect) => assert_eq!(message, None, "{}", example.message),
                "over" => assert_eq!(message, None, "{}", example.message),
                "read" => assert!(encode(dialect, &message.unwrap()).is_empty(), "{}", example.message),
                "same" => {
                    let frame: Value = serde_json::from_str(&example.frame()).unwrap();
                    assert_eq!(encode(dialect, &message.unwrap()), [frame]);
                }
                other => panic!("{other}"),
            }
        }
    }
}
