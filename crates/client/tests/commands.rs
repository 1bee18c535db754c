//! What calls send, and what becomes of their answers.

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use frisson_client::{
    Client, Connector, Device, DisconnectReason, Error, ErrorCode, InputKind, OutputKind, Percent, Steps,
};
use serde_json::{Value, json};
use support::{Peer, connected, device, input, output, vibrator};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// A client of a server with this one device.
async fn with_device(device: Value) -> (Client, Device, Peer) {
    let (client, peer) = connected(Client::builder("Test"), &[device]).await;
    let device = client.devices().remove(0);
    (client, device, peer)
}

/// The command that a call sends.
async fn sent(peer: &mut Peer, call: impl Future<Output = Result<(), Error>>) -> Value {
    let (result, command) = tokio::join!(call, peer.allow("OutputCmd"));
    result.unwrap();
    json!([command.fields["DeviceIndex"], command.fields["FeatureIndex"], command.fields["Command"]])
}

#[tokio::test(start_paused = true)]
async fn each_output_is_set_in_steps_of_its_range() {
    let stroker = device(
        5,
        "Stroker",
        &[
            output("Vibrate", 0, 20),
            output("Rotate", -15, 15),
            output("Temperature", 30, 42),
            output("Position", 0, 99),
            json!({"Output": {"HwPositionWithDuration": {"Value": [0, 99], "Duration": [100, 10000]}}}),
        ],
    );
    let (_client, device, mut peer) = with_device(stroker).await;
    let feature = |index| device.feature(index).unwrap();
    let half_second = Duration::from_millis(500);

    assert_eq!(
        sent(&mut peer, device.vibrate(Percent(51.0))).await,
        json!([5, 0, {"Vibrate": {"Value": 11}}])
    );
    assert_eq!(sent(&mut peer, feature(0).vibrate(Steps(3))).await, json!([5, 0, {"Vibrate": {"Value": 3}}]));
    assert_eq!(
        sent(&mut peer, device.rotate(Percent(-50.0))).await,
        json!([5, 1, {"Rotate": {"Value": -8}}])
    );
    assert_eq!(
        sent(&mut peer, feature(2).temperature(Percent(50.0))).await,
        json!([5, 2, {"Temperature": {"Value": 36}}])
    );
    assert_eq!(
        sent(&mut peer, device.position(Percent(100.0))).await,
        json!([5, 3, {"Position": {"Value": 99}}])
    );
    assert_eq!(
        sent(&mut peer, device.move_to(Steps(70), half_second)).await,
        json!([5, 4, {"HwPositionWithDuration": {"Value": 70, "Duration": 500}}])
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused_before_it_is_sent() {
    let stroke = json!({"Output": {"HwPositionWithDuration": {"Value": [0, 99], "Duration": [100, 10000]}}});
    let two = device(0, "Two", &[output("Vibrate", 0, 20), output("Vibrate", 0, 10), stroke]);
    let (_client, device, mut peer) = with_device(two).await;
    let text = |result: Result<(), Error>| result.unwrap_err().to_string();

    assert_eq!(text(device.vibrate(Steps(11)).await), "11 is outside of the output's steps, 0 to 10");
    assert_eq!(text(device.vibrate(Percent(101.0)).await), "101 % is outside of 0 % to 100 %");
    assert_eq!(text(device.vibrate(Percent(-1.0)).await), "-1 % is outside of 0 % to 100 %");
    assert_eq!(text(device.rotate(Steps(1)).await), "Two has no output Rotate");
    let feature = device.feature(2).unwrap();
    assert_eq!(text(feature.vibrate(Steps(1)).await), "feature 2 of Two has no output Vibrate");
    let set = feature.set(OutputKind::HwPositionWithDuration, Steps(1));
    assert_eq!(text(set.await), "this output needs a duration: use move_to");
    assert_eq!(
        text(feature.move_to(Steps(1), Duration::from_millis(99)).await),
        "99ms is outside of the output's durations, 100 ms to 10000 ms"
    );
    assert!(matches!(
        feature.move_to(Steps(1), Duration::MAX).await,
        Err(Error::DurationOutOfRange { range, .. }) if range.max == 10_000
    ));
    assert_eq!(
        text(feature.subscribe(InputKind::Button).await),
        "feature 2 of Two has no input Button that can be subscribed to"
    );

    let (result, command) = tokio::join!(device.stop(), peer.allow("StopCmd"));
    result.unwrap();
    assert_eq!(command.id, 3, "nothing was sent in between");
}

#[tokio::test(start_paused = true)]
async fn stops_are_for_a_feature_a_device_or_all_and_leave_subscriptions() {
    let (client, device, mut peer) = with_device(vibrator(4, "Egg")).await;
    let feature = device.feature(0).unwrap();
    let (stopped, feature) = tokio::join!(feature.stop(), peer.allow("StopCmd"));
    stopped.unwrap();
    let (stopped, device) = tokio::join!(device.stop(), peer.allow("StopCmd"));
    stopped.unwrap();
    let (stopped, all) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
    let scope = |stop: &support::Received| {
        let of = |name| stop.fields.get(name).cloned().unwrap_or_default();
        let inputs = stop.fields.get("Inputs").cloned().unwrap_or(true.into());
        let outputs = stop.fields.get("Outputs").cloned().unwrap_or(true.into());
        json!([of("DeviceIndex"), of("FeatureIndex"), inputs, outputs])
    };
    assert_eq!(scope(&feature), json!([4, 0, false, true]));
    assert_eq!(scope(&device), json!([4, null, false, true]));
    assert_eq!(scope(&all), json!([null, null, false, true]));
}

#[tokio::test(start_paused = true)]
async fn scanning_begins_and_ends() {
    let (client, mut peer) = connected(Client::builder("Test"), &[]).await;
    let mut events = client.events();
    let (started, _) = tokio::join!(client.start_scanning(), peer.allow("StartScanning"));
    started.unwrap();
    peer.announce(&[vibrator(0, "Egg")]).await;
    assert_eq!(support::told(&mut events).await, "added Egg");
    let (stopped, _) = tokio::join!(client.stop_scanning(), peer.allow("StopScanning"));
    stopped.unwrap();
    peer.send("ScanningFinished", 0, json!({})).await;
    assert_eq!(support::told(&mut events).await, "scanned");
}

#[tokio::test(start_paused = true)]
async fn inputs_are_read_and_subscribed_to() {
    let sensor = device(2, "Sensor", &[input("Battery", 100, "Read"), input("Pressure", 2000, "Subscribe")]);
    let (client, device, mut peer) = with_device(sensor).await;
    let mut events = client.events();
    assert_eq!(support::told(&mut events).await, "added Sensor");

    let play = async {
        let asked = peer.expect("InputCmd").await;
        assert_eq!(asked.fields["Command"], "Read");
        let reading = json!({"DeviceIndex": 2, "FeatureIndex": 0, "Reading": {"Battery": {"Value": 62}}});
        peer.send("InputReading", asked.id, reading).await;
    };
    let (charge, ()) = tokio::join!(device.battery(), play);
    assert_eq!(charge.unwrap(), 62);

    let bulb = device.feature(1).unwrap();
    let (subscribed, asked) = tokio::join!(bulb.subscribe(InputKind::Pressure), peer.allow("InputCmd"));
    subscribed.unwrap();
    assert_eq!((&asked.fields["Type"], &asked.fields["Command"]), (&json!("Pressure"), &json!("Subscribe")));
    for (feature, value) in [(1, 1310), (9, 1), (1, 1311)] {
        let reading =
            json!({"DeviceIndex": 2, "FeatureIndex": feature, "Reading": {"Pressure": {"Value": value}}});
        peer.send("InputReading", 0, reading).await;
    }
    assert_eq!(support::told(&mut events).await, "Pressure 1310");
    assert_eq!(support::told(&mut events).await, "Pressure 1311");
    let (unsubscribed, asked) = tokio::join!(bulb.unsubscribe(InputKind::Pressure), peer.allow("InputCmd"));
    unsubscribed.unwrap();
    assert_eq!(asked.fields["Command"], "Unsubscribe");

    let error = bulb.read(InputKind::Pressure).await.unwrap_err();
    assert_eq!(error.to_string(), "feature 1 of Sensor has no input Pressure that can be read");
}

#[tokio::test(start_paused = true)]
async fn w97_both_spellings_of_the_signal_strength_are_used_as_the_server_does() {
    for spelling in ["Rssi", "RSSI"] {
        let (_client, device, mut peer) =
            with_device(device(0, "Radio", &[input(spelling, 0, "Read")])).await;
        let play = async {
            let asked = peer.expect("InputCmd").await;
            assert_eq!(asked.fields["Type"], spelling);
            let reading = json!({"DeviceIndex": 0, "FeatureIndex": 0, "Reading": {spelling: {"Value": -48}}});
            peer.send("InputReading", asked.id, reading).await;
        };
        let feature = device.feature(0).unwrap();
        let (value, ()) = tokio::join!(feature.read(InputKind::Rssi), play);
        assert_eq!(value.unwrap(), -48);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_server_reach_the_caller() {
    let (_client, device, mut peer) = with_device(vibrator(0, "Egg")).await;
    let play = async {
        let command = peer.expect("OutputCmd").await;
        peer.send("Error", command.id, json!({"ErrorCode": 4, "ErrorMessage": "out of range"})).await;
    };
    let (result, ()) = tokio::join!(device.vibrate(Steps(1)), play);
    match result.unwrap_err() {
        Error::Rejected { code: ErrorCode::Device, message } => assert_eq!(message, "out of range"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_makes_no_sense_is_an_error_at_once() {
    let (_client, device, mut peer) = with_device(device(0, "Egg", &[input("Battery", 100, "Read")])).await;
    let start = Instant::now();
    for nonsense in [json!({"InputReading": {"Id": 3}}), json!({"Ok": {"Id": 4}})] {
        let (result, _) = tokio::join!(device.battery(), async {
            peer.expect("InputCmd").await;
            peer.frame(json!([nonsense])).await;
        });
        assert!(matches!(result, Err(Error::NotUnderstood { .. })), "{result:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn answers_are_matched_by_their_id() {
    let (_client, device, mut peer) = with_device(vibrator(0, "Egg")).await;
    let play = async {
        let first = peer.expect("OutputCmd").await;
        let second = peer.expect("OutputCmd").await;
        assert_ne!(first.id, second.id);
        peer.send("Ok", 999, json!({})).await;
        peer.send("Error", second.id, json!({"ErrorCode": 4, "ErrorMessage": "second"})).await;
        peer.send("Ok", first.id, json!({})).await;
        peer.send("Ok", first.id, json!({})).await;
    };
    let (first, second, ()) = tokio::join!(device.vibrate(Steps(1)), device.vibrate(Steps(2)), play);
    assert!(first.is_ok());
    assert_eq!(second.unwrap_err().to_string(), "the server refused (code 4): second");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_harms_no_other() {
    let (_client, device, mut peer) = with_device(vibrator(0, "Egg")).await;
    let start = Instant::now();
    let (result, late) = tokio::join!(device.vibrate(Steps(1)), peer.expect("OutputCmd"));
    assert!(matches!(result, Err(Error::TimedOut { after }) if after.as_secs() == 10));
    assert_eq!(start.elapsed().as_secs(), 10);

    peer.send("Error", late.id, json!({"ErrorCode": 4, "ErrorMessage": "late"})).await;
    let (result, _) = tokio::join!(device.vibrate(Steps(2)), peer.allow("OutputCmd"));
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_was_sent_and_its_answer_is_discarded() {
    let (_client, device, mut peer) = with_device(vibrator(0, "Egg")).await;
    {
        let call = device.vibrate(Steps(1));
        tokio::pin!(call);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    let command = peer.allow("OutputCmd").await;
    assert_eq!(command.fields["Command"], json!({"Vibrate": {"Value": 1}}));
    let (result, _) = tokio::join!(device.vibrate(Steps(2)), peer.allow("OutputCmd"));
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn open_requests_end_with_the_connection_and_its_reason() {
    let (client, device, mut peer) = with_device(vibrator(0, "Egg")).await;
    let (result, ()) = tokio::join!(device.vibrate(Steps(1)), async {
        peer.expect("OutputCmd").await;
        drop(peer);
    });
    let closed = |result: Result<(), Error>| {
        matches!(result, Err(Error::Disconnected(DisconnectReason::ClosedByServer { code: None, .. })))
    };
    assert!(closed(result));
    assert!(closed(device.vibrate(Steps(1)).await));
    assert!(closed(client.start_scanning().await));
    assert!(!client.is_connected() && !device.is_connected() && client.devices().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_motors_are_set_with_one_write() {
    let (_connector, mut server) = support::server();
    let writes = Arc::new(AtomicUsize::new(0));
    let counter = writes.clone();
    let (sender, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let connector = Connector::lines(move || {
        let (near, far) = tokio::io::duplex(1 << 16);
        sender.send(far).unwrap();
        let writes = counter.clone();
        async move { Ok(Counting { stream: near, writes }) }
    });
    let (client, mut peer) = tokio::join!(Client::connect("Test", connector), async {
        server.adopt(ends.recv().await.unwrap());
        server.welcome(&[device(0, "Two", &[output("Vibrate", 0, 20), output("Vibrate", 0, 10)])]).await
    });
    let device = client.as_ref().unwrap().devices().remove(0);
    let before = writes.load(Ordering::Relaxed);
    let (result, ()) = tokio::join!(device.vibrate(Percent(50.0)), async {
        let values = [peer.allow("OutputCmd").await, peer.allow("OutputCmd").await];
        let values = values.map(|command| command.fields["Command"]["Vibrate"]["Value"].clone());
        assert_eq!(values, [10, 5]);
    });
    result.unwrap();
    assert_eq!(writes.load(Ordering::Relaxed) - before, 1);
}

/// Counts writes.
struct Counting<S> {
    stream: S,
    writes: Arc<AtomicUsize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
