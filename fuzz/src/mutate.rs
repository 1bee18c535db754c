//! New inputs out of those that there are, by chance that begins with a number and can be had again.

/// Letters and words that mean something somewhere.
const WORDS: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "..",
    ":",
    ",",
    ";",
    "=",
    "?",
    "||",
    "&&",
    "<<",
    ">>",
    "!",
    "~",
    "-",
    "%",
    "/",
    "\n",
    "\\",
    "\u{0}",
    "é",
    "0",
    "1",
    "255",
    "256",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967296",
    "1e999",
    "u16le",
    "vibrate",
    "v0",
    "{v}",
    "times = ",
    "[[models]]",
    "null",
    "true",
];

/// Chance: splitmix64.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The same number gives the same chance.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below this one; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// One of these, if there are any.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

/// An input that is made of those in the corpus, no longer than this.
pub fn mutate(chance: &mut Chance, corpus: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut input = chance.one_of(corpus).cloned().unwrap_or_default();
    for _ in 0..=chance.below(4) {
        change(chance, corpus, &mut input);
    }
    input.truncate(longest);
    input
}

fn change(chance: &mut Chance, corpus: &[Vec<u8>], input: &mut Vec<u8>) {
    let at = chance.below(input.len() + 1);
    let end = (at + 1 + chance.below(8)).min(input.len());
    match chance.below(10) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = u8::try_from(chance.below(256)).unwrap_or(0);
            }
        }
        1 => drop(input.drain(at..end)),
        2 | 3 => {
            let word = chance.one_of(&WORDS).copied().unwrap_or_default();
            input.splice(at..at, word.bytes());
        }
        4 => {
            let word = chance.one_of(&WORDS).copied().unwrap_or_default();
            input.splice(at..end, word.bytes());
        }
        // A piece of another input, a word or a line of it, here or in the place of one.
        5 | 6 => {
            let other = chance.one_of(corpus).cloned().unwrap_or_default();
            let ends = if chance.below(2) == 0 { is_end_of_word } else { is_end_of_line };
            let other = piece(chance, &other, ends);
            input.splice(at..at, other);
        }
        7 => {
            let other = chance.one_of(corpus).cloned().unwrap_or_default();
            let other = piece(chance, &other, is_end_of_line);
            let (start, end) = bounds(input, at, is_end_of_line);
            input.splice(start..end, other);
        }
        // A piece several times.
        8 => {
            let (start, end) =
                bounds(input, at, if chance.below(2) == 0 { is_end_of_word } else { is_end_of_line });
            let most = [2, 8, 200][chance.below(3)];
            let times = 1 + chance.below(most);
            let piece = input.get(start..end).unwrap_or_default().repeat(times);
            input.splice(start..start, piece);
        }
        _ => {
            let (start, end) = bounds(input, at, is_end_of_word);
            let number = [0, 1, 9, 10, 127, 128, 255, 256, 65_535, 65_536][chance.below(10)];
            input.splice(start..end, number.to_string().into_bytes());
        }
    }
}

fn is_end_of_word(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'_'
}

fn is_end_of_line(byte: u8) -> bool {
    byte == b'\n'
}

fn piece(chance: &mut Chance, input: &[u8], ends: fn(u8) -> bool) -> Vec<u8> {
    let at = chance.below(input.len());
    let (start, end) = bounds(input, at, ends);
    input.get(start..end).unwrap_or_default().to_vec()
}

/// The word or line around a place, with what ends it.
fn bounds(input: &[u8], at: usize, ends: fn(u8) -> bool) -> (usize, usize) {
    let (before, after) = input.split_at(at.min(input.len()));
    let start = before.iter().rposition(|byte| ends(*byte)).map_or(0, |found| found + 1);
    let end = after.iter().position(|byte| ends(*byte)).map_or(input.len(), |found| before.len() + found + 1);
    (start, end)
}
