//! Which TLS handshakes are refused, and the setting that would admit them.

use crate::{
    device::{DeviceEncryption, DeviceSettings},
    model::TlsVersion,
};

/// Why a handshake is refused: the client's offer says so before any key is agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsRefusal {
    /// The best version that the client offers is older than `oldest_tls` of its device. None
    /// stands for SSL 2.0.
    TooOld(Option<TlsVersion>),
    /// The client offers TLS 1.2 with no cipher but RC4 and 3DES. These are served only to devices
    /// that may use a TLS version older than 1.2.
    OldCiphers,
    /// The version is allowed, but this build lacks the library for it.
    NotBuilt(TlsVersion),
}

impl TlsRefusal {
    /// The `oldest_tls` that would admit the client, if that setting is the reason.
    pub(in crate::device) const fn needs(self) -> Option<TlsVersion> {
        match self {
            Self::TooOld(version) => version,
            Self::OldCiphers => Some(TlsVersion::Tls11),
            Self::NotBuilt(_) => None,
        }
    }

    /// What the client offers, and what would admit it. `allowed` is its `oldest_tls`; a stranger
    /// has no device.
    pub(in crate::device) fn text(
        self,
        device: Option<&DeviceSettings>,
        allowed: TlsVersion,
    ) -> String {
        let (offered, needed) = match self {
            Self::TooOld(None) => {
                return "it offers SSL 2.0 and nothing newer, which is not served; switch \
                    encryption off on it"
                    .to_owned();
            }
            Self::NotBuilt(version) => {
                return format!(
                    "it offers at most {}; this build has no legacy TLS (Cargo feature legacy-tls)",
                    version.as_str()
                );
            }
            Self::TooOld(Some(version)) => (version.as_str().to_owned(), version.as_str()),
            Self::OldCiphers => ("tls1.2 with RC4 or 3DES".to_owned(), TlsVersion::Tls11.as_str()),
        };
        let allowed = allowed.as_str();
        match device {
            Some(device) if device.encryption == DeviceEncryption::Required => {
                let name = &device.name;
                format!(
                    "it offers at most {offered}, and [[device]] \"{name}\" has encryption = \
                    \"required\", which requires tls1.2 or newer"
                )
            }
            Some(device) => {
                let name = &device.name;
                format!(
                    "it offers at most {offered}, and its oldest_tls is {allowed}; oldest_tls = \
                    \"{needed}\" in [[device]] \"{name}\" admits it"
                )
            }
            None => {
                format!(
                    "it offers at most {offered}; a [[device]] with its address in networks and \
                    oldest_tls = \"{needed}\" admits it"
                )
            }
        }
    }
}
