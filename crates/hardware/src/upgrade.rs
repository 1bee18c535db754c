//! The HTTP upgrade to WebSocket (RFC 6455, section 4.2), for whatever listens.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

/// A request over HTTP.
pub type HttpRequest = Request<Incoming>;
/// The answer to one.
pub type HttpResponse = Response<Full<Bytes>>;

/// What a request wants.
pub enum Upgrade {
    /// Something else than WebSocket.
    None,
    /// WebSocket, but not as the standard has it; for this reason.
    Bad(&'static str),
    /// WebSocket. This is the answer that grants it.
    WebSocket(HttpResponse),
}

/// What a request wants.
pub fn upgrade<B>(request: &Request<B>) -> Upgrade {
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
    let Ok(accept) = HeaderValue::try_from(BASE64.encode(hash.digest().bytes())) else {
        return Upgrade::Bad("the header Sec-WebSocket-Key cannot be used\n");
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Upgrade::WebSocket(response)
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
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

/// Serves HTTP/1.1 on a stream until it ends or is upgraded. A request has to be there within `timeout`.
pub async fn serve_http<S, F>(stream: S, timeout: Duration, respond: impl Fn(HttpRequest) -> F)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = HttpResponse>,
{
    let service = service_fn(|request| {
        let response = respond(request);
        async { Ok::<_, std::convert::Infallible>(response.await) }
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

/// The stream of a connection that [`serve_http`] serves, once its upgrade is granted. Nothing if the connection breaks before.
pub async fn upgraded<S>(upgrading: OnUpgrade) -> Option<Prefixed<S>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match upgrading.await.map(|upgraded| upgraded.downcast::<TokioIo<S>>()) {
        Ok(Ok(parts)) => Some(Prefixed { prefix: parts.read_buf, stream: parts.io.into_inner() }),
        Ok(Err(_)) => {
            debug!("the connection is of another kind than it was");
            None
        }
        Err(error) => {
            debug!("the upgrade to WebSocket failed: {error}");
            None
        }
    }
}

/// A stream of which some bytes have been read already.
pub struct Prefixed<S> {
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
