//! Checks an account step by step without sending a message: shows which step fails and what to do
//! about it.
//!
//! The steps are those of [`ServerClient::connect`], in an order that helps to find a fault: the
//! network comes first, and the token comes when it is needed.
//!
//! # Failure
//! The check ends at the first step that fails, with the account's [`Trouble`].

use tokio::time::Instant;

use crate::{
    classify::{DnsFault, Fault, LocalFault, Stage},
    model::Secret,
    oauth::Claims,
    upstream::{
        finding::{Finding, Step, show_certificate},
        smtp::{
            auth::login,
            client::ServerClient,
            ehlo::Offers,
            session::{self, Hello},
            settings::{Auth, SecretSource, Security, Server, SmtpSettings, Verification},
            wire::Wire,
        },
    },
};

impl ServerClient {
    /// Runs all steps until one fails. The login is the last step: no message is sent.
    pub async fn check(&self, found: &mut impl FnMut(Finding)) {
        if let Err((stage, fault)) = self.walk(found).await {
            let step = match &fault {
                Fault::Local(LocalFault::Dns(DnsFault::Unresolved { .. })) => Step::Name,
                Fault::Reply(_) | Fault::Closed | Fault::TimedOut | Fault::Local(_) => {
                    step_of(stage)
                }
            };
            found(Finding::Bad(step, Box::new(self.sessions.trouble(stage, fault))));
        }
    }

    async fn walk(&self, found: &mut impl FnMut(Finding)) -> session::Step<()> {
        let Server { host, auth, smtp } = &self.server;
        let deadline = Instant::now() + smtp.timeouts.connect;
        let unreachable = |fault| (Stage::Connect, fault);
        let addresses = self.resolve(deadline).await.map_err(unreachable)?;
        let list =
            addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
        found(Finding::Good(Step::Name, format!("{host} is {list}")));
        let stream =
            self.sessions.dial_any(host, &addresses, deadline).await.map_err(unreachable)?;
        found(Finding::Good(Step::Port, format!("{} answers", smtp.port)));
        // Without a secret, negotiation ends before the login.
        let negotiated =
            self.sessions.negotiate(stream, None, &self.tls_policy(), Hello::Extended).await;
        let failed = negotiated.as_ref().err().map(|(stage, _)| step_of(*stage));
        for step in greeting_steps(smtp.security).iter().take_while(|step| Some(**step) != failed) {
            found(Finding::Good(*step, self.fact(*step)));
        }
        let (mut wire, offers) = negotiated?;
        show_certificate(wire.certificate(), smtp, self.sessions.clock.now(), found);
        if let Some(auth) = auth {
            let secret = self.secret().await.map_err(|fault| (Stage::Token, fault))?;
            self.look_at(secret.as_ref(), auth, found);
            if let Some(secret) = secret {
                self.try_login(&mut wire, &offers, auth, &secret, found).await?;
            }
        }
        // It does not matter whether the server answers QUIT.
        drop(wire.write(b"QUIT\r\n", smtp.timeouts.command).await);
        Ok(())
    }

    fn fact(&self, step: Step) -> String {
        let Server { host, smtp: SmtpSettings { security, verify, .. }, .. } = &self.server;
        match (step, verify) {
            (Step::Certificate, Verification::Required) => {
                format!("the certificate is trusted, and for {host}")
            }
            (Step::Certificate, Verification::Pinned(_)) => {
                "the certificate is the one that fingerprint names".to_owned()
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
        login(wire, offers, auth, secret, self.server.smtp.timeouts.command)
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

/// The step that fails with a stage.
const fn step_of(stage: Stage) -> Step {
    match stage {
        Stage::Connect => Step::Port,
        Stage::Greeting | Stage::Ehlo => Step::Greeting,
        Stage::Tls => Step::Certificate,
        Stage::Token => Step::Secret,
        Stage::Auth
        | Stage::MailFrom
        | Stage::RcptTo
        | Stage::Data
        | Stage::Body
        | Stage::EndOfData => Step::Login,
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
