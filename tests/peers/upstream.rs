//! The way out against servers of another make, over real sockets: Postfix's smtp-sink, and the
//! sandbox with its faults.

use std::{
    io,
    os::unix::fs::MetadataExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use postroom::{
    classify::{Concern, Counted, Outcome, Place, Stage},
    clock,
    message::Text,
    metrics::Metrics,
    model::{BodyKind, MailParameters, Recipient, ReversePath},
    sandbox::{RunningSandbox, Sandbox, SandboxSettings},
    upstream::{
        Auth, AuthMethod, Earlier, Handover, SecretSource, Security, Server, ServerClient,
        SmtpConnection, Timeouts,
    },
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
        let user: &[&str] = if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            &["-u", "nobody"]
        } else {
            &[]
        };
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

    async fn connect(&mut self) -> SmtpConnection {
        let mut server = Server::new("localhost", 25, "postroom.example.com");
        server.smtp.security = Security::None;
        server.smtp.timeouts = Timeouts {
            end_of_data: Duration::from_secs(10),
            command: Duration::from_secs(10),
            ..Timeouts::default()
        };
        let upstream = ServerClient::new(server, clock::system(), Metrics::new()).unwrap();
        let stream = loop {
            match UnixStream::connect(self.folder.path().join("smtp")).await {
                Ok(stream) => break stream,
                Err(error) => assert!(
                    self.process.try_wait().unwrap().is_none(),
                    "smtp-sink did not start: {error}"
                ),
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
        recipients: recipients
            .iter()
            .map(|address| Recipient::new(address.parse().unwrap()))
            .collect(),
        size: u64::try_from(text.len()).unwrap(),
        parameters: MailParameters {
            body: BodyKind::EightBitMime,
            smtputf8: false,
            ret: None,
            envid: None,
        },
        earlier: Earlier::None,
        text: Chunks { text, given: 0 },
    }
}

async fn check_delivery(options: &[&str]) {
    let mut sink = Sink::start(options);
    let mut connection = sink.connect().await;
    for text in [&b""[..], b"a\r\n", b".\r\n", &[b'x'; 300_000]] {
        let report =
            connection.send(handover(&["ann@contoso.com", "bob@contoso.com"], text.to_vec())).await;
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
    assert!(
        report.recipients.iter().all(|verdict| verdict.outcome == Outcome::Deliver),
        "{:?}",
        report.recipients.first()
    );
}

#[tokio::test]
async fn a_refusal_of_one_command_is_the_verdict_and_the_connection_lives_on() {
    for command in ["mail", "rcpt", "data", "."] {
        let mut sink = Sink::start(&["-r", command]);
        let mut connection = sink.connect().await;
        for _again in 0..2 {
            let report = connection.send(handover(&["ann@contoso.com"], b"a\r\n".to_vec())).await;
            assert_eq!(
                report.recipients.first().unwrap().outcome,
                Outcome::Retry,
                "{command}: {report:?}"
            );
            assert!(connection.is_reusable(), "{command}");
        }
    }
}

/// A sandbox, and an account that fits it.
struct Tenant {
    sandbox: RunningSandbox,
    upstream: ServerClient,
    _folder: TempDir,
}

impl Tenant {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = SandboxSettings::new(folder.path().join("sandbox"), clock::system());
        settings.timing.tarpit = Duration::ZERO;
        settings.timing.drip = Duration::ZERO;
        let sandbox = Sandbox::start(settings).await.unwrap();
        let secret_file = folder.path().join("password");
        std::fs::write(&secret_file, "sandbox\n").unwrap();
        // What is silent is silent for ever; what answers does so at once.
        let patience = Duration::from_secs(1);
        let mut server =
            Server::new("localhost", sandbox.submission().port(), "postroom.example.com");
        server.smtp.ca_file = Some(sandbox.dir().join("ca.pem"));
        server.smtp.timeouts = Timeouts {
            connect: patience,
            greeting: patience,
            command: patience,
            data: patience,
            block: patience,
            end_of_data: patience,
        };
        server.auth = Some(Auth {
            method: AuthMethod::Login,
            user: "scanner@contoso.com".to_owned(),
            secret: SecretSource::File(secret_file),
        });
        let upstream = ServerClient::new(server, clock::system(), Metrics::new()).unwrap();
        Self { sandbox, upstream, _folder: folder }
    }

    /// One message under a fault: where it ended, for whom, and how.
    async fn attempt(&self, fault: &str) -> (Place, Concern, Outcome) {
        self.sandbox.switch_faults(&[fault]).unwrap();
        let verdict = match self.upstream.connect().await {
            Ok(mut connection) => {
                let mut handover = handover(
                    &["ann@contoso.com"],
                    b"From: <scanner@contoso.com>\r\n\r\n.Scan\r\n".to_vec(),
                );
                handover.sender = ReversePath::Mailbox("scanner@contoso.com".parse().unwrap());
                let mut report = connection.send(handover).await;
                assert_eq!(
                    report.account.is_some(),
                    report.recipients.iter().any(|verdict| verdict.concern == Concern::Account),
                    "{fault}"
                );
                report.recipients.remove(0)
            }
            Err(trouble) => trouble.verdict,
        };
        self.sandbox.switch_faults::<&str>(&[]).unwrap();
        (verdict.place, verdict.concern, verdict.outcome)
    }
}

#[tokio::test]
async fn mail_arrives_at_exchange_online_as_it_was() {
    let tenant = Tenant::start().await;
    let mut connection = tenant.upstream.connect().await.unwrap();
    let text = b"From: <scanner@contoso.com>\r\nMessage-ID: \
        <1@contoso.com>\r\n\r\n.dots\r\n..\r\n.\r\nend"
        .to_vec();
    let mut handover = handover(&["ann@contoso.com", "bob@example.org"], text.clone());
    handover.sender = ReversePath::Mailbox("scanner@contoso.com".parse().unwrap());
    let report = connection.send(handover).await;
    assert!(
        report.recipients.iter().all(|verdict| verdict.outcome == Outcome::Deliver),
        "{report:?}"
    );
    connection.quit().await;
    let messages = tenant.sandbox.messages();
    let [kept] = messages.as_slice() else {
        panic!("one message was sent, {} arrived", messages.len())
    };
    assert_eq!(
        std::fs::read(kept.file.as_ref().unwrap()).unwrap(),
        [text, b"\r\n".to_vec()].concat()
    );
}

#[tokio::test]
async fn every_fault_of_exchange_online_has_its_outcome() {
    use Concern::{Account, Message, Recipient};
    use Outcome::{Deliver, Doubt, Fail, Pause, Retry, Stop};

    let minute = Pause(Duration::from_secs(60));
    let tenant = Tenant::start().await;
    for (fault, stage, concern, outcome) in [
        ("greeting-421", Stage::Greeting, Account, minute),
        ("greeting-drop", Stage::Greeting, Account, minute),
        ("greeting-reset", Stage::Greeting, Account, minute),
        ("greeting-silence", Stage::Greeting, Account, minute),
        ("greeting-garbage", Stage::Greeting, Account, minute),
        ("greeting-slow", Stage::EndOfData, Message, Deliver),
        ("ehlo-451", Stage::Ehlo, Account, minute),
        ("reply-helo-name", Stage::Ehlo, Account, Stop),
        ("starttls-454", Stage::Ehlo, Account, minute),
        ("no-starttls", Stage::Ehlo, Account, Stop),
        ("tls-drop", Stage::Tls, Account, minute),
        ("tls-silence", Stage::Tls, Account, minute),
        ("tls-garbage", Stage::Tls, Account, Stop),
        ("tls-wrong-name", Stage::Tls, Account, Stop),
        ("tls-untrusted", Stage::Tls, Account, Stop),
        ("tls-expired", Stage::Tls, Account, Stop),
        ("no-auth", Stage::Auth, Account, Stop),
        ("auth-535", Stage::Auth, Account, Stop),
        ("auth-454", Stage::Auth, Account, minute),
        ("auth-drop", Stage::Auth, Account, minute),
        ("auth-silence", Stage::Auth, Account, minute),
        ("reply-smtp-auth-tenant", Stage::Auth, Account, Stop),
        ("reply-sts-unreachable", Stage::Auth, Account, Pause(Duration::from_secs(300))),
        ("mail-451", Stage::MailFrom, Message, Retry),
        ("mail-550", Stage::MailFrom, Message, Fail),
        ("mail-reset", Stage::MailFrom, Message, Retry),
        ("reply-not-authenticated", Stage::MailFrom, Account, Stop),
        ("rcpt-450", Stage::RcptTo, Recipient, Retry),
        ("rcpt-550", Stage::RcptTo, Recipient, Fail),
        ("rcpt-421", Stage::RcptTo, Message, Retry),
        ("rcpt-garbage", Stage::RcptTo, Message, Retry),
        ("data-451", Stage::Data, Message, Retry),
        ("data-354-drop", Stage::EndOfData, Message, Doubt),
        ("eod-451", Stage::EndOfData, Message, Retry),
        ("eod-554", Stage::EndOfData, Message, Fail),
        ("eod-slow", Stage::EndOfData, Message, Deliver),
        ("eod-drop", Stage::EndOfData, Message, Doubt),
        ("eod-drop-lost", Stage::EndOfData, Message, Doubt),
        ("eod-silence", Stage::EndOfData, Message, Doubt),
        ("eod-garbage", Stage::EndOfData, Message, Doubt),
        ("long-554", Stage::EndOfData, Message, Fail),
        ("eod-432", Stage::EndOfData, Account, Pause(Duration::from_secs(20))),
        ("eod-554-quota", Stage::EndOfData, Account, Pause(Duration::from_secs(1800))),
        ("eod-sendas", Stage::EndOfData, Message, Fail),
        ("quit-drop", Stage::EndOfData, Message, Deliver),
    ] {
        assert_eq!(tenant.attempt(fault).await, (stage.place(), concern, outcome), "{fault}");
    }
}
