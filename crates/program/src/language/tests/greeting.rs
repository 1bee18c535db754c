//! How a device is identified and set up.

use super::*;

const MODELS: &str = "[[packets]]\nhex = \"{v}\"\n[[models]]\nname = \"Default\"\nfeatures = [{ vibrate = 9 }]\n\
    [[models]]\nmatch = [\"P\"]\nname = \"Edge\"\n[[models]]\nmatch = [\"EI\"]\nname = \"Old\"\n[[models]]\nmatch = [\"EI-FW3\"]\nname = \"New\"\n\
    [[models]]\nmatch = [\"1001\"]\nname = \"By number\"\n";

const ASKING: &str = "[[identify]]\nask = { text = \"DeviceType;\", every = 500, tries = 3 }\nexpect = \"{model}:{firmware:int}:{}\"\n\
    rules = [{ model = \"EI\", firmware = \">=3\", is = \"EI-FW3\" }]\n[[identify]]\nname = \"LVS-{model:alpha}{}\"\n";

fn rig(tables: &str, name: &str) -> Rig {
    Rig::of(&file(&format!("{tables}{MODELS}")), Subject { name: name.to_owned(), ..Subject::default() })
}

fn becomes(rig: &Rig) -> Option<(&str, &str)> {
    rig.0.description().map(|description| (description.name.as_str(), description.model.as_str()))
}

const QUESTION: &str = "tx 44 65 76 69 63 65 54 79 70 65 3B";

#[test]
fn without_identification_the_whole_name_is_the_key() {
    assert_eq!(becomes(&rig("", "P")), Some(("Edge", "P")));
    assert_eq!(becomes(&rig("", "P2")), Some(("Default", "P2")));
}

#[test]
fn the_bus_may_know_the_key() {
    let subject = Subject { name: "x".to_owned(), model: Some("P".to_owned()), ..Subject::default() };
    let rig = Rig::of(&file(&format!("{ASKING}{MODELS}")), subject);
    assert_eq!(becomes(&rig), Some(("Edge", "P")));
}

#[test]
fn a_question_is_asked_until_it_is_answered_as_expected() {
    let mut rig = rig(ASKING, "LVS-Z");
    assert_eq!(rig.sent(), ["subscribe rx", QUESTION]);
    assert_eq!(rig.hear("rx", b"OK;"), [""; 0]);
    assert_eq!(rig.wait(500), [QUESTION]);
    assert_eq!(becomes(&rig), None);
    rig.hear("rx", b"P:11:0082059AD3BD;");
    assert_eq!(becomes(&rig), Some(("Edge", "P")));
    assert_eq!(rig.wait(5000), [""; 0]);
}

#[test]
fn rules_decide_by_what_was_captured() {
    for (answer, model) in [(b"EI:2:x;", "Old"), (b"EI:3:x;", "New"), (b"EI:9:x;", "New")] {
        let mut rig = rig(ASKING, "LVS-Z");
        rig.hear("rx", answer);
        assert_eq!(becomes(&rig).map(|(name, _)| name), Some(model));
    }
}

#[test]
fn silence_tries_the_next_way_and_then_the_default() {
    let mut by_name = rig(ASKING, "LVS-P1");
    by_name.wait(1499);
    assert_eq!(becomes(&by_name), None);
    by_name.wait(1);
    assert_eq!(becomes(&by_name), Some(("Edge", "P")));
    let mut nobody = rig(ASKING, "Somebody");
    nobody.wait(1500);
    assert_eq!(becomes(&nobody), Some(("Default", "")));
}

#[test]
fn numbers_and_bytes_become_keys() {
    let read = |expect: &str| format!("[[identify]]\nread = \"rx\"\nexpect = \"{expect}\"\n");
    let mut bytes = rig(&read("{model..}"), "x");
    assert_eq!(bytes.sent(), ["read rx"]);
    bytes.hear("rx", &[0x10, 0x01]);
    assert_eq!(becomes(&bytes), Some(("By number", "1001")));
    let mut number = rig(&read("{model:u16be}"), "x");
    number.hear("rx", &[0x03, 0xE9]);
    assert_eq!(becomes(&number), Some(("By number", "1001")));
    let mut misfit = rig(&read("{model:u16be}"), "x");
    misfit.hear("rx", &[0x03]);
    assert_eq!(becomes(&misfit), Some(("Default", "")));
}

#[test]
fn manufacturer_data_identifies() {
    let text = file(&format!(
        "[[identify]]\nmanufacturer = {{ company = 93, data = \"{{model:u32be}}\" }}\n{MODELS}"
    ));
    let with = |company, data: &[u8]| {
        let manufacturer = vec![(1, vec![0]), (company, data.to_vec())];
        Rig::of(&text, Subject { manufacturer, ..Subject::default() })
    };
    assert_eq!(becomes(&with(93, &[0, 0, 3, 0xE9])), Some(("By number", "1001")));
    assert_eq!(becomes(&with(93, &[0, 0, 3])), Some(("Default", "")));
    assert_eq!(becomes(&with(94, &[0, 0, 3, 0xE9])), Some(("Default", "")));
}

#[test]
fn a_device_that_fits_no_model_is_refused_by_name() {
    let text =
        file("[[packets]]\nhex = \"{v}\"\n[[models]]\nmatch = [\"A\"]\nfeatures = [{ vibrate = 9 }]\n");
    let mut rig = Rig::of(&text, Subject { name: "B".to_owned(), ..Subject::default() });
    assert_eq!(rig.0.take_failures(), ["no model of `device` is known as `B`; known are: A"]);
}

#[test]
fn steps_are_taken_one_after_the_other() {
    let steps = "[[init]]\nsubscribe = \"rx\"\n[[init]]\nwrite = \"01\"\nexpect = \"02 {x}\"\n[[init]]\nwait = 100\n\
        [[init]]\nwhen = \"x == 9\"\nwrite = \"03\"\n[[init]]\nwrite = \"04 {x}\"\nto = \"txmode\"\nconfirm = true\n";
    let mut rig = rig(steps, "x");
    assert_eq!(rig.sent(), ["subscribe rx", "tx 01"]);
    assert_eq!(rig.hear("rx", &[9, 9]), [""; 0]);
    assert_eq!(rig.hear("rx", &[2, 7]), [""; 0]);
    assert_eq!(rig.wait(99), [""; 0]);
    assert_eq!(rig.wait(1), ["txmode! 04 07"]);
    assert!(rig.0.description().is_some());
}

#[test]
fn an_answer_that_does_not_come_is_said_with_what_was_awaited_and_the_hint() {
    let steps = "[[init]]\nsubscribe = \"rx\"\n[[init]]\nwrite = \"01\"\nexpect = \"02\"\ntimeout = 700\nhint = \"Switch it on.\"\n";
    let mut rig = rig(steps, "x");
    rig.wait(699);
    assert_eq!(rig.0.take_failures(), [""; 0]);
    rig.wait(1);
    let said = "step 2 of the set-up: no answer that fits `02` within 700 ms. Switch it on.";
    assert_eq!(rig.0.take_failures(), [said]);
}

#[test]
fn optional_steps_may_fail() {
    let steps = "[[init]]\nsubscribe = \"rx\"\n[[init]]\nexpect = \"..\"\ntimeout = 500\noptional = true\n[[init]]\nread = \"txmode\"\noptional = true\n\
        [[init]]\nwrite = \"05\"\n";
    let subject = Subject { available: vec![Endpoint::TX, Endpoint::RX], ..Subject::default() };
    let mut rig = Rig::of(&file(&format!("{steps}{MODELS}")), subject);
    assert_eq!(rig.sent(), ["subscribe rx"]);
    assert_eq!(rig.wait(500), ["tx 05"]);
    assert!(rig.0.description().is_some());
}

#[test]
fn a_failed_write_fails_the_greeting_with_the_hint() {
    let text = file(&format!("[[init]]\nwrite = \"01\"\nhint = \"Pair it first.\"\n{MODELS}"));
    let definition = sound(&text);
    let mut program = definition.program(Subject { available: vec![Endpoint::TX], ..Subject::default() });
    let mut effects = Vec::new();
    program.start(&mut crate::Context::new(Instant::now(), false, &mut effects));
    let Some(crate::Effect::Operate(write)) = effects.pop() else { panic!("{effects:?}") };
    program.completed(&write, Err("refused"), &mut crate::Context::new(Instant::now(), false, &mut effects));
    let said = "step 1 of the set-up: write to tx failed: refused. Pair it first.";
    assert_eq!(effects, [crate::Effect::Fail(said.to_owned())]);
}

const PAIRING: &str = "[[init]]\nsubscribe = \"txmode | rx\"\n[[init]]\ntimeout = 60000\ndialogue = [\n\
    { expect = \"01 00*\", done = true },\n{ expect = \"00 00*\", notice = \"Tap.\" },\n\
    { expect = \"{password..}\", do = [{ unsubscribe = \"there\" }, { write = \"{password}\", to = \"there\", confirm = true }, { subscribe = \"there\" }] },\n]\n";

#[test]
fn a_dialogue_goes_on_until_an_arm_ends_it() {
    let subject = Subject { available: vec![Endpoint::TX, Endpoint::RX], ..Subject::default() };
    let mut rig = Rig::of(&file(&format!("{PAIRING}{MODELS}")), subject);
    assert_eq!(rig.sent(), ["subscribe rx"], "the first of the two that the device has");
    rig.wait(30_000);
    rig.hear("rx", &[0; 8]);
    assert_eq!(rig.0.take_notices(), ["Tap."]);
    assert_eq!(rig.hear("rx", &[1, 2, 3]), ["unsubscribe rx", "rx! 01 02 03", "subscribe rx"]);
    rig.hear("rx", &[1, 0, 0]);
    assert!(rig.0.description().is_some());
}

#[test]
fn a_dialogue_that_takes_too_long_fails() {
    let mut rig = rig(PAIRING, "x");
    rig.wait(60_000);
    let said = "step 2 of the set-up: no answer that fits `01 00*` within 60000 ms";
    assert_eq!(rig.0.take_failures(), [said]);
}

#[test]
fn what_comes_from_another_endpoint_is_no_answer() {
    let steps = "[[init]]\nsubscribe = \"rx\"\n[[init]]\nsubscribe = \"txmode\"\n[[init]]\nwrite = \"01\"\nexpect = \"..\"\non = \"rx\"\n";
    let mut rig = rig(steps, "x");
    rig.hear("txmode", &[1]);
    assert!(rig.0.description().is_none());
    rig.hear("rx", &[1]);
    assert!(rig.0.description().is_some());
}

#[test]
fn the_description_says_what_the_file_says() {
    let text = format!(
        "gap = 50\n{}",
        file(
            "[keepalive]\nevery = 500\n[[packets]]\nhex = \"{v}\"\n[[models]]\nprotocol = \"other\"\nfeatures = [{ vibrate = 9, label = \"Tip\" }]\n\
              [[models]]\nmatch = [\"Slow\"]\nname = \"Slow\"\ngap = 90\n"
        )
    );
    let describe = |name: &str| {
        let rig = Rig::of(&text, Subject { name: name.to_owned(), ..Subject::default() });
        rig.0.description().cloned().expect("a device")
    };
    let device = describe("Any");
    assert_eq!(
        (device.protocol.as_str(), device.name.as_str()),
        ("other", "Any"),
        "its own name where the model has none"
    );
    assert_eq!(
        (device.gap, device.keepalive),
        (Some(Duration::from_millis(50)), Some(Duration::from_millis(500)))
    );
    assert_eq!(device.features[0].description, "Tip");
    let slow = describe("Slow");
    assert_eq!((slow.protocol.as_str(), slow.gap), ("device", Some(Duration::from_millis(90))));
}
