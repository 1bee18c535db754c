//! Which version a handshake leads to, and what is refused (`wire.md` section 2).

use crate::support::{decode_one, encode, id};
use frisson_wire::dialect::Greeting;
use frisson_wire::{Dialect, Hello, Id, Message, Reply, ServerInfo, frame};
use serde_json::{Value, json};

fn greet(text: &str) -> Greeting {
    let messages = frame::split(text).unwrap();
    assert_eq!(messages.len(), 1, "{text}");
    Dialect::greet(messages[0])
}

/// A handshake with Id 1, a ClientName and these fields.
fn greet_with(fields: &str) -> Greeting {
    greet(&format!(r#"[{{"RequestServerInfo":{{"Id":1,"ClientName":"App"{fields}}}}}]"#))
}

fn granted(dialect: Dialect) -> Greeting {
    Greeting::Hello(id(1), Hello { client_name: "App".to_owned(), dialect })
}

/// Id, code, and whether to close.
fn refused(greeting: Greeting) -> (u32, u8, bool) {
    match greeting {
        Greeting::Refused { refusal, close } => {
            assert!(!refusal.fault.message.is_empty());
            (refusal.id.map_or(0, Id::get), refusal.fault.code.number(), close)
        }
        Greeting::Hello(..) => panic!("{greeting:?}"),
    }
}

fn server_info(dialect: Dialect) -> Value {
    let info = ServerInfo { server_name: "Living room".to_owned(), max_ping_time_ms: 2000 };
    encode(dialect, &Message::Reply(id(1), Reply::ServerInfo(info))).remove(0)
}

#[test]
fn no_version_is_version_0_w17() {
    assert_eq!(greet_with(""), granted(Dialect::V0));
    let expected = json!([{"ServerInfo": {"Id": 1, "ServerName": "Living room", "MajorVersion": 0,
        "MinorVersion": 0, "BuildVersion": 0, "MessageVersion": 0, "MaxPingTime": 2000}}]);
    assert_eq!(server_info(Dialect::V0), expected);
}

#[test]
fn message_versions_are_granted_w17_w18() {
    assert_eq!(greet_with(r#","MessageVersion":0"#), granted(Dialect::V0));
    assert_eq!(greet_with(r#","MessageVersion":1"#), granted(Dialect::V1));
    assert_eq!(greet_with(r#","MessageVersion":2.0"#), granted(Dialect::V2));
    let expected = json!([{"ServerInfo": {"Id": 1, "ServerName": "Living room", "MajorVersion": 0,
        "MinorVersion": 0, "BuildVersion": 0, "MessageVersion": 1, "MaxPingTime": 2000}}]);
    assert_eq!(server_info(Dialect::V1), expected);
}

#[test]
fn versions_2_and_3_are_echoed_w19() {
    for (number, dialect) in [(2, Dialect::V2), (3, Dialect::V3)] {
        assert_eq!(greet_with(&format!(r#","MessageVersion":{number}"#)), granted(dialect));
        let expected = json!([{"ServerInfo": {"Id": 1, "ServerName": "Living room",
            "MessageVersion": number, "MaxPingTime": 2000}}]);
        assert_eq!(server_info(dialect), expected);
    }
}

#[test]
fn version_4_is_granted_in_its_own_form_w20() {
    let fields = r#","ProtocolVersionMajor":4,"ProtocolVersionMinor":0"#;
    assert_eq!(greet_with(fields), granted(Dialect::V4));
    let expected = json!([{"ServerInfo": {"Id": 1, "ServerName": "Living room",
        "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0, "MaxPingTime": 2000}}]);
    assert_eq!(server_info(Dialect::V4), expected);
}

#[test]
fn any_minor_version_is_granted_w21() {
    for fields in [
        r#","ProtocolVersionMajor":4,"ProtocolVersionMinor":1"#,
        r#","ProtocolVersionMajor":4,"ProtocolVersionMinor":99"#,
        r#","ProtocolVersionMajor":4"#,
    ] {
        assert_eq!(greet_with(fields), granted(Dialect::V4));
    }
}

#[test]
fn versions_above_ours_are_refused_and_closed_w22_w23() {
    for fields in [
        r#","ProtocolVersionMajor":5,"ProtocolVersionMinor":0"#,
        r#","ProtocolVersionMajor":99"#,
        r#","ProtocolVersionMajor":4294967295"#,
        r#","MessageVersion":4"#,
        r#","MessageVersion":5"#,
        r#","MessageVersion":99"#,
    ] {
        assert_eq!(refused(greet_with(fields)), (1, 1, true), "{fields}");
    }
    let Greeting::Refused { refusal, .. } = greet_with(r#","ProtocolVersionMajor":5"#) else { panic!() };
    let text = "this server speaks protocol version 4, the client asked for 5";
    assert_eq!(refusal.fault.message, text);
}

#[test]
fn what_is_no_version_is_refused_and_stays_open_w24() {
    for field in ["MessageVersion", "ProtocolVersionMajor", "ProtocolVersionMinor"] {
        for value in [r#""1""#, "-1", "null", "1.5", "4294967296", "[1]", "true"] {
            let fields = format!(r#","{field}":{value}"#);
            assert_eq!(refused(greet_with(&fields)), (1, 1, false), "{fields}");
        }
    }
    assert_eq!(refused(greet_with(r#","ProtocolVersionMinor":0"#)), (1, 1, false));
}

#[test]
fn a_client_name_is_needed_and_may_be_empty_w25() {
    for body in [r#"{"Id":1}"#, r#"{"Id":1,"ClientName":null}"#, r#"{"Id":1,"ClientName":5}"#] {
        let text = format!(r#"[{{"RequestServerInfo":{body}}}]"#);
        assert_eq!(refused(greet(&text)), (1, 1, false), "{text}");
    }
    let hello = Hello { client_name: String::new(), dialect: Dialect::V0 };
    let text = r#"[{"RequestServerInfo":{"Id":1,"ClientName":""}}]"#;
    assert_eq!(greet(text), Greeting::Hello(id(1), hello));
}

#[test]
fn a_handshake_without_a_good_id_is_refused_w26() {
    for body in [
        r#"{"Id":0,"ClientName":"App"}"#,
        r#"{"ClientName":"App"}"#,
        r#"{"Id":"1","ClientName":"App"}"#,
        "[]",
        "null",
    ] {
        let text = format!(r#"[{{"RequestServerInfo":{body}}}]"#);
        assert_eq!(refused(greet(&text)), (0, 1, false), "{text}");
    }
}

#[test]
fn other_requests_have_to_wait_w27() {
    for name in
        ["RequestDeviceList", "Ping", "VibrateCmd", "OutputCmd", "Test", "RawReadCmd", "Disconnect", "RawCmd"]
    {
        let text = format!(r#"[{{"{name}":{{"Id":6}}}}]"#);
        assert_eq!(refused(greet(&text)), (6, 1, false), "{text}");
        let text = format!(r#"[{{"{name}":{{"Id":0}}}}]"#);
        assert_eq!(refused(greet(&text)), (0, 3, false), "{text}");
    }
}

#[test]
fn what_is_no_request_is_a_message_fault_before_the_handshake_too() {
    for text in [r#"[{"Ok":{"Id":6}}]"#, r#"[{"Pong":{"Id":6}}]"#, r#"[{"requestserverinfo":{"Id":6}}]"#] {
        assert_eq!(refused(greet(text)), (6, 3, false), "{text}");
    }
    for text in ["[1]", "[{}]", r#"[{"Ping":{"Id":1},"RequestServerInfo":{"Id":1,"ClientName":""}}]"#] {
        assert_eq!(refused(greet(text)), (0, 3, false), "{text}");
    }
}

#[test]
fn a_second_handshake_is_refused_in_every_version_w28() {
    for dialect in Dialect::ALL {
        for fields in
            ["", r#","MessageVersion":3"#, r#","ProtocolVersionMajor":4"#, r#","MessageVersion":"x""#]
        {
            let text = format!(r#"[{{"RequestServerInfo":{{"Id":7,"ClientName":"App"{fields}}}}}]"#);
            assert_eq!(decode_one(dialect, &text), Err((7, 1)), "{text}");
        }
        assert_eq!(decode_one(dialect, r#"[{"RequestServerInfo":{"Id":0}}]"#), Err((0, 1)));
    }
}

#[test]
fn the_handshake_may_share_a_frame_w29() {
    let text = r#"[{"RequestServerInfo":{"Id":1,"ClientName":"App"}},{"RequestDeviceList":{"Id":2}}]"#;
    let messages = frame::split(text).unwrap();
    assert_eq!(Dialect::greet(messages[0]), granted(Dialect::V0));
    assert!(Dialect::V0.decode_request(messages[1], &crate::support::world()).is_ok());
}

#[test]
fn old_versions_may_be_asked_for_in_the_new_form_w30() {
    for dialect in Dialect::ALL {
        let fields = format!(r#","ProtocolVersionMajor":{},"ProtocolVersionMinor":0"#, dialect.number());
        assert_eq!(greet_with(&fields), granted(dialect));
    }
}

#[test]
fn the_new_form_decides() {
    assert_eq!(greet_with(r#","MessageVersion":1,"ProtocolVersionMajor":4"#), granted(Dialect::V4));
    assert_eq!(greet_with(r#","ProtocolVersionMajor":2,"MessageVersion":9"#), granted(Dialect::V2));
    assert_eq!(greet_with(r#","ProtocolVersionMinor":0,"MessageVersion":3"#), granted(Dialect::V3));
}
