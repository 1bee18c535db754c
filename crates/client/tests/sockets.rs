//! Real sockets: every way to reach a server, and every way to fail to.

#![cfg(all(feature = "websocket", feature = "tls"))]

mod support;

use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use frisson_client::{
    Client, ConnectError, Connector, DisconnectReason, Percent, SpecVersion, Stage, Tls, rustls,
};
use futures_core::Stream;
use futures_sink::Sink;
use serde_json::{Value, json};
use support::{answer, message, messages, told, vibrator};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_websockets::{CloseCode, Message, ServerBuilder, WebSocketStream};

/// A listener on the loopback, and its port.
async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The address of a server that does this with its only connection.
async fn server<R: Future<Output = ()> + Send>(
    serve: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> String {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
    });
    format!("ws://127.0.0.1:{port}/some/path?and=more")
}

/// The server's end of a WebSocket.
struct Socket<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    async fn accept(stream: S) -> Self {
        Self(ServerBuilder::new().accept(stream).await.unwrap().1)
    }

    async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await?.ok()
    }

    async fn send(&mut self, message: Message) {
        poll_fn(|cx| Pin::new(&mut self.0).poll_ready(cx)).await.unwrap();
        Pin::new(&mut self.0).start_send(message).unwrap();
        poll_fn(|cx| Pin::new(&mut self.0).poll_flush(cx)).await.unwrap();
    }

    /// Answers everything until the client closes.
    async fn serve(mut self) {
        while let Some(message) = self.next().await {
            for received in message.as_text().map(messages).unwrap_or_default() {
                self.send(Message::text(answer(&received, &[vibrator(0, "Egg")]).to_string())).await;
            }
        }
    }
}

/// Connects, uses and leaves.
async fn try_out(connector: impl TryInto<Connector, Error = impl Into<ConnectError>>) {
    let connector = connector.try_into().map_err(Into::into).unwrap();
    let client = Client::connect("Test", connector).await.unwrap();
    client.device(0).unwrap().vibrate(Percent(50.0)).await.unwrap();
    client.disconnect().await.unwrap();
}

async fn failure(address: &str) -> ConnectError {
    Client::connect("Test", address).await.unwrap_err()
}

#[tokio::test]
async fn a_websocket_works() {
    let address = server(|stream| async { Socket::accept(stream).await.serve().await }).await;
    try_out(address.as_str()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_at_once_get_their_own_answers() {
    let address = server(|stream| async { Socket::accept(stream).await.serve().await }).await;
    let client = Client::connect("Test", address).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let device = client.device(0).unwrap();
        callers.spawn(async move {
            for step in 0..200 {
                device.vibrate(frisson_client::Steps(step % 21)).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    client.disconnect().await.unwrap();
}

#[test]
fn the_connection_can_live_on_a_runtime_of_its_own() {
    let background =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = background.block_on(server(|stream| async { Socket::accept(stream).await.serve().await }));
    let without_drivers = tokio::runtime::Builder::new_current_thread().build().unwrap();
    without_drivers.block_on(async {
        let builder = Client::builder("Test").runtime(background.handle().clone());
        let client = builder.connect(address).await.unwrap();
        client.device(0).unwrap().vibrate(Percent(50.0)).await.unwrap();
        client.disconnect().await.unwrap();
    });
}

#[tokio::test]
async fn localhost_is_either_loopback_address() {
    let (listener, port) = listen().await;
    tokio::spawn(async move { Socket::accept(listener.accept().await.unwrap().0).await.serve().await });
    try_out(format!("ws://localhost:{port}")).await;

    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await else {
        return; // a machine without IPv6
    };
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { Socket::accept(listener.accept().await.unwrap().0).await.serve().await });
    try_out(format!("ws://localhost:{port}")).await;
}

#[tokio::test]
async fn the_close_code_of_the_server_is_told() {
    let address = server(|stream| async {
        let mut socket = Socket::accept(stream).await;
        for _ in 0..2 {
            let received = messages(socket.next().await.unwrap().as_text().unwrap()).remove(0).unwrap();
            socket.send(Message::text(answer(&received, &[]).to_string())).await;
        }
        socket.send(Message::close(Some(CloseCode::GOING_AWAY), "server stops")).await;
        while socket.next().await.is_some() {}
    })
    .await;
    let client = Client::connect("Test", address).await.unwrap();
    let mut events = client.events();
    assert_eq!(
        told(&mut events).await,
        "disconnected: the server closed the connection (code 1001): server stops"
    );
    assert!(matches!(
        client.disconnect_reason(),
        Some(DisconnectReason::ClosedByServer { code: Some(1001), reason }) if reason == "server stops"
    ));
}

#[tokio::test]
async fn pings_and_binary_messages_of_the_websocket_are_no_problem() {
    let address = server(|stream| async {
        let mut socket = Socket::accept(stream).await;
        socket.send(Message::ping("still there?")).await;
        socket.send(Message::binary(b"[]".as_slice())).await;
        let mut ponged = false;
        while let Some(message) = socket.next().await {
            ponged |= message.is_pong();
            for received in message.as_text().map(messages).unwrap_or_default() {
                let devices = if ponged { vec![vibrator(0, "Egg")] } else { vec![] };
                socket.send(Message::text(answer(&received, &devices).to_string())).await;
            }
        }
    })
    .await;
    let client = Client::connect("Test", address).await.unwrap();
    assert_eq!(client.devices().len(), 1, "there was a pong");
}

#[tokio::test]
async fn malformed_addresses() {
    for address in ["", "localhost:12345", "http://localhost", "ws://", "ws://host:port", "unix:", "ws://a b"]
    {
        let error = failure(address).await;
        assert!(matches!(error, ConnectError::Address { .. }), "{address}: {error:?}");
    }
    assert_eq!(
        failure("http://localhost").await.to_string(),
        r#""http://localhost" is not an address: it must begin with ws://, wss:// or unix:"#
    );
}

#[tokio::test]
async fn a_name_that_is_not_found() {
    let error = failure("ws://no-such-host.invalid:12345").await;
    assert!(
        matches!(&error, ConnectError::NameNotFound { host, .. } if host == "no-such-host.invalid"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let (listener, port) = listen().await;
    drop(listener);
    let error = failure(&format!("ws://localhost:{port}")).await;
    assert!(
        matches!(&error, ConnectError::Refused { address, .. } if *address == format!("localhost:{port}")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let (listener, port) = listen().await;
    for (scheme, expected) in [("ws", Stage::Upgrade), ("wss", Stage::Tls)] {
        let connecting = Client::builder("Test")
            .connect_timeout(Duration::from_millis(200))
            .connect(format!("{scheme}://127.0.0.1:{port}"));
        let (result, _silent) = tokio::join!(connecting, listener.accept());
        match result.unwrap_err() {
            ConnectError::TimedOut { stage, .. } => assert_eq!(stage, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn something_that_is_no_websocket_server() {
    for (reply, expected, text) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            Some(404),
            "it answers with HTTP status 404 Not Found",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", Some(200), "it answers with HTTP status 200 OK"),
        ("SSH-2.0-OpenSSH_9.9\r\n", None, "its answer is not HTTP"),
    ] {
        let address = server(move |mut stream| async move {
            stream.read_u8().await.unwrap();
            stream.write_all(reply.as_bytes()).await.unwrap();
            while stream.read_u8().await.is_ok() {}
        })
        .await;
        match failure(&address).await {
            ConnectError::NotWebSocket { status, reason, .. } => {
                assert_eq!((status, reason.as_str()), (expected, text));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_before_the_upgrade() {
    let address = server(|mut stream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
    })
    .await;
    let error = failure(&address).await;
    assert!(matches!(error, ConnectError::Closed { stage: Stage::Upgrade, .. }), "{error:?}");
}

/// Why a client does not stay with a server that answers the handshake so.
async fn handshake_failure(reply: Option<Value>) -> ConnectError {
    let address = server(|stream| async move {
        let mut socket = Socket::accept(stream).await;
        socket.next().await.unwrap();
        match reply {
            Some(reply) => socket.send(Message::text(json!([reply]).to_string())).await,
            None => socket.send(Message::close(Some(CloseCode::POLICY_VIOLATION), "no time")).await,
        }
        while socket.next().await.is_some() {}
    })
    .await;
    failure(&address).await
}

#[tokio::test]
async fn a_server_that_refuses_is_too_old_or_closes() {
    let refusal = message("Error", 1, json!({"ErrorCode": 1, "ErrorMessage": "full house"}));
    let error = handshake_failure(Some(refusal)).await;
    assert!(matches!(&error, ConnectError::Rejected { message, .. } if message == "full house"), "{error:?}");

    let old = message("ServerInfo", 1, json!({"ServerName": "Old", "MessageVersion": 3, "MaxPingTime": 0}));
    let error = handshake_failure(Some(old)).await;
    assert!(
        matches!(error, ConnectError::ServerTooOld { server: SpecVersion { major: 3, .. }, .. }),
        "{error:?}"
    );

    let error = handshake_failure(None).await;
    match &error {
        ConnectError::Closed { stage: Stage::ServerInfo, code: Some(1008), reason } => {
            assert_eq!(reason, "no time")
        }
        other => panic!("{other:?}"),
    }
}

/// A certificate for `localhost` in PEM form, and a listener that shows it.
async fn secure_server() -> (String, String) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key)
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                Socket::accept(stream).await.serve().await;
            }
        }
    });
    (issued.cert.pem(), format!("wss://localhost:{port}"))
}

#[tokio::test]
async fn a_secure_websocket_works_with_a_certificate_that_is_trusted() {
    let (pem, address) = secure_server().await;
    let connector: Connector = address.parse().unwrap();
    try_out(connector.tls(Tls::with_root_certificates(pem.as_bytes()).unwrap())).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused() {
    let (_, address) = secure_server().await;
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let connector: Connector = address.parse().unwrap();
    let connector = connector.tls(Tls::with_root_certificates(other.as_bytes()).unwrap());
    let error = Client::connect("Test", connector).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Tls { host, .. } if host == "localhost"), "{error:?}");

    let error = failure(&address).await;
    assert!(matches!(error, ConnectError::Tls { .. }), "nor does the system trust it: {error:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let address = server(|stream| async { drop(ServerBuilder::new().accept(stream).await) }).await;
    let connector: Connector = address.replace("ws://", "wss://").parse().unwrap();
    let some = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let connector = connector.tls(Tls::with_root_certificates(some.as_bytes()).unwrap());
    let error = Client::connect("Test", connector).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
}

#[test]
fn what_is_no_certificate_is_refused() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let refused = Tls::with_root_certificates(pem.as_bytes());
        assert!(matches!(refused, Err(ConnectError::Certificate { .. })), "{pem}");
    }
}

#[cfg(all(unix, feature = "unix"))]
mod unix {
    use super::*;

    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::net::UnixListener;

    fn path(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("frisson-client-{name}-{}.sock", std::process::id()))
    }

    #[tokio::test]
    async fn a_unix_socket_works() {
        let path = path("works");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reader, mut writer) = stream.into_split();
                let mut lines = BufReader::new(reader).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    for received in messages(&line) {
                        let line = format!("{}\n", answer(&received, &[vibrator(0, "Egg")]));
                        let _ = writer.write_all(line.as_bytes()).await;
                    }
                }
            }
        });
        try_out(format!("unix:{}", path.display())).await;
        try_out(format!("unix://{}", path.display())).await;
        try_out(Connector::unix(&path)).await;
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_socket_where_nobody_listens() {
        let path = path("nobody");
        let error = Client::connect("Test", Connector::unix(&path)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");

        drop(UnixListener::bind(&path).unwrap());
        let error = failure(&format!("unix:{}", path.display())).await;
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        std::fs::remove_file(path).unwrap();
    }
}
