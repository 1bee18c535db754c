//! A second reading of the device language, written from its manual: what expressions mean, and what fits a pattern.

/// An expression of `v`, `i`, `n`, `v0` and `v1`, without functions of emitted bytes and native ones.
#[derive(Debug)]
pub(crate) struct Expression(Node);

#[derive(Debug)]
enum Node {
    Number(i64),
    Name(String),
    Unary(char, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Choose(Box<Node>, Box<Node>, Box<Node>),
    Call(String, Vec<Node>),
}

/// Operators from weak to strong, as in C.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Expression {
    /// Understands an expression; `None` where it speaks of anything else, or goes on with a format.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = words(text)?;
        words.reverse();
        let node = choice(&mut words)?;
        (words.is_empty() && node.is_known()).then_some(Self(node))
    }

    /// Its value for the output `i` with the value `v`; `None` where it has none.
    pub(crate) fn value(&self, v: i64, i: i64, values: [i64; 2]) -> Option<i64> {
        self.0.value(&|name| match name {
            "v" => v,
            "i" => i,
            "n" => 2,
            "v0" => values[0],
            _ => values[1],
        })
    }
}

impl Node {
    fn is_known(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Name(name) => ["v", "i", "n", "v0", "v1"].contains(&name.as_str()),
            Self::Unary(_, one) => one.is_known(),
            Self::Binary(_, left, right) => left.is_known() && right.is_known(),
            Self::Choose(one, two, three) => one.is_known() && two.is_known() && three.is_known(),
            Self::Call(name, all) => {
                ["abs", "min", "max", "clamp"].contains(&name.as_str()) && all.iter().all(Self::is_known)
            }
        }
    }

    fn value(&self, of: &dyn Fn(&str) -> i64) -> Option<i64> {
        let number = |holds: bool| Some(i64::from(holds));
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(name) => Some(of(name)),
            Self::Unary('-', one) => one.value(of)?.checked_neg(),
            Self::Unary('!', one) => number(one.value(of)? == 0),
            Self::Unary(_, one) => Some(!one.value(of)?),
            Self::Choose(which, then, other) => {
                if which.value(of)? != 0 {
                    then.value(of)
                } else {
                    other.value(of)
                }
            }
            Self::Binary("||", left, right) => number(left.value(of)? != 0 || right.value(of)? != 0),
            Self::Binary("&&", left, right) => number(left.value(of)? != 0 && right.value(of)? != 0),
            Self::Binary(sign, left, right) => {
                let (left, right) = (left.value(of)?, right.value(of)?);
                match *sign {
                    "|" => Some(left | right),
                    "^" => Some(left ^ right),
                    "&" => Some(left & right),
                    "==" => number(left == right),
                    "!=" => number(left != right),
                    "<" => number(left < right),
                    "<=" => number(left <= right),
                    ">" => number(left > right),
                    ">=" => number(left >= right),
                    "<<" if (0..=62).contains(&right) => left.checked_mul(1 << right),
                    ">>" if (0..=63).contains(&right) => Some(left >> right),
                    "+" => left.checked_add(right),
                    "-" => left.checked_sub(right),
                    "*" => left.checked_mul(right),
                    "/" => left.checked_div(right),
                    "%" => left.checked_rem(right),
                    _ => None,
                }
            }
            Self::Call(name, all) => {
                let all = all.iter().map(|one| one.value(of)).collect::<Option<Vec<_>>>()?;
                match (name.as_str(), all.as_slice()) {
                    ("abs", [one]) => one.checked_abs(),
                    ("min", all) => all.iter().min().copied(),
                    ("max", all) => all.iter().max().copied(),
                    ("clamp", [one, low, high]) => Some((*one).max(*low).min(*high)),
                    _ => None,
                }
            }
        }
    }
}

fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let wide = LEVELS.iter().flat_map(|level| level.iter()).filter(|sign| sign.len() == 2);
        let length = if first.is_ascii_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
        } else if wide.into_iter().any(|sign| rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

fn choice(words: &mut Vec<String>) -> Option<Node> {
    let which = binary(words, 0)?;
    if words.last().is_none_or(|word| word != "?") {
        return Some(which);
    }
    words.pop();
    let then = choice(words)?;
    if words.pop()? != ":" {
        return None;
    }
    Some(Node::Choose(Box::new(which), Box::new(then), Box::new(choice(words)?)))
}

fn binary(words: &mut Vec<String>, level: usize) -> Option<Node> {
    let Some(signs) = LEVELS.get(level) else { return operand(words) };
    let mut left = binary(words, level + 1)?;
    while let Some(sign) = words.last().and_then(|word| signs.iter().find(|sign| *sign == word)) {
        words.pop();
        left = Node::Binary(sign, Box::new(left), Box::new(binary(words, level + 1)?));
    }
    Some(left)
}

fn operand(words: &mut Vec<String>) -> Option<Node> {
    let word = words.pop()?;
    match word.chars().next()? {
        '(' => {
            let inner = choice(words)?;
            (words.pop()? == ")").then_some(inner)
        }
        sign @ ('-' | '!' | '~') if word.len() == 1 => Some(Node::Unary(sign, Box::new(operand(words)?))),
        first if first.is_ascii_digit() => number(&word).map(Node::Number),
        first if first.is_ascii_alphabetic() || first == '_' => {
            if words.last().is_none_or(|next| next != "(") {
                return Some(Node::Name(word));
            }
            words.pop();
            let mut all = vec![choice(words)?];
            loop {
                match words.pop()?.as_str() {
                    ")" => return Some(Node::Call(word, all)),
                    "," => all.push(choice(words)?),
                    _ => return None,
                }
            }
        }
        _ => None,
    }
}

fn number(word: &str) -> Option<i64> {
    let word = word.to_ascii_lowercase();
    match (word.strip_prefix("0x"), word.strip_prefix("0b")) {
        (Some(digits), _) => i64::from_str_radix(digits, 16).ok(),
        (_, Some(digits)) => i64::from_str_radix(digits, 2).ok(),
        _ => word.parse().ok(),
    }
}

/// Bytes that fit a pattern of bytes.
pub(crate) fn answer(pattern: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = pattern.trim_start();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('{') {
            let (inside, after) = inside.split_once('}')?;
            let inside = inside.trim();
            let count = match inside.split_once(':').map(|(_, format)| format.trim()) {
                _ if inside.ends_with("..") => 3,
                None => inside.parse().unwrap_or(1),
                Some("u8" | "i8") => 1,
                Some("u16le" | "u16be") => 2,
                Some("u32le" | "u32be") => 4,
                Some(_) => return None,
            };
            bytes.extend((0..count).map(|byte: usize| u8::try_from(byte % 256).unwrap_or(0)));
            rest = after;
        } else if let Some(after) = rest.strip_prefix("..") {
            bytes.push(0x55);
            rest = after;
        } else {
            let byte = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
            rest = rest.get(2..)?;
            match rest.strip_prefix('*') {
                Some(after) => {
                    bytes.extend([byte; 3]);
                    rest = after;
                }
                None => bytes.push(byte),
            }
        }
        rest = rest.trim_start();
    }
    Some(bytes)
}
