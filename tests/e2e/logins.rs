//! Every way to log in, with real mail programs and with devices that know one way only.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use argon2::{Argon2, Params, PasswordHasher as _, password_hash::SaltString};
use tempfile::TempDir;

use crate::{
    scratch,
    support::{
        peers::{self, HandIn, Login, Transport},
        process,
        relay::{LISTENERS, NOWHERE, Relay},
        sandbox::write_secret,
        scan::{Kind, Scan},
    },
};

const FROM: &str = "mfp1@contoso.com";
const TO: &str = "anna@contoso.com";
const PASSWORD: &str = "Kopierer2026";

/// Two devices, each on an address of its own, that must log in: of one's user the password is
/// known, of the other's a hash.
const DEVICES: &str = r#"
[[device]]
name = "clear"
networks = ["127.0.0.1"]
auth = "required"

[[device]]
name = "hashed"
networks = ["127.0.0.2"]
auth = "required"
"#;

struct Office {
    relay: Relay,
    password: PathBuf,
    dir: TempDir,
}

impl Office {
    fn open() -> Self {
        let dir = scratch();
        let (password, hash) = (dir.path().join("mfp1.pass"), dir.path().join("mfp2.pass"));
        write_secret(&password, PASSWORD);
        let argon2 = Argon2::new(
            argon2::Algorithm::Argon2id,
            argon2::Version::V0x13,
            Params::new(1024, 1, 1, None).unwrap(),
        );
        let salt = SaltString::from_b64("c2FsdHNhbHQ").unwrap();
        write_secret(&hash, &argon2.hash_password(PASSWORD.as_bytes(), &salt).unwrap().to_string());
        let users = [("mfp1", &password, "clear"), ("mfp2", &hash, "hashed")]
            .map(|(name, file, device)| user(name, file, device));
        let relay = Relay::start(dir.path(), "", &[LISTENERS, DEVICES, &users.concat(), NOWHERE]);
        Self { relay, password, dir }
    }

    fn devices_of_queue(&self) -> Vec<String> {
        self.relay
            .queue()
            .iter()
            .map(|entry| entry["device"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn user(name: &str, password_file: &Path, device: &str) -> String {
    format!(
        "[[user]]\nname = \"{name}\"\npassword_file = \"{}\"\ndevice = \"{device}\"\n",
        password_file.display()
    )
}

#[test]
fn swaks_logs_in_with_each_mechanism_that_its_users_password_allows() {
    let office = Office::open();
    let file = office.dir.path().join("scan.eml");
    fs::write(&file, Scan::new("login".to_owned(), Kind::Document, 3000, FROM).for_swaks())
        .unwrap();
    let attempt = |address: &str, user: &str, mechanism: &str| {
        let login = Login { user: user.to_owned(), password_file: office.password.clone() };
        let route = HandIn {
            server: office.relay.listener("none"),
            transport: Transport::Plain,
            login: Some(&login),
            from: FROM,
            to: TO,
        };
        process::run_anyhow(
            peers::swaks_command(&route, &file, mechanism).args(["--local-interface", address]),
        )
    };
    for (address, user, mechanism) in [
        ("127.0.0.1", "mfp1", "PLAIN"),
        ("127.0.0.1", "mfp1@contoso.com", "LOGIN"),
        ("127.0.0.1", "mfp1", "CRAM-MD5"),
        ("127.0.0.1", "CONTOSO\\mfp1", "CRAM-MD5"),
        ("127.0.0.1", "mfp1", "DIGEST-MD5"),
        ("127.0.0.2", "mfp2", "PLAIN"),
        ("127.0.0.2", "MFP2", "LOGIN"),
    ] {
        let (status, dialogue, errors) = attempt(address, user, mechanism);
        assert!(
            status.success() && dialogue.contains(" 235 2.7.0 ") && dialogue.contains("queued as"),
            "{user} {mechanism}:\n{dialogue}{errors}"
        );
    }
    // Of a hash nothing can be said to a challenge: it is not offered, and swaks finds nothing to
    // use.
    for mechanism in ["CRAM-MD5", "DIGEST-MD5"] {
        let (status, dialogue, _) = attempt("127.0.0.2", "mfp2", mechanism);
        assert!(
            !status.success()
                && dialogue.contains("250-AUTH PLAIN LOGIN\n")
                && !dialogue.contains(" 354 "),
            "{mechanism}:\n{dialogue}"
        );
    }
    assert_eq!(office.relay.queue().len(), 7);
}

fn stubborn(kind: &str, server: SocketAddr, address: &str, user: &str, password: &Path) -> String {
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/stubborn_device.py")).arg(kind);
    command
        .args([&server.ip().to_string(), &server.port().to_string(), address, user])
        .arg(password);
    process::run(&mut command)
}

#[test]
fn a_canon_takes_the_mechanism_it_likes_best_and_finds_only_such_as_work() {
    let office = Office::open();
    let server = office.relay.listener("none");
    let said = stubborn("canon", server, "127.0.0.1", "mfp1", &office.password);
    assert!(said.starts_with("CRAM-MD5\t250 2.0.0 queued as "), "{said}");
    let said = stubborn("canon", server, "127.0.0.2", "mfp2", &office.password);
    assert!(said.starts_with("PLAIN\t250 2.0.0 queued as "), "{said}");
}

#[test]
fn a_xerox_finds_the_two_prompts_that_it_knows() {
    let office = Office::open();
    let said =
        stubborn("xerox", office.relay.listener("none"), "127.0.0.2", "mfp2", &office.password);
    assert!(said.starts_with("LOGIN\t250 2.0.0 queued as "), "{said}");
    assert_eq!(office.devices_of_queue(), ["hashed"]);
}

const POP_LISTENERS: &str = r#"
[[listener]]
address = "127.0.0.1:0"
tls = "none"
protocol = "pop3"

[[listener]]
address = "127.0.0.1:0"
tls = "auto"
protocol = "pop3"

[[listener]]
address = "127.0.0.1:0"
tls = "implicit"
protocol = "pop3"

[[device]]
name = "pop"
"#;

#[test]
fn a_login_by_pop_in_any_form_lets_its_address_send_at_once() {
    let dir = scratch();
    let password = dir.path().join("mfp1.pass");
    write_secret(&password, PASSWORD);
    let relay = Relay::start(
        dir.path(),
        "",
        &[LISTENERS, POP_LISTENERS, &user("mfp1", &password, "pop"), NOWHERE],
    );
    let server = relay.listener("none");
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pop_before_smtp.py"));
    command.args([&server.ip().to_string(), &server.port().to_string(), "mfp1"]).arg(&password);
    // Each from an address of its own, since it is the address that is let in.
    let jobs = [
        ("none", "user"),
        ("none", "apop"),
        ("auto", "user"),
        ("auto", "stls"),
        ("auto", "tls"),
        ("implicit", "tls"),
    ];
    for (number, (tls, how)) in jobs.iter().enumerate() {
        command.arg(format!("127.0.1.{},{},{how}", number + 1, relay.pop_listener(tls).port()));
    }
    let said = process::run(&mut command);
    assert_eq!(said.lines().count(), jobs.len(), "{said}");
    for (line, job) in said.lines().zip(jobs) {
        let parts: Vec<&str> = line.split('\t').collect();
        assert!(parts[0].starts_with("550 5.7.1 127.0.1."), "{job:?}: {line}");
        assert!(parts[1].starts_with("+OK "), "{job:?}: {line}");
        assert!(
            parts[2..].iter().all(|answer| answer.starts_with("250 2.0.0 queued as ")),
            "{job:?}: {line}"
        );
    }
    assert!(relay.queue().iter().all(|entry| entry["device"] == "pop"));
}
