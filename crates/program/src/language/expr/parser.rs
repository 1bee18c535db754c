//! Expressions as trees. The grammar is that of C; the parser goes by binding powers.

use super::super::names::{Level, Names, kind_named, kind_number};
use super::super::native::Native;
use super::code::Code;
use super::lexer::{Token, Word, next};
use super::{Binary, DEEPEST, Emitted, Expr, Extreme, MOST_NODES, Node, Unary};

/// An expression, and what follows it.
#[derive(Debug)]
pub(in super::super) struct Parsed {
    pub(in super::super) expr: Expr,
    /// Where the text goes on after a `:`, if it does.
    pub(in super::super) format: Option<usize>,
}

/// What is wrong with an expression: where in its text, what, and what to do.
pub(in super::super) type Wrong = (usize, String, Option<String>);

/// Parses an expression. It ends with the text, or with a `:` that a format follows.
pub(in super::super) fn parse(text: &str, names: &Names, level: Level) -> Result<Parsed, Wrong> {
    let mut parser =
        Parser { text, names, level, word: Word { token: Token::End, at: 0 }, next: 0, nodes: 0 };
    parser.advance()?;
    let node = parser.expression(0, 0)?;
    let format = match parser.word.token {
        Token::End => None,
        Token::Sign(":") => Some(parser.next),
        _ => return Err(parser.unexpected("an operator")),
    };
    let code = Code::new(&node).ok_or((0, "the expression is nested too deeply".to_owned(), None))?;
    Ok(Parsed { expr: Expr { node, code }, format })
}

struct Parser<'t> {
    text: &'t str,
    names: &'t Names,
    level: Level,
    word: Word<'t>,
    next: usize,
    nodes: usize,
}

/// Binding powers: `?:` is 1, then from weak to strong.
fn power(sign: &str) -> Option<(u8, Option<Binary>)> {
    Some(match sign {
        "||" => (2, None),
        "&&" => (3, None),
        "|" => (4, Some(Binary::BitOr)),
        "^" => (5, Some(Binary::BitXor)),
        "&" => (6, Some(Binary::BitAnd)),
        "==" => (7, Some(Binary::Equal)),
        "!=" => (7, Some(Binary::NotEqual)),
        "<" => (8, Some(Binary::Less)),
        "<=" => (8, Some(Binary::LessEqual)),
        ">" => (8, Some(Binary::Greater)),
        ">=" => (8, Some(Binary::GreaterEqual)),
        "<<" => (9, Some(Binary::ShiftLeft)),
        ">>" => (9, Some(Binary::ShiftRight)),
        "+" => (10, Some(Binary::Add)),
        "-" => (10, Some(Binary::Subtract)),
        "*" => (11, Some(Binary::Multiply)),
        "/" => (11, Some(Binary::Divide)),
        "%" => (11, Some(Binary::Remainder)),
        _ => return None,
    })
}

const PREFIX: u8 = 12;

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Result<(), Wrong> {
        let (word, next) = next(self.text, self.next).map_err(|(at, why)| (at, why, None))?;
        self.word = word;
        self.next = next;
        Ok(())
    }

    fn expression(&mut self, least: u8, depth: usize) -> Result<Node, Wrong> {
        if depth > DEEPEST {
            return Err((self.word.at, format!("nested more than {DEEPEST} deep"), None));
        }
        let mut left = self.operand(depth)?;
        loop {
            let Token::Sign(sign) = self.word.token else { return Ok(left) };
            if sign == "?" && least <= 1 {
                self.advance()?;
                let then = self.expression(0, depth + 1)?;
                self.require(":", "the `:` of `? :`")?;
                let other = self.expression(1, depth + 1)?;
                left = self.node(Node::Choose(Box::new([left, then, other])))?;
                continue;
            }
            let Some((power, operation)) = power(sign).filter(|(power, _)| *power >= least) else {
                return Ok(left);
            };
            self.advance()?;
            let right = Box::new(self.expression(power + 1, depth + 1)?);
            let left_side = Box::new(left);
            left = self.node(match operation {
                Some(operation) => Node::Binary(operation, left_side, right),
                None if sign == "&&" => Node::And(left_side, right),
                None => Node::Or(left_side, right),
            })?;
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Node, Wrong> {
        let Word { token, at } = self.word;
        match token {
            Token::Number(number) => {
                self.advance()?;
                self.node(Node::Number(number))
            }
            Token::Name(name) => {
                self.advance()?;
                match self.word.token {
                    Token::Sign("(") => self.call(name, at, depth),
                    _ => self.variable(name, at),
                }
            }
            Token::Sign("(") => {
                self.advance()?;
                let inner = self.expression(0, depth + 1)?;
                self.require(")", "a closing `)`")?;
                Ok(inner)
            }
            Token::Sign(sign) => {
                let operation = match sign {
                    "-" => Unary::Negate,
                    "!" => Unary::Not,
                    "~" => Unary::Complement,
                    _ => return Err(self.unexpected("a number, a name or `(`")),
                };
                self.advance()?;
                let operand = self.expression(PREFIX, depth + 1)?;
                self.node(Node::Unary(operation, Box::new(operand)))
            }
            Token::End => Err(self.unexpected("a number, a name or `(`")),
        }
    }

    fn variable(&mut self, name: &str, at: usize) -> Result<Node, Wrong> {
        if let (Some(kind), Level::Each) = (kind_named(name), self.level) {
            return self.node(Node::Number(kind_number(kind)));
        }
        let var = self.names.resolve(name, self.level).map_err(|(why, help)| (at, why, help))?;
        self.node(Node::Load(var))
    }

    fn call(&mut self, name: &str, at: usize, depth: usize) -> Result<Node, Wrong> {
        let emitted = match name {
            "sum" => Some(Emitted::Sum),
            "xor" => Some(Emitted::Xor),
            "crc16_modbus" => Some(Emitted::Crc16Modbus),
            _ => None,
        };
        self.require("(", "`(`")?;
        if let Some(emitted) = emitted {
            return self.emitted(emitted, name, at);
        }
        let mut arguments = Vec::new();
        if self.word.token != Token::Sign(")") {
            arguments.push(self.expression(0, depth + 1)?);
            while self.word.token == Token::Sign(",") {
                self.advance()?;
                arguments.push(self.expression(0, depth + 1)?);
            }
        }
        self.require(")", "`,` or `)`")?;
        let given = arguments.len();
        let takes = |what: &str| Err((at, format!("`{name}` takes {what}, not {given}"), None));
        let node = match (name, Native::named(name)) {
            ("abs", _) => match <[Node; 1]>::try_from(arguments) {
                Ok([value]) => Node::Abs(Box::new(value)),
                Err(_) => return takes("one value"),
            },
            ("min", _) if given >= 2 => Node::Extreme(Extreme::Least, arguments),
            ("max", _) if given >= 2 => Node::Extreme(Extreme::Greatest, arguments),
            ("min" | "max", _) => return takes("two or more values"),
            ("clamp", _) => match <[Node; 3]>::try_from(arguments) {
                Ok(all) => Node::Clamp(Box::new(all)),
                Err(_) => return takes("three values (value, low, high)"),
            },
            (_, Some(native)) => match <[Node; 2]>::try_from(arguments) {
                Ok(all) => Node::Native(native, Box::new(all)),
                Err(_) => return takes("two values (dist, ms)"),
            },
            (_, None) => {
                let functions = ["abs", "min", "max", "clamp", "sum", "xor", "crc16_modbus"];
                let natives = Native::ALL.iter().map(|native| native.name());
                let known = super::super::names::list(functions.into_iter().chain(natives));
                return Err((
                    at,
                    format!("there is no function `{name}`"),
                    Some(format!("functions: {known}")),
                ));
            }
        };
        self.node(node)
    }

    fn emitted(&mut self, emitted: Emitted, name: &str, at: usize) -> Result<Node, Wrong> {
        if !matches!(self.level, Level::Packet | Level::Each | Level::Head | Level::Setup | Level::Identify) {
            let help = "it looks at the bytes of the packet, so it can only stand in a hole".to_owned();
            return Err((at, format!("`{name}` has no value here"), Some(help)));
        }
        let from = match self.word.token {
            Token::Number(from) => u16::try_from(from).ok(),
            _ => None,
        };
        let Some(from) = from else {
            let help = format!("e.g. `{name}(0)` for all bytes so far, `{name}(1)` for all but the first");
            return Err((self.word.at, format!("`{name}` takes the number of its first byte"), Some(help)));
        };
        self.advance()?;
        self.require(")", "`)`")?;
        self.node(Node::Emitted(emitted, from))
    }

    fn require(&mut self, sign: &'static str, what: &str) -> Result<(), Wrong> {
        if self.word.token != Token::Sign(sign) {
            return Err(self.unexpected(what));
        }
        self.advance()
    }

    fn node(&mut self, node: Node) -> Result<Node, Wrong> {
        self.nodes += 1;
        match self.nodes > MOST_NODES {
            true => Err((self.word.at, format!("the expression has more than {MOST_NODES} parts"), None)),
            false => Ok(node),
        }
    }

    fn unexpected(&self, wanted: &str) -> Wrong {
        let found = match self.word.token {
            Token::Number(number) => format!("`{number}`"),
            Token::Name(name) => format!("`{name}`"),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::End => "the end".to_owned(),
        };
        (self.word.at, format!("expected {wanted}, found {found}"), None)
    }
}
