//! The client, its bounds, and the words for its failures.

use std::{error::Error, io, net::IpAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Limited};
use hyper::{Request, Response, Uri, body::Bytes};
use hyper_rustls::{
    DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName,
};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;

use crate::http::body::Body;

/// The bounds of every request of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The maximum time from name resolution to the last octet of the answer.
    pub time: Duration,
    /// The maximum size of an answer's body in octets.
    pub answer: usize,
    /// How many connections to a host are kept open for the next request. With 0, every request has
    /// its own connection.
    pub kept_connections: usize,
    /// How long a connection without a request is kept open.
    pub kept_for: Duration,
}

/// An HTTPS client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    client: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    limits: Limits,
}

/// Why there is no complete answer. The text says it in a sentence.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{text}")]
pub struct HttpError {
    text: String,
    /// Whether the server may have the request.
    sent: Sent,
}

/// Whether a server may have a request that was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// There was no connection to the server.
    No,
    /// The server may have received the request.
    Perhaps,
}

impl HttpError {
    /// Whether the server may have the request.
    #[must_use]
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    const fn new(text: String, sent: Sent) -> Self {
        Self { text, sent }
    }
}

impl HttpClient {
    /// Makes a client that trusts the issuers in `tls`, which must not name application protocols.
    #[must_use]
    pub fn new(tls: Arc<ClientConfig>, limits: Limits) -> Self {
        Self::with(tls, limits, Arc::new(DefaultServerNameResolver::default()))
    }

    /// Makes a client whose servers must show a certificate for `name`, whatever host a URL names.
    /// With it, a URL can choose one of the addresses of a host.
    #[must_use]
    pub fn expecting(name: ServerName<'static>, tls: Arc<ClientConfig>, limits: Limits) -> Self {
        Self::with(tls, limits, Arc::new(FixedServerNameResolver::new(name)))
    }

    fn with(
        tls: Arc<ClientConfig>,
        limits: Limits,
        names: Arc<dyn ResolveServerName + Send + Sync>,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        // The connector above it handles the scheme.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // The addresses of a host share the time.
        tcp.set_connect_timeout(Some(limits.time));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(limits.kept_connections)
            .pool_idle_timeout(limits.kept_for)
            .build(HttpsConnector::new(tcp, tls, false, names));
        Self { client, limits }
    }

    /// The same client with another maximum time, for instance for a large upload.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        Self { client: self.client.clone(), limits: Limits { time, ..self.limits } }
    }

    /// Sends one request and reads the whole answer. `Host` is the host and port of the URL unless
    /// the request has its own.
    ///
    /// # Errors
    /// When no complete answer arrives within the limits. Any status is an answer.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        match tokio::time::timeout(self.limits.time, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => {
                let seconds = self.limits.time.as_secs();
                let text = format!("{host} did not answer within {seconds} seconds");
                Err(HttpError::new(text, Sent::Perhaps))
            }
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Response<Bytes>, HttpError> {
        let place = Place::of(request.uri())?;
        let failed = |error: legacy::Error| {
            let sent = if error.is_connect() { Sent::No } else { Sent::Perhaps };
            HttpError::new(place.explain(&error), sent)
        };
        let answer = self.client.request(request).await.map_err(failed)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.limits.answer).collect().await;
        let body =
            body.map_err(|error| HttpError::new(error.to_string(), Sent::Perhaps))?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

/// Where a request goes.
struct Place {
    host: String,
    port: u16,
}

impl Place {
    /// Requests carry secrets, so plain HTTP is allowed to this machine only.
    fn of(uri: &Uri) -> Result<Self, HttpError> {
        let host =
            uri.host().ok_or_else(|| HttpError::new("the URL has no host".to_owned(), Sent::No))?;
        let host = host.trim_matches(['[', ']']);
        let is_here = || {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        let port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") if is_here() => 80,
            _ => {
                let text = format!("{uri}: only https is used (http to this machine alone)");
                return Err(HttpError::new(text, Sent::No));
            }
        };
        Ok(Self { host: host.to_owned(), port: uri.port_u16().unwrap_or(port) })
    }

    fn explain(&self, error: &legacy::Error) -> String {
        let Self { host, port } = self;
        let cause = error.source();
        if !error.is_connect() {
            return cause.map_or_else(|| error.to_string(), ToString::to_string);
        }
        match cause {
            // Only TLS fails with this type directly; TCP and DNS wrap it in their own.
            Some(cause) if cause.is::<io::Error>() => format!("TLS with {host}: {cause}"),
            Some(cause) => format!("{host} port {port}: {}", root(cause)),
            None => format!("{host} port {port}: {error}"),
        }
    }
}

/// The first cause of an error.
fn root(mut error: &dyn Error) -> &dyn Error {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error
}
