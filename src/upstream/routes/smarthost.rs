//! Smart host: any other server, with or without a login.

use crate::upstream::{
    routes::facts::Facts,
    smtp::settings::{Server, SmtpSettings},
};

/// `route = "smarthost"`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Smarthost {
    /// The server.
    pub server: Server,
}

impl Facts for Smarthost {
    fn server(&self) -> Option<&Server> {
        Some(&self.server)
    }

    fn smtp(&self) -> &SmtpSettings {
        &self.server.smtp
    }
}
