//! The OAuth keys of an account's `auth`: which server, which application, which grant.

use super::{
    preset::{Preset, Service},
    table::Table,
    user::warn_if_open_to_all,
};
use crate::{
    model::Timestamp,
    oauth::{Cloud, Grant, OAuthSettings},
};

/// What makes a login one by OAuth.
const KEYS: [&str; 9] = [
    "tenant",
    "client_id",
    "client_secret_file",
    "client_secret_expires",
    "client_certificate",
    "client_key",
    "token_url",
    "device_url",
    "scope",
];

/// Whether tokens are to be asked for, rather than read from a file.
pub(super) fn is_meant(table: &Table<'_>) -> bool {
    // Every key is asked for, whichever decides: one that stands alone is then complained about for
    // what it lacks.
    KEYS.map(|name| table.has(name)).contains(&true)
}

pub(super) fn read(table: &Table<'_>, preset: &Preset) -> Option<OAuthSettings> {
    for name in ["password_file", "token_file"] {
        if table.has(name) {
            table.error(
                name,
                "stands beside the keys of OAuth (tenant, client_id); write the one or the other",
            );
        }
    }
    let client_id =
        table.required("client_id", table.text("client_id"), "write the application's ID");
    let grant = grant(table)?;
    let token_url = table.text("token_url");
    let (device_url, scope) = (table.text("device_url"), table.text("scope"));
    let mut settings = match (token_url, table.text("tenant"), cloud(preset)) {
        (Some(token_url), _, cloud) => {
            let known = cloud.unwrap_or(Cloud::Global).settings("", "", grant);
            OAuthSettings { device_url: token_url.clone(), token_url, ..known }
        }
        (None, Some(tenant), Some(cloud)) => cloud.settings(&tenant, "", grant),
        (None, Some(_), None) => {
            table.error(
                "tenant",
                format!(
                    "belongs to Microsoft's clouds, and preset \"{}\" is none; write token_url \
                    and scope",
                    preset.name
                ),
            );
            return None;
        }
        (None, None, _) => {
            table.error(
                "tenant",
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
    for (name, url) in [("token_url", &settings.token_url), ("device_url", &settings.device_url)] {
        if !(url.starts_with("https://")
            || url.starts_with("http://127.0.0.1")
            || url.starts_with("http://localhost"))
        {
            table.error(
                name,
                format!(
                    "\"{url}\" would send secrets in clear; write a URL that begins with https://"
                ),
            );
        }
    }
    Some(settings)
}

fn is_microsofts(table: &Table<'_>, token_url: &str) -> bool {
    !table.has("token_url") || token_url.contains("/oauth2/v2.0/")
}

/// Entra wants another scope of an application (AADSTS1002012) than of somebody who signs in.
fn check_scope(table: &Table<'_>, grant: &Grant, scope: &str) {
    match grant {
        Grant::ClientSecret { .. } | Grant::ClientCertificate { .. }
            if !scope.ends_with("/.default") =>
        {
            table.warning(
                "scope",
                format!(
                    "\"{scope}\" is none for an application: it has to end \
                in \"/.default\"; leave the key out"
                ),
            );
        }
        Grant::RefreshToken if !scope.split(' ').any(|word| word == "offline_access") => {
            table.warning(
                "scope",
                format!(
                    "\"{scope}\" lacks \"offline_access\": without it a sign-in is good for an \
                    hour; leave the key out, or write it in addition"
                ),
            );
        }
        Grant::ClientSecret { .. } | Grant::ClientCertificate { .. } | Grant::RefreshToken => {}
    }
}

fn grant(table: &Table<'_>) -> Option<Grant> {
    let secret = table.path("client_secret_file");
    let (certificate, key) = (table.path("client_certificate"), table.path("client_key"));
    let expires = expires(table);
    match (secret, certificate, key) {
        (Some(_), Some(_), _) => {
            table
                .error("client_certificate", "stands beside client_secret_file; write one of them");
            None
        }
        (Some(file), None, _) => {
            match table.reader.files.read(&file) {
                Ok(found) => warn_if_open_to_all(table, "client_secret_file", &file, found.mode),
                Err(error) => table.warning(
                    "client_secret_file",
                    format!(
                        "{} cannot be read now ({error}); the account will not send until it \
                        can be",
                        file.display()
                    ),
                ),
            }
            Some(Grant::ClientSecret { file, expires })
        }
        (None, Some(certificate), key) => {
            let key = table.required(
                "client_key",
                key,
                "write the file with the certificate's RSA key",
            )?;
            Some(Grant::ClientCertificate { certificate, key })
        }
        (None, None, Some(_)) => {
            table.error("client_key", "needs client_certificate beside it");
            None
        }
        (None, None, None) => Some(Grant::RefreshToken),
    }
}

/// Entra shows a secret's end where it was made, and nowhere else.
fn expires(table: &Table<'_>) -> Option<Timestamp> {
    let text = table.text("client_secret_expires")?;
    if !table.has("client_secret_file") {
        table.error("client_secret_expires", "needs client_secret_file beside it");
    }
    let date = Timestamp::from_date(&text);
    if date.is_none() {
        table.error(
            "client_secret_expires",
            format!("\"{text}\" is no date; write for example \"2027-05-01\""),
        );
    }
    date
}

fn cloud(preset: &Preset) -> Option<Cloud> {
    match (preset.service, preset.name) {
        (Service::ExchangeOnline, "office365-gcc-high") => Some(Cloud::GccHigh),
        (Service::ExchangeOnline, "office365-dod") => Some(Cloud::Dod),
        (Service::ExchangeOnline, "office365-china") => Some(Cloud::China),
        (Service::ExchangeOnline | Service::Microsoft | Service::Azure, _) => Some(Cloud::Global),
        (Service::Other, _) => None,
    }
}
