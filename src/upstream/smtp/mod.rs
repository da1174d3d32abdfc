//! The client's side of SMTP, which all routes share.
//!
//! - `stream`: octets, encrypted or not
//! - `wire`: commands out, replies in
//! - `ehlo`: what a server offers, and what follows from it for MAIL and RCPT
//! - `auth`: the login
//! - `session`: from nothing to a connection that is logged in
//! - `transaction`: what is known of one transaction so far, pure
//! - `connection`: one transaction after the other

pub(in crate::upstream) mod auth;
pub(in crate::upstream) mod connection;
pub(in crate::upstream) mod ehlo;
pub(in crate::upstream) mod session;
pub(in crate::upstream) mod stream;
pub(in crate::upstream) mod transaction;
pub(in crate::upstream) mod wire;
