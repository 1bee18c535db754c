//! Packets with holes, as they stand in a file and as they are kept: literal bytes, expressions, captures, repeated parts.

use std::collections::BTreeMap;

use super::diagnostic::{Place, Report};
use super::expr::{self, Expr, Interval};
use super::names::{CaptureKind, Kinds, Level, Names, Var};
use super::read::node::Text;

/// No packet is longer.
pub(super) const LONGEST: usize = 512;

/// A template with more pieces is refused.
const MOST_PIECES: usize = 512;

/// A longer text is refused.
const LONGEST_TEXT: usize = 16 * 1024;

/// Parts inside parts deeper than this are refused.
const DEEPEST_PARTS: usize = 8;

/// A packet with holes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Template {
    pub(super) pieces: Box<[Piece]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(Box<[u8]>),
    Hole(Hole),
    /// What was captured here, as it is.
    Splice(u8),
    /// The device's address.
    Address,
    /// Contains no loops.
    Times(u16, Box<[Piece]>),
    /// Contains no loops.
    Each(Each),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) expr: Expr,
    pub(super) format: Format,
    pub(super) place: Place,
    /// For messages.
    pub(super) source: Box<str>,
}

/// One body for every output of these kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Each {
    pub(super) kinds: Kinds,
    pub(super) head: Box<[Piece]>,
    pub(super) body: Box<[Piece]>,
    pub(super) sep: Box<[u8]>,
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    U8,
    I8,
    U16Le,
    U16Be,
    U32Le,
    U32Be,
    Decimal,
    /// Decimal, with zeros in front up to this width.
    Padded(u8),
    /// Decimal, with zeros in front up to the width of the highest value of the output's range.
    PaddedToTop,
}

impl Format {
    fn of_bytes(name: &str) -> Option<Self> {
        Some(match name {
            "u8" => Self::U8,
            "i8" => Self::I8,
            "u16le" => Self::U16Le,
            "u16be" => Self::U16Be,
            "u32le" => Self::U32Le,
            "u32be" => Self::U32Be,
            _ => return None,
        })
    }

    /// As it stands in a pattern or a hex template, or what is wrong.
    pub(super) fn parse_bytes(name: &str) -> Result<Self, String> {
        Self::of_bytes(name).ok_or_else(|| {
            let shown: String = name.chars().take(20).collect();
            format!("`{shown}` is not a format; there are u8, i8, u16le, u16be, u32le, u32be")
        })
    }

    fn parse_text(name: &str) -> Result<Self, String> {
        let width = name.strip_prefix('0').and_then(|digits| digits.parse().ok());
        match width {
            _ if name == "0top" => Ok(Self::PaddedToTop),
            Some(width @ 1..=18) => Ok(Self::Padded(width)),
            _ => {
                let shown: String = name.chars().take(20).collect();
                Err(format!(
                    "`{shown}` is not a width; write e.g. `:03` for three digits, or `:0top` for those of the highest value"
                ))
            }
        }
    }

    /// The format where the highest value of the output's range is this.
    pub(super) fn for_top(self, top: i64) -> Self {
        match self {
            Self::PaddedToTop => Self::Padded(u8::try_from(top.max(1).ilog10() + 1).unwrap_or(u8::MAX)),
            other => other,
        }
    }

    /// What fits.
    pub(super) fn range(self) -> Interval {
        match self {
            Self::U8 => Interval::new(0, 0xFF),
            Self::I8 => Interval::new(-0x80, 0x7F),
            Self::U16Le | Self::U16Be => Interval::new(0, 0xFFFF),
            Self::U32Le | Self::U32Be => Interval::new(0, 0xFFFF_FFFF),
            Self::Decimal | Self::PaddedToTop => Interval::new(i64::MIN, i64::MAX),
            Self::Padded(width) => {
                let most = |digits: u32| 10_i64.checked_pow(digits).map_or(i64::MAX, |power| power - 1);
                let width = u32::from(width);
                Interval::new(-most(width.saturating_sub(1)), most(width))
            }
        }
    }

    /// The bytes that a number takes at most.
    pub(super) fn width(self, values: Interval) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16Le | Self::U16Be => 2,
            Self::U32Le | Self::U32Be => 4,
            Self::Padded(width) => usize::from(width),
            Self::Decimal | Self::PaddedToTop => {
                values.low.to_string().len().max(values.high.to_string().len())
            }
        }
    }

    /// For people: "one byte (0 to 255)".
    pub(super) fn describe(self) -> String {
        let Interval { low, high } = self.range();
        match self {
            Self::U8 => "one byte (0 to 255)".to_owned(),
            Self::Padded(width) => format!("{width} characters ({low} to {high})"),
            _ => format!("{self:?} ({low} to {high})").to_lowercase(),
        }
    }
}

/// A part as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) body: Text,
    pub(super) is_text: bool,
    pub(super) times: Option<u16>,
    pub(super) each: Option<Kinds>,
    pub(super) sep: Option<Text>,
    pub(super) head: Option<Text>,
    pub(super) place: Place,
}

/// What templates are made with.
pub(super) struct Maker<'a, 'r, 't> {
    pub(super) names: &'a Names,
    pub(super) parts: &'a BTreeMap<String, Part>,
    pub(super) report: &'r mut Report<'t>,
}

impl Maker<'_, '_, '_> {
    /// The template that stands in `text`; what is wrong with it has been reported.
    pub(super) fn template(&mut self, text: &Text, is_text: bool, level: Level) -> Template {
        let place = text.place(0, self.report);
        if text.value.len() > LONGEST_TEXT {
            self.report.error(place, format!("more than {LONGEST_TEXT} characters"), None);
            return Template::default();
        }
        let mut work = Work { maker: self, level, is_text, depth: 0, looped: false, budget: MOST_PIECES };
        let pieces = work.pieces(text);
        if work.budget == 0 {
            self.report.error(place, format!("the packet has more than {MOST_PIECES} pieces"), None);
        }
        Template { pieces }
    }
}

struct Work<'m, 'a, 'r, 't> {
    maker: &'m mut Maker<'a, 'r, 't>,
    level: Level,
    is_text: bool,
    depth: usize,
    /// Whether it is inside a part with `each` or `times`.
    looped: bool,
    /// How many more holes and literals there may be, counted before they are looked into.
    budget: usize,
}

impl Work<'_, '_, '_, '_> {
    fn pieces(&mut self, text: &Text) -> Box<[Piece]> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.value.as_str();
        while let Some(first) =
            rest.chars().next().filter(|_| self.budget > 0 && !self.maker.report.is_full())
        {
            let at = text.value.len() - rest.len();
            let doubled = self.is_text && (rest.starts_with("{{") || rest.starts_with("}}"));
            if first == '{' && !doubled {
                let Some(end) = rest.find('}') else {
                    self.error(text, at, "`{` without `}`", self.brace_help());
                    break;
                };
                let (inside, after) = (rest.get(1..end).unwrap_or(""), rest.get(end + 1..).unwrap_or(""));
                self.budget -= 1;
                self.push_literal(&mut literal, &mut pieces);
                self.hole(text, inside, at + 1, &mut pieces);
                rest = after;
            } else if self.is_text {
                if first == '}' && !doubled {
                    self.error(text, at, "`}` without `{`", self.brace_help());
                }
                let mut encoded = [0; 4];
                literal.extend_from_slice(first.encode_utf8(&mut encoded).as_bytes());
                rest = rest.get(first.len_utf8() * (1 + usize::from(doubled))..).unwrap_or("");
            } else if first.is_ascii_whitespace() {
                rest = rest.get(1..).unwrap_or("");
            } else {
                match hex_byte(rest) {
                    Some(byte) => literal.push(byte),
                    None => {
                        let shown: String = rest.chars().take(2).collect();
                        let help = "bytes are written as two hexadecimal digits each, text as `text = \"…\"`";
                        self.error(text, at, &format!("`{shown}` is not a byte"), Some(help.to_owned()));
                        break;
                    }
                }
                rest = rest.get(2..).unwrap_or("");
            }
        }
        self.push_literal(&mut literal, &mut pieces);
        pieces.into()
    }

    fn push_literal(&mut self, literal: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
        if !literal.is_empty() {
            self.budget = self.budget.saturating_sub(1);
            pieces.push(Piece::Literal(std::mem::take(literal).into()));
        }
    }

    fn hole(&mut self, text: &Text, inside: &str, at: usize, pieces: &mut Vec<Piece>) {
        let name = inside.trim();
        if self.maker.parts.contains_key(name) {
            return self.part(text, name, at, pieces);
        }
        match self.maker.names.find_capture(name) {
            _ if name == "address" => return pieces.push(Piece::Address),
            Some((capture, CaptureKind::Bytes | CaptureKind::Text)) => {
                return pieces.push(Piece::Splice(capture));
            }
            _ => {}
        }
        let parsed = match expr::parse(inside, self.maker.names, self.level) {
            Ok(parsed) => parsed,
            Err((offset, message, help)) => return self.error(text, at + offset, &message, help),
        };
        let format = match parsed.format {
            None if self.is_text => Ok(Format::Decimal),
            None => Ok(Format::U8),
            Some(from) => {
                let format = inside.get(from..).unwrap_or("").trim();
                if self.is_text { Format::parse_text(format) } else { Format::parse_bytes(format) }
            }
        };
        if matches!(
            (&format, self.level),
            (Ok(Format::PaddedToTop), Level::Head | Level::Setup | Level::Identify)
        ) {
            return self.error(text, at + parsed.format.unwrap_or(0), "`top` has no value here", None);
        }
        match format {
            Ok(format) => {
                let place = text.place(at, self.maker.report);
                let source = inside.trim().into();
                pieces.push(Piece::Hole(Hole { expr: parsed.expr, format, place, source }));
            }
            Err(message) => self.error(text, at + parsed.format.unwrap_or(0), &message, None),
        }
    }

    fn part(&mut self, text: &Text, name: &str, at: usize, pieces: &mut Vec<Piece>) {
        let Some(part) = self.maker.parts.get(name) else { return };
        if self.depth >= DEEPEST_PARTS {
            let message = format!("parts inside parts more than {DEEPEST_PARTS} deep, or inside themselves");
            return self.error(text, at, &message, None);
        }
        let loops = part.each.is_some() || part.times.is_some();
        if loops && self.looped {
            let help = "a part with `each` or `times` can contain plain parts only".to_owned();
            return self.error(text, at, &format!("`{name}` repeats inside a part that repeats"), Some(help));
        }
        if part.each.is_some() && matches!(self.level, Level::Setup | Level::Identify) {
            let help = "there are no values of outputs yet".to_owned();
            return self.error(text, at, &format!("`{name}` cannot stand here"), Some(help));
        }
        let before = (self.level, self.is_text, self.looped);
        self.depth += 1;
        self.is_text = part.is_text;
        self.looped |= loops;
        let head = part.head.as_ref().map(|head| {
            self.level = Level::Head;
            self.pieces(head)
        });
        self.level = if part.each.is_some() { Level::Each } else { before.0 };
        let body = self.pieces(&part.body);
        let sep = part.sep.as_ref().map(|sep| self.literal(sep)).unwrap_or_default();
        match (part.each, part.times) {
            (Some(kinds), _) => {
                let head = head.unwrap_or_default();
                pieces.push(Piece::Each(Each { kinds, head, body, sep }));
            }
            (None, Some(times)) => pieces.push(Piece::Times(times, body)),
            (None, None) => pieces.extend(body),
        }
        self.depth -= 1;
        (self.level, self.is_text, self.looped) = before;
    }

    /// Text or bytes without holes.
    fn literal(&mut self, text: &Text) -> Box<[u8]> {
        let pieces = self.pieces(text);
        match pieces.split_first() {
            None => Box::default(),
            Some((Piece::Literal(bytes), [])) => bytes.clone(),
            Some(_) => {
                self.error(text, 0, "a separator has no holes", None);
                Box::default()
            }
        }
    }

    fn brace_help(&self) -> Option<String> {
        let help =
            if self.is_text { "a brace as such is written twice: `{{` or `}}`" } else { "`{v}` is a hole" };
        Some(help.to_owned())
    }

    fn error(&mut self, text: &Text, at: usize, message: &str, help: Option<String>) {
        let place = text.place(at, self.maker.report);
        self.maker.report.error(place, message, help);
    }
}

/// The byte that the first two characters are.
pub(super) fn hex_byte(text: &str) -> Option<u8> {
    let pair = text.get(..2).filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(pair, 16).ok()
}

impl Template {
    /// Whether it has to be rendered for each output, because it speaks of one.
    pub(super) fn is_per_output(&self) -> bool {
        let per_output =
            |hole: &Hole| hole.format == Format::PaddedToTop || hole.expr.uses(Var::is_per_output);
        self.pieces.iter().any(|piece| match piece {
            Piece::Hole(hole) => per_output(hole),
            Piece::Times(_, body) => {
                body.iter().any(|piece| matches!(piece, Piece::Hole(hole) if per_output(hole)))
            }
            _ => false,
        })
    }

    /// All holes, also those inside parts.
    pub(super) fn holes(&self) -> impl Iterator<Item = &Hole> {
        let inside = self.pieces.iter().flat_map(|piece| {
            let (head, body): (&[Piece], &[Piece]) = match piece {
                Piece::Times(_, body) => (&[], body),
                Piece::Each(each) => (&each.head, &each.body),
                _ => (&[], std::slice::from_ref(piece)),
            };
            head.iter().chain(body)
        });
        inside.filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            _ => None,
        })
    }

    /// Whether it counts as a packet for `seq`.
    pub(super) fn counts(&self) -> bool {
        self.holes().any(|hole| hole.expr.uses(|var| matches!(var, Var::Seq | Var::Seq32)))
    }
}
