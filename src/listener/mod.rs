//! Sockets, TLS and timers around the pure session machine.
//!
//! - `settings`: the checked settings
//! - `accept`: [`Listener`], one bound socket
//! - `context`: [`ListenerContext`], what all listeners share
//! - `admission`: what becomes of an accepted connection
//! - `slots`: the places for connections; `occupant`: a client and the place that it holds
//! - `tls_detection`: whether a client begins with TLS or waits for our banner
//! - `handshake`: from an accepted socket to a stream that is ready for the banner
//! - `connection`: one client's SMTP connection
//! - `receive_message`: a message that a client hands in
//! - `pop_before_smtp`: one client's login by POP
//! - `timeouts`: how long we wait for a client
//! - `error_replies`: the replies for our own errors
//! - `tls`: the library that suits a ClientHello; `legacy`: OpenSSL for the old versions;
//!   `encrypted`: what a handshake results in
//! - `certificate`: our certificate; `client_certificate`: those of clients
//! - `input`, `wire`: what was read ahead, and the byte stream below, plain or encrypted
//! - `error`: [`ListenerError`], why devices cannot be served at all

mod accept;
mod admission;
mod certificate;
mod client_certificate;
mod connection;
mod context;
mod encrypted;
mod error;
mod error_replies;
mod handshake;
mod input;
#[cfg(feature = "legacy-tls")]
mod legacy;
#[cfg(not(feature = "legacy-tls"))]
#[path = "legacy_absent.rs"]
mod legacy;
mod occupant;
mod pop_before_smtp;
mod receive_message;
mod settings;
mod slots;
mod timeouts;
mod tls;
mod tls_detection;
mod wire;

pub use accept::Listener;
pub use client_certificate::check_authority;
pub use context::{ListenerContext, ListenerParts, ReceivingSettings};
pub use error::ListenerError;
pub use legacy::check_legacy_pair;
pub use settings::{
    BadPair, ClientCertificates, KeyKind, ListenerSettings, ListenerTls, Protocol, ReceivingLimits,
    TlsSettings,
};
pub use tls::Tls;

#[cfg(test)]
mod tests;
