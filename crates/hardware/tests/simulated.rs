//! Simulated devices, driven by their programs over their bytes, in virtual time.
#![cfg(feature = "simulated")]

use std::time::Duration;

use frisson_devices::simulated::SimulatedList;
use frisson_devices::{Catalogue, Connection};
use frisson_hardware::simulated::{Faults, SimulatedBus, Simulation, SimulationError};
use frisson_hardware::{Bus, ConnectPlan, Found, Notified, Port, PortError, Scanner, Sighting};
use frisson_program::{Change, Context, Description, Effect, Endpoint, Operation, Program, State};
use frisson_wire::InputKind::{Battery, Button, Pressure};
use frisson_wire::OutputKind::{
    self, Constrict, HwPositionWithDuration, Led, Oscillate, Position, Rotate, Temperature, Vibrate,
};
use frisson_wire::{InputKind, OutputKind as Kind};
use tokio::time::{Instant, advance, sleep, timeout};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn bus(list: &str) -> (SimulatedBus, Simulation) {
    let list: SimulatedList = list.parse().expect("a list");
    SimulatedBus::new(list.hardware(), 7).expect("addresses that differ")
}

/// No plan of its own: a simulated device needs none.
fn plans() -> Vec<ConnectPlan> {
    vec![ConnectPlan::default()]
}

async fn found(bus: &mut SimulatedBus) -> Option<Found> {
    timeout(ms(1), bus.next()).await.ok()
}

async fn sighted(bus: &mut SimulatedBus) -> Sighting {
    match found(bus).await {
        Some(Found::Device(sighting)) => sighting,
        other => panic!("no device: {other:?}"),
    }
}

/// A device with its program and an open port.
struct Rig {
    bus: SimulatedBus,
    simulation: Simulation,
    address: String,
    port: Box<dyn Port>,
    program: Box<dyn Program>,
    description: Description,
    state: State,
}

impl Rig {
    async fn new(archetype: &str) -> Self {
        let (mut bus, simulation) = bus(archetype);
        let sighting = sighted(&mut bus).await;
        let port = bus.connect(&sighting, plans()).await.expect("opens");
        let connection = Connection { available: port.endpoints().to_vec(), ..Connection::default() };
        let mut program = Catalogue::built_in().find(&sighting).expect("is known").program(&connection);
        let mut effects = Vec::new();
        program.start(&mut Context::new(std::time::Instant::now(), false, &mut effects));
        let Some(Effect::Ready(description)) = effects.pop() else { panic!("not ready") };
        let state = State::new(&description.features);
        let address = sighting.address;
        Self { bus, simulation, address, port, program, description: *description, state }
    }

    /// Lets the program do something and carries out what it wants, as a device machine does; returns all else that it said.
    async fn run(&mut self, what: impl FnOnce(&mut dyn Program, &State, &mut Context<'_>)) -> Vec<Effect> {
        let mut effects = Vec::new();
        let now = std::time::Instant::now();
        what(self.program.as_mut(), &self.state, &mut Context::new(now, true, &mut effects));
        let mut said = Vec::new();
        for effect in effects {
            let Effect::Operate(operation) = effect else {
                said.push(effect);
                continue;
            };
            let result = match &operation {
                Operation::Write { endpoint, bytes, confirm } => {
                    self.port.write(*endpoint, bytes, *confirm).await.map(|()| Vec::new())
                }
                Operation::Read { endpoint } => self.port.read(*endpoint).await,
                Operation::Listen { endpoint, on } => {
                    self.port.listen(*endpoint, *on).await.map(|()| Vec::new())
                }
            };
            let reason = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let result = result.as_deref().map_err(|_| reason.as_str());
            self.program.completed(&operation, result, &mut Context::new(now, true, &mut said));
        }
        said
    }

    async fn set(&mut self, settings: &[(u32, Kind, i32, u64)]) {
        let mut dirty = Vec::new();
        for &(feature, kind, value, duration) in settings {
            let at = self.state.position(feature, kind).expect("an output");
            let output = &mut self.state.outputs_mut()[at];
            output.value = value;
            output.duration = ms(duration);
            dirty.push(output.change());
        }
        assert_eq!(self.run(|program, state, cx| program.render(&dirty, state, cx)).await, []);
    }

    async fn read(&mut self, feature: u32, kind: InputKind) -> Result<i64, String> {
        match self.run(|program, _, cx| program.read(feature, kind, cx)).await.as_slice() {
            [Effect::ReadDone(of, what, result)] if (*of, *what) == (feature, kind) => result.clone(),
            other => panic!("no answer: {other:?}"),
        }
    }

    async fn listen(&mut self, feature: u32, kind: InputKind, on: bool) {
        assert_eq!(self.run(|program, _, cx| program.listen(feature, kind, on, cx)).await, []);
    }

    /// The next reading, and how long it took.
    async fn heard(&mut self) -> ((u32, InputKind, i64), Duration) {
        let before = Instant::now();
        match self.port.next().await {
            Notified::Bytes(from, bytes) => {
                let said = self.run(|program, _, cx| program.heard(from, &bytes, cx)).await;
                let [Effect::Reading(feature, kind, value)] = said[..] else { panic!("{said:?}") };
                ((feature, kind, value), before.elapsed())
            }
            Notified::Gone(reason) => panic!("gone: {reason}"),
        }
    }

    async fn is_quiet(&self, time: Duration) -> bool {
        timeout(time, self.port.next()).await.is_err()
    }

    fn actual(&self, feature: u32, kind: OutputKind) -> f64 {
        let state = self.simulation.state(&self.address).expect("a device");
        state.output(feature, kind).expect("an output").actual
    }

    fn target(&self, feature: u32, kind: OutputKind) -> i32 {
        let state = self.simulation.state(&self.address).expect("a device");
        state.output(feature, kind).expect("an output").target
    }

    fn writes(&self) -> u64 {
        self.simulation.state(&self.address).expect("a device").writes
    }

    fn faults(&self, faults: Faults) {
        self.simulation.set_faults(&self.address, faults).expect("a device");
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), PortError> {
        self.port.write(Endpoint::TX, bytes, true).await
    }
}

fn assert_near(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 0.5, "{actual} is not about {expected}");
}

// Finding and opening.

#[tokio::test(start_paused = true)]
async fn devices_are_offered_without_a_scan() {
    let (mut bus, simulation) = bus("1vibe:2,pump");
    assert_eq!(bus.name(), "simulated");
    let mut sightings = Vec::new();
    for _ in 0..3 {
        sightings.push(sighted(&mut bus).await);
    }
    assert_eq!(sightings, simulation.devices());
    assert_eq!(
        sightings.iter().map(|sighting| sighting.address.as_str()).collect::<Vec<_>>(),
        ["1vibe-1", "1vibe-2", "pump-1"]
    );
    assert_eq!(found(&mut bus).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_scan_offers_what_is_not_open_and_ends() {
    let (mut bus, simulation) = bus("1vibe:3");
    let first = sighted(&mut bus).await;
    let _port = bus.connect(&first, plans()).await.expect("opens");
    let second = sighted(&mut bus).await;
    let third = sighted(&mut bus).await;
    simulation.drop_device(&third.address).expect("a device");
    bus.scan(true);
    bus.scan(true);
    assert_eq!(found(&mut bus).await, Some(Found::Device(second)));
    assert_eq!(found(&mut bus).await, Some(Found::ScanEnded));
    bus.scan(false);
    assert_eq!(found(&mut bus).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_address_cannot_be_used_twice() {
    let devices = || "1vibe".parse::<SimulatedList>().expect("a list");
    let both = devices().hardware().chain(devices().hardware()).collect::<Vec<_>>();
    let error = SimulatedBus::new(both, 0).err();
    assert_eq!(error, Some(SimulationError::Duplicate("1vibe-1".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_device_is_open_only_once() {
    let (mut bus, simulation) = bus("1vibe");
    let sighting = sighted(&mut bus).await;
    let port = bus.connect(&sighting, plans()).await.expect("opens");
    assert!(matches!(bus.connect(&sighting, plans()).await.err(), Some(PortError::Failed(_))));
    port.close().await;
    assert!(!simulation.state("1vibe-1").expect("a device").connected);
    let port = bus.connect(&sighting, plans()).await.expect("opens again");
    drop(port);
    assert!(!simulation.state("1vibe-1").expect("a device").connected);
}

#[tokio::test(start_paused = true)]
async fn unknown_devices_are_named() {
    let (mut bus, simulation) = bus("1vibe");
    let unknown = Sighting::new(Bus::Simulated, "x", "");
    assert!(bus.connect(&unknown, plans()).await.is_err());
    let error = simulation.drop_device("x").expect_err("unknown");
    assert_eq!(error.to_string(), "there is no simulated device `x`");
}

// Behaviour.

#[tokio::test(start_paused = true)]
async fn every_archetype_takes_every_value_of_every_output() {
    for device in SimulatedList::default().iter() {
        let mut rig = Rig::new(device.archetype.id).await;
        let mut written = 0;
        for feature in rig.description.features.clone() {
            for output in &feature.outputs {
                for value in output.value.min..=output.value.max {
                    rig.set(&[(feature.index, output.kind, value, 0)]).await;
                    written += 1;
                    assert_eq!(rig.target(feature.index, output.kind), value);
                }
            }
        }
        assert_eq!(rig.writes(), written, "{}", device.archetype.id);
    }
}

#[tokio::test(start_paused = true)]
async fn every_archetype_answers_every_read() {
    for device in SimulatedList::default().iter() {
        let mut rig = Rig::new(device.archetype.id).await;
        for feature in rig.description.features.clone() {
            for input in &feature.inputs {
                let value = rig.read(feature.index, input.kind).await;
                assert_eq!(value.is_ok(), input.read, "{} {}", device.archetype.id, input.kind);
                let is_valid = |value| input.values.iter().any(|range| range.contains(value));
                assert!(value.is_ok_and(is_valid) || !input.read);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_motor_needs_time() {
    let mut rig = Rig::new("1vibe").await;
    rig.set(&[(0, Vibrate, 100, 0)]).await;
    assert_near(rig.actual(0, Vibrate), 0.0);
    advance(ms(75)).await;
    assert_near(rig.actual(0, Vibrate), 50.0);
    rig.set(&[(0, Vibrate, 0, 0)]).await;
    assert_near(rig.actual(0, Vibrate), 50.0);
    advance(ms(75)).await;
    assert_near(rig.actual(0, Vibrate), 0.0);
}

#[tokio::test(start_paused = true)]
async fn two_motors_are_set_with_one_write() {
    let mut rig = Rig::new("2vibe").await;
    rig.set(&[(0, Vibrate, 20, 0), (1, Vibrate, 80, 0)]).await;
    advance(ms(150)).await;
    assert_near(rig.actual(0, Vibrate), 20.0);
    assert_near(rig.actual(1, Vibrate), 80.0);
    assert_eq!(rig.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rotator_turns_through_rest() {
    let mut rig = Rig::new("rotator").await;
    rig.set(&[(0, Rotate, -100, 0)]).await;
    advance(ms(150)).await;
    assert_near(rig.actual(0, Rotate), -100.0);
    rig.set(&[(0, Rotate, 100, 0)]).await;
    advance(ms(150)).await;
    assert_near(rig.actual(0, Rotate), 0.0);
    advance(ms(150)).await;
    assert_near(rig.actual(0, Rotate), 100.0);
}

#[tokio::test(start_paused = true)]
async fn an_oscillator_comes_to_its_speed() {
    let mut rig = Rig::new("oscillator").await;
    rig.set(&[(0, Oscillate, 40, 0)]).await;
    advance(ms(60)).await;
    assert_near(rig.actual(0, Oscillate), 40.0);
}

#[tokio::test(start_paused = true)]
async fn a_stroker_travels_at_a_finite_speed() {
    let mut rig = Rig::new("stroker").await;
    rig.set(&[(0, Position, 1000, 0)]).await;
    advance(ms(100)).await;
    assert_near(rig.actual(0, Position), 250.0);
    assert!(!rig.simulation.state("stroker-1").expect("a device").is_at_rest());
    advance(ms(300)).await;
    assert_near(rig.actual(0, Position), 1000.0);
    assert!(rig.simulation.state("stroker-1").expect("a device").is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn a_timed_move_takes_the_time_asked_for() {
    let mut rig = Rig::new("stroker").await;
    rig.set(&[(0, HwPositionWithDuration, 1000, 2000)]).await;
    advance(ms(500)).await;
    assert_near(rig.actual(0, HwPositionWithDuration), 250.0);
    rig.set(&[(0, HwPositionWithDuration, 0, 1000)]).await;
    advance(ms(500)).await;
    assert_near(rig.actual(0, HwPositionWithDuration), 125.0);
    assert_near(rig.actual(0, Position), 125.0);
}

#[tokio::test(start_paused = true)]
async fn a_timed_move_cannot_be_faster_than_the_stroker() {
    let mut rig = Rig::new("stroker").await;
    rig.set(&[(0, HwPositionWithDuration, 1000, 1)]).await;
    advance(ms(200)).await;
    assert_near(rig.actual(0, Position), 500.0);
}

#[tokio::test(start_paused = true)]
async fn a_halted_stroker_stays_where_it_is() {
    let mut rig = Rig::new("stroker").await;
    rig.set(&[(0, HwPositionWithDuration, 1000, 2000)]).await;
    advance(ms(700)).await;
    let movement: Change = rig.state.output(0, HwPositionWithDuration).expect("an output").change();
    assert_eq!(rig.run(|program, state, cx| program.halt(&movement, state, cx)).await, []);
    advance(ms(5000)).await;
    assert_near(rig.actual(0, Position), 350.0);
    assert_eq!(rig.target(0, Position), 350);
    assert!(rig.simulation.state("stroker-1").expect("a device").is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn a_heater_warms_slowly_and_a_light_shines_at_once() {
    let mut rig = Rig::new("heater").await;
    rig.set(&[(0, Temperature, 10, 0), (1, Led, 70, 0)]).await;
    assert_near(rig.actual(1, Led), 70.0);
    advance(Duration::from_secs(30)).await;
    assert_near(rig.actual(0, Temperature), 5.0);
}

#[tokio::test(start_paused = true)]
async fn the_pressure_follows_the_pump() {
    let mut rig = Rig::new("pump").await;
    rig.listen(1, Pressure, true).await;
    assert_eq!(rig.heard().await, ((1, Pressure, 0), ms(0)));
    assert!(rig.is_quiet(ms(10_000)).await);
    rig.set(&[(0, Constrict, 10, 0)]).await;
    assert_near(rig.actual(0, Constrict), 0.0);
    for step in 1..=20 {
        assert_eq!(rig.heard().await, ((1, Pressure, step * 100), ms(100)));
    }
    assert!(rig.is_quiet(Duration::from_secs(60)).await);
    assert_eq!(rig.read(1, Pressure).await, Ok(2000));
}

#[tokio::test(start_paused = true)]
async fn the_battery_drains_faster_under_load() {
    let mut rig = Rig::new("1vibe").await;
    assert_eq!(rig.read(1, Battery).await, Ok(100));
    advance(Duration::from_secs(3600)).await;
    assert_eq!(rig.read(1, Battery).await, Ok(96));
    rig.set(&[(0, Vibrate, 100, 0)]).await;
    advance(Duration::from_secs(1800)).await;
    assert_eq!(rig.read(1, Battery).await, Ok(44));
    advance(Duration::from_secs(36_000)).await;
    assert_eq!(rig.read(1, Battery).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn strokes_drain_the_battery() {
    let mut rig = Rig::new("stroker").await;
    for _ in 0..1000 {
        rig.set(&[(0, Position, 1000, 0)]).await;
        advance(ms(400)).await;
        rig.set(&[(0, Position, 0, 0)]).await;
        advance(ms(400)).await;
    }
    let level = rig.read(1, Battery).await.expect("a level");
    assert!((75..=80).contains(&level), "{level}");
}

#[tokio::test(start_paused = true)]
async fn who_listens_to_the_battery_hears_each_percent() {
    let mut rig = Rig::new("1vibe").await;
    rig.listen(1, Battery, true).await;
    assert_eq!(rig.heard().await, ((1, Battery, 100), ms(0)));
    rig.set(&[(0, Vibrate, 100, 0)]).await;
    for percent in (0..100).rev() {
        let (reading, after) = rig.heard().await;
        assert_eq!(reading, (1, Battery, percent));
        assert!((34..=35).contains(&after.as_secs()), "{after:?}");
    }
    assert!(rig.is_quiet(Duration::from_secs(100_000)).await);
}

#[tokio::test(start_paused = true)]
async fn the_button_is_pressed_now_and_then() {
    let mut rig = Rig::new("remote").await;
    rig.listen(0, Button, true).await;
    for _ in 0..50 {
        let (down, gap) = rig.heard().await;
        assert_eq!(down, (0, Button, 1));
        assert!((ms(4_500)..=ms(20_001)).contains(&gap), "{gap:?}");
        let (up, length) = rig.heard().await;
        assert_eq!(up, (0, Button, 0));
        assert!((ms(100)..=ms(401)).contains(&length), "{length:?}");
    }
    rig.listen(0, Button, false).await;
    assert!(rig.is_quiet(Duration::from_secs(1000)).await);
}

#[tokio::test(start_paused = true)]
async fn a_button_that_is_pressed_is_heard_at_once() {
    let mut rig = Rig::new("remote").await;
    rig.listen(0, Button, true).await;
    rig.simulation.press("remote-1").expect("a button");
    assert_eq!(rig.heard().await, ((0, Button, 1), ms(0)));
    assert_eq!(rig.simulation.state("remote-1").expect("a device").input(Button), Some(1));
    assert_eq!(rig.heard().await.0, (0, Button, 0));
}

#[tokio::test(start_paused = true)]
async fn a_device_without_a_button_cannot_be_pressed() {
    let (_, simulation) = bus("1vibe");
    assert_eq!(simulation.press("1vibe-1"), Err(SimulationError::NoButton("1vibe-1".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_nobody_listens_to_says_nothing_and_sets_no_timer() {
    for device in SimulatedList::default().iter() {
        let rig = Rig::new(device.archetype.id).await;
        let mut next = by_hand(rig.port.next());
        assert!(!next.poll_once());
        for _ in 0..100 {
            advance(Duration::from_secs(1000)).await;
            assert!(!next.was_woken(), "{}", device.archetype.id);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reports_that_nobody_fetches_are_bounded() {
    let mut rig = Rig::new("remote").await;
    rig.listen(0, Button, true).await;
    for _ in 0..1000 {
        rig.simulation.press("remote-1").expect("a button");
        advance(ms(500)).await;
        assert!(rig.simulation.log("remote-1").expect("a device").is_empty());
        rig.read(1, Battery).await.expect("a level");
    }
    let mut count = 0;
    while timeout(ms(0), rig.port.next()).await.is_ok() {
        count += 1;
    }
    assert!((64..=65).contains(&count), "{count}");
}

// Loss and return.

#[tokio::test(start_paused = true)]
async fn a_dropped_device_is_gone() {
    let mut rig = Rig::new("1vibe").await;
    rig.set(&[(0, Vibrate, 60, 0)]).await;
    let next = rig.port.next();
    rig.simulation.drop_device("1vibe-1").expect("a device");
    assert!(matches!(next.await, Notified::Gone(_)));
    assert!(matches!(rig.write(&[0; 10]).await, Err(PortError::Gone(_))));
    assert!(matches!(rig.port.read(Endpoint::RX).await, Err(PortError::Gone(_))));
    let sighting = rig.simulation.devices().remove(0);
    assert!(matches!(rig.bus.connect(&sighting, plans()).await.err(), Some(PortError::Gone(_))));
    let state = rig.simulation.state("1vibe-1").expect("a device");
    assert!(!state.present && !state.connected);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_returns_is_offered_and_still_does_what_it_was_told() {
    let mut rig = Rig::new("1vibe").await;
    rig.set(&[(0, Vibrate, 60, 0)]).await;
    rig.simulation.drop_device("1vibe-1").expect("a device");
    advance(ms(1000)).await;
    rig.simulation.return_device("1vibe-1").expect("a device");
    rig.simulation.return_device("1vibe-1").expect("a device");
    let sighting = sighted(&mut rig.bus).await;
    assert_eq!(found(&mut rig.bus).await, None);
    let new = rig.bus.connect(&sighting, plans()).await.expect("opens");
    assert_near(rig.actual(0, Vibrate), 60.0);
    assert!(matches!(rig.port.next().await, Notified::Gone(_)), "the old link stays gone");
    rig.port.close().await;
    assert!(rig.simulation.state("1vibe-1").expect("a device").connected);
    assert!(timeout(ms(10), new.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_was_listened_to_is_forgotten_with_the_link() {
    let mut rig = Rig::new("pump").await;
    rig.listen(1, Pressure, true).await;
    rig.simulation.drop_device("pump-1").expect("a device");
    rig.simulation.return_device("pump-1").expect("a device");
    let sighting = sighted(&mut rig.bus).await;
    rig.port = rig.bus.connect(&sighting, plans()).await.expect("opens");
    rig.set(&[(0, Constrict, 10, 0)]).await;
    assert!(rig.is_quiet(ms(5000)).await);
}

// Faults.

#[tokio::test(start_paused = true)]
async fn writes_fail_as_often_as_asked_for() {
    let mut rig = Rig::new("1vibe").await;
    rig.faults(Faults { fail_writes: 2, fail_reads: 1, ..Faults::default() });
    let packet = [0, 0, 5, 0, 0, 0, 0, 0, 0, 0];
    for _ in 0..2 {
        assert!(matches!(rig.write(&packet).await, Err(PortError::Failed(_))));
    }
    assert_eq!(rig.write(&packet).await, Ok(()));
    assert!(rig.read(1, Battery).await.is_err());
    assert_eq!(rig.read(1, Battery).await, Ok(100));
    let state = rig.simulation.state("1vibe-1").expect("a device");
    assert_eq!((state.writes, state.failed_writes), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn opening_fails_as_often_as_asked_for() {
    let (mut bus, simulation) = bus("1vibe");
    let sighting = sighted(&mut bus).await;
    simulation.set_faults("1vibe-1", Faults { fail_connects: 1, ..Faults::default() }).expect("a device");
    assert!(bus.connect(&sighting, plans()).await.is_err());
    assert!(bus.connect(&sighting, plans()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_slow_write_takes_effect_at_its_end() {
    let mut rig = Rig::new("heater").await;
    rig.faults(Faults { write_delay: ms(300), ..Faults::default() });
    let before = Instant::now();
    rig.set(&[(1, Led, 9, 0)]).await;
    assert_eq!(before.elapsed(), ms(300));
    let log = rig.simulation.log("heater-1").expect("a device");
    assert_eq!(log.iter().map(|written| written.at).collect::<Vec<_>>(), [before + ms(300)]);
    assert!(timeout(ms(100), rig.write(&[1, 6, 1, 0, 0, 0, 0, 0, 0, 0])).await.is_err());
    advance(ms(1000)).await;
    assert_eq!(rig.target(1, Led), 9, "a write that was given up is not made");
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_answers_only_with_its_loss() {
    let rig = Rig::new("1vibe").await;
    rig.faults(Faults { silent: true, ..Faults::default() });
    assert!(timeout(Duration::from_secs(3600), rig.write(&[0; 10])).await.is_err());
    let battery = Endpoint::new("battery").expect("a name");
    assert!(timeout(Duration::from_secs(3600), rig.port.read(battery)).await.is_err());
    let simulation = rig.simulation.clone();
    tokio::spawn(async move {
        sleep(ms(50)).await;
        simulation.drop_device("1vibe-1")
    });
    assert!(matches!(rig.write(&[0; 10]).await, Err(PortError::Gone(_))));
    assert_eq!(rig.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_out_of_form_are_refused_and_change_nothing() {
    let rig = Rig::new("stroker").await;
    let go = [0, 7, 100, 0, 0, 0, 0, 0, 0, 0];
    let with = |place: usize, byte| {
        let mut packet = go;
        packet[place] = byte;
        packet.to_vec()
    };
    let cases = [
        (vec![], "not 1 to 50 records"),
        (vec![0; 9], "not 1 to 50 records"),
        (go.repeat(51), "not 1 to 50 records"),
        ([go, [9; 10]].concat(), "there is no output 9"),
        (with(0, 1), "feature 1 has no Position"),
        (with(0, 255), "feature 255 has no Position"),
        (with(1, 0), "feature 0 has no Vibrate"),
        (with(1, 9), "there is no output 9"),
        (with(3, 4), "Position 1124 is beyond 0 to 1000"),
        (with(5, 255), "beyond 0 to 1000"),
        (with(6, 1), "within 1 ms is beyond 0 to 0 ms"),
        (vec![1, 255, 0, 0, 0, 0, 0, 0, 0, 0], "feature 1 has no move to end"),
        (vec![0, 8, 1, 0, 0, 0, 255, 255, 255, 255], "within 4294967295 ms"),
    ];
    for (bytes, reason) in cases {
        let error = rig.write(&bytes).await.expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(rig.target(0, Position), 0);
    assert_eq!(rig.port.write(Endpoint::RX, &go, true).await, Err(PortError::NoEndpoint(Endpoint::RX)));
    assert_eq!(rig.port.listen(Endpoint::TX, true).await, Err(PortError::NoEndpoint(Endpoint::TX)));
}

// Looking.

#[tokio::test(start_paused = true)]
async fn the_log_is_bounded() {
    let mut rig = Rig::new("1vibe").await;
    for round in 0..300 {
        rig.set(&[(0, Vibrate, round % 100, 0)]).await;
    }
    let log = rig.simulation.log("1vibe-1").expect("a device");
    assert_eq!(log.len(), 256);
    assert_eq!(log.first().map(|written| &written.bytes[..3]), Some(&[0, 0, 44][..]));
    assert_eq!(rig.writes(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_state_can_be_waited_for() {
    let mut rig = Rig::new("1vibe").await;
    let simulation = rig.simulation.clone();
    let waiting = tokio::spawn(async move {
        simulation.wait_for("1vibe-1", |state| state.output(0, Vibrate).is_some_and(|o| o.target == 3)).await
    });
    tokio::task::yield_now().await;
    for value in 1..=3 {
        rig.set(&[(0, Vibrate, value, 0)]).await;
    }
    let state = waiting.await.expect("no panic").expect("a device");
    assert_eq!(state.writes, 3);
    assert!(rig.simulation.wait_for("x", |_| true).await.is_err());
}

/// A future that is polled by hand and knows whether it was woken.
struct ByHand<F> {
    future: F,
    woken: std::sync::Arc<Flag>,
}

#[derive(Default)]
struct Flag(std::sync::atomic::AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

fn by_hand<F: Future + Unpin>(future: F) -> ByHand<F> {
    ByHand { future, woken: std::sync::Arc::default() }
}

impl<F: Future + Unpin> ByHand<F> {
    fn poll_once(&mut self) -> bool {
        let waker = std::task::Waker::from(std::sync::Arc::clone(&self.woken));
        let mut cx = std::task::Context::from_waker(&waker);
        std::pin::Pin::new(&mut self.future).poll(&mut cx).is_ready()
    }

    fn was_woken(&self) -> bool {
        self.woken.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
