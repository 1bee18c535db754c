//! What the vendor's service and a phone answer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;

use super::http::Origin;

/// How many phones, and toys of a phone, are taken in.
const MAX_ENTRIES: usize = 64;
/// The longest id and the longest name of a toy.
const MAX_TEXT: usize = 64;

/// A toy that is connected to a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Toy {
    pub(super) id: String,
    pub(super) name: String,
    /// In percent.
    pub(super) battery: u8,
}

/// The phones that the service knows, and why others are left out. A service on this machine may name this machine, no other may.
pub(super) fn phones(answer: &[u8], may_be_local: bool) -> Result<(Vec<Origin>, Vec<String>), String> {
    let hosts: BTreeMap<String, Value> = serde_json::from_slice(answer)
        .map_err(|error| format!("it does not answer with an object of phones: {error}"))?;
    let (mut phones, mut left_out) = (Vec::new(), Vec::new());
    for (host, entry) in hosts.into_iter().take(MAX_ENTRIES) {
        match phone(&host, &entry, may_be_local) {
            Ok(origin) => phones.push(origin),
            Err(reason) => {
                let host: String = host.chars().take(MAX_TEXT).collect();
                left_out.push(format!("the phone {:?} is left out: {reason}", host));
            }
        }
    }
    Ok((phones, left_out))
}

/// The address is in the host name, e.g. `192-168-0-11.lovense.club`.
fn phone(host: &str, entry: &Value, may_be_local: bool) -> Result<Origin, &'static str> {
    let label = host.split('.').next().unwrap_or_default();
    let address: Ipv4Addr = label
        .replace('-', ".")
        .parse()
        .map_err(|_| "its host name does not begin with an address like 192-168-0-11")?;
    let is_near = address.is_private() || address.is_link_local() || (may_be_local && address.is_loopback());
    if !is_near {
        return Err("its address is not one of a local network");
    }
    let port = match entry.get("httpPort") {
        Some(Value::Number(port)) => port.as_u64().and_then(|port| u16::try_from(port).ok()),
        Some(Value::String(port)) => port.parse().ok(),
        _ => None,
    };
    let port = port.filter(|port| *port != 0).ok_or("its httpPort is not a port")?;
    Ok(Origin { is_secure: false, host: address.to_string(), port })
}

/// The toys that are connected to a phone.
pub(super) fn toys(answer: &[u8]) -> Result<Vec<Toy>, String> {
    let answer: Value = serde_json::from_slice(answer)
        .map_err(|error| format!("it does not answer with its toys: {error}"))?;
    if !answer.is_object() {
        return Err("it does not answer with its toys, but with something else".to_owned());
    }
    let toys = answer.get("data").and_then(Value::as_object);
    Ok(toys.into_iter().flat_map(|toys| toys.values()).filter_map(toy).take(MAX_ENTRIES).collect())
}

fn toy(entry: &Value) -> Option<Toy> {
    let is_connected = match entry.get("status")? {
        Value::Bool(status) => *status,
        Value::Number(status) => status.as_u64() == Some(1),
        Value::String(status) => status == "true" || status == "1",
        _ => false,
    };
    let text = |key: &str| {
        entry.get(key).and_then(Value::as_str).filter(|text| (1..=MAX_TEXT).contains(&text.len()))
    };
    // It becomes a part of each request.
    let id = text("id")
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte)))?;
    let name = text("name").filter(|name| !name.chars().any(char::is_control))?;
    let battery = entry.get("battery").and_then(Value::as_i64).unwrap_or(0).clamp(0, 100);
    let toy = Toy { id: id.to_owned(), name: name.to_owned(), battery: u8::try_from(battery).unwrap_or(0) };
    is_connected.then_some(toy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_phone_is_in_its_host_name() {
        let answer = br#"{"192-168-0-11.lovense.club":{"domain":"192-168-0-11.lovense.club","httpPort":"34567","wsPort":34568},
            "10-0-0-2.lovense.club":{"httpPort":20010}}"#;
        let phone = |host: &str, port| Origin { is_secure: false, host: host.to_owned(), port };
        let expected = vec![phone("10.0.0.2", 20010), phone("192.168.0.11", 34567)];
        assert_eq!(phones(answer, false), Ok((expected, Vec::new())));
    }

    #[test]
    fn a_phone_that_is_not_in_the_local_network_is_left_out_with_its_reason() {
        for (host, port, reason) in [
            ("example.com", "1", "does not begin with an address"),
            ("192-168-0.lovense.club", "1", "does not begin with an address"),
            ("192-168-0-11-1.lovense.club", "1", "does not begin with an address"),
            ("8-8-8-8.lovense.club", "1", "not one of a local network"),
            ("127-0-0-1.lovense.club", "1", "not one of a local network"),
            ("0-0-0-0.lovense.club", "1", "not one of a local network"),
            ("192-168-0-11.lovense.club", "0", "not a port"),
            ("192-168-0-11.lovense.club", "65536", "not a port"),
            ("192-168-0-11.lovense.club", "null", "not a port"),
        ] {
            let answer = format!(r#"{{"{host}":{{"httpPort":{port}}}}}"#);
            let (phones, left_out) = phones(answer.as_bytes(), false).expect(host);
            assert_eq!(phones, [], "{host}");
            assert!(left_out.len() == 1 && left_out[0].contains(reason), "{left_out:?}");
        }
        let local = br#"{"127-0-0-1.lovense.club":{"httpPort":1}}"#;
        assert_eq!(phones(local, true).map(|(phones, _)| phones.len()), Ok(1));
    }

    #[test]
    fn an_answer_that_is_something_else_is_no_crash() {
        for answer in ["", "[]", "null", "<html>", "7"] {
            assert!(phones(answer.as_bytes(), false).is_err(), "{answer}");
            assert!(toys(answer.as_bytes()).is_err(), "{answer}");
        }
        for answer in ["{}", r#"{"data":null}"#, r#"{"data":"none"}"#, r#"{"data":{"a":7}}"#] {
            assert_eq!(toys(answer.as_bytes()), Ok(Vec::new()), "{answer}");
        }
    }

    #[test]
    fn only_connected_toys_count() {
        let toy = |status: &str, battery: &str| {
            let answer = format!(
                r#"{{"type":"OK","code":200,"data":{{"x":{{"id":"A1","name":"Nora","status":{status},"battery":{battery}}}}}}}"#
            );
            toys(answer.as_bytes()).expect("toys").first().map(|toy| toy.battery)
        };
        assert_eq!(
            [toy("true", "87"), toy("\"true\"", "-128"), toy("1", "127"), toy("\"1\"", "null")],
            [Some(87), Some(0), Some(100), Some(0)]
        );
        assert_eq!([toy("false", "1"), toy("0", "1"), toy("\"false\"", "1"), toy("null", "1")], [None; 4]);
    }

    #[test]
    fn an_id_that_would_be_another_request_is_left_out() {
        for id in ["", "A&v=20", "A B", "../x", "ä"] {
            let answer = format!(r#"{{"data":{{"x":{{"id":"{id}","name":"Nora","status":1}}}}}}"#);
            assert_eq!(toys(answer.as_bytes()), Ok(Vec::new()), "{id}");
        }
    }
}
