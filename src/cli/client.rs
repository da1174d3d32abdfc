//! The client of the running daemon: HTTP over `data_dir/admin.sock`.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use crate::{
    admin::{Refusal, socket_path},
    config,
};

/// The largest answer that is read into memory, in octets. A thousand ordinary messages fit; a
/// thousand messages with a thousand recipients each do not.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How long to wait for an answer. The daemon answers from memory and its index, so a longer delay
/// means that it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the daemon that uses one data directory.
pub(super) struct Client {
    socket: PathBuf,
    config: PathBuf,
}

impl Client {
    /// Finds the daemon's socket by the `data_dir` of the configuration.
    pub(super) fn of_config(config: &Path) -> anyhow::Result<Self> {
        Ok(Self { socket: socket_path(&config::data_dir(config)?), config: config.to_owned() })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> anyhow::Result<T> {
        self.ask(Method::POST, path, Bytes::from(serde_json::to_vec(body)?)).await
    }

    /// Hands in octets, such as a message.
    pub(super) async fn submit<T: DeserializeOwned>(
        &self,
        path: &str,
        octets: Vec<u8>,
    ) -> anyhow::Result<T> {
        self.ask(Method::POST, path, Bytes::from(octets)).await
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.ask(Method::DELETE, path, Bytes::new()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<T> {
        let answer = async {
            let response = self.request(method, path, body).await?;
            let good = response.status().is_success();
            let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
            let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => anyhow!("the answer is too long; request fewer messages with --limit"),
                Err(error) => anyhow!(error),
            })?;
            decode(&body.to_bytes(), good)
        };
        timeout(PATIENCE, answer)
            .await
            .context("the daemon does not answer; its log may say why: journalctl -u postroom")?
    }

    /// Copies an answer of any length without parsing it. Writing blocks the thread, which is
    /// acceptable because a command has nothing else to do.
    pub(super) async fn copy<W: io::Write>(&self, path: &str, to: &mut W) -> anyhow::Result<()> {
        let response = self.request(Method::GET, path, Bytes::new()).await?;
        let good = response.status().is_success();
        let mut body = response.into_body();
        if !good {
            return decode::<()>(&body.collect().await?.to_bytes(), good);
        }
        while let Some(frame) = body.frame().await {
            if let Ok(chunk) = frame?.into_data() {
                to.write_all(&chunk)?;
            }
        }
        Ok(to.flush()?)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the daemon lost");
            }
        });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "postroom")
            .header(header::CONTENT_TYPE, "application/json");
        Ok(sender.send_request(request.body(Full::new(body))?).await?)
    }

    fn unreachable(&self, error: io::Error) -> anyhow::Error {
        let (socket, config) = (self.socket.display(), self.config.display());
        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
            let start = format!(
                "To start it: systemctl start postroom   (or: postroom run --config {config})"
            );
            return anyhow!("the daemon is not running: nothing listens on {socket}\n{start}");
        }
        if error.kind() == io::ErrorKind::PermissionDenied {
            return anyhow!(
                "only the daemon's user and root may open {socket}; repeat the command with sudo"
            );
        }
        anyhow!(error).context(format!("{socket}"))
    }
}

fn decode<T: DeserializeOwned>(body: &[u8], good: bool) -> anyhow::Result<T> {
    if good {
        return serde_json::from_slice(body).context(
            "cannot understand the daemon's answer; are command and daemon the same version?",
        );
    }
    let refusal = serde_json::from_slice(body).map(|refusal: Refusal| refusal.error);
    Err(anyhow!(refusal.unwrap_or_else(|_plain| String::from_utf8_lossy(body).into_owned())))
}

/// Percent-encodes a name for a path (RFC 3986 2.1), because it may contain a slash or a blank.
pub(super) fn encoded(name: &str) -> String {
    let plain =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
    name.bytes()
        .map(
            |octet| {
                if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_fit_for_a_path() {
        assert_eq!(encoded("scan/1 é"), "scan%2F1%20%C3%A9");
    }
}
