//! What is known about host names: the services that they belong to, and which of them no longer
//! exist.

use super::preset::{PRESETS, Preset};
use crate::config::{
    schema::account::{HOST, PRESET, ROUTE},
    table::Table,
};

/// `host` without a trailing dot (RFC 1034 3.1): certificates and presets have none.
pub(super) fn as_written(table: &Table<'_>) -> Option<String> {
    let host = table.written(&HOST)?;
    Some(host.strip_suffix('.').unwrap_or(&host).to_owned())
}

/// The ends of the names of hosts that accept mail from other servers and offer no login.
const MX_HOSTS: [&str; 4] = [
    ".mail.protection.outlook.com",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
    ".mx.microsoft",
];

pub(super) fn is_mx_host(host: &str) -> bool {
    // smtp.hve.mx.microsoft accepts logins.
    MX_HOSTS.iter().any(|end| host.ends_with(end)) && !host.starts_with("smtp.")
}

/// Notes a name that Exchange Online no longer uses or that should not be written. Returns whether
/// the host no longer answers.
pub(super) fn check_retired(table: &Table<'_>, host: &str) -> bool {
    // smtp-mail.outlook.com still exists: it serves private mailboxes.
    let regional = host.starts_with("smtp-")
        && host.ends_with(".outlook.com")
        && host != "smtp-mail.outlook.com";
    if regional {
        table.error(
            &HOST,
            format!(
                "{host} no longer exists: Exchange Online has no regional names any more; write \
                preset = \"office365\" and remove host"
            ),
        );
    } else if matches!(host, "smtp-legacy.office365.com" | "smtp-legacy.partner.outlook.cn") {
        table.warning(
            &HOST,
            format!(
                "{host} is for senders without TLS 1.2, but Postroom supports TLS 1.2; write \
                preset = \"office365\" and remove host"
            ),
        );
    } else if is_pod(host) {
        table.warning(
            &HOST,
            format!(
                "{host} is one of Exchange Online's own machines, which change; write preset = \
                \"office365\" (smtp.office365.com) and remove host"
            ),
        );
    } else if host == "smtp-hve.office365.com" {
        table.warning(
            &HOST,
            format!("Microsoft is retiring {host}; write preset = \"hve\" and remove host"),
        );
    }
    regional
}

/// pod51024.outlook.com: mail programs used to get the name of the machine that held the mailbox.
fn is_pod(host: &str) -> bool {
    let number = host.strip_prefix("pod").and_then(|rest| rest.strip_suffix(".outlook.com"));
    number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// The preset to which a submission host belongs, if none is written: a mailbox without limits
/// would soon be blocked.
pub(super) fn infer(table: &Table<'_>, preset: &'static Preset) -> &'static Preset {
    let host = as_written(table).map(|host| host.to_lowercase());
    let known = PRESETS.iter().find(|known| known.host.is_some() && known.host == host.as_deref());
    match known {
        Some(known)
            if preset.host.is_none() && table.written(&ROUTE).as_deref() == Some("submission") =>
        {
            if table.has(&PRESET) {
                table.warning(
                    &PRESET,
                    format!(
                        "preset \"{}\" has no limits, but the server has some: write preset = \
                        \"{}\"",
                        preset.name, known.name
                    ),
                );
                return preset;
            }
            table.warning(
                &HOST,
                format!(
                    "is treated as preset = \"{}\", with its limits; write that preset",
                    known.name
                ),
            );
            known
        }
        Some(_) | None => preset,
    }
}
