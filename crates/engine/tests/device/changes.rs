//! What a program is told of an output that has to be written.

use std::time::Instant;

use frisson_engine::device::{Command, DeviceMachine, Input, Output};
use frisson_program::{Change, Context, Endpoint, Operation, Program, State};

use crate::bench::*;

/// Writes all that it is told of a change.
struct Verbose;

impl Program for Verbose {
    fn start(&mut self, cx: &mut Context<'_>) {
        cx.ready(Plain::new(vec![feature(0, vec![output(Rotate, -20, 20)])]).description);
    }

    fn render(&mut self, dirty: &[Change], _: &State, cx: &mut Context<'_>) {
        for change in dirty {
            let text = format!("{} after {} towards {}", change.value, change.previous, change.direction);
            cx.write(Endpoint::TX, text.as_bytes(), false);
        }
    }
}

/// What becomes of these values; each is written, or fails, before the next is set.
fn told(values: &[(i32, bool)]) -> Vec<String> {
    let mut now = Instant::now();
    let mut machine = DeviceMachine::new(now, Box::new(Verbose), settings(0));
    let mut told = Vec::new();
    for (value, works) in values {
        let duration = std::time::Duration::ZERO;
        machine
            .handle(now, Input::Command(Command::Set { feature: 0, kind: Rotate, value: *value, duration }));
        now =
            machine.poll_timeout().filter(|at| *at < now + std::time::Duration::from_secs(1)).unwrap_or(now);
        machine.handle(now, Input::Timeout);
        machine.handle(
            now,
            Input::Completed(if *works { Ok(Default::default()) } else { Err("no".to_owned()) }),
        );
        while let Some(output) = machine.poll_output() {
            if let Output::Operate(Operation::Write { bytes, .. }) = output {
                told.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    told
}

#[test]
fn the_previous_value_is_what_was_written_last() {
    assert_eq!(told(&[(5, true), (9, true)]), ["5 after 0 towards 1", "9 after 5 towards 1"]);
}

#[test]
fn a_value_that_was_not_written_is_not_a_previous_value() {
    let expected = ["5 after 0 towards 1", "7 after 5 towards 1", "9 after 5 towards 1"];
    assert_eq!(told(&[(5, true), (7, false), (9, true)]), expected);
}

#[test]
fn the_direction_is_that_of_the_last_value_other_than_zero() {
    let told = told(&[(-5, true), (0, true), (3, true), (4, true)]);
    let directions: Vec<_> = told.iter().filter_map(|text| text.split(' ').next_back()).collect();
    assert_eq!(directions, ["1", "-1", "-1", "1"]);
}
