//! Templates read backwards: what an answer has to look like, and what is taken out of it.

use smallvec::SmallVec;

use super::diagnostic::Report;
use super::names::{CaptureKind, Names};
use super::read::node::Text;
use super::template::{Format, hex_byte};

/// More pieces are refused.
const MOST_PIECES: usize = 128;

/// A longer text is refused.
const LONGEST_TEXT: usize = 2048;

/// What an answer has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Box<[Piece]>,
    is_text: bool,
    /// As it stands in the file, for messages.
    source: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(Box<[u8]>),
    /// So many bytes of any value.
    Skip(usize),
    Number(u8, Format),
    /// All that is left; at least one byte if it is captured.
    Rest(Option<u8>),
    /// This byte any number of times, to the end.
    Repeated(u8),
    /// Text up to the next literal, or to the end; at least one character if it is captured.
    Until(Option<u8>),
    /// Digits, perhaps after a minus; whether there may be none.
    Integer(Option<u8>, bool),
    /// Letters A to Z and a to z; whether there may be none.
    Letters(Option<u8>, bool),
}

/// What was taken out of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Captured {
    #[default]
    Nothing,
    Number(i64),
    Bytes(Box<[u8]>),
    Text(Box<str>),
}

impl Captured {
    /// As a number; 0 if it is none.
    pub(super) fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            _ => 0,
        }
    }

    /// As bytes to be written.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
            Self::Nothing | Self::Number(_) => &[],
        }
    }

    /// As the key of a model.
    pub(super) fn key(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Bytes(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            Self::Text(text) => Some(text.to_string()),
        }
    }
}

/// Everything that one answer yielded: the places of captures, and what they captured.
pub(super) type Yield = SmallVec<[(u8, Captured); 4]>;

/// The numbers that `{name:int}` takes.
const INTEGER: CaptureKind = CaptureKind::Number(-999_999_999_999_999_999, 999_999_999_999_999_999);

impl Pattern {
    /// The pattern that stands in `text`; its captures are introduced to `names`.
    pub(super) fn parse(
        text: &Text,
        is_text: bool,
        names: &mut Names,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        if text.value.len() > LONGEST_TEXT {
            report.error(text.place(0, report), format!("more than {LONGEST_TEXT} characters"), None);
            return None;
        }
        let mut reader = Reader { text, names, pieces: Vec::new() };
        let read = if is_text { reader.text() } else { reader.bytes() };
        let wrong = read.err().or_else(|| {
            let many = reader.pieces.len() > MOST_PIECES;
            many.then(|| (0, format!("the pattern has more than {MOST_PIECES} pieces"), None))
        });
        if let Some((at, message, help)) = wrong {
            report.error(text.place(at, report), message, help);
            return None;
        }
        let source = text.value.as_str().into();
        Some(Self { pieces: reader.pieces.into(), is_text, source })
    }

    /// A byte, and then anything.
    pub(super) fn first_byte() -> Self {
        let pieces = [Piece::Number(0, Format::U8), Piece::Rest(None)];
        Self { pieces: pieces.into(), is_text: false, source: "{level} ..".into() }
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The captures that it introduces.
    pub(super) fn captures(&self) -> impl Iterator<Item = u8> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Number(capture, _) => Some(*capture),
            Piece::Rest(capture)
            | Piece::Until(capture)
            | Piece::Integer(capture, _)
            | Piece::Letters(capture, _) => *capture,
            Piece::Literal(_) | Piece::Skip(_) | Piece::Repeated(_) => None,
        })
    }

    /// What the bytes yield, if they fit.
    pub(super) fn fit(&self, bytes: &[u8]) -> Option<Yield> {
        let mut found = Yield::new();
        let mut rest = bytes;
        if self.is_text {
            // Some devices end their strings with zeros.
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            rest = bytes.get(..end).unwrap_or(bytes);
            std::str::from_utf8(rest).ok()?;
        }
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut keep = |capture: &Option<u8>, captured| found.extend(capture.map(|at| (at, captured)));
            match piece {
                Piece::Literal(literal) => rest = rest.strip_prefix(&**literal)?,
                Piece::Skip(count) => rest = rest.get(*count..)?,
                Piece::Number(capture, format) => {
                    let (number, after) = number(rest, *format)?;
                    keep(&Some(*capture), Captured::Number(number));
                    rest = after;
                }
                Piece::Rest(capture) => {
                    if capture.is_some() && rest.is_empty() {
                        return None;
                    }
                    keep(capture, Captured::Bytes(rest.into()));
                    rest = &[];
                }
                Piece::Repeated(byte) => {
                    rest = if rest.iter().all(|other| other == byte) { &[] } else { return None };
                }
                Piece::Until(capture) => {
                    let end = match pieces.peek() {
                        Some(Piece::Literal(next)) => find(rest, next)?,
                        _ => rest.len(),
                    };
                    let (taken, after) = rest.split_at_checked(end)?;
                    if capture.is_some() && taken.is_empty() {
                        return None;
                    }
                    keep(capture, Captured::Text(std::str::from_utf8(taken).ok()?.into()));
                    rest = after;
                }
                Piece::Integer(capture, optional) => {
                    let minus = usize::from(rest.starts_with(b"-"));
                    let digits = rest.iter().skip(minus).take_while(|byte| byte.is_ascii_digit()).count();
                    let (taken, after) = rest.split_at_checked(minus + digits)?;
                    match (digits, optional) {
                        (0, true) => {}
                        (1..=18, _) => {
                            let number = std::str::from_utf8(taken).ok()?.parse().ok()?;
                            keep(capture, Captured::Number(number));
                            rest = after;
                        }
                        _ => return None,
                    }
                }
                Piece::Letters(capture, optional) => {
                    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                    let (taken, after) = rest.split_at_checked(letters)?;
                    if letters == 0 && !optional {
                        return None;
                    }
                    keep(capture, Captured::Text(std::str::from_utf8(taken).ok()?.into()));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(found)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let mut windows = text.windows(what.len().max(1));
    windows.position(|window| window == what)
}

fn number(bytes: &[u8], format: Format) -> Option<(i64, &[u8])> {
    Some(match format {
        Format::U8 | Format::Decimal | Format::Padded(_) | Format::PaddedToTop => {
            let (byte, after) = bytes.split_first()?;
            (i64::from(*byte), after)
        }
        Format::I8 => {
            let ([byte], after) = bytes.split_first_chunk()?;
            (i64::from(i8::from_be_bytes([*byte])), after)
        }
        Format::U16Le => {
            bytes.split_first_chunk().map(|(two, after)| (i64::from(u16::from_le_bytes(*two)), after))?
        }
        Format::U16Be => {
            bytes.split_first_chunk().map(|(two, after)| (i64::from(u16::from_be_bytes(*two)), after))?
        }
        Format::U32Le => {
            bytes.split_first_chunk().map(|(four, after)| (i64::from(u32::from_le_bytes(*four)), after))?
        }
        Format::U32Be => {
            bytes.split_first_chunk().map(|(four, after)| (i64::from(u32::from_be_bytes(*four)), after))?
        }
    })
}

type Wrong = (usize, String, Option<String>);

struct Reader<'r> {
    text: &'r Text,
    names: &'r mut Names,
    pieces: Vec<Piece>,
}

impl Reader<'_> {
    fn bytes(&mut self) -> Result<(), Wrong> {
        let mut rest = self.text.value.as_str();
        while let Some(first) = rest.chars().next() {
            let at = self.text.value.len() - rest.len();
            self.check_open(at)?;
            if first.is_ascii_whitespace() {
                rest = rest.get(1..).unwrap_or("");
            } else if let Some(after) = rest.strip_prefix("..") {
                self.pieces.push(Piece::Rest(None));
                rest = after;
            } else if first == '{' {
                let (inside, after) = hole(rest, at)?;
                self.bytes_hole(inside, at + 1)?;
                rest = after;
            } else {
                let Some(byte) = hex_byte(rest) else {
                    let shown: String = rest.chars().take(2).collect();
                    let help = "a pattern has bytes as two digits, `{name}`, `{5}`, and `..` at its end; text is `expect_text`";
                    return Err((at, format!("`{shown}` is not a byte"), Some(help.to_owned())));
                };
                rest = rest.get(2..).unwrap_or("");
                match rest.strip_prefix('*') {
                    Some(after) => {
                        self.pieces.push(Piece::Repeated(byte));
                        rest = after;
                    }
                    None => self.literal(&[byte]),
                }
            }
        }
        Ok(())
    }

    /// Nothing can stand behind what takes all that is left.
    fn check_open(&self, at: usize) -> Result<(), Wrong> {
        let rest = self.text.value.get(at..).unwrap_or("").trim();
        match self.pieces.last() {
            Some(Piece::Rest(_) | Piece::Repeated(_)) if !rest.is_empty() => {
                Err((at, "nothing can stand behind what takes all that is left".to_owned(), None))
            }
            _ => Ok(()),
        }
    }

    fn bytes_hole(&mut self, inside: &str, at: usize) -> Result<(), Wrong> {
        let inside = inside.trim();
        if let Some(name) = inside.strip_suffix("..") {
            let capture = self.capture(name.trim(), CaptureKind::Bytes, at)?;
            self.pieces.push(Piece::Rest(Some(capture)));
        } else if inside.starts_with(|first: char| first.is_ascii_digit()) {
            let count = inside.parse().ok().filter(|count| (1..=512).contains(count));
            let count =
                count.ok_or_else(|| (at, format!("`{inside}` is not a number of bytes to skip"), None))?;
            self.pieces.push(Piece::Skip(count));
        } else {
            let (name, format) = inside.split_once(':').unwrap_or((inside, "u8"));
            let format = Format::parse_bytes(format.trim()).map_err(|why| (at, why, None))?;
            let range = format.range();
            let capture = self.capture(name.trim(), CaptureKind::Number(range.low, range.high), at)?;
            self.pieces.push(Piece::Number(capture, format));
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), Wrong> {
        let mut rest = self.text.value.as_str();
        while let Some(first) = rest.chars().next() {
            let at = self.text.value.len() - rest.len();
            let doubled = rest.starts_with("{{") || rest.starts_with("}}");
            if first == '{' && !doubled {
                let (inside, after) = hole(rest, at)?;
                if let Some(Piece::Until(_)) = self.pieces.last() {
                    let message = "two holes side by side: nothing says where the first one ends".to_owned();
                    let help = "give the first one a type: `{name:int}` or `{name:alpha}`".to_owned();
                    return Err((at, message, Some(help)));
                }
                self.text_hole(inside, at + 1)?;
                rest = after;
            } else {
                let mut encoded = [0; 4];
                self.literal(first.encode_utf8(&mut encoded).as_bytes());
                rest = rest.get(first.len_utf8() * (1 + usize::from(doubled))..).unwrap_or("");
            }
        }
        Ok(())
    }

    fn text_hole(&mut self, inside: &str, at: usize) -> Result<(), Wrong> {
        let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
        let (name, form) = (name.trim(), form.trim());
        let kind = if form.starts_with("int") { INTEGER } else { CaptureKind::Text };
        let capture = if name.is_empty() { None } else { Some(self.capture(name, kind, at)?) };
        self.pieces.push(match form {
            "" => Piece::Until(capture),
            "int" => Piece::Integer(capture, false),
            "int?" => Piece::Integer(capture, true),
            "alpha" => Piece::Letters(capture, false),
            "alpha?" => Piece::Letters(capture, true),
            _ => {
                let shown: String = form.chars().take(20).collect();
                let message = format!("`{shown}` is not a form; there are int, int?, alpha, alpha?");
                return Err((at, message, None));
            }
        });
        Ok(())
    }

    fn capture(&mut self, name: &str, kind: CaptureKind, at: usize) -> Result<u8, Wrong> {
        self.names.capture(name, kind).map_err(|why| (at, why, None))
    }

    fn literal(&mut self, bytes: &[u8]) {
        if let Some(Piece::Literal(literal)) = self.pieces.last_mut() {
            *literal = [literal, bytes].concat().into();
        } else {
            self.pieces.push(Piece::Literal(bytes.into()));
        }
    }
}

/// The inside of the hole that the text begins with, and what follows it.
fn hole(text: &str, at: usize) -> Result<(&str, &str), Wrong> {
    let inside = text.strip_prefix('{').and_then(|text| text.split_once('}'));
    inside.ok_or_else(|| (at, "`{` without `}`".to_owned(), None))
}
