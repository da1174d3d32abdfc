//! Where an account leads: host, port, encryption, login.

use std::path::Path;

use super::{
    account::{AUTH_KEYS, Here, Route},
    oauth,
    preset::{Encryption, Preset, Service},
    table::Table,
    user::warn_if_open_to_all,
};
use crate::{
    model::{AccountName, Address},
    upstream::{Auth, AuthMethod, Destination, SecretSource, Security, Timeouts, Verification},
};

/// RFC 6409 3.1.
const SUBMISSION: u16 = 587;
/// RFC 8314 3.3: TLS from the first byte.
const SUBMISSIONS: u16 = 465;
/// RFC 5321.
const SMTP: u16 = 25;

pub(super) fn read(
    table: &Table<'_>,
    route: Option<Route>,
    preset: &Preset,
    address: Option<&Address>,
    name: Option<&AccountName>,
    here: &Here<'_>,
) -> Option<Destination> {
    let hostname = here.hostname;
    let host = table.text("host").or_else(|| preset.host.map(str::to_owned));
    let host = table.required("host", host, "write the server's name, or a `preset` that knows it");
    let port = port(table, route, preset);
    let security = security(table, route, preset, port);
    let verify = verify(table, security);
    let ca_file = table.path("ca_file");
    let owner = Owner { name, address, data_dir: here.data_dir };
    let auth = auth(table, route, preset, &owner, security);
    let host = host.and_then(|host| check_host(table, host, hostname));
    route?;
    Some(Destination {
        host: host?,
        port,
        security,
        verify,
        ca_file,
        auth: auth?,
        helo: hostname.to_owned(),
        timeouts: Timeouts::default(),
    })
}

fn check_host(table: &Table<'_>, host: String, hostname: &str) -> Option<String> {
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        table.error(
            "host",
            format!("\"{host}\" is no host name; write for example \"smtp.office365.com\", without port and without \"smtp://\""),
        );
        return None;
    }
    if host.eq_ignore_ascii_case(hostname) {
        table.error("host", "is this machine's own `hostname`: mail would go round in circles; write the upstream server");
        return None;
    }
    Some(host)
}

fn port(table: &Table<'_>, route: Option<Route>, preset: &Preset) -> u16 {
    let default = preset.ports.first().copied().unwrap_or(if route == Some(Route::Smarthost) { SMTP } else { SUBMISSION });
    let Some(port) = table.number("port", 1, u16::MAX) else {
        return default;
    };
    if !preset.ports.is_empty() && !preset.ports.contains(&port) {
        let reason = preset.port_reason;
        table.error(
            "port",
            format!("{port} does not work with preset \"{}\": {reason}; write {default}, or leave the key out", preset.name),
        );
    }
    port
}

fn security(table: &Table<'_>, route: Option<Route>, preset: &Preset, port: u16) -> Security {
    let words = [("none", Security::None), ("starttls", Security::StartTls), ("implicit", Security::Implicit)];
    let usual = if port == SUBMISSIONS { Security::Implicit } else { Security::StartTls };
    let security = table.choice("tls", &words).unwrap_or(usual);
    if preset.encryption == Encryption::StartTlsOnly && security != Security::StartTls && table.has("tls") {
        table.error("tls", format!("preset \"{}\" is reached with \"starttls\" only; write that, or leave the key out", preset.name));
    } else if route == Some(Route::Submission) && security == Security::None {
        table.error("tls", "\"none\" would send the password in clear; write \"starttls\" or \"implicit\", or route = \"smarthost\"");
    }
    security
}

fn verify(table: &Table<'_>, security: Security) -> Verification {
    if table.flag("verify").unwrap_or(true) {
        return Verification::Required;
    }
    if security != Security::None {
        table.warning("verify", "false accepts every certificate: anyone between us and the server can read the mail and the password; better name the server's own in `ca_file`");
    }
    Verification::Off
}

/// None is an error, noted; `Some(None)` does not log in.
fn auth(table: &Table<'_>, route: Option<Route>, preset: &Preset, owner: &Owner<'_>, security: Security) -> Option<Option<Auth>> {
    let Some(keys) = table.table("auth", AUTH_KEYS) else {
        if route == Some(Route::Submission) {
            table.error(
                "auth",
                "is missing; write for example auth = { method = \"login\", password_file = \"/etc/postroom/scanner.pass\" }",
            );
        }
        return Some(None);
    };
    if owner.address.is_none() && !table.has("address") && !keys.has("user") {
        keys.error("user", "is missing; write it, or the account's `address`");
    }
    let auth = login(&keys, preset, owner)?;
    if security == Security::None {
        table.warning("auth", "the password goes over the network in clear, since tls is \"none\"");
    }
    Some(Some(auth))
}

/// Whose login it is.
struct Owner<'a> {
    name: Option<&'a AccountName>,
    address: Option<&'a Address>,
    data_dir: &'a Path,
}

fn login(table: &Table<'_>, preset: &Preset, owner: &Owner<'_>) -> Option<Auth> {
    let password = table.path("password_file");
    let token = table.path("token_file");
    let words =
        [("login", AuthMethod::Login), ("plain", AuthMethod::Plain), ("cram-md5", AuthMethod::CramMd5), ("xoauth2", AuthMethod::Xoauth2)];
    let usual = if table.has("token_file") || oauth::is_meant(table) { AuthMethod::Xoauth2 } else { preset.password_method };
    let method = table.choice("method", &words).unwrap_or(usual);
    let user = table.text("user").or_else(|| owner.address.map(|address| address.as_str().to_owned()));
    if table.has("password_file") && table.has("token_file") {
        table.error("token_file", "stands beside password_file; write one of them");
        return None;
    }
    if oauth::is_meant(table) {
        if method != AuthMethod::Xoauth2 {
            table.error("method", "must be \"xoauth2\" when tokens come from OAuth (tenant, client_id); or leave the key out");
        }
        let settings = oauth::read(table, preset)?;
        let secret = SecretSource::OAuth { settings, account: owner.name?.clone(), secrets: owner.data_dir.join("secrets") };
        return Some(Auth { method: AuthMethod::Xoauth2, user: user?, secret });
    }
    let (name, file) = match method {
        AuthMethod::Xoauth2 => ("token_file", token),
        AuthMethod::Login | AuthMethod::Plain | AuthMethod::CramMd5 => ("password_file", password),
    };
    let file = table.required(name, file, "write the path of a file with the secret on one line")?;
    if preset.service == Service::ExchangeOnline && method != AuthMethod::Xoauth2 {
        // Microsoft, January 2026: off by default for existing tenants from the end of December 2026; new tenants: OAuth only.
        table.warning("method", "Microsoft switches passwords off by default at the end of December 2026; then either an administrator switches them on again, or write auth = { tenant, client_id, client_secret_file } (OAuth)");
    }
    // The file is read at each login, and may be a systemd credential that exists only while the service runs: its
    // absence stops the account, not the daemon.
    match table.reader.files.read(&file) {
        Ok(found) => warn_if_open_to_all(table, name, &file, found.mode),
        Err(error) => {
            table.warning(name, format!("{} cannot be read now ({error}); the account will not send until it can be", file.display()));
        }
    }
    Some(Auth { method, user: user?, secret: SecretSource::File(file) })
}
