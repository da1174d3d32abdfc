//! Delivery attempts to an upstream server: connect, TLS, login, transaction, interpretation of the
//! replies.
//!
//! - [`Route`]: how the mail of an account leaves, from the config
//! - [`Upstream::connect`] returns a [`Connection`] that is ready for a message, or the account's
//!   [`Trouble`](crate::attempt::Trouble)
//! - [`Connection::send`] makes one attempt and always ends in a
//!   [`Report`](crate::attempt::Report): an outcome for each recipient
//! - [`crate::classify`] alone decides what a reply or a fault means
//! - [`Upstream::check`] runs the steps up to the login one by one, for a person who looks for a
//!   fault
//!
//! Inside, in reading order:
//! - `routes`: one module for each route, and what makes their connections
//! - `handover`: the message to hand over; `finding`: what a check finds
//! - `smtp`: the client's side of SMTP, which routes share
//! - `tls`, `verifier`, `trusted`, `client_certificate`: the handshake, the trusted issuers and
//!   servers, our certificate
//! - `dns`: what a domain has published about its mail servers

mod client_certificate;
mod dns;
mod finding;
mod handover;
mod routes;
mod smtp;
mod tls;
mod trusted;
mod verifier;

#[cfg(test)]
mod tests;

pub use client_certificate::{Chain, Extent, check_pair, private_key};
pub use dns::resolver::{DnsSettings, Dnssec};
pub use finding::{Finding, Step};
pub use handover::{Earlier, Handover};
pub use routes::{Connection, Connector, Direct, Graph, Route, Smarthost, Submission, Upstream};
pub use smtp::{
    client::ServerClient,
    connection::Connection as SmtpConnection,
    settings::{
        Auth, AuthMethod, ClientCertificate, SecretSource, Security, Server, SmtpSettings,
        Timeouts, Verification,
    },
    stream::Stream,
};
pub use trusted::certificates;
