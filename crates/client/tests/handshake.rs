//! How a connection begins, and how it fails to.

mod support;

use std::time::Duration;

use frisson_client::{Client, ConnectError, ErrorCode, SpecVersion, Stage};
use serde_json::{Value, json};
use support::{Peer, device_list, message, output, server, server_info, vibrator};
use tokio::time::Instant;

/// Why a client does not connect to a server that behaves like this.
async fn failure(behave: impl AsyncFnOnce(&mut Peer)) -> ConnectError {
    let (connector, mut server) = server();
    let behaviour = async {
        let mut peer = server.accept().await;
        behave(&mut peer).await;
        peer
    };
    let (result, _peer) = tokio::join!(Client::connect("Test", connector), behaviour);
    result.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_client_introduces_itself_in_version_4_and_asks_for_devices() {
    let (connector, mut server) = server();
    let play = async {
        let mut peer = server.accept().await;
        let hello = peer.expect("RequestServerInfo").await;
        let expected =
            json!({"Id": 1, "ClientName": "Test", "ProtocolVersionMajor": 4, "ProtocolVersionMinor": 0});
        assert_eq!(hello.fields, expected);
        peer.send("ServerInfo", 1, server_info(0)).await;
        peer.list(&[vibrator(3, "Wand"), vibrator(1, "Egg")]).await;
        peer
    };
    let (client, _peer) = tokio::join!(Client::connect("Test", connector), play);
    let client = client.unwrap();
    assert!(client.is_connected());
    assert_eq!(client.server_name(), "Living room");
    assert_eq!(client.max_ping_time(), None);
    let devices: Vec<_> = client.devices().iter().map(|device| device.name().to_owned()).collect();
    assert_eq!(devices, ["Egg", "Wand"]);
}

#[tokio::test(start_paused = true)]
async fn devices_that_were_there_before_are_the_first_events() {
    let (client, _peer) =
        support::connected(Client::builder("Test"), &[vibrator(1, "Egg"), vibrator(3, "Wand")]).await;
    let mut events = client.events();
    assert_eq!(support::told(&mut events).await, "added Egg");
    assert_eq!(support::told(&mut events).await, "added Wand");
}

#[tokio::test(start_paused = true)]
async fn w97_everything_in_one_frame_is_handled() {
    let (connector, mut server) = server();
    let play = async {
        let mut peer = server.accept().await;
        peer.expect("RequestServerInfo").await;
        peer.frame(json!([
            message("Ok", 77, json!({})),
            message("ServerInfo", 1, server_info(0)),
            message("DeviceList", 0, device_list(&[vibrator(0, "Egg")])),
            message("NewInVersion9", 0, json!({"Field": [1, 2, 3]})),
            message("DeviceList", 2, device_list(&[vibrator(0, "Egg"), vibrator(1, "Wand")])),
        ]))
        .await;
        peer
    };
    let (client, _peer) = tokio::join!(Client::connect("Test", connector), play);
    assert_eq!(client.unwrap().devices().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn w96_unknown_kinds_and_fields_hide_nothing_else() {
    let mut device = support::device(
        0,
        "Egg",
        &[output("Vibrate", 0, 20), output("Levitate", 0, 5), support::input("Mood", 3, "Read")],
    );
    device["DeviceFeatures"]["0"]["Output"]["Levitate"] = json!({"Value": [0, 5], "Height": 3});
    device["DeviceColour"] = json!("pink");
    let (client, mut peer) = support::connected(Client::builder("Test"), &[device]).await;
    let egg = client.device(0).unwrap();
    let set = egg.vibrate(frisson_client::Steps(7));
    let (result, command) = tokio::join!(set, peer.allow("OutputCmd"));
    result.unwrap();
    assert_eq!(command.fields["Command"], json!({"Vibrate": {"Value": 7}}));
}

#[tokio::test(start_paused = true)]
async fn w98_a_refusal_is_told_with_its_text() {
    let error = failure(async |peer| {
        let hello = peer.expect("RequestServerInfo").await;
        peer.send("Error", hello.id, json!({"ErrorCode": 1, "ErrorMessage": "full house"})).await;
    })
    .await;
    match &error {
        ConnectError::Rejected { code: ErrorCode::Init, message } => assert_eq!(message, "full house"),
        other => panic!("{other:?}"),
    }
    assert_eq!(error.to_string(), "the server refused the client (code 1): full house");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_an_id_is_one_too() {
    let error = failure(async |peer| {
        peer.expect("RequestServerInfo").await;
        peer.send("Error", 0, json!({"ErrorCode": 3, "ErrorMessage": "what is that?"})).await;
    })
    .await;
    assert!(matches!(error, ConnectError::Rejected { code: ErrorCode::Message, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn w98_silence_is_an_error_after_the_handshake_timeout() {
    let start = Instant::now();
    let error = failure(async |peer| drop(peer.expect("RequestServerInfo").await)).await;
    assert!(
        matches!(error, ConnectError::TimedOut { stage: Stage::ServerInfo, after } if after.as_secs() == 5),
        "{error:?}"
    );
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn silence_instead_of_devices_is_an_error() {
    let error = failure(async |peer| peer.greet(0).await).await;
    assert!(matches!(error, ConnectError::TimedOut { stage: Stage::DeviceList, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn refused_devices_are_an_error() {
    let error = failure(async |peer| {
        peer.greet(0).await;
        let asked = peer.expect("RequestDeviceList").await;
        peer.send("Error", asked.id, json!({"ErrorCode": 0, "ErrorMessage": "shutting down"})).await;
    })
    .await;
    assert!(matches!(error, ConnectError::Rejected { code: ErrorCode::Unknown, .. }), "{error:?}");
}

async fn version_failure(fields: Value) -> ConnectError {
    failure(async move |peer| {
        let hello = peer.expect("RequestServerInfo").await;
        peer.send("ServerInfo", hello.id, fields).await;
        assert!(peer.next().await.is_none(), "the client closes");
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn an_older_server_is_refused_and_both_versions_are_named() {
    for version in [0, 1, 2, 3] {
        let error =
            version_failure(json!({"ServerName": "Old", "MessageVersion": version, "MaxPingTime": 0})).await;
        assert_eq!(
            error.to_string(),
            format!("the server is too old: it speaks protocol version {version}, this client needs 4.0")
        );
        assert!(matches!(error, ConnectError::ServerTooOld { server: SpecVersion { major, .. }, client } if
                major == version && client == SpecVersion::CLIENT));
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_server_is_refused_but_not_for_its_minor_version() {
    let mut info = server_info(0);
    info["ProtocolVersionMajor"] = 5.into();
    let error = version_failure(info).await;
    assert!(
        matches!(error, ConnectError::ServerTooNew { server: SpecVersion { major: 5, minor: 0 }, .. }),
        "{error:?}"
    );

    let (connector, mut server) = server();
    let play = async {
        let mut peer = server.accept().await;
        let hello = peer.expect("RequestServerInfo").await;
        let mut info = server_info(0);
        info["ProtocolVersionMinor"] = 99.into();
        peer.send("ServerInfo", hello.id, info).await;
        peer.list(&[]).await;
        peer
    };
    let (client, _peer) = tokio::join!(Client::connect("Test", connector), play);
    assert!(client.unwrap().is_connected());
}

#[tokio::test(start_paused = true)]
async fn closing_during_the_handshake_is_told_with_the_stage() {
    let (connector, mut server) = server();
    let play = async {
        let mut peer = server.accept().await;
        peer.expect("RequestServerInfo").await;
    };
    let (result, ()) = tokio::join!(Client::connect("Test", connector), play);
    let error = result.unwrap_err();
    assert!(matches!(error, ConnectError::Closed { stage: Stage::ServerInfo, .. }), "{error:?}");

    let (connector, mut server) = support::server();
    let play = async {
        let mut peer = server.accept().await;
        peer.greet(0).await;
        peer.expect("RequestDeviceList").await;
    };
    let (result, ()) = tokio::join!(Client::connect("Test", connector), play);
    let error = result.unwrap_err();
    assert!(matches!(error, ConnectError::Closed { stage: Stage::DeviceList, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn noise_is_not_an_introduction() {
    let error = failure(async |peer| {
        for noise in ["hello", "{}", "[", "[1]", "[{}]", r#"[{"Ok":{"Id":"x"}}]"#, "", "[[[[[["] {
            peer.raw(noise).await;
        }
    })
    .await;
    assert!(matches!(error, ConnectError::TimedOut { stage: Stage::ServerInfo, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_given_up_closes_its_connection() {
    let (connector, mut server) = server();
    let attempt = tokio::spawn(Client::builder("Test").connect(connector));
    let mut peer = server.accept().await;
    peer.expect("RequestServerInfo").await;
    attempt.abort();
    assert!(peer.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn time_limits_can_be_set() {
    let (connector, mut server) = server();
    let patience = Duration::from_millis(30);
    let attempt = Client::builder("Test").handshake_timeout(patience).connect(connector);
    let (result, _peer) = tokio::join!(attempt, server.accept());
    assert!(matches!(result, Err(ConnectError::TimedOut { after, .. }) if after == patience));
}

#[tokio::test(start_paused = true)]
async fn time_limits_can_be_as_long_as_there_is() {
    let builder = Client::builder("Test")
        .connect_timeout(Duration::MAX)
        .handshake_timeout(Duration::MAX)
        .request_timeout(Duration::MAX);
    let (client, mut peer) = support::connected(builder, &[]).await;
    let (stopped, _) = tokio::join!(client.stop_all(), peer.allow("StopCmd"));
    stopped.unwrap();
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let (connector, _server) = server();
    let mut attempt = Box::pin(Client::connect("Test", connector));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match attempt.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(Err(ConnectError::NoRuntime)) => {}
        other => panic!("{other:?}"),
    }
}
