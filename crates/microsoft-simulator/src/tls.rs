//! TLS of the listening side: a certificate chain and its key, held in memory.
//!
//! It must never write the key anywhere. Versions are those of rustls, TLS 1.2 and 1.3 (RFC 5246, RFC 8446), with the
//! cryptography of aws-lc-rs.

use std::{fmt, io, sync::Arc};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What clients may choose by ALPN (RFC 7301), the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a server proves itself with.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Reads a chain, the server's own certificate first, and its private key, both PEM (RFC 7468). Fails when either
    /// cannot be read or when they do not belong together.
    pub fn from_pem(chain: &str, key: &str) -> io::Result<Self> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| invalid("the certificate is not PEM"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| invalid("the private key is not PEM"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| invalid("no TLS version is available"))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|_| invalid("certificate and private key do not belong together"))?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self {
            config: Arc::new(config),
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls([redacted])")
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
