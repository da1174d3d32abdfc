//! Microsoft Graph against the sandbox: the route, and the stand-in held to Microsoft's examples.

use std::{fs, io, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use postroom::{
    attempt::{NextHop, Report},
    classify::{Concern, Outcome, Verdict},
    clock,
    http::{HttpClient, Limits, body},
    message::Text,
    metrics::Metrics,
    model::{AccountName, Recipient, Secret},
    oauth::{Cloud, Grant},
    sandbox::{RunningSandbox, Sandbox, SandboxSettings},
    upstream::{Earlier, Finding, Graph, Handover, Route, SecretSource, SmtpSettings, Upstream},
};
use tempfile::TempDir;

use crate::support::letter::handover;

const MAILBOX: &str = "scanner@contoso.com";
const SCAN: &str = "From: <scanner@contoso.com>\r\nTo: Ann <ann@contoso.com>, \
    carl@contoso.com\r\nBcc: secret@contoso.com\r\nSubject: Scan\r\nMessage-ID: \
    <scan-1@contoso.com>\r\n\r\nScan\r\n";

/// The sandbox, and an account that sends by its Graph.
struct Tenant {
    sandbox: RunningSandbox,
    upstream: Upstream,
    _folder: TempDir,
}

/// A text in memory.
struct Whole(Vec<u8>);

impl Text for Whole {
    fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap()
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let rest = self.0.split_off(self.0.len().min(65_536));
        buffer.clear();
        buffer.append(&mut self.0);
        self.0 = rest;
        Ok(())
    }
}

impl Tenant {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = SandboxSettings::new(folder.path().join("sandbox"), clock::system());
        let application = settings.tenant.application.clone();
        let sandbox = Sandbox::start(settings).await.unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, application.secret.expose()).unwrap();
        let grant = Grant::ClientSecret { file, expires: None };
        let mut oauth = Cloud::Global.settings("", &application.client_id, grant);
        let directory = application.directory;
        oauth.token_url = format!("http://{}/{directory}/oauth2/v2.0/token", sandbox.token());
        oauth.scope = "https://graph.microsoft.com/.default".to_owned();
        let mut smtp = SmtpSettings::new(sandbox.graph().port(), "postroom.contoso.com");
        smtp.ca_file = Some(sandbox.dir().join("ca.pem"));
        // What is silent is silent for ever.
        smtp.timeouts.end_of_data = Duration::from_secs(2);
        let route = Route::Graph(Graph {
            host: "localhost".to_owned(),
            mailbox: MAILBOX.parse().unwrap(),
            secret: SecretSource::OAuth {
                settings: oauth,
                account: AccountName::from("scanner-graph"),
                secrets: folder.path().join("secrets"),
            },
            smtp,
        });
        let upstream = Upstream::new(&route, clock::system(), Metrics::new()).unwrap();
        Self { sandbox, upstream, _folder: folder }
    }

    async fn send<T: Text>(&self, handover: Handover<T>) -> Report {
        match self.upstream.connect(&NextHop::Server).await {
            Ok(mut connection) => connection.send(handover).await,
            Err(trouble) => panic!("{trouble:?}"),
        }
    }

    /// What becomes of a short message under a fault.
    async fn under(&self, fault: &str) -> Verdict {
        self.sandbox.switch_faults(&[fault]).unwrap();
        let report = self.send(handover(MAILBOX, &["ann@contoso.com"])).await;
        self.sandbox.switch_faults::<&str>(&[]).unwrap();
        report.recipients.into_iter().next().unwrap()
    }
}

fn scan(recipients: &[&str]) -> Handover<Whole> {
    let text = Whole(SCAN.as_bytes().to_vec());
    let Handover { sender, size, parameters, earlier, .. } = handover(MAILBOX, &[]);
    let recipients =
        recipients.iter().map(|address| Recipient::new(address.parse().unwrap())).collect();
    Handover { sender, recipients, size, parameters, earlier, text }
}

fn text_of(tenant: &Tenant, number: usize) -> String {
    let kept = tenant.sandbox.messages();
    fs::read_to_string(kept[number].file.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn a_message_reaches_exactly_the_recipients_of_the_transaction() {
    let tenant = Tenant::start().await;
    let report = tenant.send(scan(&["ann@contoso.com", "dora@contoso.com"])).await;
    assert!(
        report.recipients.iter().all(|verdict| verdict.outcome == Outcome::Deliver),
        "{report:?}"
    );
    let messages = tenant.sandbox.messages();
    let recipients: Vec<&str> = messages[0].recipients().collect();
    assert_eq!(recipients, ["ann@contoso.com", "dora@contoso.com"]);
    let text = text_of(&tenant, 0);
    assert!(text.contains("\r\nTo: Ann <ann@contoso.com>\r\n"), "{text}");
    assert!(text.contains("X-Original-To-Field: Ann <ann@contoso.com>,\r\n carl@"), "{text}");
    for hidden in ["secret@", "dora@", "Bcc"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(text.ends_with("\r\n\r\nScan\r\n"), "{text}");
    assert_eq!(tenant.sandbox.state().violations_total, 0);
}

#[tokio::test]
async fn every_refusal_of_graph_has_its_outcome() {
    use Concern::{Account, Message};
    use Outcome::{Fail, Pause, Stop};

    let tenant = Tenant::start().await;
    let asked = Pause(Duration::from_secs(3));
    for (fault, concern, outcome) in [
        ("graph-throttled", Account, asked),
        ("graph-token", Account, Stop),
        ("graph-no-role", Account, Stop),
        ("graph-send-as", Message, Fail),
        ("graph-no-mailbox", Account, Stop),
        ("graph-base64", Message, Fail),
        ("graph-4mb", Message, Fail),
        ("graph-size", Message, Fail),
        ("graph-quota", Account, Stop),
        ("graph-submission-quota", Account, asked),
        ("graph-message-limit", Account, asked),
        ("graph-suspended", Account, Stop),
        ("graph-busy", Account, asked),
    ] {
        let verdict = tenant.under(fault).await;
        assert_eq!((verdict.concern, verdict.outcome), (concern, outcome), "{fault}");
        let reply = verdict.reply.unwrap();
        assert!(reply.text.contains("request-id"), "{fault}: {reply}");
    }
    assert!(tenant.sandbox.messages().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_resolved_when_the_message_was_sent_and_stays_a_doubt_when_not() {
    for (fault, outcome) in [
        ("graph-504-sent", Outcome::Deliver),
        ("graph-silence", Outcome::Deliver),
        ("graph-504-lost", Outcome::Doubt),
        ("graph-silence-lost", Outcome::Doubt),
        ("graph-200", Outcome::Doubt),
    ] {
        let tenant = Tenant::start().await;
        let verdict = tenant.under(fault).await;
        assert_eq!((verdict.concern, verdict.outcome), (Concern::Message, outcome), "{fault}");
        // The next attempt knows of the doubt, and nobody gets the message twice.
        let mut again = handover(MAILBOX, &["ann@contoso.com"]);
        again.earlier = Earlier::InDoubt;
        let report = tenant.send(again).await;
        assert_eq!(report.recipients[0].outcome, Outcome::Deliver, "{fault}");
        assert_eq!(tenant.sandbox.messages().len(), 1, "{fault}");
        assert_eq!(tenant.sandbox.state().duplicates, 0, "{fault}");
    }
}

#[tokio::test]
async fn a_copy_for_others_does_not_resolve_a_doubt() {
    let tenant = Tenant::start().await;
    tenant.send(scan(&["ann@contoso.com"])).await;
    let mut other = scan(&["dora@contoso.com"]);
    other.earlier = Earlier::InDoubt;
    let report = tenant.send(other).await;
    assert_eq!(report.recipients[0].outcome, Outcome::Deliver);
    assert_eq!(tenant.sandbox.messages().len(), 2);
}

#[tokio::test]
async fn a_message_that_is_too_large_for_one_request_is_not_sent() {
    let tenant = Tenant::start().await;
    let mut large = scan(&["ann@contoso.com"]);
    large.text.0.extend(b"x\r\n".repeat(1_000_000));
    let report = tenant.send(large).await;
    assert_eq!(report.recipients[0].outcome, Outcome::Fail);
    assert!(report.recipients[0].advice.contains("spill_to"));
    assert_eq!(tenant.sandbox.state().graph.total, 0);
}

#[tokio::test]
async fn a_check_says_what_the_application_may_do() {
    let tenant = Tenant::start().await;
    let mut findings = Vec::new();
    tenant.upstream.check(|finding| findings.push(finding)).await;
    assert!(
        matches!(findings.as_slice(), [Finding::Good(..), Finding::Good(_, text)]
            if text.contains("doubts about sent mail can be resolved")),
        "{findings:?}"
    );
    assert!(tenant.sandbox.messages().is_empty());
}

/// Microsoft, "user: sendMail", example 4, and "Microsoft Graph error responses": the requests and
/// answers are those of the documentation.
#[tokio::test]
async fn the_stand_in_answers_as_microsofts_examples_do() {
    let tenant = Tenant::start().await;
    let token = {
        let form = "grant_type=client_credentials&client_id=66666666-7777-8888-9999-000000000000\
            &client_secret=sandbox&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let url = format!(
            "http://{}/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
            tenant.sandbox.token()
        );
        let request = hyper::Request::post(url).body(body::whole(form)).unwrap();
        let answer = client(&tenant).send(request).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        Secret::new(answer["access_token"].as_str().unwrap().to_owned())
    };
    let post = async |token: &str, kind: &str, text: String| {
        let url = format!(
            "https://localhost:{}/v1.0/users/{MAILBOX}/sendMail",
            tenant.sandbox.graph().port()
        );
        let request = hyper::Request::post(url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", kind)
            .header("client-request-id", "ours")
            .body(body::whole(text))
            .unwrap();
        let answer = client(&tenant).send(request).await.unwrap();
        let code = serde_json::from_slice::<serde_json::Value>(answer.body())
            .map(|body| body["error"]["code"].as_str().unwrap().to_owned())
            .unwrap_or_default();
        assert_eq!(answer.headers()["client-request-id"], "ours");
        (answer.status().as_u16(), code)
    };
    let good = BASE64_STANDARD.encode(SCAN);
    let denied = (401, "InvalidAuthenticationToken".to_owned());
    assert_eq!(post("made-up", "text/plain", good.clone()).await, denied);
    let token = token.expose();
    assert_eq!(post(token, "text/plain", good.clone()).await, (202, String::new()));
    assert_eq!(
        post(token, "text/plain", "not base64".to_owned()).await,
        (400, "ErrorMimeContentInvalidBase64String".to_owned())
    );
    assert_eq!(post(token, "application/json", good).await.0, 400);
    let large = BASE64_STANDARD.encode(vec![b'x'; 3_500_000]);
    assert_eq!(post(token, "text/plain", large).await.0, 413);
}

fn client(tenant: &Tenant) -> HttpClient {
    let limits = Limits {
        time: Duration::from_secs(30),
        answer: 1_000_000,
        kept_connections: 1,
        kept_for: Duration::from_secs(10),
    };
    let mut store = rustls::RootCertStore::empty();
    for certificate in postroom::upstream::certificates(tenant.sandbox.ca_pem()).unwrap() {
        store.add(certificate).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    HttpClient::new(std::sync::Arc::new(tls), limits)
}
