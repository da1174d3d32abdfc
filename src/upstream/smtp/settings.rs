//! How to speak to an SMTP server: what the settings of all routes over SMTP have in common.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    model::{AccountName, Fingerprint},
    oauth::{Expiry, OAuthSettings, RefreshTokenStore, expiry_of},
};

/// How to speak to a server, whichever it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmtpSettings {
    /// `port`.
    pub port: u16,
    /// `tls`.
    pub security: Security,
    /// `verify`. `false` is allowed for a smart host; each start logs a warning about it.
    pub verify: Verification,
    /// `ca_file`: the issuers and servers to trust instead of the platform's store.
    pub ca_file: Option<PathBuf>,
    /// `certificate` and `key`: presented when the server asks for a client certificate.
    pub identity: Option<ClientCertificate>,
    /// `hostname`: our name in `EHLO`.
    pub helo: String,
    /// All timeouts of RFC 5321 4.5.3.2. Tests scale them.
    pub timeouts: Timeouts,
}

impl SmtpSettings {
    /// STARTTLS with a trusted certificate.
    #[must_use]
    pub fn new(port: u16, helo: &str) -> Self {
        Self {
            port,
            security: Security::StartTls,
            verify: Verification::Required,
            ca_file: None,
            identity: None,
            helo: helo.to_owned(),
            timeouts: Timeouts::default(),
        }
    }
}

/// One server that takes all mail of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// `host`: a DNS name or an address, against which the certificate is checked.
    pub host: String,
    /// `auth`. Without it there is no login.
    pub auth: Option<Auth>,
    /// How to speak to it.
    pub smtp: SmtpSettings,
}

impl Server {
    /// A server over STARTTLS, without a login.
    #[must_use]
    pub fn new(host: &str, port: u16, helo: &str) -> Self {
        Self { host: host.to_owned(), auth: None, smtp: SmtpSettings::new(port, helo) }
    }
}

/// PEM files. They are read for each connection, so that a renewed certificate is picked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// `certificate`: our certificate, followed by its issuers.
    pub certificate: PathBuf,
    /// `key`.
    pub key: PathBuf,
}

/// `tls` of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Plaintext, for a smart host on the same machine or LAN.
    None,
    /// STARTTLS. Nothing is sent without it.
    StartTls,
    /// TLS from the first byte (RFC 8314 3.3).
    Implicit,
    /// STARTTLS with any certificate where it is offered and works, otherwise plaintext (RFC 7435).
    /// Direct send only.
    Opportunistic,
}

/// How much of a certificate is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verification {
    /// The chain and the name are checked.
    Required,
    /// `fingerprint`: the server must show exactly this certificate. Its names and dates do not
    /// matter, because a person has checked it.
    Pinned(Fingerprint),
    /// Nothing is checked. "Fast mode".
    Off,
}

/// `auth = { method, user, … }`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Auth {
    /// `method`.
    pub method: AuthMethod,
    /// `user`. The default is the account's `address`.
    pub user: String,
    /// The source of the password or token.
    pub secret: SecretSource,
}

/// The source of a login's secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretSource {
    /// `password_file` or `token_file`. The file is read at each login, so that a rotated secret is
    /// picked up.
    File(PathBuf),
    /// OAuth 2.0: Postroom requests and renews the token.
    OAuth {
        /// The authorization server, the application and the grant.
        settings: OAuthSettings,
        /// The account that logs in.
        account: AccountName,
        /// The folder of the refresh tokens: `data_dir/secrets`.
        secrets: PathBuf,
    },
}

impl SecretSource {
    /// When the secret expires, as far as it is known.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn expiry(&self) -> io::Result<Option<Expiry>> {
        match self {
            Self::File(_) => Ok(None),
            Self::OAuth { settings, account, secrets } => {
                expiry_of(settings, &RefreshTokenStore::new(secrets.clone()), account)
            }
        }
    }
}

/// `method` of an account's login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthMethod {
    /// AUTH LOGIN, which Exchange Online offers for passwords.
    Login,
    /// AUTH PLAIN (RFC 4616).
    Plain,
    /// AUTH CRAM-MD5 (RFC 2195).
    CramMd5,
    /// AUTH XOAUTH2: OAuth 2.0 in the form that Google and Microsoft use.
    Xoauth2,
}

/// The timeouts of a connection (RFC 5321 4.5.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// TCP connect and TLS handshake.
    pub connect: Duration,
    /// The greeting (4.5.3.2.1).
    pub greeting: Duration,
    /// EHLO, AUTH, MAIL, RCPT (4.5.3.2.2, .3).
    pub command: Duration,
    /// The answer to DATA (4.5.3.2.4).
    pub data: Duration,
    /// Each chunk of text (4.5.3.2.5).
    pub block: Duration,
    /// The answer to end of data (4.5.3.2.6).
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            connect: Duration::from_secs(60),
            greeting: minutes(5),
            command: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end_of_data: minutes(10),
        }
    }
}
