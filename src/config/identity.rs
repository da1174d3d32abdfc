//! The client certificate of an account, looked at before the server does.

use super::{table::Table, user::warn_if_open_to_all};
use crate::{
    model::Timestamp,
    upstream::{Chain, ClientCertificate, Extent, check_pair, private_key},
};

/// How long before its end a certificate is spoken of. Public ones are renewed 30 days ahead.
const DAYS_AHEAD: u64 = 21;
const DAY: u64 = 24 * 60 * 60;

/// Notes whatever would make the server refuse it. A file that is not there yet stops the account,
/// not the daemon.
pub(super) fn check(
    table: &Table<'_>,
    files: &ClientCertificate,
    domains: &[String],
    now: Timestamp,
) {
    let read = |name: &'static str, path: &std::path::Path| match table.reader.files.read(path) {
        Ok(found) => Some(found),
        Err(error) => {
            table.warning(
                name,
                format!(
                    "{} cannot be read now ({error}); the account will not send until it can be",
                    path.display()
                ),
            );
            None
        }
    };
    let certificate = read("certificate", &files.certificate);
    let key = read("key", &files.key);
    let chain = certificate.and_then(|file| match Chain::read(file.text.expose()) {
        Ok(chain) => Some(chain),
        Err(error) => {
            table.error("certificate", format!("{} {error}", files.certificate.display()));
            None
        }
    });
    if let Some(chain) = &chain {
        check_chain(table, chain, domains, now);
    }
    let Some(found) = key else { return };
    warn_if_open_to_all(table, "key", &files.key, found.mode);
    let fits = private_key(found.text.expose())
        .and_then(|key| chain.as_ref().map_or(Ok(()), |chain| check_pair(chain, key)));
    if let Err(error) = fits {
        table.error("key", format!("{} {error}", files.key.display()));
    }
}

fn check_chain(table: &Table<'_>, chain: &Chain, domains: &[String], now: Timestamp) {
    let names = chain.names.join(", ");
    match chain.extent {
        Extent::Alone => table.warning(
            "certificate",
            format!(
                "stands alone in its file, though \"{}\" has issued it; Exchange Online takes it \
                for unknown (5.7.64 TenantAttribution) unless its intermediates come with it: put \
                them behind it in the file (the CA's \"full chain\")",
                chain.issuer
            ),
        ),
        Extent::SelfSigned => table.warning(
            "certificate",
            "is self-signed: Exchange Online matches a connector by certificates of public \
            authorities only; take one of those for it",
        ),
        Extent::WithIssuers => {}
    }
    if chain.names.is_empty() {
        table.error(
            "certificate",
            "names nobody, neither by an alternative name nor by its common \
            name; a connector matches by a name",
        );
    } else if !domains.is_empty() && !chain.speaks_for(domains) {
        table.warning(
            "certificate",
            format!(
                "is for {names}, which is none of `domains` nor a host in one: Exchange Online \
                will refuse to relay with it (5.7.64 ATTR36)"
            ),
        );
    }
    warn_of_dates(table, "certificate", chain, now);
}

/// It has ended, ends soon, or has not begun.
pub(super) fn warn_of_dates(table: &Table<'_>, key: &'static str, chain: &Chain, now: Timestamp) {
    let names = chain.names.join(", ");
    if chain.not_after <= now {
        table.warning(
            key,
            format!("for {names} ended at {}: renew it", chain.not_after.to_rfc3339()),
        );
    } else if chain.not_after.since(now).as_secs() < DAYS_AHEAD * DAY {
        table.warning(
            key,
            format!("for {names} ends at {}: renew it", chain.not_after.to_rfc3339()),
        );
    } else if chain.not_before > now {
        table.warning(
            key,
            format!(
                "for {names} begins at {}: look at the clock of this machine",
                chain.not_before.to_rfc3339()
            ),
        );
    }
}
