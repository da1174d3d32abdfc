//! Sockets, TLS and timers around the pure session machine.
//!
//! - `settings`: what the config says
//! - `accept`: [`Listener`], one bound socket
//! - `reception`: [`Reception`], what all of them share
//! - `slots`: how many connections, and for whom
//! - `connection`: one device's connection: reads, feeds the machine, does what it says
//! - `intake`: the message that a connection is handing in
//! - `pop_connection`: one device's login by POP
//! - `begin`: from an accepted socket to a stream that is ready for the banner
//! - `occupant`: the client of a connection, and the place that it holds
//! - `opening`: TLS or the wait for our banner, where the port leaves it open
//! - `patience`: how long a client is waited for
//! - `hello`: what a ClientHello offers, from its bytes alone
//! - `tls`: the library that suits the hello; `legacy`: OpenSSL for the old ones; `certificate`:
//!   that of the first start
//! - `client_certificate`: what clients show
//! - `wire`: the byte stream, plain or encrypted
//! - `error`: [`ListenerError`], why devices cannot be served at all
//! - `trouble`: our own trouble, as the device is told of it

mod accept;
mod begin;
mod certificate;
mod client_certificate;
mod connection;
mod error;
mod input;
mod intake;
#[cfg(feature = "legacy-tls")]
mod legacy;
#[cfg(not(feature = "legacy-tls"))]
#[path = "legacy_absent.rs"]
mod legacy;
mod occupant;
mod opening;
mod patience;
mod pop_connection;
mod reception;
mod settings;
mod slots;
mod tls;
mod trouble;
mod wire;

pub use accept::Listener;
pub use client_certificate::check_authority;
pub use error::ListenerError;
pub use legacy::check_legacy_pair;
pub use reception::{Receiving, Reception};
pub use settings::{
    BadPair, ClientCertificates, KeyKind, ListenerSettings, ListenerTls, Protocol, ReceivingLimits,
    TlsSettings,
};
pub use tls::Tls;

#[cfg(test)]
mod tests;
