// A server for the examples in the documentation: one rabbit, which agrees to everything. It is included there as
// text; `frisson_client` and `tokio` are all that it may name beside `frisson_wire`.

/// A way to the rabbit's server.
#[allow(dead_code, unreachable_pub)]
pub fn rabbit() -> frisson_client::Connector {
    use frisson_wire::{
        Device, Event, Feature, Input, InputAction, InputKind, Message, Output, OutputKind, Profile, Range,
        Reading, Reply, Request, RssiSpelling, ServerInfo,
    };
    use std::sync::Arc;
    use tokio::sync::mpsc;

    let output = |kind, max| Output { kind, value: Range::new(0, max), duration: None };
    let input = |kind, max, read| Input {
        kind,
        values: vec![Range::new(0, max)],
        read,
        subscribe: !read,
        spelling: RssiSpelling::Rssi,
    };
    let stroke = Output {
        kind: OutputKind::HwPositionWithDuration,
        value: Range::new(0, 99),
        duration: Some(Range::new(0, 10_000)),
    };
    let feature = |index, description: &str, outputs, inputs| Feature {
        index,
        description: description.into(),
        outputs,
        inputs,
    };
    let profile = Arc::new(Profile::new(Device {
        index: 3,
        name: "Example Rabbit".into(),
        display_name: Some("Left bunny".into()),
        gap_ms: 100,
        features: vec![
            feature(0, "Shaft", vec![output(OutputKind::Vibrate, 20)], vec![]),
            feature(1, "Ear", vec![output(OutputKind::Vibrate, 10)], vec![]),
            feature(4, "Stroke", vec![stroke], vec![]),
            feature(6, "Battery", vec![], vec![input(InputKind::Battery, 100, true)]),
            feature(7, "Bulb", vec![], vec![input(InputKind::Pressure, 2000, false)]),
        ],
    }));

    frisson_client::Connector::in_process(move || {
        let (requests, mut received) = mpsc::channel(16);
        let (sender, messages) = mpsc::unbounded_channel();
        let profile = profile.clone();
        tokio::spawn(async move {
            while let Some((id, request)) = received.recv().await {
                let mut event = None;
                let reply = match request {
                    Request::Hello(_) => {
                        Reply::ServerInfo(ServerInfo { server_name: "Living room".into(), max_ping_time_ms: 0 })
                    }
                    Request::DeviceList => Reply::DeviceList([profile.clone()].into()),
                    Request::Input(input) => {
                        let reading = |value| Reading {
                            device: input.device,
                            feature: input.feature,
                            kind: input.kind,
                            value,
                        };
                        match input.action {
                            InputAction::Read => Reply::Reading(reading(62), input.echo),
                            InputAction::Subscribe => {
                                event = Some(Event::Reading(reading(1310)));
                                Reply::Ok
                            }
                            InputAction::Unsubscribe => Reply::Ok,
                        }
                    }
                    Request::StartScanning => {
                        event = Some(Event::ScanningFinished);
                        Reply::Ok
                    }
                    _ => Reply::Ok,
                };
                let _ = sender.send(Message::Reply(id, reply));
                if let Some(event) = event {
                    let _ = sender.send(Message::Event(event));
                }
            }
        });
        std::future::ready(Some(frisson_client::ChannelLink::new(requests, messages)))
    })
}
