//! Frames and messages of every version that are good, bad, or both (`wire.md` section 1).

use crate::support::{decode, decode_one};
use frisson_wire::frame::{self, MAX_DEPTH, MAX_MESSAGES};
use frisson_wire::{Dialect, ErrorCode, Request};

#[test]
fn several_messages_in_one_frame_are_answered_in_order_w01() {
    let text = r#"[{"Ping":{"Id":3}},{"Ping":{"Id":1}},{"Ping":{"Id":2}}]"#;
    for dialect in Dialect::ALL {
        assert_eq!(decode(dialect, text), [3, 1, 2].map(|id| Ok((id, Request::Ping))));
    }
}

#[test]
fn an_empty_array_has_no_answer_w02() {
    for dialect in Dialect::ALL {
        assert_eq!(decode(dialect, "[]"), []);
        assert_eq!(decode(dialect, " [ ] [] "), []);
    }
}

#[test]
fn what_is_not_an_array_of_json_is_refused_as_a_whole_w03_w04() {
    for text in [
        "hello",
        r#"[{"Ping":{"Id":32}"#,
        "",
        "  ",
        r#"{"Ping":{"Id":33}}"#,
        "5",
        "null",
        r#""[]""#,
        r#"[{"Ping":{"Id":1}}] x"#,
        r#"[{"Ping":{"Id":1}}] {"Ping":{"Id":2}}"#,
        r#"[{"Ping":{"Id":NaN}}]"#,
        r#"[{"Ping":{"Id":1}},]"#,
        "]",
    ] {
        for dialect in Dialect::ALL {
            assert_eq!(decode(dialect, text), [Err((0, 3))], "{text}");
        }
    }
}

#[test]
fn an_element_that_is_no_message_is_refused_w05() {
    for element in [
        "1",
        "{}",
        "[]",
        "null",
        r#""Ping""#,
        r#"{"Ping":{"Id":37},"StopScanning":{"Id":38}}"#,
        r#"{"Ping":{"Id":37},"Ping":{"Id":38}}"#,
    ] {
        for dialect in Dialect::ALL {
            assert_eq!(decode_one(dialect, &format!("[{element}]")), Err((0, 3)), "{element}");
        }
    }
}

#[test]
fn unknown_types_are_refused_with_their_id_w06_w07() {
    for dialect in Dialect::ALL {
        assert_eq!(decode_one(dialect, r#"[{"NoSuchMessage":{"Id":30}}]"#), Err((30, 3)));
        assert_eq!(decode_one(dialect, r#"[{"ping":{"Id":31}}]"#), Err((31, 3)));
        assert_eq!(decode_one(dialect, r#"[{"Ok":{"Id":39}}]"#), Err((39, 3)));
        assert_eq!(decode_one(dialect, r#"[{"":{"Id":40}}]"#), Err((40, 3)));
        assert_eq!(decode_one(dialect, r#"[{"NoSuchMessage":[]}]"#), Err((0, 3)));
    }
}

#[test]
fn ids_that_no_client_may_use_are_refused_w08() {
    for body in [
        "{}",
        r#"{"Id":0}"#,
        r#"{"Id":-1}"#,
        r#"{"Id":"34"}"#,
        r#"{"Id":35.5}"#,
        r#"{"Id":4294967296}"#,
        r#"{"Id":null}"#,
        r#"{"Id":1e400}"#,
        r#"{"Id":[10]}"#,
        r#"{"id":10}"#,
        "[10]",
        "null",
        "10",
    ] {
        for dialect in Dialect::ALL {
            assert_eq!(decode_one(dialect, &format!(r#"[{{"Ping":{body}}}]"#)), Err((0, 3)), "{body}");
        }
    }
}

#[test]
fn the_highest_id_is_an_id_w09() {
    for dialect in Dialect::ALL {
        let text = r#"[{"Ping":{"Id":4294967295}}]"#;
        assert_eq!(decode_one(dialect, text), Ok((u32::MAX, Request::Ping)));
    }
}

#[test]
fn integers_may_be_written_as_floats() {
    for dialect in Dialect::ALL {
        for number in ["500.0", "5e2", "0.5e3"] {
            let text = format!(r#"[{{"Ping":{{"Id":{number}}}}}]"#);
            assert_eq!(decode_one(dialect, &text), Ok((500, Request::Ping)));
        }
    }
}

#[test]
fn extra_fields_are_ignored_w10() {
    for dialect in Dialect::ALL {
        let text = r#"[{"Ping":{"Extra":{"Id":[]},"Id":8,"More":null}}]"#;
        assert_eq!(decode_one(dialect, text), Ok((8, Request::Ping)));
    }
}

#[test]
fn escaped_names_are_the_same_names() {
    for dialect in Dialect::ALL {
        assert_eq!(decode_one(dialect, r#"[{"\u0050ing":{"\u0049d":8}}]"#), Ok((8, Request::Ping)));
        assert_eq!(decode_one(dialect, r#"[{"\u0051ing":{"\u0049d":8}}]"#), Err((8, 3)));
    }
}

#[test]
fn good_messages_are_done_beside_bad_ones_w11() {
    for dialect in Dialect::ALL {
        let text = r#"[{"Ping":{"Id":18}},{"NoSuchMessage":{"Id":19}},7,{"Ping":{"Id":20}}]"#;
        let expected = [Ok((18, Request::Ping)), Err((19, 3)), Err((0, 3)), Ok((20, Request::Ping))];
        assert_eq!(decode(dialect, text), expected);
    }
}

#[test]
fn a_binary_frame_is_a_message_fault_w12() {
    assert_eq!(frame::binary_fault().code, ErrorCode::Message);
}

#[test]
fn the_same_id_twice_is_two_requests_w13() {
    for dialect in Dialect::ALL {
        let text = r#"[{"Ping":{"Id":5}},{"Ping":{"Id":5}}]"#;
        assert_eq!(decode(dialect, text), [Ok((5, Request::Ping)), Ok((5, Request::Ping))]);
    }
}

#[test]
fn arrays_may_follow_each_other_w15() {
    for gap in ["", " ", "\r\n"] {
        let text = [r#"[{"Ping":{"Id":1}}]"#, r#"[{"Ping":{"Id":2}},{"Ping":{"Id":3}}]"#].join(gap);
        for dialect in Dialect::ALL {
            assert_eq!(decode(dialect, &text), [1, 2, 3].map(|id| Ok((id, Request::Ping))));
        }
    }
}

#[test]
fn a_frame_has_a_most_of_messages() {
    let pings = |count: usize| format!("[{}]", vec![r#"{"Ping":{"Id":1}}"#; count].join(","));
    assert_eq!(frame::split(&pings(MAX_MESSAGES)).unwrap().len(), MAX_MESSAGES);
    assert_eq!(frame::split(&pings(MAX_MESSAGES + 1)).unwrap_err().code, ErrorCode::Message);
    let halves = [pings(MAX_MESSAGES / 2), pings(MAX_MESSAGES / 2)].concat();
    assert_eq!(frame::split(&halves).unwrap().len(), MAX_MESSAGES);
    assert!(frame::split(&(halves + &pings(1))).is_err());
}

#[test]
fn a_frame_has_a_deepest_nesting() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(frame::split(&nested(MAX_DEPTH)).is_ok());
    assert!(frame::split(&nested(MAX_DEPTH + 1)).is_err());
    let objects = [r#"[{"a":"#.repeat(17), "1".to_owned(), "}]".repeat(17)].concat();
    assert!(frame::split(&objects).is_err());
    // Brackets in strings do not nest.
    let text = format!(r#"[{{"Ping":{{"Id":4,"Extra":"\"{}\\"}}}}]"#, "[".repeat(100));
    assert_eq!(decode_one(Dialect::V4, &text), Ok((4, Request::Ping)));
}

#[test]
fn hostile_frames_end_soon_and_do_not_overflow() {
    let megabyte = 1 << 20;
    for text in [
        "[".repeat(megabyte),
        r#"{"":"#.repeat(megabyte / 4),
        "[]".repeat(megabyte / 2),
        format!("[{}]", "0,".repeat(megabyte / 2)),
        format!("[\"{}", "\\".repeat(megabyte)),
        format!("[{{\"{}\":{{\"Id\":1}}}}]", "a".repeat(megabyte)),
        format!("[{{\"Ping\":{{\"Id\":\"{}\"}}}}]", "ä".repeat(megabyte / 2)),
        format!("[{{\"{}\":0}}]", "\\u0000".repeat(megabyte / 6)),
    ] {
        for outcome in decode(Dialect::V4, &text) {
            assert!(outcome.is_err());
        }
    }
}

#[test]
fn wrong_types_are_refused_with_their_id() {
    for (dialect, message) in [
        (Dialect::V0, r#"{"StopDeviceCmd":{"Id":10}}"#),
        (Dialect::V0, r#"{"StopDeviceCmd":{"Id":10,"DeviceIndex":null}}"#),
        (Dialect::V1, r#"{"VibrateCmd":{"Id":10,"DeviceIndex":0,"Speeds":[[0,0.5]]}}"#),
        (Dialect::V2, r#"{"VibrateCmd":{"DeviceIndex":0,"Speeds":{},"Id":10}}"#),
        (
            Dialect::V3,
            r#"{"LinearCmd":{"Id":10,"DeviceIndex":4,"Vectors":[{"Index":0,"Position":"1","Duration":1}]}}"#,
        ),
        (Dialect::V3, r#"{"StopDeviceCmd":{"Id":10,"DeviceIndex":{}}}"#),
        (Dialect::V4, r#"{"StopCmd":{"Id":10,"Inputs":1}}"#),
        (Dialect::V4, r#"{"StopCmd":{"Id":10,"DeviceIndex":-1}}"#),
        (
            Dialect::V4,
            r#"{"InputCmd":{"Id":10,"DeviceIndex":0,"FeatureIndex":1,"Type":"Battery","Command":{"Read":null}}}"#,
        ),
    ] {
        assert_eq!(crate::support::code(dialect, &format!("[{message}]")), 3, "{message}");
    }
}

#[test]
fn error_texts_name_the_field_and_what_is_expected() {
    let text = |dialect: Dialect, message: &str| {
        let frame = format!("[{message}]");
        let raw = frame::split(&frame).unwrap()[0];
        dialect.decode_request(raw, &crate::support::world()).unwrap_err().fault.message
    };
    for (dialect, message, said) in [
        (Dialect::V0, r#"{"VibrateCmd":{"Id":1}}"#, "VibrateCmd is not part of spec version 0"),
        (
            Dialect::V4,
            r#"{"Ping":{"Id":0}}"#,
            "Ping.Id: invalid value: integer `0`, expected an integer from 1 to 4294967295",
        ),
        (Dialect::V4, r#"{"Pong":{"Id":1}}"#, "Pong is not a known message type"),
        (Dialect::V4, r#"{"Ok":{"Id":1}}"#, "Ok is a message of servers, not of clients"),
        (
            Dialect::V2,
            r#"{"VibrateCmd":{"Id":1,"DeviceIndex":0,"Speeds":[{"Index":0,"Speed":1},{"Index":0,"Speed":1.01}]}}"#,
            "VibrateCmd.Speeds[1].Speed is 1.01, expected 0 to 1",
        ),
        (
            Dialect::V2,
            r#"{"VibrateCmd":{"Id":1,"DeviceIndex":0,"Speeds":[{"Index":0,"Speed":"fast"}]}}"#,
            "VibrateCmd.Speeds[0].Speed: invalid type: string \"fast\", expected a number",
        ),
        (Dialect::V2, r#"{"VibrateCmd":{"Id":1,"DeviceIndex":0}}"#, "VibrateCmd: missing field `Speeds`"),
        (Dialect::V2, r#"{"BatteryLevelCmd":{"Id":1,"DeviceIndex":7}}"#, "no device with index 7"),
        (
            Dialect::V4,
            r#"{"OutputCmd":{"Id":1,"DeviceIndex":0,"FeatureIndex":0,"Command":{}}}"#,
            "OutputCmd.Command: invalid length 0, expected an object with exactly one key, the output type",
        ),
    ] {
        assert_eq!(text(dialect, message), said);
    }
}

#[test]
fn a_good_single_message_takes_the_short_way() {
    let world = crate::support::world();
    for text in [r#"[{"Ping":{"Id":1}}]"#, " [ {\"Ping\": {\"Id\": 1}} ] \n"] {
        for dialect in frisson_wire::Dialect::ALL {
            assert!(
                matches!(dialect.decode_single(text, &world), Some(Ok((_, frisson_wire::Request::Ping)))),
                "{text}"
            );
        }
    }
    for text in [
        "[]",
        "",
        "[",
        "{}",
        r#"[{"Ping":{"Id":1}},{"Ping":{"Id":2}}]"#,
        r#"[{"Ping":{"Id":1}}] []"#,
        r#"[{"Ping":{"Id":0}}]"#,
    ] {
        assert!(frisson_wire::Dialect::V4.decode_single(text, &world).is_none(), "{text}");
    }
}
