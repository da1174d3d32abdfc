//! The certificate that a client shows, and what it proves.
//!
//! A certificate counts as a login does: it takes precedence over the network, and it satisfies
//! `auth = "required"`. A certificate that fits no device changes nothing.

use crate::{
    device::certificate_pattern::CertificatePattern,
    model::{Fingerprint, is_invisible},
};

/// A certificate that a client has shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// The SHA-256 fingerprint of the whole certificate.
    pub fingerprint: Fingerprint,
    /// Common name, host names and mail addresses.
    pub names: Vec<String>,
    /// What the certificate proves.
    pub worth: Worth,
}

/// What a certificate proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Worth {
    /// Its names: an authority in `client_ca` has issued it.
    Names,
    /// Its identity only: the client has its key, but its names prove nothing, for this reason.
    Fingerprint(String),
    /// Nothing, for this reason: the client has not proven that it has the key.
    Nothing(String),
}

/// The maximum number of names of an unknown certificate that are logged and remembered, and the
/// maximum number of characters of each.
const NAMES_SHOWN: usize = 5;
const NAME_SHOWN: usize = 100;

impl ClientCertificate {
    /// The first of its names, each shortened: the maker of the certificate chose them and their
    /// length.
    pub(in crate::device) fn first_names(&self) -> Vec<String> {
        self.names
            .iter()
            .take(NAMES_SHOWN)
            .map(|name| name.chars().take(NAME_SHOWN).map(visible).collect())
            .collect()
    }
}

fn visible(c: char) -> char {
    if c.is_control() || is_invisible(c) { '?' } else { c }
}

impl CertificatePattern {
    /// Whether the certificate that a client has shown matches this entry.
    pub(in crate::device) fn fits(&self, shown: &ClientCertificate) -> bool {
        match (self, &shown.worth) {
            (Self::Fingerprint(_) | Self::Name(_), Worth::Nothing(_))
            | (Self::Name(_), Worth::Fingerprint(_)) => false,
            (Self::Fingerprint(fingerprint), Worth::Names | Worth::Fingerprint(_)) => {
                *fingerprint == shown.fingerprint
            }
            (Self::Name(name), Worth::Names) => {
                shown.names.iter().any(|shown| shown.to_lowercase() == *name)
            }
        }
    }
}
