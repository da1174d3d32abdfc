//! What the sessions of an account share: its requests, its tokens, and how trouble is counted.

use std::io;

use super::api::Api;
use crate::{
    attempt::Trouble,
    classify::{Fault, Peer, Stage, TcpFault, classify_of},
    http::HttpError,
    metrics::Metrics,
    model::{Address, Secret},
    oauth::{Refused, Tokens},
    upstream::smtp::auth::read_secret,
};

/// What all sessions of an account share.
pub(super) struct Mailbox {
    pub(super) api: Api,
    pub(super) metrics: Metrics,
    pub(super) tokens: TokenSource,
    pub(super) address: Address,
}

/// Where the tokens come from.
pub(super) enum TokenSource {
    File(std::path::PathBuf),
    OAuth(Box<Tokens>),
}

impl Mailbox {
    pub(super) async fn token(&self) -> Result<Secret, Fault> {
        match &self.tokens {
            TokenSource::File(path) => read_secret(path).await,
            TokenSource::OAuth(tokens) => tokens.token().await.map_err(Into::into),
        }
    }

    /// Discards a token that Graph refused. `Some` is a new one to try.
    pub(super) async fn another_token(&self, refused: &Secret) -> Option<Secret> {
        let TokenSource::OAuth(tokens) = &self.tokens else { return None };
        match tokens.refused(refused).await {
            Refused::Old => self.token().await.ok(),
            Refused::New => None,
        }
    }

    pub(super) fn trouble(&self, stage: Stage, fault: Fault) -> Trouble {
        self.metrics.upstream().troubles.inc();
        let verdict = classify_of(Peer::Server, stage, &fault);
        Trouble { fault, verdict }
    }
}

/// A request that reached nobody.
pub(super) fn fault_of(error: &HttpError) -> Fault {
    TcpFault::Broken { kind: io::ErrorKind::NotConnected, text: error.to_string() }.into()
}
