//! Requests over HTTP, with bounds on everything.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tracing::debug;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) is_secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl Origin {
    /// Whether it is this machine.
    pub(super) fn is_local(&self) -> bool {
        let address = self.host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

/// An address in its parts: who is asked, and for what.
pub(super) fn address(text: &str) -> Result<(Origin, String), String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    let is_secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err("it begins with neither http:// nor https://".to_owned()),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("it has no host")?.to_owned();
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok((Origin { is_secure, host, port }, path))
}

/// Trusts what the system trusts.
pub(super) fn system_certificates() -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!("this system has no certificates {}", errors.join(", ")));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Asks one peer, over a connection that is kept while it lasts.
pub(super) struct Client {
    origin: Origin,
    tls: Option<Arc<ClientConfig>>,
    limit: Duration,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

impl Client {
    /// A client for this peer, who may take so long to answer.
    pub(super) fn new(origin: Origin, tls: Option<Arc<ClientConfig>>, limit: Duration) -> Self {
        Self { origin, tls, limit, connection: None }
    }

    /// The body of the answer, which has to be a good one. When the future is dropped the request may or may not have been sent.
    pub(super) async fn get(&mut self, path: &str) -> Result<Bytes, String> {
        let limit = self.limit;
        timeout(limit, self.ask(path))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} ms", limit.as_millis())))
    }

    async fn ask(&mut self, path: &str) -> Result<Bytes, String> {
        // Only a connection whose last answer was read to its end is kept.
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            match self.ask_over(kept, path).await {
                // The peer has closed it just now. A request of this kind may be repeated (RFC 9110, section 9.2.2).
                Err(error) if error.is_stale => debug!("asking again over a new connection: {}", error.text),
                answer => return answer.map_err(|error| error.text),
            }
        }
        let connection = self.connect().await?;
        self.ask_over(connection, path).await.map_err(|error| error.text)
    }

    async fn ask_over(
        &mut self,
        mut connection: SendRequest<Empty<Bytes>>,
        path: &str,
    ) -> Result<Bytes, HttpError> {
        let Origin { host, port, .. } = &self.origin;
        let request = Request::get(path)
            .header(HOST, format!("{host}:{port}"))
            .header(ACCEPT, "application/json, */*")
            .body(Empty::new())
            .map_err(|error| {
                HttpError::new(format!("`{}` cannot be asked for: {error}", path.escape_debug()))
            })?;
        let response = connection.send_request(request).await.map_err(HttpError::of)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body =
            body.map_err(|error| HttpError::new(format!("the answer cannot be read: {error}")))?.to_bytes();
        self.connection = Some(connection);
        match status {
            StatusCode::OK => Ok(body),
            status => Err(HttpError::new(format!("it answers with status {status}"))),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, String> {
        let host = self.origin.host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, self.origin.port)).await;
        let stream = stream.map_err(|error| format!("it cannot be reached: {error}"))?;
        let _ = stream.set_nodelay(true);
        if !self.origin.is_secure {
            return speak(stream).await;
        }
        let tls = self.tls.clone().ok_or("there are no certificates to trust it by")?;
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(tls).connect(name, stream).await;
        speak(stream.map_err(|error| format!("no TLS: {error}"))?).await
    }
}

async fn speak<S>(stream: S) -> Result<SendRequest<Empty<Bytes>>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // It ends with the sender.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!("HTTP ended: {error}");
        }
    });
    Ok(sender)
}

/// Why a request failed.
struct HttpError {
    text: String,
    /// The connection was closed before an answer began.
    is_stale: bool,
}

impl HttpError {
    fn new(text: String) -> Self {
        Self { text, is_stale: false }
    }

    fn of(error: hyper::Error) -> Self {
        let is_stale = error.is_canceled() || error.is_incomplete_message() || error.is_closed();
        Self { text: format!("the connection failed: {error}"), is_stale }
    }
}
