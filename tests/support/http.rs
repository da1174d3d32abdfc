//! One HTTP request to this machine.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::support::wait;

/// The body of the answer, which has to be a good one.
pub(crate) fn request(method: &str, url: &str, body: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: \
        application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 20"), "{method} {url}: {answer}");
    body.to_owned()
}
