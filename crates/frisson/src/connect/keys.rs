//! What each key means.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a person wants with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Everything has to stop.
    StopAll,
    /// The feature that is selected has to stop.
    StopFeature,
    /// To another row, so many down.
    Move(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Higher or lower by five percent.
    Coarse(i32),
    /// Higher or lower by a step.
    Fine(i32),
    /// To this many percent.
    Percent(i32),
    /// The other way around.
    Reverse,
    /// The same value again.
    Again,
    /// A longer or shorter time for a move.
    Duration(i32),
    /// Look for devices, or no longer.
    Scan,
    /// Show the help, or no longer.
    Help,
    /// Close the help, or leave.
    Back,
    /// Leave.
    Leave,
}

/// How many rows a page is.
const PAGE: isize = 10;

/// What the keys are, for the help.
pub(crate) const HELP: [(&str, &str); 13] = [
    ("Space  s", "stop every device, whoever drives it"),
    ("x", "stop this feature"),
    ("↑ ↓  k j", "select an output; PgUp, PgDn, Home, End go further"),
    ("← →  h l", "5 % less or more"),
    ("Shift ← →  H L", "one step less or more"),
    ("0 … 9", "0 % … 90 %"),
    ("r", "the other direction"),
    ("- +", "a shorter or longer time for a timed move"),
    ("Enter", "send the value again; a spray is sent only so"),
    ("/", "look for devices, or no longer"),
    ("?", "this help, or no longer"),
    ("q  Ctrl-C  Esc", "stop what was driven here, and leave"),
    ("", "–– is an output that was not set here yet"),
];

/// What this key means; `None` is nothing.
pub(crate) fn command(key: &KeyEvent) -> Option<Command> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(key.code, KeyCode::Char('c' | 'C')).then_some(Command::Leave);
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    let is_shifted = key.modifiers.contains(KeyModifiers::SHIFT);
    let change = |direction| if is_shifted { Command::Fine(direction) } else { Command::Coarse(direction) };
    Some(match key.code {
        KeyCode::Char(' ' | 's' | 'S') => Command::StopAll,
        KeyCode::Char('x' | 'X') => Command::StopFeature,
        KeyCode::Up | KeyCode::Char('k' | 'K') => Command::Move(-1),
        KeyCode::Down | KeyCode::Char('j' | 'J') => Command::Move(1),
        KeyCode::PageUp => Command::Move(-PAGE),
        KeyCode::PageDown => Command::Move(PAGE),
        KeyCode::Home => Command::First,
        KeyCode::End => Command::Last,
        KeyCode::Left => change(-1),
        KeyCode::Right => change(1),
        // Capitals need a shift, whether or not the terminal tells of it; with caps lock a step is the careful choice.
        KeyCode::Char('h') => Command::Coarse(-1),
        KeyCode::Char('l') => Command::Coarse(1),
        KeyCode::Char('H') => Command::Fine(-1),
        KeyCode::Char('L') => Command::Fine(1),
        KeyCode::Char('r' | 'R') => Command::Reverse,
        KeyCode::Char('-' | '_') => Command::Duration(-1),
        KeyCode::Char('+' | '=') => Command::Duration(1),
        KeyCode::Enter => Command::Again,
        KeyCode::Char('/') => Command::Scan,
        KeyCode::Char('?') => Command::Help,
        KeyCode::Char('q' | 'Q') => Command::Leave,
        KeyCode::Esc => Command::Back,
        KeyCode::Char(digit) => Command::Percent(i32::try_from(digit.to_digit(10)?).ok()? * 10),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
        command(&KeyEvent::new(code, modifiers))
    }

    #[test]
    fn digits_are_tenths() {
        assert_eq!(of(KeyCode::Char('0'), KeyModifiers::NONE), Some(Command::Percent(0)));
        assert_eq!(of(KeyCode::Char('9'), KeyModifiers::NONE), Some(Command::Percent(90)));
    }

    #[test]
    fn shift_is_one_step() {
        assert_eq!(of(KeyCode::Right, KeyModifiers::NONE), Some(Command::Coarse(1)));
        assert_eq!(of(KeyCode::Right, KeyModifiers::SHIFT), Some(Command::Fine(1)));
        for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
            assert_eq!(of(KeyCode::Char('H'), modifiers), Some(Command::Fine(-1)));
        }
    }

    #[test]
    fn keys_with_control_or_alt_are_not_those_without() {
        assert_eq!(of(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Command::Leave));
        assert_eq!(of(KeyCode::Char('l'), KeyModifiers::CONTROL), None);
        assert_eq!(of(KeyCode::Char('9'), KeyModifiers::ALT), None);
    }

    #[test]
    fn a_key_that_is_let_go_means_nothing() {
        let mut key = KeyEvent::new(KeyCode::Char('9'), KeyModifiers::NONE);
        key.kind = KeyEventKind::Release;
        assert_eq!(command(&key), None);
        key.kind = KeyEventKind::Repeat;
        assert_eq!(command(&key), Some(Command::Percent(90)));
    }
}
