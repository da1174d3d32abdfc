//! stub

use crate::model::Secret;

/// A client's whole answer to a DIGEST-MD5 challenge (RFC 2831 2.1.2).
pub struct DigestResponse {}

impl DigestResponse {
    /// The user name as sent.
    #[must_use]
    pub fn user(&self) -> &str {
        todo!()
    }

    /// True when the response was made with this password. Constant time in the comparison.
    #[must_use]
    pub fn verify(&self, _password: &Secret) -> bool {
        todo!()
    }
}
