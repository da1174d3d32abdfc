//! The certificate issuers that this machine trusts, and the clock that certificates are checked
//! against.

use std::{io, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring, time_provider::TimeProvider};
use rustls_pki_types::UnixTime;

use crate::clock::Clock;

/// The platform's store, otherwise Mozilla's list: a container without certificates has no store.
#[must_use]
pub fn machine_store() -> RootCertStore {
    let mut store = RootCertStore::empty();
    // Some certificates in platform stores cannot be parsed. The others are still used.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

/// TLS 1.2 and 1.3 (RFC 8996), with the issuers of [`machine_store`].
///
/// # Errors
/// When the cryptography provider supports none of our TLS versions, which cannot happen in this
/// build.
pub fn machine_config(clock: Clock) -> io::Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_details(
        Arc::new(ring::default_provider()),
        Arc::new(WallClock(clock)),
    )
    .with_safe_default_protocol_versions()
    .map_err(io::Error::other)?;
    Ok(Arc::new(builder.with_root_certificates(machine_store()).with_no_client_auth()))
}

/// A time provider for rustls, so that certificates are checked against the same clock as
/// everything else.
#[derive(Debug)]
pub struct WallClock(pub Clock);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().as_millis())))
    }
}
