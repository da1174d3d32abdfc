//! Stands in for `legacy` in a build without the feature `legacy-tls`: there are no old protocols.

use std::io;

use crate::{
    listener::{
        ListenerError, TlsSettings,
        tls::{Encrypted, HandshakeError},
        wire::{Replay, Transport},
    },
    model::TlsVersion,
};

/// Whether this build serves what rustls does not.
pub(super) const PRESENT: bool = false;

/// Nothing.
pub(super) struct Legacy;

impl Legacy {
    /// A certificate that could not be used is an error, not a setting without effect.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, ListenerError> {
        match &settings.legacy_files {
            Some((certificate, _key)) => {
                Err(ListenerError::tls("use legacy certificate", certificate, &"this build has no legacy TLS (Cargo feature legacy-tls)"))
            }
            None => Ok(Self),
        }
    }

    /// Never asked, since [`PRESENT`] says so.
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
