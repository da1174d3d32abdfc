//! What a check of an account finds: one step after the other, for a person who looks for a fault.

use rustls_pki_types::CertificateDer;

use crate::{
    attempt::Trouble,
    model::Timestamp,
    upstream::{
        client_certificate::Leaf,
        smtp::settings::{Security, SmtpSettings, Verification},
    },
};

/// A server's certificate is mentioned this many days before it expires. Public certificates are
/// renewed 30 days ahead.
const DAYS_AHEAD: u64 = 21;
const DAY: u64 = 24 * 60 * 60;

/// A step on the way to a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The server's name is resolved.
    Name,
    /// The server's port answers.
    Port,
    /// The server sends its greeting, and offers STARTTLS where it is required.
    Greeting,
    /// TLS is negotiated and the certificate is valid.
    Certificate,
    /// The mail servers of a domain are found, and one of them accepts the connection.
    Servers,
    /// The token or password is available.
    Secret,
    /// The server accepts the login.
    Login,
}

impl Step {
    /// The name of the step, for a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "DNS",
            Self::Port => "port",
            Self::Greeting => "greeting",
            Self::Certificate => "TLS and certificate",
            Self::Servers => "mail servers",
            Self::Secret => "secret or token",
            Self::Login => "login",
        }
    }
}

/// The result of a step.
#[derive(Clone, PartialEq, Debug)]
pub enum Finding {
    /// The step succeeded. The text has some facts.
    Good(Step, String),
    /// The step succeeded, but a later step, or this one after a while, will fail. The text says
    /// why.
    Suspect(Step, String),
    /// The step failed.
    Bad(Step, Box<Trouble>),
}

/// Shows the names, issuer and expiry of the server's certificate: operators tend to forget the
/// expiry.
pub(in crate::upstream) fn show_certificate(
    certificate: Option<&CertificateDer<'_>>,
    settings: &SmtpSettings,
    now: Timestamp,
    found: &mut impl FnMut(Finding),
) {
    let Some(leaf) = certificate.and_then(Leaf::read) else { return };
    let names = if leaf.names.is_empty() { "nobody".to_owned() } else { leaf.names.join(", ") };
    let (issuer, end) = (&leaf.issuer, leaf.not_after.to_date());
    found(Finding::Good(
        Step::Certificate,
        format!("the certificate is for {names}, issued by {issuer}, good until {end}"),
    ));
    let days = leaf.not_after.since(now).as_secs() / DAY;
    let SmtpSettings { verify, security, .. } = *settings;
    if days < DAYS_AHEAD && verify == Verification::Required && security != Security::Opportunistic
    {
        let text = format!(
            "the certificate expires in {days} days; Postroom then sends nothing. The \
            server's administrator must renew it"
        );
        found(Finding::Suspect(Step::Certificate, text));
    }
}
