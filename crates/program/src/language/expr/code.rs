//! Expressions as a short program for a stack of numbers. Jumps go forward only, so every program ends.

use std::fmt;

use super::super::names::Var;
use super::super::native::Native;
use super::{Binary, Emitted, Extreme, Node, Unary, binary, unary};

/// No expression needs more room than this; checked when it is compiled.
const STACK: usize = 48;

/// An expression, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Code {
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Number(i64),
    Load(Var),
    Unary(Unary),
    Binary(Binary),
    Extreme(Extreme),
    Abs,
    Clamp,
    Emitted(Emitted, u16),
    Native(Native),
    /// Any number but 0 becomes 1.
    Truth,
    Jump(u16),
    /// Takes a number and jumps if it is 0.
    Unless(u16),
}

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Fault {
    DivisionByZero,
    Overflow,
    Shift(i64),
    /// Cannot happen: the code was checked when it was made.
    Broken,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DivisionByZero => f.write_str("divides by 0"),
            Self::Overflow => f.write_str("leaves the range of 64-bit numbers"),
            Self::Shift(by) => write!(f, "shifts by {by}"),
            Self::Broken => f.write_str("cannot be evaluated"),
        }
    }
}

/// What the variables of an expression are at the moment.
pub(in super::super) trait Env {
    fn load(&self, var: Var) -> i64;
    /// The bytes emitted so far, from this one.
    fn emitted(&self, from: u16) -> &[u8];
}

impl Code {
    /// `None` if the stack would not do.
    pub(super) fn new(node: &Node) -> Option<Self> {
        let mut steps = Vec::new();
        let depth = compile(node, &mut steps);
        (depth <= STACK).then(|| Self { steps: steps.into() })
    }

    pub(in super::super) fn variables(&self) -> impl Iterator<Item = Var> + '_ {
        self.steps.iter().filter_map(|step| match step {
            Step::Load(var) => Some(*var),
            _ => None,
        })
    }

    /// How many steps an evaluation takes at most.
    pub(in super::super) fn size(&self) -> u64 {
        u64::try_from(self.steps.len()).unwrap_or(u64::MAX)
    }

    /// Whether it looks at the bytes emitted so far.
    pub(in super::super) fn looks_back(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Emitted(..)))
    }

    pub(in super::super) fn value(&self, env: &impl Env) -> Result<i64, Fault> {
        let mut stack = Stack { numbers: [0; STACK], used: 0 };
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            let result = match *step {
                Step::Number(number) => number,
                Step::Load(var) => env.load(var),
                Step::Unary(operation) => unary(operation, stack.pop()?)?,
                Step::Binary(operation) => {
                    let right = stack.pop()?;
                    binary(operation, stack.pop()?, right)?
                }
                Step::Extreme(Extreme::Least) => stack.pop()?.min(stack.pop()?),
                Step::Extreme(Extreme::Greatest) => stack.pop()?.max(stack.pop()?),
                Step::Abs => stack.pop()?.checked_abs().ok_or(Fault::Overflow)?,
                Step::Clamp => {
                    let (high, low) = (stack.pop()?, stack.pop()?);
                    stack.pop()?.min(high).max(low)
                }
                Step::Emitted(function, from) => function.of(env.emitted(from)),
                Step::Native(native) => {
                    let ms = stack.pop()?;
                    native.value(stack.pop()?, ms)
                }
                Step::Truth => i64::from(stack.pop()? != 0),
                Step::Jump(to) => {
                    at = usize::from(to).max(at);
                    continue;
                }
                Step::Unless(to) => {
                    if stack.pop()? == 0 {
                        at = usize::from(to).max(at);
                    }
                    continue;
                }
            };
            stack.push(result)?;
        }
        stack.pop()
    }
}

struct Stack {
    numbers: [i64; STACK],
    used: usize,
}

impl Stack {
    fn push(&mut self, number: i64) -> Result<(), Fault> {
        *self.numbers.get_mut(self.used).ok_or(Fault::Broken)? = number;
        self.used += 1;
        Ok(())
    }

    fn pop(&mut self) -> Result<i64, Fault> {
        self.used = self.used.checked_sub(1).ok_or(Fault::Broken)?;
        self.numbers.get(self.used).copied().ok_or(Fault::Broken)
    }
}

/// Appends the steps of a node; gives how much of the stack they need. The depth of the tree is bounded by the parser.
fn compile(node: &Node, steps: &mut Vec<Step>) -> usize {
    let all = |nodes: &[&Node], steps: &mut Vec<Step>| {
        let needs = nodes.iter().enumerate().map(|(before, node)| before + compile(node, steps));
        needs.max().unwrap_or(0)
    };
    let (needs, last) = match node {
        Node::Number(number) => (1, Step::Number(*number)),
        Node::Load(var) => (1, Step::Load(*var)),
        Node::Emitted(function, from) => (1, Step::Emitted(*function, *from)),
        Node::Unary(operation, value) => (compile(value, steps), Step::Unary(*operation)),
        Node::Abs(value) => (compile(value, steps), Step::Abs),
        Node::Binary(operation, left, right) => (all(&[left, right], steps), Step::Binary(*operation)),
        Node::Clamp(values) => {
            let [value, low, high] = &**values;
            (all(&[value, low, high], steps), Step::Clamp)
        }
        Node::Native(native, values) => {
            let [dist, ms] = &**values;
            (all(&[dist, ms], steps), Step::Native(*native))
        }
        Node::Extreme(extreme, values) => {
            let mut needs = 1;
            for (before, value) in values.iter().enumerate() {
                needs = needs.max(before.min(1) + compile(value, steps));
                if before > 0 {
                    steps.push(Step::Extreme(*extreme));
                }
            }
            return needs;
        }
        Node::And(left, right) => return choose(left, right, None, steps),
        Node::Or(left, right) => {
            let truth = Node::Number(1);
            return choose(left, &truth, Some(right), steps);
        }
        Node::Choose(nodes) => {
            let [condition, then, other] = &**nodes;
            let mut needs = compile(condition, steps);
            let unless = hold(steps);
            needs = needs.max(compile(then, steps));
            let over = hold(steps);
            set(steps, unless, Step::Unless);
            needs = needs.max(compile(other, steps));
            set(steps, over, Step::Jump);
            return needs;
        }
    };
    steps.push(last);
    needs
}

/// `condition ? then : other`, with the truth of `then` or `other` rather than its value; no `other` is 0.
fn choose(condition: &Node, then: &Node, other: Option<&Node>, steps: &mut Vec<Step>) -> usize {
    let mut needs = compile(condition, steps);
    let unless = hold(steps);
    needs = needs.max(compile(then, steps));
    steps.push(Step::Truth);
    let over = hold(steps);
    set(steps, unless, Step::Unless);
    match other {
        Some(other) => {
            needs = needs.max(compile(other, steps));
            steps.push(Step::Truth);
        }
        None => steps.push(Step::Number(0)),
    }
    set(steps, over, Step::Jump);
    needs.max(1)
}

/// Keeps a place for a jump whose end is not known yet.
fn hold(steps: &mut Vec<Step>) -> usize {
    steps.push(Step::Jump(0));
    steps.len() - 1
}

/// The jump at this place ends here.
fn set(steps: &mut [Step], at: usize, jump: fn(u16) -> Step) {
    let end = u16::try_from(steps.len()).unwrap_or(u16::MAX);
    if let Some(step) = steps.get_mut(at) {
        *step = jump(end);
    }
}
