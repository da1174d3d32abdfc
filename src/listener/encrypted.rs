//! What a TLS handshake results in, whichever library does it.

use std::{fmt, io};

use rustls_pki_types::CertificateDer;
use thiserror::Error;

use crate::{
    device::{TlsRefusal, TlsSighting},
    listener::wire::Transport,
    model::TlsVersion,
};

/// An encrypted stream.
pub(super) struct Encrypted {
    pub(super) agreed: Agreed,
    /// The certificates that the client has shown, its own first. Empty below TLS 1.2.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) stream: Box<dyn Transport>,
}

/// The version and cipher that a handshake has agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Agreed {
    pub(super) version: TlsVersion,
    /// The name of the cipher suite, as the library spells it: `TLS_RSA_WITH_3DES_EDE_CBC_SHA`.
    pub(super) cipher: &'static str,
}

impl Agreed {
    /// The form in which it is remembered.
    pub(super) fn sighting(self) -> TlsSighting {
        TlsSighting { version: self.version, cipher: self.cipher.to_owned() }
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.version.as_str(), self.cipher)
    }
}

/// Why a handshake did not result in an encrypted stream.
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    /// The client gave up, or sent something that is not TLS.
    #[error(transparent)]
    Broken(#[from] io::Error),
    /// The best that the client offers is not good enough for its `oldest_tls`, or for this build.
    #[error("too old")]
    Refused(TlsRefusal),
}
