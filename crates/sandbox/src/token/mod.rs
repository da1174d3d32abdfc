//! The token endpoint of the directory: requests in, answers out, with time and randomness as
//! arguments.
//!
//! - `assertion`: client assertions signed with a certificate
//! - `http`: the endpoint's sockets
//! - `exchange`: a request and its answer
//! - `directory`: which tenants and applications exist
//! - `resource`: whom a token speaks for, and what it opens
//! - `book`: the tokens that were handed out
//!
//! Codes and texts follow Microsoft's identity platform (`AADSTS…`).

mod assertion;
mod book;
mod directory;
mod exchange;
mod http;
mod resource;

#[cfg(test)]
mod tests;

pub(crate) use book::TokenBook;
pub(crate) use directory::Directory;
pub(crate) use exchange::{Answer, Form};
pub(crate) use http::router;
