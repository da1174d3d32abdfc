//! One route of the config, whichever it is.

use super::{Connector, Direct, Graph, Smarthost, Submission, facts::Facts};
use crate::{
    attempt::NextHop,
    model::{Address, ReversePath},
    reach::{Reach, Unroutable},
    upstream::smtp::settings::{Auth, ClientCertificate, SecretSource, Server, SmtpSettings},
};

/// How mail of an account leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// A mailbox logs in.
    Submission(Submission),
    /// The tenant's MX host, with an inbound connector.
    Connector(Connector),
    /// The mail servers of the organization's own domains.
    Direct(Direct),
    /// Microsoft Graph.
    Graph(Graph),
    /// Any other server.
    Smarthost(Smarthost),
}

impl Route {
    fn facts(&self) -> &dyn Facts {
        match self {
            Self::Submission(route) => route,
            Self::Connector(route) => route,
            Self::Direct(route) => route,
            Self::Graph(route) => route,
            Self::Smarthost(route) => route,
        }
    }

    /// The mail that the route takes.
    #[must_use]
    pub fn reach(&self) -> Reach<'_> {
        self.facts().reach()
    }

    /// Where mail for a recipient goes next. `sender` gives the address that `MAIL FROM` would have
    /// for this recipient.
    ///
    /// # Errors
    /// When the route cannot carry mail to the recipient.
    pub fn next_hop(
        &self,
        recipient: &Address,
        sender: impl FnOnce() -> ReversePath,
    ) -> Result<NextHop, Unroutable> {
        match self.reach().obstacle(recipient, sender) {
            Some(obstacle) => Err(obstacle),
            None => Ok(self.facts().next_hop(recipient)),
        }
    }

    /// The next hop of all mail; `None` when it depends on the recipient.
    #[must_use]
    pub fn only_next_hop(&self) -> Option<NextHop> {
        self.facts().only_next_hop()
    }

    /// The account's one server, if it has one.
    #[must_use]
    pub fn server(&self) -> Option<&Server> {
        self.facts().server()
    }

    /// The login.
    #[must_use]
    pub fn auth(&self) -> Option<&Auth> {
        self.facts().auth()
    }

    /// The secret that the route needs: a password or an access token.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretSource> {
        self.facts().secret()
    }

    /// Our certificate, which the server sees.
    #[must_use]
    pub fn identity(&self) -> Option<&ClientCertificate> {
        self.smtp().identity.as_ref()
    }

    /// How to speak to its servers.
    #[must_use]
    pub fn smtp(&self) -> &SmtpSettings {
        self.facts().smtp()
    }

    /// How to speak to its servers, to be changed: tests scale the timeouts.
    pub fn smtp_mut(&mut self) -> &mut SmtpSettings {
        match self {
            Self::Submission(Submission { server, .. })
            | Self::Connector(Connector { server, .. })
            | Self::Smarthost(Smarthost { server }) => &mut server.smtp,
            Self::Direct(direct) => &mut direct.smtp,
            Self::Graph(graph) => &mut graph.smtp,
        }
    }

    /// `hostname`: our own name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.smtp().helo
    }
}
