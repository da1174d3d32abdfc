//! Servers of one certificate: one that takes mail, and one that has a file to give.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::KeyPair;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// What a mail server was told, with how: `tls RCPT TO:<…>` or `clear …`.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;

/// TLS with a chain and its key.
pub(crate) fn acceptor(chain: &[&str], key: &KeyPair) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain =
        chain.iter().map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

/// A mail server on this address; without an acceptor it does not offer STARTTLS.
pub(crate) async fn mail_server(address: SocketAddr, acceptor: Option<TlsAcceptor>) -> Heard {
    let listener = TcpListener::bind(address).await.unwrap();
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&told)));
        }
    });
    heard
}

async fn serve(stream: TcpStream, acceptor: Option<TlsAcceptor>, heard: Heard) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mx ESMTP\r\n").await.ok();
    let offer = if acceptor.is_some() { "250-mx\r\n250 STARTTLS\r\n" } else { "250 mx\r\n" };
    if talk(&mut stream, offer, "clear", &heard).await.is_some()
        && let Some(acceptor) = acceptor
        && let Ok(tls) = acceptor.accept(stream.into_inner()).await
    {
        talk(&mut BufReader::new(tls), "250 mx\r\n", "tls", &heard).await;
    }
}

/// Until the end, or STARTTLS.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    ehlo: &str,
    how: &str,
    heard: &Heard,
) -> Option<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        let answer = match line.get(..4).unwrap_or_default() {
            "EHLO" => ehlo,
            "STAR" => {
                stream.write_all(b"220 go\r\n").await.ok()?;
                return Some(());
            }
            "DATA" => {
                stream.write_all(b"354 go\r\n").await.ok()?;
                while line != ".\r\n" {
                    line.clear();
                    stream.read_line(&mut line).await.ok().filter(|octets| *octets > 0)?;
                }
                "250 2.0.0 taken\r\n"
            }
            "RCPT" => {
                heard.lock().unwrap().push(format!("{how} {}", line.trim_end()));
                "250 2.1.5 ok\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _other => "250 2.1.0 ok\r\n",
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// A web server that answers every request over TLS with this text; yields its address.
pub(crate) async fn web_server(acceptor: TlsAcceptor, text: Arc<Mutex<String>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, text) = (acceptor.clone(), text.lock().unwrap().clone());
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                let mut request = [0; 4096];
                let _asked_for_the_policy =
                    stream.read(&mut request).await.ok().filter(|octets| *octets > 0)?;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \
                    {}\r\n\r\n{text}",
                    text.len()
                );
                stream.write_all(answer.as_bytes()).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
    address
}
