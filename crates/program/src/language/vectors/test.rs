//! Tests as they stand in a file.

use std::time::Duration;

use frisson_wire::{InputKind, OutputKind};

use super::super::definition::Model;
use super::super::diagnostic::Place;
use crate::{Endpoint, Operation, Packet};

/// One `[[tests]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Test {
    pub(in super::super) model: Option<String>,
    /// A model that only this test has, as a user may define one.
    pub(in super::super) own: Option<Model>,
    pub(in super::super) name: Option<String>,
    pub(in super::super) manufacturer: Vec<(u16, Vec<u8>)>,
    pub(in super::super) has: Option<Vec<Endpoint>>,
    /// What the greeting does, where it does not depend on answers.
    pub(in super::super) init: Option<Vec<Operation>>,
    /// How the greeting goes.
    pub(in super::super) script: Option<Vec<Step>>,
    /// The name of the model that it turns out to be.
    pub(in super::super) becomes: Option<String>,
    pub(in super::super) steps: Vec<Step>,
    pub(in super::super) place: Place,
}

/// Something that happens, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Step {
    pub(in super::super) act: Act,
    pub(in super::super) hears: Vec<(Endpoint, Packet)>,
    pub(in super::super) sends: Vec<Operation>,
    pub(in super::super) gives: Vec<(Option<u32>, i64)>,
    pub(in super::super) notice: Option<String>,
    pub(in super::super) fails: Option<String>,
    pub(in super::super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Act {
    Nothing,
    /// Feature, kind where the feature has several, value; and the duration of moves.
    Set(Vec<(u32, Option<OutputKind>, i32)>, Duration),
    Stop,
    Wait(Duration),
    Read(Option<u32>, InputKind),
    Listen(Option<u32>, InputKind, bool),
}
