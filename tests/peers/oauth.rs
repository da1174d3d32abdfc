//! OAuth from outside: the real program, a real authorization server (oidc-provider), the sandbox
//! as the mail server that takes what it hands out; and the sandbox's own token endpoint for what
//! is peculiar to Microsoft's.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use crate::support::{
    http::request,
    process::{self, Process},
    relay::{LISTENERS, Relay, SCANNERS},
    sandbox::{Limits, MAILBOX, Sandbox, write_secret},
    scratch, wait,
};
use serde_json::{Value, json};

/// The authorization server.
struct Directory {
    // Ended by being dropped.
    _process: Process,
    issuer: String,
}

impl Directory {
    /// Its tokens open the sandbox's mailbox for `lifetime` seconds. `certificate` is that of the
    /// application `by-key`.
    fn start(dir: &Path, sandbox: &Sandbox, lifetime: u32, certificate: Option<&Path>) -> Self {
        let modules =
            Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-node/node_modules");
        assert!(modules.is_dir(), "{} is missing; `make test` installs it", modules.display());
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/support/authorization_server/server.mjs");
        let wanted = json!({
            "modules": modules,
            "control": sandbox.control(),
            "lifetime": lifetime,
            "certificate": certificate,
        });
        let mut command = Command::new("node");
        command.arg(script).arg(wanted.to_string());
        let (process, line) = Process::start_and_read_line(
            "the authorization server",
            &mut command,
            &dir.join("directory.log"),
        );
        let facts: Value = serde_json::from_str(&line).unwrap();
        Self { _process: process, issuer: facts["issuer"].as_str().unwrap().to_owned() }
    }

    /// The keys of `auth` for one of its applications.
    fn auth(&self, client_id: &str, more: &str) -> String {
        let issuer = &self.issuer;
        format!(
            "client_id = \"{client_id}\", token_url = \"{issuer}/token\", device_url = \
            \"{issuer}/device/auth\", {more}"
        )
    }

    fn seen(&self) -> Value {
        serde_json::from_str(&request("GET", &format!("{}/test/seen", self.issuer), "")).unwrap()
    }

    fn granted(&self, grant: &str) -> u64 {
        self.seen()["granted"][grant].as_u64().unwrap_or(0)
    }

    fn turn(&self, how: &str) {
        request("POST", &format!("{}/test/{how}", self.issuer), "");
    }
}

fn secret(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    write_secret(&path, text);
    path
}

/// A self-signed certificate and its key, as an administrator makes them.
fn certificate(dir: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (dir.join("app.pem"), dir.join("app.key"));
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "10",
        "-subj",
        "/CN=postroom",
        "-keyout",
    ]);
    process::run(command.arg(&key).arg("-out").arg(&certificate));
    (certificate, key)
}

fn start(dir: &Path, sandbox: &Sandbox, auth: &str) -> Relay {
    Relay::start(dir, "", &[LISTENERS, SCANNERS, &sandbox.account_with(auth, "")])
}

/// A test message through the whole path; waits until it has arrived.
fn send(relay: &Relay) {
    process::run(&mut relay.command(&["send", "--to", "ann@contoso.com", "--wait", "60s"]));
}

fn refused_logins(sandbox: &Sandbox) -> u64 {
    let state: Value =
        serde_json::from_str(&request("GET", &format!("{}/state", sandbox.control()), "")).unwrap();
    state["refused_logins"].as_u64().unwrap()
}

#[test]
fn an_application_with_a_secret_sends_and_all_its_connections_share_one_token() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let directory = Directory::start(dir.path(), &sandbox, 3600, None);
    let file = secret(dir.path(), "client.secret", "right");
    let auth = directory.auth(
        "by-secret",
        &format!("scope = \"mail\", client_secret_file = \"{}\"", file.display()),
    );
    let relay = start(dir.path(), &sandbox, &auth);
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| send(&relay));
        }
    });
    assert_eq!(sandbox.files().len(), 5);
    assert_eq!(
        directory.seen(),
        json!({ "granted": { "client_credentials": 1 }, "refused": [], "turned_away": 0 })
    );
    assert_eq!(refused_logins(&sandbox), 0);
}

#[test]
fn an_application_with_a_certificate_sends() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let (certificate, key) = certificate(dir.path());
    let directory = Directory::start(dir.path(), &sandbox, 3600, Some(&certificate));
    let more = format!(
        "scope = \"mail\", client_certificate = \"{}\", client_key = \"{}\"",
        certificate.display(),
        key.display()
    );
    let relay = start(dir.path(), &sandbox, &directory.auth("by-key", &more));
    send(&relay);
    assert_eq!(
        directory.seen(),
        json!({ "granted": { "client_credentials": 1 }, "refused": [], "turned_away": 0 })
    );
    // Its end, in ten days, is seen everywhere.
    let status = relay.json(&["account", "list"]);
    assert_eq!(status[0]["credential"]["kind"], "client_certificate", "{status}");
    let (listed, checked) = (
        process::run(&mut relay.command(&["account", "list"])),
        process::run(&mut relay.command(&["check"])),
    );
    for text in [&listed, &checked] {
        assert!(text.contains("The client certificate ends in 9 days"), "{text}");
    }
    let labels = "{account=\"out\",credential=\"client_certificate\"}";
    let left = relay.metric(&format!("postroom_account_credential_expiry_seconds{labels}"));
    assert!(left > 8.0 * 86_400.0 && left < 11.0 * 86_400.0, "{left}");
}

/// Signs in as a person does: reads what `account login` says, and does it in a browser.
fn sign_in(relay: &Relay) {
    let mut login =
        relay.command(&["account", "login", "out"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(login.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let word = |after: &str| {
        said.split(after)
            .nth(1)
            .unwrap_or_else(|| panic!("{said}"))
            .split([' ', ','])
            .next()
            .unwrap()
            .to_owned()
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/support/authorization_server/approve.mjs");
    process::run(Command::new("node").arg(script).args([
        &word("Open "),
        &word("the code "),
        MAILBOX,
    ]));
    assert!(login.wait().unwrap().success());
}

#[test]
fn a_person_signs_in_once_and_each_restart_uses_the_newest_refresh_token() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let directory = Directory::start(dir.path(), &sandbox, 3600, None);
    let mut relay = start(
        dir.path(),
        &sandbox,
        &directory.auth("by-person", "scope = \"mail offline_access\""),
    );
    process::run_anyhow(&mut relay.command(&["send", "--to", "ann@contoso.com", "--wait", "1ms"]));
    wait::until("the account to say what is missing", wait::PATIENCE, || {
        // An account in trouble makes the status 2.
        let (_trouble, text, _) = process::run_anyhow(&mut relay.command(&["status"]));
        if text.contains("Sign in: postroom account login out.") { Ok(()) } else { Err(text) }
    });
    sign_in(&relay);
    process::run(&mut relay.command(&["account", "enable", "out"]));
    send(&relay);
    for _ in 0..3 {
        // This server ends the whole sign-in when a refresh token is shown twice.
        relay.kill();
        relay.restart();
        send(&relay);
    }
    // A look at the account beside the running daemon takes its turn at the token.
    let text = process::run(&mut relay.command(&["account", "check", "out"]));
    assert!(text.contains("can log in"), "{text}");
    relay.kill();
    relay.restart();
    send(&relay);
    let seen = json!({
        "granted": { "device_code": 1, "refresh_token": 6 },
        "refused": [],
        "turned_away": 0,
    });
    assert_eq!(directory.seen(), seen);
    assert_eq!(sandbox.files().len(), 6);
}

#[test]
fn tokens_end_in_the_middle_of_a_queue_and_mail_flows_on() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    // A session ends before its second message, so that there are logins all the time.
    request(
        "POST",
        &format!("{}/faults", sandbox.control()),
        r#"{ "faults": [{ "fault": "mail-421", "every": 2 }] }"#,
    );
    let directory = Directory::start(dir.path(), &sandbox, 8, None);
    let file = secret(dir.path(), "client.secret", "right");
    let auth = directory.auth(
        "by-secret",
        &format!("scope = \"mail\", client_secret_file = \"{}\"", file.display()),
    );
    // Alone: on a second connection the refused message would be the first, which counts as an
    // attempt.
    let account = sandbox.account_with(&auth, "limits = { connections = 1 }");
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &account]);
    let mut sent = 0;
    while directory.granted("client_credentials") < 4 {
        send(&relay);
        sent += 1;
    }
    assert_eq!(sandbox.files().len(), sent);
    assert_eq!(directory.seen()["refused"], json!([]));
    assert!(
        refused_logins(&sandbox) <= 1,
        "{} logins with a token that had ended",
        refused_logins(&sandbox)
    );
}

#[test]
fn an_old_token_that_is_refused_is_replaced_and_nobody_is_alarmed() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let directory = Directory::start(dir.path(), &sandbox, 3600, None);
    let file = secret(dir.path(), "client.secret", "right");
    let auth = directory.auth(
        "by-secret",
        &format!("scope = \"mail\", client_secret_file = \"{}\"", file.display()),
    );
    // Alone: another connection would carry the second message while this one is being refused.
    let account = sandbox.account_with(&auth, "limits = { connections = 1 }");
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &account]);
    send(&relay);
    // The session ends; the next login shows the token that was good for the first.
    request(
        "POST",
        &format!("{}/faults", sandbox.control()),
        r#"{ "faults": ["once-mail-421", "once-auth-535"] }"#,
    );
    send(&relay);
    assert_eq!(
        (directory.granted("client_credentials"), refused_logins(&sandbox)),
        (2, 0),
        "the sandbox itself refused nothing"
    );
    assert!(
        !fs::read_to_string(dir.path().join("postroom.log"))
            .unwrap()
            .contains("account in trouble")
    );
}

#[test]
fn a_token_refused_in_googles_way_is_a_login_that_was_refused() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start_with(
        dir.path(),
        Limits::Out,
        &["--switch", "token_refusal=challenge", "--tarpit", "0s"],
    );
    let file = secret(dir.path(), "token", "made-up");
    let (well, said) = check(
        dir.path(),
        &sandbox.account_with(&format!("token_file = \"{}\"", file.display()), ""),
    );
    assert!(!well && said.contains("FAILED  login: 535 5.7.3"), "{said}");
    assert_eq!(refused_logins(&sandbox), 1);
}

#[test]
fn mail_waits_for_an_authorization_server_that_is_down() {
    let dir = scratch("oauth");
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let directory = Directory::start(dir.path(), &sandbox, 3600, None);
    directory.turn("down");
    let file = secret(dir.path(), "client.secret", "right");
    let auth = directory.auth(
        "by-secret",
        &format!("scope = \"mail\", client_secret_file = \"{}\"", file.display()),
    );
    let relay = start(dir.path(), &sandbox, &auth);
    for _ in 0..3 {
        process::run_anyhow(&mut relay.command(&[
            "send",
            "--to",
            "ann@contoso.com",
            "--wait",
            "1ms",
        ]));
    }
    wait::until("the account to pause", wait::PATIENCE, || {
        let account = relay.json(&["account", "list"])[0].clone();
        let paused = account["state"]["state"] == "paused"
            && account["state"]["reason"].as_str().is_some_and(|r| r.contains("503"));
        if paused { Ok(()) } else { Err(account.to_string()) }
    });
    let queue = relay.queue();
    assert_eq!(queue.len(), 3);
    for entry in &queue {
        assert_eq!(entry["recipients"][0]["attempts"], 0, "no attempt of the message: {entry}");
    }
    assert_eq!(directory.seen()["turned_away"], 1, "three messages, one request");
    directory.turn("up");
    let text = process::run(&mut relay.command(&["account", "check", "out"]));
    assert!(
        text.contains("can log in")
            && text.contains("In the running daemon, the account is still paused, and resumes in "),
        "{text}"
    );
    assert!(text.contains("To let it send now: postroom account enable out"), "{text}");
    process::run(&mut relay.command(&["account", "enable", "out"]));
    relay.wait_until_empty(wait::PATIENCE);
    assert_eq!(sandbox.files().len(), 3);
}

/// `account check` without a daemon: whether it ended well, and what it said.
fn check(dir: &Path, account: &str) -> (bool, String) {
    let config = dir.join("alone.toml");
    let text = format!(
        "hostname = \"p.contoso.lan\"\ndata_dir = \"{}\"\n[[listener]]\naddress = \
        \"127.0.0.1:0\"\n{account}",
        dir.display()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    let (status, output, errors) =
        process::run_anyhow(command.args(["account", "check", "out", "--config"]).arg(&config));
    (status.success(), output + &errors)
}

#[test]
fn a_check_of_an_account_names_the_step_that_fails_and_the_next_one_to_take() {
    let dir = scratch("oauth");
    let (certificate, key) = certificate(dir.path());
    let named = certificate.display().to_string();
    let sandbox = Sandbox::start_with(
        dir.path(),
        Limits::Out,
        &["--client-certificate", &named, "--tarpit", "0s"],
    );
    let good = secret(dir.path(), "good", "sandbox");
    let bad = secret(dir.path(), "bad", "wrong");
    let client = format!(
        "client_id = \"66666666-7777-8888-9999-000000000000\", token_url = \"{}\"",
        sandbox.token_url()
    );
    let scope = "scope = \"https://outlook.office365.com/.default\"";
    let by =
        |file: &Path| format!("{client}, {scope}, client_secret_file = \"{}\"", file.display());

    let (well, said) = check(dir.path(), &sandbox.account_with(&by(&good), ""));
    assert!(well && said.contains("can log in") && said.contains("good    login"), "{said}");
    assert!(
        said.contains("good    TLS and certificate: the certificate is for localhost, "),
        "{said}"
    );
    assert!(said.contains(", issued by CN=") && said.contains(", good until 4096-01-01"), "{said}");
    assert!(!said.contains("In the running daemon"), "there is none: {said}");

    // Entra wants PS256 and x5t#S256, and so does the sandbox.
    let by_certificate = format!(
        "{client}, {scope}, client_certificate = \"{named}\", client_key = \"{}\"",
        key.display()
    );
    let (well, said) = check(dir.path(), &sandbox.account_with(&by_certificate, ""));
    assert!(well && said.contains("The client certificate ends in 9 days"), "{said}");

    let (well, said) = check(dir.path(), &sandbox.account_with(&by(&bad), ""));
    assert!(
        !well
            && said.contains("FAILED  secret or token: AADSTS7000215")
            && said.contains("store its Value"),
        "{said}"
    );
    assert!(said.contains("good    TLS and certificate"), "what works is told, too: {said}");

    request(
        "POST",
        &format!("{}/faults", sandbox.control()),
        r#"{ "switches": { "smtp_auth": "disabled_for_mailbox" } }"#,
    );
    let (well, said) = check(dir.path(), &sandbox.account_with(&by(&good), ""));
    assert!(
        !well && said.contains("FAILED  login: 535") && said.contains("Set-CASMailbox"),
        "{said}"
    );

    let elsewhere = sandbox
        .account_with(&by(&good), "")
        .replace("host = \"127.0.0.1\"", "host = \"nowhere.invalid\"");
    let (well, said) = check(dir.path(), &elsewhere);
    assert!(!well && said.contains("FAILED  DNS"), "{said}");
}
