//! The token endpoint of the directory: requests go in, answers come out. Time and randomness are
//! arguments.
//!
//! - `assertion`: client assertions signed with a certificate
//! - `http`: the endpoint's sockets
//! - `exchange`: a request and its answer
//! - `directory`: the tenants and applications
//! - `resource`: the subject of a token and the services that it is for
//! - `book`: the issued tokens
//!
//! Error codes and texts follow Microsoft's identity platform (`AADSTS…`).

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
pub(crate) use resource::Resource;
