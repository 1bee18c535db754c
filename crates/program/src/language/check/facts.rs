//! What the variables of an expression can be for one model, and whether an expression has a fitting value for all of it.

use frisson_wire::OutputKind;

use super::super::expr::{Bound, Env, Expr, Interval};
use super::super::names::{CaptureKind, Kinds, Names, Var, kind_number};

/// So many evaluations for one expression are worth it where intervals cannot tell.
const MOST_TRIES: u64 = 1_000_000;

/// A file whose check takes more steps of evaluation is refused.
pub(super) const MOST_STEPS: u64 = 20_000_000;

/// What the bounds of an expression cost, compared with one of its values.
const BOUND_STEPS: u64 = 6;

/// One output of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) feature: u32,
    pub(super) kind: OutputKind,
    pub(super) range: Interval,
    pub(super) duration: Interval,
}

impl Output {
    /// What it can be set to. Before it is set it is 0, and a stop makes it 0; a timed move may come from 0.
    fn values(&self) -> Values {
        let zero = Interval::only(0);
        if self.kind == OutputKind::HwPositionWithDuration || self.range.contains(0) {
            Values::of(self.range.hull(zero))
        } else {
            Values { first: zero, second: Some(self.range) }
        }
    }
}

/// All values of a variable: one or two intervals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    first: Interval,
    second: Option<Interval>,
}

impl Values {
    fn of(interval: Interval) -> Self {
        Self { first: interval, second: None }
    }

    fn only(value: i64) -> Self {
        Self::of(Interval::only(value))
    }

    fn hull(&self) -> Interval {
        self.second.map_or(self.first, |second| self.first.hull(second))
    }

    fn size(&self) -> u64 {
        self.first.size().saturating_add(self.second.map_or(0, Interval::size))
    }

    fn nth(&self, at: u64) -> i64 {
        let at_or_past = at.checked_sub(self.first.size());
        let (interval, at) = match (at_or_past, self.second) {
            (Some(past), Some(second)) => (second, past),
            _ => (self.first, at),
        };
        interval.low.saturating_add_unsigned(at)
    }
}

/// Where an expression is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) names: &'a Names,
    pub(super) outputs: &'a [Output],
    pub(super) constants: &'a [Option<i64>],
    /// The kinds that `v0`, `v1` … speak of.
    pub(super) kinds: Kinds,
    /// The output that `v` speaks of, if any.
    pub(super) output: Option<Output>,
    /// What `ms` is, if it is not the duration of a move.
    pub(super) duration: Option<Interval>,
    /// Inside an `each` part: the place of the output, and how many there are.
    pub(super) item: Option<(i64, i64)>,
    /// How many bytes have been emitted.
    pub(super) len: Interval,
}

impl Facts<'_> {
    /// Everything that a variable can be.
    pub(super) fn values(&self, var: Var) -> Values {
        let output = self.output;
        let of_output = |get: fn(&Output) -> Values| output.as_ref().map_or(Values::only(0), get);
        match var {
            Var::Value => of_output(Output::values),
            Var::Previous => of_output(Output::values),
            Var::Index => of_output(|output| Values::only(i64::from(output.feature))),
            Var::Top => of_output(|output| Values::only(output.range.high)),
            Var::Duration => match self.duration {
                Some(duration) => Values::of(duration),
                None => of_output(|output| Values::of(output.duration)),
            },
            Var::Distance => of_output(|output| {
                let values = output.values().hull();
                Values::of(Interval::new(0, values.high.saturating_sub(values.low)))
            }),
            Var::Direction => of_output(|output| match output.range.low < 0 {
                true => Values { first: Interval::only(-1), second: Some(Interval::only(1)) },
                false => Values::only(1),
            }),
            Var::Of(feature) => self.values_of(u32::from(feature)),
            Var::Outputs => Values::only(count(self.outputs.len())),
            Var::OutputsOf(kind) => {
                Values::only(count(self.outputs.iter().filter(|output| output.kind == kind).count()))
            }
            Var::Seq => Values::of(Interval::new(0, 0xFF)),
            Var::Seq32 => Values::of(Interval::new(0, 0xFFFF_FFFF)),
            Var::Len => Values::of(self.len),
            Var::Has(_) => Values::of(Interval::BIT),
            Var::Captured(at) => match self.names.captures.get(usize::from(at)).map(|capture| capture.kind) {
                Some(CaptureKind::Number(low, high)) => {
                    Values::of(Interval::new(low, high).hull(Interval::only(0)))
                }
                _ => Values::only(0),
            },
            Var::Constant(at) => {
                Values::only(self.constants.get(usize::from(at)).copied().flatten().unwrap_or(0))
            }
            Var::Ordinal => Values::only(self.item.map_or(0, |(ordinal, _)| ordinal)),
            Var::Count => Values::only(self.item.map_or(0, |(_, count)| count)),
            Var::Kind => Values::only(output.map_or(0, |output| kind_number(output.kind))),
        }
    }

    /// The outputs of a feature that `v0`, `v1` … speak of.
    fn of_feature(&self, feature: u32) -> impl Iterator<Item = &Output> {
        self.outputs
            .iter()
            .filter(move |output| output.feature == feature && self.kinds.contains(output.kind))
    }

    fn values_of(&self, feature: u32) -> Values {
        let mut outputs = self.of_feature(feature).map(Output::values);
        let Some(first) = outputs.next() else { return Values::only(0) };
        outputs.fold(first, |one, other| Values::of(one.hull().hull(other.hull())))
    }

    /// Whether `vN` is the same as `v`.
    fn is_alias(&self, feature: u8) -> bool {
        let mut outputs = self.of_feature(u32::from(feature));
        let (only, other) = (outputs.next(), outputs.next());
        other.is_none() && only.is_some() && only.copied() == self.output
    }

    /// The bounds of an expression.
    pub(super) fn bound(&self, expr: &Expr) -> Bound {
        Bound::of(&expr.node, &|var| self.values(var).hull())
    }

    /// Whether an expression has a value within `range` for everything that can be, where `condition` holds.
    pub(super) fn prove(
        &self,
        expr: &Expr,
        range: Interval,
        condition: Option<&Expr>,
        budget: &mut u64,
    ) -> Proof {
        let steps = expr.code.size() + condition.map_or(0, |condition| condition.code.size());
        if !take(budget, steps.saturating_mul(BOUND_STEPS)) {
            return Proof::TooMuch;
        }
        let bound = self.bound(expr);
        if !bound.may_fail && bound.values.lies_in(range) {
            return Proof::Fits;
        }
        let mut trial = Trial::default();
        let codes = [Some(expr), condition];
        for var in codes.iter().flatten().flat_map(|expr| expr.code.variables()) {
            trial.add(self, var);
        }
        let tries = trial.size();
        let blind = expr.code.looks_back() || condition.is_some_and(|condition| condition.code.looks_back());
        if blind || tries > MOST_TRIES || !take(budget, tries.saturating_mul(steps)) {
            return Proof::Unknown(bound);
        }
        for at in 0..tries {
            trial.choose(at);
            if let Some(condition) = condition
                && !matches!(condition.code.value(&trial), Ok(1.. | ..=-1))
            {
                continue;
            }
            let result = expr.code.value(&trial);
            if !result.is_ok_and(|value| range.contains(value)) {
                let what = match result {
                    Ok(value) => format!("is {value}"),
                    Err(fault) => fault.to_string(),
                };
                return Proof::Fails(format!("{what}{}", trial.describe()));
            }
        }
        Proof::Fits
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Whether an expression always has a fitting value.
pub(super) enum Proof {
    Fits,
    /// Not always, for example as described.
    Fails(String),
    /// There are too many cases to try, and the bounds do not tell.
    Unknown(Bound),
    /// The file has taken too long already.
    TooMuch,
}

/// Takes so many steps from what is left, if they are.
fn take(budget: &mut u64, steps: u64) -> bool {
    let left = budget.checked_sub(steps);
    *budget = left.unwrap_or(*budget);
    left.is_some()
}

/// One case after another.
#[derive(Default)]
struct Trial {
    variables: Vec<(Var, Values, i64)>,
    /// Other names of `v`.
    aliases: Vec<Var>,
}

impl Trial {
    fn add(&mut self, facts: &Facts<'_>, var: Var) {
        match var {
            Var::Distance => {
                self.add(facts, Var::Value);
                self.add(facts, Var::Previous);
            }
            Var::Of(feature) if facts.is_alias(feature) => {
                if !self.aliases.contains(&var) {
                    self.aliases.push(var);
                }
                self.add(facts, Var::Value);
            }
            _ if self.variables.iter().any(|(known, ..)| *known == var) => {}
            _ => {
                let values = facts.values(var);
                self.variables.push((var, values, values.nth(0)));
            }
        }
    }

    fn size(&self) -> u64 {
        self.variables.iter().fold(1, |size: u64, (_, values, _)| size.saturating_mul(values.size()))
    }

    fn choose(&mut self, mut at: u64) {
        for (_, values, chosen) in &mut self.variables {
            let size = values.size().max(1);
            *chosen = values.nth(at % size);
            at /= size;
        }
    }

    /// The variables that have a choice, for people: ` when v = 3 and v1 = 0`.
    fn describe(&self) -> String {
        let chosen = self.variables.iter().filter(|(_, values, _)| values.size() > 1);
        let chosen: Vec<_> = chosen.map(|(var, _, value)| format!("{} = {value}", spelled(*var))).collect();
        if chosen.is_empty() { String::new() } else { format!(" when {}", chosen.join(" and ")) }
    }
}

impl Env for Trial {
    fn load(&self, var: Var) -> i64 {
        let var = if self.aliases.contains(&var) { Var::Value } else { var };
        if var == Var::Distance {
            return self.load(Var::Value).saturating_sub(self.load(Var::Previous)).saturating_abs();
        }
        self.variables.iter().find(|(known, ..)| *known == var).map_or(0, |(_, _, value)| *value)
    }

    fn emitted(&self, _: u16) -> &[u8] {
        &[]
    }
}

fn spelled(var: Var) -> String {
    use super::super::names::VARIABLES;
    match var {
        Var::Of(feature) => format!("v{feature}"),
        Var::Has(_) => "has_…".to_owned(),
        Var::Captured(_) => "a captured number".to_owned(),
        _ => {
            VARIABLES.iter().find(|(_, known, _)| *known == var).map_or("it", |(name, _, _)| name).to_owned()
        }
    }
}
