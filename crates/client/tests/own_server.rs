//! The client against the server of this project, over every connector.

use std::sync::Arc;
use std::time::Duration;

use frisson_client::{Client, Connector, DisconnectReason, Event, InputKind, OutputKind, Percent};
use frisson_server::{Server, SimulatedList};

const PATIENCE: Duration = Duration::from_secs(30);

fn server() -> Server {
    let list: SimulatedList = "1vibe,stroker,pump".parse().expect("a list");
    Server::builder().name("Living room").simulate(list).start().expect("a server")
}

/// The devices are there a moment after the start.
async fn devices_are_there(server: &Server) {
    let ready = async {
        while server.status().await.expect("running").devices.len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.expect("the simulated devices");
}

/// What everybody does: look, drive, read, subscribe, stop, leave.
async fn use_everything(server: &Server, connector: Connector) {
    devices_are_there(server).await;
    let simulation = server.simulation().expect("simulated devices");
    let client = Client::connect("Test", connector.clone()).await.expect("connected");
    assert_eq!(client.server_name(), "Living room");
    assert_eq!(client.devices().len(), 3);

    let vibrator = client.device(0).expect("the vibrator");
    vibrator.vibrate(Percent(50.0)).await.expect("accepted");
    let running = simulation
        .wait_for("1vibe-1", |now| now.output(0, OutputKind::Vibrate).is_some_and(|out| out.target == 50));
    tokio::time::timeout(PATIENCE, running).await.expect("in time").expect("there");
    assert!(vibrator.battery().await.expect("a level") <= 100);
    vibrator.stop().await.expect("stopped");
    assert!(simulation.state("1vibe-1").expect("there").is_at_rest());

    let stroker = client.device(1).expect("the stroker");
    stroker.move_to(Percent(100.0), Duration::from_millis(200)).await.expect("accepted");

    let pump = client.device(2).expect("the pump");
    let pressure = pump
        .features()
        .iter()
        .find(|feature| feature.input(InputKind::Pressure).is_some())
        .cloned()
        .expect("an input");
    let mut events = client.events();
    pressure.subscribe(InputKind::Pressure).await.expect("subscribed");
    pump.constrict(Percent(100.0)).await.expect("accepted");
    let reading = async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::Reading(reading) if reading.value > 0) {
                return;
            }
        }
        panic!("no reading");
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("in time");
    client.start_scanning().await.expect("scanning");

    client.disconnect().await.expect("a good end");
    let at_rest = simulation
        .wait_for("pump-1", |now| now.output(0, OutputKind::Constrict).is_none_or(|out| out.target == 0));
    tokio::time::timeout(PATIENCE, at_rest).await.expect("stopped in time").expect("there");

    // One that is dropped without a word stops what it drove, too.
    let client = Client::connect("Careless", connector).await.expect("connected");
    client.device(0).expect("the vibrator").vibrate(Percent(100.0)).await.expect("accepted");
    drop(client);
    let at_rest = simulation.wait_for("1vibe-1", |now| now.is_at_rest() && now.writes > 2);
    tokio::time::timeout(PATIENCE, at_rest).await.expect("stopped in time").expect("there");
}

#[tokio::test]
async fn over_web_socket() {
    let server = server();
    let address = server.listen("127.0.0.1:0".parse().expect("an address")).await.expect("listening");
    use_everything(&server, format!("ws://{address}").parse().expect("a connector")).await;
    assert!(server.shutdown().await.is_complete());
}

#[tokio::test]
async fn over_web_socket_with_tls() {
    use frisson_client::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use frisson_client::{Tls, rustls};

    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .expect("a configuration");
    let server = server();
    let http: frisson_server::HttpHandler =
        Arc::new(|_| Box::pin(async { frisson_server::plain(Default::default(), "nothing here\n") }));
    let address = server
        .listen_tls("127.0.0.1:0".parse().expect("an address"), http, Arc::new(config))
        .await
        .expect("listening");
    let trusted = Tls::with_root_certificates(certificate.cert.pem().as_bytes()).expect("a certificate");
    let connector: Connector = format!("wss://localhost:{}", address.port()).parse().expect("a connector");
    use_everything(&server, connector.tls(trusted)).await;
    assert!(server.shutdown().await.is_complete());
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket() {
    let folder = std::env::temp_dir().join(format!("frisson-client-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("own.sock");
    let server = server();
    server.listen_unix(&path).await.expect("listening");
    use_everything(&server, Connector::unix(&path)).await;
    assert!(server.shutdown().await.is_complete());
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn in_the_same_process() {
    let server = server();
    use_everything(&server, Connector::embedded(&server)).await;
    assert!(server.shutdown().await.is_complete());
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn a_server_that_is_shut_down_says_so_and_takes_nobody_in() {
    let server = server();
    let connector = Connector::embedded(&server);
    let client = Client::connect("Test", connector.clone()).await.expect("connected");
    let mut events = client.events();
    assert!(server.shutdown().await.is_complete());
    let reason = async {
        loop {
            match events.next().await {
                Some(Event::Disconnected(reason)) => return reason,
                Some(_) => {}
                None => panic!("the events ended without a reason"),
            }
        }
    };
    let reason = tokio::time::timeout(PATIENCE, reason).await.expect("in time");
    assert!(matches!(reason, DisconnectReason::ClosedByServer { .. }), "{reason:?}");
    assert!(Client::connect("Late", connector).await.is_err());
}
