//! A user's limit of 40 % on real devices of the catalogue, live: whatever a client of any version says, no higher value is written.
#![cfg(all(feature = "virtual-hardware", feature = "websocket", feature = "simulated"))]

mod support;

use std::sync::{Arc, Mutex};

use frisson_server::Server;
use frisson_server::hardware::virtual_hardware::Options;
use frisson_server::settings::Settings;
use frisson_testkit::socket::{Client, Heard};
use frisson_testkit::wire::Dialect;
use serde_json::{Value, json};
use support::*;

/// Two motors 0..127, two rotations −99..99, one stroke 0..1000; addresses end with their numbers.
const TOYS: [(&str, &str, &str); 3] = [
    ("Massage Demo", "0000ff00-0000-1000-8000-00805f9b34fb", "0000ff01-0000-1000-8000-00805f9b34fb"),
    ("UFO-TW", "40ee1111-63ec-4b7f-8ce7-712efd55b90e", "40ee2222-63ec-4b7f-8ce7-712efd55b90e"),
    ("LOOB", "b75c49d2-04a3-4071-a0b5-35853eb08307", "ba5c49d2-04a3-4071-a0b5-35853eb08307"),
];

/// 40 % of everything; one rotation and the stroke are turned round. Without a gap what is said is written at once.
const SETTINGS: &str = r#"
format = 1
[[device]]
address = "ble:c0:00:00:00:00:00"
index = 0
gap = 0
[[device.output]]
feature = 0
kind = "vibrate"
range = [0, 50]
[[device.output]]
feature = 1
kind = "vibrate"
range = [0, 50]
[[device]]
address = "ble:c0:00:00:00:00:01"
index = 1
gap = 0
[[device.output]]
feature = 0
kind = "rotate"
range = [0, 39]
[[device.output]]
feature = 1
kind = "rotate"
range = [0, 39]
reverse = true
[[device]]
address = "ble:c0:00:00:00:00:02"
index = 2
gap = 0
[[device.output]]
feature = 0
kind = "stroke"
range = [0, 400]
reverse = true
"#;

/// The highest magnitude that a write asks for, as a share of 1000 of what the hardware can do.
fn share(toy: usize, data: &str) -> usize {
    let byte = |at: usize| usize::from_str_radix(&data[at * 2..at * 2 + 2], 16).expect("a byte");
    match toy {
        0 => byte(1) * 1000 / 127,
        1 => (byte(1) & 0x7F).max(byte(2) & 0x7F) * 1000 / 99,
        _ => byte(0) << 8 | byte(1),
    }
}

/// Presents the toys, answers everything, and keeps what is written: which toy, and its bytes.
async fn host(address: std::net::SocketAddr, written: Arc<Mutex<Vec<(usize, String)>>>) {
    let mut host = within(Client::connect(&address.to_string())).await.expect("a connection");
    let hello = json!({"type": "hello", "version": 1, "host": "limits"});
    within(host.send(hello.to_string())).await.expect("an open connection");
    for (number, (name, service, tx)) in TOYS.into_iter().enumerate() {
        let advert = json!({"type": "advertise", "device": number.to_string(), "transport": "btle", "name": name,
            "address": format!("c0:00:00:00:00:0{number}"), "services": [{"uuid": service, "characteristics": [{"uuid": tx}]}]});
        within(host.send(advert.to_string())).await.expect("an open connection");
    }
    while let Heard::Text(text) = host.next().await {
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        if frame["type"] == "write" {
            let toy = frame["device"].as_str().and_then(|device| device.parse().ok()).expect("a toy");
            let data = frame["data"].as_str().expect("bytes").to_owned();
            written.lock().expect("no panic").push((toy, data));
        }
        if frame["id"].is_u64() {
            let ok = json!({"type": "ok", "id": frame["id"]});
            within(host.send(ok.to_string())).await.expect("an open connection");
        }
    }
}

/// What clients of a version can say to drive the toys as far as they go, a little, and to rest.
fn commands(dialect: Dialect) -> Vec<String> {
    let mut all = Vec::new();
    let fractions = ["1.0", "0.41", "0.4", "0.0", "0.999999", "1.0"];
    for fraction in fractions {
        let two = |element: &str| {
            [0, 1].map(|index| element.replace("INDEX", &index.to_string()).replace("X", fraction)).join(",")
        };
        let speeds = two(r#"{"Index":INDEX,"Speed":X}"#);
        let turns = two(r#"{"Index":INDEX,"Speed":X,"Clockwise":true}"#);
        let back = turns.replace("true", "false");
        let scalars = |kind: &str| two(&format!(r#"{{"Index":INDEX,"Scalar":X,"ActuatorType":"{kind}"}}"#));
        let vector = format!(r#"{{"Index":0,"Duration":200,"Position":{fraction}}}"#);
        all.extend(match dialect {
            Dialect::V0 => vec![
                format!(r#"[{{"SingleMotorVibrateCmd":{{"Id":2,"DeviceIndex":0,"Speed":{fraction}}}}}]"#),
                r#"[{"VorzeA10CycloneCmd":{"Id":2,"DeviceIndex":1,"Speed":100,"Clockwise":true}}]"#.to_owned(),
                r#"[{"VorzeA10CycloneCmd":{"Id":2,"DeviceIndex":1,"Speed":99,"Clockwise":false}}]"#.to_owned(),
                r#"[{"FleshlightLaunchFW12Cmd":{"Id":2,"DeviceIndex":2,"Position":99,"Speed":99}}]"#.to_owned(),
                r#"[{"FleshlightLaunchFW12Cmd":{"Id":2,"DeviceIndex":2,"Position":0,"Speed":99}}]"#.to_owned(),
            ],
            Dialect::V1 | Dialect::V2 | Dialect::V3 => vec![
                format!(r#"[{{"VibrateCmd":{{"Id":2,"DeviceIndex":0,"Speeds":[{speeds}]}}}}]"#),
                format!(r#"[{{"RotateCmd":{{"Id":2,"DeviceIndex":1,"Rotations":[{turns}]}}}}]"#),
                format!(r#"[{{"RotateCmd":{{"Id":2,"DeviceIndex":1,"Rotations":[{back}]}}}}]"#),
                format!(r#"[{{"LinearCmd":{{"Id":2,"DeviceIndex":2,"Vectors":[{vector}]}}}}]"#),
            ],
            Dialect::V4 => {
                let output = |device: u32, feature: u32, command: &str| {
                    format!(
                        r#"[{{"OutputCmd":{{"Id":2,"DeviceIndex":{device},"FeatureIndex":{feature},"Command":{{{command}}}}}}}]"#
                    )
                };
                let mut all = Vec::new();
                for value in [127, 51, 50, 0, 20] {
                    all.extend([0, 1].map(|motor| output(0, motor, &format!(r#""Vibrate":{{"Value":{value}}}"#))));
                }
                for value in [99, -99, 40, -40, 39, -39, 0] {
                    all.extend([0, 1].map(|motor| output(1, motor, &format!(r#""Rotate":{{"Value":{value}}}"#))));
                }
                for value in [1000, 401, 0, 400, 7] {
                    all.push(output(2, 0, &format!(r#""HwPositionWithDuration":{{"Value":{value},"Duration":100}}"#)));
                }
                all
            }
        });
        if dialect == Dialect::V3 {
            all.extend([
                format!(r#"[{{"ScalarCmd":{{"Id":2,"DeviceIndex":0,"Scalars":[{}]}}}}]"#, scalars("Vibrate")),
                format!(r#"[{{"ScalarCmd":{{"Id":2,"DeviceIndex":1,"Scalars":[{}]}}}}]"#, scalars("Rotate")),
            ]);
        }
        all.push(match dialect {
            Dialect::V4 => r#"[{"StopCmd":{"Id":2}}]"#.to_owned(),
            _ => r#"[{"StopAllDevices":{"Id":2}}]"#.to_owned(),
        });
    }
    all
}

#[tokio::test]
async fn no_client_of_any_version_drives_a_device_beyond_the_users_limit() {
    let (settings, odd) = Settings::parse(SETTINGS, "settings.toml").expect("settings");
    assert!(odd.is_empty(), "{odd:?}");
    let server =
        Server::builder().settings(settings).virtual_hardware(Options::default()).start().expect("a server");
    let hosts = server.virtual_hardware().expect("a port");
    let clients = server.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let written = Arc::new(Mutex::new(Vec::new()));
    let task = tokio::spawn(host(hosts, written.clone()));
    let mut scanner = App::open(clients, Dialect::V4).await;
    scanner.say(r#"[{"StartScanning":{"Id":5}}]"#).await;
    within(until_known(&server, TOYS.len())).await;

    for dialect in Dialect::ALL {
        let mut app = App::open(clients, dialect).await;
        written.lock().expect("no panic").clear();
        for command in commands(dialect) {
            app.say(&command).await;
            // Other versions' events and lists may come between; the answer has the id 2.
            while !app.frame().await.contains(r#""Id":2"#) {}
        }
        drop(app);
        within(until_clients(&server, 1)).await;
        let writes = written.lock().expect("no panic").clone();
        for (toy, (name, ..)) in TOYS.into_iter().enumerate() {
            let shares: Vec<_> =
                writes.iter().filter(|(which, _)| *which == toy).map(|(_, data)| share(toy, data)).collect();
            let most = shares.iter().max().copied();
            // The limit is reached, and never passed.
            assert!(most.is_some_and(|most| (380..=400).contains(&most)), "{dialect:?}, {}: {most:?}", name);
        }
    }
    task.abort();
}
