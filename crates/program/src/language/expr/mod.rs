//! Integer expressions: parsed once, bounded by intervals when a file is checked, evaluated without allocating when it is used.

mod code;
mod interval;
mod lexer;
mod parser;

pub(super) use code::{Code, Env, Fault};
pub(super) use interval::{Bound, Interval};
pub(super) use parser::parse;

use super::names::Var;
use super::native::Native;

/// Deeper nesting is refused.
pub(super) const DEEPEST: usize = 32;

/// Longer expressions are refused.
pub(super) const MOST_NODES: usize = 256;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expr {
    pub(super) node: Node,
    pub(super) code: Code,
}

impl Expr {
    /// Whether the variable occurs in it.
    pub(super) fn uses(&self, which: impl Fn(Var) -> bool) -> bool {
        self.code.variables().any(which)
    }
}

/// What an expression consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Number(i64),
    Load(Var),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Choose(Box<[Node; 3]>),
    Abs(Box<Node>),
    /// min or max of two or more.
    Extreme(Extreme, Vec<Node>),
    /// value, low, high
    Clamp(Box<[Node; 3]>),
    /// Over the bytes emitted so far, from this one.
    Emitted(Emitted, u16),
    Native(Native, Box<[Node; 2]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Negate,
    Not,
    Complement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Least,
    Greatest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A function of the bytes emitted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emitted {
    /// Their sum, modulo 256.
    Sum,
    Xor,
    Crc16Modbus,
}

impl Emitted {
    /// What it can be.
    pub(super) fn highest(self) -> i64 {
        match self {
            Self::Sum | Self::Xor => 0xFF,
            Self::Crc16Modbus => 0xFFFF,
        }
    }

    pub(super) fn of(self, bytes: &[u8]) -> i64 {
        match self {
            Self::Sum => i64::from(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte))),
            Self::Xor => i64::from(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte)),
            Self::Crc16Modbus => i64::from(crc16_modbus(bytes)),
        }
    }
}

fn crc16_modbus(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// A binary operation as C does it, except that nothing wraps around.
pub(super) fn binary(operation: Binary, left: i64, right: i64) -> Result<i64, Fault> {
    let shift = |most: i64| u32::try_from(right).ok().filter(|_| right <= most).ok_or(Fault::Shift(right));
    Ok(match operation {
        Binary::BitOr => left | right,
        Binary::BitXor => left ^ right,
        Binary::BitAnd => left & right,
        Binary::Equal => i64::from(left == right),
        Binary::NotEqual => i64::from(left != right),
        Binary::Less => i64::from(left < right),
        Binary::LessEqual => i64::from(left <= right),
        Binary::Greater => i64::from(left > right),
        Binary::GreaterEqual => i64::from(left >= right),
        Binary::ShiftLeft => {
            let factor = 1_i64.checked_shl(shift(62)?).ok_or(Fault::Overflow)?;
            left.checked_mul(factor).ok_or(Fault::Overflow)?
        }
        Binary::ShiftRight => left.checked_shr(shift(63)?).ok_or(Fault::Overflow)?,
        Binary::Add => left.checked_add(right).ok_or(Fault::Overflow)?,
        Binary::Subtract => left.checked_sub(right).ok_or(Fault::Overflow)?,
        Binary::Multiply => left.checked_mul(right).ok_or(Fault::Overflow)?,
        Binary::Divide | Binary::Remainder if right == 0 => return Err(Fault::DivisionByZero),
        Binary::Divide => left.checked_div(right).ok_or(Fault::Overflow)?,
        Binary::Remainder => left.checked_rem(right).ok_or(Fault::Overflow)?,
    })
}

pub(super) fn unary(operation: Unary, value: i64) -> Result<i64, Fault> {
    Ok(match operation {
        Unary::Negate => value.checked_neg().ok_or(Fault::Overflow)?,
        Unary::Not => i64::from(value == 0),
        Unary::Complement => !value,
    })
}

#[cfg(test)]
mod tests;
