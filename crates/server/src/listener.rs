//! The one port: upgrades to WebSocket on any path, and answers plain HTTP.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, debug, info_span, warn};

use crate::Shared;
use crate::websocket;

/// A plain HTTP request to a listener's port.
pub type HttpRequest = Request<Incoming>;
/// The answer to one.
pub type HttpResponse = Response<Full<Bytes>>;
/// Answers plain HTTP requests on the port that clients use.
pub type HttpHandler =
    Arc<dyn Fn(HttpRequest) -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> + Send + Sync>;

/// How long to wait after the system could not give another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts clients until the server is gone.
pub(crate) async fn run(listener: TcpListener, secure: Secure, http: HttpHandler, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.max_connections()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.hub.closed() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    warn!(%peer, "too many connections, refusing this one");
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let connection =
                    connection(stream, secure.clone(), Arc::clone(&http), Arc::clone(&shared), place);
                tokio::spawn(connection.instrument(info_span!("connection", %peer)));
            }
            Err(error) => {
                warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
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
    let service = service_fn(move |mut request: HttpRequest| {
        let http = Arc::clone(&http);
        let shared = Arc::clone(&shared);
        let place = Arc::clone(&place);
        async move {
            let accept = match upgrade(&request) {
                Upgrade::None => return Ok::<_, Infallible>(http(request).await),
                Upgrade::Bad(why) => return Ok(plain(StatusCode::BAD_REQUEST, why)),
                Upgrade::WebSocket(accept) => accept,
            };
            let upgrading = hyper::upgrade::on(&mut request);
            let session = shared.next_session();
            let span = info_span!(parent: None, "session", id = session.0);
            tokio::spawn(
                async move {
                    match upgrading.await.map(|upgraded| upgraded.downcast::<TokioIo<S>>()) {
                        Ok(Ok(parts)) => {
                            let stream = Prefixed { prefix: parts.read_buf, stream: parts.io.into_inner() };
                            websocket::serve(stream, session, shared.limits, shared.hub.clone()).await;
                        }
                        Ok(Err(_)) => debug!("the connection is of another kind than it was"),
                        Err(error) => debug!("the upgrade to WebSocket failed: {error}"),
                    }
                    drop(place);
                }
                .instrument(span),
            );
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            Ok(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        debug!("HTTP ended: {error}");
    }
}

/// A response of plain text.
pub fn plain(status: StatusCode, text: impl Into<String>) -> HttpResponse {
    let mut response = Response::new(Full::from(text.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// What a plain request is told unless the application answers it.
pub(crate) fn default_http(_: HttpRequest) -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> {
    Box::pin(async {
        let mut response = plain(
            StatusCode::UPGRADE_REQUIRED,
            "This is a Buttplug server. Connect with an application that speaks the Buttplug protocol over WebSocket.\n",
        );
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        response
    })
}

enum Upgrade {
    None,
    Bad(&'static str),
    WebSocket(HeaderValue),
}

/// Whether a request wants WebSocket (RFC 6455, section 4.2).
fn upgrade(request: &HttpRequest) -> Upgrade {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let headers = request.headers();
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Upgrade::None;
    }
    if request.method() != Method::GET || !has_token(headers, &header::CONNECTION, "upgrade") {
        return Upgrade::Bad("an upgrade to WebSocket is a GET with the header Connection: Upgrade\n");
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Upgrade::Bad(
            "this server speaks version 13 of WebSocket: the header Sec-WebSocket-Version is missing or different\n",
        );
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return Upgrade::Bad("the header Sec-WebSocket-Key is missing\n");
    };
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID);
    match HeaderValue::try_from(BASE64.encode(hash.digest().bytes())) {
        Ok(accept) => Upgrade::WebSocket(accept),
        Err(_) => Upgrade::Bad("the header Sec-WebSocket-Key cannot be used\n"),
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// A stream of which some bytes have been read already.
struct Prefixed<S> {
    prefix: Bytes,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
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
