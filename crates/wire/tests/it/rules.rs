//! The tables that emitted frames are held against do catch what they are for.

use frisson_wire::Dialect;
use frisson_wire::rules::check_server_frame;

#[test]
fn good_frames_pass() {
    for dialect in Dialect::ALL {
        assert_eq!(check_server_frame(dialect, r#"[{"Ok":{"Id":1}}]"#), Ok(()));
        let error = r#"[{"Error":{"Id":0,"ErrorCode":2,"ErrorMessage":""}}]"#;
        assert_eq!(check_server_frame(dialect, error), Ok(()));
    }
}

#[test]
fn a_frame_is_one_array_of_one_message_w14() {
    for frame in ["", "{}", "[]", r#"[{"Ok":{"Id":1}},{"Ok":{"Id":2}}]"#, r#"[{"Ok":{"Id":1},"Error":{}}]"#] {
        assert!(check_server_frame(Dialect::V4, frame).is_err(), "{frame}");
    }
}

#[test]
fn fields_are_exact_w16() {
    for body in [
        r#"{}"#,
        r#"{"Id":0}"#,
        r#"{"Id":1.5}"#,
        r#"{"Id":null}"#,
        r#"{"Id":1,"Extra":0}"#,
        r#"{"Id":4294967296}"#,
    ] {
        assert!(check_server_frame(Dialect::V2, &format!(r#"[{{"Ok":{body}}}]"#)).is_err(), "{body}");
    }
}

#[test]
fn types_of_other_versions_are_refused_w16() {
    let removed = r#"[{"DeviceRemoved":{"Id":0,"DeviceIndex":1}}]"#;
    assert!(check_server_frame(Dialect::V3, removed).is_ok());
    assert!(check_server_frame(Dialect::V4, removed).is_err());
    let empty = r#"[{"DeviceList":{"Id":0,"Devices":{}}}]"#;
    assert!(check_server_frame(Dialect::V4, empty).is_ok());
    assert!(check_server_frame(Dialect::V3, empty).is_err());
}

#[test]
fn what_spans_fields_is_held_too_w16() {
    let list = |features: &str| {
        format!(
            r#"[{{"DeviceList":{{"Id":0,"Devices":{{"3":{{"DeviceName":"","DeviceIndex":3,"DeviceMessageTimingGap":0,"DeviceFeatures":{features}}}}}}}}}]"#
        )
    };
    let good = r#"{"1":{"FeatureIndex":1,"FeatureDescription":"","Output":{"Rotate":{"Value":[-5,5]}}}}"#;
    assert_eq!(check_server_frame(Dialect::V4, &list(good)), Ok(()));
    for bad in [
        good.replace("\"1\":", "\"2\":"),
        good.replace("-5", "-4"),
        good.replace("-5", "6"),
        good.replace("[-5,5]", "[-5,5],\"Duration\":[0,1]"),
        good.replace("\"Rotate\":{\"Value\":[-5,5]}", ""),
        good.replace(",\"Output\":{\"Rotate\":{\"Value\":[-5,5]}}", ""),
        good.replace("Rotate", "Inflate"),
    ] {
        assert!(check_server_frame(Dialect::V4, &list(&bad)).is_err(), "{bad}");
    }
}
