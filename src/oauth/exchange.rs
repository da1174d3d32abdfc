//! The OAuth library's requests, sent by our HTTP client.
//!
//! # Failure
//! [`ExchangeError`] distinguishes an answer that asks the client to wait (429, 5yz) from a server
//! that cannot be reached.

use std::{io, pin::Pin, time::Duration};

use hyper::{Request, Response};
use oauth2::AsyncHttpClient;
use thiserror::Error;

use crate::{
    classify::TokenTrouble,
    clock::Clock,
    http::{HttpClient, Limits, body, retry_after, trust},
};

/// Tokens have 1.5 to 3 KB and are requested about once an hour, so no connection is kept.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(30),
    answer: 128 * 1024,
    kept_connections: 0,
    kept_for: Duration::ZERO,
};

/// Sends requests to an authorization server. Cheap to clone.
#[derive(Clone)]
pub struct TokenClient(HttpClient);

impl TokenClient {
    /// Makes a client that trusts the machine's store, never `ca_file`, which is for the mail
    /// server.
    ///
    /// # Errors
    /// When the cryptography provider supports none of our TLS versions, which cannot happen in
    /// this build.
    pub fn new(clock: Clock) -> io::Result<Self> {
        Ok(Self(HttpClient::new(trust::machine_config(clock)?, LIMITS)))
    }
}

/// Why a request brought no usable answer.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The server asked the client to wait.
    #[error("HTTP {status}")]
    Busy {
        /// The status code: 429 or 5yz.
        status: u16,
        /// How long the server asks the client to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// The server cannot be reached, or does not speak HTTP.
    #[error("{0}")]
    Unreachable(String),
}

impl From<ExchangeError> for TokenTrouble {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Busy { status, retry_after } => Self::busy(status, retry_after),
            ExchangeError::Unreachable(what) => Self::unreachable(what),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for TokenClient {
    type Error = ExchangeError;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, ExchangeError>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(async move {
            let answer = self.0.send(request.map(body::whole)).await;
            let answer = answer.map_err(|error| ExchangeError::Unreachable(error.to_string()))?;
            let status = answer.status();
            if status.as_u16() == 429 || status.is_server_error() {
                return Err(ExchangeError::Busy {
                    status: status.as_u16(),
                    retry_after: retry_after(answer.headers()),
                });
            }
            Ok(answer.map(|body| body.to_vec()))
        })
    }
}
