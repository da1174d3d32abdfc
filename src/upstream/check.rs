//! Checks an account step by step without sending a message: shows which step fails and what to do
//! about it.
//!
//! The steps are those of [`Upstream::connect`], in an order that helps to find a fault: the
//! network comes first, and the token comes when it is needed.
//!
//! # Failure
//! The check ends at the first step that fails, with the account's [`Trouble`].

use rustls_pki_types::CertificateDer;
use tokio::time::Instant;

use crate::{
    attempt::{NextHop, Trouble},
    classify::{DnsFault, Fault, LocalFault, Stage},
    model::Secret,
    oauth::Claims,
    upstream::{
        client_certificate::Leaf,
        destination::{Auth, Destination, SecretSource, Security, Verification},
        smtp::{
            auth::login,
            ehlo::Offers,
            session::{self, Upstream},
            wire::Wire,
        },
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

    const fn of(stage: Stage) -> Self {
        match stage {
            Stage::Connect => Self::Port,
            Stage::Greeting | Stage::Ehlo => Self::Greeting,
            Stage::Tls => Self::Certificate,
            Stage::Token => Self::Secret,
            Stage::Auth
            | Stage::MailFrom
            | Stage::RcptTo
            | Stage::Data
            | Stage::Body
            | Stage::EndOfData => Self::Login,
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

impl Upstream {
    /// Runs all steps until one fails. The login is the last step: no message is sent.
    pub async fn check(&self, mut found: impl FnMut(Finding)) {
        if let Err((stage, fault)) = self.walk(&mut found).await {
            let step = match &fault {
                Fault::Local(LocalFault::Dns(DnsFault::Unresolved { .. })) => Step::Name,
                Fault::Reply(_) | Fault::Closed | Fault::TimedOut | Fault::Local(_) => {
                    Step::of(stage)
                }
            };
            found(Finding::Bad(step, Box::new(self.trouble(stage, fault))));
        }
    }

    /// Finds the mail servers of a domain and connects to one, for an account without a server of
    /// its own.
    pub async fn check_domain(&self, domain: &str, mut found: impl FnMut(Finding)) {
        match self.connect_to(&NextHop::Domain(domain.to_owned())).await {
            Ok(connection) => {
                found(Finding::Good(
                    Step::Servers,
                    format!("one of {domain} takes us, protected as the domain asks for"),
                ));
                self.show_certificate(connection.certificate(), &mut found);
                connection.quit().await;
            }
            Err(trouble) => found(Finding::Bad(Step::Servers, Box::new(trouble))),
        }
    }

    async fn walk(&self, found: &mut impl FnMut(Finding)) -> session::Step<()> {
        let destination = &self.destination;
        let deadline = Instant::now() + destination.timeouts.connect;
        let unreachable = |fault| (Stage::Connect, fault);
        let addresses = self.resolve(deadline).await.map_err(unreachable)?;
        let list =
            addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
        found(Finding::Good(Step::Name, format!("{} is {list}", destination.host)));
        let stream =
            self.dial_any(&destination.host, &addresses, deadline).await.map_err(unreachable)?;
        found(Finding::Good(Step::Port, format!("{} answers", destination.port)));
        // Without a secret, negotiation ends before the login.
        let negotiated = self.negotiate(stream, None, &self.tls_policy()).await;
        let failed = negotiated.as_ref().err().map(|(stage, _)| Step::of(*stage));
        for step in
            greeting_steps(destination.security).iter().take_while(|step| Some(**step) != failed)
        {
            found(Finding::Good(*step, self.fact(*step)));
        }
        let (mut wire, offers) = negotiated?;
        self.show_certificate(wire.certificate(), found);
        if let Some(auth) = &destination.auth {
            let secret = self.secret().await.map_err(|fault| (Stage::Token, fault))?;
            self.look_at(secret.as_ref(), auth, found);
            if let Some(secret) = secret {
                self.try_login(&mut wire, &offers, auth, &secret, found).await?;
            }
        }
        // It does not matter whether the server answers QUIT.
        drop(wire.write(b"QUIT\r\n", destination.timeouts.command).await);
        Ok(())
    }

    /// Shows the names, issuer and expiry of the server's certificate: operators tend to forget the
    /// expiry.
    pub(super) fn show_certificate(
        &self,
        certificate: Option<&CertificateDer<'_>>,
        found: &mut impl FnMut(Finding),
    ) {
        let Some(leaf) = certificate.and_then(Leaf::read) else { return };
        let names = if leaf.names.is_empty() { "nobody".to_owned() } else { leaf.names.join(", ") };
        let (issuer, end) = (&leaf.issuer, leaf.not_after.to_date());
        found(Finding::Good(
            Step::Certificate,
            format!("the certificate is for {names}, issued by {issuer}, good until {end}"),
        ));
        let days = leaf.not_after.since(self.clock.now()).as_secs() / DAY;
        let Destination { verify, security, .. } = self.destination;
        if days < DAYS_AHEAD
            && verify == Verification::Required
            && security != Security::Opportunistic
        {
            let text = format!(
                "the certificate expires in {days} days; Postroom then sends nothing. The \
                server's administrator must renew it"
            );
            found(Finding::Suspect(Step::Certificate, text));
        }
    }

    fn fact(&self, step: Step) -> String {
        let Destination { host, security, verify, .. } = &self.destination;
        match (step, verify) {
            (Step::Certificate, Verification::Required) => {
                format!("the certificate is trusted, and for {host}")
            }
            (Step::Certificate, Verification::Off) => {
                "encrypted, but verify is false: nobody knows with whom".to_owned()
            }
            (Step::Greeting, _) if *security == Security::StartTls => {
                "the server greets and offers STARTTLS".to_owned()
            }
            (
                Step::Name
                | Step::Port
                | Step::Greeting
                | Step::Servers
                | Step::Secret
                | Step::Login,
                _,
            ) => "the server greets".to_owned(),
        }
    }

    async fn try_login(
        &self,
        wire: &mut Wire,
        offers: &Offers,
        auth: &Auth,
        secret: &Secret,
        found: &mut impl FnMut(Finding),
    ) -> session::Step<()> {
        login(wire, offers, auth, secret, self.destination.timeouts.command)
            .await
            .map_err(|fault| (Stage::Auth, fault))?;
        found(Finding::Good(Step::Login, format!("as {}", auth.user)));
        Ok(())
    }

    fn look_at(&self, secret: Option<&Secret>, auth: &Auth, found: &mut impl FnMut(Finding)) {
        let (SecretSource::OAuth { settings, .. }, Some(secret)) = (&auth.secret, secret) else {
            return found(Finding::Good(Step::Secret, "it is there".to_owned()));
        };
        match Claims::read(secret) {
            Some(claims) => {
                found(Finding::Good(Step::Secret, format!("a token: {}", claims.summary())));
                // Servers other than Microsoft's put other claims into their tokens.
                let microsofts =
                    settings.token_url.contains("/oauth2/v2.0/") && claims.tid.is_some();
                if let Some(hint) = claims.hint(&settings.grant).filter(|_| microsofts) {
                    found(Finding::Suspect(Step::Secret, hint.to_owned()));
                }
            }
            None => {
                found(Finding::Good(Step::Secret, "a token; it cannot be looked into".to_owned()));
            }
        }
    }
}

/// The steps up to the greeting and TLS, in the order in which they happen.
const fn greeting_steps(security: Security) -> &'static [Step] {
    match security {
        Security::None => &[Step::Greeting],
        Security::StartTls | Security::Opportunistic => &[Step::Greeting, Step::Certificate],
        Security::Implicit => &[Step::Certificate, Step::Greeting],
    }
}
