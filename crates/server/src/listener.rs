//! The one port: upgrades to WebSocket on any path, and answers plain HTTP.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

pub use frisson_hardware::upgrade::{HttpRequest, HttpResponse, plain};
use frisson_hardware::upgrade::{Upgrade, serve_http, upgrade, upgraded};
use hyper::StatusCode;
use hyper::header::{self, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
#[cfg(feature = "tls")]
use tracing::debug;
use tracing::{Instrument, info_span};

use crate::accept::accept;
use crate::{Shared, websocket};

/// Answers plain HTTP requests on the port that clients use.
pub type HttpHandler =
    Arc<dyn Fn(HttpRequest) -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> + Send + Sync>;

/// Accepts clients until the server is gone.
pub(crate) async fn run(listener: TcpListener, secure: Secure, http: HttpHandler, shared: Arc<Shared>) {
    let take = |(stream, peer): (TcpStream, SocketAddr), place| {
        let _ = stream.set_nodelay(true);
        let connection = connection(stream, secure.clone(), Arc::clone(&http), Arc::clone(&shared), place);
        tokio::spawn(connection.instrument(info_span!("connection", %peer)));
    };
    accept(&shared, || listener.accept(), take).await;
}

/// Whether a listener speaks TLS.
#[derive(Clone)]
pub(crate) enum Secure {
    No,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

async fn connection(
    stream: TcpStream,
    secure: Secure,
    http: HttpHandler,
    shared: Arc<Shared>,
    place: OwnedSemaphorePermit,
) {
    match secure {
        Secure::No => speak_http(stream, http, shared, place).await,
        #[cfg(feature = "tls")]
        Secure::Tls(acceptor) => {
            match tokio::time::timeout(shared.limits.handshake_timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => speak_http(stream, http, shared, place).await,
                Ok(Err(error)) => debug!("no TLS: {error}"),
                Err(_) => debug!("no TLS handshake in time"),
            }
        }
    }
}

async fn speak_http<S>(stream: S, http: HttpHandler, shared: Arc<Shared>, place: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let timeout = shared.limits.handshake_timeout;
    let place = Arc::new(place);
    serve_http(stream, timeout, move |mut request| {
        let http = Arc::clone(&http);
        let shared = Arc::clone(&shared);
        let place = Arc::clone(&place);
        async move {
            let response = match upgrade(&request) {
                Upgrade::None => return http(request).await,
                Upgrade::Bad(why) => return plain(StatusCode::BAD_REQUEST, why),
                Upgrade::WebSocket(response) => response,
            };
            let upgrading = hyper::upgrade::on(&mut request);
            let session = shared.next_session();
            let span = info_span!(parent: None, "session", id = session.0);
            tokio::spawn(
                async move {
                    if let Some(stream) = upgraded::<S>(upgrading).await {
                        websocket::serve(stream, session, shared.limits, shared.hub.clone()).await;
                    }
                    drop(place);
                }
                .instrument(span),
            );
            response
        }
    })
    .await;
}

/// What a plain request is told unless the application answers it.
pub(crate) fn default_http(_: HttpRequest) -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> {
    Box::pin(async {
        upgrade_required(
            "This is a Buttplug server. Connect with an application that speaks the Buttplug protocol over WebSocket.\n",
        )
    })
}

/// The answer, in plain text, to whoever looks at an address that is there for WebSocket.
pub fn upgrade_required(text: impl Into<String>) -> HttpResponse {
    let mut response = plain(StatusCode::UPGRADE_REQUIRED, text);
    response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    response
}

/// What a listener's failure to start means to a person.
pub(crate) fn bind_error(address: SocketAddr, error: io::Error) -> crate::ListenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => crate::ListenError::InUse { address: address.to_string() },
        io::ErrorKind::PermissionDenied => crate::ListenError::NotPermitted { address: address.to_string() },
        io::ErrorKind::AddrNotAvailable => crate::ListenError::NoSuchAddress { address: address.to_string() },
        _ => crate::ListenError::Failed { address: address.to_string(), source: error },
    }
}
