//! One password against one stored secret.

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    device::PasswordSource,
    model::Secret,
    pop_before_smtp::PopLogin,
    smtp::{Login, auth::verify_cram_md5},
};

impl PasswordSource {
    /// Whether a login by SMTP shows this password.
    pub(in crate::device) fn matches(&self, login: &Login, memory: &Memory) -> bool {
        match (self, login) {
            (Self::Clear { secret, .. }, Login::Password { password, .. }) => {
                same(secret, password)
            }
            (Self::Clear { secret, .. }, Login::CramMd5 { challenge, digest, .. }) => {
                verify_cram_md5(challenge, digest, secret)
            }
            (Self::Clear { secret, .. }, Login::DigestMd5(response)) => response.verify(secret),
            (Self::Argon2(hash), Login::Password { password, .. }) => memory.verify(hash, password),
            (Self::Argon2(_), Login::CramMd5 { .. } | Login::DigestMd5(_)) => false,
        }
    }

    /// Whether a login by POP shows this password.
    pub(in crate::device) fn matches_pop(&self, login: &PopLogin, memory: &Memory) -> bool {
        match (self, login) {
            (Self::Clear { secret, .. }, PopLogin::Password { password, .. }) => {
                same(secret, password)
            }
            (Self::Clear { secret, .. }, PopLogin::Apop { timestamp, digest, .. }) => {
                PopLogin::apop_matches(timestamp, digest, secret)
            }
            (Self::Argon2(hash), PopLogin::Password { password, .. }) => {
                memory.verify(hash, password)
            }
            (Self::Argon2(_), PopLogin::Apop { .. }) => false,
        }
    }
}

/// Compares digests, so that the time taken reveals neither content nor length.
fn same(stored: &Secret, given: &Secret) -> bool {
    let stored = Sha256::digest(stored.expose());
    let given = Sha256::digest(given.expose());
    stored.ct_eq(&given).into()
}

/// The number of pieces of memory that are kept. As many logins are verified at once.
const PIECES: usize = 2;

/// The memory that argon2 computes in (19 MiB by default), kept from one login to the next. If it
/// were given back each time, the allocator would keep a piece for every thread that has ever
/// verified a login: hundreds of MiB, which strangers could cause.
#[derive(Default)]
pub(in crate::device) struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// Whether a password is the one that a hash in PHC form was made of.
    fn verify(&self, hash: &str, given: &Secret) -> bool {
        let piece = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = piece.unwrap_or_default();
        let same = fits(hash, given, &mut blocks).unwrap_or(false);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < PIECES {
            kept.push(blocks);
        }
        same
    }
}

/// Whether the password fits the hash. None when the hash is malformed.
fn fits(hash: &str, given: &Secret, blocks: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let algorithm = Algorithm::try_from(hash.algorithm).ok()?;
    let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let (mut octets, stored) = ([0; 64], hash.hash?);
    let salt = hash.salt?.decode_b64(&mut octets).ok()?;
    if blocks.len() < params.block_count() {
        // The old blocks are freed first, so that both never exist at once.
        *blocks = Vec::new();
        blocks.resize(params.block_count(), Block::default());
    }
    let mut output = vec![0; stored.len()];
    let argon2 = Argon2::new(algorithm, version, params);
    argon2
        .hash_password_into_with_memory(given.expose().as_bytes(), salt, &mut output, &mut *blocks)
        .ok()?;
    Some(stored.as_bytes().ct_eq(&output).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::Mechanism;

    fn clear(password: &str) -> PasswordSource {
        PasswordSource::Clear { file: "mfp1.pass".into(), secret: Secret::new(password.into()) }
    }

    /// Of `geheim`, with the least memory and time that argon2 allows.
    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$";

    fn hashed(password: &str) -> PasswordSource {
        let hash = costly(password, 8);
        assert!(hash.starts_with(HASH));
        PasswordSource::Argon2(hash)
    }

    fn costly(password: &str, kibibytes: u32) -> String {
        use argon2::{PasswordHasher, password_hash::SaltString};
        let salt = SaltString::from_b64("c2FsdHNhbHQ").unwrap();
        let argon2 = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(kibibytes, 1, 1, None).unwrap(),
        );
        argon2.hash_password(password.as_bytes(), &salt).unwrap().to_string()
    }

    fn plain(password: &str) -> Login {
        Login::Password { user: "mfp1".into(), password: Secret::new(password.into()) }
    }

    #[test]
    fn the_right_password_fits_and_a_wrong_one_does_not() {
        for stored in [clear("geheim"), hashed("geheim")] {
            assert!(stored.matches(&plain("geheim"), &Memory::default()));
            assert!(!stored.matches(&plain("Geheim"), &Memory::default()));
            assert!(!stored.matches(&plain("geheim "), &Memory::default()));
            assert!(!stored.matches(&plain(""), &Memory::default()));
        }
    }

    #[test]
    fn the_memory_of_one_login_serves_the_next_whatever_its_hash_asks_for() {
        let memory = Memory::default();
        let (small, large) = (hashed("geheim"), PasswordSource::Argon2(costly("geheim", 64)));
        for stored in [&small, &large, &small, &large] {
            assert!(stored.matches(&plain("geheim"), &memory));
            assert!(!stored.matches(&plain("falsch"), &memory));
        }
        assert_eq!(memory.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn cram_md5_gives_the_digest_of_rfc_2195() {
        let login = |digest: &str| Login::CramMd5 {
            user: "tim".into(),
            challenge: "<1896.697170952@postoffice.reston.mci.net>".into(),
            digest: digest.into(),
        };
        assert!(
            clear("tanstaaftanstaaf")
                .matches(&login("b913a602c7eda7a495b4e6e7334d3890"), &Memory::default())
        );
        assert!(
            !clear("tanstaaftanstaaf")
                .matches(&login("b913a602c7eda7a495b4e6e7334d3891"), &Memory::default())
        );
        assert!(
            !clear("tanstaaf")
                .matches(&login("b913a602c7eda7a495b4e6e7334d3890"), &Memory::default())
        );
        assert!(
            !hashed("tanstaaftanstaaf")
                .matches(&login("b913a602c7eda7a495b4e6e7334d3890"), &Memory::default())
        );
    }

    #[test]
    fn a_malformed_hash_admits_nobody() {
        assert!(
            !PasswordSource::Argon2("geheim".into()).matches(&plain("geheim"), &Memory::default())
        );
        assert!(!PasswordSource::Argon2(String::new()).matches(&plain(""), &Memory::default()));
    }

    #[test]
    fn a_hash_serves_only_the_mechanisms_that_send_the_password() {
        let served = |source: &PasswordSource| {
            [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5, Mechanism::DigestMd5]
                .map(|m| source.verifies(m))
        };
        assert_eq!(served(&clear("x")), [true, true, true, true]);
        assert_eq!(served(&PasswordSource::Argon2(HASH.into())), [true, true, false, false]);
    }
}
