//! Delivery attempts to an upstream server: connect, TLS, login, transaction, interpretation of the
//! replies.
//!
//! - [`Destination`]: the server and how to reach it, from the config
//! - [`Upstream::connect`] returns a [`Connection`] that is ready for `MAIL FROM`, or the account's
//!   [`Trouble`](crate::attempt::Trouble)
//! - [`Connection::send`] runs one transaction and always ends in a
//!   [`Report`](crate::attempt::Report): an outcome for each recipient
//! - [`crate::classify`] alone decides what a reply or a fault means
//! - [`Upstream::check`] runs the steps up to the login one by one, for a person who looks for a
//!   fault
//!
//! Inside, in reading order:
//! - `destination`, `handover`: the config, and the message to hand over
//! - `smtp`: the client's side of SMTP; its `session` makes connections
//! - `tls`, `verifier`, `client_certificate`: the handshake, the trusted issuers, our certificate
//! - `dns`: what a domain has published about its mail servers
//! - `direct`: direct send to the mail servers of a domain
//! - `check`: the steps of a connection, one by one

mod check;
mod client_certificate;
mod destination;
mod direct;
mod dns;
mod handover;
mod smtp;
mod tls;
mod verifier;

#[cfg(test)]
mod tests;

pub use check::{Finding, Step};
pub use client_certificate::{Chain, Extent, check_pair, private_key};
pub use destination::{
    Auth, AuthMethod, ClientCertificate, Destination, Exchangers, SecretSource, Security, Timeouts,
    Verification,
};
pub use dns::resolver::{DnsSettings, Dnssec};
pub use handover::Handover;
pub use smtp::{connection::Connection, session::Upstream, stream::Stream};
pub use tls::certificates;
