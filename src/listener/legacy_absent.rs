//! Stands in for `legacy` in a build without the feature `legacy-tls`: there are no old protocols.

use std::io;

use crate::{
    listener::{
        BadPair, KeyKind, ListenerError, TlsSettings,
        encrypted::{Encrypted, HandshakeError},
        wire::{Replay, Transport},
    },
    model::TlsVersion,
};

/// Whether this build serves the versions that rustls does not.
pub(super) const PRESENT: bool = false;

const ABSENT: &str = "this build has no legacy TLS (Cargo feature legacy-tls)";

/// Refuses every pair, since this build cannot use one.
///
/// # Errors
/// Always.
pub fn check_legacy_pair(_certificate: &str, _key: &str) -> Result<KeyKind, BadPair> {
    Err(BadPair::Certificate(format!("is of no use: {ABSENT}")))
}

/// The part that is absent: it has no state.
pub(super) struct Legacy;

impl Legacy {
    /// Refuses a configured certificate: one that cannot be used is an error, not a setting without
    /// effect.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, ListenerError> {
        match &settings.legacy_files {
            Some((certificate, _key)) => {
                Err(ListenerError::tls("use legacy certificate", certificate, &ABSENT))
            }
            None => Ok(Self),
        }
    }

    /// Is never called, since [`PRESENT`] is false.
    #[expect(clippy::unused_async, reason = "takes the place of the real one")]
    pub(super) async fn accept<IO: Transport + 'static>(
        &self,
        _io: Replay<IO>,
        _oldest: TlsVersion,
        _offered: TlsVersion,
    ) -> Result<Encrypted, HandshakeError> {
        Err(io::Error::from(io::ErrorKind::Unsupported).into())
    }
}
