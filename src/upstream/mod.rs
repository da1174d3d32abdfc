//! One attempt: connect, TLS, log in, hand over, understand the answer.
//!
//! - [`Destination`]: where to and how, from the config
//! - [`Upstream::connect`] yields a [`Connection`] that is ready for `MAIL FROM`, or the
//!   [`Trouble`] of the account
//! - [`Connection::send`] is one transaction and always ends in a [`Report`]: an outcome for each
//!   recipient
//! - what an answer or a fault means is said by [`crate::classify`] alone
//! - [`Upstream::check`] goes the way to a login step by step, for a person who looks for what is
//!   wrong
//!
//! Inside, in reading order:
//! - `destination`, `attempt`: what the config says, what goes in and what comes out
//! - `smtp`: the client's side of SMTP; its `session` makes connections
//! - `tls`, `verifier`, `client_certificate`: the handshake, whom to trust, what we show
//! - `dns`: what a domain has published about its mail servers
//! - `direct`: direct send, to the mail servers of a domain
//! - `check`: the steps of a connection, one by one

mod attempt;
mod check;
mod client_certificate;
mod destination;
mod direct;
mod dns;
mod smtp;
mod tls;
mod verifier;

#[cfg(test)]
mod tests;

pub use attempt::{Counted, Dsn, Handover, Report, Trouble};
pub use check::{Finding, Step};
pub use client_certificate::{Chain, Extent, check_pair, private_key};
pub use destination::{
    Auth, AuthMethod, ClientCertificate, Destination, Exchangers, NextHop, SecretSource, Security,
    Timeouts, Verification,
};
pub use dns::resolver::{DnsSettings, Dnssec};
pub use smtp::{connection::Connection, session::Upstream, stream::Stream};
pub use tls::{certificates, https_client};

pub use crate::classify::{Concern, Fault, Outcome, Peer, Stage, Verdict, classify, classify_of};
