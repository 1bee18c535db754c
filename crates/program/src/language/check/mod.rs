//! Whether a definition is sound: what loads, works for every value of every feature of every model.

mod facts;

use std::collections::BTreeSet;

use self::facts::{Facts, MOST_STEPS, Output, Proof};
use super::definition::{Act, Action, Definition, Means, Model, Packet, Source, Write, is_variant};
use super::diagnostic::{Place, Report};
use super::expr::{Expr, Interval};
use super::names::{Kinds, Var, kind_name};
use super::read::models::input_name;
use super::template::{Format, Hole, LONGEST, Piece};

/// A speed or the like may be anything.
const ANYTHING: Interval = Interval { low: i64::MIN, high: i64::MAX };

/// Reports what is wrong with a definition, and what has no effect.
pub(super) fn definition(definition: &Definition, report: &mut Report<'_>) {
    if definition.code.is_some() {
        return;
    }
    let mut check = Check::new(definition, report);
    let mut seen = BTreeSet::new();
    let mut triggered = BTreeSet::new();
    let of_tests = definition.tests.iter().filter_map(|test| test.own.as_ref());
    for model in definition.models.iter().chain(of_tests) {
        // Models that differ in their names only need one look.
        if seen.insert(signature(model)) {
            triggered.extend(check.model(model));
        }
    }
    if !check.report.has_failed() {
        for (packet, at) in definition.packets.iter().zip(0..) {
            if !triggered.contains(&at) {
                let help =
                    "does a model lack a feature, or does `on`, `at`, `when` or `variant` exclude them all?";
                check.report.warning(packet.place, "no model can trigger this packet", Some(help.to_owned()));
            }
        }
    }
    unknown_names(definition, check.report);
}

/// Reports what is wrong with one model of a definition.
pub(super) fn model(definition: &Definition, model: &Model, report: &mut Report<'_>) {
    if model.features.is_empty() {
        report.error(place(model), format!("{} has no features", called(model)), None);
    }
    if definition.code.is_none() {
        Check::new(definition, report).model(model);
    }
}

/// Names that find a device for which there is no model.
fn unknown_names(definition: &Definition, report: &mut Report<'_>) {
    if !definition.identify.is_empty() || definition.models.iter().any(|model| model.matches.is_empty()) {
        return;
    }
    let keys: BTreeSet<_> = definition.models.iter().flat_map(|model| &model.matches).collect();
    let names =
        definition.identifiers.ble.iter().flat_map(|ble| &ble.names).chain(&definition.identifiers.websocket);
    for name in names.filter(|name| !keys.contains(&name.text)) {
        let help = "add it to the `match` of a model, or add a model without `match`".to_owned();
        report.warning(name.place, format!("a device called `{name}` may fit no model"), Some(help));
    }
}

fn signature(model: &Model) -> String {
    let features = model.features.iter().map(|feature| &feature.feature);
    let features: Vec<_> =
        features.map(|feature| (feature.index, &feature.outputs, &feature.inputs)).collect();
    format!("{features:?} {:?} {:?}", model.variant, model.set)
}

fn called(model: &Model) -> String {
    match (&model.name, model.matches.first().filter(|key| *key != "\u{0}")) {
        (Some(name), _) => format!("`{name}`"),
        (None, Some(key)) => format!("the model `{key}`"),
        (None, None) if model.matches.is_empty() => "the default model".to_owned(),
        (None, None) => "the model of a test".to_owned(),
    }
}

fn place(model: &Model) -> Place {
    Place { line: model.line, column: usize::from(model.line > 0) }
}

struct Check<'c, 'r> {
    definition: &'c Definition,
    report: &'c mut Report<'r>,
    budget: u64,
    /// What has been reported; the same for another model would say nothing new.
    reported: BTreeSet<(usize, usize)>,
}

impl<'c, 'r> Check<'c, 'r> {
    fn new(definition: &'c Definition, report: &'c mut Report<'r>) -> Self {
        Self { definition, report, budget: MOST_STEPS, reported: BTreeSet::new() }
    }

    /// The packets that this model can trigger.
    fn model(&mut self, model: &Model) -> BTreeSet<usize> {
        let definition = self.definition;
        if !self.spend(definition.packets.len() * model.features.len()) {
            return BTreeSet::new();
        }
        let features = model.features.iter().map(|feature| &feature.feature);
        let mut outputs: Vec<_> = features
            .flat_map(|feature| {
                feature.outputs.iter().map(|output| Output {
                    feature: feature.index,
                    kind: output.kind,
                    range: Interval::new(i64::from(output.value.min), i64::from(output.value.max)),
                    duration: output.duration.map_or(Interval::only(0), |duration| {
                        Interval::new(i64::from(duration.min), i64::from(duration.max))
                    }),
                })
            })
            .collect();
        outputs.sort_by_key(|output| (output.feature, output.kind));
        let constants = definition.constants(model);
        let facts = Facts {
            names: &definition.names,
            outputs: &outputs,
            constants: &constants,
            kinds: Kinds::ALL,
            output: None,
            duration: None,
            item: None,
            len: Interval::only(0),
        };
        let mut triggered = BTreeSet::new();
        let mut served = BTreeSet::new();
        for (packet, at) in definition.packets.iter().zip(0..) {
            if !is_variant(&packet.variants, model) {
                continue;
            }
            let by: Vec<_> = outputs
                .iter()
                .filter(|output| packet.serves(model, output.feature, output.kind))
                .filter(|output| self.can_trigger(&facts, packet, output))
                .collect();
            if by.is_empty() {
                continue;
            }
            triggered.insert(at);
            if !packet.ends {
                served.extend(by.iter().map(|output| (output.feature, output.kind)));
            }
            let about = if packet.per_output { by.into_iter().map(Some).collect() } else { vec![None] };
            for output in about {
                self.packet(&facts, packet, output, model);
            }
        }
        for output in outputs.iter().filter(|output| !served.contains(&(output.feature, output.kind))) {
            let (index, kind) = (output.feature, kind_name(output.kind));
            let help = "add a packet, or does `on`, `at`, `when` or `variant` exclude it?".to_owned();
            let message = format!("no packet serves feature {index} ({kind}) of {}", called(model));
            self.report.error(place(model), message, Some(help));
        }
        self.inputs(model);
        self.greeting(&facts, model);
        triggered
    }

    /// Whether the packet's condition may hold for this output.
    fn can_trigger(&mut self, facts: &Facts<'_>, packet: &Packet, output: &Output) -> bool {
        let Some((when, _)) = &packet.when else { return true };
        if !self.spend(usize::try_from(when.code.size()).unwrap_or(usize::MAX)) {
            return false;
        }
        let facts = Facts { kinds: packet.on, output: packet.per_output.then_some(*output), ..*facts };
        facts.bound(when).values != Interval::only(0)
    }

    fn packet(&mut self, facts: &Facts<'_>, packet: &Packet, output: Option<&Output>, model: &Model) {
        let duration = match (packet.ends, packet.glide, output) {
            (true, _, _) => Some(Interval::only(0)),
            (false, Some(period), Some(output)) => {
                let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
                Some(output.duration.hull(Interval::only(period)).hull(Interval::only(0)))
            }
            _ => None,
        };
        let facts = Facts { kinds: packet.on, output: output.copied(), duration, ..*facts };
        let whose = match output {
            Some(output) => {
                format!("{}, feature {} ({})", called(model), output.feature, kind_name(output.kind))
            }
            None => called(model),
        };
        let when = packet.when.as_ref();
        if let Some((when, place)) = when {
            self.constants(&facts, when, *place, model);
            self.condition(&facts, when, *place, &whose);
        }
        let when = when.map(|(when, _)| when);
        self.write(&facts, &packet.write, when, packet.place, &whose, model);
        if let Some((_, write)) = &packet.then {
            self.write(&facts, write, None, packet.place, &whose, model);
        }
    }

    fn condition(&mut self, facts: &Facts<'_>, when: &Expr, place: Place, whose: &str) {
        let what = match facts.prove(when, ANYTHING, None, &mut self.budget) {
            Proof::Fits => return,
            Proof::Fails(what) => what,
            Proof::Unknown(_) => "may divide by zero or overflow".to_owned(),
            Proof::TooMuch => return self.too_much(),
        };
        self.once(place, &format!("this condition {what} ({whose})"), None);
    }

    fn write(
        &mut self,
        facts: &Facts<'_>,
        write: &Write,
        when: Option<&Expr>,
        place: Place,
        whose: &str,
        model: &Model,
    ) {
        if !self.spend(write.template.holes().count()) {
            return;
        }
        for hole in write.template.holes() {
            self.constants(facts, &hole.expr, hole.place, model);
        }
        if write.template.pieces.is_empty() {
            self.once(place, "the packet is empty", None);
        }
        let mut len = Interval::only(0);
        for piece in &write.template.pieces {
            match piece {
                Piece::Times(times, body) => {
                    let (least, most) = width(facts, body);
                    let (most, times) = (most.saturating_mul(usize::from(*times)), usize::from(*times));
                    let mut anywhere = longer(len, 0, most);
                    self.plain(facts, body, when, whose, &mut anywhere);
                    len = longer(len, least.saturating_mul(times), most);
                }
                Piece::Each(each) => {
                    let outputs: Vec<_> =
                        facts.outputs.iter().filter(|output| each.kinds.contains(output.kind)).collect();
                    let count = i64::try_from(outputs.len()).unwrap_or(i64::MAX);
                    // Inside, `v` is another output than the one that the condition may speak of.
                    let when = when.filter(|when| !when.uses(Var::is_per_output));
                    for (output, ordinal) in outputs.into_iter().zip(0..) {
                        let item = Facts { output: Some(*output), item: Some((ordinal, count)), ..*facts };
                        let before: &[Piece] = if ordinal == 0 { &each.head } else { &[] };
                        self.plain(&item, before, when, whose, &mut len);
                        let sep = if ordinal == 0 { 0 } else { each.sep.len() };
                        len = longer(len, sep, sep);
                        self.plain(&item, &each.body, when, whose, &mut len);
                    }
                }
                plain => self.plain(facts, std::slice::from_ref(plain), when, whose, &mut len),
            }
        }
        let longest = write.encode.map_or(LONGEST, |transform| transform.longest());
        if usize::try_from(len.high).is_ok_and(|high| high > longest) {
            let message = format!("the packet can have {} bytes, more than {longest} ({whose})", len.high);
            self.once(place, &message, None);
        }
    }

    fn plain(
        &mut self,
        facts: &Facts<'_>,
        pieces: &[Piece],
        when: Option<&Expr>,
        whose: &str,
        len: &mut Interval,
    ) {
        for piece in pieces {
            if let Piece::Hole(hole) = piece {
                self.hole(&Facts { len: *len, ..*facts }, hole, when, whose);
            }
            let (least, most) = width(facts, std::slice::from_ref(piece));
            *len = longer(*len, least, most);
        }
    }

    fn hole(&mut self, facts: &Facts<'_>, hole: &Hole, when: Option<&Expr>, whose: &str) {
        if hole.place.position().is_some_and(|at| self.reported.contains(&at)) {
            return;
        }
        let format = hole.format.for_top(facts.output.map_or(0, |output| output.range.high));
        let range = format.range();
        let fits = format.describe();
        let (what, help) = match facts.prove(&hole.expr, range, when, &mut self.budget) {
            Proof::Fits => return,
            Proof::Fails(what) => (
                what,
                format!("limit it, e.g. clamp(…, {}, {}), or choose another format", range.low, range.high),
            ),
            Proof::TooMuch => return self.too_much(),
            Proof::Unknown(bound) => {
                let what = match (bound.values.lies_in(range), bound.may_fail) {
                    (true, _) => "may divide by zero or overflow".to_owned(),
                    (false, _) => {
                        format!(
                            "can lie between {} and {}, as far as can be told",
                            bound.values.low, bound.values.high
                        )
                    }
                };
                (what, format!("limit it, e.g. clamp(…, {}, {}) or … & 0xFF", range.low, range.high))
            }
        };
        let message = format!("`{{{}}}` {what}: that does not fit {fits} ({whose})", hole.source);
        self.once(hole.place, &message, Some(help));
    }

    /// Every constant that is used has a value.
    fn constants(&mut self, facts: &Facts<'_>, expr: &Expr, at: Place, model: &Model) {
        for var in expr.code.variables() {
            let Var::Constant(constant) = var else { continue };
            if facts.constants.get(usize::from(constant)).is_some_and(Option::is_some) {
                continue;
            }
            let name = self.definition.names.constants.get(usize::from(constant)).map_or("", String::as_str);
            let help =
                format!("add `set.{name} = 0` to it, or at the top of the file for all models that do not");
            let message = format!("`{name}` has no value for {}", called(model));
            let at = if model.line > 0 { place(model) } else { at };
            self.report.error(at, message, Some(help));
        }
    }

    fn inputs(&mut self, model: &Model) {
        for feature in &model.features {
            for input in &feature.feature.inputs {
                let (index, name) = (feature.feature.index, input_name(input.kind));
                let mut rules =
                    self.definition.inputs.iter().filter(|rule| rule.serves(model, index, input.kind));
                let Some(rule) = rules.next() else {
                    let help = "e.g. [[inputs]] battery = { read = \"rx\", expect = \"{level}\" }".to_owned();
                    let message =
                        format!("nothing says how to get the {name} of feature {index} of {}", called(model));
                    self.report.error(place(model), message, Some(help));
                    continue;
                };
                if input.subscribe && !matches!(rule.means, Means::Notify(_)) {
                    let help = "say `notify`, or take `subscribe` from the feature".to_owned();
                    let message =
                        format!("the {name} of feature {index} is not sent by the device, only read");
                    self.once(rule.place, &message, Some(help));
                }
            }
        }
    }

    /// What is written before there are values, and the condition of the keepalive.
    fn greeting(&mut self, facts: &Facts<'_>, model: &Model) {
        let definition = self.definition;
        let whose = called(model);
        for way in &definition.identify {
            if let Source::Ask { write, .. } = &way.source {
                self.write(facts, write, None, place(model), &whose, model);
            }
        }
        for step in &definition.init {
            if let Some(when) = &step.when {
                self.constants(facts, when, Place::default(), model);
                self.condition(facts, when, place(model), &whose);
            }
            let never = step.when.as_ref().is_some_and(|when| facts.bound(when).values == Interval::only(0));
            if never {
                continue;
            }
            match &step.action {
                Action::Write(write, _) => {
                    self.write(facts, write, step.when.as_ref(), place(model), &whose, model)
                }
                Action::Dialogue(arms) => {
                    let acts = arms.iter().flat_map(|arm| &arm.acts);
                    for act in acts {
                        if let Act::Write(write) = act {
                            self.write(facts, write, None, place(model), &whose, model);
                        }
                    }
                }
                _ => {}
            }
        }
        for rule in definition.inputs.iter().filter(|rule| is_variant(&rule.variants, model)) {
            if let Means::Ask(write, _) = &rule.means {
                self.write(facts, write, None, rule.place, &whose, model);
            }
        }
        if let Some((condition, at)) = &definition.keepalive.condition {
            self.constants(facts, condition, *at, model);
            self.condition(facts, condition, *at, &whose);
        }
        if let Some(idle) = &definition.keepalive.idle {
            self.write(facts, idle, None, place(model), &whose, model);
        }
    }

    /// Takes so many steps from what is left. False if that is not enough.
    fn spend(&mut self, steps: usize) -> bool {
        let left = u64::try_from(steps).ok().and_then(|steps| self.budget.checked_sub(steps + 1));
        match left {
            Some(left) => self.budget = left,
            None => self.too_much(),
        }
        left.is_some()
    }

    /// Nothing more is looked at.
    fn too_much(&mut self) {
        self.budget = 0;
        let help = "are there very many models that differ only a little?".to_owned();
        self.once(Place { line: 1, column: 1 }, "the file takes too long to check", Some(help));
    }

    /// An error, unless there was one at this place.
    fn once(&mut self, at: Place, message: &str, help: Option<String>) {
        if at.position().is_none_or(|at| self.reported.insert(at)) {
            self.report.error(at, message, help);
        }
    }
}

/// How many bytes pieces without loops take, at least and at most.
fn width(facts: &Facts<'_>, pieces: &[Piece]) -> (usize, usize) {
    let widths = pieces.iter().map(|piece| match piece {
        Piece::Literal(bytes) => (bytes.len(), bytes.len()),
        Piece::Hole(hole) if matches!(hole.format, Format::Decimal | Format::PaddedToTop) => {
            (1, hole.format.width(facts.bound(&hole.expr).values))
        }
        Piece::Hole(hole) => {
            let width = hole.format.width(ANYTHING);
            (width, width)
        }
        // What was captured may have any length; a packet that becomes too long is not written.
        Piece::Splice(_) | Piece::Address | Piece::Times(..) | Piece::Each(_) => (0, 0),
    });
    widths.fold((0, 0), |(least, most), (lower, higher)| (least + lower, most + higher))
}

fn longer(len: Interval, least: usize, most: usize) -> Interval {
    let add = |number: i64, more: usize| number.saturating_add(i64::try_from(more).unwrap_or(i64::MAX));
    Interval::new(add(len.low, least), add(len.high, most))
}
