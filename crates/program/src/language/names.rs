//! What a name in an expression can stand for, and where it may be used.

use frisson_wire::OutputKind;

use super::diagnostic::closest;
use crate::Endpoint;

/// A variable of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Var {
    /// The value of this output.
    Value,
    /// The index of its feature.
    Index,
    /// The duration of a timed move, in milliseconds.
    Duration,
    /// The value last sent.
    Previous,
    /// The distance between the two.
    Distance,
    /// The sign of the last value other than 0 that was sent.
    Direction,
    /// The highest value of its range.
    Top,
    /// The value of the output of this feature.
    Of(u8),
    /// The number of outputs.
    Outputs,
    /// The number of outputs of a kind.
    OutputsOf(OutputKind),
    /// The packet counter, 8 bits.
    Seq,
    /// The packet counter, 32 bits.
    Seq32,
    /// The bytes emitted so far.
    Len,
    /// Whether the device has this endpoint; the place among those that the file declares.
    Has(u8),
    /// A number that was captured; its place among the captures.
    Captured(u8),
    /// A constant; its place among the constants.
    Constant(u8),
    /// Inside an `each` part: the place of the output among those of the part.
    Ordinal,
    /// Inside an `each` part: the output's kind.
    Kind,
    /// Inside an `each` part: how many outputs the part has.
    Count,
}

impl Var {
    /// Whether it speaks of one output, so that what uses it is rendered for each.
    pub(super) fn is_per_output(self) -> bool {
        use Var::*;
        matches!(self, Value | Index | Duration | Previous | Distance | Direction | Top)
    }
}

/// Where an expression stands, which decides what it may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// A hole of a packet.
    Packet,
    /// A hole of an `each` part.
    Each,
    /// The `head` of an `each` part.
    Head,
    /// The `when` of a packet.
    When,
    /// The `while` of a keepalive.
    While,
    /// A hole of something that is written when the model is known, but not for an output.
    Setup,
    /// The `when` of an init step.
    SetupWhen,
    /// A hole of a question that finds out the model.
    Identify,
}

/// Variables with fixed names: name, meaning for people, and where they may be used.
pub(super) const VARIABLES: [(&str, Var, &[Level]); 15] = {
    use Level::*;
    const OUTPUT: &[Level] = &[Packet, When];
    const HOLES: &[Level] = &[Packet, Each, Head, Setup, Identify];
    [
        ("v", Var::Value, &[Packet, When, Each]),
        ("i", Var::Index, &[Packet, When, Each]),
        ("top", Var::Top, &[Packet, When, Each]),
        ("ms", Var::Duration, OUTPUT),
        ("prev", Var::Previous, OUTPUT),
        ("dist", Var::Distance, OUTPUT),
        ("dir", Var::Direction, OUTPUT),
        ("n", Var::Outputs, &[Packet, Each, Head, When, While, Setup, SetupWhen]),
        ("seq", Var::Seq, HOLES),
        ("seq32", Var::Seq32, HOLES),
        ("len", Var::Len, HOLES),
        ("k", Var::Ordinal, &[Each]),
        ("kind", Var::Kind, &[Each]),
        ("count", Var::Count, &[Each, Head]),
        // The address is no number: it is only written. It stands here so that nothing else takes its name.
        ("address", Var::Len, &[]),
    ]
};

/// Words that cannot name a capture, a constant or a part, besides variables.
const RESERVED: [&str; 10] =
    ["abs", "min", "max", "clamp", "sum", "xor", "crc16_modbus", "there", "is", "model_name"];

/// All names that a file introduces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) constants: Vec<String>,
    pub(super) captures: Vec<Capture>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) parts: Vec<String>,
    /// Whether captures are values of inputs, which may be called `v0`, `v1` …
    pub(super) of_input: bool,
}

/// Something that a pattern takes out of what the device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Capture {
    pub(super) name: String,
    pub(super) kind: CaptureKind,
}

/// What is captured. Before anything was, a number reads as 0 and the others as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaptureKind {
    /// A number within these bounds.
    Number(i64, i64),
    Bytes,
    Text,
}

impl Names {
    /// The place of a capture of this name, which is introduced if it is not known.
    pub(super) fn capture(&mut self, name: &str, kind: CaptureKind) -> Result<u8, String> {
        if let Some(at) = self.captures.iter().position(|capture| capture.name == name) {
            let Some(known) = self.captures.get_mut(at) else { return Err(String::new()) };
            known.kind = match (known.kind, kind) {
                (CaptureKind::Number(low, high), CaptureKind::Number(lower, higher)) => {
                    CaptureKind::Number(low.min(lower), high.max(higher))
                }
                (known, kind) if known == kind => kind,
                // The key of the model is text whatever it was captured as.
                _ if name == "model" => CaptureKind::Text,
                _ => {
                    return Err(format!(
                        "`{name}` is captured as a number here and as something else elsewhere"
                    ));
                }
            };
            return u8::try_from(at).map_err(|_| "too many captures".to_owned());
        }
        if !self.of_input || output_index(name).is_none() {
            check_name(name)?;
        }
        if self.constants.iter().any(|constant| constant == name) {
            return Err(format!("`{name}` is a constant already"));
        }
        if self.parts.iter().any(|part| part == name) {
            return Err(format!("`{name}` is a part already"));
        }
        let at = u8::try_from(self.captures.len()).ok().filter(|at| *at < 64);
        let at = at.ok_or_else(|| "more than 64 captures in one file".to_owned())?;
        self.captures.push(Capture { name: name.to_owned(), kind });
        Ok(at)
    }

    /// The capture of this name.
    pub(super) fn find_capture(&self, name: &str) -> Option<(u8, CaptureKind)> {
        let at = self.captures.iter().position(|capture| capture.name == name)?;
        let kind = self.captures.get(at)?.kind;
        u8::try_from(at).ok().map(|at| (at, kind))
    }

    /// What a name stands for at this level; otherwise what is wrong and what to do.
    pub(super) fn resolve(&self, name: &str, level: Level) -> Result<Var, (String, Option<String>)> {
        if let Some((_, var, levels)) = VARIABLES.iter().find(|(known, _, _)| *known == name) {
            return match levels.contains(&level) {
                true => Ok(*var),
                false => Err((format!("`{name}` has no value here"), Some(explain(name, level)))),
            };
        }
        let needs_model = |var| match level {
            Level::Identify => Err((format!("`{name}` has no value here"), Some(explain(name, level)))),
            _ => Ok(var),
        };
        if let Some(index) = output_index(name) {
            return match level {
                Level::Packet | Level::Each | Level::Head | Level::When | Level::While => Ok(Var::Of(index)),
                _ => Err((format!("`{name}` has no value here"), Some(explain(name, level)))),
            };
        }
        if let Some(kind) = name.strip_prefix("count_").and_then(kind_named) {
            return needs_model(Var::OutputsOf(kind));
        }
        if let Some(endpoint) = name.strip_prefix("has_") {
            let at = self.endpoints.iter().position(|known| known.name() == endpoint);
            return match at.and_then(|at| u8::try_from(at).ok()) {
                Some(at) => Ok(Var::Has(at)),
                None => {
                    let help = format!(
                        "endpoints of this file: {}",
                        list(self.endpoints.iter().map(Endpoint::name))
                    );
                    Err((format!("no service declares the endpoint `{endpoint}`"), Some(help)))
                }
            };
        }
        if let Some(at) = self.constants.iter().position(|constant| constant == name) {
            return needs_model(Var::Constant(u8::try_from(at).unwrap_or(u8::MAX)));
        }
        match self.find_capture(name) {
            Some((at, CaptureKind::Number(..))) => return Ok(Var::Captured(at)),
            Some(_) => {
                let help = format!("it can only be written as it is, with `{{{name}}}`");
                return Err((format!("`{name}` is captured as text or bytes and is no number"), Some(help)));
            }
            None => {}
        }
        if self.parts.iter().any(|part| part == name) {
            let help = format!("a part stands alone in its hole: `{{{name}}}`");
            return Err((format!("`{name}` is a part and is no number"), Some(help)));
        }
        Err((format!("unknown name `{name}`"), self.suggest(name)))
    }

    fn suggest(&self, name: &str) -> Option<String> {
        let known = VARIABLES.iter().map(|(known, _, _)| *known);
        let known = known.chain(self.constants.iter().map(String::as_str));
        let known = known.chain(self.captures.iter().map(|capture| capture.name.as_str()));
        let known = known.chain(self.parts.iter().map(String::as_str));
        let meant = closest(name, known).map(|known| format!("did you mean `{known}`?"));
        Some(meant.unwrap_or_else(|| {
            "constants are given with `set.NAME = 1` in a model, captures with `{NAME}` in an `expect`"
                .to_owned()
        }))
    }
}

/// Whether a name can be given to a capture, a constant or a part.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !begins || !name.chars().all(fits) || name.len() > 32 {
        let name: String = name.chars().take(40).collect();
        return Err(format!("`{name}` is not a name: at most 32 lower-case letters, digits and underscores"));
    }
    let taken = VARIABLES.iter().any(|(known, _, _)| *known == name)
        || RESERVED.contains(&name)
        || name.starts_with("has_")
        || name.starts_with("count_")
        || output_index(name).is_some()
        || kind_named(name).is_some()
        || super::native::Native::named(name).is_some();
    match taken {
        true => Err(format!("`{name}` is a name of the language; choose another")),
        false => Ok(()),
    }
}

/// The kinds of output in the words of device files.
pub(super) fn kind_name(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Vibrate => "vibrate",
        OutputKind::Rotate => "rotate",
        OutputKind::Oscillate => "oscillate",
        OutputKind::Constrict => "constrict",
        OutputKind::Spray => "spray",
        OutputKind::Temperature => "temperature",
        OutputKind::Led => "led",
        OutputKind::Position => "position",
        OutputKind::HwPositionWithDuration => "stroke",
    }
}

/// The kind of output of this name in a device file.
pub(super) fn kind_named(name: &str) -> Option<OutputKind> {
    OutputKind::ALL.into_iter().find(|kind| kind_name(*kind) == name)
}

/// The number by which a kind is compared in an expression.
pub(super) fn kind_number(kind: OutputKind) -> i64 {
    OutputKind::ALL.iter().zip(0..).find(|(other, _)| **other == kind).map_or(0, |(_, number)| number)
}

/// Several kinds of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) const ALL: Self = Self(0x1FF);

    pub(super) fn insert(&mut self, kind: OutputKind) {
        self.0 |= 1 << kind_number(kind);
    }

    pub(super) fn contains(self, kind: OutputKind) -> bool {
        self.0 & 1 << kind_number(kind) != 0
    }
}

/// The feature's index in a name such as `v12`.
pub(super) fn output_index(name: &str) -> Option<u8> {
    let digits = name.strip_prefix('v')?;
    let plain = !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    (plain && (digits.len() == 1 || !digits.starts_with('0'))).then(|| digits.parse().ok()).flatten()
}

fn explain(name: &str, level: Level) -> String {
    match level {
        Level::Each => format!("inside an `each` part there are v, i, top, k, kind and count, not `{name}`"),
        Level::Head => "the head of an `each` part is written once, for no particular output".to_owned(),
        Level::Packet | Level::When => {
            format!("`{name}` exists only inside an `each` part, or only in holes")
        }
        Level::While => "a keepalive is for the whole device: use v0, v1 …".to_owned(),
        Level::Setup | Level::SetupWhen => "this is not written for an output".to_owned(),
        Level::Identify => "the model is not known yet".to_owned(),
    }
}

/// Words for people: `a, b, c`.
pub(super) fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.take(20).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_language_cannot_be_taken() {
        for name in [
            "v",
            "v0",
            "v12",
            "seq32",
            "has_tx",
            "count_vibrate",
            "rotate",
            "min",
            "launch_speed",
            "there",
            "A",
            "9a",
            "",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["dev", "vx", "v00", "password", "_x", "level"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_name_means_something_only_where_it_has_a_value() {
        let names = Names { constants: vec!["dev".to_owned()], ..Names::default() };
        assert_eq!(names.resolve("v", Level::Packet), Ok(Var::Value));
        assert_eq!(names.resolve("v3", Level::While), Ok(Var::Of(3)));
        assert_eq!(names.resolve("dev", Level::Setup), Ok(Var::Constant(0)));
        for (name, level) in
            [("v", Level::While), ("k", Level::Packet), ("dev", Level::Identify), ("len", Level::When)]
        {
            assert!(names.resolve(name, level).is_err(), "{name}");
        }
    }
}
