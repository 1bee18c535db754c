use frisson_wire::{Feature, Range, RssiSpelling};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;

/// An application under test, with a clock that stands still until told otherwise.
pub(super) struct Bench {
    pub(super) app: App,
    pub(super) now: Instant,
}

impl Bench {
    pub(super) fn new(devices: impl IntoIterator<Item = frisson_wire::Device>) -> Self {
        let now = Instant::now();
        let mut bench = Self { app: App::new("ws://localhost:12345", "Living room", now), now };
        for device in devices {
            bench.hear(Heard::Added(device));
        }
        bench.wishes();
        bench
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        self.app.handle(self.now, heard);
    }

    pub(super) fn wishes(&mut self) -> Vec<Wish> {
        std::iter::from_fn(|| self.app.next_wish()).collect()
    }

    /// Presses keys one after another, and gives what is wished then.
    pub(super) fn press(&mut self, keys: &[KeyCode]) -> Vec<What> {
        for code in keys {
            self.hear(Heard::Key(KeyEvent::new(*code, KeyModifiers::NONE)));
        }
        self.wishes().into_iter().map(|wish| wish.what).collect()
    }

    /// The same for characters; all wishes are fulfilled at once.
    pub(super) fn type_in(&mut self, text: &str) -> Vec<What> {
        let mut all = Vec::new();
        for letter in text.chars() {
            self.hear(Heard::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)));
            for wish in self.wishes() {
                all.push(wish.what);
                self.hear(Heard::Done(wish, Ok(None)));
            }
        }
        all
    }

    fn pass(&mut self, time: Duration) -> Vec<What> {
        self.now += time;
        self.hear(Heard::Tick);
        self.wishes().into_iter().map(|wish| wish.what).collect()
    }

    fn notices(&self) -> Vec<&str> {
        self.app.notices.iter().map(|notice| notice.text.as_str()).collect()
    }
}

pub(super) fn output(kind: OutputKind, min: i32, max: i32) -> frisson_wire::Output {
    let timed = kind == OutputKind::HwPositionWithDuration;
    frisson_wire::Output {
        kind,
        value: Range::new(min, max),
        duration: timed.then_some(Range::new(100, 5000)),
    }
}

pub(super) fn input(kind: InputKind, read: bool, subscribe: bool) -> frisson_wire::Input {
    let values = vec![Range::new(0, 2000)];
    frisson_wire::Input { kind, values, read, subscribe, spelling: RssiSpelling::default() }
}

pub(super) fn device(index: u32, name: &str, outputs: Vec<frisson_wire::Output>) -> frisson_wire::Device {
    let feature = |(index, output)| Feature {
        index,
        description: format!("part {index}"),
        outputs: vec![output],
        inputs: Vec::new(),
    };
    let features = (0..).zip(outputs).map(feature).collect();
    frisson_wire::Device { index, name: name.to_owned(), features, ..frisson_wire::Device::default() }
}

pub(super) fn sensor(index: u32, inputs: Vec<frisson_wire::Input>) -> frisson_wire::Device {
    let feature = Feature { index: 7, inputs, ..Feature::default() };
    frisson_wire::Device {
        index,
        name: "Sensor".into(),
        features: vec![feature],
        ..frisson_wire::Device::default()
    }
}

pub(super) fn vibrator(index: u32) -> frisson_wire::Device {
    device(index, "Rabbit", vec![output(OutputKind::Vibrate, 0, 20)])
}

fn set(kind: OutputKind, value: i32) -> What {
    What::Set { output: OutputId { device: 0, feature: 0, kind }, value, duration: None }
}

fn vibrate(value: i32) -> What {
    set(OutputKind::Vibrate, value)
}

#[test]
fn arrows_change_the_selected_output_within_its_range() {
    let mut bench = Bench::new([vibrator(0)]);
    assert_eq!(bench.type_in("9l"), [vibrate(18), vibrate(19)]);
    assert_eq!(bench.type_in("ll"), [vibrate(20)], "beyond the end there is nothing to send");
    assert_eq!(bench.type_in("0h"), [vibrate(0)]);
}

#[test]
fn a_position_at_its_end_is_sent_again() {
    let mut bench = Bench::new([device(0, "Stroker", vec![output(OutputKind::Position, 0, 100)])]);
    assert_eq!(bench.type_in("00"), [set(OutputKind::Position, 0), set(OutputKind::Position, 0)]);
}

#[test]
fn while_a_command_is_under_way_only_the_newest_value_waits() {
    let mut bench = Bench::new([vibrator(0)]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('1'), KeyModifiers::NONE)));
    let first = bench.wishes();
    assert_eq!(first.first().map(|wish| wish.what), Some(vibrate(2)));
    assert_eq!(bench.press(&[KeyCode::Right; 8]), []);
    bench.hear(Heard::Done(first[0], Ok(None)));
    let second = bench.wishes();
    assert_eq!(second.iter().map(|wish| wish.what).collect::<Vec<_>>(), [vibrate(10)]);
    bench.hear(Heard::Done(second[0], Ok(None)));
    assert_eq!(bench.wishes(), []);
}

#[test]
fn a_stop_does_not_wait_and_what_waited_is_forgotten() {
    let mut bench = Bench::new([vibrator(0)]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('5'), KeyModifiers::NONE)));
    let first = bench.wishes();
    assert_eq!(bench.press(&[KeyCode::Char('9'), KeyCode::Char(' ')]), [What::StopAll]);
    bench.hear(Heard::Done(first[0], Ok(None)));
    assert_eq!(bench.wishes(), []);
    assert_eq!(bench.app.devices[0].outputs[0].value, Some(0));
}

#[test]
fn space_and_s_stop_also_behind_the_help() {
    let mut bench = Bench::new([vibrator(0)]);
    assert_eq!(bench.type_in("? s"), [What::StopAll, What::StopAll]);
    assert!(bench.app.shows_help);
}

#[test]
fn a_stop_is_sent_even_when_there_is_nothing_to_stop_or_no_connection() {
    let mut bench = Bench::new([]);
    assert_eq!(bench.type_in(" "), [What::StopAll]);
    bench.hear(Heard::Lost("cut".into()));
    assert_eq!(bench.type_in(" "), [What::StopAll]);
}

#[test]
fn a_stop_that_is_not_confirmed_is_told_loudly() {
    let mut bench = Bench::new([vibrator(0)]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::NONE)));
    let stop = bench.wishes()[0];
    bench.hear(Heard::Done(stop, Err("Rabbit does not answer".into())));
    assert_eq!(bench.notices(), ["NOT STOPPED for sure: Rabbit does not answer"]);
}

#[test]
fn x_stops_the_selected_feature_only() {
    let two = vec![output(OutputKind::Vibrate, 0, 20), output(OutputKind::Vibrate, 0, 20)];
    let mut bench = Bench::new([device(0, "Twin", two)]);
    bench.type_in("5j5");
    assert_eq!(bench.type_in("x"), [What::StopFeature { device: 0, feature: 1 }]);
    let values: Vec<_> = bench.app.outputs().map(|output| output.value).collect();
    assert_eq!(values, [Some(10), Some(0)]);
}

#[test]
fn a_stopped_position_stays_where_it_is() {
    let mut bench = Bench::new([device(0, "Stroker", vec![output(OutputKind::Position, 0, 100)])]);
    bench.type_in("5 ");
    assert_eq!(bench.app.devices[0].outputs[0].value, Some(50));
}

#[test]
fn a_timed_position_is_sent_with_its_time() {
    let kind = OutputKind::HwPositionWithDuration;
    let mut bench = Bench::new([device(0, "Stroker", vec![output(kind, 0, 100)])]);
    let id = OutputId { device: 0, feature: 0, kind };
    let moved = |value, ms| What::Set { output: id, value, duration: Some(ms) };
    assert_eq!(bench.type_in("5"), [moved(50, 1000)]);
    assert_eq!(bench.type_in("++-"), [], "a change of the time moves nothing");
    assert_eq!(bench.press(&[KeyCode::Enter]), [moved(50, 1100)]);
    bench.type_in(&"-".repeat(50));
    assert_eq!(bench.app.devices[0].outputs[0].duration, 100);
}

#[test]
fn a_spray_is_sent_by_enter_alone() {
    let mut bench = Bench::new([device(0, "Mist", vec![output(OutputKind::Spray, 0, 10)])]);
    assert_eq!(bench.type_in("5lh"), []);
    assert_eq!(bench.press(&[KeyCode::Enter]), [set(OutputKind::Spray, 5)]);
}

#[test]
fn r_turns_the_other_way_where_there_is_one() {
    let mut bench = Bench::new([device(0, "Turner", vec![output(OutputKind::Rotate, -20, 20)])]);
    assert_eq!(bench.type_in("5r"), [set(OutputKind::Rotate, 10), set(OutputKind::Rotate, -10)]);
    let mut bench = Bench::new([vibrator(0)]);
    assert_eq!(bench.type_in("5r"), [vibrate(10)]);
}

#[test]
fn the_selection_goes_over_all_devices_and_stops_at_the_ends() {
    let mut bench = Bench::new([vibrator(0), sensor(1, vec![]), vibrator(2)]);
    let selected = |bench: &Bench| bench.app.selected.map(|id| id.device);
    bench.type_in("kj");
    assert_eq!(selected(&bench), Some(2));
    bench.type_in("jjj");
    assert_eq!(selected(&bench), Some(2));
    bench.press(&[KeyCode::Home]);
    assert_eq!(selected(&bench), Some(0));
}

#[test]
fn the_selection_moves_on_when_its_device_goes() {
    let mut bench = Bench::new([vibrator(0), vibrator(1), vibrator(2)]);
    bench.type_in("j");
    bench.hear(Heard::Removed(1));
    assert_eq!(bench.app.selected.map(|id| id.device), Some(2));
    bench.hear(Heard::Removed(2));
    assert_eq!(bench.app.selected.map(|id| id.device), Some(0));
    bench.hear(Heard::Removed(0));
    assert_eq!(bench.app.selected, None);
    assert_eq!(bench.type_in("5lx\n"), [], "there is nothing to set");
}

#[test]
fn the_answer_to_a_device_that_was_replaced_changes_nothing() {
    let mut bench = Bench::new([vibrator(0)]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('5'), KeyModifiers::NONE)));
    let old = bench.wishes()[0];
    bench.hear(Heard::Removed(0));
    bench.hear(Heard::Added(vibrator(0)));
    bench.press(&[KeyCode::Char('3'), KeyCode::Char('4')]);
    bench.hear(Heard::Done(old, Err("gone".into())));
    assert_eq!(bench.wishes(), []);
    assert_eq!(bench.notices(), <[&str; 0]>::default());
}

#[test]
fn a_refused_command_is_told() {
    let mut bench = Bench::new([vibrator(0)]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('5'), KeyModifiers::NONE)));
    let wish = bench.wishes()[0];
    bench.hear(Heard::Done(wish, Err("Rabbit: the server refused".into())));
    assert_eq!(bench.notices(), ["Rabbit: the server refused"]);
    bench.pass(NOTICE);
    assert_eq!(bench.notices(), <[&str; 0]>::default(), "and forgotten after a while");
}

#[test]
fn inputs_are_read_and_then_followed() {
    let mut bench = Bench::new([]);
    bench.hear(Heard::Added(sensor(3, vec![input(InputKind::Pressure, true, true)])));
    let id = InputId { device: 3, feature: 7, kind: InputKind::Pressure };
    let wishes = bench.wishes();
    let whats: Vec<_> = wishes.iter().map(|wish| wish.what).collect();
    assert_eq!(whats, [What::Read(id), What::Subscribe(id)]);
    bench.hear(Heard::Done(wishes[0], Ok(Some(10))));
    bench.hear(Heard::Reading(id, 12));
    assert_eq!(bench.app.devices[0].inputs[0].values, [10, 12]);
    assert_eq!(bench.pass(INPUT_INTERVAL * 2), [], "nobody asks who is told");
}

#[test]
fn inputs_that_tell_nothing_are_asked_again_and_again() {
    let both = vec![input(InputKind::Battery, true, false), input(InputKind::Pressure, true, false)];
    let mut bench = Bench::new([sensor(0, both)]);
    let read = |kind| What::Read(InputId { device: 0, feature: 7, kind });
    assert_eq!(bench.app.next_timeout(), bench.now + HEARTBEAT);
    assert_eq!(bench.pass(INPUT_INTERVAL), [read(InputKind::Pressure)]);
    assert_eq!(bench.pass(BATTERY_INTERVAL), [read(InputKind::Battery), read(InputKind::Pressure)]);
}

#[test]
fn an_input_that_cannot_be_followed_is_asked() {
    let mut bench = Bench::new([]);
    bench.hear(Heard::Added(sensor(0, vec![input(InputKind::Rssi, true, true)])));
    let wishes = bench.wishes();
    bench.hear(Heard::Done(wishes[1], Err("not supported".into())));
    assert_eq!(bench.notices(), <[&str; 0]>::default());
    assert_eq!(bench.pass(INPUT_INTERVAL).len(), 1);
}

#[test]
fn an_input_that_cannot_be_read_is_told_of_once() {
    let mut bench = Bench::new([sensor(0, vec![input(InputKind::Rssi, true, false)])]);
    for _ in 0..3 {
        bench.now += INPUT_INTERVAL;
        bench.hear(Heard::Tick);
        for wish in bench.wishes() {
            bench.hear(Heard::Done(wish, Err("silent".into())));
        }
    }
    assert_eq!(bench.notices(), ["Rssi cannot be read: silent"]);
    assert!(bench.app.devices[0].inputs[0].is_failing);
}

#[test]
fn only_the_last_values_are_kept() {
    let mut bench = Bench::new([sensor(0, vec![input(InputKind::Pressure, false, true)])]);
    let id = InputId { device: 0, feature: 7, kind: InputKind::Pressure };
    (0..100).for_each(|value| bench.hear(Heard::Reading(id, value)));
    assert_eq!(bench.app.devices[0].inputs[0].values, (84..100).collect::<Vec<i64>>());
}

#[test]
fn the_slash_begins_and_ends_a_search() {
    let mut bench = Bench::new([]);
    assert_eq!(bench.type_in("/"), [What::Scan(true)]);
    assert!(bench.app.is_scanning);
    assert_eq!(bench.type_in("/"), [What::Scan(false)]);
    assert!(!bench.app.is_scanning);
}

#[test]
fn a_search_that_ends_before_it_is_confirmed_has_ended() {
    let mut bench = Bench::new([]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('/'), KeyModifiers::NONE)));
    let scan = bench.wishes()[0];
    bench.hear(Heard::ScanEnded);
    bench.hear(Heard::Done(scan, Ok(None)));
    assert!(!bench.app.is_scanning);
}

#[test]
fn a_lost_connection_forgets_what_was_set_and_is_shown() {
    let mut bench = Bench::new([vibrator(0)]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('5'), KeyModifiers::NONE)));
    let wish = bench.wishes()[0];
    bench.hear(Heard::Lost("the connection broke".into()));
    bench.hear(Heard::Done(wish, Err("not connected".into())));
    assert_eq!(bench.notices(), <[&str; 0]>::default(), "it is told once");
    assert_eq!(bench.app.devices[0].outputs[0].value, None);
    assert_eq!(bench.type_in("5"), []);
    assert_eq!(bench.notices(), ["not connected: nothing was sent"]);
    assert_eq!(bench.app.devices[0].outputs[0].value, None);
}

#[test]
fn a_new_connection_follows_the_inputs_again() {
    let mut bench = Bench::new([vibrator(0), sensor(1, vec![input(InputKind::Button, false, true)])]);
    bench.hear(Heard::Lost("the connection broke".into()));
    bench.hear(Heard::Retrying { attempt: 1, delay: Duration::from_secs(1) });
    bench.hear(Heard::Back);
    let id = InputId { device: 1, feature: 7, kind: InputKind::Button };
    assert_eq!(bench.wishes().iter().map(|wish| wish.what).collect::<Vec<_>>(), [What::Subscribe(id)]);
    assert_eq!(bench.app.link, Link::Up);
    assert_eq!(bench.type_in("5"), [vibrate(10)]);
}

#[test]
fn missed_news_are_made_up_for() {
    let mut bench = Bench::new([vibrator(0), vibrator(1), vibrator(2)]);
    bench.type_in("5");
    let other = device(1, "Other", vec![output(OutputKind::Oscillate, 0, 5)]);
    bench.hear(Heard::Present(vec![vibrator(0), other, vibrator(3)]));
    let labels: Vec<_> = bench
        .app
        .devices
        .iter()
        .map(|device| device.definition.index)
        .zip(bench.app.devices.iter().map(Device::label))
        .collect();
    assert_eq!(labels, [(0, "Rabbit"), (1, "Other"), (3, "Rabbit")]);
    assert_eq!(bench.app.devices[0].outputs[0].value, Some(10), "what stayed is as it was");
}

#[test]
fn escape_closes_the_help_first() {
    let mut bench = Bench::new([]);
    bench.type_in("?");
    assert_eq!(bench.press(&[KeyCode::Esc]), []);
    assert_eq!(bench.press(&[KeyCode::Esc]), [What::Leave]);
    assert!(bench.app.is_leaving);
}

#[test]
fn q_and_control_c_leave() {
    assert_eq!(Bench::new([]).type_in("q"), [What::Leave]);
    let mut bench = Bench::new([]);
    bench.hear(Heard::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    assert_eq!(bench.wishes().first().map(|wish| wish.what), Some(What::Leave));
}

#[test]
fn any_definition_and_any_keys_are_no_fault() {
    let kinds = OutputKind::ALL.map(|kind| output(kind, i32::MIN, i32::MAX));
    let mut bench = Bench::new([device(u32::MAX, "Wild", kinds.to_vec()), device(0, "Empty", vec![])]);
    let keys = "0123456789lhHLr+-xjk/? ";
    for _ in 0..10 {
        bench.type_in(keys);
        bench.press(&[KeyCode::Enter, KeyCode::PageDown, KeyCode::End, KeyCode::Right]);
    }
    let in_range = |output: &Output| output.value.is_none_or(|value| output.range.contains(value));
    assert!(bench.app.outputs().all(in_range));
    assert!(bench.app.outputs().any(|output| output.value.is_some()));
}
