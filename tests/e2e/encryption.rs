//! TLS of today with OpenSSL's own client, and devices that are known by their certificate.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    scratch,
    support::{
        process,
        relay::{LISTENERS, NOWHERE, Relay},
    },
};

/// What a person would type; the pauses that SMTP asks for are not needed where PIPELINING is
/// offered.
const DIALOGUE: &str =
    "EHLO mfp1\r\nMAIL FROM:<mfp1@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n";

/// Hands a message in with `openssl s_client`; all that it and the server said.
fn s_client(server: SocketAddr, words: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &server.to_string(), "-crlf", "-ign_eof"]).args(words);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let mut input = child.stdin.take().unwrap();
    let message =
        format!("{DIALOGUE}Subject: scan\n\n{}.\nQUIT\n", "a line of a page\n".repeat(2000))
            .replace("\r\n", "\n");
    // A client that was refused has gone before it has read it all.
    drop(input.write_all(message.as_bytes()));
    drop(input);
    let output = child.wait_with_output().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn openssl_hands_a_whole_message_in_with_tls_1_2_and_1_3_from_the_first_byte_and_after_starttls() {
    let dir = scratch();
    let device = "[[device]]\nname = \"printers\"\nnetworks = [\"127.0.0.0/8\"]\n";
    let relay = Relay::start(dir.path(), "", &[LISTENERS, device, NOWHERE]);
    for (version, protocol) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        for (listener, words) in
            [("implicit", vec![version]), ("starttls", vec![version, "-starttls", "smtp"])]
        {
            let said = s_client(relay.listener(listener), &words);
            assert!(
                said.contains(protocol) && said.contains("250 2.0.0 queued as "),
                "{listener} {version}:\n{said}"
            );
        }
    }
    let queue = relay.queue();
    assert_eq!(queue.len(), 4);
    assert!(queue.iter().all(|entry| entry["size"].as_u64().unwrap() > 2000 * 18), "{queue:?}");
}

#[test]
fn a_device_with_old_tls_sees_the_alert_and_the_administrator_the_setting() {
    let dir = scratch();
    let device = "[[device]]\nname = \"printers\"\nnetworks = [\"127.0.0.0/8\"]\n";
    let relay = Relay::start(dir.path(), "", &[LISTENERS, device, NOWHERE]);
    let said = s_client(relay.listener("implicit"), &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(said.contains("alert protocol version"), "{said}");
    let log = relay.log();
    let line = log
        .lines()
        .find(|line| line.contains("handshake refused"))
        .unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains(
            "device=printers peer=127.0.0.1 reason=it offers at most tls1.1, and its oldest_tls is \
            tls1.2"
        ),
        "{line}"
    );
    assert!(
        line.ends_with("oldest_tls = \"tls1.1\" in [[device]] \"printers\" admits it"),
        "{line}"
    );
}

/// Certificates as an administrator makes them, with OpenSSL.
struct Papers(PathBuf);

impl Papers {
    fn of(&self, name: &str, ending: &str) -> String {
        self.0.join(name).with_extension(ending).display().to_string()
    }

    fn openssl(words: &[&str]) -> String {
        process::run(Command::new("openssl").args(words))
    }

    fn self_signed(&self, name: &str, subject: &str) {
        let (key, pem) = (self.of(name, "key"), self.of(name, "pem"));
        Self::openssl(&[
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", subject,
            "-keyout", &key, "-out", &pem,
        ]);
    }

    fn signed(&self, name: &str, authority: &str, names: &str) {
        let (key, request, pem) =
            (self.of(name, "key"), self.of(name, "csr"), self.of(name, "pem"));
        let subject = format!("/O=Contoso/CN={name}");
        Self::openssl(&[
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out",
            &request,
        ]);
        let extensions = self.of(name, "ext");
        fs::write(&extensions, format!("subjectAltName = {names}\n")).unwrap();
        let (ca, ca_key) = (self.of(authority, "pem"), self.of(authority, "key"));
        let words = [
            "x509",
            "-req",
            "-days",
            "30",
            "-CAcreateserial",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-out",
            &pem,
        ];
        Self::openssl(&[&words[..], &["-extfile", &extensions]].concat());
    }

    fn fingerprint(&self, name: &str) -> String {
        let printed = Self::openssl(&[
            "x509",
            "-noout",
            "-fingerprint",
            "-sha256",
            "-in",
            &self.of(name, "pem"),
        ]);
        printed.trim().split_once('=').unwrap().1.to_owned()
    }
}

fn curl(server: SocketAddr, scheme: &str, papers: &Papers, name: &str, file: &Path) -> String {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--verbose",
        "--insecure",
        "--ssl-reqd",
        "--url",
        &format!("{scheme}://{server}"),
    ]);
    command
        .args([
            "--mail-from",
            "mfp1@contoso.com",
            "--mail-rcpt",
            "anna@contoso.com",
            "--upload-file",
        ])
        .arg(file);
    if !name.is_empty() {
        command.args(["--cert", &papers.of(name, "pem"), "--key", &papers.of(name, "key")]);
    }
    let (_, output, errors) = process::run_anyhow(&mut command);
    format!("{output}{errors}")
}

#[test]
fn a_device_is_known_by_its_certificate_and_nobody_needs_one() {
    let dir = scratch();
    let papers = Papers(dir.path().to_owned());
    papers.self_signed("ca", "/CN=Contoso devices");
    papers.self_signed("pinned", "/CN=anything");
    papers.self_signed("stray", "/CN=mfp7.contoso.lan");
    papers.signed("mfp7", "ca", "DNS:mfp7.contoso.lan,email:mfp7@contoso.com");
    let (ca, fingerprint) = (papers.of("ca", "pem"), papers.fingerprint("pinned"));
    let config = format!(
        "[tls]\nclient_ca = \"{ca}\"\n\
         [[device]]\nname = \"office\"\nnetworks = [\"127.0.0.1\"]\n\
         [[device]]\nname = \"by name\"\ncertificates = [\"mfp7.contoso.lan\"]\n\
         [[device]]\nname = \"by fingerprint\"\ncertificates = [\"sha256:{fingerprint}\"]\n"
    );
    let relay = Relay::start(dir.path(), "", &[LISTENERS, &config, NOWHERE]);
    let file = dir.path().join("scan.eml");
    fs::write(&file, "Subject: scan\r\n\r\npage\r\n").unwrap();
    let (implicit, starttls) = (relay.listener("implicit"), relay.listener("starttls"));
    let known = |dialogue: &str, device: &str| {
        assert!(dialogue.contains("250 2.0.0 queued as "), "{device}:\n{dialogue}");
        let queue = relay.queue();
        let newest =
            queue.iter().max_by_key(|entry| entry["id"].as_str().unwrap().to_owned()).unwrap();
        assert_eq!(newest["device"], device, "{queue:?}");
    };
    for (server, scheme) in [(implicit, "smtps"), (starttls, "smtp")] {
        for (name, device) in
            [("mfp7", "by name"), ("pinned", "by fingerprint"), ("stray", "office"), ("", "office")]
        {
            known(&curl(server, scheme, &papers, name, &file), device);
        }
    }
    let (pem, key) = (papers.of("mfp7", "pem"), papers.of("mfp7", "key"));
    for version in ["-tls1_2", "-tls1_3"] {
        known(&s_client(implicit, &[version, "-cert", &pem, "-key", &key]), "by name");
    }
    // RSA key exchange, as printers of 2015 have it: served by the other library, and known all the
    // same.
    if cfg!(feature = "legacy-tls") {
        known(
            &s_client(implicit, &["-tls1_2", "-cipher", "AES128-SHA", "-cert", &pem, "-key", &key]),
            "by name",
        );
    }
}
