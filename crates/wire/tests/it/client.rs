//! What a client makes of servers that say more, or something else, than it knows (`wire.md` section 8).

use frisson_wire::{
    Dialect, Echo, ErrorCode, Event, Hello, InputAction, InputKind, InputRequest, Message, OutputKind, Reply,
    Request, RssiSpelling, frame,
};

use crate::support::{hear, id, world};

use Dialect::{V0, V1, V2, V3, V4};

fn v4_list(features: &str) -> String {
    format!(
        r#"[{{"DeviceList":{{"Id":0,"Devices":{{"3":{{"DeviceName":"New","DeviceIndex":3,"Colour":"red","DeviceMessageTimingGap":0,"DeviceFeatures":{{{features}}}}}}}}}}}]"#
    )
}

fn devices(message: Option<Message>) -> frisson_wire::DeviceList {
    match message {
        Some(Message::Event(Event::Devices { all, .. }) | Message::Reply(_, Reply::DeviceList(all))) => all,
        other => panic!("{other:?}"),
    }
}

fn refusal(dialect: Dialect, text: &str) -> (u32, ErrorCode) {
    let refusal = dialect.decode_message(frame::split(text).unwrap()[0]).unwrap_err();
    assert!(!refusal.fault.message.is_empty());
    (refusal.id.map_or(0, frisson_wire::Id::get), refusal.fault.code)
}

#[test]
fn unknown_outputs_and_inputs_do_not_hide_the_rest_w96() {
    let list = devices(hear(
        V4,
        &v4_list(
            r#""0":{"FeatureIndex":0,"FeatureDescription":"","Output":{"Levitate":{"Height":[1]},"Vibrate":{"Value":[0,20],"Curve":"log"},"Sing":7}},
               "1":{"FeatureIndex":1,"FeatureDescription":"","Input":{"Depth":{"Value":[[0,9]],"Command":["Read"]}}},
               "2":{"FeatureIndex":2,"FeatureDescription":"","Output":null,"Input":{"Battery":{"Value":[[0,100]],"Command":["Read","Guess"]}}},
               "9":{"FeatureIndex":9}"#,
        ),
    ));
    let features = &list[0].device().features;
    assert_eq!(features.iter().map(|feature| feature.index).collect::<Vec<_>>(), [0, 1, 2, 9]);
    assert_eq!(features[0].outputs.len(), 1);
    assert_eq!(features[0].output(OutputKind::Vibrate).unwrap().value.max, 20);
    assert!(features[1].inputs.is_empty());
    let battery = features[2].input(InputKind::Battery).unwrap();
    assert!(battery.read && !battery.subscribe);
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let feature = |outputs: &str| {
        let text = format!(r#""0":{{"FeatureIndex":0,"FeatureDescription":"","Output":{{{outputs}}}}}"#);
        devices(hear(V4, &v4_list(&text)))
    };
    let (led, vibrate) = (r#""Led":{"Value":[0,1]}"#, r#""Vibrate":{"Value":[0,9]}"#);
    assert_eq!(feature(&format!("{led},{vibrate}")), feature(&format!("{vibrate},{led}")));
}

#[test]
fn unknown_messages_are_passed_over_w96() {
    for dialect in Dialect::ALL {
        assert_eq!(hear(dialect, r#"[{"Weather":{"Id":0,"Rain":true}}]"#), None);
        assert_eq!(hear(dialect, r#"[{"Ping":{"Id":5}}]"#), None);
    }
    let depth =
        r#"[{"InputReading":{"Id":4,"DeviceIndex":0,"FeatureIndex":0,"Reading":{"Depth":{"Value":1}}}}]"#;
    assert_eq!(hear(V4, depth), None);
}

#[test]
fn newer_minor_versions_are_fine_w96() {
    let text = r#"[{"ServerInfo":{"Id":1,"ServerName":"S","ProtocolVersionMajor":4,"ProtocolVersionMinor":7,"MaxPingTime":0,"Motto":""}}]"#;
    assert!(matches!(hear(V4, text), Some(Message::Reply(_, Reply::ServerInfo(_)))));
}

#[test]
fn both_spellings_of_the_signal_strength_work_w97() {
    for (name, spelling) in [("Rssi", RssiSpelling::Rssi), ("RSSI", RssiSpelling::Upper)] {
        let feature = format!(
            r#""0":{{"FeatureIndex":0,"FeatureDescription":"","Input":{{"{name}":{{"Value":[[-128,0]],"Command":["Read"]}}}}}}"#
        );
        let list = devices(hear(V4, &v4_list(&feature)));
        let input = list[0].device().features[0].input(InputKind::Rssi).unwrap();
        assert_eq!(input.spelling, spelling);
        let request = Request::Input(InputRequest {
            device: 3,
            feature: 0,
            kind: InputKind::Rssi,
            action: InputAction::Read,
            echo: Echo { spelling: input.spelling, sensor_index: 0 },
        });
        let text = V4.encode_request(id(5), &request, &world()).unwrap();
        assert!(text.contains(&format!(r#""Type":"{name}""#)), "{text}");
        let reading = format!(
            r#"[{{"InputReading":{{"Id":5,"DeviceIndex":3,"FeatureIndex":0,"Reading":{{"{name}":{{"Value":-60}}}}}}}}]"#
        );
        let Some(Message::Reply(_, Reply::Reading(reading, _))) = hear(V4, &reading) else { panic!() };
        assert_eq!((reading.kind, reading.value), (InputKind::Rssi, -60));
    }
}

#[test]
fn several_messages_in_one_frame_are_all_handled_w97() {
    let text = r#"[{"Ok":{"Id":1}},{"Weather":{}},{"DeviceList":{"Id":0,"Devices":{}}},{"Ok":{"Id":2}}]"#;
    let messages: Vec<_> = frame::split(text)
        .unwrap()
        .into_iter()
        .filter_map(|message| V4.decode_message(message).unwrap())
        .collect();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2], Message::Reply(id(2), Reply::Ok));
}

#[test]
fn a_refused_handshake_surfaces_with_its_text_w98() {
    let text = r#"[{"Error":{"Id":1,"ErrorCode":1,"ErrorMessage":"no"}}]"#;
    let Some(Message::Reply(_, Reply::Error(fault))) = hear(V4, text) else { panic!() };
    assert_eq!((fault.code, fault.message.as_str()), (ErrorCode::Init, "no"));
}

#[test]
fn a_server_of_another_version_is_refused() {
    for text in [
        r#"[{"ServerInfo":{"Id":1,"ServerName":"","ProtocolVersionMajor":5,"ProtocolVersionMinor":0,"MaxPingTime":0}}]"#,
        r#"[{"ServerInfo":{"Id":1,"ServerName":"","MessageVersion":3,"MaxPingTime":0}}]"#,
    ] {
        assert_eq!(refusal(V4, text), (1, ErrorCode::Init));
    }
    let text = r#"[{"ServerInfo":{"Id":1,"ServerName":"","MessageVersion":2,"MaxPingTime":0}}]"#;
    assert_eq!(refusal(V3, text), (1, ErrorCode::Init));
}

#[test]
fn malformed_answers_are_refused() {
    for (text, id) in [
        (r#"[{"Ok":{}}]"#, 0),
        (r#"[{"Ok":{"Id":0}}]"#, 0),
        (r#"[{"Error":{"Id":6,"ErrorCode":"bad","ErrorMessage":""}}]"#, 6),
        (r#"[{"DeviceList":{"Id":7,"Devices":[]}}]"#, 7),
        ("[[]]", 0),
    ] {
        assert_eq!(refusal(V4, text), (id, ErrorCode::Message), "{text}");
    }
}

#[test]
fn unknown_error_codes_are_unknown_errors() {
    let text = r#"[{"Error":{"Id":1,"ErrorCode":77,"ErrorMessage":""}}]"#;
    let Some(Message::Reply(_, Reply::Error(fault))) = hear(V4, text) else { panic!() };
    assert_eq!(fault.code, ErrorCode::Unknown);
}

#[test]
fn huge_feature_counts_are_not_believed() {
    let text = r#"[{"DeviceList":{"Id":1,"Devices":[{"DeviceName":"","DeviceIndex":0,"DeviceMessages":{"VibrateCmd":{"FeatureCount":4294967295}}}]}}]"#;
    for dialect in [V1, V2] {
        let list = devices(hear(dialect, text));
        assert!(list[0].vibrate().len() <= 256);
    }
}

#[test]
fn actuators_behind_an_unknown_one_are_not_miscounted() {
    let text = r#"[{"DeviceList":{"Id":1,"Devices":[{"DeviceName":"","DeviceIndex":0,"DeviceMessages":{
        "ScalarCmd":[{"StepCount":5,"FeatureDescriptor":"","ActuatorType":"Vibrate"},
                     {"StepCount":6,"FeatureDescriptor":"","ActuatorType":"Inflate"},
                     {"StepCount":7,"FeatureDescriptor":"","ActuatorType":"Vibrate"}],
        "FleeceCmd":{}}}]}}]"#;
    let list = devices(hear(V3, text));
    let steps: Vec<_> = list[0].scalar().iter().map(|slot| slot.steps).collect();
    assert_eq!(steps, [5]);
}

#[test]
fn each_version_says_hello_in_its_form() {
    for (dialect, said) in [
        (V0, r#"[{"RequestServerInfo":{"Id":1,"ClientName":"App"}}]"#),
        (V1, r#"[{"RequestServerInfo":{"Id":1,"ClientName":"App","MessageVersion":1}}]"#),
        (V2, r#"[{"RequestServerInfo":{"Id":1,"ClientName":"App","MessageVersion":2}}]"#),
        (V3, r#"[{"RequestServerInfo":{"Id":1,"ClientName":"App","MessageVersion":3}}]"#),
        (
            V4,
            r#"[{"RequestServerInfo":{"Id":1,"ClientName":"App","ProtocolVersionMajor":4,"ProtocolVersionMinor":0}}]"#,
        ),
    ] {
        let hello = Request::Hello(Hello { client_name: "App".to_owned(), dialect });
        assert_eq!(dialect.encode_request(id(1), &hello, &world()).as_deref(), Some(said));
        let other = if dialect == V0 { V4 } else { V0 };
        assert_eq!(other.encode_request(id(1), &hello, &world()), None);
    }
}

#[test]
fn what_a_version_cannot_say_is_not_written() {
    let battery = |action| {
        let echo = Echo::default();
        Request::Input(InputRequest { device: 0, feature: 1, kind: InputKind::Battery, action, echo })
    };
    for dialect in [V0, V1, V2, V3] {
        assert_eq!(dialect.encode_request(id(1), &Request::Disconnect, &world()), None);
        assert_eq!(dialect.encode_request(id(1), &battery(InputAction::Subscribe), &world()), None);
        let known = dialect >= V2;
        assert_eq!(dialect.encode_request(id(1), &battery(InputAction::Read), &world()).is_some(), known);
    }
    assert_eq!(V4.encode_request(id(1), &Request::Log, &world()), None);
    assert_eq!(V4.encode_request(id(1), &Request::Test(String::new()), &world()), None);
}
