//! Host, port and encryption of an account whose route names a server, and what all routes share.

use std::path::{Path, PathBuf};

use super::{
    known_hosts,
    preset::{Encryption, Preset},
    route::Known,
};
use crate::{
    config::{
        schema::account::{ACCOUNT_TLS, CA_FILE, FINGERPRINT, HOST, PORT, ServerTls, VERIFY},
        table::Table,
    },
    upstream::{Security, SmtpSettings, Verification, certificates},
};

/// RFC 5321: the port of MX hosts.
pub(super) const SMTP: u16 = 25;
/// RFC 8314 3.3: TLS from the first octet.
const SUBMISSIONS: u16 = 465;

/// The server: the written one, or that of the preset.
pub(super) fn host(table: &Table<'_>, known: &Known<'_>) -> Option<String> {
    let host = known_hosts::as_written(table).or_else(|| known.preset.host.map(str::to_owned));
    if host.is_none() && !table.has(&HOST) {
        table.missing(&HOST, "write the server's name, or a `preset` that knows it");
    }
    table.get(&HOST);
    check_host(table, host?, known.here.hostname)
}

fn check_host(table: &Table<'_>, host: String, hostname: &str) -> Option<String> {
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        table.error(
            &HOST,
            format!(
                "\"{host}\" is not a host name; write for example \"smtp.office365.com\", without \
                port and without \"smtp://\""
            ),
        );
        return None;
    }
    if host.eq_ignore_ascii_case(hostname) {
        table.error(
            &HOST,
            "is this machine's own `hostname`: mail would loop; write the name of the upstream \
            server",
        );
        return None;
    }
    Some(host)
}

/// Notes an IP address where the name of Microsoft's service is required.
pub(super) fn check_is_name(table: &Table<'_>, host: &str) {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
    if address.is_some_and(|address| !address.is_loopback()) {
        table.error(
            &HOST,
            format!(
                "{host} is an IP address; Microsoft's addresses change, and the certificate \
                contains none: write the host's name"
            ),
        );
    }
}

/// Notes what is wrong with a written host. Returns `None` if nothing else needs to be said about
/// it.
pub(super) fn written_host(table: &Table<'_>, host: Option<&str>) -> Option<String> {
    let host = host.filter(|_| table.has(&HOST))?.to_lowercase();
    (!known_hosts::check_retired(table, &host)).then_some(host)
}

/// How to speak to servers, as far as all routes say it in the same way.
pub(super) fn smtp(
    table: &Table<'_>,
    known: &Known<'_>,
    port: u16,
    security: Security,
) -> SmtpSettings {
    SmtpSettings {
        security,
        verify: verify(table, security),
        ca_file: ca_file(table),
        ..SmtpSettings::new(port, known.here.hostname)
    }
}

/// The port: the written one, that of the preset, or the usual one of the route.
pub(super) fn port(table: &Table<'_>, preset: &Preset, usual: u16) -> u16 {
    let default = preset.ports.first().copied().unwrap_or(usual);
    let Some(port) = table.get(&PORT) else {
        return default;
    };
    if !preset.ports.is_empty() && !preset.ports.contains(&port) {
        let reason = preset.port_reason;
        table.error(
            &PORT,
            format!(
                "{port} does not work with preset \"{}\": {reason}; write {default}, or remove the \
                key",
                preset.name
            ),
        );
    }
    port
}

/// The port of a route to MX hosts.
pub(super) fn mx_port(table: &Table<'_>) -> u16 {
    let port = table.get(&PORT).unwrap_or(SMTP);
    if port != SMTP {
        table.warning(
            &PORT,
            format!(
                "{port} is not the port of MX hosts: they accept mail only on {SMTP}; remove the \
                key"
            ),
        );
    }
    port
}

/// `tls`, or what is usual on the port. `Err` if the preset does not allow it; the problem has been
/// noted.
pub(super) fn security(
    table: &Table<'_>,
    preset: &Preset,
    port: u16,
) -> Result<Security, Security> {
    let usual = if port == SUBMISSIONS { Security::Implicit } else { Security::StartTls };
    let security = written_security(table).unwrap_or(usual);
    if preset.encryption == Encryption::StartTlsOnly
        && security != Security::StartTls
        && table.has(&ACCOUNT_TLS)
    {
        table.error(
            &ACCOUNT_TLS,
            format!(
                "preset \"{}\" requires \"starttls\"; write that, or remove the key",
                preset.name
            ),
        );
        return Err(security);
    }
    Ok(security)
}

/// `tls`.
pub(super) fn written_security(table: &Table<'_>) -> Option<Security> {
    Some(match table.word::<ServerTls>(&ACCOUNT_TLS)? {
        ServerTls::None => Security::None,
        ServerTls::Starttls => Security::StartTls,
        ServerTls::Implicit => Security::Implicit,
    })
}

/// `verify` and `fingerprint`.
fn verify(table: &Table<'_>, security: Security) -> Verification {
    if let Some(fingerprint) = table.get(&FINGERPRINT) {
        if !table.get(&VERIFY) {
            table.error(&FINGERPRINT, "verify = false checks nothing; leave one of both out");
        }
        if table.has(&CA_FILE) {
            table.error(
                &FINGERPRINT,
                "accepts one certificate, and ca_file names others; leave one of both out",
            );
        }
        return Verification::Pinned(fingerprint);
    }
    if table.get(&VERIFY) {
        return Verification::Required;
    }
    if security != Security::None {
        table.warning(
            &VERIFY,
            "false accepts every certificate, so anyone between Postroom and the server can read \
            the mail and the password; it is safer to write the server's own certificate in \
            `ca_file`",
        );
    }
    Verification::Off
}

/// `ca_file`. Without it the daemon would not start.
fn ca_file(table: &Table<'_>) -> Option<PathBuf> {
    let path = table.get(&CA_FILE)?;
    check_ca_file(table, &path);
    Some(path)
}

fn check_ca_file(table: &Table<'_>, path: &Path) {
    let shown = path.display();
    match table.reader.files.read(path) {
        Ok(file) => {
            if let Err(error) = certificates(file.text.expose()) {
                table.error(&CA_FILE, format!("{shown} {error}"));
            }
        }
        Err(error) => table.error(
            &CA_FILE,
            format!(
                "{shown} cannot be read ({error}); write the path of a file with certificates (PEM)"
            ),
        ),
    }
}
