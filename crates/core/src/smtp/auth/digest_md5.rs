//! The server's side of DIGEST-MD5 (RFC 2831) with `qop=auth`. Ricoh devices use it. It needs the
//! clear password.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{model::Secret, smtp::auth::hex::hex};

/// RFC 2831 2.1.2: a response has fewer than 4096 octets.
const RESPONSE_LIMIT: usize = 4096;

/// The first challenge (RFC 2831 2.1.1).
pub(super) fn challenge(realm: &str, nonce: &str) -> String {
    format!("realm=\"{realm}\",nonce=\"{nonce}\",qop=\"auth\",charset=utf-8,algorithm=md5-sess")
}

/// A client's whole answer to a DIGEST-MD5 challenge (RFC 2831 2.1.2).
pub struct DigestResponse {
    user: String,
    realm: String,
    nonce: String,
    cnonce: String,
    digest_uri: String,
    authzid: Option<String>,
    response: String,
    rspauth: RspAuth,
}

/// Where [`DigestResponse::verify`] leaves the server's own proof, which the session then sends
/// (RFC 2831 2.1.3): making it takes the password, which the session never has.
pub(in crate::smtp) type RspAuth = Arc<OnceLock<String>>;

impl DigestResponse {
    /// Reads the directives; `None` if one is missing or does not fit the challenge.
    pub(super) fn parse(text: &str, nonce: &str) -> Option<Self> {
        let mut directives = directives(text)?;
        let mut take = |name: &str| directives.remove(name);
        let fits = take("nonce").as_deref() == Some(nonce)
            // RFC 2831 2.1.2: each nonce is used only once.
            && take("nc").as_deref() == Some("00000001")
            && take("qop").is_none_or(|qop| qop.eq_ignore_ascii_case("auth"));
        fits.then_some(())?;
        Some(Self {
            user: take("username")?,
            realm: take("realm").unwrap_or_default(),
            nonce: nonce.to_owned(),
            cnonce: take("cnonce")?,
            digest_uri: take("digest-uri")?,
            authzid: take("authzid"),
            response: take("response")?.to_ascii_lowercase(),
            rspauth: RspAuth::default(),
        })
    }

    /// The user name as sent.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether the response was made with this password. The comparison takes constant time.
    #[must_use]
    pub fn verify(&self, password: &Secret) -> bool {
        let secret = self.secret(password);
        let right: bool =
            self.digest(&secret, "AUTHENTICATE").as_bytes().ct_eq(self.response.as_bytes()).into();
        if right {
            // A second verification gives the same proof.
            self.rspauth.get_or_init(|| self.digest(&secret, ""));
        }
        right
    }

    pub(in crate::smtp) fn rspauth(&self) -> RspAuth {
        Arc::clone(&self.rspauth)
    }

    /// RFC 2831 2.1.2.1: the hash of A1, in hexadecimal.
    fn secret(&self, password: &Secret) -> Zeroizing<String> {
        let inner = Md5::new()
            .chain_update(as_hashed(&self.user))
            .chain_update(":")
            .chain_update(as_hashed(&self.realm))
            .chain_update(":")
            .chain_update(as_hashed(password.expose()))
            .finalize();
        let mut a1 = Md5::new()
            .chain_update(inner)
            .chain_update(":")
            .chain_update(&self.nonce)
            .chain_update(":")
            .chain_update(&self.cnonce);
        if let Some(authzid) = &self.authzid {
            a1.update(":");
            a1.update(authzid);
        }
        Zeroizing::new(hex(&a1.finalize()))
    }

    /// RFC 2831 2.1.2.1 for the client's proof, 2.1.3 for ours.
    fn digest(&self, secret: &str, method: &str) -> String {
        let a2 = hex(&Md5::digest(format!("{method}:{}", self.digest_uri)));
        hex(&Md5::digest(format!("{secret}:{}:00000001:{}:auth:{a2}", self.nonce, self.cnonce)))
    }
}

/// RFC 2831 2.1.2.1: a name is hashed in Latin-1 if that can encode it, otherwise in UTF-8.
fn as_hashed(text: &str) -> Zeroizing<Vec<u8>> {
    let latin1: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    Zeroizing::new(latin1.unwrap_or_else(|_beyond_latin1| text.as_bytes().to_vec()))
}

/// Reads `name=value` or `name="value"`, separated by commas; `None` if a directive is repeated or
/// never closed.
fn directives(text: &str) -> Option<HashMap<String, String>> {
    let mut found = HashMap::new();
    let mut rest =
        text.get(..).filter(|text| text.len() < RESPONSE_LIMIT)?.trim_matches([' ', ',', '\0']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (value, after) = after.split_at(after.find(',').unwrap_or(after.len()));
                (value.trim_end().to_owned(), after)
            }
        };
        if found.insert(name.trim().to_ascii_lowercase(), value).is_some() {
            return None;
        }
        rest = after.trim_start_matches([' ', ',']);
    }
    Some(found)
}

fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 2831 4, first example.
    const NONCE: &str = "OA6MG9tEQGm2hh";
    const RESPONSE: &str = "charset=utf-8,username=\"chris\",\
        realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",\
        nc=00000001,cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/elwood.innosoft.com\",\
        response=d388dad90d4bbd760a152321f2143af7,qop=auth";

    fn check(response: &str, password: &str, rspauth: Option<&str>) {
        let response = DigestResponse::parse(response, NONCE).unwrap();
        assert_eq!(response.verify(&Secret::new(password.to_owned())), rspauth.is_some());
        assert_eq!(response.rspauth().get().map(String::as_str), rspauth);
    }

    #[test]
    fn the_example_of_rfc_2831_is_right_and_nothing_else_is() {
        check(RESPONSE, "secret", Some("ea40f60335c427b5527b84dbabcdfffd"));
        check(RESPONSE, "Secret", None);
        check(&RESPONSE.replace("chris", "Chris"), "secret", None);
        check(&RESPONSE.replace("d388", "d389"), "secret", None);
        check(&RESPONSE.replace("qop=auth", "qop=auth,authzid=\"root\""), "secret", None);
    }

    #[test]
    fn a_response_to_another_challenge_is_none() {
        for (from, to) in [
            (NONCE, "OA6MG9tEQGm2hi"),
            ("nc=00000001", "nc=00000002"),
            ("qop=auth", "qop=auth-int"),
            ("username=", "user="),
            ("qop=auth", "nc=00000001"),
            ("\"chris\"", "\"chris"),
        ] {
            assert!(DigestResponse::parse(&RESPONSE.replace(from, to), NONCE).is_none(), "{to}");
        }
    }

    #[test]
    fn quoted_values_may_hold_commas_and_quotes() {
        let found = directives(r#"username="a\"b,c" , realm="", qop = auth ,"#).unwrap();
        assert_eq!(found["username"], "a\"b,c");
        assert_eq!((found["realm"].as_str(), found["qop"].as_str()), ("", "auth"));
    }
}
