//! The OAuth keys of an account's `auth`: the server, the application and the grant.

use super::preset::{Preset, Service};
use crate::{
    config::{
        schema::{
            Named,
            auth::{
                APP_CERTIFICATE, APP_KEY, CLIENT_ID, CLIENT_SECRET_EXPIRES, CLIENT_SECRET_FILE,
                DEVICE_URL, SCOPE, SECRET_FILE, TENANT, TOKEN_FILE, TOKEN_URL,
            },
        },
        secret_file::warn_if_open_to_all,
        table::Table,
    },
    model::Timestamp,
    oauth::{Cloud, Grant, OAuthSettings},
};

/// The keys that select a login with OAuth.
static KEYS: [&dyn Named; 9] = [
    &TENANT,
    &CLIENT_ID,
    &CLIENT_SECRET_FILE,
    &CLIENT_SECRET_EXPIRES,
    &APP_CERTIFICATE,
    &APP_KEY,
    &TOKEN_URL,
    &DEVICE_URL,
    &SCOPE,
];

/// Whether the daemon requests tokens, instead of reading them from a file.
pub(super) fn is_meant(table: &Table<'_>) -> bool {
    KEYS.iter().any(|key| table.has(*key))
}

pub(super) fn read(table: &Table<'_>, preset: &Preset) -> Option<OAuthSettings> {
    for key in [&SECRET_FILE, &TOKEN_FILE] {
        if table.has(key) {
            table.error(
                key,
                "cannot be combined with the keys of OAuth (tenant, client_id); write only one of \
                the two",
            );
        }
    }
    if !table.has(&CLIENT_ID) {
        table.missing(&CLIENT_ID, "write the application's ID");
    }
    let client_id = table.get(&CLIENT_ID);
    let grant = grant(table)?;
    let token_url = table.get(&TOKEN_URL);
    let (device_url, scope) = (table.get(&DEVICE_URL), table.get(&SCOPE));
    let mut settings = match (token_url, table.get(&TENANT), cloud(preset)) {
        (Some(token_url), _, cloud) => {
            let known = cloud.unwrap_or(Cloud::Global).settings("", "", grant);
            OAuthSettings { device_url: token_url.clone(), token_url, ..known }
        }
        (None, Some(tenant), Some(cloud)) => cloud.settings(&tenant, "", grant),
        (None, Some(_), None) => {
            table.error(
                &TENANT,
                format!(
                    "belongs to Microsoft's clouds, and preset \"{}\" is not one of them; write \
                    token_url and scope",
                    preset.name
                ),
            );
            return None;
        }
        (None, None, _) => {
            table.error(
                &TENANT,
                "is missing: write the tenant's ID or one of its domains, or \
                token_url for another server",
            );
            return None;
        }
    };
    settings.client_id = client_id?;
    settings.device_url = device_url.unwrap_or(settings.device_url);
    if let (Some(scope), true) = (&scope, is_microsofts(table, &settings.token_url)) {
        check_scope(table, &settings.grant, scope);
    }
    settings.scope = scope.unwrap_or(settings.scope);
    check_urls(table, &settings);
    Some(settings)
}

/// Notes an endpoint to which secrets would go in clear over a network.
fn check_urls(table: &Table<'_>, settings: &OAuthSettings) {
    for (key, url) in [(&TOKEN_URL, &settings.token_url), (&DEVICE_URL, &settings.device_url)] {
        if !(url.starts_with("https://")
            || url.starts_with("http://127.0.0.1")
            || url.starts_with("http://localhost"))
        {
            table.error(
                key,
                format!(
                    "\"{url}\" would send secrets in clear; write a URL that begins with https://"
                ),
            );
        }
    }
}

fn is_microsofts(table: &Table<'_>, token_url: &str) -> bool {
    !table.has(&TOKEN_URL) || token_url.contains("/oauth2/v2.0/")
}

/// Entra requires a different scope from an application (AADSTS1002012) than from a person who
/// signs in.
fn check_scope(table: &Table<'_>, grant: &Grant, scope: &str) {
    match grant {
        Grant::ClientSecret { .. } | Grant::ClientCertificate { .. }
            if !scope.ends_with("/.default") =>
        {
            table.warning(
                &SCOPE,
                format!(
                    "\"{scope}\" is not for an application: its scope must end in \"/.default\"; \
                    remove the key"
                ),
            );
        }
        Grant::RefreshToken if !scope.split(' ').any(|word| word == "offline_access") => {
            table.warning(
                &SCOPE,
                format!(
                    "\"{scope}\" lacks \"offline_access\": without it, a sign-in is valid for only \
                    an hour; remove the key, or add \"offline_access\""
                ),
            );
        }
        Grant::ClientSecret { .. } | Grant::ClientCertificate { .. } | Grant::RefreshToken => {}
    }
}

fn grant(table: &Table<'_>) -> Option<Grant> {
    let secret = table.get(&CLIENT_SECRET_FILE);
    let (certificate, key) = (table.get(&APP_CERTIFICATE), table.get(&APP_KEY));
    let expires = expires(table);
    match (secret, certificate, key) {
        (Some(_), Some(_), _) => {
            table.error(
                &APP_CERTIFICATE,
                "cannot be combined with client_secret_file; write only \
            one of them",
            );
            None
        }
        (Some(file), None, _) => {
            match table.reader.files.read(&file) {
                Ok(found) => warn_if_open_to_all(table, &CLIENT_SECRET_FILE, &file, found.mode),
                Err(error) => table.warning(
                    &CLIENT_SECRET_FILE,
                    format!(
                        "{} cannot be read now ({error}); the account does not send until it is \
                        readable",
                        file.display()
                    ),
                ),
            }
            Some(Grant::ClientSecret { file, expires })
        }
        (None, Some(certificate), key) => {
            if !table.has(&APP_KEY) {
                table.missing(&APP_KEY, "write the file with the certificate's RSA key");
            }
            Some(Grant::ClientCertificate { certificate, key: key? })
        }
        (None, None, Some(_)) => {
            table.error(&APP_KEY, "also needs client_certificate");
            None
        }
        (None, None, None) => Some(Grant::RefreshToken),
    }
}

/// Entra shows the date on which a secret expires only where the secret was created.
fn expires(table: &Table<'_>) -> Option<Timestamp> {
    let text = table.get(&CLIENT_SECRET_EXPIRES)?;
    if !table.has(&CLIENT_SECRET_FILE) {
        table.error(&CLIENT_SECRET_EXPIRES, "also needs client_secret_file");
    }
    let date = Timestamp::from_date(&text);
    if date.is_none() {
        table.error(
            &CLIENT_SECRET_EXPIRES,
            format!("\"{text}\" is not a date; write for example \"2027-05-01\""),
        );
    }
    date
}

pub(super) fn cloud(preset: &Preset) -> Option<Cloud> {
    match (preset.service, preset.name) {
        (Service::ExchangeOnline, "office365-gcc-high") => Some(Cloud::GccHigh),
        (Service::ExchangeOnline, "office365-dod") => Some(Cloud::Dod),
        (Service::ExchangeOnline, "office365-china") => Some(Cloud::China),
        (Service::ExchangeOnline | Service::Microsoft | Service::Azure, _) => Some(Cloud::Global),
        (Service::Other, _) => None,
    }
}
