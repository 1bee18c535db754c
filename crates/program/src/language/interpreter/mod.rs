//! A protocol at work: the program that a definition makes for one connection to one device.

mod glide;
mod greeting;
mod inputs;
mod render;
mod scene;

use std::sync::Arc;
use std::time::{Duration, Instant};

use frisson_wire::{InputKind, OutputKind};
use smallvec::SmallVec;

use self::glide::Glide;
use self::greeting::Greeting;
use self::inputs::Inputs;
use self::scene::World;
use super::definition::{Definition, Model, Target};
use crate::{Change, Context, Description, Endpoint, Operation, Program, State};

/// How often a device on a transport that sleeps is written to, unless its protocol says otherwise.
const AWAKE: Duration = Duration::from_secs(5);

/// A device that was found, and what is known of it when it is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// What it calls itself.
    pub name: String,
    /// What makes it recognisable; `{address}` in templates.
    pub address: String,
    /// What it advertised of its manufacturers.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    /// The key of its model, where the bus knows it; then nothing is asked.
    pub model: Option<String>,
    /// The endpoints that it really has.
    pub available: Vec<Endpoint>,
    /// Whether the transport sleeps when nothing is written.
    pub sleeps: bool,
}

/// Packets, by their places in the definition.
type Plan = SmallVec<[u8; 8]>;

/// The program of a protocol that is a file.
#[derive(Debug)]
pub(super) struct Interpreter {
    definition: Arc<Definition>,
    subject: Subject,
    /// What the model is known by.
    key: String,
    world: World,
    greeting: Greeting,
    /// The packets of each output, in the order of the file.
    plan: Vec<Plan>,
    /// How each output was last moved.
    moves: Vec<Move>,
    glides: Vec<Glide>,
    inputs: Inputs,
    /// The endpoint that was chosen among several.
    there: Option<Endpoint>,
    /// The endpoint that was subscribed to last.
    heard: Option<Endpoint>,
}

/// How an output was last moved.
#[derive(Debug, Clone, Copy, Default)]
struct Move {
    from: i32,
    to: i32,
    began: Option<Instant>,
    takes: Duration,
}

impl Move {
    /// Where it is by now, if it moves evenly.
    fn place(&self, now: Instant) -> i32 {
        let part = self.began.map_or(self.takes, |began| now.saturating_duration_since(began));
        between(self.from, self.to, part, self.takes)
    }
}

/// The place between two others after a part of a time.
fn between(from: i32, to: i32, part: Duration, whole: Duration) -> i32 {
    let (part, whole) = (part.min(whole).as_micros(), whole.as_micros());
    let (Ok(part), Ok(whole @ 1..)) = (i128::try_from(part), i128::try_from(whole)) else { return to };
    let way = i128::from(to) - i128::from(from);
    i32::try_from(i128::from(from) + way * part / whole).unwrap_or(to)
}

impl Interpreter {
    pub(super) fn new(definition: Arc<Definition>, subject: Subject) -> Self {
        let has = definition.names.endpoints.iter().take(64).zip(0_u32..);
        let has = has.filter(|(endpoint, _)| subject.available.contains(endpoint));
        let world = World {
            address: subject.address.clone(),
            has: has.fold(0, |has, (_, at)| has | 1 << at),
            captured: vec![Default::default(); definition.names.captures.len()],
            ..World::default()
        };
        Self {
            definition,
            subject,
            key: String::new(),
            world,
            greeting: Greeting::default(),
            plan: Vec::new(),
            moves: Vec::new(),
            glides: Vec::new(),
            inputs: Inputs::default(),
            there: None,
            heard: None,
        }
    }

    fn has(&self, endpoint: Endpoint) -> bool {
        self.subject.available.contains(&endpoint)
    }

    /// The endpoint that is meant; otherwise what is missing.
    fn resolve(&mut self, target: &Target) -> Result<Endpoint, String> {
        match target {
            Target::Endpoint(endpoint) if self.has(*endpoint) => Ok(*endpoint),
            Target::Endpoint(endpoint) => Err(format!("the device has no endpoint `{endpoint}`")),
            Target::There => self.there.ok_or_else(|| "no endpoint has been chosen".to_owned()),
            Target::Heard => Ok(self.heard.unwrap_or(Endpoint::RX)),
            Target::First(endpoints) => {
                let first = endpoints.iter().copied().find(|endpoint| self.has(*endpoint));
                self.there = first.or(self.there);
                first.ok_or_else(|| {
                    let names = super::names::list(endpoints.iter().map(Endpoint::name));
                    format!("the device has none of the endpoints {names}")
                })
            }
        }
    }

    /// Takes on the model of this key and describes the device; otherwise what is wrong.
    fn bind(&mut self, key: String) -> Result<Description, String> {
        let definition = self.definition.clone();
        let Some(model) = definition.model(&key) else {
            let known = definition.models.iter().flat_map(|model| &model.matches).map(String::as_str);
            let known = super::names::list(known);
            return Err(format!("no model of `{}` is known as `{key}`; known are: {known}", definition.id));
        };
        self.key = key;
        self.world.bind(&definition, model);
        let outputs = self.world.outputs.iter();
        self.plan = outputs.map(|known| plan(&definition, model, known.feature, known.kind)).collect();
        self.moves = vec![Move::default(); self.plan.len()];
        let features = self.inputs.bind(&definition, model, &self.subject.available);
        let every = definition.keepalive.every;
        let own_name = || match self.subject.name.as_str() {
            "" => definition.id.to_string(),
            name => name.to_owned(),
        };
        Ok(Description {
            protocol: model.protocol.clone().unwrap_or_else(|| definition.id.to_string()),
            model: self.key.clone(),
            name: model.name.clone().unwrap_or_else(own_name),
            features,
            gap: model.gap.or(definition.gap),
            keepalive: every.or(self.subject.sleeps.then_some(AWAKE)),
        })
    }

    /// Asks to be woken when something is next due.
    fn arm(&self, cx: &mut Context<'_>) {
        let glides = self.glides.iter().map(|glide| glide.next);
        let deadlines = [self.greeting.deadline, self.inputs.deadline()].into_iter().flatten();
        if let Some(at) = glides.chain(deadlines).min() {
            cx.wake_at(at);
        }
    }
}

/// The packets that an output is rendered with.
fn plan(definition: &Definition, model: &Model, feature: u32, kind: OutputKind) -> Plan {
    let packets = definition.packets.iter().zip(0_u8..);
    packets.filter(|(packet, _)| packet.serves(model, feature, kind)).map(|(_, at)| at).collect()
}

impl Program for Interpreter {
    fn start(&mut self, cx: &mut Context<'_>) {
        self.greet(cx);
        self.arm(cx);
    }

    fn completed(&mut self, operation: &Operation, result: Result<&[u8], &str>, cx: &mut Context<'_>) {
        if self.greeting.is_over() {
            self.input_completed(operation, result, cx);
        } else {
            self.greeting_completed(operation, result, cx);
        }
        self.arm(cx);
    }

    fn heard(&mut self, from: Endpoint, bytes: &[u8], cx: &mut Context<'_>) {
        if self.greeting.is_over() {
            self.input_heard(from, bytes, cx);
        } else {
            self.greeting_heard(from, bytes, cx);
        }
        self.arm(cx);
    }

    fn render(&mut self, dirty: &[Change], state: &State, cx: &mut Context<'_>) {
        self.render_changes(dirty, state, cx);
        self.arm(cx);
    }

    fn halt(&mut self, movement: &Change, state: &State, cx: &mut Context<'_>) {
        self.end_move(movement, state, cx);
        self.arm(cx);
    }

    fn keepalive(&mut self, state: &State, cx: &mut Context<'_>) {
        self.feed(state, cx);
        self.arm(cx);
    }

    fn read(&mut self, feature: u32, kind: InputKind, cx: &mut Context<'_>) {
        self.begin_read(feature, kind, cx);
        self.arm(cx);
    }

    fn listen(&mut self, feature: u32, kind: InputKind, on: bool, cx: &mut Context<'_>) {
        self.input_listen(feature, kind, on, cx);
        self.arm(cx);
    }

    fn tick(&mut self, cx: &mut Context<'_>) {
        if self.greeting.is_over() {
            self.glide_on(cx);
            self.expire_reads(cx);
        } else {
            self.greeting_expired(cx);
        }
        self.arm(cx);
    }
}
