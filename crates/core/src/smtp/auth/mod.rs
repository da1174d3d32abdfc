//! The SASL mechanisms, up to the login that the driver then verifies (RFC 4954).
//!
//! ```text
//!   PLAIN        [334 ▶] user and password                    ▶ Login::Password
//!   LOGIN        [334 Username: ▶ user] 334 Password: ▶ password ▶ Login::Password
//!   CRAM-MD5     334 challenge ▶ user and digest               ▶ Login::CramMd5
//!   DIGEST-MD5   334 challenge ▶ directives                 ▶ Login::DigestMd5, 334 ▶ empty line
//! ```

mod cram_md5;
mod digest_md5;
mod hex;
mod login;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    model::{Reply, Secret},
    smtp::{auth::hex::hex, reply},
};

pub use cram_md5::verify_cram_md5;
pub use digest_md5::DigestResponse;
pub(super) use digest_md5::RspAuth;
pub use login::{Login, Mechanism};

/// Devices omit the padding or pad too much.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// `Username:`. Xerox devices know no other prompt than these two.
const USERNAME_PROMPT: &str = "VXNlcm5hbWU6";
/// `Password:`
const PASSWORD_PROMPT: &str = "UGFzc3dvcmQ6";

/// An exchange that waits for the client's next response.
pub(super) enum Exchange {
    /// PLAIN without an initial response.
    Plain,
    /// LOGIN: the user name is next.
    Username,
    /// LOGIN: the password is next.
    Password { user: String },
    /// CRAM-MD5 or DIGEST-MD5: this challenge was sent.
    CramMd5 { challenge: String },
    /// DIGEST-MD5: this nonce was sent.
    DigestMd5 { nonce: String },
}

/// The next step of an exchange.
pub(super) enum Next {
    /// Send this challenge in base64 and wait.
    Challenge(String, Exchange),
    /// Ask the driver to verify this login.
    Verify(Login),
}

/// Makes unpredictable challenges: a hash of the session's entropy and a counter.
pub(super) struct Nonces {
    entropy: u64,
    made: u64,
}

impl Nonces {
    pub(super) const fn new(entropy: u64) -> Self {
        Self { entropy, made: 0 }
    }

    /// 32 characters, never the same twice.
    fn fresh(&mut self) -> String {
        self.made += 1;
        let hash = Sha256::new()
            .chain_update(self.entropy.to_be_bytes())
            .chain_update(self.made.to_be_bytes())
            .finalize();
        hex(hash.get(..16).unwrap_or_default())
    }
}

/// Begins an exchange.
///
/// # Errors
/// The reply to give.
pub(super) fn begin(
    mechanism: Mechanism,
    initial: Option<&str>,
    hostname: &str,
    nonces: &mut Nonces,
) -> Result<Next, Reply> {
    // RFC 4954 4: "=" is an empty initial response. Neither PLAIN nor LOGIN can use one, so we ask.
    let initial = initial.filter(|initial| *initial != "=");
    match mechanism {
        Mechanism::Plain => match initial {
            Some(response) => plain(response),
            None => Ok(Next::Challenge(String::new(), Exchange::Plain)),
        },
        Mechanism::Login => match initial {
            Some(user) => username(user),
            None => Ok(Next::Challenge(USERNAME_PROMPT.to_owned(), Exchange::Username)),
        },
        // RFC 4954 4: where the server speaks first, an initial response is an error.
        Mechanism::CramMd5 if initial.is_some() => Err(reply::BAD_RESPONSE),
        Mechanism::CramMd5 => {
            let challenge = format!("<{}@{hostname}>", nonces.fresh());
            Ok(Next::Challenge(BASE64.encode(&challenge), Exchange::CramMd5 { challenge }))
        }
        // RFC 2831 2.2.2: an initial response continues an earlier session. A server that does not
        // remember that session sends a fresh challenge.
        Mechanism::DigestMd5 => {
            let nonce = nonces.fresh();
            Ok(Next::Challenge(
                BASE64.encode(digest_md5::challenge(hostname, &nonce)),
                Exchange::DigestMd5 { nonce },
            ))
        }
    }
}

impl Exchange {
    /// Takes the client's response.
    ///
    /// # Errors
    /// The reply to give; the exchange is over.
    pub(super) fn respond(self, line: &str) -> Result<Next, Reply> {
        let line = line.trim();
        if line == "*" {
            return Err(reply::LOGIN_CANCELLED);
        }
        match self {
            Self::Plain => plain(line),
            Self::Username => username(line),
            Self::Password { user } => Ok(Next::Verify(Login::Password {
                user,
                password: Secret::new(decode_text(line)?),
            })),
            Self::CramMd5 { challenge } => {
                let (user, digest) =
                    cram_md5::parse(&decode_text(line)?).ok_or(reply::BAD_RESPONSE)?;
                Ok(Next::Verify(Login::CramMd5 { user, challenge, digest }))
            }
            Self::DigestMd5 { nonce } => {
                let response = DigestResponse::parse(&decode_text(line)?, &nonce)
                    .ok_or(reply::BAD_RESPONSE)?;
                Ok(Next::Verify(Login::DigestMd5(response)))
            }
        }
    }
}

/// RFC 4616 2: `[authzid] NUL authcid NUL passwd`. The authorization identity is ignored, because a
/// login gives no other rights.
fn plain(response: &str) -> Result<Next, Reply> {
    let message = Zeroizing::new(decode_text(response)?);
    let mut parts = message.split('\0');
    let (Some(_authzid), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(reply::BAD_RESPONSE);
    };
    Ok(Next::Verify(Login::Password {
        user: user.to_owned(),
        password: Secret::new(password.to_owned()),
    }))
}

fn username(response: &str) -> Result<Next, Reply> {
    let user = decode_text(response)?;
    Ok(Next::Challenge(PASSWORD_PROMPT.to_owned(), Exchange::Password { user }))
}

/// Decodes base64 to text: UTF-8, or otherwise the Latin-1 of older devices.
fn decode_text(base64: &str) -> Result<String, Reply> {
    // Only "=" at the end is removed: blanks inside are an error.
    let octets =
        BASE64.decode(base64.trim_end_matches('=')).map_err(|_no_base64| reply::BAD_RESPONSE)?;
    Ok(String::from_utf8(octets)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect()))
}

/// The last challenge of DIGEST-MD5.
pub(super) fn encode_rspauth(rspauth: &str) -> String {
    BASE64.encode(format!("rspauth={rspauth}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays an exchange: the challenges decoded, and the login as text.
    fn check(mechanism: Mechanism, initial: Option<&str>, responses: &[&str], expected: &[&str]) {
        let mut seen = Vec::new();
        let mut responses = responses.iter();
        let mut next = begin(mechanism, initial, "host.example", &mut Nonces::new(7));
        loop {
            match next {
                Ok(Next::Challenge(challenge, exchange)) => {
                    seen.push(format!("334 {}", decode_text(&challenge).unwrap()));
                    let Some(response) = responses.next() else { break };
                    next = exchange.respond(response);
                }
                Ok(Next::Verify(Login::Password { user, password })) => {
                    seen.push(format!("{user} / {}", password.expose()));
                    break;
                }
                Ok(Next::Verify(Login::CramMd5 { user, digest, .. })) => {
                    seen.push(format!("{user} / {digest}"));
                    break;
                }
                Ok(Next::Verify(Login::DigestMd5(response))) => {
                    seen.push(response.user().to_owned());
                    break;
                }
                Err(reply) => {
                    seen.push(reply.to_string());
                    break;
                }
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn plain_comes_in_one_step_or_two() {
        let response = BASE64.encode("\0mfp1\0secret");
        check(Mechanism::Plain, Some(&response), &[], &["mfp1 / secret"]);
        check(Mechanism::Plain, None, &[&response], &["334 ", "mfp1 / secret"]);
        check(
            Mechanism::Plain,
            Some("="),
            &[response.trim_end_matches('=')],
            &["334 ", "mfp1 / secret"],
        );
        check(
            Mechanism::Plain,
            Some(&BASE64.encode("other\0CONTOSO\\mfp1\0")),
            &[],
            &["CONTOSO\\mfp1 / "],
        );
        check(
            Mechanism::Plain,
            Some(&BASE64.encode(b"\0m\xfcller\0gr\xfc\xdfe")),
            &[],
            &["müller / grüße"],
        );
    }

    #[test]
    fn login_prompts_exactly_as_xerox_wants() {
        check(
            Mechanism::Login,
            None,
            &["bWZwMQ==", "c2VjcmV0"],
            &["334 Username:", "334 Password:", "mfp1 / secret"],
        );
        check(
            Mechanism::Login,
            Some("bWZwMUBjb250b3NvLmNvbQ=="),
            &["c2VjcmV0"],
            &["334 Password:", "mfp1@contoso.com / secret"],
        );
        check(
            Mechanism::Login,
            Some("="),
            &["bWZwMQ", ""],
            &["334 Username:", "334 Password:", "mfp1 / "],
        );
    }

    #[test]
    fn what_is_no_response_ends_the_exchange() {
        let bad = "501 5.5.2 Cannot decode the authentication response";
        check(
            Mechanism::Login,
            None,
            &["*"],
            &["334 Username:", "501 5.7.0 Authentication cancelled"],
        );
        check(Mechanism::Login, None, &["b!"], &["334 Username:", bad]);
        check(Mechanism::Plain, Some(&BASE64.encode("mfp1")), &[], &[bad]);
        check(Mechanism::CramMd5, Some("bWZwMQ=="), &[], &[bad]);
    }

    #[test]
    fn two_challenges_are_never_the_same() {
        let mut nonces = Nonces::new(1);
        assert_ne!(nonces.fresh(), nonces.fresh());
        assert_ne!(Nonces::new(1).fresh(), Nonces::new(2).fresh());
    }
}
