//! Direct send: the mail servers of the organization's own domains, as DNS names them.

mod client;

pub(super) use client::DirectClient;

use crate::{
    attempt::NextHop,
    model::Address,
    reach::Reach,
    upstream::{dns::resolver::DnsSettings, routes::facts::Facts, smtp::settings::SmtpSettings},
};

/// `route = "direct"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Direct {
    /// `domains`: those of the organization. Mail goes to their mail servers alone.
    pub domains: Vec<String>,
    /// `[dns]`: how the servers of a domain are found.
    pub dns: DnsSettings,
    /// The port from which MTA-STS policies are fetched: 443 except in tests.
    pub policy_port: u16,
    /// How to speak to them.
    pub smtp: SmtpSettings,
}

impl Facts for Direct {
    fn reach(&self) -> Reach<'_> {
        Reach::Within(&self.domains)
    }

    fn next_hop(&self, recipient: &Address) -> NextHop {
        NextHop::Domain(recipient.domain().to_owned())
    }

    fn only_next_hop(&self) -> Option<NextHop> {
        None
    }

    fn smtp(&self) -> &SmtpSettings {
        &self.smtp
    }
}
