//! Connections to servers that are not AWS's own services, by the one TLS stack there is.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use thiserror::Error;

/// TLS cannot be set up on this machine.
#[derive(Debug, Error)]
#[error("setting up TLS")]
pub struct TlsError(#[source] rustls::Error);

/// Connects by HTTP or HTTPS, as the address says, and trusts whom the machine trusts.
///
/// # Errors
/// TLS cannot be set up.
pub fn connector(connect_timeout: Duration) -> Result<HttpsConnector<HttpConnector>, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    // Certificates that cannot be read are left out, as by every client; without any, https tells which is missing.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(connect_timeout));
    connector.set_nodelay(true);
    connector.enforce_http(false);
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector))
}
