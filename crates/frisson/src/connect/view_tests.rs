use std::time::{Duration, Instant};

use frisson_wire::{InputKind, OutputKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::connect::device::InputId;
use crate::connect::messages::Heard;

fn output(kind: OutputKind, min: i32, max: i32) -> frisson_wire::Output {
    let duration =
        (kind == OutputKind::HwPositionWithDuration).then_some(frisson_wire::Range::new(0, 10_000));
    frisson_wire::Output { kind, value: frisson_wire::Range::new(min, max), duration }
}

fn input(kind: InputKind) -> frisson_wire::Input {
    let values = vec![frisson_wire::Range::new(0, 1000)];
    frisson_wire::Input { kind, values, read: true, subscribe: true, spelling: Default::default() }
}

fn device(index: u32, name: &str, features: Vec<frisson_wire::Feature>) -> frisson_wire::Device {
    let features = (0..).zip(features).map(|(index, feature)| frisson_wire::Feature { index, ..feature });
    frisson_wire::Device {
        index,
        name: name.into(),
        features: features.collect(),
        ..frisson_wire::Device::default()
    }
}

fn feature(
    description: &str,
    outputs: Vec<frisson_wire::Output>,
    inputs: Vec<frisson_wire::Input>,
) -> frisson_wire::Feature {
    frisson_wire::Feature { index: 0, description: description.into(), outputs, inputs }
}

fn stroker() -> frisson_wire::Device {
    let outputs =
        vec![output(OutputKind::Position, 0, 100), output(OutputKind::HwPositionWithDuration, 0, 100)];
    let battery = feature("", vec![], vec![input(InputKind::Battery)]);
    device(4, "Stroker", vec![feature("Shaft", outputs, vec![]), battery])
}

fn app(devices: impl IntoIterator<Item = frisson_wire::Device>) -> App {
    let mut app = App::new("ws://localhost:12345", "Living room", Instant::now());
    devices.into_iter().for_each(|device| hear(&mut app, Heard::Added(device)));
    app
}

fn hear(app: &mut App, heard: Heard) {
    app.handle(app.now, heard);
    while app.next_wish().is_some() {}
}

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        hear(app, Heard::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)));
    }
}

/// The picture as text, without the blanks at the ends of lines.
fn picture(app: &App, width: u16, height: u16) -> Vec<String> {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| draw(app, frame));
    let buffer = terminal.backend().buffer();
    let line = |row: usize| {
        let cells = buffer.content().iter().skip(row * usize::from(width)).take(width.into());
        cells.map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned()
    };
    (0..height.into()).map(line).collect()
}

#[test]
fn devices_and_what_they_do_are_listed() {
    let vibrator =
        device(0, "Rabbit", vec![feature("Ears", vec![output(OutputKind::Vibrate, 0, 20)], vec![])]);
    let mut app = app([vibrator, stroker()]);
    press(&mut app, "5j2j9-");
    hear(&mut app, Heard::Reading(InputId { device: 4, feature: 1, kind: InputKind::Battery }, 87));
    assert_eq!(
        picture(&app, 100, 12),
        [
            " Frisson  ws://localhost:12345 · Living room · 2 devices",
            "─".repeat(100).as_str(),
            "  0  Rabbit",
            "      Vibrate         Ears              ━━━━━━━━━━━━━━━───────────────   50 %       10/20",
            "  4  Stroker                                                                            Battery 87 %",
            "      Position        Shaft             ──────●───────────────────────   20 %      20/100",
            "    ▸ Position, timed Shaft             ──────────────────────────●───   90 %      90/100     900 ms",
            "",
            "",
            "",
            " q leave  ? help  x stop this  ↑↓ select  ←→ 5 %  ⇧←→ 1 step  0–9 level  / scan",
            "                                      SPACE  stops everything",
        ]
    );
}

#[test]
fn a_direction_goes_to_either_side_of_the_middle() {
    let turner = device(0, "Turner", vec![feature("", vec![output(OutputKind::Rotate, -20, 20)], vec![])]);
    let mut app = app([turner]);
    press(&mut app, "5");
    let row = &picture(&app, 100, 10)[3];
    assert!(row.contains(" ───────────────────┃━━━━━━━━━━─────────    50 %"), "{row}");
    press(&mut app, "r");
    let row = &picture(&app, 100, 10)[3];
    assert!(row.contains(" ─────────━━━━━━━━━━┃───────────────────   -50 %"), "{row}");
}

#[test]
fn an_output_that_was_not_set_shows_no_value() {
    let app = app([stroker()]);
    let row = &picture(&app, 100, 12)[3];
    assert!(row.contains("╌╌╌") && row.contains("––") && !row.contains('%'), "{row}");
}

#[test]
fn a_low_battery_stands_out() {
    let mut app = app([stroker()]);
    hear(&mut app, Heard::Reading(InputId { device: 4, feature: 1, kind: InputKind::Battery }, 9));
    let Ok(mut terminal) = Terminal::new(TestBackend::new(80, 10));
    let Ok(_) = terminal.draw(|frame| draw(&app, frame));
    let cell = terminal.backend().buffer().cell((79, 2)).expect("inside");
    assert_eq!((cell.symbol(), cell.fg), ("%", Color::Yellow));
}

#[test]
fn a_tall_terminal_has_a_tall_stop_bar() {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(80, 24));
    let Ok(_) = terminal.draw(|frame| draw(&app([]), frame));
    for row in 21..24 {
        let cell = terminal.backend().buffer().cell((0, row)).expect("inside");
        assert_eq!(cell.fg, Color::Red);
        assert!(cell.modifier.contains(Modifier::REVERSED), "a bar also without colours");
    }
    assert!(picture(&app([]), 80, 24)[22].contains("SPACE  stops everything"));
}

#[test]
fn without_devices_it_says_how_to_find_some() {
    let mut app = app([]);
    assert!(picture(&app, 80, 10)[2].contains("/ looks for some"));
    press(&mut app, "/");
    let searching = picture(&app, 80, 10);
    assert!(searching[0].contains("looking for devices"), "{}", searching[0]);
    assert!(searching[2].contains("Switch a device on"), "{}", searching[2]);
}

#[test]
fn a_lost_connection_is_seen_with_the_time_to_the_next_attempt() {
    let mut app = app([stroker()]);
    hear(&mut app, Heard::Lost("the connection broke".into()));
    hear(&mut app, Heard::Retrying { attempt: 3, delay: Duration::from_millis(3500) });
    let lines = picture(&app, 100, 12);
    assert_eq!(
        lines[0],
        " Frisson  ws://localhost:12345 · not connected, attempt 3 in 4 s (the connection broke)"
    );
    assert!(lines[11].contains("Not connected: nothing is driven from here"));
    app.handle(app.now + Duration::from_secs(4), Heard::Tick);
    assert!(picture(&app, 100, 12)[0].contains("attempt 3 …"));
}

#[test]
fn faults_are_told_above_the_keys() {
    let mut app = app([]);
    hear(&mut app, Heard::Fault("the server says: out of order".into()));
    assert_eq!(picture(&app, 80, 10)[7], " the server says: out of order");
}

#[test]
fn the_help_names_every_key() {
    let mut app = app([stroker()]);
    press(&mut app, "?");
    let text = picture(&app, 80, 24).join("\n");
    for (keys, meaning) in HELP {
        assert!(text.contains(keys) && text.contains(meaning), "{keys}: {meaning}\n{text}");
    }
}

#[test]
fn the_help_leaves_the_stop_bar_to_be_seen() {
    let mut app = app([stroker()]);
    press(&mut app, "?");
    for height in [6, 12, 19, 20, 24] {
        let lines = picture(&app, 80, height);
        assert!(lines.iter().any(|line| line.contains("SPACE  stops everything")), "{lines:#?}");
    }
}

#[test]
fn the_selected_row_is_always_in_the_picture() {
    let many = (0..50).map(|index| {
        device(index, "Rabbit", vec![feature("", vec![output(OutputKind::Vibrate, 0, 20)], vec![])])
    });
    let last = device(50, "Button alone", vec![feature("", vec![], vec![input(InputKind::Button)])]);
    let mut app = app(many.chain([last]));
    for _ in 0..60 {
        let lines = picture(&app, 80, 12);
        assert!(lines.iter().any(|line| line.contains('▸')), "{lines:#?}");
        press(&mut app, "j");
    }
    assert!(picture(&app, 80, 12).iter().any(|line| line.contains("Button alone")), "the end can be seen");
}

#[test]
fn names_from_outside_cannot_move_the_cursor() {
    let mut app = app([device(0, "Evil\x1b[2J\r\nname", vec![])]);
    hear(&mut app, Heard::Fault("bell\x07 and\x1b[31m".into()));
    let text = picture(&app, 80, 10).join("");
    assert!(!text.contains(char::is_control), "{text:?}");
}

#[test]
fn no_size_is_too_small() {
    let mut app = app([stroker()]);
    press(&mut app, "5?");
    hear(&mut app, Heard::Fault("fault".into()));
    for width in [1, 2, 5, 10, 17, 30, 40] {
        for height in [1, 2, 3, 4, 6, 9, 12] {
            picture(&app, width, height);
        }
    }
}

#[test]
fn a_narrow_terminal_keeps_what_matters() {
    let mut app = app([stroker()]);
    press(&mut app, "5");
    let lines = picture(&app, 46, 10);
    assert!(lines[3].contains("▸ Position") && lines[3].contains("50 %"), "{}", lines[3]);
    assert!(lines[9].contains("SPACE  stops everything"));
}
