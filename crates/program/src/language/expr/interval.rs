//! What an expression can be, whatever its variables are: the bounds that let a file be checked without trying every value.

use super::super::names::Var;
use super::{Binary, Extreme, Node, Unary, binary};

/// All numbers from one to another; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Interval {
    pub(in super::super) low: i64,
    pub(in super::super) high: i64,
}

/// What is known of an expression's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Bound {
    /// Every value that it can have lies in here.
    pub(in super::super) values: Interval,
    /// It may have none, because it divides by zero or overflows.
    pub(in super::super) may_fail: bool,
}

impl Interval {
    pub(in super::super) const BIT: Self = Self { low: 0, high: 1 };
    const WHOLE: Self = Self { low: i64::MIN, high: i64::MAX };

    pub(in super::super) fn new(low: i64, high: i64) -> Self {
        Self { low: low.min(high), high: low.max(high) }
    }

    pub(in super::super) fn only(value: i64) -> Self {
        Self { low: value, high: value }
    }

    pub(in super::super) fn contains(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }

    pub(in super::super) fn lies_in(self, other: Self) -> bool {
        other.low <= self.low && self.high <= other.high
    }

    pub(in super::super) fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// How many numbers it has.
    pub(in super::super) fn size(self) -> u64 {
        self.high.abs_diff(self.low).saturating_add(1)
    }

    /// The interval of numbers that may be out of reach; true if some are.
    fn wide(low: i128, high: i128) -> (Self, bool) {
        let clamp =
            |number: i128| i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX });
        let out = low < i128::from(i64::MIN) || high > i128::from(i64::MAX);
        (Self { low: clamp(low), high: clamp(high) }, out)
    }

    fn hull_of(numbers: impl IntoIterator<Item = i128>) -> (Self, bool) {
        let mut numbers = numbers.into_iter();
        let Some(first) = numbers.next() else { return (Self::WHOLE, true) };
        let (low, high) = numbers.fold((first, first), |(low, high), one| (low.min(one), high.max(one)));
        Self::wide(low, high)
    }
}

impl Bound {
    fn sure(values: Interval) -> Self {
        Self { values, may_fail: false }
    }

    /// The bound of an expression whose variables lie within what `of` says.
    pub(in super::super) fn of(node: &Node, of: &impl Fn(Var) -> Interval) -> Self {
        match node {
            Node::Number(number) => Self::sure(Interval::only(*number)),
            Node::Load(var) => Self::sure(of(*var)),
            Node::Emitted(function, _) => Self::sure(Interval::new(0, function.highest())),
            Node::Unary(operation, value) => Self::unary(*operation, Self::of(value, of)),
            Node::Abs(value) => Self::of(value, of).abs(),
            Node::Binary(operation, left, right) => {
                let (left, right) = (Self::of(left, of), Self::of(right, of));
                let (values, may_fail) = arithmetic(*operation, left.values, right.values);
                Self { values, may_fail: may_fail || left.may_fail || right.may_fail }
            }
            Node::And(left, right) => match Self::of(left, of) {
                left if left.is_false() => left.with(Interval::only(0)),
                left => {
                    let both = left.join(Self::of(right, of), |right| if right.is_false() { 0 } else { 1 });
                    let low = i64::from(left.is_true() && both.1);
                    both.0.with(Interval::new(low, both.2))
                }
            },
            Node::Or(left, right) => match Self::of(left, of) {
                left if left.is_true() => left.with(Interval::only(1)),
                left => {
                    let both = left.join(Self::of(right, of), |right| if right.is_false() { 0 } else { 1 });
                    let high = if left.is_false() { both.2 } else { 1 };
                    both.0.with(Interval::new(i64::from(both.1), high))
                }
            },
            Node::Choose(nodes) => {
                let [condition, then, other] = &**nodes;
                let condition = Self::of(condition, of);
                let chosen = if condition.is_true() {
                    Self::of(then, of)
                } else if condition.is_false() {
                    Self::of(other, of)
                } else {
                    Self::of(then, of).either(Self::of(other, of))
                };
                Self { may_fail: chosen.may_fail || condition.may_fail, ..chosen }
            }
            Node::Extreme(extreme, values) => {
                let mut values = values.iter().map(|value| Self::of(value, of));
                let Some(first) = values.next() else {
                    return Self { values: Interval::WHOLE, may_fail: true };
                };
                values.fold(first, |a, b| {
                    let (x, y) = (a.values, b.values);
                    let values = match extreme {
                        Extreme::Least => Interval::new(x.low.min(y.low), x.high.min(y.high)),
                        Extreme::Greatest => Interval::new(x.low.max(y.low), x.high.max(y.high)),
                    };
                    Self { values, may_fail: a.may_fail || b.may_fail }
                })
            }
            Node::Clamp(nodes) => {
                let [value, low, high] = &**nodes;
                let (value, low, high) = (Self::of(value, of), Self::of(low, of), Self::of(high, of));
                let clamp = |value: i64, low: i64, high: i64| value.min(high).max(low);
                let values = Interval::new(
                    clamp(value.values.low, low.values.low, high.values.low),
                    clamp(value.values.high, low.values.high, high.values.high),
                );
                Self { values, may_fail: value.may_fail || low.may_fail || high.may_fail }
            }
            Node::Native(native, nodes) => {
                let [dist, ms] = &**nodes;
                let may_fail = Self::of(dist, of).may_fail || Self::of(ms, of).may_fail;
                Self { values: Interval::new(0, native.highest()), may_fail }
            }
        }
    }

    fn unary(operation: Unary, value: Self) -> Self {
        let Interval { low, high } = value.values;
        let (values, fails) = match operation {
            Unary::Negate => Interval::wide(-i128::from(high), -i128::from(low)),
            Unary::Complement => (Interval::new(!high, !low), false),
            Unary::Not if value.is_true() => (Interval::only(0), false),
            Unary::Not if value.is_false() => (Interval::only(1), false),
            Unary::Not => (Interval::BIT, false),
        };
        Self { values, may_fail: value.may_fail || fails }
    }

    fn abs(self) -> Self {
        let (low, high) = (i128::from(self.values.low), i128::from(self.values.high));
        let least = if self.values.contains(0) { 0 } else { low.abs().min(high.abs()) };
        let (values, fails) = Interval::wide(least, low.abs().max(high.abs()));
        Self { values, may_fail: self.may_fail || fails }
    }

    fn is_true(self) -> bool {
        !self.values.contains(0)
    }

    fn is_false(self) -> bool {
        self.values == Interval::only(0)
    }

    fn with(self, values: Interval) -> Self {
        Self { values, ..self }
    }

    fn either(self, other: Self) -> Self {
        Self { values: self.values.hull(other.values), may_fail: self.may_fail || other.may_fail }
    }

    /// Both; whether the right one is surely true; the highest truth of the right one.
    fn join(self, right: Self, truth: impl Fn(Self) -> i64) -> (Self, bool, i64) {
        (Self { may_fail: self.may_fail || right.may_fail, ..self }, right.is_true(), truth(right))
    }
}

/// The bounds of a binary operation, and whether it may fail.
fn arithmetic(operation: Binary, left: Interval, right: Interval) -> (Interval, bool) {
    let wide = |number: i64| i128::from(number);
    let (a, b) = ((wide(left.low), wide(left.high)), (wide(right.low), wide(right.high)));
    match operation {
        Binary::Add => Interval::wide(a.0 + b.0, a.1 + b.1),
        Binary::Subtract => Interval::wide(a.0 - b.1, a.1 - b.0),
        Binary::Multiply => Interval::hull_of([a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1]),
        Binary::Divide => {
            // The divisor without 0: its ends, and the numbers next to 0.
            let ends = [right.low, right.high, 1, -1].into_iter();
            let divisors = ends.filter(|divisor| *divisor != 0 && right.contains(*divisor)).map(wide);
            let (values, out) =
                Interval::hull_of(divisors.flat_map(|divisor| [a.0 / divisor, a.1 / divisor]));
            (values, out || right.contains(0))
        }
        Binary::Remainder => {
            let most = (b.0.abs().max(b.1.abs()) - 1).max(0);
            let low = if a.0 < 0 { (-most).max(a.0) } else { 0 };
            let high = if a.1 > 0 { most.min(a.1) } else { 0 };
            let overflows = left.contains(i64::MIN) && right.contains(-1);
            (Interval::wide(low, high).0, right.contains(0) || overflows)
        }
        Binary::ShiftLeft => {
            let by = Interval::new(right.low.clamp(0, 62), right.high.clamp(0, 62));
            let factors =
                [by.low, by.high].map(|by| u32::try_from(by).ok().and_then(|by| 1_i128.checked_shl(by)));
            let factors = factors.into_iter().flatten();
            let (values, out) = Interval::hull_of(factors.flat_map(|factor| [a.0 * factor, a.1 * factor]));
            (values, out || right != by)
        }
        Binary::ShiftRight => {
            let by = Interval::new(right.low.clamp(0, 63), right.high.clamp(0, 63));
            let ends = [by.low, by.high].into_iter().filter_map(|by| u32::try_from(by).ok());
            let (values, _) = Interval::hull_of(ends.flat_map(|by| [a.0 >> by, a.1 >> by]));
            (values, right != by)
        }
        Binary::BitAnd => (bit_and(left, right), false),
        Binary::BitOr | Binary::BitXor => (bit_or(operation, left, right), false),
        Binary::Equal | Binary::NotEqual => {
            let same = left.low == left.high && left == right;
            let apart = left.high < right.low || right.high < left.low;
            let equal = match (same, apart) {
                (true, _) => Interval::only(1),
                (_, true) => Interval::only(0),
                _ => Interval::BIT,
            };
            let inverse = Interval::new(1 - equal.high, 1 - equal.low);
            (if operation == Binary::Equal { equal } else { inverse }, false)
        }
        Binary::Less => (compare(left.high < right.low, left.low >= right.high), false),
        Binary::LessEqual => (compare(left.high <= right.low, left.low > right.high), false),
        Binary::Greater => (compare(left.low > right.high, left.high <= right.low), false),
        Binary::GreaterEqual => (compare(left.low >= right.high, left.high < right.low), false),
    }
}

fn compare(always: bool, never: bool) -> Interval {
    match (always, never) {
        (true, _) => Interval::only(1),
        (_, true) => Interval::only(0),
        _ => Interval::BIT,
    }
}

/// A number that is not negative takes away bits only.
fn bit_and(left: Interval, right: Interval) -> Interval {
    if left.low == left.high && right.low == right.high {
        return Interval::only(left.low & right.low);
    }
    match (left.low >= 0, right.low >= 0) {
        (true, true) => Interval::new(0, left.high.min(right.high)),
        (true, false) => Interval::new(0, left.high),
        (false, true) => Interval::new(0, right.high),
        (false, false) => {
            // At least one may be negative: no more bits than the wider of the two.
            let bits = bits(left).max(bits(right));
            Interval::new(!bits, bits)
        }
    }
}

fn bit_or(operation: Binary, left: Interval, right: Interval) -> Interval {
    if left.low == left.high && right.low == right.high {
        return binary(operation, left.low, right.low).map_or(Interval::WHOLE, Interval::only);
    }
    let bits = bits(left).max(bits(right));
    match (left.low >= 0 && right.low >= 0, operation) {
        (true, Binary::BitOr) => Interval::new(left.low.max(right.low), bits),
        (true, _) => Interval::new(0, bits),
        (false, _) => Interval::new(!bits, bits),
    }
}

/// The least number of the form 2^k − 1 such that the interval lies between it and its complement.
fn bits(interval: Interval) -> i64 {
    let magnitude = |number: i64| if number < 0 { !number } else { number };
    let most = magnitude(interval.low).max(magnitude(interval.high));
    match most.leading_zeros() {
        zeros @ 1..=63 => i64::MAX >> (zeros - 1),
        _ => 0,
    }
}
