//! The ping watchdog on a real socket. That it is exact is held in virtual time, by the tests of frisson-testkit.
#![cfg(all(feature = "websocket", feature = "simulated"))]

mod support;

use std::time::{Duration, Instant};

use frisson_server::Server;
use frisson_testkit::socket::Heard;
use frisson_testkit::wire::Dialect;
use support::*;

#[tokio::test]
async fn w_35_w_38_without_a_ping_the_device_is_stopped_then_the_client_told_and_closed() {
    let (server, address) =
        listen(Server::builder().max_ping_time(Duration::from_millis(500)), "1vibe").await;
    for dialect in Dialect::ALL {
        let before = Instant::now();
        let mut app = App::open(address, dialect).await;
        app.ok(&run(dialect)).await;
        let Heard::Text(error) = app.hear().await else { panic!("closed without a word") };
        let state = simulation(&server).state(VIBE).expect("a device");
        assert_error(&error, 0, 2);
        assert!(before.elapsed() >= Duration::from_millis(500), "{dialect}: {:?}", before.elapsed());
        assert!(state.is_at_rest(), "{dialect}: {state:?}");
        assert_eq!(app.hear().await, Heard::Closed(Some(1008)));
    }
}

#[tokio::test]
async fn w_33_without_a_ping_time_a_ping_is_answered() {
    let (_server, address) = listen(Server::builder(), "1vibe").await;
    for dialect in Dialect::ALL {
        let mut app = App::open(address, dialect).await;
        assert_eq!(app.ask(&ping(6)).await, r#"[{"Ok":{"Id":6}}]"#);
    }
}

#[tokio::test]
async fn w_32_a_connection_without_a_handshake_is_closed_and_blocks_nobody() {
    let (_server, address) =
        listen(Server::builder().handshake_timeout(Duration::from_millis(300)), "1vibe").await;
    let before = Instant::now();
    let mut silent = App::connect(address).await;
    let mut app = App::open(address, Dialect::V4).await;
    app.ok(&ping(1)).await;
    assert_eq!(silent.hear().await, Heard::Closed(Some(1008)));
    assert!(before.elapsed() >= Duration::from_millis(300));
    app.ok(&ping(2)).await;
}
