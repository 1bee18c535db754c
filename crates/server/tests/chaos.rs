//! Clients that come and go while devices do: in the end nothing may be left running.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use frisson_server::Server;
use frisson_server::hardware::simulated::{Faults, Simulation};
use frisson_testkit::hello;
use frisson_testkit::socket::{Client, Heard};
use frisson_testkit::wire::Dialect;
use support::*;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A client that commands at random and ends in one of several ways.
async fn client(address: SocketAddr, mut numbers: Numbers) {
    for _ in 0..4 {
        let Ok(mut client) = Client::connect(&address.to_string()).await else { return };
        let mut sent = vec![hello(Dialect::V4).to_owned()];
        for _ in 0..numbers.below(30) {
            let (device, feature, value) = (numbers.below(5), numbers.below(2), numbers.below(101));
            sent.push(match numbers.below(12) {
                0 => format!(r#"[{{"StopCmd":{{"Id":3,"DeviceIndex":{device}}}}}]"#),
                1 => r#"[{"StopCmd":{"Id":4}}]"#.to_owned(),
                2 => r#"[{"RequestDeviceList":{"Id":5}}]"#.to_owned(),
                3 => format!(
                    r#"[{{"OutputCmd":{{"Id":6,"DeviceIndex":{device},"FeatureIndex":0,"Command":{{"HwPositionWithDuration":{{"Value":{value},"Duration":5}}}}}}}}]"#
                ),
                4 => format!(
                    r#"[{{"OutputCmd":{{"Id":7,"DeviceIndex":{device},"FeatureIndex":0,"Command":{{"Constrict":{{"Value":{}}}}}}}}}]"#,
                    value / 10
                ),
                5 => "nonsense".to_owned(),
                _ => format!(
                    r#"[{{"OutputCmd":{{"Id":8,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{"Vibrate":{{"Value":{value}}}}}}}}}]"#
                ),
            });
        }
        let reads = numbers.below(2) == 0;
        for text in sent {
            if client.send(text).await.is_err() {
                break;
            }
            if reads && client.next().await == Heard::Closed(None) {
                break;
            }
        }
        match numbers.below(3) {
            0 => client.close().await,
            1 => {
                let _ = client.into_stream().set_zero_linger();
            }
            _ => drop(client),
        }
    }
}

/// What happens to devices.
async fn nature(simulation: Simulation, mut numbers: Numbers) {
    let devices: Vec<_> = simulation.devices().into_iter().map(|sighting| sighting.address).collect();
    for _ in 0..60 {
        let at = usize::try_from(numbers.below(devices.len() as u64)).expect("a place");
        let faults = Faults {
            write_delay: Duration::from_millis(numbers.below(4)),
            fail_writes: u32::from(numbers.below(4) == 0),
            silent: numbers.below(20) == 0,
            ..Faults::default()
        };
        simulation.set_faults(&devices[at], faults).expect("a device");
        match numbers.below(6) {
            0 => simulation.drop_device(&devices[at]).expect("a device"),
            1 | 2 => simulation.return_device(&devices[at]).expect("a device"),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(numbers.below(4))).await;
    }
    // All faults are over, and all devices are back.
    for device in &devices {
        simulation.set_faults(device, Faults::default()).expect("a device");
        simulation.drop_device(device).expect("a device");
        simulation.return_device(device).expect("a device");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w_92_whatever_clients_and_devices_do_nothing_is_left_running() {
    for seed in 0..6_u64 {
        let (server, address) = listen(Server::builder(), "1vibe:2,2vibe,stroker,pump").await;
        let simulation = simulation(&server);
        let numbers = |part: u64| Numbers(seed * 1000 + part);
        let mut tasks: Vec<_> = (1..=6).map(|part| tokio::spawn(client(address, numbers(part)))).collect();
        tasks.push(tokio::spawn(nature(simulation.clone(), numbers(0))));
        for task in tasks {
            within(task).await.expect("a task without a panic");
        }
        within(until_clients(&server, 0)).await;
        for sighting in simulation.devices() {
            // A stroker may be on its way still, of which nobody is told.
            let at_rest = || simulation.state(&sighting.address).expect("a device").is_at_rest();
            within(async {
                while !at_rest() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
        }
        within(until_known(&server, 5)).await;
        assert!(within(server.shutdown()).await.is_complete());
        for sighting in simulation.devices() {
            let state = simulation.state(&sighting.address).expect("a device");
            assert!(state.is_at_rest() && !state.connected, "{}: {state:?}", sighting.address);
        }
    }
}
