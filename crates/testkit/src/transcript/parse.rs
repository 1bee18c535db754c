//! From text to steps.

use std::time::Duration;

use frisson_wire::{InputKind, OutputKind};

use super::{CLIENT, ParseError, Step, Transcript};
use crate::{Scanning, Setup};

pub(super) fn parse(text: &str) -> Result<Transcript, ParseError> {
    let mut transcript = Transcript { setup: Setup::default(), has_setup: false, steps: Vec::new() };
    for (line, text) in joined(text) {
        let at = |what: String| ParseError { line, what };
        if let Some(setting) = text.strip_prefix('%') {
            if !transcript.steps.is_empty() {
                return Err(at("the server is set up before anything else".to_owned()));
            }
            set_up(&mut transcript.setup, setting.trim()).map_err(at)?;
            transcript.has_setup = true;
        } else {
            transcript.steps.push((line, step(&text).map_err(at)?));
        }
    }
    Ok(transcript)
}

/// Lines with their numbers; remarks and empty lines are left out, continued lines joined. The indentation of the first line counts for none.
fn joined(text: &str) -> Vec<(usize, String)> {
    let lines = || (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let indent = lines().next().map_or(0, |(_, line)| line.len() - line.trim_start_matches(' ').len());
    let mut joined: Vec<(usize, String)> = Vec::new();
    let mut in_remark = false;
    for (number, line) in lines() {
        let (margin, line) = line.split_at_checked(indent).unwrap_or(("", line));
        let is_continued = margin.trim().is_empty() && line.starts_with(' ');
        if !is_continued {
            in_remark = line.starts_with('#');
        }
        match joined.last_mut() {
            _ if in_remark => {}
            Some((_, last)) if is_continued => last.push_str(line.trim_end()),
            _ => joined.push((number, format!("{margin}{line}").trim().to_owned())),
        }
    }
    joined
}

fn set_up(setup: &mut Setup, setting: &str) -> Result<(), String> {
    let (name, value) = setting.split_once(' ').unwrap_or((setting, ""));
    match (name, value.trim()) {
        ("max-ping-time", value) => setup.config.max_ping_time = duration(value)?,
        ("handshake-timeout", value) => setup.config.handshake_timeout = duration(value)?,
        ("max-clients", value) => setup.config.max_sessions = number(value)?,
        ("name", value) => setup.config.server_name = value.to_owned(),
        ("exclusive", "") => setup.config.exclusive = true,
        ("scan", "until-stopped") => setup.scanning = Scanning::UntilStopped,
        ("scan", "impossible") => setup.scanning = Scanning::Impossible,
        _ => return Err(format!("`{setting}` is not a setting")),
    }
    Ok(())
}

fn step(line: &str) -> Result<Step, String> {
    let sigil = line.find(['>', '<', '!', '~', '+', '-', '=', '*']);
    let (name, rest) =
        line.split_at(sigil.ok_or_else(|| format!("`{line}` does not begin with what it is"))?);
    let mut rest = rest.chars();
    let sigil = rest.next().unwrap_or_default();
    let rest = rest.as_str().trim();
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(format!("`{name}` is not the name of a client: letters and digits"));
    }
    let client = if name.is_empty() { CLIENT } else { name }.to_owned();
    match sigil {
        '>' => Ok(Step::Send { client, text: rest.to_owned() }),
        '<' if rest.is_empty() => Ok(Step::Silence { client }),
        '<' => match serde_json::from_str(rest) {
            Ok(frame) => Ok(Step::Expect { client, frame }),
            Err(error) => Err(format!("the expected frame is not JSON: {error}")),
        },
        '!' => match rest.split_once(' ') {
            Some(("closed", code)) => Ok(Step::Closed { client, code: number(code)? }),
            None if rest == "cut" => Ok(Step::Cut { client }),
            _ => Err(format!("`{rest}` does not happen to a connection: `cut`, or `closed` with a code")),
        },
        _ if !name.is_empty() => Err(format!("`{name}` has no place here")),
        '~' => Ok(Step::Wait(duration(rest)?)),
        '+' => Ok(Step::Plug(rest.to_owned())),
        '-' => Ok(Step::Unplug(rest.to_owned())),
        '=' => state(rest),
        _ => match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
            [address, feature, kind, value] => Ok(Step::Measure {
                address: (*address).to_owned(),
                feature: number(feature)?,
                kind: input_kind(kind)?,
                value: number(value)?,
            }),
            _ => Err("a device, a feature, an input and a value are needed".to_owned()),
        },
    }
}

fn state(text: &str) -> Result<Step, String> {
    let words: Vec<_> = text.split_whitespace().collect();
    match words.as_slice() {
        [address, "at", "rest"] => Ok(Step::AtRest((*address).to_owned())),
        [address, count, "writes" | "write"] => {
            Ok(Step::Writes { address: (*address).to_owned(), count: number(count)? })
        }
        [address, feature, kind, heard @ ("listened" | "ignored")] => Ok(Step::Listened {
            address: (*address).to_owned(),
            feature: number(feature)?,
            kind: input_kind(kind)?,
            yes: *heard == "listened",
        }),
        [address, feature, kind, value, time @ ..] => Ok(Step::Told {
            address: (*address).to_owned(),
            feature: number(feature)?,
            kind: OutputKind::from_name(kind).ok_or_else(|| format!("there is no output `{kind}`"))?,
            value: if *value == "none" { None } else { Some(number(value)?) },
            duration: match time {
                [] => None,
                ["in", time] => Some(duration(time)?),
                _ => return Err(format!("`{}` is not a time", time.join(" "))),
            },
        }),
        _ => Err(format!("`{text}` says nothing about a device")),
    }
}

fn input_kind(name: &str) -> Result<InputKind, String> {
    let kind = InputKind::ALL.into_iter().find(|kind| kind.name() == name);
    kind.ok_or_else(|| format!("there is no input `{name}`"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number that fits here"))
}

fn duration(text: &str) -> Result<Duration, String> {
    if let Some(ms) = text.strip_suffix("ms") {
        return Ok(Duration::from_millis(number(ms.trim_end())?));
    }
    match text.strip_suffix('s') {
        Some(seconds) => Ok(Duration::from_secs(number(seconds.trim_end())?)),
        None => Err(format!("`{text}` is not a time: write e.g. `500ms` or `3s`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        parse(text).expect("a transcript").steps.into_iter().map(|(_, step)| step).collect()
    }

    fn error(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn frames_belong_to_clients() {
        let send = |client: &str, text: &str| Step::Send { client: client.to_owned(), text: text.to_owned() };
        assert_eq!(
            steps("> hello\nother> []\n>"),
            [send("client", "hello"), send("other", "[]"), send("client", "")]
        );
    }

    #[test]
    fn remarks_and_empty_lines_say_nothing_and_indented_lines_go_on() {
        let text = "  # W-01\n    more of it\n\n  ~ 3\n    s\n  <\n";
        assert_eq!(
            steps(text),
            [Step::Wait(Duration::from_secs(3)), Step::Silence { client: "client".to_owned() }]
        );
    }

    #[test]
    fn a_frame_may_go_over_several_lines() {
        let frame = serde_json::json!([{"Ok": {"Id": 1}}]);
        let expect = Step::Expect { client: "client".to_owned(), frame };
        assert_eq!(steps("< [{\"Ok\":\n  {\"Id\": 1}}]"), [expect]);
    }

    #[test]
    fn what_a_device_was_told_is_an_output_with_a_value() {
        let told = |value, duration| Step::Told {
            address: "L".to_owned(),
            feature: 0,
            kind: OutputKind::HwPositionWithDuration,
            value,
            duration,
        };
        assert_eq!(
            steps("= L 0 HwPositionWithDuration 299 in 500ms\n= L 0 HwPositionWithDuration none"),
            [told(Some(299), Some(Duration::from_millis(500))), told(None, None)]
        );
    }

    #[test]
    fn the_set_up_stands_first() {
        let transcript = parse("% max-ping-time 500ms\n% exclusive\n+ V").expect("a transcript");
        assert_eq!(transcript.setup.config.max_ping_time, Duration::from_millis(500));
        assert!(transcript.setup.config.exclusive);
        assert!(error("+ V\n% exclusive").starts_with("line 2: "));
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        for (text, line) in [
            ("hello", 1),
            ("# fine\n< not json", 2),
            ("! closed", 1),
            ("! gone", 1),
            ("~ 5", 1),
            ("= V 0 Wobble 3", 1),
            ("= V", 1),
            ("* B 7 Pressure", 1),
            ("% colour red", 1),
            ("a b> []", 1),
            ("V~ 5ms", 1),
        ] {
            assert!(error(text).starts_with(&format!("line {line}: ")), "{text}: {}", error(text));
        }
    }
}
