//! Client assertions: JWTs signed with the application's certificate (RFC 7523 2.2, Microsoft's
//! certificate credentials).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    signature::{
        RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use x509_parser::prelude::{FromDer, X509Certificate};

use postroom_core::model::Timestamp;

/// Why an assertion is rejected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AssertionError {
    /// The assertion names another certificate.
    UnknownKey,
    /// The signature was not made with the certificate's key.
    BadSignature,
    /// The assertion cannot be read, or this claim is wrong.
    Malformed(&'static str),
    /// The assertion is expired or not yet valid.
    NotNow,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    x5t: Option<String>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    #[serde(default)]
    jti: String,
    #[serde(default)]
    nbf: u64,
    exp: u64,
}

/// Verifies an assertion of `client_id` that is meant for the token endpoint of `directory`.
pub(crate) fn verify(
    assertion: &str,
    certificate: &[u8],
    client_id: &str,
    directory: &str,
    now: Timestamp,
) -> Result<(), AssertionError> {
    let (signed, signature) =
        assertion.rsplit_once('.').ok_or(AssertionError::Malformed("its three parts"))?;
    let (header, claims) =
        signed.split_once('.').ok_or(AssertionError::Malformed("its three parts"))?;
    let header: Header = decode(header, "header")?;
    let claims: Claims = decode(claims, "claims")?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_no_base64| AssertionError::Malformed("signature"))?;
    if !names(&header, certificate) {
        return Err(AssertionError::UnknownKey);
    }
    let algorithm: &RsaParameters = match header.alg.as_str() {
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        _other => return Err(AssertionError::Malformed("alg")),
    };
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|_unreadable| AssertionError::UnknownKey)?;
    let key =
        UnparsedPublicKey::new(algorithm, parsed.public_key().subject_public_key.data.as_ref());
    key.verify(signed.as_bytes(), &signature)
        .map_err(|_unspecified| AssertionError::BadSignature)?;
    // The authority differs by cloud, and a sandbox has its own. Only the part after it is checked.
    if !claims.aud.ends_with(&format!("/{directory}/oauth2/v2.0/token")) {
        return Err(AssertionError::Malformed("aud"));
    }
    if claims.iss != client_id || claims.sub != client_id {
        return Err(AssertionError::Malformed("iss or sub"));
    }
    if claims.jti.is_empty() {
        return Err(AssertionError::Malformed("jti"));
    }
    let now = now.as_secs();
    if now >= claims.exp || now < claims.nbf { Err(AssertionError::NotNow) } else { Ok(()) }
}

/// Whether the header names this certificate by its SHA-256 hash or, in the older form, by SHA-1.
fn names(header: &Header, certificate: &[u8]) -> bool {
    let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest(algorithm, certificate));
    match (&header.x5t_s256, &header.x5t) {
        (Some(named), _) => named.trim_end_matches('=') == thumbprint(&SHA256),
        (None, Some(named)) => named.trim_end_matches('=') == thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
        (None, None) => false,
    }
}

fn decode<T: DeserializeOwned>(part: &str, what: &'static str) -> Result<T, AssertionError> {
    let malformed = AssertionError::Malformed(what);
    let octets =
        URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_no_base64| malformed)?;
    serde_json::from_slice(&octets).map_err(|_no_json| malformed)
}
