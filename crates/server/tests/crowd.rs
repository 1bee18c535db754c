//! A hundred devices at once, each driven fifty times a second: every one of them gets its newest value, and none an older one after it.
#![cfg(all(feature = "virtual-hardware", feature = "websocket", feature = "simulated"))]

mod support;
#[path = "support/virtual_host.rs"]
mod virtual_host;

use std::collections::BTreeMap;
use std::time::Duration;

use frisson_server::Server;
use frisson_testkit::socket::Heard;
use frisson_testkit::wire::Dialect;
use serde_json::json;
use support::*;
use tokio::sync::mpsc;
use virtual_host::*;

const DEVICES: usize = 100;

/// Commands to each device, all of them within 2 s.
const COMMANDS: i32 = 100;

/// What a host is told of its devices.
enum Told {
    Ready(u64),
    Write(String, u8),
}

/// Answers every request at once.
async fn answer(mut host: Host, tell: mpsc::UnboundedSender<Told>) {
    loop {
        let frame = host.hear().await;
        let device = frame["device"].as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str() {
            Some("ready") => drop(tell.send(Told::Ready(frame["index"].as_u64().expect("an index")))),
            Some("write") => {
                let data = frame["data"].as_str().and_then(|data| data.strip_prefix("f1")).expect("a speed");
                let speed = u8::from_str_radix(data, 16).expect("a byte");
                if tell.send(Told::Write(device, speed)).is_err() {
                    return;
                }
            }
            _ => {}
        }
        if frame["id"].is_u64() {
            host.ok(frame["id"].clone()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_devices_each_gets_its_newest_value_and_none_an_older_one_after_it() {
    let (_server, hosts, clients) = serve(Server::builder()).await;
    let mut host = Host::open(hosts, false).await;
    for device in 0..DEVICES {
        host.say(advert(&device.to_string(), "Massage Demo")).await;
    }
    let (tell, mut told) = mpsc::unbounded_channel();
    tokio::spawn(answer(host, tell));
    let mut app = App::open(clients, Dialect::V4).await;
    app.say(r#"[{"StartScanning":{"Id":5}}]"#).await;
    let mut indices = Vec::new();
    while indices.len() < DEVICES {
        if let Told::Ready(index) = within(told.recv()).await.expect("a host") {
            indices.push(u32::try_from(index).expect("an index"));
        }
    }

    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let mut answered = 0;
    for value in 1..=COMMANDS {
        tick.tick().await;
        let frames: Vec<_> = indices.iter().map(|index| vibrate(*index, value)).collect();
        for frame in frames {
            app.say(&frame).await;
        }
        // What is answered already is taken in, so that nothing piles up.
        while let Ok(heard) = tokio::time::timeout(Duration::ZERO, app.client.next()).await {
            answered += oks(&heard);
        }
    }
    let all = DEVICES * usize::try_from(COMMANDS).expect("a number");
    while answered < all {
        answered += oks(&app.hear().await);
    }

    let mut last = BTreeMap::new();
    let newest = u8::try_from(COMMANDS).expect("a byte");
    while last.values().filter(|value| **value == newest).count() < DEVICES {
        let Told::Write(device, value) = within(told.recv()).await.expect("a host") else { continue };
        let before = last.insert(device.clone(), value);
        assert!(before.is_none_or(|before| before < value), "{device} was told {value} after {before:?}");
    }
    // Nothing comes after the newest.
    app.say(&json!([{"Ping": {"Id": 9}}]).to_string()).await;
    while oks(&app.hear().await) == 0 {}
    assert!(!matches!(told.try_recv(), Ok(Told::Write(..))), "a write after the newest value");
}

fn oks(heard: &Heard) -> usize {
    match heard {
        Heard::Text(text) => {
            assert!(!text.contains("\"Error\""), "{text}");
            text.matches("\"Ok\"").count()
        }
        heard => panic!("heard {heard:?}"),
    }
}
