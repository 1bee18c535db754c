//! Every target takes all of its seeds, tells good input from bad, and finds what is wrong.

use frisson_fuzz::mutate::{Chance, mutate};
use frisson_fuzz::{Outcome, TARGETS};

#[test]
fn every_target_has_seeds_and_holds_for_all_of_them() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let accepted = seeds.iter().filter(|seed| (target.run)(seed) == Outcome::Accepted).count();
        assert!(accepted > 0, "{}: of {} seeds none is accepted", target.name, seeds.len());
    }
}

#[test]
fn most_real_expressions_and_all_device_files_are_accepted() {
    let accepted = |name: &str| {
        let target = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
        let outcomes: Vec<_> = (target.seeds)().iter().map(|seed| (target.run)(seed)).collect();
        (outcomes.iter().filter(|outcome| **outcome == Outcome::Accepted).count(), outcomes.len())
    };
    let (good, all) = accepted("file");
    assert_eq!(good, all);
    let (good, all) = accepted("expression");
    assert!(good * 3 > all, "{good} of {all}");
}

#[test]
fn chance_that_begins_with_the_same_number_gives_the_same_inputs() {
    let corpus = (TARGETS[0].seeds)();
    let inputs = |seed| {
        let mut chance = Chance::new(seed);
        (0..50).map(|_| mutate(&mut chance, &corpus, 100)).collect::<Vec<_>>()
    };
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
    assert!(inputs(9).iter().all(|input| input.len() <= 100));
}

#[test]
fn some_changed_inputs_hold_for_every_target() {
    for target in TARGETS {
        let corpus = (target.seeds)();
        let mut chance = Chance::new(1);
        for _ in 0..100 {
            (target.run)(&mutate(&mut chance, &corpus, target.longest));
        }
    }
}
