//! Where an account's mail goes, and how, as the config says.

use std::{path::PathBuf, time::Duration};

use crate::{
    model::{AccountName, Address},
    oauth::OAuthSettings,
    upstream::dns::resolver::DnsSettings,
};

/// One way out, checked.
#[derive(Clone, Debug)]
pub struct Destination {
    /// `host`: a DNS name or an address. The certificate is checked against it. Of direct send,
    /// which finds its hosts, one of the domains.
    pub host: String,
    /// Direct send: the servers are found by DNS, for each domain.
    pub exchangers: Option<Exchangers>,
    /// `port`.
    pub port: u16,
    /// `tls`.
    pub security: Security,
    /// `verify`; `false` is allowed for a smart host and warned about at every start.
    pub verify: Verification,
    /// `ca_file`: trusted instead of the platform's store.
    pub ca_file: Option<PathBuf>,
    /// `certificate` and `key`: shown to the server when it asks who we are.
    pub identity: Option<ClientCertificate>,
    /// `auth`; none does not log in.
    pub auth: Option<Auth>,
    /// What we call ourselves in `EHLO`: `hostname`.
    pub helo: String,
    /// All of RFC 5321 4.5.3.2, scaled by tests.
    pub timeouts: Timeouts,
}

impl Destination {
    /// One server, over STARTTLS, without a login.
    #[must_use]
    pub fn new(host: &str, port: u16, helo: &str) -> Self {
        Self {
            host: host.to_owned(),
            exchangers: None,
            port,
            security: Security::StartTls,
            verify: Verification::Required,
            ca_file: None,
            identity: None,
            auth: None,
            helo: helo.to_owned(),
            timeouts: Timeouts::default(),
        }
    }

    /// Where all mail goes, whoever it is for; none when that depends.
    #[must_use]
    pub fn lane_ahead(&self) -> Option<NextHop> {
        match self.exchangers {
            Some(_) => None,
            None => Some(NextHop::Server),
        }
    }

    /// Where mail for a recipient goes.
    #[must_use]
    pub fn lane(&self, recipient: &Address) -> NextHop {
        match self.exchangers {
            Some(_) => NextHop::Domain(recipient.domain().to_owned()),
            None => NextHop::Server,
        }
    }
}

/// How the servers of a domain are found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchangers {
    /// `[dns]`.
    pub dns: DnsSettings,
    /// Where MTA-STS policies are fetched: 443, but for tests.
    pub policy_port: u16,
}

/// Which server a transaction goes to: its recipients must all belong there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// The account's one server.
    Server,
    /// The mail servers of one domain, found by DNS.
    Domain(String),
}

/// Files in PEM form. Read again for each connection, so that a renewed certificate is picked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// `certificate`: ours first, behind it its issuers.
    pub certificate: PathBuf,
    /// `key`.
    pub key: PathBuf,
}

/// `tls` of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// Plaintext, for a smart host on the same machine or LAN.
    None,
    /// STARTTLS; without it nothing is sent.
    StartTls,
    /// TLS from the first byte (RFC 8314 3.3).
    Implicit,
    /// STARTTLS where it is offered and works, with any certificate; else plaintext (RFC 7435).
    /// Direct send only.
    Opportunistic,
}

/// Whether certificates are checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verification {
    /// Chain and name.
    Required,
    /// Nothing. "Fast mode".
    Off,
}

/// `auth = { method, user, … }`.
#[derive(Clone, Debug)]
pub struct Auth {
    /// `method`.
    pub method: AuthMethod,
    /// `user`; the account's `address` when absent.
    pub user: String,
    /// Where the password or token comes from.
    pub secret: SecretSource,
}

/// Where the secret of a login comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// `password_file` or `token_file`: read again at each login, so that a rotated secret is
    /// picked up.
    File(PathBuf),
    /// OAuth 2.0: asked for and renewed by ourselves.
    OAuth {
        /// From whom, for what.
        settings: OAuthSettings,
        /// The account that logs in.
        account: AccountName,
        /// Where refresh tokens are kept: `data_dir/secrets`.
        secrets: PathBuf,
    },
}

/// `method` of an account's login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthMethod {
    /// AUTH LOGIN: what Exchange Online offers for passwords.
    Login,
    /// RFC 4616.
    Plain,
    /// RFC 2195.
    CramMd5,
    /// Google's and Microsoft's OAuth 2.0 form.
    Xoauth2,
}

/// How long to wait (RFC 5321 4.5.3.2).
#[derive(Clone, Copy, Debug)]
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
