//! What can be typed.

use std::str::FromStr;
use std::time::Duration;

use frisson_program::language::vectors;
use frisson_program::{Endpoint, Packet};
use frisson_server::settings::{kind_from_name, kind_name};
use frisson_wire::{InputKind, OutputKind};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Nothing,
    Set {
        feature: u32,
        kind: OutputKind,
        value: Value,
        time: Option<Duration>,
    },
    Stop,
    Read(u32, InputKind),
    Listen(u32, InputKind, bool),
    /// The device says something.
    Device(Endpoint, Packet),
    Wait(Duration),
    Features,
    Help,
    Quit,
}

/// A step, or a share of what there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Step(i32),
    Percent(f64),
}

/// No wait is longer, so that nobody waits for a device that is fed all the time.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

pub(super) const HELP: &str = "\
  vibrate FEATURE VALUE           also rotate, oscillate, constrict, spray, temperature, led, position; VALUE in steps or percent: 10, 50%
  position FEATURE VALUE TIME     a position to be reached in a time: position 0 50 500ms
  stop                            everything to rest
  read FEATURE INPUT              asks for an input: read 0 battery
  listen FEATURE INPUT            hears an input from now on; unlisten ends it
  device ENDPOINT BYTES           the device says something: device rx 0a 01, device rx 'OK;'
  wait TIME                       lets time pass: wait 500ms, wait 2s
  features                        what the device can do
  quit                            or the end of the input
";

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let line = line
            .split_once('#')
            .filter(|(before, _)| !before.contains('\''))
            .map_or(line, |(before, _)| before);
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match word.to_ascii_lowercase().as_str() {
            "" => Ok(Self::Nothing),
            "stop" => alone(Self::Stop, rest, "stop"),
            "features" => alone(Self::Features, rest, "features"),
            "help" | "?" => alone(Self::Help, rest, "help"),
            "quit" | "exit" | "q" => alone(Self::Quit, rest, "quit"),
            "wait" => match time(rest) {
                Some(time) if time <= LONGEST_WAIT => Ok(Self::Wait(time)),
                Some(_) => Err("at most one hour at a time: wait 3600s".to_owned()),
                None => Err("how long? e.g. wait 500ms, wait 2s".to_owned()),
            },
            "device" => {
                let (endpoint, bytes) = vectors::parse_heard(rest)
                    .map_err(|why| format!("{why}; e.g. device rx 0a 01, device rx 'OK;'"))?;
                Ok(Self::Device(endpoint, bytes))
            }
            "read" => input(rest, "read").map(|(feature, kind)| Self::Read(feature, kind)),
            "listen" => input(rest, "listen").map(|(feature, kind)| Self::Listen(feature, kind, true)),
            "unlisten" => input(rest, "unlisten").map(|(feature, kind)| Self::Listen(feature, kind, false)),
            word => match kind_from_name(word) {
                Some(kind) => set(kind, rest),
                None => {
                    let shown: String = word.chars().take(40).collect();
                    let kinds = OutputKind::ALL.map(kind_name).join(", ");
                    Err(format!(
                        "`{shown}` is no command; there are {kinds}, stop, read, listen, unlisten, device, wait, features, help, quit"
                    ))
                }
            },
        }
    }
}

fn alone(command: Command, rest: &str, word: &str) -> Result<Command, String> {
    match rest {
        "" => Ok(command),
        _ => Err(format!("`{word}` stands alone; to stop one output set it to 0, as in vibrate 0 0")),
    }
}

fn set(kind: OutputKind, rest: &str) -> Result<Command, String> {
    let name = kind_name(kind);
    let example = if kind.is_position() { format!("{name} 0 50 500ms") } else { format!("{name} 0 10") };
    let wrong = || format!("`{name}` needs a feature and a value: {example}");
    let words: Vec<_> = rest.split_whitespace().collect();
    let (feature, value, duration) = match words.as_slice() {
        [feature, value] => (feature, value, None),
        [feature, value, last] if kind.is_position() => {
            let time = time(last).ok_or_else(|| format!("`{last}` is no time: {example}"))?;
            (feature, value, Some(time))
        }
        _ => return Err(wrong()),
    };
    // A position with a time is another kind of output.
    let kind = if duration.is_some() { OutputKind::HwPositionWithDuration } else { kind };
    let value = match value.strip_suffix('%') {
        Some(share) => {
            let share = share.parse().ok().filter(|share: &f64| share.abs() <= 100.0);
            Value::Percent(share.ok_or_else(|| "a share lies between -100% and 100%".to_owned())?)
        }
        None => Value::Step(value.parse().map_err(|_| wrong())?),
    };
    Ok(Command::Set { feature: feature.parse().map_err(|_| wrong())?, kind, value, time: duration })
}

fn input(rest: &str, word: &str) -> Result<(u32, InputKind), String> {
    let found = rest.split_once(char::is_whitespace).and_then(|(feature, name)| {
        let kind = InputKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name.trim()))?;
        Some((feature.parse().ok()?, kind))
    });
    found.ok_or_else(|| format!("which input of which feature? e.g. {word} 0 battery; the inputs are battery, rssi, pressure, button"))
}

/// `500ms`, `500` or `0.5s`.
fn time(text: &str) -> Option<Duration> {
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1000.0),
        (None, None) => (text, 1.0),
    };
    let ms: f64 = number.trim().parse().ok()?;
    let ms = (ms * factor).round();
    // Virtual time goes by whole milliseconds, as in tests.
    (0.0..=1e9).contains(&ms).then(|| Duration::from_secs_f64(ms / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_their_help_says() {
        let ms = Duration::from_millis;
        let set = |kind, value, time| Command::Set { feature: 0, kind, value, time };
        for (line, command) in [
            ("vibrate 0 10\n", set(OutputKind::Vibrate, Value::Step(10), None)),
            ("VIBRATE 0 50% # half", set(OutputKind::Vibrate, Value::Percent(50.0), None)),
            ("rotate 0 -5", set(OutputKind::Rotate, Value::Step(-5), None)),
            ("position 0 50", set(OutputKind::Position, Value::Step(50), None)),
            ("position 0 50 500ms", set(OutputKind::HwPositionWithDuration, Value::Step(50), Some(ms(500)))),
            ("stroke 0 50 0.5s", set(OutputKind::HwPositionWithDuration, Value::Step(50), Some(ms(500)))),
            ("stop", Command::Stop),
            ("read 2 battery", Command::Read(2, InputKind::Battery)),
            ("unlisten 1 Pressure", Command::Listen(1, InputKind::Pressure, false)),
            ("device rx 0a 01", Command::Device(Endpoint::RX, Packet::from_slice(&[10, 1]))),
            ("device rx '#1'", Command::Device(Endpoint::RX, Packet::from_slice(b"#1"))),
            ("wait 2s", Command::Wait(ms(2000))),
            ("  # nothing", Command::Nothing),
        ] {
            assert_eq!(line.parse(), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_gets_a_hint() {
        for (line, hint) in [
            ("vibrate", "vibrate 0 10"),
            ("vibrate 0", "vibrate 0 10"),
            ("vibrate 0 lots", "vibrate 0 10"),
            ("vibrate 0 10 500ms", "vibrate 0 10"),
            ("position 0 50 soon", "500ms"),
            ("wait", "wait 500ms"),
            ("wait 1e300s", "wait 500ms"),
            ("wait 7200s", "one hour"),
            ("read 0 mind", "battery"),
            ("device tx!", "device rx 0a 01"),
            ("stop 0", "vibrate 0 0"),
            ("dance", "is no command"),
        ] {
            let said = line.parse::<Command>().expect_err(line);
            assert!(said.contains(hint), "{line}: {said}");
        }
    }
}
