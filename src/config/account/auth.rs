//! `auth` of an account: the method and the secret of its login.

use std::path::{Path, PathBuf};

use super::{
    oauth,
    preset::{Preset, Service},
    route::Known,
};
use crate::{
    config::{
        schema::{
            Key, Word as _,
            account::ACCOUNT_ADDRESS,
            auth::{ACCOUNT_AUTH, AUTH_USER, METHOD, SECRET_FILE, TOKEN_FILE},
            quoted,
        },
        secret_file::warn_if_open_to_all,
        table::Table,
    },
    upstream::{Auth, AuthMethod, SecretSource, Security},
};

/// Reads `auth`. `Ok(None)` means that the account does not log in.
///
/// # Errors
/// When something is wrong. The problem has been noted.
pub(super) fn read(
    table: &Table<'_>,
    known: &Known<'_>,
    security: Security,
) -> Result<Option<Auth>, Noted> {
    let Some(keys) = table.table(&ACCOUNT_AUTH) else {
        return Ok(None);
    };
    if keys.written(&METHOD).as_deref() == Some("none") {
        keys.error(
            &METHOD,
            "\"none\" is not a method; for a server that needs no login, remove `auth` (route = \
            \"smarthost\" needs none)",
        );
        return Err(Noted);
    }
    if known.address.is_none() && !table.has(&ACCOUNT_ADDRESS) && !keys.has(&AUTH_USER) {
        keys.missing(&AUTH_USER, "write it, or the account's `address`");
    }
    let auth = login(&keys, known).ok_or(Noted)?;
    if security == Security::None {
        table.warning(
            &ACCOUNT_AUTH,
            "the password crosses the network in clear, because tls is \"none\"",
        );
    }
    Ok(Some(auth))
}

/// Reads `auth` of a route whose server takes access tokens only.
///
/// # Errors
/// When something is wrong. The problem has been noted.
pub(super) fn token(table: &Table<'_>, known: &Known<'_>) -> Result<SecretSource, Noted> {
    let Some(keys) = table.table(&ACCOUNT_AUTH) else {
        table.missing(
            &ACCOUNT_AUTH,
            "write for example auth = { tenant = \"contoso.com\", client_id = \"...\", \
            client_secret_file = \"/etc/postroom/graph.secret\" }",
        );
        return Err(Noted);
    };
    let auth = login(&keys, known).ok_or(Noted)?;
    if auth.method != AuthMethod::Xoauth2 {
        keys.error(
            &METHOD,
            "must be \"xoauth2\" here: Microsoft Graph takes no passwords; write tenant, \
            client_id and client_secret_file",
        );
        return Err(Noted);
    }
    Ok(auth.secret)
}

/// Notes that `auth` is not possible at an MX host.
pub(super) fn refuse(table: &Table<'_>, route: &str) {
    if table.has(&ACCOUNT_AUTH) {
        table.error(
            &ACCOUNT_AUTH,
            format!(
                "cannot be used with route = \"{route}\": an MX host accepts no login; remove the \
                key, or write route = \"submission\""
            ),
        );
    }
}

/// Something is wrong and has been noted.
pub(super) struct Noted;

/// Notes a method that the service is known not to offer.
fn check_method(table: &Table<'_>, preset: &Preset, method: AuthMethod) {
    if preset.methods.is_empty() || preset.methods.contains(&method) {
        return;
    }
    let named = |wanted: AuthMethod| {
        AuthMethod::WORDS.iter().filter(move |(_, method)| *method == wanted).map(|(word, _)| *word)
    };
    let offered = quoted(preset.methods.iter().flat_map(|method| named(*method)));
    let until = if preset.service == Service::ExchangeOnline {
        " (\"login\" until Microsoft turns passwords off)"
    } else {
        ""
    };
    let text = format!(
        "is not offered by {}, which would refuse every login; it offers {offered}{until}",
        preset.name
    );
    table.error(&METHOD, format!("{} {text}", quoted(named(method))));
}

fn login(table: &Table<'_>, known: &Known<'_>) -> Option<Auth> {
    let preset = known.preset;
    let password = table.get(&SECRET_FILE);
    let token = table.get(&TOKEN_FILE);
    let usual = if table.has(&TOKEN_FILE) || oauth::is_meant(table) {
        AuthMethod::Xoauth2
    } else {
        preset.password_method
    };
    let method = table.get(&METHOD).unwrap_or(usual);
    check_user(table, preset);
    check_method(table, preset, method);
    let user =
        table.get(&AUTH_USER).or_else(|| known.address.map(|address| address.as_str().to_owned()));
    if table.has(&SECRET_FILE) && table.has(&TOKEN_FILE) {
        table.error(&TOKEN_FILE, "cannot be combined with password_file; write only one of them");
        return None;
    }
    if oauth::is_meant(table) {
        if method != AuthMethod::Xoauth2 {
            table.error(
                &METHOD,
                "must be \"xoauth2\" when tokens come from OAuth (tenant, client_id); write that, \
                or remove the key",
            );
        }
        let settings = oauth::read(table, preset)?;
        let secret = SecretSource::OAuth {
            settings,
            account: known.name?.clone(),
            secrets: known.secrets(),
        };
        return Some(Auth { method: AuthMethod::Xoauth2, user: user?, secret });
    }
    let (key, file) = match method {
        AuthMethod::Xoauth2 => (&TOKEN_FILE, token),
        AuthMethod::Login | AuthMethod::Plain | AuthMethod::CramMd5 => (&SECRET_FILE, password),
    };
    if !table.has(key) {
        table.missing(key, "write the path of a file with the secret on one line");
    }
    let file = file?;
    if preset.service == Service::ExchangeOnline && method != AuthMethod::Xoauth2 {
        // Microsoft, January 2026: off by default for existing tenants from the end of December
        // 2026; new tenants: OAuth only.
        table.warning(
            &METHOD,
            "Microsoft turns passwords off by default at the end of December 2026; then an \
            administrator must turn them on again, or write auth = { tenant, client_id, \
            client_secret_file } (OAuth)",
        );
    }
    check_secret(table, key, &file);
    Some(Auth { method, user: user?, secret: SecretSource::File(file) })
}

/// Warns when the account could not log in now.
fn check_secret(table: &Table<'_>, key: &Key<Option<PathBuf>>, file: &Path) {
    // The file is read at each login, and may be a systemd credential that exists only while the
    // service runs: its absence stops the account, not the daemon.
    match table.reader.files.read(file) {
        Ok(found) => {
            warn_if_open_to_all(table, key, file, found.mode);
            if found.text.expose().trim_end_matches(['\r', '\n']).is_empty() {
                table.warning(
                    key,
                    format!(
                        "{} is empty; the account does not send until the file contains the secret \
                        on one line",
                        file.display()
                    ),
                );
            }
        }
        Err(error) => {
            table.warning(
                key,
                format!(
                    "{} cannot be read now ({error}); the account does not send until it is \
                    readable",
                    file.display()
                ),
            );
        }
    }
}

/// Azure Communication Services expect the names of resource, application and tenant, or an SMTP
/// username that was created in the portal.
fn check_user(auth: &Table<'_>, preset: &Preset) {
    if preset.service != Service::Azure {
        return;
    }
    let form = "<resource>|<application ID>|<tenant ID>, with two \"|\", or the name of an SMTP \
        username of the resource";
    match auth.get(&AUTH_USER) {
        None => auth.warning(
            &AUTH_USER,
            "is missing, and the account's address is usually not a login there; write \
            resource|application ID|tenant ID, or the name of an SMTP username of the resource",
        ),
        Some(user) if !user.contains(['|', '@', '.']) => {
            auth.warning(
                &AUTH_USER,
                format!(
                    "\"{user}\" does not have the three parts of a login there, so it works only \
                    if it is the name of an SMTP username of the resource; otherwise write \
                    resource|application ID|tenant ID"
                ),
            );
        }
        Some(user)
            if user.contains('|')
                && (user.matches('|').count() != 2 || user.split('|').any(str::is_empty)) =>
        {
            auth.error(&AUTH_USER, format!("\"{user}\" is not a login there; write {form}"));
        }
        Some(_) => {}
    }
}
