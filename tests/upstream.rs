//! The way out against a server of another make: Postfix's smtp-sink, over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a broken helper should stop the test")]

use std::{
    io,
    os::unix::fs::MetadataExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use postroom::{
    clock::Clock,
    message::Text,
    metrics::Metrics,
    model::{BodyKind, Recipient, ReversePath},
    upstream::{Connection, Counted, Destination, Handover, Outcome, Security, Timeouts, Upstream, Verification},
};
use tempfile::TempDir;
use tokio::net::UnixStream;

/// smtp-sink behind a socket of its own, stopped when dropped.
struct Sink {
    process: Child,
    folder: TempDir,
}

impl Sink {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // smtp-sink refuses to run as root, and then needs to be told as whom to run.
        let user: &[&str] = if std::fs::metadata("/proc/self").unwrap().uid() == 0 { &["-u", "nobody"] } else { &[] };
        let process = Command::new("smtp-sink")
            .args(user)
            .args(options)
            .args([&format!("unix:{}", folder.path().join("smtp").display()), "100"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("smtp-sink is part of Postfix: apt install postfix");
        Self { process, folder }
    }

    async fn connect(&mut self) -> Connection {
        let destination = Destination {
            host: "localhost".to_owned(),
            port: 25,
            security: Security::None,
            verify: Verification::Required,
            ca_file: None,
            auth: None,
            helo: "postroom.example.com".to_owned(),
            timeouts: Timeouts { end_of_data: Duration::from_secs(10), command: Duration::from_secs(10), ..Timeouts::default() },
        };
        let upstream = Upstream::new(destination, Clock::system(), Metrics::new()).unwrap();
        let stream = loop {
            match UnixStream::connect(self.folder.path().join("smtp")).await {
                Ok(stream) => break stream,
                Err(error) => assert!(self.process.try_wait().unwrap().is_none(), "smtp-sink did not start: {error}"),
            }
            tokio::task::yield_now().await;
        };
        upstream.connect_over(Box::new(stream)).await.unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A text in chunks.
struct Chunks {
    text: Vec<u8>,
    given: usize,
}

impl Text for Chunks {
    fn size(&self) -> u64 {
        u64::try_from(self.text.len()).unwrap()
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let end = (self.given + 65_536).min(self.text.len());
        buffer.clear();
        buffer.extend_from_slice(self.text.get(self.given..end).unwrap());
        self.given = end;
        Ok(())
    }
}

fn handover(recipients: &[&str], text: Vec<u8>) -> Handover<Chunks> {
    Handover {
        sender: ReversePath::Mailbox("scan@contoso.com".parse().unwrap()),
        recipients: recipients.iter().map(|address| Recipient::new(address.parse().unwrap())).collect(),
        size: u64::try_from(text.len()).unwrap(),
        body: BodyKind::EightBitMime,
        smtputf8: false,
        ret: None,
        envid: None,
        text: Chunks { text, given: 0 },
    }
}

async fn check_delivery(options: &[&str]) {
    let mut sink = Sink::start(options);
    let mut connection = sink.connect().await;
    for text in [&b""[..], b"a\r\n", b".\r\n", &[b'x'; 300_000]] {
        let report = connection.send(handover(&["ann@contoso.com", "bob@contoso.com"], text.to_vec())).await;
        let outcomes = report.recipients.iter().map(|verdict| verdict.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes, [Outcome::Deliver, Outcome::Deliver], "{report:?}");
        assert_eq!((report.account, report.counted), (None, Counted::Perhaps));
        assert!(connection.is_reusable() && connection.is_fresh());
    }
    connection.quit().await;
}

#[tokio::test]
async fn several_messages_go_over_one_connection() {
    check_delivery(&[]).await;
}

#[tokio::test]
async fn a_server_without_pipelining_gets_one_command_at_a_time() {
    check_delivery(&["-p"]).await;
}

#[tokio::test]
async fn a_server_without_ehlo_is_told_helo() {
    check_delivery(&["-e"]).await;
}

#[tokio::test]
async fn more_recipients_than_fit_into_one_round_trip_are_all_told() {
    let mut sink = Sink::start(&[]);
    let mut connection = sink.connect().await;
    let addresses = (0..500).map(|n| format!("recipient-{n}@contoso.com")).collect::<Vec<_>>();
    let recipients = addresses.iter().map(String::as_str).collect::<Vec<_>>();
    let report = connection.send(handover(&recipients, b"a\r\n".to_vec())).await;
    assert_eq!(report.recipients.len(), 500);
    assert!(report.recipients.iter().all(|verdict| verdict.outcome == Outcome::Deliver), "{:?}", report.recipients.first());
}

#[tokio::test]
async fn a_refusal_of_one_command_is_the_verdict_and_the_connection_lives_on() {
    for command in ["mail", "rcpt", "data", "."] {
        let mut sink = Sink::start(&["-r", command]);
        let mut connection = sink.connect().await;
        for _again in 0..2 {
            let report = connection.send(handover(&["ann@contoso.com"], b"a\r\n".to_vec())).await;
            assert_eq!(report.recipients.first().unwrap().outcome, Outcome::Retry, "{command}: {report:?}");
            assert!(connection.is_reusable(), "{command}");
        }
    }
}
