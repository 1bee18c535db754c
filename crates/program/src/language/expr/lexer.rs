//! Expressions as words.

/// A word of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Number(i64),
    Name(&'t str),
    /// An operator, bracket, comma or colon.
    Sign(&'static str),
    End,
}

/// A word and where it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'t> {
    pub(super) token: Token<'t>,
    pub(super) at: usize,
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 27] = [
    "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "?", ":", "|", "^", "&", "<", ">", "+", "-", "*", "/",
    "%", "!", "~", "(", ")", ",", "=", ";",
];

/// The word that begins at `from` or after it, and where the next may begin.
pub(super) fn next(text: &str, from: usize) -> Result<(Word<'_>, usize), (usize, String)> {
    let rest = text.get(from..).unwrap_or("");
    let at = from + (rest.len() - rest.trim_start().len());
    let rest = rest.trim_start();
    let Some(first) = rest.chars().next() else { return Ok((Word { token: Token::End, at }, at)) };
    if first.is_ascii_alphanumeric() || first == '_' {
        let ends = |letter: char| !letter.is_ascii_alphanumeric() && letter != '_';
        let (word, _) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        let token =
            if first.is_ascii_digit() { number(word).map_err(|why| (at, why))? } else { Token::Name(word) };
        return Ok((Word { token, at }, at + word.len()));
    }
    match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
        Some("=") => Err((at, "`=` compares nothing; write `==`".to_owned())),
        Some(sign) => Ok((Word { token: Token::Sign(sign), at }, at + sign.len())),
        None => Err((at, format!("`{first}` has no meaning in an expression"))),
    }
}

fn number(word: &str) -> Result<Token<'_>, String> {
    let lower = word.to_ascii_lowercase();
    let parsed = if let Some(digits) = lower.strip_prefix("0x") {
        i64::from_str_radix(digits, 16)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        i64::from_str_radix(digits, 2)
    } else {
        lower.parse()
    };
    let shown: String = word.chars().take(40).collect();
    parsed.map(Token::Number).map_err(|_| format!("`{shown}` is not a number such as 10, 0x0A or 0b1010"))
}
