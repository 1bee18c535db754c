//! The tests of a file, run in virtual time.

use std::sync::Arc;
use std::time::Instant;

use frisson_wire::InputKind;

use super::super::diagnostic::{Diagnostic, Place, Report};
use super::super::interpreter::Subject;
use super::super::names::list;
use super::super::{Addition, Definition, read};
use super::bench::Bench;
use super::test::{Act, Step, Test};
use super::{are_text, notation};
use crate::{Operation, Program};

/// Runs the tests of a file, and says what does not come out as they say. Virtual time begins at `now`; any time will do.
pub fn run(definition: &Arc<Definition>, now: Instant) -> Vec<Diagnostic> {
    run_with(definition, now, &|subject| definition.program(subject))
}

/// The same with programs that are not made of the file's packets.
pub fn run_with(
    definition: &Arc<Definition>,
    now: Instant,
    make: &dyn Fn(Subject) -> Box<dyn Program>,
) -> Vec<Diagnostic> {
    let mut report = Report::new(&definition.origin, "");
    let mut work = 0;
    for test in &definition.tests {
        if work > MOST_WORK {
            report.error(
                test.place,
                "the tests take too long",
                Some("have they waits that could be shorter?".to_owned()),
            );
            break;
        }
        if let Err((place, message, help)) = one(definition, test, now, make, &mut work) {
            report.error(place, message, help);
        }
    }
    report.finish()
}

/// The address of the device of a test.
const ADDRESS: &str = "address";

/// More operations and turns of the clock in all tests of a file are refused.
const MOST_WORK: usize = 40_000;

type Wrong = (Place, String, Option<String>);

fn one(
    definition: &Arc<Definition>,
    test: &Test,
    now: Instant,
    make: &dyn Fn(Subject) -> Box<dyn Program>,
    work: &mut usize,
) -> Result<(), Wrong> {
    let at = |message: String| (test.place, message, None);
    let subject = subject(definition, test).map_err(at)?;
    let mut bench = match &test.own {
        None => Bench::of(make(subject), now),
        Some(model) => {
            let addition = Addition { models: vec![model.clone()], ..Addition::default() };
            let (extended, wrong) = definition.extended(addition);
            match wrong.into_iter().next() {
                None => Bench::new(&Arc::new(extended), subject, now),
                Some(wrong) => return Err((test.place, wrong.message, wrong.help)),
            }
        }
    };
    let outcome = follow(&mut bench, test);
    *work += bench.work_done();
    outcome
}

fn follow(bench: &mut Bench, test: &Test) -> Result<(), Wrong> {
    let at = |message: String| (test.place, message, None);
    let mut failed = false;
    match (&test.script, &test.init) {
        (Some(script), _) => {
            for step in script {
                failed |= step.fails.is_some();
                play(bench, step)?;
            }
        }
        (None, Some(init)) => compare(&bench.take_operations(), init, test.place)?,
        (None, None) => {
            bench.greet();
            drop((bench.take_operations(), bench.take_notices()));
        }
    }
    let failures = bench.take_failures();
    if let Some(failure) = failures.first() {
        return Err((test.place, format!("the greeting fails: {failure}"), None));
    }
    let Some(description) = bench.description() else {
        let help = "give a `script` with what the device says: script = [{ hears = \"rx 01\" }]".to_owned();
        let message =
            "the greeting is not over: it waits for something that the test does not give".to_owned();
        return if failed { Ok(()) } else { Err((test.place, message, Some(help))) };
    };
    if let Some(becomes) = test.becomes.as_ref().filter(|becomes| **becomes != description.name) {
        return Err(at(format!("the device becomes `{}`, not `{becomes}`", description.name)));
    }
    test.steps.iter().try_for_each(|step| play(bench, step))
}

/// The device that a test is about.
fn subject(definition: &Definition, test: &Test) -> Result<Subject, String> {
    let identifies = test.name.is_some() || !test.manufacturer.is_empty();
    let own = test.own.as_ref().and_then(|model| model.matches.first());
    let mut subject = match (&test.model, own) {
        (None, Some(key)) => Subject { model: Some(key.clone()), ..subject_of(definition, None)? },
        (None, None) if identifies => Subject { model: None, ..subject_of(definition, None)? },
        (model, _) => subject_of(definition, model.as_deref())?,
    };
    subject.name = test.name.clone().unwrap_or_default();
    subject.manufacturer.clone_from(&test.manufacturer);
    if let Some(has) = &test.has {
        subject.available.clone_from(has);
    }
    Ok(subject)
}

/// A device of the model with this name or key, or else of the default model, which has all endpoints and is asked nothing about its model.
///
/// # Errors
/// No model is called that; the names that there are.
pub fn subject_of(definition: &Definition, model: Option<&str>) -> Result<Subject, String> {
    let named = |name: &str| -> Result<String, String> {
        let by_name = definition.models.iter().find(|model| model.name.as_deref() == Some(name));
        let by_key =
            || definition.models.iter().find(|model| model.matches.iter().any(|known| known == name));
        let model = by_name.or_else(by_key).ok_or_else(|| {
            let names = list(definition.models.iter().filter_map(|model| model.name.as_deref()));
            format!("no model is called `{name}`; there are: {names}")
        })?;
        Ok(match model.matches.iter().any(|known| known == name) {
            true => name.to_owned(),
            false => model.matches.first().cloned().unwrap_or_default(),
        })
    };
    let model = match model {
        Some(name) => Some(named(name)?),
        None if definition.model("").is_some() => Some(String::new()),
        None => definition.models.iter().find_map(|model| model.matches.first().cloned()),
    };
    Ok(Subject {
        address: ADDRESS.to_owned(),
        model,
        available: definition.endpoints().to_vec(),
        ..Subject::default()
    })
}

fn play(bench: &mut Bench, step: &Step) -> Result<(), Wrong> {
    let at = |message: String| (step.place, message, None);
    match &step.act {
        Act::Nothing => {}
        Act::Set(values, duration) => {
            for (feature, kind, value) in values {
                bench.set(*feature, *kind, *value, *duration).map_err(at)?;
            }
            bench.flush();
        }
        Act::Stop => bench.stop(),
        Act::Wait(time) => bench.wait(*time),
        Act::Read(feature, kind) => {
            let feature = input(bench, *feature, *kind).map_err(at)?;
            bench.read(feature, *kind);
        }
        Act::Listen(feature, kind, on) => {
            let features = match feature {
                Some(feature) => vec![*feature],
                None => inputs(bench, *kind),
            };
            features.into_iter().for_each(|feature| bench.listen(feature, *kind, *on));
        }
    }
    for (from, bytes) in &step.hears {
        bench.hear(*from, bytes).map_err(at)?;
    }
    let failures = bench.take_failures();
    let answers = bench.take_answers();
    let failure = failures.first().or_else(|| answers.iter().find_map(|answer| answer.as_ref().err()));
    match (failure, &step.fails) {
        (Some(failure), Some(wanted)) if !failure.contains(wanted) => {
            return Err(at(format!("this fails with `{failure}`, not with `{wanted}`")));
        }
        (None, Some(wanted)) => return Err(at(format!("this does not fail, but should with `{wanted}`"))),
        (Some(failure), None) => return Err(at(format!("this fails: {failure}"))),
        _ => {}
    }
    compare(&bench.take_operations(), &step.sends, step.place)?;
    let notices = bench.take_notices();
    if notices.first() != step.notice.as_ref() {
        let said = notices.first().map_or("nothing".to_owned(), |notice| format!("`{notice}`"));
        let wanted = step.notice.as_ref().map_or("nothing".to_owned(), |notice| format!("`{notice}`"));
        return Err(at(format!("the user is told {said}, not {wanted}")));
    }
    let readings = bench.take_readings().into_iter().map(|(feature, _, value)| (Some(feature), value));
    let given: Vec<_> = answers.into_iter().flatten().map(|value| (None, value)).chain(readings).collect();
    let same = given.len() == step.gives.len()
        && given.iter().zip(&step.gives).all(|(given, wanted)| {
            given.1 == wanted.1 && (given.0.is_none() || wanted.0.is_none() || given.0 == wanted.0)
        });
    match same {
        true => Ok(()),
        false => Err(at(format!("this gives {}, not {}", values(&given), values(&step.gives)))),
    }
}

fn values(values: &[(Option<u32>, i64)]) -> String {
    let one = |(feature, value): &(Option<u32>, i64)| match feature {
        Some(feature) => format!("[{feature}, {value}]"),
        None => value.to_string(),
    };
    let all: Vec<_> = values.iter().take(10).map(one).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// The feature that is meant: the first that has such an input.
fn input(bench: &Bench, feature: Option<u32>, kind: InputKind) -> Result<u32, String> {
    let found = feature.or_else(|| inputs(bench, kind).first().copied());
    found.ok_or_else(|| format!("this device offers no {}", read::models::input_name(kind)))
}

fn inputs(bench: &Bench, kind: InputKind) -> Vec<u32> {
    let features = bench.description().map(|description| description.features.as_slice()).unwrap_or_default();
    features.iter().filter(|feature| feature.input(kind).is_some()).map(|feature| feature.index).collect()
}

fn compare(done: &[Operation], wanted: &[Operation], place: Place) -> Result<(), Wrong> {
    if done == wanted {
        return Ok(());
    }
    let as_text = are_text(wanted.iter().chain(done));
    let shown = |operations: &[Operation]| {
        let all: Vec<_> = operations
            .iter()
            .take(8)
            .map(|operation| format!("\"{}\"", notation(operation, as_text)))
            .collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    Err((place, format!("this sends {}, not {}", shown(done), shown(wanted)), None))
}
