//! The parts against programs of another make: mail servers, DNS servers, authorization servers,
//! old TLS clients; and the commands against the running daemon.
//!
//! `make tools` installs the peers.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a broken helper should stop the test, and say why"
)]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "each test program uses its part")]
mod support;

mod commands;
mod corpus;
mod direct;
mod graph;
mod legacy_tls;
mod oauth;
mod refusals;
mod routes;
mod sender;
mod upstream;
