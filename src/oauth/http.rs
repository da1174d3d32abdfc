//! HTTPS requests for the OAuth library: one connection for each, TLS by rustls, HTTP/1.1 by hyper.
//! Time and size are bounded.
//!
//! # Failure
//! [`HttpError`] distinguishes an answer that asks the client to wait (429, 5yz) from a server that
//! cannot be reached.

use std::{net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{HeaderMap, Request, Response, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use oauth2::AsyncHttpClient;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{classify::TokenTrouble, model::Timestamp};

/// The maximum size of an answer in octets. Tokens have 1.5 to 3 KB.
const ANSWER_LIMIT: usize = 128 * 1024;
/// The maximum time from name resolution to the last octet of the answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTPS client. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    tls: Arc<rustls::ClientConfig>,
}

/// Why a request brought no usable answer.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The server asked the client to wait.
    #[error("HTTP {status}")]
    Busy {
        /// The status code: 429 or 5yz.
        status: u16,
        /// The value of `Retry-After`, which is in seconds or a date (RFC 9110 10.2.3).
        retry_after: Option<Duration>,
    },
    /// The server cannot be reached, or does not speak HTTP.
    #[error("{0}")]
    Unreachable(String),
}

impl From<HttpError> for TokenTrouble {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Busy { status, retry_after } => Self::busy(status, retry_after),
            HttpError::Unreachable(what) => Self::unreachable(what),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn unreachable(error: impl std::fmt::Display) -> HttpError {
    HttpError::Unreachable(error.to_string())
}

impl HttpClient {
    /// Makes a client that trusts the issuers in `tls`.
    #[must_use]
    pub const fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls }
    }

    /// Sends one request over its own connection and reads the whole answer.
    ///
    /// # Errors
    /// [`HttpError`]. A 4yz other than 429 is returned as an answer, not as an error.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        match tokio::time::timeout(TIMEOUT, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(HttpError::Unreachable(format!(
                "{host} did not answer within {} seconds",
                TIMEOUT.as_secs()
            ))),
        }
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        let uri = request.uri().clone();
        let host = uri
            .host()
            .ok_or_else(|| unreachable("the URL has no host"))?
            .trim_matches(['[', ']'])
            .to_owned();
        let secure = is_secure(&uri, &host)?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| unreachable(format!("{host} port {port}: {error}")))?;
        if !secure {
            return talk(stream, request).await;
        }
        let name = ServerName::try_from(host.clone()).map_err(unreachable)?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        talk(stream.map_err(|error| unreachable(format!("TLS with {host}: {error}")))?, request)
            .await
    }
}

/// Whether the request goes over TLS. Requests carry secrets, so plain HTTP is allowed to this
/// machine only.
fn is_secure(uri: &Uri, host: &str) -> Result<bool, HttpError> {
    match uri.scheme_str() {
        Some("https") => Ok(true),
        Some("http")
            if host == "localhost"
                || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) =>
        {
            Ok(false)
        }
        _ => Err(unreachable(format!("{uri}: only https is used (http to this machine alone)"))),
    }
}

async fn talk<S>(stream: S, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    // This future owns the sender: when it ends, the connection ends too.
    let exchange = async move {
        let answer = sender.send_request(in_origin_form(request)?).await.map_err(unreachable)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(unreachable)?;
        Ok((parts, body.to_bytes()))
    };
    // The connection is driven only here, so no task outlives the request. A connection error after
    // a complete answer does not matter.
    let (answer, _ended) = tokio::join!(exchange, connection);
    let (parts, body) = answer?;
    if parts.status.as_u16() == 429 || parts.status.is_server_error() {
        return Err(HttpError::Busy {
            status: parts.status.as_u16(),
            retry_after: retry_after(&parts.headers),
        });
    }
    Ok(Response::from_parts(parts, body.to_vec()))
}

/// A date in `Retry-After` is compared with the server's own `Date`, so that our clock does not
/// matter.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let (then, now) =
        (Timestamp::from_http_date(wanted)?, Timestamp::from_http_date(text(header::DATE)?)?);
    Some(then.since(now))
}

/// RFC 9112 3.2.1: path and query go into the request line, the host into the `Host` field.
fn in_origin_form(request: Request<Vec<u8>>) -> Result<Request<Full<Bytes>>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    parts.headers.insert(header::HOST, authority.parse().map_err(unreachable)?);
    parts.uri = path.parse().map_err(unreachable)?;
    Ok(Request::from_parts(parts, Full::new(Bytes::from(body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_asked_for_in_seconds_or_until_a_date() {
        let check = |fields: &[(&str, &str)], seconds: Option<u64>| {
            let field = |(name, value): &(&str, &str)| {
                (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap())
            };
            let headers: HeaderMap = fields.iter().map(field).collect();
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{fields:?}");
        };
        let date = ("date", "Wed, 25 Nov 2026 06:59:00 GMT");
        check(&[("retry-after", "120")], Some(120));
        check(&[("retry-after", "Wed, 25 Nov 2026 07:01:30 GMT"), date], Some(150));
        check(&[("retry-after", "Wed, 25 Nov 2026 06:00:00 GMT"), date], Some(0));
        check(&[("retry-after", "Wed, 25 Nov 2026 07:01:30 GMT")], None);
        check(&[("retry-after", "soon"), date], None);
        check(&[date], None);
    }
}
