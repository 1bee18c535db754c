//! What happens between connecting and the end: devices that come and go, pings, and the end itself.

mod support;

use std::time::Duration;

use frisson_client::{Client, DisconnectReason, Error, Event, Percent, Steps};
use serde_json::json;
use support::{connected, device, input, server, told, vibrator};
use tokio::time::{Instant, timeout_at};

#[tokio::test(start_paused = true)]
async fn devices_come_and_go() {
    let (client, mut peer) = connected(Client::builder("Test"), &[vibrator(0, "Egg")]).await;
    let mut events = client.events();
    assert_eq!(told(&mut events).await, "added Egg");
    let egg = client.device(0).unwrap();

    peer.announce(&[vibrator(0, "Egg"), vibrator(1, "Wand")]).await;
    assert_eq!(told(&mut events).await, "added Wand");
    assert_eq!(client.devices().len(), 2);

    peer.announce(&[vibrator(1, "Wand")]).await;
    assert_eq!(told(&mut events).await, "removed Egg");
    assert!(client.device(0).is_none() && !egg.is_connected());
    let error = egg.vibrate(Steps(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "Egg is not connected any more");

    peer.announce(&[vibrator(0, "Egg"), vibrator(1, "Wand")]).await;
    assert_eq!(told(&mut events).await, "added Egg");
    assert!(
        matches!(egg.vibrate(Steps(1)).await, Err(Error::DeviceGone { .. })),
        "an old handle stays invalid"
    );
    assert_ne!(client.device(0).unwrap(), egg);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_changed_is_removed_and_added() {
    let (client, mut peer) = connected(Client::builder("Test"), &[vibrator(0, "Egg")]).await;
    let mut events = client.events();
    assert_eq!(told(&mut events).await, "added Egg");
    peer.announce(&[vibrator(0, "Egg")]).await;
    peer.announce(&[device(0, "Egg", &[support::output("Vibrate", 0, 10)])]).await;
    assert_eq!(told(&mut events).await, "removed Egg");
    assert_eq!(told(&mut events).await, "added Egg");
}

#[tokio::test(start_paused = true)]
async fn a_command_to_a_device_that_is_just_leaving_fails_as_gone() {
    let (client, mut peer) = connected(Client::builder("Test"), &[vibrator(0, "Egg")]).await;
    let egg = client.device(0).unwrap();
    let (result, ()) = tokio::join!(egg.vibrate(Steps(1)), async {
        let command = peer.expect("OutputCmd").await;
        peer.announce(&[]).await;
        peer.send("Error", command.id, json!({"ErrorCode": 4, "ErrorMessage": "no device 0"})).await;
    });
    assert!(matches!(result, Err(Error::DeviceGone { device }) if device == "Egg"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_how_much_it_missed_and_goes_on() {
    let sensor = device(0, "Sensor", &[input("Pressure", 100, "Subscribe")]);
    let (client, mut peer) = connected(Client::builder("Test").event_capacity(3), &[sensor]).await;
    let mut events = client.events();
    let send = async |peer: &mut support::Peer, value: u32| {
        let reading = json!({"DeviceIndex": 0, "FeatureIndex": 0, "Reading": {"Pressure": {"Value": value}}});
        peer.send("InputReading", 0, reading).await;
    };
    for value in 1..=10 {
        send(&mut peer, value).await;
    }
    let (stopped, _) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
    assert_eq!(told(&mut events).await, "added Sensor");
    assert_eq!(told(&mut events).await, "7 dropped");
    for value in 8..=10 {
        assert_eq!(told(&mut events).await, format!("Pressure {value}"));
    }
    send(&mut peer, 11).await;
    assert_eq!(told(&mut events).await, "Pressure 11");
}

#[tokio::test(start_paused = true)]
async fn w99_pings_keep_an_idle_client_connected() {
    let limit = Duration::from_millis(300);
    let (connector, mut server) = server();
    let start = Instant::now();
    let (client, pings) = tokio::join!(Client::connect("Test", connector), async {
        let mut peer = server.accept().await;
        peer.greet(300).await;
        let mut deadline = Instant::now() + limit;
        peer.allow("Ping").await;
        peer.list(&[]).await;
        let keeper = tokio::spawn(async move {
            let mut pings = 1;
            while start.elapsed() < Duration::from_secs(3) {
                let ping = timeout_at(deadline, peer.allow("Ping")).await;
                ping.unwrap_or_else(|_| panic!("ping {pings} is late"));
                deadline = Instant::now() + limit;
                pings += 1;
            }
            (pings, peer)
        });
        keeper.await.unwrap()
    });
    let client = client.unwrap();
    assert!(client.is_connected());
    assert_eq!(client.max_ping_time(), Some(limit));
    assert_eq!(pings.0, 21, "one at once, then one every half of the limit");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_there_are_no_pings() {
    let (client, mut peer) = connected(Client::builder("Test"), &[]).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let (stopped, _) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_ping_timeout_is_told_and_ends_the_connection() {
    let (client, mut peer) = connected(Client::builder("Test"), &[]).await;
    let mut events = client.events();
    peer.send("Error", 0, json!({"ErrorCode": 2, "ErrorMessage": "no Ping within 300 ms"})).await;
    assert_eq!(told(&mut events).await, "ping timeout");
    assert_eq!(told(&mut events).await, "disconnected: the server received no ping in time");
    assert_eq!(told(&mut events).await, "end");
    assert_eq!(told(&mut events).await, "end");
    assert!(peer.next().await.is_none(), "the client closes even if the server does not");
    assert!(matches!(client.disconnect_reason(), Some(DisconnectReason::PingTimeout)));
}

#[tokio::test(start_paused = true)]
async fn other_faults_are_events_and_end_nothing() {
    let (client, mut peer) = connected(Client::builder("Test"), &[]).await;
    let mut events = client.events();
    peer.send("Error", 0, json!({"ErrorCode": 0, "ErrorMessage": "radio is off"})).await;
    assert_eq!(told(&mut events).await, "error 0: radio is off");
    assert!(client.is_connected());
}

#[tokio::test(start_paused = true)]
async fn noise_ends_nothing() {
    let (client, mut peer) = connected(Client::builder("Test"), &[]).await;
    let mut events = client.events();
    let noise = [
        "hello",
        "{}",
        "[",
        "[1]",
        "[{}]",
        r#"[{"Ok":{"Id":"x"}}]"#,
        "",
        r#"[{"DeviceList":{"Id":0}}]"#,
        r#"[{"InputReading":{"Id":0,"DeviceIndex":-1}}]"#,
        r#"[{"Ok":{"Id":4294967296}}]"#,
        r#"[{"A":{},"B":{}}]"#,
    ];
    for noise in noise {
        peer.raw(noise).await;
    }
    peer.announce(&[vibrator(0, "Egg")]).await;
    assert_eq!(told(&mut events).await, "added Egg");
    let (stopped, _) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
}

#[tokio::test(start_paused = true)]
async fn losing_the_connection_while_leaving_is_still_leaving() {
    let builder = Client::builder("Test").reconnect(frisson_client::Backoff::default());
    let (client, mut peer) = connected(builder, &[vibrator(0, "Egg")]).await;
    let egg = client.device(0).unwrap();
    let (set, _) = tokio::join!(egg.vibrate(Steps(1)), peer.allow("OutputCmd"));
    set.unwrap();
    let (result, ()) = tokio::join!(client.disconnect(), async {
        peer.expect("StopCmd").await;
        peer.send("Error", 0, json!({"ErrorCode": 2, "ErrorMessage": "no ping"})).await;
        drop(peer);
    });
    assert_eq!(result.unwrap_err().to_string(), "the server did not confirm the stop of Egg");
    assert!(matches!(client.disconnect_reason(), Some(DisconnectReason::Requested)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_made_after_the_end_tells_the_reason_and_ends() {
    let (client, peer) = connected(Client::builder("Test"), &[]).await;
    let mut events = client.events();
    drop(peer);
    assert_eq!(told(&mut events).await, "disconnected: the server closed the connection");
    let mut late = client.events();
    assert_eq!(told(&mut late).await, "disconnected: the server closed the connection");
    assert_eq!(told(&mut late).await, "end");
}

#[tokio::test(start_paused = true)]
async fn disconnecting_stops_what_this_client_drove_and_only_that() {
    let (client, mut peer) =
        connected(Client::builder("Test"), &[vibrator(0, "Egg"), vibrator(1, "Wand")]).await;
    let mut events = client.events();
    let wand = client.device(1).unwrap();
    let (set, _) = tokio::join!(wand.vibrate(Percent(10.0)), peer.allow("OutputCmd"));
    set.unwrap();

    let (result, ()) = tokio::join!(client.disconnect(), async {
        let stop = peer.allow("StopCmd").await;
        assert_eq!(stop.fields["DeviceIndex"], 1);
        peer.expect("Disconnect").await;
        assert!(peer.next().await.is_none());
    });
    result.unwrap();
    assert_eq!(told(&mut events).await, "added Egg");
    assert_eq!(told(&mut events).await, "added Wand");
    assert_eq!(told(&mut events).await, "disconnected: the client disconnected");
    assert_eq!(told(&mut events).await, "end");
    client.disconnect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn w95_a_server_that_answers_no_disconnect_delays_nothing() {
    let (client, mut peer) = connected(Client::builder("Test"), &[vibrator(0, "Egg")]).await;
    let egg = client.device(0).unwrap();
    let (set, _) = tokio::join!(egg.vibrate(Steps(1)), peer.allow("OutputCmd"));
    set.unwrap();
    let start = Instant::now();
    let (result, _) = tokio::join!(client.disconnect(), peer.allow("StopCmd"));
    result.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_unconfirmed_stop_is_told_after_a_second_and_the_connection_closed() {
    let (client, mut peer) =
        connected(Client::builder("Test"), &[vibrator(0, "Egg"), vibrator(1, "Wand")]).await;
    for index in 0..2 {
        let device = client.device(index).unwrap();
        let (set, _) = tokio::join!(device.vibrate(Steps(1)), peer.allow("OutputCmd"));
        set.unwrap();
    }
    let start = Instant::now();
    let (result, ()) = tokio::join!(client.disconnect(), async {
        peer.allow("StopCmd").await;
        peer.expect("StopCmd").await;
        peer.expect("Disconnect").await;
        assert!(peer.next().await.is_none());
    });
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "the server did not confirm the stop of Wand");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_client_disconnects_in_good_order() {
    let (client, mut peer) = connected(Client::builder("Test"), &[vibrator(0, "Egg")]).await;
    let egg = client.device(0).unwrap();
    let mut events = client.events();
    let other = client.clone();
    drop(client);
    let (set, _) = tokio::join!(egg.vibrate(Steps(1)), peer.allow("OutputCmd"));
    set.unwrap();
    drop(other);
    peer.allow("StopCmd").await;
    peer.expect("Disconnect").await;
    assert!(peer.next().await.is_none(), "handles and streams do not keep the connection");
    assert_eq!(told(&mut events).await, "added Egg");
    assert_eq!(told(&mut events).await, "disconnected: the client disconnected");
    assert!(matches!(egg.vibrate(Steps(1)).await, Err(Error::Disconnected(DisconnectReason::Requested))));
}

#[tokio::test(start_paused = true)]
async fn two_streams_see_the_same_and_a_dropped_one_disturbs_nobody() {
    let (client, mut peer) = connected(Client::builder("Test"), &[]).await;
    let (mut first, second, mut third) = (client.events(), client.events(), client.events());
    drop(second);
    peer.announce(&[vibrator(0, "Egg")]).await;
    assert_eq!(told(&mut first).await, "added Egg");
    assert_eq!(told(&mut third).await, "added Egg");
}

#[test]
fn a_stopped_runtime_ends_calls_and_streams() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, peer) = runtime.block_on(connected(Client::builder("Test"), &[vibrator(0, "Egg")]));
    let mut events = client.events();
    let egg = client.device(0).unwrap();
    drop((runtime, peer));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert!(events.next().await.is_none());
        let result = egg.vibrate(Steps(1)).await;
        assert!(matches!(result, Err(Error::Disconnected(DisconnectReason::RuntimeStopped))));
        assert!(matches!(
            client.events().next().await,
            Some(Event::Disconnected(DisconnectReason::RuntimeStopped))
        ));
        client.disconnect().await.unwrap();
    });
}
