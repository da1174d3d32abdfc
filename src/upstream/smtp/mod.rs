//! The client's side of SMTP, which all routes share.
//!
//! - `settings`: how to speak to a server
//! - `stream`: the stream of octets, encrypted or not
//! - `wire`: sends commands and reads replies
//! - `ehlo`: the server's extensions, and the MAIL and RCPT commands that use them
//! - `auth`: the login
//! - `session`: makes a connection over a stream
//! - `client`: connects to the one server of an account; `check`: the same step by step, for a
//!   person who looks for a fault
//! - `transaction`: the state of one transaction, pure
//! - `connection`: runs transactions one after the other

pub(in crate::upstream) mod auth;
mod check;
pub(in crate::upstream) mod client;
pub(in crate::upstream) mod connection;
pub(in crate::upstream) mod ehlo;
pub(in crate::upstream) mod session;
pub(in crate::upstream) mod settings;
pub(in crate::upstream) mod stream;
pub(in crate::upstream) mod transaction;
pub(in crate::upstream) mod wire;
