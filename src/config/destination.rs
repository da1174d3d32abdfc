//! Where an account leads: host, port, encryption, login.

use std::path::Path;

use super::{
    Here,
    account::AUTH_KEYS,
    oauth,
    preset::{Encryption, Preset, Service},
    route::{self, Route},
    table::{Table, quoted},
    user::warn_if_open_to_all,
};
use crate::{
    model::{AccountName, Address},
    upstream::{
        Auth, AuthMethod, ClientCertificate, Destination, Exchangers, SecretSource, Security,
        Timeouts, Verification, certificates,
    },
};

/// RFC 6409 3.1.
const SUBMISSION: u16 = 587;
/// RFC 8314 3.3: TLS from the first byte.
const SUBMISSIONS: u16 = 465;
/// RFC 8461 3.3.
const HTTPS: u16 = 443;
/// RFC 5321.
const SMTP: u16 = 25;

/// What has been found out about the account before.
pub(super) struct Known<'a> {
    pub(super) route: Option<Route>,
    pub(super) preset: &'a Preset,
    pub(super) address: Option<&'a Address>,
    pub(super) name: Option<&'a AccountName>,
    pub(super) identity: Option<ClientCertificate>,
    pub(super) domains: &'a [String],
}

pub(super) fn read(table: &Table<'_>, known: &Known<'_>, here: &Here<'_>) -> Option<Destination> {
    let Known { route, preset, address, name, .. } = *known;
    let hostname = here.hostname;
    let host = host(table, known);
    let port = port(table, route, preset);
    let security = security(table, route, preset, port);
    let verify = verify(table, security);
    let ca_file = table.path("ca_file");
    if let Some(path) = &ca_file {
        check_ca_file(table, path);
    }
    let owner = Owner { name, address, data_dir: here.data_dir };
    let auth = auth(table, route, preset, &owner, security);
    let host = host.and_then(|host| check_host(table, host, hostname));
    if let (true, Some(host)) = (table.has("host"), &host) {
        route::check_host(table, route, preset, host);
    }
    route?;
    Some(Destination {
        host: host?,
        exchangers: (route == Some(Route::Direct))
            .then(|| Exchangers { dns: here.dns.clone(), policy_port: HTTPS }),
        port,
        security,
        verify,
        ca_file,
        identity: known.identity.clone(),
        auth: auth?,
        helo: hostname.to_owned(),
        timeouts: Timeouts::default(),
    })
}

/// Of direct send, which has many, one of the domains stands for them.
fn host(table: &Table<'_>, known: &Known<'_>) -> Option<String> {
    if known.route == Some(Route::Direct) {
        route::check_direct(table);
        return known.domains.first().cloned();
    }
    let host = host_as_written(table).or_else(|| known.preset.host.map(str::to_owned));
    table.required("host", host, "write the server's name, or a `preset` that knows it")
}

/// Without it the daemon would not start.
fn check_ca_file(table: &Table<'_>, path: &Path) {
    let shown = path.display();
    match table.reader.files.read(path) {
        Ok(file) => {
            if let Err(error) = certificates(file.text.expose()) {
                table.error("ca_file", format!("{shown} {error}"));
            }
        }
        Err(error) => table.error(
            "ca_file",
            format!(
                "{shown} cannot be read ({error}); write the path of a file with certificates (PEM)"
            ),
        ),
    }
}

/// `host`, without the dot that may stand behind the root (RFC 1034 3.1): certificates and presets
/// have none.
pub(super) fn host_as_written(table: &Table<'_>) -> Option<String> {
    let host = table.text("host")?;
    Some(host.strip_suffix('.').unwrap_or(&host).to_owned())
}

fn check_host(table: &Table<'_>, host: String, hostname: &str) -> Option<String> {
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        table.error(
            "host",
            format!(
                "\"{host}\" is no host name; write for example \"smtp.office365.com\", without \
                port and without \"smtp://\""
            ),
        );
        return None;
    }
    if host.eq_ignore_ascii_case(hostname) {
        table.error(
            "host",
            "is this machine's own `hostname`: mail would go round in circles; \
            write the upstream server",
        );
        return None;
    }
    Some(host)
}

fn port(table: &Table<'_>, route: Option<Route>, preset: &Preset) -> u16 {
    let usual = match route {
        Some(Route::Connector | Route::Direct | Route::Smarthost) => SMTP,
        Some(Route::Submission) | None => SUBMISSION,
    };
    let default = preset.ports.first().copied().unwrap_or(usual);
    let Some(port) = table.number("port", 1, u16::MAX) else {
        return default;
    };
    if !preset.ports.is_empty() && !preset.ports.contains(&port) {
        let reason = preset.port_reason;
        table.error(
            "port",
            format!(
                "{port} does not work with preset \"{}\": {reason}; write {default}, or leave \
                the key out",
                preset.name
            ),
        );
    } else if matches!(route, Some(Route::Connector | Route::Direct)) && port != SMTP {
        table.warning(
            "port",
            format!(
                "{port} is not where MX hosts take mail: that is {SMTP}, whatever the port of \
                a login; leave the key out"
            ),
        );
    }
    port
}

fn security(table: &Table<'_>, route: Option<Route>, preset: &Preset, port: u16) -> Security {
    if route == Some(Route::Direct) {
        let words = [("opportunistic", Security::Opportunistic), ("required", Security::StartTls)];
        return table.choice("tls", &words).unwrap_or(Security::Opportunistic);
    }
    let words = [
        ("none", Security::None),
        ("starttls", Security::StartTls),
        ("implicit", Security::Implicit),
    ];
    let usual = if port == SUBMISSIONS && route != Some(Route::Connector) {
        Security::Implicit
    } else {
        Security::StartTls
    };
    let security = table.choice("tls", &words).unwrap_or(usual);
    if preset.encryption == Encryption::StartTlsOnly
        && security != Security::StartTls
        && table.has("tls")
    {
        table.error(
            "tls",
            format!(
                "preset \"{}\" is reached with \"starttls\" only; write that, or leave the key out",
                preset.name
            ),
        );
    } else {
        route::check_security(table, route, security);
    }
    security
}

fn verify(table: &Table<'_>, security: Security) -> Verification {
    if table.flag("verify").unwrap_or(true) {
        return Verification::Required;
    }
    if security != Security::None {
        table.warning(
            "verify",
            "false accepts every certificate: anyone between us and the server \
            can read the mail and the password; better name the server's own in `ca_file`",
        );
    }
    Verification::Off
}

/// None is an error, noted; `Some(None)` does not log in.
fn auth(
    table: &Table<'_>,
    route: Option<Route>,
    preset: &Preset,
    owner: &Owner<'_>,
    security: Security,
) -> Option<Option<Auth>> {
    route::check_auth(table, route);
    let Some(keys) = table.table("auth", AUTH_KEYS) else {
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

const METHODS: [(&str, AuthMethod); 4] = [
    ("login", AuthMethod::Login),
    ("plain", AuthMethod::Plain),
    ("cram-md5", AuthMethod::CramMd5),
    ("xoauth2", AuthMethod::Xoauth2),
];

/// What a service is known not to offer ends every login there.
fn check_method(table: &Table<'_>, preset: &Preset, method: AuthMethod) {
    if preset.methods.is_empty() || preset.methods.contains(&method) {
        return;
    }
    let named = |wanted: AuthMethod| {
        METHODS.into_iter().filter(move |(_, method)| *method == wanted).map(|(word, _)| word)
    };
    let offered = quoted(preset.methods.iter().flat_map(|method| named(*method)));
    let until = if preset.service == Service::ExchangeOnline {
        " (\"login\" until Microsoft switches passwords off)"
    } else {
        ""
    };
    let text = format!(
        "is not offered by {}, which would answer every login with a refusal; it offers \
        {offered}{until}",
        preset.name
    );
    table.error("method", format!("{} {text}", quoted(named(method))));
}

fn login(table: &Table<'_>, preset: &Preset, owner: &Owner<'_>) -> Option<Auth> {
    let password = table.path("password_file");
    let token = table.path("token_file");
    let usual = if table.has("token_file") || oauth::is_meant(table) {
        AuthMethod::Xoauth2
    } else {
        preset.password_method
    };
    let method = table.choice("method", &METHODS).unwrap_or(usual);
    route::check_user(table, preset);
    check_method(table, preset, method);
    let user =
        table.text("user").or_else(|| owner.address.map(|address| address.as_str().to_owned()));
    if table.has("password_file") && table.has("token_file") {
        table.error("token_file", "stands beside password_file; write one of them");
        return None;
    }
    if oauth::is_meant(table) {
        if method != AuthMethod::Xoauth2 {
            table.error(
                "method",
                "must be \"xoauth2\" when tokens come from OAuth (tenant, \
                client_id); or leave the key out",
            );
        }
        let settings = oauth::read(table, preset)?;
        let secret = SecretSource::OAuth {
            settings,
            account: owner.name?.clone(),
            secrets: owner.data_dir.join("secrets"),
        };
        return Some(Auth { method: AuthMethod::Xoauth2, user: user?, secret });
    }
    let (name, file) = match method {
        AuthMethod::Xoauth2 => ("token_file", token),
        AuthMethod::Login | AuthMethod::Plain | AuthMethod::CramMd5 => ("password_file", password),
    };
    let file =
        table.required(name, file, "write the path of a file with the secret on one line")?;
    if preset.service == Service::ExchangeOnline && method != AuthMethod::Xoauth2 {
        // Microsoft, January 2026: off by default for existing tenants from the end of December
        // 2026; new tenants: OAuth only.
        table.warning(
            "method",
            "Microsoft switches passwords off by default at the end of \
            December 2026; then either an administrator switches them on again, or write auth = { \
            tenant, client_id, client_secret_file } (OAuth)",
        );
    }
    // The file is read at each login, and may be a systemd credential that exists only while the
    // service runs: its absence stops the account, not the daemon.
    match table.reader.files.read(&file) {
        Ok(found) => {
            warn_if_open_to_all(table, name, &file, found.mode);
            if found.text.expose().trim_end_matches(['\r', '\n']).is_empty() {
                table.warning(
                    name,
                    format!(
                        "{} is empty; the account will not send until the secret stands in it, \
                        on one line",
                        file.display()
                    ),
                );
            }
        }
        Err(error) => {
            table.warning(
                name,
                format!(
                    "{} cannot be read now ({error}); the account will not send until it can be",
                    file.display()
                ),
            );
        }
    }
    Some(Auth { method, user: user?, secret: SecretSource::File(file) })
}
