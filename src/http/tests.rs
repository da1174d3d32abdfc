//! The client against servers on this machine that answer exactly what a test says.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{Request, header};
use rustls::RootCertStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    answer: 1000,
    kept_connections: 1,
    kept_for: Duration::from_secs(60),
};

fn client(limits: Limits) -> HttpClient {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    HttpClient::new(Arc::new(tls), limits)
}

fn get(url: &str) -> Request<body::Body> {
    Request::get(url).body(body::empty()).unwrap()
}

/// A server that gives the same answer to each request, and what it saw.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `answer` is sent after each request; without one the server stays silent.
    async fn start(answer: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/asked?x=1", listener.local_addr().unwrap());
        let (connections, heard) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<_>>>::default());
        let server = Self { url, connections: connections.clone(), heard: heard.clone() };
        let answer = answer.map(str::to_owned);
        tokio::spawn(async move {
            loop {
                let (mut stream, _peer) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (heard, answer) = (heard.clone(), answer.clone());
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        heard.lock().unwrap().push(request);
                        match &answer {
                            Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                            None => std::future::pending().await,
                        }
                    }
                });
            }
        });
        server
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// The head and the body, whose length the head has to say. `None` is the end of the connection.
async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => text.push_str(std::str::from_utf8(&chunk[..read]).unwrap()),
        }
    }
}

#[tokio::test]
async fn every_status_is_an_answer_with_its_headers_and_a_redirect_is_not_followed() {
    for status in ["200 OK", "302 Found", "404 Not Found", "429 Too Many", "503 Unavailable"] {
        let server = Server::start(Some(&format!(
            "HTTP/1.1 {status}\r\nRetry-After: 7\r\nLocation: http://127.0.0.1:1/\r\n\
            Content-Length: 4\r\n\r\nbody"
        )))
        .await;
        let request = Request::get(&server.url).header("x-ours", "1").body(body::empty()).unwrap();
        let answer = client(LIMITS).send(request).await.unwrap();
        assert!(status.starts_with(answer.status().as_str()), "{status}");
        assert_eq!(retry_after(answer.headers()), Some(Duration::from_secs(7)));
        assert_eq!(answer.body().as_ref(), b"body");
        let heard = server.heard().concat();
        assert!(heard.starts_with("GET /asked?x=1 HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains("x-ours: 1\r\n"), "{heard}");
        let host = server.url.trim_start_matches("http://").trim_end_matches("/asked?x=1");
        assert!(heard.contains(&format!("host: {host}\r\n")), "{heard}");
        assert!(!heard.contains("accept-encoding") && !heard.contains("cookie"), "{heard}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_only_if_the_limits_say_so() {
    for (kept_connections, connections) in [(1, 1), (0, 3)] {
        let server = Server::start(Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
        let client = client(Limits { kept_connections, ..LIMITS });
        for _ in 0..3 {
            client.send(get(&server.url)).await.unwrap();
            // The connection returns to the pool on a task of its own.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(server.connections.load(Ordering::SeqCst), connections);
    }
}

#[tokio::test]
async fn a_range_of_a_file_is_sent_with_its_length_and_never_in_chunks() {
    let server = Server::start(Some("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")).await;
    let text = "0123456789".repeat(10_000);
    let source = std::io::Cursor::new(text.clone().into_bytes());
    let request = Request::put(&server.url)
        .header("content-range", "bytes 0-49999/100000")
        .body(body::streamed(source, 50_000))
        .unwrap();
    assert_eq!(client(LIMITS).send(request).await.unwrap().status(), 201);
    let heard = server.heard().concat();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 50000"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(body == &text[..50_000]);
}

#[tokio::test]
async fn a_source_that_ends_early_fails_the_request() {
    let server = Server::start(Some("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")).await;
    let source = std::io::Cursor::new(b"short".to_vec());
    let request = Request::put(&server.url).body(body::streamed(source, 50)).unwrap();
    client(LIMITS).send(request).await.unwrap_err();
    assert_eq!(server.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_never_comes_is_an_error() {
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1001));
    let server = Server::start(Some(&large)).await;
    let error = client(LIMITS).send(get(&server.url)).await.unwrap_err();
    assert_eq!(error.to_string(), "length limit exceeded");
    let cut = Server::start(Some("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")).await;
    let time = Duration::from_secs(1);
    for server in [Server::start(None).await, cut] {
        let error = client(LIMITS).within(time).send(get(&server.url)).await.unwrap_err();
        assert_eq!(error.to_string(), "127.0.0.1 did not answer within 1 seconds");
    }
}

#[tokio::test]
async fn what_stands_between_us_and_the_server_is_said_in_a_sentence() {
    let said = async |url: &str| client(LIMITS).send(get(url)).await.unwrap_err().to_string();
    let port = {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        closed.local_addr().unwrap().port()
    };
    let refused = said(&format!("https://127.0.0.1:{port}/")).await;
    assert!(
        refused.starts_with(&format!("127.0.0.1 port {port}: Connection refused")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_as_a_failure_of_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            assert!(acceptor.accept(stream).await.is_err());
        }
    });
    let url = format!("https://localhost:{port}/");
    let error = client(LIMITS).send(get(&url)).await.unwrap_err().to_string();
    assert_eq!(error, "TLS with localhost: invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_alone() {
    for url in ["http://contoso.com/x", "http://192.0.2.1/x", "ftp://localhost/x"] {
        let error = client(LIMITS).send(get(url)).await.unwrap_err().to_string();
        assert_eq!(error, format!("{url}: only https is used (http to this machine alone)"));
    }
    let error = client(LIMITS).send(get("/x")).await.unwrap_err();
    assert_eq!(error.to_string(), "the URL has no host");
}

#[tokio::test]
async fn a_host_that_the_request_names_itself_is_kept() {
    let server = Server::start(Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let request = Request::get(&server.url).header(header::HOST, "mta-sts.contoso.com");
    client(LIMITS).send(request.body(body::empty()).unwrap()).await.unwrap();
    let heard = server.heard().concat();
    assert_eq!(heard.matches("host: ").count(), 1, "{heard}");
    assert!(heard.contains("host: mta-sts.contoso.com\r\n"), "{heard}");
}
