//! What a device is sent for the values that are set.

use super::*;

#[test]
fn a_packet_that_speaks_of_an_output_is_written_for_each_and_any_other_once() {
    let file = file(
        "[[packets]]\nhex = \"0A {v0} {v1}\"\n[[packets]]\nhex = \"0B {i} {v}\"\n[[packets]]\nwhen = \"v == 3\"\nhex = \"0C\"\n\
         [[models]]\nfeatures = [{ vibrate = 9 }, { vibrate = 9 }]\n",
    );
    let mut rig = Rig::new(&file);
    assert_eq!(
        rig.set_all(&[(0, 3), (1, 3)]),
        ["tx 0A 03 03", "tx 0B 00 03", "tx 0C", "tx 0B 01 03", "tx 0C"]
    );
    assert_eq!(rig.set(1, 4), ["tx 0A 03 04", "tx 0B 01 04"]);
    assert_eq!(rig.set(1, 4), [""; 0]);
}

#[test]
fn a_packet_is_for_its_kinds_places_and_variant() {
    let file = file(
        "[[packets]]\non = [\"vibrate\"]\nat = 0\nhex = \"01 {v}\"\n[[packets]]\non = [\"vibrate\"]\nat = [1, 2]\nhex = \"02 {v}\"\n\
         [[packets]]\non = [\"rotate\"]\nhex = \"03 {v}\"\n[[packets]]\nvariant = [\"odd\"]\nhex = \"04 {v}\"\n\
         [[models]]\nfeatures = [{ vibrate = 9 }, { vibrate = 9 }, { rotate = 9 }]\n\
         [[models]]\nmatch = [\"Odd\"]\nvariant = \"odd\"\nfeatures = [{ vibrate = 9 }]\n",
    );
    let mut rig = Rig::new(&file);
    assert_eq!(rig.set_all(&[(0, 1), (1, 2), (2, 3)]), ["tx 01 01", "tx 02 02", "tx 03 03"]);
    let mut odd = Rig::of(&file, Subject { name: "Odd".to_owned(), ..Subject::default() });
    assert_eq!(odd.set(0, 5), ["tx 01 05", "tx 04 05"]);
}

#[test]
fn v0_speaks_of_the_kinds_of_its_packet_only() {
    let file = file(
        "[[packets]]\non = [\"vibrate\"]\nhex = \"01 {v0} {v1} {n} {count_vibrate}\"\n[[packets]]\non = [\"rotate\"]\nhex = \"02 {v0} {v1}\"\n\
         [[models]]\nfeatures = [{ vibrate = 9 }, { rotate = 9 }]\n",
    );
    let mut rig = Rig::new(&file);
    assert_eq!(rig.set_all(&[(0, 5), (1, 6)]), ["tx 01 05 00 02 01", "tx 02 00 06"]);
}

#[test]
fn of_two_outputs_of_one_feature_the_one_set_last_counts() {
    let file =
        simple("on = [\"vibrate\", \"oscillate\"]\nhex = \"01 {v0}\"", "{ vibrate = 9, oscillate = 9 }");
    let mut rig = Rig::new(&file);
    let mut set = |kind, value| {
        rig.0.set(0, Some(kind), value, Duration::ZERO).expect("a value");
        rig.0.flush();
        rig.sent()
    };
    assert_eq!(set(OutputKind::Oscillate, 4), ["tx 01 04"]);
    assert_eq!(set(OutputKind::Vibrate, 7), ["tx 01 07"]);
    assert_eq!(set(OutputKind::Oscillate, 2), ["tx 01 02"]);
}

#[test]
fn previous_value_distance_and_direction_are_those_that_were_sent() {
    let file = simple("hex = \"{prev:i8} {dist} {dir:i8} {v:i8} {top}\"", "{ rotate = [-20, 20] }");
    let mut rig = Rig::new(&file);
    assert_eq!(rig.set(0, 20), ["tx 00 14 01 14 14"]);
    assert_eq!(rig.set(0, -5), ["tx 14 19 01 FB 14"]);
    assert_eq!(rig.set(0, 0), ["tx FB 05 FF 00 14"]);
    assert_eq!(rig.set(0, 5), ["tx 00 05 FF 05 14"]);
}

#[test]
fn the_counter_counts_packets_that_use_it() {
    let file = file(
        "[[packets]]\nhex = \"{seq} {seq} {v}\"\n[[packets]]\nhex = \"0B\"\n[[models]]\nfeatures = [{ vibrate = 9 }, { vibrate = 9 }]\n",
    );
    let mut rig = Rig::new(&file);
    assert_eq!(rig.set_all(&[(0, 1), (1, 1)]), ["tx 00 00 01", "tx 0B", "tx 01 01 01"]);
    for _ in 0..127 {
        rig.set(0, 0);
        rig.set(0, 1);
    }
    assert_eq!(rig.set(0, 2), ["tx 00 00 02", "tx 0B"], "after 256 packets");
}

#[test]
fn something_follows_a_value_other_than_0_and_a_stop_sends_it_at_once() {
    let file = simple("hex = \"01 {v}\"\nthen = { after = 1000, hex = \"02\" }", "{ vibrate = 9 }");
    let mut rig = Rig::new(&file);
    assert_eq!(rig.set(0, 5), ["tx 01 05"]);
    assert_eq!(rig.wait(999), [""; 0]);
    assert_eq!(rig.wait(1), ["tx 02"]);
    assert_eq!(rig.set(0, 0), ["tx 01 00"]);
    assert_eq!(rig.wait(2000), [""; 0]);
    rig.set(0, 5);
    assert_eq!(rig.stop(), ["tx 01 00", "tx 02"]);
    assert_eq!(rig.wait(2000), [""; 0]);
}

#[test]
fn a_keepalive_renders_anew_and_only_while_its_condition_holds() {
    let keepalive = "[keepalive]\nevery = 100\nwhile = \"v0 > 2\"\n";
    let file = file(&format!(
        "{keepalive}[[packets]]\nhex = \"{{seq}} {{v0}} {{v1}}\"\n[[models]]\nfeatures = [{{ vibrate = 9 }}, {{ vibrate = 9 }}]\n"
    ));
    let mut rig = Rig::new(&file);
    assert_eq!(rig.sent(), [""; 0], "nothing to keep alive at the start");
    assert_eq!(rig.set_all(&[(0, 3), (1, 4)]), ["tx 00 03 04"]);
    assert_eq!(rig.wait(250), ["tx 01 03 04", "tx 02 03 04"]);
    assert_eq!(rig.set(0, 2), ["tx 03 02 04"]);
    assert_eq!(rig.wait(500), [""; 0]);
}

#[test]
fn a_keepalive_repeats_a_move_with_the_speed_that_it_had() {
    let file = file(
        "[keepalive]\nevery = 200\n[[packets]]\nhex = \"{dist} {ms:u16be} {v}\"\n[[models]]\nfeatures = [{ stroke = 99, ms = 9999 }]\n",
    );
    let mut rig = Rig::new(&file);
    assert_eq!(rig.wait(1000), [""; 0], "before the first move there is nothing to repeat");
    assert_eq!(rig.stroke(0, 50, 1000), ["tx 32 03 E8 32"]);
    assert_eq!(rig.wait(200), ["tx 32 03 E8 32"]);
    assert_eq!(rig.stroke(0, 60, 300), ["tx 0A 01 2C 3C"]);
    assert_eq!(rig.wait(200), ["tx 0A 01 2C 3C"]);
    rig.stop();
    assert_eq!(rig.wait(1000), [""; 0], "a stop has released the position");
}

#[test]
fn transports_that_sleep_get_the_harmless_packet() {
    let file = file(
        "[keepalive]\nidle = { hex = \"EE\" }\n[[packets]]\nhex = \"{v}\"\n[[models]]\nfeatures = [{ vibrate = 9 }]\n",
    );
    let mut awake = Rig::new(&file);
    awake.set(0, 5);
    assert_eq!(awake.wait(20_000), [""; 0]);
    let mut sleepy = Rig::of(&file, Subject { sleeps: true, ..Subject::default() });
    assert_eq!(sleepy.sent(), ["tx EE"]);
    sleepy.set(0, 5);
    assert_eq!(sleepy.wait(10_000), ["tx EE", "tx EE"]);
}

const GLIDER: &str = "[[packets]]\non = [\"stroke\"]\nglide = 100\nhex = \"AA {v}\"\n[[packets]]\non = [\"oscillate\"]\nhex = \"BB {v}\"\n\
    [[models]]\nfeatures = [{ stroke = 100, ms = 10000, oscillate = 20 }]\n";

#[test]
fn a_glide_goes_by_the_clock_and_begins_at_once() {
    let mut rig = Rig::new(&file(GLIDER));
    assert_eq!(rig.stroke(0, 50, 500), ["tx AA 0A"]);
    assert_eq!(rig.wait(1000), ["tx AA 14", "tx AA 1E", "tx AA 28", "tx AA 32"]);
    assert_eq!(rig.stroke(0, 0, 0), ["tx AA 00"], "no duration: at once");
    assert_eq!(rig.wait(1000), [""; 0]);
    assert_eq!(rig.stroke(0, 99, 5000), ["tx AA 01"]);
    let mut places = rig.wait(4900);
    assert_eq!((places.len(), places.pop().as_deref()), (49, Some("tx AA 63")));
}

#[test]
fn a_glide_is_planned_anew_from_where_it_is() {
    let mut rig = Rig::new(&file(GLIDER));
    rig.stroke(0, 50, 500);
    rig.wait(200);
    assert_eq!(rig.stroke(0, 50, 200), ["tx AA 28"], "from 30, in two steps");
    assert_eq!(rig.wait(1000), ["tx AA 32"]);
    rig.stroke(0, 0, 500);
    rig.wait(100);
    assert_eq!(rig.stroke(0, 100, 700), ["tx AA 28"], "from 30");
}

#[test]
fn a_stop_ends_a_glide_and_the_next_begins_from_there() {
    let mut rig = Rig::new(&file(GLIDER));
    rig.stroke(0, 50, 500);
    rig.wait(200);
    assert_eq!(rig.stop(), ["tx BB 00"]);
    assert_eq!(rig.wait(1000), [""; 0]);
    assert_eq!(rig.stroke(0, 0, 300), ["tx AA 14"], "from 30, a third of the way");
}

#[test]
fn another_output_of_the_feature_ends_a_glide() {
    let mut rig = Rig::new(&file(GLIDER));
    rig.stroke(0, 50, 500);
    rig.0.set(0, Some(OutputKind::Oscillate), 5, Duration::ZERO).expect("a value");
    rig.0.flush();
    assert_eq!(rig.sent(), ["tx BB 05"]);
    assert_eq!(rig.wait(1000), [""; 0]);
}

#[test]
fn a_late_glide_skips_what_it_has_missed() {
    let definition = sound(&file(GLIDER));
    let available = definition.endpoints().to_vec();
    let mut program = definition.program(Subject { available, ..Subject::default() });
    let features: Vec<_> =
        definition.models()[0].features.iter().map(|feature| feature.feature.clone()).collect();
    let mut state = crate::State::new(&features);
    let start = Instant::now();
    let mut effects = Vec::new();
    let later = |ms: u64| start + Duration::from_millis(ms);
    program.start(&mut crate::Context::new(start, false, &mut effects));
    let at = state.position(0, OutputKind::HwPositionWithDuration).expect("an output");
    state.outputs_mut()[at].value = 50;
    state.outputs_mut()[at].duration = Duration::from_millis(500);
    let change = state.outputs()[at].change();
    program.render(&[change], &state, &mut crate::Context::new(start, true, &mut effects));
    effects.clear();
    program.tick(&mut crate::Context::new(later(330), true, &mut effects));
    let written: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            crate::Effect::Operate(operation) => Some(notation(operation, false)),
            _ => None,
        })
        .collect();
    assert_eq!(written, ["tx AA 28"], "the place of 400 ms");
    assert!(effects.contains(&crate::Effect::WakeAt(later(400))));
}

#[test]
fn a_packet_that_ends_moves_says_where_the_device_is() {
    let file = file(
        "[[packets]]\nhex = \"01 {v}\"\n[[packets]]\nends = \"move\"\nhex = \"02 {v}\"\n[[models]]\nfeatures = [{ stroke = 100, ms = 9999 }]\n",
    );
    let mut rig = Rig::new(&file);
    assert_eq!(rig.stroke(0, 0, 0), ["tx 01 00"]);
    assert_eq!(rig.stroke(0, 100, 1000), ["tx 01 64"]);
    rig.wait(250);
    assert_eq!(rig.stop(), ["tx 02 19"]);
    assert_eq!(rig.stop(), [""; 0]);
}

#[test]
fn a_packet_for_an_endpoint_that_is_missing_is_a_failed_write() {
    let file = simple("to = \"txmode\"\nhex = \"01 {v}\"", "{ vibrate = 9 }");
    let mut rig = Rig::of(&file, Subject { available: vec![Endpoint::TX], ..Subject::default() });
    assert_eq!(rig.set(0, 5), [""; 0]);
    assert_eq!(rig.0.take_failures(), ["the device has no endpoint `txmode`"]);
}

#[test]
fn the_address_is_written_where_a_packet_asks_for_it() {
    let file = simple("text = \"v={v}&t={address}\"", "{ vibrate = 9 }");
    let mut rig = Rig::of(&file, Subject { address: "A1".to_owned(), ..Subject::default() });
    let written = "v=5&t=A1".bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ");
    assert_eq!(rig.set(0, 5), [format!("tx {written}")]);
}

#[test]
fn a_temperature_that_begins_above_0_is_stopped_with_0() {
    let mut rig = Rig::new(&simple("hex = \"01 {v}\"", "{ temperature = [37, 42] }"));
    assert_eq!(rig.set(0, 40), ["tx 01 28"]);
    assert_eq!(rig.stop(), ["tx 01 00"]);
}
