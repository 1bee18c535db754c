//! TLS, and whom to trust.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tracing::debug;

use super::Deadline;
use crate::error::{ConnectError, Stage};

/// Whom to trust with a `wss` address, for servers whose certificate the system does not know.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts servers with a certificate from one of these authorities, or with one of these certificates itself if
    /// it names itself as its issuer, and no others.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Certificate`] if this is not text in PEM form with at least one certificate.
    pub fn with_root_certificates(pem: &[u8]) -> Result<Self, ConnectError> {
        let bad = |reason: String| ConnectError::Certificate { reason };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("there is none".into()));
        }
        let config = config(roots).map_err(|error| bad(error.to_string()))?;
        Ok(Self { config })
    }

    /// Does what this configuration says, which can be anything, e.g. show a certificate of the client.
    pub fn with_config(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Makes a connection secure.
pub(super) async fn secure(
    stream: TcpStream,
    host: &str,
    tls: Option<&Tls>,
    deadline: Deadline,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let secured = async {
        let config = match tls {
            Some(tls) => tls.config.clone(),
            None => platform().await?,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        TlsConnector::from(config).connect(name, stream).await
    };
    let secured = deadline.within(Stage::Tls, secured).await?;
    secured.map_err(|cause| ConnectError::Tls { host: host.into(), cause })
}

/// Trusts whom the system trusts. Reading that takes a moment, and is done once.
async fn platform() -> io::Result<Arc<ClientConfig>> {
    static PLATFORM: OnceCell<Arc<ClientConfig>> = OnceCell::const_new();
    let load = || async { tokio::task::spawn_blocking(load).await.unwrap_or_else(|error| Err(error.into())) };
    PLATFORM.get_or_try_init(load).await.cloned()
}

fn load() -> io::Result<Arc<ClientConfig>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        debug!(%error, "some certificates of the system cannot be read");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the system has no certificates to trust"));
    }
    config(roots).map_err(io::Error::other)
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, tokio_rustls::rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
