//! Real mail programs as devices: swaks, smtp-source, Python's smtplib.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::process;

/// How a device protects what it hands in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Transport {
    /// In clear.
    Plain,
    /// In clear at first, then TLS after STARTTLS.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// The user that a device logs in as.
#[derive(Clone)]
pub(crate) struct Login {
    /// The user's name.
    pub(crate) user: String,
    /// A file with the password.
    pub(crate) password_file: PathBuf,
}

/// Everything a mail program needs to know.
#[derive(Clone)]
pub(crate) struct HandIn<'a> {
    /// The server that takes the message.
    pub(crate) server: SocketAddr,
    /// The protection of the connection.
    pub(crate) transport: Transport,
    /// The login, if there is one.
    pub(crate) login: Option<&'a Login>,
    /// Envelope sender.
    pub(crate) from: &'a str,
    /// Envelope recipient.
    pub(crate) to: &'a str,
}

/// Hands a file in with swaks, as [`Scan::for_swaks`](super::scan::Scan::for_swaks) makes it.
pub(crate) fn swaks(hand_in: &HandIn<'_>, file: &Path, mechanism: &str) -> String {
    process::run(&mut swaks_command(hand_in, file, mechanism))
}

/// The swaks command, for tests that expect a refusal.
pub(crate) fn swaks_command(hand_in: &HandIn<'_>, file: &Path, mechanism: &str) -> Command {
    let mut command = Command::new("swaks");
    command.args([
        "--server",
        &hand_in.server.ip().to_string(),
        "--port",
        &hand_in.server.port().to_string(),
    ]);
    command.args(["--helo", "scanner.contoso.com", "--from", hand_in.from, "--to", hand_in.to]);
    // Left to itself, swaks takes a last line that is a dot for the end of data, and adds an empty
    // line.
    command.args([
        "--suppress-data",
        "--no-data-fixup",
        "--timeout",
        "120s",
        "--data",
        &format!("@{}", file.display()),
    ]);
    match hand_in.transport {
        Transport::Plain => {}
        Transport::StartTls => drop(command.arg("-tls")),
        Transport::Implicit => drop(command.arg("-tlsc")),
    }
    if let Some(login) = hand_in.login {
        let password = std::fs::read_to_string(&login.password_file).unwrap();
        command.args([
            "--auth",
            mechanism,
            "--auth-user",
            &login.user,
            "--auth-password",
            password.trim(),
        ]);
    }
    command
}

/// Hands a file in with Postfix's smtp-source, which knows neither TLS nor logins; a file as
/// [`Scan::for_smtp_source`](super::scan::Scan::for_smtp_source) makes it.
pub(crate) fn smtp_source(hand_in: &HandIn<'_>, file: &Path) {
    assert_eq!(hand_in.transport, Transport::Plain, "smtp-source speaks plaintext only");
    let mut command = smtp_source_command();
    command
        .args(["-M", "scanner.contoso.com", "-f", hand_in.from, "-t", hand_in.to])
        .arg("-F")
        .arg(file);
    process::run(command.arg(format!("inet:{}", hand_in.server)));
}

/// smtp-source, which Debian installs where only root's path looks.
fn smtp_source_command() -> Command {
    let place = Path::new("/usr/sbin/smtp-source");
    if place.exists() { Command::new(place) } else { Command::new("smtp-source") }
}

/// Hands files in over one connection with Python's smtplib; the server's answers, in the order of
/// the files.
pub(crate) fn smtplib(hand_in: &HandIn<'_>, files: &[PathBuf]) -> Vec<String> {
    let transport = match hand_in.transport {
        Transport::Plain => "plain",
        Transport::StartTls => "starttls",
        Transport::Implicit => "implicit",
    };
    let (user, password_file) = match hand_in.login {
        Some(login) => (login.user.as_str(), login.password_file.display().to_string()),
        None => ("-", "-".to_owned()),
    };
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/smtplib_client.py"));
    command.args([
        &hand_in.server.ip().to_string(),
        &hand_in.server.port().to_string(),
        transport,
        user,
        &password_file,
    ]);
    command.args([hand_in.from, hand_in.to]).args(files);
    process::run(&mut command)
        .lines()
        .map(|line| line.split_once('\t').unwrap().1.to_owned())
        .collect()
}
