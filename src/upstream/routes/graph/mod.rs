//! Microsoft Graph: a mailbox sends over HTTPS, with an access token of an application.
//!
//! - `api`: the requests, and their answers in the form that `classify` judges
//! - `mailbox`: what the sessions of an account share, with its tokens
//! - `client`: begins sessions, and checks an account
//! - `session`: one attempt
//!
//! Microsoft, "user: sendMail". An application cannot use `/me`, so the mailbox is in the path.

mod api;
mod client;
mod mailbox;
mod session;

pub(super) use client::GraphClient;
pub(in crate::upstream) use session::GraphSession;

use crate::{
    model::Address,
    upstream::{
        routes::facts::Facts,
        smtp::settings::{SecretSource, SmtpSettings},
    },
};

/// `route = "graph"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    /// `host`: that of the cloud, `graph.microsoft.com` unless a preset says otherwise.
    pub host: String,
    /// `address`: the mailbox that sends.
    pub mailbox: Address,
    /// Where the access token comes from.
    pub secret: SecretSource,
    /// The port, the trusted issuers and our name.
    pub smtp: SmtpSettings,
}

impl Facts for Graph {
    fn smtp(&self) -> &SmtpSettings {
        &self.smtp
    }

    fn secret(&self) -> Option<&SecretSource> {
        Some(&self.secret)
    }
}
