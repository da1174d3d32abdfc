//! One password against one stored secret.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    device::settings::PasswordSource,
    model::Secret,
    pop::PopLogin,
    smtp::{Login, Mechanism, auth::verify_cram_md5},
};

impl PasswordSource {
    /// Whether a login by this mechanism can be checked with what we know.
    #[must_use]
    pub const fn verifies(&self, mechanism: Mechanism) -> bool {
        match (self, mechanism) {
            (Self::Clear { .. }, _) | (Self::Argon2(_), Mechanism::Plain | Mechanism::Login) => true,
            // Challenge and response need the clear password on both sides (RFC 2195 2, RFC 2831 2.1.2.1).
            (Self::Argon2(_), Mechanism::CramMd5 | Mechanism::DigestMd5) => false,
        }
    }

    /// Whether a login by `APOP` can be checked, which needs the clear password too (RFC 1939 7).
    #[must_use]
    pub const fn verifies_apop(&self) -> bool {
        match self {
            Self::Clear { .. } => true,
            Self::Argon2(_) => false,
        }
    }

    pub(super) fn matches(&self, login: &Login) -> bool {
        match (self, login) {
            (Self::Clear { secret, .. }, Login::Password { password, .. }) => same(secret, password),
            (Self::Clear { secret, .. }, Login::CramMd5 { challenge, digest, .. }) => verify_cram_md5(challenge, digest, secret),
            (Self::Clear { secret, .. }, Login::DigestMd5(response)) => response.verify(secret),
            (Self::Argon2(hash), Login::Password { password, .. }) => argon2(hash, password),
            (Self::Argon2(_), Login::CramMd5 { .. } | Login::DigestMd5(_)) => false,
        }
    }
}

impl PasswordSource {
    pub(super) fn matches_pop(&self, login: &PopLogin) -> bool {
        match (self, login) {
            (Self::Clear { secret, .. }, PopLogin::Password { password, .. }) => same(secret, password),
            (Self::Clear { secret, .. }, PopLogin::Apop { timestamp, digest, .. }) => PopLogin::apop_matches(timestamp, digest, secret),
            (Self::Argon2(hash), PopLogin::Password { password, .. }) => argon2(hash, password),
            (Self::Argon2(_), PopLogin::Apop { .. }) => false,
        }
    }
}

/// Compares digests, so that neither content nor length shows in the time.
fn same(stored: &Secret, given: &Secret) -> bool {
    let stored = Sha256::digest(stored.expose());
    let given = Sha256::digest(given.expose());
    stored.ct_eq(&given).into()
}

fn argon2(hash: &str, given: &Secret) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(given.expose().as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(password: &str) -> PasswordSource {
        PasswordSource::Clear { file: "mfp1.pass".into(), secret: Secret::new(password.into()) }
    }

    /// Of `geheim`, with the least memory and time that argon2 allows.
    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$";

    fn hashed(password: &str) -> PasswordSource {
        use argon2::{Params, PasswordHasher, password_hash::SaltString};
        let salt = SaltString::from_b64("c2FsdHNhbHQ").unwrap();
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let hash = argon2.hash_password(password.as_bytes(), &salt).unwrap().to_string();
        assert!(hash.starts_with(HASH));
        PasswordSource::Argon2(hash)
    }

    fn plain(password: &str) -> Login {
        Login::Password { user: "mfp1".into(), password: Secret::new(password.into()) }
    }

    #[test]
    fn the_right_password_fits_and_a_wrong_one_does_not() {
        for stored in [clear("geheim"), hashed("geheim")] {
            assert!(stored.matches(&plain("geheim")));
            assert!(!stored.matches(&plain("Geheim")));
            assert!(!stored.matches(&plain("geheim ")));
            assert!(!stored.matches(&plain("")));
        }
    }

    #[test]
    fn cram_md5_gives_the_digest_of_rfc_2195() {
        let login = |digest: &str| Login::CramMd5 {
            user: "tim".into(),
            challenge: "<1896.697170952@postoffice.reston.mci.net>".into(),
            digest: digest.into(),
        };
        assert!(clear("tanstaaftanstaaf").matches(&login("b913a602c7eda7a495b4e6e7334d3890")));
        assert!(!clear("tanstaaftanstaaf").matches(&login("b913a602c7eda7a495b4e6e7334d3891")));
        assert!(!clear("tanstaaf").matches(&login("b913a602c7eda7a495b4e6e7334d3890")));
        assert!(!hashed("tanstaaftanstaaf").matches(&login("b913a602c7eda7a495b4e6e7334d3890")));
    }

    #[test]
    fn a_hash_that_is_none_admits_nobody() {
        assert!(!PasswordSource::Argon2("geheim".into()).matches(&plain("geheim")));
        assert!(!PasswordSource::Argon2(String::new()).matches(&plain("")));
    }

    #[test]
    fn a_hash_serves_only_the_mechanisms_that_send_the_password() {
        let served = |source: &PasswordSource| {
            [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5, Mechanism::DigestMd5].map(|m| source.verifies(m))
        };
        assert_eq!(served(&clear("x")), [true, true, true, true]);
        assert_eq!(served(&PasswordSource::Argon2(HASH.into())), [true, true, false, false]);
    }
}
