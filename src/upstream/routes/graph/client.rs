//! The tokens and the connections of an account that sends by Graph, and its check.

use std::{io, sync::Arc, time::Duration};

use super::{
    Graph, GraphSession,
    api::Api,
    mailbox::{Mailbox, TokenSource, fault_of},
};
use crate::{
    attempt::Trouble,
    classify::{Fault, Stage},
    clock::Clock,
    http::{HttpClient, Limits},
    metrics::Metrics,
    oauth::{Claims, Expiry, RefreshTokenStore, TokenClient, Tokens},
    upstream::{
        finding::{Finding, Step},
        smtp::settings::SecretSource,
        tls::Tls,
    },
};

/// The bounds of a request. Microsoft's gateway gives up after less than two minutes.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(180),
    answer: 1024 * 1024,
    kept_connections: 4,
    kept_for: Duration::from_secs(60),
};

/// Sends for one account.
pub(in crate::upstream) struct GraphClient(Arc<Mailbox>);

impl GraphClient {
    /// Reads the trust store.
    pub(in crate::upstream) fn new(
        route: &Graph,
        clock: Clock,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let tokens = match &route.secret {
            SecretSource::File(path) => TokenSource::File(path.clone()),
            SecretSource::OAuth { settings, account, secrets } => {
                let store = RefreshTokenStore::new(secrets.clone());
                let http = TokenClient::new(clock.clone())?;
                let (account, settings) = (account.clone(), settings.clone());
                let tokens = Tokens::new(account, settings, store, http, clock.clone());
                TokenSource::OAuth(Box::new(tokens))
            }
        };
        let tls = Tls::new(&route.smtp, clock)?;
        let limits = Limits { time: LIMITS.time.min(route.smtp.timeouts.end_of_data), ..LIMITS };
        let http = HttpClient::new(tls.trusting(), limits);
        let api = Api::new(http, &route.host, route.smtp.port, &route.mailbox);
        let address = route.mailbox.clone();
        Ok(Self(Arc::new(Mailbox { api, metrics, tokens, address })))
    }

    /// Gets a token. The connection itself is made with the first request.
    pub(in crate::upstream) async fn connect(&self) -> Result<GraphSession, Trouble> {
        match self.0.token().await {
            Ok(token) => {
                self.0.metrics.upstream().connections.inc();
                Ok(GraphSession::new(Arc::clone(&self.0), token))
            }
            Err(fault) => Err(self.0.trouble(Stage::Token, fault)),
        }
    }

    /// Gets a token and asks Graph for a message that does not exist. No message is sent.
    pub(in crate::upstream) async fn check(&self, found: &mut impl FnMut(Finding)) {
        let token = match self.0.token().await {
            Ok(token) => token,
            Err(fault) => {
                let trouble = self.0.trouble(Stage::Token, fault);
                return found(Finding::Bad(Step::Secret, Box::new(trouble)));
            }
        };
        let facts = Claims::read(&token).map_or_else(
            || "a token; it cannot be looked into".to_owned(),
            |claims| format!("a token: {}", claims.summary()),
        );
        found(Finding::Good(Step::Secret, facts));
        match self.0.api.find(&token, "<postroom-account-check@invalid>").await {
            Err(error) => {
                let trouble = self.0.trouble(Stage::Connect, fault_of(&error));
                found(Finding::Bad(Step::Port, Box::new(trouble)));
            }
            Ok(Ok(_messages)) => found(Finding::Good(
                Step::Login,
                format!(
                    "{} can be used, and doubts about sent mail can be resolved",
                    self.0.address
                ),
            )),
            Ok(Err(answer)) if answer.code == "ErrorAccessDenied" => {
                found(Finding::Suspect(
                    Step::Login,
                    "the application cannot look into the mailbox. Mail is sent if it has \
                    Mail.Send; but when an answer is lost, Postroom cannot tell whether the \
                    message was sent, and may send it twice. Grant the application permission \
                    Mail.ReadWrite, too"
                        .to_owned(),
                ));
            }
            Ok(Err(answer)) => {
                let verdict = answer.classify();
                let fault = verdict.reply.clone().map_or(Fault::Closed, Fault::Reply);
                found(Finding::Bad(Step::Login, Box::new(Trouble { fault, verdict })));
            }
        }
    }

    pub(in crate::upstream) async fn expiry(&self) -> io::Result<Option<Expiry>> {
        match &self.0.tokens {
            TokenSource::OAuth(tokens) => tokens.expiry().await,
            TokenSource::File(_) => Ok(None),
        }
    }

    pub(in crate::upstream) async fn mended(&self) {
        if let TokenSource::OAuth(tokens) = &self.0.tokens {
            tokens.reset().await;
        }
    }
}
