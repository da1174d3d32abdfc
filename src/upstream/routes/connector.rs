//! Connector: the tenant's MX host, with an inbound connector that recognizes us.

use crate::{
    reach::Reach,
    upstream::{
        routes::facts::Facts,
        smtp::settings::{Server, SmtpSettings},
    },
};

/// `route = "connector"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connector {
    /// The MX host.
    pub server: Server,
    /// `domains`: those of the organization.
    pub domains: Vec<String>,
}

impl Facts for Connector {
    /// With a certificate, the connector may relay mail of any sender: Microsoft, "Office 365
    /// message attribution" (2017).
    fn reach(&self) -> Reach<'_> {
        match self.server.smtp.identity {
            Some(_) => Reach::Anywhere,
            None => Reach::From(&self.domains),
        }
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }

    fn smtp(&self) -> &SmtpSettings {
        &self.server.smtp
    }
}
