//! What the rest of the daemon may know of a route before anything is sent.

use crate::{
    attempt::NextHop,
    model::Address,
    reach::Reach,
    upstream::smtp::settings::{Auth, SecretSource, Server, SmtpSettings},
};

/// What is known of a route from its settings. The defaults are those of a route with one server
/// and without a login.
pub(super) trait Facts {
    /// The mail that the route takes.
    fn reach(&self) -> Reach<'_> {
        Reach::Anywhere
    }

    /// Where mail for a recipient goes next.
    fn next_hop(&self, _recipient: &Address) -> NextHop {
        NextHop::Server
    }

    /// The next hop of all mail; `None` when it depends on the recipient.
    fn only_next_hop(&self) -> Option<NextHop> {
        Some(NextHop::Server)
    }

    /// The account's one server, if it has one.
    fn server(&self) -> Option<&Server> {
        None
    }

    /// The login.
    fn auth(&self) -> Option<&Auth> {
        self.server()?.auth.as_ref()
    }

    /// The password or the access token.
    fn secret(&self) -> Option<&SecretSource> {
        self.auth().map(|auth| &auth.secret)
    }

    /// How to speak to its servers.
    fn smtp(&self) -> &SmtpSettings;
}
