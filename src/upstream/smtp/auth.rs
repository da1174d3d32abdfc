//! The login (RFC 4954) and the source of its secret.

use std::{path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use mail_send::Credentials;
use md5::Md5;
use smtp_proto::{AUTH_PLAIN, AUTH_XOAUTH2};
use zeroize::Zeroizing;

use crate::{
    classify::{Fault, LoginFault, SecretFault},
    model::Secret,
    upstream::smtp::{
        ehlo::Offers,
        settings::{Auth, AuthMethod},
        wire::Wire,
    },
};

/// The length of a command line, CRLF included, that every server accepts (RFC 5321 4.5.3.1.4).
/// Longer SASL responses go on a line of their own (RFC 4954 4).
const LINE_LIMIT: usize = 512;

/// The maximum size of a secret that is read from a file. Tokens have up to 3 KB; RFC 4954 4 allows
/// a SASL line 12,288 octets.
const SECRET_LIMIT: usize = 8 * 1024;

/// Logs in (RFC 4954).
pub(in crate::upstream) async fn login(
    wire: &mut Wire,
    offers: &Offers,
    auth: &Auth,
    secret: &Secret,
    within: Duration,
) -> Result<(), Fault> {
    let mechanism = name(auth.method);
    if !offers.mechanisms.iter().any(|offered| offered == mechanism) {
        let offered = offers.mechanisms.clone();
        return Err(LoginFault::NoMechanism { mechanism, offered }.into());
    }
    let mut responses = Responses { auth, secret, given: 0 };
    wire.hide(vec![
        Zeroizing::new(secret.expose().to_owned()),
        Zeroizing::new(BASE64_STANDARD.encode(secret.expose())),
        responses.whole().unwrap_or_default(),
    ]);
    let mut line = responses.first()?;
    loop {
        wire.write(line.as_bytes(), within).await?;
        let reply = wire.reply(within).await?;
        match reply.code {
            235 => return Ok(()),
            334 => line = responses.next(&reply.text)?,
            _refusal => return Err(Fault::Reply(reply)),
        }
    }
}

fn name(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Login => "LOGIN",
        AuthMethod::Plain => "PLAIN",
        AuthMethod::CramMd5 => "CRAM-MD5",
        AuthMethod::Xoauth2 => "XOAUTH2",
    }
}

/// The client's lines of a login. Each line is wiped when dropped.
struct Responses<'a> {
    auth: &'a Auth,
    secret: &'a Secret,
    given: usize,
}

impl Responses<'_> {
    /// The AUTH command, with the initial response if the mechanism has one and it fits on the
    /// line.
    fn first(&mut self) -> Result<Zeroizing<String>, Fault> {
        let command = format!("AUTH {}", name(self.auth.method));
        match self.auth.method {
            AuthMethod::Login | AuthMethod::CramMd5 => Ok(Zeroizing::new(format!("{command}\r\n"))),
            AuthMethod::Plain | AuthMethod::Xoauth2 => {
                let response = self.whole()?;
                let line = Zeroizing::new(format!("{command} {}\r\n", *response));
                if line.len() > LINE_LIMIT {
                    return Ok(Zeroizing::new(format!("{command}\r\n")));
                }
                self.given = 1;
                Ok(line)
            }
        }
    }

    /// The response to a 334 challenge.
    fn next(&mut self, challenge: &str) -> Result<Zeroizing<String>, Fault> {
        let Auth { method, user, .. } = self.auth;
        let response = match (method, self.given) {
            // Servers word their prompts differently, but the order is always the same.
            (AuthMethod::Login, 0) => Zeroizing::new(BASE64_STANDARD.encode(user)),
            (AuthMethod::Login, 1) => Zeroizing::new(BASE64_STANDARD.encode(self.secret.expose())),
            (AuthMethod::Plain | AuthMethod::Xoauth2, 0) => self.whole()?,
            (AuthMethod::CramMd5, 0) => cram_md5(user, self.secret, challenge)?,
            // Google sends the reason for refusing a token in a challenge, and waits for an empty
            // line before it answers 535.
            (AuthMethod::Xoauth2, 1) => Zeroizing::default(),
            (
                AuthMethod::Login | AuthMethod::Plain | AuthMethod::CramMd5 | AuthMethod::Xoauth2,
                _more,
            ) => {
                return Err(LoginFault::AsksForMore { mechanism: name(*method) }.into());
            }
        };
        self.given += 1;
        Ok(Zeroizing::new(format!("{}\r\n", *response)))
    }

    /// The only response of PLAIN (RFC 4616) and XOAUTH2.
    fn whole(&self) -> Result<Zeroizing<String>, Fault> {
        let user = self.auth.user.as_str();
        let encoded = match self.auth.method {
            AuthMethod::Xoauth2 => {
                Credentials::new_xoauth2(user, self.secret.expose()).encode(AUTH_XOAUTH2, "")
            }
            AuthMethod::Plain | AuthMethod::Login | AuthMethod::CramMd5 => {
                Credentials::new(user, self.secret.expose()).encode(AUTH_PLAIN, "")
            }
        };
        encoded.map(Zeroizing::new).map_err(|error| odd(&error))
    }
}

/// RFC 2195. mail-send's version is not used: RFC 2104 2 hashes keys of more than 64 octets, but
/// mail-send hashes keys from 64 octets on, and a SHA-256 in hexadecimal has exactly 64.
fn cram_md5(user: &str, secret: &Secret, challenge: &str) -> Result<Zeroizing<String>, Fault> {
    let challenge = BASE64_STANDARD.decode(challenge.trim()).map_err(|error| odd(&error))?;
    let mut mac =
        Hmac::<Md5>::new_from_slice(secret.expose().as_bytes()).map_err(|error| odd(&error))?;
    mac.update(&challenge);
    let digest = mac.finalize().into_bytes();
    let hexadecimal = digest.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    Ok(Zeroizing::new(BASE64_STANDARD.encode(format!("{user} {hexadecimal}"))))
}

/// Reads a secret at each login, so that a rotated secret is picked up. A line end at the end of
/// the file comes from the editor and is removed.
pub(in crate::upstream) async fn read_secret(path: &Path) -> Result<Secret, Fault> {
    let unusable = |reason| Fault::from(LoginFault::NoSecret { file: path.to_owned(), reason });
    let unreadable =
        |error: &dyn std::fmt::Display| unusable(SecretFault::Unreadable(error.to_string()));
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file))
        .await
        .map_err(|error| unreadable(&error))?;
    let text = Zeroizing::new(read.map_err(|error| unreadable(&error))?);
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || secret.len() > SECRET_LIMIT {
        return Err(unusable(SecretFault::Length { octets: secret.len(), limit: SECRET_LIMIT }));
    }
    Ok(Secret::new(secret.to_owned()))
}

/// The server's challenge cannot be understood.
fn odd(error: &dyn std::fmt::Display) -> Fault {
    LoginFault::OddChallenge(error.to_string()).into()
}
