//! Whatever clients, devices and users do: every request has one answer, every frame keeps to the rules, and in the end nothing runs.

use std::collections::BTreeMap;
use std::time::Duration;

use frisson_testkit::wire::{Dialect, InputKind};
use frisson_testkit::{Faults, Receipt, Scanning, Setup, TestDevice, VirtualServer};
use proptest::prelude::*;

const DEVICES: [&str; 8] = ["V", "E", "N", "L", "B", "T", "H", "S"];
const CLIENTS: [&str; 3] = ["one", "two", "three"];

#[derive(Debug, Clone)]
enum Event {
    Open(usize, Dialect),
    /// A message of this type, whether or not the client's version has it.
    Send(usize, Message),
    Garbage(usize, &'static str),
    Cut(usize),
    Wait(u64),
    Plug(usize),
    Unplug(usize),
    Faults(usize, Faults),
    Measure(i64),
    EmergencyStop,
    Release,
}

#[derive(Debug, Clone)]
struct Message {
    kind: usize,
    device: u32,
    feature: u32,
    value: i32,
}

impl Message {
    fn text(&self, id: u32) -> String {
        let Self { device, feature, value, .. } = *self;
        let fraction = f64::from(value) / 20.0;
        let body = match self.kind {
            0 => r#""Ping":{"Id":ID}"#.to_owned(),
            1 => r#""RequestDeviceList":{"Id":ID}"#.to_owned(),
            2 => r#""StartScanning":{"Id":ID}"#.to_owned(),
            3 => r#""StopScanning":{"Id":ID}"#.to_owned(),
            4 => format!(r#""SingleMotorVibrateCmd":{{"Id":ID,"DeviceIndex":{device},"Speed":{fraction}}}"#),
            5 => format!(
                r#""VibrateCmd":{{"Id":ID,"DeviceIndex":{device},"Speeds":[{{"Index":{feature},"Speed":{fraction}}}]}}"#
            ),
            6 => format!(
                r#""LinearCmd":{{"Id":ID,"DeviceIndex":{device},"Vectors":[{{"Index":{feature},"Duration":300,"Position":{fraction}}}]}}"#
            ),
            7 => format!(
                r#""ScalarCmd":{{"Id":ID,"DeviceIndex":{device},"Scalars":[{{"Index":{feature},"Scalar":{fraction},"ActuatorType":"Vibrate"}}]}}"#
            ),
            8 => format!(r#""BatteryLevelCmd":{{"Id":ID,"DeviceIndex":{device}}}"#),
            9 => format!(
                r#""SensorReadCmd":{{"Id":ID,"DeviceIndex":{device},"SensorIndex":0,"SensorType":"Battery"}}"#
            ),
            10 => format!(r#""StopDeviceCmd":{{"Id":ID,"DeviceIndex":{device}}}"#),
            11 => r#""StopAllDevices":{"Id":ID}"#.to_owned(),
            12 => r#""StopCmd":{"Id":ID}"#.to_owned(),
            13 => format!(r#""StopCmd":{{"Id":ID,"DeviceIndex":{device},"FeatureIndex":{feature}}}"#),
            14 => format!(
                r#""InputCmd":{{"Id":ID,"DeviceIndex":{device},"FeatureIndex":{feature},"Type":"Battery","Command":"Read"}}"#
            ),
            15 => format!(
                r#""InputCmd":{{"Id":ID,"DeviceIndex":{device},"FeatureIndex":7,"Type":"Pressure","Command":"Subscribe"}}"#
            ),
            16 => format!(
                r#""OutputCmd":{{"Id":ID,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{"HwPositionWithDuration":{{"Value":{value},"Duration":400}}}}}}"#
            ),
            17 => r#""Test":{"Id":ID,"TestString":"x"}"#.to_owned(),
            18 => format!(
                r#""FleshlightLaunchFW12Cmd":{{"Id":ID,"DeviceIndex":{device},"Position":{value},"Speed":{value}}}"#
            ),
            19 => format!(
                r#""OutputCmd":{{"Id":ID,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{"Rotate":{{"Value":-{value}}}}}}}"#
            ),
            20 => r#""Disconnect":{"Id":ID}"#.to_owned(),
            _ => format!(
                r#""OutputCmd":{{"Id":ID,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{"Vibrate":{{"Value":{value}}}}}}}"#
            ),
        };
        format!("{{{}}}", body.replace("ID", &id.to_string()))
    }

    /// Whether its answer may have to wait for hardware.
    fn may_wait(&self) -> bool {
        matches!(self.kind, 8..=14 | 20)
    }
}

fn message() -> impl Strategy<Value = Message> {
    // Vibrations are the most frequent, so that something runs; farewells are rare.
    (0..40_usize, 0..9_u32, 0..5_u32, 0..22_i32, 0..10_u32).prop_map(
        |(kind, device, feature, value, luck)| {
            let kind = if kind == 20 && luck > 0 { 21 } else { kind };
            Message { kind, device, feature, value }
        },
    )
}

fn faults() -> impl Strategy<Value = Faults> {
    (0..4_u64, 0..3_u64, 0..5_u32, 0..2_u32, any::<u8>()).prop_map(
        |(write, read, fail_writes, fail_reads, silent)| Faults {
            write_delay: Duration::from_millis([0, 3, 60, 900][usize::try_from(write).unwrap()]),
            read_delay: Duration::from_millis([0, 40, 2000][usize::try_from(read).unwrap()]),
            fail_writes: fail_writes.saturating_sub(2),
            fail_reads,
            silent: silent < 16,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let client = 0..CLIENTS.len();
    let device = 0..DEVICES.len();
    prop_oneof![
        3 => (client.clone(), prop::sample::select(&Dialect::ALL[..])).prop_map(|(client, dialect)| Event::Open(client, dialect)),
        24 => (client.clone(), message()).prop_map(|(client, message)| Event::Send(client, message)),
        1 => (client.clone(), prop::sample::select(vec!["", "[", "{}", "[1]", "[{}]", "null"])).prop_map(|(client, text)| Event::Garbage(client, text)),
        1 => client.prop_map(Event::Cut),
        8 => prop::sample::select(vec![0, 1, 5, 20, 99, 100, 300, 1000]).prop_map(Event::Wait),
        6 => device.clone().prop_map(Event::Plug),
        1 => device.clone().prop_map(Event::Unplug),
        2 => (device, faults()).prop_map(|(device, faults)| Event::Faults(device, faults)),
        1 => (0..2000_i64).prop_map(Event::Measure),
        1 => Just(Event::EmergencyStop),
        2 => Just(Event::Release),
    ]
}

/// What is known of a client's requests: the next id, and how often each has been answered.
#[derive(Default)]
struct Ledger {
    last: u32,
    open: BTreeMap<u32, bool>,
    /// The last answer that did not wait for hardware.
    newest: u32,
}

struct Play {
    server: VirtualServer,
    ledgers: BTreeMap<usize, Ledger>,
}

impl Play {
    fn go(&mut self, event: Event) {
        match event {
            Event::Open(client, dialect) => {
                self.collect();
                self.server.open(CLIENTS[client], dialect);
                self.ledgers.insert(client, Ledger::default());
            }
            Event::Send(client, message) => {
                let Some(ledger) = self.ledgers.get_mut(&client) else { return };
                ledger.last += 1;
                ledger.open.insert(ledger.last, message.may_wait());
                let text = format!("[{}]", message.text(ledger.last));
                self.server.send(CLIENTS[client], &text);
            }
            Event::Garbage(client, text) => {
                if self.ledgers.contains_key(&client) {
                    self.server.send(CLIENTS[client], text);
                }
            }
            Event::Cut(client) => {
                self.server.cut(CLIENTS[client]);
                self.ledgers.remove(&client);
            }
            Event::Wait(ms) => self.server.advance(Duration::from_millis(ms)),
            Event::Plug(device) => self.plug(DEVICES[device]),
            Event::Unplug(device) if self.server.is_linked(DEVICES[device]) => {
                self.server.unplug(DEVICES[device])
            }
            Event::Faults(device, faults) if self.server.index(DEVICES[device]).is_some() => {
                self.server.hardware_mut(DEVICES[device]).faults = faults;
            }
            Event::Measure(value) if self.server.index("B").is_some() => {
                self.server.measure("B", 7, InputKind::Pressure, value);
            }
            Event::EmergencyStop => self.server.emergency_stop(),
            Event::Release => self.server.release(),
            Event::Unplug(_) | Event::Faults(..) | Event::Measure(_) => {}
        }
        self.collect();
    }

    fn plug(&mut self, address: &str) {
        if self.server.is_linked(address) {
        } else if self.server.index(address).is_some() {
            self.server.replug(address);
        } else {
            self.server.plug(TestDevice::named(address).expect("a known device"));
        }
    }

    /// Takes in what clients have got.
    fn collect(&mut self) {
        for (client, ledger) in &mut self.ledgers {
            for received in self.server.received(CLIENTS[*client]) {
                let Receipt::Frame(text) = received.what else {
                    // What was not answered before the end of the connection never is.
                    ledger.open.clear();
                    continue;
                };
                let frame: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let body = frame[0].as_object().and_then(|message| message.values().next()).expect("a body");
                let id = u32::try_from(body["Id"].as_u64().expect("an id")).expect("an id");
                if id == 0 {
                    continue;
                }
                let may_wait = ledger.open.remove(&id);
                let may_wait =
                    may_wait.unwrap_or_else(|| panic!("{text} answers nothing, or for the second time"));
                if !may_wait {
                    assert!(id > ledger.newest, "{text} came after the answer to {}", ledger.newest);
                    ledger.newest = id;
                }
            }
        }
        self.ledgers.retain(|client, _| self.server.is_connected(CLIENTS[*client]));
    }

    /// All faults end, all devices return, all clients leave: nothing may be left running.
    fn finish(&mut self) {
        // The longest that an answer waits for hardware.
        self.server.advance(Duration::from_secs(6));
        self.collect();
        for (client, ledger) in &self.ledgers {
            assert!(ledger.open.is_empty(), "{} was not answered: {:?}", CLIENTS[*client], ledger.open);
        }
        for client in CLIENTS {
            self.server.cut(client);
        }
        self.server.advance(Duration::from_millis(1));
        for address in DEVICES {
            if self.server.index(address).is_some() {
                self.server.hardware_mut(address).faults = Faults::default();
            }
        }
        self.server.advance(Duration::from_secs(10));
        for address in
            DEVICES.into_iter().filter(|address| self.server.index(address).is_some()).collect::<Vec<_>>()
        {
            self.plug(address);
            self.server.advance(Duration::from_secs(1));
            let hardware = self.server.hardware(address);
            assert!(hardware.is_at_rest(), "{address} still runs: {:?}", hardware.log().last());
            for told in hardware.log().iter().flat_map(|write| &write.told) {
                let feature = hardware.device().features.iter().find(|feature| feature.index == told.feature);
                let range = feature.and_then(|feature| feature.output(told.kind)).expect("an output").value;
                assert!(range.contains(told.value), "{address} was told {told:?}");
            }
        }
    }
}

fn play(events: Vec<Event>, exclusive: bool, max_ping_time: u64, scanning: Scanning) {
    let mut setup = Setup { scanning, ..Setup::default() };
    setup.config.exclusive = exclusive;
    setup.config.max_ping_time = Duration::from_millis(max_ping_time);
    let mut play = Play { server: VirtualServer::new(setup), ledgers: BTreeMap::new() };
    for event in events {
        play.go(event);
    }
    play.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_request_is_answered_once_and_nothing_is_left_running(
        events in prop::collection::vec(event(), 1..120),
        exclusive in any::<bool>(),
        max_ping_time in prop::sample::select(vec![0_u64, 0, 700]),
        scanning in prop::sample::select(vec![Scanning::EndsAtOnce, Scanning::UntilStopped, Scanning::Impossible]),
    ) {
        play(events, exclusive, max_ping_time, scanning);
    }
}
