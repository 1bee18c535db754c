//! `wss://`.
#![cfg(all(feature = "tls", feature = "simulated"))]

mod support;

use std::sync::Arc;
use std::time::Duration;

use frisson_server::Server;
use frisson_testkit::wire::Dialect;
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate for `localhost`, and what trusts it.
fn certified() -> (Arc<ServerConfig>, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client).into())
}

async fn served(builder: frisson_server::Builder) -> (Server, std::net::SocketAddr, TlsConnector) {
    let server = start(builder, "1vibe").await;
    let (config, connector) = certified();
    let http: frisson_server::HttpHandler =
        Arc::new(|_| Box::pin(async { frisson_server::plain(Default::default(), "plain, but safe\n") }));
    let address = server.listen_tls(([127, 0, 0, 1], 0).into(), http, config).await.expect("a port");
    (server, address, connector)
}

async fn connect(address: std::net::SocketAddr, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = within(TcpStream::connect(address)).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    within(connector.connect(name, stream)).await.expect("TLS")
}

#[tokio::test]
async fn clients_are_served_over_tls() {
    let (server, address, connector) = served(Server::builder()).await;
    for dialect in Dialect::ALL {
        let mut app = App::over(connect(address, &connector).await).await.greet(dialect).await;
        app.ok(&run(dialect)).await;
        until_at(&simulation(&server), VIBE, 50).await;
        drop(app);
        until_at_rest(&simulation(&server), VIBE).await;
    }
}

#[tokio::test]
async fn plain_http_is_answered_over_tls() {
    let (_server, address, connector) = served(Server::builder()).await;
    let mut stream = connect(address, &connector).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .expect("an open connection");
    let mut answer = String::new();
    let _ = within(stream.read_to_string(&mut answer)).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("plain, but safe\n"), "{answer}");
}

#[tokio::test]
async fn w_93_a_shutdown_closes_with_1001() {
    let (server, address, connector) = served(Server::builder()).await;
    let mut app = App::over(connect(address, &connector).await).await.greet(Dialect::V4).await;
    app.ok(&vibrate(0, 40)).await;
    assert!(within(server.shutdown()).await.is_complete());
    assert_eq!(app.until_closed().await.1, Some(1001));
}

#[tokio::test]
async fn w_32_a_connection_that_never_speaks_tls_is_closed_and_blocks_nobody() {
    let (_server, address, connector) =
        served(Server::builder().handshake_timeout(Duration::from_millis(300))).await;
    let mut silent = within(TcpStream::connect(address)).await.expect("a connection");
    let mut plain = within(TcpStream::connect(address)).await.expect("a connection");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("an open connection");
    let mut app = App::over(connect(address, &connector).await).await.greet(Dialect::V4).await;
    app.ok(&ping(1)).await;
    for stream in [&mut silent, &mut plain] {
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
        assert!(!String::from_utf8_lossy(&rest).contains("HTTP"));
    }
    app.ok(&ping(2)).await;
}
