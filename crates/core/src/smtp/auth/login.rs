//! The mechanisms, and what a client presents to log in.

use crate::{model::Secret, smtp::auth::digest_md5::DigestResponse};

/// The SASL mechanisms that we can serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: the prompts are exactly `Username:` and `Password:`.
    Login,
    /// RFC 2195. Needs the clear password.
    CramMd5,
    /// RFC 2831. Needs the clear password.
    DigestMd5,
}

/// What the client presented to log in. The driver verifies it.
pub enum Login {
    /// PLAIN or LOGIN: the password itself.
    Password {
        /// The user name as sent: may be `user`, `user@host` or `DOMAIN\user`.
        user: String,
        /// The value as sent.
        password: Secret,
    },
    /// CRAM-MD5 (RFC 2195).
    CramMd5 {
        /// The value as sent.
        user: String,
        /// Our challenge, with its angle brackets.
        challenge: String,
        /// HMAC-MD5 of the challenge, keyed with the password, as lower-case hexadecimal.
        digest: String,
    },
    /// DIGEST-MD5 (RFC 2831). Verified with [`DigestResponse::verify`].
    DigestMd5(DigestResponse),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(***)")
    }
}
