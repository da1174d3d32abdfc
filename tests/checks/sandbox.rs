//! The sandbox over real sockets: what a client of Exchange Online would see, and what a test can
//! ask the judge.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use postroom::{
    clock,
    sandbox::{RunningSandbox, Sandbox, SandboxSettings},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const USER: &str = "c2Nhbm5lckBjb250b3NvLmNvbQ==";
const PASSWORD: &str = "c2FuZGJveA==";
const TEXT: &str = "From: <scanner@contoso.com>\r\nMessage-ID: <1@contoso.com>\r\n\r\nScan\r\n";

async fn start(dir: &tempfile::TempDir) -> RunningSandbox {
    let mut settings = SandboxSettings::new(PathBuf::from(dir.path()), clock::system());
    settings.timing.tarpit = Duration::ZERO;
    settings.timing.slow_dot = Duration::ZERO;
    settings.timing.drip = Duration::ZERO;
    Sandbox::start(settings).await.unwrap()
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

struct Client(BufReader<Box<dyn Stream>>);

impl Client {
    /// Connects, turns TLS on.
    async fn secured(
        sandbox: &RunningSandbox,
        address: SocketAddr,
        name: &str,
    ) -> std::io::Result<Self> {
        let mut plain = Self(BufReader::new(Box::new(TcpStream::connect(address).await?)));
        plain.reply().await?;
        plain.say("EHLO relay.contoso.lan").await?;
        plain.say("STARTTLS").await?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(sandbox.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let tls = TlsConnector::from(Arc::new(config.with_no_client_auth()))
            .connect(name, plain.0.into_inner())
            .await?;
        let mut secured = Self(BufReader::new(Box::new(tls)));
        secured.say("EHLO relay.contoso.lan").await?;
        Ok(secured)
    }

    async fn logged_in(sandbox: &RunningSandbox) -> Self {
        let mut client =
            Self::secured(sandbox, sandbox.submission(), "smtp.office365.com").await.unwrap();
        client.say("AUTH LOGIN").await.unwrap();
        client.say(USER).await.unwrap();
        assert_eq!(client.say(PASSWORD).await.unwrap(), "235 2.7.0 Authentication successful");
        client
    }

    /// The last line of the next reply.
    async fn reply(&mut self) -> std::io::Result<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }

    async fn say(&mut self, line: &str) -> std::io::Result<String> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.0.flush().await?;
        self.reply().await
    }

    async fn send(&mut self, recipient: &str) -> std::io::Result<String> {
        self.say("MAIL FROM:<scanner@contoso.com>").await?;
        self.say(&format!("RCPT TO:<{recipient}>")).await?;
        self.say("DATA").await?;
        self.say(&format!("{TEXT}.")).await
    }
}

/// One request of the control API.
async fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Type: \
        application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_message_sent_as_to_exchange_online_is_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let mut client = Client::logged_in(&sandbox).await;
    let reply = client.send("office@example.com").await.unwrap();
    assert_eq!(
        reply,
        "250 2.0.0 OK <1@contoso.com> [Hostname=FAKE1PR01MB0001.testprd01.prod.outlook.com]"
    );
    assert_eq!(client.say("QUIT").await.unwrap(), "221 2.0.0 Service closing transmission channel");
    let messages = sandbox.messages();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(std::fs::read_to_string(message.file.as_ref().unwrap()).unwrap(), TEXT);
    let envelope: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("messages/1.json")).unwrap())
            .unwrap();
    assert_eq!(envelope["sender"], "scanner@contoso.com");
    assert_eq!(envelope["recipients"][0]["address"], "office@example.com");
    assert_eq!(envelope["tls"], "tls1.3");
    assert_eq!(std::fs::read_to_string(dir.path().join("ca.pem")).unwrap(), sandbox.ca_pem());
    assert_eq!(sandbox.state().accepted, 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_chunked_message_is_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let mut client = Client::logged_in(&sandbox).await;
    client.say("MAIL FROM:<scanner@contoso.com> BODY=BINARYMIME").await.unwrap();
    client.say("RCPT TO:<office@example.com>").await.unwrap();
    let (first, last) = TEXT.split_at(20);
    let chunk = |text: &str, last: &str| format!("BDAT {}{last}\r\n{text}", text.len());
    client.0.write_all(chunk(first, "").as_bytes()).await.unwrap();
    client.0.flush().await.unwrap();
    assert_eq!(client.reply().await.unwrap(), "250 2.6.0 CHUNK received OK, 20 octets");
    client.0.write_all(chunk(last, " LAST").as_bytes()).await.unwrap();
    client.0.flush().await.unwrap();
    assert!(client.reply().await.unwrap().starts_with("250 2.0.0 OK <1@contoso.com>"));
    let messages = sandbox.messages();
    assert_eq!(
        std::fs::read_to_string(messages.first().unwrap().file.as_ref().unwrap()).unwrap(),
        TEXT
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn a_connection_dropped_at_end_of_data_has_stored_or_lost_the_message_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    for (recipient, stored, unanswered) in [
        ("a+eod-drop@example.com", 1, 1),
        ("a+eod-drop-lost@example.com", 1, 1),
        ("a+eod-reset@example.com", 2, 2),
        ("a+drop-body@example.com", 2, 2),
        ("a+data-354-drop@example.com", 2, 2),
        ("a+once-eod-drop@example.com", 3, 3),
    ] {
        Client::logged_in(&sandbox).await.send(recipient).await.unwrap_err();
        assert_eq!(sandbox.messages().len(), stored, "{recipient}");
        assert_eq!(sandbox.state().unanswered, unanswered, "{recipient}");
    }
    let again =
        Client::logged_in(&sandbox).await.send("a+once-eod-drop@example.com").await.unwrap();
    assert!(again.starts_with("250 2.0.0 OK"), "{again}");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_refused_transaction_leaves_no_file_and_the_session_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let mut client = Client::logged_in(&sandbox).await;
    for recipient in
        ["a+eod-sendas@example.com", "a+long-554@example.com", "a+eod-554-quota@example.com"]
    {
        let refusal = client.send(recipient).await.unwrap();
        assert!(refusal.starts_with("554 5.2."), "{refusal}");
    }
    let long = client.send("a+long-554@example.com").await.unwrap();
    assert!(long.len() > 2048, "{}", long.len());
    assert!(client.send("a+slow-dot@example.com").await.unwrap().starts_with("250"));
    assert!(client.send("a+eod-slow@example.com").await.unwrap().starts_with("250"));
    let files: Vec<_> = std::fs::read_dir(dir.path().join("messages"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files.len(), 4, "{files:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_bad_certificate_is_one_that_a_careful_client_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    for fault in
        ["tls-wrong-name", "tls-untrusted", "tls-expired", "tls-garbage", "tls-drop", "tls-reset"]
    {
        sandbox.switch_faults(&[fault]).unwrap();
        assert!(
            Client::secured(&sandbox, sandbox.submission(), "smtp.office365.com").await.is_err(),
            "{fault}"
        );
    }
    sandbox.switch_faults::<&str>(&[]).unwrap();
    for name in
        ["smtp.office365.com", "localhost", "127.0.0.1", "contoso-com.mail.protection.outlook.com"]
    {
        Client::secured(&sandbox, sandbox.mx(), name).await.unwrap();
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_line_beyond_all_bounds_is_refused_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let mut client = Client::logged_in(&sandbox).await;
    assert_eq!(client.say(&"x".repeat(300_000)).await.unwrap(), "500 5.5.2 Command too long");
    assert_eq!(client.say("NOOP").await.unwrap(), "250 2.0.0 OK");
    sandbox.stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let first = start(&dir).await;
    let taken = first.control();
    let settings = || SandboxSettings::new(dir.path().join("second"), clock::system());
    for settings in [
        SandboxSettings { mx: taken, ..settings() },
        SandboxSettings { control: taken, ..settings() },
    ] {
        let error = Sandbox::start(settings).await.err().unwrap().to_string();
        assert!(error.starts_with(&taken.to_string()) && error.contains("in use"), "{error}");
    }
    first.stop().await;
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let mut client = Client::logged_in(&sandbox).await;
    client
        .say(
            "MAIL FROM:<scanner@contoso.com>\r\nRCPT TO:<a@example.com>\r\nRCPT \
        TO:<b+rcpt-550@example.com>\r\nDATA",
        )
        .await
        .unwrap();
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(client.reply().await.unwrap().split(' ').next().unwrap().to_owned());
    }
    assert_eq!(codes, ["250", "550", "354"]);
    assert!(client.say(&format!("{TEXT}.")).await.unwrap().starts_with("250"));
    sandbox.stop().await;
}

#[tokio::test]
async fn the_control_api_switches_faults_shows_what_was_seen_and_forgets() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let control = sandbox.control();
    let changed = http(
        control,
        "POST",
        "/faults",
        r#"{"faults": [{"fault": "eod-432", "times": 1}],
            "switches": {"basic": "enabled"}, "limits": {"messages_per_minute": 1}}"#,
    )
    .await;
    assert!(
        changed.contains("200 OK") && changed.contains("\"messages_per_minute\":1"),
        "{changed}"
    );
    let mut client = Client::logged_in(&sandbox).await;
    assert!(client.send("office@example.com").await.unwrap().starts_with("432 4.3.2"));
    http(control, "POST", "/faults", r#"{"limits": {"messages_per_minute": 30}}"#).await;
    assert!(client.send("office@example.com").await.unwrap().starts_with("250"));
    let state = http(control, "GET", "/state", "").await;
    assert!(state.contains("\"begun\":2,\"accepted\":1,\"refused\":1"), "{state}");
    assert!(http(control, "GET", "/messages", "").await.contains("<1@contoso.com>"));
    assert!(!http(control, "GET", "/messages?after=1", "").await.contains("<1@contoso.com>"));
    let refused = http(control, "POST", "/faults", r#"{"faults": ["no-such-fault"]}"#).await;
    assert!(refused.contains("400 Bad Request") && refused.contains("no-such-fault"), "{refused}");
    let reset = http(control, "POST", "/reset", "").await;
    assert!(reset.contains("\"begun\":0,\"accepted\":0"), "{reset}");
    assert!(sandbox.messages().is_empty());
    sandbox.stop().await;
}

/// `answer` up to the quote that ends the access token in it.
fn access_token(answer: &str) -> &str {
    let (_, rest) = answer.split_once("\"access_token\":\"").unwrap();
    rest.split_once('"').unwrap().0
}

#[tokio::test]
async fn a_token_of_the_directory_logs_in_and_a_made_up_one_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let form = "client_id=66666666-7777-8888-9999-000000000000&client_secret=sandbox\
        &grant_type=client_credentials&scope=https%3A%2F%2Foutlook.office365.com%2F.default";
    let answer = http(sandbox.token(), "POST", "/contoso.com/oauth2/v2.0/token", form).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let login = |token: &str| {
        STANDARD.encode(format!("user=scanner@contoso.com\x01auth=Bearer {token}\x01\x01"))
    };
    for (token, expected) in [("made-up", "535 5.7.3"), (access_token(&answer), "235 2.7.0")] {
        let mut client =
            Client::secured(&sandbox, sandbox.submission(), "localhost").await.unwrap();
        assert_eq!(client.say("AUTH XOAUTH2").await.unwrap(), "334");
        assert!(client.say(&login(token)).await.unwrap().starts_with(expected), "{expected}");
    }
    sandbox.switch_faults(&["token-429"]).unwrap();
    let throttled = http(sandbox.token(), "POST", "/contoso.com/oauth2/v2.0/token", form).await;
    assert!(
        throttled.starts_with("HTTP/1.1 429") && throttled.contains("retry-after: 5"),
        "{throttled}"
    );
    assert_eq!(sandbox.state().tokens, 1);
    sandbox.stop().await;
}

#[tokio::test]
async fn only_the_newest_messages_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = SandboxSettings::new(PathBuf::from(dir.path()), clock::system());
    settings.keep = postroom::sandbox::Keep::Newest(2);
    let sandbox = Sandbox::start(settings).await.unwrap();
    let mut client = Client::logged_in(&sandbox).await;
    for _ in 0..4 {
        assert!(client.send("office@example.com").await.unwrap().starts_with("250"));
    }
    let numbers: Vec<u64> = sandbox.messages().iter().map(|message| message.number).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(std::fs::read_dir(dir.path().join("messages")).unwrap().count(), 4);
    sandbox.stop().await;
}

#[tokio::test]
async fn stopping_says_goodbye_and_frees_the_ports() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(&dir).await;
    let (submission, mut client) = (sandbox.submission(), Client::logged_in(&sandbox).await);
    let (stopped, goodbye) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(30), sandbox.stop()), client.reply());
    stopped.unwrap();
    assert_eq!(goodbye.unwrap(), "421 4.3.2 Service not available");
    TcpStream::connect(submission).await.unwrap_err();
}

#[test]
fn the_command_tells_scripts_where_everything_is_in_its_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_postroom"));
    command
        .args([
            "sandbox",
            "--json",
            "--switch",
            "basic=retired",
            "--fault",
            "once-rcpt-550",
            "--dir",
        ])
        .arg(dir.path());
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let facts: serde_json::Value = serde_json::from_str(&line).unwrap();
    for address in ["submission", "mx"] {
        assert!(facts[address].as_str().unwrap().parse::<SocketAddr>().is_ok(), "{line}");
    }
    for path in ["ca", "messages", "dir"] {
        assert!(PathBuf::from(facts[path].as_str().unwrap()).exists(), "{line}");
    }
    assert!(facts["control"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{line}");
}

#[test]
fn a_wrong_switch_or_fault_is_named() {
    for (arguments, reason) in [
        (["--switch", "basics=retired"], "basics"),
        (["--switch", "basic=off"], "off"),
        (["--fault", "rcpt-250"], "rcpt-250"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_postroom"));
        let output = command
            .args(["sandbox", "--json", "--dir"])
            .arg(dir.path())
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(reason), "{output:?}");
    }
}

#[test]
fn the_documented_faults_are_those_of_the_program() {
    let documentation = include_str!("../../docs/sandbox.md");
    let (_, rest) = documentation.split_once("<!-- faults -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- end of faults -->").unwrap();
    assert_eq!(
        table,
        postroom::sandbox::markdown_table(),
        "put the text of `markdown_table()` between the two comments of docs/sandbox.md"
    );
}
