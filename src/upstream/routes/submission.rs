//! Submission: a mailbox logs in.

use crate::{
    reach::Reach,
    upstream::{
        routes::facts::Facts,
        smtp::settings::{Server, SmtpSettings},
    },
};

/// `route = "submission"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submission {
    /// The server, with the login.
    pub server: Server,
    /// `domains`, where the service delivers to the organization alone: High Volume Email.
    pub domains: Option<Vec<String>>,
}

impl Facts for Submission {
    fn reach(&self) -> Reach<'_> {
        self.domains.as_deref().map_or(Reach::Anywhere, Reach::Within)
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }

    fn smtp(&self) -> &SmtpSettings {
        &self.server.smtp
    }
}
