//! HTTP requests to servers: for access tokens, for MTA-STS policies, and for a route over HTTPS.
//!
//! - [`HttpClient`]: sends a request and reads the whole answer, with bounds on time and size
//! - [`Limits`]: these bounds
//! - [`body`]: what a request carries, held in memory or read as it is sent
//! - [`retry_after`]: how long a busy server asks a client to wait
//! - [`trust`]: the certificate issuers that this machine trusts
//!
//! The client is hyper-util's, with TLS by rustls. It speaks HTTP/1.1. It follows no redirect, uses
//! no proxy, keeps no cookie and asks for no compression.
//!
//! # Failure
//! [`HttpError`]: there is no complete answer. Every answer is returned, whatever its status.

pub mod body;
mod client;
mod retry_after;
pub mod trust;

pub use client::{HttpClient, HttpError, Limits, Sent};
pub use retry_after::retry_after;

#[cfg(test)]
mod tests;
