//! The signed assertion that authenticates an application (RFC 7523 3, in the form that Entra
//! requires: PS256, `x5t#S256`).

use std::{fs, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    RsaPrivateKey,
    pkcs1::DecodeRsaPrivateKey,
    pkcs8::DecodePrivateKey,
    pss::SigningKey,
    rand_core::OsRng,
    signature::{RandomizedSigner, SignatureEncoding},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{classify::TokenTrouble, model::Timestamp};

/// The lifetime of an assertion. Entra accepts five to ten minutes.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The tolerated lead of our clock over the server's.
const SKEW: Duration = Duration::from_secs(60);

const ADVICE: &str = "Check client_certificate and client_key: PEM files that the service may \
    read, an RSA key that belongs to the certificate.";

/// Signs an assertion for `audience` (the token endpoint). `unique` becomes its `jti`.
///
/// # Errors
/// When a file cannot be read, or does not hold a certificate or key as expected.
pub(super) fn sign(
    certificate: &Path,
    key: &Path,
    client_id: &str,
    audience: &str,
    now: Timestamp,
    unique: u128,
) -> Result<String, TokenTrouble> {
    let der =
        CertificateDer::from_pem_file(certificate).map_err(|error| ours(certificate, &error))?;
    let key = read_key(key)?;
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(Sha256::digest(der.as_ref())) });
    let claims = json!({
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": format!("{unique:032x}"),
        "iat": now.as_secs(),
        "nbf": now.minus(SKEW).as_secs(),
        "exp": now.plus(LIFETIME).as_secs(),
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    // RFC 7518 3.5: PS256 is RSASSA-PSS with SHA-256 and a salt as long as the hash.
    let signature = SigningKey::<Sha256>::new(key).try_sign_with_rng(&mut OsRng, signed.as_bytes());
    let signature = signature.map_err(|error| {
        TokenTrouble::ours(format!("the assertion cannot be signed: {error}"), ADVICE)
    })?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
}

fn read_key(path: &Path) -> Result<RsaPrivateKey, TokenTrouble> {
    let text = fs::read_to_string(path).map_err(|error| ours(path, &error))?;
    RsaPrivateKey::from_pkcs8_pem(&text)
        .or_else(|_not_pkcs8| RsaPrivateKey::from_pkcs1_pem(&text))
        .map_err(|error| ours(path, &error))
}

fn ours(path: &Path, error: &dyn std::error::Error) -> TokenTrouble {
    TokenTrouble::ours(format!("{}: {error}", path.display()), ADVICE)
}

#[cfg(test)]
mod tests {
    use rsa::{
        pkcs8::EncodePrivateKey,
        pss::{Signature, VerifyingKey},
        signature::Verifier,
    };

    use super::*;

    fn pair(dir: &Path) -> RsaPrivateKey {
        let key = RsaPrivateKey::new(&mut OsRng, 2048).unwrap();
        let pem = key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap();
        fs::write(dir.join("key.pem"), pem.as_bytes()).unwrap();
        let signer = rcgen::KeyPair::from_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["postroom".to_owned()])
            .unwrap()
            .self_signed(&signer)
            .unwrap();
        fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
        key
    }

    #[test]
    fn an_assertion_can_be_verified_with_the_certificates_key() {
        let dir = tempfile::tempdir().unwrap();
        let key = pair(dir.path());
        let now = Timestamp::from_millis(1_763_900_000_000);
        let token = sign(
            &dir.path().join("cert.pem"),
            &dir.path().join("key.pem"),
            "app",
            "https://login/t",
            now,
            7,
        )
        .unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature =
            Signature::try_from(URL_SAFE_NO_PAD.decode(signature).unwrap().as_slice()).unwrap();
        VerifyingKey::<Sha256>::new(key.to_public_key())
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let (_, claims) = signed.split_once('.').unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 300);
        assert_eq!(claims["aud"], "https://login/t");
    }

    #[test]
    fn a_missing_key_is_a_persons_matter_and_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        pair(dir.path());
        let trouble = sign(
            &dir.path().join("cert.pem"),
            &dir.path().join("none.pem"),
            "a",
            "b",
            Timestamp::ZERO,
            0,
        )
        .unwrap_err();
        assert!(trouble.what.contains("none.pem"), "{trouble}");
    }
}
