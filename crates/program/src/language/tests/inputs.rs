//! What can be read from a device, and what it says by itself.

use frisson_wire::InputKind::{Battery, Pressure};

use super::*;

fn rig(inputs: &str, features: &str) -> Rig {
    Rig::new(&file(&format!("[[inputs]]\n{inputs}\n[[models]]\nfeatures = [{features}]\n")))
}

#[test]
fn a_value_is_read_from_an_endpoint() {
    let mut rig = rig("battery = { read = \"rx\", expect = \"{5} {level} ..\" }", "{ battery = true }");
    rig.0.read(0, Battery);
    assert_eq!(rig.sent(), ["read rx"]);
    rig.hear("rx", &[0, 0, 0, 0, 0, 62, 1]);
    assert_eq!(rig.0.take_answers(), [Ok(62)]);
    rig.0.read(0, Battery);
    rig.hear("rx", &[0]);
    let said = "the device answered `00`, which does not fit `{5} {level} ..`";
    assert_eq!(rig.0.take_answers(), [Err(said.to_owned())]);
}

#[test]
fn a_value_is_asked_for_with_one_subscription_and_one_deadline() {
    let mut rig = rig(
        "battery = { ask = { text = \"B;\" }, expect = \"{:alpha?}{level:int};\", timeout = 500 }",
        "{ battery = true }",
    );
    rig.0.read(0, Battery);
    assert_eq!(rig.sent(), ["subscribe rx", "tx 42 3B"]);
    rig.hear("rx", b"OK;");
    rig.wait(300);
    rig.hear("rx", b"OK;");
    rig.wait(199);
    assert_eq!(rig.0.take_answers(), []);
    rig.wait(1);
    assert_eq!(rig.0.take_answers(), [Err("the device did not answer within 500 ms".to_owned())]);
    rig.0.read(0, Battery);
    assert_eq!(rig.sent(), ["tx 42 3B"]);
    rig.hear("rx", b"s89;");
    assert_eq!(rig.0.take_answers(), [Ok(89)]);
    rig.hear("rx", b"50;");
    assert_eq!(rig.0.take_answers(), []);
}

#[test]
fn a_read_of_what_the_device_says_by_itself_is_answered_with_the_last_value() {
    let mut rig =
        rig("battery = { notify = \"rx\", expect = \"35 13 01 {level} ..\" }", "{ battery = true }");
    rig.0.read(0, Battery);
    assert_eq!(rig.sent(), ["subscribe rx"]);
    rig.hear("rx", &[0x35, 0x10, 1, 70]);
    rig.hear("rx", &[0x35, 0x13, 1, 71]);
    assert_eq!(rig.0.take_answers(), [Ok(71)]);
    rig.hear("rx", &[0x35, 0x13, 1, 72]);
    rig.0.read(0, Battery);
    assert_eq!((rig.sent(), rig.0.take_answers()), (vec![], vec![Ok(72)]));
}

#[test]
fn one_message_carries_the_values_of_several_features() {
    let pressure = "pressure = { notify = \"rx\", expect = \"{v0:u16be} {v1:u16be}\", on_change = true }";
    let mut rig = rig(pressure, "{ pressure = 2000 }, { pressure = 2000 }");
    rig.0.listen(0, Pressure, true);
    rig.0.listen(1, Pressure, true);
    assert_eq!(rig.sent(), ["subscribe rx"]);
    rig.hear("rx", &[0, 5, 0, 6]);
    assert_eq!(rig.0.take_readings(), [(0, Pressure, 5), (1, Pressure, 6)]);
    rig.hear("rx", &[0, 5, 0xFF, 0xFF]);
    assert_eq!(rig.0.take_readings(), [(1, Pressure, 2000)], "only what has changed, and within its range");
    rig.0.listen(0, Pressure, false);
    assert_eq!(rig.sent(), [""; 0]);
    rig.0.listen(1, Pressure, false);
    assert_eq!(rig.sent(), ["unsubscribe rx"]);
}

#[test]
fn a_number_may_stand_for_another() {
    let mut rig = rig(
        "battery = { read = \"rx\", expect = \"{level}\", map = [0, 33, 66, 100] }",
        "{ battery = true }",
    );
    for (byte, answer) in
        [(2, Ok(66)), (4, Err("the device answered 4, for which there is no value".to_owned()))]
    {
        rig.0.read(0, Battery);
        rig.hear("rx", &[byte]);
        assert_eq!(rig.0.take_answers(), [answer]);
    }
}

#[test]
fn an_answer_is_decoded_before_it_is_matched() {
    let mut rig = rig(
        "battery = { ask = { hex = \"23 5A 00 00 01 13 00 00 00 00 00 {sum(0)}\", encode = \"galaku\" }, decode = \"galaku\", expect = \"23 5A {2} {level} ..\" }",
        "{ battery = true }",
    );
    rig.0.read(0, Battery);
    assert_eq!(rig.sent(), ["subscribe rx", "tx 23 81 BB AB D2 CE D3 23 BB A3 3B C2"]);
    let mut answer = [0x23, 0x5A, 0, 0, 62, 1];
    super::super::native::Transform::Galaku.encode(&mut answer);
    rig.hear("rx", &answer);
    assert_eq!(rig.0.take_answers(), [Ok(62)]);
}

#[test]
fn an_input_whose_endpoint_the_device_lacks_is_not_offered() {
    let text = file(
        "[[inputs]]\nbattery = { read = \"rx\", expect = \"{level}\" }\n[[packets]]\nhex = \"{v}\"\n\
         [[models]]\nfeatures = [{ vibrate = 9 }, { battery = true }]\n",
    );
    let with = |available: Vec<Endpoint>| {
        let rig = Rig::of(&text, Subject { available, ..Subject::default() });
        rig.0.description().map(|description| description.features.len())
    };
    assert_eq!((with(vec![Endpoint::TX, Endpoint::RX]), with(vec![Endpoint::TX])), (Some(2), Some(1)));
}

#[test]
fn of_several_ways_the_first_that_the_device_has_counts() {
    let mut rig = Rig::of(
        &file(
            "[[inputs]]\nbattery = { read = \"txmode\", expect = \"{level}\" }\n[[inputs]]\nbattery = { read = \"rx\", expect = \"{level}\" }\n\
             [[models]]\nfeatures = [{ battery = true }]\n",
        ),
        Subject { available: vec![Endpoint::RX], ..Subject::default() },
    );
    rig.0.read(0, Battery);
    assert_eq!(rig.sent(), ["read rx"]);
}
